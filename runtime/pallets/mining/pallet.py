"""Mining: what is issued to those who compute.

An era is an epoch. What the schedule issues in an era is its budget, shared by the work that was
done in it and verified; nobody earns more by a receipt than a part of the fees that it cost, so
that paying oneself is a loss. What was not earned goes to Carry, which pays only jobs of the
chain itself, no faster than the schedule. Epochs without a block are idle: all they issue goes
to Carry, and one closing is enough for any number of them.

What always holds, to the planck (I6): `paid + owed + carry + unemitted == allocated`, the pool at
genesis. Rewards are owed by era until they are claimed, 84 days at most, then they go to Carry,
like everything that a cap cuts off. Recording a receipt, closing an era and claiming one cost the
same, however many receipts or operators there are.

Source: `economy.md` 3.3 and 3.4, rulings B27 and B28.
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
    LEAST_PRICE,
    MAX_KAPPA,
    MAX_KAPPA_VERIFIED,
    MOST_PRICE,
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
"""Eras that one claim looks through at most."""
LOOK: Final = 3 * block.READ
"""What finding no share in an era costs, in picoseconds."""
EXPIRY_STEPS: Final = 8
"""Eras that one block looks at for rewards that nobody claimed."""
SWEPT: Final = 16
"""Forgotten shares that each of these steps removes at most."""


Who = Annotated[AccountId, TypeName("T::AccountId")]
EraIndex = Annotated[u32, TypeName("EraIndex")]


class Settled(NamedTuple):
    """What becomes of one operator's share of one era; amounts in planck."""

    number: int
    era: EraBooks
    part: int
    reward: int


def by_eras(_: Mining, era_from: int, era_to: int) -> DispatchInfo:
    """Weigh a claim by the eras it names."""
    eras = min(max(int(era_to) - int(era_from) + 1, 0), MAX_CLAIM_ERAS)
    return DispatchInfo(weights.claim_rewards(eras))


