"""Errors of Balances. Failed transfers raise `TokenError` instead, as in Substrate."""

from __future__ import annotations

from runtime.frame import Error


class VestingBalance(Error, index=0):
    """Never raised: a vesting balance is a lock, and fails with `Token.Frozen`."""


class LiquidityRestrictions(Error, index=1):
    """Never raised: locked money fails with `Token.Frozen`."""


class InsufficientBalance(Error, index=2):
    """The free balance is less than the value."""


class ExistentialDeposit(Error, index=3):
    """Never raised: too small a value for a new account fails with `Token.BelowMinimum`."""


class Expendability(Error, index=4):
    """Never raised: a payment that would remove the account fails with `Token.NotExpendable`."""


class ExistingVestingSchedule(Error, index=5):
    """Never raised: Vesting allows several schedules of an account."""


class DeadAccount(Error, index=6):
    """Never raised: no call moves reserved money to another account without a name."""


class TooManyReserves(Error, index=7):
    """The account has the maximum number of named reserves."""


class TooManyHolds(Error, index=8):
    """Never raised: a hold too many fails with `Token.CannotCreateHold`."""


class TooManyFreezes(Error, index=9):
    """The account has the maximum number of freezes."""


class IssuanceDeactivated(Error, index=10):
    """Never raised: no call adjusts the total issuance."""


class DeltaZero(Error, index=11):
    """Never raised: no call adjusts the total issuance."""
