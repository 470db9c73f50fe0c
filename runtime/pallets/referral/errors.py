"""Errors of Referral."""

from __future__ import annotations

from runtime.frame import Error


class AlreadyReferred(Error, index=0):
    """The account, or its operator, accepted a referral already. Each can be referred once."""


class NotNew(Error, index=1):
    """The account posted jobs before, or is a provider, facility or merchant. Only newcomers can be
    referred.
    """


class SameOperator(Error, index=2):
    """Referrer and referee belong to one operator. An operator cannot refer itself."""


class AlreadyOffered(Error, index=3):
    """You referred this account already; it has to accept."""


class NoOffer(Error, index=4):
    """The account was not referred by that referrer."""


class TooManyReferees(Error, index=5):
    """The referrer's operator has won the maximum number of referees of this year."""


class UnknownReferral(Error, index=6):
    """The account has not accepted a referral."""


class AlreadyAttested(Error, index=7):
    """The implementation at this referee was attested before."""


class NothingToClaim(Error, index=8):
    """No reached milestone is payable: the referee has to use the chain more."""


class YearlyLimitReached(Error, index=9):
    """The referrer's operator earned the maximum of this year. Claim again in the next one."""


class TermsOutOfBounds(Error, index=10):
    """A reward, milestone or limit is outside of the bounds that governance may set."""
