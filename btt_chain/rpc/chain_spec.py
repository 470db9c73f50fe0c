"""chainSpec_v1_*: which chain this is."""

from __future__ import annotations

from collections.abc import Mapping

from btt_chain.rpc.backend import Backend
from btt_chain.rpc.registry import method
from btt_chain.rpc.shapes import to_hex


class ChainSpecApi:
    """What never changes while a client is connected."""

    def __init__(self, backend: Backend) -> None:
        self.node = backend.node
        self.chain = backend.chain

    @method("chainSpec_v1_chainName")
    def chain_name(self) -> str:
        """The chain's name."""
        return self.node.chain_name

    @method("chainSpec_v1_genesisHash")
    def genesis_hash(self) -> str:
        """The hash of block zero."""
        return to_hex(self.chain.genesis_hash)

    @method("chainSpec_v1_properties")
    def properties(self) -> Mapping[str, object]:
        """How addresses and amounts are written."""
        return dict(self.node.properties)
