"""Blocks in: rows 3 to 6 of docs/performance.md, and what an import consists of.

Every figure is the median of rounds, and whatever it is compared with ran between its rounds. The
process's memory is settled first as a node's is once it has started.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import ed25519_zebra
import orjson

from bench.chains import Bench
from bench.machine import PEERS, ROOT, Spent, rest, timed
from bench.report import Row, compared, per_second
from btt_chain.chain.gc import settle_memory

PYEVM: Final = PEERS / "py-evm" / "bin" / "python"
FULL_BLOCK: Final = 5_150
"""Transfers that Substrate's weights allow in six seconds."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Size of the measurements."""

    block: int = 2_000
    full: int = FULL_BLOCK
    peer_block: int = 500
    rounds: int = 7
    few: int = 100_000
    many: int = 1_000_000
    senders: int = 10_000


QUICK: Final = Plan(
    block=100, full=200, peer_block=50, rounds=1, few=1_000, many=2_000, senders=200
)
BRIEF: Final = Plan(rounds=3, peer_block=200, few=20_000, many=100_000, senders=6_000)


def import_rows(folder: Path, plan: Plan, *, peers: bool) -> Iterator[Row]:
    """Measure imports on a chain of `few` accounts and one of `many`."""
    few = Bench(folder / "few", plan.few, plan.senders)
    try:
        few.read(few.make(plan.block))()
        settle_memory()
        rest()
        yield from against_pyevm(few, plan, present=peers and PYEVM.exists())
        yield from over_the_floor(few, plan)
        yield full_block(few, plan)
        yield from by_accounts(folder, few, plan)
    finally:
        few.close()


# --- row 3 ----------------------------------------------------------------------


class PyEvm:
    """A py-evm chain in a process of its own, which imports a block each time it is asked."""

    def __init__(self, block: int, rounds: int) -> None:
        script = ROOT / "bench" / "pyevm_peer.py"
        self._process = subprocess.Popen(
            [PYEVM, "-W", "ignore", script, str(block), str(rounds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        answer = orjson.loads(self._line(self._process.stdout))
        self.version: str = answer["version"]

    @staticmethod
    def _line(stream: IO[str] | None) -> str:
        line = "" if stream is None else stream.readline()
        if not line:
            raise RuntimeError("the py-evm process has ended")
        return line

    def import_block(self) -> Spent:
        """Import the next block."""
        if self._process.stdin is not None:
            self._process.stdin.write("import\n")
            self._process.stdin.flush()
        answer = orjson.loads(self._line(self._process.stdout))
        return Spent(answer["wall"], answer["cpu"])

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@contextmanager
def pyevm(block: int, rounds: int, *, present: bool) -> Iterator[PyEvm | None]:
    """Open a py-evm chain with so many blocks ready for import; None where it cannot run."""
    if not present:
        yield None
        return
    try:
        chain = PyEvm(block, rounds)
    except (OSError, RuntimeError) as error:
        print(f"py-evm does not start: {error}", file=sys.stderr)
        yield None
        return
    try:
        yield chain
    finally:
        chain.close()


def against_pyevm(bench: Bench, plan: Plan, *, present: bool) -> Iterator[Row]:
    """Row 3: the same number of transfers per block, in turn."""
    what = f"import of {plan.peer_block} transfers, signatures included, vs py-evm + coincurve"
    size = plan.peer_block
    with pyevm(size, plan.rounds, present=present) as peer:
        mine, theirs = [], []
        for made in bench.make_many(plan.rounds, size):
            mine.append(timed(bench.read(made)))
            if peer is not None:
                theirs.append(peer.import_block())
    if peer is None:
        yield Row("3", what, per_second(size, mine), "absent")
        return
    value, both = compared(theirs, mine)
    note = f"{both}; py-evm {peer.version} in memory, ours on LevelDB"
    yield Row("3", what, per_second(size, mine), per_second(size, theirs), value, note)


# --- row 4 ----------------------------------------------------------------------


def over_the_floor(bench: Bench, plan: Plan) -> Iterator[Row]:
    """Row 4: how much an import takes over the bare verification of its signatures."""
    size = plan.block
    cold: list[Spent] = []
    warm: list[Spent] = []
    floor: list[Spent] = []
    blocks = bench.make_many(2 * plan.rounds, size)
    for made, known in zip(blocks[::2], blocks[1::2], strict=True):
        floor.append(timed(verify_all(bench, made.body[1:])))
        before = bench.reader.runtimes.verdicts.checked
        cold.append(timed(bench.read(made)))
        if bench.reader.runtimes.verdicts.checked - before != size:
            raise RuntimeError("not every signature was checked")
        warm.append(timed(bench.read(known, warm=True)))
    value, both = compared(cold, floor, at_most=True)
    yield Row(
        "4",
        f"import of {size} transfers over verifying {size} ed25519 signatures",
        per_second(size, cold),
        per_second(size, floor),
        value,
        f"{both}; {bench.accounts:,} accounts",
    )
    yield Row(
        "-",
        f"import of {size} transfers whose signatures the pool has checked, vs all checked",
        per_second(size, warm),
        per_second(size, cold),
        *compared(cold, warm),
    )


def verify_all(bench: Bench, transfers: Sequence[bytes]) -> Callable[[], None]:
    """Return the bare verification of transfers' signatures."""
    claims = [bench.wallet.payload(inner) for inner in transfers]
    verify = ed25519_zebra.ed_verify

    def run() -> None:
        for account, signature, payload in claims:
            if not verify(signature, payload, account):
                raise RuntimeError("a signature of the bench is bad")

    return run


# --- row 5 ----------------------------------------------------------------------


def full_block(bench: Bench, plan: Plan) -> Row:
    """Row 5: a block as full as Substrate's weights allow."""
    blocks = bench.make_many(max(2, plan.rounds // 2), plan.full)
    spent = [timed(bench.read(made)) for made in blocks]
    wall = statistics.median(one.wall for one in spent)
    cpu = statistics.median(one.cpu for one in spent)
    best = min(one.cpu for one in spent)
    return Row(
        "5",
        f"import of a full block of {plan.full} transfers",
        f"{wall:.3f} s",
        value=wall,
        note=f"{cpu:.3f} s of CPU, {best:.3f} in the best round",
    )


# --- row 6 ----------------------------------------------------------------------


def by_accounts(folder: Path, few: Bench, plan: Plan) -> Iterator[Row]:
    """Row 6: what a tenfold state costs."""
    many = Bench(folder / "many", plan.many, plan.senders)
    try:
        # The senders come round again only after many blocks, so their paths are cold here too.
        many.read(many.make(plan.block))()
        settle_memory()
        small: list[Spent] = []
        large: list[Spent] = []
        ahead = (few.make_many(plan.rounds, plan.block), many.make_many(plan.rounds, plan.block))
        rest()
        for one, other in zip(*ahead, strict=True):
            small.append(timed(few.read(one)))
            large.append(timed(many.read(other)))
        yield Row(
            "6",
            f"import at {plan.many:,} accounts over that at {plan.few:,}",
            per_second(plan.block, large),
            per_second(plan.block, small),
            *compared(small, large),
        )
        laid = many.laid
        yield Row(
            "-",
            f"writing a genesis of {plan.many:,} accounts",
            f"{laid.seconds:.1f} s",
            note=f"peak {laid.peak_mb:,.0f} MB, its state in memory included; "
            f"{laid.disk_mb:,.0f} MB on disk",
        )
    finally:
        many.close()
