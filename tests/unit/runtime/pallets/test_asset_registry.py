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

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u32, u128
from runtime.accounts import TREASURY
from runtime.constants import BTT
from runtime.frame import ROOT, BadOrigin, Error, TokenError, TokenErrorKind, signed
from runtime.pallets.asset_registry import errors as asset_registry_errors
from runtime.pallets.asset_registry import events as asset_registry_events
from runtime.pallets.asset_registry.pallet import AssetRegistry
from runtime.pallets.asset_registry.types import AssetKind, Mode, Params, RightKind, Role, State
from runtime.pallets.assets import errors as assets_errors
from runtime.pallets.tokenomics.types import BurnReason
from support.asset_runtime import (
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
    AssetRuntime,
)
from support.histories import History, seeds, unreached
from support.runtime import refused

HOLD = AssetRegistry.HoldReason


@pytest.fixture
def runtime() -> AssetRuntime:
    return AssetRuntime()


def test_the_way_to_units_and_what_it_costs(runtime: AssetRuntime) -> None:
    before = runtime.issuance()
    scanner = runtime.register()
    assert runtime.held(HOLD.Registration, ALICE) == DEPOSIT
    runtime.attest(scanner, legal=1, tech=2)
    assert runtime.registry.registrations.registered[scanner].state is State.Voting
    with refused(runtime, asset_registry_errors.VotingOpen):
        runtime.registry.issue(signed(ALICE), scanner)
    runtime.clock.slot += VOTE
    with refused(runtime, asset_registry_errors.NotIssuer):
        runtime.registry.issue(signed(BOB), scanner)
    runtime.host.events.clear()
    runtime.registry.issue(signed(ALICE), scanner)

    assert runtime.assets.balance(scanner, ALICE) == UNITS
    assert runtime.assets.asset[scanner].owner == KEEPER
    # Class 2, because the harder judgement counts: 2 % of 20,000; 5 % of it burn, beyond 10,000.
    fee, burned = 400 * BTT, 20 * BTT
    issued = [
        event
        for event in runtime.announced()
        if isinstance(event, asset_registry_events.AssetIssued)
    ]
    assert issued == [asset_registry_events.AssetIssued(scanner, UNITS, fee, burned, u128(0))]
    assert runtime.balances.total(ALICE) == RICH - fee
    assert before - runtime.issuance() == burned
    assert runtime.tokenomics.burned_by[BurnReason.Asset] == burned


def test_stakers_get_their_part_of_the_fee_whichever_way_they_voted(runtime: AssetRuntime) -> None:
    runtime.people.stakes = {BOB: 3_000 * BTT, CAROL: 1_000 * BTT}
    scanner = runtime.register()
    runtime.attest(scanner)
    runtime.registry.vote(signed(BOB), scanner, True)
    runtime.registry.vote(signed(CAROL), scanner, False)
    with refused(runtime, asset_registry_errors.AlreadyVoted):
        runtime.registry.vote(signed(BOB), scanner, False)
    with refused(runtime, asset_registry_errors.NoStake):
        runtime.registry.vote(signed(DAVE), scanner, False)
    with refused(runtime, asset_registry_errors.NothingToClaim):
        runtime.registry.claim_vote_reward(signed(BOB), scanner)
    runtime.clock.slot += VOTE
    with refused(runtime, asset_registry_errors.VotingOver):
        runtime.registry.vote(signed(DAVE), scanner, False)
    runtime.registry.issue(signed(ALICE), scanner)

    reward = 19 * BTT  # 1 % of 20,000 is 200; 10 burn; a tenth of 190 is the voters'
    assert runtime.held(HOLD.VoteReward, ALICE) == reward
    runtime.registry.claim_vote_reward(signed(BOB), scanner)
    assert runtime.balances.free(BOB) == RICH + reward * 3 // 4
    with refused(runtime, asset_registry_errors.NothingToClaim):
        runtime.registry.claim_vote_reward(signed(BOB), scanner)
    with refused(runtime, asset_registry_errors.NothingToClaim):
        runtime.registry.expire_vote_reward(signed(DAVE), scanner)
    runtime.clock.slot += CLAIM
    with refused(runtime, asset_registry_errors.NothingToClaim):
        runtime.registry.claim_vote_reward(signed(CAROL), scanner)
    treasury = runtime.balances.free(TREASURY)
    runtime.registry.expire_vote_reward(signed(DAVE), scanner)
    assert runtime.balances.free(TREASURY) - treasury == reward // 4
    assert runtime.held(HOLD.VoteReward, ALICE) == 0


