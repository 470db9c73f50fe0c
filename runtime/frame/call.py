"""Calls: requests of an origin to a pallet.

`@call` marks a method as dispatchable; its annotations are the wire format of its arguments.
`RuntimeCall` is the annotation for a call inside a call (batch, proxy, multisig, sudo): a recursive
codec, bound by the runtime when its table is complete.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import field
from functools import cached_property
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin

from btt_chain.lazyclass import dataclass
from btt_chain.scale import AnyCodec, RecursiveCodec, TypeName, codec
from btt_chain.scale.hints import Hints, hints_of
from runtime.frame.weight import DispatchClass, DispatchInfo, PostInfo

F = TypeVar("F", bound=Callable[..., PostInfo | None])


@dataclass(slots=True)
class Call:
    """A decoded call: its pallet, index and arguments, and the bytes it was decoded from."""

    pallet: int
    index: int
    args: tuple[object, ...]
    raw: bytes
    size: int = 1
    """Number of calls in it, itself included."""
    info: DispatchInfo | None = field(default=None, repr=False, compare=False)
    """Declared dispatch info; set when decoded or, if it depends on the arguments, on first use."""


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """The reason of a hold or freeze: a pallet's index and the index of one of its reasons."""

    pallet: int
    index: int


CALL: Final[RecursiveCodec[Call]] = RecursiveCodec("RuntimeCall", bounds_itself=True)
HOLD_REASON: Final[RecursiveCodec[Reason]] = RecursiveCodec("RuntimeHoldReason")
FREEZE_REASON: Final[RecursiveCodec[Reason]] = RecursiveCodec("RuntimeFreezeReason")

RuntimeCall = Annotated[Call, CALL]
RuntimeHoldReason = Annotated[Reason, HOLD_REASON]
RuntimeFreezeReason = Annotated[Reason, FREEZE_REASON]


@dataclass(frozen=True)
class Dispatchable:
    """A declared `@call` method. Its wire format is made when it is first needed: a runtime has
    hundreds of calls, and a process uses few.
    """

    index: int
    name: str
    run: Callable[..., PostInfo | None]
    info: DispatchInfo | Callable[..., DispatchInfo]

    @cached_property
    def args(self) -> tuple[tuple[str, AnyCodec], ...]:
        """Names and codecs of the arguments. Raises TypeError for a type without a wire form."""
        return tuple((name.rstrip("_"), codec(hint)) for name, hint in self._hints.items())

    @cached_property
    def decoders(self) -> tuple[Callable[[bytes, int], tuple[Any, int]], ...]:
        """Decoders of the arguments."""
        return tuple(part.decode for _, part in self.args)

    @property
    def type_names(self) -> tuple[str, ...]:
        """Names of the argument types in the metadata; some clients depend on them."""
        named = zip(self._hints.values(), self.args, strict=True)
        return tuple(type_name(hint) or part.name for hint, (_, part) in named)

    @property
    def docs(self) -> str:
        """Docstring of the method."""
        return inspect.getdoc(self.run) or ""

    @cached_property
    def _hints(self) -> Hints:
        hints = hints_of(self.run)
        return {name: hint for name, hint in hints.items() if name not in {"origin", "return"}}


def type_name(hint: object) -> str | None:
    """Return the type name that an annotation declares; None if it has none."""
    notes = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return next((note.name for note in notes if isinstance(note, TypeName)), None)


@dataclass(frozen=True, slots=True)
class CallMark:
    """Marker that `@call` sets on a method, for the pallet's class to collect."""

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

    `weight` is picoseconds of execution, or a function `(pallet, *args) -> DispatchInfo` where the
    cost depends on the arguments.
    """
    info = DispatchInfo(weight, dispatch_class, pays) if isinstance(weight, int) else weight

    def mark(function: F) -> F:
        function.__dict__["call_mark"] = CallMark(index, info)
        return function

    return mark
