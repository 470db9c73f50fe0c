"""The folders of a node and of its chains. Commands import this without the rest of the node."""

from __future__ import annotations

import os
from pathlib import Path

from btt_chain.lazyclass import dataclass


class NoHome(OSError):
    """The environment does not say where the files of this user are."""


def default_base_path() -> Path:
    """Return the folder of all chains, `$XDG_DATA_HOME/btt-chain` or ~/.local/share/btt-chain.

    Raises NoHome if the environment names neither.
    """
    data = os.environ.get("XDG_DATA_HOME")
    if data:
        return Path(data) / "btt-chain"
    try:
        home = Path.home() if os.environ.get("HOME") != "" else None
    except (RuntimeError, KeyError):  # a user without an entry in /etc/passwd
        home = None
    if home is None:
        raise NoHome(
            "this user has no home folder: set HOME or XDG_DATA_HOME, or name the folder with "
            "--base-path, --wallet or --vault"
        )
    return home / ".local" / "share" / "btt-chain"


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders of a chain: `<base>/chains/<id>/{db,keystore,network,work}`."""

    base: Path
    chain_id: str

    @property
    def chain(self) -> Path:
        """The folder of this chain; the signing records are elsewhere."""
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
        """Verifiers' commitments, and the models that they check with."""
        return self.chain / "work"

    @property
    def signing(self) -> Path:
        """The signing records, by genesis hash: outside the chain's folder, never purged."""
        return self.base / "signing"

    @property
    def network(self) -> Path:
        """The node's identity on the network."""
        return self.chain / "network"
