"""The filter of records that may be stored: never a false negative, and few lookups."""

from __future__ import annotations

from storage.columns import VALUE
from storage.memory import MemoryKV
from storage.presence import PresenceFilter
from unit.storage.storage_model import grow, new_chain

RECORDS = [b"v" + b"%03d" % number + bytes(32) for number in range(500)]
"""Equal values at different keys."""


class Lookups(MemoryKV):
    """A store that counts reads of values outside of their nodes."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key."""
        self.reads += key[:1] == VALUE
        return super().get(key)


def test_a_noted_record_is_held_until_its_block_leaves_the_window() -> None:
    present = PresenceFilter()
    assert not present.held(RECORDS)
    present.note(1, RECORDS[:100])
    present.advance(0)
    present.note(2, RECORDS[100:200])
    assert set(RECORDS[:200]) <= present.held(RECORDS)
    present.advance(1)
    assert set(RECORDS[100:200]) <= present.held(RECORDS)
    assert not set(RECORDS[:90]) <= present.held(RECORDS)
    present.advance(2)
    assert not present.held(RECORDS)


def test_equal_values_at_different_keys_are_different_records() -> None:
    present = PresenceFilter()
    present.note(1, RECORDS[:250])
    # Two of 2^25 bits may be the same.
    assert len(present.held(RECORDS)) < 255


def test_a_block_of_equal_values_looks_up_next_to_nothing() -> None:
    kv = Lookups()
    names = [b"account %03d" % number for number in range(200)]
    store = new_chain(kv, state=dict.fromkeys(names, b"a" * 40))
    for turn in range(4):
        part = names[50 * turn : 50 * turn + 50]
        grow(store, dict.fromkeys(part, b"b" * 40))
    assert kv.reads < 10
