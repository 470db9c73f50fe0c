"""The rules of the pool, one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.validity import (
    FOREVER,
    BadProof,
    CannotLookup,
    Future,
    Invalid,
    InvalidCustom,
    Stale,
    TransactionSource,
    Unknown,
    ValidTransaction,
)
from btt_chain.scale import u8, u64
from btt_chain.txpool import (
    AlreadyImported,
    BlockRef,
    CycleDetected,
    FutureRejected,
    ImmediatelyDropped,
    ImportedBlock,
    Included,
    Limit,
    Limits,
    NoTagsProvided,
    Pool,
    PoolError,
    PoolStatus,
    Status,
    StatusEvent,
    TemporarilyBanned,
    TooLowPriority,
    TransactionInvalid,
    Unactionable,
    ValidityUnknown,
    nonce_tag,
)

ALICE = b"A" * 32
BOB = b"B" * 32
Verdict = ValidTransaction | Invalid | Unknown


def tags(names: str) -> list[bytes]:
    return [name.encode() for name in names.split()]


class World:
    """A pool, a runtime whose verdicts are written down, a chain and a clock."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        authors: bool = True,
        accepts_future: bool = True,
    ) -> None:
        self.verdicts: dict[bytes, Verdict] = {}
        self.asked: list[bytes] = []
        self.now = 1_000.0
        self.best = BlockRef(10, b"block 10")
        self.pool = Pool(
            self.judge,
            limits,
            authors=authors,
            accepts_future=accepts_future,
        )

    def judge(self, raw: bytes, source: TransactionSource, at: BlockRef) -> ValidTransaction:
        self.asked.append(raw)
        verdict = self.verdicts[raw]
        if isinstance(verdict, ValidTransaction):
            return verdict
        raise verdict

    def let(
        self,
        name: str,
        provides: str | Sequence[bytes],
        requires: str | Sequence[bytes] = "",
        priority: int = 5,
        longevity: int = FOREVER,
        *,
        propagate: bool = True,
    ) -> None:
        """The runtime will find the transaction of this name valid."""
        self.verdicts[name.encode()] = ValidTransaction(
            u64(priority),
            tags(requires) if isinstance(requires, str) else list(requires),
            tags(provides) if isinstance(provides, str) else list(provides),
            u64(longevity),
            propagate,
        )

    def refuse(self, name: str, verdict: Invalid | Unknown) -> None:
        self.verdicts[name.encode()] = verdict

    def submit(self, name: str) -> bytes:
        return self.pool.submit(name.encode(), TransactionSource.External, self.now, self.best)

    def add(
        self,
        name: str,
        provides: str | Sequence[bytes],
        requires: str | Sequence[bytes] = "",
        priority: int = 5,
        longevity: int = FOREVER,
        *,
        propagate: bool = True,
    ) -> bytes:
        self.let(name, provides, requires, priority, longevity, propagate=propagate)
        return self.submit(name)

    def ready(self) -> list[str]:
        return [tx.raw.decode() for tx in self.pool.ready()]

    def futures(self) -> list[str]:
        return [tx.raw.decode() for tx in self.pool.futures()]

    def news(self) -> list[str]:
        """What happened since the last time, as "name status" in order."""
        names = {blake2_256(raw): raw.decode() for raw in self.verdicts}
        return [f"{names[event.hash]} {event.status}" for event in self.pool.drain()]

    def block(
        self, label: str, contents: Iterable[tuple[str, str]], number: int | None = None
    ) -> ImportedBlock:
        """A block of (name, provided tags); an empty tag text means that nobody knows them."""
        return ImportedBlock(
            BlockRef(self.best.number + 1 if number is None else number, label.encode()),
            [
                Included(
                    index + 1,
                    blake2_256(name.encode()),
                    name.encode(),
                    tags(provides) if provides else None,
                )
                for index, (name, provides) in enumerate(contents)
            ],
        )

    def enact(self, block: ImportedBlock) -> None:
        self.best = block.ref
        self.pool.on_block_imported(block, self.now)

    def recheck(self) -> None:
        while self.pool.revalidate(10, self.now, self.best):
            pass


@pytest.fixture
def world() -> World:
    return World()


# --- entering ---------------------------------------------------------------------


def test_a_valid_transaction_is_ready_at_once(world: World) -> None:
    tx_hash = world.add("a", "1")

    assert tx_hash == blake2_256(b"a")
    assert world.pool.pending() == [b"a"]
    assert world.pool.drain() == [StatusEvent(tx_hash, Status.READY)]
    assert tx_hash in world.pool
    assert world.pool.is_ready(tx_hash)


def test_the_same_bytes_enter_once(world: World) -> None:
    tx_hash = world.add("a", "1")

    with pytest.raises(AlreadyImported) as refusal:
        world.submit("a")

    assert (refusal.value.code, refusal.value.data) == (1013, "0x" + tx_hash.hex())
    assert world.asked == [b"a"]


