"""The allocation: promised parts of the supply, with their release times.

A document's table is data (`presets/seed-*.json`); this module reads such a table and refuses it
unless every row is its percentage of the supply to the last planck and the rows add up to the whole
supply. The release of linear rows is defined by the runtime (`runtime.pallets.vesting`); this
module only converts months to slots.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field, replace
from enum import StrEnum
from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.scale import u32, u128
from runtime.constants import DAY_MS, MONTH_MS
from runtime.frame import GenesisError, Section
from runtime.pallets.tokenomics.config import BURNS
from runtime.schedules import Schedule

MAX_MONTHS: Final = 1_200
"""A century: longer promises are considered mistakes."""
_KEY: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Kind(StrEnum):
    """Release of a row."""

    LINEAR = "linear"
    """Owned by its holder from genesis, and released slot by slot."""
    MILESTONE = "milestone"
    """A programme of the Foundation, released by milestones and time."""
    MINING = "mining"
    """The pool for rewards of useful work."""
    DISCRETIONARY = "discretionary"
    """A pool spent by referenda."""
    IMMEDIATE = "immediate"
    """Free from genesis on."""
    RESERVE = "reserve"
    """A pool that needs both a referendum and its signatories."""
    TREASURY = "treasury"
    """The part that the document does not allocate."""


class Reading(StrEnum):
    """Meaning of a document's lock-up."""

    CLIFF = "A"
    """Vesting runs from genesis, and nothing is released before the lock-up ends."""
    DELAY = "B"
    """Vesting starts when the lock-up ends."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a document's table. Amounts in planck, times in months."""

    key: str
    holder: str
    percent: int
    amount: int
    kind: Kind
    group: str
    members: tuple[str, ...] = ()
    """Joint holders of the row, if the document names several."""
    lock_months: int | None = None
    months: int | None = None
    """Vesting time of a linear row, or release time of a milestone row."""


@dataclass(frozen=True, slots=True)
class Table:
    """A document's whole table; its rows add up to its supply, in planck."""

    id: str
    supply: int
    reading: Reading
    rows: tuple[Row, ...]
    burns: tuple[tuple[str, int], ...] = field(default=(), compare=False)
    """Burns at the document's milestones, in planck, by the milestone's name.

    Empty in a table read from a specification, because only the document defines them.
    """

    def linear(self) -> Iterator[Row]:
        """Return the rows that vest."""
        return (row for row in self.rows if row.kind is Kind.LINEAR)

    def row_of(self, kind: Kind) -> Row | None:
        """Return the first row of a kind; None if there is none."""
        return next((row for row in self.rows if row.kind is kind), None)

    def schedule(self, row: Row, slot_ms: int) -> Schedule:
        """Return the vesting schedule of a linear row, in slots of `slot_ms` milliseconds.

        GenesisError if months are not whole numbers of slots, or the end exceeds 32 bits.
        """
        if row.lock_months is None or row.months is None:
            raise GenesisError(f"row {row.key}: a {row.kind} row has no vesting schedule")
        lock, length = slots(row.lock_months, slot_ms), slots(row.months, slot_ms)
        start = lock if self.reading is Reading.DELAY else 0
        if start + length > u32.MAX:
            raise GenesisError(f"row {row.key}: ends at slot {start + length}, beyond 32 bits")
        return Schedule(u128(row.amount), u32(start), u32(length), u32(lock))


