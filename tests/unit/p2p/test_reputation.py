"""Reputation and bans of one peer, and the list of the last bans."""

from __future__ import annotations

import pytest

from p2p.reputation import (
    BAN_AT,
    BAN_MS,
    FATAL,
    KEPT_BANS,
    MAX_BAN_MS,
    Ban,
    BanList,
    Reputation,
)


def test_a_reputation_falls_by_the_cost_and_recovers_to_zero() -> None:
    one = Reputation()
    assert not one.charge(100, 0)
    assert (one.at(0), one.at(5_000), one.at(60_000)) == (-100, -50, 0)


def test_a_reputation_never_falls_below_the_threshold_of_a_ban() -> None:
    one = Reputation()
    assert one.charge(3 * FATAL, 0)
    assert one.at(0) == BAN_AT


def test_a_clock_that_goes_back_recovers_nothing() -> None:
    one = Reputation()
    one.charge(100, 10_000)
    assert one.at(0) == -100


@pytest.mark.parametrize("cost", [0, -1])
def test_a_cost_is_positive(cost: int) -> None:
    with pytest.raises(ValueError, match="a cost of"):
        Reputation().charge(cost, 0)


def test_each_further_ban_lasts_twice_as_long_up_to_the_maximum() -> None:
    one, now, lasting = Reputation(), 0, []
    for _ in range(12):
        one.ban(now)
        lasting.append(one.banned_until_ms - now)
        now = one.banned_until_ms

    assert lasting[:3] == [BAN_MS, 2 * BAN_MS, 4 * BAN_MS]
    assert lasting[-1] == MAX_BAN_MS


def test_a_ban_during_a_ban_starts_it_again_and_does_not_count() -> None:
    one = Reputation()
    one.ban(0)
    one.ban(BAN_MS // 2)
    assert one.banned_until_ms == BAN_MS // 2 + BAN_MS
    assert one.bans == 1


def test_forgiving_ends_a_ban_but_the_next_one_is_longer() -> None:
    one = Reputation()
    one.charge(FATAL, 0)
    one.ban(0)
    one.forgive()
    assert one.at(0) == one.banned_until_ms == 0
    one.ban(0)
    assert one.banned_until_ms == 2 * BAN_MS


def test_the_list_keeps_the_last_bans_with_their_reasons() -> None:
    bans = BanList()
    for number in range(KEPT_BANS + 1):
        bans.add(Ban(f"peer {number}", 100 + number, "garbage"))
    assert bans.reason("peer 0") is None
    assert bans.reason("peer 1") == "garbage"
    assert len(bans.current(0)) == KEPT_BANS
    assert [ban.peer for ban in bans.current(100 + KEPT_BANS - 1)] == [f"peer {KEPT_BANS}"]

    bans.add(Ban("peer 1", 10_000, "more garbage"))
    assert bans.current(0)[-1] == Ban("peer 1", 10_000, "more garbage")
    bans.remove("peer 1")
    bans.remove("unknown")
    assert bans.reason("peer 1") is None