def test_more_stake_against_than_for_rejects_and_returns_the_deposit(runtime: AssetRuntime) -> None:
    runtime.people.stakes = {BOB: 3_000 * BTT, CAROL: 3_001 * BTT}
    scanner = runtime.register()
    runtime.attest(scanner)
    runtime.registry.vote(signed(BOB), scanner, True)
    runtime.registry.vote(signed(CAROL), scanner, False)
    runtime.clock.slot += VOTE
    runtime.registry.issue(signed(DAVE), scanner)

    assert runtime.registry.registrations.registered[scanner].state is State.Rejected
    assert runtime.balances.free(ALICE) == RICH
    assert scanner not in runtime.assets.asset
    assert runtime.register(documents=DOCUMENTS) == 1, "its documents may be registered again"


def test_votes_are_forgotten_when_they_count_for_nothing(runtime: AssetRuntime) -> None:
    runtime.people.stakes = dict.fromkeys((BOB, CAROL), 3_000 * BTT)
    forget = runtime.registry.forget_votes
    scanner, clinic = runtime.register(), runtime.register(documents=OTHERS)
    for id in (scanner, clinic):
        runtime.attest(id)
        for who in (BOB, CAROL):
            runtime.registry.vote(signed(who), id, True)
        with refused(runtime, asset_registry_errors.NothingToForget):
            forget(signed(DAVE), id)
    runtime.clock.slot += VOTE
    runtime.registry.issue(signed(ALICE), scanner)
    runtime.registry.withdraw(signed(ALICE), clinic)
    assert forget(signed(DAVE), clinic).pays is True, "a few cost the fee of any call"
    with refused(runtime, asset_registry_errors.NothingToForget):
        forget(signed(DAVE), scanner)
    runtime.clock.slot += CLAIM
    runtime.registry.expire_vote_reward(signed(DAVE), scanner)
    forget(signed(DAVE), scanner)
    assert list(runtime.registry.voting.votes.items()) == []


def test_many_votes_are_forgotten_for_nothing_and_bit_by_bit(runtime: AssetRuntime) -> None:
    crowd = [AccountId(number.to_bytes(32, "big")) for number in range(1, 101)]
    runtime.people.stakes = dict.fromkeys(crowd, BTT)
    scanner = runtime.register()
    runtime.attest(scanner)
    for who in crowd:
        runtime.registry.vote(signed(who), scanner, False)
    runtime.registry.withdraw(signed(ALICE), scanner)
    assert runtime.registry.forget_votes(signed(DAVE), scanner).pays is False
    assert runtime.registry.forget_votes(signed(DAVE), scanner).pays is True
    assert list(runtime.registry.voting.votes.items()) == []


def test_a_verifier_who_says_no_ends_it(runtime: AssetRuntime) -> None:
    scanner = runtime.register()
    runtime.registry.verify(signed(TECH), scanner, Role.Technical, u8(1), False, TEXT)
    assert runtime.registry.registrations.registered[scanner].state is State.Rejected
    assert runtime.balances.free(ALICE) == RICH
    with refused(runtime, asset_registry_errors.BadState):
        runtime.registry.verify(signed(LEGAL), scanner, Role.Regulatory, u8(1), True, TEXT)


def test_documents_are_registered_once(runtime: AssetRuntime) -> None:
    runtime.register()
    with refused(runtime, asset_registry_errors.AlreadyRegistered):
        runtime.register(who=BOB)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"who": DAVE}, asset_registry_errors.NotJudged),
        ({"value": u128(0)}, asset_registry_errors.BadTerms),
        ({"units": u128(0)}, asset_registry_errors.BadTerms),
    ],
)
def test_what_cannot_be_registered(
    runtime: AssetRuntime, wrong: dict[str, object], error: type[Error]
) -> None:
    with refused(runtime, error):
        runtime.register(**wrong)  # type: ignore[arg-type]


def test_two_people_attest_and_neither_is_the_issuer(runtime: AssetRuntime) -> None:
    runtime.registry.bond_verifier(signed(ALICE), BOND)
    runtime.registry.appoint_verifier(ROOT, Id(ALICE), True, True)
    runtime.registry.appoint_verifier(ROOT, Id(TECH), True, True)
    scanner = runtime.register()
    with refused(runtime, asset_registry_errors.VerifierConflict):
        runtime.registry.verify(signed(ALICE), scanner, Role.Technical, u8(1), True, TEXT)
    with refused(runtime, asset_registry_errors.NotVerifier):
        runtime.registry.verify(signed(LEGAL), scanner, Role.Technical, u8(1), True, TEXT)
    with refused(runtime, asset_registry_errors.BadClass):
        runtime.registry.verify(signed(TECH), scanner, Role.Technical, u8(4), True, TEXT)
    runtime.registry.verify(signed(TECH), scanner, Role.Technical, u8(1), True, TEXT)
    with refused(runtime, asset_registry_errors.VerifierConflict):
        runtime.registry.verify(signed(TECH), scanner, Role.Regulatory, u8(1), True, TEXT)
    with refused(runtime, asset_registry_errors.AlreadyVerified):
        runtime.registry.verify(signed(TECH), scanner, Role.Technical, u8(1), True, TEXT)


