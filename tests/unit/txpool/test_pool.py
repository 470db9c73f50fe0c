"""Rules of the pool for one transaction after the other."""

from __future__ import annotations

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.validity import (
    BadProof,
    CannotLookup,
    Future,
    Invalid,
    InvalidCustom,
    TransactionSource,
    Unknown,
    ValidTransaction,
)
from btt_chain.scale import u8, u64
from btt_chain.txpool import (
    AlreadyImported,
    CycleDetected,
    FutureRejected,
    Limits,
    NoTagsProvided,
    PoolStatus,
    Status,
    StatusEvent,
    TemporarilyBanned,
    TooLowPriority,
    TransactionInvalid,
    Unactionable,
    ValidityUnknown,
    nonce_tag,
    outbids,
)
from unit.txpool.pool_world import ALICE, BOB, World


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


def test_a_pool_whose_events_are_not_drained_raises() -> None:
    world = World(Limits(outbox=1))
    world.add("a", "1")
    world.add("b", "2")

    with pytest.raises(RuntimeError, match="not drained"):
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


def test_an_account_that_raises_by_the_least_replaces_few_times(world: World) -> None:
    world.add("first", "1", priority=1_000)
    replaced = 0
    for priority in range(1_001, 4_000):
        try:
            world.add(f"next {priority}", "1", priority=priority)
        except TooLowPriority:
            continue
        replaced += 1
    assert replaced == 14  # each pays a tenth more: 1.1^14 < 4 < 1.1^15


@pytest.mark.parametrize(
    ("offered", "held", "is_enough"),
    [
        (1, 0, True),
        (1, 1, False),
        (2, 1, True),
        (21, 20, False),
        (22, 20, True),
        (2**64 - 1, 2**64 - 2, True),
        (2**64 - 1, 2**64 - 1, False),
    ],
)
def test_a_replacement_needs_a_tenth_more(offered: int, held: int, is_enough: bool) -> None:
    assert outbids(offered, held) is is_enough


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


# --- removal ----------------------------------------------------------------------


def test_an_invalid_transaction_is_removed_with_its_dependants_and_banned(world: World) -> None:
    a = world.add("a", "1")
    world.add("b", "2", "1")
    world.add("c", "3", "2")
    world.add("d", "4")
    world.news()

    removed = world.pool.remove_invalid({a: "Transaction is outdated"}, world.now)

    assert len(removed) == 3
    assert world.ready() == ["d"]
    assert world.news() == ["a invalid", "b invalid", "c invalid"]
    with pytest.raises(TemporarilyBanned):
        world.submit("a")
    world.submit("b")
    assert world.futures() == ["b"]


def test_the_removal_of_an_unknown_transaction_does_nothing(world: World) -> None:
    assert world.pool.remove_invalid({b"unknown": "test"}, world.now) == []


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

    world.pool.on_broadcast({a: ["peer 1", "peer 2"], b"unknown": ["peer 1"]})

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
