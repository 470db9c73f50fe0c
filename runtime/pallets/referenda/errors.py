"""Errors of the referenda."""

from __future__ import annotations

from runtime.frame import Error


class NotOngoing(Error, index=0):
    """The referendum is not ongoing: it ended, or was never submitted. Check its index."""


class HasDeposit(Error, index=1):
    """The decision deposit is already placed. No further step is needed."""


class BadTrack(Error, index=2):
    """Never raised: the track follows from the origin; an origin without one is `NoTrack`."""


class Full(Error, index=3):
    """Never raised: a full queue keeps those with the most ayes; others try again."""


class QueueEmpty(Error, index=4):
    """Never raised: an empty queue is no failure of `one_fewer_deciding`."""


class BadReferendum(Error, index=5):
    """The referendum does not exist. Check its index."""


class NothingToDo(Error, index=6):
    """Never raised: a call without effect succeeds."""


class NoTrack(Error, index=7):
    """No track decides for this origin. Propose root, or an origin that has a track."""


class Unfinished(Error, index=8):
    """The referendum is ongoing; the deposit stays until it has ended."""


class NoPermission(Error, index=9):
    """The sender did not submit the referendum."""


class NoDeposit(Error, index=10):
    """There is no deposit to refund: it was not placed, was refunded, or was slashed."""


class BadStatus(Error, index=11):
    """The referendum is ongoing, or was killed. Its deposit cannot be refunded."""


class PreimageNotExist(Error, index=12):
    """There is no preimage for this hash. Note it as a preimage first."""


class PreimageStoredWithDifferentLength(Error, index=13):
    """The preimage of the proposal has another length. Give its real length."""