def test_an_invalid_transaction_is_refused_in_the_words_of_the_runtime(world: World) -> None:
    world.refuse("a", Invalid(BadProof()))

    with pytest.raises(TransactionInvalid) as refusal:
        world.submit("a")

    error = refusal.value
    assert (error.code, error.message) == (1010, "Invalid Transaction")
    assert error.data == "Transaction has a bad signature"
    assert world.pool.drain() == []


def test_a_custom_reason_shows_its_number(world: World) -> None:
    world.refuse("a", Invalid(InvalidCustom(u8(7))))

    with pytest.raises(TransactionInvalid) as refusal:
        world.submit("a")

    assert refusal.value.data == "Custom error: 7"


def test_an_invalid_transaction_is_banned_with_reason_and_time(world: World) -> None:
    world.refuse("a", Invalid(BadProof()))
    with pytest.raises(TransactionInvalid):
        world.submit("a")
    world.now += 60

    with pytest.raises(TemporarilyBanned) as refusal:
        world.submit("a")

    error = refusal.value
    assert (error.code, error.message) == (1012, "Transaction is temporarily banned")
    assert error.data == "Transaction has a bad signature; the ban ends in 1740 seconds"
    assert world.asked == [b"a"]


def test_a_ban_ends_after_half_an_hour(world: World) -> None:
    world.refuse("a", Invalid(BadProof()))
    with pytest.raises(TransactionInvalid):
        world.submit("a")
    world.now += 30 * 60

    world.add("a", "1")

    assert world.ready() == ["a"]


def test_what_comes_too_early_is_refused_but_not_banned(world: World) -> None:
    """An unsigned one of a node that is a block ahead; nonces that are high wait instead."""
    world.refuse("a", Invalid(Future()))
    with pytest.raises(TransactionInvalid):
        world.submit("a")

    world.add("a", "1")

    assert world.ready() == ["a"]


def test_a_doubtful_transaction_is_refused_but_not_banned(world: World) -> None:
    world.refuse("a", Unknown(CannotLookup()))
    with pytest.raises(ValidityUnknown) as refusal:
        world.submit("a")
    assert (refusal.value.code, refusal.value.data) == (1011, "CannotLookup")

    world.add("a", "1")

    assert world.ready() == ["a"]


def test_a_transaction_without_tags_is_refused(world: World) -> None:
    with pytest.raises(NoTagsProvided) as refusal:
        world.add("a", "")

    assert refusal.value.code == 1019


def test_what_must_not_be_passed_on_needs_an_author() -> None:
    idle = World(authors=False)
    with pytest.raises(Unactionable) as refusal:
        idle.add("a", "1", propagate=False)
    assert refusal.value.code == 1018

    author = World()
    author.add("a", "1", propagate=False)
    assert author.ready() == ["a"]


def test_a_pool_may_keep_none_that_wait() -> None:
    world = World(accepts_future=False)

    with pytest.raises(FutureRejected) as refusal:
        world.add("b", "2", "1")

    assert refusal.value.code == 1021
    assert world.pool.status() == PoolStatus(0, 0, 0, 0)


def test_a_judge_may_be_given_with_the_submission(world: World) -> None:
    verdict = ValidTransaction(u64(1), [], [b"1"])

    world.pool.submit(
        b"a", TransactionSource.Local, world.now, world.best, lambda raw, source, at: verdict
    )

    assert world.ready() == ["a"]
    assert world.asked == []


def test_events_that_nobody_drains_stop_the_pool_loudly() -> None:
    world = World(Limits(outbox=1))
    world.add("a", "1")
    world.add("b", "2")

    with pytest.raises(RuntimeError, match="drains"):
        world.add("c", "3")


# --- order ------------------------------------------------------------------------


def test_the_higher_priority_goes_first(world: World) -> None:
    world.add("low", "1", priority=1)
    world.add("high", "2", priority=9)

    assert world.ready() == ["high", "low"]


def test_at_one_priority_the_earlier_end_of_validity_goes_first(world: World) -> None:
    world.add("long", "1", longevity=64)
    world.add("short", "2", longevity=8)

    assert world.ready() == ["short", "long"]


def test_all_else_equal_the_earlier_arrival_goes_first(world: World) -> None:
    for name in ("c", "a", "b"):
        world.add(name, name)

    assert world.ready() == ["c", "a", "b"]


def test_dependencies_go_first_whatever_they_pay(world: World) -> None:
    world.add("cheap", "1", priority=1)
    world.add("dear", "2", "1", priority=100)
    world.add("fair", "3", priority=50)

    assert world.ready() == ["fair", "cheap", "dear"]


def test_a_transaction_waits_for_all_its_parents(world: World) -> None:
    world.add("a", "1", priority=1)
    world.add("b", "2", priority=2)
    world.add("c", "3", "1 2", priority=9)

    assert world.ready() == ["b", "a", "c"]


