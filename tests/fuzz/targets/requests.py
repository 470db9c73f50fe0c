"""Requests and their answers, of every protocol between nodes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from btt_chain.scale import compact_encode
from fuzz.headers import sealed
from fuzz.target import Target, choose, round_trip
from fuzz.targets.justifications import valid
from fuzz.wires import WIRES
from p2p.errors import WireError
from p2p.network import Status
from p2p.protocols.messages import (
    BlockAnswer,
    BlockRequest,
    JustificationAnswer,
    JustificationRequest,
    StateAnswer,
    StateRequest,
    WarpProof,
    WarpRequest,
)
from p2p.protocols.work import (
    Piece,
    Question,
    decode_piece,
    decode_question,
    encode_piece,
    encode_question,
)
from p2p.wire import (
    Hello,
    Search,
    decode_addresses,
    decode_hello,
    decode_search,
    encode_addresses,
    encode_hello,
    encode_search,
)


class Message(Protocol):
    """Something that goes between nodes."""

    def encode(self) -> bytes:
        """Return its bytes."""

    @classmethod
    def decode(cls, raw: bytes) -> Message:
        """Read it."""


QUESTION: Final = Question("a" * 64, 0, 3)
KINDS: Final[tuple[type[Message], ...]] = (
    BlockRequest, BlockAnswer, JustificationRequest, JustificationAnswer, StateRequest,
    StateAnswer, WarpRequest, WarpProof,
)  # fmt: skip


def scale(kind: type[Message], raw: bytes) -> None:
    """Read a message in SCALE."""
    round_trip(raw, kind.decode, lambda value: value.encode())


def hello(raw: bytes) -> None:
    """Read a handshake."""
    read = round_trip(raw, decode_hello, encode_hello, WireError)
    assert read is None or encode_hello(read) == raw


def search(raw: bytes) -> None:
    """Read a search and its answer."""
    round_trip(raw, decode_search, encode_search, WireError)
    round_trip(raw, decode_addresses, encode_addresses, WireError)


def blob(raw: bytes) -> None:
    """Read a question for a blob and an answer."""
    round_trip(raw, decode_question, encode_question, WireError)
    round_trip(raw, partial(decode_piece, question=QUESTION), encode_piece, WireError)


SCALE: Final = [partial(scale, kind) for kind in KINDS]
RUNS: Final[list[Callable[[bytes], object]]] = [*SCALE, hello, search, blob]


def seeds() -> list[bytes]:
    """Return messages of many kinds."""
    status = Status(4, 9, bytes(32), 5, bytes(32), 1)
    header = sealed()[0].encode()
    good = valid().encode()
    length = bytes([(len(WIRES[0]) << 2 | 1) & 255, len(WIRES[0]) >> 6])
    found = {
        0: b"\x13\x00" + bytes(32) + b"\x01\x00\x00\x00\x10\x00",
        1: b"\x04" + bytes(32) + b"\x01" + header + b"\x01\x04" + length + WIRES[0] + b"\x00",
        3: b"\x01" + bytes([(len(good) << 2 | 1) & 255, len(good) >> 6]) + good,
        4: bytes(32) + b"\x01\x10abcd",
        5: b"\x04\x10abcd\x00",
        6: bytes(32),
        7: b"\x04" + header + good + b"\x01",
        8: encode_hello(Hello(bytes(32), status, ("/ip4/1.2.3.4/tcp/5",), 1_700_000_000_000)),
        9: encode_search(Search(bytes(32), ("/ip4/1.2.3.4/tcp/5",))),
        10: encode_question(QUESTION),
    }
    pairs = [bytes([kind]) + body for kind, body in found.items()]
    return [
        *pairs, bytes([9]) + encode_addresses(("/ip4/1.2.3.4/tcp/5",)),
        bytes([10]) + encode_piece(Piece(3, bytes(32), b"abc")),
    ]  # fmt: skip


def heavy() -> list[bytes]:
    """Return lists of as many of the smallest items as a message may have."""
    header = bytes(32) + compact_encode(7) + bytes(64)
    logs = compact_encode(50_000) + b"\x08" * 50_000
    return [
        b"\1" + compact_encode(128) + (bytes(32) + bytes(4)) * 128,
        b"\1\x04" + bytes(32) + b"\1" + header + logs + b"\1" + compact_encode(10_000)
        + bytes(10_000) + b"\0",
        b"\5" + compact_encode(60_000) + bytes(60_000) + b"\0",
        b"\7" + compact_encode(16_000) + bytes(60_000),
        b"\7\x04" + header + logs + bytes(300),
        *(bytes([kind]) + b"\x91" * 1_000 for kind in (8, 9, 10)),
        bytes([9]) + b"\x92\xc4\x20" + bytes(32) + b"\xdc\x03\xe8" + b"\xa1a" * 1_000,
    ]  # fmt: skip


TARGET = Target(
    run=lambda raw: choose(raw, *RUNS),
    seeds=seeds,
    heavy=heavy,
    instrument=("btt_chain.scale", "btt_chain.primitives", "p2p"),
)
