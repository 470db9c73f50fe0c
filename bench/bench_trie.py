"""Storage in numbers: python bench/bench_trie.py [--accounts N] [--blocks N] [--changed N]

Prints, for an archive and for a pruned node, the cost of a block that changes 2,000 of the
accounts: staging (new root), commit (one batch, final at once, or open with its journals),
random reads of current and of older state, opening, and memory of a process that only opened.
CPU milliseconds of the calling thread: the machine may be shared, LevelDB compacts beside.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from storage.database import ChainStore  # noqa: E402
from unit.storage.storage_model import genesis_header, make_header  # noqa: E402

PREFIX = bytes.fromhex("26aa394eea5630e07c48ae0c9558cef7b99d880ec681799c0cf30e8886371da9")
PAGE = 4096


def key_of(account: int) -> bytes:
    """A System.Account key: two twox128, blake2-128 and the account id."""
    who = hashlib.sha256(b"%d" % account).digest()
    return PREFIX + hashlib.blake2b(who, digest_size=16).digest() + who


def value_of(account: int, block: int) -> bytes:
    """Return the value of an account after a block: 80 bytes."""
    return hashlib.sha512(b"%d.%d" % (account, block)).digest() + bytes(16)


def resident() -> float:
    """Memory of this process, MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / (1 << 20)


def timed(work: Callable[[], object]) -> float:
    """Return the processor time of `work`, in ms."""
    start = time.thread_time()
    work()
    return (time.thread_time() - start) * 1e3


def run(path: Path, pruning: int | None, options: argparse.Namespace) -> None:
    """Measure one kind of pruning, and print the figures."""
    rng = random.Random(1)
    mode = "archive" if pruning is None else f"pruning {pruning}"
    print(f"-- {mode}, {options.accounts:,} accounts, {options.changed:,} changed in a block")
    store = ChainStore.open(path, pruning=pruning, min_free=0)
    genesis = {key_of(n): value_of(n, 0) for n in range(options.accounts)}
    row("genesis", timed(lambda: store.insert_genesis(genesis, genesis_header)))
    old = genesis
    store.close()
    child = subprocess.run(
        [sys.executable, __file__, "--open", str(path), "--pruning", str(pruning)],
        capture_output=True,
        text=True,
        check=True,
    )
    print(child.stdout, end="")
    store = ChainStore.open(path, pruning=pruning, min_free=0)
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1_000)  # as the node does
    keys = list(old)
    for final in (True, False):
        stages: list[float] = []
        commits: list[float] = []
        for _ in range(options.blocks):
            best = store.blocks.best
            number = best.number + 1
            changes = {
                keys[n]: value_of(n, number) for n in rng.sample(range(len(keys)), options.changed)
            }
            reads = {key: old[key] for key in changes}
            start = time.thread_time()
            pending = store.stage(best.hash, changes, reads=reads)
            stages.append((time.thread_time() - start) * 1e3)
            header = make_header(best.hash, number, pending.root)
            body = [bytes(148)] * options.changed
            start = time.thread_time()
            store.commit_block(pending, header, body, finalize=final)
            commits.append((time.thread_time() - start) * 1e3)
            old.update(changes)
        kind = "final at once" if final else "open"
        row(f"stage, {kind}", median(stages[2:]), f"best {min(stages):.1f}")
        row(f"commit, {kind}", median(commits[2:]), f"best {min(commits):.1f}")
    reader = store.state.reader(store.blocks.best.hash)
    sample = rng.sample(keys, min(20_000, len(keys)))
    per_second("get, best block", len(sample), timed(lambda: [reader.get(key) for key in sample]))
    older = store.state.reader(store.blocks.finalized.hash)
    sample = sample[:2000]
    per_second("get, by the trie", len(sample), timed(lambda: [older.get(key) for key in sample]))
    per_second("proof of one key", 200, timed(lambda: [older.proof([k]) for k in sample[:200]]))
    print(f"   {'memory at the end':24} {resident():10.0f} MiB")
    store.close()
    size = sum(file.stat().st_size for file in path.iterdir())
    print(f"   {'disk':24} {size / (1 << 20):10.0f} MiB")


def row(what: str, ms: float, more: str = "") -> None:
    """Print a figure in ms."""
    print(f"   {what:24} {ms:10.1f} ms   {more}")


def per_second(what: str, count: int, ms: float) -> None:
    """Print a figure in units a second."""
    print(f"   {what:24} {count / ms * 1e3:10,.0f} /s")


def opened(path: Path, pruning: int | None) -> None:
    """In a process of its own: what an idle node holds."""
    before = resident()
    start = time.perf_counter()
    store = ChainStore.open(path, pruning=pruning, min_free=0)
    took = (time.perf_counter() - start) * 1e3
    print(f"   {'open':24} {took:10.1f} ms wall")
    print(f"   {'memory, only opened':24} {resident():10.0f} MiB   ({before:.0f} before)")
    store.close()


def main() -> None:
    """Measure the kinds of pruning that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--changed", type=int, default=2_000)
    parser.add_argument("--blocks", type=int, default=12)
    parser.add_argument("--pruning", default="both")
    parser.add_argument("--open", type=Path)
    options = parser.parse_args()
    if options.open is not None:
        opened(options.open, None if options.pruning == "None" else int(options.pruning))
        return
    for pruning in (None, 256):
        with tempfile.TemporaryDirectory() as folder:
            run(Path(folder) / "db", pruning, options)


if __name__ == "__main__":
    main()
