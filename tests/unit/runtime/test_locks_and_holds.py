"""Locked money stays: locks, bonds, stakes, deposits, fees and time, in any order (I4, I5).

Only bonds and returnable deposits may lie under a lock. Money that has not vested may secure
something or pay a fee; it never earns, is never given away, and nothing that is set aside and
taken back makes it spendable.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from enum import IntEnum

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.arithmetic import Permill
from btt_chain.primitives.digest import H256, Digest
from btt_chain.primitives.ss58 import encode as ss58
from btt_chain.scale import Err, Ok, u16, u32, u64, u128
from btt_chain.txpool import PoolError
from genesis.accounts import Multisig as Owners
from genesis.allocation import Kind
from genesis.holders import dev_holders, table
from genesis.placement import Placement, balances_json, place, vesting_json
from genesis.presets import Liquidity
from runtime.accounts import GRANTS, TREASURY
from runtime.constants import BTT, MONTH_MS
from runtime.frame import (
    ROOT,
    Call,
    DispatchError,
    Pallet,
    Reason,
    TokenError,
    TokenErrorKind,
    Weight,
    ensure_root,
    signed,
)
from runtime.frame.error import WireToken
from runtime.frame.traits import Reasons
from runtime.pallets.bounties.pallet import Bounties
from runtime.pallets.multisig.pallet import Multisig, Timepoint
from runtime.pallets.origins import spending_up_to
from runtime.pallets.proxy.pallet import Proxy
from runtime.pallets.proxy.types import ProxyType
from runtime.pallets.system.pallet import System
from runtime.pallets.transaction_payment.pallet import TransactionPayment
from runtime.schedules import VestingInfo
from support.chain import ALICE as RICH
from support.chain import DevChain
from support.chain import account as account_of
from support.runtime import TestRuntime, refused

ALICE, BOB, CAROL = (AccountId(bytes((n,)) * 32) for n in (1, 2, 3))
PEOPLE = (ALICE, BOB, CAROL)
ED = u128(10**15)
SLOT_MS = 6_000
PLENTY = Weight(u64(10**12), u64(0))
VESTING_ID = b"vesting "


class Holder(Pallet):
    """Something that bonds, stakes, keeps for others, and freezes."""

    class HoldReason(IntEnum):
        Bond = 0
        Stake = 1
        Escrow = 2


BOND, STAKE, ESCROW = (Reason(5, n) for n in range(3))
FIRM = (STAKE, ESCROW)


class NoGrants:
    """A pool that pays no account."""

    def pay(self, pool: AccountId, to: AccountId, amount: u128, *, discretionary: bool) -> None:
        raise TokenError(TokenErrorKind.FundsUnavailable)


class LocksRuntime(TestRuntime):
    """Everything that sets money aside, over one Balances."""

    def build(self) -> None:
        self.balances = self.add_balances(ED, offsetting=(BOND,))
        self.holder = self.add(5, Holder())
        self.multisig = self.add(
            10,
            Multisig(
                deposit_base=BTT,
                deposit_factor=BTT // 10,
                currency=self.balances,
                system=self.system,
            ),
        )
        self.proxy = self.add(
            11,
            Proxy(
                proxy_deposit_base=BTT,
                proxy_deposit_factor=BTT // 10,
                announcement_deposit_base=BTT,
                announcement_deposit_factor=BTT // 10,
                currency=self.balances,
                system=self.system,
                table=self,
                scopes={},
            ),
        )
        self._build_payments()

    def _build_payments(self) -> None:
        self.vesting = self.add_vesting(self.balances, BTT)
        self.bounties = self.add(
            22,
            Bounties(
                bounty_deposit_base=BTT,
                bounty_deposit_payout_delay=u32(1),
                bounty_update_period=u32(1),
                curator_deposit_multiplier=Permill(500_000),
                curator_deposit_max=None,
                curator_deposit_min=BTT,
                bounty_value_minimum=BTT,
                data_deposit_per_byte=u128(0),
                currency=self.balances,
                clock=self.clock,
                grants=NoGrants(),
                pool=GRANTS,
                spend_origin=spending_up_to({}),
                reject_origin=ensure_root,
            ),
        )

    def at(self, number: int, extrinsic: int) -> None:
        self.system.begin_block(u32(number), H256(bytes(32)), Digest([]))
        self.host.extrinsic_index = extrinsic

    def run(self, who: AccountId, pallet: str, name: str, **args: object) -> None:
        self.dispatch(signed(who), self.call(pallet, name, **args))

    def lock(self, who: AccountId) -> int:
        """Return the locked amount by the records: the lock may be older than the schedules."""
        return max((int(lock.amount) for lock in self.balances.locks[who]), default=0)

    def firm(self, who: AccountId) -> int:
        """Return the amount on hold for reasons that do not offset a lock."""
        return sum(int(self.balances.held(reason, who)) for reason in FIRM)


def opened(btt: int = 1_000) -> LocksRuntime:
    runtime = LocksRuntime()
    rows = [[ss58(who), str(btt * BTT)] for who in PEOPLE]
    runtime.balances.genesis({"balances": rows})
    runtime.at(1, 0)
    return runtime


@pytest.fixture
def runtime() -> LocksRuntime:
    return opened()


def lock_all(runtime: LocksRuntime, who: AccountId, slots: int = 1_000) -> None:
    """Lock all that `who` has, as genesis does."""
    runtime.vesting.genesis({"vesting": [[ss58(who), 0, slots, "0"]]})


# ---- locks and what is set aside


def test_a_stake_never_stands_in_for_locked_money(runtime: LocksRuntime) -> None:
    """Economy I4: lock 100, free 150, stake 50: all of the remaining 100 stay."""
    balances = runtime.balances
    balances.transfer(ALICE, BOB, 850 * BTT)
    balances.set_lock(VESTING_ID, ALICE, 100 * BTT, Reasons.Misc)
    with refused(runtime, TokenError(TokenErrorKind.Frozen)):
        balances.hold(STAKE, ALICE, 50 * BTT + 1)
    balances.hold(STAKE, ALICE, 50 * BTT)
    assert balances.reducible_balance(ALICE) == 0
    balances.release(STAKE, ALICE, 20 * BTT)
    assert balances.reducible_balance(ALICE) == 20 * BTT
    assert balances.free(ALICE) == 120 * BTT


def test_bonding_and_unbonding_locked_money_changes_nothing(runtime: LocksRuntime) -> None:
    lock_all(runtime, ALICE)
    before = runtime.system.account[ALICE]
    runtime.balances.hold(BOND, ALICE, 900 * BTT)
    assert runtime.balances.reducible_balance(ALICE) == 0
    runtime.balances.release(BOND, ALICE, 900 * BTT)
    assert runtime.system.account[ALICE] == before
    assert runtime.balances.reducible_balance(ALICE) == 0


def test_a_bond_that_outlives_the_lock_is_spendable_after_it(runtime: LocksRuntime) -> None:
    lock_all(runtime, ALICE, slots=100)
    runtime.balances.hold(BOND, ALICE, 900 * BTT)
    runtime.clock.slot = 50
    runtime.run(ALICE, "Vesting", "vest")
    # 500 locked, 900 bonded: the bond covers the lock, what is free may go.
    assert runtime.balances.reducible_balance(ALICE) == 100 * BTT - ED
    runtime.balances.transfer(ALICE, BOB, 90 * BTT)
    runtime.balances.release(BOND, ALICE, 900 * BTT)
    assert runtime.balances.reducible_balance(ALICE) == 410 * BTT


def propose_together(runtime: LocksRuntime) -> None:
    runtime.multisig.approve_as_multi(
        signed(ALICE), u16(2), [BOB, CAROL], None, blake2_256(b"call"), PLENTY
    )


def give_up_together(runtime: LocksRuntime) -> None:
    runtime.multisig.cancel_as_multi(
        signed(ALICE), u16(2), [BOB, CAROL], Timepoint(u32(1), u32(0)), blake2_256(b"call")
    )


def appoint(runtime: LocksRuntime) -> None:
    runtime.proxy.add_proxy(signed(ALICE), Id(BOB), ProxyType.Any, u32(0))


def dismiss(runtime: LocksRuntime) -> None:
    runtime.proxy.remove_proxies(signed(ALICE))


def propose_a_bounty(runtime: LocksRuntime) -> None:
    runtime.bounties.propose_bounty(signed(ALICE), BTT, b"")


def close_it_approved(runtime: LocksRuntime) -> None:
    runtime.bounties.approve_bounty(ROOT, u32(0))
    runtime.bounties.close_bounty(ROOT, u32(0))


@pytest.mark.parametrize(
    ("make", "end"),
    [
        (propose_together, give_up_together),
        (appoint, dismiss),
        (propose_a_bounty, close_it_approved),
    ],
)
def test_a_returnable_deposit_may_be_of_locked_money_and_comes_back_locked(
    runtime: LocksRuntime, make: Callable[[LocksRuntime], None], end: Callable[[LocksRuntime], None]
) -> None:
    lock_all(runtime, ALICE)
    before = runtime.system.account[ALICE]
    make(runtime)
    assert runtime.balances.reserved(ALICE) >= BTT
    assert runtime.balances.reducible_balance(ALICE) == 0
    end(runtime)
    assert runtime.system.account[ALICE] == before
    assert runtime.balances.reducible_balance(ALICE) == 0


def test_a_lost_deposit_of_locked_money_goes_to_the_treasury_and_the_schedule_stays(
    runtime: LocksRuntime,
) -> None:
    lock_all(runtime, ALICE)
    propose_a_bounty(runtime)
    runtime.bounties.close_bounty(ROOT, u32(0))
    assert runtime.balances.free(TREASURY) == BTT
    assert runtime.lock(ALICE) == runtime.vesting.unvested(ALICE) == 1_000 * BTT
    assert runtime.balances.reducible_balance(ALICE) == 0


# ---- fees, by real transactions


def test_a_fee_is_paid_of_locked_money_and_a_tip_is_not() -> None:
    chain, holder = DevChain(), KeyPair.from_uri("//Holder")
    info = VestingInfo(200 * BTT, BTT // 10**6, u32(0))
    target = Id(account_of(holder))
    chain.run(RICH, chain.call("Vesting", "vested_transfer", target=target, schedule=info))
    had = int(chain.account(holder).data.free)
    assert chain.at().balances.reducible_balance(account_of(holder)) < BTT

    remark = chain.call("System", "remark", remark=b"here")
    with pytest.raises(PoolError):
        chain.send(holder, remark, tip=int(BTT))
    events = chain.run(holder, remark)
    assert isinstance(events[-1], System.ExtrinsicSuccess)
    (paid,) = (e for e in events if isinstance(e, TransactionPayment.TransactionFeePaid))
    assert had - int(chain.account(holder).data.free) == paid.actual_fee > 0

    pay = chain.call("Balances", "transfer_allow_death", dest=Id(ALICE), value=BTT)
    assert isinstance(chain.run(holder, pay)[-1], System.ExtrinsicFailed)


# ---- rows of several holders


def seed_000() -> Placement:
    document = table("seed-000")
    return place(document, Liquidity.MULTISIG, dev_holders(document))


def shared_rows() -> list[str]:
    return [
        placed.row.key
        for placed in seed_000().rows
        if placed.row.kind is Kind.LINEAR and placed.holdings[0].multisig
    ]


def test_every_row_of_several_holders_is_a_multisig_that_all_of_them_sign() -> None:
    rows = {placed.row.key: placed for placed in seed_000().rows}
    several = [key for key, placed in rows.items() if placed.row.members]
    assert several == shared_rows() != []
    for key in several:
        owners = rows[key].holdings[0].multisig
        assert owners is not None
        assert owners.threshold == len(owners.signatories) == len(rows[key].row.members)


@pytest.mark.parametrize("key", shared_rows())
def test_several_holders_vest_and_spend_their_row_by_real_calls(key: str) -> None:
    placement = seed_000()
    placed = next(placed for placed in placement.rows if placed.row.key == key)
    vests = next(row for row in placement.vesting(SLOT_MS) if row.row.key == key)
    owners, row = placed.holdings[0].multisig, placed.holdings[0].account
    assert owners is not None
    assert owners.account == row
    runtime = LocksRuntime()
    runtime.balances.genesis(balances_json(placement))
    runtime.vesting.genesis(vesting_json(placement, SLOT_MS))
    assert runtime.balances.free(row) == runtime.lock(row) == placed.row.amount
    half = placed.row.amount // 2

    runtime.clock.slot = int(vests.schedule.start) + int(vests.schedule.length) // 2
    assert runtime.clock.slot % (MONTH_MS // SLOT_MS) == 0
    pay = {"dest": Id(ALICE), "value": u128(half)}
    assert agree(runtime, owners, "Balances", "transfer_keep_alive", **pay) == Err(
        WireToken(TokenErrorKind.Frozen)
    ), "released money stays locked until an account calls vest"
    assert agree(runtime, owners, "Vesting", "vest") == Ok(())
    assert agree(runtime, owners, "Balances", "transfer_keep_alive", **pay) == Ok(())
    assert runtime.balances.free(ALICE) == half
    assert runtime.balances.free(row) == runtime.lock(row) == placed.row.amount - half
    planck = {"dest": Id(ALICE), "value": u128(1)}
    assert agree(runtime, owners, "Balances", "transfer_keep_alive", **planck) == Err(
        WireToken(TokenErrorKind.Frozen)
    )
    for signatory in owners.signatories:
        assert runtime.balances.reserved(signatory) == 0


def agree(runtime: LocksRuntime, owners: Owners, pallet: str, name: str, **args: object) -> object:
    """Let every owner approve a call, each with a call of its own; return what became of it."""
    call, when = runtime.call(pallet, name, **args), None
    for number, owner in enumerate(owners.signatories):
        runtime.at(1, number)
        others = [other for other in owners.signatories if other != owner]
        runtime.run(
            owner,
            "Multisig",
            "as_multi",
            threshold=u16(owners.threshold),
            other_signatories=others,
            maybe_timepoint=when,
            call=call,
            max_weight=PLENTY,
        )
        when = Timepoint(u32(1), u32(0))
    executed = runtime.announced()[-1]
    assert isinstance(executed, Multisig.MultisigExecuted)
    return executed.result


# ---- whatever happens


class Story:
    """A bank in which things happen, and what fees and punishments have taken from whom."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.runtime = opened(100)
        lock_all(self.runtime, ALICE, 300)
        for slots in (10, 100):
            self.runtime.vesting.transfer_vested(
                CAROL, BOB, VestingInfo(30 * BTT, 30 * BTT // slots, u32(0))
            )
        self.charged = dict.fromkeys(PEOPLE, 0)

    def an_account(self) -> AccountId:
        return self.rng.choice(PEOPLE)

    def amount(self, who: AccountId) -> u128:
        """An amount at which a rule may change for `who`."""
        data = self.runtime.system.account[who].data
        usable = int(self.runtime.balances.reducible_balance(who))
        free, reserved = int(data.free), int(data.reserved)
        near = (
            usable, usable + 1, free, free - int(ED), free // 2, reserved,
            free - self.runtime.lock(who), int(BTT), 5 * int(BTT),
            self.rng.randint(0, free), self.rng.randint(0, usable),
        )  # fmt: skip
        return u128(max(0, self.rng.choice(near)))

    def happen(self) -> None:
        """Let one thing happen that an account can do; most are refused somewhere."""
        step = self.rng.choice(STEPS)
        runtime, before = self.runtime, dict(self.runtime.state.data)
        charged = dict(self.charged)
        try:
            step(self, self.an_account())
        except (DispatchError, ArithmeticError):
            assert runtime.state.data == before, f"{step.__name__} failed half-way"
            self.charged = charged

    # ---- what may happen

    def pay(self, who: AccountId) -> None:
        self.runtime.balances.transfer(who, self.an_account(), self.amount(who))

    def pay_all(self, who: AccountId) -> None:
        self.runtime.balances.transfer_all(
            signed(who), Id(self.an_account()), self.rng.random() < 0.9
        )

    def burn(self, who: AccountId) -> None:
        amount = self.amount(who) // self.rng.choice((1, 20))
        self.runtime.balances.burn(signed(who), amount, keep_alive=False)

    def hold(self, who: AccountId) -> None:
        self.runtime.balances.hold(self.rng.choice((BOND, STAKE, ESCROW)), who, self.amount(who))

    def release(self, who: AccountId) -> None:
        reason = self.rng.choice((BOND, STAKE, ESCROW))
        self.runtime.balances.release(reason, who, self.part(reason, who))

    def part(self, reason: Reason, who: AccountId) -> u128:
        return u128(self.rng.randint(0, int(self.runtime.balances.held(reason, who))))

    def settle(self, who: AccountId) -> None:
        """Pay an account from an escrow or a bond, as its owner agreed to."""
        reason = self.rng.choice((BOND, ESCROW))
        self.runtime.balances.transfer_on_hold(
            reason, who, self.an_account(), self.part(reason, who), on_hold=self.rng.random() < 0.5
        )

    def slash(self, who: AccountId) -> None:
        reason = self.rng.choice((BOND, STAKE))
        amount = self.part(reason, who) // 3
        self.runtime.balances.transfer_on_hold(
            reason, who, TREASURY, amount, on_hold=False, force=True
        )
        self.charged[who] += int(amount) if reason == BOND else 0

    def propose(self, who: AccountId) -> None:
        others = sorted(one for one in PEOPLE if one != who)
        call = self.runtime.call("System", "remark", remark=bytes((self.rng.randint(0, 2),)))
        self.approve(who, others, call)

    def approve(self, who: AccountId, others: list[AccountId], call: Call) -> None:
        self.runtime.run(
            who, "Multisig", "as_multi", threshold=u16(3), other_signatories=others,
            maybe_timepoint=None, call=call, max_weight=PLENTY,
        )  # fmt: skip

    def withdraw(self, who: AccountId) -> None:
        others = sorted(one for one in PEOPLE if one != who)
        call = self.runtime.call("System", "remark", remark=bytes((self.rng.randint(0, 2),)))
        self.runtime.run(
            who, "Multisig", "cancel_as_multi", threshold=u16(3), other_signatories=others,
            timepoint=Timepoint(u32(1), u32(0)), call_hash=blake2_256(call.raw),
        )  # fmt: skip

    def appoint(self, who: AccountId) -> None:
        self.runtime.run(
            who, "Proxy", "add_proxy",
            delegate=Id(self.an_account()), proxy_type=ProxyType.Any, delay=u32(0),
        )  # fmt: skip

    def dismiss(self, who: AccountId) -> None:
        self.runtime.run(who, "Proxy", "remove_proxies")

    def ask_for_a_grant(self, who: AccountId) -> None:
        self.runtime.run(who, "Bounties", "propose_bounty", value=BTT, description=b"")

    def reject(self, who: AccountId) -> None:
        index = u32(max(0, int(self.runtime.bounties.bounty_count.value) - 1))
        bounty = self.runtime.bounties.bounties.get(index)
        self.runtime.bounties.close_bounty(ROOT, index)
        assert bounty is not None
        self.charged[bounty.proposer] += int(bounty.bond)

    def give_over_time(self, who: AccountId) -> None:
        locked = max(self.amount(who), BTT)
        slots = self.rng.choice((1, 7, 100))
        begin = u32(self.runtime.clock.slot + self.rng.choice((0, 20)))
        self.runtime.run(
            who, "Vesting", "vested_transfer",
            target=Id(self.an_account()),
            schedule=VestingInfo(locked, max(u128(1), locked // slots), begin),
        )  # fmt: skip

    def vest(self, who: AccountId) -> None:
        self.runtime.run(who, "Vesting", "vest")

    def merge(self, who: AccountId) -> None:
        self.runtime.run(
            who, "Vesting", "merge_schedules", schedule1_index=u32(0), schedule2_index=u32(1)
        )

    def cost(self, who: AccountId) -> None:
        fee, tip = self.amount(who) // self.rng.choice((1, 20)), u128(0)
        if self.rng.random() < 0.5:
            tip = min(fee, self.amount(who))
        possible = self.runtime.balances.can_withdraw_fee(who, fee, tip)
        try:
            self.runtime.balances.withdraw_fee(who, fee, tip)
        except TokenError:
            assert not possible
            raise
        assert possible
        self.runtime.balances.credit(TREASURY, fee)
        self.charged[who] += int(fee) - int(tip)

    def wait(self, _: AccountId) -> None:
        self.runtime.clock.slot += self.rng.randint(1, 30)

    # ---- what must hold

    def check(self) -> None:
        balances = self.runtime.balances
        issued = 0
        for who, info in self.runtime.system.account.items():
            data = info.data
            free, reserved = int(data.free), int(data.reserved)
            issued += free + reserved
            held = sum(int(hold.amount) for hold in balances.holds[who])
            named = sum(int(entry.amount) for entry in balances.reserves[who])
            assert held + named == reserved, "everything that is set aside has a name or a reason"
            lock, firm = self.runtime.lock(who), self.runtime.firm(who)
            offsetting = reserved - firm
            usable = max(0, free - max(0, lock - offsetting))
            shown = max(0, free - max(0, int(data.frozen) - reserved))
            assert shown == usable, "wallets see what the chain means"
            if who in self.charged:
                assert balances.reducible_balance(who) in (usable, max(0, usable - int(ED)))
                assert free + offsetting + self.charged[who] >= lock, "nothing locked has gone"
                assert lock >= self.runtime.vesting.unvested(who), "and none of it too early"
        assert issued == balances.total_issuance.value


STEPS: list[Callable[[Story, AccountId], None]] = [
    Story.pay, Story.pay, Story.pay_all, Story.burn, Story.hold, Story.hold, Story.hold,
    Story.release, Story.settle, Story.slash, Story.propose, Story.withdraw, Story.appoint,
    Story.dismiss, Story.ask_for_a_grant, Story.reject, Story.give_over_time,
    Story.give_over_time, Story.vest, Story.vest, Story.merge, Story.merge, Story.cost, Story.wait,
]  # fmt: skip


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**40), st.integers(1, 60))
def test_in_any_order_locked_money_stays_where_it_is(seed: int, length: int) -> None:
    story = Story(seed)
    for _ in range(length):
        story.happen()
        story.check()
