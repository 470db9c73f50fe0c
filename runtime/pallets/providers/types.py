"""What Providers stores and tells, and what it leans on."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from itertools import pairwise
from typing import Annotated, Final, Protocol

from btt_chain.primitives.account import AccountId
from btt_chain.scale import Bounded, Compact, Fixed, TypeName, path, u16, u32, u128
from runtime.constants import BTT
from runtime.frame import Reason
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import PPM

MAX_CLASSES: Final = 8
"""Classes of models that one provider may serve."""
MAX_ENDPOINTS: Final = 256
"""Bytes of its addresses."""
MAX_CHUNKS: Final = 32
MAX_MEMBERS: Final = 256
"""Providers that one class draws from."""
HOURS: Final = 168
"""Hours of a week, of which availability has one bit each."""

PRINTABLE: Final = bytes(range(0x21, 0x7F))

Key32 = Annotated[bytes, Fixed(32), TypeName("[u8; 32]")]
Hours = Annotated[bytes, Fixed(HOURS // 8)]
ClassIndex = Annotated[u16, TypeName("ClassIndex")]
EraIndex = Annotated[u32, TypeName("EraIndex")]
Endpoints = Annotated[Bounded[bytes, MAX_ENDPOINTS], TypeName("BoundedVec<u8, MaxEndpoints>")]
"""Addresses with a line feed between them: `/dns4/a.example/tcp/30335/p2p/12D3...` each."""


def are_endpoints(raw: bytes) -> bool:
    """Tell whether these are addresses as they are written here, at least one."""
    lines = raw.split(b"\n")
    return all(
        line.startswith(b"/") and b"/p2p/" in line and not line.strip(PRINTABLE) for line in lines
    )


@path("pallet_providers::ProviderKind")
class ProviderKind(IntEnum):
    """What a provider says it is."""

    Home = 0
    Mid = 1
    Institution = 2
    Clinic = 3
    DataCentre = 4


@path("pallet_providers::ProviderInfo")
@dataclass(slots=True)
class ProviderInfo:
    """What a provider tells of itself."""

    kind: ProviderKind
    region: Annotated[u16 | None, TypeName("Option<u16>")]
    """Where it says it is; what counts in mining is what the oracle attests."""
    classes: Annotated[
        Bounded[list[ClassIndex], MAX_CLASSES], TypeName("BoundedVec<ClassIndex, MaxClasses>")
    ]
    """The classes of models that it serves, ascending."""
    capacity: u32
    """Jobs that it does at a time."""
    vrf: Key32
    """Its sr25519 key for draws that only it can make."""
    seal: Key32
    """Its X25519 key, which payloads are sealed to."""
    endpoints: Endpoints

    @property
    def in_order(self) -> bool:
        """Whether there are classes, each once and ascending, a capacity, and addresses."""
        classes = [int(klass) for klass in self.classes]
        ascending = all(one < other for one, other in pairwise(classes))
        return bool(classes) and ascending and self.capacity > 0 and are_endpoints(self.endpoints)


@path("pallet_providers::UnlockChunk", params={"Balance": u128})
@dataclass(slots=True)
class UnlockChunk:
    """Money on its way out of a bond: from era `era` on it can be withdrawn."""

    value: Annotated[Compact[u128], TypeName("Balance")]
    era: Annotated[Compact[u32], TypeName("EraIndex")]


@path("pallet_providers::Ledger", params={"Balance": u128})
@dataclass(slots=True)
class Ledger:
    """The bond of a provider, all of it on hold, and what a draw has to know of it."""

    active: Annotated[Compact[u128], TypeName("Balance")] = u128(0)
    """What is free for further jobs."""
    reserved: Annotated[Compact[u128], TypeName("Balance")] = u128(0)
    """What answers for jobs that run or can still be disputed."""
    unlocking: Annotated[
        Bounded[list[UnlockChunk], MAX_CHUNKS], TypeName("BoundedVec<UnlockChunk, MaxChunks>")
    ] = field(default_factory=list)
    capacity: Annotated[u32, TypeName("u32")] = u32(0)
    busy: Annotated[u32, TypeName("u32")] = u32(0)
    """Jobs it has."""
    heard: EraIndex = u32(0)
    """The era of its last heartbeat."""
    rests: Annotated[u32, TypeName("BlockNumber")] = u32(0)
    """The first slot in which it can be drawn, after it added bond or changed keys."""
    chilled: bool = False
    """Whether it takes no jobs at present."""
    hours: Annotated[Hours | None, TypeName("Option<[u8; 21]>")] = None
    """The hours of the week in which it takes jobs, counted from genesis; None: all."""

    @property
    def bond(self) -> int:
        """What answers for its work, in planck: active and reserved."""
        return int(self.active) + int(self.reserved)

    @property
    def leaving(self) -> int:
        """What is on its way out, in planck."""
        return sum(int(chunk.value) for chunk in self.unlocking)

    def is_awake(self, hour: int) -> bool:
        """Tell whether it takes jobs in an hour of the week."""
        return self.hours is None or bool(self.hours[hour // 8] >> hour % 8 & 1)

    def take(self, amount: int) -> None:
        """Take `amount` planck out: of what is active, then of what was unbonded last."""
        part = min(amount, int(self.active))
        self.active -= part
        amount -= part
        for chunk in reversed(self.unlocking):
            part = min(amount, int(chunk.value))
            chunk.value -= part
            amount -= part
        self.unlocking = [chunk for chunk in self.unlocking if chunk.value]


@path("pallet_providers::Params", params={"Balance": u128})
@dataclass(slots=True)
class Params:
    """What governance decides about providers. Parts are in ppm."""

    minimum_bond: Annotated[u128, TypeName("Balance")] = u128(1_000 * BTT)
    """What a provider must have bonded to do jobs that people pay for, in planck."""
    decline_quota: Annotated[u32, TypeName("u32")] = u32(50_000)
    """The part of its offers that a provider may decline in an era."""
    decline_fine: Annotated[u32, TypeName("u32")] = u32(5_000)
    """The part of its bond that each further one costs."""

    @property
    def in_order(self) -> bool:
        """Whether the parts are parts, and the bond is one."""
        return self.minimum_bond > 0 and max(self.decline_quota, self.decline_fine) <= PPM


# ---- what the runtime API tells


@path("pallet_providers::Lent")
@dataclass(slots=True)
class Lent:
    """What one provider lends, in 10^-19 of a unit of work."""

    provider: Annotated[AccountId, TypeName("T::AccountId")]
    score: u128


@path("pallet_providers::ScoreView")
@dataclass(slots=True)
class ScoreView:
    """What a validator's work weighs, and why; scores in 10^-19 of a unit of work."""

    snapshot: Annotated[u32 | None, TypeName("Option<EraIndex>")]
    """The newest era that counts; None if none does yet."""
    own: u128
    lent: list[Lent]
    total: u128


