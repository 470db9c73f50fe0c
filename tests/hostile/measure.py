"""Measures a network from outside its processes: finality, blocks, CPU, memory, RPC latency."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import orjson

from bench.load import read_header
from bench.machine import cpu_of, memory_of
from btt_chain.consensus.babe.verify import slot_of
from btt_chain.testing import Devnet, DevNode

SAMPLE: Final = 0.25
"""Seconds between two samples of finality."""
PATIENCE: Final = 60.0
NUMBER: Final = "0x26aa394eea5630e07c48ae0c9558cef702a5c1b19ab7a04f536c519aca4983ac"
"""Key of System.Number."""
SETTLED: Final = 5.0
"""Seconds of an attack from which on the CPU of the attacked node is measured."""


@dataclass(frozen=True, slots=True)
class Sample:
    """All nodes at one moment."""

    at: float
    gaps: tuple[float, ...]
    """Slots between now and the last final block's, by node."""
    best: tuple[int, ...]
    final: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """Resources that the processes have used until now."""

    at: float
    cpu: tuple[float, ...]
    """Seconds; of a process that has ended, the last known."""
    memory: tuple[float, ...]
    """MiB."""


@dataclass(slots=True)
class Head:
    """The chain as one node reports it."""

    best: int = 0
    final: int = 0
    final_slot: int = 0
    slots: dict[int, int] = field(default_factory=dict)
    """Slot of each best block, by height."""
    final_at: dict[int, float] = field(default_factory=dict)
    """When the node reported that a height is final; one report may cover several."""
    hashes: dict[int, str] = field(default_factory=dict)
    """Hashes of final blocks."""


@dataclass(slots=True)
class Watch:
    """Observes a running network; `run` until cancelled."""

    net: Devnet
    health_of: Sequence[int]
    """Nodes whose answers to `system_health` and `state_getStorage` are timed."""
    heads: list[Head] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    health: list[tuple[float, float]] = field(default_factory=list)
    """When it was asked, and the seconds it took."""
    _asked: dict[int, float] = field(default_factory=dict)

    async def run(self) -> None:
        """Observe until cancelled."""
        self.heads = [Head() for _ in self.net.nodes]
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            await asyncio.gather(
                self._sample(),
                self._use(),
                *(self._follow(session, node) for node in self.net.nodes),
                *(self._time_health(session, self.net[index]) for index in self.health_of),
            )

    # ---- the chain

    async def _follow(self, session: aiohttp.ClientSession, node: DevNode) -> None:
        while True:
            # A node that ended, or closed the connection, is subscribed to again when it is back.
            with suppress(aiohttp.ClientError, OSError, ValueError, KeyError):
                await self._subscribed(session, node)
            await asyncio.sleep(0.5)

    async def _subscribed(self, session: aiohttp.ClientSession, node: DevNode) -> None:
        head = self.heads[node.index]
        async with session.ws_connect(node.ws, max_msg_size=0, heartbeat=PATIENCE) as socket:
            for place, kind in enumerate(
                ("chain_subscribeNewHeads", "chain_subscribeFinalizedHeads")
            ):
                call = {"jsonrpc": "2.0", "id": place, "method": kind, "params": []}
                await socket.send_bytes(orjson.dumps(call))
            finals = None
            async for message in socket:
                answer = orjson.loads(message.data)
                if "result" in answer:
                    finals = answer["result"] if answer["id"] == 1 else finals
                    continue
                self._on_header(head, answer["params"], finals)

    def _on_header(self, head: Head, params: dict[str, Any], finals: str | None) -> None:
        header = read_header(params["result"])
        number, slot = int(header.number), slot_of(header)
        if params["subscription"] == finals:
            head.final, head.final_slot = number, slot
            head.final_at.setdefault(number, time.time())
            head.hashes[number] = "0x" + header.hash().hex()
        else:
            head.best = number
        head.slots[number] = slot

    async def _sample(self) -> None:
        while True:
            now = time.time()
            slot = now * 1_000 / self.net.slot_ms
            self.samples.append(
                Sample(
                    now,
                    tuple(slot - head.final_slot if head.final_slot else 0.0
                          for head in self.heads),
                    tuple(head.best for head in self.heads),
                    tuple(head.final for head in self.heads),
                )
            )  # fmt: skip
            await asyncio.sleep(SAMPLE)

    # ---- the processes

    async def _use(self) -> None:
        before = [(0.0, 0.0)] * len(self.net.nodes)
        while True:
            for node in self.net.nodes:
                with suppress(OSError, AttributeError):
                    pid = node.process.pid  # type: ignore[union-attr]
                    before[node.index] = (cpu_of(pid), memory_of(pid))
            cpu, memory = zip(*before, strict=True)
            self.uses.append(Use(time.time(), tuple(cpu), tuple(memory)))
            await asyncio.sleep(1.0)

    async def _time_health(self, session: aiohttp.ClientSession, node: DevNode) -> None:
        calls: tuple[tuple[str, list[str]], ...] = (
            ("system_health", []),
            ("state_getStorage", [NUMBER]),
        )
        bodies = itertools.cycle(
            orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
            for method, params in calls
        )
        for body in bodies:
            begun = time.time()
            self._asked[node.index] = begun
            ok = False
            with suppress(aiohttp.ClientError, OSError, TimeoutError, ValueError):
                async with asyncio.timeout(PATIENCE), session.post(node.http, data=body) as answer:
                    ok = "result" in orjson.loads(await answer.read())
            took = time.time() - begun
            # No answer counts like the slowest one.
            self.health.append((begun, took if ok else PATIENCE))
            self._asked.pop(node.index, None)
            await asyncio.sleep(max(0.1, 0.5 - took))

    # ---- figures

    def worst_gap(self, nodes: Sequence[int], begun: float, ended: float) -> float:
        """Return the largest gap of these nodes in a span of time, in slots."""
        return max(
            (
                sample.gaps[node]
                for sample in self.samples
                if begun <= sample.at <= ended
                for node in nodes
            ),
            default=0.0,
        )

    def cpu(self, node: int, begun: float, ended: float) -> float:
        """Return the cores that a node used on average in a span of time."""
        inside = [use for use in self.uses if begun <= use.at <= ended]
        if len(inside) < 2:
            return 0.0
        first, last = inside[0], inside[-1]
        return (last.cpu[node] - first.cpu[node]) / (last.at - first.at)

    def growth(self, node: int, begun: float, ended: float) -> float:
        """Return the largest growth of a node in MiB since the last sample before the span."""
        before = [use.memory[node] for use in self.uses if use.at <= begun]
        inside = [use.memory[node] for use in self.uses if begun <= use.at <= ended]
        return max(inside, default=0.0) - (before[-1] if before else 0.0)

    def slowest_health(self, begun: float, ended: float) -> float:
        """Return the seconds of the slowest answer; a missing one counts as long as it is late."""
        waiting = [time.time() - asked for asked in self._asked.values()]
        done = [took for asked, took in self.health if begun <= asked <= ended]
        return max([*waiting, *done], default=0.0)

    def slots(self, observer: int, begun: float, ended: float) -> tuple[int, int]:
        """Return the slots in a span of time, and how many of them have no block."""
        length = self.net.slot_ms / 1_000
        first, last = int(begun / length) + 1, int(ended / length)
        made = {slot for slot in self.heads[observer].slots.values() if first <= slot < last}
        return last - first, last - first - len(made)
