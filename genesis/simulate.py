"""An economy in memory: the real runtime from a preset's genesis, months in seconds.

The pallets are those of `BttRuntime`, block by block on a state in memory; they decide all
payments, burns, reservations and refusals. Only the actors are simulated, by these assumptions:

* A block is made every step (a thirtieth of a month, or a month), and an epoch is as long as a
  step, so that every step closes one era. Slots are of six seconds; the validator is one holder.
* All recipients sell money on the market as soon as it can be spent: holders what vests, the
  liquidity managers, the Foundation, providers. The market buys the compute and does the staking.
* Compute is sold in jobs of a hundred BTT to requesters who are not verified, as much as the plan
  says and the market can pay, done by providers with neutral scores. The registry of providers
  comes with Useful work; here a stand-in lets every provider earn. Rewards are claimed by era.
* The chain's own jobs are computed at the speed that the plan says, at the price and within the
  limits of the runtime. They are as large as jobs can be; verifiers check one item in eight.
* The Foundation attests each quarter's milestone when the quarter ends, without objections, and
  every month it claims the amount that time, milestones and the ceiling allow.
* The plan's share of the circulating supply is staked, a fifth of it in each tier, as far as its
  minimum is reached and the pool can promise the full reward. Rewards and dividends are claimed
  monthly, and stakes closed when their term is over.
* There are no discretionary payments, and transactions cost no fee.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice, takewhile
from typing import Final, NamedTuple

from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.keypair import Scheme
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.babe import SecondaryPlain, SecondaryPlainClaim, Slot, pre_runtime
from btt_chain.primitives.digest import H256, Digest
from btt_chain.scale import u8, u32, u64, u128
from btt_chain.work.ids import PROTOCOL_SAMPLED
from genesis.accounts import dev_key
from genesis.allocation import Kind
from genesis.build import build
from genesis.catalogue import make
from genesis.holders import account_of, dev_holders, table
from genesis.placement import Placement
from genesis.presets import Chain, ChainType, Engine
from genesis.spec import Plain, SpecError
from genesis.validators import Validator
from runtime.constants import BTT, DAY_MS, MILLI_BTT, MONTH_MS
from runtime.frame import NONE, DispatchError, signed
from runtime.pallets.balances.types import is_pool
from runtime.pallets.jobs.pricing import FEE_BPS
from runtime.pallets.mining.pallet import Mining
from runtime.pallets.mining.types import Providers
from runtime.pallets.tier_staking.formulas import YEAR365_MS
from runtime.pallets.tier_staking.pallet import TierStaking
from runtime.pallets.tokenomics.pallet import Tokenomics
from runtime.pallets.tokenomics.types import BurnReason
from runtime.params import PARAMS_KEY, RuntimeParams
from runtime.splits import BPS, PPM, ComputeSplit, split_compute
from runtime.table import BttRuntime
from storage.overlay import Overlay

SLOT_MS: Final = 6_000
MONTH: Final = MONTH_MS // SLOT_MS
"""A month in slots."""
START: Final = 1_735_689_600_000 // SLOT_MS
"""The slot of block 1: the beginning of 2025."""
STEPS: Final = 30
"""Steps per month when they are about a day: a month is 30.4375 days."""
JOB: Final = 100 * BTT
"""The price of one job."""
QUARTER: Final = 3
LOOK_BACK: Final = 12
"""Number of months over which the use of the staking pool is measured."""
EXISTENTIAL: Final = MILLI_BTT


@dataclass(frozen=True, slots=True)
class Plan:
    """Behaviour of the actors in a simulated economy."""

    months: int
    staked_ppm: int = 200_000
    """Staked part of the circulating supply, in millionths."""
    demand: int = 100_000 * int(BTT)
    """Price of the compute bought in a month, in planck."""
    protocol_speed: int = 0
    """Speed at which the chain's own jobs are computed, in 10^9 multiplications per second."""
    daily: bool = True
    """True for steps of about a day, False for months."""


class Month(NamedTuple):
    """The economy at the end of a month, in planck. `released` and `emitted` are by the ceiling's
    and the schedule's own counts; `runway` is the number of months that the free part of the
    staking pool lasts at the pace of the last twelve, None if it did not shrink.
    """

    preset: str
    month: int
    supply_planck: int
    burned_planck: int
    circulating_planck: int
    locked_planck: int
    staked_planck: int
    released_planck: int
    emitted_planck: int
    mining_paid_planck: int
    mining_unallocated_planck: int
    compute_sold_planck: int
    foundation_planck: int
    stake_free_planck: int
    stake_committed_planck: int
    runway_months: int | None


