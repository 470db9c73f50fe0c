"""Errors of Authorities."""

from __future__ import annotations

from runtime.frame import Error


class NotBonded(Error, index=0):
    """The account has no bond; `bond` creates one."""


class AlreadyBonded(Error, index=1):
    """The account has a bond already; `bond_extra` adds to it."""


class InsufficientBond(Error, index=2):
    """The bond is, or would become, too small; a candidate must keep the minimum bond."""


class BondTooLarge(Error, index=3):
    """The bond would exceed the maximum that weights can represent."""


class NoMoreChunks(Error, index=4):
    """Too many parts of the bond are being unbonded; one must become withdrawable first."""


class NothingToUnbond(Error, index=5):
    """The amount is zero, or no part of the bond is active."""


class NothingToWithdraw(Error, index=6):
    """No unbonded part is due, or it is still at stake for an earlier election's sessions."""


class NoSessionKeys(Error, index=7):
    """The account has no session keys; a validator without keys cannot make a block."""


class AlreadyCandidate(Error, index=8):
    """The account is a candidate already."""


class NotCandidate(Error, index=9):
    """The account is not a candidate."""


class CandidatesFull(Error, index=10):
    """The list of candidates is full; only a bond greater than the least one displaces it."""


class Barred(Error, index=11):
    """The account offended recently and may not be a candidate yet."""


class CannotChillOther(Error, index=12):
    """The candidate has keys and a sufficient bond; only the candidate itself may chill it."""


class OutOfBounds(Error, index=13):
    """The value is outside the allowed bounds."""


class FactorOutOfRange(Error, index=14):
    """The factor of work is below `LowestFactor` or above `HighestFactor`."""
