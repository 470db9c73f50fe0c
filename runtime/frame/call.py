"""Calls: what an origin asks a pallet to do.

`@call` marks a method as dispatchable; its annotations are the wire format of its arguments.
`RuntimeCall` is the annotation for a call inside a call (batch, proxy, multisig, sudo): the one
knot of the codec, tied by the runtime when its table is complete.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, TypeVar

from btt_chain.scale import Codec, Knot
from runtime.frame.weight import DispatchClass, DispatchInfo, PostInfo

F = TypeVar("F", bound=Callable[..., PostInfo | None])


@dataclass(slots=True)
class Call:
    """One decoded call: where it goes, its arguments, and the very bytes it came in."""

    pallet: int
    index: int
    args: tuple[object, ...]
    raw: bytes
    size: int = 1
    """How many calls there are in it, itself included."""
    info: DispatchInfo | None = field(default=None, repr=False, compare=False)
    """What is known before it runs: set when decoded or, if the arguments count, when asked."""


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """Why money is held or frozen: a pallet's index and one of its reasons."""

    pallet: int
    index: int


CALL: Final[Knot[Call]] = Knot("RuntimeCall", bounds_itself=True)
HOLD_REASON: Final[Knot[Reason]] = Knot("RuntimeHoldReason")
FREEZE_REASON: Final[Knot[Reason]] = Knot("RuntimeFreezeReason")

RuntimeCall = Annotated[Call, CALL]
RuntimeHoldReason = Annotated[Reason, HOLD_REASON]
RuntimeFreezeReason = Annotated[Reason, FREEZE_REASON]


@dataclass(frozen=True, slots=True)
class Dispatchable:
    """One `@call` method, as declared."""

    index: int
    name: str
    run: Callable[..., PostInfo | None]
    args: tuple[tuple[str, Codec[Any]], ...]
    type_names: tuple[str, ...]
    """What the metadata calls the arguments' types; some clients cannot read without it."""
    info: DispatchInfo | Callable[..., DispatchInfo]
    docs: str


@dataclass(frozen=True, slots=True)
class CallMark:
    """What `@call` leaves on a method until its pallet's class is complete."""

    index: int
    info: DispatchInfo | Callable[..., DispatchInfo]


def call(
    index: int,
    *,
    weight: int | Callable[..., DispatchInfo],
    dispatch_class: DispatchClass = DispatchClass.Normal,
    pays: bool = True,
) -> Callable[[F], F]:
    """Mark a method as the call `index` of its pallet.

    `weight` is picoseconds of execution, or a function `(pallet, *args) -> DispatchInfo` where
    the cost hangs on the arguments.
    """
    info = DispatchInfo(weight, dispatch_class, pays) if isinstance(weight, int) else weight

    def mark(function: F) -> F:
        function.__dict__["call_mark"] = CallMark(index, info)
        return function

    return mark
