"""Validators with too much to do, in played time: python bench/overload.py --rate R [--seconds T]

A real network is as slow as the machine is busy with other work. Here the engines of four
validators run in one process. The processor time that each step takes is measured, and its node is
busy for `--slow` times that long: 2 is four validators on two cores. A node takes its turns as
`btt_chain.node.engine.driver` does: votes, what is due, a block, announces, transactions, then one
batch of each sender. A message costs `WIRE_MS` on both ends, and its bytes `KIB_MS`.

What is measured: transfers in final blocks, slots with a block, time until final, and the bytes and
messages on the wires, for each load.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.load import percentile  # noqa: E402
from btt_chain.chain.gc import settle_memory  # noqa: E402
from btt_chain.consensus.author import Pace  # noqa: E402
from btt_chain.consensus.babe.verify import slot_of  # noqa: E402
from btt_chain.node.engine.engine import Engine  # noqa: E402
from btt_chain.node.engine.event_queues import EventQueues, GossipQueue  # noqa: E402
from btt_chain.primitives.account import Id  # noqa: E402
from btt_chain.primitives.digest import H256  # noqa: E402
from btt_chain.scale import u8, u16, u128  # noqa: E402
from btt_chain.txpool import AlreadyImported, PoolError  # noqa: E402
from p2p import network  # noqa: E402
from p2p.network import Asked, Event  # noqa: E402
from support.sim import accounts  # noqa: E402
from support.sim.nodes import SimNode  # noqa: E402
from support.sim.world import World  # noqa: E402

WIRE_MS: Final = 0.35
"""Processor time of a message with Noise, Yamux and GossipSub on either end."""
KIB_MS: Final = 0.012
"""Processor time of a KiB on either end."""
SHARES_MS: Final = {
    GossipQueue.VOTES: 50,
    GossipQueue.ANNOUNCES: 20,
    GossipQueue.TRANSACTIONS: 20,
}
BATCH: Final = 50
CALL_MS: Final = 0.06
"""Processor time of JSON-RPC for a transaction."""
AGAIN_MS: Final = 500
SENDERS: Final = 6
WARM_SLOTS: Final = 3
AMOUNT: Final = 10**15


@dataclass(slots=True)
class Cpu:
    """The processor of one node."""

    queues: EventQueues = field(default_factory=EventQueues)
    asked: deque[Asked] = field(default_factory=deque)
    batches: deque[Callable[[], None]] = field(default_factory=deque)
    free_at: float = 0.0
    used: float = 0.0
    due: float = -1.0
    """Time of the next turn; -1: none."""


@dataclass(slots=True)
class Sender:
    """An account that pays at a rate, and tries again what is refused."""

    node: int
    wires: Sequence[bytes]
    rate: float
    begun: float
    sent: int = 0
    refused: int = 0


class BusyWorld(World):
    """A world whose nodes take time for what they do."""

    def __init__(self, seed: int, slow: float, slot_ms: int, gossip_ms: int) -> None:
        self.slow = slow
        self.cpus: dict[int, Cpu] = {index: Cpu() for index in range(4)}
        self.sent_bytes: Counter[str] = Counter()
        self.sent_messages: Counter[str] = Counter()
        self.finals: dict[int, float] = {}
        super().__init__(seed, 4, share=False, slot_ms=slot_ms, gossip_ms=gossip_ms)
        self.links.least, self.links.most = 1, 3
        for node in self.nodes:
            node.running._authoring._pace = self._pace

    def _pace(self, seconds: float) -> Callable[[], Pace]:
        begun = time.thread_time()

        def pace() -> Pace:
            used = (time.thread_time() - begun) * self.slow
            if used > seconds:
                return Pace.OVER
            return Pace.LATE if used > seconds / 2 else Pace.EARLY

        return pace

    # ---- events wait for their turn

    def _do(
        self,
        node: SimNode,
        event: Event | None,
        step: Callable[[Engine, int], Sequence[network.Action]] = Engine.tick,
    ) -> None:
        if event is None:
            super()._do(node, None, step)
            return
        cpu = self.cpus[node.index]
        if isinstance(event, Asked):
            cpu.asked.append(event)
        else:
            cpu.queues.put(event)
        size = len(getattr(event, "data", b"") or b"")
        cpu.used += self._wire(size)
        cpu.free_at = max(cpu.free_at, self.now) + self._wire(size)
        self._plan(node, self.now)

    def _wake(self, node: SimNode) -> None:
        if node.engine is not None:
            self._plan(node, node.engine.due)

    def _wire(self, size: int) -> float:
        return self.slow * (WIRE_MS + KIB_MS * size / 1024)

    def _plan(self, node: SimNode, at: float) -> None:
        cpu = self.cpus[node.index]
        at = max(at, cpu.free_at, self.now)
        if cpu.due >= 0 and cpu.due <= at:
            return
        cpu.due = at
        self.time.at(int(at) + 1, partial(self._turn, node, at))

    # ---- a turn of the driver

    def _turn(self, node: SimNode, at: float) -> None:
        cpu, engine = self.cpus[node.index], node.running
        if cpu.due != at:
            return
        cpu.due = -1.0
        if cpu.free_at > self.now:
            self._plan(node, cpu.free_at)
            return
        clock = float(self.now)

        def step(what: Callable[..., Sequence[network.Action]], *about: Event) -> float:
            nonlocal clock
            begun = time.thread_time()
            actions = what(engine, *about, int(clock))
            spent = (time.thread_time() - begun) * 1_000 * self.slow
            clock += spent
            for action in actions:
                clock += self._send_cost(node, action)
            if actions:
                self.time.at(int(clock) + 1, partial(self._apply, node, *actions))
            return spent

        def keep_time() -> None:
            if clock >= engine.due:
                step(Engine.tick)

        while (event := cpu.queues.control()) is not None:
            step(Engine.handle, event)
        self._gossip(cpu, engine, GossipQueue.VOTES, step, keep_time)
        keep_time()
        if engine.busy:
            step(Engine.work)
            keep_time()
        if (event := cpu.queues.answer()) is not None:
            step(Engine.handle, event)
        self._gossip(cpu, engine, GossipQueue.ANNOUNCES, step, keep_time)
        self._gossip(cpu, engine, GossipQueue.TRANSACTIONS, step, keep_time)
        waiting = cpu.queues.size_of(GossipQueue.TRANSACTIONS)
        engine.parts.pool.backpressure.record_waiting(waiting)
        if cpu.asked:
            step(Engine.handle, cpu.asked.popleft())
        for _ in range(len(cpu.batches)):
            begun = time.thread_time()
            cpu.batches.popleft()()
            clock += (time.thread_time() - begun) * 1_000 * self.slow
        step(Engine.flush)
        cpu.used += clock - self.now
        cpu.free_at = clock
        final = int(engine.parts.client.finalized().number)
        if final not in self.finals and node.index == 0:
            for height in range(max(self.finals, default=0) + 1, final + 1):
                self.finals[height] = clock
        is_busy = engine.busy or len(cpu.queues) or cpu.asked or cpu.batches
        self._plan(node, clock if is_busy else engine.due)

    def _gossip(
        self,
        cpu: Cpu,
        engine: Engine,
        queue: GossipQueue,
        step: Callable[..., float],
        keep_time: Callable[[], None],
    ) -> None:
        spent = 0.0
        while spent < SHARES_MS[queue]:
            if queue is GossipQueue.TRANSACTIONS and not engine.takes_transactions:
                if engine.has_blocks:
                    return
                spent += step(Engine.work)
            elif (found := cpu.queues.gossip(queue)) is not None:
                spent += step(Engine.handle, found[1])
            else:
                return
            keep_time()

    def _send_cost(self, node: SimNode, action: network.Action) -> float:
        data = getattr(action, "data", None)
        if not isinstance(data, bytes):
            return 0.0
        copies = 1
        if isinstance(action, network.Publish):
            key = (action.topic, data)
            ways = [i for i in node.connected if key not in self.nodes[i].seen]
            if action.to is not None:
                ways = [i for i in ways if self.nodes[i].name in action.to][: action.few]
            copies = 0 if key in node.said else len(ways)
        kind = action.topic if isinstance(action, network.Publish) else type(action).__name__
        self.sent_messages[kind] += copies
        self.sent_bytes[kind] += copies * len(data)
        return copies * self._wire(len(data))

    # ---- senders

    def pay(self, sender: Sender) -> None:
        """Hand over what is due, and come again."""
        due = int((self.now - sender.begun) / 1_000 * sender.rate) + 1
        batch = sender.wires[sender.sent : min(sender.sent + BATCH, due)]
        if not batch:
            self.later(20, partial(self.pay, sender))
            return
        cpu = self.cpus[sender.node]
        cpu.batches.append(partial(self._submit, sender, batch))
        self._plan(self.nodes[sender.node], self.now)

    def _submit(self, sender: Sender, batch: Sequence[bytes]) -> None:
        pool = self.nodes[sender.node].running.parts.pool
        self.cpus[sender.node].free_at += CALL_MS * self.slow * len(batch)
        first: int | None = None
        for place, wire in enumerate(batch):
            try:
                pool.submit(wire)
            except AlreadyImported:
                pass
            except PoolError:
                sender.refused += 1
                first = place if first is None else first
        sender.sent += len(batch) if first is None else first
        self.later(1 if first is None else AGAIN_MS, partial(self.pay, sender))


def register(world: BusyWorld) -> None:
    """Make all senders merchants."""
    pool = world.nodes[0].running.parts.pool
    call = accounts.runtime().call(
        "PayFi", "register", category=u16(5_814), currency=b"CNY", plan=u8(0), meta=H256(bytes(32))
    )
    for who in range(SENDERS):
        pool.submit(accounts.sign(who, 0, call, world.genesis.hash))


def payment(who: int, nonce: int, genesis: bytes) -> bytes:
    """Return a payment of a sender to the next one."""
    call = accounts.runtime().call(
        "PayFi",
        "pay",
        merchant=Id(accounts.account((who + 1) % SENDERS)),
        units=u128(AMOUNT),
        currency=b"BTT",
        max_btt=u128(AMOUNT),
        reference=secrets.token_bytes(16),
        memo=None,
    )
    return accounts.sign(who, nonce, call, genesis)


def loads_of(world: BusyWorld, count: int, *, payments: bool) -> list[list[bytes]]:
    """Return the transactions of each sender."""
    genesis = world.genesis.hash
    if payments:
        register(world)
        world.run(WARM_SLOTS)
        return [
            [payment(who, nonce + 1, genesis) for nonce in range(count)] for who in range(SENDERS)
        ]
    return [
        [
            accounts.transfer(who, nonce, (who + 1) % SENDERS, AMOUNT, genesis)
            for nonce in range(count)
        ]
        for who in range(SENDERS)
    ]


def play(options: argparse.Namespace, rate: int) -> str:
    """Play one load; return its figures in one line."""
    seconds, slot_ms = options.seconds, options.slot_ms
    world = BusyWorld(5, options.slow, slot_ms, options.gossip_ms)
    world.run(WARM_SLOTS)
    count = int(rate * seconds / SENDERS) + 1
    loads = loads_of(world, count, payments=options.payments) if rate else []
    settle_memory()
    begun, used = world.now, [cpu.used for cpu in world.cpus.values()]
    senders = [Sender(who % 4, load, rate / SENDERS, begun) for who, load in enumerate(loads)]
    for sender in senders:
        world.pay(sender)
    world.sent_bytes.clear()
    world.sent_messages.clear()
    world.run_until(int(begun + seconds * 1_000))
    ended = world.now
    wires, messages = Counter(world.sent_bytes), Counter(world.sent_messages)
    spent = [
        (cpu.used - was) / (ended - begun)
        for cpu, was in zip(world.cpus.values(), used, strict=True)
    ]
    for sender in senders:
        sender.wires = ()
    times = [node.running._authoring.build_time.percent for node in world.nodes]
    world.run(5)
    client = world.nodes[0].client
    skip = begun + 2 * slot_ms
    count, blocks, lags = 0, 0, []
    first, last = int(skip) // slot_ms, int(ended) // slot_ms
    for height in range(1, int(client.finalized().number) + 1):
        hash = client.block_hash(height) or b""
        slot = slot_of(client.header_of(hash))
        if first <= slot < last:
            blocks += 1
            count += len(client.body(hash) or []) - 1
            lags.append((world.finals.get(height, ended) - slot * slot_ms) / slot_ms)
    final = count / ((last - first) * slot_ms / 1_000)
    cpu = "/".join(f"{each:.2f}" for each in spent)
    per = max(1, count * (ended - begun) / ((last - first) * slot_ms))
    kinds = ", ".join(f"{kind} {size / per:.0f}" for kind, size in wires.most_common(5))
    return (
        f"offered {rate}/s, final {final:.0f}/s, slots {100 * blocks / (last - first):.0f} % of "
        f"{last - first}, lag p50 {percentile(lags, 50):.2f} p95 {percentile(lags, 95):.2f} slots, "
        f"accepted {sum(s.sent for s in senders)}, refused {sum(s.refused for s in senders)}, "
        f"CPU {cpu}, {messages.total() / per:.2f} messages and {wires.total() / per:.0f} bytes "
        f"({kinds}) a transaction, time for a block {'/'.join(map(str, times))} %"
    )


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rate", type=int, nargs="+", default=[800, 1_600])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--slow", type=float, default=2.0)
    parser.add_argument("--slot-ms", type=int, default=2_000)
    parser.add_argument("--gossip-ms", type=int, default=250)
    parser.add_argument("--payments", action="store_true", help="payments, not transfers")
    options = parser.parse_args()
    for rate in options.rate:
        print(play(options, rate), flush=True)


if __name__ == "__main__":
    main()
