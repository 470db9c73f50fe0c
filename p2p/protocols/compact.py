"""Compact blocks: a body as short ids of transactions that the asking node has in its pool.

The asking node chooses a salt for each request, and an id is a keyed hash of six bytes of the
transaction's hash. So no transactions with equal ids can be made beforehand: neither the author
of a block nor the node that serves it knows the key. What no pool has, such as inherents, is
given in full. What the asking node lacks it requests by its place in the body.

The idea is that of Bitcoin's BIP 152, with keyed BLAKE2b in the place of SipHash: of the two only
the former is in Python's library, where it takes half a microsecond.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import Annotated, Final, NamedTuple, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.primitives.extrinsic import BARE_V4, BARE_V5, extrinsic_hashes, unwrap
from btt_chain.scale import DecodeBudget, DecodeError, MaxLen, Variant, codec, u32, u64
from p2p.network import KIB, MIB
from p2p.protocols.messages import MAX_BODY

ID_BYTES: Final = 6
"""Size of a short id: among 10,000 transactions a body of 2,000 has an equal one once in 10^7."""
REQUEST_BYTES: Final = 64 * KIB
ANSWER_BYTES: Final = 4 * MIB
"""Maximum size of an answer; larger ones are refused, and the whole block is requested."""
MAX_PLACES: Final = 8_192
"""Maximum number of transactions that are requested by their places."""
MAX_GIVEN: Final = 4_096
"""Maximum number of extrinsics that are given; a block with more is requested whole. Of a made-up
block each costs a hash and a place in a trie before the block turns out to be wrong."""
_BARE: Final = (BARE_V4, BARE_V5)


class Pooled(Protocol):
    """A transaction of the pool."""

    @property
    def raw(self) -> bytes:
        """The encoded extrinsic, with its length prefix."""


class Describe(Variant, index=0):
    """Request for a block with a body of short ids."""

    hash: H256
    salt: u64


class Transactions(Variant, index=1):
    """Request for the extrinsics of a block at these places, in ascending order."""

    hash: H256
    places: Annotated[list[u32], MaxLen(MAX_PLACES)]


CompactRequest = Describe | Transactions


@dataclass(slots=True)
class Given:
    """An extrinsic that no pool has."""

    place: u32
    extrinsic: bytes


@dataclass(slots=True)
class CompactBlock:
    """A block whose body is short ids."""

    header: bytes
    """The header in SCALE; empty if the node does not have the block."""
    justification: bytes | None
    ids: bytes
    """The ids of all extrinsics that are not given, in their order."""
    given: Annotated[list[Given], MaxLen(MAX_GIVEN)]

    def encode(self) -> bytes:
        """Return the block's bytes."""
        return _BLOCK.encode(self)

    @classmethod
    def decode(cls, raw: bytes) -> CompactBlock:
        """Decode a block. Raises DecodeError if ids or places are not those of a body."""
        found = DecodeBudget(ANSWER_BYTES, MAX_BODY).decode(_BLOCK, raw)
        count, rest = divmod(len(found.ids), ID_BYTES)
        if rest or count + len(found.given) > MAX_BODY:
            raise DecodeError("CompactBlock", 0, f"{len(found.ids)} bytes of ids")
        places = [int(one.place) for one in found.given]
        if places != sorted(set(places)) or any(at >= count + len(places) for at in places):
            raise DecodeError("CompactBlock", 0, "places that are not those of a body")
        return found


def encode_request(request: CompactRequest) -> bytes:
    """Return a request's bytes."""
    return _REQUEST.encode(request)


def decode_request(raw: bytes) -> CompactRequest:
    """Decode a request. Raises DecodeError, also if places are repeated or not in order.

    A place that is repeated 8,192 times would be answered with 8,192 copies of an extrinsic.
    """
    found = DecodeBudget(REQUEST_BYTES, MAX_PLACES).decode(_REQUEST, raw)
    if isinstance(found, Transactions) and not _is_ascending(found.places):
        raise DecodeError("Transactions", 0, "places that are not in ascending order")
    return found


def _is_ascending(places: Sequence[int]) -> bool:
    return all(before < place for before, place in pairwise(places))


def encode_transactions(found: list[bytes]) -> bytes:
    """Return the bytes of an answer with extrinsics."""
    return _TRANSACTIONS.encode(found)


def decode_transactions(raw: bytes) -> list[bytes]:
    """Decode an answer with extrinsics. Raises DecodeError."""
    return DecodeBudget(ANSWER_BYTES, MAX_PLACES).decode(_TRANSACTIONS, raw)


def key_of(hash: bytes, salt: int) -> bytes:
    """Return the key of the short ids for a request about a block."""
    return salt.to_bytes(8, "little") + hash


def short_id(transaction: bytes, key: bytes) -> bytes:
    """Return the short id of the transaction with this hash."""
    return blake2b(transaction, digest_size=ID_BYTES, key=key).digest()


def describe(
    header: bytes, justification: bytes | None, body: Sequence[bytes], key: bytes
) -> CompactBlock:
    """Return a block with a body of short ids."""
    ids: list[bytes] = []
    given: list[Given] = []
    for place, (extrinsic, hash) in enumerate(zip(body, extrinsic_hashes(body), strict=True)):
        if extrinsic[:1] and extrinsic[0] in _BARE:
            given.append(Given(u32(place), extrinsic))
        else:
            ids.append(short_id(hash, key))
    return CompactBlock(header, justification, b"".join(ids), given)


class Assembly(NamedTuple):
    """A body that is put together."""

    body: list[bytes | None]
    """Its extrinsics; None for those that are missing."""
    missing: list[int]
    """Places of these."""

    def filled(self, found: Sequence[bytes]) -> list[bytes] | None:
        """Return the body with the missing extrinsics; None if it is another number of them."""
        if len(found) != len(self.missing):
            return None
        body = list(self.body)
        for place, extrinsic in zip(self.missing, found, strict=True):
            body[place] = extrinsic
        return [extrinsic for extrinsic in body if extrinsic is not None]


def assemble(block: CompactBlock, key: bytes, pool: Mapping[bytes, Pooled]) -> Assembly:
    """Return the body of a block as far as its transactions are in a pool, by their hashes.

    An id that two transactions have, of the block or of the pool, is treated as missing.
    """
    given = {int(one.place): one.extrinsic for one in block.given}
    count = len(block.ids) // ID_BYTES
    ids = [block.ids[at * ID_BYTES : (at + 1) * ID_BYTES] for at in range(count)]
    wanted: dict[bytes, Pooled | None] = dict.fromkeys(ids)
    doubtful = {id for id, times in Counter(ids).items() if times > 1}
    for hash, transaction in pool.items() if wanted else ():
        id = short_id(hash, key)
        if id not in wanted:
            continue
        if wanted[id] is not None:
            doubtful.add(id)
        wanted[id] = transaction
    body: list[bytes | None] = []
    rest = iter(ids)
    for place in range(count + len(given)):
        if place in given:
            body.append(given[place])
            continue
        id = next(rest)
        found = None if id in doubtful else wanted[id]
        body.append(None if found is None else unwrap(found.raw))
    return Assembly(body, [place for place, found in enumerate(body) if found is None])


_REQUEST: Final = codec(CompactRequest)
_BLOCK: Final = codec(CompactBlock)
_TRANSACTIONS: Final = codec(list[bytes])
