"""Types of Providers, and the interfaces it needs."""

from __future__ import annotations

from dataclasses import field
from enum import IntEnum
from itertools import pairwise
from typing import Annotated, Final, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.meaning import LINES, LOWER_NAMES, MILLIONTHS, means
from btt_chain.scale import Bounded, Compact, Fixed, TypeName, path, u16, u32, u128
from runtime.constants import BTT
from runtime.frame.aliases import Balance, SlotNumber
from runtime.frame.bonding import UnlockChunk, unlocking_total
from runtime.splits import PPM

MAX_CLASSES: Final = 8
"""Maximum number of classes of models that one provider serves."""
MAX_ENDPOINTS: Final = 256
"""Maximum length of its addresses in bytes."""
MAX_CHUNKS: Final = 32
MAX_MEMBERS: Final = 256
"""Maximum number of providers in one class."""
HOURS: Final = 168
"""Hours of a week, each of which has one bit in the availability."""

PRINTABLE: Final = bytes(range(0x21, 0x7F))

Key32 = Annotated[bytes, Fixed(32), TypeName("[u8; 32]")]
Hours = Annotated[bytes, Fixed(HOURS // 8)]
ClassIndex = Annotated[u16, TypeName("ClassIndex")]
EraIndex = Annotated[u32, TypeName("EraIndex")]
Endpoints = Annotated[
    Bounded[bytes, MAX_ENDPOINTS], TypeName("BoundedVec<u8, MaxEndpoints>"), LINES
]
"""Addresses with a line feed between them: `/dns4/a.example/tcp/30335/p2p/12D3...` each."""


def are_endpoints(raw: bytes) -> bool:
    """Return True if these are addresses in the form of `Endpoints`, at least one."""
    lines = raw.split(b"\n")
    return all(
        line.startswith(b"/") and b"/p2p/" in line and not line.strip(PRINTABLE) for line in lines
    )


@means(LOWER_NAMES)
@path("pallet_providers::ProviderKind")
class ProviderKind(IntEnum):
    """The kind of a provider, by its own statement."""

    Home = 0
    Mid = 1
    Institution = 2
    Clinic = 3
    DataCentre = 4


@path("pallet_providers::ProviderInfo")
@dataclass(slots=True)
class ProviderInfo:
    """A provider's information about itself."""

    kind: ProviderKind
    region: Annotated[u16 | None, TypeName("Option<u16>")]
    """Region by its own statement; mining uses the one that the oracle attests."""
    classes: Annotated[
        Bounded[list[ClassIndex], MAX_CLASSES], TypeName("BoundedVec<ClassIndex, MaxClasses>")
    ]
    """The classes of models that it serves, ascending."""
    capacity: u32
    """Maximum number of concurrent jobs."""
    vrf: Key32
    """Its sr25519 key for selections that only it can make."""
    seal: Key32
    """Its X25519 key, which payloads are sealed to."""
    endpoints: Endpoints

    @property
    def in_order(self) -> bool:
        """True if it has classes, each once and ascending, a capacity, and addresses."""
        classes = [int(model_class) for model_class in self.classes]
        ascending = all(one < other for one, other in pairwise(classes))
        return bool(classes) and ascending and self.capacity > 0 and are_endpoints(self.endpoints)


@path("pallet_providers::Ledger", params={"Balance": u128})
@dataclass(slots=True)
class Ledger:
    """A provider's bond, all of it on hold, and the values needed to select providers."""

    active: Annotated[Compact[u128], TypeName("Balance")] = u128(0)
    """Amount that is free for further jobs."""
    reserved: Annotated[Compact[u128], TypeName("Balance")] = u128(0)
    """Amount reserved for jobs that are open or can still be disputed."""
    unlocking: Annotated[
        Bounded[list[UnlockChunk], MAX_CHUNKS], TypeName("BoundedVec<UnlockChunk, MaxChunks>")
    ] = field(default_factory=list)
    capacity: u32 = u32(0)
    busy: u32 = u32(0)
    """Number of its jobs."""
    last_heartbeat: EraIndex = u32(0)
    """Era of its last heartbeat."""
    selectable_from: SlotNumber = u32(0)
    """First slot in which it can be selected, after it added bond or changed keys."""
    chilled: bool = False
    """True if it takes no new jobs."""
    hours: Annotated[Hours | None, TypeName("Option<[u8; 21]>")] = None
    """Hours of the week in which it takes jobs, counted from genesis; None: all."""
    lost: Annotated[Compact[u128], TypeName("Balance")] = u128(0)
    """Amount taken from its bond since it registered, by fines and slashes."""

    @property
    def bond(self) -> int:
        """Bond for its work, in planck: active and reserved."""
        return int(self.active) + int(self.reserved)

    @property
    def leaving(self) -> int:
        """Amount that is being unbonded, in planck."""
        return unlocking_total(self)

    def is_awake(self, hour: int) -> bool:
        """Return True if it takes jobs in an hour of the week."""
        return self.hours is None or bool(self.hours[hour // 8] >> hour % 8 & 1)


@path("pallet_providers::Params", params={"Balance": u128})
@dataclass(slots=True)
class Params:
    """Parameters of providers, set by governance. Parts are in ppm."""

    minimum_bond: Balance = u128(1_000 * BTT)
    """Minimum bond for jobs that a requester pays, in planck."""
    decline_quota: Annotated[u32, MILLIONTHS] = u32(50_000)
    """Part of its offers that a provider may decline in an era at no cost."""
    decline_fine: Annotated[u32, MILLIONTHS] = u32(5_000)
    """Part of its bond that each further one costs."""

    @property
    def in_order(self) -> bool:
        """True if both parts are at most 1,000,000 ppm and the bond is above zero."""
        return self.minimum_bond > 0 and max(self.decline_quota, self.decline_fine) <= PPM


# ---- types of the runtime API


@path("pallet_providers::DelegatedScore")
@dataclass(slots=True)
class DelegatedScore:
    """The score that one provider delegates, in 10^-13 planck of value."""

    provider: Annotated[AccountId, TypeName("T::AccountId")]
    score: u128


@path("pallet_providers::ScoreView")
@dataclass(slots=True)
class ScoreView:
    """The weight of a validator's work and its parts; scores in 10^-13 planck of value."""

    snapshot: Annotated[u32 | None, TypeName("Option<EraIndex>")]
    """Newest era that counts; None if there is none yet."""
    own: u128
    delegated: list[DelegatedScore]
    total: u128


# ---- interfaces that Providers needs


class Contributions(Protocol):
    """Voting rights for work; Chambers implements it."""

    def note_work(self, provider: AccountId, parts: int) -> None:
        """Record verified work, in millionths of a unit."""

    def forget_work(self, provider: AccountId) -> None:
        """Remove all recorded work of a provider whose work was wrong."""


class NoopContributions:
    """A chain without voting rights for work."""

    def note_work(self, provider: AccountId, parts: int) -> None:
        """Do nothing."""

    def forget_work(self, provider: AccountId) -> None:
        """Do nothing."""