def test_what_the_author_skips_takes_its_dependants_along(world: World) -> None:
    world.add("a", "1", priority=9)
    world.add("b", "2", "1")
    world.add("c", "3", "2")
    world.add("d", "4", priority=1)

    walk = world.pool.ready()
    came = []
    for tx in walk:
        came.append(tx.raw.decode())
        if tx.raw == b"b":
            walk.skip(tx.hash)

    assert came == ["a", "b", "d"]
    assert world.ready() == ["a", "b", "c", "d"]


def test_a_skip_ahead_keeps_a_transaction_from_coming(world: World) -> None:
    world.add("a", "1", priority=9)
    late = world.add("b", "2", "1")
    world.add("c", "3", "2")
    walk = world.pool.ready()

    walk.skip(late)

    assert [tx.raw for tx in walk] == [b"a"]


def test_a_walk_survives_changes_of_the_pool(world: World) -> None:
    gone = world.add("a", "1", priority=9)
    world.add("b", "2", priority=8)
    other = world.add("c", "3", priority=7)
    walk = world.pool.ready()
    first = next(walk)

    world.pool.remove_invalid({other: "test"}, world.now)
    world.add("d", "4", "1")

    assert first.hash == gone
    assert [tx.raw for tx in walk] == [b"b", b"d"]


def test_a_walk_never_brings_a_child_before_a_parent_that_came_meanwhile(world: World) -> None:
    world.enact(world.block("x", [("foreign", "1")]))
    world.add("child", "2", "1", priority=5)
    world.add("first", "3", priority=9)
    walk = world.pool.ready()
    assert next(walk).raw == b"first"

    world.add("late", "1", priority=1)

    assert b"child" not in [tx.raw for tx in walk]
    assert world.ready() == ["first", "late", "child"]


# --- future -----------------------------------------------------------------------


def test_a_gap_makes_a_transaction_wait_until_it_closes(world: World) -> None:
    world.add("b", "2", "1")
    assert (world.ready(), world.futures()) == ([], ["b"])

    world.add("a", "1")

    assert (world.ready(), world.futures()) == (["a", "b"], [])
    assert world.news() == ["b future", "a ready", "b ready"]


def test_a_closed_gap_sets_free_a_whole_chain(world: World) -> None:
    world.add("c", "3", "2")
    world.add("d", "4", "3")
    world.add("b", "2", "1")

    world.add("a", "1")

    assert world.ready() == ["a", "b", "c", "d"]


def test_a_waiting_transaction_needs_all_its_tags(world: World) -> None:
    world.add("c", "3", "1 2")
    world.add("a", "1")
    assert world.futures() == ["c"]

    world.add("b", "2")

    assert world.ready() == ["a", "b", "c"]


def test_a_tag_that_went_again_does_not_set_free(world: World) -> None:
    world.add("c", "3", "1 2")
    a = world.add("a", "1")
    world.pool.remove_invalid({a: "test"}, world.now)

    world.add("b", "2")

    assert (world.ready(), world.futures()) == (["b"], ["c"])
    world.add("a2", "1")
    assert world.ready() == ["b", "a2", "c"]


def test_of_several_with_one_tag_the_best_is_set_free(world: World) -> None:
    world.add("poor", "2", "1", priority=3)
    world.add("rich", "2", "1", priority=7)
    world.add("middle", "2", "1", priority=5)
    world.news()

    world.add("a", "1")

    assert world.ready() == ["a", "rich"]
    assert world.futures() == []
    assert world.news() == ["a ready", "rich ready", "middle usurped", "poor usurped"]


# --- replacement ------------------------------------------------------------------


def test_a_replacement_must_pay_more(world: World) -> None:
    world.add("old", "1", priority=5)

    with pytest.raises(TooLowPriority) as refusal:
        world.add("new", "1", priority=5)

    error = refusal.value
    assert (error.code, error.message) == (1014, "Priority is too low: (5 vs 5)")
    assert error.data == (
        "The transaction has too low priority to replace another transaction already in the pool."
    )
    assert world.ready() == ["old"]


def test_a_better_payer_usurps_the_place(world: World) -> None:
    old = world.add("old", "1", priority=5)
    world.pool.drain()

    new = world.add("new", "1", priority=6)

    assert world.ready() == ["new"]
    assert world.pool.drain() == [
        StatusEvent(old, Status.USURPED, by=new),
        StatusEvent(new, Status.READY),
    ]


def test_a_replacement_of_several_must_outbid_their_sum(world: World) -> None:
    world.add("a", "1", priority=5)
    world.add("b", "2", priority=5)
    with pytest.raises(TooLowPriority, match=r"\(10 vs 10\)"):
        world.add("c", "1 2", priority=10)

    world.add("d", "1 2", priority=11)

    assert world.ready() == ["d"]


def test_dependants_of_the_same_tag_stay_ready_after_a_replacement(world: World) -> None:
    world.add("old", "1")
    world.add("child", "2", "1")
    world.news()

    world.add("new", "1", priority=6)

    assert world.ready() == ["new", "child"]
    assert world.news() == ["old usurped", "new ready"]


