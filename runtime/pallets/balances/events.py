"""Events of Balances."""

from __future__ import annotations

from typing import Annotated

from btt_chain.scale import TypeName, u128
from runtime.frame import Event, RuntimeHoldReason
from runtime.frame.aliases import AccountIdOf
from runtime.pallets.balances.types import BalanceStatus, UnexpectedKind

Amount = Annotated[u128, TypeName("T::Balance")]


class Endowed(Event, index=0):
    """An account was created with some free balance."""

    account: AccountIdOf
    free_balance: Amount


class DustLost(Event, index=1):
    """The free balance fell below the existential deposit; the rest went to the treasury."""

    account: AccountIdOf
    amount: Amount


class Transfer(Event, index=2):
    """`amount` was transferred."""

    from_: AccountIdOf
    to: AccountIdOf
    amount: Amount


class BalanceSet(Event, index=3):
    """The free balance of an account was set by Root."""

    who: AccountIdOf
    free: Amount


class Reserved(Event, index=4):
    """`amount` of free balance was reserved."""

    who: AccountIdOf
    amount: Amount


class Unreserved(Event, index=5):
    """`amount` of reserved balance became free."""

    who: AccountIdOf
    amount: Amount


class ReserveRepatriated(Event, index=6):
    """Reserved balance of one account was moved to another, where it is free or reserved."""

    from_: AccountIdOf
    to: AccountIdOf
    amount: Amount
    destination_status: Annotated[BalanceStatus, TypeName("Status")]


class Deposit(Event, index=7):
    """`amount` was deposited, for example a share of fees, a refund or dust."""

    who: AccountIdOf
    amount: Amount


class Withdraw(Event, index=8):
    """`amount` was withdrawn from an account, for example for a fee."""

    who: AccountIdOf
    amount: Amount


class Slashed(Event, index=9):
    """`amount` was taken from an account for misbehavior."""

    who: AccountIdOf
    amount: Amount


class Minted(Event, index=10):
    """Never emitted: no call raises the issuance."""

    who: AccountIdOf
    amount: Amount


class Burned(Event, index=11):
    """Free balance of an account was burned; the issuance fell by `amount`."""

    who: AccountIdOf
    amount: Amount


class Suspended(Event, index=12):
    """Never emitted."""

    who: AccountIdOf
    amount: Amount


class Restored(Event, index=13):
    """Never emitted."""

    who: AccountIdOf
    amount: Amount


class Upgraded(Event, index=14):
    """Never emitted: there are no accounts of an older format."""

    who: AccountIdOf


class Issued(Event, index=15):
    """Never emitted: the issuance never rises."""

    amount: Amount


class Rescinded(Event, index=16):
    """Never emitted."""

    amount: Amount


class Locked(Event, index=17):
    """The lock on an account's balance rose by `amount`."""

    who: AccountIdOf
    amount: Amount


class Unlocked(Event, index=18):
    """The lock on an account's balance fell by `amount`."""

    who: AccountIdOf
    amount: Amount


class Frozen(Event, index=19):
    """The frozen part of an account's balance rose by `amount`."""

    who: AccountIdOf
    amount: Amount


class Thawed(Event, index=20):
    """The frozen part of an account's balance fell by `amount`."""

    who: AccountIdOf
    amount: Amount


class TotalIssuanceForced(Event, index=21):
    """Never emitted."""

    old: Amount
    new: Amount


class Unexpected(Event, index=22, unnamed=True):
    """An inconsistency was found."""

    kind: UnexpectedKind


class Held(Event, index=23):
    """`amount` of free balance was put on hold for `reason`."""

    reason: Annotated[RuntimeHoldReason, TypeName("T::RuntimeHoldReason")]
    who: AccountIdOf
    amount: Amount


class BurnedHeld(Event, index=24):
    """Balance on hold was burned; the issuance fell by `amount`."""

    reason: Annotated[RuntimeHoldReason, TypeName("T::RuntimeHoldReason")]
    who: AccountIdOf
    amount: Amount


class TransferOnHold(Event, index=25):
    """Balance on hold was transferred to another account."""

    reason: Annotated[RuntimeHoldReason, TypeName("T::RuntimeHoldReason")]
    source: AccountIdOf
    dest: AccountIdOf
    amount: Amount


class Released(Event, index=26):
    """`amount` of balance on hold became free."""

    reason: Annotated[RuntimeHoldReason, TypeName("T::RuntimeHoldReason")]
    who: AccountIdOf
    amount: Amount
