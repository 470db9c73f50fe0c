"""chainSpec_v1_*: the identity of the chain; sync_state_*: where a newcomer may begin."""

from __future__ import annotations

from collections.abc import Mapping

from btt_chain.primitives.digits import to_hex
from btt_chain.rpc.backend import Backend, BackendError
from btt_chain.rpc.params import Flag
from btt_chain.rpc.protocol import INTERNAL_ERROR, RpcError
from btt_chain.rpc.registry import HEAVY, method


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

    @method("sync_state_genSyncSpec", cost=HEAVY)
    def sync_spec(self, raw: Flag) -> Mapping[str, object]:
        """Return the specification with the last final block as its checkpoint (lightSyncState)."""
        try:
            return self.node.sync_spec(raw=raw)
        except BackendError as problem:
            raise RpcError(INTERNAL_ERROR, str(problem)) from None
