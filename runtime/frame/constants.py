"""Constants: numbers of pallets and components that the metadata shows."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Final, Generic, TypeVar

from typing_extensions import TypeForm

from btt_chain.scale import AnyCodec, Codec, codec
from runtime.frame.items import camel

V = TypeVar("V")

CONSTANT: Final = object()
Const = Annotated[V, CONSTANT]
"""Configuration that is in the metadata: `existential_deposit: Const[u128]`."""


class Constant(Generic[V]):
    """A number fixed by the pallet and shown in the metadata: `max_pins = Constant(u32(16))`.

    The string below the declaration is its documentation. `kind` is the type on the wire, where it
    is not that of the value; `name` the name in the metadata, where it is not the attribute's.
    """

    def __init__(
        self, value: V, *, kind: TypeForm[V] | None = None, name: str | None = None
    ) -> None:
        self.value = value
        self.kind: TypeForm[V] = type(value) if kind is None else kind
        self.name = name

    @cached_property
    def codec(self) -> Codec[V]:
        """The codec of the number."""
        return codec(self.kind)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = self.name or camel(name)

    def __get__(self, instance: object, owner: type) -> V:
        return self.value


def declared_constants(kind: type) -> dict[str, tuple[str, AnyCodec]]:
    """Return codec and name in the metadata of each `Constant` of a class and its bases."""
    return {
        name: (item.name or name, item.codec)
        for base in reversed(kind.__mro__)
        for name, item in vars(base).items()
        if isinstance(item, Constant)
    }


def constant_name(name: str, notes: tuple[object, ...]) -> str:
    """Return a constant's name in the metadata: `Annotated[Const[u16], "SS58Prefix"]` names it."""
    return next((note for note in notes if isinstance(note, str)), camel(name))
