"""The invariants of the pool hold in any order of events."""

from __future__ import annotations

from collections import Counter
from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.validity import (
    FOREVER,
    CannotLookup,
    Invalid,
    Stale,
    TransactionSource,
    Unknown,
    ValidTransaction,
)
from btt_chain.scale import u64
from btt_chain.txpool import (
    BlockRef,
    ImmediatelyDropped,
    ImportedBlock,
    Included,
    Limit,
    Limits,
    Pool,
    PoolError,
    Status,
    Transaction,
)
from support.tiers import amount

Tags = tuple[bytes, ...]

LIMITS: Final = Limits(
    ready=Limit(9, 60),
    future=Limit(5, 30),
    ban_seconds=20,
    ban_entries=6,
    finality_blocks=4,
    tracked=8,
)

FOLLOWERS: Final[dict[Status | None, set[Status]]] = {
    None: {Status.READY, Status.FUTURE},
    Status.READY: {
        Status.FUTURE,
        Status.IN_BLOCK,
        Status.USURPED,
        Status.DROPPED,
        Status.INVALID,
    },
    Status.FUTURE: {
        Status.READY,
        Status.IN_BLOCK,
        Status.USURPED,
        Status.DROPPED,
        Status.INVALID,
    },
    Status.IN_BLOCK: {Status.RETRACTED, Status.FINALIZED, Status.FINALITY_TIMEOUT},
    Status.RETRACTED: {
        Status.READY,
        Status.FUTURE,
        Status.IN_BLOCK,
        Status.USURPED,
        Status.DROPPED,
        Status.INVALID,
    },
}
"""Statuses that may follow each; None is the state before the first and after the last."""

one_tag = st.integers(0, 7).map(lambda number: b"%d" % number)
maybe_tags = st.lists(one_tag, max_size=2).map(tuple)
some_tags = st.lists(one_tag, min_size=1, max_size=2).map(tuple)
numbers = st.integers(0, 11)
spans = st.integers(0, 6) | st.just(FOREVER)


