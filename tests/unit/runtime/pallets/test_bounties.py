"""Bounties: from a proposal to the payment, and every way in which it can end otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.arithmetic import Permill
from btt_chain.primitives.babe import Slot
from btt_chain.primitives.ss58 import encode as ss58
from btt_chain.scale import codec, u32, u64, u128
from genesis.accounts import dev_account
from genesis.build import build
from genesis.catalogue import make
from genesis.presets import CHAINS
from runtime import BttRuntime
from runtime.accounts import GRANTS, TREASURY
from runtime.constants import BTT
from runtime.frame import (
    ROOT,
    BadOrigin,
    Error,
    Origin,
    PostInfo,
    TokenError,
    TokenErrorKind,
    Unavailable,
    ensure_root,
    signed,
    traits,
)
from runtime.pallets.balances import Balances, Reasons, is_pool, sub_account
from runtime.pallets.bounties import (
    MAX_REASON,
    RESERVE_ID,
    Active,
    Approved,
    ApprovedWithCurator,
    AwaitsCurator,
    Awarded,
    Bounties,
    Bounty,
    BountyStatus,
    Funded,
    Proposed,
)
from runtime.pallets.origins import spending_up_to
from runtime.pallets.treasury import (
    MAX_APPROVALS,
    AssetKind,
    Treasury,
)
from runtime.pallets.vesting import Vesting, VestingInfo
from runtime.params import PARAMS_KEY, RuntimeParams
from support.runtime import DictState, SmallRuntime, refused

ALICE, BOB, CAROL, DAVE, CLERK = (AccountId(bytes((n,)) * 32) for n in (1, 2, 3, 4, 5))
MILLI = u128(10**15)
PERIOD, DELAY, UPDATE = 100, 20, 500
BASE, PER_BYTE = BTT, BTT // 100
TEXT = b"a caries detector"
BOND = BASE + PER_BYTE * len(TEXT)
FIRST = u32(0)
POOL = 5_000


class Hands:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.slot = 0

    def now(self) -> traits.Slot:
        return traits.Slot(self.slot)


class Ceiling:
    """The interface of the pools, as Tokenomics has it; a test may shut it."""

    def __init__(self, balances: Balances) -> None:
        self.balances = balances
        self.headroom = u128(10**30)

    def pay(self, pool: AccountId, to: AccountId, amount: u128, *, discretionary: bool) -> None:
        assert discretionary
        self.balances.transfer(pool, to, amount)
        if amount > self.headroom:
            raise Unavailable


def by_clerk_up_to_100(origin: Origin) -> u128 | None:
    if origin.account is None:
        origin.root()
        return None
    if origin.account != CLERK:
        raise BadOrigin
    return 100 * BTT


class GrantsChain(SmallRuntime):
    """Balances, Vesting, Bounties and Treasury; four people of 1,000 BTT each, 5,000 for grants."""

    def build(self) -> None:
        self.clock = Hands()
        self.balances = self.add(
            3,
            Balances(
                accounts=self.system,
                existential_deposit=MILLI,
                treasury=TREASURY,
                offsetting=(),
            ),
        )
        self.vesting = self.add(
            12,
            Vesting(
                min_vested_transfer=100 * BTT,
                currency=self.balances,
                clock=self.clock,
                treasury=TREASURY,
            ),
        )
        self.ceiling = Ceiling(self.balances)
        self.bounties = self.add(
            22,
            Bounties(
                bounty_deposit_base=BASE,
                bounty_deposit_payout_delay=u32(DELAY),
                bounty_update_period=u32(UPDATE),
                curator_deposit_multiplier=Permill(500_000),
                curator_deposit_max=200 * BTT,
                curator_deposit_min=10 * BTT,
                bounty_value_minimum=10 * BTT,
                data_deposit_per_byte=PER_BYTE,
                currency=self.balances,
                clock=self.clock,
                grants=self.ceiling,
                pool=GRANTS,
                spend_origin=by_clerk_up_to_100,
                reject_origin=ensure_root,
            ),
        )
        self.treasury = self.add(
            14,
            Treasury(
                spend_period=u32(PERIOD),
                payout_period=u32(PERIOD),
                currency=self.balances,
                clock=self.clock,
                spend_origin=spending_up_to({}),
                reject_origin=ensure_root,
                others=(self.bounties.funding,),
            ),
        )

    def propose(self, btt: int = 100, who: AccountId = ALICE) -> u32:
        index = self.bounties.bounty_count.value
        self.bounties.propose_bounty(signed(who), btt * BTT, TEXT)
        return index

    def funded(self, btt: int = 100) -> u32:
        index = self.propose(btt)
        self.bounties.approve_bounty(ROOT, index)
        self.spend()
        return index

    def active(self, btt: int = 100, fee: int = 30) -> u32:
        index = self.funded(btt)
        self.bounties.propose_curator(ROOT, index, Id(BOB), fee * BTT)
        self.bounties.accept_curator(signed(BOB), index)
        return index

    def awarded(self) -> u32:
        index = self.active()
        self.bounties.award_bounty(signed(BOB), index, Id(CAROL))
        return index

    def spend(self) -> None:
        """Let time pass to the end of the spend period."""
        self.clock.slot += PERIOD - self.clock.slot % PERIOD
        self.treasury.on_initialize(1)

    def status(self, index: u32 = FIRST) -> BountyStatus:
        return self.bounties.bounties[index].status

    def money(self, index: u32 = FIRST) -> int:
        return int(self.balances.free(self.bounties.funding.account_of(index)))

    def deposit(self, who: AccountId) -> int:
        return int(self.balances.reservable_currency.reserved_named(RESERVE_ID, who))

    def own_events(self) -> list[object]:
        return [event for event in self.announced() if type(event) in Bounties.EVENTS.values()]


def opened() -> GrantsChain:
    chain = GrantsChain()
    rows = [[ss58(who), str(1_000 * BTT)] for who in (ALICE, BOB, CAROL, DAVE)]
    chain.balances.genesis({"balances": [*rows, [ss58(GRANTS), str(POOL * BTT)]]})
    return chain


@pytest.fixture
def chain() -> GrantsChain:
    return opened()


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
        Bounties.BountyProposed(FIRST),
        Bounties.BountyApproved(FIRST),
        Bounties.BountyBecameActive(FIRST),
        Bounties.CuratorProposed(FIRST, BOB),
        Bounties.CuratorAccepted(FIRST, BOB),
        Bounties.BountyAwarded(FIRST, CAROL),
        Bounties.BountyClaimed(FIRST, 70 * BTT, CAROL),
    ]


def test_a_curator_can_be_chosen_with_the_approval(chain: GrantsChain) -> None:
    chain.propose()
    with refused(chain, Bounties.InvalidFee):
        chain.bounties.approve_bounty_with_curator(ROOT, FIRST, Id(BOB), 100 * BTT)
    chain.bounties.approve_bounty_with_curator(ROOT, FIRST, Id(BOB), 99 * BTT)
    assert chain.status() == ApprovedWithCurator(BOB)
    chain.spend()
    assert chain.status() == AwaitsCurator(BOB)
    assert chain.bounties.bounties[FIRST].fee == 99 * BTT
    assert chain.own_events()[1:] == [
        Bounties.BountyApproved(FIRST),
        Bounties.CuratorProposed(FIRST, BOB),
        Bounties.BountyBecameActive(FIRST),
    ]


# ---- proposing


def test_a_wrong_proposal_says_why(chain: GrantsChain) -> None:
    propose = chain.bounties.propose_bounty
    with refused(chain, Bounties.ReasonTooBig):
        propose(signed(ALICE), 100 * BTT, bytes(MAX_REASON + 1))
    with refused(chain, Bounties.InvalidValue):
        propose(signed(ALICE), 10 * BTT - 1, TEXT)
    with refused(chain, Bounties.InsufficientProposersBalance):
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


def test_the_deposit_may_be_of_vesting_money(chain: GrantsChain) -> None:
    chain.balances.set_lock(b"vesting ", ALICE, 1_000 * BTT, Reasons.Misc)
    chain.propose()
    assert chain.deposit(ALICE) == BOND
    assert chain.balances.reducible_balance(ALICE) == 0
    chain.bounties.approve_bounty(ROOT, FIRST)
    chain.spend()
    assert chain.balances.reducible_balance(ALICE) == 0, "and is not spendable when it comes back"


def test_a_rejected_proposal_costs_the_deposit(chain: GrantsChain) -> None:
    chain.propose()
    with refused(chain, BadOrigin):
        chain.bounties.close_bounty(signed(BOB), FIRST)
    chain.bounties.close_bounty(ROOT, FIRST)
    assert (chain.balances.free(TREASURY), chain.balances.reserved(ALICE)) == (BOND, 0)
    assert chain.own_events()[-1] == Bounties.BountyRejected(FIRST, BOND)
    with refused(chain, Bounties.InvalidIndex):
        chain.bounties.close_bounty(ROOT, FIRST)


def test_a_deposit_follows_the_price_when_the_proposer_pokes_it(chain: GrantsChain) -> None:
    chain.propose()
    poke = chain.bounties.poke_deposit
    with refused(chain, Bounties.NotProposer):
        poke(signed(BOB), FIRST)
    assert poke(signed(ALICE), FIRST) == PostInfo(pays=True)
    for base in (3 * BTT, BTT // 2):
        old = chain.deposit(ALICE)
        deposits = chain.bounties.deposits
        deposits.rates = replace(deposits.rates, base=base)
        assert poke(signed(ALICE), FIRST) == PostInfo(pays=False)
        new = base + PER_BYTE * len(TEXT)
        assert chain.deposit(ALICE) == chain.bounties.bounties[FIRST].bond == new
        assert chain.own_events()[-1] == Bounties.DepositPoked(FIRST, ALICE, u128(old), new)
    chain.bounties.approve_bounty(ROOT, FIRST)
    with refused(chain, Bounties.UnexpectedStatus):
        poke(signed(ALICE), FIRST)


# ---- approving and funding


def test_only_who_may_grant_as_much_approves(chain: GrantsChain) -> None:
    chain.propose(100)
    chain.propose(101)
    with refused(chain, BadOrigin):
        chain.bounties.approve_bounty(signed(ALICE), FIRST)
    with refused(chain, Bounties.InsufficientPermission):
        chain.bounties.approve_bounty(signed(CLERK), u32(1))
    with refused(chain, Bounties.InsufficientPermission):
        chain.bounties.approve_bounty_with_curator(signed(CLERK), u32(1), Id(BOB), BTT)
    chain.bounties.approve_bounty(signed(CLERK), FIRST)
    with refused(chain, Bounties.UnexpectedStatus):
        chain.bounties.approve_bounty(ROOT, FIRST)
    with refused(chain, Bounties.InvalidIndex):
        chain.bounties.approve_bounty(ROOT, u32(2))


def test_only_so_many_bounties_wait_for_money(chain: GrantsChain) -> None:
    for _ in range(MAX_APPROVALS + 1):
        chain.propose()
    for index in range(MAX_APPROVALS):
        chain.bounties.approve_bounty(ROOT, u32(index))
    with refused(chain, Bounties.TooManyQueued):
        chain.bounties.approve_bounty(ROOT, u32(MAX_APPROVALS))


def test_a_bounty_above_the_ceiling_waits_whole_for_the_next_period(
    chain: GrantsChain,
) -> None:
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
    assert chain.own_events()[-1] == Bounties.BountyCanceled(FIRST)


# ---- curators


def test_a_curator_needs_a_funded_bounty_and_a_fee_below_its_value(
    chain: GrantsChain,
) -> None:
    chain.propose()
    choose = chain.bounties.propose_curator
    with refused(chain, Bounties.UnexpectedStatus):
        choose(ROOT, FIRST, Id(BOB), BTT)
    chain.bounties.approve_bounty(ROOT, FIRST)
    chain.spend()
    with refused(chain, Bounties.InvalidFee):
        choose(ROOT, FIRST, Id(BOB), 100 * BTT)
    with refused(chain, Bounties.InvalidFee):
        choose(ROOT, FIRST, Id(BOB), 100 * BTT - MILLI + u128(1))
    with refused(chain, BadOrigin):
        choose(signed(BOB), FIRST, Id(BOB), BTT)
    choose(ROOT, FIRST, Id(BOB), BTT)
    with refused(chain, Bounties.UnexpectedStatus):
        choose(ROOT, FIRST, Id(CAROL), BTT)


@pytest.mark.parametrize(("fee", "deposit"), [(0, 10), (30, 15), (900, 200)])
def test_a_curators_deposit_is_half_of_the_fee_within_bounds(
    chain: GrantsChain, fee: int, deposit: int
) -> None:
    chain.active(1_000, fee)
    assert chain.deposit(BOB) == deposit * BTT


def test_without_bounds_a_curators_deposit_is_half_of_the_fee(chain: GrantsChain) -> None:
    deposits = chain.bounties.deposits
    deposits.rates = replace(deposits.rates, curator_max=None, curator_min=None)
    chain.active(1_000, 900)
    assert chain.deposit(BOB) == 450 * BTT


def test_only_the_chosen_one_accepts_and_only_with_a_deposit(chain: GrantsChain) -> None:
    chain.funded(1_000)
    with refused(chain, Bounties.UnexpectedStatus):
        chain.bounties.accept_curator(signed(BOB), FIRST)
    chain.bounties.propose_curator(ROOT, FIRST, Id(BOB), 900 * BTT)
    with refused(chain, Bounties.RequireCurator):
        chain.bounties.accept_curator(signed(CAROL), FIRST)
    chain.balances.transfer(BOB, ALICE, 801 * BTT)
    with refused(chain, Balances.InsufficientBalance):
        chain.bounties.accept_curator(signed(BOB), FIRST)


def test_only_the_curator_of_a_bounty_at_work_awards_or_reports(chain: GrantsChain) -> None:
    chain.funded()
    with refused(chain, Bounties.UnexpectedStatus):
        chain.bounties.award_bounty(signed(BOB), FIRST, Id(CAROL))
    chain.bounties.propose_curator(ROOT, FIRST, Id(BOB), BTT)
    chain.bounties.accept_curator(signed(BOB), FIRST)
    with refused(chain, Bounties.RequireCurator):
        chain.bounties.award_bounty(signed(CAROL), FIRST, Id(CAROL))
    with refused(chain, Bounties.RequireCurator):
        chain.bounties.extend_bounty_expiry(signed(CAROL), FIRST, b"")


def test_a_report_gives_time_and_never_takes_any(chain: GrantsChain) -> None:
    chain.active()
    chain.clock.slot += 10
    chain.bounties.extend_bounty_expiry(signed(BOB), FIRST, b"halfway there")
    assert chain.status() == Active(BOB, u32(PERIOD + 10 + UPDATE))
    chain.bounties.bounty_update_period = u32(5)
    chain.bounties.extend_bounty_expiry(signed(BOB), FIRST, b"")
    assert chain.status() == Active(BOB, u32(PERIOD + 10 + UPDATE))
    assert chain.own_events()[-1] == Bounties.BountyExtended(FIRST)


def test_a_curator_resigns_and_has_the_deposit_back(chain: GrantsChain) -> None:
    chain.active()
    chain.bounties.unassign_curator(signed(BOB), FIRST)
    assert chain.status() == Funded()
    assert chain.balances.free(BOB) == 1_000 * BTT
    assert chain.own_events()[-1] == Bounties.CuratorUnassigned(FIRST)


def test_a_late_curator_is_dismissed_by_anybody_and_loses_the_deposit(chain: GrantsChain) -> None:
    chain.active()
    chain.clock.slot += UPDATE
    with refused(chain, Bounties.Premature):
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
    with refused(chain, Bounties.UnexpectedStatus):
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
    with refused(chain, Bounties.InvalidFee):
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
    with refused(chain, Bounties.Premature):
        chain.bounties.claim_bounty(signed(CAROL), FIRST)
    chain.clock.slot += 1
    with refused(chain, BadOrigin):
        chain.bounties.claim_bounty(ROOT, FIRST)
    chain.bounties.claim_bounty(signed(CAROL), FIRST)
    with refused(chain, Bounties.InvalidIndex):
        chain.bounties.claim_bounty(signed(CAROL), FIRST)


def test_only_an_awarded_bounty_is_paid(chain: GrantsChain) -> None:
    chain.active()
    with refused(chain, Bounties.UnexpectedStatus):
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
    assert chain.own_events()[-1] == Bounties.BountyCanceled(index)


def test_an_awarded_bounty_is_given_up_only_after_its_curator(chain: GrantsChain) -> None:
    chain.awarded()
    with refused(chain, Bounties.PendingPayout):
        chain.bounties.close_bounty(ROOT, FIRST)
    chain.bounties.unassign_curator(ROOT, FIRST)
    chain.bounties.close_bounty(ROOT, FIRST)
    assert chain.balances.free(GRANTS) == POOL * BTT


# ---- the account of a bounty


def test_a_bountys_account_is_derived_as_wallets_do() -> None:
    account = sub_account(TREASURY, 11)
    assert account == b"modlpy/trsry" + bytes.fromhex("0862740b000000") + bytes(13)


def test_not_even_root_reaches_into_a_bounty(chain: GrantsChain) -> None:
    account = chain.bounties.funding.account_of(chain.funded())
    assert is_pool(account)
    unsupported = TokenError(TokenErrorKind.Unsupported)
    with refused(chain, unsupported):
        chain.balances.force_transfer(ROOT, Id(account), Id(BOB), BTT)
    with refused(chain, unsupported):
        chain.balances.force_set_balance(ROOT, Id(account), BTT)
    with refused(chain, unsupported):
        chain.vesting.force_vested_transfer(
            ROOT, Id(account), Id(BOB), VestingInfo(100 * BTT, BTT, u32(0))
        )


@pytest.mark.parametrize("place", [4, 12, 13, 14, 19, 31])
def test_an_id_like_a_bountys_is_none(place: int) -> None:
    raw = bytearray(sub_account(GRANTS, 5))
    raw[place] ^= 1
    assert is_pool(AccountId(bytes(raw))) is (place == 4)


def test_a_record_has_substrates_bytes() -> None:
    bounty = Bounty(ALICE, u128(1), u128(2), u128(3), u128(4), Awarded(BOB, CAROL, u32(5)))
    numbers = b"".join(bytes((n,)) + bytes(15) for n in (1, 2, 3, 4))
    expected = ALICE + numbers + b"\5" + BOB + CAROL + bytes((5, 0, 0, 0))
    assert codec(Bounty).encode(bounty) == expected


# ---- on the real chain


class Chain:
    """The whole runtime on block zero of the development chain, and a clock that a test sets."""

    def __init__(self) -> None:
        self.state = DictState()
        self.state.data = dict(build(make(CHAINS["dev"])).state)
        self.runtime = BttRuntime(RuntimeParams.decode(self.state.data[PARAMS_KEY]))
        self.runtime.enter(self.state)
        self.runtime.babe.genesis_slot.value = Slot(0)
        self.period = int(self.runtime.treasury.spend_period)
        self.supply = int(self.runtime.balances.total_issuance.value)

    def run(self, origin: Origin, pallet: str, name: str, **args: object) -> None:
        self.runtime.dispatch(origin, self.runtime.call(pallet, name, **args))

    def at(self, period: int) -> None:
        self.runtime.babe.current_slot.value = Slot(period * self.period)
        self.runtime.treasury.on_initialize(1)

    def money(self) -> int:
        rows = self.runtime.system.account.items()
        return sum(int(info.data.free + info.data.reserved) for _, info in rows)


def test_a_grant_counts_as_released_and_waits_while_releases_are_paused_or_at_the_ceiling() -> None:
    chain = Chain()
    runtime, alice = chain.runtime, dev_account("//Alice")
    before = int(runtime.tokenomics.releases.released_total.value)
    grants = int(runtime.balances.free(GRANTS))
    chain.run(signed(alice), "Bounties", "propose_bounty", value=100 * BTT, description=TEXT)
    chain.run(ROOT, "Bounties", "approve_bounty", bounty_id=u32(0))

    table = runtime.tokenomics.releases.release_table.value
    runtime.tokenomics.releases.release_table.value = [u32(0)] * len(table)
    chain.at(1)
    assert runtime.bounties.bounties[FIRST].status == Approved()
    runtime.tokenomics.releases.release_table.value = table
    chain.run(ROOT, "Tokenomics", "pause_discretionary", until=u64(2 * chain.period + 1))
    chain.at(2)
    assert runtime.bounties.bounties[FIRST].status == Approved()
    assert int(runtime.tokenomics.releases.released_total.value) == before
    chain.at(3)
    assert runtime.bounties.bounties[FIRST].status == Funded()
    assert int(runtime.tokenomics.releases.released_total.value) - before == 100 * BTT
    assert runtime.balances.free(runtime.bounties.funding.account_of(FIRST)) == 100 * BTT
    assert grants - int(runtime.balances.free(GRANTS)) == 100 * BTT

    chain.run(ROOT, "Bounties", "close_bounty", bounty_id=u32(0))
    assert int(runtime.balances.free(GRANTS)) == grants
    assert chain.money() == chain.supply


def test_the_treasury_of_the_real_chain_pays_what_root_approves() -> None:
    chain = Chain()
    runtime, bob = chain.runtime, dev_account("//Bob")
    had, funds = int(runtime.balances.free(bob)), int(runtime.treasury.available())
    chain.run(ROOT, "Treasury", "spend_local", amount=5 * BTT, beneficiary=Id(bob))
    chain.run(
        ROOT, "Treasury", "spend",
        asset_kind=AssetKind.Native, amount=7 * BTT, beneficiary=Id(bob), valid_from=None,
    )  # fmt: skip
    chain.run(signed(bob), "Treasury", "payout", index=u32(0))
    chain.at(1)
    assert int(runtime.balances.free(bob)) == had + 12 * BTT
    assert int(runtime.treasury.available()) == funds - 12 * BTT
    assert chain.money() == chain.supply


# ---- whatever happens

CALLS = (
    "propose", "approve", "approve_with", "choose", "accept", "award", "claim", "close",
    "unassign", "dismiss", "extend", "poke", "spend", "ceiling",
)  # fmt: skip
STEPS = st.lists(
    st.tuples(st.sampled_from(CALLS), st.integers(0, 2), st.integers(10, 2_000)), max_size=30
)


def take(chain: GrantsChain, name: str, index: u32, number: int) -> None:
    bounties = chain.bounties
    match name:
        case "propose":
            chain.propose(number)
        case "approve":
            bounties.approve_bounty(ROOT, index)
        case "approve_with":
            bounties.approve_bounty_with_curator(ROOT, index, Id(BOB), u128(number) * BTT // 3)
        case "choose":
            bounties.propose_curator(ROOT, index, Id(BOB), u128(number) * BTT // 3)
        case "accept":
            bounties.accept_curator(signed(BOB), index)
        case "award":
            bounties.award_bounty(signed(BOB), index, Id(CAROL))
        case "claim":
            chain.clock.slot += DELAY
            bounties.claim_bounty(signed(DAVE), index)
        case "close":
            bounties.close_bounty(ROOT, index)
        case "unassign":
            bounties.unassign_curator(signed(BOB), index)
        case "dismiss":
            bounties.unassign_curator(ROOT, index)
        case "extend":
            bounties.extend_bounty_expiry(signed(BOB), index, b"")
        case "poke":
            bounties.bounty_deposit_base = BASE * u128(number)
            bounties.poke_deposit(signed(ALICE), index)
        case "spend":
            chain.spend()
        case _:
            chain.ceiling.headroom = u128(number) * BTT


@given(STEPS)
def test_deposits_and_money_are_where_the_bounties_say(
    steps: list[tuple[str, int, int]],
) -> None:
    chain = opened()
    for name, index, number in steps:
        before = dict(chain.state.data)
        try:
            take(chain, name, u32(index), number)
        except (Error, BadOrigin):
            assert chain.state.data == before
        deposits: dict[AccountId, int] = {ALICE: 0, BOB: 0}
        waiting = []
        for place, bounty in chain.bounties.bounties.items():
            deposits[bounty.proposer] += int(bounty.bond)
            deposits[BOB] += int(bounty.curator_deposit)
            unfunded = isinstance(bounty.status, Proposed | Approved | ApprovedWithCurator)
            assert chain.money(place) == (0 if unfunded else bounty.value)
            if isinstance(bounty.status, Approved | ApprovedWithCurator):
                waiting.append(place)
        assert {who: chain.deposit(who) for who in deposits} == deposits
        assert sorted(waiting) == sorted(chain.bounties.funding.bounty_approvals.value)
        free = sum(
            int(info.data.free + info.data.reserved) for _, info in chain.system.account.items()
        )
        assert free == chain.balances.total_issuance.value == (4_000 + POOL) * BTT
