"""An asset that is attested twice and not rejected gets its units, and no more.

Attacks on the registry, and their tests:

* over-valuation: `test_the_value_moves_so_far_within_a_quarter_and_not_farther`,
  `test_a_full_valuation_needs_two_who_agree`
* double tokenisation: `test_documents_are_registered_once`. It is the same file that is refused;
  that another scan shows the same scanner, only verifiers see
* forged documents: `test_a_verifier_who_says_no_ends_it`,
  `test_a_slashed_verifier_attests_nothing_and_loses_no_more_than_there_is`
* verifiers' collusion: `test_two_people_attest_and_neither_is_the_issuer`,
  `test_one_who_stands_behind_two_accounts_is_one`,
  `test_more_stake_against_than_for_rejects_and_returns_the_deposit`,
  `test_the_same_coins_do_not_vote_twice`
* minting beyond what was registered: `Business.units_add_up`, after whatever is called
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u32, u128
from runtime.accounts import TREASURY
from runtime.constants import BTT
from runtime.frame import (
    ROOT,
    BadOrigin,
    DispatchError,
    Error,
    TokenError,
    TokenErrorKind,
    signed,
)
from runtime.pallets.asset_registry import (
    AssetKind,
    AssetRegistry,
    Mode,
    Params,
    RightKind,
    Role,
    State,
)
from runtime.pallets.assets import Assets
from runtime.pallets.tokenomics import BurnReason
from support.asset_office import (
    ALICE,
    BOB,
    BOND,
    CAROL,
    CLAIM,
    DAVE,
    DEPOSIT,
    DOCUMENTS,
    KEEPER,
    LEAVE,
    LEGAL,
    OTHERS,
    PEOPLE,
    QUARTER,
    RICH,
    TECH,
    TEXT,
    UNITS,
    VALUE,
    VOTE,
    Office,
)
from support.runtime import refused

HOLD = AssetRegistry.HoldReason


@pytest.fixture
def office() -> Office:
    return Office()


def test_the_way_to_units_and_what_it_costs(office: Office) -> None:
    before = office.issuance()
    scanner = office.register()
    assert office.held(HOLD.Registration, ALICE) == DEPOSIT
    office.attest(scanner, legal=1, tech=2)
    assert office.registry.registrations.registered[scanner].state is State.Voting
    with refused(office, AssetRegistry.VotingOpen):
        office.registry.issue(signed(ALICE), scanner)
    office.clock.slot += VOTE
    with refused(office, AssetRegistry.NotIssuer):
        office.registry.issue(signed(BOB), scanner)
    office.host.events.clear()
    office.registry.issue(signed(ALICE), scanner)

    assert office.assets.balance(scanner, ALICE) == UNITS
    assert office.assets.asset[scanner].owner == KEEPER
    # Class 2, because the harder judgement counts: 2 % of 20,000; 5 % of it burn, beyond 10,000.
    fee, burned = 400 * BTT, 20 * BTT
    issued = [event for event in office.announced() if isinstance(event, AssetRegistry.AssetIssued)]
    assert issued == [AssetRegistry.AssetIssued(scanner, UNITS, fee, burned, u128(0))]
    assert office.balances.total(ALICE) == RICH - fee
    assert before - office.issuance() == burned
    assert office.tokenomics.burned_by[BurnReason.Asset] == burned


def test_stakers_get_their_part_of_the_fee_whichever_way_they_voted(office: Office) -> None:
    office.people.stakes = {BOB: 3_000 * BTT, CAROL: 1_000 * BTT}
    scanner = office.register()
    office.attest(scanner)
    office.registry.vote(signed(BOB), scanner, True)
    office.registry.vote(signed(CAROL), scanner, False)
    with refused(office, AssetRegistry.AlreadyVoted):
        office.registry.vote(signed(BOB), scanner, False)
    with refused(office, AssetRegistry.NoStake):
        office.registry.vote(signed(DAVE), scanner, False)
    with refused(office, AssetRegistry.NothingToClaim):
        office.registry.claim_vote_reward(signed(BOB), scanner)
    office.clock.slot += VOTE
    with refused(office, AssetRegistry.VotingOver):
        office.registry.vote(signed(DAVE), scanner, False)
    office.registry.issue(signed(ALICE), scanner)

    reward = 19 * BTT  # 1 % of 20,000 is 200; 10 burn; a tenth of 190 is the voters'
    assert office.held(HOLD.VoteReward, ALICE) == reward
    office.registry.claim_vote_reward(signed(BOB), scanner)
    assert office.balances.free(BOB) == RICH + reward * 3 // 4
    with refused(office, AssetRegistry.NothingToClaim):
        office.registry.claim_vote_reward(signed(BOB), scanner)
    with refused(office, AssetRegistry.NothingToClaim):
        office.registry.expire_vote_reward(signed(DAVE), scanner)
    office.clock.slot += CLAIM
    with refused(office, AssetRegistry.NothingToClaim):
        office.registry.claim_vote_reward(signed(CAROL), scanner)
    treasury = office.balances.free(TREASURY)
    office.registry.expire_vote_reward(signed(DAVE), scanner)
    assert office.balances.free(TREASURY) - treasury == reward // 4
    assert office.held(HOLD.VoteReward, ALICE) == 0


def test_more_stake_against_than_for_rejects_and_returns_the_deposit(office: Office) -> None:
    office.people.stakes = {BOB: 3_000 * BTT, CAROL: 3_001 * BTT}
    scanner = office.register()
    office.attest(scanner)
    office.registry.vote(signed(BOB), scanner, True)
    office.registry.vote(signed(CAROL), scanner, False)
    office.clock.slot += VOTE
    office.registry.issue(signed(DAVE), scanner)

    assert office.registry.registrations.registered[scanner].state is State.Rejected
    assert office.balances.free(ALICE) == RICH
    assert scanner not in office.assets.asset
    assert office.register(documents=DOCUMENTS) == 1, "its documents may be registered again"


def test_votes_are_forgotten_when_they_count_for_nothing(office: Office) -> None:
    office.people.stakes = dict.fromkeys((BOB, CAROL), 3_000 * BTT)
    forget = office.registry.forget_votes
    scanner, clinic = office.register(), office.register(documents=OTHERS)
    for id in (scanner, clinic):
        office.attest(id)
        for who in (BOB, CAROL):
            office.registry.vote(signed(who), id, True)
        with refused(office, AssetRegistry.NothingToForget):
            forget(signed(DAVE), id)
    office.clock.slot += VOTE
    office.registry.issue(signed(ALICE), scanner)
    office.registry.withdraw(signed(ALICE), clinic)
    assert forget(signed(DAVE), clinic).pays is True, "a few cost the fee of any call"
    with refused(office, AssetRegistry.NothingToForget):
        forget(signed(DAVE), scanner)
    office.clock.slot += CLAIM
    office.registry.expire_vote_reward(signed(DAVE), scanner)
    forget(signed(DAVE), scanner)
    assert list(office.registry.voting.votes.items()) == []


def test_many_votes_are_forgotten_for_nothing_and_bit_by_bit(office: Office) -> None:
    crowd = [AccountId(number.to_bytes(32, "big")) for number in range(1, 101)]
    office.people.stakes = dict.fromkeys(crowd, BTT)
    scanner = office.register()
    office.attest(scanner)
    for who in crowd:
        office.registry.vote(signed(who), scanner, False)
    office.registry.withdraw(signed(ALICE), scanner)
    assert office.registry.forget_votes(signed(DAVE), scanner).pays is False
    assert office.registry.forget_votes(signed(DAVE), scanner).pays is True
    assert list(office.registry.voting.votes.items()) == []


def test_a_verifier_who_says_no_ends_it(office: Office) -> None:
    scanner = office.register()
    office.registry.verify(signed(TECH), scanner, Role.Technical, u8(1), False, TEXT)
    assert office.registry.registrations.registered[scanner].state is State.Rejected
    assert office.balances.free(ALICE) == RICH
    with refused(office, AssetRegistry.BadState):
        office.registry.verify(signed(LEGAL), scanner, Role.Regulatory, u8(1), True, TEXT)


def test_documents_are_registered_once(office: Office) -> None:
    office.register()
    with refused(office, AssetRegistry.AlreadyRegistered):
        office.register(who=BOB)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"who": DAVE}, AssetRegistry.NotJudged),
        ({"value": u128(0)}, AssetRegistry.BadTerms),
        ({"units": u128(0)}, AssetRegistry.BadTerms),
    ],
)
def test_what_cannot_be_registered(
    office: Office, wrong: dict[str, object], error: type[Error]
) -> None:
    with refused(office, error):
        office.register(**wrong)  # type: ignore[arg-type]


def test_two_people_attest_and_neither_is_the_issuer(office: Office) -> None:
    office.registry.bond_verifier(signed(ALICE), BOND)
    office.registry.appoint_verifier(ROOT, Id(ALICE), True, True)
    office.registry.appoint_verifier(ROOT, Id(TECH), True, True)
    scanner = office.register()
    with refused(office, AssetRegistry.VerifierConflict):
        office.registry.verify(signed(ALICE), scanner, Role.Technical, u8(1), True, TEXT)
    with refused(office, AssetRegistry.NotVerifier):
        office.registry.verify(signed(LEGAL), scanner, Role.Technical, u8(1), True, TEXT)
    with refused(office, AssetRegistry.BadClass):
        office.registry.verify(signed(TECH), scanner, Role.Technical, u8(4), True, TEXT)
    office.registry.verify(signed(TECH), scanner, Role.Technical, u8(1), True, TEXT)
    with refused(office, AssetRegistry.VerifierConflict):
        office.registry.verify(signed(TECH), scanner, Role.Regulatory, u8(1), True, TEXT)
    with refused(office, AssetRegistry.AlreadyVerified):
        office.registry.verify(signed(TECH), scanner, Role.Technical, u8(1), True, TEXT)


def test_a_verifier_is_bonded_appointed_and_held_to_account(office: Office) -> None:
    with refused(office, AssetRegistry.BondTooLow):
        office.registry.bond_verifier(signed(DAVE), BOND - 1)
    with refused(office, AssetRegistry.NotVerifier):
        office.registry.appoint_verifier(ROOT, Id(DAVE), True, True)
    office.registry.bond_verifier(signed(DAVE), BOND)
    with refused(office, AssetRegistry.AlreadyBonded):
        office.registry.bond_verifier(signed(DAVE), BOND)
    with refused(office, BadOrigin):
        office.registry.appoint_verifier(signed(DAVE), Id(DAVE), True, True)
    scanner = office.register()
    with refused(office, AssetRegistry.NotVerifier):
        office.registry.verify(signed(DAVE), scanner, Role.Technical, u8(1), True, TEXT)
    with refused(office, AssetRegistry.StillBound):
        office.registry.withdraw_bond(signed(DAVE))
    office.registry.leave(signed(DAVE))
    with refused(office, AssetRegistry.StillBound):
        office.registry.leave(signed(DAVE))
    office.clock.slot += LEAVE - 1
    with refused(office, AssetRegistry.StillBound):
        office.registry.withdraw_bond(signed(DAVE))
    before = office.issuance()
    office.registry.slash_verifier(ROOT, Id(DAVE), 1_000 * BTT)
    assert before - office.issuance() == 1_000 * BTT
    assert office.tokenomics.burned_by[BurnReason.Slash] == 1_000 * BTT
    office.clock.slot += 1
    office.registry.withdraw_bond(signed(DAVE))
    assert office.balances.free(DAVE) == RICH - 1_000 * BTT
    assert DAVE not in office.registry.verification.verifiers


def test_one_who_stands_behind_two_accounts_is_one(office: Office) -> None:
    office.people.parents = {TECH: LEGAL}
    scanner = office.register()
    office.registry.verify(signed(LEGAL), scanner, Role.Regulatory, u8(1), True, TEXT)
    with refused(office, AssetRegistry.VerifierConflict):
        office.registry.verify(signed(TECH), scanner, Role.Technical, u8(1), True, TEXT)
    office.people.parents = {TECH: ALICE}
    with refused(office, AssetRegistry.VerifierConflict):
        office.registry.verify(signed(TECH), scanner, Role.Technical, u8(1), True, TEXT)
    office.people.parents = {}
    office.registry.verify(signed(TECH), scanner, Role.Technical, u8(1), True, TEXT)
    office.clock.slot += VOTE
    office.registry.issue(signed(ALICE), scanner)
    office.registry.request_revaluation(signed(ALICE), scanner, Mode.Desktop)
    office.people.parents = {ALICE: BOB, TECH: BOB}
    with refused(office, AssetRegistry.VerifierConflict):
        office.registry.submit_revaluation(signed(TECH), scanner, Role.Technical, VALUE, TEXT)


def test_the_same_coins_do_not_vote_twice(office: Office) -> None:
    office.people.stakes = {BOB: 3_000 * BTT, CAROL: 3_000 * BTT}
    # Bob's stake is over before the vote is: he could stake the same coins as Carol then.
    office.people.lasts = {BOB: u128(0), CAROL: 1_000 * BTT}
    scanner = office.register()
    office.attest(scanner)
    with refused(office, AssetRegistry.NoStake):
        office.registry.vote(signed(BOB), scanner, False)
    office.registry.vote(signed(CAROL), scanner, True)
    assert office.registry.voting.polls[scanner].ayes == 1_000 * BTT


def test_who_was_slashed_is_not_appointed_again_without_a_whole_bond(office: Office) -> None:
    office.registry.slash_verifier(ROOT, Id(LEGAL), u128(1))
    with refused(office, AssetRegistry.BondTooLow):
        office.registry.appoint_verifier(ROOT, Id(LEGAL), True, False)
    office.registry.appoint_verifier(ROOT, Id(LEGAL), False, False)
    office.registry.leave(signed(LEGAL))
    office.clock.slot += LEAVE
    office.registry.withdraw_bond(signed(LEGAL))
    office.registry.bond_verifier(signed(LEGAL), BOND)
    office.registry.appoint_verifier(ROOT, Id(LEGAL), True, False)


def test_an_issuer_gives_up_before_there_are_units_and_gets_the_deposit(office: Office) -> None:
    scanner = office.register()
    with refused(office, AssetRegistry.NotIssuer):
        office.registry.withdraw(signed(BOB), scanner)
    office.registry.withdraw(signed(ALICE), scanner)
    assert office.balances.free(ALICE) == RICH
    assert scanner not in office.registry.registrations.registered, "no report exists"
    assert not office.registry.valuation.valuations[scanner]
    with refused(office, AssetRegistry.Unknown):
        office.registry.withdraw(signed(ALICE), scanner)

    again = office.register()
    office.attest(again)
    office.registry.withdraw(signed(ALICE), again)
    assert office.balances.free(ALICE) == RICH
    assert office.registry.registrations.registered[again].state is State.Rejected
    with refused(office, AssetRegistry.BadState):
        office.registry.withdraw(signed(ALICE), again)
    issued = office.issue()
    with refused(office, AssetRegistry.BadState):
        office.registry.withdraw(signed(ALICE), issued)


def test_a_slashed_verifier_attests_nothing_and_loses_no_more_than_there_is(office: Office) -> None:
    office.registry.slash_verifier(ROOT, Id(LEGAL), u128(u128.MAX))
    assert office.held(HOLD.VerifierBond, LEGAL) == 0
    scanner = office.register()
    with refused(office, AssetRegistry.NotVerifier):
        office.registry.verify(signed(LEGAL), scanner, Role.Regulatory, u8(1), True, TEXT)


def test_restricted_units_are_for_people_whose_identity_was_judged(office: Office) -> None:
    scanner = office.issue(restricted=True)
    with refused(office, Assets.NoPermission):
        office.assets.transfer(signed(ALICE), scanner, Id(DAVE), u128(1))
    office.assets.transfer(signed(ALICE), scanner, Id(BOB), u128(1))
    clinic = office.issue(documents=OTHERS)
    office.assets.transfer(signed(ALICE), clinic, Id(DAVE), u128(1))


def test_revenue_goes_to_those_who_held_units_when_it_came(office: Office) -> None:
    scanner = office.issue()
    office.assets.transfer(signed(ALICE), scanner, Id(BOB), u128(250))
    office.registry.distribute_revenue(signed(ALICE), scanner, 100 * BTT)
    office.assets.transfer(signed(BOB), scanner, Id(CAROL), u128(250))
    office.registry.distribute_revenue(signed(ALICE), scanner, 10 * BTT)

    assert office.registry.revenue_due(scanner, BOB) == 25 * BTT
    assert office.registry.revenue_due(scanner, CAROL) == 25 * BTT // 10
    office.registry.claim_revenue(signed(BOB), scanner)
    office.registry.claim_revenue(signed(CAROL), scanner)
    assert office.balances.free(BOB) == RICH + 25 * BTT
    assert office.balances.free(CAROL) == RICH + 25 * BTT // 10
    with refused(office, AssetRegistry.NothingToClaim):
        office.registry.claim_revenue(signed(BOB), scanner)
    assert (scanner, BOB) not in office.registry.holders.shares, "an empty share is removed"
    assert (scanner, CAROL) in office.registry.holders.shares
    with refused(office, AssetRegistry.NotIssuer):
        office.registry.distribute_revenue(signed(BOB), scanner, BTT)
    assert office.held(HOLD.Revenue, ALICE) == 110 * BTT - 275 * BTT // 10


def test_the_value_moves_so_far_within_a_quarter_and_not_farther(office: Office) -> None:
    scanner = office.issue()
    paid = int(office.balances.total(ALICE))
    office.registry.request_revaluation(signed(ALICE), scanner, Mode.Desktop)
    assert paid - int(office.balances.total(ALICE)) == 50 * BTT
    with refused(office, AssetRegistry.RevaluationPending):
        office.registry.request_revaluation(signed(ALICE), scanner, Mode.Full)
    submit = office.registry.submit_revaluation
    with refused(office, AssetRegistry.NotVerifier):
        submit(signed(LEGAL), scanner, Role.Regulatory, VALUE, TEXT)
    with refused(office, AssetRegistry.ValuationJump):
        submit(signed(TECH), scanner, Role.Technical, 24_000 * BTT + 1, TEXT)
    submit(signed(TECH), scanner, Role.Technical, 24_000 * BTT, TEXT)
    assert office.registry.registrations.registered[scanner].value == 24_000 * BTT
    with refused(office, AssetRegistry.NoRevaluation):
        submit(signed(TECH), scanner, Role.Technical, VALUE, TEXT)

    office.registry.request_revaluation(signed(ALICE), scanner, Mode.Desktop)
    with refused(office, AssetRegistry.ValuationJump):
        submit(signed(TECH), scanner, Role.Technical, 24_000 * BTT + 1, TEXT)
    office.clock.slot += QUARTER
    submit(signed(TECH), scanner, Role.Technical, 28_800 * BTT, TEXT)
    assert office.registry.registrations.registered[scanner].value == 28_800 * BTT


def test_a_full_valuation_needs_two_who_agree(office: Office) -> None:
    scanner = office.issue()
    office.registry.request_revaluation(signed(ALICE), scanner, Mode.Full)
    submit = office.registry.submit_revaluation
    submit(signed(TECH), scanner, Role.Technical, 21_000 * BTT, TEXT)
    assert office.registry.registrations.registered[scanner].value == VALUE
    with refused(office, AssetRegistry.ValuesDiffer):
        submit(signed(LEGAL), scanner, Role.Regulatory, 20_999 * BTT, TEXT)
    submit(signed(LEGAL), scanner, Role.Regulatory, 21_000 * BTT, TEXT)
    assert office.registry.registrations.registered[scanner].value == 21_000 * BTT


def test_an_asset_is_not_valued_without_end(office: Office) -> None:
    scanner = office.issue()
    for _ in range(15):
        office.registry.request_revaluation(signed(ALICE), scanner, Mode.Desktop)
        office.registry.submit_revaluation(signed(TECH), scanner, Role.Technical, VALUE, TEXT)
    office.registry.request_revaluation(signed(ALICE), scanner, Mode.Desktop)
    with refused(office, AssetRegistry.TooManyValuations):
        office.registry.submit_revaluation(signed(TECH), scanner, Role.Technical, VALUE, TEXT)


def test_policy_freezes_and_thaws(office: Office) -> None:
    scanner = office.issue()
    with refused(office, BadOrigin):
        office.registry.freeze_asset(signed(ALICE), scanner)
    office.registry.freeze_asset(ROOT, scanner)
    with refused(office, Assets.AssetNotLive):
        office.assets.transfer(signed(ALICE), scanner, Id(BOB), u128(1))
    office.registry.thaw_asset(ROOT, scanner)
    office.assets.transfer(signed(ALICE), scanner, Id(BOB), u128(1))


def test_the_issuer_buys_back_and_retires(office: Office) -> None:
    scanner = office.issue()
    office.assets.transfer(signed(ALICE), scanner, Id(BOB), u128(100))
    office.registry.distribute_revenue(signed(ALICE), scanner, u128(1_007))
    with refused(office, AssetRegistry.UnitsElsewhere):
        office.registry.retire(signed(ALICE), scanner)
    with refused(office, AssetRegistry.NoOffer):
        office.registry.sell_back(signed(BOB), scanner, u128(1), BTT)
    office.registry.offer_buy_back(signed(ALICE), scanner, 5 * BTT, u128(200))
    office.registry.offer_buy_back(signed(ALICE), scanner, 6 * BTT, u128(100))
    assert office.held(HOLD.BuyBack, ALICE) == 600 * BTT
    with refused(office, AssetRegistry.NoOffer):
        office.registry.sell_back(signed(BOB), scanner, u128(100), 6 * BTT + 1)
    with refused(office, AssetRegistry.OfferOpen):
        office.registry.retire(signed(ALICE), scanner)
    office.registry.sell_back(signed(BOB), scanner, u128(100), 6 * BTT)
    assert office.balances.free(BOB) == RICH + 600 * BTT

    office.registry.retire(signed(ALICE), scanner)
    assert office.registry.registrations.registered[scanner].state is State.Retired
    assert office.held(HOLD.Registration, ALICE) == 0
    assert scanner not in office.assets.asset
    with refused(office, Assets.Unknown):
        office.assets.touch(signed(BOB), scanner)
    office.registry.claim_revenue(signed(BOB), scanner)
    office.registry.claim_revenue(signed(ALICE), scanner)
    assert office.held(HOLD.Revenue, ALICE) == 0, "what rounding left over is the issuer's again"
    assert office.register(documents=DOCUMENTS) == 1


def test_an_offer_is_withdrawn_with_zero_units(office: Office) -> None:
    scanner = office.issue()
    free = office.balances.free(ALICE)
    office.registry.offer_buy_back(signed(ALICE), scanner, 5 * BTT, u128(200))
    office.registry.offer_buy_back(signed(ALICE), scanner, BTT, u128(0))
    assert office.balances.free(ALICE) == free
    assert scanner not in office.registry.buy_back.buy_backs


def test_a_discount_makes_fees_smaller(office: Office) -> None:
    office.people.discounts[ALICE] = 2_000
    office.issue()
    assert office.balances.total(ALICE) == RICH - 160 * BTT


def test_who_cannot_pay_the_fee_gets_no_units(office: Office) -> None:
    scanner = office.register()
    office.attest(scanner)
    office.clock.slot += VOTE
    office.balances.transfer(ALICE, BOB, office.balances.free(ALICE) - 150 * BTT)
    with refused(office, TokenError(TokenErrorKind.FundsUnavailable)):
        office.registry.issue(signed(ALICE), scanner)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mint_bps": (u32(99), u32(200), u32(300))},
        {"mint_bps": (u32(100), u32(200), u32(301))},
        {"desktop_bps": u32(24)},
        {"full_bps": u32(51)},
        {"desktop_bps": u32(50), "full_bps": u32(49)},
        {"voters_bps": u32(2_501)},
        {"jump_bps": u32(0)},
        {"jump_bps": u32(5_001)},
    ],
)
def test_parameters_outside_of_the_documents_are_refused(
    office: Office, wrong: dict[str, object]
) -> None:
    with refused(office, AssetRegistry.InvalidParams):
        office.registry.set_params(ROOT, Params(**wrong))  # type: ignore[arg-type]


def test_parameters_change_by_their_origin_with_an_event(office: Office) -> None:
    params = Params(jump_bps=u32(1_000))
    with refused(office, BadOrigin):
        office.registry.set_params(signed(ALICE), params)
    office.registry.set_params(ROOT, params)
    assert office.registry.params.value == params
    assert office.announced() == [AssetRegistry.ParamsSet(params)]


CALLS: tuple[Callable[[Office, AccountId], None], ...] = (
    lambda office, who: office.registry.verify(
        signed(who), u32(7), Role.Technical, u8(1), True, TEXT
    ),
    lambda office, who: office.registry.vote(signed(who), u32(7), True),
    lambda office, who: office.registry.issue(signed(who), u32(7)),
    lambda office, who: office.registry.claim_vote_reward(signed(who), u32(7)),
    lambda office, who: office.registry.request_revaluation(signed(who), u32(7), Mode.Desktop),
    lambda office, who: office.registry.distribute_revenue(signed(who), u32(7), BTT),
    lambda office, who: office.registry.claim_revenue(signed(who), u32(7)),
    lambda office, who: office.registry.offer_buy_back(signed(who), u32(7), BTT, u128(1)),
    lambda office, who: office.registry.sell_back(signed(who), u32(7), u128(1), BTT),
    lambda office, who: office.registry.retire(signed(who), u32(7)),
)


@pytest.mark.parametrize("call", CALLS)
def test_what_is_not_there_is_not_found(
    office: Office, call: Callable[[Office, AccountId], None]
) -> None:
    with refused(office, AssetRegistry.Unknown):
        call(office, ALICE)


@given(
    units=st.integers(1, 10**30),
    parts=st.lists(st.integers(0, 10**6), min_size=3, max_size=3).filter(any),
    amounts=st.lists(st.integers(0, 10**22), max_size=4),
)
@settings(max_examples=25, deadline=None)
def test_holders_never_get_more_than_was_set_aside(
    units: int, parts: list[int], amounts: list[int]
) -> None:
    office = Office()
    scanner = office.issue(units=u128(units))
    whole = sum(parts)
    for who, part in zip((BOB, CAROL, DAVE), parts, strict=True):
        office.assets.move(scanner, ALICE, who, u128(min(units * part // whole, units)))
    for amount in amounts:
        office.registry.distribute_revenue(signed(ALICE), scanner, u128(amount))
    due = [int(office.registry.revenue_due(scanner, who)) for who in PEOPLE]
    assert sum(due) <= sum(amounts)
    # Less than one planck for each holder, and one part in 10^18 for each unit and distribution.
    assert sum(amounts) - sum(due) <= len(amounts) * (units // 10**18 + 1) + 4


class Business(RuleBasedStateMachine):
    """Whatever people do in whatever order, holds and shares add up."""

    @initialize()
    def begin(self) -> None:
        self.office = Office()
        self.office.people.judged = list(PEOPLE)
        self.office.people.stakes = {CAROL: 7 * BTT, DAVE: 5 * BTT}
        self.begun = self.office.issuance()

    who = st.sampled_from((ALICE, BOB, CAROL, DAVE))
    asset = st.integers(0, 2).map(u32)
    money = st.integers(0, int(2_000 * BTT)).map(u128)
    units = st.integers(0, 60).map(u128)

    def _try(self, call: Callable[..., object], *arguments: object) -> None:
        state = self.office.state
        state.begin()
        try:
            call(*arguments)
        except (DispatchError, ArithmeticError):
            state.rollback()
        else:
            state.commit()

    @rule(who=who, documents=st.sampled_from((DOCUMENTS, OTHERS)), restricted=st.booleans())
    def register(self, who: AccountId, documents: H256, restricted: bool) -> None:
        if self.office.registry.registrations.count.value < 3:
            self._try(
                self.office.registry.register, signed(who), AssetKind.RealEstate,
                RightKind.Revenue, documents, TEXT, b"a", b"b", VALUE, u128(60), restricted,
            )  # fmt: skip

    @rule(asset=asset, yes=st.sampled_from((True, True, True, False)))
    def attest(self, asset: u32, yes: bool) -> None:
        verify = self.office.registry.verify
        self._try(verify, signed(LEGAL), asset, Role.Regulatory, u8(1), True, TEXT)
        self._try(verify, signed(TECH), asset, Role.Technical, u8(3), yes, TEXT)

    @rule(asset=asset, who=who, aye=st.booleans())
    def vote(self, asset: u32, who: AccountId, aye: bool) -> None:
        self._try(self.office.registry.vote, signed(who), asset, aye)

    @rule(asset=asset, who=who, slots=st.sampled_from((0, 1, VOTE, CLAIM)))
    def issue(self, asset: u32, who: AccountId, slots: int) -> None:
        self.office.clock.slot += slots
        self._try(self.office.registry.issue, signed(who), asset)
        self._try(self.office.registry.claim_vote_reward, signed(CAROL), asset)
        self._try(self.office.registry.expire_vote_reward, signed(who), asset)

    @rule(asset=asset, who=who, other=who, units=units)
    def transfer(self, asset: u32, who: AccountId, other: AccountId, units: u128) -> None:
        self._try(self.office.assets.transfer, signed(who), asset, Id(other), units)

    @rule(asset=asset, who=who, amount=money)
    def distribute(self, asset: u32, who: AccountId, amount: u128) -> None:
        self._try(self.office.registry.distribute_revenue, signed(who), asset, amount)

    @rule(asset=asset, who=who)
    def give_up(self, asset: u32, who: AccountId) -> None:
        self._try(self.office.registry.withdraw, signed(who), asset)

    @rule(asset=asset, who=who)
    def claim(self, asset: u32, who: AccountId) -> None:
        self._try(self.office.registry.claim_revenue, signed(who), asset)

    @rule(asset=asset, who=who, price=money, units=units)
    def offer(self, asset: u32, who: AccountId, price: u128, units: u128) -> None:
        self._try(self.office.registry.offer_buy_back, signed(who), asset, price, units)

    @rule(asset=asset, who=who, units=units)
    def sell(self, asset: u32, who: AccountId, units: u128) -> None:
        self._try(self.office.registry.sell_back, signed(who), asset, units, u128(0))

    @rule(asset=asset, who=who)
    def retire(self, asset: u32, who: AccountId) -> None:
        self._try(self.office.registry.retire, signed(who), asset)

    @invariant()
    def money_adds_up(self) -> None:
        office = self.office
        burned = sum(int(amount) for _, amount in office.tokenomics.burned_by.items())
        assert office.issuance() + burned == self.begun
        assets = dict(office.registry.registrations.registered.items())
        for who in PEOPLE:
            own = [id for id, info in assets.items() if info.issuer == who]
            deposits = sum(int(assets[id].deposit) for id in own)
            assert office.held(HOLD.Registration, who) == deposits
            revenue = [office.registry.holders.revenue[id] for id in own]
            waiting = sum(int(one.fed) - int(one.paid) for one in revenue)
            assert office.held(HOLD.Revenue, who) == waiting
            offers = [office.registry.buy_back.buy_backs.get(id) for id in own]
            promised = sum(int(one.price) * int(one.units) for one in offers if one is not None)
            assert office.held(HOLD.BuyBack, who) == promised
            polls = [office.registry.voting.polls.get(id) for id in own]
            rewards = sum(int(poll.left) for poll in polls if poll is not None)
            assert office.held(HOLD.VoteReward, who) == rewards

    @invariant()
    def units_add_up(self) -> None:
        for id, info in self.office.registry.registrations.registered.items():
            issued = info.units if info.state is State.Issued else 0
            assert self.office.assets.supply(id) == issued
            shares = dict(self.office.registry.holders.shares.under(id))
            revenue = self.office.registry.holders.revenue[id]
            assert revenue.owed == sum(int(share.owed) for share in shares.values())
            due = sum(int(self.office.registry.revenue_due(id, who)) for who in PEOPLE)
            assert due <= revenue.fed - revenue.paid


TestBusiness = Business.TestCase
TestBusiness.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
