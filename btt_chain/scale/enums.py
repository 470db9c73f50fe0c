"""Codecs of enums: alternatives that are distinguished by the first byte."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from btt_chain.lazyclass import dataclass
from btt_chain.scale.base import AnyCodec, Codec, Decode, DeferredCodec, Encode, Params
from btt_chain.scale.errors import DecodeError, EncodeError
from btt_chain.scale.shape import Docs, Field, Shape, VariantOf, VariantShape

T = TypeVar("T")


@dataclass(slots=True)
class Arm:
    """One alternative of an enum: values of class `kind` are encoded with `index` in front.

    `compile` returns two functions when the first value is coded: most alternatives, such as events
    and errors, occur in few processes. `encode` writes the index too; `decode` starts after it.
    """

    kind: type
    name: str
    index: int
    compile: Callable[[], tuple[Callable[..., bytes], Callable[[bytes, int], tuple[object, int]]]]
    min_size: int
    fields: Callable[[], tuple[Field, ...]]
    docs: Docs = ()


def enum_of(
    name: str, arms: Iterable[Arm], *, path: str = "", params: Params = (), docs: Docs = ()
) -> AnyCodec:
    """Return the codec of one of several alternatives, distinguished by the first byte."""
    arms = sorted(arms, key=lambda arm: arm.index)
    by_index = {arm.index: arm for arm in arms}
    by_kind = {arm.kind: arm for arm in arms}
    if len(by_index) < len(arms) or len({arm.name for arm in arms}) < len(arms):
        raise TypeError(f"{name}: two variants share an index or a name")
    if len(by_kind) < len(arms):
        raise TypeError(f"{name}: two variants share a class")
    encoders: dict[type, Callable[..., bytes]] = {}
    decoders: dict[int, Callable[[bytes, int], tuple[object, int]]] = {}

    def compiled(arm: Arm | None) -> bool:
        """Return True if there is an alternative, now compiled."""
        if arm is None:
            return False
        encoders[arm.kind], decoders[arm.index] = arm.compile()
        return True

    def encode(value: object) -> bytes:
        try:
            arm = encoders[value.__class__]
        except KeyError:
            if not compiled(by_kind.get(value.__class__)):
                raise EncodeError(name, f"{value!r} is not one of its variants") from None
            return encode(value)
        return arm(value)

    def decode(raw: bytes, at: int) -> tuple[object, int]:
        try:
            arm = decoders[raw[at]]
        except KeyError:
            if not compiled(by_index.get(raw[at])):
                raise DecodeError(name, at, f"there is no variant {raw[at]}") from None
            return decode(raw, at)
        except IndexError:
            raise DecodeError(name, at, "the input ends too early") from None
        return arm(raw, at + 1)

    shape = Shape(
        lambda: VariantOf(tuple(VariantShape(a.name, a.index, a.fields(), a.docs) for a in arms)),
        path=path,
        params=params,
        docs=docs,
    )
    return Codec(name, encode, decode, shape, 1 + min((arm.min_size for arm in arms), default=0))


def constants(
    name: str,
    values: Sequence[tuple[str, int, object]],
    *,
    path: str = "",
    docs: Docs = (),
    variant_docs: Callable[[], dict[str, Docs]] = dict,
) -> AnyCodec:
    """Return the codec of an enum without fields; `values` are (name, index, Python value)."""
    by_index = {index: value for _, index, value in values}
    by_value = {value: bytes((index,)) for _, index, value in values}

    def encode(value: object) -> bytes:
        try:
            return by_value[value]
        except KeyError:
            raise EncodeError(name, f"{value!r} is not one of its variants") from None

    def decode(raw: bytes, at: int) -> tuple[object, int]:
        try:
            return by_index[raw[at]], at + 1
        except KeyError:
            raise DecodeError(name, at, f"there is no variant {raw[at]}") from None
        except IndexError:
            raise DecodeError(name, at, "the input ends too early") from None

    def describe() -> VariantOf:
        notes = variant_docs()
        return VariantOf(
            tuple(VariantShape(text, index, (), notes.get(text, ())) for text, index, _ in values)
        )

    return Codec(name, encode, decode, Shape(describe, path=path, docs=docs), 1)


def option(inner: Codec[T]) -> Codec[T | None]:
    """Return the codec of an optional value: the first byte is its presence."""
    name = f"Option<{inner.name}>"

    def compiled() -> tuple[Encode[T | None], Decode[T | None]]:
        encode_some, decode_some = inner.encode, inner.decode

        def encode(value: T | None) -> bytes:
            return b"\0" if value is None else b"\1" + encode_some(value)

        def decode(raw: bytes, at: int) -> tuple[T | None, int]:
            try:
                tag = raw[at]
            except IndexError:
                raise DecodeError(name, at, "the input ends too early") from None
            if tag == 0:
                return None, at + 1
            if tag == 1:
                return decode_some(raw, at + 1)
            raise DecodeError(name, at, f"{tag} is neither 0 nor 1")

        return encode, decode

    def describe() -> VariantOf:
        some = VariantShape("Some", 1, (Field(None, inner),))
        return VariantOf((VariantShape("None", 0), some))

    shape = Shape(describe, path="Option", params=(("T", inner),))
    return DeferredCodec(name, compiled, shape, 1)
