"""Vesting: money that its owner can spend only later.

A schedule locks an amount and releases it slot by slot. The unreleased amount is under one lock,
`vesting `, which allows fees (and, by Balances' rules, bonds). Time is slots since genesis, never
block height: empty slots do not delay the release.

Each account's schedules are stored in two forms that change together. `SchedulesExt` is
authoritative; `Vesting` is the form for wallets, rounded up to whole planck per slot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Annotated, Final

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
from runtime.frame.aliases import AccountIdLookupOf, AccountIdOf, BalanceOf
from runtime.frame.traits import Clock, Reasons
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.balances.types import lookup
from runtime.pallets.vesting import weights
from runtime.schedules import Schedule, VestingInfo, total_unvested
from runtime.splits import ceil_div

LOCK_ID: Final = b"vesting "
MAX_SCHEDULES: Final = 28


@path("pallet_vesting::Releases")
class Releases(IntEnum):
    """Versions of this pallet's storage."""

    V0 = 0
    V1 = 1


VestingInfoOf = Annotated[VestingInfo, TypeName("VestingInfo<BalanceOf<T>, BlockNumberFor<T>>")]


class Vesting(Pallet):
    """Money that its owner can spend only later."""

    # ---- constants

    min_vested_transfer: Const[u128]
    """Minimum amount of a new schedule, in planck."""
    max_vesting_schedules: Const[u32] = u32(MAX_SCHEDULES)
    """Maximum number of schedules of one account."""

    # ---- dependencies

    currency: Balances
    clock: Clock
    treasury: AccountId

    # ---- storage

    vesting = Map(AccountId, Bounded[list[VestingInfo], MAX_SCHEDULES])
    storage_version = Value(Releases, default=Releases.V0)
    schedules_ext = Map(AccountId, Bounded[list[Schedule], MAX_SCHEDULES])

    # ---- events

    class VestingCreated(Event, index=0):
        """A schedule was added to an account."""

        account: AccountIdOf
        schedule_index: u32

    class VestingUpdated(Event, index=1):
        """The locked amount of an account changed; `unvested` is what is still locked."""

        account: AccountIdOf
        unvested: BalanceOf

    class VestingCompleted(Event, index=2):
        """The last schedule of an account ended: nothing is locked by vesting any more."""

        account: AccountIdOf

    # ---- errors

    class NotVesting(Error, index=0):
        """The account has no vesting schedule: there is nothing to unlock or to merge."""

    class AtMaxVestingSchedules(Error, index=1):
        """The account has the maximum number of schedules; merge two of them first."""

    class AmountLow(Error, index=2):
        """The amount is too small for a schedule of its own; send `min_vested_transfer` or more."""

    class ScheduleIndexOutOfBounds(Error, index=3):
        """The account has no schedule with this index; look them up in `Vesting`."""

    class InvalidScheduleParams(Error, index=4):
        """The schedule locks nothing, releases nothing, or is too long; release more per slot."""

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Lock balances of genesis accounts, with rows in Substrate's order.

        `vesting` is a list of [account, begin, length, liquid]: all but `liquid` planck of the
        account are released over `length` slots from slot `begin`. `vestingExt` is a list of
        [account, cliff] for rows that release nothing before slot `cliff`.
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
        """Unlock the released part of your own money."""
        return self._release(origin.signed(), weights.vest)

    @call(1, weight=weights.vest_other(MAX_SCHEDULES))
    def vest_other(self, origin: Origin, target: AccountIdLookupOf) -> PostInfo:
        """Unlock the released part of the money of `target`. Any account may call it."""
        origin.signed()
        return self._release(lookup(target), weights.vest_other)

    @call(2, weight=weights.vested_transfer(MAX_SCHEDULES))
    def vested_transfer(
        self, origin: Origin, target: AccountIdLookupOf, schedule: VestingInfoOf
    ) -> PostInfo:
        """Transfer money to `target`, which owns it at once and can spend it as it is released."""
        held = self.transfer_vested(origin.signed(), lookup(target), schedule)
        return PostInfo(weight=weights.vested_transfer(held - 1))

    @call(3, weight=weights.force_vested_transfer(MAX_SCHEDULES))
    def force_vested_transfer(
        self,
        origin: Origin,
        source: AccountIdLookupOf,
        target: AccountIdLookupOf,
        schedule: VestingInfoOf,
    ) -> PostInfo:
        """Transfer money of `source` to `target`, which can spend it as it is released.

        Origin: root. The source cannot be a pool.
        """
        origin.root()
        owner = lookup(source)
        self.currency.ensure_not_pool(owner)
        held = self.transfer_vested(owner, lookup(target), schedule)
        return PostInfo(weight=weights.force_vested_transfer(held - 1))

    @call(4, weight=weights.merge_schedules(MAX_SCHEDULES))
    def merge_schedules(
        self, origin: Origin, schedule1_index: u32, schedule2_index: u32
    ) -> PostInfo:
        """Merge two of your schedules into one, which ends with the later of the two.

        The amount released so far stays free; nothing is released earlier than before.
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
        schedule_index: u32,
    ) -> None:
        """End a schedule of `target`, which cannot be a pool. Origin: root.

        The amount still locked goes to the treasury, never to the holder. The part that cannot be
        transferred now (bonded, or locked for another reason) stays locked until the schedule's
        end.
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

    # ---- public interface

    def unvested(self, who: AccountId) -> u128:
        """Return the amount locked by the schedules of `who` at this slot, in planck."""
        now = self.clock.now()
        return total_unvested(self.schedules_ext.get(who) or [], now)

    def transfer_vested(self, source: AccountId, target: AccountId, info: VestingInfo) -> int:
        """Transfer `info.locked` planck from `source` to `target`, locked by a new schedule.

        Returns the number of processed schedules of `target`, including the new one. Raises
        AmountLow, InvalidScheduleParams, AtMaxVestingSchedules, or errors of the transfer;
        TokenError for pools: money that they cannot pay out for years would be counted as theirs.
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

    # ---- internals

    def _schedules(self, who: AccountId, weight: Callable[[int], int]) -> list[Schedule]:
        schedules = self.schedules_ext.get(who)
        if schedules is None:
            error = self.NotVesting()
            error.post = PostInfo(weight=weight(0))
            raise error
        return schedules

    def _release(self, who: AccountId, weight: Callable[[int], int]) -> PostInfo:
        """Update the lock of `who`."""
        schedules = self._schedules(who, weight)
        self._settle(who, schedules)
        return PostInfo(weight=weight(len(schedules)))

    def _settle(self, who: AccountId, schedules: Sequence[Schedule]) -> None:
        """Store the schedules that still lock something, in both forms, and set the lock."""
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


# ---- stateless formulas of schedules


def merge(first: Schedule, second: Schedule, now: int) -> Schedule | None:
    """Return one schedule for what two still lock at slot `now`; None if they lock nothing.

    It ends and has its cliff with the later of the two, and never releases more than both would
    have. Two roundings down lose up to one planck more than one does, so it starts one slot after
    the later of the two: from there on it is a planck behind. Where a slot releases too few planck
    for that, everything is released at the end.
    """
    running = [schedule for schedule in (first, second) if schedule.unvested(now)]
    if len(running) < 2:
        return running[0] if running else None
    locked = total_unvested(running, now)
    start, end = max(now, first.start, second.start), max(first.end, second.end)
    length = int(end) - int(start)
    cliff = max(start, first.cliff, second.cliff)
    if length > 1:
        # Within n slots, a delay of one slot keeps the line behind by at least locked/(n * (n -
        # 1)).
        if locked >= length * (length - 1):
            start, length = start + 1, length - 1
            cliff = max(start, cliff)
        else:
            cliff = end
    return Schedule(locked, u32(start), u32(length), u32(cliff))


def schedule_of(info: VestingInfo) -> Schedule | None:
    """Return the schedule for the wallets' form; None if there is no such schedule.

    It lasts exactly as many slots as `per_block` needs to release `locked`.
    """
    if not info.locked or not info.per_block:
        return None
    length = ceil_div(info.locked, info.per_block)
    if int(info.starting_block) + length > u32.MAX:
        return None
    return Schedule(info.locked, info.starting_block, u32(length), info.starting_block)
