"""TransactionPayment: transaction fees and their recipients.

fee = weight of the base extrinsic + multiplier * (bytes * price of a byte + weight of the call).
The multiplier rises while blocks are fuller than the target, by weight or by length, and falls to
one when they are not. Discounts reduce what weight costs, and neither bytes nor the tip; queries,
charges and refunds apply the same rule. The development fund gets what bytes cost, because an
author that got a part of it back would fill its own blocks below the price. Of the rest of a fee,
half goes to the block's author and half to the fund; the tip goes to the author.

In an era, authors get at most four times the mean of the eras before, and `FLOOR`; what is above
goes to the fund. The part of blocks that goes by work is planned with this limit, by the same
snapshot of eras, so that paying oneself for work earns less by blocks than it loses, whatever fees
an era brings. (docs/staking.md)
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from functools import cached_property, lru_cache
from typing import Annotated, Final, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId, AccountInfo
from btt_chain.primitives.arithmetic import FixedU128
from btt_chain.scale import Bounded, TypeName, path, u8, u32, u64, u128
from runtime.constants import BTT
from runtime.decay import AGE, DECAY_SUM, KEPT, decayed
from runtime.frame import (
    Const,
    Constant,
    DispatchClass,
    DispatchInfo,
    Error,
    Event,
    Origin,
    OriginCheck,
    Pallet,
    PostInfo,
    Value,
    Weight,
    call,
    ensure_root,
)
from runtime.frame.aliases import AccountIdOf, Balance, BalanceOf
from runtime.frame.traits import Discounts
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.system.pallet import System
from runtime.pallets.transaction_payment import weights
from runtime.splits import discounted

ONE: Final = 10**18
"""One, in units of FixedU128."""
TARGET_NUMERATOR, TARGET_DENOMINATOR = 1, 4
"""Target use of the normal class, at which the multiplier is constant: a quarter."""
VARIABILITY: Final = 75 * 10**12
"""Rate of change of the multiplier: 75e-6, in units of FixedU128."""
MAX_MULTIPLIER: Final = u128.MAX
PRIORITY_UNIT: Final = 10**10
"""Planck of tip per step of priority."""
FLOOR: Final = BTT
"""Part of the limit of an era that does not depend on the eras before, in planck."""
PEAK: Final = 4
"""The rest of the limit, as a multiple of the decayed mean of authors' income."""


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
    """The result of `query_info`: weight, class and fee in planck."""

    weight: Weight
    class_: DispatchClass
    partial_fee: Balance


@path("pallet_transaction_payment::types::InclusionFee", params={"Balance": u128})
@dataclass(slots=True)
class InclusionFee:
    """The parts of a fee, in planck."""

    base_fee: Balance
    len_fee: Balance
    adjusted_weight_fee: Balance


@path("pallet_transaction_payment::types::FeeDetails", params={"Balance": u128})
@dataclass(slots=True)
class FeeDetails:
    """The result of `query_fee_details`; without inclusion fee for free extrinsics."""

    inclusion_fee: Annotated[InclusionFee | None, TypeName("Option<InclusionFee<Balance>>")]
    tip: Balance


class Authorship(Protocol):
    """The author of the current block."""

    def author(self) -> AccountId | None:
        """Return the account that earns from this block; None if it has no author."""


class NoDiscounts:
    """Discounts of a chain without any."""

    def discount_bps(self, who: AccountId) -> int:
        """Return zero."""
        return 0


