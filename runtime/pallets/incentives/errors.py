"""Errors of Incentives."""

from __future__ import annotations

from runtime.frame import Error


class UnknownRule(Error, index=0):
    """There is no rule with this number."""


class NotSubscribed(Error, index=1):
    """The facility has not paid for this month. Subscribe before the month begins."""


class NoKeys(Error, index=2):
    """The facility published no keys for this month."""


class BadKey(Error, index=3):
    """A key is no odd 2,048-bit modulus without small factors, or the facility has used it."""


class MonthOpen(Error, index=4):
    """The month is not over, or the facility has not closed it yet."""


class AlreadyClosed(Error, index=5):
    """The facility has closed this month already. A month has one root."""


class OverRight(Error, index=6):
    """The points exceed the facility's right, or those that it closed the month with."""


class AlreadySpent(Error, index=7):
    """The voucher was redeemed before."""


class BadSignature(Error, index=8):
    """The facility's key of that month and denomination did not sign this voucher."""


class NotEnoughPoints(Error, index=9):
    """The account has fewer points, or they expired."""


class NotPartner(Error, index=10):
    """The account is not an active partner."""


class OfferUnknown(Error, index=11):
    """The partner has no such offer in place now."""


class UseIssuer(Error, index=12):
    """A facility of a sensitive field has no keys of its own: use an issuer for several ones."""


class NotSelected(Error, index=13):
    """The account was not selected for this audit, or has reported already."""


class TooLate(Error, index=14):
    """The time for this is over."""


class TooEarly(Error, index=15):
    """The time for this has not come: see the dates of the month or of the audit."""


class NotProvider(Error, index=16):
    """Only active hospitals, clinics, pharmacies, laboratories and issuers take part."""


class LowBond(Error, index=17):
    """The facility's bond is smaller than that of its kind. Restore it: `Facilities.top_up`."""


class WrongSize(Error, index=18):
    """The subscription is of a smaller size than the facility itself."""


class TooManyMonths(Error, index=19):
    """A subscription is for 1 month at least, and ends at most 12 months from now.

    The vouchers of one call are of at most 16 facilities' months.
    """


class AlreadyPublished(Error, index=20):
    """The keys of this month are published already, and stay as they are."""


class BadTree(Error, index=21):
    """The number of leaves is not a power of two from 64 to 16,777,216.

    In a report: the index of the failed leaf is not below the number of leaves.
    """


class NothingToRedeem(Error, index=22):
    """There is nothing to redeem: no voucher, or zero points."""


class EpochFailed(Error, index=23):
    """The facility's month failed its audit: its vouchers count no longer."""


class InvalidRule(Error, index=24):
    """A field of the rule is out of its bounds."""


class InvalidOffer(Error, index=25):
    """An offer is placed for 1 to 365 days, and a partner has at most 64 of them."""


class NotInsurer(Error, index=26):
    """The account is not an active insurer."""


class NotEducator(Error, index=27):
    """The account is not an active educator."""


class AlreadyAttested(Error, index=28):
    """The credential was attested before. Each counts once."""


class InvalidCredential(Error, index=29):
    """A credential has 1 to 1,000 hours; an educator attests at most 1,000 of them a month."""


class NotAuditor(Error, index=30):
    """The account is not an active auditor."""


class AuditorsFull(Error, index=31):
    """There are 256 enlisted auditors already."""


class NotEnlisted(Error, index=32):
    """The auditor is not enlisted."""


class NoAudit(Error, index=33):
    """The month has no audit: it is not closed or not selected yet, or the audit has ended."""


class NotDisputable(Error, index=34):
    """Only a failed first round can be answered, within three days."""


class ZeroAmount(Error, index=35):
    """The amount is zero."""


class TooSmall(Error, index=36):
    """The amount is below the minimum balance of a new account. Redeem more points at once."""


class InvalidFee(Error, index=37):
    """The fee of a placement is from 0 to 1,000 BTT a day."""


class OwnCredential(Error, index=38):
    """The educator and the account belong to one operator."""
