"""Errors of assets."""

from __future__ import annotations

from runtime.frame import Error


class BalanceLow(Error, index=0):
    """The account has too few free units; cancelling an order releases its units."""


class NoAccount(Error, index=1):
    """The account has no balance of this asset."""


class NoPermission(Error, index=2):
    """The receiver may not hold this asset: it first needs a judgement of its identity."""


class Unknown(Error, index=3):
    """There is no asset of this number; the assets are listed in `Assets.Asset`."""


class InUse(Error, index=5):
    """The account still holds units of the asset, or the asset exists already."""


class UnavailableConsumer(Error, index=8):
    """The receiver does not exist or holds too many assets; `touch` makes room for one."""


class WouldDie(Error, index=11):
    """No unit would remain; `transfer` and `transfer_all` can send the whole balance."""


class AlreadyExists(Error, index=12):
    """The account already has an entry for this asset."""


class NoDeposit(Error, index=13):
    """The account has no deposit for this asset."""


class AssetNotLive(Error, index=16):
    """The asset is frozen; its units cannot be transferred until it is thawed."""
