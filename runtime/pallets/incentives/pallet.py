"""Incentives: points for confirmed activities, backed before they exist and not traceable.

A facility pays for a month, and gets the right to issue points, whose worth the pool reserves at
the month's begin. For an activity that it confirms, it signs vouchers blindly: it never sees them.
After the month it publishes the root of its evidence and the sum of its points; from then on any
account may redeem the vouchers, each for the account written inside. Selected auditors check
selected leaves of the evidence.

| module | has |
|---|---|
| `formulas.py` | budgets, rights, fees, results of audits, as pure functions |
| `months.py` | the months, their budgets, and the reserved amount |
| `epochs.py` | payments, keys, roots and points of facilities by month |
| `vouchers.py` | redemption |
| `points.py` | points of accounts |
| `partners.py` | offers, savings, credentials |
| `auditors.py`, `audits.py` | audits |
| `expiries.py`, `pruning.py` | removal of what expired |

Invariants I40 to I43: the reserved amount is the worth of all rights, vouchers and points, and
never above the pool's balance; redeemed points of a facility's month are at most those that it was
closed with, these at most its right, and all rights together worth at most the month's budget; each
voucher counts once; a facility's points are worth at most 0.9 of what it paid. Described in
`docs/incentives.md`.
"""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.activity_rule import ActivityRule
from btt_chain.primitives.point_voucher import PointVoucher
from btt_chain.scale import u16, u32, u64, u128
from runtime.frame import (
    Const,
    Constant,
    DispatchInfo,
    Hasher,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    Part,
    PostInfo,
    Value,
    call,
)
from runtime.frame.aliases import AccountIdLookupOf, AccountIdOf, CompactBalanceOf, HashOf
from runtime.frame.traits import Operators, Prices
from runtime.pallets.babe.types import BeaconClock
from runtime.pallets.balances.types import lookup
from runtime.pallets.facilities.pallet import Facilities
from runtime.pallets.facilities.penalties import Penalties
from runtime.pallets.facilities.types import Size
from runtime.pallets.incentives import errors, events, weights
from runtime.pallets.incentives.auditors import Auditors
from runtime.pallets.incentives.audits import Audits
from runtime.pallets.incentives.epochs import Epochs, Subscriptions
from runtime.pallets.incentives.expiries import Expiries
from runtime.pallets.incentives.months import Months, Step
from runtime.pallets.incentives.partners import Credentials, Partners
from runtime.pallets.incentives.points import Points
from runtime.pallets.incentives.pruning import Pruning
from runtime.pallets.incentives.types import (
    AHEAD_MONTHS,
    AUDIT_DAYS,
    LIFE_MONTHS,
    MAX_EPOCHS,
    MAX_PRUNED,
    MAX_VOUCHERS,
    Credits,
    Currency,
    Keys,
    OptionalRule,
    PoolEntries,
    SealingKey,
    Verdict,
    Vouchers,
)
from runtime.pallets.incentives.vouchers import Vouchers as VoucherBook
from runtime.pallets.system.pallet import System
from runtime.pallets.tokenomics.pallet import Tokenomics


def by_vouchers(_: Incentives, vouchers: list[PointVoucher]) -> DispatchInfo:
    """Weigh a redemption by its vouchers, the accounts that get points, and facilities' months."""
    accounts = {(each.redeemer, each.month): None for each in vouchers}
    epochs = {(each.facility, each.month): None for each in vouchers}
    # The first part includes one account and one month of a facility.
    weight = weights.redeem(len(vouchers))
    weight += weights.credit(len(accounts)) - weights.credit(1)
    weight += weights.load_epochs(min(len(epochs), MAX_EPOCHS)) - weights.load_epochs(1)
    return DispatchInfo(max(weight, weights.redeem(1)))


def by_months(_: Incentives, __: object, months: int) -> DispatchInfo:
    """Weigh a subscription by the number of its months."""
    return DispatchInfo(weights.subscribe(min(int(months), AHEAD_MONTHS)))


def by_report(pallet: Incentives, facility: AccountId, month: u32, _: object) -> DispatchInfo:
    """Weigh a report: the last one of a round ends it."""
    ends = pallet.audits.is_last_report(facility, int(month))
    return DispatchInfo(max(weights.REPORT_AUDIT, weights.END_AUDIT if ends else 0))