def test_a_verifier_is_bonded_appointed_and_held_to_account(runtime: AssetRuntime) -> None:
    with refused(runtime, asset_registry_errors.BondTooLow):
        runtime.registry.bond_verifier(signed(DAVE), BOND - 1)
    with refused(runtime, asset_registry_errors.NotVerifier):
        runtime.registry.appoint_verifier(ROOT, Id(DAVE), True, True)
    runtime.registry.bond_verifier(signed(DAVE), BOND)
    with refused(runtime, asset_registry_errors.AlreadyBonded):
        runtime.registry.bond_verifier(signed(DAVE), BOND)
    with refused(runtime, BadOrigin):
        runtime.registry.appoint_verifier(signed(DAVE), Id(DAVE), True, True)
    scanner = runtime.register()
    with refused(runtime, asset_registry_errors.NotVerifier):
        runtime.registry.verify(signed(DAVE), scanner, Role.Technical, u8(1), True, TEXT)
    with refused(runtime, asset_registry_errors.StillBound):
        runtime.registry.withdraw_bond(signed(DAVE))
    runtime.registry.leave(signed(DAVE))
    with refused(runtime, asset_registry_errors.StillBound):
        runtime.registry.leave(signed(DAVE))
    runtime.clock.slot += LEAVE - 1
    with refused(runtime, asset_registry_errors.StillBound):
        runtime.registry.withdraw_bond(signed(DAVE))
    before = runtime.issuance()
    runtime.registry.slash_verifier(ROOT, Id(DAVE), 1_000 * BTT)
    assert before - runtime.issuance() == 1_000 * BTT
    assert runtime.tokenomics.burned_by[BurnReason.Slash] == 1_000 * BTT
    runtime.clock.slot += 1
    runtime.registry.withdraw_bond(signed(DAVE))
    assert runtime.balances.free(DAVE) == RICH - 1_000 * BTT
    assert DAVE not in runtime.registry.verification.verifiers


def test_one_who_stands_behind_two_accounts_is_one(runtime: AssetRuntime) -> None:
    runtime.people.parents = {TECH: LEGAL}
    scanner = runtime.register()
    runtime.registry.verify(signed(LEGAL), scanner, Role.Regulatory, u8(1), True, TEXT)
    with refused(runtime, asset_registry_errors.VerifierConflict):
        runtime.registry.verify(signed(TECH), scanner, Role.Technical, u8(1), True, TEXT)
    runtime.people.parents = {TECH: ALICE}
    with refused(runtime, asset_registry_errors.VerifierConflict):
        runtime.registry.verify(signed(TECH), scanner, Role.Technical, u8(1), True, TEXT)
    runtime.people.parents = {}
    runtime.registry.verify(signed(TECH), scanner, Role.Technical, u8(1), True, TEXT)
    runtime.clock.slot += VOTE
    runtime.registry.issue(signed(ALICE), scanner)
    runtime.registry.request_revaluation(signed(ALICE), scanner, Mode.Desktop)
    runtime.people.parents = {ALICE: BOB, TECH: BOB}
    with refused(runtime, asset_registry_errors.VerifierConflict):
        runtime.registry.submit_revaluation(signed(TECH), scanner, Role.Technical, VALUE, TEXT)


def test_the_same_coins_do_not_vote_twice(runtime: AssetRuntime) -> None:
    runtime.people.stakes = {BOB: 3_000 * BTT, CAROL: 3_000 * BTT}
    # Bob's stake is over before the vote is: he could stake the same coins as Carol then.
    runtime.people.lasts = {BOB: u128(0), CAROL: 1_000 * BTT}
    scanner = runtime.register()
    runtime.attest(scanner)
    with refused(runtime, asset_registry_errors.NoStake):
        runtime.registry.vote(signed(BOB), scanner, False)
    runtime.registry.vote(signed(CAROL), scanner, True)
    assert runtime.registry.voting.polls[scanner].ayes == 1_000 * BTT


def test_who_was_slashed_is_not_appointed_again_without_a_whole_bond(runtime: AssetRuntime) -> None:
    runtime.registry.slash_verifier(ROOT, Id(LEGAL), u128(1))
    with refused(runtime, asset_registry_errors.BondTooLow):
        runtime.registry.appoint_verifier(ROOT, Id(LEGAL), True, False)
    runtime.registry.appoint_verifier(ROOT, Id(LEGAL), False, False)
    runtime.registry.leave(signed(LEGAL))
    runtime.clock.slot += LEAVE
    runtime.registry.withdraw_bond(signed(LEGAL))
    runtime.registry.bond_verifier(signed(LEGAL), BOND)
    runtime.registry.appoint_verifier(ROOT, Id(LEGAL), True, False)


