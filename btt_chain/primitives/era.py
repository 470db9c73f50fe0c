"""Eras: the blocks in which a transaction is valid.

A mortal transaction names a period (a power of two of blocks) and a phase in it. It is born at the
last block of that phase and dies one period later; the hash of its birth block is part of the
signed payload, which binds it to one fork. Source: sp_runtime::generic::era.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Final, TypeAlias

from btt_chain.lazyclass import dataclass
from btt_chain.scale import Codec, DecodeError, Shape, codec, u8
from btt_chain.scale.shape import Field, VariantOf, VariantShape

FOR_EVER: Final = (1 << 64) - 1
"""The death block of immortal transactions."""

SHORTEST: Final = 4
LONGEST: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Immortal:
    """Valid for ever; the genesis hash is part of the signed payload."""

    def birth(self, current: int) -> int:
        """Return zero, the genesis block."""
        return 0

    def death(self, current: int) -> int:
        """Return a block number that is never reached."""
        return FOR_EVER


@dataclass(frozen=True, slots=True)
class Mortal:
    """Valid for `period` blocks from the block whose number is `phase` modulo `period`."""

    period: int
    phase: int

    def __post_init__(self) -> None:
        if not SHORTEST <= self.period <= LONGEST or self.period.bit_count() != 1:
            raise ValueError(f"a period is a power of two from 4 to 65536, not {self.period}")
        if not 0 <= self.phase < self.period or self.phase % _step(self.period):
            raise ValueError(f"{self.phase} is not a phase of the period {self.period}")

    @classmethod
    def at(cls, current: int, period: int) -> Mortal:
        """Return the era that begins at block `current` and lasts about `period` blocks.

        The period is raised to a power of two from 4 to 65536, and the phase lowered to a multiple
        of the encoding's step.
        """
        period = min(max(1 << max(period - 1, 0).bit_length(), SHORTEST), LONGEST)
        phase = current % period
        return cls(period, phase - phase % _step(period))

    def birth(self, current: int) -> int:
        """Return the birth block of the era that is valid at block `current`."""
        return (max(current, self.phase) - self.phase) // self.period * self.period + self.phase

    def death(self, current: int) -> int:
        """Return the first block after the era that is valid at block `current`."""
        return self.birth(current) + self.period


def _step(period: int) -> int:
    """Return the step of phases: long periods have coarse phases that fit twelve bits."""
    return max(period >> 12, 1)


def _encode(era: Immortal | Mortal) -> bytes:
    if isinstance(era, Immortal):
        return b"\0"
    exponent = era.period.bit_length() - 2
    return (exponent | era.phase // _step(era.period) << 4).to_bytes(2, "little")


def _decode(raw: bytes, at: int) -> tuple[Immortal | Mortal, int]:
    try:
        first = raw[at]
        if first == 0:
            return _IMMORTAL, at + 1
        return _mortal(first | raw[at + 1] << 8), at + 2
    except IndexError:
        raise DecodeError("Era", at, "the input ends too early") from None
    except ValueError as error:
        raise DecodeError("Era", at, str(error)) from None


@lru_cache(maxsize=1 << 12)
def _mortal(word: int) -> Mortal:
    """Return the era of two bytes; there are few eras in an hour, so they are cached."""
    period = 2 << (word & 15)
    return Mortal(period, (word >> 4) * _step(period))


def _describe() -> VariantOf:
    # Each value of a mortal era's first byte is a variant of its own.
    byte = (Field(None, codec(u8)),)
    mortal = (VariantShape(f"Mortal{first}", first, byte) for first in range(1, 256))
    return VariantOf((VariantShape("Immortal", 0), *mortal))


_IMMORTAL = Immortal()

_ERA: Codec[Immortal | Mortal] = Codec(
    "Era", _encode, _decode, Shape(_describe, path="sp_runtime::generic::era::Era"), 1
)

Era: TypeAlias = Annotated[Immortal | Mortal, _ERA]
"""Validity period of a transaction."""
