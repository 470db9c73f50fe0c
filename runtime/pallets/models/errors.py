"""Errors of Models."""

from __future__ import annotations

from runtime.frame import Error


class AlreadyRegistered(Error, index=0):
    """The model is registered already; post jobs for it, independent of its owner."""


class ManifestTooLarge(Error, index=1):
    """The manifest has more than 64 KiB; reduce its nodes or the length of names."""


class UnusableScale(Error, index=2):
    """The scale of the input or output is not between 2^-63 and 2^64; quantise it otherwise."""


class GraphRefused(Error, index=3):
    """The graph cannot be executed exactly; `btt-chain model import` names the node and why."""


class WrongWork(Error, index=4):
    """The manifest claims other multiplications than its graph has; import the model anew."""


class UnknownClass(Error, index=5):
    """There is no class of this number; see `Models.Classes` for those there are."""


class InvalidName(Error, index=6):
    """The name is not 1 to 64 bytes of UTF-8, not blank, without control characters."""


class InvalidEndpoints(Error, index=7):
    """The addresses are not like /dns4/HOST/tcp/PORT/p2p/ID, one a line, 256 bytes together."""


class UnknownModel(Error, index=8):
    """There is no model of this id; register it first."""


class NotOwner(Error, index=9):
    """Only the account that registered the model may do this; sign with that one."""


class AlreadyRetired(Error, index=10):
    """The model is retired already; it is removed when its last job is over."""


class AlreadySuspended(Error, index=11):
    """The model is suspended already, and stays so until governance decides about it."""


class NotSuspended(Error, index=12):
    """The model is not suspended; there is nothing to resume."""


class InvalidClass(Error, index=13):
    """A class has a name, a speed, prices with least <= base <= most, and a number below 64."""


class NotEvaluated(Error, index=14):
    """Decision support needs a record of an evaluation with skill; choose another use."""


class InvalidClaim(Error, index=15):
    """A claim has a metric of the model's service; it and an agreement have items and a share."""


class MissingSchema(Error, index=16):
    """The hash of the preparation is zero; `btt-chain model show PKG` prints that of a package."""
