"""Requests to the helper process and its answers: SCALE in frames with their length in front.

Both ends are this program, but the bodies in a request come from peers: a frame is bounded before
it is read, and decoded within a budget.
"""

from __future__ import annotations

from typing import IO, Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.limits import BLOCK
from btt_chain.scale import DecodeBudget, Fixed, codec, u32, u64

MAX_FRAME: Final = 2 * BLOCK.max_bytes
"""Maximum bytes of a frame."""
_LENGTH: Final = 4
_REQUEST: Final = DecodeBudget(MAX_FRAME, 2 * BLOCK.max_items)


class BadFrame(ValueError):
    """The stream ends within a frame, or the frame is too long."""


@dataclass(frozen=True, slots=True)
class EpochInfo:
    """The data that checks of an epoch's headers need."""

    index: u64
    start: u64
    """Its first slot."""
    length: u64
    """Its number of slots."""
    authorities: list[Annotated[bytes, Fixed(32)]]
    randomness: Annotated[bytes, Fixed(32)]


@dataclass(frozen=True, slots=True)
class Start:
    """The epoch of the first block of a request, and the next if it was announced before."""

    current: EpochInfo
    next: EpochInfo | None


@dataclass(frozen=True, slots=True)
class Rules:
    """The data that signatures cover besides the transaction."""

    spec_version: u32
    transaction_version: u32
    genesis: Annotated[bytes, Fixed(32)]


@dataclass(frozen=True, slots=True)
class Item:
    """A block; without its body if it need not be checked, but later ones depend on its header."""

    header: bytes
    body: list[bytes] | None


@dataclass(frozen=True, slots=True)
class Request:
    """Consecutive blocks. Without `start` they follow on those of the last request."""

    rules: Rules
    start: Start | None
    items: list[Item]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The successful checks of a block."""

    number: u32
    signatures: bytes
    """Keys, 32 bytes each."""
    proofs: bytes
    """Keys of VRF proofs, each with the encoded point of its input, 64 bytes together."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdicts of the blocks of a request that had a body."""

    blocks: list[Verdicts]


_REQUESTS: Final = codec(Request)
_ANSWERS: Final = codec(Answer)


def encode_request(request: Request) -> bytes:
    """Return the bytes of a request."""
    return _REQUESTS.encode(request)


def decode_request(raw: bytes) -> Request:
    """Return the request in `raw`. Raises DecodeError."""
    return _REQUEST.decode(_REQUESTS, raw)


def encode_answer(answer: Answer) -> bytes:
    """Return the bytes of an answer."""
    return _ANSWERS.encode(answer)


def decode_answer(raw: bytes) -> Answer:
    """Return the answer in `raw`. Raises DecodeError."""
    return _REQUEST.decode(_ANSWERS, raw)


def write_frame(sink: IO[bytes], payload: bytes) -> None:
    """Write a frame. Raises OSError, and BadFrame if it is too long."""
    if len(payload) > MAX_FRAME:
        raise BadFrame(f"a frame of {len(payload)} bytes, {MAX_FRAME} are the most")
    sink.write(len(payload).to_bytes(_LENGTH, "little") + payload)
    sink.flush()


def read_frame(source: IO[bytes]) -> bytes | None:
    """Return the next frame, None at the end of the stream. Raises OSError, BadFrame."""
    head = source.read(_LENGTH)
    if not head:
        return None
    size = int.from_bytes(head, "little")
    if len(head) < _LENGTH or size > MAX_FRAME:
        raise BadFrame(f"no frame begins with {head.hex()}")
    payload = source.read(size)
    if len(payload) < size:
        raise BadFrame(f"the stream ends after {len(payload)} of {size} bytes")
    return payload
