"""A network under attack: starts it and the attacking process, and checks the outcome."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

import orjson

from bench.machine import ROOT
from btt_chain.crypto.hashing import blake2_256
from btt_chain.testing import Devnet, DevnetError, RpcFailed
from hostile.load import read_load
from hostile.measure import SETTLED, Head, Watch
from hostile.order import (
    BROKEN,
    CONNECTED,
    CUT,
    DONE,
    REFUSED,
    SENT,
    Order,
    Target,
    first,
    read_report,
)
from hostile.registry import Scenario

DESCRIPTORS: Final = 1_024
"""Usual limit of open files; D6 opens more connections than that."""
OBSERVER: Final = 3
"""Index of a node that is never attacked."""
ATTACKED: Final = (0, 1)
PROXIES: Final = 200
"""Second number of this machine's addresses from which callers count as external."""
WIDE: Final = 100
"""Lowest second number of addresses of attackers in many networks."""
CALM: Final = 1.0
"""Seconds of quiet that are watched before an attack."""
BEFORE: Final = 10.0
"""Seconds of honest load before an attack."""
WITHIN: Final = 30.0
"""Seconds in which an honest transfer is final."""
PREPARE: Final = 120.0
USED: Final = re.compile(r"^btt_peer_budget_used_ratio(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


@contextmanager
def few_descriptors(limit: int = DESCRIPTORS) -> Iterator[None]:
    """Limit the open files of processes that start inside."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


class Part:
    """A process of the test beside the network: it prepares, and begins at `go`."""

    def __init__(self, module: str, arguments: Sequence[str], log: Path) -> None:
        path = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
        self._log = log.open("ab")
        self.log = log
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=os.environ | {"PYTHONPATH": path},
        )

    async def prepared(self) -> None:
        """Wait until it is ready. Raises RuntimeError with its log if it ends instead."""
        assert self.process.stdout is not None
        reading = asyncio.to_thread(self.process.stdout.readline)
        line = await asyncio.wait_for(reading, PREPARE)
        if line != b"ready\n":
            self.end()
            raise RuntimeError(f"it does not start:\n{self.log.read_text()[-2_000:]}")

    def go(self) -> None:
        """Start its work."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"go\n")
        self.process.stdin.flush()

    def end(self) -> None:
        """Kill it if it runs."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self._log.close()


@dataclass(slots=True)
class Outcome:
    """Effects of an attack."""

    scenario: Scenario
    seconds: float
    slots: int = 0
    missed: int = 0
    gap: float = 0.0
    """Worst of the nodes that were not attacked, in slots."""
    attacked_gap: float = 0.0
    """Worst of the attacked nodes, in slots."""
    cpu: float = 0.0
    """Cores of the busiest attacked node after SETTLED seconds."""
    other_cpu: float = 0.0
    """Cores of the busiest other node in that time."""
    memory: float = 0.0
    health: float = 0.0
    cut: float | None = None
    """Seconds until the last identity or caller was first cut off or refused; None: one never."""
    connected: int = 0
    """Connections of the attacker that the node admitted."""
    broken: list[str] = field(default_factory=list)
    """Errors of the attack itself."""
    faults: list[str] = field(default_factory=list)
    """Lines in the logs of attacked nodes: a host that was rebuilt, an unexpected error."""
    done: int = 0
    """Requests that the node did as asked."""
    sent: int = 0
    """Bytes that it took from the attacker."""
    final: float | None = None
    """Share of the honest transfers that became final in time."""
    ended: list[str] = field(default_factory=list)
    """Names of nodes whose process ended."""
    used: float = 0.0
    """Largest part of its budget for useless work that any peer of any node has used; only of
    scenarios without an attack, whose peers are all honest.
    """
    recovered: float | None = None
    """Seconds after the attack until finality was as before; None: it was not."""
    bans: list[str] = field(default_factory=list)
    """Reasons in the log of attacked nodes."""

    def failures(self) -> list[str]:
        """Return the bounds that were broken."""
        bounds, found = self.scenario.bounds, [f"{name} ended" for name in self.ended]
        found += [f"the attack failed: {error}" for error in self.broken[:1]]
        found += self.faults[:1]
        needs = self.scenario.needs
        if self.connected < needs.connections:
            found.append(f"{self.connected} connections of {needs.connections}: nothing was tested")
        if self.sent < needs.sent:
            found.append(f"{self.sent} bytes sent of {needs.sent}: nothing was tested")
        if self.missed > max(1.0, bounds.missed * self.slots):
            found.append(f"{self.missed} of {self.slots} slots missed")
        if max(self.gap, self.attacked_gap) > bounds.gap:
            found.append(f"gap {max(self.gap, self.attacked_gap):.1f} slots")
        # Under an honest load all nodes work: only what the attack adds counts.
        cpu = self.cpu - (self.other_cpu if self.scenario.load else 0.0)
        if cpu > bounds.cpu:
            found.append(f"CPU {cpu:.0%}")
        if self.memory > bounds.memory:
            found.append(f"memory +{self.memory:.0f} MiB")
        if self.health > bounds.health:
            found.append(f"health {self.health:.1f} s")
        if bounds.cut is not None and (self.cut is None or self.cut > bounds.cut):
            found.append("not cut off" if self.cut is None else f"cut off after {self.cut:.1f} s")
        if self.final is not None and self.final < bounds.final:
            found.append(f"{self.final:.0%} of transfers final")
        if self.used > bounds.used:
            found.append(f"an honest peer used {self.used:.0%} of its budget")
        if self.recovered is None:
            found.append("no recovery")
        return found


class Field:
    """Four validators, and the attacks on them."""

    def __init__(self, folder: Path, *, validators: int = 4, slot_ms: int = 2_000) -> None:
        self.folder = folder
        self._validators = validators
        self._slot_ms = slot_ms
        self._networks = 0
        self._attacks = 0
        self._net: Devnet | None = None
        self._recovered = False
        """The network was seen to finalize after the last attack."""

    @property
    def net(self) -> Devnet:
        """The network, started anew if it is not well."""
        if self._net is None or not (self._recovered or _is_well(self._net)):
            self.down()
            self._networks += 1
            self._net = Devnet.create(
                self.folder / f"net-{self._networks}",
                validators=self._validators,
                slot_ms=self._slot_ms,
            )
            for node in self._net.nodes:
                node.flags += ["--rpc-trusted-proxy", f"127.{PROXIES}.0.0/16"]
            with few_descriptors():
                self._net.up()
            self._net.wait_for_finality(2)
        return self._net

    def down(self) -> None:
        """Stop the network."""
        if self._net is not None:
            self._net.down()
            self._net = None

    def attack(self, scenario: Scenario, seconds: float) -> Outcome:
        """Attack the network and return the effects."""
        if scenario.attack is None:
            self.down()  # in a new network no budget was used by an attacker before
        net, self._recovered = self.net, False
        outcome = asyncio.run(self._attack(net, scenario, seconds))
        self._recovered = outcome.recovered is not None and not outcome.ended
        return outcome

    def order(self, net: Devnet, scenario: Scenario, seconds: float) -> Order:
        """Return the order for the attacking process, with a source address of its own."""
        self._attacks += 1
        place = self._attacks
        genesis = str(net[0].rpc.call("chain_getBlockHash", 0))
        targets = []
        for index in ATTACKED[: scenario.targets]:
            node = net[index]
            assert node.process is not None
            targets.append(Target(index, node.address, node.rpc_port, node.process.pid))
        return Order(
            scenario.name,
            genesis.removeprefix("0x"),
            net.slot_ms,
            tuple(targets),
            seconds,
            self._source(scenario, place),
            scenario.identities,
            f"{scenario.name} {os.urandom(8).hex()}",
            str(self.folder / f"attack-{place}-{scenario.name}.jsonl"),
            scenario.networks,
        )

    @staticmethod
    def _source(scenario: Scenario, place: int) -> str:
        """Return the first address of attack number `place`: no two attacks share a network."""
        if scenario.networks > 1:
            return f"127.{WIDE + place % (PROXIES - WIDE)}.1.66"
        return f"127.{PROXIES if scenario.external else 10 + place // 250}.{1 + place % 250}.66"

    async def _attack(self, net: Devnet, scenario: Scenario, seconds: float) -> Outcome:
        order = self.order(net, scenario, seconds)
        logs = {target.index: net[target.index].log.stat().st_size for target in order.targets}
        watch = Watch(net, [target.index for target in order.targets])
        report = Path(order.report)
        loaded = report.with_suffix(".load")
        parts: list[Part] = []
        watching: asyncio.Task[None] | None = None
        try:
            attacker = load = None
            if scenario.attack is not None:
                attacker = Part("hostile.attacker", [order.to_json()], report.with_suffix(".log"))
                parts.append(attacker)
            if scenario.load:
                length = f"{BEFORE + seconds}"
                load = Part(
                    "hostile.load",
                    [str(net.base), str(scenario.load), length, str(loaded)],
                    report.with_suffix(".log"),
                )
                parts.append(load)
            for part in parts:
                await part.prepared()
            watching = asyncio.create_task(watch.run())
            await asyncio.sleep(CALM)
            if load is not None:
                load.go()
                await asyncio.sleep(BEFORE)
            begun = time.time()
            if attacker is not None:
                attacker.go()
            await _unless_ended(watching, seconds)
            ended = time.time()
            outcome = self._judge(net, watch, scenario, begun, ended)
            if attacker is not None and (code := attacker.process.poll()):
                outcome.broken.append(f"its process ended with code {code}")
            outcome.recovered = await self._recovery(net, watch, ended)
            if scenario.attack is None:
                outcome.used = await asyncio.to_thread(most_used, net)
        finally:
            for part in parts:
                part.end()
            if watching is not None:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
        judge_report(outcome, order, begun)
        if scenario.load:
            times = await asyncio.to_thread(final_times, net, watch.heads[OBSERVER])
            outcome.final = share_final(read_load(loaded), times, time.time())
        outcome.bans = [reason for index, at in logs.items() for reason in _bans(net, index, at)]
        outcome.faults = [line for index, at in logs.items() for line in _faults(net, index, at)]
        return outcome

    def _judge(
        self, net: Devnet, watch: Watch, scenario: Scenario, begun: float, ended: float
    ) -> Outcome:
        attacked = list(ATTACKED[: scenario.targets])
        others = [node.index for node in net.nodes if node.index not in attacked]
        outcome = Outcome(scenario, ended - begun)
        outcome.slots, outcome.missed = watch.slots(OBSERVER, begun, ended)
        outcome.gap = watch.worst_gap(others, begun, ended)
        outcome.attacked_gap = watch.worst_gap(attacked, begun, ended)
        late = begun + min(SETTLED, (ended - begun) / 2)
        outcome.cpu = max(watch.cpu(node, late, ended) for node in attacked)
        outcome.other_cpu = max(watch.cpu(node, late, ended) for node in others)
        outcome.memory = max(watch.growth(node, begun, ended) for node in attacked)
        outcome.health = watch.slowest_health(begun, ended)
        outcome.ended = [node.name for node in net.nodes if not node.is_alive]
        return outcome

    async def _recovery(self, net: Devnet, watch: Watch, ended: float) -> float | None:
        """Return the seconds until all nodes finalized a block that is newer than the attack."""
        goal = max(head.best for head in watch.heads) + 1
        with suppress(DevnetError, RpcFailed):
            waiting = asyncio.to_thread(net.wait_for_finality, goal, seconds=WITHIN * 2)
            await waiting
            return time.time() - ended
        return None


def most_used(net: Devnet) -> float:
    """Return the largest part of its budget for useless work that any peer has used so far."""
    found = []
    for node in net.nodes:
        with urlopen(node.metrics_url, timeout=WITHIN) as answer:
            found += USED.findall(answer.read().decode())
    return max(float(value) for value in found)


def _is_well(net: Devnet) -> bool:
    """Return True if all nodes run and finalize."""
    if not all(node.is_alive for node in net.nodes):
        return False
    try:
        best = net[OBSERVER].rpc.best()
        net.wait_for_finality(best + 1, seconds=60)
    except (DevnetError, RpcFailed):
        return False
    return True


async def _unless_ended(task: asyncio.Task[None], seconds: float) -> None:
    """Sleep; raise the error of the task if it ends meanwhile."""
    done, _ = await asyncio.wait([task], timeout=seconds)
    for one in done:
        one.result()


def judge_report(outcome: Outcome, order: Order, begun: float) -> None:
    """Add what the report of the attacking process says."""
    events = read_report(Path(order.report))
    refused = first(events, (CUT, REFUSED))
    known = {event.who for event in events}
    outcome.connected = sum(event.kind == CONNECTED for event in events)
    outcome.broken += [event.detail for event in events if event.kind == BROKEN]
    outcome.sent = sum(event.count for event in events if event.kind == SENT)
    outcome.done = sum(event.kind == DONE for event in events)
    if known and known <= set(refused):
        outcome.cut = max(refused.values()) - begun


def final_times(net: Devnet, head: Head) -> dict[str, float]:
    """Return when each transaction of the observed blocks became final, by its hash."""
    found: dict[str, float] = {}
    if not head.hashes:
        return found
    rpc = net[OBSERVER].rpc
    lowest, highest = min(head.hashes), max(head.hashes)
    at = head.final_at[highest]
    for number in range(highest, lowest - 1, -1):
        at = min(at, head.final_at.get(number, at))
        hash = head.hashes.get(number) or rpc.block_hash(number)
        block: Any = rpc.call("chain_getBlock", hash, timeout=60)
        for wire in block["block"]["extrinsics"]:
            raw = bytes.fromhex(wire[2:])
            found["0x" + blake2_256(raw).hex()] = at
    return found


def share_final(sent: dict[str, float], final: dict[str, float], now: float) -> float:
    """Return the share of the transfers that were final in time; too young ones do not count."""
    old = {hash: at for hash, at in sent.items() if hash in final or at + WITHIN <= now}
    if not old:
        return 0.0
    return sum(final.get(hash, now + WITHIN) - at <= WITHIN for hash, at in old.items()) / len(old)


def _bans(net: Devnet, index: int, at: int) -> list[str]:
    """Return the reasons for bans in a node's log behind its first `at` bytes."""
    lines = _logged(net, index, at)
    return sorted({line.partition("is banned: ")[2][:80] for line in lines if "is banned" in line})


def _faults(net: Devnet, index: int, at: int) -> list[str]:
    """Return the errors in a node's log that one peer may not cause."""
    signs = ("network host failed", "fault in ", "Traceback")
    return [
        f"{net[index].name}: {line[:120]}"
        for line in _logged(net, index, at)
        if any(sign in line for sign in signs)
    ]


def _logged(net: Devnet, index: int, at: int) -> list[str]:
    with net[index].log.open("rb") as file:
        file.seek(at)
        return file.read().decode(errors="replace").splitlines()


def details(outcome: Outcome) -> str:
    """Return an outcome as one line of JSON, for a report's appendix."""
    return orjson.dumps(
        {
            "name": outcome.scenario.name,
            "cpu others": round(outcome.other_cpu, 3),
            "connected": outcome.connected,
            "sent": outcome.sent,
            "done": outcome.done,
            "recovered": outcome.recovered,
            "bans": outcome.bans[:3],
            "used": round(outcome.used, 3),
        }
    ).decode()


__all__ = ["Field", "Outcome", "details", "few_descriptors"]
