"""A late joiner: python bench/bench_sync.py [--blocks N] [--transfers K] [--keep FOLDER]

A chain of N small blocks is made in a hurry (longchain.py), then

    headers     verified with their VRFs, in this process (row 10)
    import      of its blocks in this process: no network, no GRANDPA; --profile prints a profile
    full sync   of a node from another, both as a user starts them
    warp sync   until the new node stands at the head, and until it has all blocks below

`--keep` makes the chain once and finds it again; `--profile` has the joiner watch itself.
`--pairs N` instead compares full syncs with and without the helper process, by turns.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench import machine  # noqa: E402
from bench.bench_network import FIGURES, functions, shares  # noqa: E402
from bench.longchain import Grown, config_of, grow, read_grown  # noqa: E402
from bench.machine import Spent, cpu_of, memory_of, own_cpu_of, stopwatch  # noqa: E402
from bench.report import Row  # noqa: E402
from btt_chain.chain.gc import settle_memory  # noqa: E402
from btt_chain.consensus.importer import Importer  # noqa: E402
from btt_chain.node.service.lifecycle import open_chain  # noqa: E402
from btt_chain.node.transactions.pool import PoolService  # noqa: E402
from btt_chain.primitives.header import Header  # noqa: E402
from btt_chain.testing import DevNode, RpcFailed  # noqa: E402
from btt_chain.testing.process import free_ports  # noqa: E402

PATIENCE: Final = 900.0
STALL: Final = 120.0
"""Seconds without a new block after which a joiner has failed."""
LOOK: Final = 0.1
FINAL_EVERY: Final = 20
"""Blocks between two that are made final in the import without a network."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Size of the measurements."""

    blocks: int = 10_000
    headers: int = 500
    imported: int = 2_000
    transfers: int = 0


QUICK: Final = Plan(blocks=30, headers=10, imported=20)


# --- in this process ------------------------------------------------------------------------------


def read_blocks(grown: Grown, count: int) -> list[tuple[bytes, list[bytes]]]:
    """Return the first blocks of a chain, as they come from another node."""
    chain = open_chain(config_of(grown.spec, grown.folder))
    try:
        client = chain.client
        hashes = [client.block_hash(number) or b"" for number in range(1, count + 1)]
        return [(client.header_of(hash).encode(), client.body(hash) or []) for hash in hashes]
    finally:
        chain.close()


@dataclass(frozen=True, slots=True)
class Alone:
    """Checks and imports without a network."""

    headers: Spent
    imports: Spent


def alone(
    grown: Grown, folder: Path, headers: int, imports: int, profile: cProfile.Profile | None = None
) -> Alone:
    """Import blocks into a new store; check the headers of the last ones without that.

    A check needs the state of the parent. What it leaves in caches helps the import of its block,
    so that import is not timed.
    """
    blocks = read_blocks(grown, imports + headers)
    chain = open_chain(config_of(grown.spec, folder))
    try:
        importer, now = Importer(chain.client), int(time.time() * 1_000)
        PoolService(chain.client)  # it receives every block, as in a node
        settle_memory()
        checked, imported = Spent(), Spent()
        for raw, body in blocks:
            header = Header.decode(raw)
            is_checked = int(header.number) > imports
            if is_checked:
                with stopwatch() as spent:
                    importer.check(Header.decode(raw), now)
                checked.wall, checked.cpu = checked.wall + spent.wall, checked.cpu + spent.cpu
            elif profile is not None:
                profile.enable()
            with stopwatch() as spent:
                importer.import_block(header, body, now_ms=now)
                if int(header.number) % FINAL_EVERY == 0:
                    chain.client.finalize(header.hash())
            if not is_checked:
                imported.wall, imported.cpu = imported.wall + spent.wall, imported.cpu + spent.cpu
            if profile is not None:
                profile.disable()
        return Alone(checked, imported)
    finally:
        chain.close()


# --- between nodes --------------------------------------------------------------------------------


def node_of(folder: Path, name: str, spec: Path, index: int, *flags: str) -> DevNode:
    """Return a node that only follows, not started."""
    rpc, port = free_ports(2)
    return DevNode(
        index=index,
        name=name,
        folder=folder,
        flags=["--chain", str(spec), "--log", "info", *flags],
        rpc_port=rpc,
        port=port,
        node_key=secrets.token_hex(32),
    )


@contextmanager
def started(node: DevNode, *bootnodes: str) -> Iterator[DevNode]:
    """Run a node."""
    node.start(bootnodes)
    try:
        node.wait_until_answers()
        yield node
    finally:
        node.stop()


