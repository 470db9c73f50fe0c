"""An economy in memory: the real runtime from a preset's genesis, months in seconds.

The pallets are those of `BttRuntime`, block by block on a state in memory; whatever is paid,
burned, reserved or refused, they decide. Simulated is only who acts, by these assumptions:

* A block is made every step (a thirtieth of a month, or a month), and an epoch is as long as a
  step, so that every step closes one era. Slots are of six seconds; the validator is one holder.
* Whoever gets money puts it on the market as soon as it can be spent: holders what vests, the
  liquidity managers, the Foundation, providers. The market buys the compute and does the staking.
* Compute is sold in jobs of a hundred BTT to requesters who are not verified, as much as the plan
  says and the market can pay, done by providers with neutral scores. The registry of providers
  comes with Useful work; here a stand-in says that they may earn. Rewards are claimed era by era.
* The Foundation attests each quarter's milestone when the quarter ends, nobody objects, and every
  month it claims what time, milestones and the ceiling allow.
* The plan's share of what circulates is staked, a fifth of it in each tier, as far as its minimum
  is reached and the pool can promise the full reward. Rewards and dividends are claimed monthly,
  and stakes closed when their term is over.
* Nothing is spent at discretion, and transactions cost no fee.
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
from genesis.accounts import dev_key
from genesis.allocation import Kind
from genesis.build import build
from genesis.catalogue import make
from genesis.holders import account_of, dev_holders
from genesis.placement import Placement
from genesis.presets import Chain, ChainType, Engine
from genesis.spec import Plain, SpecError
from genesis.tables import table
from genesis.validators import Validator
from runtime import BttRuntime
from runtime.constants import BTT, DAY_MS, MILLI_BTT, MONTH_MS
from runtime.frame import NONE, DispatchError, signed
from runtime.pallets.balances import is_pool
from runtime.pallets.mining import Mining, Providers
from runtime.pallets.tier_staking import YEAR365_MS, TierStaking
from runtime.pallets.tokenomics import BurnReason, Tokenomics
from runtime.params import PARAMS_KEY, RuntimeParams
from runtime.splits import BPS, PPM, ComputeSplit, split_compute
from storage.overlay import Overlay

SLOT_MS: Final = 6_000
MONTH: Final = MONTH_MS // SLOT_MS
"""A month in slots."""
START: Final = 1_735_689_600_000 // SLOT_MS
"""The slot of block 1: the beginning of 2025."""
STEPS: Final = 30
"""Steps of a month when they are days, or nearly: a month is 30.4375 days."""
JOB: Final = 100 * BTT
"""The price of one job."""
QUARTER: Final = 3
LOOK_BACK: Final = 12
"""Months over which the pace of the staking pool is measured."""
EXISTENTIAL: Final = MILLI_BTT


@dataclass(frozen=True, slots=True)
class Plan:
    """What people do in a simulated economy."""

    months: int
    staked_ppm: int = 200_000
    """How much of what circulates is staked, in millionths."""
    demand: int = 100_000 * int(BTT)
    """For how much compute is bought in a month, in planck."""
    daily: bool = True
    """Whether a step is (about) a day; else a month."""


class Month(NamedTuple):
    """The economy at the end of a month, in planck. `released` and `emitted` are by the ceiling's
    and the schedule's own counts; `runway` is how many months the free part of the staking pool
    lasts at the pace of the last twelve, None if it did not shrink.
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
    mining_carry_planck: int
    compute_sold_planck: int
    foundation_planck: int
    stake_free_planck: int
    stake_committed_planck: int
    runway_months: int | None


