"""Mining: the emission for verified work.

An era is an epoch. The emission of an era is its budget, shared by the verified work that was done
in it; a receipt earns at most a part of the fees that it cost, so that paying oneself is a loss.
The unearned part is the unallocated emission, which pays only jobs of the chain itself, no faster
than the schedule. Epochs without a block are idle: all their emission is
unallocated, and one closing is enough for any number of them.

Invariant, to the planck: `paid + owed + unallocated + unemitted == allocated`, the pool at genesis.
Rewards are owed by era until they are claimed, 84 days at most; then they become unallocated, like
the amounts that a cap cuts off. Recording a receipt, closing an era and claiming one have constant
costs, for any number of receipts or operators.

Described in `docs/economy.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import TypeName, u16, u32, u64, u128
from runtime import block_weights as block
from runtime.emission import score
from runtime.frame import (
    Const,
    Constant,
    DispatchInfo,
    Hasher,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    Part,
    PostInfo,
    Section,
    Value,
    call,
)
from runtime.frame.aliases import AccountIdOf
from runtime.frame.traits import Clock, Payer
from runtime.pallets.mining import errors, events, weights
from runtime.pallets.mining.eras import Eras, Prices, Work
from runtime.pallets.mining.ledger import EmissionLedger
from runtime.pallets.mining.shares import score_of
from runtime.pallets.mining.standings import Standings
from runtime.pallets.mining.types import (
    MAX_KAPPA,
    MAX_KAPPA_VERIFIED,
    MAX_PRICE,
    MIN_PRICE,
    PARTS,
    Emission,
    EraIndex,
    EraListener,
    Estimate,
    NoopEraListener,
    NoProviders,
    OperatorView,
    Params,
    PoolBalance,
    Providers,
    Recorded,
)
from runtime.splits import PPM

MAX_CLAIM_ERAS: Final = 64
"""Maximum number of eras that one claim covers."""
LOOK: Final = 3 * block.READ
"""Weight of an era without a share, in picoseconds."""

SomeParams = Annotated[Params, TypeName("Params<BalanceOf<T>>")]


def by_eras(_: Mining, era_from: int, era_to: int) -> DispatchInfo:
    """Weigh a claim by the eras it names."""
    eras = min(max(int(era_to) - int(era_from) + 1, 0), MAX_CLAIM_ERAS)
    return DispatchInfo(weights.claim_rewards(eras))


class Mining(Pallet, events=events, errors=errors):
    """The emission for verified work."""

    # ---- constants

    era_length: Const[u32]
    """Length of an era in slots: an epoch."""
    max_claim_eras: Const[u32] = u32(MAX_CLAIM_ERAS)
    """Maximum number of eras that one claim may name."""
    max_kappa = Constant(u32(MAX_KAPPA))
    """Maximum of `Params.kappa`, the part of fees that a receipt may earn, in parts per million."""
    max_kappa_verified = Constant(u32(MAX_KAPPA_VERIFIED))
    """The same for a verified requester's fees: less than all, so that self-payment is a loss."""

    # ---- dependencies

    slot_ms: u64
    """Length of a slot in milliseconds."""
    pool: AccountId
    """The account that all rewards and jobs of the chain are paid from."""
    currency: PoolBalance
    payer: Payer
    clock: Clock
    era_listener: EraListener = NoopEraListener()
    providers: Providers = NoProviders()
    attesting: OriginCheck
    """Origin that attests operators' regions and energy use."""
    params_origin: OriginCheck
    """Origin that sets the parameters."""

    # ---- storage

    receipts = Map(H256, u32, hasher=Hasher.Identity)
    """All receipts that were ever recorded, and their eras: none counts twice."""
    params = Value(Params, default=Params())

    # ---- components

    ledger = Part(EmissionLedger)
    prices = Part(Prices)
    standings = Part(Standings)
    eras = Part(Eras)

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Store the pool's balance and the initial prices. Raises GenesisError.

        All optional: `feePrice` and `protocolPrice` (planck per unit), `medianEnergy` (units per
        kilowatt-hour), `targetP95` (thousandths), `regions`, a list of wanted shares in ppm.
        """
        fields = Section(config, "mining").fields(
            optional=("feePrice", "protocolPrice", "medianEnergy", "targetP95", "regions")
        )
        self.ledger.fund()
        params = Params()
        if "feePrice" in fields:
            price = fields["feePrice"].planck()
            if not MIN_PRICE <= price <= MAX_PRICE:
                raise fields["feePrice"].wrong(f"{MIN_PRICE} to {MAX_PRICE} planck per unit")
            self.prices.fee_price.value = price
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
        self.prices.protocol_price.value = params.protocol_price

    def on_initialize(self, number: int) -> int:
        """Close the era if its epoch is over, and expire old rewards."""
        weight, epoch = 0, self.eras.epoch()
        if epoch > self.eras.began.value:
            self.eras.close(epoch)
            self.era_listener.begin_era(int(self.eras.era_index.value))
            weight += weights.CLOSE
        return weight + self.eras.expire()

    # ---- calls

    @call(0, weight=by_eras)
    def claim_rewards(self, origin: Origin, era_from: EraIndex, era_to: EraIndex) -> PostInfo:
        """Pay the caller its rewards of these eras, both of the named included."""
        who = origin.signed()
        first, last = int(era_from), int(era_to)
        if not 0 <= last - first < self.max_claim_eras:
            raise errors.TooManyEras
        if last >= self.eras.era_index.value:
            raise errors.EraNotFinished
        paid = self.eras.claim(who, first, last)
        without = last - first + 1 - paid
        return PostInfo(weight=weights.claim_rewards(paid) + without * LOOK)

    @call(1, weight=weights.ATTEST_REGION)
    def attest_region(self, origin: Origin, operator: AccountIdOf, region: u16) -> None:
        """Attest the region in which an operator works. For the oracle."""
        self.attesting(origin)
        self.ensure_attestable(operator, region)
        self.standings.attest_region(operator, region)
        self.deposit(events.RegionAttested(operator, region))

    @call(2, weight=weights.ATTEST_ENERGY)
    def attest_energy(self, origin: Origin, operator: AccountIdOf, units_per_kwh: u64) -> None:
        """Attest the units of work that an operator does per kilowatt-hour. For the oracle.

        0 withdraws the attestation.
        """
        self.attesting(origin)
        if not self.providers.exists(operator):
            raise errors.NotOperator
        self.standings.attest_energy(operator, units_per_kwh)
        self.deposit(events.EnergyAttested(operator, units_per_kwh))

    @call(3, weight=weights.SET_PARAMS)
    def set_params(self, origin: Origin, params: SomeParams) -> None:
        """Set the parameters. Work recorded before keeps its caps."""
        self.params_origin(origin)
        if params.problem() is not None:
            raise errors.InvalidParams
        self.params.value = params
        self.deposit(events.ParamsSet(params))

    # ---- public interface

    def ensure_attestable(self, operator: AccountId, region: u16) -> None:
        """Raise NotOperator or UnknownRegion for a region that cannot be attested."""
        if not self.providers.exists(operator):
            raise errors.NotOperator
        if not self.params.peek().is_region(region):
            raise errors.UnknownRegion

    def attest(self, operator: AccountId, region: u16, efficiency: int) -> None:
        """Store a provider's region, and its work per kilowatt-hour in ppm of the median.

        The oracle's feeders attested both. Later changes of the median do not change the work.
        """
        units = u64(int(self.params.peek().median_energy) * efficiency // PPM)
        self.standings.attest_region(operator, region)
        self.standings.attest_energy(operator, units)
        self.deposit(events.RegionAttested(operator, region))
        self.deposit(events.EnergyAttested(operator, units))

    def record(
        self,
        provider: AccountId,
        receipt: H256,
        units: int,
        fees: u128,
        *,
        verified: bool,
        requester: AccountId | None = None,
    ) -> Recorded:
        """Record a receipt that is final: `units` of verified work that cost `fees` planck.

        It counts as far as the fees pay for it at the price of the era. Fees are the parts of a
        price that no self-payer gets back: the burn and the 30 % legs. `verified` is True if the
        requester is; then, if `requester` is given, its fees may earn more, within a budget of its
        own. Raises NotOperator, ReceiptReplayed, or Overflow for sums that no supply allows.
        """
        operator = self.providers.operator_of(provider)
        if operator is None:
            raise errors.NotOperator
        if receipt in self.receipts:
            raise errors.ReceiptReplayed
        era, standing = int(self.eras.era_index.value), self.standings.standing[provider]
        done = u64(units)
        price = int(self.prices.fee_price.value)
        counted = min(int(done) * PARTS, int(fees) * PARTS // price)
        weighed = score(counted, self.standings.factors(standing, self.params.peek(), era))
        cap = self.eras.cap(fees, requester if verified else None) if weighed else 0
        self.eras.add(operator, Work(int(done), fees, counted, weighed), cap)
        self.receipts[receipt] = u32(era)
        self.standings.count_region(standing.region, counted, era)
        self.deposit(events.ReceiptAccepted(receipt, provider, done, u128(weighed)))
        return Recorded(counted, cap)

    def record_uptime(self, operator: AccountId, answered: int, expected: int) -> None:
        """Store an operator's uptime: the answered ones of the expected heartbeats.

        It counts for receipts from now on, until the next measurement. If none was expected, the
        value stays.
        """
        self.standings.record_uptime(operator, answered, expected)

    def record_quality(self, operator: AccountId, p95: int, ok: int, all_: int) -> None:
        """Store an operator's quality: 95 of 100 jobs took at most `p95`, `ok` of all were good.

        `p95` is in thousandths of the time that the class of machines is given for such a job.
        It counts for receipts from now on, until the next measurement. No change without jobs.
        """
        target = int(self.params.peek().target_p95)
        self.standings.record_quality(operator, target, p95, ok, all_)

    def spend_unallocated(self, to: AccountId, amount: u128) -> None:
        """Pay `amount` planck of the unallocated emission for a job of the chain itself.

        In an era at most the era's emission in all, after year 8 that of the last band. Raises
        UnallocatedLimitReached, UnallocatedExhausted, or the errors of the payment.
        """
        self.ledger.spend(to, amount, self.eras.limit())

    def connect(self, providers: Providers) -> None:
        """Connect the registry of providers, which itself depends on this pallet."""
        self.providers = providers

    def era_now(self) -> int:
        """Return the number of the current era, even before this block's hook has begun it."""
        return int(self.eras.era_index.value) + (self.eras.epoch() > self.eras.began.value)

    def emission_now(self) -> Emission:
        """Return the state of the emission."""
        ledger, began = self.ledger, int(self.eras.began.value)
        unallocated = int(ledger.unallocated.value)
        room = ledger.room(self.eras.limit())
        return Emission(
            pool=ledger.allocated.value,
            unemitted=ledger.unemitted.value,
            owed=ledger.owed.value,
            paid=ledger.paid.value,
            unallocated=u128(unallocated),
            era=self.eras.era_index.value,
            began=u32(began * int(self.era_length)),
            budget=u128(self.eras.schedule().budget(began)),
            fee_price=self.prices.fee_price.value,
            protocol_price=self.prices.protocol_price.value,
            protocol_room=u128(min(max(room, 0), unallocated)),
        )

    def emitted_now(self) -> u128:
        """Return the schedule's emission by this slot, in planck, current era included."""
        return u128(self.eras.schedule().by(self.clock.now()))

    def operator_view(self, who: AccountId) -> OperatorView:
        """Return an operator's values and its score in the current era."""
        era, standing = self.eras.era_index.value, self.standings.standing[who]
        uptime, quality, geography, energy = self.standings.factors(
            standing, self.params.peek(), int(era)
        )
        operator, running = self.providers.operator_of(who), self.eras.running.value
        steps = self.eras.shares.get((era, who if operator is None else operator))
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
        return self.eras.estimate(who, era)
