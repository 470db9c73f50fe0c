"""Errors of Oracle. Their documentation is shown by wallets."""

from __future__ import annotations

from runtime.frame import Error


class NotFeeder(Error, index=0):
    """The account is no admitted feeder; join with a bond, then the Technical track admits it."""


class AlreadyFed(Error, index=1):
    """The feeder has fed in this block already; feed again in the next one."""


class Zero(Error, index=2):
    """A price cannot be zero; leave out the key for which you have no price."""


class UnknownKey(Error, index=3):
    """There is no rule for a key; `Oracle.Rules` lists the keys."""


class Few(Error, index=4):
    """Too few feeders have a value that is not expired; wait until more of them feed."""


class Stale(Error, index=5):
    """The price is too old; wait until the feeders feed again."""


class Jumping(Error, index=6):
    """The price moved too far at once; wait until it has settled, at least `settle_ms`."""


class TooFew(Error, index=7):
    """The minimum number of feeders is outside of 3 to 31."""


class LowBond(Error, index=8):
    """The bond is below `MinBond`; bond more with `join`."""


class TooHigh(Error, index=9):
    """A price is above 10^36, which is 10^18 units of the currency for 1 BTT."""


class KeyTwice(Error, index=10):
    """A key is fed twice in one call."""


class NothingFed(Error, index=11):
    """The call has no values; feed at least one."""


class InvalidRule(Error, index=12):
    """A field of the rule is out of bounds; docs/oracle.md lists the bounds."""


class TooManyKeys(Error, index=13):
    """There are rules for the maximum number of keys; remove one first."""


class FeedersFull(Error, index=14):
    """The maximum number of feeders is admitted; remove one first."""


class NotJoined(Error, index=15):
    """The account has no bond as a feeder; it must join first."""


class AlreadyLeft(Error, index=16):
    """The feeder has left; withdraw the bond when it is free, then join again."""


class StillBonded(Error, index=17):
    """The bond cannot be withdrawn yet: leave first, then wait until `free_at`."""


class NothingChanges(Error, index=18):
    """The feeder is admitted already, or was not admitted."""
