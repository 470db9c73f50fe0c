"""Benchmarks of Mining: shares with the maximum number of receipts."""

from __future__ import annotations

from bench.weights.declare import Case, benchmark
from bench.weights.state import BLOCK, Bench
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u16, u32, u64, u128
from runtime.accounts import MINING
from runtime.constants import BTT
from runtime.decay import KEPT
from runtime.pallets.mining.eras import SWEPT
from runtime.pallets.mining.pallet import MAX_CLAIM_ERAS
from runtime.pallets.mining.shares import MAX_STEPS, Step
from runtime.pallets.mining.types import EraRecord, Running
from runtime.pallets.providers.types import Ledger

SCORE = u128(10**9)


def eras(b: Bench, count: int, settled: int, expires: int = BLOCK + 1_000) -> AccountId:
    """Close that many eras; return an account with shares in the last `settled` of them."""
    mining, who = b.runtime.mining, b.account(0)
    b.endow(MINING)
    budget = u128(100 * BTT)
    steps = [
        Step(u128(1 + place), u128(10**6), u128(10**6), is_single=True)
        for place in range(MAX_STEPS)
    ]
    for number in range(count):
        mining.eras.eras[u32(number)] = EraRecord(budget, SCORE, budget, budget, u32(expires))
        if number >= count - settled:
            mining.eras.shares[u32(number), who] = steps
    mining.eras.era_index.value = u32(count)
    mining.ledger.owed.value = u128(count * 100 * BTT)
    return who


@benchmark("Mining.claim_rewards", eras=(1, MAX_CLAIM_ERAS))
def claim_rewards(b: Bench, **components: int) -> Case:
    """Claim a share in each of the named eras."""
    count = components["eras"]
    who = eras(b, count, count)
    return b.signed(who, "Mining", "claim_rewards", era_from=u32(0), era_to=u32(count - 1))


def operator(b: Bench) -> AccountId:
    """Return a provider."""
    who = b.account(0)
    b.runtime.providers.ledgers[who] = Ledger()
    return who


@benchmark("Mining.attest_region")
def attest_region(b: Bench) -> Case:
    """Set an operator's region; the list of regions has its maximum length."""
    mining = b.runtime.mining
    params = mining.params.value
    params.regions = [*params.regions, u32(7)]
    mining.params.value = params
    region = u16(len(params.regions) - 1)
    return b.root("Mining", "attest_region", operator=operator(b), region=region)


@benchmark("Mining.attest_energy")
def attest_energy(b: Bench) -> Case:
    """Set an operator's use of energy."""
    return b.root("Mining", "attest_energy", operator=operator(b), units_per_kwh=u64(7))


@benchmark("Mining.set_params")
def set_params(b: Bench) -> Case:
    """Set all parameters to their present values."""
    return b.root("Mining", "set_params", params=b.runtime.mining.params.value)


@benchmark("Mining.close")
def close(b: Bench) -> Case:
    """Close an era with at least one score; fees begin the next one."""
    mining, fees = b.runtime.mining, b.runtime.fees
    mining.eras.began.value = u32(30)
    mining.eras.running.value = Running(SCORE, u128(10), u128(100 * BTT), SCORE, u32(100))
    mining.prices.protocol_price.value = u128(int(mining.params.value.protocol_price) + 10**6)
    fees.era_fees.value = [(u32(31 - age), u128(BTT)) for age in range(KEPT, 0, -1)]
    fees.era_paid.value = u128(BTT)

    def run() -> None:
        mining.eras.close(31)
        fees.begin_era(int(mining.eras.era_index.value))

    return Case(run=run)


@benchmark("Mining.expire")
def expire(b: Bench) -> Case:
    """Recover the unclaimed rewards of an era, and remove as many shares as one step does."""
    eras(b, 1, 0, expires=BLOCK - 1)
    mining = b.runtime.mining
    steps = [
        Step(u128(1 + place), u128(10**6), u128(10**6), is_single=True)
        for place in range(MAX_STEPS)
    ]
    for number in range(SWEPT):
        mining.eras.shares[u32(0), b.poor(number)] = steps
    mining.eras.oldest.value = u32(0)
    return Case(run=mining.eras.expire)