def test_an_issuer_gives_up_before_there_are_units_and_gets_the_deposit(
    runtime: AssetRuntime,
) -> None:
    scanner = runtime.register()
    with refused(runtime, asset_registry_errors.NotIssuer):
        runtime.registry.withdraw(signed(BOB), scanner)
    runtime.registry.withdraw(signed(ALICE), scanner)
    assert runtime.balances.free(ALICE) == RICH
    assert scanner not in runtime.registry.registrations.registered, "no report exists"
    assert not runtime.registry.valuation.valuations[scanner]
    with refused(runtime, asset_registry_errors.Unknown):
        runtime.registry.withdraw(signed(ALICE), scanner)

    again = runtime.register()
    runtime.attest(again)
    runtime.registry.withdraw(signed(ALICE), again)
    assert runtime.balances.free(ALICE) == RICH
    assert runtime.registry.registrations.registered[again].state is State.Rejected
    with refused(runtime, asset_registry_errors.BadState):
        runtime.registry.withdraw(signed(ALICE), again)
    issued = runtime.issue()
    with refused(runtime, asset_registry_errors.BadState):
        runtime.registry.withdraw(signed(ALICE), issued)


def test_a_slashed_verifier_attests_nothing_and_loses_no_more_than_there_is(
    runtime: AssetRuntime,
) -> None:
    runtime.registry.slash_verifier(ROOT, Id(LEGAL), u128(u128.MAX))
    assert runtime.held(HOLD.VerifierBond, LEGAL) == 0
    scanner = runtime.register()
    with refused(runtime, asset_registry_errors.NotVerifier):
        runtime.registry.verify(signed(LEGAL), scanner, Role.Regulatory, u8(1), True, TEXT)


def test_restricted_units_are_for_people_whose_identity_was_judged(runtime: AssetRuntime) -> None:
    scanner = runtime.issue(restricted=True)
    with refused(runtime, assets_errors.NoPermission):
        runtime.assets.transfer(signed(ALICE), scanner, Id(DAVE), u128(1))
    runtime.assets.transfer(signed(ALICE), scanner, Id(BOB), u128(1))
    clinic = runtime.issue(documents=OTHERS)
    runtime.assets.transfer(signed(ALICE), clinic, Id(DAVE), u128(1))


def test_revenue_goes_to_those_who_held_units_when_it_came(runtime: AssetRuntime) -> None:
    scanner = runtime.issue()
    runtime.assets.transfer(signed(ALICE), scanner, Id(BOB), u128(250))
    runtime.registry.distribute_revenue(signed(ALICE), scanner, 100 * BTT)
    runtime.assets.transfer(signed(BOB), scanner, Id(CAROL), u128(250))
    runtime.registry.distribute_revenue(signed(ALICE), scanner, 10 * BTT)

    assert runtime.registry.revenue_due(scanner, BOB) == 25 * BTT
    assert runtime.registry.revenue_due(scanner, CAROL) == 25 * BTT // 10
    runtime.registry.claim_revenue(signed(BOB), scanner)
    runtime.registry.claim_revenue(signed(CAROL), scanner)
    assert runtime.balances.free(BOB) == RICH + 25 * BTT
    assert runtime.balances.free(CAROL) == RICH + 25 * BTT // 10
    with refused(runtime, asset_registry_errors.NothingToClaim):
        runtime.registry.claim_revenue(signed(BOB), scanner)
    assert (scanner, BOB) not in runtime.registry.holders.shares, "an empty share is removed"
    assert (scanner, CAROL) in runtime.registry.holders.shares
    with refused(runtime, asset_registry_errors.NotIssuer):
        runtime.registry.distribute_revenue(signed(BOB), scanner, BTT)
    assert runtime.held(HOLD.Revenue, ALICE) == 110 * BTT - 275 * BTT // 10


def test_the_value_moves_so_far_within_a_quarter_and_not_farther(runtime: AssetRuntime) -> None:
    scanner = runtime.issue()
    paid = int(runtime.balances.total(ALICE))
    runtime.registry.request_revaluation(signed(ALICE), scanner, Mode.Desktop)
    assert paid - int(runtime.balances.total(ALICE)) == 50 * BTT
    with refused(runtime, asset_registry_errors.RevaluationPending):
        runtime.registry.request_revaluation(signed(ALICE), scanner, Mode.Full)
    submit = runtime.registry.submit_revaluation
    with refused(runtime, asset_registry_errors.NotVerifier):
        submit(signed(LEGAL), scanner, Role.Regulatory, VALUE, TEXT)
    with refused(runtime, asset_registry_errors.ValuationJump):
        submit(signed(TECH), scanner, Role.Technical, 24_000 * BTT + 1, TEXT)
    submit(signed(TECH), scanner, Role.Technical, 24_000 * BTT, TEXT)
    assert runtime.registry.registrations.registered[scanner].value == 24_000 * BTT
    with refused(runtime, asset_registry_errors.NoRevaluation):
        submit(signed(TECH), scanner, Role.Technical, VALUE, TEXT)

    runtime.registry.request_revaluation(signed(ALICE), scanner, Mode.Desktop)
    with refused(runtime, asset_registry_errors.ValuationJump):
        submit(signed(TECH), scanner, Role.Technical, 24_000 * BTT + 1, TEXT)
    runtime.clock.slot += QUARTER
    submit(signed(TECH), scanner, Role.Technical, 28_800 * BTT, TEXT)
    assert runtime.registry.registrations.registered[scanner].value == 28_800 * BTT


