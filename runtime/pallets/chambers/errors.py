"""Errors of the chambers."""

from __future__ import annotations

from runtime.frame import Error


class NoVotingPower(Error, index=0):
    """The account has no voting power in any chamber: no money besides what is vesting, no
    recent work, and no seat.
    """


class AlreadySeated(Error, index=1):
    """The account already has a seat, in this chamber or another."""


class NotSeated(Error, index=2):
    """The account has no seat in this chamber."""


class TooManyInstitutions(Error, index=3):
    """The maximum number of institutions is seated."""


class PoolNotSeatable(Error, index=4):
    """Pool accounts cannot be seated."""


class NotVerified(Error, index=5):
    """The account's identity has no good judgement, or it is a sub-account of another.

    A registrar of `Identity` gives judgements.
    """


class AlreadyStanding(Error, index=6):
    """The account is already a candidate in this election."""


class TooManyCandidates(Error, index=7):
    """The maximum number of candidates is reached in this election."""


class NotStanding(Error, index=8):
    """The account is neither a candidate nor a representative."""


class NotACandidate(Error, index=9):
    """One of the named accounts is not a candidate in this election."""


class NamesWrong(Error, index=10):
    """The list of candidates is empty or has duplicates."""


class NotAHolder(Error, index=11):
    """Institutions cannot back candidates: the holders elect the representatives."""


class BackingTooSmall(Error, index=12):
    """The value is less than `LeastBacking`."""


class InsufficientFunds(Error, index=13):
    """The account has less than the value besides what is vesting, staked or in escrow."""


class NotBacking(Error, index=14):
    """The account backs no candidates."""


class AlreadyObjected(Error, index=15):
    """The account objects to the milestone already. Withdraw the objection to change its amount."""


class NotObjecting(Error, index=16):
    """The account has no such objection, or none whose money can be unlocked yet."""


class TooManyObjections(Error, index=17):
    """The account has the maximum number of objections. Unlock those that are decided first."""


class ObjectionTooSmall(Error, index=18):
    """The amount is less than `LeastBacking`."""