def simulated(chain: Chain, plan: Plan) -> Iterator[Month]:
    """Run the economy of a chain by a plan; yield month 0, after block 1, and every month's end.

    SpecError if the chain's preset makes no genesis.
    """
    economy = Economy(chain, plan)
    economy.open(0)
    economy.month_ends(0)
    economy.close()
    yield economy.figures(0)
    steps = STEPS if plan.daily else 1
    for month in range(1, plan.months + 1):
        for step in range(1, steps + 1):
            economy.open((month - 1) * MONTH + step * MONTH // steps)
            economy.trade(plan.demand * step // steps - plan.demand * (step - 1) // steps)
            economy.work_for_the_chain(MONTH // steps * SLOT_MS // 1_000)
            if step == steps:
                economy.month_ends(month)
            economy.close()
        yield economy.figures(month)


class Memory:
    """The state after the last block, in memory.

    Blocks use an overlay, as in a node; its changes are merged when they close, so that iteration
    over keys stays fast in long runs.
    """

    def __init__(self, values: Mapping[bytes, bytes]) -> None:
        self.values = dict(values)
        self._ordered = sorted(values)

    def overlay(self) -> Overlay:
        """Return a state for the next block."""
        return Overlay(self.values.get, self._keys)

    def keep(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Merge the changes of a block."""
        for key, value in changes.items():
            if value is not None:
                if key not in self.values:
                    insort(self._ordered, key)
                self.values[key] = value
            elif self.values.pop(key, None) is not None:
                del self._ordered[bisect_left(self._ordered, key)]

    def _keys(self, prefix: bytes, after: bytes | None) -> Iterator[bytes]:
        ordered = self._ordered
        start = bisect_left(ordered, prefix) if after is None else bisect_right(ordered, after)
        return takewhile(lambda key: key.startswith(prefix), islice(ordered, start, None))


# --- actors ---------------------------------------------------------------------


class AnyProvider(Providers):
    """A registry in which every account may earn by work, as its own operator."""

    def exists(self, who: AccountId) -> bool:
        """Return True if `who` is registered: always."""
        return True

    def operator_of(self, provider: AccountId) -> AccountId | None:
        """Return the provider itself."""
        return provider


def simulated_account(name: str) -> AccountId:
    """Return the simulated account of this name."""
    return AccountId(blake2_256(b"btt/simulated/" + name.encode()))


MARKET: Final = simulated_account("market")
PROVIDERS: Final = simulated_account("providers")


@dataclass(slots=True)
class OpenStake:
    """An open stake."""

    who: AccountId
    id: u32
    tier: int
    amount: int
    end: int
    """End of the term, in slots since genesis."""


@dataclass(slots=True)
class Economy:
    """The runtime on its state, and the records of its actors."""

    chain: Chain
    plan: Plan
    runtime: BttRuntime = field(init=False)
    memory: Memory = field(init=False)
    state: Overlay = field(init=False)
    """State of the current block."""
    number: int = field(default=0, init=False)
    now: int = field(default=0, init=False)
    stakes: list[OpenStake] = field(default_factory=list, init=False)
    sold: int = field(default=0, init=False)
    left_over: int = field(default=0, init=False)
    """Demand below the price of a whole job, for later."""
    free_history: list[int] = field(default_factory=list, init=False)
    owners: list[AccountId] = field(default_factory=list, init=False)
    """Accounts that have money from genesis on, or receive it."""

    def __post_init__(self) -> None:
        """Build block zero and enter its state."""
        epoch = MONTH // STEPS if self.plan.daily else MONTH
        rows = table(self.chain.document)
        holders = dev_holders(rows)
        chain = replace(
            self.chain,
            chain_type=ChainType.DEVELOPMENT,
            engine=Engine.BABE,
            slot_ms=SLOT_MS,
            epoch_slots=epoch,
            min_validators=1,
            unbonding=6,
            reporting=5,
        )
        first = next(rows.linear())
        voter = dev_key("//Alice", Scheme.ED25519).public
        validator = Validator(account_of(holders[first.key]), dev_key("//Alice").public, voter)
        spec = make(chain, holders, [validator])
        if not isinstance(spec.genesis, Plain) or spec.genesis.placement is None:
            raise SpecError(f"{self.chain.preset}: no rows to begin with")
        self.owners = holders_of(spec.genesis.placement)
        self.memory = Memory(build(spec).state)
        self.runtime = BttRuntime(RuntimeParams.decode(self.memory.values[PARAMS_KEY]))
        self.mining.providers = AnyProvider()
        self.runtime.enter(self.memory.overlay())
        foundation = self.tokenomics.foundation.get()
        if foundation is not None:
            self.owners.append(foundation)
        self.owners.append(PROVIDERS)

    @property
    def tokenomics(self) -> Tokenomics:
        """The pallet of pools and burns."""
        return self.runtime.tokenomics

    @property
    def mining(self) -> Mining:
        """The pallet of rewards for work."""
        return self.runtime.mining

    @property
    def staking(self) -> TierStaking:
        """The pallet of stakes."""
        return self.runtime.tier_staking

    # ---- blocks

    def open(self, now: int) -> None:
        """Open a block in slot `now` since genesis, and set its time."""
        self.number, self.now = self.number + 1, now
        runtime = self.runtime
        self.state = self.memory.overlay()
        runtime.enter(self.state)
        slot = Slot(START + now)
        claim = pre_runtime(SecondaryPlain(SecondaryPlainClaim(u32(0), slot)))
        parent = H256(blake2_256(self.number.to_bytes(4, "little")))
        runtime.system.begin_block(u32(self.number), parent, Digest([claim]))
        runtime.on_initialize(self.number)
        moment = u64(int(slot) * SLOT_MS)
        runtime.dispatch(NONE, runtime.call("Timestamp", "set", now=moment))

    def close(self) -> None:
        """Close the block, and store its changes."""
        self.runtime.system.end_extrinsics()
        self.runtime.on_finalize(self.number)
        self.runtime.system.end_block()
        self.memory.keep(self.state.changes())

    def do(self, who: AccountId, pallet: str, call: str, **arguments: object) -> None:
        """Make a call of `who`. Raises DispatchError if it fails; then nothing changed."""
        self.runtime.dispatch(signed(who), self.runtime.call(pallet, call, **arguments))

    # ---- every step

    def trade(self, demand: int) -> None:
        """Claim the last era's rewards, and buy compute for `demand` planck."""
        era = self.mining.eras.era_index.value
        if era:
            self.attempt(PROVIDERS, "Mining", "claim_rewards", era_from=era - 1, era_to=era - 1)
        self.gather(PROVIDERS)
        self.left_over += demand
        wanted = min(self.left_over, self.spendable(MARKET))
        jobs = wanted // int(JOB)
        if not jobs:
            return
        self.left_over -= jobs * int(JOB)
        split = times(split_compute(int(JOB), int(self.tokenomics.threshold())), jobs)
        earners = ((PROVIDERS, split.contributors),)
        self.tokenomics.take(MARKET, split, BurnReason.Compute, earners)
        fees = u128(jobs * int(JOB) - int(split.contributors))
        units = int(fees) // int(self.mining.prices.fee_price.value)
        receipt = H256(blake2_256(b"receipt" + self.number.to_bytes(4, "little")))
        self.mining.record(PROVIDERS, receipt, units, fees, verified=False)
        self.sold += jobs * int(JOB)

    def work_for_the_chain(self, seconds: int) -> None:
        """Pay for the chain's own jobs of a step, as far as the unallocated emission allows."""
        emission = self.mining.emission_now()
        work = self.plan.protocol_speed * seconds * int(emission.protocol_price)
        checked = work * FEE_BPS * int(self.chain.work.committee) // (BPS * PROTOCOL_SAMPLED)
        amount = min(work + checked, int(emission.protocol_room))
        if amount:
            self.mining.spend_unallocated(PROVIDERS, u128(amount))

    # ---- every month

    def month_ends(self, month: int) -> None:
        """Do the monthly actions of all actors."""
        self.run_foundation(month)
        for who in self.owners:
            self.attempt(who, "Vesting", "vest")
            self.gather(who)
        self.look_after_stakes()
        self.open_stakes()

    def run_foundation(self, month: int) -> None:
        """Attest the milestones of a quarter that ends, and claim the released amounts."""
        foundation = self.tokenomics.foundation.get()
        if foundation is None:
            return
        for number, programme in sorted(self.tokenomics.programmes.programmes.items()):
            item = month // QUARTER - 1
            if month % QUARTER == 0 and 0 <= item < len(programme.milestones):
                self.do(
                    foundation,
                    "Tokenomics",
                    "attest_milestone",
                    programme=number,
                    index=u32(item),
                    evidence_hash=H256(bytes(32)),
                )
            self.attempt(MARKET, "Tokenomics", "claim_programme", programme=number)

    def look_after_stakes(self) -> None:
        """Claim the rewards of open stakes; close those whose term is over."""
        still_open = []
        for stake in self.stakes:
            if self.now >= stake.end:
                self.do(stake.who, "TierStaking", "unstake", id=stake.id)
                self.gather(stake.who)
                continue
            self.attempt(stake.who, "TierStaking", "claim", id=stake.id)
            self.attempt(stake.who, "TierStaking", "claim_dividend", id=stake.id)
            still_open.append(stake)
        self.stakes = still_open

    def open_stakes(self) -> None:
        """Stake the difference to the plan's share by tier, each stake from a new account."""
        circulating = int(self.tokenomics.supply().circulating)
        tiers = self.staking.tier_terms.current_tiers.value
        target = circulating * self.plan.staked_ppm // PPM // len(tiers)
        for place, terms in enumerate(tiers):
            lacking = target - sum(stake.amount for stake in self.stakes if stake.tier == place)
            term = int(terms.days) * DAY_MS
            cap = int(self.staking.reward_pool.max_commit_per_account.value)
            most = cap * BPS * YEAR365_MS // (int(terms.reward_bps) * term)
            while True:
                amount = min(lacking, most, self.spendable(MARKET) - int(EXISTENTIAL))
                if amount < terms.minimum or not self.stake(place, amount, term // SLOT_MS):
                    break
                lacking -= amount

    def stake(self, tier: int, amount: int, term: int) -> bool:
        """Open a stake with market money; return True if the pool could promise its reward."""
        number = self.staking.ledger.next_id.value
        who = simulated_account(f"staker {int(number)}")
        self.send(MARKET, who, amount + int(EXISTENTIAL))
        if not self.attempt(
            who, "TierStaking", "stake", amount=u128(amount), tier=u8(tier), min_reward=None
        ):
            self.gather(who)
            return False
        self.stakes.append(OpenStake(who, number, tier, amount, self.now + term))
        return True

    # ---- helpers

    def attempt(self, who: AccountId, pallet: str, call: str, **arguments: object) -> bool:
        """Make a call of `who`; return True if it succeeded, False if it was refused."""
        try:
            self.do(who, pallet, call, **arguments)
        except DispatchError:
            return False
        return True

    def spendable(self, who: AccountId) -> int:
        """Return the amount that `who` can spend and stay alive, in planck."""
        return max(0, int(self.runtime.balances.reducible_balance(who)) - int(EXISTENTIAL))

    def gather(self, who: AccountId) -> None:
        """Send the spendable balance of `who` to the market."""
        amount = self.spendable(who)
        if amount >= EXISTENTIAL:
            self.send(who, MARKET, amount)

    def send(self, source: AccountId, dest: AccountId, amount: int) -> None:
        """Transfer money."""
        value = u128(amount)
        self.do(source, "Balances", "transfer_allow_death", dest=Id(dest), value=value)

    def figures(self, month: int) -> Month:
        """Return the present figures of the pallets."""
        supply, pool = self.tokenomics.supply(), self.staking.reward_pool.state()
        free = int(pool.free)
        self.free_history.append(free)
        foundation = sum(
            int(programme.released_planck)
            for _, programme in self.tokenomics.programmes.programmes.items()
        )
        return Month(
            preset=self.chain.preset,
            month=month,
            supply_planck=int(supply.issuance),
            burned_planck=int(supply.burned),
            circulating_planck=int(supply.circulating),
            locked_planck=int(supply.locked),
            staked_planck=int(self.staking.ledger.total_staked.value),
            released_planck=self.tokenomics.releases.released_now(),
            emitted_planck=int(self.mining.emitted_now()),
            mining_paid_planck=int(self.mining.ledger.paid.value),
            mining_unallocated_planck=int(self.mining.ledger.unallocated.value),
            compute_sold_planck=self.sold,
            foundation_planck=foundation,
            stake_free_planck=free,
            stake_committed_planck=int(pool.committed),
            runway_months=runway(self.free_history),
        )


# --- helpers --------------------------------------------------------------------


def holders_of(placement: Placement) -> list[AccountId]:
    """Return the accounts in a placement except the pools."""
    return [
        account
        for account in dict.fromkeys(
            holding.account
            for placed in placement.rows
            if placed.row.kind in {Kind.LINEAR, Kind.IMMEDIATE, Kind.TREASURY}
            for holding in placed.holdings
        )
        if not is_pool(account)
    ]


def times(split: ComputeSplit, jobs: int) -> ComputeSplit:
    """Return the parts of a fee for a number of equal jobs."""
    return ComputeSplit(
        burn=split.burn * jobs,
        contributors=split.contributors * jobs,
        development=split.development * jobs,
        foundation=split.foundation * jobs,
        reserve=split.reserve * jobs,
    )


def runway(history: list[int]) -> int | None:
    """Return the number of months that the last amount lasts at the pace of the last twelve."""
    before = history[-LOOK_BACK - 1 :]
    spent, months = before[0] - before[-1], len(before) - 1
    return None if spent <= 0 else before[-1] * months // spent
