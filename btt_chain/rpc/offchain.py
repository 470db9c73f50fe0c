"""offchain_localStorage*: values that the node's operator keeps beside the chain. All are unsafe.

Substrate's off-chain workers share this storage with the operator. Nothing of this chain reads it:
it is for programs that store their own notes at the node they work with.
Source: sc_rpc_api::offchain.
"""

from __future__ import annotations

from typing import Annotated, Final, Protocol

from btt_chain.primitives.digits import to_hex
from btt_chain.rpc.params import Hex, Parsed, Unfit
from btt_chain.rpc.protocol import RpcError, invalid_params
from btt_chain.rpc.registry import method

PERSISTENT: Final = "PERSISTENT"
LOCAL: Final = "LOCAL"
UNAVAILABLE: Final = 5_001
"""Substrate's code for the kind of storage that forks with the chain, which it lacks as well."""


class LocalStorage(Protocol):
    """Stored values (`btt_chain.node.service.local_storage.LocalStorageView`)."""

    def get(self, key: bytes) -> bytes | None:
        """Return a value; None if there is none."""

    def set(self, key: bytes, value: bytes) -> None:
        """Store a value. ValueError with the reason if it does not fit."""

    def clear(self, key: bytes) -> None:
        """Remove a value."""


def storage_kind(value: object) -> str:
    """Return the kind of storage: PERSISTENT or LOCAL."""
    if value not in {PERSISTENT, LOCAL}:
        raise Unfit(f"expected {PERSISTENT} or {LOCAL}")
    return str(value)


Kind = Annotated[str, Parsed(storage_kind)]


class OffchainApi:
    """The storage beside the chain by RPC."""

    def __init__(self, storage: LocalStorage) -> None:
        self.storage = storage

    @method("offchain_localStorageGet", unsafe=True)
    def get(self, kind: Kind, key: Hex) -> str | None:
        """Return the value of a key, null if there is none."""
        _check(kind)
        value = self.storage.get(key)
        return None if value is None else to_hex(value)

    @method("offchain_localStorageSet", unsafe=True)
    def set(self, kind: Kind, key: Hex, value: Hex) -> None:
        """Store the value of a key."""
        _check(kind)
        try:
            self.storage.set(key, value)
        except ValueError as problem:
            raise invalid_params(f"`value`: {problem}") from None

    @method("offchain_localStorageClear", unsafe=True)
    def clear(self, kind: Kind, key: Hex) -> None:
        """Remove the value of a key."""
        _check(kind)
        self.storage.clear(key)


def _check(kind: str) -> None:
    """Raise Substrate's error for a kind that is not stored."""
    if kind != PERSISTENT:
        raise RpcError(UNAVAILABLE, "This storage kind is not available yet.")
