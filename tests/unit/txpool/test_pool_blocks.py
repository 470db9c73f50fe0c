"""Effects of the chain on the pool: blocks, forks, finality, rechecks."""

from __future__ import annotations

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.validity import (
    CannotLookup,
    Invalid,
    Stale,
    Unknown,
)
from btt_chain.txpool import (
    AlreadyImported,
    BlockRef,
    ImportedBlock,
    Included,
    Limits,
    PoolStatus,
    Status,
    StatusEvent,
    TemporarilyBanned,
    TransactionInvalid,
    nonce_tag,
)
from unit.txpool.pool_world import ALICE, World, small


@pytest.fixture
def world() -> World:
    return World()


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


def test_a_retraction_reported_late_does_not_bring_back_what_is_included_again(
    world: World,
) -> None:
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
