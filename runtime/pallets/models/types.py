"""Types of Models, and the interfaces it needs."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.meaning import LOWER_NAMES, TEXT, means
from btt_chain.scale import Bounded, Compact, TypeName, path, u16, u32, u64, u128
from runtime.constants import BTT
from runtime.frame.aliases import Balance
from runtime.pallets.providers.types import Endpoints

MAX_NAME: Final = 64
"""Maximum length in bytes of a model's name, and of a class's."""
MAX_MANIFEST: Final = 64 << 10
MAX_KNOWN: Final = 64
"""Constants of `Models`, described there."""

Name = Annotated[Bounded[bytes, MAX_NAME], TypeName("BoundedVec<u8, MaxName>"), TEXT]
"""UTF-8."""
ClassIndex = Annotated[u16, TypeName("ClassIndex")]


def is_name(raw: bytes) -> bool:
    """Return True if this is a name: UTF-8 that is not blank, without control characters.

    Independent of Python's `str.isprintable`, which changes with its tables of Unicode.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return False
    return bool(text.strip(" ")) and all(" " <= letter != "\x7f" for letter in text)


@means(LOWER_NAMES)
@path("pallet_models::CheckMode")
class CheckMode(IntEnum):
    """The method by which verifiers check an item of a model: the cheaper one."""

    Reexecute = 0
    """Computing it again."""
    Vectors = 1
    """Random vectors, with the transcript."""


@path("pallet_models::ModelClass", params={"Balance": u128})
@dataclass(slots=True)
class ModelClass:
    """A class of machines that models need; prices in planck per GMAC."""

    name: Name
    base: Balance
    """Initial price; from then on it moves with demand."""
    least: Balance
    most: Balance
    """Bounds of the price."""
    speed: u32
    """Expected GMAC per second of one job."""

    @property
    def in_order(self) -> bool:
        """True if it has a name, a speed, and prices in order, above zero."""
        return is_name(self.name) and self.speed > 0 and 0 < self.least <= self.base <= self.most


@path("pallet_models::ModelRecord", params={"Balance": u128})
@dataclass(slots=True)
class ModelRecord:
    """A registered model; its manifest is stored apart."""

    owner: Annotated[AccountId, TypeName("T::AccountId")]
    model_class: ClassIndex
    macs: Annotated[Compact[u64], TypeName("u64")]
    """Multiplications of one item."""
    check: CheckMode
    name: Name
    endpoints: Endpoints
    """Addresses where the model, weights included, can be fetched."""
    bond: Annotated[Compact[u128], TypeName("Balance")]
    """Bond for its quality, in planck."""
    open: Annotated[Compact[u32], TypeName("u32")]
    """Number of open jobs."""
    suspended: bool
    """True if governance suspended it: no new jobs."""
    retired: bool
    """True if it is to be removed once no job is open."""

    @property
    def usable(self) -> bool:
        """True if a job may be posted for it."""
        return not self.suspended and not self.retired


@path("pallet_models::Params", params={"Balance": u128})
@dataclass(slots=True)
class Params:
    """Parameters of models, set by governance."""

    bond: Balance = u128(100 * BTT)
    """Bond of a model at its registration, in planck."""
