"""Scenarios from a seed: who takes part, what goes wrong and when, and what must come of it.

    outcome = play(Scenario.of(seed))

A scenario has two parts. In the first, faults befall a network that makes blocks; invariants hold
all the time. Then everything heals, except those that cheat: within BOUND slots every honest node
must have made final what was the best block when it healed, on one chain, and go on.

    PYTHONPATH=.:tests python -m support.sim.scenario 4711      # one seed, reported in full
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from btt_chain.chain.gc import NoCollection
from btt_chain.txpool import PoolError
from support.sim import accounts
from support.sim.byzantine import KINDS, Byzantine, corrupt
from support.sim.errors import Violation
from support.sim.images import SLOT_MS
from support.sim.invariants import Invariants
from support.sim.nodes import SimNode
from support.sim.timeline import START
from support.sim.world import World

BOUND: Final = 45
"""Slots after which a healed network must have made final what it had: 90 s (F7, F8: 60 s, and the
time of those who stood alone for long to say again where they stand)."""
MORE: Final = 3
"""Blocks that must become final above what was best at the healing."""

POINTS: Final = (
    "record block",
    "recorded block",
    "record vote",
    "recorded vote",
    "write block",
    "written block",
    "write aux",
    "written aux",
    "write finality",
    "written finality",
    "send",
    "sent",
    "write prune",
    "written prune",
    "write set change",
    "written set change",
)
"""The named points at which a node may die (F5)."""


CLOCKS: Final = ("the clock went back",)
"""Errors that nodes may log where clocks are turned."""


class Stuck(AssertionError):
    """A healed network did not go on in time."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong at a time, in milliseconds after the start."""

    at: int
    name: str
    node: int = 0
    span: int = 0
    """Duration in milliseconds."""
    detail: str = ""

    def __str__(self) -> str:
        span = f" for {self.span} ms" if self.span else ""
        return f"{self.at / SLOT_MS:6.2f} {self.name} n{self.node}{span} {self.detail}".rstrip()


