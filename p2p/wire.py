"""Encodings between nodes: the envelope, the frame, and the network's own messages.

    envelope = msgpack [version, payload]          payload: bytes, at most the bound of its protocol
    frame    = length u32 big-endian ‖ envelope    on streams; length 0 is "I refuse"

Each value has one encoding and only that is accepted: longer encodings and trailing bytes are
refused. So the same content always has the same gossip id, and a message cannot be made new by
encoding it differently. Bounds are checked before anything is allocated.

Invalid bytes of a peer raise `WireError`, and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import msgpack

from p2p.address import MAX_CHARACTERS
from p2p.errors import WireError
from p2p.network import PROTOCOL_VERSION, ROLES, Status

HEADER: Final = 4
"""Size of a frame's length field, in bytes."""
ENVELOPE: Final = 7
"""Maximum overhead of an envelope: array, version, and a length of four bytes."""

REFUSAL: Final = bytes(HEADER)
"""Frame that refuses a request."""

HASH: Final = 32
ADDRESSES: Final = 20
"""Maximum number of addresses in one answer."""
OWN_ADDRESSES: Final = 4
"""Maximum number of its own addresses that a node may report."""

_U64: Final = 1 << 64

V = TypeVar("V")


# --- the envelope -----------------------------------------------------------------


def pack(payload: bytes) -> bytes:
    """Return `payload` in its envelope."""
    return bytes(msgpack.packb([PROTOCOL_VERSION, payload]))


def unpack(data: bytes, bound: int) -> bytes:
    """Return the payload of an envelope. Raises WireError."""
    if len(data) > bound + ENVELOPE:
        raise WireError(f"{len(data)} bytes where {bound} are the most")
    match _decode(data, bound):
        case [int(version), bytes(payload)] if type(version) is int:
            pass
        case _:
            raise WireError("not an envelope")
    if version != PROTOCOL_VERSION:
        raise WireError(f"version {version}, not {PROTOCOL_VERSION}")
    if len(payload) > bound:
        raise WireError(f"{len(payload)} bytes where {bound} are the most")
    if len(data) != 2 + _bytes_header(len(payload)) + len(payload):
        raise WireError("an envelope longer than it must be")
    return payload


def gossip_id(topic: str, data: bytes) -> bytes:
    """Return the id of a gossip message: a hash of its topic and all its bytes."""
    return hashlib.blake2b(
        data, digest_size=20, key=hashlib.blake2b(topic.encode(), digest_size=32).digest()
    ).digest()


# --- frames -----------------------------------------------------------------------


def frame(payload: bytes) -> bytes:
    """Return `payload` in its envelope, prefixed with its length."""
    body = pack(payload)
    return len(body).to_bytes(HEADER, "big") + body


def frame_length(header: bytes, bound: int) -> int:
    """Return the number of bytes that follow; 0 is a refusal. Raises WireError."""
    if len(header) != HEADER:
        raise WireError("a frame without its length")
    length = int.from_bytes(header, "big")
    if length > bound + ENVELOPE:
        raise WireError(f"a frame of {length} bytes where {bound} are the most")
    return length


# --- the handshake ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message of two nodes to each other, repeated every few seconds."""

    genesis: bytes
    status: Status
    addresses: tuple[str, ...]
    """Its claimed listen addresses; to be verified by dialling."""
    clock_ms: int
    """Its time of day, unix milliseconds, when it wrote this."""


def encode_hello(hello: Hello) -> bytes:
    """Return the payload of the `status` protocol, for request and answer."""
    status = hello.status
    fields = [
        hello.genesis,
        status.roles,
        status.best_number,
        status.best_hash,
        status.final_number,
        status.final_hash,
        status.lowest,
        list(hello.addresses[:OWN_ADDRESSES]),
        hello.clock_ms,
    ]
    return bytes(msgpack.packb(fields))


def decode_hello(payload: bytes) -> Hello:
    """Read the payload of the `status` protocol. Raises WireError."""
    match _decode(payload, HASH):
        case [
            bytes(genesis),
            int(roles),
            int(best_number),
            bytes(best_hash),
            int(final_number),
            bytes(final_hash),
            int(lowest),
            list(addresses),
            int(clock_ms),
        ]:
            pass
        case _:
            raise WireError("not a hello")
    if not len(genesis) == len(best_hash) == len(final_hash) == HASH:
        raise WireError("a hash that is not 32 bytes")
    if roles not in ROLES:
        raise WireError(f"unknown roles {roles}")
    if not 0 <= final_number <= best_number < _U64 or not 0 <= lowest <= final_number + 1:
        raise WireError(f"best {best_number}, final {final_number}, lowest {lowest}")
    if not 0 <= clock_ms < _U64:
        raise WireError(f"the time is {clock_ms}")
    status = Status(int(roles), best_number, best_hash, final_number, final_hash, int(lowest))
    hello = Hello(genesis, status, _addresses(addresses, OWN_ADDRESSES), int(clock_ms))
    return _canonical(hello, encode_hello, payload)


# --- finding nodes ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Search:
    """A request of the `kad` protocol for the nodes nearest to a key."""

    target: bytes
    """32 bytes."""
    addresses: tuple[str, ...]
    """Claimed listen addresses of the sender; to be verified by dialling."""


def encode_search(search: Search) -> bytes:
    """Return the payload of a request of the `kad` protocol."""
    return bytes(msgpack.packb([search.target, list(search.addresses[:OWN_ADDRESSES])]))


def decode_search(payload: bytes) -> Search:
    """Read the request of the `kad` protocol. Raises WireError."""
    match _decode(payload, HASH):
        case [bytes(target), list(addresses)] if len(target) == HASH:
            pass
        case _:
            raise WireError("not a search")
    search = Search(target, _addresses(addresses, OWN_ADDRESSES))
    return _canonical(search, encode_search, payload)


def encode_addresses(addresses: Sequence[str]) -> bytes:
    """Return the answer of the `kad` protocol."""
    return bytes(msgpack.packb(list(addresses[:ADDRESSES])))


def decode_addresses(payload: bytes) -> tuple[str, ...]:
    """Read the answer of the `kad` protocol. Raises WireError."""
    match _decode(payload, 0):
        case list(addresses):
            pass
        case _:
            raise WireError("not a list of addresses")
    return _canonical(_addresses(addresses, ADDRESSES), encode_addresses, payload)


def _addresses(values: list[object], most: int) -> tuple[str, ...]:
    if len(values) > most:
        raise WireError(f"{len(values)} addresses where {most} are the most")
    addresses = tuple(value for value in values if isinstance(value, str))
    if len(addresses) != len(values) or any(len(text) > MAX_CHARACTERS for text in addresses):
        raise WireError("a field that is not an address")
    return addresses


def _canonical(value: V, encode: Callable[[V], bytes], payload: bytes) -> V:
    if encode(value) != payload:
        raise WireError("an encoding that is not the shortest")
    return value


def _bytes_header(length: int) -> int:
    """Return the length of msgpack's shortest header of a byte string of `length`."""
    if length < 1 << 8:
        return 2
    return 3 if length < 1 << 16 else 5


def _decode(data: bytes, bound: int) -> object:
    """Decode msgpack of the few shapes that occur here; maps and extensions are refused."""
    try:
        value: object = msgpack.unpackb(
            data,
            max_bin_len=bound,
            max_str_len=MAX_CHARACTERS,
            max_array_len=ADDRESSES,
            max_map_len=0,
            max_ext_len=0,
        )
    # msgpack's errors have no common base: ValueError, its own kinds, RecursionError at depth.
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise WireError(f"not msgpack: {error}") from error
    return value
