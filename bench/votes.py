"""A node that counts its messages about finality: python bench/votes.py FIGURES node ...

Runs `btt-chain` with the words behind FIGURES (JSON), which is written anew each second: votes that
were new, their copies, notes and RPCs of GossipSub that were sent, and peers that were grafted or
pruned. Methods of the network are wrapped, so older programs can be counted, too.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
EVERY: Final = 1.0
VOTE_BYTES: Final = 200
"""Messages of GRANDPA up to this size are votes; commits of three voters are larger."""
NEW, COPIES, NOTES, RPCS, GRAFTS = "new votes", "copies", "notes", "RPCs", "grafts and prunes"


class Counts(threading.Thread):
    """Counts what the network of this process does."""

    def __init__(self, figures: Path) -> None:
        super().__init__(name="counts", daemon=True)
        self._figures = figures
        self._counts: Counter[str] = Counter()

    def install(self) -> None:
        """Wrap the methods of the network."""
        from libp2p.peer.id import ID
        from libp2p.pubsub.pb import rpc_pb2

        from p2p.host.gossip import ContainedGossipSub, ContainedPubsub
        from p2p.host.notifications import Notifications
        from p2p.host.rpcs import GatheringQueue
        from p2p.network import GRANDPA

        counts = self._counts
        receive, send, take = ContainedPubsub._on_message, Notifications.send, GatheringQueue._take
        emit = ContainedGossipSub.emit_control_message

        def receiving(pubsub: ContainedPubsub, peer: ID, message: rpc_pb2.Message) -> None:
            topic = pubsub._topics.get(message.topicIDs[0])
            if topic == GRANDPA and len(message.data) <= VOTE_BYTES:
                counts[COPIES if pubsub.recent.has(message.seqno) else NEW] += 1
            receive(pubsub, peer, message)

        def sending(notes: Notifications, name: str, data: bytes) -> None:
            counts[NOTES] += 1
            send(notes, name, data)

        def taking(queue: GatheringQueue) -> bytes:
            data = take(queue)
            counts[RPCS] += bool(data)
            return data

        async def emitting(
            router: ContainedGossipSub, control: rpc_pb2.ControlMessage, to: ID
        ) -> None:
            counts[GRAFTS] += len(control.graft) + len(control.prune)
            await emit(router, control, to)

        for owner, name, new in (
            (ContainedPubsub, "_on_message", receiving),
            (Notifications, "send", sending),
            (GatheringQueue, "_take", taking),
            (ContainedGossipSub, "emit_control_message", emitting),
        ):
            setattr(owner, name, new)

    def run(self) -> None:
        """Write the counts."""
        while True:
            time.sleep(EVERY)
            self._figures.with_suffix(".new").write_text(json.dumps(self._counts))
            self._figures.with_suffix(".new").replace(self._figures)


def read(figures: Sequence[Path]) -> Counter[str]:
    """Return the counts of all nodes together."""
    total: Counter[str] = Counter()
    for file in figures:
        total.update(json.loads(file.read_text()))
    return total


def written(counts: Counter[str], nodes: int, slots: float) -> str:
    """Return the counts of a node and slot, in one line."""
    each = ", ".join(
        f"{name} {counts[name] / nodes / slots:.1f}" for name in (NEW, COPIES, NOTES, RPCS, GRAFTS)
    )
    return f"a node and slot: {each}; copies of a new vote {counts[COPIES] / counts[NEW]:.2f}"


def main() -> None:
    """Run the node."""
    sys.path.insert(0, str(ROOT))
    counts = Counts(Path(sys.argv.pop(1)))
    from cli.main import main as node

    counts.install()
    counts.start()
    node()


if __name__ == "__main__":
    main()
