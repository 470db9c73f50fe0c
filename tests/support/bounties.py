"""A runtime with the treasury and bounties."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.arithmetic import Permill
from btt_chain.primitives.ss58 import encode as ss58
from btt_chain.scale import u32, u128
from runtime.accounts import GRANTS
from runtime.constants import BTT
from runtime.frame import ROOT, BadOrigin, Origin, Unavailable, ensure_root, signed
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.bounties.pallet import Bounties
from runtime.pallets.bounties.types import RESERVE_ID, BountyStatus
from runtime.pallets.origins import spending_up_to
from runtime.pallets.treasury.pallet import Treasury
from support.runtime import TestRuntime

ALICE, BOB, CAROL, DAVE, CLERK = (AccountId(bytes((n,)) * 32) for n in (1, 2, 3, 4, 5))
MILLI = u128(10**15)
PERIOD, DELAY, UPDATE = 100, 20, 500
BASE, PER_BYTE = BTT, BTT // 100
TEXT = b"a caries detector"
BOND = BASE + PER_BYTE * len(TEXT)
FIRST = u32(0)
POOL = 5_000


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


class GrantsChain(TestRuntime):
    """Balances, Vesting, Bounties and Treasury; four people of 1,000 BTT each, 5,000 for grants."""

    def build(self) -> None:
        self.balances = self.add_balances()
        self.vesting = self.add_vesting(self.balances, 100 * BTT)
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
