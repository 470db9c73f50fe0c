"""The configuration of a node: flags, and the paths that follow from them."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from btt_chain.keystore import Password
from btt_chain.lazyclass import dataclass
from btt_chain.node.service.paths import default_base_path
from btt_chain.rpc.server import RpcConfig


@dataclass(slots=True)
class NetworkConfig:
    """Settings of the network.

    Addresses are multiaddresses; those of bootnodes and reserved nodes end in /p2p/<peer id>.
    `allow_private`: dial private addresses; None: not on Live chains.
    """

    port: int = 30_333
    listen: tuple[str, ...] = ()
    """Listening addresses; empty: every IPv4 address, on `port`."""
    public: tuple[str, ...] = ()
    """Further addresses at which peers can reach us, beyond those they see."""
    bootnodes: tuple[str, ...] = ()
    reserved: tuple[str, ...] = ()
    """Peers to stay connected with, exempt from all limits."""
    reserved_only: bool = False
    in_peers: int = 40
    out_peers: int = 10
    node_key: bytes | None = None
    """The 32-byte seed of the identity; None: the one in the network folder."""
    mdns: bool = True
    """Discover nodes on the local network, on chains that are not Live."""
    allow_private: bool | None = None


@dataclass(slots=True)
class ValidatorConfig:
    """Settings of a validator; only keys and bonds make a node a member of the set."""

    dev_keys: tuple[str, ...] = ()
    """Secret URIs of session keys held in memory only (`//Alice`); not on Live chains."""
    password: Password | None = None
    """The password of the keystore's files; None: the secret beside them."""
    force_authoring: bool = False
    """Make blocks without peers and while syncing, too."""
    never_signed: bool = False
    """The operator asserts that keys without a signing record never signed anything."""
    verify_work: bool = True
    """Check useful work if a key here is a verifier's."""


@dataclass(slots=True)
class NodeConfig:
    """Settings of a node.

    `chain` is a preset's name or the path of a specification. `pruning` is "archive", a number of
    finalized blocks, or None for the database's setting, else the chain's default. `blocks_pruning`
    is that of extrinsics: also "archive-canonical", and None for the default. `network` is None for
    a stand-alone node, `validator` for a full node. `sync` is "full" or "warp". `sealing` is
    `instant`, `manual` or `interval:MS`, or None for the chain's default (its slots on a manually
    sealed chain).
    """

    chain: str
    base_path: Path = field(default_factory=default_base_path)
    name: str | None = None
    pruning: str | None = None
    blocks_pruning: str | None = None
    sealing: str | None = None
    rpc: RpcConfig = field(default_factory=RpcConfig)
    network: NetworkConfig | None = None
    validator: ValidatorConfig | None = None
    sync: str = "full"
    trusted_block: tuple[int, bytes] | None = None
    """A block that the chain must have, by height and hash."""
    sync_helper: bool = False
    """Let a helper process check signatures of the next blocks during a long sync."""
    mock_signatures: bool = False
    """Accept mock signatures of all accounts; on hand-sealed development chains only."""
    metrics_port: int | None = None
    """Port of the Prometheus metrics; None: not served."""
    metrics_external: bool = False
    metrics_wanted: bool = False
    """The operator set the port: the node does not start if another program has it."""
