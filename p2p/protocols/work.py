"""Blobs of useful work between two machines: one piece of a named blob per request.

    question = msgpack [name, offset, length]      name of `NAMES`, length 0 to PIECE
    answer   = msgpack [total, sha256, data]       total and hash of the whole blob; data: the piece

Both are sent in the frames of `p2p/wire.py` on streams of the protocol `work`; a refusal means that
there is no such blob. Many requests may follow each other on one stream, each after the answer to
the one before. Each answer states the size and the hash of the whole blob, so a piece of another
blob under the same name is not taken for a continuation. `data` is exactly what was asked for, as
far as the blob reaches: a server cannot make a reader ask forever.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, Protocol

import msgpack

from p2p.errors import WireError
from p2p.wire import HASH

WORK: Final = "work"
"""Name of the protocol; see `p2p.network.protocol_name`."""
PIECE: Final = 256 << 10
"""Maximum number of bytes of a blob in one answer."""
NAME_CHARS: Final = 128
QUESTION_BYTES: Final = 256
ANSWER_BYTES: Final = PIECE + 64

_HEX: Final = "[0-9a-f]{64}"
NAMES: Final = re.compile(
    rf"(?:model|payload|result|roots)/{_HEX}|(?:transcript|sums)/{_HEX}/(?:0|[1-9][0-9]{{0,3}})"
)
"""Names of blobs that others may fetch; no others are served."""
_U64: Final = 1 << 64


class Question(NamedTuple):
    """A request for a piece of a blob."""

    name: str
    offset: int
    length: int


class Piece(NamedTuple):
    """The answer to a request."""

    total: int
    """Size of the whole blob in bytes."""
    sha256: bytes
    """SHA-256 of the whole blob."""
    data: bytes


class Shelf(Protocol):
    """Source of the blobs that are served. Called from threads of the network."""

    def find(self, name: str) -> tuple[int, bytes] | None:
        """Return size and SHA-256 of a blob, None if it is not stored."""

    def read(self, name: str, offset: int, length: int) -> bytes:
        """Return bytes of a blob, fewer at its end. Raises OSError if it is gone."""


def is_servable(name: str) -> bool:
    """Return True if blobs of this name may be served to others."""
    return NAMES.fullmatch(name) is not None


def encode_question(question: Question) -> bytes:
    """Return the payload of a request."""
    return bytes(msgpack.packb(list(question)))


def decode_question(payload: bytes) -> Question:
    """Read a request. Raises WireError, also for a name that is not servable."""
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
    """Read the answer to a request. Raises WireError for anything but exactly that piece."""
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
    # msgpack's errors have no common base: ValueError, its own kinds, RecursionError at depth.
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise WireError(f"not msgpack: {error}") from error
    return value
