"""Four chambers: who votes with what, and what all votes come to."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import u16, u32, u128
from runtime.accounts import TREASURY
from runtime.constants import BTT, YEAR_MS
from runtime.frame import (
    ROOT,
    BadOrigin,
    DispatchError,
    GenesisError,
    Reason,
    TokenError,
    TokenErrorKind,
    signed,
)
from runtime.frame.origin import decided
from runtime.pallets.chambers import errors, events, formulas
from runtime.pallets.chambers.formulas import Chamber, Mode
from runtime.pallets.chambers.types import SEAT_POWER, ChamberRecord, Share
from runtime.pallets.conviction_voting.pallet import ConvictionVoting
from runtime.pallets.conviction_voting.types import Split, SplitAbstain
from runtime.pallets.origins import Decision, DecisionOrigin
from runtime.pallets.referenda.curves import flat, passing
from runtime.pallets.referenda.tracks import TABLE
from runtime.pallets.referenda.types import NO_BALLOT, Ballot, Tally, WasApproved, WasRejected
from support.assembly import SLOT_MS, STAKE_LASTS, Assembly, Vault
from support.governance import ALICE, BOB, CAROL, DAVE, EVE, PEOPLE, address
from support.histories import History, seeds, unreached
from support.runtime import refused

FRANK = AccountId(bytes((6,)) * 32)
YEAR = YEAR_MS // SLOT_MS
INSTITUTIONS, COMPUTE, HOLDERS, COMMUNITY = Chamber
PAGE = {
    2025: (4900, 750, 1050, 300),
    2026: (3500, 1250, 1750, 500),
    2027: (2800, 1500, 2100, 600),
    2028: (1400, 2000, 2800, 800),
    2029: (1400, 2000, 2800, 800),
    None: (2100, 1750, 2450, 700),
}
"""The table of docs/economy.md; None is static."""


@pytest.fixture
def runtime() -> Assembly:
    runtime = Assembly()
    runtime.open()
    return runtime


# ---- weights and the tally


@pytest.mark.parametrize("year", [*PAGE, 2040])
def test_weights_are_those_of_the_page_and_add_up_to_7000(year: int | None) -> None:
    found = formulas.weights(Mode.Static if year is None else Mode.Scheduled, year or 2025)
    assert found == PAGE.get(year, PAGE[2028])
    assert sum(found) == 7_000


def oracle(
    weights: tuple[int, ...], votes: list[tuple[int, int, int, int]]
) -> tuple[int, int, int]:
    """Count by the page alone: (ayes, nays, abstains, electorate) of each chamber."""
    ayes = nays = there = 0
    for weight, (aye, nay, abstain, electorate) in zip(weights, votes, strict=True):
        if not electorate:
            continue
        if min(Fraction(aye + nay + abstain, electorate), Fraction(1)) < Fraction(4, 100):
            continue
        there += weight
        if aye + nay:
            share = floor(Fraction(weight * 10**9 * aye, aye + nay))
            ayes += share
            nays += weight * 10**9 - share
    return ayes, nays, there


def oracle_passes(counted: tuple[int, int, int], approval: int, support: int) -> bool:
    ayes, nays, there = counted
    enough = Fraction(there, 7_000) >= Fraction(support, 100)
    return enough and ayes * 10_000 > (ayes + nays) * approval * 100


VOTES = st.tuples(*[st.integers(0, 10**27) | st.integers(0, 30) for _ in range(4)])


@given(year=st.sampled_from([*PAGE]), votes=st.lists(VOTES, min_size=4, max_size=4))
def test_the_tally_is_exact_in_every_year_and_mode(
    year: int | None, votes: list[tuple[int, int, int, int]]
) -> None:
    weights = formulas.weights(Mode.Static if year is None else Mode.Scheduled, year or 2025)
    record = [
        ChamberRecord(u32(weight), u128(all_), Share(u128(aye), u128(nay), u128(abstain)))
        for weight, (aye, nay, abstain, all_) in zip(weights, votes, strict=True)
    ]
    tally, page = formulas.tally(record), oracle(PAGE[year], votes)
    assert (tally.ayes, tally.nays, tally.support) == (page[0], page[1], page[2] * 10**9)
    for row in TABLE:
        enough = formulas.approval(tally) >= row.approval * 10**7
        assert (enough and formulas.support(tally) >= row.support * 10**7) == oracle_passes(
            page, row.approval, row.support
        )


@pytest.mark.parametrize("year", [2025, 2026, 2027, 2028, 2029, None])
def test_real_votes_come_to_what_the_page_says(runtime: Assembly, year: int | None) -> None:
    if year is None:
        runtime.chambers.set_mode(ROOT, Mode.Static)
    else:
        runtime.clock.slot = (year - 2025) * YEAR
    runtime.seat(ALICE, 3_000)
    runtime.seat(BOB, 5_000)
    runtime.elect(DAVE, EVE)
    runtime.work(CAROL, 700)
    runtime.work(EVE, 300)
    runtime.wait(runtime.day)
    index = runtime.deciding()
    runtime.vote(ALICE, index, 9_000)
    runtime.vote(BOB, index, 4_000, aye=False)
    runtime.vote(CAROL, index, 1_000)
    runtime.vote(DAVE, index, 500, aye=False)
    runtime.voting.vote(signed(EVE), index, Split(300 * BTT, 100 * BTT))
    holders = 2 * 30_000 * BTT
    votes = [
        (3_000 * BTT, 4_000 * BTT, 0, 8_000 * BTT),
        (700 + 225, 75, 0, 1_000),
        (2 * 1_300 * BTT, 2 * 600 * BTT, 0, holders),
        (3, 5, 0, 8),
    ]
    page = oracle(PAGE[year], votes)
    assert runtime.electorate(HOLDERS) == holders
    tally = runtime.referenda.tally(index)
    assert (tally.ayes, tally.nays, tally.support) == (page[0], page[1], page[2] * 10**9)


def test_a_chamber_of_which_less_than_four_per_cent_come_abstains(runtime: Assembly) -> None:
    runtime.seat(ALICE, 10_000)
    index = runtime.deciding()
    runtime.vote(ALICE, index, 399)
    assert runtime.referenda.tally(index) == formulas.tally([])
    runtime.vote(ALICE, index, 400)
    assert runtime.referenda.tally(index).support == 4_900 * 10**9


def test_who_abstains_takes_part(runtime: Assembly) -> None:
    index = runtime.deciding()
    runtime.voting.vote(signed(BOB), index, SplitAbstain(u128(0), u128(0), 5_000 * BTT))
    tally = runtime.referenda.tally(index)
    assert (tally.ayes, tally.nays, tally.support) == (0, 0, 1_050 * 10**9)


def test_equal_votes_are_not_more_than_half() -> None:
    equal = formulas.tally([ChamberRecord(u32(7_000), u128(10), Share(u128(5), u128(5)))])
    assert not passing(flat(50), 0, formulas.approval(equal))


# ---- what is frozen


def test_weights_and_electorates_are_frozen_when_the_decision_starts(runtime: Assembly) -> None:
    runtime.seat(ALICE, 10_000)
    runtime.clock.slot = YEAR - 100
    index = runtime.submit(by=DecisionOrigin(Decision.Treasurer))
    runtime.vote(ALICE, index, 5_000)
    assert runtime.chambers.polls.polls[index].frozen is False
    runtime.referenda.place_decision_deposit(signed(ALICE), index)
    runtime.new_events()
    runtime.wait(80)
    frozen = [event for event in runtime.new_events() if isinstance(event, events.WeightsFrozen)]
    assert [event.year for event in frozen] == [2025]
    assert frozen[0].weights == [*PAGE[2025]]
    runtime.wait(40)
    assert runtime.chambers.schedule.year() == 2026
    runtime.vote(BOB, index, 5_000, aye=False)
    record = runtime.chambers.polls.polls[index]
    assert [one.weight for one in record.chambers] == [*PAGE[2025]]
    assert runtime.referenda.tally(index).ayes == 4_900 * 10**9
    later = runtime.deciding(b"later")
    assert [one.weight for one in runtime.chambers.polls.polls[later].chambers] == [*PAGE[2026]]


def test_a_new_mode_is_for_decisions_that_start_later(runtime: Assembly) -> None:
    index = runtime.deciding()
    runtime.chambers.set_mode(ROOT, Mode.Static)
    weights = [one.weight for one in runtime.chambers.polls.polls[index].chambers]
    assert weights == [*PAGE[2025]]
    assert runtime.chambers.schedule.weights_of(2025) == PAGE[None]
    with refused(runtime, BadOrigin()):
        runtime.chambers.set_mode(signed(ALICE), Mode.Scheduled)


def test_a_vote_before_the_decision_counts_under_the_weights_of_its_start(
    runtime: Assembly,
) -> None:
    runtime.clock.slot = YEAR - 20
    runtime.seat(ALICE, 10_000)
    index = runtime.submit()
    runtime.vote(ALICE, index, 9_000)
    assert runtime.referenda.tally(index).ayes == 4_900 * 10**9
    runtime.referenda.place_decision_deposit(signed(ALICE), index)
    runtime.wait(runtime.day)
    assert runtime.chambers.polls.polls[index].frozen
    assert runtime.referenda.tally(index).ayes == 3_500 * 10**9


# ---- who has what power


def test_an_institution_votes_with_at_most_its_allocation_and_what_it_locks(
    runtime: Assembly,
) -> None:
    runtime.seat(ALICE, 4_000)
    index = runtime.deciding()
    runtime.vote(ALICE, index, 3_000)
    assert runtime.votes(index, INSTITUTIONS) == (3_000 * BTT, 0, 0)
    runtime.vote(ALICE, index, 9_000)
    assert runtime.votes(index, INSTITUTIONS) == (4_000 * BTT, 0, 0)
    assert runtime.holders(index) == (0, 0)


def test_an_institution_that_sold_votes_with_what_it_has_left(runtime: Assembly) -> None:
    runtime.seat(ALICE, 9_000)
    runtime.balances.transfer(ALICE, BOB, 8_000 * BTT)
    assert runtime.electorate(INSTITUTIONS) == 2_000 * BTT


def test_vesting_money_is_an_institutions_power_and_no_holders(runtime: Assembly) -> None:
    runtime.seat(ALICE, 10_000)
    runtime.ledger.vesting = {ALICE: 8_000 * BTT, BOB: 6_000 * BTT}
    runtime.ledger.rows = 14_000 * BTT
    index = runtime.deciding()
    runtime.cast(ALICE, index, int(runtime.balances.total(ALICE)))
    runtime.vote(BOB, index, 10_000)
    assert runtime.votes(index, INSTITUTIONS)[0] == runtime.balances.total(ALICE)
    assert runtime.holders(index) == (8_000, 0)
    assert runtime.electorate(HOLDERS) == 2 * 34_000 * BTT


def test_a_long_stake_counts_half_as_much_again(runtime: Assembly) -> None:
    runtime.stake(BOB, 2_000, long=True)
    runtime.stake(BOB, 1_000)
    index = runtime.deciding()
    runtime.vote(BOB, index, 5_000)
    assert runtime.holders(index) == (2 * 5_000 + 3 * 2_000 + 2 * 1_000, 0)
    runtime.vote(BOB, index, 7_000)
    assert runtime.holders(index) == (2 * 7_000 + 3 * 2_000 + 2 * 1_000, 0)
    assert runtime.electorate(HOLDERS) == (2 * 50_000 + 2_000) * BTT


def test_a_stake_that_ends_soon_counts_as_far_as_the_vote_locks_it(runtime: Assembly) -> None:
    runtime.stake(BOB, 4_000, long=True, days=STAKE_LASTS - 3)
    index = runtime.deciding()
    runtime.vote(BOB, index, 6_000)
    assert runtime.holders(index) == (2 * 6_000, 0)
    runtime.vote(BOB, index, 10_000)
    assert runtime.holders(index) == (2 * 6_000 + 3 * 4_000, 0)


def test_before_the_decision_a_stake_counts_as_far_as_the_vote_locks_it(runtime: Assembly) -> None:
    runtime.stake(BOB, 4_000, long=True)
    index = runtime.submit()
    runtime.vote(BOB, index, 6_000)
    assert runtime.holders(index) == (2 * 6_000, 0)
    runtime.vote(BOB, index, 10_000)
    assert runtime.holders(index) == (2 * 6_000 + 3 * 4_000, 0)
    runtime.vote(BOB, index, 1)
    runtime.referenda.place_decision_deposit(signed(ALICE), index)
    runtime.wait(runtime.day)
    assert runtime.holders(index) == (2, 0)
    runtime.vote(BOB, index, 1)
    assert runtime.holders(index) == (2 + 3 * 4_000, 0)


def test_money_in_escrow_has_no_vote(runtime: Assembly) -> None:
    runtime.hold(BOB, 4_000, Vault.HoldReason.Escrow)
    index = runtime.deciding()
    runtime.vote(BOB, index, 10_000)
    assert runtime.holders(index) == (2 * 6_000, 0)


def test_the_work_of_the_thirty_days_before_the_decision_votes(runtime: Assembly) -> None:
    runtime.work(BOB, 50)
    runtime.wait(2 * runtime.day)
    runtime.work(BOB, 7)
    runtime.wait(28 * runtime.day)
    index = runtime.deciding()
    assert runtime.chambers.polls.polls[index].chambers[COMPUTE].electorate == 7
    runtime.work(BOB, 1_000)
    runtime.wait(runtime.day)
    runtime.vote(BOB, index, 1)
    assert runtime.votes(index, COMPUTE) == (7, 0, 0)


def test_the_work_of_today_counts_from_tomorrow_on(runtime: Assembly) -> None:
    runtime.work(BOB, 5)
    assert runtime.electorate(COMPUTE) == 0
    runtime.wait(runtime.day)
    runtime.work(BOB, 3)
    assert runtime.electorate(COMPUTE) == 5
    runtime.wait(runtime.day)
    assert runtime.electorate(COMPUTE) == 8


def test_wrong_work_loses_all_its_votes(runtime: Assembly) -> None:
    runtime.work(BOB, 5)
    runtime.work(CAROL, 6)
    runtime.wait(runtime.day)
    runtime.chambers.work.forget_work(BOB)
    runtime.chambers.work.forget_work(DAVE)
    assert runtime.electorate(COMPUTE) == 6
    assert runtime.chambers.powers.of(BOB, int(BTT)) == [0, 0, 2 * BTT, 0]


def test_work_is_remembered_for_a_bounded_time(runtime: Assembly) -> None:
    for _ in range(formulas.KEPT + 10):
        runtime.work(BOB, 1)
        runtime.wait(runtime.day)
    assert len(runtime.chambers.work.work[BOB]) <= formulas.KEPT
    assert len(runtime.chambers.work.total_work.value) <= formulas.KEPT
    assert runtime.electorate(COMPUTE) == formulas.WINDOW


def test_one_ballot_counts_in_every_chamber_of_an_account(runtime: Assembly) -> None:
    runtime.elect(BOB)
    runtime.work(BOB, 10)
    runtime.wait(runtime.day)
    index = runtime.deciding()
    runtime.vote(BOB, index, 100)
    assert runtime.votes(index, COMPUTE) == (10, 0, 0)
    assert runtime.votes(index, COMMUNITY) == (1, 0, 0)
    assert runtime.holders(index) == (200, 0)


def test_a_split_ballot_splits_all_its_powers(runtime: Assembly) -> None:
    runtime.elect(BOB)
    index = runtime.deciding()
    runtime.voting.vote(signed(BOB), index, SplitAbstain(BTT, 2 * BTT, BTT))
    votes = runtime.chambers.polls.polls[index].chambers[COMMUNITY].votes
    parts = (votes.ayes, votes.nays, votes.abstains)
    assert parts == (SEAT_POWER // 4, SEAT_POWER // 2, SEAT_POWER // 4)


def test_an_account_without_a_chamber_has_no_voting_power(runtime: Assembly) -> None:
    runtime.ledger.vesting = {BOB: 10_000 * BTT}
    index = runtime.deciding()
    with pytest.raises(errors.NoVotingPower):
        runtime.vote(BOB, index, 9_000)


def test_a_vote_that_is_taken_back_leaves_nothing(runtime: Assembly) -> None:
    runtime.seat(ALICE, 5_000)
    index = runtime.deciding()
    before = runtime.chambers.polls.polls[index]
    for who in (ALICE, BOB):
        runtime.vote(who, index, 700)
        runtime.balances.transfer(EVE, who, BTT)
        runtime.voting.remove_vote(signed(who), None, index)
    assert runtime.chambers.polls.polls[index] == before
    assert (index, BOB) not in runtime.chambers.polls.ballots


# ---- delegation


def test_holders_delegate_to_holders(runtime: Assembly) -> None:
    index = runtime.deciding()
    runtime.vote(BOB, index, 100)
    runtime.delegate(CAROL, BOB, 50)
    assert runtime.holders(index) == (300, 0)
    runtime.vote(BOB, index, 100, aye=False)
    assert runtime.holders(index) == (0, 300)
    runtime.voting.undelegate(signed(CAROL), u16(10))
    assert runtime.holders(index) == (0, 200)


def test_who_is_more_than_a_holder_votes_itself(runtime: Assembly) -> None:
    runtime.seat(ALICE, 5_000)
    runtime.elect_by(BOB, EVE)
    runtime.work(CAROL, 5)
    runtime.ledger.vesting = {DAVE: int(BTT)}
    runtime.wait(runtime.day)
    for who in (ALICE, EVE, CAROL, DAVE):
        with refused(runtime, ConvictionVoting.NoPermission):
            runtime.delegate(who, BOB, 10)
    runtime.hold(BOB, 1, Vault.HoldReason.Escrow)
    with refused(runtime, ConvictionVoting.NoPermission):
        runtime.delegate(BOB, DAVE, 10)


def test_an_institution_casts_only_its_own_votes(runtime: Assembly) -> None:
    runtime.seat(ALICE, 5_000)
    runtime.delegate(BOB, ALICE, 1_000)
    index = runtime.deciding()
    runtime.vote(ALICE, index, 5_000)
    assert runtime.holders(index) == (0, 0)
    assert runtime.votes(index, INSTITUTIONS) == (5_000 * BTT, 0, 0)


def test_who_has_only_what_others_lend_votes_with_that(runtime: Assembly) -> None:
    runtime.delegate(CAROL, BOB, 50)
    runtime.ledger.vesting = {BOB: 10_000 * BTT}
    index = runtime.deciding()
    runtime.vote(BOB, index, 1)
    assert runtime.holders(index) == (100, 0)


def test_an_account_that_is_seated_loses_its_backing_of_candidates(runtime: Assembly) -> None:
    runtime.ledger.judged[BOB] = BOB
    runtime.chambers.submit_candidacy(signed(BOB))
    runtime.chambers.vote_representative(signed(CAROL), [BOB], 9_000 * BTT)
    runtime.seat(CAROL, 5_000)
    assert runtime.chambers.elections.candidates[BOB].backing == 0
    runtime.balances.transfer(CAROL, EVE, 9_000 * BTT)


def test_others_delegating_does_not_count_ones_own_anew(runtime: Assembly) -> None:
    index = runtime.deciding()
    runtime.vote(BOB, index, 1_000)
    runtime.ledger.vesting = {BOB: 10_000 * BTT}
    runtime.delegate(CAROL, BOB, 50)
    assert runtime.holders(index) == (2_100, 0)
    runtime.vote(BOB, index, 1_000)
    assert runtime.holders(index) == (100, 0)


# ---- attacks on governance


def test_money_that_voted_cannot_move_and_vote_again(runtime: Assembly) -> None:
    index = runtime.deciding()
    runtime.vote(BOB, index, 9_000)
    with pytest.raises(DispatchError):
        runtime.balances.transfer(BOB, FRANK, 1_001 * BTT)
    runtime.balances.transfer(BOB, FRANK, 1_000 * BTT)
    runtime.vote(FRANK, index, 1_000)
    assert runtime.holders(index) == (2 * 10_000, 0)


def test_a_stake_that_voted_while_its_referendum_waited_cannot_end_and_vote_again(
    runtime: Assembly,
) -> None:
    """On a track that decides one at a time, three referenda are a wait of a month."""
    by = DecisionOrigin(Decision.WhitelistedCaller)
    details = dict(runtime.referenda.tracks)[u16(by.decision)]
    object.__setattr__(details, "max_deciding", u32(1))
    runtime.stake(BOB, 4_000, long=True, days=STAKE_LASTS)
    runtime.balances.transfer(BOB, EVE, 5_990 * BTT)
    polls = [runtime.submit(bytes((number,)), by) for number in range(6)]
    runtime.cast(BOB, polls[-1], 1)
    for index in polls:
        runtime.referenda.place_decision_deposit(signed(ALICE), index)
    runtime.wait((STAKE_LASTS + 1) * runtime.day)
    assert runtime.status(polls[-1]).in_queue
    unstake(runtime, BOB)
    runtime.balances.transfer(BOB, FRANK, 4_000 * BTT)
    runtime.vote(FRANK, polls[-1], 4_000)
    assert runtime.holders(polls[-1]) == (2 * 4_000, 0)


def test_a_seat_votes_once_though_it_changes_hands_meanwhile(runtime: Assembly) -> None:
    runtime.elect(BOB, DAVE)
    runtime.clock.slot = runtime.chambers.elections.due() - 3 * runtime.day
    index, early = runtime.deciding(), runtime.submit()
    runtime.vote(BOB, index, 1)
    runtime.vote(DAVE, early, 1)
    assert runtime.votes(early, COMMUNITY) == (0, 0, 0), "it has not started"
    for who in (DAVE, EVE):
        runtime.ledger.judged[who] = who
        runtime.chambers.submit_candidacy(signed(who))
    runtime.chambers.vote_representative(signed(CAROL), [DAVE, EVE], BTT)
    runtime.clock.slot = runtime.chambers.elections.due()
    runtime.tick()
    assert [seat.who for seat in runtime.chambers.membership.representatives.value] == [DAVE, EVE]
    runtime.vote(EVE, index, 1, aye=False)
    assert runtime.votes(index, COMMUNITY) == (1, 0, 0), "she did not sit when it started"
    runtime.cast(DAVE, index, 1, aye=False)
    assert runtime.votes(index, COMMUNITY) == (1, 1, 0), "he sat then"
    runtime.cast(BOB, index, 1, aye=False)
    assert runtime.votes(index, COMMUNITY) == (0, 2, 0), "so did he: it is his to the end"
    assert runtime.chambers.polls.polls[index].chambers[COMMUNITY].electorate == 2 * SEAT_POWER
    later = runtime.deciding(b"later")
    runtime.vote(EVE, later, 1)
    assert runtime.votes(later, COMMUNITY) == (1, 0, 0)


def test_others_cannot_have_a_ballot_counted_anew(runtime: Assembly) -> None:
    """Lending nothing would look up what is left of a stake that counted in full."""
    runtime.stake(BOB, 4_000, long=True, days=STAKE_LASTS + 1)
    index = runtime.deciding()
    runtime.vote(BOB, index, 1)
    runtime.wait(2 * runtime.day)
    for give in (0, 5):
        runtime.delegate(CAROL, BOB, give)
        assert runtime.holders(index) == (2 + 3 * 4_000 + 2 * give, 0)
        runtime.voting.undelegate(signed(CAROL), u16(10))
        assert runtime.holders(index) == (2 + 3 * 4_000, 0)
    divided = runtime.deciding(b"divided")
    runtime.stake(DAVE, 4_000, long=True, days=STAKE_LASTS + 1)
    runtime.voting.vote(signed(DAVE), divided, Split(BTT, BTT))
    runtime.wait(2 * runtime.day)
    runtime.delegate(CAROL, DAVE, 5)
    assert runtime.holders(divided) == (2 + 3 * 2_000, 2 + 3 * 2_000)


def test_money_beside_vesting_money_cannot_vote_and_move(runtime: Assembly) -> None:
    """The lock of the vote and that of the schedule overlap: a vote must lock both together."""
    runtime.ledger.vesting = {BOB: 6_000 * BTT}
    index = runtime.deciding()
    with pytest.raises(errors.NoVotingPower):
        runtime.vote(BOB, index, 4_000)
    runtime.vote(BOB, index, 9_000)
    assert runtime.holders(index) == (2 * 3_000, 0)


def test_a_chamber_cannot_be_captured_by_one_vote_more(runtime: Assembly) -> None:
    runtime.seat(ALICE, 5_100)
    runtime.seat(BOB, 4_900)
    index = runtime.deciding()
    runtime.vote(ALICE, index, 5_100)
    runtime.vote(BOB, index, 4_900, aye=False)
    tally = runtime.referenda.tally(index)
    assert Fraction(tally.ayes, tally.ayes + tally.nays) == Fraction(51, 100)


def test_staying_away_fails_what_needs_all(runtime: Assembly) -> None:
    runtime.seat(ALICE, 10_000)
    root_like = DecisionOrigin(Decision.Emergency)
    index = runtime.deciding(b"urgent", root_like)
    for who in (BOB, CAROL, DAVE, EVE):
        runtime.vote(who, index, 9_000)
    runtime.wait(runtime.day + 1)
    assert isinstance(runtime.referenda.referendum_info_for[index], WasRejected)


def test_an_account_with_two_seats_does_not_exist(runtime: Assembly) -> None:
    runtime.seat(ALICE, 10)
    runtime.elect_by(BOB, EVE)
    for who in (ALICE, EVE):
        with refused(runtime, errors.AlreadySeated):
            runtime.seat(who, 10)
    runtime.ledger.judged[ALICE] = ALICE
    with refused(runtime, errors.AlreadySeated):
        runtime.chambers.submit_candidacy(signed(ALICE))
    with refused(runtime, errors.NotAHolder):
        runtime.chambers.vote_representative(signed(ALICE), [EVE], BTT)
    with refused(runtime, errors.PoolNotSeatable):
        runtime.seat(TREASURY, 10)


def test_spam_loses_its_deposits(runtime: Assembly) -> None:
    before = runtime.balances.total(ALICE)
    index = runtime.deciding()
    runtime.referenda.kill(decided(Decision.Canceller), index)
    assert runtime.balances.total(ALICE) == before - 110 * BTT
    assert index not in runtime.chambers.polls.polls


def test_an_institution_that_becomes_a_holder_counts_once(runtime: Assembly) -> None:
    runtime.seat(ALICE, 5_000)
    index = runtime.deciding()
    runtime.vote(ALICE, index, 4_000)
    runtime.chambers.remove_institution(ROOT, Id(ALICE))
    runtime.vote(ALICE, index, 4_000)
    assert runtime.votes(index, INSTITUTIONS) == (0, 0, 0)
    assert runtime.holders(index) == (8_000, 0)
    runtime.seat(ALICE, 5_000)
    runtime.vote(ALICE, index, 4_000, aye=False)
    assert runtime.votes(index, INSTITUTIONS) == (0, 4_000 * BTT, 0)
    assert runtime.holders(index) == (0, 0)


class Buyers(History):
    """I12: vote buying by moving coins, duplicate membership, around one decision."""

    def __init__(self) -> None:
        self.court = Court()
        super().__init__(self.court)
        self.court.open()
        self.index = self.court.submit()
        self.supply = int(self.court.balances.total_issuance.value)

    def step(self) -> None:
        who, other, btt = self.one_of(PEOPLE), self.one_of(PEOPLE), self.rng.randint(1, 10_000)
        aye, name = self.one_in(2), self.one_of(ACTIONS)
        if name == "stake":  # `act` has the rest as the days of the stake
            btt = 60 * self.rng.randint(1, 100) + self.one_of((0, 1, 2, 32, 40))
        if name in {"unstake", "undelegate", "drop", "unseat"}:
            for one in PEOPLE:  # the first that can
                if self.attempt(self.act, name, one, other, btt, aye, name=name):
                    break
        else:
            self.attempt(self.act, name, who, other, btt, aye, name=name)

    def act(self, name: str, who: AccountId, other: AccountId, btt: int, aye: bool) -> None:
        act(self.court, self.index, name, who, other, btt, aye=aye)

    def check(self) -> None:
        check(self.court, self.index, self.supply)


ACTIONS = (
    "start", "vote", "vote", "vote", "vote", "drop", "move", "move", "stake", "stake", "unstake",
    "escrow", "pay", "delegate", "delegate", "undelegate", "seat", "unseat", "wait",
)  # fmt: skip


@settings(max_examples=settings().max_examples // 2)
@given(seeds(20, 60))
def test_no_planck_votes_twice_whatever_happens(steps: list[int]) -> None:
    Buyers().run(steps)


def test_random_buyers_reach_all_actions() -> None:
    assert unreached(Buyers, others=ACTIONS, runs=4, steps=80) == set()


class Court(Assembly):
    """A runtime that stores the time at which its decision began."""

    began = 0


def act(
    runtime: Court, index: u32, name: str, who: AccountId, other: AccountId, btt: int, *, aye: bool
) -> None:
    match name:
        case "vote":
            runtime.vote(who, index, btt, aye=aye)
        case "drop":
            runtime.voting.remove_vote(signed(who), u16(10), index)
            runtime.voting.unlock(signed(who), u16(10), Id(who))
        case "move":
            runtime.balances.transfer(who, other, btt * BTT)
        case "stake":
            runtime.stake(who, btt, days=btt % 60)
        case "unstake":
            unstake(runtime, who)
        case "escrow":
            runtime.hold(who, btt, Vault.HoldReason.Escrow)
        case "pay":
            escrow = Reason(61, Vault.HoldReason.Escrow)
            amount = min(btt * BTT, runtime.balances.held(escrow, who))
            runtime.balances.transfer_on_hold(
                escrow, who, other, u128(amount), on_hold=False, force=False
            )
        case "delegate":
            runtime.delegate(who, other, btt)
        case "undelegate":
            runtime.voting.undelegate(signed(who), u16(10))
        case "seat":
            runtime.seat(who, btt)
        case "unseat":
            runtime.chambers.remove_institution(ROOT, Id(who))
        case "wait":
            # A decision ends; what waits for one may wait for ever.
            ends = runtime.began + STAKE_LASTS * runtime.day if runtime.began else 10**6
            runtime.clock.slot = min(runtime.clock.slot + btt % 400, ends)
        case "start" if not runtime.began:
            runtime.chambers.polls.started(index, u16(10), Tally())
            runtime.began = runtime.clock.slot = runtime.clock.slot + 1


def unstake(runtime: Assembly, who: AccountId) -> None:
    over = [one for one in runtime.ledger.stakes.get(who, []) if one[2] <= runtime.clock.slot]
    if not over:
        raise TokenError(TokenErrorKind.FundsUnavailable)
    for one in over:
        runtime.ledger.stakes[who].remove(one)
        runtime.balances.release(Reason(61, Vault.HoldReason.Stake), who, u128(one[0]))


def check(runtime: Assembly, index: u32, supply: int) -> None:
    ballots = dict(runtime.chambers.polls.ballots.under(index))
    record = runtime.chambers.polls.polls.get(index)
    if record is None:
        return
    for chamber, one in zip(Chamber, record.chambers, strict=True):
        counted = Share()
        for ballot in ballots.values():
            counted = counted.changed(Share(), ballot.own[chamber])
            if chamber is HOLDERS:
                counted = counted.changed(Share(), ballot.delegated)
        assert one.votes == counted
    for ballot in ballots.values():
        assert not (ballot.own[INSTITUTIONS] != Share() and ballot.own[HOLDERS] != Share())
    institutions, holders = (
        int(votes.ayes) + int(votes.nays) + int(votes.abstains)
        for votes in (record.chambers[INSTITUTIONS].votes, record.chambers[HOLDERS].votes)
    )
    assert institutions + holders // 2 <= supply
    for who, ballot in ballots.items():
        held = sum(int(side) for side in (ballot.own[HOLDERS].ayes, ballot.own[HOLDERS].nays))
        seated = sum(int(side) for side in (ballot.own[0].ayes, ballot.own[0].nays))
        stays = runtime.balances.lockable(who) - runtime.balances.reducible_balance(who)
        staked = runtime.balances.held(Reason(61, Vault.HoldReason.Stake), who)
        assert held // 2 + seated <= int(stays) + int(staked), "what counted can leave"


# ---- a whole decision


def test_what_all_chambers_want_is_done(runtime: Assembly) -> None:
    runtime.seat(ALICE, 10_000)
    index = runtime.deciding(b"built")
    runtime.vote(ALICE, index, 5_000)
    runtime.vote(BOB, index, 9_000, aye=False)
    runtime.wait(3 * runtime.day)
    assert isinstance(runtime.referenda.referendum_info_for[index], WasApproved)
    assert runtime.written() == [b"built"]


def test_an_empty_electorate_does_not_count(runtime: Assembly) -> None:
    index = runtime.deciding()
    runtime.vote(BOB, index, 9_000)
    assert runtime.referenda.tally(index).support == 1_050 * 10**9
    runtime.wait(7 * runtime.day + 1)
    assert isinstance(runtime.referenda.referendum_info_for[index], WasRejected)


# ---- institutions, genesis


def test_institutions_are_seated_by_root_alone(runtime: Assembly) -> None:
    with refused(runtime, BadOrigin()):
        runtime.chambers.add_institution(signed(ALICE), Id(BOB), BTT)
    with refused(runtime, errors.NotSeated):
        runtime.chambers.remove_institution(ROOT, Id(BOB))
    for number in range(32):
        runtime.seat(AccountId(number.to_bytes(32, "big")), 1)
    with refused(runtime, errors.TooManyInstitutions):
        runtime.seat(BOB, 1)


def test_block_zero_seats_the_institutions() -> None:
    runtime = Assembly()
    rows = [[address(ALICE), "5"], [address(BOB), "7"]]
    runtime.chambers.genesis({"institutions": rows, "mode": "static"})
    assert [one.allocation for one in runtime.chambers.membership.institutions.value] == [5, 7]
    assert runtime.chambers.schedule.mode.value is Mode.Static
    with pytest.raises(GenesisError, match=r"chambers\.institutions\[1\]\[0\]"):
        runtime.chambers.genesis({"institutions": [rows[0], rows[0]]})
    with pytest.raises(GenesisError, match=r"chambers\.mode"):
        runtime.chambers.genesis({"mode": "royal"})


def test_the_views_of_the_chambers_are_those_of_the_state(runtime: Assembly) -> None:
    runtime.seat(ALICE, 4_000)
    runtime.elect_by(BOB, EVE)
    view = runtime.chambers.state_view()
    assert (view.mode, view.year, sum(view.weights)) == ("Scheduled", 2025, 7_000)
    assert [(one.who, one.amount) for one in view.institutions] == [(ALICE, 4_000 * BTT)]
    assert [one.who for one in view.representatives] == [EVE]
    election = runtime.chambers.elections.view()
    assert (election.number, election.candidates) == (1, [])


def test_a_ballot_of_nothing_counts_for_nothing(runtime: Assembly) -> None:
    index = runtime.deciding()
    runtime.cast(BOB, index, 0)
    assert runtime.holders(index) == (0, 0)
    assert formulas.shared(5, NO_BALLOT) == Share()
    assert formulas.shared(5, Ballot(ayes=1)) == Share(u128(5))


def test_referenda_of_unknown_numbers_are_no_matter(runtime: Assembly) -> None:
    runtime.chambers.polls.closed(u32(99))
    assert runtime.chambers.polls.over.get() is None
