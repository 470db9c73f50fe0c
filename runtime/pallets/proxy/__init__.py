"""Proxy: an account lets others act for it, within limits."""

from runtime.pallets.proxy.pallet import Proxy, Within
from runtime.pallets.proxy.types import (
    MAX_PENDING,
    MAX_PROXIES,
    RESERVE_ID,
    Announcement,
    DepositKind,
    ProxyDefinition,
    ProxyType,
    Scopes,
    covers,
    pure_account,
)

__all__ = [
    "MAX_PENDING",
    "MAX_PROXIES",
    "RESERVE_ID",
    "Announcement",
    "DepositKind",
    "Proxy",
    "ProxyDefinition",
    "ProxyType",
    "Scopes",
    "Within",
    "covers",
    "pure_account",
]
