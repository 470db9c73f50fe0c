"""The gadget's clock and stall timer."""

from __future__ import annotations

from btt_chain.consensus.finality.timers import MAX_STALL_WAIT, STALL_FIRST, Clock, StallTimer

GOSSIP = 100


def test_the_clock_never_goes_back_and_goes_on_from_there() -> None:
    clock = Clock(1_000)
    assert not clock.advance(1_500)
    assert clock.advance(200)
    assert clock.now == 1_500
    assert not clock.advance(300)
    assert clock.now == 1_600
    assert clock.outside(1_700) == 400


def test_the_wait_of_a_stalled_round_doubles_up_to_a_maximum() -> None:
    timer = StallTimer(GOSSIP, 0)
    assert timer.due == STALL_FIRST * GOSSIP
    assert not timer.is_stalled

    timer.back_off(0)
    assert timer.due == 2 * STALL_FIRST * GOSSIP
    assert timer.is_stalled
    for _ in range(20):
        timer.back_off(0)
    assert timer.due == MAX_STALL_WAIT

    timer.restart(50)
    assert timer.due == 50 + STALL_FIRST * GOSSIP
    assert not timer.is_stalled


def test_the_wait_begins_with_the_first_vote_of_a_round() -> None:
    timer = StallTimer(GOSSIP, 0)
    wait = STALL_FIRST * GOSSIP

    assert timer.postpone(None, wait)  # no vote yet
    assert timer.due == 2 * wait
    assert timer.postpone(wait + 7, 2 * wait)
    assert timer.due == 2 * wait + 7
    assert not timer.postpone(wait + 7, timer.due)
    assert not timer.is_stalled
