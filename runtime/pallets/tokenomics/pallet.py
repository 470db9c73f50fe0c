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
from typing import Annotated, Final, Protocol

from btt_chain.primitives.account import AccountId, MultiAddress
from btt_chain.primitives.digest import H256
from btt_chain.scale import Compact, TypeName, u32, u64, u128
from runtime.accounts import (
    DEVELOPMENT_FUND,
    ECOSYSTEM,
    FOUNDATION_PROGRAMMES,
    GRANTS,
    HEALTH,
    MINING,
    OPERATIONS,
    POOLS,
    REFERRAL,
    RESERVE,
    STAKING,
    TREASURY,
    pool_account,
    pool_identifier,
)
from runtime.constants import BTT
from runtime.emission import emitted
from runtime.frame import (
    BadOrigin,
    Const,
    Error,
    Event,
    GenesisError,
    Hasher,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    Reason,
    TokenError,
    TokenErrorKind,
    Value,
    call,
    ensure_root,
)
from runtime.pallets.balances import Balances, is_pool, lookup
from runtime.pallets.tokenomics.config import Config, read_config
from runtime.pallets.tokenomics.formulas import (
    FIRST_YEAR,
    RELEASE_TABLE,
    ceiling,
    contractual,
    is_open,
    label_year,
    milestone_cap,
    settled,
    table_part,
    time_cap,
    year_begin,
)
from runtime.pallets.tokenomics.types import (
    HOSPITALS,
    Allocation,
    BurnId,
    BurnReason,
    CeilingMode,
    Milestone,
    MilestoneBurn,
    MilestoneStatus,
    Pool,
    PoolId,
    PoolStatus,
    Programme,
    Releases,
    ReserveUnlock,
    RowList,
    RowName,
    Supply,
    YearRelease,
    YearTable,
)
from runtime.splits import ComputeSplit, PlatformSplit
from runtime.weights import tokenomics as weights

ALL_POOLS: Final = (*POOLS, TREASURY)
FED_BY_ANYBODY: Final = (
    HEALTH, REFERRAL, GRANTS, ECOSYSTEM, DEVELOPMENT_FUND, OPERATIONS, TREASURY,
)  # fmt: skip
"""Pools that accept gifts: their accounting does not depend on their balance."""


Who = Annotated[AccountId, TypeName("T::AccountId")]
Lookup = Annotated[MultiAddress, TypeName("AccountIdLookupOf<T>")]
Amount = Annotated[u128, TypeName("BalanceOf<T>")]
CompactAmount = Annotated[Compact[u128], TypeName("BalanceOf<T>")]
Slot = Annotated[u64, TypeName("Slot")]
Index = Annotated[u32, TypeName("u32")]
Hash = Annotated[H256, TypeName("T::Hash")]


class Clock(Protocol):
    """The clock; Babe satisfies it."""

    def now(self) -> int:
        """Return the slots since genesis."""


class Staked(Protocol):
    """A pallet that holds money at stake."""

    def staked_total(self) -> int:
        """Return the sum of all stakes, in planck."""


class Hospitals(Protocol):
    """The number of registered and judged hospitals."""

    def count(self) -> int:
        """Return the number of hospitals."""


class NoHospitals:
    """Hospitals of a chain without a registry for them."""

    def count(self) -> int:
        """Return zero."""
        return 0


