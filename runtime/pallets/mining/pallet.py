"""Mining: the emission for verified work.

An era is an epoch. The emission of an era is its budget, shared by the verified work that was done
in it; a receipt earns at most a part of the fees that it cost, so that paying oneself is a loss.
The unearned part goes to `Carry`, the unallocated emission, which pays only jobs of the chain
itself, no faster than the schedule. Epochs without a block are idle: all their emission is
unallocated, and one closing is enough for any number of them.

Invariant, to the planck: `paid + owed + carry + unemitted == allocated`, the pool at genesis.
Rewards are owed by era until they are claimed, 84 days at most; then they become unallocated, like
the amounts that a cap cuts off. Recording a receipt, closing an era and claiming one have constant
costs, for any number of receipts or operators.

Described in `docs/economy.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, NamedTuple

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.arithmetic import mul_div
from btt_chain.primitives.digest import H256
from btt_chain.scale import TypeName, u16, u32, u64, u128
from runtime.constants import DAY_MS
from runtime.emission import emitted, issued, pace, score
from runtime.frame import (
    Const,
    DispatchInfo,
    DoubleMap,
    Error,
    Event,
    Hasher,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    PostInfo,
    Section,
    Value,
    call,
)
from runtime.pallets.mining import factors
from runtime.pallets.mining.shares import Step, added, earned, part, score_of
from runtime.pallets.mining.types import (
    FEE_PRICE,
    MAX_KAPPA,
    MAX_KAPPA_VERIFIED,
    MAX_PRICE,
    MIN_PRICE,
    PARTS,
    PROTOCOL_PRICE,
    Balance,
    Clock,
    Emission,
    EraBooks,
    Estimate,
    Granted,
    NoProviders,
    OperatorView,
    Params,
    Payer,
    PoolBalance,
    Providers,
    RegionWork,
    Running,
    Standing,
    Steps,
)
from runtime.splits import BPS, PPM
from runtime.weights import block
from runtime.weights import mining as weights

CLAIM_DAYS: Final = 84
"""A constant of `Mining`."""
MAX_CLAIM_ERAS: Final = 64
"""Maximum number of eras that one claim covers."""
LOOK: Final = 3 * block.READ
"""Weight of an era without a share, in picoseconds."""
EXPIRY_STEPS: Final = 8
"""Maximum number of eras that one block checks for expired rewards."""
SWEPT: Final = 16
"""Maximum number of expired shares that each of these steps removes."""


Who = Annotated[AccountId, TypeName("T::AccountId")]
EraIndex = Annotated[u32, TypeName("EraIndex")]


class Settled(NamedTuple):
    """The settlement of one operator's share of one era; amounts in planck."""

    number: int
    era: EraBooks
    part: int
    reward: int


def by_eras(_: Mining, era_from: int, era_to: int) -> DispatchInfo:
    """Weigh a claim by the eras it names."""
    eras = min(max(int(era_to) - int(era_from) + 1, 0), MAX_CLAIM_ERAS)
    return DispatchInfo(weights.claim_rewards(eras))


