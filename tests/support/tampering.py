"""Wrong records for tests of audits: one thing is changed, and the rest left as it was."""

from __future__ import annotations

from typing import Protocol, TypeVar

from btt_chain.scale.uint import Uint

Key_contra = TypeVar("Key_contra", contravariant=True)
Record = TypeVar("Record")
Number = TypeVar("Number", bound=Uint)


class Records(Protocol[Key_contra, Record]):
    """Records in the state, by key."""

    def __getitem__(self, key: Key_contra, /) -> Record: ...

    def __setitem__(self, key: Key_contra, record: Record, /) -> None: ...


class Stored(Protocol[Number]):
    """A number in the state."""

    value: Number


def alter(records: Records[Key_contra, Record], key: Key_contra, **fields: object) -> None:
    """Set fields of a record."""
    record = records[key]
    for name, value in fields.items():
        setattr(record, name, value)
    records[key] = record


def shift(records: Records[Key_contra, Record], key: Key_contra, **fields: int) -> None:
    """Add to numbers of a record."""
    record = records[key]
    for name, by in fields.items():
        number = getattr(record, name)
        setattr(record, name, type(number)(int(number) + by))
    records[key] = record


def shift_value(stored: Stored[Number], by: int) -> None:
    """Add to a number of the state."""
    stored.value = type(stored.value)(int(stored.value) + by)