def test_dependants_of_a_tag_that_went_wait_again(world: World) -> None:
    world.add("old", "1 2")
    world.add("child", "3", "2")
    world.add("grandchild", "4", "3")
    world.news()

    world.add("new", "1", priority=6)

    assert world.ready() == ["new"]
    assert sorted(world.futures()) == ["child", "grandchild"]
    assert world.news() == ["old usurped", "new ready", "child future", "grandchild future"]


# --- cycles -----------------------------------------------------------------------


def test_a_transaction_that_needs_itself_is_refused(world: World) -> None:
    with pytest.raises(CycleDetected) as refusal:
        world.add("a", "1", "1")

    assert (refusal.value.code, refusal.value.message) == (1015, "Cycle Detected")


def test_a_transaction_cannot_replace_what_it_depends_on(world: World) -> None:
    world.add("a", "1")
    world.add("b", "2", "1")

    with pytest.raises(CycleDetected):
        world.add("c", "1 3", "2", priority=100)

    assert world.ready() == ["a", "b"]


def test_waiting_transactions_that_close_a_cycle_do_not_push_out_the_opener(world: World) -> None:
    world.add("a", "1", "0")
    world.add("b", "0", "1", priority=50)
    world.news()

    world.add("opener", "0", priority=1)

    assert world.ready() == ["opener", "a"]
    assert world.news() == ["opener ready", "a ready", "b dropped"]


def test_a_late_provider_must_not_depend_on_its_own_dependant(world: World) -> None:
    world.enact(world.block("x", [("other", "0")]))
    world.add("child", "1", "0")

    with pytest.raises(CycleDetected):
        world.add("late", "0", "1")

    assert world.ready() == ["child"]


def test_a_late_provider_is_known_as_an_ancestor_from_then_on(world: World) -> None:
    world.enact(world.block("x", [("foreign", "1")]))
    world.add("b", "2", "1")
    world.add("c", "3", "2")
    world.add("root", "0")
    world.add("late", "1", "0")

    with pytest.raises(CycleDetected):
        world.add("d", "1", "3", priority=100)

    assert world.ready() == ["root", "late", "b", "c"]


# --- limits -----------------------------------------------------------------------


def small(count: int = 3, size: int = 1_000, future: int = 2) -> World:
    return World(Limits(ready=Limit(count, size), future=Limit(future, size)))


def test_a_full_pool_drops_the_lowest_priority_and_bans_it_for_a_slot() -> None:
    world = small()
    for name, priority in (("a", 4), ("b", 2), ("c", 3)):
        world.add(name, name, priority=priority)
    world.news()

    world.add("d", "d", priority=5)

    assert world.ready() == ["d", "a", "c"]
    assert world.news() == ["d ready", "b dropped"]
    with pytest.raises(TemporarilyBanned) as refusal:
        world.submit("b")
    assert refusal.value.reason == "there is no room in the pool"
    world.now += 6
    world.add("b", "b", priority=6)
    assert world.ready() == ["b", "d", "a"]


def test_at_one_priority_a_full_pool_takes_no_more_and_loses_nobody() -> None:
    world = small()
    for name in "abc":
        world.add(name, name)

    with pytest.raises(ImmediatelyDropped) as refusal:
        world.add("d", "d")

    assert world.ready() == ["a", "b", "c"]
    assert refusal.value.full == PoolStatus(3, 3, 0, 0)
    assert str(refusal.value).startswith(
        "Immediately Dropped: The transaction couldn't enter the pool because of the limit: "
        "3 are ready (3 bytes), 0 wait for a nonce (0 bytes); submit it again"
    )


def test_of_equals_a_full_pool_drops_the_newest_for_a_better_payer() -> None:
    world = small()
    for name in "abc":
        world.add(name, name)

    world.add("d", "d", priority=9)

    assert world.ready() == ["d", "a", "b"]


def test_what_returns_from_a_block_has_room_before_those_who_came_later() -> None:
    world = small(count=2)
    for name in "ab":
        world.add(name, name)
    block = world.block("x", [("a", "a"), ("b", "b")])
    world.enact(block)
    for name in "cd":
        world.add(name, name)

    world.pool.on_retracted([block])
    world.enact(world.block("y", [], number=11))
    world.recheck()

    assert world.ready() == ["a", "b"]


def test_a_full_pool_refuses_the_lowest_bid_and_changes_nothing() -> None:
    world = small()
    for name in "abc":
        world.add(name, name, priority=5)
    world.news()

    with pytest.raises(ImmediatelyDropped) as refusal:
        world.add("d", "d", priority=4)

    assert (refusal.value.code, refusal.value.message) == (1016, "Immediately Dropped")
    assert world.ready() == ["a", "b", "c"]
    assert world.news() == []
    with pytest.raises(TemporarilyBanned):
        world.submit("d")


def test_what_is_dropped_takes_its_dependants_along() -> None:
    world = small()
    world.add("a", "1", priority=1)
    world.add("b", "2", "1", priority=9)
    world.add("c", "3", priority=5)

    world.add("d", "4", priority=5)

    assert world.ready() == ["c", "d"]


