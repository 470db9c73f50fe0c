"""Tokenomics: the pools, their releases, and burns.

Invariants: no pool pays more than it holds; the Foundation is never paid more of a programme than
time and milestones allow; spending of the reserve stays within the amount that a referendum
unlocked, and that within the reserve; a milestone burn happens once; and the burns of all reasons
add up to what `Balances` counts as burned.

The documents' release table is a ceiling on discretionary releases only. The amount released by a
point in time is the sum of releases by contract (by formula, independently of the schedules),
emission for work, and payments of the other pools from their genesis funds (see `docs/economy.md`).
Fees received by the development fund and the operational reserve were released before, so paying
them out does not count; nor does spending of the treasury, whose own limits are in its pallet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u64, u128
from runtime.accounts import DEVELOPMENT_FUND, ECOSYSTEM, GRANTS, OPERATIONS, pool_account
from runtime.constants import BTT
from runtime.frame import (
    BadOrigin,
    Const,
    GenesisError,
    Hasher,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    Part,
    Reason,
    Value,
    call,
    ensure_root,
)
from runtime.frame.aliases import AccountIdLookupOf, CompactBalanceOf, HashOf, SlotOf
from runtime.frame.traits import Clock
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.tokenomics import errors, events, weights
from runtime.pallets.tokenomics.config import Config, read_config
from runtime.pallets.tokenomics.dividends import Dividends
from runtime.pallets.tokenomics.ledger import OPEN_TO_GIFTS, PoolLedger
from runtime.pallets.tokenomics.milestone_burns import Hospitals, MilestoneBurns, NoHospitals
from runtime.pallets.tokenomics.payments import FeeDistribution, Payments
from runtime.pallets.tokenomics.programmes import Programmes
from runtime.pallets.tokenomics.releases import ReleaseControl
from runtime.pallets.tokenomics.reserve import ReserveFund, Stewardship
from runtime.pallets.tokenomics.types import (
    Allocation,
    BurnId,
    BurnReason,
    CeilingMode,
    MilestoneBurn,
    PoolId,
    RowName,
    Supply,
)
from runtime.splits import ComputeSplit, PlatformSplit


class Staked(Protocol):
    """A pallet that holds money at stake."""

    def staked_total(self) -> int:
        """Return the sum of all stakes, in planck."""


class Tokenomics(Pallet, events=events, errors=errors):
    """The pools, their releases, and burns. Amounts in planck, times in slots."""

    # ---- constants

    objection_window: Const[u64]
    """Number of slots in which an attested milestone can be objected to."""

    # ---- dependencies

    slot_ms: u64
    currency: Balances
    clock: Clock
    ecosystem_spender: OriginCheck = ensure_root
    """Origin that may spend the ecosystem fund, development fund and operational reserve."""
    grant_spender: OriginCheck = ensure_root
    """Origin that may spend the grants."""
    objecting: OriginCheck = ensure_root
    """Origin that may object to a milestone."""
    technical: OriginCheck = ensure_root
    """Origin that may confirm milestones, and attest that the chain is linked to others."""
    emergency: OriginCheck = ensure_root
    """Origin that may unlock the reserve, and pause discretionary releases."""
    params: OriginCheck = ensure_root
    """Origin that may set the mode of the release ceiling."""
    staked: Sequence[Staked] = ()
    """Pallets with stakes: `connect` sets them."""
    is_vesting: bool = False
    """True if the chain locks the contractual rows until they are released."""
    hospitals: Hospitals = NoHospitals()
    """The registry that hospitals are counted in: `connect` sets it."""

    # ---- storage

    genesis_supply = Value(u128, default=u128(0))
    """Issuance in block zero, which is also its maximum."""
    preset = Value(str, default="")
    """Name of the document whose rules apply."""
    high_value_threshold = Value(u128, default=u128(10_000 * BTT))
    """Value from which fees burn at their highest rate, in planck."""
    burned_by = Map(BurnReason, u128, default=u128(0), hasher=Hasher.Twox64Concat)
    """Sum of burns by reason, in planck; they add up to `Balances.TotalBurned`."""
    foundation = Value(AccountId)
    """The Foundation's account: a multisig of its signatories."""
    allocations = Map(RowName, Allocation)
    """The rows of the documents' table by name, as in block zero."""

    # ---- components

    ledger = Part(PoolLedger)
    releases = Part(ReleaseControl)
    dividends = Part(Dividends)
    payments = Part(Payments)
    reserve_fund = Part(ReserveFund)
    fees = Part(FeeDistribution)
    milestone_burns = Part(MilestoneBurns)
    stewardship = Part(Stewardship)
    programmes = Part(Programmes)

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Initialize the accounting state from the pools' balances and `config`.

        `read_config` documents the format. Raises GenesisError.
        """
        found = read_config(config)
        issued = self.currency.total_issuance.value
        if found.supply is not None and found.supply != issued:
            raise GenesisError(
                f"tokenomics.supply: expected {issued}, what the balances add up to, "
                f"found {found.supply}"
            )
        self.genesis_supply.value = issued
        self.ledger.open()
        self.programmes.open(found, self.ledger)
        self._genesis_rules(found)

    def _genesis_rules(self, found: Config) -> None:
        self.preset.value = found.preset
        if found.threshold is not None:
            self.high_value_threshold.value = found.threshold
        if found.release_table is not None:
            self.releases.release_table.value = found.release_table
        if found.foundation is not None:
            self.foundation.value = found.foundation
        if found.reserve is not None:
            self.reserve_fund.reserve.value = found.reserve
        if found.treasury_seat is not None:
            self.stewardship.treasury_seat.value = found.treasury_seat
        self.releases.ceiling_mode.value = found.ceiling_mode
        for name, allocation in found.allocations.items():
            self.allocations[name] = allocation
        self.releases.contractual_rows.value = found.contractual
        for burn, amount in found.milestone_burns:
            self.milestone_burns.milestone_burns[burn] = MilestoneBurn(amount)

    def on_initialize(self, number: int) -> int:
        """Execute the burn at the chain's launch, in the first block."""
        del number
        burned = self.milestone_burns.burn_at_launch()
        return weights.EXECUTE_MILESTONE_BURN if burned else 0

    # ---- calls

    @call(0, weight=weights.RELEASE_DISCRETIONARY)
    def release_discretionary(
        self, origin: Origin, pool: PoolId, amount: CompactBalanceOf, beneficiary: AccountIdLookupOf
    ) -> None:
        """Pay from a pool for ecosystem, development, operations or grants. Origin: its spender."""
        account = pool_account(pool)
        gate = self._spender_of(account)
        if gate is None:
            raise errors.NotDiscretionary
        gate(origin)
        to = self.payments.payee(account, beneficiary)
        self.payments.pay(account, to, amount, discretionary=True)

    @call(1, weight=weights.ATTEST_MILESTONE)
    def attest_milestone(
        self, origin: Origin, programme: u32, index: u32, evidence_hash: HashOf
    ) -> None:
        """Attest that a milestone is reached. Origin: the Foundation.

        It counts once it is confirmed, or when the objection window has passed.
        """
        if origin.signed() != self.foundation.get():
            raise BadOrigin
        self.programmes.attest(programme, index, evidence_hash)

    @call(2, weight=weights.OBJECT_MILESTONE)
    def object_milestone(self, origin: Origin, programme: u32, index: u32) -> None:
        """Object to a milestone that the Foundation attested, within the objection window."""
        self.objecting(origin)
        self.programmes.object_to(programme, index)

    @call(3, weight=weights.CLAIM_PROGRAMME)
    def claim_programme(self, origin: Origin, programme: u32) -> None:
        """Pay the released part of a programme to the Foundation. Any account may call it.

        That is the part that both time and milestones allow, or as much as the release ceiling
        leaves; the rest can be claimed when there is room again.
        """
        origin.signed()
        self.programmes.claim(programme)

    @call(4, weight=weights.UNLOCK_RESERVE)
    def unlock_reserve(self, origin: Origin, cap: CompactBalanceOf, expiry: SlotOf) -> None:
        """Allow the reserve's signatories to spend up to `cap` planck before slot `expiry`.

        This replaces the previous amount; a `cap` of zero locks the reserve again.
        """
        self.emergency(origin)
        self.reserve_fund.unlock(cap, expiry)

    @call(5, weight=weights.SPEND_RESERVE)
    def spend_reserve(
        self,
        origin: Origin,
        amount: CompactBalanceOf,
        beneficiary: AccountIdLookupOf,
        reason_hash: HashOf,
    ) -> None:
        """Pay from the reserve, within the unlocked amount. Origin: its signatories' multisig.

        The release ceiling does not limit it, but the payment counts under the ceiling.
        """
        self.reserve_fund.spend(origin.signed(), amount, beneficiary, reason_hash)

    @call(6, weight=weights.EXECUTE_MILESTONE_BURN)
    def execute_milestone_burn(self, origin: Origin, id: BurnId) -> None:
        """Execute the burn of a milestone that is reached. Any account may call it.

        It is taken from the ecosystem fund; if that is too small, from the programme payments to
        the Foundation, then from the treasury.
        """
        origin.signed()
        self.milestone_burns.execute(id)

    @call(7, weight=weights.ATTEST_CROSS_CHAIN)
    def attest_cross_chain(self, origin: Origin) -> None:
        """Attest that the chain is linked to others, which triggers the burn for that.

        Refused until there is a bridge whose traffic proves it.
        """
        self.technical(origin)
        self.milestone_burns.attest_cross_chain()

    @call(8, weight=weights.PAUSE_DISCRETIONARY)
    def pause_discretionary(self, origin: Origin, until: SlotOf) -> None:
        """Pause discretionary releases until slot `until`; a past slot ends the pause.

        Vesting, mining, staking and the reserve continue.
        """
        self.emergency(origin)
        self.releases.discretionary_paused_until.value = until
        self.deposit(events.DiscretionaryPaused(until))

    @call(9, weight=weights.SET_CEILING_MODE)
    def set_ceiling_mode(self, origin: Origin, mode: CeilingMode) -> None:
        """Set the effect of the release ceiling. Origin: parameters."""
        self.params(origin)
        self.releases.ceiling_mode.value = mode
        self.deposit(events.CeilingModeSet(mode))

    @call(10, weight=weights.TOP_UP_POOL)
    def top_up_pool(self, origin: Origin, pool: PoolId, amount: CompactBalanceOf) -> None:
        """Give `amount` planck to a pool irrevocably. Raises PoolClosed if it takes no gifts."""
        who, account = origin.signed(), pool_account(pool)
        if account not in OPEN_TO_GIFTS:
            raise errors.PoolClosed
        self.currency.transfer(who, account, amount)
        self.deposit(events.PoolToppedUp(pool, who, amount))

    @call(11, weight=weights.CONFIRM_MILESTONE)
    def confirm_milestone(self, origin: Origin, programme: u32, index: u32) -> None:
        """Confirm a milestone that the Foundation attested, even after an objection."""
        self.technical(origin)
        self.programmes.confirm(programme, index)

    @call(12, weight=weights.END_TREASURY_SEAT)
    def end_treasury_seat(self, origin: Origin) -> None:
        """End the Foundation's seat at the treasury before its time. Approved payments stay."""
        self.emergency(origin)
        self.stewardship.end()

    # ---- public interface

    def connect(self, staked: Sequence[Staked], hospitals: Hospitals | None = None) -> None:
        """Set dependencies that are built later: pallets with stakes, the registry of hospitals."""
        self.staked = staked
        if hospitals is not None:
            self.hospitals = self.milestone_burns.hospitals = hospitals

    def pay(self, pool: AccountId, to: AccountId, amount: u128, *, discretionary: bool) -> None:
        """Pay out of a pool: see `Payments.pay`."""
        self.payments.pay(pool, to, amount, discretionary=discretionary)

    def pay_each(self, pool: AccountId, to: Sequence[AccountId], amount: u128) -> None:
        """Pay an amount to each of several accounts: see `Payments.pay_each`."""
        self.payments.pay_each(pool, to, amount)

    def destroy(self, who: AccountId, amount: u128, reason: BurnReason) -> None:
        """Destroy money of a pool or other account: see `Payments.destroy`."""
        self.payments.destroy(who, amount, reason)

    def destroy_held(
        self, reason: Reason, who: AccountId, amount: u128, why: BurnReason, *, force: bool = False
    ) -> None:
        """Destroy what `who` has on hold: see `Payments.destroy_held`."""
        self.payments.destroy_held(reason, who, amount, why, force=force)

    def take(
        self,
        who: AccountId,
        split: ComputeSplit | PlatformSplit,
        reason: BurnReason,
        earners: Sequence[tuple[AccountId, u128]] = (),
    ) -> None:
        """Take the parts of a fee from `who`: see `FeeDistribution.take`."""
        self.fees.take(who, split, reason, earners)

    def take_held(
        self, reason: Reason, who: AccountId, split: ComputeSplit | PlatformSplit, why: BurnReason,
        earners: Sequence[tuple[AccountId, u128]],
    ) -> None:  # fmt: skip
        """Take the parts of a fee out of what `who` has on hold: see `FeeDistribution`."""
        self.fees.take_held(reason, who, split, why, earners)

    def pay_held(self, reason: Reason, who: AccountId, to: AccountId, amount: u128) -> None:
        """Pay `to` out of what `who` has on hold: see `FeeDistribution.pay_held`."""
        self.fees.pay_held(reason, who, to, amount)

    def count_voluntary(self, amount: u128) -> None:
        """Count a burn by its owner; Balances emits the event."""
        if amount:
            self.burned_by[BurnReason.Voluntary] += amount

    def threshold(self) -> u128:
        """Return the value from which fees burn at their highest rate, in planck."""
        return self.high_value_threshold.value

    def supply(self) -> Supply:
        """Return the supply and its parts: see `ReleaseControl.supply`."""
        staked = sum(pallet.staked_total() for pallet in self.staked)
        return self.releases.supply(self.currency, staked, is_vesting=self.is_vesting)

    # ---- internals

    def _spender_of(self, pool: AccountId) -> OriginCheck | None:
        """Return the origin that may spend from a pool; None if there is none."""
        if pool == GRANTS:
            return self.grant_spender
        if pool in {ECOSYSTEM, DEVELOPMENT_FUND, OPERATIONS}:
            return self.ecosystem_spender
        return None
