"""Errors of identities."""

from __future__ import annotations

from runtime.frame import Error


class TooManySubAccounts(Error, index=0):
    """The account has the maximum number of sub-accounts. Remove one first."""


class NotFound(Error, index=1):
    """There is no such identity or request. Set the identity, or ask the registrar, first."""


class NotNamed(Error, index=2):
    """The account has no identity. There is nothing to remove."""


class EmptyIndex(Error, index=3):
    """There is no such registrar. Look up the list of registrars."""


class FeeChanged(Error, index=4):
    """The registrar's fee is above the given maximum. Look up the fee, and raise the limit."""


class NoIdentity(Error, index=5):
    """The account has no identity. Set it first."""


class StickyJudgement(Error, index=6):
    """The registrar is asked already, or judged `Erroneous`. Wait, or ask it to judge anew."""


class JudgementGiven(Error, index=7):
    """The registrar has judged already. There is no request to cancel."""


class InvalidJudgement(Error, index=8):
    """`FeePaid` is not a judgement that a registrar can give. Give an opinion."""


class InvalidIndex(Error, index=9):
    """The caller is not this registrar. Use the index of its appointment."""


class InvalidTarget(Error, index=10):
    """The account has no identity to judge. It has to set one first."""


class TooManyRegistrars(Error, index=11):
    """The maximum number of registrars is reached."""


class AlreadyClaimed(Error, index=12):
    """The account has a parent already, or is named twice. It has to leave the parent first."""


class NotSub(Error, index=13):
    """The account has no parent, or another one than given. It has to be named first."""


class NotOwned(Error, index=14):
    """The account is not a sub-account of the caller. Add it first."""


class JudgementForDifferentIdentity(Error, index=15):
    """The identity has changed meanwhile. Read it again, and send its new hash."""


class JudgementPaymentFailed(Error, index=16):
    """The fee cannot be paid: the money is locked. Request again with unlocked money."""
