"""Errors of Bounties."""

from __future__ import annotations

from runtime.frame import Error


class InsufficientProposersBalance(Error, index=0):
    """The caller's free balance is too small for the deposit; a shorter text needs less."""


class InvalidIndex(Error, index=1):
    """There is no bounty of this index; they are listed in `Bounties`."""


class ReasonTooBig(Error, index=2):
    """The description is too long; it can contain the hash of a longer document instead."""


class UnexpectedStatus(Error, index=3):
    """The status of the bounty does not allow the call."""


class RequireCurator(Error, index=4):
    """The caller is not the curator of the bounty."""


class InvalidValue(Error, index=5):
    """The value is below the minimum of a bounty."""


class InvalidFee(Error, index=6):
    """The fee would leave less than the existential deposit for the beneficiary."""


class PendingPayout(Error, index=7):
    """The bounty is awarded; unassigning the curator revokes the award."""


class Premature(Error, index=8):
    """The slot from which the call is possible is not reached; the bounty's status names it."""


class HasActiveChildBounty(Error, index=9):
    """The bounty has an active child bounty. Never raised: there are no child bounties."""


class TooManyQueued(Error, index=10):
    """The maximum number of bounties wait for funds; it falls after the spend period."""


class NotProposer(Error, index=11):
    """The caller did not propose the bounty."""


class InsufficientPermission(Error, index=12):
    """The value exceeds the amount that this origin may grant."""
