"""A node that answers requests for compact blocks wrongly, in every known way."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from btt_chain.scale import u32
from p2p import network
from p2p.network import COMPACT, Answer, Asked, Event
from p2p.protocols.compact import (
    ANSWER_BYTES,
    ID_BYTES,
    MAX_GIVEN,
    MAX_PLACES,
    CompactBlock,
    Describe,
    Given,
    decode_request,
    decode_transactions,
    encode_transactions,
)
from p2p.protocols.messages import MAX_BODY
from support.sim.byzantine import Byzantine, corrupt
from support.sim.nodes import SimNode
from support.sim.plays import Payers, best
from support.sim.world import World

Twist = Callable[[bytes, bytes], bytes | None]
"""The answer to a request, from the right one."""
RNG: Final = random.Random(5)
MAX_OPEN: Final = 16
"""Requests for compact blocks that an honest node may have in flight."""
PAYMENTS: Final = 12


def of_ids(change: Callable[[CompactBlock], None]) -> Twist:
    """Return a change of the answers with ids."""

    def twist(request: bytes, answer: bytes) -> bytes:
        if not isinstance(decode_request(request), Describe):
            return answer
        block = CompactBlock.decode(answer)
        if not block.header:
            return answer
        change(block)
        return block.encode()

    return twist


def of_transactions(change: Callable[[list[bytes]], bytes | None]) -> Twist:
    """Return a change of the answers with transactions; some ids name none that a pool has."""
    few = of_ids(forget_some)

    def twist(request: bytes, answer: bytes) -> bytes | None:
        if isinstance(decode_request(request), Describe):
            return few(request, answer)
        return change(decode_transactions(answer))

    return twist


def forget_some(block: CompactBlock) -> None:
    block.ids = block.ids[: -2 * ID_BYTES] + RNG.randbytes(len(block.ids[-2 * ID_BYTES :]))


def move(block: CompactBlock) -> None:
    block.ids = block.ids[ID_BYTES:] + block.ids[:ID_BYTES]


def collide(block: CompactBlock) -> None:
    block.ids = block.ids[:ID_BYTES] * (len(block.ids) // ID_BYTES)


def invent(block: CompactBlock) -> None:
    block.ids = RNG.randbytes(len(block.ids))


def flood_with_ids(block: CompactBlock) -> None:
    block.ids = RNG.randbytes(ID_BYTES * (MAX_BODY - len(block.given)))


def repeat_an_id(block: CompactBlock) -> None:
    block.ids = block.ids[:ID_BYTES] * (MAX_BODY - len(block.given))


def give_all(block: CompactBlock) -> None:
    block.ids = b""
    block.given = [Given(u32(place), b"\x04") for place in range(MAX_GIVEN)]


def misplace(block: CompactBlock) -> None:
    block.given = [Given(u32(MAX_BODY), one.extrinsic) for one in block.given]


def rename(block: CompactBlock) -> None:
    block.header = block.header[:-1] + bytes([block.header[-1] ^ 1])


TWISTS: Final[dict[str, Twist]] = {
    "moved": of_ids(move),
    "colliding": of_ids(collide),
    "invented": of_ids(invent),
    "65,536 ids": of_ids(flood_with_ids),
    "one id 65,536 times": of_ids(repeat_an_id),
    "4,096 extrinsics": of_ids(give_all),
    "places of no body": of_ids(misplace),
    "another header": of_ids(rename),
    "bytes": lambda _request, _answer: RNG.randbytes(ANSWER_BYTES // 8),
    "too large": lambda _request, answer: answer + bytes(ANSWER_BYTES),
    "missing, and wrong": of_transactions(
        lambda found: encode_transactions([b"\x84"] * len(found))
    ),
    "missing, and none": of_transactions(lambda _: encode_transactions([])),
    "missing, and many": of_transactions(lambda _: encode_transactions([b"\x84"] * MAX_PLACES)),
    "missing, and silent": of_transactions(lambda _: None),
}
CHARGED: Final = frozenset(TWISTS) - {"colliding", "invented", "65,536 ids", "missing, and silent",
                                      "one id 65,536 times"}  # fmt: skip
"""Ways that no honest node could take: they are charged. By the others the asking node lacks all
transactions, as it would with another pool, and requests the whole block."""


@dataclass
class WrongIds(Byzantine):
    """Its blocks and its votes are honest, and so are its whole blocks."""

    twist: Twist = TWISTS["moved"]
    asked: dict[int, bytes] = field(default_factory=dict)
    """Requests without an answer, by their ids."""

    def receive(self, node: SimNode, event: Event) -> bool:
        if isinstance(event, Asked) and event.protocol == COMPACT:
            self.asked[event.id] = event.data
        return False

    def change(self, node: SimNode, action: network.Action) -> bool:
        if not isinstance(action, Answer) or action.data is None or action.id not in self.asked:
            return False
        self.done += 1
        answer = self.twist(self.asked.pop(action.id), action.data)
        self.world.act(node, Answer(action.id, answer))
        return True


@dataclass(frozen=True, slots=True)
class Played:
    """Result of a network with such a node."""

    cheat: WrongIds
    blocks: int
    slots: int
    costs: int
    """Total charge of honest nodes to the cheat."""
    others: int
    """Total charge of honest nodes to each other."""
    paid: bool
    """True if every transfer is in the chain of every honest node."""


def play(seed: int, name: str, slots: int = 10) -> Played:
    """Let one of four validators answer wrongly, amid transfers."""
    world = World(seed, 4)
    cheat = corrupt(world, 3, WrongIds)
    assert isinstance(cheat, WrongIds)
    cheat.twist = TWISTS[name]
    world.checks.append(_check_bounds)
    world.run(2)
    payers, begun = Payers(world), best(world.nodes[0])
    for slot in range(slots):
        payers.pay(slot % 3, PAYMENTS)
        world.run(1)
    blocks = best(world.nodes[0]) - begun
    world.run(4)
    charged = [(who, cost) for node in world.honest for who, cost, _ in node.watcher.penalties]
    return Played(
        cheat,
        blocks,
        slots,
        sum(cost for who, cost in charged if who == 3),
        sum(cost for who, cost in charged if who != 3),
        all(payers.level(node) for node in world.honest),
    )


def _check_bounds(node: SimNode) -> None:
    """Check that no answer makes a node keep more requests or blocks."""
    sync = node.running.parts.sync
    assert len(sync._fork_sync._compact._wanted) <= MAX_OPEN
    assert sync._fork_sync.held <= MAX_OPEN
    assert len(sync._tracker.pending) <= 2 * MAX_OPEN
