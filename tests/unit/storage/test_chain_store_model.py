"""The chain store against a dict of snapshots, over forks, finality, pruning and restarts."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from storage.check import check_chain
from storage.columns import DEATHS, EXTRA, JOURNAL, OPEN_BLOCK, STATE
from storage.database import ChainStore
from storage.memory import MemoryKV
from storage.retention import BlockRetention
from storage.state import StateUnavailable
from storage.trie import verify_proof
from unit.storage.storage_model import (
    GENESIS_STATE,
    grow,
    needed_records,
    new_chain,
    plain_root,
    stored_records,
)

# Few keys and values, so that nodes disappear and come back all the time.
KEYS = st.sampled_from([b"alice", b"al", b"bob", b"bobby", b"\x00", b"b\xff", b""])
VALUES = st.sampled_from([None, None, b"", b"x", b"y" * 33, b"z" * 50, b"b"])
CHANGES = st.dictionaries(KEYS, VALUES, max_size=4)
RETENTIONS = st.sampled_from(
    [
        None,
        BlockRetention(),
        BlockRetention(forks=True),
        BlockRetention(1),
        BlockRetention(3),
    ]
)


class Chain(RuleBasedStateMachine):
    window: int | None = 2

    def __init__(self) -> None:
        super().__init__()
        self.kv = MemoryKV()
        self.store = new_chain(self.kv, self.window)
        genesis = self.store.blocks.best.hash
        self.states: dict[bytes, dict[bytes, bytes]] = {genesis: dict(GENESIS_STATE)}
        self.parents: dict[bytes, bytes | None] = {genesis: None}
        self.numbers = {genesis: 0}
        self.best = self.final = genesis
        self.gone: set[bytes] = set()
        self.pinned: list[bytes] = []
        self.salt = 0
        self.whole_from = 0
        """Height from which on no retention allowed to remove a body."""

    # --- the model

    def chain(self, hash: bytes | None) -> list[bytes]:
        way = []
        while hash is not None:
            way.append(hash)
            hash = self.parents[hash]
        return way

    def alive(self) -> list[bytes]:
        """The finalized block and what stands on it."""
        return [hash for hash in self.states if self.final in self.chain(hash)]

    def pick(self, data: st.DataObject) -> bytes:
        return data.draw(st.sampled_from(self.alive()))

    # --- what happens

    @rule(data=st.data(), changes=CHANGES, best=st.booleans())
    def a_block_comes(
        self, data: st.DataObject, changes: dict[bytes, bytes | None], best: bool
    ) -> None:
        parent = self.pick(data)
        self.salt += 1
        ref = grow(self.store, changes, parent, b"%d" % self.salt, make_best=best)
        state = {k: v for k, v in {**self.states[parent], **changes}.items() if v is not None}
        self.states[ref.hash] = state
        self.parents[ref.hash] = parent
        self.numbers[ref.hash] = self.numbers[parent] + 1
        if best:
            self.best = ref.hash

    @rule(changes=CHANGES)
    def a_sealed_block_is_final_at_once(self, changes: dict[bytes, bytes | None]) -> None:
        self.salt += 1
        parent = self.best
        ref = grow(self.store, changes, parent, b"%d" % self.salt, finalize=True)
        state = {k: v for k, v in {**self.states[parent], **changes}.items() if v is not None}
        self.states[ref.hash] = state
        self.parents[ref.hash] = parent
        self.numbers[ref.hash] = self.numbers[parent] + 1
        self.best = self.final = ref.hash

    @rule(data=st.data())
    def the_head_moves(self, data: st.DataObject) -> None:
        self.best = self.pick(data)
        self.store.set_best(self.best)

    @rule(data=st.data())
    def a_block_becomes_final(self, data: st.DataObject) -> None:
        before = set(self.alive())
        self.final = self.pick(data)
        discarded = self.store.finalize(self.final, (b"FRNK", b"proof"))
        dead = before - set(self.alive()) - set(self.chain(self.final))
        assert sorted(ref.hash for ref in discarded) == sorted(dead)
        heights = [ref.number for ref in discarded]
        assert heights == sorted(heights, reverse=True)
        if self.final not in self.chain(self.best):
            self.best = self.final

    @rule(count=st.integers(1, 3))
    def the_operator_reverts(self, count: int) -> None:
        chain = self.chain(self.best)
        count = min(count, self.numbers[self.best] - self.numbers[self.final])
        doomed = set(chain[:count])
        for hash in sorted(self.states, key=self.numbers.__getitem__):
            if self.parents[hash] in doomed:
                doomed.add(hash)
        if doomed & set(self.pinned):
            return
        self.store.revert(count)
        self.best = chain[count]
        for hash in doomed:
            del self.states[hash]
            del self.parents[hash]

    @rule(data=st.data())
    def a_block_is_pinned(self, data: st.DataObject) -> None:
        hash = self.pick(data)
        self.store.state.pin(hash)
        self.pinned.append(hash)

    @precondition(lambda self: self.pinned)
    @rule(data=st.data())
    def a_block_is_unpinned(self, data: st.DataObject) -> None:
        hash = data.draw(st.sampled_from(self.pinned))
        self.pinned.remove(hash)
        self.store.state.unpin(hash)

    @rule(retention=RETENTIONS)
    def the_node_restarts(self, retention: BlockRetention | None) -> None:
        self.pinned.clear()
        self.store = ChainStore(self.kv, pruning=self.window, retention=retention)

    # --- what holds

    @invariant()
    def heads_agree(self) -> None:
        blocks = self.store.blocks
        assert blocks.best == (self.best, self.numbers[self.best])
        assert blocks.finalized == (self.final, self.numbers[self.final])
        chain = self.chain(self.best)[::-1]
        assert [ref.hash for ref in blocks.canonical(0)] == chain

    @invariant()
    def the_flat_state_is_that_of_the_best_block(self) -> None:
        flat = {key[1:]: value for key, value in self.kv.iterate(STATE)}
        assert flat == self.states[self.best]

    @invariant()
    def every_kept_state_is_read_right_and_no_other(self) -> None:
        state = self.store.state
        must = set(self.alive())
        final = self.chain(self.final)
        must |= set(final if self.window is None else final[: self.window + 1])
        must |= set(self.pinned)
        for hash, expected in self.states.items():
            if hash not in must and not state.has_state(hash):
                continue
            reader = state.reader(hash)
            assert reader.root == plain_root(expected)
            assert dict(reader.entries()) == expected
            assert all(reader.get(key) == expected.get(key) for key in (b"alice", b"bob", b""))
            proof = reader.proof([b"bobby", b"al"])
            assert verify_proof(reader.root, proof, [b"bobby", b"al"]) == {
                b"bobby": expected.get(b"bobby"),
                b"al": expected.get(b"al"),
            }

    @invariant()
    def no_record_is_stored_that_no_state_needs(self) -> None:
        if self.window is None:
            return
        kept = [hash for hash in self.states if self.store.state.has_state(hash)]
        needed: set[bytes] = set()
        for hash in kept:
            needed |= needed_records(self.kv, self.store.state.reader(hash).root)
        assert stored_records(self.kv) == needed

    @invariant()
    def bodies_of_retained_blocks_are_kept_and_headers_always(self) -> None:
        blocks = self.store.blocks
        kept = blocks.retention.bodies
        if kept is not None:
            self.whole_from = max(self.whole_from, self.numbers[self.final] - kept + 1)
        assert blocks.bodies_from <= self.whole_from
        for hash in {*self.chain(self.best), *self.alive(), *self.pinned}:
            assert blocks.header(hash) is not None
            number = self.numbers[hash]
            has_body = not number or number >= blocks.bodies_from
            assert (blocks.body(hash) is not None) == has_body
            assert has_body or hash not in self.pinned

    @invariant()
    def the_self_check_passes(self) -> None:
        check_chain(self.kv, thorough=True)

    def teardown(self) -> None:
        """In the end everything becomes final, and nothing of the forks is left."""
        self.pinned.clear()
        self.store = ChainStore(self.kv, pruning=self.window, retention=BlockRetention(4))
        for number in range(5):
            grow(self.store, {b"n": b"%d" % number}, finalize=True)
        blocks = self.store.blocks
        assert blocks.bodies_from >= blocks.best.number - 3
        assert blocks.bodies_from <= self.store.state_import.lowest <= blocks.best.number
        assert not [*self.kv.keys(JOURNAL), *self.kv.keys(OPEN_BLOCK)]
        if self.window is None:
            return
        assert len(list(self.kv.keys(DEATHS))) == self.window
        kept = {ref.hash for ref in self.store.blocks.canonical(self.store.state.base.number)}
        needed = [needed_records(self.kv, self.store.state.reader(hash).root) for hash in kept]
        assert stored_records(self.kv) == set().union(*needed)
        # A sum above one belongs to a record that several kept states need.
        extras = {key[1:] for key in self.kv.keys(EXTRA)}
        assert extras <= stored_records(self.kv)


class Archive(Chain):
    window = None


quick = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
Chain.TestCase.settings = quick
Archive.TestCase.settings = settings(quick, max_examples=10)
TestAPrunedChain = Chain.TestCase
TestAnArchive = Archive.TestCase


def test_a_pruned_state_is_refused_with_its_reason() -> None:
    store = new_chain(MemoryKV(), pruning=2)
    first = store.blocks.best
    for number in range(4):
        grow(store, {b"n": b"%d" % number}, finalize=True)
    with pytest.raises(StateUnavailable, match=r"block 0 .* from block 2 on"):
        store.state.reader(first.hash)
