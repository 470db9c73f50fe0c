"""Annotations as types: the same as `typing.get_type_hints`, each text evaluated once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, ClassVar, get_type_hints

import pytest

from btt_chain.scale import Variant, codec, u8, u32
from btt_chain.scale.derive import variants
from btt_chain.scale.hints import hints_of

Height = Annotated[u32, "height"]


class Parent:
    first: Height
    name: ClassVar[str] = "parent"


class Child(Parent):
    second: list[Height | None]
    nothing: None
    parent: list["Parent"]  # noqa: UP037 - a text within the annotation


class Talker:
    def say(self, what: Height, *, to: list[Parent]) -> None:
        """Take annotated arguments."""


@pytest.mark.parametrize("described", [Parent, Child, Talker.say, Talker().say, codec])
def test_annotations_are_those_of_the_standard_library(described: type) -> None:
    expected = get_type_hints(described, include_extras=True)
    assert hints_of(described) == expected == hints_of(described)


def test_a_text_means_in_each_module_what_it_means_there() -> None:
    other = inspect.getmodule(dataclass)
    assert other is not None
    described = type("Described", (), {"__annotations__": {"kind": "Field"}})
    described.__module__ = other.__name__
    assert hints_of(described) == {"kind": vars(other)["Field"]}


def test_an_unknown_name_is_an_error() -> None:
    described = type("Described", (), {"__annotations__": {"kind": "Nowhere"}})
    described.__module__ = __name__
    with pytest.raises(NameError, match="Nowhere"):
        hints_of(described)


def test_a_variant_becomes_a_dataclass_with_its_first_value() -> None:
    class Base(Variant):
        shared: u8

    class Left(Base, index=0):
        number: u32

    class Right(Left, index=1):
        """The same fields as its base class."""

    assert not isinstance(vars(Left)["__dataclass_fields__"], dict)
    right = Right(u8(1), number=u32(2))
    assert repr(right).endswith("Right(shared=1, number=2)")
    assert [field.name for field in fields(Left)] == ["shared", "number"]
    assert Left(u8(1), u32(2)) != right == Right(u8(1), u32(2))
    make: Callable[..., Left] = Left
    with pytest.raises(TypeError, match="positional"):
        make(u8(1), u32(2), u32(3))


def test_the_first_use_of_its_fields_makes_a_variant_a_dataclass() -> None:
    class Base(Variant):
        shared: u8

    class Sound(Base, index=3):
        number: u32

    assert [field.name for field in fields(Sound)] == ["shared", "number"]
    assert is_dataclass(Base)
    assert Sound(u8(1), u32(2)).number == 2


def test_fields_of_deferred_variants_are_read_at_the_first_use() -> None:
    class Sound(Variant, index=3):
        number: u32

    class Wrong(Variant, index=4):
        number: object

    enum = variants([Sound, Wrong], deferred=True)
    assert enum.encode(Sound(u32(7))) == b"\3\7\0\0\0"
    assert enum.decode_all(b"\3\7\0\0\0") == Sound(u32(7))
    with pytest.raises(TypeError, match=r"Wrong\.number: no SCALE form"):
        enum.decode_all(b"\4\0")
    with pytest.raises(TypeError, match=r"Wrong\.number: no SCALE form"):
        variants([Sound, Wrong])
