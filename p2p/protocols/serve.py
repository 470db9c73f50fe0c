"""Answers to requests of other nodes, with a bound on the work of each.

`answer` is a function of the request and a `ChainSource`. Its caller decides which peers may ask,
and how often.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

from btt_chain.primitives.digest import H256
from btt_chain.scale import compact_encode
from p2p import network
from p2p.protocols.compact import (
    ANSWER_BYTES,
    MAX_GIVEN,
    CompactBlock,
    CompactRequest,
    Transactions,
    decode_request,
    describe,
    encode_transactions,
    key_of,
)
from p2p.protocols.messages import (
    BLOCKS_BYTES,
    BODY,
    HEADER,
    JUSTIFICATION,
    JUSTIFICATION_BYTES,
    MAX_FRAGMENTS,
    MIB,
    STATE_ANSWER_BYTES,
    STATE_BYTES,
    BlockAnswer,
    BlockData,
    BlockRequest,
    Direction,
    JustificationAnswer,
    JustificationRequest,
    StateAnswer,
    StateRequest,
    WarpRequest,
)

SMALL: Final = 64
"""Bytes that are counted for a block besides header, body and justification."""


PAGE_BYTES: Final = MIB
"""Size limit of a page of a warp proof: its signatures take half a second to verify."""


class StateRange(NamedTuple):
    """Consecutive keys of a state, as the trie nodes that prove them."""

    nodes: list[bytes]
    last: bytes | None
    """Last key; None: the range goes to the end."""


class ChainSource(Protocol):
    """The data of the chain that a node serves to others."""

    def header(self, hash: bytes) -> bytes | None:
        """Return the SCALE header of a known block."""
        ...

    def parent(self, hash: bytes) -> bytes | None:
        """Return the parent's hash of a known block, None for genesis."""
        ...

    def number(self, hash: bytes) -> int | None:
        """Return the height of a known block."""
        ...

    def body(self, hash: bytes) -> list[bytes] | None:
        """Return the extrinsics of a block, None if they are not stored."""
        ...

    def justification(self, hash: bytes) -> bytes | None:
        """Return GRANDPA's stored proof for exactly this block."""
        ...

    def hash_at(self, number: int) -> bytes | None:
        """Return the hash of the best chain's block at a height."""
        ...

    def state_range(self, block: bytes, after: bytes | None, size: int) -> StateRange | None:
        """Return the keys after `after` until their proof has `size` bytes, at least one key.

        None if the state is not kept.
        """
        ...

    def warp_targets(self, above: int) -> Iterator[bytes]:
        """Yield the final blocks above a height that changed the voters, by height.

        After them, if it is higher and its proof is stored, the last final block.
        """
        ...


def answer(source: ChainSource, protocol: str, question: bytes) -> bytes | None:
    """Return the answer to a request of another node; None refuses it.

    Raises DecodeError if the request is malformed, ValueError for an unknown protocol.
    """
    match protocol:
        case network.BLOCKS:
            return blocks(source, BlockRequest.decode(question)).encode()
        case network.COMPACT:
            return compact(source, decode_request(question))
        case network.JUSTIFICATIONS:
            return justification(source, JustificationRequest.decode(question)).encode()
        case network.STATE:
            return state(source, StateRequest.decode(question)).encode()
        case network.WARP:
            return warp(source, WarpRequest.decode(question))
    raise ValueError(f"{protocol!r} is not answered here")


def blocks(source: ChainSource, asked: BlockRequest) -> BlockAnswer:
    """Return up to `asked.limit` blocks, ending early at a block that lacks what is asked for."""
    found: list[BlockData] = []
    size = 0
    for hash in _walk(source, asked):
        block = _block(source, hash, asked.fields)
        if block is None:
            break
        if asked.limit > 1:  # the first one is sent whatever its size
            size += _size(block)
            if found and size > BLOCKS_BYTES:
                break
        found.append(block)
    return BlockAnswer(found)


