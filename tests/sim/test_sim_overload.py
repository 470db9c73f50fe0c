"""More transactions than blocks have room for, for as long as it takes to fill all pools."""

from __future__ import annotations

from btt_chain.node.transactions.backpressure import Backpressure
from btt_chain.txpool import Limit, Limits, PoolError
from support.sim.accounts import transfer
from support.sim.invariants import Invariants
from support.sim.nodes import SimNode
from support.sim.wires import Links
from support.sim.world import World

ROOM = 40
"""Transactions for which a block has time."""
LIMITS = Limits(
    ready=Limit(3 * ROOM, 1 << 20), future=Limit(32, 1 << 20), future_sender=Limit(4, 1 << 20)
)
SENDERS = 6
EVERY_MS = 100
SLOTS = 36


class Sender:
    """An account that pays at one node as fast as that accepts it."""

    def __init__(self, world: World, who: int) -> None:
        self.world = world
        self.who = who
        self.nonce = 0
        self.refused = 0

    def pay(self) -> None:
        """Hand over transfers until one is refused, three at most, and come again."""
        world, to = self.world, (self.who + 1) % SENDERS
        for _ in range(3):
            wire = transfer(self.who, self.nonce, to, 10**15, world.genesis.hash)
            try:
                world.submit(self.who % 4, wire)
            except PoolError:
                self.refused += 1
                break
            self.nonce += 1
        world.later(EVERY_MS, self.pay)


def limit(node: SimNode) -> None:
    """Make a node's pool small."""
    service = node.running.parts.pool
    base = service.pool._base
    service.pool.limits = base._limits = base._admission._limits = LIMITS
    service.backpressure = Backpressure(LIMITS.ready.count)


def test_blocks_stay_full_while_more_is_offered_than_they_have_room_for() -> None:
    # Blocks arrive later than transactions that were gossiped after them.
    world = World(3, room=ROOM, links=Links(least=200, most=900))
    invariants = Invariants(world)
    for node in world.nodes:
        limit(node)
    senders = [Sender(world, who) for who in range(SENDERS)]
    for sender in senders:
        world.later(1, sender.pay)
    world.run(SLOTS)
    client = world.nodes[0].client
    sizes = [
        len(client.body(client.block_hash(number) or b"") or []) - 1
        for number in range(10, client.best().number + 1)
    ]
    assert len(sizes) > SLOTS // 2
    # A block that follows the one before at once finds what has been refilled meanwhile.
    assert sum(sizes) >= 9 * ROOM * len(sizes) // 10, sizes
    assert sorted(sizes)[2] >= ROOM - 1, sizes  # of twenty
    assert all(sender.refused > SLOTS for sender in senders)
    invariants.conclude()
    invariants.close()