class Mining(Pallet):
    """What is issued to those who compute."""

    era_length: Const[u32]
    """The length of an era in slots: an epoch."""
    slot_ms: u64
    """The length of a slot in milliseconds."""
    max_claim_eras: Const[u32] = u32(MAX_CLAIM_ERAS)
    """How many eras one claim may name."""
    pool: AccountId
    """The account that everything here is paid from."""
    currency: PoolBalance
    payer: Payer
    clock: Clock
    providers: Providers = NoProviders()
    attesting: OriginCheck
    """Who tells where operators are and what power they use."""
    params_origin: OriginCheck
    """Who decides about the parameters."""

    claim_days: ClassVar[Const[u32]] = u32(CLAIM_DAYS)
    """For how many days of 24 hours an era's rewards can be claimed; then they go to Carry."""
    max_kappa: ClassVar[Const[u32]] = u32(MAX_KAPPA)
    """What part of a receipt's fees governance may let it earn, in parts per million."""
    max_kappa_verified: ClassVar[Const[u32]] = u32(MAX_KAPPA_VERIFIED)
    """The same of a verified requester's: less than all, so that fees are a loss to whoever pays
    them to itself."""
    least_price: ClassVar[Const[u128]] = LEAST_PRICE
    """What a unit of work costs at least, by its fees and in jobs of the chain itself, in
    planck."""
    most_price: ClassVar[Const[u128]] = MOST_PRICE
    """What governance and genesis may set these prices to, in planck per unit of work."""
    price_step: ClassVar[Const[u32]] = u32(factors.PRICE_STEP)
    """An era moves each of them by one part in so many at most."""
    uptime_floor: ClassVar[Const[u32]] = u32(factors.UPTIME_FLOOR)
    """Who answers a smaller part of what it should earns nothing, in parts per million."""
    quality_least: ClassVar[Const[u32]] = u32(factors.QUALITY_RANGE[0])
    """How much slow or bad work scores at least, in parts per million."""
    quality_most: ClassVar[Const[u32]] = u32(factors.QUALITY_RANGE[1])
    """How much fast and good work scores at most, in parts per million."""
    geography_least: ClassVar[Const[u32]] = u32(factors.GEOGRAPHY_RANGE[0])
    """How much work scores where there is enough of it, in parts per million."""
    geography_most: ClassVar[Const[u32]] = u32(factors.GEOGRAPHY_RANGE[1])
    """How much work scores at most in a region where more is wanted, in parts per million."""
    energy_least: ClassVar[Const[u32]] = u32(factors.ENERGY_RANGE[0])
    """How much work scores that needs much power, or nobody knows how much, in parts per
    million."""
    energy_most: ClassVar[Const[u32]] = u32(factors.ENERGY_RANGE[1])
    """How much work scores at most that needs little power, in parts per million."""

    allocated = Value(u128, default=u128(0))
    """The pool at genesis, in planck."""
    unemitted = Value(u128, default=u128(0))
    """What of it the schedule has not issued up to the era that runs."""
    owed = Value(u128, default=u128(0))
    """What was issued and can be claimed."""
    paid = Value(u128, default=u128(0))
    """What has left the pool."""
    carry = Value(u128, default=u128(0))
    """What was issued and not earned."""
    era_index = Value(u32, default=u32(0))
    """The era that runs: how many were closed."""
    began = Value(u32, default=u32(0))
    """The epoch, counted from genesis, in which it began."""
    running = Value(Running, default=Running())
    """The sums over its receipts."""
    eras = Map(u32, EraBooks, hasher=Hasher.Twox64Concat)
    """The eras that are over and in which somebody scored, until they expire."""
    oldest = Value(u32, default=u32(0))
    """No era before this one is kept."""
    shares = DoubleMap(u32, AccountId, Steps)
    """What operators did in an era, until it is claimed."""
    receipts = Map(H256, u32, hasher=Hasher.Identity)
    """All receipts that were ever recorded, and their eras: none counts twice."""
    standing = Map(AccountId, Standing, default=Standing())
    """What is known of operators."""
    region_work = Map(u16, RegionWork, default=RegionWork(), hasher=Hasher.Twox64Concat)
    """What was done in each region lately."""
    last_counted = Value(u128, default=u128(0))
    """The parts counted in the era before, in all regions and none."""
    granted = Map(AccountId, Granted, default=Granted())
    """What verified requesters' fees were granted lately."""
    fee_price = Value(u128, default=FEE_PRICE)
    """Fees that a unit of work must have cost to count in full, in planck (phi)."""
    protocol_price = Value(u128, default=PROTOCOL_PRICE)
    """What the chain pays for a unit of its own jobs, in planck."""
    carry_spent = Value(u128, default=u128(0))
    """What its own jobs have cost in the era that runs, in planck."""
    params = Value(Params, default=Params())

    class ReceiptAccepted(Event, index=0):
        """Verified work was recorded; `score` is what it weighs, in millionths of a unit."""

        receipt: Annotated[H256, TypeName("T::Hash")]
        operator: Who
        units: Annotated[u64, TypeName("u64")]
        score: Annotated[u128, TypeName("u128")]

    class EraEnded(Event, index=1):
        """An era is over. Of what it issued, `owed` can be claimed, and `carry` is in Carry now."""

        era: EraIndex
        budget: Balance
        owed: Balance
        carry: Balance

    class RewardPaid(Event, index=2):
        """An operator got what it earned in an era."""

        who: Who
        era: EraIndex
        amount: Balance

    class RewardsExpired(Event, index=3):
        """What nobody claimed of an era in time went to Carry."""

        era: EraIndex
        amount: Balance

    class CarrySpent(Event, index=4):
        """A job of the chain itself was paid."""

        to: Who
        amount: Balance

    class RegionAttested(Event, index=5):
        """It is known now in which region an operator works."""

        operator: Who
        region: Annotated[u16, TypeName("u16")]

    class EnergyAttested(Event, index=6):
        """It is known now how much work an operator does with a kilowatt-hour."""

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
        """An era that you name still runs; claim when it is over, up to the era before this."""

    class NothingToClaim(Error, index=3):
        """You have nothing in these eras. It was claimed, it expired, or you did not work then."""

    class TooManyEras(Error, index=4):
        """Name an era and one not before it, `max_claim_eras` together; claim the rest next."""

    class UnknownRegion(Error, index=5):
        """There is no region of this number; governance sets the list with `set_params`."""

    class InvalidParams(Error, index=6):
        """These parameters do not go together; `Params.problem` lists what must hold."""

    class CarryLimitReached(Error, index=7):
        """The chain's own jobs have cost as much as an era allows; try again in the next."""

    class CarryExhausted(Error, index=8):
        """Carry has less than that; ask for less, or wait until eras leave something over."""

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Take the pool as it is, and the prices to begin with. Raises GenesisError.

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
            if not LEAST_PRICE <= price <= MOST_PRICE:
                raise fields["feePrice"].wrong(f"{LEAST_PRICE} to {MOST_PRICE} planck per unit")
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
        """Close the era if its epoch is over, and take back what expired."""
        weight = 0
        epoch = self._epoch()
        if epoch > self.began.value:
            self._close(epoch)
            weight += weights.CLOSE
        return weight + self._expire()

    # ---- calls

    @call(0, weight=by_eras)
    def claim_rewards(self, origin: Origin, era_from: EraIndex, era_to: EraIndex) -> PostInfo:
        """Have your rewards of these eras paid, both of the named included, to your account."""
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
        """Tell in which region an operator works. For the oracle."""
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
        """Tell how many units of work an operator does with a kilowatt-hour. For the oracle.

        0 takes the attestation back.
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
        """Change the parameters. What was recorded before keeps the caps it got then."""
        self.params_origin(origin)
        if params.problem() is not None:
            raise self.InvalidParams
        self.params.value = params
        self.deposit(self.ParamsSet(params))

    # ---- doors for useful work

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

        Returns how much of it counted, in millionths of a unit: as much as the fees pay for at the
        price of the era. Fees are what nobody who pays itself gets back: the burn and the 30 %
        legs. `verified` tells whether the requester is; then, where it is named, its fees may earn
        more, within a budget of its own. Raises NotOperator, ReceiptReplayed, or Overflow for sums
        that no supply allows.
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
        """Note how many of the expected heartbeats an operator answered; none expected: as before.

        It counts for receipts from now on, until the next measurement.
        """
        if not expected:
            return
        standing = self.standing[operator]
        standing.uptime = u32(factors.uptime(answered, expected))
        self.standing[operator] = standing

    def record_quality(self, operator: AccountId, p95: int, ok: int, all_: int) -> None:
        """Note that 95 of 100 jobs took an operator at most `p95`, and `ok` of all were good.

        `p95` is in thousandths of the time that the class of machines is given for such a job.
        It counts for receipts from now on, until the next measurement. No jobs: as before.
        """
        if not all_:
            return
        target = int(self.params.peek().target_p95)
        standing = self.standing[operator]
        standing.quality = u32(factors.quality(target, p95, min(ok, all_), all_))
        self.standing[operator] = standing

    def pay_protocol_job(self, to: AccountId, units: int) -> u128:
        """Pay a job of the chain itself at its price; return what was paid, in planck.

        Raises what `spend_carry` raises.
        """
        amount = u128(int(self.protocol_price.value) * int(units))
        self.spend_carry(to, amount)
        return amount

    def spend_carry(self, to: AccountId, amount: u128) -> None:
        """Pay `amount` planck of Carry for a job of the chain itself.

        All of an era together at most what the era issues, after year 8 what the last band did.
        Raises CarryLimitReached, CarryExhausted, or what paying raises.
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
        """Tie to the registry of providers, which stands below and leans on this one as well."""
        self.providers = providers

    def era_now(self) -> int:
        """Return the number of the era at hand, even before this block's hook has begun it."""
        return int(self.era_index.value) + (self._epoch() > self.began.value)

    # ---- views, for the runtime API

    def emission_now(self) -> Emission:
        """Return where the emission stands."""
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
        """Return what the schedule has issued by this slot, in planck, of eras not closed too."""
        return u128(emitted(self.allocated.value, self.clock.now() * int(self.slot_ms)))

    def operator_view(self, who: AccountId) -> OperatorView:
        """Return what is known of an operator and what it has done in the era that runs."""
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
        """Return what `who` has earned in an era and not claimed; None if nothing.

        Without an era, or for the one that runs: what it would be if it ended now.
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

    # ---- steps of an era

    def _epoch(self) -> int:
        """Return the epoch of this slot, counted from genesis."""
        return self.clock.now() // int(self.era_length)

    def _begin(self, epoch: int) -> int:
        """Return the ms since genesis at which an epoch begins."""
        return epoch * int(self.era_length) * int(self.slot_ms)

    def _close(self, epoch: int) -> None:
        """End the era that runs, and begin one in `epoch`. What lies between was idle."""
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
        """Let prices follow: fees that were paid, and what governance wants to pay."""
        least = int(LEAST_PRICE)
        if running.units:
            price = factors.towards(
                int(self.fee_price.value), int(running.fees) // int(running.units), least
            )
            self.fee_price.value = u128(price)
        wanted, price = int(self.params.peek().protocol_price), int(self.protocol_price.value)
        if wanted != price:
            self.protocol_price.value = u128(factors.towards(price, wanted, least))

    def _most(self, budget: int, operators: int) -> u128:
        """Return what one of so many operators earns at most of a budget, in planck."""
        params = self.params.peek()
        if operators < params.operator_cap_from:
            return u128(budget)
        return u128(mul_div(budget, params.operator_cap, BPS))

    def _carry_limit(self) -> int:
        """Return what Carry may pay in the era that runs, in planck."""
        began = int(self.began.value)
        return pace(int(self.allocated.value), self._begin(began), self._begin(began + 1))

    def _settled(self, era: int, who: AccountId) -> Settled | None:
        """Return what becomes of the share of `who` in an era that is over; None without one."""
        steps = self.shares.get((u32(era), who))
        record = None if steps is None else self.eras.get(u32(era))
        if steps is None or record is None or self.clock.now() >= record.expires:
            return None
        return settle(era, record, steps)

    def _expire(self) -> int:
        """Take back what nobody claimed in time, some of it in each block; return the weight."""
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
        """Put what is left of an era into Carry, and forget shares; tell whether it is all gone."""
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

    # ---- steps of a receipt

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

        Only those that were paid for: who did more for nothing might make its own region wanted
        by work in another.
        """
        if region is None or not counted:
            return
        work = self.region_work[region].at(int(self.era_index.value))
        work.parts += counted
        self.region_work[region] = work

    def _granted(self, requester: AccountId, fees: u128, params: Params) -> int:
        """Return what the fees of a verified requester may earn more, and note it."""
        granted, era = self.granted[requester], self.era_index.value
        used = int(granted.amount) if granted.era == era else 0
        more = mul_div(fees, params.kappa_verified - params.kappa, PPM)
        more = min(more, max(int(params.verified_budget) - used, 0))
        if more:
            self.granted[requester] = Granted(era, u128(used + more))
        return more


def settle(number: int, era: EraBooks, steps: list[Step]) -> Settled:
    """Return what becomes of a share with these receipts, by the sums of its era."""
    budget, total = int(era.budget), int(era.score)
    reward = min(earned(steps, budget, total), int(era.most))
    return Settled(number, era, part(budget, score_of(steps), total), reward)