def simulated(chain: Chain, plan: Plan) -> Iterator[Month]:
    """Run the economy of a chain by a plan; yields month 0, after block 1, and every month's end.

    SpecError if the chain's preset makes no genesis.
    """
    economy = Economy(chain, plan)
    economy.open(0)
    economy.month_ends(0)
    economy.close()
    yield economy.told(0)
    steps = STEPS if plan.daily else 1
    for month in range(1, plan.months + 1):
        for step in range(1, steps + 1):
            economy.open((month - 1) * MONTH + step * MONTH // steps)
            economy.trade(plan.demand * step // steps - plan.demand * (step - 1) // steps)
            if step == steps:
                economy.month_ends(month)
            economy.close()
        yield economy.told(month)


class Memory:
    """What the last block left, all of it in memory.

    Blocks work on an overlay, as they do in a node; its changes are folded in when they close, so
    that walks over keys stay quick however long the run is.
    """

    def __init__(self, values: Mapping[bytes, bytes]) -> None:
        self.values = dict(values)
        self._ordered = sorted(values)

    def overlay(self) -> Overlay:
        """Return a state for the next block."""
        return Overlay(self.values.get, self._keys)

    def keep(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Fold in what a block changed."""
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


# --- who there is ---------------------------------------------------------------


class Anybody(Providers):
    """A registry in which everybody may earn by work, each for itself."""

    def exists(self, who: AccountId) -> bool:
        """Tell that `who` is registered."""
        return True

    def operator_of(self, provider: AccountId) -> AccountId | None:
        """Return the provider itself."""
        return provider


def somebody(name: str) -> AccountId:
    """A simulated account."""
    return AccountId(blake2_256(b"btt/simulated/" + name.encode()))


MARKET: Final = somebody("market")
PROVIDERS: Final = somebody("providers")


@dataclass(slots=True)
class OpenStake:
    """A stake that is open."""

    who: AccountId
    id: u32
    tier: int
    amount: int
    end: int
    """In slots since genesis."""


@dataclass(slots=True)
class Economy:
    """The runtime on its state, and what the people in it remember."""

    chain: Chain
    plan: Plan
    runtime: BttRuntime = field(init=False)
    memory: Memory = field(init=False)
    state: Overlay = field(init=False)
    """That of the block at hand."""
    number: int = field(default=0, init=False)
    now: int = field(default=0, init=False)
    stakes: list[OpenStake] = field(default_factory=list, init=False)
    sold: int = field(default=0, init=False)
    left_over: int = field(default=0, init=False)
    """Demand that makes no whole job yet."""
    free_history: list[int] = field(default_factory=list, init=False)
    owners: list[AccountId] = field(default_factory=list, init=False)
    """Who has money from genesis on, or gets it."""

    def __post_init__(self) -> None:
        """Make block zero and stand on its state."""
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
        self.mining.providers = Anybody()
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
        """Close the block, and keep what it did."""
        self.runtime.system.end_extrinsics()
        self.runtime.on_finalize(self.number)
        self.runtime.system.end_block()
        self.memory.keep(self.state.changes())

    def do(self, who: AccountId, pallet: str, call: str, **arguments: object) -> None:
        """Let `who` make a call. Raises DispatchError if it fails; then nothing changed."""
        self.runtime.dispatch(signed(who), self.runtime.call(pallet, call, **arguments))

    # ---- every step

    def trade(self, demand: int) -> None:
        """Have the last era's rewards claimed, and buy compute for so much money."""
        era = self.mining.era_index.value
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
        units = int(fees) // int(self.mining.fee_price.value)
        receipt = H256(blake2_256(b"receipt" + self.number.to_bytes(4, "little")))
        self.mining.record(PROVIDERS, receipt, units, fees, verified=False)
        self.sold += jobs * int(JOB)

    # ---- every month

    def month_ends(self, month: int) -> None:
        """Let everybody do what is done once a month."""
        self.run_foundation(month)
        for who in self.owners:
            self.attempt(who, "Vesting", "vest")
            self.gather(who)
        self.look_after_stakes()
        self.open_stakes()

    def run_foundation(self, month: int) -> None:
        """Attest the milestones of a quarter that ends, and claim what may be claimed."""
        foundation = self.tokenomics.foundation.get()
        if foundation is None:
            return
        for number, programme in sorted(self.tokenomics.programmes.items()):
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
        """Claim what open stakes have earned; close those whose term is over."""
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
        """Stake what the plan's share lacks, tier by tier, each stake by an account of its own."""
        circulating = int(self.tokenomics.supply().circulating)
        tiers = self.staking.current_tiers.value
        target = circulating * self.plan.staked_ppm // PPM // len(tiers)
        for place, terms in enumerate(tiers):
            lacking = target - sum(stake.amount for stake in self.stakes if stake.tier == place)
            term = int(terms.days) * DAY_MS
            cap = int(self.staking.max_commit_per_account.value)
            most = cap * BPS * YEAR365_MS // (int(terms.reward_bps) * term)
            while True:
                amount = min(lacking, most, self.spendable(MARKET) - int(EXISTENTIAL))
                if amount < terms.minimum or not self.stake(place, amount, term // SLOT_MS):
                    break
                lacking -= amount

    def stake(self, tier: int, amount: int, term: int) -> bool:
        """Open a stake with money of the market; tell whether the pool could promise its reward."""
        number = self.staking.next_id.value
        who = somebody(f"staker {int(number)}")
        self.send(MARKET, who, amount + int(EXISTENTIAL))
        if not self.attempt(
            who, "TierStaking", "stake", amount=u128(amount), tier=u8(tier), min_reward=None
        ):
            self.gather(who)
            return False
        self.stakes.append(OpenStake(who, number, tier, amount, self.now + term))
        return True

    # ---- steps

    def attempt(self, who: AccountId, pallet: str, call: str, **arguments: object) -> bool:
        """Let `who` make a call that may be refused; tell whether it was carried out."""
        try:
            self.do(who, pallet, call, **arguments)
        except DispatchError:
            return False
        return True

    def spendable(self, who: AccountId) -> int:
        """What `who` can spend and still live, in planck."""
        return max(0, int(self.runtime.balances.reducible_balance(who)) - int(EXISTENTIAL))

    def gather(self, who: AccountId) -> None:
        """Put what `who` can spend on the market."""
        amount = self.spendable(who)
        if amount >= EXISTENTIAL:
            self.send(who, MARKET, amount)

    def send(self, source: AccountId, dest: AccountId, amount: int) -> None:
        """Transfer money."""
        value = u128(amount)
        self.do(source, "Balances", "transfer_allow_death", dest=Id(dest), value=value)

    def told(self, month: int) -> Month:
        """What the pallets say of the economy now."""
        supply, pool = self.tokenomics.supply(), self.staking.pool()
        free = int(pool.free)
        self.free_history.append(free)
        foundation = sum(
            int(programme.released_planck) for _, programme in self.tokenomics.programmes.items()
        )
        return Month(
            preset=self.chain.preset,
            month=month,
            supply_planck=int(supply.issuance),
            burned_planck=int(supply.burned),
            circulating_planck=int(supply.circulating),
            locked_planck=int(supply.locked),
            staked_planck=int(self.staking.total_staked.value),
            released_planck=self.tokenomics.released_now(),
            emitted_planck=int(self.mining.emitted_now()),
            mining_paid_planck=int(self.mining.paid.value),
            mining_carry_planck=int(self.mining.carry.value),
            compute_sold_planck=self.sold,
            foundation_planck=foundation,
            stake_free_planck=free,
            stake_committed_planck=int(pool.committed),
            runway_months=runway(self.free_history),
        )


# --- small things ---------------------------------------------------------------


def holders_of(placement: Placement) -> list[AccountId]:
    """The accounts of people in a placement: all but the pools."""
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
    """The legs of so many equal jobs."""
    return ComputeSplit(
        burn=split.burn * jobs,
        contributors=split.contributors * jobs,
        development=split.development * jobs,
        foundation=split.foundation * jobs,
        reserve=split.reserve * jobs,
    )


def runway(history: list[int]) -> int | None:
    """How many months the last of these amounts lasts at the pace of the last twelve months."""
    before = history[-LOOK_BACK - 1 :]
    spent, months = before[0] - before[-1], len(before) - 1
    return None if spent <= 0 else before[-1] * months // spent
