"""system_*: the node itself, and nonces and dry runs of accounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from btt_chain.primitives import ss58
from btt_chain.primitives.digits import to_hex
from btt_chain.rpc.backend import Backend, BackendError, Health
from btt_chain.rpc.params import Hash, Hex, MaxItems, Text
from btt_chain.rpc.protocol import RpcError, invalid_params
from btt_chain.rpc.registry import HEAVY, method

RUNTIME_ERROR = 1
"""Substrate's code for a failed runtime query, in system and payment calls."""
RESERVED_PEER_ERROR = 4006
"""Substrate's code for an invalid peer address."""
MAX_ALLOWED = 1_000
STANDARD_TYPES = frozenset({"Development", "Local", "Live"})


def health_document(health: Health) -> dict[str, object]:
    """Return the answer of `system_health`."""
    return {
        "peers": health.peers,
        "isSyncing": health.is_syncing,
        "shouldHavePeers": health.should_have_peers,
    }


class SystemApi:
    """Names, health, peers; nonces and dry runs."""

    def __init__(self, backend: Backend) -> None:
        self.node = backend.node
        self.chain = backend.chain
        self.pool = backend.pool

    @method("system_name")
    def name(self) -> str:
        """Return the program's name."""
        return self.node.name

    @method("system_version")
    def version(self) -> str:
        """Return the program's version."""
        return self.node.version

    @method("system_chain")
    def chain_name(self) -> str:
        """Return the chain's name."""
        return self.node.chain_name

    @method("system_chainType")
    def chain_type(self) -> str | dict[str, str]:
        """Return Development, Local or Live; anything else is a custom type."""
        kind = self.node.chain_type
        return kind if kind in STANDARD_TYPES else {"Custom": kind}

    @method("system_properties")
    def properties(self) -> Mapping[str, object]:
        """Return the chain's properties, such as the formats of addresses and amounts."""
        return dict(self.node.properties)

    @method("system_health")
    def health(self) -> dict[str, object]:
        """Return the number of peers, and the state of syncing."""
        return health_document(self.node.health())

    @method("system_localPeerId")
    def local_peer_id(self) -> str:
        """Return the node's peer id."""
        return self.node.local_peer_id

    @method("system_localListenAddresses")
    def listen_addresses(self) -> list[str]:
        """Return the addresses at which other nodes reach us."""
        return list(self.node.listen_addresses)

    @method("system_nodeRoles")
    def roles(self) -> list[str]:
        """Return Authority or Full."""
        return list(self.node.roles)

    @method("upgrade_status")
    def upgrade(self) -> dict[str, object]:
        """Return the runtime version in force, the scheduled one, and this node's support of it."""
        try:
            state = self.node.upgrade()
        except BackendError as problem:
            raise RpcError(RUNTIME_ERROR, str(problem)) from None
        planned = state.scheduled
        return {
            "specName": state.spec_name,
            "specVersion": state.spec_version,
            "carried": list(state.carried),
            "scheduled": None
            if planned is None
            else {
                "specVersion": planned.spec_version,
                "slot": planned.slot,
                "time": planned.time_ms,
                "slotsLeft": planned.slots_left,
            },
            "lacking": state.lacking,
            "stands": state.stands,
        }

    @method("system_peers", unsafe=True)
    def peers(self) -> list[dict[str, object]]:
        """Return the connected nodes."""
        return [
            {
                "peerId": peer.peer_id,
                "roles": peer.roles,
                "bestHash": to_hex(peer.best_hash),
                "bestNumber": peer.best_number,
            }
            for peer in self.node.peers()
        ]

    @method("system_reservedPeers")
    def reserved_peers(self) -> list[str]:
        """Return the peers that the node stays connected with, exempt from all limits."""
        return list(self.node.reserved_peers())

    @method("system_addReservedPeer", unsafe=True)
    def add_reserved_peer(self, peer: Text) -> None:
        """Stay connected with the node at a multiaddress that ends in its peer id."""
        try:
            self.node.add_reserved_peer(peer)
        except ValueError as problem:
            raise RpcError(RESERVED_PEER_ERROR, str(problem)) from None

    @method("system_removeReservedPeer", unsafe=True)
    def remove_reserved_peer(self, peer_id: Text) -> None:
        """Treat a reserved peer like any other from now on."""
        try:
            self.node.remove_reserved_peer(peer_id)
        except ValueError as problem:
            raise RpcError(RESERVED_PEER_ERROR, str(problem)) from None

    @method("btt_setAllowedPeers", unsafe=True)
    def set_allowed_peers(
        self, peer_ids: Annotated[list[Text], MaxItems(MAX_ALLOWED)] | None = None
    ) -> None:
        """Allow connections with these peers only, and disconnect all others; null: allow all.

        For tests of partitions: call it on both sides.
        """
        try:
            self.node.set_allowed_peers(peer_ids)
        except ValueError as problem:
            raise invalid_params(f"`peer_ids`: {problem}") from None

    @method("system_syncState")
    def sync_state(self) -> dict[str, int]:
        """Return the heights of syncing."""
        start, current, highest = self.node.sync_state()
        return {"startingBlock": start, "currentBlock": current, "highestBlock": highest}

    @method("system_accountNextIndex", "account_nextIndex")
    def next_index(self, account: Text) -> int:
        """Return the next nonce of an account, after its transactions in the pool."""
        try:
            raw, _ = ss58.decode(account)
        except ss58.Ss58Error as problem:
            raise invalid_params(f"`account`: {problem}") from None
        if len(raw) != 32:
            raise invalid_params(f"`account`: an account has 32 bytes, not {len(raw)}")
        try:
            return self.pool.next_index(raw)
        except BackendError as problem:
            raise RpcError(RUNTIME_ERROR, "Unable to query nonce.", str(problem)) from None

    @method("system_dryRun", "system_dryRunAt", unsafe=True, cost=HEAVY)
    def dry_run(self, extrinsic: Hex, at: Hash | None = None) -> str:
        """Return the result of applying an extrinsic, as SCALE(ApplyExtrinsicResult)."""
        try:
            return to_hex(self.chain.dry_run(at or self.chain.best().hash, extrinsic))
        except BackendError as problem:
            raise RpcError(RUNTIME_ERROR, "Unable to dry run extrinsic.", str(problem)) from None
