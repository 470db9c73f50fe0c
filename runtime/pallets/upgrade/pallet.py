"""Upgrade: changes of the runtime version at a scheduled slot.

Programs carry the versions of the runtime; the chain schedules the start of the next one. The first
block at or after the slot still runs under the old version and puts the new one into `:code` at its
end, so its children run under the new one: a block runs under the version in its parent's state,
which wallets read too. Slots are counted from genesis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

from btt_chain.crypto.hashing import twox_128
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.babe import Slot
from btt_chain.scale import DecodeError, TypeName, codec, path, u32, u64
from runtime.frame import (
    Const,
    DispatchInfo,
    Error,
    Event,
    Origin,
    OriginCheck,
    Pallet,
    RuntimeVersion,
    Value,
    call,
)
from runtime.frame.traits import Clock
from runtime.pallets.system.pallet import System
from runtime.pallets.upgrade import weights

SCHEDULED_KEY: Final = twox_128(b"Upgrade") + twox_128(b"Scheduled")
"""Storage key of the scheduled upgrade, the same in every runtime version."""

_GENESIS_SLOT_KEY: Final = twox_128(b"Babe") + twox_128(b"GenesisSlot")


@path("btt_runtime::upgrade::ScheduledUpgrade")
@dataclass(frozen=True, slots=True)
class ScheduledUpgrade:
    """The scheduled version, and its slot."""

    code: bytes
    """SCALE(RuntimeVersion): the next value of `:code`."""
    spec_version: u32
    """The `spec_version` in `code`."""
    slot: u64
    """The first block of this slot or a later one is the last under the old version."""


def by_length(_: object, code: bytes, slot: u64) -> DispatchInfo:
    """Weigh an upgrade by the length of its code."""
    del slot
    return DispatchInfo(weights.schedule(len(code)))


class Upgrade(Pallet):
    """Changes of the runtime version at a scheduled slot."""

    system: System
    clock: Clock
    origin: OriginCheck
    """Origin that may schedule and cancel, with the rights of root."""

    least_notice: Const[u64]
    """Minimum number of slots until an upgrade, so that programs can be installed."""

    scheduled = Value(ScheduledUpgrade)

    class UpgradeScheduled(Event, index=0):
        """A version was scheduled: it applies after the first block at or after `slot`."""

        spec_version: u32
        slot: u64

    class UpgradeCancelled(Event, index=1):
        """The scheduled version was cancelled."""

        spec_version: u32

    class FailedToExtractRuntimeVersion(Error, index=0):
        """The code is not the SCALE form of a RuntimeVersion. Use `upgrade schedule` instead."""

    class InvalidSpecName(Error, index=1):
        """The code is of another chain's runtime. Give a version of this one."""

    class SpecVersionNeedsToIncrease(Error, index=2):
        """The chain has this version or a later one. Give one with a higher `spec_version`."""

    class FormatGoesBack(Error, index=3):
        """The transaction or system version is lower than the present one. Correct the release."""

    class NoticeTooShort(Error, index=4):
        """The slot is nearer than `LeastNotice`, or past. Choose a later one."""

    class AlreadyScheduled(Error, index=5):
        """Another upgrade is scheduled. Cancel it first."""

    class NothingScheduled(Error, index=6):
        """No upgrade is scheduled. There is nothing to cancel."""

    class TooLate(Error, index=7):
        """The current block executes the upgrade. Schedule a later version."""

    # ---- hooks

    def on_finalize(self, number: int) -> None:
        """Set the version that is due, for the following blocks."""
        planned = self.scheduled.get()
        if planned is not None and planned.slot <= self.clock.now():
            self.scheduled.kill()
            self.system.set_code(planned.code)

    # ---- calls

    @call(0, weight=by_length)
    def schedule(
        self, origin: Origin, code: Annotated[bytes, TypeName("Vec<u8>")], slot: u64
    ) -> None:
        """Schedule the version in `code` to apply after the first block at or after `slot`."""
        self.origin(origin)
        if self.scheduled.exists():
            raise self.AlreadyScheduled
        version = self._checked(code)
        if slot < self.clock.now() + int(self.least_notice):
            raise self.NoticeTooShort
        self.scheduled.value = ScheduledUpgrade(code, version.spec_version, slot)
        self.deposit(self.UpgradeScheduled(version.spec_version, slot))

    @call(1, weight=weights.CANCEL)
    def cancel(self, origin: Origin) -> None:
        """Cancel the scheduled version."""
        self.origin(origin)
        planned = self.scheduled.get()
        if planned is None:
            raise self.NothingScheduled
        # Programs without the version do not inspect a block that is due.
        if planned.slot <= self.clock.now():
            raise self.TooLate
        self.scheduled.kill()
        self.deposit(self.UpgradeCancelled(planned.spec_version))

    # ---- internals

    def _checked(self, code: bytes) -> RuntimeVersion:
        """Return the version in `code` if it may follow the present one; raise an Error if not."""
        try:
            version = codec(RuntimeVersion).decode_all(code)
        except DecodeError:
            raise self.FailedToExtractRuntimeVersion from None
        own = self.system.version
        if version.spec_name != own.spec_name:
            raise self.InvalidSpecName
        if version.spec_version <= own.spec_version:
            raise self.SpecVersionNeedsToIncrease
        if (
            version.transaction_version < own.transaction_version
            or version.system_version < own.system_version
        ):
            raise self.FormatGoesBack
        return version


@dataclass(frozen=True, slots=True)
class Due:
    """The scheduled version in a state."""

    code: bytes
    spec_version: int
    slot: int
    """Slot since genesis."""
    began: int
    """Slot of the first block, as numbered in headers."""

    @property
    def in_headers(self) -> int:
        """The slot as numbered in headers."""
        return self.began + self.slot


def coming(get: Callable[[bytes], bytes | None]) -> Due | None:
    """Return the upgrade scheduled in a state of any version, read by `get`; None if none is."""
    raw = get(SCHEDULED_KEY)
    if raw is None:
        return None
    planned = codec(ScheduledUpgrade).decode_all(raw)
    first = get(_GENESIS_SLOT_KEY)
    began = 0 if first is None else int(codec(Slot).decode_all(first))
    return Due(planned.code, int(planned.spec_version), int(planned.slot), began)
