"""Weight: what a call costs the block that carries it.

A pallet declares one number, picoseconds of execution on the reference machine. On the wire
a weight has two fields; the second, proof size, is always zero here, because nobody has to
carry our state in a proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from btt_chain.scale import Compact, TypeName, path, u32, u64

PICOS_PER_MILLI = 1_000_000_000
PICOS_PER_MICRO = 1_000_000


@path("frame_support::dispatch::DispatchClass")
class DispatchClass(IntEnum):
    """The share of the block a call may use."""

    Normal = 0
    Operational = 1
    Mandatory = 2


@path("frame_support::dispatch::Pays")
class Pays(IntEnum):
    """Whether a call costs its sender a fee."""

    Yes = 0
    No = 1


@path("sp_weights::weight_v2::Weight")
@dataclass(slots=True)
class Weight:
    """Time in picoseconds and proof size in bytes."""

    ref_time: Annotated[Compact[u64], TypeName("u64")] = u64(0)
    proof_size: Annotated[Compact[u64], TypeName("u64")] = u64(0)


@dataclass(slots=True)
class DispatchInfo:
    """What is known of a call before it runs. `weight` in picoseconds."""

    weight: int
    dispatch_class: DispatchClass = DispatchClass.Normal
    pays: bool = True


@dataclass(slots=True)
class PostInfo:
    """What a call says after it ran; None keeps what was declared. `weight` in picoseconds."""

    weight: int | None = None
    pays: bool | None = None


@path("frame_system::DispatchEventInfo")
@dataclass(slots=True)
class DispatchEventInfo:
    """What the success or failure event tells of a call."""

    weight: Annotated[Weight, TypeName("Weight")]
    class_: Annotated[DispatchClass, TypeName("DispatchClass")]
    pays_fee: Annotated[Pays, TypeName("Pays")]


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

    base_extrinsic: Annotated[Weight, TypeName("Weight")]
    max_extrinsic: Annotated[Weight | None, TypeName("Option<Weight>")]
    max_total: Annotated[Weight | None, TypeName("Option<Weight>")]
    reserved: Annotated[Weight | None, TypeName("Option<Weight>")]


@path("frame_support::dispatch::PerDispatchClass", params={"T": WeightsPerClass})
@dataclass(slots=True)
class PerClassLimits:
    """Limits by class."""

    normal: Annotated[WeightsPerClass, TypeName("T")]
    operational: Annotated[WeightsPerClass, TypeName("T")]
    mandatory: Annotated[WeightsPerClass, TypeName("T")]


@path("frame_system::limits::BlockWeights")
@dataclass(slots=True)
class BlockWeights:
    """How much weight a block may hold."""

    base_block: Annotated[Weight, TypeName("Weight")]
    max_block: Annotated[Weight, TypeName("Weight")]
    per_class: Annotated[PerClassLimits, TypeName("PerDispatchClass<WeightsPerClass>")]


@path("frame_support::dispatch::PerDispatchClass", params={"T": u32})
@dataclass(slots=True)
class PerClassLength:
    """Bytes by class."""

    normal: Annotated[u32, TypeName("T")]
    operational: Annotated[u32, TypeName("T")]
    mandatory: Annotated[u32, TypeName("T")]


@path("frame_system::limits::BlockLength")
@dataclass(slots=True)
class BlockLength:
    """How many bytes of extrinsics a block may hold."""

    max: Annotated[PerClassLength, TypeName("PerDispatchClass<u32>")]


@path("sp_weights::RuntimeDbWeight")
@dataclass(slots=True)
class DbWeight:
    """The weight of one read and one write, in picoseconds."""

    read: u64
    write: u64
