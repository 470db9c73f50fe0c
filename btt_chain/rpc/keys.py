"""author_insertKey and similar methods: the keys that this node signs with. All are unsafe."""

from __future__ import annotations

from typing import Final

from btt_chain.keystore.errors import KeystoreError, RecordError
from btt_chain.keystore.key_manager import KeyManager, split
from btt_chain.keystore.store import SCHEMES
from btt_chain.primitives.digits import to_hex
from btt_chain.rpc.params import Hex, Text
from btt_chain.rpc.protocol import RpcError
from btt_chain.rpc.registry import HEAVY, method

OTHER_ERROR: Final = 1040
"""Substrate's code for all errors of keys; clients show the message."""

KEY_TYPE_LENGTH: Final = 4
OWNER_LENGTH: Final = 32


class KeysApi:
    """Session keys by RPC."""

    def __init__(self, keys: KeyManager) -> None:
        self.keys = keys

    @method("author_insertKey", unsafe=True, cost=HEAVY)
    def insert(self, key_type: Text, suri: Text, public_key: Hex) -> None:
        """Store a key; it signs from the next slot or round on, if it is an authority's."""
        try:
            self.keys.insert(_key_type(key_type), suri, public_key)
        except (KeystoreError, RecordError) as problem:
            raise RpcError(OTHER_ERROR, str(problem)) from None

    @method("author_rotateKeys", unsafe=True, cost=HEAVY)
    def rotate(self) -> str:
        """Generate session keys, for Session.set_keys; the old ones stay."""
        try:
            return to_hex(self.keys.rotate())
        except (KeystoreError, RecordError) as problem:
            raise RpcError(OTHER_ERROR, str(problem)) from None

    @method("author_rotateKeysWithOwner", unsafe=True, cost=HEAVY)
    def rotate_with_owner(self, owner: Hex) -> dict[str, str]:
        """Generate session keys; return them, and the proof of `owner` for Session.set_keys."""
        if len(owner) != OWNER_LENGTH:  # a session key signs no other data that a caller chose
            raise RpcError(OTHER_ERROR, f"An owner is an account of {OWNER_LENGTH} bytes")
        try:
            keys = self.keys.rotate()
            proof = self.keys.prove_possession(keys, owner)
        except (KeystoreError, RecordError) as problem:
            raise RpcError(OTHER_ERROR, str(problem)) from None
        return {"keys": to_hex(keys), "proof": to_hex(proof)}

    @method("author_unusedKeys", unsafe=True, cost=HEAVY)
    def unused(self) -> dict[str, list[str]]:
        """Return the session keys that have signed nothing yet, by type."""
        return {
            kind.decode(): [to_hex(each) for each in self.keys.unused(kind)] for kind in SCHEMES
        }

    @method("author_proveUnusedKeys", unsafe=True, cost=HEAVY)
    def prove_unused(self, session_keys: Hex, owner: Hex) -> str:
        """Return the proof of `owner` for session keys that have signed nothing yet."""
        if len(owner) != OWNER_LENGTH:
            raise RpcError(OTHER_ERROR, f"An owner is an account of {OWNER_LENGTH} bytes")
        try:
            parts = split(session_keys)
            if any(public not in self.keys.unused(kind) for kind, public in parts):
                raise RpcError(OTHER_ERROR, "The node has no such keys that have signed nothing")
            return to_hex(self.keys.prove_possession(session_keys, owner))
        except ValueError:
            raise RpcError(OTHER_ERROR, "Session keys are not encoded correctly") from None
        except (KeystoreError, RecordError) as problem:
            raise RpcError(OTHER_ERROR, str(problem)) from None

    @method("author_hasKey", unsafe=True)
    def has(self, public_key: Hex, key_type: Text) -> bool:
        """Return True if the node has a key."""
        return self.keys.has(_key_type(key_type), public_key)

    @method("author_hasSessionKeys", unsafe=True)
    def has_session_keys(self, session_keys: Hex) -> bool:
        """Return True if the node has every key of a set."""
        try:
            return self.keys.has_session_keys(session_keys)
        except ValueError:
            raise RpcError(OTHER_ERROR, "Session keys are not encoded correctly") from None


def _key_type(name: str) -> bytes:
    raw = name.encode()
    if len(raw) != KEY_TYPE_LENGTH:
        raise RpcError(OTHER_ERROR, "Invalid key type ID format (should be of length four)")
    return raw
