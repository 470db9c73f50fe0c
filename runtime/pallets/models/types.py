"""What Models stores and tells, and what it leans on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Final, Protocol

from btt_chain.primitives.account import AccountId
from btt_chain.scale import Bounded, Compact, TypeName, path, u16, u32, u64, u128
from runtime.constants import BTT
from runtime.frame import Reason
from runtime.pallets.providers.types import Endpoints
from runtime.pallets.tokenomics.types import BurnReason

MAX_NAME: Final = 64
"""Bytes of a model's name, and of a class's."""
MAX_MANIFEST: Final = 64 << 10
MAX_KNOWN: Final = 64
"""Constants of `Models`: what each decides is told there."""

Name = Annotated[Bounded[bytes, MAX_NAME], TypeName("BoundedVec<u8, MaxName>")]
"""UTF-8."""
ClassIndex = Annotated[u16, TypeName("ClassIndex")]


def is_name(raw: bytes) -> bool:
    """Tell whether this is a name: UTF-8 that is not blank, without control characters.

    Not what Python calls printable: that grows with its tables of Unicode.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return False
    return bool(text.strip(" ")) and all(" " <= letter != "\x7f" for letter in text)


@path("pallet_models::CheckMode")
class CheckMode(IntEnum):
    """How verifiers check an item of this model: whichever is cheaper."""

    Reexecute = 0
    """By computing it again."""
    Vectors = 1
    """By random vectors, from the transcript."""


@path("pallet_models::ModelClass", params={"Balance": u128})
@dataclass(slots=True)
class ModelClass:
    """A class of machines that models need; prices in planck per GMAC."""

    name: Name
    base: Annotated[u128, TypeName("Balance")]
    """The price to begin with; from then on it moves with demand."""
    least: Annotated[u128, TypeName("Balance")]
    most: Annotated[u128, TypeName("Balance")]
    """The price stays between these."""
    speed: Annotated[u32, TypeName("u32")]
    """GMAC per second that one job at a time is expected to get."""

    @property
    def in_order(self) -> bool:
        """Whether it has a name, a speed, and prices in order, none of them nothing."""
        return is_name(self.name) and self.speed > 0 and 0 < self.least <= self.base <= self.most


@path("pallet_models::ModelRecord", params={"Balance": u128})
@dataclass(slots=True)
class ModelRecord:
    """A registered model; its manifest is stored apart."""

    owner: Annotated[AccountId, TypeName("T::AccountId")]
    klass: ClassIndex
    macs: Annotated[Compact[u64], TypeName("u64")]
    """Multiplications of one item."""
    check: CheckMode
    name: Name
    endpoints: Endpoints
    """Where the model, weights and all, can be fetched."""
    bond: Annotated[Compact[u128], TypeName("Balance")]
    """What answers for its quality, in planck."""
    open: Annotated[Compact[u32], TypeName("u32")]
    """Jobs that are not over."""
    suspended: bool
    """Whether governance lets nobody use it at present."""
    retired: bool
    """Whether it goes as soon as no job is open."""

    @property
    def usable(self) -> bool:
        """Whether a job may be posted for it."""
        return not self.suspended and not self.retired


@path("pallet_models::Params", params={"Balance": u128})
@dataclass(slots=True)
class Params:
    """What governance decides about models."""

    bond: Annotated[u128, TypeName("Balance")] = u128(100 * BTT)
    """What answers for a model from its registration on, in planck."""


class Bonds(Protocol):
    """The money that bonds are made of; Balances satisfies it. Amounts in planck."""

    def hold(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Put free money on hold; raise DispatchError if there is not enough."""

    def release(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Make what is on hold free again."""


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
        """Destroy what is on hold for good."""