def test_nothing_is_dropped_for_one_that_depends_on_it() -> None:
    world = small()
    world.add("a", "1", priority=1)
    world.add("b", "2", priority=5)
    world.add("c", "3", priority=5)

    with pytest.raises(ImmediatelyDropped):
        world.add("d", "4", "1", priority=9)

    assert world.ready() == ["b", "c", "a"]


def test_bytes_are_limited_too() -> None:
    world = small(count=100, size=10)
    world.add("aaaa", "1", priority=1)
    world.add("bbbb", "2", priority=2)

    world.add("cccc", "3", priority=3)

    assert world.ready() == ["cccc", "bbbb"]
    assert world.pool.status() == PoolStatus(2, 8, 0, 0)
    with pytest.raises(ImmediatelyDropped):
        world.add("d" * 11, "4", priority=100)
    assert world.asked[-1] == b"cccc"


def test_the_waiting_are_limited_apart() -> None:
    world = small()
    world.add("a", "1", "0", priority=5)
    world.add("b", "2", "0", priority=4)
    world.add("c", "3", "0", priority=6)
    assert world.futures() == ["a", "c"]

    with pytest.raises(ImmediatelyDropped):
        world.add("d", "4", "0", priority=1)

    assert world.futures() == ["a", "c"]
    assert world.ready() == []


def test_the_list_of_bans_is_bounded() -> None:
    world = World(Limits(ban_entries=4))
    names = [f"bad {number}" for number in range(9)]
    for name in names:
        world.refuse(name, Invalid(BadProof()))
        with pytest.raises(TransactionInvalid):
            world.submit(name)

    # At twice the entries the oldest went: four of nine are still banned.
    outcomes = []
    for name in names[5:]:
        with pytest.raises(PoolError) as refusal:
            world.submit(name)
        outcomes.append(refusal.value.code)
    assert outcomes == [1012] * 4
    with pytest.raises(TransactionInvalid):
        world.submit(names[4])


def test_bans_that_are_over_are_forgotten_with_the_next_block(world: World) -> None:
    world.refuse("a", Invalid(BadProof()))
    with pytest.raises(TransactionInvalid):
        world.submit("a")
    world.now += 30 * 60

    world.enact(world.block("x", []))

    assert len(world.pool._bans) == 0


def test_a_storm_of_replacements_leaves_no_litter(world: World) -> None:
    for bid in range(500):
        world.add(f"bid {bid}", "1", priority=bid)

    assert world.ready() == ["bid 499"]
    assert len(world.pool._ready._worst) <= 2 + 64
    assert len(world.pool._ready._expiry) <= 2 + 64


# --- blocks -----------------------------------------------------------------------


def test_an_included_transaction_leaves_and_its_dependants_stay(world: World) -> None:
    a = world.add("a", "1")
    world.add("b", "2", "1")
    world.pool.drain()

    world.enact(world.block("x", [("a", "1")]))

    assert world.ready() == ["b"]
    assert world.pool.drain() == [StatusEvent(a, Status.IN_BLOCK, b"x", 1)]


def test_tags_of_the_last_two_blocks_still_count(world: World) -> None:
    world.enact(world.block("x", [("foreign", "1")]))
    world.enact(world.block("y", []))
    world.add("b", "2", "1")
    assert world.ready() == ["b"]

    world.enact(world.block("z", []))
    world.add("c", "3", "1")
    assert world.futures() == ["c"]


def test_a_block_closes_the_gap_of_those_who_wait(world: World) -> None:
    world.add("b", "2", "1")

    world.enact(world.block("x", [("foreign", "1")]))

    assert world.ready() == ["b"]
    assert world.news() == ["b future", "b ready"]


def test_what_a_block_rules_out_is_usurped_by_what_it_holds(world: World) -> None:
    loser = world.add("loser", "1")
    world.add("child", "2", "1")
    waiting = world.add("waiting", "1", "9")
    world.pool.drain()

    world.enact(world.block("x", [("winner", "1")]))

    winner = blake2_256(b"winner")
    assert world.ready() == ["child"]
    assert world.pool.drain() == [
        StatusEvent(loser, Status.USURPED, by=winner),
        StatusEvent(waiting, Status.USURPED, by=winner),
    ]


def test_dependants_of_a_ruled_out_transactions_other_tags_wait(world: World) -> None:
    world.add("loser", "1 2")
    world.add("child", "3", "2")

    world.enact(world.block("x", [("winner", "1")]))

    assert (world.ready(), world.futures()) == ([], ["child"])


def test_a_block_may_include_one_that_waited(world: World) -> None:
    world.add("b", "2", "1")

    world.enact(world.block("x", [("a", ""), ("b", "")]))

    assert world.pool.status() == PoolStatus(0, 0, 0, 0)
    assert world.pool.drain()[-1].status is Status.IN_BLOCK


