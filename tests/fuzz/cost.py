"""Find inputs that cost the most processor time for their size: `make fuzz-cost`.

    python tests/fuzz/cost.py [--minutes 1] [--targets blocks,gossip] [--keep FOLDER] [--seed N]

A population of inputs, some of them made to be dear, is mutated: pieces are repeated, cut out,
exchanged with other inputs, bytes and lengths changed. An input is worth its processor time for
each byte, where a short one counts as FLOOR bytes: fixed costs of a call say nothing about an
entrance. Times are the least of several measurements. The worst of each target is printed as a row
of a table: bytes, milliseconds, milliseconds for each kB, and the same for the dearest well-formed
input.
"""

from __future__ import annotations

import argparse
import gc
import random
import secrets
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from btt_chain.scale import compact_encode
from fuzz import target as targets

FLOOR: Final = 1_024
LONGEST: Final = 64 << 10
"""Bytes that an input grows to at most: the bound of most gossip and of a request."""
POPULATION: Final = 48
CONFIRMED: Final = 3
"""Measurements of an input that looks dear; the least counts."""
INTERESTING: Final = (
    b"\0", b"\xff", b"\1", b"\4", b"\xfe\xff\xff\xff", b"\x02\x00\x00\x40", b"\xfd\xff",
    b"[", b"]", b"{", b"}", b'"', b",", b"1.5", b"1e9", b"9" * 60, b"[" * 40, b'{"a":' * 20,
)  # fmt: skip


@dataclass(slots=True)
class Costly:
    """An input and what it costs."""

    raw: bytes
    seconds: float

    @property
    def worth(self) -> float:
        """Seconds for each byte."""
        return self.seconds / max(len(self.raw), FLOOR)


def worth(one: Costly) -> float:
    """Return seconds for each byte, to sort by."""
    return one.worth


def cpu(run: Callable[[bytes], object], raw: bytes) -> float:
    """Return the processor time of one run."""
    begun = time.process_time()
    run(raw)
    return time.process_time() - begun


def measured(run: Callable[[bytes], object], raw: bytes, at_least: float) -> Costly:
    """Measure an input; again only if it may be worth more than `at_least`."""
    found = Costly(raw, cpu(run, raw))
    for _ in range(CONFIRMED - 1):
        if found.worth <= at_least:
            break
        found.seconds = min(found.seconds, cpu(run, raw))
    return found


def mutated(rng: random.Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    """Return a changed copy; repetitions are frequent, because they make costs grow."""
    data = bytearray(raw)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randint(0, len(data))
        length = min(rng.choice((1, 2, 4, 8, 32, 40, 100, 500)), len(data) - at)
        match rng.randrange(11):
            case 0 if data:
                data[at % len(data)] = rng.randrange(256)
            case 1:
                del data[at : at + length]
            case 2 | 3 | 4:
                data[at:at] = data[at : at + length] * rng.choice((1, 3, 10, 100, 1_000))
            case 5:
                data[at:at] = rng.choice(INTERESTING) * rng.choice((1, 1, 10, 1_000))
            case 6:
                data[at : at + length] = rng.choice(INTERESTING)
            case 7:
                other = rng.choice(others)
                start = rng.randint(0, len(other))
                data[at:at] = other[start : start + rng.choice((8, 64, 512, 4_096))]
            case 8 | 9:
                # A list in SCALE: so many items, and as many copies of one.
                item = rng.choice((rng.randbytes(1), bytes(data[at + 1 : at + 1 + length])))
                count = rng.choice((60, 1_000, 4_096, 16_383, 65_000))
                data[at : at + 1] = compact_encode(count) + item * min(count, LONGEST)
            case _:
                data[at : at + 4] = ((rng.randrange(1 << 14) << 2) | 2).to_bytes(4, "little")
        del data[max(LONGEST, len(raw)) :]
    return bytes(data)


def search(name: str, seconds: float, seed: int) -> tuple[Costly, Costly, int]:
    """Return the worst input found, the dearest well-formed one, and how many were tried."""
    rng = random.Random(seed)
    target = targets.load(name)
    inputs = [
        *target.seeds(),
        *target.heavy(),
        *(file.read_bytes() for file in targets.found_inputs(name)),
    ]
    for raw in inputs:
        target.run(raw)  # caches are filled, as in a node that runs
    gc.collect()
    gc.freeze()
    gc.disable()
    population = [measured(target.run, raw, 0) for raw in inputs]
    population.sort(key=worth, reverse=True)
    usual = max((measured(target.run, raw, 0) for raw in target.seeds()), key=worth)
    tried, end = 0, time.process_time() + seconds
    while time.process_time() < end:
        tried += 1
        if tried % 500 == 0:
            gc.collect()
        parent = population[min(int(rng.expovariate(0.15)), len(population) - 1)]
        raw = mutated(rng, parent.raw, inputs)
        worst = population[-1].worth if len(population) >= POPULATION else 0.0
        found = measured(target.run, raw, worst)
        if found.worth > worst:
            population.append(found)
            population.sort(key=worth, reverse=True)
            del population[POPULATION:]
    # Reported figures are measured again: the first ones were selected because they were high.
    for one in population[:8]:
        one.seconds = min(cpu(target.run, one.raw) for _ in range(5))
    return max(population[:8], key=worth), usual, tried


def row(name: str, worst: Costly, usual: Costly, tried: int) -> str:
    """Return a row of the table."""
    cells = [
        name, f"{len(worst.raw):,}", f"{worst.seconds * 1e3:.2f}",
        f"{worst.seconds * 1e6 / max(len(worst.raw), FLOOR):.2f}",
        f"{usual.seconds * 1e6 / max(len(usual.raw), FLOOR):.2f}", f"{tried:,}",
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Search each target and print the table."""
    parser = argparse.ArgumentParser(description="Find inputs that cost the most for their size.")
    parser.add_argument("--minutes", type=float, default=1.0, help="for each target")
    parser.add_argument("--targets", default="", help=f"some of {', '.join(targets.names())}")
    parser.add_argument("--keep", type=Path, help="folder for the worst inputs")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    targets.Checks.on = False
    seed = secrets.randbits(31) if options.seed is None else options.seed
    print(f"seed {seed}")
    print("| entrance | bytes | CPU ms | ms per kB | well-formed, ms per kB | inputs tried |")
    print("|---|---|---|---|---|---|", flush=True)
    for name in filter(None, options.targets.split(",")) if options.targets else targets.names():
        worst, usual, tried = search(name, 60 * options.minutes, seed)
        print(row(name, worst, usual, tried), flush=True)
        if options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
            (options.keep / f"{name}-{targets.file_name(worst.raw)}").write_bytes(worst.raw)
        gc.enable()
        gc.unfreeze()


if __name__ == "__main__":
    main()
