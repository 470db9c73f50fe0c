"""Cost of the economy's calls and hooks: storage accesses, counted, and time.

Everything is done twice, on a chain with few stakes and operators and on one with many. What is
O(1) costs as many accesses on both; what is said to grow with operators grows with them only.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from bench.machine import timed
from bench.report import Row
from btt_chain.chain.gc import settle_memory
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u32, u128
from runtime.constants import BTT
from runtime.frame import ROOT
from runtime.pallets.tokenomics.types import BurnReason
from runtime.schedules import VestingInfo
from runtime.splits import split_compute
from support.economy.chain import PEOPLE, EconomyChain, Ledger, Operators, Step, person

FEW: Final = 10
MANY: Final = 1_000
ROUNDS: Final = 7
"""Number of runs of each call, each by another account."""
EXPIRY: Final = "a block in which unclaimed work expires"
"""Costs up to a bound, a bit of the work in each block: the only thing that differs."""
STAKE: Final = u128(1_000 * BTT)


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of a step: reads and writes of storage, and microseconds of CPU."""

    reads: int
    writes: int
    micros: float

    @property
    def accesses(self) -> str:
        """Return reads and writes as the report has them."""
        return f"{self.reads}+{self.writes}"


class AllOnline(Operators):
    """A registry in which every account is online."""

    def exists(self, who: AccountId) -> bool:
        """Return True if the account is online: always."""
        return True


class Meter(Ledger):
    """A state over that of a chain, which counts reads and writes."""

    __slots__ = ("chain", "reads", "under", "writes")

    def __init__(self, chain: EconomyChain) -> None:
        super().__init__()
        self.chain, self.under = chain, chain.state
        self.reads = self.writes = 0
        self.get = self.read

    def read(self, key: bytes) -> bytes | None:
        """Read, and count it."""
        self.reads += 1
        return self.under.get(key)

    def put(self, key: bytes, value: bytes | None) -> None:
        """Write, and count it."""
        self.writes += 1
        self.under.put(key, value)

    def begin(self) -> None:
        """Open a layer below."""
        self.under.begin()

    def commit(self) -> None:
        """Keep the layer below."""
        self.under.commit()

    def rollback(self) -> None:
        """Undo the layer below."""
        self.under.rollback()

    def next_key(self, key: bytes) -> bytes | None:
        """Look for the next key, and count it as a read."""
        self.reads += 1
        return self.under.next_key(key)

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        """Walk, and count every key as a read."""
        for key in self.under.keys(prefix):
            self.reads += 1
            yield key

    def of(self, work: Callable[[], object]) -> Cost:
        """Return the cost of a piece of work."""
        chain = self.chain
        chain.state = chain.runtime.host.state = self
        self.reads = self.writes = 0
        try:
            spent = timed(work)
        finally:
            chain.state = chain.runtime.host.state = self.under
        return Cost(self.reads, self.writes, spent.cpu * 1e6)


def typical(costs: Sequence[Cost]) -> Cost:
    """Return the most accesses, and the middle time."""
    micros = statistics.median(cost.micros for cost in costs)
    return Cost(max(c.reads for c in costs), max(c.writes for c in costs), micros)


def economy_rows(folder: Path, many: int = MANY) -> Iterator[Row]:
    """Compare what everything costs with few stakes and operators, and with many."""
    del folder
    settle_memory()
    small, large = measured(FEW), measured(many)
    for what, few in small.items():
        lots = large[what]
        yield Row(
            "-",
            f"{what}: reads+writes with {FEW} / {many:,} stakes and operators",
            f"{few.accesses} / {lots.accesses}",
            note=f"{few.micros:,.0f} / {lots.micros:,.0f} us",
        )


