"""The epoch and the node's keys, for the RPC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from btt_chain.chain.runtimes import UnsupportedRuntime
from btt_chain.crypto.keypair import KeyPair
from btt_chain.keystore import BABE, KeyManager, Keystore
from btt_chain.node.engine.unix_clock import unix_ms
from btt_chain.node.service.backend import Kept
from btt_chain.primitives.epoch import Epoch
from btt_chain.rpc import backend as asked

if TYPE_CHECKING:
    from btt_chain.consensus.importer import Importer
    from btt_chain.node.engine.engine import Engine


class AuthorshipView:
    """The epoch and the node's keys (`rpc.babe.Authorship`)."""

    def __init__(self, importer: Importer, keystore: Keystore) -> None:
        self._importer = importer
        self._keystore = keystore

    def epoch(self) -> Epoch | None:
        """Return the epoch of the current slot, or of the best block's next slot if that is later.

        None before the chain has BABE's data. Raises StatePruned, RuntimeCallError.
        """
        best = self._importer.client.best().hash
        try:
            with Kept(best):
                state = self._importer.slots(best, 0)
                slot = max(unix_ms() // state.length_ms, state.current + 1)
                return self._importer.slots(best, slot).epoch
        except UnsupportedRuntime as error:
            raise asked.RuntimeCallError(str(error)) from error

    def pairs(self) -> Mapping[bytes, KeyPair]:
        """Return the keys that claim slots, by public key."""
        found = {
            public: self._keystore.pair(BABE, public) for public in self._keystore.public_keys(BABE)
        }
        return {public: pair for public, pair in found.items() if pair is not None}


def authorship_of(engine: Engine | None, keys: KeyManager | None) -> AuthorshipView | None:
    """Return the view of a node; None on a manually sealed chain, or without keys."""
    if engine is None or keys is None:
        return None
    return AuthorshipView(engine.parts.importer, keys.keystore)
