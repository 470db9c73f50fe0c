"""Vesting: money that is owned now and can be spent later.

A schedule locks an amount and frees it slot by slot. What is not free yet lies under one lock,
`vesting `, that leaves fees (and, by Balances' rules, bonds) payable. Time is slots since
genesis, never block height: an empty slot delays nobody.

Each account's schedules are stored twice and change together. `SchedulesExt` is the truth;
`Vesting` says the same in the form that wallets read, rounded up to whole planck per slot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Final, Protocol

from btt_chain.primitives.account import AccountId, MultiAddress
from btt_chain.scale import Bounded, TypeName, path, u32, u128
from runtime.frame import (
    Const,
    Error,
    Event,
    GenesisError,
    Map,
    Origin,
    Pallet,
    PostInfo,
    Section,
    Value,
    call,
)
from runtime.pallets.balances import Reasons, lookup
from runtime.splits import ceil_div
from runtime.weights import vesting as weights

LOCK_ID: Final = b"vesting "
MAX_SCHEDULES: Final = 28


@path("pallet_vesting::Releases")
class Releases(IntEnum):
    """Versions of this pallet's storage."""

    V0 = 0
    V1 = 1


@path(
    "pallet_vesting::vesting_info::VestingInfo",
    params={"Balance": u128, "BlockNumber": u32},
)
@dataclass(slots=True)
class VestingInfo:
    """A schedule as wallets know it: from `starting_block` on, `per_block` planck come free."""

    locked: Annotated[u128, TypeName("Balance")]
    per_block: Annotated[u128, TypeName("Balance")]
    starting_block: Annotated[u32, TypeName("BlockNumber")]


@path("pallet_vesting::schedule::Schedule")
@dataclass(slots=True)
class Schedule:
    """`locked` planck come free evenly over `length` slots from slot `start`, none before `cliff`.

    Always: `length` is at least one, and `start <= cliff <= start + length`.
    """

    locked: Annotated[u128, TypeName("Balance")]
    start: Annotated[u32, TypeName("BlockNumber")]
    length: Annotated[u32, TypeName("BlockNumber")]
    cliff: Annotated[u32, TypeName("BlockNumber")]

    @property
    def end(self) -> int:
        """The first slot at which everything is free."""
        return int(self.start) + int(self.length)

    def vested(self, now: int) -> u128:
        """Return what is free at slot `now`, in planck."""
        return u128(vested(self.locked, self.start, self.length, self.cliff, now))

    def unvested(self, now: int) -> u128:
        """Return what is still locked at slot `now`, in planck."""
        return self.locked - self.vested(now)

    def info(self) -> VestingInfo:
        """Return the wallets' form; whole planck per slot, rounded up so that the end is kept."""
        return VestingInfo(self.locked, u128(ceil_div(self.locked, self.length)), self.start)


class Clock(Protocol):
    """What time it is; Babe satisfies it."""

    def now(self) -> int:
        """Return the slots since genesis."""


class Currency(Protocol):
    """The money that vests; Balances satisfies it. Amounts in planck."""

    def total(self, who: AccountId) -> u128:
        """Return all that `who` has, spendable or not."""

    def reducible_balance(self, who: AccountId) -> u128:
        """Return what `who` could spend at once."""

    def ensure_not_pool(self, who: AccountId) -> None:
        """Raise DispatchError for an account that only its own pallet may move."""

    def transfer(self, source: AccountId, dest: AccountId, amount: u128) -> None:
        """Move spendable money; the source's account may be closed by it."""

    def set_lock(self, id: bytes, who: AccountId, amount: u128, reasons: Reasons) -> None:
        """Keep `amount` from being spent for `reasons`; replaces the lock of this id."""

    def remove_lock(self, id: bytes, who: AccountId) -> None:
        """Lift the lock of this id, if there is one."""