def measured(size: int) -> dict[str, Cost]:
    """Return the cost of each call and hook with so many stakes and operators."""
    chain = EconomyChain("seed-001")
    chain.mining.providers = AllOnline()
    crowd = [person(f"staker {number}") for number in range(size + ROUNDS)]
    endow(chain, crowd)
    chain.run(*(stake(chain, who) for who in crowd[ROUNDS:]))
    meter, found = Meter(chain), {}

    def each(steps: Sequence[Step]) -> Cost:
        return typical([meter.of(partial(done, chain, step)) for step in steps])

    tried, ids = crowd[:ROUNDS], range(size, size + ROUNDS)
    pairs = list(zip(tried, ids, strict=True))
    found["a stake opened"] = each([stake(chain, who) for who in tried])
    era(chain, crowd)
    found["a stake's reward claimed"] = each([of_stake(chain, "claim", *pair) for pair in pairs])
    found["a stake's dividend claimed"] = each(
        [of_stake(chain, "claim_dividend", *pair) for pair in pairs]
    )
    found["an era closed, dividends fed"] = era(chain, crowd, meter)
    last = u32(int(chain.mining.eras.era_index.value) - 1)
    eras = {"era_from": last, "era_to": last}
    found["an era's work claimed"] = each(
        [chain.by(who, "Mining", "claim_rewards", **eras) for who in tried]
    )
    plan = VestingInfo(u128(100 * BTT), u128(10**13), u32(0))
    found["a vested transfer"] = each(
        [chain.by(PEOPLE[0], "Vesting", "vested_transfer", target=Id(who), schedule=plan)
         for who in tried]
    )  # fmt: skip
    chain.days(31)
    found["vest"] = each([chain.by(who, "Vesting", "vest") for who in tried])
    found["a stake closed"] = each([of_stake(chain, "unstake", *pair) for pair in pairs])
    found["a receipt recorded"] = each(
        [work(chain, who, 10**6 + at) for at, who in enumerate(tried)]
    )
    found["a block in which nothing is due"] = meter.of(chain.block)
    found[EXPIRY] = typical([meter.of(lambda: chain.days(90)) for _ in range(3)])
    return found


def done(chain: EconomyChain, step: Step) -> None:
    """Take a step that must succeed."""
    error = chain.take(step)
    assert error is None, error


def endow(chain: EconomyChain, crowd: Sequence[AccountId]) -> None:
    """Give all accounts enough for a stake and a schedule, from the row that is free at once."""
    held = [
        holding
        for placed in chain.placement.rows
        if placed.row.kind == "immediate"
        for holding in placed.holdings
    ]
    source = max(held, key=lambda holding: holding.amount).account
    value = u128(int(STAKE) + 300 * int(BTT))
    give = {"source": Id(source), "value": value}
    calls = [chain.call("Balances", "force_transfer", dest=Id(who), **give) for who in crowd]
    chain.run(*((ROOT, call) for call in calls))


def stake(chain: EconomyChain, who: AccountId) -> Step:
    """Return the opening of the least stake."""
    args = {"amount": STAKE, "tier": u8(0), "min_reward": None}
    return chain.by(who, "TierStaking", "stake", **args)


def of_stake(chain: EconomyChain, name: str, who: AccountId, number: int) -> Step:
    """Return a call about a stake."""
    return chain.by(who, "TierStaking", name, id=u32(number))


def work(chain: EconomyChain, who: AccountId, mark: int) -> Step:
    """Return the recording of a receipt."""
    receipt = H256(mark.to_bytes(32, "big"))
    return lambda: chain.mining.record(who, receipt, 10**5, BTT, verified=False)


def era(chain: EconomyChain, crowd: Sequence[AccountId], meter: Meter | None = None) -> Cost:
    """Record work of all accounts, paid by one; close the era, and return the cost."""
    length = int(chain.mining.era_length)
    behind = (chain.runtime.babe.now() + 1) % length
    split = split_compute(1_000 * BTT, int(chain.tokenomics.threshold()))
    earners = [(PEOPLE[1], split.contributors)]
    mark = int(chain.mining.eras.era_index.value) << 32
    chain.block(
        lambda: chain.tokenomics.take(PEOPLE[0], split, BurnReason.Compute, earners),
        *(work(chain, who, mark + at) for at, who in enumerate(crowd)),
        slot=chain.slot + 1 + (length - behind),
    )
    following = chain.slot + length - chain.runtime.babe.now() % length
    meter = meter or Meter(chain)
    return meter.of(lambda: chain.block(slot=following))
