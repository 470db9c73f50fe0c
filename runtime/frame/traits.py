"""Interfaces that pallets ask of each other, with FRAME's names where FRAME has them.

A pallet annotates a dependency with the smallest interface that serves; the runtime's table gives a
pallet that implements it. Two interfaces join in a class: `class Bonds(InspectHold, MutateHold,
Protocol)`. Amounts are in planck.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NewType, Protocol

from btt_chain.primitives.account import AccountId
from btt_chain.scale import path, u128
from runtime.frame.call import Reason

Slot = NewType("Slot", int)
"""Number of slots since the slot of the first block: the only time in the runtime."""


class Clock(Protocol):
    """The time; Babe implements it."""

    def now(self) -> Slot:
        """Return the slots since the first block's slot; 0 at genesis and in block 1."""


class Moments(Protocol):
    """The time since 1970; Babe implements it."""

    def moment(self) -> int:
        """Return the beginning of the current slot, in milliseconds since 1970."""


class Stalls(Protocol):
    """Times without blocks, by which deadlines are shifted; the deliveries of Jobs implement it."""

    def stalled_slots(self) -> int:
        """Return the number of slots, all together, in which the chain stalled."""


class Prices(Protocol):
    """Prices of BTT; Oracle implements it."""

    def price(self, key: bytes) -> u128:
        """Return the price of 1 BTT under a key as b"BTT/CNY", with 18 decimals, above 0.

        Raise Oracle.Few, Oracle.Stale or Oracle.Jumping where there is none to rely on, and
        Oracle.UnknownKey for a key without a rule.
        """


# ---- native money; Balances implements all of it. Source: frame_support::traits::fungible


class Inspect(Protocol):
    """Read access to balances."""

    @property
    def existential_deposit(self) -> u128:
        """The minimum balance of an account."""

    def free(self, who: AccountId) -> u128:
        """Return the free balance, locked or not."""

    def total(self, who: AccountId) -> u128:
        """Return the sum of free and reserved balance."""

    def reducible_balance(self, who: AccountId, *, keep_alive: bool = False) -> u128:
        """Return the planck that `who` can spend; if `keep_alive`, without losing the account."""

    def ensure_not_pool(self, who: AccountId) -> None:
        """Raise TokenError Unsupported for pools: only their own pallet may move their money."""


class Mutate(Protocol):
    """Transfers of free balance."""

    def transfer(
        self, source: AccountId, dest: AccountId, amount: u128, keep_alive: bool = False
    ) -> None:
        """Transfer free balance; raise TokenError if the source cannot, or `dest` would be dust."""


class InspectHold(Protocol):
    """Read access to holds."""

    def held(self, reason: Reason, who: AccountId) -> u128:
        """Return the amount of `who` on hold for `reason`."""

    def unlocked(self, reason: Reason, who: AccountId) -> u128:
        """Return the amount on hold for `reason` that no lock needs."""


class MutateHold(Protocol):
    """Holds: money of an account that is set aside for a reason."""

    def hold(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Put free balance on hold, in addition to existing holds; raise TokenError."""

    def release(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Release an amount on hold; raise TokenError if there is less."""

    def transfer_on_hold(
        self,
        reason: Reason,
        source: AccountId,
        dest: AccountId,
        amount: u128,
        *,
        on_hold: bool,
        force: bool = False,
    ) -> None:
        """Transfer an amount on hold to `dest`, free there or on hold for the same reason.

        `force` (slashing) takes even what a lock of the source needs. Raises TokenError.
        """


class NamedReservable(Protocol):
    """Deposits reserved under a name of eight bytes.

    Source: frame_support::traits::NamedReservableCurrency
    """

    def reserve_named(self, name: bytes, who: AccountId, amount: u128) -> None:
        """Reserve free balance of `who`; raise Balances.InsufficientBalance if there is less."""

    def unreserve_named(self, name: bytes, who: AccountId, amount: u128) -> u128:
        """Unreserve `amount`; return the part of it that was not reserved."""


class SlashNamed(NamedReservable, Protocol):
    """Deposits that can be forfeited."""

    def slash_reserved_named(self, name: bytes, who: AccountId, amount: u128) -> u128:
        """Move up to `amount` reserved under `name` to the treasury; return the missing part."""


@path("pallet_balances::types::Reasons")
class Reasons(IntEnum):
    """Kinds of withdrawals that a lock prevents."""

    Fee = 0
    """Transaction fees."""
    Misc = 1
    """Everything but transaction fees."""
    All = 2
    """Everything."""


class Lockable(Protocol):
    """Locks: amounts that must not leave an account. Source: frame_support LockableCurrency"""

    def set_lock(self, id: bytes, who: AccountId, amount: u128, reasons: Reasons) -> None:
        """Set the lock `id` to `amount`; zero removes it."""

    def remove_lock(self, id: bytes, who: AccountId) -> None:
        """Remove the lock `id`."""


class Payer(Protocol):
    """Payments out of pools; Tokenomics implements it."""

    def pay(self, pool: AccountId, to: AccountId, amount: u128, *, discretionary: bool) -> None:
        """Pay out of a pool; raise DispatchError if it cannot or may not pay."""


class Discounts(Protocol):
    """Discounts of stakers; `Positions` of TierStaking implements it."""

    def discount_bps(self, who: AccountId) -> int:
        """Return the discount of `who` on a fee, in basis points, at most 10,000."""


# ---- identities; Identity implements them


class Operators(Protocol):
    """Operators: the judged identity that stands behind several accounts."""

    def operator_of(self, account: AccountId) -> AccountId:
        """Return the operator of an account: the verified parent it agreed to, or itself."""


class IdentityInspect(Operators, Protocol):
    """Judged identities."""

    def verified(self, who: AccountId) -> bool:
        """Return True if a registrar approved this account, or the parent it agreed to."""


class Judgements(Operators, Protocol):
    """Identities that a registrar knows to be right."""

    def known_good(self, who: AccountId) -> bool:
        """Return True if a registrar judged this account, or its operator, `KnownGood`."""
