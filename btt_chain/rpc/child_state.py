"""childstate_*: child tries, of which this chain has none.

Clients that show contracts or crowdloans ask for them; the answers are those of an empty child
trie. Source: sc_rpc_api::child_state.
"""

from __future__ import annotations

from typing import Final

from btt_chain.rpc.backend import Backend
from btt_chain.rpc.params import U32, Hash, Hex
from btt_chain.rpc.protocol import CLIENT_ERROR, RpcError
from btt_chain.rpc.registry import method

PREFIX: Final = b":child_storage:default:"
"""Beginning of the key of a child trie."""


class ChildStateApi:
    """Empty child tries."""

    def __init__(self, backend: Backend) -> None:
        self.chain = backend.chain

    @method("childstate_getKeys")
    def keys(self, child_storage_key: Hex, prefix: Hex, hash: Hash | None = None) -> list[str]:
        """Return no keys."""
        self._check(child_storage_key, hash)
        return []

    @method("childstate_getKeysPaged", "childstate_getKeysPagedAt")
    def keys_paged(
        self,
        child_storage_key: Hex,
        prefix: Hex | None,
        count: U32,
        start_key: Hex | None = None,
        hash: Hash | None = None,
    ) -> list[str]:
        """Return no keys."""
        self._check(child_storage_key, hash)
        return []

    @method("childstate_getStorage")
    def get(self, child_storage_key: Hex, key: Hex, hash: Hash | None = None) -> None:
        """Return null: the key has no value."""
        self._check(child_storage_key, hash)

    @method("childstate_getStorageEntries")
    def entries(
        self, child_storage_key: Hex, keys: list[Hex], hash: Hash | None = None
    ) -> list[None]:
        """Return null for each key."""
        self._check(child_storage_key, hash)
        return [None] * len(keys)

    @method("childstate_getStorageHash")
    def hash_of(self, child_storage_key: Hex, key: Hex, hash: Hash | None = None) -> None:
        """Return null: the key has no value."""
        self._check(child_storage_key, hash)

    @method("childstate_getStorageSize")
    def size(self, child_storage_key: Hex, key: Hex, hash: Hash | None = None) -> None:
        """Return null: the key has no value."""
        self._check(child_storage_key, hash)

    def _check(self, child: bytes, hash: bytes | None) -> None:
        """Raise an error for a key of no child trie, and for an unknown block."""
        if not child.startswith(PREFIX):
            raise RpcError(CLIENT_ERROR, "Client error: Invalid child storage key")
        self.chain.state(hash or self.chain.best().hash)