def test_a_full_valuation_needs_two_who_agree(runtime: AssetRuntime) -> None:
    scanner = runtime.issue()
    runtime.registry.request_revaluation(signed(ALICE), scanner, Mode.Full)
    submit = runtime.registry.submit_revaluation
    submit(signed(TECH), scanner, Role.Technical, 21_000 * BTT, TEXT)
    assert runtime.registry.registrations.registered[scanner].value == VALUE
    with refused(runtime, asset_registry_errors.ValuesDiffer):
        submit(signed(LEGAL), scanner, Role.Regulatory, 20_999 * BTT, TEXT)
    submit(signed(LEGAL), scanner, Role.Regulatory, 21_000 * BTT, TEXT)
    assert runtime.registry.registrations.registered[scanner].value == 21_000 * BTT


def test_an_asset_is_not_valued_without_end(runtime: AssetRuntime) -> None:
    scanner = runtime.issue()
    for _ in range(15):
        runtime.registry.request_revaluation(signed(ALICE), scanner, Mode.Desktop)
        runtime.registry.submit_revaluation(signed(TECH), scanner, Role.Technical, VALUE, TEXT)
    runtime.registry.request_revaluation(signed(ALICE), scanner, Mode.Desktop)
    with refused(runtime, asset_registry_errors.TooManyValuations):
        runtime.registry.submit_revaluation(signed(TECH), scanner, Role.Technical, VALUE, TEXT)


def test_policy_freezes_and_thaws(runtime: AssetRuntime) -> None:
    scanner = runtime.issue()
    with refused(runtime, BadOrigin):
        runtime.registry.freeze_asset(signed(ALICE), scanner)
    runtime.registry.freeze_asset(ROOT, scanner)
    with refused(runtime, assets_errors.AssetNotLive):
        runtime.assets.transfer(signed(ALICE), scanner, Id(BOB), u128(1))
    runtime.registry.thaw_asset(ROOT, scanner)
    runtime.assets.transfer(signed(ALICE), scanner, Id(BOB), u128(1))


def test_the_issuer_buys_back_and_retires(runtime: AssetRuntime) -> None:
    scanner = runtime.issue()
    runtime.assets.transfer(signed(ALICE), scanner, Id(BOB), u128(100))
    runtime.registry.distribute_revenue(signed(ALICE), scanner, u128(1_007))
    with refused(runtime, asset_registry_errors.UnitsElsewhere):
        runtime.registry.retire(signed(ALICE), scanner)
    with refused(runtime, asset_registry_errors.NoOffer):
        runtime.registry.sell_back(signed(BOB), scanner, u128(1), BTT)
    runtime.registry.offer_buy_back(signed(ALICE), scanner, 5 * BTT, u128(200))
    runtime.registry.offer_buy_back(signed(ALICE), scanner, 6 * BTT, u128(100))
    assert runtime.held(HOLD.BuyBack, ALICE) == 600 * BTT
    with refused(runtime, asset_registry_errors.NoOffer):
        runtime.registry.sell_back(signed(BOB), scanner, u128(100), 6 * BTT + 1)
    with refused(runtime, asset_registry_errors.OfferOpen):
        runtime.registry.retire(signed(ALICE), scanner)
    runtime.registry.sell_back(signed(BOB), scanner, u128(100), 6 * BTT)
    assert runtime.balances.free(BOB) == RICH + 600 * BTT

    runtime.registry.retire(signed(ALICE), scanner)
    assert runtime.registry.registrations.registered[scanner].state is State.Retired
    assert runtime.held(HOLD.Registration, ALICE) == 0
    assert scanner not in runtime.assets.asset
    with refused(runtime, assets_errors.Unknown):
        runtime.assets.touch(signed(BOB), scanner)
    runtime.registry.claim_revenue(signed(BOB), scanner)
    runtime.registry.claim_revenue(signed(ALICE), scanner)
    assert runtime.held(HOLD.Revenue, ALICE) == 0, "what rounding left over is the issuer's again"
    assert runtime.register(documents=DOCUMENTS) == 1


