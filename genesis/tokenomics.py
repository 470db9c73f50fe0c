"""The configuration of Tokenomics: derived from an allocation, with additions of a document.

The rows determine the releases by contract and the Foundation's programmes; the document adds its
milestone burns and its release table; the supply determines the value from which fees burn at their
highest rate. A specification's section is checked against all of that except the free choices of
its authors: that value, the mode of the release ceiling, and the milestones of each programme.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from btt_chain.crypto.hashing import blake2_256
from btt_chain.scale import u64, u128
from genesis.accounts import address
from genesis.allocation import Kind, Row, Table
from genesis.placement import PlacedRow, Placement
from genesis.presets import DOCUMENTS
from genesis.tables import table
from runtime.accounts import TREASURY, pool_identifier
from runtime.constants import YEAR_MS
from runtime.frame import GenesisError, Section
from runtime.pallets.tokenomics.config import FIELDS
from runtime.pallets.tokenomics.formulas import RELEASE_TABLE
from runtime.splits import BPS

THRESHOLD_PART: Final = 2_100
"""Ratio of the supply to the value from which fees burn at their highest rate: 10,000 BTT of 21
million, 100,000 of 210 million."""
SEAT_PART: Final = 100
"""Ratio of the treasury's row to what the Foundation may approve of it in a spend period."""
QUARTER: Final = 3
"""Months between two milestones of a programme."""

ContractRow = tuple[int, int, int, int]
"""Planck, and start, length and cliff in slots since genesis."""


