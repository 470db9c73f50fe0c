"""Blobs of useful work between two machines: a piece of a named blob for each question.

    question = msgpack [name, offset, length]      name of `NAMES`, length 0 to PIECE
    answer   = msgpack [total, sha256, data]       of the whole blob; data is what was asked for

Both travel in the frames of `p2p/wire.py` on streams of the protocol `work`; a refusal is "I have
no such blob". Many questions may follow each other on one stream, each after the answer to the one
before. Every answer says the size and the hash of the whole, so a piece of another blob under the
same name is never taken for a continuation. `data` is exactly what was asked for, as far as the
blob reaches: a server cannot make a reader ask for ever.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, Protocol

import msgpack

from p2p.errors import WireError
from p2p.wire import HASH

WORK: Final = "work"
"""The name of the protocol; see `p2p.network.protocol_name`."""
PIECE: Final = 256 << 10
"""Bytes of a blob in one answer at most."""
NAME_CHARS: Final = 128
QUESTION_BYTES: Final = 256
ANSWER_BYTES: Final = PIECE + 64

_HEX: Final = "[0-9a-f]{64}"
NAMES: Final = re.compile(
    rf"(?:model|payload|result|roots)/{_HEX}|(?:transcript|sums)/{_HEX}/(?:0|[1-9][0-9]{{0,3}})"
)
"""What a blob that others may fetch is called; nothing else is ever served."""
_U64: Final = 1 << 64


class Question(NamedTuple):
    """A piece of a blob."""

    name: str
    offset: int
    length: int


class Piece(NamedTuple):
    """The answer."""

    total: int
    """Bytes of the whole blob."""
    sha256: bytes
    """Of the whole blob."""
    data: bytes


class Shelf(Protocol):
    """Where blobs are served from. Called from threads of the network."""

    def find(self, name: str) -> tuple[int, bytes] | None:
        """Return size and SHA-256 of a blob, None if it is not here."""

    def read(self, name: str, offset: int, length: int) -> bytes:
        """Return bytes of a blob, fewer at its end. Raises OSError if it is gone."""


class Basket(Protocol):
    """Where a blob that is fetched goes. Called from threads of the network, in order."""

    def write(self, data: bytes) -> None:
        """Take the next bytes. Raises OSError."""


def is_servable(name: str) -> bool:
    """Whether a name is one that others may ask for."""
    return NAMES.fullmatch(name) is not None


def encode_question(question: Question) -> bytes:
    """Return the payload of a question."""
    return bytes(msgpack.packb(list(question)))


def decode_question(payload: bytes) -> Question:
    """Read a question. Raises WireError; a name that nobody may ask for is one, too."""
    match _decode(payload, 0):
        case [str(name), int(offset), int(length)]:
            question = Question(name, int(offset), int(length))
        case _:
            raise WireError("not a question for a blob")
    if not is_servable(question.name):
        raise WireError("a name that no blob has")
    if not 0 <= question.offset < _U64 or not 0 <= question.length <= PIECE:
        raise WireError("a piece out of bounds")
    if encode_question(question) != payload:
        raise WireError("an encoding that is not the shortest")
    return question


def encode_piece(piece: Piece) -> bytes:
    """Return the payload of an answer."""
    return bytes(msgpack.packb(list(piece)))


def decode_piece(payload: bytes, question: Question) -> Piece:
    """Read the answer to a question. Raises WireError for anything but exactly that."""
    match _decode(payload, PIECE):
        case [int(total), bytes(sha256), bytes(data)]:
            piece = Piece(int(total), sha256, data)
        case _:
            raise WireError("not a piece of a blob")
    if not 0 <= piece.total < _U64 or len(sha256) != HASH:
        raise WireError("a piece of a blob that cannot be")
    expected = min(question.length, max(0, piece.total - question.offset))
    if len(piece.data) != expected:
        raise WireError(f"{len(piece.data)} bytes of a blob where {expected} were asked for")
    return piece


def _decode(data: bytes, bound: int) -> object:
    try:
        value: object = msgpack.unpackb(
            data,
            max_bin_len=max(bound, HASH),
            max_str_len=NAME_CHARS,
            max_array_len=3,
            max_map_len=0,
            max_ext_len=0,
        )
    # What msgpack raises has no common base: ValueError, its own kinds, RecursionError in depth.
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise WireError(f"not msgpack: {error}") from error
    return value
