"""The configuration of Tokenomics and Chambers, derived from an allocation and its document.

The rows determine the releases by contract and the Foundation's programmes; the document adds its
milestone burns and its release table; the supply determines the value from which fees burn at their
highest rate. A specification's section is checked against all of that except the free choices of
its authors: that value, the mode of the release ceiling, and the milestones of each programme.
The institutions of an allocation are seated in Chambers with their rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digits import to_hex
from btt_chain.scale import u64, u128
from genesis.accounts import address
from genesis.allocation import Kind, Row, Table
from genesis.holders import table
from genesis.placement import Placement
from genesis.presets import DOCUMENTS
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

Tree: TypeAlias = "Mapping[str, Tree] | Sequence[Tree] | str | int | AccountId | None"
"""A part of the configuration: amounts are u128, accounts AccountId; None is a free choice."""


def tokenomics_json(placement: Placement, slot_ms: int) -> dict[str, object]:
    """Return the configuration of Tokenomics; amounts are decimal text."""
    return {name: _json(part) for name, part in _section(placement, slot_ms).items()}


def burns_of(rows: Table) -> tuple[tuple[str, int], ...]:
    """Return the burns at a document's milestones, or those of a table that is not a document's."""
    return table(rows.id).burns if rows.id in DOCUMENTS else rows.burns


def check_tokenomics(section: Section, placement: Placement, slot_ms: int) -> None:
    """Raise GenesisError, naming the field, unless Tokenomics' configuration is the placement's."""
    wanted = _section(placement, slot_ms)
    # The authors of a specification choose the milestones of each programme.
    wanted["programmes"] = [
        {**programme, "milestones": None} for programme in _programmes(placement)
    ]
    needed = ("preset", "supply", "allocations", "contractual", "programmes", "milestoneBurns")
    fields = section.fields(required=needed, optional=FIELDS)
    checked = [*needed[:5], *(name for name, _ in placement.signers)]
    if placement.table.id in DOCUMENTS:
        if "treasurySeat" in fields and "treasurySeat" not in wanted:
            raise GenesisError(
                f"{section.path}.treasurySeat: the document gives the Foundation none"
            )
        checked.append("milestoneBurns")
        checked += [name for name in ("releaseTable",) if name in fields]
        checked += [name for name in ("treasurySeat",) if name in wanted]
    for name in checked:
        if name not in fields:
            raise GenesisError(f"{section.path}.{name}: missing")
        _check(fields[name], wanted[name])


def _section(placement: Placement, slot_ms: int) -> dict[str, Tree]:
    """Return the whole configuration of a placement."""
    rows = placement.table
    milestoned = [placed.row for placed in placement.rows if placed.row.kind is Kind.MILESTONE]
    programmes = zip(_programmes(placement), milestoned, strict=True)
    fields: dict[str, Tree] = {
        "preset": rows.id,
        "supply": u128(rows.supply),
        "threshold": u128(rows.supply // THRESHOLD_PART),
        "releaseTable": RELEASE_TABLE,
        "ceilingMode": "enforce",
        "allocations": [
            [
                placed.row.key,
                placed.row.kind.value,
                u128(placed.row.amount),
                [holding.account for holding in placed.holdings],
            ]
            for placed in placement.rows
        ],
        "contractual": [*_contractual(placement, slot_ms)],
        "programmes": [
            {**programme, "milestones": _milestones(row)} for programme, row in programmes
        ],
        "milestoneBurns": [[name, u128(amount)] for name, amount in burns_of(rows)],
    }
    # Tables without a treasury row have no seat: their documents describe no treasury.
    amount = sum(placed.row.amount for placed in placement.rows if placed.row.kind is Kind.TREASURY)
    if amount:
        fields["treasurySeat"] = [u128(amount // SEAT_PART), YEAR_MS // slot_ms]
    return fields | {name: who.account for name, who in placement.signers}


def _json(part: Tree) -> object:
    """Return a part of the configuration as JSON."""
    match part:
        case AccountId():
            return address(part)
        case u128():
            return str(part)
        case str() | int() | None:
            return part
        case Mapping():
            return {name: _json(member) for name, member in part.items()}
        case _:
            return [_json(member) for member in part]


def _check(place: Section, wanted: Tree) -> None:
    """Raise GenesisError, naming the place, unless a part of a specification is `wanted`."""
    match wanted:
        case AccountId():
            if place.account() != wanted:
                raise place.wrong(f"{address(wanted)}, as the allocation has it")
        case u128():
            if place.planck() != wanted:
                raise place.wrong(f"{wanted} planck, as the allocation has it")
        case str():
            if place.text() != wanted:
                raise place.wrong(f"{wanted}, as the allocation has it")
        case int():
            if place.integer(u64.MAX) != wanted:
                raise place.wrong(f"{wanted}, as the allocation has it")
        case None:
            pass
        case Mapping():
            fields = place.fields(required=tuple(wanted))
            for name, member in wanted.items():
                _check(fields[name], member)
        case _:
            for part, right in zip(place.rows(len(wanted)), wanted, strict=True):
                _check(part, right)


# --- derived from the rows --------------------------------------------------------


def _contractual(placement: Placement, slot_ms: int) -> Iterator[Tree]:
    """Yield the releases by contract: linear rows, liquidity, treasury's initial balances.

    Each is an amount, and start, length and cliff in slots since genesis.
    """
    for placed in placement.rows:
        row = placed.row
        match row.kind:
            case Kind.LINEAR:
                schedule = placement.table.schedule(row, slot_ms)
                slots = schedule.start, schedule.length, schedule.cliff
                yield [u128(row.amount), *map(int, slots)]
            case Kind.IMMEDIATE:
                yield [u128(row.amount), 0, 0, 0]
            case Kind.TREASURY:
                paid = sum(each.amount for each in placed.holdings if each.account != TREASURY)
                if paid:
                    yield [u128(paid), 0, 0, 0]
            case Kind.MILESTONE | Kind.MINING | Kind.DISCRETIONARY | Kind.RESERVE:
                pass  # released by their own rules, out of pools


def _programmes(placement: Placement) -> Iterator[dict[str, Tree]]:
    """Yield the Foundation's programmes, without their milestones."""
    for placed in placement.rows:
        if placed.row.kind is Kind.MILESTONE:
            yield {
                "pool": pool_identifier(placed.holdings[0].account).decode(),
                "amount": u128(placed.row.amount),
                "months": placed.row.months or 0,
            }


