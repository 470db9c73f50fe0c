"""Events of Referral."""

from __future__ import annotations

from runtime.frame import Event
from runtime.frame.aliases import AccountIdOf, BalanceOf
from runtime.pallets.referral.types import Terms


class Referred(Event, index=0):
    """An account referred another one; the deposit is on hold."""

    referee: AccountIdOf
    referrer: AccountIdOf
    deposit: BalanceOf


class Accepted(Event, index=1):
    """A referee accepted; its fees count from now on."""

    referee: AccountIdOf
    referrer: AccountIdOf


class ImplementationAttested(Event, index=2):
    """The implementation at a referee was attested."""

    referee: AccountIdOf


class ReferralPaid(Event, index=3):
    """A referrer was paid for a referee."""

    referee: AccountIdOf
    referrer: AccountIdOf
    amount: BalanceOf


class Completed(Event, index=4):
    """A referral is complete, and counts as a contribution; the deposit was released."""

    referee: AccountIdOf
    referrer: AccountIdOf


class Withdrawn(Event, index=5):
    """A referral that was not accepted was withdrawn; the deposit was released."""

    referee: AccountIdOf
    referrer: AccountIdOf


class TermsSet(Event, index=6):
    """The terms were changed."""

    terms: Terms
