"""A receipt in numbers: python bench/bench_receipts.py [--receipts N] [--committee N]

Prints what a block spends on the life of one receipt, from the posting of its job to its payment,
with real keys, VRF outputs and commitments: calls with their checks, and the hooks, less what they
cost on idle blocks. Aim: at most 40 ms with a committee of five. Signatures of people's extrinsics
and the trie are not in it. CPU time of the process: the machine may be shared.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from btt_chain.crypto.vrf import SchnorrkelVrf  # noqa: E402
from btt_chain.primitives.validity import TransactionSource, ValidTransaction  # noqa: E402
from btt_chain.scale import u32  # noqa: E402
from runtime.frame import Call, Origin, PostInfo  # noqa: E402
from runtime.pallets.jobs.types import JobState  # noqa: E402
from runtime.params import WorkRules  # noqa: E402
from storage.overlay import Overlay  # noqa: E402
from support.market import Claim, Market  # noqa: E402

AIM_MS = 40
ITEMS = 32
T = TypeVar("T")


class Timed(Market):
    """A market that counts what its calls and hooks cost, in milliseconds."""

    def __init__(self, committee: int) -> None:
        self.spent: dict[str, float] = {}
        rules = WorkRules(committee=u32(committee), quorum=u32(committee * 4 // 5 or 1))
        super().__init__(
            rules, providers=20, verifiers=4 * committee, vrf=lambda _: SchnorrkelVrf()
        )
        base = dict(self.state.data)
        keys = sorted(base)

        def following(prefix: bytes, after: bytes | None) -> Iterator[bytes]:
            return (k for k in keys if k.startswith(prefix) and (after is None or k > after))

        self.enter(Overlay(base.get, following))
        judge = self.receipts.validate_unsigned

        def judged(call: Call, source: TransactionSource) -> ValidTransaction | None:
            return self.timed("check before the block", lambda: judge(call, source))

        vars(self.receipts)["validate_unsigned"] = judged

    def timed(self, what: str, run: Callable[[], T]) -> T:
        """Run a function, and add its processor time in ms to `what`."""
        began = time.process_time()
        done = run()
        self.spent[what] = self.spent.get(what, 0.0) + 1_000 * (time.process_time() - began)
        return done

    def dispatch(self, origin: Origin, call: Call, *, bypass_filter: bool = False) -> PostInfo:
        """Dispatch a call, measured under its name."""
        dispatch = super().dispatch
        name = self.dispatchable(call).name
        return self.timed(name, lambda: dispatch(origin, call, bypass_filter=bypass_filter))

    def on_initialize(self, number: int) -> int:
        """Run the hooks at the start of a block, measured."""
        hooks = super().on_initialize
        return self.timed("hooks", lambda: hooks(number))


def life(market: Timed, claim: Claim, idle: float) -> dict[str, float]:
    """Bring one job from being posted to being paid; return what each part cost in ms."""
    for who in market.provider_accounts:
        market.tried(who, "Providers.heartbeat")
    market.spent, begun = {}, market.number
    job = market.post(market.people[0], ITEMS)
    receipt = market.checking(job, claim)
    market.vote(receipt, claim)
    market.until(job, JobState.Finalized)
    market.spent["hooks"] = max(0.0, market.spent["hooks"] - idle * (market.number - begun))
    return market.spent


def main(arguments: Sequence[str] | None = None) -> float:
    """Print the table; return the sum in milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--receipts", type=int, default=20)
    parser.add_argument("--committee", type=int, default=5)
    options = parser.parse_args(arguments)
    market, claim = Timed(options.committee), Claim(ITEMS)
    market.run(20)
    market.spent = {}
    market.run(50)
    idle = market.spent["hooks"] / 50
    lives = [life(market, claim, idle) for _ in range(options.receipts)]
    whole = 0.0
    print(f"a receipt's life with a committee of {options.committee}, ms of CPU, median")
    for what in lives[0]:
        part = median(one[what] for one in lives)
        whole += part
        print(f"  {what:<24}{part:8.2f}")
    print(f"  {'all':<24}{whole:8.2f}   aim: at most {AIM_MS} with a committee of five")
    print(f"  {'an idle block':<24}{idle:8.3f}")
    return whole


if __name__ == "__main__":
    main()
