"""Bounties: from a proposal to the payment, and every way in which it can end otherwise."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import u32, u128
from runtime.accounts import GRANTS, TREASURY
from runtime.constants import BTT
from runtime.frame import ROOT, BadOrigin, PostInfo, TokenError, TokenErrorKind, signed
from runtime.pallets.balances import errors as balances_errors
from runtime.pallets.balances.types import sub_account
from runtime.pallets.bounties import errors as bounties_errors
from runtime.pallets.bounties import events as bounties_events
from runtime.pallets.bounties.types import (
    MAX_REASON,
    Active,
    Approved,
    ApprovedWithCurator,
    AwaitsCurator,
    Awarded,
    Bounty,
    Funded,
    Proposed,
)
from runtime.pallets.treasury.pallet import MAX_APPROVALS
from runtime.schedules import VestingInfo
from support.bounties import (
    ALICE,
    BASE,
    BOB,
    BOND,
    CAROL,
    CLERK,
    DAVE,
    DELAY,
    FIRST,
    MILLI,
    PER_BYTE,
    PERIOD,
    POOL,
    TEXT,
    UPDATE,
    GrantsChain,
    opened,
)
from support.runtime import refused


@pytest.fixture
def chain() -> GrantsChain:
    return opened()


# ---- from proposal to payment


def test_a_bounty_from_the_proposal_to_the_payment(chain: GrantsChain) -> None:
    bounties, balances = chain.bounties, chain.balances
    bounties.propose_bounty(signed(ALICE), 100 * BTT, TEXT)
    assert bounties.bounties[FIRST] == Bounty(ALICE, 100 * BTT, u128(0), u128(0), BOND, Proposed())
    assert bounties.bounty_descriptions[FIRST] == TEXT
    assert balances.reserved(ALICE) == BOND

    bounties.approve_bounty(ROOT, FIRST)
    assert chain.status() == Approved()
    assert (chain.money(), balances.reserved(ALICE)) == (0, BOND)
    chain.spend()
    assert chain.status() == Funded()
    assert (chain.money(), balances.reserved(ALICE)) == (100 * BTT, 0)
    assert balances.free(GRANTS) == (POOL - 100) * BTT

    bounties.propose_curator(ROOT, FIRST, Id(BOB), 30 * BTT)
    assert chain.status() == AwaitsCurator(BOB)
    bounties.accept_curator(signed(BOB), FIRST)
    assert chain.status() == Active(BOB, u32(PERIOD + UPDATE))
    assert balances.reserved(BOB) == 15 * BTT
    bounties.award_bounty(signed(BOB), FIRST, Id(CAROL))
    assert chain.status() == Awarded(BOB, CAROL, u32(PERIOD + DELAY))

    chain.clock.slot += DELAY
    bounties.claim_bounty(signed(DAVE), FIRST)
    assert balances.free(CAROL) == 1_070 * BTT
    assert (balances.free(BOB), balances.reserved(BOB)) == (1_030 * BTT, 0)
    assert chain.money() == 0
    assert bounties.funding.account_of(FIRST) not in chain.system.account
    assert FIRST not in bounties.bounties
    assert FIRST not in bounties.bounty_descriptions
    assert chain.own_events() == [
        bounties_events.BountyProposed(FIRST),
        bounties_events.BountyApproved(FIRST),
        bounties_events.BountyBecameActive(FIRST),
        bounties_events.CuratorProposed(FIRST, BOB),
        bounties_events.CuratorAccepted(FIRST, BOB),
        bounties_events.BountyAwarded(FIRST, CAROL),
        bounties_events.BountyClaimed(FIRST, 70 * BTT, CAROL),
    ]


def test_a_curator_can_be_chosen_with_the_approval(chain: GrantsChain) -> None:
    chain.propose()
    with refused(chain, bounties_errors.InvalidFee):
        chain.bounties.approve_bounty_with_curator(ROOT, FIRST, Id(BOB), 100 * BTT)
    chain.bounties.approve_bounty_with_curator(ROOT, FIRST, Id(BOB), 99 * BTT)
    assert chain.status() == ApprovedWithCurator(BOB)
    chain.spend()
    assert chain.status() == AwaitsCurator(BOB)
    assert chain.bounties.bounties[FIRST].fee == 99 * BTT
    assert chain.own_events()[1:] == [
        bounties_events.BountyApproved(FIRST),
        bounties_events.CuratorProposed(FIRST, BOB),
        bounties_events.BountyBecameActive(FIRST),
    ]


# ---- proposing


def test_a_wrong_proposal_says_why(chain: GrantsChain) -> None:
    propose = chain.bounties.propose_bounty
    with refused(chain, bounties_errors.ReasonTooBig):
        propose(signed(ALICE), 100 * BTT, bytes(MAX_REASON + 1))
    with refused(chain, bounties_errors.InvalidValue):
        propose(signed(ALICE), 10 * BTT - 1, TEXT)
    with refused(chain, bounties_errors.InsufficientProposersBalance):
        propose(signed(CLERK), 10 * BTT, TEXT)
    with refused(chain, BadOrigin):
        propose(ROOT, 10 * BTT, TEXT)


def test_a_long_description_weighs_and_costs_more(chain: GrantsChain) -> None:
    short, long = (
        chain.call("Bounties", "propose_bounty", value=100 * BTT, description=bytes(size))
        for size in (1, 1_001)
    )
    assert chain.info(long).weight > chain.info(short).weight
    chain.dispatch(signed(ALICE), long)
    assert chain.deposit(ALICE) == BASE + PER_BYTE * 1_001


def test_a_rejected_proposal_costs_the_deposit(chain: GrantsChain) -> None:
    chain.propose()
    with refused(chain, BadOrigin):
        chain.bounties.close_bounty(signed(BOB), FIRST)
    chain.bounties.close_bounty(ROOT, FIRST)
    assert (chain.balances.free(TREASURY), chain.balances.reserved(ALICE)) == (BOND, 0)
    assert chain.own_events()[-1] == bounties_events.BountyRejected(FIRST, BOND)
    with refused(chain, bounties_errors.InvalidIndex):
        chain.bounties.close_bounty(ROOT, FIRST)


def test_a_deposit_follows_the_price_when_the_proposer_pokes_it(chain: GrantsChain) -> None:
    chain.propose()
    poke = chain.bounties.poke_deposit
    with refused(chain, bounties_errors.NotProposer):
        poke(signed(BOB), FIRST)
    assert poke(signed(ALICE), FIRST) == PostInfo(pays=True)
    for base in (3 * BTT, BTT // 2):
        old = chain.deposit(ALICE)
        deposits = chain.bounties.deposits
        deposits.bounty_deposit_base = base
        assert poke(signed(ALICE), FIRST) == PostInfo(pays=False)
        new = base + PER_BYTE * len(TEXT)
        assert chain.deposit(ALICE) == chain.bounties.bounties[FIRST].bond == new
        assert chain.own_events()[-1] == bounties_events.DepositPoked(FIRST, ALICE, u128(old), new)
    chain.bounties.approve_bounty(ROOT, FIRST)
    with refused(chain, bounties_errors.UnexpectedStatus):
        poke(signed(ALICE), FIRST)


# ---- approving and funding


def test_only_who_may_grant_as_much_approves(chain: GrantsChain) -> None:
    chain.propose(100)
    chain.propose(101)
    with refused(chain, BadOrigin):
        chain.bounties.approve_bounty(signed(ALICE), FIRST)
    with refused(chain, bounties_errors.InsufficientPermission):
        chain.bounties.approve_bounty(signed(CLERK), u32(1))
    with refused(chain, bounties_errors.InsufficientPermission):
        chain.bounties.approve_bounty_with_curator(signed(CLERK), u32(1), Id(BOB), BTT)
    chain.bounties.approve_bounty(signed(CLERK), FIRST)
    with refused(chain, bounties_errors.UnexpectedStatus):
        chain.bounties.approve_bounty(ROOT, FIRST)
    with refused(chain, bounties_errors.InvalidIndex):
        chain.bounties.approve_bounty(ROOT, u32(2))


def test_only_so_many_bounties_wait_for_money(chain: GrantsChain) -> None:
    for _ in range(MAX_APPROVALS + 1):
        chain.propose()
    for index in range(MAX_APPROVALS):
        chain.bounties.approve_bounty(ROOT, u32(index))
    with refused(chain, bounties_errors.TooManyQueued):
        chain.bounties.approve_bounty(ROOT, u32(MAX_APPROVALS))


def test_a_bounty_above_the_ceiling_waits_whole_for_the_next_period(chain: GrantsChain) -> None:
    chain.propose(100)
    chain.propose(50)
    for index in (0, 1):
        chain.bounties.approve_bounty(ROOT, u32(index))
    chain.ceiling.headroom = 50 * BTT
    chain.spend()
    assert (chain.status(), chain.status(u32(1))) == (Approved(), Funded())
    assert (chain.money(), chain.money(u32(1))) == (0, 50 * BTT)
    assert chain.bounties.funding.bounty_approvals.value == [0]
    assert chain.deposit(ALICE) == BOND
    assert chain.balances.free(GRANTS) == (POOL - 50) * BTT

    chain.ceiling.headroom = 100 * BTT
    chain.spend()
    assert chain.status() == Funded()
    assert chain.bounties.funding.bounty_approvals.value == []
    assert chain.deposit(ALICE) == 0


def test_a_dry_pool_funds_nothing_and_a_filled_one_what_waited(chain: GrantsChain) -> None:
    chain.propose(POOL + 500)
    chain.bounties.approve_bounty(ROOT, FIRST)
    chain.spend()
    assert chain.status() == Approved()
    chain.balances.transfer(DAVE, GRANTS, 500 * BTT)
    chain.spend()
    assert chain.status() == Funded()
    assert chain.balances.free(GRANTS) == 0


@pytest.mark.parametrize("with_curator", [False, True])
def test_a_waiting_approved_bounty_can_be_closed(chain: GrantsChain, with_curator: bool) -> None:
    chain.propose()
    chain.propose()
    if with_curator:
        chain.bounties.approve_bounty_with_curator(ROOT, FIRST, Id(BOB), BTT)
    else:
        chain.bounties.approve_bounty(ROOT, FIRST)
    chain.bounties.close_bounty(ROOT, FIRST)
    assert chain.deposit(ALICE) == BOND, "only the other bounty's"
    assert chain.bounties.funding.bounty_approvals.value == []
    chain.spend()
    assert chain.balances.free(GRANTS) == POOL * BTT
    assert chain.own_events()[-1] == bounties_events.BountyCanceled(FIRST)


# ---- curators


def test_a_curator_needs_a_funded_bounty_and_a_fee_below_its_value(chain: GrantsChain) -> None:
    chain.propose()
    choose = chain.bounties.propose_curator
    with refused(chain, bounties_errors.UnexpectedStatus):
        choose(ROOT, FIRST, Id(BOB), BTT)
    chain.bounties.approve_bounty(ROOT, FIRST)
    chain.spend()
    with refused(chain, bounties_errors.InvalidFee):
        choose(ROOT, FIRST, Id(BOB), 100 * BTT)
    with refused(chain, bounties_errors.InvalidFee):
        choose(ROOT, FIRST, Id(BOB), 100 * BTT - MILLI + u128(1))
    with refused(chain, BadOrigin):
        choose(signed(BOB), FIRST, Id(BOB), BTT)
    choose(ROOT, FIRST, Id(BOB), BTT)
    with refused(chain, bounties_errors.UnexpectedStatus):
        choose(ROOT, FIRST, Id(CAROL), BTT)


@pytest.mark.parametrize(("fee", "deposit"), [(0, 10), (30, 15), (900, 200)])
def test_a_curators_deposit_is_half_of_the_fee_within_bounds(
    chain: GrantsChain, fee: int, deposit: int
) -> None:
    chain.active(1_000, fee)
    assert chain.deposit(BOB) == deposit * BTT


def test_without_bounds_a_curators_deposit_is_half_of_the_fee(chain: GrantsChain) -> None:
    deposits = chain.bounties.deposits
    deposits.curator_deposit_max = deposits.curator_deposit_min = None
    chain.active(1_000, 900)
    assert chain.deposit(BOB) == 450 * BTT


def test_only_the_chosen_one_accepts_and_only_with_a_deposit(chain: GrantsChain) -> None:
    chain.funded(1_000)
    with refused(chain, bounties_errors.UnexpectedStatus):
        chain.bounties.accept_curator(signed(BOB), FIRST)
    chain.bounties.propose_curator(ROOT, FIRST, Id(BOB), 900 * BTT)
    with refused(chain, bounties_errors.RequireCurator):
        chain.bounties.accept_curator(signed(CAROL), FIRST)
    chain.balances.transfer(BOB, ALICE, 801 * BTT)
    with refused(chain, balances_errors.InsufficientBalance):
        chain.bounties.accept_curator(signed(BOB), FIRST)


def test_only_the_curator_of_a_bounty_at_work_awards_or_reports(chain: GrantsChain) -> None:
    chain.funded()
    with refused(chain, bounties_errors.UnexpectedStatus):
        chain.bounties.award_bounty(signed(BOB), FIRST, Id(CAROL))
    chain.bounties.propose_curator(ROOT, FIRST, Id(BOB), BTT)
    chain.bounties.accept_curator(signed(BOB), FIRST)
    with refused(chain, bounties_errors.RequireCurator):
        chain.bounties.award_bounty(signed(CAROL), FIRST, Id(CAROL))
    with refused(chain, bounties_errors.RequireCurator):
        chain.bounties.extend_bounty_expiry(signed(CAROL), FIRST, b"")


def test_a_report_gives_time_and_never_takes_any(chain: GrantsChain) -> None:
    chain.active()
    chain.clock.slot += 10
    chain.bounties.extend_bounty_expiry(signed(BOB), FIRST, b"halfway there")
    assert chain.status() == Active(BOB, u32(PERIOD + 10 + UPDATE))
    chain.bounties.bounty_update_period = u32(5)
    chain.bounties.extend_bounty_expiry(signed(BOB), FIRST, b"")
    assert chain.status() == Active(BOB, u32(PERIOD + 10 + UPDATE))
    assert chain.own_events()[-1] == bounties_events.BountyExtended(FIRST)


def test_a_curator_resigns_and_has_the_deposit_back(chain: GrantsChain) -> None:
    chain.active()
    chain.bounties.unassign_curator(signed(BOB), FIRST)
    assert chain.status() == Funded()
    assert chain.balances.free(BOB) == 1_000 * BTT
    assert chain.own_events()[-1] == bounties_events.CuratorUnassigned(FIRST)


def test_any_account_dismisses_a_late_curator_who_loses_the_deposit(chain: GrantsChain) -> None:
    chain.active()
    chain.clock.slot += UPDATE
    with refused(chain, bounties_errors.Premature):
        chain.bounties.unassign_curator(signed(DAVE), FIRST)
    chain.clock.slot += 1
    chain.bounties.unassign_curator(signed(DAVE), FIRST)
    assert chain.balances.free(TREASURY) == 15 * BTT
    assert (chain.balances.free(BOB), chain.deposit(BOB)) == (985 * BTT, 0)
    chain.bounties.propose_curator(ROOT, FIRST, Id(CAROL), BTT)


@pytest.mark.parametrize("stage", [GrantsChain.active, GrantsChain.awarded])
def test_governance_dismisses_a_curator_who_loses_the_deposit(
    chain: GrantsChain, stage: Callable[[GrantsChain], u32]
) -> None:
    index = stage(chain)
    chain.bounties.unassign_curator(ROOT, index)
    assert chain.status() == Funded()
    assert chain.balances.free(TREASURY) == 15 * BTT
    assert chain.bounties.bounties[index].curator_deposit == 0


def test_an_awarding_curator_cannot_resign(chain: GrantsChain) -> None:
    chain.awarded()
    for who in (BOB, CAROL):
        with refused(chain, BadOrigin):
            chain.bounties.unassign_curator(signed(who), FIRST)


def test_who_was_only_asked_can_be_unassigned_by_itself_and_governance(chain: GrantsChain) -> None:
    chain.propose()
    with refused(chain, bounties_errors.UnexpectedStatus):
        chain.bounties.unassign_curator(ROOT, FIRST)
    chain.bounties.approve_bounty_with_curator(ROOT, FIRST, Id(BOB), BTT)
    with refused(chain, BadOrigin):
        chain.bounties.unassign_curator(signed(CAROL), FIRST)
    chain.bounties.unassign_curator(signed(BOB), FIRST)
    assert chain.status() == Approved()
    chain.spend()
    chain.bounties.propose_curator(ROOT, FIRST, Id(BOB), BTT)
    with refused(chain, BadOrigin):
        chain.bounties.unassign_curator(signed(CAROL), FIRST)
    chain.bounties.unassign_curator(ROOT, FIRST)
    assert chain.status() == Funded()


# ---- paying and giving up


def test_the_highest_fee_leaves_what_an_account_can_be_opened_with(chain: GrantsChain) -> None:
    newcomer = AccountId(bytes((9,)) * 32)
    chain.propose()
    highest = 100 * BTT - MILLI
    with refused(chain, bounties_errors.InvalidFee):
        chain.bounties.approve_bounty_with_curator(ROOT, FIRST, Id(BOB), highest + u128(1))
    chain.bounties.approve_bounty_with_curator(ROOT, FIRST, Id(BOB), highest)
    chain.spend()
    chain.bounties.accept_curator(signed(BOB), FIRST)
    chain.bounties.award_bounty(signed(BOB), FIRST, Id(newcomer))
    chain.clock.slot += DELAY
    chain.bounties.claim_bounty(signed(newcomer), FIRST)
    assert (chain.balances.free(newcomer), chain.money()) == (MILLI, 0)
    assert chain.balances.free(BOB) == 1_000 * BTT + highest


def test_nothing_is_awarded_to_where_no_account_gets_it_out_again(chain: GrantsChain) -> None:
    chain.active()
    for nowhere in (
        chain.bounties.funding.account_of(FIRST),
        sub_account(GRANTS, 7),
        GRANTS,
        TREASURY,
    ):
        with refused(chain, TokenError(TokenErrorKind.Unsupported)):
            chain.bounties.award_bounty(signed(BOB), FIRST, Id(nowhere))


def test_an_award_is_not_paid_before_its_time(chain: GrantsChain) -> None:
    chain.awarded()
    chain.clock.slot += DELAY - 1
    with refused(chain, bounties_errors.Premature):
        chain.bounties.claim_bounty(signed(CAROL), FIRST)
    chain.clock.slot += 1
    with refused(chain, BadOrigin):
        chain.bounties.claim_bounty(ROOT, FIRST)
    chain.bounties.claim_bounty(signed(CAROL), FIRST)
    with refused(chain, bounties_errors.InvalidIndex):
        chain.bounties.claim_bounty(signed(CAROL), FIRST)


def test_only_an_awarded_bounty_is_paid(chain: GrantsChain) -> None:
    chain.active()
    with refused(chain, bounties_errors.UnexpectedStatus):
        chain.bounties.claim_bounty(signed(CAROL), FIRST)


def test_what_was_given_on_top_goes_to_the_beneficiary(chain: GrantsChain) -> None:
    chain.awarded()
    chain.balances.transfer(DAVE, chain.bounties.funding.account_of(FIRST), 7 * BTT)
    chain.clock.slot += DELAY
    chain.bounties.claim_bounty(signed(CAROL), FIRST)
    assert chain.balances.free(CAROL) == 1_077 * BTT


def test_no_account_locks_the_money_of_a_bounty_by_a_gift(chain: GrantsChain) -> None:
    chain.awarded()
    gift = VestingInfo(100 * BTT, BTT, u32(10**6))
    with refused(chain, TokenError(TokenErrorKind.Unsupported)):
        chain.vesting.vested_transfer(
            signed(DAVE), Id(chain.bounties.funding.account_of(FIRST)), gift
        )
    chain.clock.slot += DELAY
    chain.bounties.claim_bounty(signed(CAROL), FIRST)
    assert (chain.balances.free(CAROL), chain.money()) == (1_070 * BTT, 0)


@pytest.mark.parametrize("stage", [GrantsChain.funded, GrantsChain.active])
def test_a_bounty_that_is_given_up_refills_the_pool(
    chain: GrantsChain, stage: Callable[[GrantsChain], u32]
) -> None:
    index = stage(chain)
    chain.bounties.close_bounty(ROOT, index)
    assert chain.balances.free(GRANTS) == POOL * BTT
    assert (chain.balances.free(BOB), chain.money(index)) == (1_000 * BTT, 0)
    assert index not in chain.bounties.bounties
    assert chain.own_events()[-1] == bounties_events.BountyCanceled(index)


def test_an_awarded_bounty_is_given_up_only_after_its_curator(chain: GrantsChain) -> None:
    chain.awarded()
    with refused(chain, bounties_errors.PendingPayout):
        chain.bounties.close_bounty(ROOT, FIRST)
    chain.bounties.unassign_curator(ROOT, FIRST)
    chain.bounties.close_bounty(ROOT, FIRST)
    assert chain.balances.free(GRANTS) == POOL * BTT
