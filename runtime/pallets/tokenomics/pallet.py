"""Tokenomics: the pools, what leaves them, and what is destroyed.

What always holds: no pool is paid out beyond what lies in it; the Foundation is never paid more of
a programme than time and milestones allow; what the reserve has spent stays within what a
referendum unlocked, and that within the reserve; a milestone burn happens once; and what was
burned for each reason adds up to what `Balances` counts as burned.

The documents' release table is a ceiling on discretionary releases only. What has been released
by a point in time is what came free by contract (by formula, whatever became of the schedules),
what was emitted for work, and what the other pools have paid out of what genesis gave them
(ruling B32). Fees that the development fund and the operational reserve took in were released
before, so that paying them out counts for nothing here; nor does what the treasury spends, whose
own limits stand in its pallet.
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
from runtime.pallets.tokenomics.law import (
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
"""Pools that take gifts: of these nobody keeps books that a gift would upset."""


Who = Annotated[AccountId, TypeName("T::AccountId")]
Lookup = Annotated[MultiAddress, TypeName("AccountIdLookupOf<T>")]
Amount = Annotated[u128, TypeName("BalanceOf<T>")]
CompactAmount = Annotated[Compact[u128], TypeName("BalanceOf<T>")]
Slot = Annotated[u64, TypeName("Slot")]
Index = Annotated[u32, TypeName("u32")]
Hash = Annotated[H256, TypeName("T::Hash")]


class Clock(Protocol):
    """What time it is; Babe satisfies it."""

    def now(self) -> int:
        """Return the slots since genesis."""


class Staked(Protocol):
    """A pallet that holds money at stake."""

    def staked_total(self) -> int:
        """Return all of it, in planck."""


class Hospitals(Protocol):
    """Who counts the hospitals that are registered and judged to be some."""

    def count(self) -> int:
        """Return how many there are."""


class NoHospitals:
    """Hospitals of a chain on which nobody can register any."""

    def count(self) -> int:
        """Return zero."""
        return 0


class Tokenomics(Pallet):
    """The pools, what leaves them, and what is destroyed. Amounts in planck, times in slots."""

    objection_window: Const[u64]
    """For how many slots one can object to a milestone that the Foundation attested."""
    slot_ms: u64
    currency: Balances
    clock: Clock
    ecosystem_spender: OriginCheck = ensure_root
    """May spend the ecosystem fund, the development fund and the operational reserve."""
    grant_spender: OriginCheck = ensure_root
    """May spend the grants."""
    objecting: OriginCheck = ensure_root
    """May object to a milestone."""
    technical: OriginCheck = ensure_root
    """May confirm milestones, and attest that the chain is linked to others."""
    emergency: OriginCheck = ensure_root
    """May unlock the reserve, and pause discretionary releases."""
    params: OriginCheck = ensure_root
    """May say what the release ceiling does."""
    hospitals: Hospitals = NoHospitals()
    staked: Sequence[Staked] = ()

    genesis_supply = Value(u128, default=u128(0))
    """All money there was in block zero; there is never more."""
    preset = Value(str, default="")
    """The document whose rules these are."""
    high_value_threshold = Value(u128, default=u128(10_000 * BTT))
    """The value from which fees burn at their highest rate."""
    burned_by = Map(BurnReason, u128, default=u128(0), hasher=Hasher.Twox64Concat)
    """All money that was ever destroyed, by why; adds up to `Balances.TotalBurned`."""
    pools = Map(PoolId, Pool, hasher=Hasher.Twox64Concat)
    """The pools' books."""
    foundation = Value(AccountId)
    """The Foundation's account: a multisig of its signatories."""
    reserve = Value(AccountId)
    """The account that spends the reserve: a multisig of its signatories."""
    allocations = Map(RowName, Allocation)
    """The rows of the documents' table by their names, as they were in block zero."""
    contractual_rows = Value(RowList, default=[])
    """What comes free by contract."""
    programmes = Map(u32, Programme, hasher=Hasher.Twox64Concat)
    """The Foundation's programmes, numbered from zero."""
    milestone_burns = Map(BurnId, MilestoneBurn, hasher=Hasher.Twox64Concat)
    """What is destroyed at the project's milestones."""
    cross_chain = Value(bool, default=False)
    """Whether the chain is linked to others."""
    release_table = Value(YearTable, default=[u32(bps) for bps in RELEASE_TABLE])
    """What each year from 2025 on releases; the last stands for all that follow."""
    released_total = Value(u128, default=u128(0))
    """What the pools but that of mining have paid out of what genesis gave them."""
    released_by_year = Map(u32, u128, default=u128(0), hasher=Hasher.Twox64Concat)
    """The same, by label year."""
    ceiling_mode = Value(CeilingMode, default=CeilingMode.Enforce)
    """What the release ceiling does."""
    discretionary_paused_until = Value(u64, default=u64(0))
    """The first slot in which discretionary releases are made again."""
    reserve_unlock = Value(ReserveUnlock)
    """What of the reserve is unlocked."""
    compute_inflow = Value(u128, default=u128(0))
    """What the development fund took in from compute fees since the last era was closed."""
    earmarked = Value(u128, default=u128(0))
    """What of the development fund is the stakers', and waits for them there."""

    class PoolReleased(Event, index=0):
        """A pool paid."""

        pool: Annotated[PoolId, TypeName("PoolId")]
        amount: Amount
        to: Who

    class ProgrammeReleased(Event, index=1):
        """The Foundation was paid what had come free of a programme."""

        programme: Index
        amount: Amount
        to: Who

    class MilestoneAttested(Event, index=2):
        """The Foundation says that a milestone is reached; objections are heard before `until`."""

        programme: Index
        index: Index
        evidence_hash: Hash
        until: Slot

    class MilestoneObjected(Event, index=3):
        """A milestone was objected to: it counts if it is confirmed, or attested anew."""

        programme: Index
        index: Index

    class ReserveUnlocked(Event, index=4):
        """The reserve's signatories may spend up to `cap` before slot `expiry`."""

        cap: Amount
        expiry: Slot

    class ReserveSpent(Event, index=5):
        """The reserve paid; `reason_hash` is the hash of why."""

        amount: Amount
        to: Who
        reason_hash: Hash

    class MilestoneBurned(Event, index=6):
        """A milestone of the project was reached, and money destroyed."""

        id: Annotated[BurnId, TypeName("BurnId")]
        amount: Amount

    class TokensBurned(Event, index=7):
        """Money was destroyed by the chain. What owners burn, `Balances.Burned` tells."""

        who: Who
        amount: Amount
        reason: Annotated[BurnReason, TypeName("BurnReason")]

    class ReleaseCeilingExceeded(Event, index=8):
        """More has been released than the table gives to the year and all before it."""

        year: Index
        ceiling: Amount
        released: Amount

    class PoolToppedUp(Event, index=9):
        """Somebody gave money to a pool."""

        pool: Annotated[PoolId, TypeName("PoolId")]
        who: Who
        amount: Amount

    class MilestoneConfirmed(Event, index=10):
        """A milestone counts from now on."""

        programme: Index
        index: Index

    class DiscretionaryPaused(Event, index=11):
        """No discretionary release is made before slot `until`."""

        until: Slot

    class CeilingModeSet(Event, index=12):
        """The release ceiling does something else from now on."""

        mode: Annotated[CeilingMode, TypeName("CeilingMode")]

    class CrossChainAttested(Event, index=13):
        """The chain is linked to others; the burn for that can be executed."""

    class PoolExhausted(Error, index=0):
        """There is not so much in the pool; ask for less, or wait until it is fed again."""

    class ReleaseCeilingReached(Error, index=1):
        """The year's release ceiling does not allow so much; ask for less, or wait for the next."""

    class ReserveLocked(Error, index=2):
        """Nothing of the reserve is unlocked now; it takes a referendum that unlocks a part."""

    class CapExceeded(Error, index=3):
        """That is more of the reserve than is unlocked, or than there is; ask for less."""

    class MilestoneUnknown(Error, index=4):
        """There is no such programme or milestone; look it up in `Programmes`."""

    class AlreadyAttested(Error, index=5):
        """The milestone is attested or confirmed already; there is nothing more to do."""

    class TriggerNotMet(Error, index=6):
        """The milestone is not reached; the burn can be executed once it is."""

    class AlreadyBurned(Error, index=7):
        """The burn of that milestone has been executed; it happens only once."""

    class Paused(Error, index=8):
        """Discretionary releases are paused; try again from `DiscretionaryPausedUntil` on."""

    class NotDiscretionary(Error, index=9):
        """Nobody decides about this pool; it pays by its own pallet's rules only."""

    class NothingToClaim(Error, index=10):
        """All that has come free of the programme is paid; wait for a month or a milestone."""

    class NotAttested(Error, index=11):
        """The Foundation has not attested the milestone, or nobody waits for it any more."""

    class WindowClosed(Error, index=12):
        """The time for objections has passed; the milestone counts."""

    class PoolClosed(Error, index=13):
        """The pool takes no money from there; for the staking pool use `tierStaking.topUp`."""

    class ExpiryPassed(Error, index=14):
        """The reserve cannot be unlocked until a slot that has passed; choose a later one."""

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Open the books over what Balances put into the pools, by the rules of `config`.

        `read_config` tells what is in it. Raises GenesisError.
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
        """Execute the burn at the chain's launch, in the first block (ruling B34)."""
        del number
        launch = self.milestone_burns.get(BurnId.MainnetLaunch)
        if launch is None or launch.executed_at is not None:
            return 0
        sources = self._burn_sources(int(launch.amount))
        if sources is None:  # then anybody may execute it once there is enough
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
        """Pay out of a pool that a referendum decides about: ecosystem, grants, and the like."""
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
        """Say that a milestone is reached. For the Foundation.

        It counts once it is confirmed, or when the time for objections has passed.
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
        """Object to a milestone that the Foundation attested, while there is time for that."""
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
        """Have the Foundation paid what has come free of a programme. Anybody may.

        That is what both time and milestones allow, or as much of it as the release ceiling
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
        """Let the reserve's signatories spend up to `cap` before slot `expiry`.

        That replaces what was unlocked before; a `cap` of zero locks the reserve again.
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
        """Pay out of the reserve, within what is unlocked. For its signatories together.

        Emergencies do not wait for the release ceiling, but what they took counts under it.
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
        """Destroy what is to be destroyed at a milestone that is reached. Anybody may.

        It is taken from the ecosystem fund; where that is short, from what the Foundation was
        paid of its programmes, then from the treasury.
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
        """Say that the chain is linked to others: the trigger of the burn for that."""
        self.technical(origin)
        if self.cross_chain.value:
            raise self.AlreadyAttested
        self.cross_chain.value = True
        self.deposit(self.CrossChainAttested())

    @call(8, weight=weights.PAUSE_DISCRETIONARY)
    def pause_discretionary(self, origin: Origin, until: Slot) -> None:
        """Make no discretionary release before slot `until`; one that has passed ends the pause.

        Vesting, mining, staking and the reserve go on.
        """
        self.emergency(origin)
        self.discretionary_paused_until.value = until
        self.deposit(self.DiscretionaryPaused(until))

    @call(9, weight=weights.SET_CEILING_MODE)
    def set_ceiling_mode(
        self, origin: Origin, mode: Annotated[CeilingMode, TypeName("CeilingMode")]
    ) -> None:
        """Say what the release ceiling does from now on."""
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
        """Give money to a pool, for good."""
        who, account = origin.signed(), pool_account(pool)
        if account not in FED_BY_ANYBODY:
            raise self.PoolClosed
        self.currency.transfer(who, account, amount)
        self.deposit(self.PoolToppedUp(pool, who, amount))

    @call(11, weight=weights.CONFIRM_MILESTONE)
    def confirm_milestone(self, origin: Origin, programme: Index, index: Index) -> None:
        """Let a milestone count that the Foundation attested, whoever objected to it."""
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

    # ---- doors: money

    def pay(self, pool: AccountId, to: AccountId, amount: u128, *, discretionary: bool) -> None:
        """Pay out of a pool. The only way out of pools, but for the treasury's.

        Raises PoolExhausted, what the transfer raises (TokenError), and for what is
        `discretionary` Paused and ReleaseCeilingReached. Other releases go on beyond the
        ceiling; an event tells of it.
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
        """Destroy money of a pool or of anybody for good, and count it under `reason`.

        The only way to burn besides `Balances.burn`. Raises PoolExhausted for pools, TokenError
        for others.
        """
        if not amount:
            return
        books = self._books(who) if who in ALL_POOLS else None
        if books is not None and amount > self.available(who):
            raise self.PoolExhausted
        self.currency.burn_from(who, amount)
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
        """Take the legs of a fee from `who` and put each where it belongs.

        `earners` are those who get the contributors' or voters' leg, and how much each; without
        any the caller moves that leg itself. All is taken at once, so that an account that ends
        with this payment ends after it. A leg too small to open an account with goes to the
        treasury. Raises TokenError if `who` cannot spend so much; ValueError if the earners'
        parts do not add up to their leg.
        """
        earned = sum(int(part) for _, part in earners)
        if earners and earned != split.earned:
            raise ValueError(f"earners get {earned} planck of a leg of {split.earned}")
        kept = sum(map(int, (split.burn, split.development, split.foundation, split.reserve)))
        self.currency.withdraw(who, u128(kept + earned))
        # What is burned goes by the development fund: from there it can be burned in any amount.
        self.currency.credit(DEVELOPMENT_FUND, split.burn + split.development)
        self.currency.credit(self.foundation.get() or TREASURY, split.foundation)
        self.currency.credit(OPERATIONS, split.reserve)
        for earner, part in earners:
            self.currency.credit(earner, part)
        if split.burn:
            self.currency.burn_from(DEVELOPMENT_FUND, split.burn)
            self._count_burned(who, split.burn, reason)
        if isinstance(split, ComputeSplit) and split.development:
            self.compute_inflow.value += split.development

    # ---- doors: money on hold

    def take_held(
        self,
        reason: Reason,
        who: AccountId,
        split: ComputeSplit | PlatformSplit,
        why: BurnReason,
        earners: Sequence[tuple[AccountId, u128]],
    ) -> None:
        """Take the legs of a fee out of what `who` has on hold, whatever locks lie on it.

        Like `take`, but who earns the contributors' or voters' leg must be told. Raises
        TokenError if less is on hold; ValueError if the earners' parts do not add up.
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

        What a lock leans on is destroyed instead: nobody frees locked money by losing it to
        himself. What is too little to open an account with goes to the treasury. Raises TokenError
        if less is on hold.
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
        """Destroy what `who` has on hold for good, and count it under `why`.

        `force` takes even what a lock leans on. Raises TokenError if less is on hold.
        """
        if not amount:
            return
        self.currency.burn_held(reason, who, amount, force=force)
        self._count_burned(who, amount, why)

    def count_voluntary(self, amount: u128) -> None:
        """Count what an owner burned; Balances tells of it."""
        if amount:
            self.burned_by[BurnReason.Voluntary] += amount

    # ---- doors: the stakers' part of the development fund

    def compute_inflow_of_era(self) -> u128:
        """Return what the development fund took in from compute fees since the last `earmark`."""
        return self.compute_inflow.value

    def earmark(self, amount: u128) -> None:
        """Close an era: set `amount` of its inflow aside for the stakers; the next era begins.

        The money stays in the development fund, and nobody else can spend it. Raises
        PoolExhausted if that is more than the inflow.
        """
        if amount > self.compute_inflow.value:
            raise self.PoolExhausted
        self.compute_inflow.value = u128(0)
        if amount:
            self.earmarked.value += amount

    def pay_earmarked(self, to: AccountId, amount: u128) -> None:
        """Pay a staker out of what is set aside. Raises PoolExhausted, and TokenError."""
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

    # ---- doors: looking

    def available(self, pool: AccountId) -> u128:
        """Return what can be paid out of a pool.

        Of the development fund that is neither what is set aside for stakers nor what came in
        during this era, of which a part will be.
        """
        balance = self.currency.reducible_balance(pool)
        if pool != DEVELOPMENT_FUND:
            return balance
        promised = int(self.earmarked.value) + int(self.compute_inflow.value)
        return u128(max(0, int(balance) - promised))

    def threshold(self) -> u128:
        """Return the value from which fees burn at their highest rate."""
        return self.high_value_threshold.value

    def time_now(self) -> int:
        """Return the milliseconds since genesis, in whole slots."""
        return self.clock.now() * int(self.slot_ms)

    def year_now(self) -> int:
        """Return the label year; the table's last stands for all that follow."""
        last = FIRST_YEAR + len(self.release_table.peek()) - 1
        return min(label_year(self.time_now()), last)

    def released_now(self) -> int:
        """Return what has been released by now, all in all."""
        return self._released_by(self.clock.now(), int(self.released_total.value)).total

    def headroom(self) -> int:
        """Return what the ceiling leaves to discretionary releases now."""
        return max(0, self._ceiling(self.year_now()) - self.released_now())

    def programme_cap(self, programme: Programme, now: int) -> int:
        """Return what of a programme both time and milestones allow in slot `now`."""
        done = int(programme.done_bps) + sum(
            int(programme.milestones[place].bps)
            for place in settled(programme.milestones, now, int(self.objection_window))
        )
        by_time = time_cap(programme.amount, programme.months, now * int(self.slot_ms))
        return min(by_time, milestone_cap(programme.amount, done))

    def unvested(self) -> int:
        """Return what of the contractual rows has not come free, by their contracts."""
        rows = self.contractual_rows.peek()
        return sum(int(row.amount) for row in rows) - contractual(rows, self.clock.now())

    def supply(self) -> Supply:
        """Return how much money there is, and how much of it moves.

        `circulating` is the issuance without what lies in the pools (the treasury among them) and
        without what has not come free of the contractual rows; `locked` is the latter. Both go
        by the rows' contracts: what a root call ends early, merges, or what holders lock of
        their own will changes neither. `staked` is all tier stakes and bonds; they circulate.
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
        """Return one label year of releases; the table's last year stands for all that follow.

        `contractual` and `mining` are by formula, so for years to come as well. `headroom` is
        what the ceiling leaves now in the year that is, at the end of any other year.
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
        """Return all pools, the treasury last; of that, only burns at milestones are in books."""
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
        """Tie to pallets that stand below: who holds stakes, and who counts hospitals."""
        self.staked = staked
        if hospitals is not None:
            self.hospitals = hospitals

    # ---- steps: releases

    def _payee(self, pool: AccountId, beneficiary: MultiAddress) -> AccountId:
        """Return whom a pool is to pay; PoolClosed where the money would lie for ever.

        A payment to itself would move nothing, and be counted.
        """
        to = lookup(beneficiary)
        if is_pool(to) and (to == pool or to not in (*FED_BY_ANYBODY, STAKING)):
            raise self.PoolClosed
        return to

    def _spender_of(self, pool: AccountId) -> OriginCheck | None:
        """Return whose decisions a pool pays by."""
        if pool == GRANTS:
            return self.grant_spender
        if pool in {ECOSYSTEM, DEVELOPMENT_FUND, OPERATIONS}:
            return self.ecosystem_spender
        return None

    def _books(self, pool: AccountId) -> Pool:
        return self.pools.get(id_of(pool)) or Pool(pool, u128(0))

    def _counted(self, pool: AccountId, books: Pool, amount: u128) -> int:
        """Return how much of a payment is a release: the part that genesis gave to the pool.

        Money that came in later has been in circulation; mining is counted by its schedule.
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
        """Return what formulas release by the end of a year: nothing before the first one."""
        if year < FIRST_YEAR:
            return Releases()
        if year >= last:
            rows = self.contractual_rows.peek()
            return Releases(
                sum(int(row.amount) for row in rows), int(self._books(MINING).allocated)
            )
        return self._released_by(year_begin(year + 1, int(self.slot_ms)))

    # ---- steps: milestones and burns

    def _milestone(self, programme: u32, index: u32) -> tuple[Programme, Milestone]:
        record = self.programmes.get(programme)
        if record is None or index >= len(record.milestones):
            raise self.MilestoneUnknown
        return record, record.milestones[index]

    def _settle(self, programme: Programme, now: int) -> list[int]:
        """Confirm the items whose time for objections has passed; return their places."""
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
        """Return how much of `amount` to burn from whom; None if all have too little together."""
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
        """Return what milestone burns may take, in their order: never the money of users."""
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
    """Return the name of the pool whose account this is."""
    return PoolId(pool_identifier(account))
