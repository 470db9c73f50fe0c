"""The accounts of the public development phrase on a chain, with their balances."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import NamedTuple

from btt_chain.chain.client import Client
from btt_chain.client.amount import BTT, Currency
from btt_chain.crypto.development import DEV_NAMES, dev_key
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from storage.state import StateUnavailable

log = logging.getLogger(__name__)


class DevAccount(NamedTuple):
    """A development account: the path of its key below the public phrase, and its balance."""

    uri: str
    account: bytes
    free: int
    """Free balance in planck."""


def dev_accounts(client: Client) -> list[DevAccount]:
    """Return the development accounts with their balances at the head."""
    best = client.best().hash
    executive, overlay = client.runtime_at(best).queries, client.overlay(best)
    executive.runtime.enter(overlay)
    accounts = executive.system.account
    rows = []
    for name in DEV_NAMES:
        who = dev_key(f"//{name}").account_id
        rows.append(DevAccount(f"//{name}", who, int(accounts[AccountId(who)].data.free)))
    return rows


def log_accounts(client: Client, properties: Mapping[str, object], port: int) -> None:
    """Log where the node answers, and the development accounts with their balances."""
    log.info("JSON-RPC at ws://127.0.0.1:%d and http://127.0.0.1:%d", port, port)
    symbol, decimals = properties.get("tokenSymbol"), properties.get("tokenDecimals")
    money = BTT
    if isinstance(symbol, str) and isinstance(decimals, int):
        money = Currency(symbol, decimals)
    prefix = properties.get("ss58Format")
    network = prefix if isinstance(prefix, int) else ss58.DEFAULT_PREFIX
    log.info("development keys, which are public: never for money")
    try:
        accounts = dev_accounts(client)
    except StateUnavailable as error:  # of a fork whose other node is away
        log.warning("their balances are not known: %s", error)
        return
    for uri, account, free in accounts:
        address = ss58.encode(account, network)
        log.info("%-10s %s %s", uri, address, money.format(free))
