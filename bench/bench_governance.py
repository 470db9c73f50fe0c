"""Cost of governance in a block: votes, calls that are due, delegations, decisions that start.

`python bench/bench_governance.py`; one thread, its own time, least of three rounds, and the
weight that it counts for. The runtime has a state like the node's: an overlay over a sorted store.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time

HOME = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(HOME), str(HOME / "tests")]

from bench.bench_auction import stored  # noqa: E402
from btt_chain.primitives.account import AccountId, Id  # noqa: E402
from btt_chain.scale import u8, u16, u32, u128  # noqa: E402
from runtime.constants import BTT  # noqa: E402
from runtime.frame import ROOT, PostInfo, signed  # noqa: E402
from runtime.frame.origin import decided  # noqa: E402
from runtime.frame.weight import PICOS_PER_MILLI  # noqa: E402
from runtime.limits import block_weights  # noqa: E402
from runtime.pallets.conviction_voting.types import Conviction, Standard, vote_of  # noqa: E402
from runtime.pallets.origins import Decision  # noqa: E402
from support.assembly import Assembly  # noqa: E402
from support.governance import ALICE, BOB, CAROL  # noqa: E402

ROUNDS = 3
VOTERS = [AccountId(number.to_bytes(32, "big")) for number in range(1_000, 2_000)]
POLLS = 512
DECIDING = 50
"""Maximum number of referenda that the track of small spenders decides at a time."""
TRACK = u16(10)
SLOT_MS = 6_000


def runtime() -> Assembly:
    """A thousand voters, 28 institutions, and 512 referenda of one track: 50 are being decided."""
    made = Assembly()
    made.open()
    made.balances.credit(ALICE, u128(10**6 * BTT))
    for voter in VOTERS:
        made.balances.transfer(ALICE, voter, 10 * BTT)
    for number in range(28):
        made.seat(AccountId((5_000 + number).to_bytes(32, "big")), 10)
    for number in range(POLLS):
        index = made.submit(number.to_bytes(2, "big"))
        made.vote(BOB, index, 5)
    for number in range(DECIDING):
        made.referenda.place_decision_deposit(signed(ALICE), u32(number))
    made.tick(made.day)
    return stored(made)


def votes(made: Assembly, polls: int) -> int:
    """A thousand vote, in so many referenda by turns."""
    used, base = 0, int(block_weights(SLOT_MS).per_class.normal.base_extrinsic.ref_time)
    for place, voter in enumerate(VOTERS):
        choice = Standard(vote_of(aye=True), BTT)
        used += base + weight(made.voting.vote(signed(voter), u32(place % polls), choice))
    return used


def lend(made: Assembly) -> int:
    """Delegate to who votes in all referenda."""
    to = (TRACK, Id(BOB), Conviction.Locked1x, u128(BTT))
    return weight(made.voting.delegate(signed(CAROL), *to))


def call_hundred(made: Assembly) -> None:
    """Have a hundred calls due in the next slot."""
    for number in range(100):
        entry = made.entry(bytes((number,)), micros=1_000)
        made.scheduler.schedule(ROOT, u32(made.clock.slot + 1), None, u8(0), entry)


def free_fifty(made: Assembly) -> None:
    """Have fifty places become free, for which fifty referenda wait."""
    for number in range(DECIDING):
        made.referenda.place_decision_deposit(signed(ALICE), u32(number + DECIDING))
    for number in range(DECIDING):
        made.referenda.cancel(decided(Decision.Canceller), u32(number))


Step = Callable[[Assembly], object]
Weighed = Callable[[Assembly], int]
ROWS: dict[str, tuple[Step, Weighed]] = {
    "1,000 votes in one referendum": (Assembly.new_events, lambda made: votes(made, 1)),
    "1,000 votes in 50 referenda": (Assembly.new_events, lambda made: votes(made, DECIDING)),
    "the block after those": (lambda made: votes(made, DECIDING), Assembly.tick),
    "100 calls due in one slot": (call_hundred, Assembly.tick),
    "1,000 votes and 100 calls": (call_hundred, lambda made: made.tick() + votes(made, 1)),
    "50 decisions start": (free_fifty, Assembly.tick),
    "a delegation to 512 votes": (Assembly.new_events, lend),
    "a block with nothing due": (Assembly.new_events, Assembly.tick),
}


def weight(post: PostInfo | None) -> int:
    """Picoseconds that a call says it used."""
    assert post is not None
    assert post.weight is not None
    return post.weight


def main() -> None:
    """Print a row for each."""
    made = runtime()
    whole = int(block_weights(SLOT_MS).max_block.ref_time) / PICOS_PER_MILLI
    print(f"  of {whole:,.0f} ms of a block of 6 s           own time    its weight")
    for name, (prepare, step) in ROWS.items():
        times, counted = [], 0
        for _ in range(ROUNDS):
            slot = made.clock.slot
            made.state.begin()
            prepare(made)
            begin = process_time()
            counted = step(made)
            times.append(process_time() - begin)
            made.state.rollback()
            made.clock.slot = slot
            made.new_events()
        print(f"  {name:34} {min(times) * 1_000:9.1f} ms {counted / PICOS_PER_MILLI:10.1f} ms")


if __name__ == "__main__":
    main()