def test_an_offer_is_withdrawn_with_zero_units(runtime: AssetRuntime) -> None:
    scanner = runtime.issue()
    free = runtime.balances.free(ALICE)
    runtime.registry.offer_buy_back(signed(ALICE), scanner, 5 * BTT, u128(200))
    runtime.registry.offer_buy_back(signed(ALICE), scanner, BTT, u128(0))
    assert runtime.balances.free(ALICE) == free
    assert scanner not in runtime.registry.buy_back.buy_backs


def test_a_discount_makes_fees_smaller(runtime: AssetRuntime) -> None:
    runtime.people.discounts[ALICE] = 2_000
    runtime.issue()
    assert runtime.balances.total(ALICE) == RICH - 160 * BTT


def test_who_cannot_pay_the_fee_gets_no_units(runtime: AssetRuntime) -> None:
    scanner = runtime.register()
    runtime.attest(scanner)
    runtime.clock.slot += VOTE
    runtime.balances.transfer(ALICE, BOB, runtime.balances.free(ALICE) - 150 * BTT)
    with refused(runtime, TokenError(TokenErrorKind.FundsUnavailable)):
        runtime.registry.issue(signed(ALICE), scanner)


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
    runtime: AssetRuntime, wrong: dict[str, object]
) -> None:
    with refused(runtime, asset_registry_errors.InvalidParams):
        runtime.registry.set_params(ROOT, Params(**wrong))  # type: ignore[arg-type]


def test_parameters_change_by_their_origin_with_an_event(runtime: AssetRuntime) -> None:
    params = Params(jump_bps=u32(1_000))
    with refused(runtime, BadOrigin):
        runtime.registry.set_params(signed(ALICE), params)
    runtime.registry.set_params(ROOT, params)
    assert runtime.registry.params.value == params
    assert runtime.announced() == [asset_registry_events.ParamsSet(params)]


CALLS: tuple[Callable[[AssetRuntime, AccountId], None], ...] = (
    lambda runtime, who: runtime.registry.verify(
        signed(who), u32(7), Role.Technical, u8(1), True, TEXT
    ),
    lambda runtime, who: runtime.registry.vote(signed(who), u32(7), True),
    lambda runtime, who: runtime.registry.issue(signed(who), u32(7)),
    lambda runtime, who: runtime.registry.claim_vote_reward(signed(who), u32(7)),
    lambda runtime, who: runtime.registry.request_revaluation(signed(who), u32(7), Mode.Desktop),
    lambda runtime, who: runtime.registry.distribute_revenue(signed(who), u32(7), BTT),
    lambda runtime, who: runtime.registry.claim_revenue(signed(who), u32(7)),
    lambda runtime, who: runtime.registry.offer_buy_back(signed(who), u32(7), BTT, u128(1)),
    lambda runtime, who: runtime.registry.sell_back(signed(who), u32(7), u128(1), BTT),
    lambda runtime, who: runtime.registry.retire(signed(who), u32(7)),
)


@pytest.mark.parametrize("call", CALLS)
def test_what_is_not_there_is_not_found(
    runtime: AssetRuntime, call: Callable[[AssetRuntime, AccountId], None]
) -> None:
    with refused(runtime, asset_registry_errors.Unknown):
        call(runtime, ALICE)


