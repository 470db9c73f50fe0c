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
    """The door of the pools, as Tokenomics has it; a test may shut it."""

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


class Town(SmallRuntime):
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

    def told(self) -> list[object]:
        return [event for event in self.announced() if type(event) in Bounties.EVENTS.values()]


def opened() -> Town:
    town = Town()
    rows = [[ss58(who), str(1_000 * BTT)] for who in (ALICE, BOB, CAROL, DAVE)]
    town.balances.genesis({"balances": [*rows, [ss58(GRANTS), str(POOL * BTT)]]})
    return town


@pytest.fixture
def town() -> Town:
    return opened()


def test_a_bounty_from_the_proposal_to_the_payment(town: Town) -> None:
    bounties, balances = town.bounties, town.balances
    bounties.propose_bounty(signed(ALICE), 100 * BTT, TEXT)
    assert bounties.bounties[FIRST] == Bounty(ALICE, 100 * BTT, u128(0), u128(0), BOND, Proposed())
    assert bounties.bounty_descriptions[FIRST] == TEXT
    assert balances.reserved(ALICE) == BOND

    bounties.approve_bounty(ROOT, FIRST)
    assert town.status() == Approved()
    assert (town.money(), balances.reserved(ALICE)) == (0, BOND)
    town.spend()
    assert town.status() == Funded()
    assert (town.money(), balances.reserved(ALICE)) == (100 * BTT, 0)
    assert balances.free(GRANTS) == (POOL - 100) * BTT

    bounties.propose_curator(ROOT, FIRST, Id(BOB), 30 * BTT)
    assert town.status() == AwaitsCurator(BOB)
    bounties.accept_curator(signed(BOB), FIRST)
    assert town.status() == Active(BOB, u32(PERIOD + UPDATE))
    assert balances.reserved(BOB) == 15 * BTT
    bounties.award_bounty(signed(BOB), FIRST, Id(CAROL))
    assert town.status() == Awarded(BOB, CAROL, u32(PERIOD + DELAY))

    town.clock.slot += DELAY
    bounties.claim_bounty(signed(DAVE), FIRST)
    assert balances.free(CAROL) == 1_070 * BTT
    assert (balances.free(BOB), balances.reserved(BOB)) == (1_030 * BTT, 0)
    assert town.money() == 0
    assert bounties.funding.account_of(FIRST) not in town.system.account
    assert FIRST not in bounties.bounties
    assert FIRST not in bounties.bounty_descriptions
    assert town.told() == [
        Bounties.BountyProposed(FIRST),
        Bounties.BountyApproved(FIRST),
        Bounties.BountyBecameActive(FIRST),
        Bounties.CuratorProposed(FIRST, BOB),
        Bounties.CuratorAccepted(FIRST, BOB),
        Bounties.BountyAwarded(FIRST, CAROL),
        Bounties.BountyClaimed(FIRST, 70 * BTT, CAROL),
    ]


def test_a_curator_can_be_chosen_with_the_approval(town: Town) -> None:
    town.propose()
    with refused(town, Bounties.InvalidFee):
        town.bounties.approve_bounty_with_curator(ROOT, FIRST, Id(BOB), 100 * BTT)
    town.bounties.approve_bounty_with_curator(ROOT, FIRST, Id(BOB), 99 * BTT)
    assert town.status() == ApprovedWithCurator(BOB)
    town.spend()
    assert town.status() == AwaitsCurator(BOB)
    assert town.bounties.bounties[FIRST].fee == 99 * BTT
    assert town.told()[1:] == [
        Bounties.BountyApproved(FIRST),
        Bounties.CuratorProposed(FIRST, BOB),
        Bounties.BountyBecameActive(FIRST),
    ]


# ---- proposing


def test_a_wrong_proposal_says_why(town: Town) -> None:
    propose = town.bounties.propose_bounty
    with refused(town, Bounties.ReasonTooBig):
        propose(signed(ALICE), 100 * BTT, bytes(MAX_REASON + 1))
    with refused(town, Bounties.InvalidValue):
        propose(signed(ALICE), 10 * BTT - 1, TEXT)
    with refused(town, Bounties.InsufficientProposersBalance):
        propose(signed(CLERK), 10 * BTT, TEXT)
    with refused(town, BadOrigin):
        propose(ROOT, 10 * BTT, TEXT)


