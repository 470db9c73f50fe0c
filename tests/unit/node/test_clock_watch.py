"""A clock that differs from the median of the peers is reported once; one peer has no effect."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.node.blocks.clock_watch import ClockNews, ClockWatch, middle
from p2p.network import ClockReceived

SLOT = 6_000


def compare(watch: ClockWatch, within: int = 5, **ahead: int) -> list[ClockNews]:
    """Report how far peers are ahead of us; return the new results."""
    found = [watch.received(ClockReceived(peer, ms, within)) for peer, ms in ahead.items()]
    return [news for news in found if news is not None]


def test_a_clock_that_is_right_is_not_spoken_of() -> None:
    watch = ClockWatch(SLOT)
    for _ in range(5):
        assert compare(watch, a=40, b=-700, c=5_900, d=-5_900) == []


@pytest.mark.parametrize("ours", [10_000, -10_000, 3_600_000])
def test_a_wrong_clock_is_reported_once_with_the_figure(ours: int) -> None:
    watch = ClockWatch(SLOT)
    (news,) = compare(watch, a=-ours, b=-ours + 30, c=-ours - 30)
    assert abs(news.ahead_ms - ours) < 100
    assert compare(watch, a=-ours, b=-ours, c=-ours) == []
    assert f"{abs(ours) / 1_000:.1f} s {'ahead of' if ours > 0 else 'behind'}" in str(news)
    assert "set-ntp" in str(news)


def test_it_is_reported_again_when_it_changes_much_and_when_it_ends() -> None:
    watch = ClockWatch(SLOT)
    assert compare(watch, a=-10_000, b=-10_000)
    assert compare(watch, a=-12_000, b=-12_000) == []
    (more,) = compare(watch, a=-40_000, b=-40_000)
    assert round(more.ahead_ms, -3) == 40_000
    (other,) = compare(watch, a=9_000, b=9_000)
    assert other.ahead_ms < 0
    assert compare(watch, a=5_000, b=5_000) == []  # not wrong enough to say, nor right
    (end,) = compare(watch, a=10, b=10)
    assert (end.ahead_ms, end.peers) == (0, 2)
    assert compare(watch, a=10, b=10) == []


def test_a_clock_that_runs_away_is_reported_ever_more_rarely() -> None:
    watch = ClockWatch(SLOT)
    reported = sum(len(compare(watch, a=-ms, b=-ms)) for ms in range(0, 10_000_000, 5_000))
    assert reported < 30


def test_one_liar_changes_nothing_whatever_it_says() -> None:
    for lie in (-(10**12), -7_000, 7_000, 10**12):
        for honest in ({"a": 20}, {"a": 20, "b": -20}, {"a": 20, "b": -20, "c": 0}):
            assert compare(ClockWatch(SLOT), liar=lie, **honest) == []


def test_one_liar_hides_nothing_from_three_honest_peers() -> None:
    for lie in (-(10**12), 0, 10**12):
        assert compare(ClockWatch(SLOT), liar=lie, a=9_000, b=9_000, c=9_000)


def test_one_peer_alone_proves_nothing() -> None:
    assert compare(ClockWatch(SLOT), a=10**9) == []


def test_an_answer_that_took_long_is_no_proof() -> None:
    assert compare(ClockWatch(SLOT), within=9_000, a=14_000, b=14_000, c=14_000) == []
    assert compare(ClockWatch(SLOT), within=9_000, a=16_000, b=16_000, c=16_000)


def test_who_left_is_not_counted() -> None:
    watch = ClockWatch(SLOT)
    compare(watch, a=20, b=20, c=9_000)
    for peer in "ab":
        watch.gone(peer)
    assert compare(watch, c=9_000) == []


@given(st.lists(st.integers(-(10**9), 10**9), min_size=2, max_size=9), st.integers(-(10**9), 10**9))
def test_the_middle_lies_within_what_the_others_say(honest: list[int], lie: int) -> None:
    found = middle(sorted([*honest, lie]))
    assert found is None or min(*honest, 0) <= found <= max(*honest, 0)
