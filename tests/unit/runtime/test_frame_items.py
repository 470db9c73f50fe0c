"""Storage items: fresh records, defaults, order, and keys that wallets can compute."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.crypto.hashing import blake2_128, twox_64
from btt_chain.scale import u8, u32
from runtime.frame import DoubleMap, Hasher, Map, Pallet, Value
from runtime.frame.items import HASH, HASH_PREFIX, KEY_CACHE_SIZE, PEEK_CACHE_SIZE, camel
from support.runtime import SmallRuntime


@dataclass
class Record:
    count: u32 = u32(0)
    notes: list[u8] = field(default_factory=list)


class Shelf(Pallet):
    single = Value(Record, default=Record(u32(7)))
    missing = Value(u32)
    records = Map(u32, Record, default=Record())
    plain = Map(u32, u32, hasher=Hasher.Twox64Concat)
    exact = Map(u32, u32, hasher=Hasher.Identity)
    pairs = DoubleMap(u8, u32, bytes)
    counted = DoubleMap(u8, u8, u32, default=u32(0))


class Shelved(SmallRuntime):
    def build(self) -> None:
        self.shelf = self.add(1, Shelf())


@pytest.fixture
def shelf() -> Shelf:
    return Shelved().shelf


def test_every_read_gives_a_fresh_record(shelf: Shelf) -> None:
    first = shelf.records[u32(1)]
    first.notes.append(u8(3))
    first.count += 1
    assert shelf.records[u32(1)] == Record()
    held = shelf.single.value
    held.notes.append(u8(1))
    assert shelf.single.value == Record(u32(7))


def test_a_peek_is_decoded_once_for_the_same_bytes(shelf: Shelf) -> None:
    assert shelf.single.peek() is shelf.single.peek()
    shelf.single.value = Record(u32(8))
    assert shelf.single.peek() == Record(u32(8))
    with pytest.raises(KeyError, match="Missing"):
        shelf.missing.peek()


def test_a_peek_into_a_map_is_that_of_the_present_bytes(shelf: Shelf) -> None:
    assert shelf.records.peek(u32(1)) is shelf.records.peek(u32(1))
    assert shelf.plain.peek(u32(1)) is None
    shelf.records[u32(1)] = Record(u32(8))
    kept = shelf.records.peek(u32(1))
    assert kept == Record(u32(8))
    shelf.host.state.begin()
    shelf.records[u32(1)] = Record(u32(9))
    assert shelf.records.peek(u32(1)) == Record(u32(9))
    shelf.host.state.rollback()
    assert shelf.records.peek(u32(1)) == kept
    for number in range(PEEK_CACHE_SIZE + 10):
        shelf.plain[u32(number)] = u32(number)
        assert shelf.plain.peek(u32(number)) == number
    assert shelf.plain.peek(u32(3)) == 3


def test_a_value_that_is_kept_is_read_until_other_bytes_are_stored(shelf: Shelf) -> None:
    state, key = shelf.host.state, u32(1)
    shelf.records[key] = Record(u32(1))
    state.begin()
    kept = Record(u32(2))
    shelf.records.keep(key, kept)
    assert shelf.records.peek(key) is kept
    assert shelf.records[key] == kept
    state.rollback()
    assert shelf.records.peek(key) == Record(u32(1))
    for number in range(PEEK_CACHE_SIZE + 10):
        shelf.plain.keep(u32(number), u32(number))
    assert [shelf.plain.peek(u32(number)) for number in (0, PEEK_CACHE_SIZE)] == [
        0,
        PEEK_CACHE_SIZE,
    ]


def test_a_single_value_that_is_kept_is_peeked_until_other_bytes_are_stored(shelf: Shelf) -> None:
    state, kept = shelf.host.state, Record(u32(2))
    shelf.single.value = Record(u32(1))
    state.begin()
    shelf.single.keep(kept)
    assert shelf.single.peek() is kept
    assert shelf.single.value == kept
    assert shelf.single.value is not kept  # which the caller may change
    state.rollback()
    assert shelf.single.peek() == Record(u32(1))


def test_a_double_map_decodes_once_for_the_same_bytes(shelf: Shelf) -> None:
    state, pair, kept = shelf.host.state, (u8(1), u32(1)), b"kept"
    assert shelf.pairs.peek(pair) is None
    assert shelf.counted.peek((u8(1), u8(1))) == 0  # the default
    shelf.pairs[pair] = b"first"
    assert shelf.pairs.peek(pair) is shelf.pairs.peek(pair)
    state.begin()
    shelf.pairs.keep(pair, kept)
    assert shelf.pairs.peek(pair) is kept
    assert shelf.pairs[pair] == kept
    state.rollback()
    assert shelf.pairs.peek(pair) == b"first"
    del shelf.pairs[pair]
    assert shelf.pairs.peek(pair) is None
    for number in range(PEEK_CACHE_SIZE + 10):
        shelf.pairs.keep((u8(0), u32(number)), b"%d" % number)
    assert shelf.pairs.peek((u8(0), u32(3))) == b"3"
    shelf.pairs.forget_decoded()
    assert shelf.pairs.peek((u8(0), u32(3))) == b"3"


def test_a_number_is_that_of_the_present_state_after_a_rollback(shelf: Shelf) -> None:
    shelf.missing.value = u32(1_000)
    assert shelf.missing.value == 1_000
    shelf.host.state.begin()
    shelf.missing.value += 1
    assert shelf.missing.value == 1_001
    shelf.host.state.rollback()
    assert shelf.missing.value == 1_000


def test_a_change_counts_once_it_is_written_back(shelf: Shelf) -> None:
    record = shelf.records[u32(1)]
    record.count += 1
    shelf.records[u32(1)] = record
    record.count += 1
    assert shelf.records[u32(1)].count == 1


def test_a_default_is_no_stored_value(shelf: Shelf) -> None:
    assert u32(1) not in shelf.records
    assert not shelf.single.exists()
    assert shelf.single.get() == Record(u32(7))
    assert shelf.missing.get() is None
    with pytest.raises(KeyError, match="Missing"):
        _ = shelf.missing.value
    with pytest.raises(KeyError):
        _ = shelf.plain[u32(1)]
    with pytest.raises(KeyError):
        _ = shelf.pairs[u8(1), u32(1)]
    assert shelf.counted[u8(1), u8(1)] == 0


def test_taking_returns_what_was_there_and_leaves_nothing(shelf: Shelf) -> None:
    shelf.plain[u32(1)] = u32(9)
    assert shelf.plain.take(u32(1)) == 9
    assert shelf.plain.take(u32(1)) is None
    shelf.single.value = Record(u32(2))
    assert shelf.single.take() == Record(u32(2))
    assert shelf.single.take() == Record(u32(7))


def test_deleting_what_is_not_there_is_nothing(shelf: Shelf) -> None:
    del shelf.plain[u32(1)]
    shelf.missing.kill()
    del shelf.pairs[u8(1), u32(1)]
    assert not list(shelf.plain.items())


def test_keys_are_those_that_wallets_compute(shelf: Shelf) -> None:
    raw = (1).to_bytes(4, "little")
    assert shelf.records.key(u32(1)) == shelf.records.prefix + blake2_128(raw) + raw
    assert shelf.plain.key(u32(1)) == shelf.plain.prefix + twox_64(raw) + raw
    assert shelf.exact.key(u32(1)) == shelf.exact.prefix + raw
    begin = shelf.pairs.prefix + twox_64(b"\x02") + b"\x02"
    assert shelf.pairs.prefix_of(u8(2)) == begin
    assert shelf.pairs.key(u8(2), u32(1)) == begin + blake2_128(raw) + raw


@pytest.mark.parametrize("hasher", list(Hasher))
def test_a_readable_hasher_keeps_its_key_behind_the_hash(hasher: Hasher) -> None:
    hashed = HASH[hasher](b"key")
    if hasher in HASH_PREFIX:
        assert hashed[HASH_PREFIX[hasher] :] == b"key"
    else:
        assert b"key" not in hashed


@given(entries=st.dictionaries(st.integers(0, 2**32 - 1), st.integers(0, 9), max_size=8))
def test_items_come_in_the_order_of_the_hashed_keys(entries: dict[int, int]) -> None:
    shelf = Shelved().shelf
    for key, value in entries.items():
        shelf.plain[u32(key)] = u32(value)
    shelf.exact[u32(1)] = u32(1)
    walked = [(int(key), int(value)) for key, value in shelf.plain.items()]
    assert dict(walked) == entries
    keys = [shelf.plain.key(u32(key)) for key, _ in walked]
    assert keys == sorted(keys)


def test_values_under_one_first_key_are_walked_alone(shelf: Shelf) -> None:
    for first, second in ((1, 5), (1, 6), (2, 5)):
        shelf.pairs[u8(first), u32(second)] = bytes((first, second))
    assert dict(shelf.pairs.under(u8(1))) == {5: b"\1\5", 6: b"\1\6"}
    assert dict(shelf.pairs.under(u8(3))) == {}
    assert sorted(shelf.pairs.some_under(u8(1), 3)) == [5, 6]
    assert len(shelf.pairs.some_under(u8(1), 1)) == 1
    assert shelf.pairs.some_under(u8(3), 3) == []


def test_all_pairs_are_walked_with_both_keys(shelf: Shelf) -> None:
    pairs = {(u8(first), u32(second)): bytes((first,)) for first in (1, 2) for second in (5, 6)}
    for keys, value in pairs.items():
        shelf.pairs[keys] = value
    assert dict(shelf.pairs.items()) == pairs


def test_a_walk_may_remove_what_it_walks_over(shelf: Shelf) -> None:
    for key in range(4):
        shelf.plain[u32(key)] = u32(key)
    walk = shelf.plain.items()
    next(walk)
    for key in range(4):
        del shelf.plain[u32(key)]
    assert not list(walk)


def test_the_cache_of_keys_is_bounded(shelf: Shelf) -> None:
    cache = shelf.plain._keys
    cache.update({u32(number): b"" for number in range(KEY_CACHE_SIZE)})
    key = shelf.plain.key(u32(KEY_CACHE_SIZE + 1))
    assert len(cache) == 1
    assert shelf.plain.key(u32(KEY_CACHE_SIZE + 1)) == key


def test_a_cached_key_of_one_map_is_not_taken_for_anothers(shelf: Shelf) -> None:
    assert shelf.plain.key(u32(1)) != shelf.exact.key(u32(1))
    assert Shelved().shelf.plain._keys is not shelf.plain._keys


def test_names_lose_their_trailing_underscore() -> None:
    assert camel("next_fee_") == "NextFee"
    assert camel("schedules_ext") == "SchedulesExt"


@pytest.mark.parametrize("name", ["plain", "exact", "records"])
def test_a_map_is_read_in_pages_behind_a_key(shelf: Shelf, name: str) -> None:
    rows: Map[u32, object] = getattr(shelf, name)
    value = Record() if name == "records" else u32(5)
    for number in range(10):
        rows[u32(number)] = value
    shelf.counted[u8(1), u8(1)] = u32(1)  # another item behind the map
    pages: list[list[u32]] = []
    while page := rows.page(pages[-1][-1] if pages else None, 4):
        pages.append([number for number, _ in page])
    everything = [number for number, _ in rows.items()]
    assert [len(one) for one in pages] == [4, 4, 2]
    assert [number for one in pages for number in one] == everything
    assert rows.page(None, 0) == []
    del rows[everything[3]]  # a key that is not stored has a place, too
    assert [number for number, _ in rows.page(everything[3], 2)] == everything[4:6]