class Mining(Pallet):
    """The emission for verified work."""

    era_length: Const[u32]
    """Length of an era in slots: an epoch."""
    slot_ms: u64
    """Length of a slot in milliseconds."""
    max_claim_eras: Const[u32] = u32(MAX_CLAIM_ERAS)
    """Maximum number of eras that one claim may name."""
    pool: AccountId
    """The account that all rewards and jobs of the chain are paid from."""
    currency: PoolBalance
    payer: Payer
    clock: Clock
    providers: Providers = NoProviders()
    attesting: OriginCheck
    """Origin that attests operators' regions and energy use."""
    params_origin: OriginCheck
    """Origin that sets the parameters."""

    claim_days: ClassVar[Const[u32]] = u32(CLAIM_DAYS)
    """Days of 24 hours in which an era's rewards can be claimed; then they become unallocated."""
    max_kappa: ClassVar[Const[u32]] = u32(MAX_KAPPA)
    """Maximum of `Params.kappa`, the part of fees that a receipt may earn, in parts per million."""
    max_kappa_verified: ClassVar[Const[u32]] = u32(MAX_KAPPA_VERIFIED)
    """The same for a verified requester's fees: less than all, so that self-payment is a loss."""
    least_price: ClassVar[Const[u128]] = MIN_PRICE
    """Minimum price of a unit of work, in fees and in jobs of the chain itself, in planck."""
    most_price: ClassVar[Const[u128]] = MAX_PRICE
    """Maximum of these prices that governance and genesis may set, in planck per unit of work."""
    price_step: ClassVar[Const[u32]] = u32(factors.PRICE_STEP)
    """Divisor: an era changes each of these prices by at most one part in this many."""
    uptime_floor: ClassVar[Const[u32]] = u32(factors.UPTIME_FLOOR)
    """Minimum part of the expected heartbeats, in parts per million; below it nothing is earned."""
    quality_least: ClassVar[Const[u32]] = u32(factors.QUALITY_RANGE[0])
    """Minimum quality factor: slow or bad work, in parts per million."""
    quality_most: ClassVar[Const[u32]] = u32(factors.QUALITY_RANGE[1])
    """Maximum quality factor: fast and good work, in parts per million."""
    geography_least: ClassVar[Const[u32]] = u32(factors.GEOGRAPHY_RANGE[0])
    """Minimum geography factor: regions with enough work, in parts per million."""
    geography_most: ClassVar[Const[u32]] = u32(factors.GEOGRAPHY_RANGE[1])
    """Maximum geography factor: regions in which more work is wanted, in parts per million."""
    energy_least: ClassVar[Const[u32]] = u32(factors.ENERGY_RANGE[0])
    """Minimum energy factor: work of high or unknown energy use, in parts per million."""
    energy_most: ClassVar[Const[u32]] = u32(factors.ENERGY_RANGE[1])
    """Maximum energy factor: work of low energy use, in parts per million."""

    allocated = Value(u128, default=u128(0))
    """The pool at genesis, in planck."""
    unemitted = Value(u128, default=u128(0))
    """Emission of the current era and all later ones, in planck."""
    owed = Value(u128, default=u128(0))
    """Emission that can be claimed, in planck."""
    paid = Value(u128, default=u128(0))
    """Amount paid from the pool, in planck."""
    carry = Value(u128, default=u128(0))
    """Unallocated emission: emitted and not earned, in planck."""
    era_index = Value(u32, default=u32(0))
    """The current era: the number of closed ones."""
    began = Value(u32, default=u32(0))
    """Epoch in which the current era began, counted from genesis."""
    running = Value(Running, default=Running())
    """The sums over the receipts of the current era."""
    eras = Map(u32, EraBooks, hasher=Hasher.Twox64Concat)
    """The closed eras in which an operator scored, until they expire."""
    oldest = Value(u32, default=u32(0))
    """No era before this one is stored."""
    shares = DoubleMap(u32, AccountId, Steps)
    """Operators' receipts in an era, summed up, until they are claimed."""
    receipts = Map(H256, u32, hasher=Hasher.Identity)
    """All receipts that were ever recorded, and their eras: none counts twice."""
    standing = Map(AccountId, Standing, default=Standing())
    """Attested and measured values of operators."""
    region_work = Map(u16, RegionWork, default=RegionWork(), hasher=Hasher.Twox64Concat)
    """Work counted in each region in its last eras."""
    last_counted = Value(u128, default=u128(0))
    """Parts of a unit counted in the previous era, in all regions and none."""
    granted = Map(AccountId, Granted, default=Granted())
    """Additional rewards granted for verified requesters' fees, by era."""
    fee_price = Value(u128, default=FEE_PRICE)
    """Fees that a unit of work must have cost to count in full, in planck (phi)."""
    protocol_price = Value(u128, default=PROTOCOL_PRICE)
    """Price of a unit of the chain's own jobs, in planck."""
    carry_spent = Value(u128, default=u128(0))
    """Cost of the chain's own jobs in the current era, in planck."""
    params = Value(Params, default=Params())

    class ReceiptAccepted(Event, index=0):
        """Verified work was recorded; `score` is its weight, in millionths of a unit."""

        receipt: Annotated[H256, TypeName("T::Hash")]
        operator: Who
        units: Annotated[u64, TypeName("u64")]
        score: Annotated[u128, TypeName("u128")]

    class EraEnded(Event, index=1):
        """An era ended. Of its budget, `owed` can be claimed, and `carry` became unallocated."""

        era: EraIndex
        budget: Balance
        owed: Balance
        carry: Balance

    class RewardPaid(Event, index=2):
        """An operator was paid its reward of an era."""

        who: Who
        era: EraIndex
        amount: Balance

    class RewardsExpired(Event, index=3):
        """The unclaimed rewards of an era expired and became unallocated."""

        era: EraIndex
        amount: Balance

    class CarrySpent(Event, index=4):
        """A job of the chain itself was paid."""

        to: Who
        amount: Balance

    class RegionAttested(Event, index=5):
        """An operator's region was attested."""

        operator: Who
        region: Annotated[u16, TypeName("u16")]

    class EnergyAttested(Event, index=6):
        """An operator's work per kilowatt-hour was attested; 0 withdrew the attestation."""

        operator: Who
        units_per_kwh: Annotated[u64, TypeName("u64")]

    class ParamsSet(Event, index=7):
        """Governance changed the parameters."""

        params: Annotated[Params, TypeName("Params<BalanceOf<T>>")]

    class NotOperator(Error, index=0):
        """The account may not earn by work; register it as a provider and bond enough first."""

    class ReceiptReplayed(Error, index=1):
        """The receipt was recorded before; each job gives one receipt, and it counts once."""

    class EraNotFinished(Error, index=2):
        """An era of the claim has not ended; claim up to the era before the current one."""

    class NothingToClaim(Error, index=3):
        """The caller has no share in these eras: claimed, expired, or no work was done."""

    class TooManyEras(Error, index=4):
        """The range is reversed or longer than `max_claim_eras`; claim the rest separately."""

    class UnknownRegion(Error, index=5):
        """There is no region of this number; governance sets the list with `set_params`."""

    class InvalidParams(Error, index=6):
        """These parameters are inconsistent; `Params.problem` lists the conditions."""

    class CarryLimitReached(Error, index=7):
        """The chain's own jobs have cost as much as an era allows; try again in the next."""

    class CarryExhausted(Error, index=8):
        """The unallocated emission is smaller than that; reduce the amount, or wait some eras."""

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Store the pool's balance and the initial prices. Raises GenesisError.

        All optional: `feePrice` and `protocolPrice` (planck per unit), `medianEnergy` (units per
        kilowatt-hour), `targetP95` (thousandths), `regions`, a list of wanted shares in ppm.
        """
        fields = Section(config, "mining").fields(
            optional=("feePrice", "protocolPrice", "medianEnergy", "targetP95", "regions")
        )
        pool = self.currency.total(self.pool)
        self.allocated.value = self.unemitted.value = pool
        params = Params()
        if "feePrice" in fields:
            price = fields["feePrice"].planck()
            if not MIN_PRICE <= price <= MAX_PRICE:
                raise fields["feePrice"].wrong(f"{MIN_PRICE} to {MAX_PRICE} planck per unit")
            self.fee_price.value = price
        if "protocolPrice" in fields:
            params.protocol_price = fields["protocolPrice"].planck()
        if "medianEnergy" in fields:
            params.median_energy = fields["medianEnergy"].u64()
        if "targetP95" in fields:
            params.target_p95 = fields["targetP95"].u32()
        if "regions" in fields:
            params.regions = [region.u32() for region in fields["regions"]]
        problem = params.problem()
        if problem is not None:
            raise Section(config, "mining").wrong(f"parameters that go together (not {problem})")
        self.params.value = params
        self.protocol_price.value = params.protocol_price

    def on_initialize(self, number: int) -> int:
        """Close the era if its epoch is over, and expire old rewards."""
        weight = 0
        epoch = self._epoch()
        if epoch > self.began.value:
            self._close(epoch)
            weight += weights.CLOSE
        return weight + self._expire()

    # ---- calls

    @call(0, weight=by_eras)
    def claim_rewards(self, origin: Origin, era_from: EraIndex, era_to: EraIndex) -> PostInfo:
        """Pay the caller its rewards of these eras, both of the named included."""
        who = origin.signed()
        first, last = int(era_from), int(era_to)
        if not 0 <= last - first < self.max_claim_eras:
            raise self.TooManyEras
        if last >= self.era_index.value:
            raise self.EraNotFinished
        settled = [row for era in range(first, last + 1) if (row := self._settled(era, who))]
        if not settled:
            raise self.NothingToClaim
        total = u128(sum(row.reward for row in settled))
        if total:
            self.payer.pay(self.pool, who, total, discretionary=False)

        released = sum(row.part for row in settled)
        self.owed.value -= released
        self.paid.value += total
        self.carry.value += released - total
        for row in settled:
            row.era.left -= row.part
            self.eras[u32(row.number)] = row.era
            del self.shares[u32(row.number), who]
            if row.reward:
                self.deposit(self.RewardPaid(who, u32(row.number), u128(row.reward)))
        without = last - first + 1 - len(settled)
        return PostInfo(weight=weights.claim_rewards(len(settled)) + without * LOOK)

    @call(1, weight=weights.ATTEST_REGION)
    def attest_region(
        self, origin: Origin, operator: Who, region: Annotated[u16, TypeName("u16")]
    ) -> None:
        """Attest the region in which an operator works. For the oracle."""
        self.attesting(origin)
        if not self.providers.exists(operator):
            raise self.NotOperator
        if not self.params.peek().is_region(region):
            raise self.UnknownRegion
        standing = self.standing[operator]
        standing.region = region
        self.standing[operator] = standing
        self.deposit(self.RegionAttested(operator, region))

    @call(2, weight=weights.ATTEST_ENERGY)
    def attest_energy(
        self, origin: Origin, operator: Who, units_per_kwh: Annotated[u64, TypeName("u64")]
    ) -> None:
        """Attest the units of work that an operator does per kilowatt-hour. For the oracle.

        0 withdraws the attestation.
        """
        self.attesting(origin)
        if not self.providers.exists(operator):
            raise self.NotOperator
        standing = self.standing[operator]
        standing.units_per_kwh = units_per_kwh
        self.standing[operator] = standing
        self.deposit(self.EnergyAttested(operator, units_per_kwh))

    @call(3, weight=weights.SET_PARAMS)
    def set_params(
        self, origin: Origin, params: Annotated[Params, TypeName("Params<BalanceOf<T>>")]
    ) -> None:
        """Set the parameters. Work recorded before keeps its caps."""
        self.params_origin(origin)
        if params.problem() is not None:
            raise self.InvalidParams
        self.params.value = params
        self.deposit(self.ParamsSet(params))

    # ---- public interface: for useful work

    def record(
        self,
        provider: AccountId,
        receipt: H256,
        units: int,
        fees: u128,
        *,
        verified: bool,
        requester: AccountId | None = None,
    ) -> int:
        """Record a receipt that is final: `units` of verified work that cost `fees` planck.

        Return the counted part of it, in millionths of a unit: as much as the fees pay for at the
        price of the era. Fees are the parts of a price that no self-payer gets back: the burn and
        the 30 % legs. `verified` is True if the requester is; then, if `requester` is given, its
        fees may earn more, within a budget of its own. Raises NotOperator, ReceiptReplayed, or
        Overflow for sums that no supply allows.
        """
        operator = self.providers.operator_of(provider)
        if operator is None:
            raise self.NotOperator
        if receipt in self.receipts:
            raise self.ReceiptReplayed
        era, params, standing = self.era_index.value, self.params.peek(), self.standing[provider]
        done = u64(units)
        counted = min(int(done) * PARTS, int(fees) * PARTS // int(self.fee_price.value))
        weighed = score(counted, self._factors(standing, params))
        running = self.running.value
        running.units += int(done)
        running.fees += fees
        running.counted += counted
        running.score += weighed
        if weighed:
            cap = mul_div(fees, params.kappa, PPM)
            if verified and requester is not None:
                cap += self._granted(requester, fees, params)
            steps = self.shares.get((era, operator))
            running.operators += steps is None
            self.shares[era, operator] = added(steps or [], weighed, cap)
        self.running.value = running
        self.receipts[receipt] = era
        self._count_region(standing.region, counted)
        self.deposit(self.ReceiptAccepted(receipt, provider, done, u128(weighed)))
        return counted

    def record_uptime(self, operator: AccountId, answered: int, expected: int) -> None:
        """Store an operator's uptime: the answered ones of the expected heartbeats.

        It counts for receipts from now on, until the next measurement. If none was expected, the
        value stays.
        """
        if not expected:
            return
        standing = self.standing[operator]
        standing.uptime = u32(factors.uptime(answered, expected))
        self.standing[operator] = standing

    def record_quality(self, operator: AccountId, p95: int, ok: int, all_: int) -> None:
        """Store an operator's quality: 95 of 100 jobs took at most `p95`, `ok` of all were good.

        `p95` is in thousandths of the time that the class of machines is given for such a job.
        It counts for receipts from now on, until the next measurement. No change without jobs.
        """
        if not all_:
            return
        target = int(self.params.peek().target_p95)
        standing = self.standing[operator]
        standing.quality = u32(factors.quality(target, p95, min(ok, all_), all_))
        self.standing[operator] = standing

    def pay_protocol_job(self, to: AccountId, units: int) -> u128:
        """Pay a job of the chain itself at its price; return the payment, in planck.

        Raises what `spend_carry` raises.
        """
        amount = u128(int(self.protocol_price.value) * int(units))
        self.spend_carry(to, amount)
        return amount

    def spend_carry(self, to: AccountId, amount: u128) -> None:
        """Pay `amount` planck of the unallocated emission for a job of the chain itself.

        In an era at most the era's emission in all, after year 8 that of the last band.
        Raises CarryLimitReached, CarryExhausted, or the errors of the payment.
        """
        if amount > self._carry_limit() - int(self.carry_spent.value):
            raise self.CarryLimitReached
        if amount > self.carry.value:
            raise self.CarryExhausted
        self.payer.pay(self.pool, to, amount, discretionary=False)

        self.carry.value -= amount
        self.paid.value += amount
        self.carry_spent.value += amount
        self.deposit(self.CarrySpent(to, amount))

    def lean_on(self, providers: Providers) -> None:
        """Bind the registry of providers, which itself depends on this pallet."""
        self.providers = providers

    def era_now(self) -> int:
        """Return the number of the current era, even before this block's hook has begun it."""
        return int(self.era_index.value) + (self._epoch() > self.began.value)

    # ---- public interface: views

    def emission_now(self) -> Emission:
        """Return the state of the emission."""
        began, carry = int(self.began.value), int(self.carry.value)
        room = self._carry_limit() - int(self.carry_spent.value)
        return Emission(
            pool=self.allocated.value,
            unemitted=self.unemitted.value,
            owed=self.owed.value,
            paid=self.paid.value,
            carry=u128(carry),
            era=self.era_index.value,
            began=u32(began * int(self.era_length)),
            budget=u128(issued(self.allocated.value, self._begin(began), self._begin(began + 1))),
            fee_price=self.fee_price.value,
            protocol_price=self.protocol_price.value,
            protocol_room=u128(min(max(room, 0), carry)),
        )

    def emitted_now(self) -> u128:
        """Return the schedule's emission by this slot, in planck, current era included."""
        return u128(emitted(self.allocated.value, self.clock.now() * int(self.slot_ms)))

    def operator_view(self, who: AccountId) -> OperatorView:
        """Return an operator's values and its score in the current era."""
        standing, params = self.standing[who], self.params.peek()
        uptime, quality, geography, energy = self._factors(standing, params)
        operator, running = self.providers.operator_of(who), self.running.value
        steps = self.shares.get((self.era_index.value, who if operator is None else operator))
        return OperatorView(
            operator=operator,
            region=standing.region,
            units_per_kwh=standing.units_per_kwh,
            uptime=u32(uptime),
            quality=u32(quality),
            geography=u32(geography),
            energy=u32(energy),
            score=u128(score_of(steps or [])),
            total_score=running.score,
            operators=running.operators,
        )

    def estimate(self, who: AccountId, era: int | None = None) -> Estimate | None:
        """Return the unclaimed earnings of `who` in an era; None if there are none.

        Without an era, or for the current one: as if it ended now.
        """
        index = self.era_index.value
        if era is not None and era != index:
            row = self._settled(era, who)
            if row is None:
                return None
            until = u32(row.era.expires - 1)
            return Estimate(u32(era), u128(row.part), u128(row.reward), until)
        steps = self.shares.get((index, who))
        if steps is None:
            return None
        began, running = int(self.began.value), self.running.value
        budget = issued(self.allocated.value, self._begin(began), self._begin(began + 1))
        most = self._most(budget, int(running.operators))
        era_now = EraBooks(u128(budget), running.score, u128(budget), most, u32(0))
        row = settle(int(index), era_now, steps)
        return Estimate(index, u128(row.part), u128(row.reward), None)

    # ---- internals: an era

    def _epoch(self) -> int:
        """Return the epoch of this slot, counted from genesis."""
        return self.clock.now() // int(self.era_length)

    def _begin(self, epoch: int) -> int:
        """Return the ms since genesis at which an epoch begins."""
        return epoch * int(self.era_length) * int(self.slot_ms)

    def _close(self, epoch: int) -> None:
        """End the current era, and begin one in `epoch`. The epochs between were idle."""
        era, began, pool = self.era_index.value, int(self.began.value), int(self.allocated.value)
        budget = issued(pool, self._begin(began), self._begin(began + 1))
        idle = issued(pool, self._begin(began + 1), self._begin(epoch))
        running = self.running.value
        owed = budget if running.score else 0
        left_over = budget - owed + idle
        if running.score:
            expires = (began + 1) * int(self.era_length) + CLAIM_DAYS * DAY_MS // int(self.slot_ms)
            most = self._most(budget, int(running.operators))
            self.eras[era] = EraBooks(u128(budget), running.score, u128(owed), most, u32(expires))
        self.unemitted.value -= budget + idle
        self.owed.value += owed
        self.carry.value += left_over

        self._move_prices(running)
        self.last_counted.value = running.counted if epoch == began + 1 else u128(0)
        self.running.kill()
        self.carry_spent.kill()
        self.era_index.value = u32(era + 1)
        self.began.value = u32(epoch)
        self.deposit(self.EraEnded(era, u128(budget + idle), u128(owed), u128(left_over)))

    def _move_prices(self, running: Running) -> None:
        """Move the prices: towards the fees that were paid, and towards governance's target."""
        least = int(MIN_PRICE)
        if running.units:
            price = factors.towards(
                int(self.fee_price.value), int(running.fees) // int(running.units), least
            )
            self.fee_price.value = u128(price)
        wanted, price = int(self.params.peek().protocol_price), int(self.protocol_price.value)
        if wanted != price:
            self.protocol_price.value = u128(factors.towards(price, wanted, least))

    def _most(self, budget: int, operators: int) -> u128:
        """Return the maximum reward of one of `operators` from a budget, in planck."""
        params = self.params.peek()
        if operators < params.operator_cap_from:
            return u128(budget)
        return u128(mul_div(budget, params.operator_cap, BPS))

    def _carry_limit(self) -> int:
        """Return the maximum unallocated emission to be paid in the current era, in planck."""
        began = int(self.began.value)
        return pace(int(self.allocated.value), self._begin(began), self._begin(began + 1))

    def _settled(self, era: int, who: AccountId) -> Settled | None:
        """Return the settlement of the share of `who` in a closed era; None without one."""
        steps = self.shares.get((u32(era), who))
        record = None if steps is None else self.eras.get(u32(era))
        if steps is None or record is None or self.clock.now() >= record.expires:
            return None
        return settle(era, record, steps)

    def _expire(self) -> int:
        """Expire rewards that were not claimed in time, a few eras a block; return the weight."""
        now, weight = self.clock.now(), 0
        for _ in range(EXPIRY_STEPS):
            index = self.oldest.value
            if index >= self.era_index.value:
                break
            era = self.eras.get(index)
            if era is not None and now < era.expires:
                break
            weight += weights.EXPIRE
            if era is not None and not self._swept(index, era):
                return weight
            self.oldest.value = u32(index + 1)
        return weight

    def _swept(self, index: u32, era: EraBooks) -> bool:
        """Make the rest of an era unallocated, and remove shares; return True if none is left."""
        if era.left:
            self.owed.value -= era.left
            self.carry.value += era.left
            self.deposit(self.RewardsExpired(index, era.left))
            era.left = u128(0)
            self.eras[index] = era
        forgotten = self.shares.some_under(index, SWEPT)
        for who in forgotten:
            del self.shares[index, who]
        if len(forgotten) == SWEPT:
            return False
        del self.eras[index]
        return True

    # ---- internals: a receipt

    def _factors(self, standing: Standing, params: Params) -> tuple[int, int, int, int]:
        """Return uptime, quality, geography and energy of an operator, in ppm, in that order."""
        region, place = standing.region, factors.NEUTRAL
        if region is not None and params.is_region(region):
            done = self.region_work[region].at(int(self.era_index.value)).before
            target = int(params.regions[region])
            place = factors.geography(target, int(done), int(self.last_counted.value))
        power = factors.energy(int(standing.units_per_kwh), int(params.median_energy))
        return int(standing.uptime), int(standing.quality), place, power

    def _count_region(self, region: u16 | None, counted: int) -> None:
        """Count parts of units to a region.

        Only paid ones: otherwise unpaid work in another region could make an operator's own region
        a wanted one.
        """
        if region is None or not counted:
            return
        work = self.region_work[region].at(int(self.era_index.value))
        work.parts += counted
        self.region_work[region] = work

    def _granted(self, requester: AccountId, fees: u128, params: Params) -> int:
        """Return the additional reward that a verified requester's fees allow, and store it."""
        granted, era = self.granted[requester], self.era_index.value
        used = int(granted.amount) if granted.era == era else 0
        more = mul_div(fees, params.kappa_verified - params.kappa, PPM)
        more = min(more, max(int(params.verified_budget) - used, 0))
        if more:
            self.granted[requester] = Granted(era, u128(used + more))
        return more


def settle(number: int, era: EraBooks, steps: list[Step]) -> Settled:
    """Return the settlement of a share with these receipts, by the sums of its era."""
    budget, total = int(era.budget), int(era.score)
    reward = min(earned(steps, budget, total), int(era.most))
    return Settled(number, era, part(budget, score_of(steps), total), reward)