def best_of(node: DevNode) -> int:
    """Return a node's height; 0 while it does not answer."""
    try:
        return node.rpc.best()
    except RpcFailed:
        return 0


@dataclass(slots=True)
class Joined:
    """Sync of a node to the head, and its cost for that node and the serving one."""

    blocks: int
    seconds: float = 0.0
    """From its start until its best block is the head."""
    final_seconds: float = 0.0
    history_seconds: float = 0.0
    """Until it has the first block, too."""
    joiner: float = 0.0
    """Seconds of CPU."""
    server: float = 0.0
    rss: float = 0.0

    @property
    def rate(self) -> float:
        """Blocks a second."""
        return self.blocks / self.seconds

    @property
    def per_core(self) -> float:
        """Blocks for a second of the joiner's CPU."""
        return self.blocks / self.joiner


@dataclass(frozen=True, slots=True)
class Pace:
    """A full sync from its first block on: what a block takes, in milliseconds."""

    clock: float
    node: float
    """CPU of the node's own process."""
    helper: float


def pace_of(grown: Grown, folder: Path, helper: str) -> Pace:
    """Sync a chain with or without the helper (`--sync-helper`)."""
    folder.mkdir(parents=True, exist_ok=True)
    server = node_of(grown.folder, "Server", grown.spec, 0)
    joiner = node_of(folder / "joiner", "Joiner", grown.spec, 1, "--sync-helper", helper)
    with started(server), started(joiner, server.address):
        own = joiner.process.pid if joiner.process else 0
        while not (first := best_of(joiner)):
            time.sleep(LOOK)
        begun, before, beside = time.monotonic(), own_cpu_of(own), 0.0
        while best_of(joiner) < grown.blocks:
            time.sleep(LOOK)
            if time.monotonic() > begun + PATIENCE or not joiner.is_alive:
                raise RuntimeError(f"no sync in time\n{joiner.tail()}")
            # The helper is stopped, and forgotten, soon after the sync.
            beside = max(beside, cpu_of(own) - own_cpu_of(own))
        blocks = grown.blocks - first
        took, node = time.monotonic() - begun, own_cpu_of(own) - before
    return Pace(took / blocks * 1_000, node / blocks * 1_000, beside / blocks * 1_000)


def show_pairs(grown: Grown, folder: Path, pairs: int) -> None:
    """Print full syncs with and without the helper, by turns, and what is gained."""
    found: dict[str, list[Pace]] = {"off": [], "auto": []}
    for turn in range(pairs):
        for helper in ("off", "auto") if turn % 2 == 0 else ("auto", "off"):
            pace = pace_of(grown, folder / f"{helper}-{turn}", helper)
            found[helper].append(pace)
            print(
                f"--sync-helper {helper}: {pace.clock:.2f} ms a block by the clock, CPU of the "
                f"node {pace.node:.2f}, of the helper {pace.helper:.2f}; load {machine.load()}",
                flush=True,
            )
    for what in ("clock", "node"):
        alone, helped = (
            sorted(float(getattr(pace, what)) for pace in found[helper])
            for helper in ("off", "auto")
        )
        best, middle = alone[0] / helped[0], median(alone) / median(helped)
        print(f"{what}: off / auto {best:.2f} by the best, {middle:.2f} by the medians")


def join(grown: Grown, folder: Path, how: str, *, profile: bool = False) -> Joined:
    """Start the node that has the chain and one that has nothing; wait until that has it too."""
    result = Joined(grown.blocks)
    folder.mkdir(parents=True, exist_ok=True)
    server = node_of(grown.folder, "Server", grown.spec, 0)
    joiner = node_of(folder / how, f"Joiner-{how}", grown.spec, 1, "--sync", how)
    if profile:
        joiner.program = [
            sys.executable, str(ROOT / "bench/sampled.py"), str(folder / FIGURES),
        ]  # fmt: skip
    with started(server):
        pid = server.process.pid if server.process else 0
        served = cpu_of(pid)
        begun = time.monotonic()
        with started(joiner, server.address):
            own = joiner.process.pid if joiner.process else 0
            first = str(server.rpc.block_hash(1))
            best, moved = 0, begun
            while not result.history_seconds:
                time.sleep(LOOK)
                passed = time.monotonic() - begun
                is_stuck = not result.seconds and begun + passed > moved + STALL
                if passed > PATIENCE or is_stuck or not joiner.is_alive:
                    raise RuntimeError(f"no {how} sync after {passed:.0f} s\n{joiner.tail()}")
                if not result.seconds:
                    before, best = best, best_of(joiner)
                    if best > before:
                        moved = begun + passed
                    if best < grown.blocks:
                        continue
                    result.seconds = passed
                    result.joiner, result.server = cpu_of(own), cpu_of(pid) - served
                    result.rss = memory_of(own)
                if not result.final_seconds:
                    if joiner.rpc.finalized() < grown.blocks:
                        continue
                    result.final_seconds = passed
                if joiner.rpc.call("chain_getBlock", first) is not None:
                    result.history_seconds = passed
    return result