@dataclass(slots=True)
class Scenario:
    """All that a seed decides beforehand; the rest follows from the world's own generator."""

    seed: int
    validators: int = 4
    observers: int = 0
    slots: int = 14
    """Time for which faults may begin."""
    gossip_ms: int = 500
    behind: int = 0
    real_vrf: bool = False
    share: bool = True
    bodies: bool = True
    transfers: int = 4
    faults: list[Fault] = field(default_factory=list)
    cheats: list[tuple[int, type[Byzantine]]] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    pruning: int | None = None
    warp: int | None = None
    """Blocks that a late observer must be spared to begin with a state."""
    slot_ms: int = SLOT_MS

    @classmethod
    def of(cls, seed: int) -> Scenario:
        """Return the scenario of a seed."""
        rng = random.Random(seed)
        validators = rng.choice([4, 4, 4, 4, 5, 5, 7])
        self = cls(
            seed,
            validators=validators,
            observers=rng.choice([0, 0, 0, 1]),
            slots=rng.randint(8, 16),
            gossip_ms=rng.choice([250, 500, 500, 1_000]),
            behind=rng.choice([0, 0, 0, 2]),
            real_vrf=seed % 100 == 99,
            share=seed % 50 != 49,
            bodies=seed % 2 == 0,
            transfers=rng.choice([0, 2, 6]),
        )
        if self.observers and rng.random() < 0.7:
            self.late = [validators]
        if rng.random() < 0.2:
            most = (validators - 1) // 3
            count = rng.randint(1, most)
            who = rng.sample(range(validators), count)
            self.cheats = [(index, rng.choice(KINDS)) for index in who]
        self._invent(rng)
        self.pruning = rng.choice([None, None, 1, 8])
        if self.late and seed % 2:
            self.warp = 4
        return self

    def _invent(self, rng: random.Random) -> None:
        end = self.slots * SLOT_MS
        at = rng.randint(0, 3 * SLOT_MS)
        while at < end:
            self.faults += self.fault(rng, at)
            at += rng.randint(SLOT_MS // 2, 4 * SLOT_MS)
        self.faults.sort(key=lambda fault: fault.at)

    def fault(self, rng: random.Random, at: int) -> list[Fault]:
        """Return something that goes wrong at a time, or the same for all nodes."""
        kinds: list[Callable[[random.Random, int], list[Fault]]] = [
            self._crash,
            self._crash,
            self._crash_at_point,
            self._crash_at_point,
            self._partition,
            self._partition,
            self._one_way,
            self._weather,
            self._weather,
            self._pause,
            self._clock,
            self._crash_all,
        ]
        return rng.choice(kinds)(rng, at)

    def _any_node(self, rng: random.Random) -> int:
        return rng.randrange(self.validators)

    def _crash(self, rng: random.Random, at: int) -> list[Fault]:
        return [Fault(at, "crash", self._any_node(rng), rng.randint(100, 8 * SLOT_MS))]

    def _crash_at_point(self, rng: random.Random, at: int) -> list[Fault]:
        detail = f"{rng.choice(POINTS)}/{rng.choice([0, 0, 0, 1, 2, 5])}"
        return [Fault(at, "crash at", self._any_node(rng), 0, detail)]

    def _crash_all(self, rng: random.Random, at: int) -> list[Fault]:
        return [
            Fault(at, "crash", index, rng.randint(100, 4 * SLOT_MS))
            for index in range(self.validators)
        ]

    def _partition(self, rng: random.Random, at: int) -> list[Fault]:
        nodes = list(range(self.validators + self.observers))
        rng.shuffle(nodes)
        parts = rng.choice([2, 2, 2, 3])
        groups: list[list[int]] = [[] for _ in range(parts)]
        for index in nodes:
            rng.choice(groups).append(index)
        if sum(map(bool, groups)) < 2:
            groups = [nodes[:1], nodes[1:]]
        detail = "|".join(",".join(map(str, sorted(group))) for group in groups if group)
        return [Fault(at, "partition", 0, rng.randint(SLOT_MS, 8 * SLOT_MS), detail)]

    def _one_way(self, rng: random.Random, at: int) -> list[Fault]:
        a, b = rng.sample(range(self.validators), 2)
        return [Fault(at, "one way", a, rng.randint(SLOT_MS, 8 * SLOT_MS), str(b))]

    def _weather(self, rng: random.Random, at: int) -> list[Fault]:
        loss, again = rng.choice([0.0, 0.1, 0.3]), rng.choice([0.0, 0.1, 0.5])
        least, most = rng.choice([(5, 60), (5, 600), (300, 700), (500, 2_500)])
        detail = f"{loss}/{again}/{least}/{most}"
        return [Fault(at, "weather", 0, rng.randint(SLOT_MS, 8 * SLOT_MS), detail)]

    def _pause(self, rng: random.Random, at: int) -> list[Fault]:
        return [Fault(at, "pause", self._any_node(rng), rng.randint(300, 8 * SLOT_MS))]

    def _clock(self, rng: random.Random, at: int) -> list[Fault]:
        ahead = rng.choice([2_000, 10_000, -10_000, -2_000, 30_000, 700, -700])
        span = rng.randint(SLOT_MS, 8 * SLOT_MS)
        return [Fault(at, "clock", self._any_node(rng), span, str(ahead))]

    def describe(self) -> str:
        """Return a description of the whole scenario."""
        rows = [
            (
                f"seed {self.seed}: {self.validators} validators, {self.observers} observers"
                f" (late: {self.late}), T {self.gossip_ms} ms, behind {self.behind}, "
                f"real VRF {self.real_vrf}, shared execution {self.share}, "
                f"announced bodies {self.bodies}, pruning {self.pruning}, warp {self.warp}"
            ),
            *(f"  n{index} is a {kind.__name__}" for index, kind in self.cheats),
            *(f"  {fault}" for fault in self.faults),
        ]
        return "\n".join(rows)


@dataclass(slots=True)
class Outcome:
    """The results of a scenario."""

    slots: int
    recovery: int
    """Slots from the healing until every honest node had made final what was best then."""
    steps: int
    blocks: int
    """The highest final block."""
    deaths: list[tuple[int, str]]
    penalties: int
    equivocations: int


class Stage:
    """A scenario on its world."""

    def __init__(self, scenario: Scenario, errors: tuple[str, ...] = ()) -> None:
        """`errors`: how what nodes may log as errors begins, besides that of wrong clocks."""
        self.scenario = scenario
        rng = random.Random(scenario.seed ^ 0x5EED)
        self.world = World(
            scenario.seed,
            scenario.validators,
            observers=scenario.observers,
            real_vrf=scenario.real_vrf,
            gossip_ms=scenario.gossip_ms,
            behind=scenario.behind,
            late=scenario.late,
            share=scenario.share,
            bodies=scenario.bodies,
            pruning=scenario.pruning,
            warp=scenario.warp,
            slot_ms=scenario.slot_ms,
        )
        clocks = any(fault.name == "clock" for fault in scenario.faults)
        self.invariants = Invariants(self.world, errors=errors + CLOCKS * clocks)
        for index, kind in scenario.cheats:
            corrupt(self.world, index, kind)
        for fault in scenario.faults:
            self.world.later(fault.at, partial(self.befall, fault))
        end = scenario.slots * SLOT_MS
        for index in scenario.late:
            self.world.later(rng.randint(SLOT_MS, end), partial(self.up, index))
        self._nonces = dict.fromkeys(range(6), 0)
        for _ in range(scenario.transfers):
            self.world.later(rng.randint(0, end), lambda: self.pay(rng))

    # ---- faults

    def befall(self, fault: Fault) -> None:
        """Let a fault happen, and its end be seen to."""
        world, node = self.world, fault.node
        match fault.name:
            case "crash":
                world.kill(node)
                world.later(fault.span, lambda: self.up(node))
            case "crash at":
                name, passes = fault.detail.split("/")
                world.doom(node, name, int(passes))
            case "partition":
                groups = [list(map(int, part.split(","))) for part in fault.detail.split("|")]
                world.links.partition(groups)
                world.later(world.rng.randint(100, 3_000), world.cut)
                world.later(fault.span, self.mend)
            case "one way":
                world.links.cut.add((node, int(fault.detail)))
                world.later(fault.span, self.mend)
            case "weather":
                loss, again, least, most = map(float, fault.detail.split("/"))
                links = world.links
                links.loss, links.duplicate = loss, again
                links.least, links.most = int(least), int(most)
                world.later(fault.span, self.clear)
            case "pause":
                world.pause(node, fault.span)
            case "clock":
                world.turn_clock(node, int(fault.detail))
                world.later(fault.span, lambda: world.turn_clock(node, 0))

    def up(self, index: int) -> None:
        """Start a node, if it is down."""
        self.world.start(index)

    def mend(self) -> None:
        """Open all ways."""
        self.world.links.heal()
        self.world.cut()

    def clear(self) -> None:
        """Good weather again."""
        links = self.world.links
        links.loss = links.duplicate = 0.0
        links.least, links.most = 5, 60

    def heal(self) -> None:
        """End all faults; only those who cheat go on."""
        self.mend()
        self.clear()
        for node in self.world.nodes:
            node.doom = None
            self.world.turn_clock(node.index, 0)
            if node.engine is None:
                self.world.start(node.index)

    def pay(self, rng: random.Random) -> None:
        """Submit a transfer to a node's pool."""
        who = rng.randrange(len(self._nonces))
        wire = accounts.transfer(
            who, self._nonces[who], (who + 1) % 6, 10**18, self.world.genesis.hash
        )
        try:
            if self.world.submit(rng.randrange(self.scenario.validators), wire) is not None:
                self._nonces[who] += 1
        except PoolError:
            return  # that node is on a fork where the nonce is another

    # ---- the play

    def play(self) -> Outcome:
        """Play it to the end. Raises Violation or Stuck."""
        world, scenario = self.world, self.scenario
        try:
            world.run_until(START + scenario.slots * SLOT_MS)
            last = max((fault.at + fault.span for fault in scenario.faults), default=0)
            paused = [fault for fault in scenario.faults if fault.name == "pause"]
            ends = [last if fault in paused else 0 for fault in paused]
            world.run_until(max(world.now, START + max(ends, default=0)))
            self.heal()
            recovery = self.recover()
            self.invariants.conclude()
        finally:
            self.invariants.close()
        watchers = [node.watcher for node in world.honest]
        return Outcome(
            slots=world.slot,
            recovery=recovery,
            steps=world.steps,
            blocks=max(self.invariants.final),
            deaths=world.deaths,
            penalties=sum(len(watcher.penalties) for watcher in watchers),
            equivocations=sum(len(watcher.equivocations) for watcher in watchers),
        )

    def recover(self, bound: int = BOUND) -> int:
        """Let the healed network go on; return the slots it took."""
        world = self.world
        honest = world.honest
        goal = max(node.client.best().number for node in honest if node.engine) + MORE
        for passed in range(bound + 1):
            if all(self.has_final(node, goal) for node in honest):
                return passed
            world.run(1)
        rows = [
            f"  n{node.index}: best {node.client.best().number}, final "
            f"{node.client.finalized().number}, set {node.running.parts.gadget.set_id}, round "
            f"{node.running.parts.gadget.round}, peers {list(node.connected)}"
            if node.engine
            else f"  n{node.index}: down"
            for node in world.nodes
        ]
        raise Stuck(
            f"{bound} slots after the healing not all have block {goal} final:\n" + "\n".join(rows)
        )

    @staticmethod
    def has_final(node: SimNode, goal: int) -> bool:
        """Return True if a node runs and has made a height final."""
        return node.engine is not None and node.client.finalized().number >= goal


def play(scenario: Scenario) -> Outcome:
    """Play a scenario. AssertionError if anything does not hold, with the way to play it again."""
    try:
        with NoCollection():  # a world is small, and looking for its cycles takes a tenth of it
            return Stage(scenario).play()
    except (Exception, Violation) as error:
        raise AssertionError(
            f"{type(error).__name__}: {error}\n{scenario.describe()}\n"
            f"play it again: BTT_SEED={scenario.seed} pytest tests/sim/test_seeds_1.py"
        ) from error


def main() -> None:
    """Play seeds and report the results."""
    parser = argparse.ArgumentParser(description="play seeds of the simulator")
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int, nargs="?", default=1)
    parser.add_argument("--log", action="store_true", help="show what the nodes log")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO if options.log else logging.CRITICAL)
    failed, slots, worst, began = [], 0, 0, time.process_time()
    for seed in range(options.first, options.first + options.count):
        scenario = Scenario.of(seed)
        try:
            outcome = play(scenario)
        except AssertionError as error:
            failed.append(seed)
            print(f"FAILED {error}", flush=True)
            continue
        slots += outcome.slots
        worst = max(worst, outcome.recovery)
        if options.count == 1:
            print(scenario.describe(), outcome, sep="\n")
    spent = time.process_time() - began
    print(
        f"{options.count} seeds, {len(failed)} failed {failed}; {slots} slots in {spent:.1f} CPU-s,"
        f" {slots / spent:.0f} a second; slowest recovery {worst} slots"
    )
    sys.exit(bool(failed))


__all__ = ["Outcome", "Scenario", "Stage", "Stuck", "Violation", "play"]

if __name__ == "__main__":
    main()
