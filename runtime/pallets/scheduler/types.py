"""Types of Scheduler. Source: pallet_scheduler"""

from __future__ import annotations

from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.scale import Bounded, Fixed, FixedBytes, Path, TypeName, Variant, path, u8, u32
from runtime.frame import RuntimeCall
from runtime.frame.aliases import BlockNumber
from runtime.pallets.origins import OriginCaller
from runtime.pallets.preimage.pallet import BoundedCall

MAX_SCHEDULED: Final = 100
"""Maximum number of tasks of one slot."""

Name = Annotated[bytes, Fixed(32)]
Address = tuple[u32, u32]
"""The slot of a task and its place there."""


class SlotKey(FixedBytes, size=4, path="btt_runtime::SlotKey"):
    """A slot in big-endian order, so that keys sort by time."""


class At(Variant, index=0, unnamed=True):
    """At this slot."""

    slot: BlockNumber


class After(Variant, index=1, unnamed=True):
    """A number of slots later."""

    slots: BlockNumber


DispatchTime = Annotated[
    At | After, Path("frame_support::traits::schedule::DispatchTime", params={"BlockNumber": u32})
]


@path(
    "pallet_scheduler::Scheduled",
    params={
        "Name": Name,
        "Call": BoundedCall,
        "BlockNumber": u32,
        "PalletsOrigin": OriginCaller,
        "AccountId": AccountId,
    },
)
@dataclass(slots=True)
class Task:
    """A task: a call, its origin, and its repetition."""

    maybe_id: Annotated[Name | None, TypeName("Option<Name>")]
    priority: Annotated[u8, TypeName("schedule::Priority")]
    call: Annotated[BoundedCall, TypeName("Call")]
    maybe_periodic: Annotated[
        tuple[u32, u32] | None, TypeName("Option<schedule::Period<BlockNumber>>")
    ]
    """Number of slots between two dispatches, and number of dispatches after this one."""
    origin: Annotated[OriginCaller, TypeName("PalletsOrigin")]


@path("pallet_scheduler::RetryConfig", params={"Period": u32})
@dataclass(slots=True)
class RetryConfig:
    """Number of retries of a task that fails, and the slots between them."""

    total_retries: u8
    remaining: u8
    period: Annotated[u32, TypeName("Period")]


When = Annotated[u32, TypeName("BlockNumberFor<T>")]
Place = u32
Periodic = Annotated[
    tuple[u32, u32] | None, TypeName("Option<schedule::Period<BlockNumberFor<T>>>")
]
Priority = Annotated[u8, TypeName("schedule::Priority")]
TaskName = Annotated[Name, TypeName("TaskName")]
MaybeName = Annotated[Name | None, TypeName("Option<TaskName>")]
TaskAddress = Annotated[Address, TypeName("TaskAddress<BlockNumberFor<T>>")]
BoxedCall = Annotated[RuntimeCall, TypeName("Box<<T as Config>::RuntimeCall>")]
Tries = u8
Tasks = Bounded[list[Task | None], MAX_SCHEDULED]
"""Tasks of a slot; a gap is a task that was removed."""
