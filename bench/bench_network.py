"""Validators on this machine: python bench/bench_network.py [--rate R] [--seconds T] ...

Four validators with slots of two seconds, real processes on one machine: how many slots have
blocks, how far finality is behind, how many transfers become final, and what a validator's time
goes into (row 9 of docs/performance.md).

    --seconds 60 --rate 400        one load; --seconds 300 for the five minutes of the target
    --idle 110                     nothing but blocks, for so many slots
    --search                       double the load until it is not kept up with
    --profile                      profile the first validator (sampled.py)
    --memory 15                    minutes under load, with the slope of the memory
    --validators 7                 other sizes
    --votes                        with --idle: count votes, their copies, and notes (votes.py)
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench import machine, votes  # noqa: E402
from bench.load import Measured, measure, payers  # noqa: E402
from bench.report import Row  # noqa: E402
from btt_chain.testing import Devnet  # noqa: E402

FIGURES: Final = "sampled.json"
SEARCH: Final = (200, 400, 800, 1_600, 3_200)
SEARCH_SECONDS: Final = 60
KEPT_UP: Final = 0.9
"""The part of a load that must become final while it lasts, for it to count as kept up with."""
FILLED: Final = 90.0
START_SECONDS: Final = 15
"""Seconds for each node until all answer, and until they make blocks final."""
SHORT_SLOT_MS: Final = 500


@dataclass(frozen=True, slots=True)
class Plan:
    """Size of the measurements."""

    validators: int = 4
    many: int = 7
    """Validators of the second network; 0: none."""
    slot_ms: int = 2_000
    idle_slots: int = 105
    rate: int = 500
    seconds: float = 60
    search: tuple[int, ...] = (1_000, 2_000)
    over_seconds: float = 180
    """Seconds of overload: the first minute alone does not show a decline."""


QUICK: Final = Plan(
    validators=2, many=0, slot_ms=500, idle_slots=4, rate=20, seconds=4, search=(), over_seconds=4
)


@contextmanager
def network(
    folder: Path, validators: int, slot_ms: int, *, profile: bool = False, count: bool = False
) -> Iterator[Devnet]:
    """Start validators, and wait until they make blocks final; `count` their votes (votes.py)."""
    with Devnet.create(folder, validators=validators, slot_ms=slot_ms, log="warn") as net:
        if profile:
            program = [sys.executable, str(ROOT / "bench/sampled.py"), str(folder / FIGURES)]
            net.nodes[0].program = program
        for number, node in enumerate(net.nodes if count else ()):
            counts = str(folder / f"votes-{number}.json")
            node.program = [sys.executable, str(ROOT / "bench/votes.py"), counts]
        net.up(START_SECONDS * validators)
        net.wait_for_finality(3, seconds=START_SECONDS * validators)
        yield net


def shares(folder: Path, least: float = 1.0) -> str:
    """Return the shares of a profiled node's time, in percent."""
    kinds = orjson.loads((folder / FIGURES).read_bytes())["kinds"]
    total = sum(count for _, count in kinds)
    return "; ".join(
        f"{kind} {100 * count / total:.0f} %"
        for kind, count in kinds
        if total and 100 * count / total >= least
    )


def functions(folder: Path, most: int = 20) -> str:
    """Return where a profiled node was found most often."""
    found = orjson.loads((folder / FIGURES).read_bytes())["functions"]
    return ", ".join(f"{name} {count}" for name, count in found[:most])


def network_rows(folder: Path, plan: Plan) -> Iterator[Row]:
    """Row 9, and how the network is when it stands idle."""
    what = f"{plan.validators} validators, slots of {plan.slot_ms / 1_000:g} s"
    with network(folder / "few", plan.validators, plan.slot_ms) as net:
        idle = measure(net, 0, plan.idle_slots * plan.slot_ms / 1_000)
        yield from idle_rows(what, idle)
        who = payers(net)
        best = load = measure(net, plan.rate, plan.seconds, who)
        yield Row("-", f"{what}: {plan.rate}/s for {plan.seconds:g} s", f"{load.rate:,.0f}/s",
                  note=load.written())  # fmt: skip
        for rate in plan.search:
            more = measure(net, rate, plan.seconds, payers(net))
            yield Row("-", f"{what}: {rate}/s", f"{more.rate:,.0f}/s", note=more.written())
            if more.rate < best.rate:
                break
            best = more
        yield Row("9", f"{what}: the highest of these rates", f"{best.rate:,.0f}/s",
                  value=best.rate, note=best.written())  # fmt: skip
        over = measure(net, round(2 * best.rate), plan.over_seconds, payers(net))
        share = 100 * over.rate / best.rate if best.rate else 0.0
        yield Row("9d", f"{what}: {2 * best.rate:,.0f}/s offered, of the highest rate",
                  f"{share:.0f} %", value=share, note=over.written())  # fmt: skip
        net.check_agreement()
    yield from short_rows(folder / "short", plan)
    with network(folder / "watched", plan.validators, plan.slot_ms, profile=True) as net:
        measure(net, plan.rate, plan.seconds / 2, payers(net))
    yield Row("-", "what a validator under load is at", "of its busy time",
              note=shares(folder / "watched"))  # fmt: skip
    if plan.many:
        with network(folder / "many", plan.many, plan.slot_ms) as net:
            idle = measure(net, 0, plan.idle_slots * plan.slot_ms / 3_000)
            yield from idle_rows(f"{plan.many} validators", idle)
            net.check_agreement()