class PoolMachine(RuleBasedStateMachine):
    """A pool between a fickle runtime, a chain that forks, and impatient users."""

    def __init__(self) -> None:
        super().__init__()
        self.verdicts: dict[bytes, ValidTransaction | Invalid | Unknown] = {}
        self.pool = Pool(self.judge, LIMITS)
        self.now = 0.0
        self.chain: list[ImportedBlock] = []
        self.final = 0
        self.blocks = 0
        self.state: dict[bytes, Status | None] = {}
        self.lives: Counter[bytes] = Counter()
        self.ends: Counter[bytes] = Counter()

    @initialize()
    def begin(self) -> None:
        self.extend([], known_tags=True)

    # --- helpers --------------------------------------------------------------

    def judge(self, raw: bytes, source: TransactionSource, at: BlockRef) -> ValidTransaction:
        verdict = self.verdicts[raw]
        if isinstance(verdict, ValidTransaction):
            return verdict
        raise verdict

    @property
    def best(self) -> BlockRef:
        return self.chain[-1].ref

    @staticmethod
    def raw(number: int) -> bytes:
        return b"%d" % number * (1 + number % 7)

    def extend(self, numbers: list[int], *, known_tags: bool) -> None:
        self.blocks += 1
        height = self.chain[-1].ref.number + 1 if self.chain else 1
        included = []
        for position, number in enumerate(dict.fromkeys(numbers)):
            raw = self.raw(number)
            verdict = self.verdicts.get(raw)
            if not isinstance(verdict, ValidTransaction):
                continue
            tags = verdict.provides if known_tags else None
            included.append(Included(position, blake2_256(raw), raw, tags))
        block = ImportedBlock(BlockRef(height, b"block %d" % self.blocks), included)
        self.chain.append(block)
        self.pool.on_block_imported(block, self.now)

    def read_events(self) -> None:
        for event in self.pool.drain():
            before = self.state.get(event.hash)
            if event.status is Status.BROADCAST:
                assert before in {Status.READY, Status.FUTURE}
                continue
            assert event.status in FOLLOWERS[before], (before, event)
            if before is None:
                self.lives[event.hash] += 1
            if event.status.ends:
                self.ends[event.hash] += 1
            self.state[event.hash] = None if event.status.ends else event.status

    # --- what happens ---------------------------------------------------------

    @rule(
        number=numbers,
        provides=maybe_tags,
        requires=maybe_tags,
        priority=st.integers(0, 6),
        longevity=spans,
    )
    def runtime_accepts(
        self, number: int, provides: Tags, requires: Tags, priority: int, longevity: int
    ) -> None:
        self.verdicts[self.raw(number)] = ValidTransaction(
            u64(priority), list(requires), list(provides), u64(longevity), propagate=True
        )

    @rule(number=numbers, doubtful=st.booleans())
    def runtime_refuses(self, number: int, doubtful: bool) -> None:
        self.verdicts[self.raw(number)] = Unknown(CannotLookup()) if doubtful else Invalid(Stale())

    @rule(
        number=numbers,
        provides=some_tags,
        requires=maybe_tags,
        priority=st.integers(0, 6),
        longevity=spans,
    )
    def submit_fresh(
        self, number: int, provides: Tags, requires: Tags, priority: int, longevity: int
    ) -> None:
        raw = self.raw(number)
        if blake2_256(raw) not in self.pool:
            self.runtime_accepts(number, provides, requires, priority, longevity)
        self.submit(number)

    @rule(number=numbers)
    def submit(self, number: int) -> None:
        raw = self.raw(number)
        if raw not in self.verdicts:
            return
        tx_hash = blake2_256(raw)
        self.read_events()
        before = self.state.get(tx_hash)
        try:
            assert self.pool.submit(raw, TransactionSource.External, self.now, self.best) == tx_hash
        except ImmediatelyDropped:
            self.read_events()
            assert self.state.get(tx_hash) is None
        except PoolError:
            # A refusal does not touch what the same bytes went through before.
            self.read_events()
            assert self.state.get(tx_hash) is before
        else:
            assert tx_hash in self.pool

    @rule(numbers=st.lists(numbers, max_size=4), known_tags=st.booleans())
    def a_peer_makes_a_block(self, numbers: list[int], known_tags: bool) -> None:
        self.extend(numbers, known_tags=known_tags)

    @rule(count=st.integers(0, 4), refused=st.integers(0, 4))
    def we_make_a_block(self, count: int, refused: int) -> None:
        raws = {self.raw(number): number for number in range(12)}
        taken: list[int] = []
        walk = self.pool.ready()
        for turn, tx in enumerate(walk):
            if turn == refused:
                walk.skip(tx.hash)
                self.pool.remove_invalid({tx.hash: "refused by the author"}, self.now)
            elif len(taken) < count:
                taken.append(raws[tx.raw])
        self.extend(taken, known_tags=True)

    @rule(depth=st.integers(1, 3), numbers=st.lists(numbers, max_size=3))
    def the_chain_forks(self, depth: int, numbers: list[int]) -> None:
        depth = min(depth, len(self.chain) - 1 - self.final)
        if depth <= 0:
            return
        left = self.chain[-depth:]
        del self.chain[-depth:]
        self.pool.on_retracted(reversed(left))
        self.extend(numbers, known_tags=True)

    @rule(count=st.integers(1, 2))
    def finality_moves(self, count: int) -> None:
        newly = self.chain[self.final : min(self.final + count, len(self.chain) - 1)]
        self.final += len(newly)
        self.pool.on_finalized(block.ref.hash for block in newly)

    @rule(budget=st.integers(1, 6))
    def recheck(self, budget: int) -> None:
        assert self.pool.revalidate(budget, self.now, self.best) <= budget

    @rule(number=numbers)
    def gossip(self, number: int) -> None:
        self.pool.on_broadcast({blake2_256(self.raw(number)): ["peer"]})

    @rule(seconds=st.integers(1, 15))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    # --- what holds -----------------------------------------------------------

    @invariant()
    def limits_hold(self) -> None:
        status = self.pool.status()
        assert status.ready <= LIMITS.ready.count
        assert status.ready_bytes <= LIMITS.ready.bytes
        assert status.future <= LIMITS.future.count
        assert status.future_bytes <= LIMITS.future.bytes
        assert len(self.pool._bans) <= 2 * LIMITS.ban_entries
        assert len(self.pool._inclusions) <= LIMITS.tracked
        retracted = self.pool.retracted
        assert len(retracted) <= LIMITS.ready.count
        assert retracted.bytes == sum(len(entry.raw) for _, entry in retracted.items())

    @invariant()
    def every_transaction_is_in_one_place(self) -> None:
        ready, future = self.pool._base.ready.members, self.pool._base.future.members
        retracted = [tx_hash for tx_hash, _ in self.pool.retracted.items()]
        places = Counter([*ready, *future, *retracted, *self.pool._inclusions._where])
        assert not places or max(places.values()) == 1
        assert set(self.pool._base.members) == set(ready) | set(future)
        assert self.pool.status().ready_bytes == sum(len(tx.raw) for tx in ready.values())
        assert self.pool.status().future_bytes == sum(len(tx.raw) for tx in future.values())

    @invariant()
    def the_tags_of_the_ready_agree_with_their_links(self) -> None:
        queue = self.pool._base.ready
        owed: dict[bytes, Transaction] = {}
        unprovided: dict[bytes, dict[Transaction, None]] = {}
        for tx in queue.members.values():
            owed.update(dict.fromkeys(tx.provides, tx))
            parents: dict[Transaction, None] = {}
            for tag in tx.requires:
                parent = queue.provider.get(tag)
                if parent is None:
                    unprovided.setdefault(tag, {})[tx] = None
                else:
                    parents[parent] = None
            assert tx.parents == parents
            assert all(tx in parent.children for parent in parents)
            assert all(tx in child.parents for child in tx.children)
            assert all(parent.level < tx.level for parent in parents)
        assert queue.provider == owed
        assert queue.unprovided == unprovided

    @invariant()
    def the_waiting_stand_under_the_tags_they_miss(self) -> None:
        queue = self.pool._base.future
        wanted: dict[bytes, dict[Transaction, None]] = {}
        offered: dict[bytes, dict[Transaction, None]] = {}
        for tx in queue.members.values():
            assert tx.missing
            for tag in tx.missing:
                wanted.setdefault(tag, {})[tx] = None
                assert tag not in self.pool._base.ready.provider
            for tag in tx.provides:
                offered.setdefault(tag, {})[tx] = None
        assert queue.wanted == wanted
        assert queue.offered == offered

    @invariant()
    def dependencies_come_first_and_all_come(self) -> None:
        provider = self.pool._base.ready.provider
        given: set[bytes] = set()
        came = []
        for tx in self.pool.ready():
            assert all(tag in given or tag not in provider for tag in tx.requires)
            given.update(tx.provides)
            came.append(tx.hash)
        assert sorted(came) == sorted(self.pool._base.ready.members)

    @invariant()
    def heaps_stay_within_twice_their_queue(self) -> None:
        for queue, newest in ((self.pool._base.ready, -1), (self.pool._base.future, 1)):
            for heap in (queue._worst, queue._expiry):
                assert len(heap) <= 2 * LIMITS.ready.count + 64
            members = queue.members.values()
            worst = min(members, key=lambda tx: (tx.priority, newest * tx.seq), default=None)
            assert queue.worst() is worst

    @invariant()
    def every_life_ends_once(self) -> None:
        self.read_events()
        for tx_hash, state in self.state.items():
            assert self.lives[tx_hash] - self.ends[tx_hash] == (state is not None)
        alive = {tx_hash for tx_hash, state in self.state.items() if state is not None}
        held = {
            *self.pool._base.members,
            *self.pool._inclusions._where,
            *(h for h, entry in self.pool.retracted.items() if entry.known),
        }
        assert alive == held
        for tx_hash in self.pool._base.members:
            expected = Status.READY if self.pool.is_ready(tx_hash) else Status.FUTURE
            assert self.state[tx_hash] is expected

    def teardown(self) -> None:
        """Left alone, with a runtime that has had enough, everything comes to its end."""
        if not self.chain:
            return
        for raw in self.verdicts:
            self.verdicts[raw] = Invalid(Stale())
        while self.pool.revalidate(100, self.now, BlockRef(self.best.number, b"the last")):
            pass
        self.pool.on_finalized(block.ref.hash for block in self.chain)
        self.read_events()
        assert self.lives == self.ends
        assert not any(self.state.values())


PoolMachine.TestCase.settings = settings(
    max_examples=amount(40, 1_000), stateful_step_count=50, deadline=None
)
test_the_promises_of_the_pool_hold = PoolMachine.TestCase