def test_a_long_description_weighs_and_costs_more(town: Town) -> None:
    short, long = (
        town.call("Bounties", "propose_bounty", value=100 * BTT, description=bytes(size))
        for size in (1, 1_001)
    )
    assert town.info(long).weight > town.info(short).weight
    town.dispatch(signed(ALICE), long)
    assert town.deposit(ALICE) == BASE + PER_BYTE * 1_001


def test_the_deposit_may_be_of_vesting_money(town: Town) -> None:
    town.balances.set_lock(b"vesting ", ALICE, 1_000 * BTT, Reasons.Misc)
    town.propose()
    assert town.deposit(ALICE) == BOND
    assert town.balances.reducible_balance(ALICE) == 0
    town.bounties.approve_bounty(ROOT, FIRST)
    town.spend()
    assert town.balances.reducible_balance(ALICE) == 0, "and is not spendable when it comes back"


def test_a_rejected_proposal_costs_the_deposit(town: Town) -> None:
    town.propose()
    with refused(town, BadOrigin):
        town.bounties.close_bounty(signed(BOB), FIRST)
    town.bounties.close_bounty(ROOT, FIRST)
    assert (town.balances.free(TREASURY), town.balances.reserved(ALICE)) == (BOND, 0)
    assert town.told()[-1] == Bounties.BountyRejected(FIRST, BOND)
    with refused(town, Bounties.InvalidIndex):
        town.bounties.close_bounty(ROOT, FIRST)