def by_round(*_: object) -> DispatchInfo:
    """Weigh a call that may end a first or a second round."""
    return DispatchInfo(max(weights.SETTLE_AUDIT, weights.END_AUDIT))


class Incentives(Pallet, events=events, errors=errors):
    """Points for confirmed activities. Amounts in planck, times in slots."""

    # ---- constants

    day_slots: Const[u32]
    """Length of a day, in slots; a month has 30 days."""
    beacon_delay: Const[u32]
    """Minimum delay of the beacon that selects audits, in slots."""
    beacon_authors: Const[u32]
    """Minimum number of different authors of blocks before that beacon."""
    max_vouchers = Constant(u32(MAX_VOUCHERS))
    """Maximum number of vouchers of one call."""
    max_epochs = Constant(u32(MAX_EPOCHS))
    """Maximum number of facilities' months that these vouchers are of."""
    life_months = Constant(u32(LIFE_MONTHS))
    """Number of months after which vouchers and points expire."""
    ahead_months = Constant(u32(AHEAD_MONTHS))
    """Maximum number of months for which a facility pays ahead."""
    audit_days = Constant(u32(AUDIT_DAYS))
    """Number of days of one round of an audit."""
    max_pruned = Constant(u32(MAX_PRUNED))
    """Maximum number of expired entries that one block removes."""

    # ---- dependencies

    currency: Currency
    clock: BeaconClock
    registry: Facilities
    bonds: Penalties
    prices: Prices
    funds: Tokenomics
    pools: PoolEntries
    genesis_supply: Value[u128]
    operators: Operators
    credits: Credits
    system: System
    params_origin: OriginCheck
    """Origin that sets rules and the fee of placements."""

    # ---- storage

    rules = Map(u16, ActivityRule, hasher=Hasher.Twox64Concat)
    """The rules of activities, applied by facilities and checked by auditors."""

    # ---- components

    months = Part(Months)
    subscriptions = Part(Subscriptions)
    epochs = Part(Epochs)
    expiries = Part(Expiries)
    points = Part(Points)
    vouchers = Part(VoucherBook)
    partners = Part(Partners)
    credentials = Part(Credentials)
    auditors = Part(Auditors)
    audits = Part(Audits)
    pruning = Part(Pruning)

    # ---- hooks

    def on_initialize(self, number: int) -> int:
        """Take the next step of the months and of audits, and remove what expired."""
        del number
        weight = weights.LOOK
        step = self.months.advance()
        if step is Step.SETTLED:
            weight += weights.settle(self.audits.prepare())
        elif step is not Step.NONE:
            weight += weights.STEP
            if step is Step.SELECTED:
                self.audits.begin()
        if self.months.expire_next():
            weight += weights.STEP
        if self.audits.reselect():
            weight += weights.reselect(len(self.auditors.auditors.peek()))
        return weight + weights.remove(self.pruning.remove(MAX_PRUNED))

    # ---- calls

    @call(0, weight=weights.SET_RULE)
    def set_rule(self, origin: Origin, id: u16, rule: OptionalRule) -> None:
        """Set the rule of an activity, or remove it. Origin: parameters."""
        self.params_origin(origin)
        if rule is None:
            if id not in self.rules:
                raise errors.UnknownRule
            del self.rules[id]
        else:
            if rule.problem():
                raise errors.InvalidRule
            self.rules[id] = rule
        self.deposit(events.RuleSet(id, rule))

    @call(1, weight=by_months)
    def subscribe(self, origin: Origin, size: Size, months: u16) -> None:
        """Pay for the next months that the caller's facility has not paid for.

        The price is that of the size in CNY, in BTT by the oracle's price now. Half of it goes to
        the pool of incentives, half to the funds. It is not paid back.
        """
        self.subscriptions.subscribe(origin.signed(), size, int(months))

    @call(2, weight=weights.PUBLISH_KEYS)
    def publish_keys(self, origin: Origin, month: u32, keys: Keys) -> None:
        """Publish the keys of a paid month before it begins: a modulus for each denomination.

        Each has exactly 2,048 bits and no prime factor below 65,536; the exponent is 65,537.
        """
        self.epochs.publish(origin.signed(), int(month), keys)

    @call(3, weight=weights.CLOSE_MONTH)
    def close_month(
        self, origin: Origin, month: u32, root: HashOf, leaves: u32, points: u64
    ) -> None:
        """Close a month, in the first three days of the next one, by the root of its evidence.

        `points` is the sum over all leaves, at most the facility's right. It is final.
        """
        self.epochs.close(origin.signed(), int(month), root, leaves, points)

    @call(4, weight=by_vouchers)
    def redeem(self, origin: Origin, vouchers: Vouchers) -> None:
        """Redeem up to 64 vouchers of closed months, all or none, each for its own redeemer.

        They are of at most 16 facilities' months. Any account may submit them. A redeemer whose
        account does not exist gets the first of its points in BTT, so that it can pay fees.
        """
        origin.signed()
        self.vouchers.redeem(vouchers)

    @call(5, weight=weights.REDEEM_FOR_BTT)
    def redeem_for_btt(self, origin: Origin, points: u64) -> None:
        """Exchange points of the caller for BTT, at the fixed worth of a point."""
        self.points.redeem_for_btt(origin.signed(), int(points))

    @call(6, weight=weights.REDEEM_AT_PARTNER)
    def redeem_at_partner(
        self, origin: Origin, partner: AccountIdLookupOf, points: u64, offer: HashOf
    ) -> None:
        """Redeem points for an offer of a partner, who gets their worth less a fee of 2 percent."""
        self.partners.redeem(origin.signed(), lookup(partner), int(points), offer)

    @call(7, weight=weights.PLACE)
    def place(self, origin: Origin, offer: HashOf, days: u16) -> None:
        """Place an offer of the calling partner for some days, or extend it.

        Half of the fee goes to the pool of incentives, half to the funds.
        """
        self.partners.place(origin.signed(), offer, int(days))

    @call(8, weight=weights.CONTRIBUTE_SAVINGS)
    def contribute_savings(self, origin: Origin, amount: CompactBalanceOf, memo: HashOf) -> None:
        """Give a part of the calling insurer's savings to the pool of incentives."""
        self.partners.contribute(origin.signed(), u128(amount), memo)

    @call(9, weight=weights.ATTEST_CREDENTIAL)
    def attest_credential(
        self, origin: Origin, who: AccountIdLookupOf, credential: HashOf, hours: u16
    ) -> None:
        """Attest a credential of continuing education, as an educator. Each counts once.

        It costs the educator a fee. `who` belongs to another operator.
        """
        self.credentials.attest(origin.signed(), lookup(who), credential, hours)

    @call(10, weight=by_report)
    def report_audit(
        self, origin: Origin, facility: AccountIdOf, month: u32, verdict: Verdict
    ) -> None:
        """Report the verdict of the calling auditor, which was selected for the audit."""
        self.audits.report(origin.signed(), facility, int(month), verdict)

    @call(11, weight=weights.ANSWER_AUDIT)
    def answer_audit(self, origin: Origin, month: u32) -> None:
        """Answer a failed audit of the caller's month: three other auditors are selected, once."""
        self.audits.answer(origin.signed(), int(month))

    @call(12, weight=by_round)
    def settle_audit(self, origin: Origin, facility: AccountIdOf, month: u32) -> PostInfo:
        """End a phase of an audit whose time is over. It costs no fee.

        Auditors that have not reported are fined; half of the fines go to the caller.
        """
        self.audits.settle(origin.signed(), facility, int(month))
        return PostInfo(pays=False)

    @call(13, weight=weights.ENLIST)
    def enlist(self, origin: Origin, key: SealingKey) -> None:
        """Enlist the calling auditor for audits, or change its key.

        `key` is the X25519 key to which facilities seal what they open. It counts for the months
        that are settled from now on: selected audits keep the key that they were selected with.
        """
        self.auditors.enlist(origin.signed(), key)

    @call(14, weight=weights.RETIRE)
    def retire(self, origin: Origin) -> None:
        """Retire the calling auditor. It still answers for audits that it was selected for."""
        self.auditors.retire(origin.signed())

    @call(15, weight=weights.SET_PLACEMENT_FEE)
    def set_placement_fee(self, origin: Origin, fee: CompactBalanceOf) -> None:
        """Set the fee of an offer a day. Origin: parameters."""
        self.params_origin(origin)
        self.partners.set_fee(u128(fee))

    # ---- internals
