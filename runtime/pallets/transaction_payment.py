"""TransactionPayment: what a transaction costs, and who gets it.

fee = weight of the base extrinsic + bytes + multiplier * weight of the call. The multiplier
rises while blocks are fuller than the target and falls to one when they are not. Who has a
discount pays that part of the fee less, and is shown, charged and given back by the same rule.
Of each fee, half goes to the block's author and the rest to the development fund; the tip is the
author's, and never less.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Annotated, Final, Protocol

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.arithmetic import FixedU128
from btt_chain.scale import TypeName, path, u8, u64, u128
from runtime.frame import Const, DispatchClass, DispatchInfo, Event, Pallet, PostInfo, Value, Weight
from runtime.pallets.system import System
from runtime.splits import discounted

ONE: Final = 10**18
"""One, as FixedU128 counts."""
TARGET_NUMERATOR, TARGET_DENOMINATOR = 1, 4
"""The multiplier is at rest when a quarter of the normal class is used."""
VARIABILITY: Final = 75 * 10**12
"""How fast the multiplier moves: 75e-6, as FixedU128 counts."""
MAX_MULTIPLIER: Final = u128.MAX
PRIORITY_UNIT: Final = 10**10
"""Planck that make a transaction more urgent by one step: what a byte of it costs."""


@path("pallet_transaction_payment::Releases")
class Releases(IntEnum):
    """Versions of this pallet's storage."""

    V1Ancient = 0
    V2 = 1


@path(
    "pallet_transaction_payment::types::RuntimeDispatchInfo",
    params={"Balance": u128, "Weight": Weight},
)
@dataclass(slots=True)
class RuntimeDispatchInfo:
    """The answer to `query_info`: weight, class and fee in planck."""

    weight: Annotated[Weight, TypeName("Weight")]
    class_: Annotated[DispatchClass, TypeName("DispatchClass")]
    partial_fee: Annotated[u128, TypeName("Balance")]


@path("pallet_transaction_payment::types::InclusionFee", params={"Balance": u128})
@dataclass(slots=True)
class InclusionFee:
    """The parts of a fee, in planck."""

    base_fee: Annotated[u128, TypeName("Balance")]
    len_fee: Annotated[u128, TypeName("Balance")]
    adjusted_weight_fee: Annotated[u128, TypeName("Balance")]


@path("pallet_transaction_payment::types::FeeDetails", params={"Balance": u128})
@dataclass(slots=True)
class FeeDetails:
    """The answer to `query_fee_details`; no inclusion fee for what pays none."""

    inclusion_fee: Annotated[InclusionFee | None, TypeName("Option<InclusionFee<Balance>>")]
    tip: Annotated[u128, TypeName("Balance")]


class FeeCurrency(Protocol):
    """How fees move; Balances satisfies it. Amounts in planck."""

    def can_withdraw_fee(self, who: AccountId, amount: u128, tip: u128) -> bool:
        """Tell whether `who` can pay `amount`: vesting-locked money counts, but not for `tip`."""

    def withdraw_fee(self, who: AccountId, amount: u128, tip: u128) -> None:
        """Take `amount`, `tip` in it, from `who` into nobody's hands; `credit` must follow."""

    def credit(self, who: AccountId, amount: u128) -> None:
        """Put into the hands of `who` what was taken by `withdraw_fee`."""


class Authorship(Protocol):
    """Who made the block at hand."""

    def author(self) -> AccountId | None:
        """Return the account that earns from this block."""


class Discounts(Protocol):
    """Who pays less; TierStaking satisfies it."""

    def discount_bps(self, who: AccountId) -> int:
        """Return how much less of a fee `who` pays, in hundredths of a percent, 10,000 at most."""


class NoDiscounts:
    """Discounts of a chain on which everybody pays the same."""

    def discount_bps(self, who: AccountId) -> int:
        """Return zero."""
        return 0


