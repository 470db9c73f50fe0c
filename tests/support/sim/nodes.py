"""The nodes of a simulated world, running or not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from btt_chain.chain.client import Client
from btt_chain.node.engine.engine import Engine
from p2p import network
from p2p.accounts import Accounts
from p2p.network import Event
from p2p.reputation import BAN_AT
from support.sim.costs import Costs
from support.sim.disk import SimDisk
from support.sim.vault import Vault
from support.sim.watch import SimWatcher

MAX_NODES: Final = 16
"""Maximum number of nodes of a world: more have no keys that its lottery knows."""

NAMES: Final = tuple(f"n{index}" for index in range(4 * MAX_NODES))

Key = tuple[str, bytes]


class Cheat(Protocol):
    """The behaviour of a byzantine node: it changes the actions of its honest engine."""

    def turn(self, node: SimNode, actions: Iterable[network.Action]) -> None:
        """Carry out, change or drop them."""

    def receive(self, node: SimNode, event: Event) -> bool:
        """Process an event first; return True if the engine must not get it."""


@dataclass(slots=True)
class SimNode:
    """A node, running or not."""

    index: int
    vault: Vault | None
    disk: SimDisk
    engine: Engine | None = None
    watcher: SimWatcher = field(default_factory=lambda: SimWatcher(-1))
    costs: Costs = field(default_factory=Costs)
    accounts: Accounts = field(default_factory=Accounts)
    """Costs of its peers in this life."""
    dropped: int = 0
    """Messages that it dropped undecoded."""
    cheat: Cheat | None = None
    """Its behaviour if it is byzantine; None: it is honest."""
    epoch: int = 0
    """Number of its starts: events for an earlier life are lost."""
    skew: int = 0
    """Milliseconds by which its clock is ahead of the world's."""
    connected: dict[int, None] = field(default_factory=dict)
    status: network.Status | None = None
    wake: int = -1
    """Time of its next tick."""
    inbox: list[Callable[[], None]] | None = None
    """Events that wait while it is paused; None: it is not paused."""
    seen: dict[Key, int] = field(default_factory=dict)
    """Gossip that it received or sent, and when."""
    said: dict[Key, int] = field(default_factory=dict)
    coming: dict[Key, int] = field(default_factory=dict)
    """Gossip on its way to it, and when the first of the same bytes arrives."""
    scores: dict[int, int] = field(default_factory=dict)
    doom: tuple[str, int] | None = None
    """The point at which it is to die, and how many times it gets past it before."""
    lasts: dict[int, int] = field(default_factory=dict)
    """Time when the last note to each other node arrives."""
    name: str = field(init=False)
    """Its peer id."""

    def __post_init__(self) -> None:
        self.name = NAMES[self.index]

    def has_banned(self, other: int) -> bool:
        """Return True if its penalties for another node have reached the limit."""
        return self.scores.get(other, 0) >= -BAN_AT

    def penalize(self, other: int, cost: int, why: str) -> bool:
        """Penalize another node; return True if that bans it now."""
        self.watcher.penalties.append((other, cost, why))
        self.watcher.has_news = True
        score = self.scores[other] = self.scores.get(other, 0) + cost
        return score >= -BAN_AT > score - cost

    @property
    def client(self) -> Client:
        """Its chain; the node must be running."""
        return self.running.parts.client

    @property
    def running(self) -> Engine:
        """Its engine; AssertionError if it is down."""
        assert self.engine is not None, f"{self.name} is down"
        return self.engine


def number(peer: str) -> int:
    """Return the index of a peer."""
    return INDICES[peer]


INDICES: Final = {name: index for index, name in enumerate(NAMES)}