def slots(months: int, slot_ms: int) -> int:
    """Return the slots of `slot_ms` in `months`. GenesisError if not a whole number."""
    check_slot(slot_ms)
    return months * (MONTH_MS // slot_ms)


def check_slot(slot_ms: int) -> None:
    """Raise GenesisError unless days and months are whole numbers of slots of `slot_ms`."""
    for name, span in (("day", DAY_MS), ("month", MONTH_MS)):
        if slot_ms < 1 or span % slot_ms:
            raise GenesisError(f"a slot of {slot_ms} ms does not divide a {name} of {span} ms")


JSON_NAMES: Final = {
    "key": "key",
    "holder": "holder",
    "members": "members",
    "percent": "pct",
    "kind": "kind",
    "lock_months": "lock_m",
    "months": "dur_m",
    "group": "group",
    "amount": "amount",
}
"""Names of a row's fields in the files."""


# --- reading ------------------------------------------------------------------


def read_table(section: Section) -> Table:
    """Read a document's table from its file. Raises GenesisError that names row and field."""
    fields = section.fields(
        required=("id", "supply", "decimals", "vesting_reading", "stated_pct", "allocations"),
        optional=("wording", "milestone_burns", "milestone_burns_source"),
    )
    rows = fields["allocations"]
    table = read_rows(
        fields["id"].text(), fields["supply"], fields["vesting_reading"], [*map(read_row, rows)]
    )
    check_rows(table, rows.rows())
    if "milestone_burns" in fields:
        table = replace(table, burns=read_burns(fields["milestone_burns"]))
    stated = sum(row.percent for row in table.rows if row.kind is not Kind.TREASURY)
    if fields["stated_pct"].integer(100) != stated:
        raise fields["stated_pct"].wrong(f"{stated}, what the document's own rows add up to")
    if fields["decimals"].integer(255) != 18:
        raise fields["decimals"].wrong("18")
    return table


def read_burns(section: Section) -> tuple[tuple[str, int], ...]:
    """Read the burns at milestones. Raises GenesisError that names row and field."""
    burns: list[tuple[str, int]] = []
    for row in section:
        fields = row.fields(required=("id", "amount"), optional=("year_hint",))
        fields["id"].one_of(BURNS)
        burns.append((fields["id"].text(), int(fields["amount"].planck())))
    return tuple(burns)


def read_rows(name: str, supply: Section, reading: Section, rows: list[Row]) -> Table:
    """Return a table of these parts."""
    known = [letter.value for letter in Reading]
    if reading.text() not in known:
        raise reading.wrong(" or ".join(known))
    return Table(name, int(supply.planck()), Reading(reading.text()), tuple(rows))


ROW_FIELDS: Final = ("key", "holder", "pct", "kind", "group", "amount")
ROW_OPTIONS: Final = ("members", "lock_m", "dur_m")


def read_row(section: Section, more: tuple[str, ...] = ()) -> Row:
    """Read one row, which may also have the fields `more`. Raises GenesisError naming the field."""
    fields = section.fields(required=(*ROW_FIELDS, *more), optional=ROW_OPTIONS)
    key = fields["key"].text()
    if not _KEY.fullmatch(key):
        raise fields["key"].wrong("lower-case letters, digits and underscores")
    kinds = [kind.value for kind in Kind]
    if fields["kind"].text() not in kinds:
        raise fields["kind"].wrong("one of " + ", ".join(kinds))
    kind = Kind(fields["kind"].text())
    timed = {Kind.LINEAR: ("lock_m", "dur_m"), Kind.MILESTONE: ("dur_m",)}.get(kind, ())
    for name in ("lock_m", "dur_m"):
        if name in timed and name not in fields:
            raise GenesisError(f"{section.path}.{name}: missing; row {key} is {kind}")
        if name not in timed and name in fields:
            raise GenesisError(f"{fields[name].path}: row {key} is {kind} and has no such field")
    months = fields["dur_m"].integer(MAX_MONTHS) if "dur_m" in fields else None
    if months == 0:
        raise fields["dur_m"].wrong(f"1 to {MAX_MONTHS} months")
    lock = fields["lock_m"].integer(MAX_MONTHS) if "lock_m" in fields else None
    members = tuple(member.text() for member in fields["members"]) if "members" in fields else ()
    for member in members:
        if not _KEY.fullmatch(member):
            raise fields["members"].wrong("names of lower-case letters, digits and underscores")
    return Row(
        key=key,
        holder=fields["holder"].text(),
        percent=fields["pct"].integer(100),
        amount=int(fields["amount"].planck()),
        kind=kind,
        group=fields["group"].text(),
        members=members,
        lock_months=lock,
        months=months,
    )


def check_rows(table: Table, places: list[Section]) -> None:
    """Raise GenesisError unless every row is its part of the supply, and their sum is the whole.

    `places` are the places of the rows, for messages.
    """
    seen: set[str] = set()
    for row, place in zip(table.rows, places, strict=True):
        if row.key in seen:
            raise GenesisError(f"{place.path}.key: there is a row {row.key} already")
        seen.add(row.key)
        if row.amount * 100 != row.percent * table.supply:
            raise GenesisError(
                f"{place.path}.amount: row {row.key} is {row.percent} % of the supply, "
                f"{row.percent * table.supply // 100} planck, not {row.amount}"
            )
        cliff_behind_end = (
            table.reading is Reading.CLIFF
            and row.lock_months is not None
            and row.months is not None
            and row.lock_months > row.months
        )
        if cliff_behind_end:
            raise GenesisError(f"{place.path}.lock_m: row {row.key} ends before its cliff")
    total = sum(row.amount for row in table.rows)
    if total != table.supply:
        raise GenesisError(
            f"{places[-1].path if places else 'allocations'}: the rows add up to {total} planck, "
            f"{abs(table.supply - total)} {'less' if total < table.supply else 'more'} than the "
            f"supply of {table.supply}"
        )