def short_rows(folder: Path, plan: Plan) -> Iterator[Row]:
    """Rows 9e and 9f: slots of half a second."""
    with network(folder, plan.validators, SHORT_SLOT_MS) as net:
        idle = measure(net, 0, plan.idle_slots * SHORT_SLOT_MS / 1_000)
        net.check_agreement()
    what = f"{plan.validators} validators, slots of {SHORT_SLOT_MS} ms, idle"
    lag = idle.lag(95) * SHORT_SLOT_MS / 1_000
    yield Row("9e", f"{what}: slots with a block", f"{idle.filled:.1f} % of {idle.slots}",
              value=idle.filled, note=idle.written())  # fmt: skip
    yield Row("9f", f"{what}: until final, p95", f"{lag:.2f} s", value=lag)


def idle_rows(what: str, idle: Measured) -> Iterator[Row]:
    """Expected figures of an idle network."""
    yield Row("9a", f"{what}, idle: slots with a block", f"{idle.filled:.1f} % of {idle.slots}",
              value=idle.filled, note=idle.written())  # fmt: skip
    yield Row("9b", f"{what}, idle: until final, p50", f"{idle.lag(50):.2f} slots",
              value=idle.lag(50))  # fmt: skip
    yield Row("9c", f"{what}, idle: until final, p95", f"{idle.lag(95):.2f} slots",
              value=idle.lag(95))  # fmt: skip


def search(net: Devnet, seconds: float) -> None:
    """Double the load until it is not kept up with, then try the middle."""
    good, bad = 0, 0
    rates = list(SEARCH)
    while rates:
        rate = rates.pop(0)
        found = measure(net, rate, seconds, payers(net))
        print(found.written(), flush=True)
        if found.rate >= KEPT_UP * rate and found.filled >= FILLED:
            good = rate
            continue
        if bad or not good:
            break
        bad, rates = rate, [(good + rate) // 2]
    print(f"kept up with {good}/s")


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--validators", type=int, default=4)
    parser.add_argument("--slot-ms", type=int, default=2_000)
    parser.add_argument("--rate", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--idle", type=int, default=0, metavar="SLOTS")
    parser.add_argument("--search", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--votes", action="store_true")
    parser.add_argument("--memory", type=float, default=0, metavar="MINUTES")
    options = parser.parse_args()
    machine.end_in_order()
    print(f"load before {machine.load()}", flush=True)
    with tempfile.TemporaryDirectory(prefix="btt-bench-") as name:
        folder = Path(name)
        how = {"profile": options.profile, "count": options.votes}
        with network(folder, options.validators, options.slot_ms, **how) as net:
            if options.idle:
                figures = sorted(folder.glob("votes-*.json"))
                before, begun = votes.read(figures), time.monotonic()
                idle = measure(net, 0, options.idle * options.slot_ms / 1_000)
                print(idle.written(), flush=True)
                if figures:
                    slots = (time.monotonic() - begun) * 1_000 / options.slot_ms
                    print(votes.written(votes.read(figures) - before, len(net.nodes), slots))
            if options.seconds:
                load = measure(net, options.rate, options.seconds, payers(net))
                print(load.written(), flush=True)
                if len(load.minutes) > 1:
                    print("final/s by minute:", *(f"{each:.0f}" for each in load.minutes))
            if options.search:
                search(net, options.seconds or SEARCH_SECONDS)
            if options.memory:
                grown = measure(net, options.rate, options.memory * 60, payers(net))
                print(grown.written())
                for at, held in grown.rss:
                    print(f"{at:7.0f} s  " + "  ".join(f"{each:7.1f}" for each in held))
                slopes = "  ".join(f"{each:+.1f}" for each in grown.slope())
                print(f"slope, MiB an hour, between LevelDB's files: {slopes}")
            print(f"agreed up to block {net.check_agreement()}")
        if options.profile:
            print(shares(folder, 0.5))
            print(functions(folder))
    print(f"load after {machine.load()}")


if __name__ == "__main__":
    main()
