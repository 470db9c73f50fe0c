"""Both stores keep the same promises."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.columns import BATCH, CLEAN, after
from storage.kv import KeyValue, StorageFailed
from storage.leveldb import open_database
from storage.memory import MemoryKV

KEYS = st.binary(min_size=1, max_size=3).map(lambda key: b"k" + key)


@pytest.fixture(params=["memory", "leveldb"])
def kv(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KeyValue]:
    store: KeyValue = MemoryKV()
    if request.param == "leveldb":
        store = open_database(tmp_path / "db", lambda _kv, _thorough: None, min_free=0)
    yield store
    store.close()


def own(rows: Iterator[bytes]) -> list[bytes]:
    return [key for key in rows if not key.startswith((BATCH, CLEAN))]


def test_a_batch_sets_and_removes(kv: KeyValue) -> None:
    kv.write({b"k1": b"a", b"k2": b"b", b"k3": b""}, sync=True)
    kv.write({b"k1": None, b"k2": b"c", b"absent": None})
    assert [kv.get(key) for key in (b"k1", b"k2", b"k3", b"k4")] == [None, b"c", b"", None]
    assert own(kv.keys()) == [b"k2", b"k3"]


def test_a_walk_sees_what_came_and_went_since_the_last_one(kv: KeyValue) -> None:
    kv.write({b"k%03d" % number: b"" for number in range(200)})
    assert len(own(kv.keys())) == 200
    kv.write({b"k0505": b"", b"k010": None, b"k020": None})
    kv.write({b"k020": b"back", b"k0505": None, b"k0506": b""})
    left = sorted({b"k%03d" % number for number in range(200)} - {b"k010"} | {b"k0506"})
    assert own(kv.keys()) == left
    kv.write(dict.fromkeys(left[:150]))
    assert own(kv.keys()) == left[150:]


def test_ranges_are_half_open_and_run_both_ways(kv: KeyValue) -> None:
    kv.write({b"k%d" % number: b"%d" % number for number in range(5)} | {b"l": b"", b"\xff": b""})
    assert list(kv.keys(b"k")) == [b"k0", b"k1", b"k2", b"k3", b"k4"]
    assert list(kv.keys(b"k", start=b"k1", stop=b"k3")) == [b"k1", b"k2"]
    assert list(kv.keys(start=b"k3", stop=b"m")) == [b"k3", b"k4", b"l"]
    assert list(kv.keys(b"k", reverse=True))[:2] == [b"k4", b"k3"]
    assert list(kv.iterate(b"k", start=b"k4")) == [(b"k4", b"4")]
    assert list(kv.keys(b"\xff")) == [b"\xff"]


def test_a_walk_does_not_see_later_writes(kv: KeyValue) -> None:
    kv.write({b"k1": b"", b"k2": b""})
    walk = kv.keys(b"k")
    first = next(walk)
    kv.write({b"k2": None, b"k3": b""})
    assert [first, *walk] == [b"k1", b"k2"]


def test_a_closed_store_takes_no_writes(kv: KeyValue) -> None:
    kv.write({b"k": b"v"})
    kv.close()
    kv.close()
    with pytest.raises(StorageFailed, match="closed"):
        kv.write({b"k": b"w"})


def test_removed_keys_give_their_space_back(kv: KeyValue) -> None:
    kv.write({b"k%04d" % number: bytes(1000) for number in range(1000)})
    kv.compact_range(b"k", b"l")
    full = kv.approximate_size(b"k", b"l")
    kv.write(dict.fromkeys([b"k%04d" % number for number in range(1000)]))
    kv.compact_range(b"k", b"l")
    assert kv.approximate_size(b"k", b"l") < full
    assert own(kv.keys()) == []


@given(KEYS, KEYS)
def test_the_end_of_a_prefix_is_above_all_its_keys(prefix: bytes, key: bytes) -> None:
    end = after(prefix)
    assert end is not None
    assert key.startswith(prefix) == (prefix <= key < end)


def test_the_end_of_everything_is_open() -> None:
    assert after(b"") is after(b"\xff\xff") is None