def test_a_transaction_grows_stale_with_its_era(world: World) -> None:
    world.add("old", "1", longevity=2)
    world.add("child", "2", "1")
    world.add("waiting", "4", "3", longevity=2)
    world.enact(world.block("x", []))
    assert world.ready() == ["old", "child"]
    world.news()

    world.enact(world.block("y", []))

    assert world.pool.status() == PoolStatus(0, 0, 0, 0)
    assert world.news() == ["old invalid", "child invalid", "waiting invalid"]
    with pytest.raises(TemporarilyBanned, match="outdated at block 12"):
        world.submit("old")
    world.submit("child")


def test_importing_a_block_twice_changes_nothing(world: World) -> None:
    world.add("a", "1")
    block = world.block("x", [("a", "1")])
    world.enact(block)
    world.news()

    world.enact(block)

    assert world.news() == []


# --- forks ------------------------------------------------------------------------


def test_transactions_of_a_retracted_block_return(world: World) -> None:
    a = world.add("a", "1")
    world.add("b", "2", "1")
    block = world.block("x", [("a", "1")])
    world.enact(block)
    world.pool.drain()

    world.pool.on_retracted([block])
    world.enact(world.block("y", [], number=11))
    world.recheck()

    assert world.ready() == ["a", "b"]
    assert world.pool.drain() == [
        StatusEvent(a, Status.RETRACTED, b"x", 1),
        StatusEvent(a, Status.READY),
    ]


def test_a_transaction_that_the_other_fork_holds_too_does_not_return(world: World) -> None:
    a = world.add("a", "1")
    left = world.block("x", [("a", "1")])
    world.enact(left)
    world.pool.drain()

    world.pool.on_retracted([left])
    world.enact(world.block("y", [("foreign", "7"), ("a", "1")], number=11))
    world.recheck()

    assert world.ready() == []
    assert world.pool.drain() == [
        StatusEvent(a, Status.RETRACTED, b"x", 1),
        StatusEvent(a, Status.IN_BLOCK, b"y", 2),
    ]


def test_a_retracted_transaction_that_became_invalid_ends(world: World) -> None:
    world.add("a", "1")
    world.add("b", "2", "1")
    block = world.block("x", [("a", "1")])
    world.enact(block)
    world.refuse("a", Invalid(Stale()))
    world.news()

    world.pool.on_retracted([block])
    world.enact(world.block("y", [], number=11))
    world.recheck()

    assert world.news() == ["a retracted", "a invalid", "b future"]
    assert world.futures() == ["b"]


def test_dependants_of_one_that_does_not_return_wait_at_once(world: World) -> None:
    world.add("a", "1")
    world.add("b", "2", "1")
    block = world.block("x", [("a", "1")])
    world.enact(block)
    world.refuse("a", Invalid(Stale()))

    world.pool.on_retracted([block])
    assert world.pool.revalidate(1, world.now, BlockRef(11, b"y")) == 1

    assert (world.ready(), world.futures()) == ([], ["b"])


def test_a_retracted_transaction_whose_place_is_taken_is_usurped(world: World) -> None:
    a = world.add("a", "1")
    block = world.block("x", [("a", "1")])
    world.enact(block)
    world.pool.on_retracted([block])
    rival = world.add("rival", "1", priority=9)
    world.pool.drain()

    world.recheck()

    assert world.pool.drain() == [StatusEvent(a, Status.USURPED, by=rival)]


def test_a_retraction_told_late_does_not_bring_back_what_is_included_again(world: World) -> None:
    world.add("a", "1")
    left = world.block("x", [("a", "1")])
    world.enact(left)
    world.enact(world.block("y", [("a", "1")], number=11))

    world.pool.on_retracted([left])
    world.recheck()

    assert world.ready() == []
    assert world.news() == ["a ready", "a inBlock", "a retracted", "a inBlock"]


def test_foreign_transactions_of_a_retracted_block_are_taken_in(world: World) -> None:
    world.let("foreign", "1")
    block = world.block("x", [("foreign", "1")])
    world.enact(block)

    world.pool.on_retracted([block])
    world.recheck()

    assert world.ready() == ["foreign"]
    assert world.news() == ["foreign ready"]


def test_an_invalid_foreign_transaction_of_a_retracted_block_goes_silently(world: World) -> None:
    world.refuse("foreign", Invalid(Stale()))
    block = world.block("x", [("foreign", "1")])
    world.enact(block)

    world.pool.on_retracted([block])
    world.recheck()

    assert world.news() == []


def test_a_long_row_of_nonces_returns_ready_even_from_several_blocks() -> None:
    world = small(count=100, future=2)
    blocks = []
    for number in range(6):
        name = f"tx {number}"
        world.add(
            name, [nonce_tag(ALICE, number)], [nonce_tag(ALICE, number - 1)] if number else ()
        )
        included = Included(0, blake2_256(name.encode()), name.encode(), None)
        block = ImportedBlock(BlockRef(11 + number, name.encode()), [included])
        world.enact(block)
        blocks.append(block)

    world.pool.on_retracted(reversed(blocks))
    world.recheck()

    assert world.ready() == [f"tx {number}" for number in range(6)]


