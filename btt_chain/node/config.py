"""What a node is told when it is started: flags, and the paths that follow from them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from btt_chain.rpc.server import RpcConfig


def default_base_path() -> Path:
    """Return where chains are kept: `$XDG_DATA_HOME/btt-chain`, else ~/.local/share/btt-chain."""
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "btt-chain"


@dataclass(frozen=True, slots=True)
class Paths:
    """Where a chain lies: `<base>/chains/<id>/{db,keystore,network,work}`."""

    base: Path
    chain_id: str

    @property
    def chain(self) -> Path:
        """Everything of this chain but the signing record."""
        return self.base / "chains" / self.chain_id

    @property
    def database(self) -> Path:
        """Blocks and states: can be synced or sealed again."""
        return self.chain / "db"

    @property
    def keystore(self) -> Path:
        """Session keys; `purge-chain` keeps them."""
        return self.chain / "keystore"

    @property
    def work(self) -> Path:
        """What verifiers committed to, and the models that they check with."""
        return self.chain / "work"

    @property
    def signing(self) -> Path:
        """The signing records, by genesis hash: outside of the chain's folder, never purged."""
        return self.base / "signing"

    @property
    def network(self) -> Path:
        """The node's identity on the network."""
        return self.chain / "network"


@dataclass(slots=True)
class NetworkConfig:
    """How to meet other nodes.

    Addresses are multiaddresses; those of bootnodes and reserved nodes end in /p2p/<peer id>.
    `allow_private` tells whether private addresses are dialled, None: not on Live chains.
    """

    port: int = 30_333
    listen: tuple[str, ...] = ()
    """Where to listen; empty: every IPv4 address, on `port`."""
    public: tuple[str, ...] = ()
    """Where others can reach us, beyond what they see."""
    bootnodes: tuple[str, ...] = ()
    reserved: tuple[str, ...] = ()
    """Peers to stay connected with, past all limits."""
    reserved_only: bool = False
    in_peers: int = 40
    out_peers: int = 10
    node_key: bytes | None = None
    """The 32-byte seed of the identity; None: the one in the network folder."""
    mdns: bool = True
    """Find nodes on the local network, on chains that are not Live."""
    allow_private: bool | None = None


@dataclass(slots=True)
class ValidatorConfig:
    """How to validate; nothing here makes a node one of the set, keys and bonds do that."""

    dev_keys: tuple[str, ...] = ()
    """Secret URIs of session keys held in memory only (`//Alice`); not on Live chains."""
    password: str | None = None
    """What the keystore's files are encrypted with; None: the secret beside them."""
    force_authoring: bool = False
    """Make blocks without peers and while syncing, too."""
    never_signed: bool = False
    """The operator vouches that keys without a signing record never signed anything."""
    verify_work: bool = True
    """Check useful work where a key here is a verifier's."""


@dataclass(slots=True)
class NodeConfig:
    """How to run a node.

    `chain` is a preset's name or the path of a specification. `pruning` is "archive", a number
    of finalised blocks, or None for what the database was made with, else the chain's default.
    `network` is None for a node that runs alone, `validator` for one that only follows. `sync` is
    "full" or "warp". `sealing` is `instant`, `manual` or `interval:MS`, or None for the chain's
    default (its slots on a chain that is sealed by hand).
    """

    chain: str
    base_path: Path = field(default_factory=default_base_path)
    name: str | None = None
    pruning: str | None = None
    sealing: str | None = None
    rpc: RpcConfig = field(default_factory=RpcConfig)
    network: NetworkConfig | None = None
    validator: ValidatorConfig | None = None
    sync: str = "full"
    metrics_port: int | None = None
    """Where Prometheus finds figures; None: nowhere."""
    metrics_external: bool = False
    metrics_wanted: bool = False
    """The operator named the port: if another program has it, the node does not go on without."""