class Tokenomics(Pallet):
    """The pools, their releases, and burns. Amounts in planck, times in slots."""

    objection_window: Const[u64]
    """Number of slots in which an attested milestone can be objected to."""
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
    hospitals: Hospitals = NoHospitals()
    staked: Sequence[Staked] = ()

    genesis_supply = Value(u128, default=u128(0))
    """Issuance in block zero, which is also its maximum."""
    preset = Value(str, default="")
    """Name of the document whose rules apply."""
    high_value_threshold = Value(u128, default=u128(10_000 * BTT))
    """Value from which fees burn at their highest rate, in planck."""
    burned_by = Map(BurnReason, u128, default=u128(0), hasher=Hasher.Twox64Concat)
    """Sum of burns by reason, in planck; they add up to `Balances.TotalBurned`."""
    pools = Map(PoolId, Pool, hasher=Hasher.Twox64Concat)
    """Accounting state of the pools."""
    foundation = Value(AccountId)
    """The Foundation's account: a multisig of its signatories."""
    reserve = Value(AccountId)
    """The account that spends the reserve: a multisig of its signatories."""
    allocations = Map(RowName, Allocation)
    """The rows of the documents' table by name, as in block zero."""
    contractual_rows = Value(RowList, default=[])
    """Rows that are released by contract."""
    programmes = Map(u32, Programme, hasher=Hasher.Twox64Concat)
    """The Foundation's programmes, numbered from zero."""
    milestone_burns = Map(BurnId, MilestoneBurn, hasher=Hasher.Twox64Concat)
    """Burns at the project's milestones."""
    cross_chain = Value(bool, default=False)
    """True if the chain was attested to be linked to others."""
    release_table = Value(YearTable, default=[u32(bps) for bps in RELEASE_TABLE])
    """Release of each year from 2025 on, in hundredths of a percent; the last is for all later."""
    released_total = Value(u128, default=u128(0))
    """Payments of all pools except mining from their genesis funds, in planck."""
    released_by_year = Map(u32, u128, default=u128(0), hasher=Hasher.Twox64Concat)
    """The same payments by label year."""
    ceiling_mode = Value(CeilingMode, default=CeilingMode.Enforce)
    """Effect of the release ceiling."""
    discretionary_paused_until = Value(u64, default=u64(0))
    """First slot in which discretionary releases are possible again."""
    reserve_unlock = Value(ReserveUnlock)
    """The unlocked amount of the reserve."""
    compute_inflow = Value(u128, default=u128(0))
    """Income of the development fund from compute fees since the end of the last era."""
    earmarked = Value(u128, default=u128(0))
    """Amount of the development fund that is set aside for stakers."""

    class PoolReleased(Event, index=0):
        """A pool made a payment."""

        pool: Annotated[PoolId, TypeName("PoolId")]
        amount: Amount
        to: Who

    class ProgrammeReleased(Event, index=1):
        """The Foundation was paid the released part of a programme."""

        programme: Index
        amount: Amount
        to: Who

    class MilestoneAttested(Event, index=2):
        """The Foundation attested a milestone; objections are possible before `until`."""

        programme: Index
        index: Index
        evidence_hash: Hash
        until: Slot

    class MilestoneObjected(Event, index=3):
        """A milestone was objected to: it counts if it is confirmed, or attested again."""

        programme: Index
        index: Index

    class ReserveUnlocked(Event, index=4):
        """The reserve's signatories were allowed to spend up to `cap` before slot `expiry`."""

        cap: Amount
        expiry: Slot

    class ReserveSpent(Event, index=5):
        """The reserve made a payment; `reason_hash` is the hash of its justification."""

        amount: Amount
        to: Who
        reason_hash: Hash

    class MilestoneBurned(Event, index=6):
        """A milestone of the project was reached, and its burn executed."""

        id: Annotated[BurnId, TypeName("BurnId")]
        amount: Amount

    class TokensBurned(Event, index=7):
        """Money was destroyed by the chain. Burns by owners emit `Balances.Burned`."""

        who: Who
        amount: Amount
        reason: Annotated[BurnReason, TypeName("BurnReason")]

    class ReleaseCeilingExceeded(Event, index=8):
        """The sum of releases exceeded the table's amount for the year and all before it."""

        year: Index
        ceiling: Amount
        released: Amount

    class PoolToppedUp(Event, index=9):
        """An account gave money to a pool."""

        pool: Annotated[PoolId, TypeName("PoolId")]
        who: Who
        amount: Amount

    class MilestoneConfirmed(Event, index=10):
        """A milestone was confirmed, and counts from now on."""

        programme: Index
        index: Index

    class DiscretionaryPaused(Event, index=11):
        """Discretionary releases were paused until slot `until`."""

        until: Slot

    class CeilingModeSet(Event, index=12):
        """The mode of the release ceiling was changed."""

        mode: Annotated[CeilingMode, TypeName("CeilingMode")]

    class CrossChainAttested(Event, index=13):
        """The chain was attested to be linked to others; the burn for that can be executed."""

    class PoolExhausted(Error, index=0):
        """The pool has too little money; ask for less, or wait until it has more."""

    class ReleaseCeilingReached(Error, index=1):
        """The amount exceeds the year's release ceiling; ask for less, or wait for the next one."""

    class ReserveLocked(Error, index=2):
        """No part of the reserve is unlocked now; that needs a referendum."""

    class CapExceeded(Error, index=3):
        """The amount exceeds the unlocked part of the reserve, or the reserve; ask for less."""

    class MilestoneUnknown(Error, index=4):
        """The programme or milestone does not exist; look it up in `Programmes`."""

    class AlreadyAttested(Error, index=5):
        """The milestone or link is already attested or confirmed; no further step is needed."""

    class TriggerNotMet(Error, index=6):
        """The milestone is not reached; the burn can be executed once it is."""

    class AlreadyBurned(Error, index=7):
        """The burn of that milestone has been executed; it happens only once."""

    class Paused(Error, index=8):
        """Discretionary releases are paused; try again from `DiscretionaryPausedUntil` on."""

    class NotDiscretionary(Error, index=9):
        """The pool has no discretionary payments; it pays only by the rules of its own pallet."""

    class NothingToClaim(Error, index=10):
        """Everything released of the programme is paid; wait for a month or a milestone."""

    class NotAttested(Error, index=11):
        """The Foundation has not attested the milestone, or its attestation is not pending."""

    class WindowClosed(Error, index=12):
        """The objection window has passed; the milestone counts."""

    class PoolClosed(Error, index=13):
        """The pool takes no money from there; for the staking pool use `tierStaking.topUp`."""

    class ExpiryPassed(Error, index=14):
        """The expiry is not after the current slot; choose a later one."""

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
        for account in ALL_POOLS:
            self.pools[id_of(account)] = Pool(account, self.currency.total(account))
        self._genesis_programmes(found)
        self._genesis_rules(found)

    def _genesis_programmes(self, found: Config) -> None:
        for number, (place, programme) in enumerate(found.programmes):
            if found.foundation is None:
                raise GenesisError(f"{place}: a programme, but no foundation to pay it to")
            account = pool_account(programme.pool)
            if account not in FOUNDATION_PROGRAMMES:
                raise GenesisError(f"{place}.pool: a programme lies in btt/fnd1 to btt/fnd4")
            held = self.currency.total(account)
            if programme.amount != held:
                raise GenesisError(
                    f"{place}.amount: expected {held}, what lies in its pool, "
                    f"found {programme.amount}"
                )
            self.programmes[u32(number)] = programme

    def _genesis_rules(self, found: Config) -> None:
        self.preset.value = found.preset
        if found.threshold is not None:
            self.high_value_threshold.value = found.threshold
        if found.release_table is not None:
            self.release_table.value = found.release_table
        if found.foundation is not None:
            self.foundation.value = found.foundation
        if found.reserve is not None:
            self.reserve.value = found.reserve
        self.ceiling_mode.value = found.ceiling_mode
        for name, allocation in found.allocations.items():
            self.allocations[name] = allocation
        self.contractual_rows.value = found.contractual
        for burn, amount in found.milestone_burns:
            self.milestone_burns[burn] = MilestoneBurn(amount)

    def on_initialize(self, number: int) -> int:
        """Execute the burn at the chain's launch, in the first block."""
        del number
        launch = self.milestone_burns.get(BurnId.MainnetLaunch)
        if launch is None or launch.executed_at is not None:
            return 0
        sources = self._burn_sources(int(launch.amount))
        if sources is None:  # any account may execute it once the funds suffice
            return 0
        self._burn_milestone(BurnId.MainnetLaunch, launch, sources)
        return weights.EXECUTE_MILESTONE_BURN

    # ---- calls

    @call(0, weight=weights.RELEASE_DISCRETIONARY)
    def release_discretionary(
        self,
        origin: Origin,
        pool: Annotated[PoolId, TypeName("PoolId")],
        amount: CompactAmount,
        beneficiary: Lookup,
    ) -> None:
        """Pay from a pool for ecosystem, development, operations or grants. Origin: its spender."""
        account = pool_account(pool)
        gate = self._spender_of(account)
        if gate is None:
            raise self.NotDiscretionary
        gate(origin)
        self.pay(account, self._payee(account, beneficiary), amount, discretionary=True)

    @call(1, weight=weights.ATTEST_MILESTONE)
    def attest_milestone(
        self, origin: Origin, programme: Index, index: Index, evidence_hash: Hash
    ) -> None:
        """Attest that a milestone is reached. Origin: the Foundation.

        It counts once it is confirmed, or when the objection window has passed.
        """
        if origin.signed() != self.foundation.get():
            raise BadOrigin
        record, item = self._milestone(programme, index)
        if item.status in {MilestoneStatus.Attested, MilestoneStatus.Confirmed}:
            raise self.AlreadyAttested
        now = self.clock.now()
        item.status, item.evidence, item.since = MilestoneStatus.Attested, evidence_hash, u64(now)
        self.programmes[programme] = record
        until = u64(now + int(self.objection_window))
        self.deposit(self.MilestoneAttested(programme, index, evidence_hash, until))

    @call(2, weight=weights.OBJECT_MILESTONE)
    def object_milestone(self, origin: Origin, programme: Index, index: Index) -> None:
        """Object to a milestone that the Foundation attested, within the objection window."""
        self.objecting(origin)
        record, item = self._milestone(programme, index)
        if item.status is not MilestoneStatus.Attested:
            raise self.NotAttested
        now = self.clock.now()
        if not is_open(item, now, int(self.objection_window)):
            raise self.WindowClosed
        item.status, item.since = MilestoneStatus.Objected, u64(now)
        self.programmes[programme] = record
        self.deposit(self.MilestoneObjected(programme, index))

    @call(3, weight=weights.CLAIM_PROGRAMME)
    def claim_programme(self, origin: Origin, programme: Index) -> None:
        """Pay the released part of a programme to the Foundation. Any account may call it.

        That is the part that both time and milestones allow, or as much as the release ceiling
        leaves; the rest can be claimed when there is room again.
        """
        origin.signed()
        record = self.programmes.get(programme)
        if record is None:
            raise self.MilestoneUnknown
        self._ensure_not_paused()
        foundation = self.foundation.get()
        now = self.clock.now()
        confirmed = self._settle(record, now)
        due = self.programme_cap(record, now) - int(record.released_planck)
        if due <= 0 or foundation is None:
            raise self.NothingToClaim
        if self.ceiling_mode.value is CeilingMode.Enforce:
            due = min(due, self.headroom())
        if not due:
            raise self.ReleaseCeilingReached
        amount = u128(due)
        self.pay(pool_account(record.pool), foundation, amount, discretionary=True)
        record.released_planck += amount
        self.programmes[programme] = record
        for place in confirmed:
            self.deposit(self.MilestoneConfirmed(programme, u32(place)))
        self.deposit(self.ProgrammeReleased(programme, amount, foundation))

    @call(4, weight=weights.UNLOCK_RESERVE)
    def unlock_reserve(self, origin: Origin, cap: CompactAmount, expiry: Slot) -> None:
        """Allow the reserve's signatories to spend up to `cap` planck before slot `expiry`.

        This replaces the previous amount; a `cap` of zero locks the reserve again.
        """
        self.emergency(origin)
        if cap and expiry <= self.clock.now():
            raise self.ExpiryPassed
        books = self._books(RESERVE)
        if int(books.released) + int(cap) > int(books.allocated):
            raise self.CapExceeded
        self.reserve_unlock.value = ReserveUnlock(cap, expiry)
        self.deposit(self.ReserveUnlocked(cap, expiry))

    @call(5, weight=weights.SPEND_RESERVE)
    def spend_reserve(
        self, origin: Origin, amount: CompactAmount, beneficiary: Lookup, reason_hash: Hash
    ) -> None:
        """Pay from the reserve, within the unlocked amount. Origin: its signatories' multisig.

        The release ceiling does not limit it, but the payment counts under the ceiling.
        """
        if origin.signed() != self.reserve.get():
            raise BadOrigin
        unlock = self.reserve_unlock.get()
        if unlock is None or unlock.expiry <= self.clock.now():
            raise self.ReserveLocked
        if int(unlock.spent) + int(amount) > int(unlock.cap):
            raise self.CapExceeded
        to = self._payee(RESERVE, beneficiary)
        self.pay(RESERVE, to, amount, discretionary=False)
        unlock.spent += amount
        self.reserve_unlock.value = unlock
        self.deposit(self.ReserveSpent(amount, to, reason_hash))

    @call(6, weight=weights.EXECUTE_MILESTONE_BURN)
    def execute_milestone_burn(
        self, origin: Origin, id: Annotated[BurnId, TypeName("BurnId")]
    ) -> None:
        """Execute the burn of a milestone that is reached. Any account may call it.

        It is taken from the ecosystem fund; if that is too small, from the programme payments to
        the Foundation, then from the treasury.
        """
        origin.signed()
        burn = self.milestone_burns.get(id)
        if burn is None:
            raise self.MilestoneUnknown
        if burn.executed_at is not None:
            raise self.AlreadyBurned
        if not self._is_reached(id):
            raise self.TriggerNotMet
        sources = self._burn_sources(int(burn.amount))
        if sources is None:
            raise self.PoolExhausted
        self._burn_milestone(id, burn, sources)

    @call(7, weight=weights.ATTEST_CROSS_CHAIN)
    def attest_cross_chain(self, origin: Origin) -> None:
        """Attest that the chain is linked to others, which triggers the burn for that."""
        self.technical(origin)
        if self.cross_chain.value:
            raise self.AlreadyAttested
        self.cross_chain.value = True
        self.deposit(self.CrossChainAttested())

    @call(8, weight=weights.PAUSE_DISCRETIONARY)
    def pause_discretionary(self, origin: Origin, until: Slot) -> None:
        """Pause discretionary releases until slot `until`; a past slot ends the pause.

        Vesting, mining, staking and the reserve continue.
        """
        self.emergency(origin)
        self.discretionary_paused_until.value = until
        self.deposit(self.DiscretionaryPaused(until))

    @call(9, weight=weights.SET_CEILING_MODE)
    def set_ceiling_mode(
        self, origin: Origin, mode: Annotated[CeilingMode, TypeName("CeilingMode")]
    ) -> None:
        """Set the effect of the release ceiling. Origin: parameters."""
        self.params(origin)
        self.ceiling_mode.value = mode
        self.deposit(self.CeilingModeSet(mode))

    @call(10, weight=weights.TOP_UP_POOL)
    def top_up_pool(
        self,
        origin: Origin,
        pool: Annotated[PoolId, TypeName("PoolId")],
        amount: CompactAmount,
    ) -> None:
        """Give `amount` planck to a pool irrevocably. Raises PoolClosed if it takes no gifts."""
        who, account = origin.signed(), pool_account(pool)
        if account not in FED_BY_ANYBODY:
            raise self.PoolClosed
        self.currency.transfer(who, account, amount)
        self.deposit(self.PoolToppedUp(pool, who, amount))

    @call(11, weight=weights.CONFIRM_MILESTONE)
    def confirm_milestone(self, origin: Origin, programme: Index, index: Index) -> None:
        """Confirm a milestone that the Foundation attested, even after an objection."""
        self.technical(origin)
        record, item = self._milestone(programme, index)
        if item.status is MilestoneStatus.Confirmed:
            raise self.AlreadyAttested
        if item.status is MilestoneStatus.Open:
            raise self.NotAttested
        item.status, item.since = MilestoneStatus.Confirmed, u64(self.clock.now())
        record.done_bps += item.bps
        self.programmes[programme] = record
        self.deposit(self.MilestoneConfirmed(programme, index))

    # ---- public interface: money

    def pay(self, pool: AccountId, to: AccountId, amount: u128, *, discretionary: bool) -> None:
        """Pay out of a pool. All payments of pools except the treasury's use this function.

        Raises PoolExhausted, errors of the transfer (TokenError), and if `discretionary` Paused and
        ReleaseCeilingReached. Other releases may exceed the ceiling and emit an event.
        """
        if not amount:
            return
        books = self._books(pool)
        if amount > self.available(pool):
            raise self.PoolExhausted
        counted = self._counted(pool, books, amount)
        if discretionary:
            self._ensure_not_paused()
            self._ensure_below_ceiling(counted)
        self.currency.transfer(pool, to, amount)
        books.released += amount
        self.pools[id_of(pool)] = books
        self._count_released(counted)
        self.deposit(self.PoolReleased(id_of(pool), amount, to))

    def destroy(self, who: AccountId, amount: u128, reason: BurnReason) -> None:
        """Destroy money of a pool or other account, and count it under `reason`.

        Raises PoolExhausted for pools, TokenError for others.
        """
        if not amount:
            return
        books = self._books(who) if who in ALL_POOLS else None
        if books is not None and amount > self.available(who):
            raise self.PoolExhausted
        self.currency.fungible.burn_from(who, amount)
        if books is not None:
            books.burned += amount
            self.pools[id_of(who)] = books
        self._count_burned(who, amount, reason)

    def take(
        self,
        who: AccountId,
        split: ComputeSplit | PlatformSplit,
        reason: BurnReason,
        earners: Sequence[tuple[AccountId, u128]] = (),
    ) -> None:
        """Take the parts of a fee from `who`, and transfer each to its recipient.

        `earners` are the recipients of the contributors' or voters' part, with amounts; without any
        the caller moves that part itself. Everything is taken at once, so that an account that ends
        with this payment ends after it. A part too small to create an account goes to the treasury.
        Raises TokenError if `who` cannot spend the sum; ValueError if the earners' amounts do not
        add up to their part.
        """
        earned = sum(int(part) for _, part in earners)
        if earners and earned != split.earned:
            raise ValueError(f"earners get {earned} planck of a leg of {split.earned}")
        kept = sum(map(int, (split.burn, split.development, split.foundation, split.reserve)))
        self.currency.fungible.withdraw(who, u128(kept + earned))
        # The burn goes through the development fund: from there any amount can be burned.
        self.currency.credit(DEVELOPMENT_FUND, split.burn + split.development)
        self.currency.credit(self.foundation.get() or TREASURY, split.foundation)
        self.currency.credit(OPERATIONS, split.reserve)
        for earner, part in earners:
            self.currency.credit(earner, part)
        if split.burn:
            self.currency.fungible.burn_from(DEVELOPMENT_FUND, split.burn)
            self._count_burned(who, split.burn, reason)
        if isinstance(split, ComputeSplit) and split.development:
            self.compute_inflow.value += split.development

    # ---- public interface: money on hold

    def take_held(
        self,
        reason: Reason,
        who: AccountId,
        split: ComputeSplit | PlatformSplit,
        why: BurnReason,
        earners: Sequence[tuple[AccountId, u128]],
    ) -> None:
        """Take the parts of a fee out of what `who` has on hold, despite locks.

        Like `take`, but `earners` must be given. Raises TokenError if less is on hold; ValueError
        if the earners' amounts do not add up.
        """
        earned = sum(int(part) for _, part in earners)
        if earned != split.earned:
            raise ValueError(f"earners get {earned} planck of a leg of {split.earned}")
        self.destroy_held(reason, who, split.burn, why, force=True)
        legs = (
            (DEVELOPMENT_FUND, split.development),
            (self.foundation.get() or TREASURY, split.foundation),
            (OPERATIONS, split.reserve),
        )
        for to, part in (*legs, *earners):
            self.pay_held(reason, who, to, part)
        if isinstance(split, ComputeSplit) and split.development:
            self.compute_inflow.value += split.development

    def pay_held(self, reason: Reason, who: AccountId, to: AccountId, amount: u128) -> None:
        """Pay `to` out of what `who` has on hold.

        The part that a lock relies on is destroyed instead: otherwise an owner could free locked
        money by losing it to another own account. Amounts too small to create an account go to the
        treasury. Raises TokenError if less is on hold.
        """
        locked = u128(max(0, int(amount) - int(self.currency.unlocked(reason, who))))
        if amount <= self.currency.held(reason, who):
            self.destroy_held(reason, who, locked, BurnReason.Slash, force=True)
            amount = amount - locked
        pay = self.currency.transfer_on_hold
        try:
            pay(reason, who, to, amount, on_hold=False, force=True)
        except TokenError as error:
            if error.kind is not TokenErrorKind.CannotCreate:
                raise
            pay(reason, who, TREASURY, amount, on_hold=False, force=True)

    def destroy_held(
        self, reason: Reason, who: AccountId, amount: u128, why: BurnReason, *, force: bool = False
    ) -> None:
        """Destroy what `who` has on hold, and count it under `why`.

        `force` includes money that a lock relies on. Raises TokenError if less is on hold.
        """
        if not amount:
            return
        self.currency.fungible_hold.burn_held(reason, who, amount, force=force)
        self._count_burned(who, amount, why)

    def count_voluntary(self, amount: u128) -> None:
        """Count a burn by its owner; Balances emits the event."""
        if amount:
            self.burned_by[BurnReason.Voluntary] += amount

    # ---- public interface: the stakers' part of the development fund

    def compute_inflow_of_era(self) -> u128:
        """Return the development fund's income from compute fees since the last `earmark`."""
        return self.compute_inflow.value

    def earmark(self, amount: u128) -> None:
        """Close an era: set `amount` of its income aside for stakers, and begin the next era.

        The money stays in the development fund, where only `pay_earmarked` spends it. Raises
        PoolExhausted if the amount exceeds the income.
        """
        if amount > self.compute_inflow.value:
            raise self.PoolExhausted
        self.compute_inflow.value = u128(0)
        if amount:
            self.earmarked.value += amount

    def pay_earmarked(self, to: AccountId, amount: u128) -> None:
        """Pay a staker from the amount set aside. Raises PoolExhausted, and TokenError."""
        if not amount:
            return
        earmarked = self.earmarked.value
        if amount > earmarked:
            raise self.PoolExhausted
        self.currency.transfer(DEVELOPMENT_FUND, to, amount)
        self.earmarked.value = earmarked - amount
        books = self._books(DEVELOPMENT_FUND)
        books.released += amount
        self.pools[id_of(DEVELOPMENT_FUND)] = books
        self.deposit(self.PoolReleased(id_of(DEVELOPMENT_FUND), amount, to))

    # ---- public interface: queries

    def available(self, pool: AccountId) -> u128:
        """Return the amount that can be paid out of a pool.

        For the development fund this excludes the amount set aside for stakers, and the income of
        this era, a part of which will be set aside.
        """
        balance = self.currency.reducible_balance(pool)
        if pool != DEVELOPMENT_FUND:
            return balance
        promised = int(self.earmarked.value) + int(self.compute_inflow.value)
        return u128(max(0, int(balance) - promised))

    def threshold(self) -> u128:
        """Return the value from which fees burn at their highest rate, in planck."""
        return self.high_value_threshold.value

    def time_now(self) -> int:
        """Return the milliseconds since genesis, in whole slots."""
        return self.clock.now() * int(self.slot_ms)

    def year_now(self) -> int:
        """Return the label year, at most the table's last, which covers all later years."""
        last = FIRST_YEAR + len(self.release_table.peek()) - 1
        return min(label_year(self.time_now()), last)

    def released_now(self) -> int:
        """Return the sum of all releases by now."""
        return self._released_by(self.clock.now(), int(self.released_total.value)).total

    def headroom(self) -> int:
        """Return the amount that the ceiling leaves for discretionary releases now."""
        return max(0, self._ceiling(self.year_now()) - self.released_now())

    def programme_cap(self, programme: Programme, now: int) -> int:
        """Return the part of a programme that both time and milestones allow in slot `now`."""
        done = int(programme.done_bps) + sum(
            int(programme.milestones[place].bps)
            for place in settled(programme.milestones, now, int(self.objection_window))
        )
        by_time = time_cap(programme.amount, programme.months, now * int(self.slot_ms))
        return min(by_time, milestone_cap(programme.amount, done))

    def unvested(self) -> int:
        """Return the part of the contractual rows not released yet, by their contracts."""
        rows = self.contractual_rows.peek()
        return sum(int(row.amount) for row in rows) - contractual(rows, self.clock.now())

    def supply(self) -> Supply:
        """Return the supply, and its circulating, locked and staked parts.

        `circulating` is the issuance without the balances of pools (including the treasury) and
        without `locked`, the unreleased part of the contractual rows. Both follow the rows'
        contracts: schedules ended early or merged by root calls, and locks by holders, change
        neither. `staked` is the sum of tier stakes and bonds, which circulate.
        """
        issuance, locked = int(self.currency.total_issuance.value), self.unvested()
        pooled = sum(int(self.currency.total(account)) for account in ALL_POOLS)
        return Supply(
            genesis=self.genesis_supply.value,
            burned=self.currency.total_burned.value,
            issuance=u128(issuance),
            circulating=u128(max(0, issuance - pooled - locked)),
            locked=u128(locked),
            staked=u128(sum(each.staked_total() for each in self.staked)),
        )

    def release(self, year: int) -> YearRelease:
        """Return the releases of a label year; the table's last year covers all later ones.

        `contractual` and `mining` are by formula, so also for future years. `headroom` is what the
        ceiling leaves now for the current year, and at its end for any other year.
        """
        last = FIRST_YEAR + len(self.release_table.peek()) - 1
        year, this = min(year, last), self.year_now()
        paid = {at: int(self.released_by_year[u32(at)]) for at in range(FIRST_YEAR, last + 1)}
        before = self._released_by_end_of(year - 1, last)
        after = self._released_by_end_of(year, last)
        so_far = sum(amount for at, amount in paid.items() if at <= year)
        used = self.released_now() if year == this else after.total + so_far
        limit = self._ceiling(year)
        table = table_part(int(self.genesis_supply.value), self.release_table.peek(), year)
        return YearRelease(
            year=u32(max(0, year)),
            table=u128(table),
            contractual=u128(after.contractual - before.contractual),
            mining=u128(after.mining - before.mining),
            discretionary=u128(paid.get(year, 0)),
            ceiling=u128(limit),
            headroom=u128(max(0, limit - used)),
        )

    def pools_now(self) -> list[PoolStatus]:
        """Return all pools, the treasury last; its record has milestone burns only."""
        found = []
        for account in ALL_POOLS:
            books = self._books(account)
            found.append(
                PoolStatus(
                    id=id_of(account),
                    account=account,
                    allocated=books.allocated,
                    released=books.released,
                    burned=books.burned,
                    balance=self.currency.total(account),
                )
            )
        return found

    def lean_on(self, staked: Sequence[Staked], hospitals: Hospitals | None = None) -> None:
        """Set dependencies that are built later: pallets with stakes, the registry of hospitals."""
        self.staked = staked
        if hospitals is not None:
            self.hospitals = hospitals

    # ---- internals: releases

    def _payee(self, pool: AccountId, beneficiary: MultiAddress) -> AccountId:
        """Return the payee of a payment by a pool; PoolClosed if it is a pool that cannot spend it.

        A payment to the pool itself is refused: it would move nothing, but be counted.
        """
        to = lookup(beneficiary)
        if is_pool(to) and (to == pool or to not in (*FED_BY_ANYBODY, STAKING)):
            raise self.PoolClosed
        return to

    def _spender_of(self, pool: AccountId) -> OriginCheck | None:
        """Return the origin that may spend from a pool; None if there is none."""
        if pool == GRANTS:
            return self.grant_spender
        if pool in {ECOSYSTEM, DEVELOPMENT_FUND, OPERATIONS}:
            return self.ecosystem_spender
        return None

    def _books(self, pool: AccountId) -> Pool:
        return self.pools.get(id_of(pool)) or Pool(pool, u128(0))

    def _counted(self, pool: AccountId, books: Pool, amount: u128) -> int:
        """Return the part of a payment that counts as a release: from the pool's genesis funds.

        Later income of a pool was in circulation; mining is counted by its schedule.
        """
        if pool == MINING:
            return 0
        return max(0, min(int(amount), int(books.allocated) - int(books.released)))

    def _count_released(self, counted: int) -> None:
        if not counted:
            return
        year = self.year_now()
        self.released_total.value += counted
        self.released_by_year[u32(year)] += counted
        if self.ceiling_mode.value is CeilingMode.Off:
            return
        limit, released = self._ceiling(year), self.released_now()
        if released > limit:
            self.deposit(self.ReleaseCeilingExceeded(u32(year), u128(limit), u128(released)))

    def _ensure_not_paused(self) -> None:
        if self.clock.now() < self.discretionary_paused_until.value:
            raise self.Paused

    def _ensure_below_ceiling(self, counted: int) -> None:
        if counted and self.ceiling_mode.value is CeilingMode.Enforce and counted > self.headroom():
            raise self.ReleaseCeilingReached

    def _ceiling(self, year: int) -> int:
        return ceiling(int(self.genesis_supply.value), self.release_table.peek(), year)

    def _released_by(self, slot: int, discretionary: int = 0) -> Releases:
        pool = int(self._books(MINING).allocated)
        return Releases(
            contractual(self.contractual_rows.peek(), slot),
            emitted(pool, slot * int(self.slot_ms)),
            discretionary,
        )

    def _released_by_end_of(self, year: int, last: int) -> Releases:
        """Return the releases by formula until the end of a year; zero before the first year."""
        if year < FIRST_YEAR:
            return Releases()
        if year >= last:
            rows = self.contractual_rows.peek()
            return Releases(
                sum(int(row.amount) for row in rows), int(self._books(MINING).allocated)
            )
        return self._released_by(year_begin(year + 1, int(self.slot_ms)))

    # ---- internals: milestones and burns

    def _milestone(self, programme: u32, index: u32) -> tuple[Programme, Milestone]:
        record = self.programmes.get(programme)
        if record is None or index >= len(record.milestones):
            raise self.MilestoneUnknown
        return record, record.milestones[index]

    def _settle(self, programme: Programme, now: int) -> list[int]:
        """Confirm the items whose objection window has passed; return their places."""
        places = settled(programme.milestones, now, int(self.objection_window))
        for place in places:
            item = programme.milestones[place]
            item.status, item.since = MilestoneStatus.Confirmed, u64(now)
            programme.done_bps += item.bps
        return places

    def _is_reached(self, id: BurnId) -> bool:
        if id in HOSPITALS:
            return self.hospitals.count() >= HOSPITALS[id]
        return id is BurnId.MainnetLaunch or self.cross_chain.value

    def _burn_sources(self, amount: int) -> list[tuple[AccountId, int]] | None:
        """Return the parts of `amount` to burn, by account; None if all sources are too small."""
        sources: list[tuple[AccountId, int]] = []
        for account, has in self._burnable():
            part = min(amount, has)
            if part:
                sources.append((account, part))
                amount -= part
            if not amount:
                return sources
        return None

    def _burnable(self) -> list[tuple[AccountId, int]]:
        """Return the sources of milestone burns, in order, with limits. No user is a source."""
        funds = [(ECOSYSTEM, int(self.available(ECOSYSTEM)))]
        foundation = self.foundation.get()
        if foundation is not None:
            spendable = self.currency.reducible_balance(foundation, keep_alive=True)
            was_paid = sum(int(self._books(account).released) for account in FOUNDATION_PROGRAMMES)
            funds.append((foundation, min(int(spendable), was_paid)))
        return [*funds, (TREASURY, int(self.available(TREASURY)))]

    def _burn_milestone(
        self, id: BurnId, burn: MilestoneBurn, sources: Sequence[tuple[AccountId, int]]
    ) -> None:
        for account, part in sources:
            self.destroy(account, u128(part), BurnReason.Milestone)
        burn.executed_at = u64(self.clock.now())
        self.milestone_burns[id] = burn
        self.deposit(self.MilestoneBurned(id, burn.amount))

    def _count_burned(self, who: AccountId, amount: u128, reason: BurnReason) -> None:
        self.burned_by[reason] += amount
        self.deposit(self.TokensBurned(who, amount, reason))


def id_of(account: AccountId) -> PoolId:
    """Return the identifier of the pool with this account."""
    return PoolId(pool_identifier(account))