def _walk(source: ChainSource, asked: BlockRequest) -> Iterator[bytes]:
    start = asked.start
    hash = source.hash_at(start) if isinstance(start, int) else start
    if hash is None or (number := source.number(hash)) is None:
        return
    if asked.direction is Direction.DESCENDING:
        yield hash
        for _ in range(asked.limit - 1):
            hash = source.parent(hash)
            if hash is None or source.number(hash) is None:
                return  # below genesis, or where blocks are still missing
            yield hash
        return
    yield hash
    if source.hash_at(number) != hash:
        return  # a fork: it is ambiguous which of its children are meant
    for above in range(number + 1, number + asked.limit):
        hash = source.hash_at(above)
        if hash is None:
            return
        yield hash


def _block(source: ChainSource, hash: bytes, fields: int) -> BlockData | None:
    header = body = proof = None
    if fields & HEADER:
        header = source.header(hash)
        if header is None:
            return None
    if fields & BODY:
        body = source.body(hash)
        if body is None:
            return None
    if fields & JUSTIFICATION:
        proof = source.justification(hash)
    return BlockData(H256(hash), header, body, proof)


def _size(block: BlockData) -> int:
    body = sum(len(extrinsic) + 4 for extrinsic in block.body or ())
    return SMALL + len(block.header or b"") + body + len(block.justification or b"")


def compact(source: ChainSource, asked: CompactRequest) -> bytes | None:
    """Return a block with short ids, without a header if it is not here, or some extrinsics.

    None if there are no such extrinsics, or the answer is too large.
    """
    hash = bytes(asked.hash)
    header, body = source.header(hash), source.body(hash)
    if header is None or body is None:
        absent = CompactBlock(b"", None, b"", []).encode()
        return None if isinstance(asked, Transactions) else absent
    if isinstance(asked, Transactions):
        places = [int(place) for place in asked.places]
        if any(place >= len(body) for place in places):
            return None
        raw = encode_transactions([body[place] for place in places])
    else:
        found = describe(header, source.justification(hash), body, key_of(hash, int(asked.salt)))
        if len(found.given) > MAX_GIVEN:
            return None
        raw = found.encode()
    return raw if len(raw) <= ANSWER_BYTES else None


def justification(source: ChainSource, asked: JustificationRequest) -> JustificationAnswer:
    """Return the stored proof for a block, if there is one."""
    proof = source.justification(asked.hash)
    if proof is not None and len(proof) > JUSTIFICATION_BYTES - 8:
        proof = None
    return JustificationAnswer(proof)


def state(source: ChainSource, asked: StateRequest) -> StateAnswer:
    """Return the next range of a state; no nodes if it is not kept, or is too large to send."""
    found = source.state_range(asked.block, asked.after, STATE_BYTES)
    if found is None or _bytes(found.nodes) > STATE_ANSWER_BYTES - (1 << 16):
        return StateAnswer([], None)
    return StateAnswer(found.nodes, found.last)


def _bytes(nodes: list[bytes]) -> int:
    return sum(len(node) + 4 for node in nodes)


def warp(source: ChainSource, asked: WarpRequest) -> bytes | None:
    """Return a page of the proofs above a block; None if that is not on our best chain.

    The bytes of a `WarpProof`, concatenated from the stored parts without decoding them.
    """
    number = source.number(asked.begin)
    if number is None or source.hash_at(number) != asked.begin:
        return None
    parts: list[bytes] = []
    size, finished = 16, True
    for hash in source.warp_targets(number):
        header, proof = source.header(hash), source.justification(hash)
        if header is None or proof is None:
            break  # without it the blocks above cannot be proven
        size += len(header) + len(proof)
        if (parts and size > PAGE_BYTES) or len(parts) == MAX_FRAGMENTS:
            finished = False
            break
        parts.append(header + proof)
    return b"".join((compact_encode(len(parts)), *parts, b"\x01" if finished else b"\x00"))
