"""The wires between the nodes of a simulated world: gossip, notes and requests."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Final

from p2p import network
from p2p.network import Event, GossipReceived
from support.sim.nodes import INDICES, Key, SimNode, number
from support.sim.timeline import Timeline

SEEN_MS: Final = 60_000
"""Milliseconds for which a gossiped message is known (`p2p.host.gossip`)."""
OFFER_MS: Final = 1_000
"""Milliseconds after which a message is offered to peers that need it and were not sent it."""
OFFERED_TO: Final = 4
"""Number of these peers."""


@dataclass(slots=True)
class Links:
    """The network between nodes. Probabilities are parts of one, delays milliseconds."""

    least: int = 5
    most: int = 60
    loss: float = 0.0
    """Of gossip. Messages with a connection of their own are late instead."""
    duplicate: float = 0.0
    """Of gossip."""
    cut: set[tuple[int, int]] = field(default_factory=set)
    """Ways (from, to) on which nothing travels. Looked up only, never iterated."""

    def partition(self, groups: Sequence[Sequence[int]]) -> None:
        """Cut every way between two groups."""
        self.cut = {
            (a, b) for one, other in itertools.permutations(groups, 2) for a in one for b in other
        }

    def heal(self) -> None:
        """Open every way again."""
        self.cut = set()


class Wires:
    """Messages on their way, and the requests without an answer."""

    def __init__(
        self,
        nodes: Sequence[SimNode],
        links: Links,
        rng: random.Random,
        time: Timeline,
        deliver: Callable[[SimNode, Event], None],
        act: Callable[[SimNode, network.Action], None],
    ) -> None:
        self.links: Final = links
        self._nodes = nodes
        self._rng = rng
        self._time = time
        self._deliver = deliver
        self._act = act
        self._ids = itertools.count(1)
        self.open: dict[int, tuple[int, int, int, int]] = {}
        """Requests under way, by token: the node, its life, its id, and the peer."""
        self._stuck: list[tuple[int, int, int, bytes]] = []
        """Notes on ways that are cut: (from, its life, to, data)."""

    def publish(
        self, node: SimNode, topic: str, data: bytes, only: Sequence[int] | None = None
    ) -> None:
        """Gossip a message, to all neighbours or to some."""
        key, now = (topic, data), self._time.now
        if key not in node.said:
            node.said[key] = now
        elif only is None:
            return
        self._gossip(node, key, node.connected if only is None else only)

    def publish_to(self, node: SimNode, message: network.Publish) -> None:
        """Gossip a message to those that it names, or to a few of them that lack it.

        Some of the rest are offered it later.
        """
        key = (message.topic, message.data)
        if key in node.said:
            return
        node.said[key] = self._time.now
        to = list(map(INDICES.__getitem__, message.to or ()))
        if message.few is None or len(to) <= message.few:
            self._gossip(node, key, to)
            return
        needing = [index for index in to if key not in self._nodes[index].seen]
        chosen = self._rng.sample(needing, min(message.few, len(needing)))
        self._gossip(node, key, chosen)
        rest = [index for index in needing if index not in chosen]
        rest = self._rng.sample(rest, min(OFFERED_TO, len(rest)))
        if rest:
            self._time.later(OFFER_MS, partial(self._offer, node, node.epoch, key, rest))

    def _offer(self, node: SimNode, life: int, key: Key, to: Sequence[int]) -> None:
        if node.engine is not None and node.epoch == life and key in node.said:
            self._gossip(node, key, to)

    def _gossip(self, node: SimNode, key: Key, to: Iterable[int]) -> None:
        topic, data = key
        now, connected = self._time.now, node.connected
        if key not in node.seen:
            node.seen[key] = now
        event = None
        links, random = self.links, self._rng.random
        for index in to:
            other = self._nodes[index]
            if key in other.seen or index not in connected:
                continue
            if links.cut and (node.index, index) in links.cut:
                continue
            if links.loss and random() < links.loss:
                continue
            if event is None:
                event = GossipReceived(topic, node.name, data)
            for _ in (1, 2) if links.duplicate and random() < links.duplicate else (1,):
                at = now + links.least + int(random() * (links.most - links.least + 1))
                first = other.coming.get(key)
                # A later copy of the same bytes would be ignored there: it need not travel.
                if first is None or at < first:
                    other.coming[key] = at
                    self._time.at(at, partial(self._gossip_arrived, other, other.epoch, key, event))

    def _delay(self) -> int:
        links = self.links
        return links.least + int(self._rng.random() * (links.most - links.least + 1))

    def _gossip_arrived(self, node: SimNode, life: int, key: Key, event: GossipReceived) -> None:
        if node.engine is None or node.epoch != life:
            return
        node.coming.pop(key, None)
        if key in node.seen:
            return
        if node.inbox is not None:
            node.inbox.append(lambda: self._gossip_arrived(node, life, key, event))
            return
        now, source = self._time.now, event.peer
        node.seen[key] = now
        if node.accounts.admits(source, event.topic, now):
            self._deliver(node, event)
            return
        node.dropped += 1
        price = node.accounts.refused_us(source, len(event.data), now)
        self._act(node, network.Charge(source, event.topic, *price))

    def note(self, node: SimNode, index: int, data: bytes) -> None:
        """Write a note to a neighbour; it arrives after the notes before it."""
        if index not in node.connected:
            return
        if (node.index, index) in self.links.cut:
            self._stuck.append((node.index, node.epoch, index, data))
            return
        if self._stuck:
            self.send_stuck()
        at = node.lasts[index] = max(self._time.now + self._delay(), node.lasts.get(index, 0))
        other, event = self._nodes[index], network.NoteReceived(node.name, data)
        self._time.at(at, partial(self._note_arrived, other, other.epoch, node, node.epoch, event))

    def _note_arrived(
        self, node: SimNode, life: int, source: SimNode, its: int, event: Event
    ) -> None:
        # Notes of an earlier life were lost with its connection.
        if source.epoch == its and node.engine is not None and node.epoch == life:
            self._deliver(node, event)

    def send_stuck(self) -> None:
        """Send the notes of cut ways that are open again, if their connections lasted."""
        stuck, self._stuck = self._stuck, []
        for source, life, target, data in stuck:
            node = self._nodes[source]
            if node.engine is not None and node.epoch == life:
                self.note(node, target, data)

    def send(self, source: int, target: SimNode, event: Event) -> None:
        if (source, target.index) in self.links.cut:
            return
        at = self._time.now + self._delay()
        self._time.at(at, partial(self._arrive, target, target.epoch, event))

    def _arrive(self, node: SimNode, life: int, event: Event) -> None:
        if node.engine is not None and node.epoch == life:
            self._deliver(node, event)

    def request(self, node: SimNode, ask: network.Ask) -> None:
        target, token = number(ask.peer), next(self._ids)
        self.open[token] = (node.index, node.epoch, ask.id, target)
        if target not in node.connected:
            self._time.later(0, partial(self._end, token, None, "not connected"))
            return
        other = self._nodes[target]
        self.send(node.index, other, network.Asked(node.name, ask.protocol, ask.data, token))
        self._time.later(ask.timeout_ms, partial(self._end, token, None, network.LATE))

    def answer(self, node: SimNode, token: int, data: bytes | None) -> None:
        asked = self.open.get(token)
        if asked is None or (node.index, asked[0]) in self.links.cut:
            return
        self._time.later(self._delay(), partial(self._end, token, data, network.REFUSED))

    def _end(self, token: int, data: bytes | None, why: str) -> None:
        asked = self.open.pop(token, None)
        if asked is None:
            return
        index, life, id, _ = asked
        event = network.Failed(id, why) if data is None else network.Answered(id, data)
        self._arrive(self._nodes[index], life, event)

    def fail_requests(self, node: SimNode, other: int) -> None:
        """End the requests of a node to another: it is disconnected."""
        for token, (asker, _, _, asked) in list(self.open.items()):
            if asker == node.index and asked == other:
                self._end(token, None, "disconnected")

    def drop_notes(self, source: int, target: int) -> None:
        """Drop the notes that wait on a cut way."""
        self._stuck = [note for note in self._stuck if (note[0], note[2]) != (source, target)]

    def forget_gossip(self, node: SimNode) -> None:
        """Drop the gossip that a node received or sent too long ago."""
        oldest = self._time.now - SEEN_MS
        for memory in (node.seen, node.said):
            _forget(memory, oldest)


def _forget(memory: dict[Key, int], oldest: int) -> None:
    """Drop older entries; they are in the order of their time."""
    count = 0
    for at in memory.values():
        if at >= oldest:
            break
        count += 1
    for key in list(islice(memory, count)):
        del memory[key]