class Vesting(Pallet):
    """Money that is owned now and can be spent later."""

    min_vested_transfer: Const[u128]
    """The least amount, in planck, that a new schedule may lock."""
    max_vesting_schedules: Const[u32] = u32(MAX_SCHEDULES)
    """How many schedules one account may have."""
    currency: Currency
    clock: Clock
    treasury: AccountId

    vesting = Map(AccountId, Bounded[list[VestingInfo], MAX_SCHEDULES])
    storage_version = Value(Releases, default=Releases.V0)
    schedules_ext = Map(AccountId, Bounded[list[Schedule], MAX_SCHEDULES])

    class VestingCreated(Event, index=0):
        """A schedule was added to an account."""

        account: Annotated[AccountId, TypeName("T::AccountId")]
        schedule_index: Annotated[u32, TypeName("u32")]

    class VestingUpdated(Event, index=1):
        """The locked amount of an account changed; `unvested` is what is still locked."""

        account: Annotated[AccountId, TypeName("T::AccountId")]
        unvested: Annotated[u128, TypeName("BalanceOf<T>")]

    class VestingCompleted(Event, index=2):
        """Nothing of this account is locked by a schedule any more."""

        account: Annotated[AccountId, TypeName("T::AccountId")]

    class NotVesting(Error, index=0):
        """The account has no vesting schedule: there is nothing to unlock or to merge."""

    class AtMaxVestingSchedules(Error, index=1):
        """The account has as many schedules as are allowed; merge two of them first."""

    class AmountLow(Error, index=2):
        """The amount is too small for a schedule of its own; send `min_vested_transfer` or more."""

    class ScheduleIndexOutOfBounds(Error, index=3):
        """The account has no schedule with this index; look them up in `Vesting`."""

    class InvalidScheduleParams(Error, index=4):
        """The schedule locks nothing, frees nothing, or is too long; free more per slot."""

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Lock what the genesis accounts own, by rows of Substrate's order.

        `vesting` is a list of [account, begin, length, liquid]: all but `liquid` planck of the
        account come free over `length` slots from slot `begin`. `vestingExt` is a list of
        [account, cliff] for those rows that free nothing before slot `cliff`.
        """
        fields = Section(config, "vesting").fields(optional=("vesting", "vestingExt"))
        cliffs = self._genesis_cliffs(fields.get("vestingExt"))
        self.storage_version.value = Releases.V1
        for row in fields.get("vesting", ()):
            account, begin, length, liquid = row.rows(4)
            who = account.account()
            if who in self.schedules_ext:
                raise GenesisError(f"{account.path}: this account has a row already")
            total, spendable = self.currency.total(who), liquid.planck()
            if spendable >= total:
                raise liquid.wrong(f"less than the {total} planck that the account owns")
            start, slots = begin.u32(), length.u32()
            if not 1 <= slots <= u32.MAX - start:
                raise length.wrong("at least one slot, and an end that fits 32 bits")
            cliff = cliffs.pop(who, None)
            schedule = Schedule(total - spendable, start, slots, start)
            if cliff is not None:
                schedule.cliff = cliff.u32()
                if not start <= schedule.cliff <= schedule.end:
                    raise cliff.wrong(f"a slot from {start} to {schedule.end}")
            self._settle(who, [schedule])
        for cliff in cliffs.values():
            raise GenesisError(f"{cliff.path}: a cliff for an account without a row in vesting")

    def _genesis_cliffs(self, section: Section | None) -> dict[AccountId, Section]:
        cliffs: dict[AccountId, Section] = {}
        for row in section or ():
            account, cliff = row.rows(2)
            who = account.account()
            if who in cliffs:
                raise GenesisError(f"{account.path}: this account has a cliff already")
            cliffs[who] = cliff
        return cliffs

    # ---- calls

    @call(0, weight=weights.vest(MAX_SCHEDULES))
    def vest(self, origin: Origin) -> PostInfo:
        """Unlock what has come free of your own money."""
        return self._release(origin.signed(), weights.vest)

    @call(1, weight=weights.vest_other(MAX_SCHEDULES))
    def vest_other(
        self, origin: Origin, target: Annotated[MultiAddress, TypeName("AccountIdLookupOf<T>")]
    ) -> PostInfo:
        """Unlock what has come free of the money of `target`."""
        origin.signed()
        return self._release(lookup(target), weights.vest_other)

    @call(2, weight=weights.vested_transfer(MAX_SCHEDULES))
    def vested_transfer(
        self,
        origin: Origin,
        target: Annotated[MultiAddress, TypeName("AccountIdLookupOf<T>")],
        schedule: Annotated[VestingInfo, TypeName("VestingInfo<BalanceOf<T>, BlockNumberFor<T>>")],
    ) -> PostInfo:
        """Send money that `target` owns at once and can spend as it comes free."""
        held = self.transfer_vested(origin.signed(), lookup(target), schedule)
        return PostInfo(weight=weights.vested_transfer(held - 1))

    @call(3, weight=weights.force_vested_transfer(MAX_SCHEDULES))
    def force_vested_transfer(
        self,
        origin: Origin,
        source: Annotated[MultiAddress, TypeName("AccountIdLookupOf<T>")],
        target: Annotated[MultiAddress, TypeName("AccountIdLookupOf<T>")],
        schedule: Annotated[VestingInfo, TypeName("VestingInfo<BalanceOf<T>, BlockNumberFor<T>>")],
    ) -> PostInfo:
        """Send money of `source` that `target` can spend as it comes free.

        Root only; pools are out of reach.
        """
        origin.root()
        owner = lookup(source)
        self.currency.ensure_not_pool(owner)
        held = self.transfer_vested(owner, lookup(target), schedule)
        return PostInfo(weight=weights.force_vested_transfer(held - 1))

    @call(4, weight=weights.merge_schedules(MAX_SCHEDULES))
    def merge_schedules(
        self,
        origin: Origin,
        schedule1_index: Annotated[u32, TypeName("u32")],
        schedule2_index: Annotated[u32, TypeName("u32")],
    ) -> PostInfo:
        """Make one of two of your schedules. It ends with the later of the two.

        What has come free so far stays free; nothing comes free earlier than it would have.
        """
        who = origin.signed()
        if schedule1_index == schedule2_index:
            return PostInfo(weight=weights.merge_schedules(0))
        schedules = self._schedules(who, weights.merge_schedules)
        if max(schedule1_index, schedule2_index) >= len(schedules):
            raise self.ScheduleIndexOutOfBounds
        chosen = (schedule1_index, schedule2_index)
        first, second = (schedules[place] for place in chosen)
        rest = [schedule for place, schedule in enumerate(schedules) if place not in chosen]
        merged = merge(first, second, self.clock.now())
        self._settle(who, rest if merged is None else [*rest, merged])
        return PostInfo(weight=weights.merge_schedules(len(schedules)))

    @call(5, weight=weights.FORCE_REMOVE_VESTING_SCHEDULE)
    def force_remove_vesting_schedule(
        self,
        origin: Origin,
        target: Annotated[MultiAddress, TypeName("<T::Lookup as StaticLookup>::Source")],
        schedule_index: Annotated[u32, TypeName("u32")],
    ) -> None:
        """End a schedule of `target`. Root only; pools are out of reach.

        What it still locks goes to the treasury, never to the holder. What cannot move now
        (bonded, or locked for another reason) stays locked until the schedule's end.
        """
        origin.root()
        who = lookup(target)
        self.currency.ensure_not_pool(who)
        schedules = self.schedules_ext.get(who) or []
        if schedule_index >= len(schedules):
            raise self.InvalidScheduleParams
        now = self.clock.now()
        ended = schedules.pop(schedule_index)
        owed = ended.unvested(now)
        self._settle(who, schedules)
        taken = min(owed, self.currency.reducible_balance(who))
        if taken:
            self.currency.transfer(who, self.treasury, taken)
        stays = min(owed - taken, self.currency.total(who))
        if stays:
            start = u32(max(now, ended.start))
            rest = Schedule(stays, start, u32(ended.end - start), max(start, ended.cliff))
            self._settle(who, [*schedules, rest])

    # ---- doors

    def unvested(self, who: AccountId) -> u128:
        """Return what the schedules of `who` lock at this slot, in planck."""
        now = self.clock.now()
        return total_unvested(self.schedules_ext.get(who) or [], now)

    def transfer_vested(self, source: AccountId, target: AccountId, info: VestingInfo) -> int:
        """Move `info.locked` planck from `source` to `target`, locked by a schedule of `target`.

        Returns how many schedules of `target` were looked at, the new one included. Raises
        AmountLow, InvalidScheduleParams, AtMaxVestingSchedules, or what the transfer raises;
        TokenError for pools: a gift that they cannot pay out for years would be counted as theirs.
        """
        self.currency.ensure_not_pool(target)
        if info.locked < self.min_vested_transfer:
            raise self.AmountLow
        schedule = schedule_of(info)
        if schedule is None:
            raise self.InvalidScheduleParams
        now = self.clock.now()
        known = self.schedules_ext.get(target) or []
        running = [s for s in known if s.unvested(now)]
        if len(running) >= self.max_vesting_schedules:
            raise self.AtMaxVestingSchedules

        self.currency.transfer(source, target, info.locked)
        self.deposit(self.VestingCreated(target, u32(len(running))))
        self._settle(target, [*running, schedule])
        return len(known) + 1

    # ---- steps

    def _schedules(self, who: AccountId, weight: Callable[[int], int]) -> list[Schedule]:
        schedules = self.schedules_ext.get(who)
        if schedules is None:
            error = self.NotVesting()
            error.post = PostInfo(weight=weight(0))
            raise error
        return schedules

    def _release(self, who: AccountId, weight: Callable[[int], int]) -> PostInfo:
        """Bring the lock of `who` up to date."""
        schedules = self._schedules(who, weight)
        self._settle(who, schedules)
        return PostInfo(weight=weight(len(schedules)))

    def _settle(self, who: AccountId, schedules: Sequence[Schedule]) -> None:
        """Store what of `schedules` still locks something, in both forms, and set the lock."""
        now = self.clock.now()
        running = [schedule for schedule in schedules if schedule.unvested(now)]
        if not running:
            del self.vesting[who]
            del self.schedules_ext[who]
            self.currency.remove_lock(LOCK_ID, who)
            self.deposit(self.VestingCompleted(who))
            return
        self.vesting[who] = [schedule.info() for schedule in running]
        self.schedules_ext[who] = running
        locked = total_unvested(running, now)
        self.currency.set_lock(LOCK_ID, who, locked, Reasons.Misc)
        self.deposit(self.VestingUpdated(who, locked))


# ---- the law of schedules, without state


def vested(locked: int, start: int, length: int, cliff: int, now: int) -> int:
    """Return how many of `locked` planck are free at slot `now`, rounded down.

    A lock-up after which vesting begins is `start = cliff = lock-up`; a lock-up at which the
    part since genesis comes free at once is `start = 0, cliff = lock-up` (economy.md 3.1,
    readings B and A).
    """
    if now < cliff or now < start:
        return 0
    # Plain integers: the product may pass 128 bits, the result cannot.
    passed = int(now) - int(start)
    if passed >= length:
        return locked
    return int(locked) * passed // int(length)


def merge(first: Schedule, second: Schedule, now: int) -> Schedule | None:
    """Return one schedule for what two still lock at slot `now`; None if they lock nothing.

    It ends and has its cliff with the later of the two, and at no slot is more free than would
    have been. Two roundings down lose up to one planck more than one does, so it starts one slot
    after the later of the two: from there on it is a planck behind. Where a slot frees too few
    planck for that, everything comes free at the end.
    """
    running = [schedule for schedule in (first, second) if schedule.unvested(now)]
    if len(running) < 2:
        return running[0] if running else None
    locked = total_unvested(running, now)
    start, end = max(now, first.start, second.start), max(first.end, second.end)
    length = int(end) - int(start)
    cliff = max(start, first.cliff, second.cliff)
    if length > 1:
        # Within n slots, one slot's delay leaves the line locked/(n * (n - 1)) behind at least.
        if locked >= length * (length - 1):
            start, length = start + 1, length - 1
            cliff = max(start, cliff)
        else:
            cliff = end
    return Schedule(locked, u32(start), u32(length), u32(cliff))


def schedule_of(info: VestingInfo) -> Schedule | None:
    """Return the schedule that a wallet means; None if there is no such schedule.

    It lasts as many slots as `per_block` needs to free `locked`, and no slot longer.
    """
    if not info.locked or not info.per_block:
        return None
    length = ceil_div(info.locked, info.per_block)
    if int(info.starting_block) + length > u32.MAX:
        return None
    return Schedule(info.locked, info.starting_block, u32(length), info.starting_block)


def total_unvested(schedules: Sequence[Schedule], now: int) -> u128:
    """Return what all `schedules` lock at slot `now`, in planck."""
    return u128(sum(int(schedule.unvested(now)) for schedule in schedules))
