"""Scores: work that was verified weighs in making blocks, two eras late, and only for a while."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.block_shares import SHARE_UNIT
from btt_chain.scale import u8, u32, u128
from runtime.constants import BTT
from runtime.decay import KEPT, SCORE_UNIT, WINDOW
from runtime.frame import signed
from runtime.pallets.authorities import events as authorities_events
from runtime.pallets.authorities.formulas import block_shares, work_part
from runtime.pallets.providers import errors as providers_errors
from runtime.pallets.providers import events as providers_events
from runtime.pallets.providers.types import DelegatedScore, ScoreView
from runtime.pallets.providers.work_scores import (
    MAX_DELEGATORS,
    MAX_SCORE,
    EraScore,
    credited,
    score_at,
)
from support.providers import ERA, ProviderChain, job
from support.runtime import refused
from support.stakes import btt, stash

A, B, C, D, E = (stash(number) for number in range(1, 6))
"""A to D are validators of equal bond; A, B and E are providers."""
BOND = 10_000 * int(BTT)


@pytest.fixture
def chain() -> ProviderChain:
    made = ProviderChain()
    made.begin([BOND] * 4)
    for number in (1, 2, 5):
        made.join(number, 1_000)
    return made


def units(chain: ProviderChain, *validators: AccountId) -> list[Fraction]:
    return [Fraction(score, SCORE_UNIT) for score in chain.providers.work_scores.scores(validators)]


def decayed(age: int) -> Fraction:
    return Fraction(8, 10) ** age


# ---- the window


@given(
    scored=st.dictionaries(st.integers(0, 60), st.integers(1, 2**64), max_size=30),
    until=st.integers(0, 80),
)
def test_what_a_window_weighs_is_the_formula_at_every_era(
    scored: dict[int, int], until: int
) -> None:
    window: list[EraScore] = []
    for era in range(until + 1):
        if era in scored:
            window = credited(window, era, 2, scored[era] - scored[era] // 2)
            window = credited(window, era, 3, scored[era] // 2)
            assert window[-1].parts == 5
        assert len(window) <= KEPT
        # S(e) = sum over j from 1 to 14 of 0.8^(j-1) * score(e - 2 - j), planned in e - 1.
        planned = era + 1
        expected = sum(
            decayed(j - 1) * scored.get(planned - 2 - j, 0)
            for j in range(1, WINDOW + 1)
            if planned - 2 - j >= 0
        )
        assert Fraction(score_at(window, era - 2), SCORE_UNIT) == expected


@pytest.mark.parametrize("skipped", [0, 7])
def test_work_counts_from_the_second_era_after_it_for_fourteen(
    chain: ProviderChain, skipped: int
) -> None:
    chain.turn()
    chain.providers.engagements.credit_score(A, 1_000, 1_000)
    assert units(chain, A) == [0]
    chain.turn(skipped=skipped)
    assert units(chain, A) == [0]
    for age in range(WINDOW):
        chain.turn(skipped=skipped)
        assert units(chain, A, B, E) == [1_000 * decayed(age), 0, 0]
    chain.turn(skipped=skipped)
    assert units(chain, A) == [0]


def test_while_the_chain_stands_still_no_score_grows_old(chain: ProviderChain) -> None:
    chain.providers.engagements.credit_score(A, 1_000, 1_000)
    chain.turn(2, skipped=10_000)
    assert units(chain, A) == [1_000]


def test_work_in_the_first_block_of_an_era_is_that_era_s(chain: ProviderChain) -> None:
    chain.clock.slot = ERA
    assert chain.mining.era_now() == 1
    chain.providers.engagements.credit_score(A, 5, 5)
    chain.mining.on_initialize(1)
    assert chain.mining.era_now() == 1
    assert chain.providers.work_scores.windows[A] == [EraScore(u32(1), u128(5), u128(5))]
    chain.clock.slot = 2 * ERA - 1
    assert chain.mining.era_now() == 1


def test_only_providers_score_and_only_something(chain: ProviderChain) -> None:
    chain.providers.engagements.credit_score(D, 5, 5)
    chain.providers.engagements.credit_score(A, 0, 0)
    assert dict(chain.providers.work_scores.windows.items()) == {}


# ---- weights


def weights_now(chain: ProviderChain) -> list[int]:
    return [int(weight) for weight in chain.sessions.babe]


def shares_by(*values: int) -> list[int]:
    """Return the shares of A to D for work of these values in the newest era that counts."""
    scores = [value * SCORE_UNIT for value in values]
    part = work_part(sum(scores), 4 * BOND, 2_000, int(BTT))
    assert part > 0
    return block_shares([BOND] * 4, scores, [A, B, C, D], part).shares


def test_without_work_the_chain_runs_on_bonds(chain: ProviderChain) -> None:
    for _ in range(20):
        chain.turn()
        assert weights_now(chain) == [SHARE_UNIT // 4] * 4


def test_weights_follow_work_and_bonds(chain: ProviderChain) -> None:
    three, one = 3 * int(BTT), int(BTT)
    chain.providers.engagements.credit_score(A, 1, three)
    chain.providers.engagements.credit_score(B, 1_000, one)
    chain.turn()
    assert weights_now(chain) == [SHARE_UNIT // 4] * 4
    assert authorities_events.WeightsPlanned(u32(2), u32(0), u8(0)) in chain.announced()
    chain.turn()
    expected = shares_by(three, one, 0, 0)
    assert expected[0] > expected[1] > expected[2]
    assert weights_now(chain) == expected
    part = work_part(4 * one * SCORE_UNIT, 4 * BOND, 2_000, one)
    assert authorities_events.WeightsPlanned(u32(3), u32(part), u8(0)) in chain.announced()
    chain.turn(WINDOW)
    assert weights_now(chain) == [SHARE_UNIT // 4] * 4


def test_delegated_work_counts_under_the_cap_of_the_delegate_s_bond(chain: ProviderChain) -> None:
    much = 10**6 * int(BTT)
    chain.providers.engagements.credit_score(E, 10**6, much)
    chain.providers.engagements.credit_score(A, 1, 1)
    chain.providers.delegate_score(signed(E), D)
    chain.turn(2)
    assert units(chain, A, D)[0] == 1
    shares = weights_now(chain)
    assert shares == shares_by(1, 0, 0, int(units(chain, D)[0]))
    assert shares[3] == SHARE_UNIT * 3 // 8
    assert shares[0] == shares[1]


def test_elections_go_on_while_scores_come_and_go(chain: ProviderChain) -> None:
    for era in range(30):
        if era % 3 == 0:
            chain.providers.engagements.credit_score((A, B, E)[era % 3], 1, (10 + era) * int(BTT))
        if era == 4:
            chain.providers.delegate_score(signed(E), C)
        if era == 11:
            chain.providers.engagements.slash(A, job(1), btt(1), None)
        chain.turn(skipped=era % 5)
        assert len(weights_now(chain)) == 4
        assert min(weights_now(chain)) >= 1
        chain.audit()
        chain.check()


# ---- lending


def test_a_score_is_delegated_with_the_snapshot_of_the_era(chain: ProviderChain) -> None:
    chain.providers.engagements.credit_score(A, 1_000, 1_000)
    chain.turn(5)
    chain.providers.delegate_score(signed(A), C)
    assert chain.announced()[-1] == providers_events.ScoreDelegated(A, C, u32(5))
    assert units(chain, A, C) == [1_000 * decayed(3), 0]
    chain.turn()
    assert units(chain, A, C) == [1_000 * decayed(4), 0]
    chain.turn()
    assert units(chain, A, C) == [0, 1_000 * decayed(5)]


def test_a_score_is_back_two_eras_later(chain: ProviderChain) -> None:
    chain.providers.delegate_score(signed(A), C)
    chain.turn(4)
    chain.providers.engagements.credit_score(A, 1_000, 1_000)
    chain.providers.delegate_score(signed(A), None)
    assert chain.announced()[-1] == providers_events.ScoreDelegated(A, None, u32(6))
    for age in (0, 1):
        chain.turn(1 if age else 2)
        assert units(chain, A, C) == [0, 1_000 * decayed(age)]
    chain.turn()
    assert units(chain, A, C) == [1_000 * decayed(2), 0]


def test_a_score_goes_over_to_another_without_a_gap(chain: ProviderChain) -> None:
    chain.providers.engagements.credit_score(A, 1_000, 1_000)
    chain.providers.delegate_score(signed(A), C)
    chain.turn(2)
    chain.providers.delegate_score(signed(A), D)
    for era in range(2, 8):
        whose = [1_000 * decayed(era - 2), 0] if era < 6 else [0, 1_000 * decayed(era - 2)]
        assert units(chain, C, D) == whose
        assert units(chain, A) == [0]
        chain.turn()


def test_to_lend_to_oneself_is_to_take_it_back(chain: ProviderChain) -> None:
    with refused(chain, providers_errors.NothingChanges):
        chain.providers.delegate_score(signed(A), A)
    chain.providers.delegate_score(signed(A), C)
    chain.turn(2)
    chain.providers.delegate_score(signed(A), A)
    assert chain.announced()[-1] == providers_events.ScoreDelegated(A, None, u32(4))


def test_a_score_changes_hands_only_when_the_last_change_took_effect(chain: ProviderChain) -> None:
    chain.providers.delegate_score(signed(A), C)
    with refused(chain, providers_errors.NothingChanges):
        chain.providers.delegate_score(signed(A), C)
    for _ in range(2):
        with refused(chain, providers_errors.ChangedLately):
            chain.providers.delegate_score(signed(A), D)
        with refused(chain, providers_errors.ChangedLately):
            chain.providers.dismiss_delegator(signed(C), A)
        chain.turn()
    chain.providers.delegate_score(signed(A), None)
    for _ in range(4):
        with refused(chain, providers_errors.ChangedLately):
            chain.providers.delegate_score(signed(A), D)
        chain.turn()
    chain.providers.delegate_score(signed(A), D)


def test_lending_needs_a_bond(chain: ProviderChain) -> None:
    chain.join(6, 999)
    with refused(chain, providers_errors.BondTooSmall):
        chain.providers.delegate_score(signed(stash(6)), C)


def test_a_validator_has_a_bounded_number_of_delegators_and_may_dismiss_one() -> None:
    chain = ProviderChain(delegators=2)
    chain.begin([BOND] * 4)
    for number in (5, 6, 7):
        chain.join(number, 1_000)
        chain.providers.engagements.credit_score(stash(number), number, number)
    first, second, third = (stash(number) for number in (5, 6, 7))
    chain.providers.delegate_score(signed(first), A)
    chain.providers.delegate_score(signed(second), A)
    with refused(chain, providers_errors.TooManyDelegators):
        chain.providers.delegate_score(signed(third), A)
    with refused(chain, providers_errors.NotDelegator):
        chain.providers.dismiss_delegator(signed(A), third)
    with refused(chain, providers_errors.NotDelegator):
        chain.providers.dismiss_delegator(signed(B), first)
    chain.turn(2)
    chain.providers.dismiss_delegator(signed(A), first)
    with refused(chain, providers_errors.NotDelegator):
        chain.providers.dismiss_delegator(signed(A), first)
    for era in range(2, 6):
        assert units(chain, first) == [0]
        with refused(chain, providers_errors.TooManyDelegators):
            chain.providers.delegate_score(signed(third), A)
        assert chain.mining.era_now() == era
        chain.turn()
    assert units(chain, first) == [5 * decayed(4)]
    assert units(chain, A) == [6 * decayed(4)]
    chain.providers.delegate_score(signed(third), A)
    assert list(chain.providers.work_scores.delegators[A]) == [second, third]
    chain.audit()


# ---- ends


def test_a_slash_removes_all_scores_and_delegated_ones_at_once(chain: ProviderChain) -> None:
    chain.providers.engagements.credit_score(A, 1_000, 1_000)
    chain.providers.engagements.credit_score(B, 500, 500)
    chain.providers.delegate_score(signed(A), C)
    chain.turn(3)
    chain.providers.engagements.slash(A, job(1), btt(1), None)
    assert units(chain, A, B, C) == [0, 500 * decayed(1), 0]
    chain.providers.engagements.credit_score(A, 7, 7)
    chain.turn(2)
    assert units(chain, A, C) == [0, 7]


def test_who_deregisters_has_no_score(chain: ProviderChain) -> None:
    chain.providers.delegate_score(signed(A), C)
    chain.providers.unbond(signed(A), btt(1_000))
    chain.providers.unbond(signed(B), btt(1_000))
    chain.turn(6)
    for who in (A, B):
        chain.providers.engagements.credit_score(who, 1_000, 1_000)
    chain.turn(2)
    assert units(chain, B, C) == [1_000, 1_000]
    for who in (A, B):
        chain.providers.withdraw(signed(who))
        chain.providers.deregister(signed(who))
    assert units(chain, A, B, C) == [0, 0, 0]
    chain.join(1, 1_000)
    chain.providers.engagements.credit_score(A, 5, 5)
    chain.turn(2)
    assert units(chain, A, C) == [5, 0]
    chain.audit()


def test_the_view_has_the_parts_of_a_weight(chain: ProviderChain) -> None:
    assert chain.providers.work_scores.weight_of(C) == ScoreView(None, u128(0), [], u128(0))
    chain.join(3, 1_000)
    chain.providers.engagements.credit_score(A, 20, 20)
    chain.providers.engagements.credit_score(C, 3, 3)
    chain.providers.delegate_score(signed(A), C)
    chain.providers.delegate_score(signed(B), C)
    chain.turn(2)
    assert chain.providers.work_scores.weight_of(C) == ScoreView(
        u32(0),
        u128(3 * SCORE_UNIT),
        [DelegatedScore(A, u128(20 * SCORE_UNIT))],
        u128(23 * SCORE_UNIT),
    )


def test_work_beyond_all_measure_does_not_hold_up_the_epoch(chain: ProviderChain) -> None:
    chain.providers.engagements.credit_score(A, u128.MAX, u128.MAX)
    chain.turn(2)
    (planned,) = chain.providers.work_scores.scores([A])
    assert planned == MAX_SCORE
    assert (MAX_DELEGATORS + 1) * MAX_SCORE <= u128.MAX


# ---- knowledge of the randomness gives no gain


Deed = Callable[[ProviderChain], None]


def deeds() -> st.SearchStrategy[list[tuple[int, int, int]]]:
    """Return lists of actions: the kind, the acting account, and its amount or target."""
    return st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 4)), max_size=6)


def act(chain: ProviderChain, deed: tuple[int, int, int]) -> None:
    what, by, to = deed
    who = (A, B, E)[by]
    if what == 0:
        chain.providers.engagements.credit_score(who, 1, (10 + to) * int(BTT))
        return
    whom = (None, A, B, C, D)[to]
    if what == 1:
        chain.dispatch_refused(who, "delegate_score", validator=whom)
    else:
        chain.dispatch_refused(whom or C, "dismiss_delegator", provider=who)


@given(early=st.lists(deeds(), max_size=8), late=st.tuples(deeds(), deeds()))
@settings(max_examples=50, deadline=None)
def test_nothing_done_in_the_last_two_eras_moves_a_weight(
    early: list[list[tuple[int, int, int]]],
    late: tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]],
) -> None:
    """The randomness of the planned epoch is made in the era before the one that plans it."""
    planned = []
    for then in (((), ()), late):
        chain = ProviderChain(delegators=2)
        chain.begin([BOND] * 4)
        for number in (1, 2, 5):
            chain.join(number, 1_000)
        for era in early:
            for deed in era:
                act(chain, deed)
            chain.turn()
        for deed in then[0]:
            act(chain, deed)
        chain.turn()
        for deed in then[1]:
            act(chain, deed)
        planned.append(chain.providers.work_scores.scores([A, B, C, D, E]))
        everything = sum(
            score_at(window, chain.mining.era_now() - 2)
            for window in dict(chain.providers.work_scores.windows.items()).values()
        )
        assert sum(planned[-1]) == everything, "each score counts for one validator alone"
        chain.audit()
    assert planned[0] == planned[1]