class TransactionPayment(Pallet):
    """Transaction fees and their recipients."""

    operational_fee_multiplier: Const[u8]
    """Factor of the fee in the priority of an operational transaction."""
    weight_fee: u128
    """Planck per picosecond."""
    development_fund: AccountId
    currency: Balances
    authorship: Authorship
    system: System
    discounts: Discounts = NoDiscounts()
    params_origin: OriginCheck = ensure_root
    """Origin that sets the price of a byte."""

    min_byte_price = Constant(u128(10**11))
    """Minimum price of a byte, in planck: 0.1 BTT per MB of 10^6 bytes."""
    max_byte_price = Constant(u128(10**14))
    """Maximum price of a byte, in planck: 100 BTT per MB of 10^6 bytes."""

    next_fee_multiplier = Value(FixedU128, default=FixedU128(ONE))
    storage_version = Value(Releases, default=Releases.V2)
    byte_price = Value(u128, default=u128(10**12))
    """Price of a byte before the multiplier, in planck: 1 BTT per MB of 10^6 bytes."""
    era_fees = Value(Bounded[list[tuple[u32, u128]], KEPT], default=[])
    """Income of authors from fees and tips in the last eras, in planck, with the eras' numbers."""
    era_limit = Value(u128, default=FLOOR)
    """Maximum income of authors in the current era, in planck."""
    era_paid = Value(u128, default=u128(0))
    """Their income so far in the current era, in planck."""

    class TransactionFeePaid(Event, index=0):
        """A transaction fee was paid: `actual_fee` includes `tip`."""

        who: AccountIdOf
        actual_fee: Annotated[u128, TypeName("BalanceOf<T>")]
        tip: Annotated[u128, TypeName("BalanceOf<T>")]

    class BytePriceSet(Event, index=1):
        """The price of a byte was set, in planck."""

        price: BalanceOf

    class AuthorLimitReached(Event, index=2):
        """Authors got the maximum of an era; until its end the development fund gets all fees."""

        era: u32

    class BytePriceOutOfBounds(Error, index=0):
        """The price is below `MinBytePrice` or above `MaxBytePrice`."""

    def setup(self) -> None:
        """Encode the beginning of the event that most transactions have."""
        self._fee_paid = self.event_prefix(self.TransactionFeePaid)

    def on_finalize(self, number: int) -> None:
        """Update the multiplier by the fullness of the block: by weight or length, the larger."""
        del number
        limits = self.system.block_weights.per_class.normal.max_total
        used = self.host.weights[DispatchClass.Normal]
        capacity = int(limits.ref_time) if limits else max(used, 1)
        length, max_length = self.host.length, self._block_sizes[1][DispatchClass.Normal]
        if length * capacity > used * max_length:
            used, capacity = length, max_length
        before = self.next_fee_multiplier.value
        after = next_multiplier(int(before), used, capacity)
        if after != before:
            self.next_fee_multiplier.value = FixedU128(after)

    # ---- calls

    @call(0, weight=weights.SET_BYTE_PRICE)
    def set_byte_price(self, origin: Origin, price: BalanceOf) -> None:
        """Set the price of a byte of an extrinsic, in planck."""
        self.params_origin(origin)
        if not self.min_byte_price <= price <= self.max_byte_price:
            raise self.BytePriceOutOfBounds
        self.byte_price.value = price
        self.deposit(self.BytePriceSet(price))

    # ---- public interface

    def weight_to_fee(self, weight: int) -> u128:
        """Return the fee in planck for `weight` picoseconds, before the multiplier."""
        return u128(weight * int(self.weight_fee))

    def length_to_fee(self, length: int) -> u128:
        """Return the fee in planck for `length` bytes, before the multiplier."""
        return u128(length * int(self.byte_price.value))

    def bytes_fee(self, length: int) -> int:
        """Return the fee in planck for `length` bytes: the part that no author shares."""
        multiplier = int(self.next_fee_multiplier.value)
        return length * int(self.byte_price.value) * multiplier // ONE

    def begin_era(self, era: int) -> None:
        """Begin an era, the one after the last: authors get fees up to a new limit."""
        ended = u32(era - 1), self.era_paid.value
        self.era_fees.value = [*self.era_fees.value, ended][-KEPT:]
        self.era_paid.kill()
        # The shares of blocks in force were planned in the era before.
        self.era_limit.value = u128(self.limit_at(era - 1 - AGE))

    def limit_at(self, snapshot: int) -> int:
        """Return the limit of an era whose shares of blocks are of this snapshot, in planck."""
        return author_limit(((int(era), int(paid)) for era, paid in self.era_fees.peek()), snapshot)

    def connect(self, discounts: Discounts) -> None:
        """Set the pallet that has the discounts, which is built later."""
        self.discounts = discounts

    def discount_of(self, who: AccountId) -> int:
        """Return the present discount of `who` on fees for weight, in hundredths of a percent.

        Read once per transaction: its own call may change the discount, which must not change the
        refund.
        """
        return self.discounts.discount_bps(who)

    def inclusion_fee(
        self, info: DispatchInfo, length: int, discount: int = 0
    ) -> InclusionFee | None:
        """Return the fee without tip; None for free extrinsics.

        The sum of the parts equals `fee` to the planck: that for weight is the difference that it
        makes to the discounted sum.
        """
        if not info.pays:
            return None
        base, per_byte, per_weight = self._parts(info, length, info.weight)
        first, both = (int(discounted(part, discount)) for part in (base, base + per_weight))
        return InclusionFee(u128(first), u128(per_byte), u128(both - first))

    def fee(
        self,
        info: DispatchInfo,
        length: int,
        tip: u128,
        post: PostInfo | None = None,
        *,
        discount: int = 0,
    ) -> u128:
        """Return the whole fee in planck, tip included; only the tip for free extrinsics.

        `discount` is taken off what weight costs, in hundredths of a percent.
        """
        if not info.pays or (post is not None and post.pays is False):
            return tip
        weight = info.weight
        if post is not None and post.weight is not None:
            weight = min(post.weight, weight)
        base, per_byte, per_weight = self._parts(info, length, weight)
        fee = base + per_weight
        if discount:
            fee = int(discounted(fee, discount))
        return u128(fee + per_byte + int(tip))

    def can_pay(
        self, who: AccountId, fee: u128, tip: u128, account: AccountInfo | None = None
    ) -> bool:
        """Return True if `who` can pay `fee`, which includes the tip.

        `account` is its record if the caller has read it.
        """
        return not fee or self.currency.can_withdraw_fee(who, fee, tip, account)

    def charge_record(self, who: AccountId, record: bytes, fee: u128) -> bool:
        """Return True if the fee, tip included, was taken before the call, and the nonce counted.

        `record` is the encoded record of `who`. If False, nothing is changed: `charge` is needed.
        """
        return bool(fee) and self.currency.withdraw_first_fee(who, record, fee)

    def charge(self, who: AccountId, fee: u128, tip: u128, account: AccountInfo) -> None:
        """Take the fee, `tip` included, before the call.

        `account` is the record of `who` as the caller has read and changed it; it is stored with
        the fee taken, even if that is zero. Raises TokenError if the balance is too small, or the
        tip would be of locked money.
        """
        if fee:
            self.currency.withdraw_fee(who, fee, tip, account)
        else:
            self.system.account[who] = account

    def settle(self, who: AccountId, taken: u128, actual: u128, tip: u128, length: int = 0) -> None:
        """Refund the excess of `taken`, distribute the rest, and emit an event.

        `length` is that of the extrinsic in bytes: the author shares nothing of what they cost. An
        account that the call has closed gets no refund: that would create it again.
        """
        if not taken:
            return
        credit, paid = self.currency.credit, int(actual)
        if paid < taken and not self.system.has_provider(who):
            actual, paid = taken, int(taken)
        if paid < taken:
            credit(who, u128(int(taken) - paid))
        tip = min(tip, actual)
        author, earned = self.authorship.author(), 0
        shared = max(paid - int(tip) - self.bytes_fee(length), 0)
        if author is not None and (earned := self._within_limit(shared // 2 + int(tip))):
            credit(author, u128(earned))
        if paid > earned:
            credit(self.development_fund, u128(paid - earned))
        self.deposit_raw(
            self._fee_paid + who + actual.to_bytes(16, "little") + tip.to_bytes(16, "little")
        )

    def priority(self, info: DispatchInfo, length: int, tip: u128, fee: u128) -> u64:
        """Return the priority of a transaction: its tip per share of the block it takes.

        Operational ones add their fee, multiplied. Both count in whole `PRIORITY_UNIT`s, because a
        priority has 64 bits: in planck, a small transaction would reach the maximum with a tip of a
        thousandth BTT. Source: pallet_transaction_payment,
        `ChargeTransactionPayment::get_priority`, which counts in planck.
        """
        max_weight, max_lengths = self._block_sizes
        max_length = max_lengths[info.dispatch_class]
        per_block = min(
            max_length // min(max(length, 1), max_length),
            max_weight // min(max(info.weight, 1), max_weight),
        )
        counted = int(tip) // PRIORITY_UNIT + 1
        if info.dispatch_class is DispatchClass.Operational:
            counted += int(fee) // PRIORITY_UNIT * int(self.operational_fee_multiplier)
        scaled = counted * per_block
        return u64(min(scaled, u64.MAX))

    def _within_limit(self, amount: int) -> int:
        """Return the part of `amount` that is within the limit of the era, and count it."""
        limit, before = int(self.era_limit.value), int(self.era_paid.value)
        part = min(amount, limit - before)
        if part:
            self.era_paid.value = u128(before + part)
            if before + part == limit:
                ended = self.era_fees.peek()
                self.deposit(self.AuthorLimitReached(u32(ended[-1][0] + 1 if ended else 0)))
        return part

    def _parts(self, info: DispatchInfo, length: int, weight: int) -> tuple[int, int, int]:
        """Return the costs of base, bytes and weight of a transaction, in planck, as plain numbers.

        Each transaction needs two fees: sums of plain numbers, checked once at the end, are fast.
        """
        multiplier = int(self.next_fee_multiplier.value)
        return (
            self._base_weights[info.dispatch_class] * self._weight_fee,
            self.bytes_fee(length),
            weight * self._weight_fee * multiplier // ONE,
        )

    @cached_property
    def _weight_fee(self) -> int:
        return int(self.weight_fee)

    @cached_property
    def _base_weights(self) -> tuple[int, int, int]:
        limits = self.system.block_weights.per_class
        classes = (limits.normal, limits.operational, limits.mandatory)
        normal, operational, mandatory = (int(limit.base_extrinsic.ref_time) for limit in classes)
        return normal, operational, mandatory

    @cached_property
    def _block_sizes(self) -> tuple[int, tuple[int, int, int]]:
        """Maximum weight of a block, and its maximum length by class."""
        longest = self.system.block_length.max
        lengths = int(longest.normal), int(longest.operational), int(longest.mandatory)
        return int(self.system.block_weights.max_block.ref_time), lengths


def author_limit(income: Iterable[tuple[int, int]], snapshot: int) -> int:
    """Return the limit of authors' income in an era, in planck.

    `income` are eras with what authors got in them; those of the snapshot of an era count.
    """
    return PEAK * decayed(income, snapshot) // DECAY_SUM + int(FLOOR)


@lru_cache(maxsize=16)
def next_multiplier(multiplier: int, used: int, capacity: int) -> int:
    """Return the next fee multiplier, in units of FixedU128.

    m' = m * (1 + v*d + (v*d)**2 / 2), where d is the distance of the block from its target, as a
    part of its capacity; never below one. Source: Web3 Foundation research, "Token economics",
    slow-adjusting mechanism. The last results are remembered: blocks without transactions ask for
    the same one.
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
