"""Errors of Providers."""

from __future__ import annotations

from runtime.frame import Error


class NotProvider(Error, index=0):
    """The account is no provider; register it first."""


class AlreadyProvider(Error, index=1):
    """The account is a provider already; change its information with `update`."""


class InvalidInfo(Error, index=2):
    """The information must have 1 to 8 ascending classes, a capacity, and /p2p/ID addresses."""


class UnknownClass(Error, index=3):
    """There is no class of models of this number; see `Models.Classes` for those there are."""


class ClassFull(Error, index=4):
    """A class has the maximum number of providers; bond more than the smallest of them."""


class NothingToUnbond(Error, index=5):
    """The amount is zero, or no part of the bond is free; what jobs need is not."""


class NoMoreChunks(Error, index=6):
    """Too many parts of the bond are being unbonded; withdraw the due ones first."""


class NothingToWithdraw(Error, index=7):
    """No unbonded part is due yet; see the era in the `Unbonded` event."""


class JobsOpen(Error, index=8):
    """The provider has open jobs; chill, wait until they are over, and try again."""


class StillBonded(Error, index=9):
    """The bond is not empty; unbond all of it, wait, and withdraw it first."""


class AlreadyChilled(Error, index=10):
    """The provider is chilled already; `resume` ends that."""


class NotChilled(Error, index=11):
    """The provider has its place in all its classes already; there is nothing to resume."""


class HeartbeatAlreadySent(Error, index=12):
    """The provider sent a heartbeat in this era already; send the next in the next era."""


class BondTooSmall(Error, index=13):
    """Delegating a score needs the minimum bond; increase the bond with `bond_extra`."""


class NothingChanges(Error, index=14):
    """The score is delegated in this way already; there is nothing to do."""


class ChangedLately(Error, index=15):
    """The delegation was changed recently; wait until two eras after that took effect."""


class TooManyDelegators(Error, index=16):
    """The validator has the maximum number of delegators; choose another, or it dismisses one.

    The place of a dismissed one is free four eras later.
    """


class NotDelegator(Error, index=17):
    """The provider does not delegate its score to the caller; name one that does."""


class InvalidParams(Error, index=18):
    """The minimum bond is zero, or a part is above 1,000,000 ppm."""
