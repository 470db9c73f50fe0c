"""Frames and Python calls of a vote between two nodes: python bench/vote_frames.py [--rounds N]

Two networks on libp2p in this process, without engines; one sends votes of GRANDPA to the other.
What is counted does not depend on the load of the machine: RPCs of GossipSub, frames of Yamux,
messages of Noise, and calls of Python functions in the threads of both networks, for each vote. An
idle time of the same length is subtracted. A batch is the same number of votes in one message of
gossip: the least that a message with several votes could cost the network. The last lines are
the calls of a voter for a vote from its bytes to its weight.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from btt_chain.consensus.finality.gadget import Gadget, Stored  # noqa: E402
from btt_chain.consensus.finality.signatures import Signatures  # noqa: E402
from btt_chain.consensus.finality.voter_environment import Settings  # noqa: E402
from btt_chain.primitives.grandpa import Stage  # noqa: E402
from p2p.host.muxer import LightYamux  # noqa: E402
from p2p.host.rpcs import GatheringQueue  # noqa: E402
from p2p.network import GRANDPA, GossipReceived, Publish  # noqa: E402
from support.p2p_attack import Witness, running, settings  # noqa: E402
from unit.consensus.finality.finality_world import many, signed, who  # noqa: E402
from unit.consensus.finality.gadget_world import (  # noqa: E402
    Keys,
    Node,
    T,
    child,
    genesis_header,
    importing,
    target,
    vote_bytes,
)

VOTE_BYTES: Final = 150
PAUSE: Final = 0.05
SETTLE: Final = 3.0
"""Seconds until the mesh of GossipSub stands."""
RPCS, FRAMES, MESSAGES, CALLS = "RPCs", "Yamux frames", "Noise messages", "Python calls"
KINDS: Final = (RPCS, FRAMES, MESSAGES, CALLS)

counts: Counter[str] = Counter()


def _on_profile(_frame: FrameType, event: str, _argument: object) -> None:
    if event == "call":
        counts[CALLS] += 1


@contextmanager
def counted() -> Iterator[None]:
    """Count what networks that are started inside do."""
    pop, take = GatheringQueue._take, LightYamux._next_frames
    write = LightYamux._write_frame

    def counting_take(queue: GatheringQueue) -> bytes:
        data = pop(queue)
        counts[RPCS] += bool(data)
        return data

    def counting_next(muxer: LightYamux) -> bytes:
        counts[MESSAGES] += 1
        return take(muxer)

    async def counting_write(muxer: LightYamux, data: bytes) -> None:
        counts[FRAMES] += 1
        await write(muxer, data)

    replaced: list[tuple[type, str, object]] = [
        (GatheringQueue, "_take", counting_take),
        (LightYamux, "_next_frames", counting_next),
        (LightYamux, "_write_frame", counting_write),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]
    for owner, name, new in replaced:
        setattr(owner, name, new)
    threading.setprofile(_on_profile)
    try:
        yield
    finally:
        threading.setprofile(None)
        for owner, name, old in before:
            setattr(owner, name, old)


async def burst(one: Witness, two: Witness, votes: int, rounds: int, *, joined: bool) -> str:
    """Send bursts of votes; return the figures for one vote."""
    begun = Counter(counts)
    await asyncio.sleep(rounds * PAUSE)
    idle = counts - begun
    two.events.clear()
    begun = Counter(counts)
    for _ in range(rounds):
        if joined:
            one.network.do(Publish(GRANDPA, os.urandom(votes * VOTE_BYTES)))
        else:
            for _ in range(votes):
                one.network.do(Publish(GRANDPA, os.urandom(VOTE_BYTES)))
        await asyncio.sleep(PAUSE)
    expected = rounds if joined else rounds * votes
    await two.until(lambda: sum(isinstance(e, GossipReceived) for e in two.events) >= expected)
    used = counts - begun
    for kind in KINDS:
        used[kind] -= idle[kind]
    return "".join(f"{used[kind] / (rounds * votes):12.2f}" for kind in KINDS)


async def play(rounds: int) -> None:
    """Count, and print."""
    with counted():
        async with running(settings()) as one, running(settings(one.address)) as two:
            await one.connected()
            await two.connected()
            await asyncio.sleep(SETTLE)
            two.echo = False
            print(f"{'for a vote':24}" + "".join(f"{kind:>16}" for kind in KINDS))
            for votes in (1, 4, 16, 100):
                for name, joined in (("votes", False), ("in one message", True)):
                    if votes > 1 or not joined:
                        line = await burst(one, two, votes, rounds, joined=joined)
                        print(f"{votes:4} {name:16}{line}", flush=True)


def voting(voters: int) -> float:
    """Return the Python calls of a voter for a vote of another one, of a whole round."""
    weights = many(voters)
    names = list(weights)
    node = Node(names[0], weights, Keys(names[:1]))
    authorities = [(who(name), weight) for name, weight in weights.items()]
    node.gadget = Gadget(
        node.tree, node.keys, Signatures(), Stored(node.aux.get, authorities), Settings(T, 0), 0
    )  # fmt: skip
    node.take(node.gadget.start(0), 0)
    head, now, calls = genesis_header(), 0, 0
    for number in (1, 2):
        head = child(head)
        node.take(importing(head)(node, now), now)
        for stage in (Stage.PREVOTE, Stage.PRECOMMIT):
            now += 2 * T
            node.take(node.gadget.tick(now), now)
            for name in names[1:]:
                raw = vote_bytes(signed(stage, target(head), name, number, 0), number, 0)
                before = counts[CALLS]
                sys.setprofile(_on_profile)
                actions = node.gadget.gossip_received("peer", raw, now)
                sys.setprofile(None)
                calls += counts[CALLS] - before if number == 2 else 0
                node.take(actions, now)
    return calls / (2 * (voters - 1))


def main() -> None:
    """Count what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=40)
    asyncio.run(play(parser.parse_args().rounds))
    for voters in (4, 50):
        print(f"a voter of {voters}: {voting(voters):.0f} Python calls for a vote")


if __name__ == "__main__":
    main()
