"""Errors of the exchange."""

from __future__ import annotations

from runtime.frame import Error


class NotListed(Error, index=0):
    """The asset is not listed, or has no issued units."""


class AlreadyListed(Error, index=1):
    """The asset is already listed."""


class NotIssuer(Error, index=2):
    """The caller is not the issuer of the asset."""


class NotAllowed(Error, index=3):
    """The account may not receive units of this asset; it may need a judged identity."""


class BelowMinNotional(Error, index=4):
    """The order has no units, or is worth less than `params.least_notional`."""


class NoSuchOrder(Error, index=5):
    """There is no open order of this number; it may be filled or cancelled."""


class NotOwner(Error, index=6):
    """The order belongs to another account, has not expired, and its asset is still traded."""


class SelfMatch(Error, index=7):
    """The order would trade with another of the same owner, which must be cancelled first."""


class TooManyOrders(Error, index=8):
    """The account has the maximum number of open orders for this asset."""


class AlreadyExpired(Error, index=9):
    """The order would expire before it can trade: `until` must be at least two slots ahead."""


class TooManyImmediate(Error, index=10):
    """The maximum number of immediate orders of one block is reached."""


class InvalidParams(Error, index=11):
    """The parameters are out of bounds or inconsistent; see `Params.problem`."""


class TooDeep(Error, index=12):
    """The order would make more price levels cross than an auction reads."""


class Barred(Error, index=13):
    """Governance delisted the asset; a referendum on `AssetPolicy` can readmit it."""


class NotBarred(Error, index=14):
    """The asset was not delisted by governance; its issuer can list it."""
