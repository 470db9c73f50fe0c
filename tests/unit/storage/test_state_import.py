"""A state that others give, and the blocks below it, survive whatever interrupts them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from storage.blocks import BlockRef
from storage.check import check_chain
from storage.columns import STATE
from storage.database import ChainStore
from storage.memory import MemoryKV
from storage.state import StateUnavailable
from storage.trie.range_proof import verify_range
from unit.storage.storage_model import (
    STATE_AT_GENESIS,
    ancient,
    fetch,
    grow,
    header_at,
    needed_records,
    new_chain,
    plain_root,
    source,
    stored_records,
)


def state_of(kv: MemoryKV) -> dict[bytes, bytes]:
    return {key[1:]: value for key, value in kv.iterate(STATE)}


@pytest.mark.parametrize("pruning", [None, 2])
def test_a_fetched_state_is_a_state_like_any_other(pruning: int | None) -> None:
    theirs, kv = source(), MemoryKV()
    ours = new_chain(kv, pruning, STATE_AT_GENESIS)
    ours.state_import.begin(header_at(theirs, 18), b"note")
    fetch(theirs, ours, 18)
    base = ours.state_import.finish((b"FRNK", b"proof"), {b"set": b"3"})
    assert base == BlockRef(theirs.blocks.hash_at(18) or b"", 18)
    assert ours.blocks.best == ours.blocks.finalized == ours.state.base == base
    assert ours.blocks.justifications(base.hash) == [(b"FRNK", b"proof")]
    assert ours.aux_get(b"set") == b"3"
    check_chain(kv, thorough=True)
    reader = ours.state.reader(base.hash)
    assert plain_root(state_of(kv)) == reader.root
    assert stored_records(kv) == needed_records(kv, reader.root)
    with pytest.raises(StateUnavailable):
        ours.state.reader(ours.blocks.genesis or b"")
    for number in (19, 20):
        key = b"key %d" % (7 * number)
        ref = grow(ours, {key: None, b"new %d" % number: b"n" * number}, finalize=True)
        assert ref.hash == theirs.blocks.hash_at(number)
    grow(ours, {b"more": b"m" * 50}, finalize=True)
    check_chain(kv, thorough=True)
    if pruning is not None:
        roots = [ours.blocks.fields(ours.blocks.hash_at(n) or b"").state_root for n in (19, 20, 21)]
        assert stored_records(kv) == set().union(*(needed_records(kv, root) for root in roots))


def test_an_import_goes_on_after_each_interruption() -> None:
    theirs, kv = source(), MemoryKV()
    ours = new_chain(kv, 2, STATE_AT_GENESIS)
    ours.state_import.begin(header_at(theirs, 18), b"note")
    rounds = 0
    while True:
        ours = ChainStore(kv, pruning=2)
        check_chain(kv, thorough=True)
        at = ours.state_import.progress
        assert at is not None
        assert (at.header, at.note) == (header_at(theirs, 18), b"note")
        with pytest.raises(StateUnavailable):
            ours.state.reader(ours.blocks.best.hash)
        if at.complete:
            break
        fetch(theirs, ours, 18, ranges=1)
        rounds += 1
    assert rounds > 3
    ours.state_import.finish()
    ours = ChainStore(kv, pruning=2)
    check_chain(kv, thorough=True)
    assert plain_root(state_of(kv)) == ours.state.reader(ours.blocks.best.hash).root


def begin_and_fetch(theirs: ChainStore, ours: ChainStore) -> None:
    ours.state_import.begin(header_at(theirs, 18))
    fetch(theirs, ours, 18)


class Dying(MemoryKV):
    """A store that stops after so many writes."""

    left = 10**9

    def write(self, batch: Mapping[bytes, bytes | None], *, sync: bool = False) -> None:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        super().write(batch, sync=sync)


@pytest.mark.parametrize("writes", range(1, 5))
def test_the_old_state_is_removed_whole_even_when_interrupted(writes: int) -> None:
    theirs, kv = source(), Dying()
    ours = new_chain(kv, 2, STATE_AT_GENESIS)
    grow(ours, {b"other": b"o" * 40}, salt=b"fork", finalize=False)
    kv.left = writes
    with pytest.raises(KeyboardInterrupt):
        begin_and_fetch(theirs, ours)
    kv.left = 10**9
    check_chain(kv, thorough=True)
    ours = ChainStore(kv, pruning=2)
    assert ours.blocks.best.number == 0
    fetch(theirs, ours, 18)
    ours.state_import.finish()
    check_chain(kv, thorough=True)
    root = ours.state.reader(ours.blocks.best.hash).root
    assert plain_root(state_of(kv)) == root
    assert stored_records(kv) == needed_records(kv, root)


def test_a_later_state_replaces_one_that_was_begun() -> None:
    theirs, kv = source(), MemoryKV()
    ours = new_chain(kv, 2, STATE_AT_GENESIS)
    ours.state_import.begin(header_at(theirs, 10))
    fetch(theirs, ours, 10, ranges=2)
    ours.state_import.begin(header_at(theirs, 18))
    fetch(theirs, ours, 18)
    ours.state_import.finish()
    check_chain(kv, thorough=True)
    root = ours.state.reader(ours.blocks.best.hash).root
    assert stored_records(kv) == needed_records(kv, root)


def test_steps_out_of_order_are_refused() -> None:
    theirs = source()
    ours = new_chain(MemoryKV(), 2, STATE_AT_GENESIS)
    with pytest.raises(ValueError, match="no state"):
        ours.state_import.finish()
    ours.state_import.begin(header_at(theirs, 18))
    reader = theirs.state.reader(theirs.blocks.hash_at(18) or b"")
    nodes, last = reader.prove_range(None, 1_000)
    found = verify_range(reader.root, None, nodes, last)
    ours.state_import.write(found)
    with pytest.raises(ValueError, match="follow"):
        ours.state_import.write(found)
    with pytest.raises(ValueError, match="no state"):
        ours.state_import.finish()
    with pytest.raises(ValueError, match="no blocks"):
        ours.state_import.insert_history([])


def test_the_blocks_below_are_filled_in_down_to_genesis() -> None:
    theirs, kv = source(), MemoryKV()
    ours = new_chain(kv, 2, STATE_AT_GENESIS)
    ours.state_import.begin(header_at(theirs, 18))
    fetch(theirs, ours, 18)
    ours.state_import.finish()
    seen = []
    while (missing := ours.state_import.missing) is not None:
        check_chain(kv, thorough=True)
        seen.append(missing.left)
        assert ours.state_import.lowest == missing.left + 1
        ours.state_import.insert_history(ancient(theirs, missing.highest, min(5, missing.left)))
        ours = ChainStore(kv, pruning=2)
    assert seen == [18, 13, 8, 3]
    assert ours.state_import.lowest == 0
    check_chain(kv, thorough=True)
    for number in range(19):
        hash = theirs.blocks.hash_at(number) or b""
        assert ours.blocks.hash_at(number) == hash
        assert ours.blocks.body(hash) == theirs.blocks.body(hash)
    assert ours.blocks.is_ancestor(ours.blocks.genesis or b"", ours.blocks.best.hash)


@pytest.mark.parametrize("filled", [0, 1, 5])
def test_open_blocks_above_a_fetched_state_hold_together(filled: int) -> None:
    theirs, kv = source(), MemoryKV()
    ours = new_chain(kv, 2, STATE_AT_GENESIS)
    begin_and_fetch(theirs, ours)
    ours.state_import.finish()
    for number in range(3):
        grow(ours, {b"open": b"%d" % number})
    check_chain(kv, thorough=True)
    missing = ours.state_import.missing
    assert missing is not None
    ours.state_import.insert_history(ancient(theirs, missing.highest, filled))
    check_chain(kv, thorough=True)
    assert ChainStore(kv, pruning=2).revert(10) != []
    check_chain(kv, thorough=True)


def test_history_that_does_not_fit_is_refused() -> None:
    theirs = source()
    ours = new_chain(MemoryKV(), 2, STATE_AT_GENESIS)
    ours.state_import.begin(header_at(theirs, 18))
    fetch(theirs, ours, 18)
    ours.state_import.finish()
    missing = ours.state_import.missing
    assert missing is not None
    blocks = ancient(theirs, missing.highest, 3)
    with pytest.raises(ValueError, match="not the missing block"):
        ours.state_import.insert_history([blocks[1]])
    assert ours.state_import.missing == missing
    # Another genesis: the last block does not stand on ours.
    other = new_chain(MemoryKV(), 2, {b"another": b"state"})
    other.state_import.begin(header_at(theirs, 18))
    fetch(theirs, other, 18)
    other.state_import.finish()
    with pytest.raises(ValueError, match="does not stand"):
        other.state_import.insert_history(ancient(theirs, missing.highest, 18))
