"""Performance: uptime, quality and declines of each era are reported when it is over."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.scale import u8, u32, u128
from runtime.frame import PostInfo, signed
from runtime.pallets.providers import errors, events
from runtime.pallets.providers.conduct import (
    Conduct,
    Timed,
    free_declines,
    next_era,
    p95,
    step_of,
    timed,
    upper_edge,
)
from runtime.splits import PPM
from support.providers import A, B, ProviderChain, begun, job
from support.runtime import refused
from support.stakes import btt


@pytest.fixture
def chain() -> ProviderChain:
    return begun()


# ---- declines


def test_declining_is_free_within_the_quota_and_costs_beyond_it(chain: ProviderChain) -> None:
    chain.join(1, 1_000, capacity=200)
    for number in range(100):
        chain.providers.engagements.reserve(A, job(number), u128(0))
    assert [chain.providers.engagements.note_decline(A) for _ in range(5)] == [0] * 5
    assert chain.providers.engagements.note_decline(A) == btt(5)
    assert chain.bond_of(A).active == btt(995)
    chain.turn()
    chain.providers.engagements.reserve(A, job(100), u128(0))
    assert chain.providers.engagements.note_decline(A) == 0
    assert chain.providers.engagements.note_decline(A) > 0
    assert chain.providers.engagements.note_decline(B) == 0
    chain.audit()


@given(offers=st.integers(0, 10**9), quota=st.integers(0, PPM))
def test_the_quota_rounds_up(offers: int, quota: int) -> None:
    assert free_declines(offers, quota) - 1 < Fraction(offers * quota, PPM)
    assert free_declines(offers, quota) >= Fraction(offers * quota, PPM)


# ---- uptime and quality


def test_a_heartbeat_is_free_and_comes_once_an_era(chain: ProviderChain) -> None:
    chain.join(1, 1_000)
    with refused(chain, errors.HeartbeatAlreadySent):
        chain.providers.heartbeat(signed(A))
    chain.turn()
    assert chain.providers.heartbeat(signed(A)) == PostInfo(pays=False)
    assert chain.announced()[-1] == events.HeartbeatReceived(A, u32(1))


def test_uptime_is_what_was_answered_of_what_was_expected(chain: ProviderChain) -> None:
    chain.join(1, 1_000)
    chain.turn(beating=[A])
    chain.turn()
    chain.turn(beating=[A])
    # Received in eras 0 and 1 of 0 to 2; the era that runs does not count yet.
    assert chain.mining.standings.standing[A].uptime == 2 * PPM // 3
    chain.turn(beating=[A])
    assert chain.mining.standings.standing[A].uptime == 3 * PPM // 4
    chain.turn(6)
    chain.providers.engagements.note_done(A, 100, ok=True)
    assert chain.mining.standings.standing[A].uptime == 0, (
        "5 of 10 are 500,000 ppm, 4 of 10 earn nothing"
    )


def test_no_heartbeat_is_expected_outside_the_hours_of_a_provider(chain: ProviderChain) -> None:
    chain.join(1, 1_000)
    chain.providers.set_availability(signed(A), bytes([0b0101_0101] * 21))
    for _ in range(4):
        chain.turn()
        chain.turn(beating=[A])
    assert chain.mining.standings.standing[A].uptime == PPM


def test_new_hours_count_from_the_call_on(chain: ProviderChain) -> None:
    chain.join(1, 1_000)
    chain.turn(5)
    chain.providers.set_availability(signed(A), bytes([1, *[0] * 20]))
    assert chain.mining.standings.standing[A].uptime == 0


def test_epochs_without_a_block_expect_no_heartbeat(chain: ProviderChain) -> None:
    chain.join(1, 1_000)
    chain.turn(skipped=500, beating=[A])
    chain.turn(skipped=500, beating=[A])
    assert chain.mining.standings.standing[A].uptime == PPM


def test_one_that_is_chilled_is_not_expected_to_answer(chain: ProviderChain) -> None:
    chain.join(1, 1_000)
    chain.turn(beating=[A])
    chain.providers.chill(signed(A))
    chain.turn(9)
    chain.providers.resume(signed(A))
    assert chain.mining.standings.standing[A].uptime == PPM


def test_quality_is_reported_when_an_era_is_over(chain: ProviderChain) -> None:
    chain.join(1, 1_000)
    for ok in (True, True, True, False):
        chain.providers.engagements.note_done(A, 1_000, ok=ok)
    assert chain.mining.standings.standing[A].quality == PPM
    chain.turn()
    assert chain.mining.standings.standing[A].quality == PPM
    chain.providers.engagements.note_done(A, 1, ok=True)
    target = int(chain.mining.params.value.target_p95)
    longest = upper_edge(step_of(1_000))
    assert chain.mining.standings.standing[A].quality == target * PPM // longest * 3 // 4
    assert chain.providers.performance.conduct[A].done == 1
    chain.providers.engagements.note_done(B, 1, ok=True)


@given(st.integers(0, 2**40))
def test_a_time_lies_in_its_step_which_is_narrow(milliseconds: int) -> None:
    known = min(milliseconds, int(u32.MAX))
    step = step_of(milliseconds)
    assert known <= upper_edge(step) <= max(known * 9 // 8, known)
    assert step == 0 or upper_edge(step - 1) < known
    u8(step)


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=60))
def test_95_of_100_jobs_kept_to_the_reported_time(times: list[int]) -> None:
    counts: list[Timed] = []
    for taken in times:
        counts = timed(counts, taken)
    reported = p95(counts)
    assert 100 * sum(taken <= reported for taken in times) >= 95 * len(times)
    exact = sorted(times)[-(-len(times) * 95 // 100) - 1]
    assert exact <= reported <= exact * 9 // 8
    assert p95([]) == 0


@given(gaps=st.lists(st.tuples(st.integers(1, 60), st.booleans()), max_size=20))
def test_uptime_over_any_gaps_is_that_of_the_last_day(gaps: list[tuple[int, bool]]) -> None:
    era, heartbeat, conduct = 0, 0, Conduct()
    answers: list[tuple[bool, bool]] = []
    beats = [0]
    for gap, awake in gaps:
        answers += [(at in beats, awake) for at in range(era, era + gap)]
        era += gap
        conduct = next_era(conduct, era, heartbeat, [awake] * min(gap, 24))
        recent = answers[-24:]
        assert conduct.heartbeats() == (
            sum(answered and due for answered, due in recent),
            sum(due for _, due in recent),
        )
        heartbeat = era
        beats.append(era)
