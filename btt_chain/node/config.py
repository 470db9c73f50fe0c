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
    """Where a chain lies: `<base>/chains/<id>/{db,keystore,network}`."""

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
    def network(self) -> Path:
        """The node's identity on the network."""
        return self.chain / "network"


@dataclass(slots=True)
class NodeConfig:
    """How to run a node.

    `chain` is a preset's name or the path of a specification. `pruning` is "archive", a number
    of finalised blocks, or None for what the database was made with, else the chain's default.
    `sealing` is `instant`, `manual` or `interval:MS`, or None for the chain's default (its slots
    on a chain that is sealed by hand).
    """

    chain: str
    base_path: Path = field(default_factory=default_base_path)
    name: str | None = None
    pruning: str | None = None
    sealing: str | None = None
    rpc: RpcConfig = field(default_factory=RpcConfig)
