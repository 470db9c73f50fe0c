"""Errors of Facilities."""

from __future__ import annotations

from runtime.frame import Error


class AlreadyRegistered(Error, index=0):
    """The account is a facility already, or its bond is not released yet. Use another account."""


class NotKnownGood(Error, index=1):
    """The account's identity has no judgement `KnownGood`. Request one from a registrar."""


class OperatorTaken(Error, index=2):
    """The account's operator has a facility of this kind already. An operator has one of each."""


class UnknownRegion(Error, index=3):
    """No country has this number in ISO 3166-1. Use three digits such as 156 for China."""


class UnknownFacility(Error, index=4):
    """The account is not a facility. It has to apply first."""


class NotAsked(Error, index=5):
    """The facility does not wait for a decision: it was confirmed, or it left."""


class NotConfirmed(Error, index=6):
    """The facility is not confirmed yet: only a decision to confirm or refuse applies to it."""


class AlreadySuspended(Error, index=7):
    """The facility is suspended already."""


class NotSuspended(Error, index=8):
    """The facility is not suspended."""


class StillSuspended(Error, index=9):
    """The facility is suspended. It can leave once the suspension has lasted `MaxSuspension`."""


class AlreadyLeft(Error, index=10):
    """The facility left. Its bond is released by itself after `LeaveSlots`."""


class BondsOutOfOrder(Error, index=11):
    """Bonds are from 100 to 1,000,000 BTT, and no larger kind has a smaller one."""


class BondComplete(Error, index=12):
    """The facility's bond is that of its kind already: nothing is missing."""