def test_what_waits_to_return_is_bounded() -> None:
    world = small(count=2)
    for name in "ab":
        world.add(name, name)
    full = world.block("x", [("a", "a"), ("b", "b")])
    world.enact(full)
    for name in "cd":
        world.add(name, name)
    fuller = world.block("y", [("c", "c"), ("d", "d")])
    world.enact(fuller)
    world.news()

    world.pool.on_retracted([fuller, full])

    assert world.news() == [
        "a retracted",
        "b retracted",
        "c retracted",
        "c dropped",
        "d retracted",
        "d dropped",
    ]


def test_a_submission_of_one_that_is_on_its_way_back_is_a_repetition(world: World) -> None:
    world.add("a", "1")
    block = world.block("x", [("a", "1")])
    world.enact(block)
    world.pool.on_retracted([block])

    with pytest.raises(AlreadyImported):
        world.submit("a")


def test_a_late_provider_goes_before_those_that_were_ready_without_it(world: World) -> None:
    world.enact(world.block("x", [("foreign", "1")]))
    world.add("b", "2", "1", priority=9)
    world.add("c", "3", "2", priority=9)

    world.add("late", "1", priority=1)

    assert world.ready() == ["late", "b", "c"]
    world.add("better", "2", "1", priority=10)
    assert world.ready() == ["late", "better", "c"]


# --- finality ---------------------------------------------------------------------


def test_finality_ends_the_story_of_what_is_in_the_block(world: World) -> None:
    a = world.add("a", "1")
    world.enact(world.block("x", [("foreign", ""), ("a", "1")]))
    world.pool.drain()

    world.pool.on_finalized([b"w", b"x"])

    assert world.pool.drain() == [StatusEvent(a, Status.FINALIZED, b"x", 2)]
    world.pool.on_finalized([b"x"])
    assert world.pool.drain() == []


def test_a_transaction_that_waits_for_finality_is_not_taken_again(world: World) -> None:
    world.add("a", "1")
    world.enact(world.block("x", [("a", "1")]))
    with pytest.raises(AlreadyImported):
        world.submit("a")

    # The runtime's own word comes first, as wallets expect it.
    world.refuse("a", Invalid(Stale()))
    with pytest.raises(TransactionInvalid, match="outdated"):
        world.submit("a")


def test_finality_that_does_not_come_in_512_blocks_times_out(world: World) -> None:
    a = world.add("a", "1")
    world.enact(world.block("x", [("a", "1")]))
    world.pool.drain()
    world.enact(world.block("y", [], number=11 + 511))
    assert world.pool.drain() == []

    world.enact(world.block("z", [], number=11 + 512))

    assert world.pool.drain() == [StatusEvent(a, Status.FINALITY_TIMEOUT, b"x", 1)]


def test_what_waits_for_finality_is_bounded() -> None:
    world = World(Limits(tracked=2))
    for name in "abc":
        world.add(name, name)
    world.enact(world.block("x", [("a", "a")]))
    world.enact(world.block("y", [("b", "b")]))
    world.news()

    world.enact(world.block("z", [("c", "c")]))

    assert world.news() == ["c inBlock", "a finalityTimeout"]


# --- rechecks ---------------------------------------------------------------------


def test_what_is_no_longer_valid_leaves_after_a_block(world: World) -> None:
    world.add("a", "1")
    world.add("b", "2", "1")
    world.news()
    world.refuse("a", Invalid(Stale()))

    world.enact(world.block("x", []))
    world.recheck()

    assert (world.ready(), world.futures()) == ([], ["b"])
    assert world.news() == ["a invalid", "b future"]
    with pytest.raises(TemporarilyBanned, match="outdated"):
        world.submit("a")


def test_what_became_doubtful_leaves_without_a_ban(world: World) -> None:
    world.add("a", "1")
    world.refuse("a", Unknown(CannotLookup()))
    world.news()

    world.enact(world.block("x", []))
    world.recheck()

    assert world.news() == ["a dropped"]
    world.add("a", "1")


def test_each_transaction_is_asked_about_once_per_block(world: World) -> None:
    for name in "abcde":
        world.add(name, name)
    world.enact(world.block("x", []))
    world.asked.clear()

    counts = [world.pool.revalidate(2, world.now, world.best) for _ in range(4)]

    assert counts == [2, 2, 1, 0]
    assert sorted(world.asked) == [b"a", b"b", b"c", b"d", b"e"]


def test_a_recheck_cut_short_goes_on_where_it_stopped(world: World) -> None:
    for name in "abcd":
        world.add(name, name)
    world.asked.clear()

    for label in ("x", "y"):
        world.enact(world.block(label, []))
        world.pool.revalidate(2, world.now, world.best)

    assert world.asked == [b"a", b"b", b"c", b"d"]


