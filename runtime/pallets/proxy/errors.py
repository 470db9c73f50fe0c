"""Errors of proxies."""

from __future__ import annotations

from runtime.frame import Error


class TooMany(Error, index=0):
    """The maximum number of proxies or announcements is reached."""


class NotFound(Error, index=1):
    """There is no such proxy or announcement."""


class NotProxy(Error, index=2):
    """The sender is no proxy of the account."""


class Unproxyable(Error, index=3):
    """Never raised: a call that the type excludes fails with `System.CallFiltered`."""


class Duplicate(Error, index=4):
    """The account has this proxy already."""


class NoPermission(Error, index=5):
    """The sender is not the account that may do this."""


class Unannounced(Error, index=6):
    """The call was not announced, or not long enough ago."""


class NoSelfProxy(Error, index=7):
    """An account cannot be its own proxy."""
