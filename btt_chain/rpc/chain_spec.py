"""chainSpec_v1_*: the identity of the chain."""

from __future__ import annotations

from collections.abc import Mapping

from btt_chain.rpc.backend import Backend
from btt_chain.rpc.registry import method
from btt_chain.rpc.shapes import to_hex


class ChainSpecApi:
    """Properties of the chain that do not change while a client is connected."""

    def __init__(self, backend: Backend) -> None:
        self.node = backend.node
        self.chain = backend.chain

    @method("chainSpec_v1_chainName")
    def chain_name(self) -> str:
        """Return the chain's name."""
        return self.node.chain_name

    @method("chainSpec_v1_genesisHash")
    def genesis_hash(self) -> str:
        """Return the hash of block zero."""
        return to_hex(self.chain.genesis_hash)

    @method("chainSpec_v1_properties")
    def properties(self) -> Mapping[str, object]:
        """Return the chain's properties, such as the formats of addresses and amounts."""
        return dict(self.node.properties)
