"""Weight: the cost of a call in a block.

A pallet declares one number, picoseconds of execution on the reference machine. On the wire a
weight has two fields; the second, proof size, is always zero here, because the state of this chain
is not carried in proofs.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

from btt_chain.lazyclass import dataclass
from btt_chain.scale import Compact, TypeName, path, u32, u64

PICOS_PER_MILLI = 1_000_000_000
PICOS_PER_MICRO = 1_000_000


@path("frame_support::dispatch::DispatchClass")
class DispatchClass(IntEnum):
    """Class of a call, which determines its share of the block."""

    Normal = 0
    Operational = 1
    Mandatory = 2


@path("frame_support::dispatch::Pays")
class Pays(IntEnum):
    """Fee obligation of a call's sender."""

    Yes = 0
    No = 1


@path("sp_weights::weight_v2::Weight")
@dataclass(slots=True)
class Weight:
    """Execution time in picoseconds and proof size in bytes."""

    ref_time: Annotated[Compact[u64], TypeName("u64")] = u64(0)
    proof_size: Annotated[Compact[u64], TypeName("u64")] = u64(0)


@dataclass(slots=True)
class DispatchInfo:
    """Declared dispatch info of a call, known before it runs. `weight` in picoseconds."""

    weight: int
    dispatch_class: DispatchClass = DispatchClass.Normal
    pays: bool = True


@dataclass(slots=True)
class PostInfo:
    """Result of a dispatched call; None keeps what was declared. `weight` in picoseconds."""

    weight: int | None = None
    pays: bool | None = None


@path("frame_system::DispatchEventInfo")
@dataclass(slots=True)
class DispatchEventInfo:
    """Dispatch info in the event of a success or failure."""

    weight: Weight
    class_: DispatchClass
    pays_fee: Pays


@path("frame_support::dispatch::PerDispatchClass", params={"T": Weight})
@dataclass(slots=True)
class PerClassWeight:
    """Weight used in a block, by class."""

    normal: Annotated[Weight, TypeName("T")]
    operational: Annotated[Weight, TypeName("T")]
    mandatory: Annotated[Weight, TypeName("T")]


@path("frame_system::limits::WeightsPerClass")
@dataclass(slots=True)
class WeightsPerClass:
    """Limits of one dispatch class."""

    base_extrinsic: Weight
    max_extrinsic: Annotated[Weight | None, TypeName("Option<Weight>")]
    max_total: Annotated[Weight | None, TypeName("Option<Weight>")]
    reserved: Annotated[Weight | None, TypeName("Option<Weight>")]


@path("frame_support::dispatch::PerDispatchClass", params={"T": WeightsPerClass})
@dataclass(slots=True)
class PerClassLimits:
    """Limits by dispatch class."""

    normal: Annotated[WeightsPerClass, TypeName("T")]
    operational: Annotated[WeightsPerClass, TypeName("T")]
    mandatory: Annotated[WeightsPerClass, TypeName("T")]


@path("frame_system::limits::BlockWeights")
@dataclass(slots=True)
class BlockWeights:
    """Limits of the weight of a block."""

    base_block: Weight
    max_block: Weight
    per_class: Annotated[PerClassLimits, TypeName("PerDispatchClass<WeightsPerClass>")]


@path("frame_support::dispatch::PerDispatchClass", params={"T": u32})
@dataclass(slots=True)
class PerClassLength:
    """Lengths in bytes, by class."""

    normal: Annotated[u32, TypeName("T")]
    operational: Annotated[u32, TypeName("T")]
    mandatory: Annotated[u32, TypeName("T")]


@path("frame_system::limits::BlockLength")
@dataclass(slots=True)
class BlockLength:
    """Maximum length of a block's extrinsics, in bytes, by class."""

    max: Annotated[PerClassLength, TypeName("PerDispatchClass<u32>")]


@path("sp_weights::RuntimeDbWeight")
@dataclass(slots=True)
class DbWeight:
    """The weight of one read and one write, in picoseconds."""

    read: u64
    write: u64
