"""Merlin: the transcript of a proof between two parties, as one running hash.

A transcript absorbs labelled messages and returns labelled challenges; each challenge depends on
all that went before it. It is built on STROBE-128, of which Merlin uses three operations.
Sources: merlin.cool, STROBE 1.0.2 (strobe.sourceforge.io), FIPS 202, NIST SP 800-185.

STROBE closes its blocks with the padding of cSHAKE128, and the bytes that a challenge overwrites in
the state are known to its receiver. So a transcript is a series of cSHAKE128 inputs, and OpenSSL
can do the hashing: 1 us per block instead of 130 us. `PythonSponge` is the reference
implementation; it is used if Python's OpenSSL lacks that hash, or returns other bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from copy import copy
from struct import Struct
from typing import Final, Protocol, Self, cast

# The rate of Keccak with 256 bits of capacity; STROBE reserves the last two bytes of it.
RATE: Final = 168
_STROBE_RATE: Final = RATE - 2

# STROBE's flags of the three operations.
_META_AD: Final = 0x10 | 0x02
_AD: Final = 0x02
_PRF: Final = 0x01 | 0x02 | 0x04

_FIRST: Final = bytes((0, _META_AD)) + b"Merlin v1.0"
"""Start of every transcript: its first operation, which begins at 1."""

_PAD_FIRST: Final = 0x04  # cSHAKE's domain
_PAD_LAST: Final = 0x80
_PADDING: Final = bytes([_PAD_FIRST, *bytes(RATE - 2), _PAD_LAST])
_WHOLE_PADDING: Final = bytes([_PAD_FIRST | _PAD_LAST])


class Sponge(Protocol):
    """cSHAKE128 without its prefix: Keccak, rate 168, domain 0x04."""

    def update(self, data: bytes, /) -> None:
        """Absorb `data`."""

    def copy(self) -> Self:
        """Return an independent copy."""

    def digest(self, length: int, /) -> bytes:
        """Return the hash of all absorbed data; more may be absorbed afterwards. `length` >= 1."""


class Transcript:
    """A Merlin transcript."""

    __slots__ = ("_sponge", "_padding", "_block", "_begin")

    # `_sponge` has absorbed all past blocks, the last one without its padding: so its digest is the
    # state that STROBE squeezes from, and `_padding` is still missing. `_block` holds the bytes of
    # the present block; `_begin` is STROBE's pos_begin.

    def __init__(self, label: bytes) -> None:
        """Open a transcript; `label` names the protocol."""
        self._sponge = _OPENED.copy()
        self._padding = b""
        self._block = bytearray(_FIRST)
        self._begin = 1
        self.append(b"dom-sep", label)

    def append(self, label: bytes, message: bytes) -> None:
        """Absorb a message."""
        self._operate_twice(label + len(message).to_bytes(4, "little"), _AD, message)

    def challenge(self, label: bytes, length: int) -> bytes:
        """Return `length` challenge bytes, which are absorbed as well."""
        self._operate_twice(label + length.to_bytes(4, "little"), _PRF, b"")
        if self._block:
            self._permute()
        squeezed = bytearray()
        while len(squeezed) < length:
            # A challenge never starts within a block: it was closed above, or a challenge filled
            # it.
            part = self._sponge.digest(min(length - len(squeezed), _STROBE_RATE))
            squeezed += part
            self._absorb(part)
        return bytes(squeezed)

    def _operate_twice(self, meta: bytes, flags: int, data: bytes) -> None:
        """Absorb metadata and begin the operation that they describe, which absorbs `data`."""
        block = self._block
        first = len(block) + 1
        both = bytes((self._begin, _META_AD)) + meta + bytes((first, flags)) + data
        if len(block) + len(both) < _STROBE_RATE:  # nearly always: the block stays open
            block += both
            self._begin = first + 2 + len(meta)
            return
        self._operate(_META_AD, meta)
        self._operate(flags, data)

    def _operate(self, flags: int, data: bytes) -> None:
        """Begin an operation of STROBE and absorb its data."""
        before, self._begin = self._begin, len(self._block) + 1
        self._absorb(bytes((before, flags)) + data)

    def _absorb(self, data: bytes) -> None:
        """Fill the block with `data`, and close it each time it is full."""
        room = _STROBE_RATE - len(self._block)
        while len(data) >= room:
            self._block += data[:room]
            data = data[room:]
            self._permute()
            room = _STROBE_RATE
        self._block += data

    def _permute(self) -> None:
        """Close the block (STROBE's run_f)."""
        self._block.append(self._begin)
        size = len(self._block)
        self._sponge.update(self._padding + self._block)
        self._padding = _padding_after(size)
        self._block.clear()
        self._begin = 0


def _padding_after(size: int) -> bytes:
    """Return the padding of a block that holds `size` bytes, at most 167."""
    if size == RATE - 1:
        return _WHOLE_PADDING
    return _PADDING[:1] + _PADDING[size + 1 :]


# ---- Keccak in Python

_LANES: Final = Struct("<21Q")  # the rate
_OUTPUT: Final = Struct("<25Q")
_State = tuple[int, ...]


class PythonSponge:
    """The sponge in Python: the reference for OpenSSL's, and its substitute.

    `digest` returns at most one block, which is all that STROBE needs.
    """

    __slots__ = ("_state", "_rest", "_closed")

    def __init__(self) -> None:
        """Create an empty sponge."""
        self._state: _State = (0,) * 25
        self._rest = b""
        # The last block that was hashed, and the state after it: STROBE continues from it.
        self._closed: tuple[_State, bytes, _State] | None = None

    def update(self, data: bytes, /) -> None:
        """Absorb `data`."""
        data = self._rest + data
        whole = len(data) - len(data) % RATE
        for at in range(0, whole, RATE):
            self._state = self._after(data[at : at + RATE])
        self._rest = data[whole:]

    def copy(self) -> PythonSponge:
        """Return an independent copy."""
        return copy(self)

    def digest(self, length: int, /) -> bytes:
        """Return the hash of all absorbed data; ValueError for more than 168 bytes."""
        if length > RATE:
            raise ValueError(f"{length} bytes are more than one block")
        last = self._rest + _padding_after(len(self._rest))
        state = self._after(last)
        self._closed = (self._state, last, state)
        return _OUTPUT.pack(*state)[:length]

    def _after(self, block: bytes) -> _State:
        """Return the state after one more block."""
        if self._closed is not None and self._closed[:2] == (self._state, block):
            return self._closed[2]
        lanes = _LANES.unpack(block)
        mixed = (*map(int.__xor__, self._state, lanes), *self._state[21:])
        return keccak_f(mixed)


def _round_constants() -> list[int]:
    """Return Keccak's iota constants, from its shift register (FIPS 202, 3.2.5)."""
    constants, register = [], 1
    for _ in range(24):
        constant = 0
        for j in range(7):
            if register & 1:
                constant |= 1 << ((1 << j) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return constants


def _source() -> str:
    """Return the source of `keccak_f`: a round with its words in local variables.

    Rotations and places follow FIPS 202, 3.2; loops over lists would take four times as long.
    """
    rotation, place = [0] * 25, 1
    for t in range(24):
        rotation[place] = (t + 1) * (t + 2) // 2 % 64
        x, y = place % 5, place // 5
        place = y + 5 * ((2 * x + 3 * y) % 5)
    lanes = ",".join(f"a{i}" for i in range(25))
    lines = ["def keccak_f(state):", f" {lanes}=state", " for constant in CONSTANTS:"]
    lines += [f"  c{x}=" + "^".join(f"a{x + 5 * y}" for y in range(5)) for x in range(5)]
    for x in range(5):
        left, right = f"c{(x + 4) % 5}", f"c{(x + 1) % 5}"
        lines.append(f"  d{x}={left}^({right}<<1&{_MASK}|{right}>>63)")
    for i in range(25):
        x, y = i % 5, i // 5
        to = y + 5 * ((2 * x + 3 * y) % 5)
        by = rotation[i]
        lines.append(f"  t=a{i}^d{x};b{to}=" + (f"t<<{by}&{_MASK}|t>>{64 - by}" if by else "t"))
    for i in range(25):
        x, row = i % 5, i - i % 5
        lines.append(f"  a{i}=b{i}^(~b{row + (x + 1) % 5}&b{row + (x + 2) % 5})")
    lines += ["  a0^=constant", f" return {lanes}"]
    return "\n".join(lines)


def _compiled() -> Callable[[_State], _State]:
    names: dict[str, object] = {"CONSTANTS": _round_constants()}
    exec(_source(), names)  # noqa: S102 - our own text, made above from numbers only
    return cast("Callable[[_State], _State]", names["keccak_f"])


_MASK: Final = hex((1 << 64) - 1)
keccak_f: Final = _compiled()
"""The permutation Keccak-f[1600] of 25 words of 64 bits (FIPS 202, 3.3)."""


# ---- the sponge in use


def _fastest() -> Sponge:
    """Return an empty sponge: OpenSSL's if it is available and agrees with ours, else ours."""
    message = bytes(range(RATE + 7))
    plain = PythonSponge()
    plain.update(message)
    try:
        # The hash under OpenSSL's KMAC128, which `hashlib` gives for any length.
        found = cast("Sponge", hashlib.new("KECCAK-KMAC-128"))
        tried = found.copy()
        tried.update(message)
        agrees = tried.digest(RATE) == plain.digest(RATE)
    except (ValueError, TypeError):  # not in this OpenSSL, or of one length only
        return PythonSponge()
    return found if agrees else PythonSponge()


def _opened(sponge: Sponge) -> Sponge:
    """Return the state that STROBE-128 starts from: the prefix block of cSHAKE128."""
    prefix = bytes([1, RATE, 1, 0, 1, 96]) + b"STROBEv1.0.2"
    sponge.update(prefix.ljust(RATE, b"\0"))
    return sponge


_OPENED: Final = _opened(_fastest())