def _milestones(row: Row) -> list[Tree]:
    """Return an item for each quarter of a programme: its part, and the hash of its text."""
    count = max(1, (row.months or 0) // QUARTER)
    parts = [BPS // count] * count
    parts[-1] += BPS - sum(parts)
    return [
        [part, to_hex(blake2_256(f"{row.key}: quarter {number}".encode()))]
        for number, part in enumerate(parts, start=1)
    ]


INSTITUTION: Final = "institution"
"""The group of rows whose holders are seated."""
MODE: Final = "scheduled"


def chambers_json(placement: Placement) -> dict[str, object]:
    """Return the configuration of Chambers; amounts are decimal text."""
    seated = [[address(who), str(amount)] for who, amount in _institutions(placement).items()]
    return {"institutions": seated, "mode": MODE}


def check_chambers(section: Section, placement: Placement) -> None:
    """Raise GenesisError, naming the place, unless the seats are the allocation's institutions.

    The mode may be chosen freely.
    """
    fields = section.fields(required=("institutions",), optional=("mode",))
    wanted = _institutions(placement)
    for entry in fields["institutions"]:
        account, amount = entry.rows(2)
        right = wanted.pop(account.account(), None)
        if right is None:
            raise GenesisError(f"{account.path}: no institution of the allocation, or here twice")
        if amount.planck() != right:
            raise amount.wrong(f"{right}, what the allocation gives it")
    for who in wanted:
        raise GenesisError(f"{fields['institutions'].path}: {address(who)} is missing")


def _institutions(placement: Placement) -> dict[AccountId, int]:
    return {
        placed.holdings[0].account: placed.row.amount
        for placed in placement.rows
        if placed.row.group == INSTITUTION and placed.row.kind is Kind.LINEAR
    }