def test_a_deposit_follows_the_price_when_the_proposer_pokes_it(town: Town) -> None:
    town.propose()
    poke = town.bounties.poke_deposit
    with refused(town, Bounties.NotProposer):
        poke(signed(BOB), FIRST)
    assert poke(signed(ALICE), FIRST) == PostInfo(pays=True)
    for base in (3 * BTT, BTT // 2):
        old = town.deposit(ALICE)
        deposits = town.bounties.deposits
        deposits.rates = replace(deposits.rates, base=base)
        assert poke(signed(ALICE), FIRST) == PostInfo(pays=False)
        new = base + PER_BYTE * len(TEXT)
        assert town.deposit(ALICE) == town.bounties.bounties[FIRST].bond == new
        assert town.told()[-1] == Bounties.DepositPoked(FIRST, ALICE, u128(old), new)
    town.bounties.approve_bounty(ROOT, FIRST)
    with refused(town, Bounties.UnexpectedStatus):
        poke(signed(ALICE), FIRST)


# ---- approving and funding


def test_only_who_may_grant_as_much_approves(town: Town) -> None:
    town.propose(100)
    town.propose(101)
    with refused(town, BadOrigin):
        town.bounties.approve_bounty(signed(ALICE), FIRST)
    with refused(town, Bounties.InsufficientPermission):
        town.bounties.approve_bounty(signed(CLERK), u32(1))
    with refused(town, Bounties.InsufficientPermission):
        town.bounties.approve_bounty_with_curator(signed(CLERK), u32(1), Id(BOB), BTT)
    town.bounties.approve_bounty(signed(CLERK), FIRST)
    with refused(town, Bounties.UnexpectedStatus):
        town.bounties.approve_bounty(ROOT, FIRST)
    with refused(town, Bounties.InvalidIndex):
        town.bounties.approve_bounty(ROOT, u32(2))


def test_only_so_many_bounties_wait_for_money(town: Town) -> None:
    for _ in range(MAX_APPROVALS + 1):
        town.propose()
    for index in range(MAX_APPROVALS):
        town.bounties.approve_bounty(ROOT, u32(index))
    with refused(town, Bounties.TooManyQueued):
        town.bounties.approve_bounty(ROOT, u32(MAX_APPROVALS))


def test_what_the_ceiling_does_not_allow_waits_for_the_next_period_whole(town: Town) -> None:
    town.propose(100)
    town.propose(50)
    for index in (0, 1):
        town.bounties.approve_bounty(ROOT, u32(index))
    town.ceiling.headroom = 50 * BTT
    town.spend()
    assert (town.status(), town.status(u32(1))) == (Approved(), Funded())
    assert (town.money(), town.money(u32(1))) == (0, 50 * BTT)
    assert town.bounties.funding.bounty_approvals.value == [0]
    assert town.deposit(ALICE) == BOND
    assert town.balances.free(GRANTS) == (POOL - 50) * BTT

    town.ceiling.headroom = 100 * BTT
    town.spend()
    assert town.status() == Funded()
    assert town.bounties.funding.bounty_approvals.value == []
    assert town.deposit(ALICE) == 0


def test_a_dry_pool_funds_nothing_and_a_filled_one_what_waited(town: Town) -> None:
    town.propose(POOL + 500)
    town.bounties.approve_bounty(ROOT, FIRST)
    town.spend()
    assert town.status() == Approved()
    town.balances.transfer(DAVE, GRANTS, 500 * BTT)
    town.spend()
    assert town.status() == Funded()
    assert town.balances.free(GRANTS) == 0


@pytest.mark.parametrize("with_curator", [False, True])
def test_an_approved_bounty_that_waits_can_be_given_up(town: Town, with_curator: bool) -> None:
    town.propose()
    town.propose()
    if with_curator:
        town.bounties.approve_bounty_with_curator(ROOT, FIRST, Id(BOB), BTT)
    else:
        town.bounties.approve_bounty(ROOT, FIRST)
    town.bounties.close_bounty(ROOT, FIRST)
    assert town.deposit(ALICE) == BOND, "only the other bounty's"
    assert town.bounties.funding.bounty_approvals.value == []
    town.spend()
    assert town.balances.free(GRANTS) == POOL * BTT
    assert town.told()[-1] == Bounties.BountyCanceled(FIRST)


# ---- curators


def test_a_curator_is_chosen_for_a_funded_bounty_and_a_fee_below_its_value(town: Town) -> None:
    town.propose()
    choose = town.bounties.propose_curator
    with refused(town, Bounties.UnexpectedStatus):
        choose(ROOT, FIRST, Id(BOB), BTT)
    town.bounties.approve_bounty(ROOT, FIRST)
    town.spend()
    with refused(town, Bounties.InvalidFee):
        choose(ROOT, FIRST, Id(BOB), 100 * BTT)
    with refused(town, Bounties.InvalidFee):
        choose(ROOT, FIRST, Id(BOB), 100 * BTT - MILLI + u128(1))
    with refused(town, BadOrigin):
        choose(signed(BOB), FIRST, Id(BOB), BTT)
    choose(ROOT, FIRST, Id(BOB), BTT)
    with refused(town, Bounties.UnexpectedStatus):
        choose(ROOT, FIRST, Id(CAROL), BTT)


@pytest.mark.parametrize(("fee", "deposit"), [(0, 10), (30, 15), (900, 200)])
def test_a_curators_deposit_is_half_of_the_fee_within_bounds(
    town: Town, fee: int, deposit: int
) -> None:
    town.active(1_000, fee)
    assert town.deposit(BOB) == deposit * BTT


def test_without_bounds_a_curators_deposit_is_half_of_the_fee(town: Town) -> None:
    deposits = town.bounties.deposits
    deposits.rates = replace(deposits.rates, curator_max=None, curator_min=None)
    town.active(1_000, 900)
    assert town.deposit(BOB) == 450 * BTT


def test_only_the_chosen_one_accepts_and_only_with_a_deposit(town: Town) -> None:
    town.funded(1_000)
    with refused(town, Bounties.UnexpectedStatus):
        town.bounties.accept_curator(signed(BOB), FIRST)
    town.bounties.propose_curator(ROOT, FIRST, Id(BOB), 900 * BTT)
    with refused(town, Bounties.RequireCurator):
        town.bounties.accept_curator(signed(CAROL), FIRST)
    town.balances.transfer(BOB, ALICE, 801 * BTT)
    with refused(town, Balances.InsufficientBalance):
        town.bounties.accept_curator(signed(BOB), FIRST)


def test_only_the_curator_of_a_bounty_at_work_awards_or_reports(town: Town) -> None:
    town.funded()
    with refused(town, Bounties.UnexpectedStatus):
        town.bounties.award_bounty(signed(BOB), FIRST, Id(CAROL))
    town.bounties.propose_curator(ROOT, FIRST, Id(BOB), BTT)
    town.bounties.accept_curator(signed(BOB), FIRST)
    with refused(town, Bounties.RequireCurator):
        town.bounties.award_bounty(signed(CAROL), FIRST, Id(CAROL))
    with refused(town, Bounties.RequireCurator):
        town.bounties.extend_bounty_expiry(signed(CAROL), FIRST, b"")


def test_a_report_gives_time_and_never_takes_any(town: Town) -> None:
    town.active()
    town.clock.slot += 10
    town.bounties.extend_bounty_expiry(signed(BOB), FIRST, b"halfway there")
    assert town.status() == Active(BOB, u32(PERIOD + 10 + UPDATE))
    town.bounties.bounty_update_period = u32(5)
    town.bounties.extend_bounty_expiry(signed(BOB), FIRST, b"")
    assert town.status() == Active(BOB, u32(PERIOD + 10 + UPDATE))
    assert town.told()[-1] == Bounties.BountyExtended(FIRST)


def test_a_curator_resigns_and_has_the_deposit_back(town: Town) -> None:
    town.active()
    town.bounties.unassign_curator(signed(BOB), FIRST)
    assert town.status() == Funded()
    assert town.balances.free(BOB) == 1_000 * BTT
    assert town.told()[-1] == Bounties.CuratorUnassigned(FIRST)


def test_a_late_curator_is_dismissed_by_anybody_and_loses_the_deposit(town: Town) -> None:
    town.active()
    town.clock.slot += UPDATE
    with refused(town, Bounties.Premature):
        town.bounties.unassign_curator(signed(DAVE), FIRST)
    town.clock.slot += 1
    town.bounties.unassign_curator(signed(DAVE), FIRST)
    assert town.balances.free(TREASURY) == 15 * BTT
    assert (town.balances.free(BOB), town.deposit(BOB)) == (985 * BTT, 0)
    town.bounties.propose_curator(ROOT, FIRST, Id(CAROL), BTT)


@pytest.mark.parametrize("stage", [Town.active, Town.awarded])
def test_governance_dismisses_a_curator_who_loses_the_deposit(
    town: Town, stage: Callable[[Town], u32]
) -> None:
    index = stage(town)
    town.bounties.unassign_curator(ROOT, index)
    assert town.status() == Funded()
    assert town.balances.free(TREASURY) == 15 * BTT
    assert town.bounties.bounties[index].curator_deposit == 0


def test_an_awarding_curator_cannot_resign(town: Town) -> None:
    town.awarded()
    for who in (BOB, CAROL):
        with refused(town, BadOrigin):
            town.bounties.unassign_curator(signed(who), FIRST)


def test_who_was_only_asked_can_be_unassigned_by_itself_and_governance(town: Town) -> None:
    town.propose()
    with refused(town, Bounties.UnexpectedStatus):
        town.bounties.unassign_curator(ROOT, FIRST)
    town.bounties.approve_bounty_with_curator(ROOT, FIRST, Id(BOB), BTT)
    with refused(town, BadOrigin):
        town.bounties.unassign_curator(signed(CAROL), FIRST)
    town.bounties.unassign_curator(signed(BOB), FIRST)
    assert town.status() == Approved()
    town.spend()
    town.bounties.propose_curator(ROOT, FIRST, Id(BOB), BTT)
    with refused(town, BadOrigin):
        town.bounties.unassign_curator(signed(CAROL), FIRST)
    town.bounties.unassign_curator(ROOT, FIRST)
    assert town.status() == Funded()


# ---- paying and giving up


def test_the_highest_fee_leaves_what_an_account_can_be_opened_with(town: Town) -> None:
    newcomer = AccountId(bytes((9,)) * 32)
    town.propose()
    highest = 100 * BTT - MILLI
    with refused(town, Bounties.InvalidFee):
        town.bounties.approve_bounty_with_curator(ROOT, FIRST, Id(BOB), highest + u128(1))
    town.bounties.approve_bounty_with_curator(ROOT, FIRST, Id(BOB), highest)
    town.spend()
    town.bounties.accept_curator(signed(BOB), FIRST)
    town.bounties.award_bounty(signed(BOB), FIRST, Id(newcomer))
    town.clock.slot += DELAY
    town.bounties.claim_bounty(signed(newcomer), FIRST)
    assert (town.balances.free(newcomer), town.money()) == (MILLI, 0)
    assert town.balances.free(BOB) == 1_000 * BTT + highest


def test_nothing_is_awarded_to_where_nobody_gets_it_out_again(town: Town) -> None:
    town.active()
    for nowhere in (
        town.bounties.funding.account_of(FIRST),
        sub_account(GRANTS, 7),
        GRANTS,
        TREASURY,
    ):
        with refused(town, TokenError(TokenErrorKind.Unsupported)):
            town.bounties.award_bounty(signed(BOB), FIRST, Id(nowhere))


def test_an_award_is_not_paid_before_its_time(town: Town) -> None:
    town.awarded()
    town.clock.slot += DELAY - 1
    with refused(town, Bounties.Premature):
        town.bounties.claim_bounty(signed(CAROL), FIRST)
    town.clock.slot += 1
    with refused(town, BadOrigin):
        town.bounties.claim_bounty(ROOT, FIRST)
    town.bounties.claim_bounty(signed(CAROL), FIRST)
    with refused(town, Bounties.InvalidIndex):
        town.bounties.claim_bounty(signed(CAROL), FIRST)


def test_only_an_awarded_bounty_is_paid(town: Town) -> None:
    town.active()
    with refused(town, Bounties.UnexpectedStatus):
        town.bounties.claim_bounty(signed(CAROL), FIRST)


def test_what_was_given_on_top_goes_to_the_beneficiary(town: Town) -> None:
    town.awarded()
    town.balances.transfer(DAVE, town.bounties.funding.account_of(FIRST), 7 * BTT)
    town.clock.slot += DELAY
    town.bounties.claim_bounty(signed(CAROL), FIRST)
    assert town.balances.free(CAROL) == 1_077 * BTT


def test_nobody_locks_the_money_of_a_bounty_by_a_gift(town: Town) -> None:
    town.awarded()
    gift = VestingInfo(100 * BTT, BTT, u32(10**6))
    with refused(town, TokenError(TokenErrorKind.Unsupported)):
        town.vesting.vested_transfer(
            signed(DAVE), Id(town.bounties.funding.account_of(FIRST)), gift
        )
    town.clock.slot += DELAY
    town.bounties.claim_bounty(signed(CAROL), FIRST)
    assert (town.balances.free(CAROL), town.money()) == (1_070 * BTT, 0)


@pytest.mark.parametrize("stage", [Town.funded, Town.active])
def test_a_bounty_that_is_given_up_refills_the_pool(
    town: Town, stage: Callable[[Town], u32]
) -> None:
    index = stage(town)
    town.bounties.close_bounty(ROOT, index)
    assert town.balances.free(GRANTS) == POOL * BTT
    assert (town.balances.free(BOB), town.money(index)) == (1_000 * BTT, 0)
    assert index not in town.bounties.bounties
    assert town.told()[-1] == Bounties.BountyCanceled(index)


def test_an_awarded_bounty_is_given_up_only_after_its_curator(town: Town) -> None:
    town.awarded()
    with refused(town, Bounties.PendingPayout):
        town.bounties.close_bounty(ROOT, FIRST)
    town.bounties.unassign_curator(ROOT, FIRST)
    town.bounties.close_bounty(ROOT, FIRST)
    assert town.balances.free(GRANTS) == POOL * BTT


# ---- the account of a bounty


def test_a_bountys_account_is_derived_as_wallets_do() -> None:
    account = sub_account(TREASURY, 11)
    assert account == b"modlpy/trsry" + bytes.fromhex("0862740b000000") + bytes(13)


def test_not_even_root_reaches_into_a_bounty(town: Town) -> None:
    account = town.bounties.funding.account_of(town.funded())
    assert is_pool(account)
    unsupported = TokenError(TokenErrorKind.Unsupported)
    with refused(town, unsupported):
        town.balances.force_transfer(ROOT, Id(account), Id(BOB), BTT)
    with refused(town, unsupported):
        town.balances.force_set_balance(ROOT, Id(account), BTT)
    with refused(town, unsupported):
        town.vesting.force_vested_transfer(
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
    """The whole law on block zero of the development chain, and a clock that a test sets."""

    def __init__(self) -> None:
        self.state = DictState()
        self.state.data = dict(build(make(CHAINS["dev"])).state)
        self.law = BttRuntime(RuntimeParams.decode(self.state.data[PARAMS_KEY]))
        self.law.enter(self.state)
        self.law.babe.genesis_slot.value = Slot(0)
        self.period = int(self.law.treasury.spend_period)
        self.supply = int(self.law.balances.total_issuance.value)

    def run(self, origin: Origin, pallet: str, name: str, **args: object) -> None:
        self.law.dispatch(origin, self.law.call(pallet, name, **args))

    def at(self, period: int) -> None:
        self.law.babe.current_slot.value = Slot(period * self.period)
        self.law.treasury.on_initialize(1)

    def money(self) -> int:
        rows = self.law.system.account.items()
        return sum(int(info.data.free + info.data.reserved) for _, info in rows)


def test_a_grant_counts_as_released_and_waits_while_releases_are_paused_or_at_the_ceiling() -> None:
    chain = Chain()
    law, alice = chain.law, dev_account("//Alice")
    before = int(law.tokenomics.releases.released_total.value)
    grants = int(law.balances.free(GRANTS))
    chain.run(signed(alice), "Bounties", "propose_bounty", value=100 * BTT, description=TEXT)
    chain.run(ROOT, "Bounties", "approve_bounty", bounty_id=u32(0))

    table = law.tokenomics.releases.release_table.value
    law.tokenomics.releases.release_table.value = [u32(0)] * len(table)
    chain.at(1)
    assert law.bounties.bounties[FIRST].status == Approved()
    law.tokenomics.releases.release_table.value = table
    chain.run(ROOT, "Tokenomics", "pause_discretionary", until=u64(2 * chain.period + 1))
    chain.at(2)
    assert law.bounties.bounties[FIRST].status == Approved()
    assert int(law.tokenomics.releases.released_total.value) == before
    chain.at(3)
    assert law.bounties.bounties[FIRST].status == Funded()
    assert int(law.tokenomics.releases.released_total.value) - before == 100 * BTT
    assert law.balances.free(law.bounties.funding.account_of(FIRST)) == 100 * BTT
    assert grants - int(law.balances.free(GRANTS)) == 100 * BTT

    chain.run(ROOT, "Bounties", "close_bounty", bounty_id=u32(0))
    assert int(law.balances.free(GRANTS)) == grants
    assert chain.money() == chain.supply


def test_the_treasury_of_the_real_chain_pays_what_root_approves() -> None:
    chain = Chain()
    law, bob = chain.law, dev_account("//Bob")
    had, pot = int(law.balances.free(bob)), int(law.treasury.pot())
    chain.run(ROOT, "Treasury", "spend_local", amount=5 * BTT, beneficiary=Id(bob))
    chain.run(
        ROOT, "Treasury", "spend",
        asset_kind=AssetKind.Native, amount=7 * BTT, beneficiary=Id(bob), valid_from=None,
    )  # fmt: skip
    chain.run(signed(bob), "Treasury", "payout", index=u32(0))
    chain.at(1)
    assert int(law.balances.free(bob)) == had + 12 * BTT
    assert int(law.treasury.pot()) == pot - 12 * BTT
    assert chain.money() == chain.supply


# ---- whatever happens

CALLS = (
    "propose", "approve", "approve_with", "choose", "accept", "award", "claim", "close",
    "unassign", "dismiss", "extend", "poke", "spend", "ceiling",
)  # fmt: skip
STEPS = st.lists(
    st.tuples(st.sampled_from(CALLS), st.integers(0, 2), st.integers(10, 2_000)), max_size=30
)


def take(town: Town, name: str, index: u32, number: int) -> None:
    bounties = town.bounties
    match name:
        case "propose":
            town.propose(number)
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
            town.clock.slot += DELAY
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
            town.spend()
        case _:
            town.ceiling.headroom = u128(number) * BTT


@given(STEPS)
def test_deposits_and_money_are_where_the_bounties_say(
    steps: list[tuple[str, int, int]],
) -> None:
    town = opened()
    for name, index, number in steps:
        before = dict(town.state.data)
        try:
            take(town, name, u32(index), number)
        except (Error, BadOrigin):
            assert town.state.data == before
        deposits: dict[AccountId, int] = {ALICE: 0, BOB: 0}
        waiting = []
        for place, bounty in town.bounties.bounties.items():
            deposits[bounty.proposer] += int(bounty.bond)
            deposits[BOB] += int(bounty.curator_deposit)
            unfunded = isinstance(bounty.status, Proposed | Approved | ApprovedWithCurator)
            assert town.money(place) == (0 if unfunded else bounty.value)
            if isinstance(bounty.status, Approved | ApprovedWithCurator):
                waiting.append(place)
        assert {who: town.deposit(who) for who in deposits} == deposits
        assert sorted(waiting) == sorted(town.bounties.funding.bounty_approvals.value)
        free = sum(
            int(info.data.free + info.data.reserved) for _, info in town.system.account.items()
        )
        assert free == town.balances.total_issuance.value == (4_000 + POOL) * BTT