@given(
    units=st.integers(1, 10**30),
    parts=st.lists(st.integers(0, 10**6), min_size=3, max_size=3).filter(any),
    amounts=st.lists(st.integers(0, 10**22), max_size=4),
)
@settings(max_examples=25, deadline=None)
def test_holders_never_get_more_than_was_set_aside(
    units: int, parts: list[int], amounts: list[int]
) -> None:
    runtime = AssetRuntime()
    scanner = runtime.issue(units=u128(units))
    whole = sum(parts)
    for who, part in zip((BOB, CAROL, DAVE), parts, strict=True):
        runtime.assets.move(scanner, ALICE, who, u128(min(units * part // whole, units)))
    for amount in amounts:
        runtime.registry.distribute_revenue(signed(ALICE), scanner, u128(amount))
    due = [int(runtime.registry.revenue_due(scanner, who)) for who in PEOPLE]
    assert sum(due) <= sum(amounts)
    # Less than one planck for each holder, and one part in 10^18 for each unit and distribution.
    assert sum(amounts) - sum(due) <= len(amounts) * (units // 10**18 + 1) + 4


class Business(History):
    """Whatever people do in whatever order, holds and shares add up."""

    def __init__(self) -> None:
        self.runtime = AssetRuntime()
        super().__init__(self.runtime)
        self.registry = self.runtime.registry
        self.runtime.people.judged = list(PEOPLE)
        self.runtime.people.stakes = {CAROL: 7 * BTT, DAVE: 5 * BTT}
        self.begun = self.runtime.issuance()
        self.documents = 0

    def step(self) -> None:
        known = dict(self.registry.registrations.registered.items())
        going = [id for id, one in known.items() if one.state < State.Rejected]
        if len(going) < 2 or (len(going) < 4 and self.one_in(10)):
            self.register()
        elif self.one_in(10):
            self.verifiers()
        else:
            issued = [id for id in going if known[id].state is State.Issued]
            likely = issued if issued and self.one_in(2) else going
            asset = self.one_of(list(known) if self.one_in(10) else likely)
            state = self.one_of(list(State)) if self.one_in(10) else known[asset].state
            issuer = known[asset].issuer
            self.one_of(self.steps(state))(asset, self.any_account() if self.one_in(10) else issuer)

    def steps(self, state: State) -> Sequence[Callable[[u32, AccountId], None]]:
        """Return steps that may succeed with an asset, the likely ones several times."""
        if state is State.Registered:
            return (*[self.attest] * 12, self.give_up)
        if state is State.Voting:
            return (*[self.vote] * 5, *[self.issue] * 5, self.give_up)
        return (
            *[self.transfer] * 4, *[self.distribute] * 3, *[self.claim] * 3, *[self.offer] * 2,
            *[self.sell] * 3, *[self.rewards] * 2, *[self.revalue] * 2, self.police, self.retire,
        )  # fmt: skip

    def any_account(self) -> AccountId:
        return self.one_of((ALICE, BOB, CAROL, DAVE))

    def money(self) -> u128:
        return u128(self.up_to(int(2_000 * BTT)))

    def register(self) -> None:
        self.documents += not self.one_in(5)
        self.attempt(
            self.registry.register, signed(self.any_account()), AssetKind.RealEstate,
            RightKind.Revenue, H256.of(self.documents.to_bytes(1, "big")), TEXT, b"a", b"b",
            VALUE, u128(60), self.one_in(2),
        )  # fmt: skip

    def verifiers(self) -> None:
        """Let a verifier leave or be slashed."""
        who = self.one_of((LEGAL, TECH))
        if self.one_in(2):
            amount = self.money() if self.one_in(2) else u128(BOND)
            self.attempt(self.registry.slash_verifier, ROOT, Id(who), amount)
        else:
            self.attempt(self.registry.leave, signed(who))

    def seat(self) -> None:
        """Appoint both verifiers; one that left takes its bond first, and bonds anew."""
        for who in (LEGAL, TECH):
            verifier = self.registry.verification.verifiers.get(who)
            if verifier is not None and (verifier.bond < BOND or verifier.leaving is not None):
                self.attempt(self.registry.leave, signed(who))
                self.runtime.clock.slot += self.one_of((LEAVE, LEAVE - 1))
                self.attempt(self.registry.withdraw_bond, signed(who))
            self.attempt(self.registry.bond_verifier, signed(who), BOND)
            roles = who == LEGAL, who == TECH
            self.attempt(self.registry.appoint_verifier, ROOT, Id(who), *roles)

    def attest(self, asset: u32, who: AccountId) -> None:
        self.seat()
        verify, yes = self.registry.verify, not self.one_in(10)
        self.attempt(verify, signed(LEGAL), asset, Role.Regulatory, u8(1), True, TEXT)
        self.attempt(verify, signed(TECH), asset, Role.Technical, u8(3), yes, TEXT)

    def vote(self, asset: u32, who: AccountId) -> None:
        voter, aye = self.one_of((CAROL, DAVE)), not self.one_in(4)
        self.attempt(self.registry.vote, signed(voter), asset, aye)

    def issue(self, asset: u32, who: AccountId) -> None:
        self.runtime.clock.slot += self.one_of((0, 1, VOTE, VOTE))
        if self.attempt(self.registry.issue, signed(who), asset) and self.one_in(2):
            self.rewards(asset, who)

    def rewards(self, asset: u32, who: AccountId) -> None:
        voter = self.one_of((CAROL, DAVE))
        self.attempt(self.registry.claim_vote_reward, signed(voter), asset)
        self.runtime.clock.slot += self.one_of((0, 1, CLAIM))
        self.attempt(self.registry.expire_vote_reward, signed(who), asset)
        self.attempt(self.registry.forget_votes, signed(who), asset)

    def transfer(self, asset: u32, who: AccountId) -> None:
        who, other = self.one_of((who, self.any_account())), self.any_account()
        units = u128(self.up_to(int(self.runtime.assets.balance(asset, who))))
        self.attempt(self.runtime.assets.transfer, signed(who), asset, Id(other), units)

    def distribute(self, asset: u32, who: AccountId) -> None:
        self.attempt(self.registry.distribute_revenue, signed(who), asset, self.money())

    def give_up(self, asset: u32, who: AccountId) -> None:
        self.attempt(self.registry.withdraw, signed(who), asset)

    def claim(self, asset: u32, who: AccountId) -> None:
        due = [one for one in PEOPLE if self.registry.revenue_due(asset, one)]
        claimer = self.one_of(due) if due and not self.one_in(6) else self.any_account()
        self.attempt(self.registry.claim_revenue, signed(claimer), asset)

    def offer(self, asset: u32, who: AccountId) -> None:
        price, units = u128(self.up_to(int(100 * BTT))), u128(self.rng.randrange(60))
        self.attempt(self.registry.offer_buy_back, signed(who), asset, price, units)

    def sell(self, asset: u32, who: AccountId) -> None:
        if asset not in self.registry.buy_back.buy_backs and self.one_in(2):
            self.offer(asset, who)
        seller, offer = self.any_account(), self.registry.buy_back.buy_backs.get(asset)
        most = 60 if offer is None else int(offer.units)
        units = u128(self.up_to(min(most, int(self.runtime.assets.balance(asset, seller)))))
        self.attempt(self.registry.sell_back, signed(seller), asset, units, u128(0))

    def revalue(self, asset: u32, who: AccountId) -> None:
        self.seat()
        self.attempt(self.registry.request_revaluation, signed(who), asset, self.one_of(list(Mode)))
        value = u128(int(VALUE) * self.one_of((70, 90, 100, 110)) // 100)
        for verifier, role in ((LEGAL, Role.Regulatory), (TECH, Role.Technical)):
            submit = self.registry.submit_revaluation
            self.attempt(submit, signed(verifier), asset, role, value, TEXT)

    def police(self, asset: u32, who: AccountId) -> None:
        if self.runtime.assets.is_live(asset) and self.one_in(3):
            self.attempt(self.registry.freeze_asset, ROOT, asset)
        else:
            self.attempt(self.registry.thaw_asset, ROOT, asset)

    def retire(self, asset: u32, who: AccountId) -> None:
        """Let the others give their units back first, or not, and an offer end, or not."""
        if self.one_in(2):
            self.distribute(asset, who)
            self.attempt(self.registry.offer_buy_back, signed(who), asset, u128(0), u128(0))
            for other in (ALICE, BOB, CAROL, DAVE):
                move = self.runtime.assets.transfer_all
                self.attempt(move, signed(other), asset, Id(who), False)
        self.attempt(self.registry.retire, signed(who), asset)

    def check(self) -> None:
        self.money_adds_up()
        self.units_add_up()

    def money_adds_up(self) -> None:
        runtime = self.runtime
        burned = sum(int(amount) for _, amount in runtime.tokenomics.burned_by.items())
        assert runtime.issuance() + burned == self.begun
        assets = dict(runtime.registry.registrations.registered.items())
        for who in PEOPLE:
            own = [id for id, info in assets.items() if info.issuer == who]
            deposits = sum(int(assets[id].deposit) for id in own)
            assert runtime.held(HOLD.Registration, who) == deposits
            revenue = [runtime.registry.holders.revenue[id] for id in own]
            waiting = sum(int(one.fed) - int(one.paid) for one in revenue)
            assert runtime.held(HOLD.Revenue, who) == waiting
            offers = [runtime.registry.buy_back.buy_backs.get(id) for id in own]
            promised = sum(int(one.price) * int(one.units) for one in offers if one is not None)
            assert runtime.held(HOLD.BuyBack, who) == promised
            polls = [runtime.registry.voting.polls.get(id) for id in own]
            rewards = sum(int(poll.left) for poll in polls if poll is not None)
            assert runtime.held(HOLD.VoteReward, who) == rewards
            verifier = runtime.registry.verification.verifiers.get(who)
            assert runtime.held(HOLD.VerifierBond, who) == (verifier.bond if verifier else 0)

    def units_add_up(self) -> None:
        for id, info in self.runtime.registry.registrations.registered.items():
            issued = info.units if info.state is State.Issued else 0
            assert self.runtime.assets.supply(id) == issued
            shares = dict(self.runtime.registry.holders.shares.under(id))
            revenue = self.runtime.registry.holders.revenue[id]
            assert revenue.owed == sum(int(share.owed) for share in shares.values())
            due = sum(int(self.runtime.registry.revenue_due(id, who)) for who in PEOPLE)
            assert due <= revenue.fed - revenue.paid


@settings(max_examples=settings().max_examples // 2)
@given(seeds(30, 80))
def test_holds_and_shares_add_up_whatever_people_do(steps: list[int]) -> None:
    Business().run(steps)


def test_random_business_reaches_all_calls_and_events() -> None:
    absent = {"AssetRegistry.set_params", "AssetRegistry.ParamsSet"}
    assert unreached(Business, AssetRegistry, runs=4, steps=150) == absent