class TransactionPayment(Pallet):
    """What a transaction costs, and who gets it."""

    operational_fee_multiplier: Const[u8]
    """How much the priority of an operational transaction counts its fee."""
    weight_fee: u128
    """Planck per picosecond."""
    length_fee: u128
    """Planck per byte."""
    development_fund: AccountId
    currency: FeeCurrency
    authorship: Authorship
    system: System
    discounts: Discounts = NoDiscounts()

    next_fee_multiplier = Value(FixedU128, default=FixedU128(ONE))
    storage_version = Value(Releases, default=Releases.V2)

    class TransactionFeePaid(Event, index=0):
        """A transaction was paid for: the whole fee, and the tip in it."""

        who: Annotated[AccountId, TypeName("T::AccountId")]
        actual_fee: Annotated[u128, TypeName("BalanceOf<T>")]
        tip: Annotated[u128, TypeName("BalanceOf<T>")]

    def on_finalize(self, number: int) -> None:
        """Move the multiplier by how full the block was."""
        del number
        limits = self.system.block_weights.per_class.normal.max_total
        used = self.host.weights[DispatchClass.Normal]
        capacity = int(limits.ref_time) if limits else max(used, 1)
        before = self.next_fee_multiplier.value
        after = next_multiplier(int(before), used, capacity)
        if after != before:
            self.next_fee_multiplier.value = FixedU128(after)

    # ---- public doors

    def weight_to_fee(self, weight: int) -> u128:
        """Return the fee in planck for `weight` picoseconds, before the multiplier."""
        return u128(weight * int(self.weight_fee))

    def length_to_fee(self, length: int) -> u128:
        """Return the fee in planck for `length` bytes."""
        return u128(length * int(self.length_fee))

    def lean_on(self, discounts: Discounts) -> None:
        """Tie to the pallet that knows of discounts, which stands below in the table."""
        self.discounts = discounts

    def discount_of(self, who: AccountId) -> int:
        """Return how much less of a fee `who` pays now, in hundredths of a percent.

        Asked once a transaction: its own call may change the answer, which must not change what
        it is given back.
        """
        return self.discounts.discount_bps(who)

    def inclusion_fee(
        self, info: DispatchInfo, length: int, discount: int = 0
    ) -> InclusionFee | None:
        """Return the fee without tip; None for what pays none.

        The parts add up to what `fee` says, to the last planck: each is the difference that it
        makes to the discounted sum.
        """
        if not info.pays:
            return None
        whole, before, parts = 0, 0, []
        for part in self._parts(info, length, info.weight):
            whole += part
            after = int(discounted(whole, discount))
            parts.append(u128(after - before))
            before = after
        return InclusionFee(*parts)

    def fee(
        self,
        info: DispatchInfo,
        length: int,
        tip: u128,
        post: PostInfo | None = None,
        *,
        discount: int = 0,
    ) -> u128:
        """Return the whole fee in planck, tip included; only the tip for what pays none.

        `discount` is taken off all but the tip, in hundredths of a percent.
        """
        if not info.pays or (post is not None and post.pays is False):
            return tip
        weight = info.weight
        if post is not None and post.weight is not None:
            weight = min(post.weight, weight)
        fee = sum(self._parts(info, length, weight))
        if discount:
            fee = int(discounted(fee, discount))
        return u128(fee + int(tip))

    def can_pay(self, who: AccountId, fee: u128, tip: u128) -> bool:
        """Tell whether `who` can pay `fee`, the tip in it included."""
        return not fee or self.currency.can_withdraw_fee(who, fee, tip)

    def charge(
        self, who: AccountId, info: DispatchInfo, length: int, tip: u128, *, discount: int = 0
    ) -> u128:
        """Take the fee before the call; return what was taken.

        Raises TokenError when there is not enough, or the tip would be of locked money.
        """
        fee = self.fee(info, length, tip, discount=discount)
        if fee:
            self.currency.withdraw_fee(who, fee, tip)
        return fee

    def settle(self, who: AccountId, taken: u128, actual: u128, tip: u128) -> None:
        """Give back what was taken too much, share out the rest, announce what was paid.

        An account that the call has closed gets nothing back: it would be opened again.
        """
        if not taken:
            return
        if actual < taken and not self.system.account[who].providers:
            actual = taken
        if actual < taken:
            self.currency.credit(who, taken - actual)
        tip = min(tip, actual)
        fee = actual - tip
        author = self.authorship.author()
        earned = fee // 2 + tip if author is not None else u128(0)
        if author is not None and earned:
            self.currency.credit(author, earned)
        if actual > earned:
            self.currency.credit(self.development_fund, actual - earned)
        self.deposit(self.TransactionFeePaid(who, actual, tip))

    def priority(self, info: DispatchInfo, length: int, tip: u128, fee: u128) -> u64:
        """Return how urgent a transaction is: its tip per share of the block it takes.

        Operational ones add their fee, multiplied. Both count in whole `PRIORITY_UNIT`s, because
        a priority has 64 bits: planck by planck, a small transaction would reach the end of them
        with a tip of a thousandth BTT. Source: pallet_transaction_payment,
        `ChargeTransactionPayment::get_priority`, which counts in planck.
        """
        limits = self.system.block_weights
        max_weight = int(limits.max_block.ref_time)
        max_length = int(getattr(self.system.block_length.max, info.dispatch_class.name.lower()))
        per_block = min(
            max_length // min(max(length, 1), max_length),
            max_weight // min(max(info.weight, 1), max_weight),
        )
        counted = int(tip) // PRIORITY_UNIT + 1
        if info.dispatch_class is DispatchClass.Operational:
            counted += int(fee) // PRIORITY_UNIT * int(self.operational_fee_multiplier)
        scaled = counted * per_block
        return u64(min(scaled, u64.MAX))

    def _parts(self, info: DispatchInfo, length: int, weight: int) -> tuple[int, int, int]:
        """Return what base, bytes and weight of a transaction cost, in planck, as plain numbers.

        Two fees a transaction are worked out: sums of plain numbers, checked once at the end.
        """
        multiplier = int(self.next_fee_multiplier.value)
        return (
            self.base_weight(info.dispatch_class) * self._weight_fee,
            length * self._length_fee,
            weight * self._weight_fee * multiplier // ONE,
        )

    @cached_property
    def _weight_fee(self) -> int:
        return int(self.weight_fee)

    @cached_property
    def _length_fee(self) -> int:
        return int(self.length_fee)

    @cached_property
    def _base_weights(self) -> tuple[int, int, int]:
        limits = self.system.block_weights.per_class
        classes = (limits.normal, limits.operational, limits.mandatory)
        normal, operational, mandatory = (int(limit.base_extrinsic.ref_time) for limit in classes)
        return normal, operational, mandatory

    def base_weight(self, dispatch_class: DispatchClass) -> int:
        """Return the weight in picoseconds of any extrinsic of a class, before its call."""
        return self._base_weights[dispatch_class]


def next_multiplier(multiplier: int, used: int, capacity: int) -> int:
    """Return the next fee multiplier, as FixedU128 counts.

    m' = m * (1 + v*d + (v*d)**2 / 2), where d is how far the block was from its target, as a
    part of its capacity; never below one. Source: Web3 Foundation research, "Token economics",
    slow-adjusting mechanism.
    """
    full = min(used, capacity) * ONE // capacity
    target = ONE * TARGET_NUMERATOR // TARGET_DENOMINATOR
    distance = abs(full - target)
    first = VARIABILITY * distance // ONE
    second = first * first // ONE // 2
    change = first + second if full >= target else first - second
    step = multiplier * change // ONE
    after = multiplier + step if full >= target else multiplier - step
    return max(ONE, min(after, MAX_MULTIPLIER))
