"""Errors of Balances. Failed transfers raise `TokenError` instead, as in Substrate."""

from __future__ import annotations

from runtime.frame import Error


class VestingBalance(Error, index=0):
    """Too much of the balance is still vesting for this transfer."""


class LiquidityRestrictions(Error, index=1):
    """Locks on the account prevent the withdrawal."""


class InsufficientBalance(Error, index=2):
    """The free balance is less than the value."""


class ExistentialDeposit(Error, index=3):
    """The value is too small to create an account."""


class Expendability(Error, index=4):
    """The payment would remove the account, which must be kept alive."""


class ExistingVestingSchedule(Error, index=5):
    """The account already has a vesting schedule."""


class DeadAccount(Error, index=6):
    """The beneficiary account does not exist."""


class TooManyReserves(Error, index=7):
    """The account has the maximum number of named reserves."""


class TooManyHolds(Error, index=8):
    """The account has the maximum number of holds."""


class TooManyFreezes(Error, index=9):
    """The account has the maximum number of freezes."""


class IssuanceDeactivated(Error, index=10):
    """The inactive issuance would exceed the total issuance."""


class DeltaZero(Error, index=11):
    """The change is zero."""
