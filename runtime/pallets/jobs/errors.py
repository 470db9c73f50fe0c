"""Errors of Jobs."""

from __future__ import annotations

from runtime.frame import Error


class UnknownModel(Error, index=0):
    """There is no such model, or no new job may use it; choose another in `Models`."""


class BadItems(Error, index=1):
    """The number of items is not in 1 to 4096; split a larger job into several."""


class BadDeadline(Error, index=2):
    """The deadline is too short for any provider, or above 100800; see `btt-chain job quote`."""


class PriceAboveMax(Error, index=3):
    """The job costs more than `max_price`; see `btt-chain job quote` or `WorkApi.quote`."""


class UnknownJob(Error, index=4):
    """There is no such job, or it ended long ago; the id is in the event `Posted`."""


class NotRequester(Error, index=5):
    """Only the job's requester may do this; sign with that account."""


class NotProvider(Error, index=6):
    """The job is not assigned to the caller, or not any more; see its `provider`."""


class WrongState(Error, index=7):
    """The job's state does not allow this; see its `state` for what can still be done."""


class PayloadEarly(Error, index=8):
    """The requester still has time to deliver; refuse `payload_slots` after accepting."""


class TooManySets(Error, index=9):
    """The chain has 16 jobs of its own already; remove one first."""


class UnknownSet(Error, index=10):
    """There is no such set of protocol jobs; look it up in `ProtocolSets`."""


class WrongAttempt(Error, index=11):
    """The receipt is of another attempt than the current one: it is too late."""


class InvalidParams(Error, index=12):
    """A verifier's fee or the minimum price is below 10^15 planck, which opens no account."""