# ---- what Providers leans on


class Clock(Protocol):
    """What time it is; Babe satisfies it."""

    def now(self) -> int:
        """Return the slots since genesis."""


class Measures(Protocol):
    """Who counts eras and weighs work by how it was done; Mining satisfies it."""

    def era_now(self) -> int:
        """Return the number of epochs with a block before the one that runs."""

    def record_uptime(self, operator: AccountId, answered: int, expected: int) -> None:
        """Note how many of the expected heartbeats were answered."""

    def record_quality(self, operator: AccountId, p95: int, ok: int, all_: int) -> None:
        """Note what 95 of 100 jobs took, as in `note_done`, and how many of all were good."""


class Bonds(Protocol):
    """The money that bonds are made of; Balances satisfies it. Amounts in planck."""

    def held(self, reason: Reason, who: AccountId) -> u128:
        """Return what is on hold for a reason."""

    def unlocked(self, reason: Reason, who: AccountId) -> u128:
        """Return how much of what is on hold for a reason no lock leans on."""

    def hold(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Put free money on hold; raise DispatchError if there is not enough."""

    def release(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Make what is on hold free again."""

    def transfer_on_hold(
        self,
        reason: Reason,
        source: AccountId,
        dest: AccountId,
        amount: u128,
        *,
        on_hold: bool,
        force: bool,
    ) -> None:
        """Move what is on hold; raise TokenError if `dest` cannot take so little."""


class Burns(Protocol):
    """Who destroys money and counts it; Tokenomics satisfies it."""

    def destroy_held(
        self,
        reason: Reason,
        who: AccountId,
        amount: u128,
        why: BurnReason,
        *,
        force: bool = False,
    ) -> None:
        """Destroy what is on hold for good; with `force` even what a lock needs."""


class Operators(Protocol):
    """Who stands behind an account; the registry of identities satisfies it."""

    def operator_of(self, account: AccountId) -> AccountId:
        """Return the operator's account."""


class Classes(Protocol):
    """Which classes of models there are; Models satisfies it."""

    def has_class(self, index: int) -> bool:
        """Tell whether there is a class of this number."""


class Contributions(Protocol):
    """Who lets those vote that do work; Chambers satisfies it."""

    def note_work(self, provider: AccountId, parts: int) -> None:
        """Note verified work, in millionths of a unit."""

    def forget_work(self, provider: AccountId) -> None:
        """Forget all work of a provider that did some wrong."""


class Unnoted:
    """A chain on which work has no vote."""

    def note_work(self, provider: AccountId, parts: int) -> None:
        """Do nothing."""

    def forget_work(self, provider: AccountId) -> None:
        """Do nothing."""