# --- rows -----------------------------------------------------------------------------------------


def sync_rows(folder: Path, plan: Plan) -> Iterator[Row]:
    """Row 10: headers, and a late joiner."""
    grown = grow(folder / "chain", plan.blocks, plan.transfers)
    yield from rows_of(grown, folder, plan)


def rows_of(grown: Grown, folder: Path, plan: Plan) -> Iterator[Row]:
    """Measure on a chain that is there."""
    found = alone(grown, folder / "alone", plan.headers, plan.imported)
    checks = plan.headers / found.headers.cpu
    yield Row("10a", "headers with VRF, epoch read from the state, per CPU-s", f"{checks:,.0f}/s",
              value=checks)  # fmt: skip
    imports = plan.imported / found.imports.cpu
    yield Row("-", "small blocks imported without a network, per CPU-s", f"{imports:,.0f}/s",
              note=f"{plan.imported / found.imports.wall:,.0f}/s by the clock")  # fmt: skip
    full = join(grown, folder / "full", "full")
    yield Row("10b", f"full sync of {grown.blocks:,} small blocks, per CPU-s of the joiner",
              f"{full.per_core:,.0f}/s", value=full.per_core, note=said(full))  # fmt: skip
    warp = join(grown, folder / "warp", "warp")
    yield Row("10c", f"warp sync to the head of {grown.blocks:,} blocks", f"{warp.seconds:.1f} s",
              value=warp.seconds, note=said(warp))  # fmt: skip


def said(joined: Joined) -> str:
    """Return how a node joined, in one line."""
    return (
        f"head after {joined.seconds:.1f} s ({joined.rate:,.0f}/s), final after "
        f"{joined.final_seconds:.1f} s, all blocks after {joined.history_seconds:.1f} s; CPU to "
        f"the head {joined.joiner:.1f} s, of the server {joined.server:.1f} s; "
        f"{joined.rss:.0f} MiB"
    )


def show_profile(profile: cProfile.Profile) -> None:
    """Print where time went."""
    pstats.Stats(profile).sort_stats("tottime").print_stats(30)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--blocks", type=int, default=10_000)
    parser.add_argument("--transfers", type=int, default=0, help="in each block")
    parser.add_argument("--keep", type=Path, help="where the chain is, or will be")
    parser.add_argument("--only", choices=("alone", "full", "warp"))
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--pairs", type=int, default=0, help="with and without the helper")
    options = parser.parse_args(arguments)
    machine.end_in_order()
    print(f"load before {machine.load()}", flush=True)
    with tempfile.TemporaryDirectory(prefix="btt-bench-") as name:
        folder = Path(name)
        home = options.keep or folder / "chain"
        grown = read_grown(home) or grow(home, options.blocks, options.transfers)
        print(f"{grown.blocks:,} blocks, made in {grown.spent.wall:.0f} s", flush=True)
        if options.pairs:
            show_pairs(grown, folder, options.pairs)
            return
        if options.only in {None, "alone"}:
            profile = cProfile.Profile() if options.profile else None
            count = min(2_000, grown.blocks * 4 // 5)
            found = alone(grown, folder / "alone", count // 4, count, profile)
            print(
                f"headers {count // 4 / found.headers.cpu:,.0f} per CPU-s, blocks "
                f"{count / found.imports.cpu:,.0f} per CPU-s, {count / found.imports.wall:,.0f}/s",
                flush=True,
            )
            if profile is not None:
                show_profile(profile)
        for how in ("full", "warp"):
            if options.only in {None, how}:
                joined = join(grown, folder / how, how, profile=options.profile)
                print(f"{how}: {joined.per_core:,.0f} per CPU-s; {said(joined)}", flush=True)
                if options.profile:
                    print(shares(folder / how, 0.5))
                    print(functions(folder / how, 30))
    print(f"load after {machine.load()}")


if __name__ == "__main__":
    main()