def tokenomics_json(placement: Placement, slot_ms: int) -> dict[str, object]:
    """Return the configuration of Tokenomics; amounts are decimal text."""
    rows = placement.table
    fields: dict[str, object] = {
        "preset": rows.id,
        "supply": str(rows.supply),
        "threshold": str(rows.supply // THRESHOLD_PART),
        "releaseTable": list(RELEASE_TABLE),
        "ceilingMode": "enforce",
        "allocations": _allocations(placement),
        "contractual": [
            [str(amount), *slots] for amount, *slots in _contractual(placement, slot_ms)
        ],
        "programmes": [
            {
                "pool": _pool_of(placed),
                "amount": str(placed.row.amount),
                "months": placed.row.months,
                "milestones": [[bps, "0x" + text.hex()] for bps, text in _milestones(placed.row)],
            }
            for placed in _programmes(placement)
        ],
        "milestoneBurns": [[name, str(amount)] for name, amount in burns_of(rows)],
    }
    seat = _seat(placement, slot_ms)
    if seat is not None:
        fields["treasurySeat"] = [str(seat[0]), seat[1]]
    return fields | {name: address(who.account) for name, who in placement.signers}


def burns_of(rows: Table) -> tuple[tuple[str, int], ...]:
    """Return the burns at a document's milestones, or those of a table that is not a document's."""
    return table(rows.id).burns if rows.id in DOCUMENTS else rows.burns


def check_tokenomics(section: Section, placement: Placement, slot_ms: int) -> None:
    """Raise GenesisError, naming the field, unless Tokenomics' configuration is the placement's."""
    fields = section.fields(
        required=(
            "preset",
            "supply",
            "allocations",
            "contractual",
            "programmes",
            "milestoneBurns",
        ),
        optional=FIELDS,
    )
    rows = placement.table
    if fields["preset"].text() != rows.id:
        raise fields["preset"].wrong(f"{rows.id}, the allocation's table")
    _check_amount(fields["supply"], rows.supply, "the allocation's")
    _check_allocations(fields["allocations"], placement)
    _check_contractual(fields["contractual"], [*_contractual(placement, slot_ms)])
    _check_programmes(fields["programmes"], [*_programmes(placement)])
    if rows.id in DOCUMENTS:
        _check_burns(fields["milestoneBurns"], burns_of(rows))
        if "releaseTable" in fields:
            _check_table(fields["releaseTable"])
        _check_seat(section, fields.get("treasurySeat"), _seat(placement, slot_ms))
    for name, who in placement.signers:
        if name not in fields:
            raise GenesisError(f"{section.path}.{name}: missing")
        if fields[name].account() != who.account:
            raise fields[name].wrong(f"{address(who.account)}, the allocation's multisig")


# --- derived from the rows --------------------------------------------------------


def _allocations(placement: Placement) -> list[list[object]]:
    """Return every row: its name, kind, planck, and accounts."""
    return [
        [
            placed.row.key,
            placed.row.kind.value,
            str(placed.row.amount),
            [address(each.account) for each in placed.holdings],
        ]
        for placed in placement.rows
    ]


def _contractual(placement: Placement, slot_ms: int) -> Iterable[ContractRow]:
    """Yield the releases by contract: linear rows, liquidity, treasury's initial balances."""
    for placed in placement.rows:
        row = placed.row
        match row.kind:
            case Kind.LINEAR:
                schedule = placement.table.schedule(row, slot_ms)
                yield row.amount, int(schedule.start), int(schedule.length), int(schedule.cliff)
            case Kind.IMMEDIATE:
                yield row.amount, 0, 0, 0
            case Kind.TREASURY:
                paid = sum(each.amount for each in placed.holdings if each.account != TREASURY)
                if paid:
                    yield paid, 0, 0, 0
            case Kind.MILESTONE | Kind.MINING | Kind.DISCRETIONARY | Kind.RESERVE:
                pass  # released by their own rules, out of pools


def _seat(placement: Placement, slot_ms: int) -> tuple[int, int] | None:
    """Return the Foundation's seat at the treasury: planck in a spend period, and its last slot.

    None for tables without a treasury row: their documents describe no treasury.
    """
    amount = sum(placed.row.amount for placed in placement.rows if placed.row.kind is Kind.TREASURY)
    return (amount // SEAT_PART, YEAR_MS // slot_ms) if amount else None


def _programmes(placement: Placement) -> Iterable[PlacedRow]:
    return (placed for placed in placement.rows if placed.row.kind is Kind.MILESTONE)


def _pool_of(placed: PlacedRow) -> str:
    return pool_identifier(placed.holdings[0].account).decode()


def _milestones(row: Row) -> list[tuple[int, bytes]]:
    """Return an item for each quarter of a programme: its part, and the hash of its text."""
    count = max(1, (row.months or 0) // QUARTER)
    parts = [BPS // count] * count
    parts[-1] += BPS - sum(parts)
    return [
        (part, blake2_256(f"{row.key}: quarter {number}".encode()))
        for number, part in enumerate(parts, start=1)
    ]


# --- checking ---------------------------------------------------------------------


def _check_amount(place: Section, wanted: int, whose: str) -> None:
    if place.planck() != u128(wanted):
        raise place.wrong(f"{wanted} planck, {whose}")


def _check_allocations(section: Section, placement: Placement) -> None:
    places = _as_many(section, len(placement.rows), "rows of the allocation")
    for place, placed in zip(places, placement.rows, strict=True):
        name, kind, amount, accounts = place.rows(4)
        row = placed.row
        if name.text() != row.key:
            raise name.wrong(f"{row.key}, in the allocation's order")
        if kind.text() != row.kind.value:
            raise kind.wrong(f"{row.kind.value}, as row {row.key} has it")
        _check_amount(amount, row.amount, f"as row {row.key} has it")
        holders = _as_many(accounts, len(placed.holdings), f"accounts of row {row.key}")
        for holder, holding in zip(holders, placed.holdings, strict=True):
            if holder.account() != holding.account:
                raise holder.wrong(f"{address(holding.account)}, where row {row.key} lies")


def _check_contractual(section: Section, wanted: list[ContractRow]) -> None:
    places = _as_many(section, len(wanted), "rows of the allocation that come free by contract")
    for place, row in zip(places, wanted, strict=True):
        for part, right in zip(place.rows(len(row)), row, strict=True):
            if part.integer(u128.MAX) != right:
                raise part.wrong(f"{right}, as the allocation has it")


def _check_programmes(section: Section, wanted: list[PlacedRow]) -> None:
    places = _as_many(section, len(wanted), "programmes of the allocation")
    for place, placed in zip(places, wanted, strict=True):
        fields = place.fields(required=("pool", "amount", "months", "milestones"))
        row = placed.row
        if fields["pool"].text() != _pool_of(placed):
            raise fields["pool"].wrong(f"{_pool_of(placed)}, where row {row.key} lies")
        _check_amount(fields["amount"], row.amount, f"as row {row.key} has it")
        if fields["months"].u32() != row.months:
            raise fields["months"].wrong(f"{row.months}, as row {row.key} has it")


def _check_burns(section: Section, wanted: tuple[tuple[str, int], ...]) -> None:
    places = _as_many(section, len(wanted), "burns of the document")
    for place, (name, right) in zip(places, wanted, strict=True):
        burn, amount = place.rows(2)
        if burn.text() != name:
            raise burn.wrong(f"{name}, as the document has it")
        _check_amount(amount, right, "as the document has it")


def _check_seat(section: Section, seat: Section | None, wanted: tuple[int, int] | None) -> None:
    if (seat is None) != (wanted is None):
        raise GenesisError(
            f"{section.path}.treasurySeat: "
            + ("missing" if seat is None else "the document gives the Foundation none")
        )
    if seat is None or wanted is None:
        return
    limit, until = seat.rows(2)
    _check_amount(limit, wanted[0], "a hundredth of the treasury's row")
    if until.integer(u64.MAX) != wanted[1]:
        raise until.wrong(f"{wanted[1]}, the end of the first year")


def _check_table(section: Section) -> None:
    places = _as_many(section, len(RELEASE_TABLE), "years of the documents' table")
    for place, right in zip(places, RELEASE_TABLE, strict=True):
        if place.integer(BPS) != right:
            raise place.wrong(f"{right}, as the documents have it")


def _as_many(section: Section, count: int, what: str) -> list[Section]:
    places = section.rows()
    if len(places) != count:
        raise GenesisError(f"{section.path}: expected the {count} {what}, found {len(places)}")
    return places