def test_a_recheck_may_move_a_transaction_both_ways(world: World) -> None:
    world.add("a", "2")
    world.add("b", "3", "2")
    world.news()

    world.let("a", "2", "1")
    world.enact(world.block("x", []))
    world.recheck()
    assert world.futures() == ["a", "b"]

    world.let("a", "2")
    world.enact(world.block("y", []))
    world.recheck()
    assert world.ready() == ["a", "b"]
    assert world.news() == ["b future", "a future", "a ready", "b ready"]


def test_a_recheck_may_change_the_priority_and_keeps_the_rest(world: World) -> None:
    world.add("a", "1", priority=5)
    world.add("a2", "2", "1", priority=5)
    world.add("b", "3", priority=4)
    world.news()
    world.let("a", "1", priority=3)

    world.enact(world.block("x", []))
    world.recheck()

    assert world.ready() == ["b", "a", "a2"]
    assert world.news() == []


def test_a_recheck_that_raises_a_priority_saves_from_being_dropped() -> None:
    world = small()
    for name, priority in (("a", 1), ("b", 2), ("c", 3)):
        world.add(name, name, priority=priority)
    world.let("a", "a", priority=9)
    world.enact(world.block("x", []))
    world.recheck()

    world.add("d", "d", priority=5)

    assert world.ready() == ["a", "d", "c"]


def test_a_recheck_that_finds_no_tags_drops(world: World) -> None:
    world.add("a", "1")
    world.let("a", "")
    world.news()

    world.enact(world.block("x", []))
    world.recheck()

    assert world.news() == ["a dropped"]


def test_a_waiting_transaction_is_rechecked_too(world: World) -> None:
    world.add("b", "2", "1")
    world.let("b", "2")

    world.enact(world.block("x", []))
    world.recheck()

    assert world.ready() == ["b"]


# --- removal ----------------------------------------------------------------------


def test_a_report_of_the_author_removes_the_subtree_and_bans_the_root(world: World) -> None:
    a = world.add("a", "1")
    world.add("b", "2", "1")
    world.add("c", "3", "2")
    world.add("d", "4")
    world.news()

    removed = world.pool.report_invalid(a, "Transaction is outdated", world.now)

    assert len(removed) == 3
    assert world.ready() == ["d"]
    assert world.news() == ["a invalid", "b invalid", "c invalid"]
    with pytest.raises(TemporarilyBanned):
        world.submit("a")
    world.submit("b")
    assert world.futures() == ["b"]


def test_a_report_about_a_stranger_is_ignored(world: World) -> None:
    assert world.pool.report_invalid(b"nobody", "test", world.now) == []


# --- for RPC ----------------------------------------------------------------------


def test_the_next_nonce_counts_ready_transactions(world: World) -> None:
    for nonce in (3, 4, 6):
        world.add(f"alice {nonce}", [nonce_tag(ALICE, nonce)], [nonce_tag(ALICE, nonce - 1)])
    world.let("alice 3", [nonce_tag(ALICE, 3)])
    world.enact(world.block("x", []))
    world.recheck()

    assert world.pool.next_nonce(ALICE, 3) == 5
    assert world.pool.next_nonce(ALICE, 2) == 2
    assert world.pool.next_nonce(BOB, 0) == 0


def test_a_nonce_tag_is_the_scale_form_of_account_and_nonce() -> None:
    assert nonce_tag(ALICE, 258) == ALICE + b"\x02\x01\x00\x00"


def test_only_what_is_in_the_pool_is_broadcast(world: World) -> None:
    a = world.add("a", "1")
    world.pool.drain()

    world.pool.on_broadcast({a: ["peer 1", "peer 2"], b"stranger": ["peer 1"]})

    assert world.pool.drain() == [
        StatusEvent(a, Status.BROADCAST, peers=("peer 1", "peer 2")),
    ]


@pytest.mark.parametrize(
    ("event", "form"),
    [
        (StatusEvent(b"", Status.READY), "ready"),
        (StatusEvent(b"", Status.FUTURE), "future"),
        (StatusEvent(b"", Status.DROPPED, reason="x"), "dropped"),
        (StatusEvent(b"", Status.INVALID, reason="x"), "invalid"),
        (StatusEvent(b"", Status.BROADCAST, peers=("p",)), {"broadcast": ["p"]}),
        (StatusEvent(b"", Status.IN_BLOCK, b"\x01", 2), {"inBlock": "0x01"}),
        (StatusEvent(b"", Status.RETRACTED, b"\x01"), {"retracted": "0x01"}),
        (StatusEvent(b"", Status.FINALIZED, b"\x01", 2), {"finalized": "0x01"}),
        (StatusEvent(b"", Status.FINALITY_TIMEOUT, b"\x01"), {"finalityTimeout": "0x01"}),
        (StatusEvent(b"", Status.USURPED, by=b"\x02"), {"usurped": "0x02"}),
    ],
)
def test_statuses_have_the_form_that_clients_read(
    event: StatusEvent, form: str | dict[str, str | list[str]]
) -> None:
    assert event.rpc() == form
