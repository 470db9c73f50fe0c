"""Errors of HealthRecords."""

from __future__ import annotations

from runtime.frame import Error


class NotCustodian(Error, index=0):
    """The account is no custodian. A facility registers with a bond."""


class AlreadyAnchored(Error, index=1):
    """The log has a root of this epoch, or of a later one. Epochs are anchored in order, once."""


class TooOld(Error, index=2):
    """The epoch is over for too long."""


class AlreadyRevoked(Error, index=3):
    """The consent is revoked already."""


class BadPromise(Error, index=4):
    """The promise is of another chain, or not signed by the custodian's promise key."""


class Included(Error, index=5):
    """The custodian kept the promise: the leaf is in the log."""


class BadProof(Error, index=6):
    """The proof does not fit the root. Check the epochs, the indices and the paths."""


class AlreadyCustodian(Error, index=7):
    """The account is a custodian already."""


class NotFacility(Error, index=8):
    """Only an active facility with a `KnownGood` identity can be a custodian."""


class EpochNotOver(Error, index=9):
    """The epoch is not over. Its root is anchored in the next two hours."""


class BadTreeSize(Error, index=10):
    """The number of leaves is no power of two from 64 to 1,048,576."""


class LowBond(Error, index=11):
    """The custodian's bond is too low. Add to it with `bond_extra`."""


class BadKey(Error, index=12):
    """The bytes are no Ed25519 public key."""


class AlreadyLeaving(Error, index=13):
    """The custodian has left already."""


class NotLeaving(Error, index=14):
    """The custodian has to leave first, and to wait until its promises are over."""


class WindowOpen(Error, index=15):
    """The promise can still be kept: a root of its epochs may still be anchored."""


class AlreadyPenalized(Error, index=16):
    """The custodian was slashed for this already."""


class NoContradiction(Error, index=17):
    """Both promises are of the same leaf, or of different requests or custodians."""


class AlreadyDemanded(Error, index=18):
    """There is a demand for this promise already."""


class UnknownDemand(Error, index=19):
    """There is no such demand: it was answered or settled."""


class NotDue(Error, index=20):
    """The custodian still has time to answer this demand."""


class TermsOutOfBounds(Error, index=21):
    """A bond or fee is outside of the bounds that governance may set."""
