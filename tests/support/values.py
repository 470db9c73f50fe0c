"""Random values of any type that has a wire form, from its annotation.

Byte strings are letters by default, so that one which is text somewhere is text. Lists have one or
two items, except where the type fixes their number.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import IntEnum
from random import Random
from types import NoneType, UnionType
from typing import Annotated, Final, Union, get_args, get_origin

from btt_chain.scale import Array, BitSequence, Codec, Fixed, FixedBytes, Integer
from btt_chain.scale.hints import hints_of, substitute, type_arguments

LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MAX_BYTES: Final = 5
"""Maximum length of a byte string whose type does not fix it: shorter than all limits."""


class Values:
    """A source of values."""

    def __init__(
        self, random: Random, *, complete: bool = False, alphabet: bytes = LETTERS
    ) -> None:
        self.random = random
        self.alphabet = alphabet
        """Bytes of which byte strings and texts are made."""
        self.complete = complete
        """True if optional values are always present."""

    def of(self, hint: object) -> object:
        """Return a value of a type. TypeError for types without a structure, such as calls."""
        origin, args = get_origin(hint), get_args(hint)
        if origin is Annotated:
            return self._annotated(args[0], args[1:])
        if origin in (Union, UnionType):
            if NoneType in args and not self.complete and self.random.random() < 1 / 3:
                return None
            return self.of(self.random.choice([arm for arm in args if arm is not NoneType]))
        if origin is list:
            return [self.of(args[0]) for _ in range(self.random.randint(1, 2))]
        if origin is tuple:
            return tuple(self.of(arg) for arg in args)
        if origin is dict:
            return {self.of(args[0]): self.of(args[1])}
        base = origin or hint
        if isinstance(base, type):
            return self._class(base, hint)
        raise TypeError(f"no values of {hint!r}")

    def _annotated(self, base: object, marks: tuple[object, ...]) -> object:
        for mark in marks:
            match mark:
                case Codec():
                    raise TypeError(f"the values of {mark.name} have no annotations")
                case Fixed():
                    return self._letters(mark.size)
                case Array():
                    return [self.of(get_args(base)[0]) for _ in range(mark.size)]
        return self.of(base)

    def _class(self, kind: type, hint: object) -> object:
        if kind is bool:
            return self.random.random() < 1 / 2
        if kind is bytes:
            return self._letters(self.random.randint(1, MAX_BYTES))
        if kind is str:
            return self._letters(self.random.randint(1, MAX_BYTES)).decode("latin-1")
        if kind is BitSequence:
            return BitSequence((True, False))
        if issubclass(kind, FixedBytes):
            return kind(self._letters(kind.SIZE))
        if issubclass(kind, IntEnum):
            return self.random.choice(list(kind))
        if issubclass(kind, Integer):
            return kind(self.random.randint(kind.MIN, kind.MAX))
        if is_dataclass(kind):
            bound = type_arguments(kind, get_args(hint))
            hints = hints_of(kind)
            names = [field.name for field in fields(kind) if field.init]
            return kind(**{name: self.of(substitute(hints[name], bound)) for name in names})
        raise TypeError(f"no values of {kind!r}")

    def _letters(self, size: int) -> bytes:
        return bytes(self.random.choice(self.alphabet) for _ in range(size))
