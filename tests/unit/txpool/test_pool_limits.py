"""Limits of the pool: full queues, bytes, bans."""

from __future__ import annotations

import pytest

from btt_chain.primitives.validity import (
    BadProof,
    Invalid,
)
from btt_chain.txpool import (
    ImmediatelyDropped,
    Limits,
    PoolError,
    PoolStatus,
    TemporarilyBanned,
    TransactionInvalid,
)
from unit.txpool.pool_world import World, small


@pytest.fixture
def world() -> World:
    return World()


# --- limits -----------------------------------------------------------------------


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


def test_at_one_priority_a_full_pool_takes_no_more_and_drops_none() -> None:
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
    priority = 0
    for bid in range(300):
        priority += priority // 10 + 1
        world.add(f"bid {bid}", "1", priority=priority)

    assert world.ready() == ["bid 299"]
    assert len(world.pool._base.ready._worst) <= 2 + 64
    assert len(world.pool._base.ready._expiry) <= 2 + 64
