"""Compact blocks: bodies from a pool, what is missing, equal ids, and malformed messages."""

from __future__ import annotations

from typing import NamedTuple, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digest import H256
from btt_chain.primitives.extrinsic import opaque
from btt_chain.scale import DecodeError, u32, u64
from p2p.protocols import compact, serve
from p2p.protocols.compact import (
    ID_BYTES,
    MAX_GIVEN,
    CompactBlock,
    CompactRequest,
    Describe,
    Given,
    Transactions,
    assemble,
    decode_request,
    decode_transactions,
    describe,
    encode_request,
    encode_transactions,
    key_of,
    short_id,
)

HASH = H256(bytes(range(32)))
KEY = key_of(HASH, 7)
INHERENT = b"\x04" + bytes(10)


class Raw(NamedTuple):
    raw: bytes


def signed(number: int) -> bytes:
    return b"\x84" + number.to_bytes(4, "big") * 30


def pool_of(*bodies: bytes) -> dict[bytes, Raw]:
    return {blake2_256(opaque(body)): Raw(opaque(body)) for body in bodies}


def test_a_body_is_put_together_from_the_pool() -> None:
    body = [INHERENT, *(signed(number) for number in range(200))]
    block = describe(b"header", b"proof", body, KEY)
    assert len(block.encode()) < 200 * ID_BYTES + 60  # 24,400 bytes in full
    found = assemble(CompactBlock.decode(block.encode()), KEY, pool_of(*body[1:], signed(999)))
    assert (found.body, found.missing) == (body, [])
    assert (block.header, block.justification) == (b"header", b"proof")


def test_what_the_pool_lacks_is_missing_and_filled_in() -> None:
    body = [INHERENT, signed(1), signed(2), signed(3)]
    found = assemble(describe(b"", None, body, KEY), KEY, pool_of(signed(2)))
    assert found.missing == [1, 3]
    assert found.filled([signed(1), signed(3)]) == body
    assert found.filled([signed(1)]) is None
    assert found.filled([signed(1), signed(3), signed(3)]) is None


class Served(NamedTuple):
    """A chain of one block."""

    extrinsics: int

    def header(self, _: bytes) -> bytes:
        return b"header"

    def body(self, _: bytes) -> list[bytes]:
        return [INHERENT] * self.extrinsics

    def justification(self, _: bytes) -> None:
        return None


def test_a_block_of_too_many_extrinsics_that_no_pool_has_is_not_described() -> None:
    asked = Describe(HASH, u64(7))
    found = serve.compact(cast("serve.ChainSource", Served(MAX_GIVEN)), asked)
    assert len(CompactBlock.decode(found or b"").given) == MAX_GIVEN
    assert serve.compact(cast("serve.ChainSource", Served(MAX_GIVEN + 1)), asked) is None


def test_ids_of_another_salt_find_nothing() -> None:
    body = [signed(1), signed(2)]
    other = assemble(describe(b"", None, body, KEY), key_of(HASH, 8), pool_of(*body))
    assert other.missing == [0, 1]


def test_an_id_that_two_transactions_have_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def collide(transaction: bytes, key: bytes) -> bytes:
        return short_id(transaction, key)[:-ID_BYTES] + bytes([transaction[0] & 1]) * ID_BYTES

    body = [signed(number) for number in range(40)]
    odd = [one for one in body if blake2_256(opaque(one))[0] & 1]
    monkeypatch.setattr(compact, "short_id", collide)
    # Two in the pool have the id of the one in the block.
    found = assemble(describe(b"", None, odd[:1], KEY), KEY, pool_of(*odd[:2]))
    assert found.missing == [0]
    # Two in the block have one id.
    found = assemble(describe(b"", None, odd[:2], KEY), KEY, pool_of(odd[0]))
    assert found.missing == [0, 1]


def test_a_body_of_one_repeated_id_costs_no_more_than_another() -> None:
    block = CompactBlock(b"", None, bytes(ID_BYTES) * 50_000, [])
    assert len(assemble(block, KEY, pool_of(signed(1))).missing) == 50_000


bodies = st.lists(
    st.tuples(st.integers(0, 10_000), st.booleans(), st.booleans()),
    max_size=60,
    unique_by=lambda t: t[0],
)


@given(bodies)
def test_whatever_is_in_the_pool_the_body_is_the_same(parts: list[tuple[int, bool, bool]]) -> None:
    body = [
        b"\x05" + number.to_bytes(4, "big") if is_bare else signed(number)
        for number, is_bare, _ in parts
    ]
    here = [one for one, (_, is_bare, has) in zip(body, parts, strict=True) if has and not is_bare]
    block = CompactBlock.decode(describe(b"h", None, body, KEY).encode())
    found = assemble(block, KEY, pool_of(*here))
    rest = decode_transactions(encode_transactions([body[place] for place in found.missing]))
    assert found.filled(rest) == body


@pytest.mark.parametrize("request_", [Describe(HASH, u64(5)), Transactions(HASH, [u32(3), u32(4)])])
def test_a_request_is_read_as_it_was_written(request_: CompactRequest) -> None:
    assert decode_request(encode_request(request_)) == request_


@pytest.mark.parametrize(
    "block",
    [
        CompactBlock(b"", None, bytes(5), []),
        CompactBlock(b"", None, bytes(6), [Given(u32(2), b"x")]),
        CompactBlock(b"", None, bytes(6), [Given(u32(1), b"x"), Given(u32(0), b"x")]),
        CompactBlock(b"", None, bytes(6), [Given(u32(0), b"x"), Given(u32(0), b"x")]),
        CompactBlock(b"", None, bytes(6 * 65_537), []),
    ],
    ids=["a part of an id", "beyond the body", "not in order", "twice", "too many"],
)
def test_ids_and_places_that_are_not_those_of_a_body_are_refused(block: CompactBlock) -> None:
    with pytest.raises(DecodeError):
        CompactBlock.decode(block.encode())


@pytest.mark.parametrize("places", [[3, 3], [0] * 8_192, [4, 3]])
def test_places_that_are_repeated_or_not_in_order_are_refused(places: list[int]) -> None:
    request_ = Transactions(HASH, [u32(place) for place in places])
    with pytest.raises(DecodeError):
        decode_request(encode_request(request_))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_refused(raw: bytes) -> None:
    for decode in (CompactBlock.decode, decode_request, decode_transactions):
        try:
            decode(raw)
        except DecodeError:
            continue
