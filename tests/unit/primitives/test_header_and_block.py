from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from btt_chain.primitives.block import Block, SignedBlock
from btt_chain.primitives.digest import (
    BABE,
    GRANDPA,
    H256,
    Consensus,
    Digest,
    DigestItem,
    Other,
    PreRuntime,
    RuntimeEnvironmentUpdated,
    Seal,
)
from btt_chain.primitives.header import Header
from btt_chain.primitives.limits import (
    MAX_DIGEST_BYTES,
    MAX_HEADER_BYTES,
    MAX_LOG_BYTES,
    MAX_LOGS,
)
from btt_chain.scale import DecodeError, codec, compact_encode, u32

LOGS: list[DigestItem] = [
    PreRuntime(BABE, b"slot"),
    Other(b"?"),
    Consensus(GRANDPA, b"next"),
    RuntimeEnvironmentUpdated(),
    Consensus(BABE, b""),
    Seal(BABE, b"\1" * 64),
]
HEADER = Header(H256(b"\1" * 32), u32(26), H256(b"\2" * 32), H256(b"\3" * 32), Digest(LOGS))


def test_every_item_keeps_its_place() -> None:
    raw = HEADER.encode()
    assert Header.decode(raw) == HEADER
    assert [item.INDEX for item in Header.decode(raw).digest.logs] == [6, 0, 4, 8, 4, 5]


def test_a_digest_shows_whether_the_runtime_changed() -> None:
    assert HEADER.digest.updates_runtime()
    others: list[DigestItem] = [
        item for item in LOGS if not isinstance(item, RuntimeEnvironmentUpdated)
    ]
    assert not Digest(others).updates_runtime()
    assert not Digest().updates_runtime()


def test_the_hash_is_that_of_the_bytes_and_follows_them() -> None:
    expected = hashlib.blake2b(HEADER.encode(), digest_size=32).digest()
    assert HEADER.hash() == HEADER.hash() == expected
    other = replace(HEADER, number=u32(27))
    assert other.hash() != expected
    assert other.hash() == H256.of(other.encode())


def test_the_seal_comes_off_and_goes_on() -> None:
    bare, seal = HEADER.unsealed()
    assert seal == LOGS[-1]
    assert bare.digest.logs == LOGS[:-1]
    assert bare.with_log(LOGS[-1]) == HEADER
    assert bare.unsealed() == (bare, None)


def test_a_header_that_is_sealed_here_keeps_the_one_that_was_signed() -> None:
    bare, seal = HEADER.unsealed()
    assert seal is not None
    sealed = bare.with_log(seal)
    assert sealed.unsealed()[0] is bare  # with its hash
    assert sealed == HEADER
    assert sealed.hash() == HEADER.hash()
    changed = replace(sealed, number=u32(27))
    assert changed.unsealed()[0] == replace(bare, number=u32(27))
    other = bare.with_log(Other(b"later"))
    assert other.unsealed() == (other, None)
    twice = sealed.with_log(Other(b"later")).with_log(seal)
    assert twice.unsealed()[0].digest.logs == [*HEADER.digest.logs, Other(b"later")]
    assert HEADER.digest.logs == LOGS


def test_json_is_as_clients_know_it() -> None:
    shown = HEADER.to_json()
    assert list(shown) == ["parentHash", "number", "stateRoot", "extrinsicsRoot", "digest"]
    assert shown["number"] == "0x1a"
    assert shown["digest"]["logs"][0] == "0x064241424510736c6f74"
    assert shown["digest"]["logs"][3] == "0x08"
    assert Header.from_json(shown) == HEADER


@pytest.mark.parametrize(
    "change",
    [
        {"number": 26},
        {"number": "-0x1"},
        {"number": "0x100000000"},
        {"parentHash": "0x00"},
        {"digest": {"logs": [1]}},
        {"digest": {"logs": ["0x07"]}},
        {"digest": None},
    ],
)
def test_other_json_is_no_header(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Header.from_json({**HEADER.to_json(), **change})


def test_a_block_shows_extrinsics_with_their_length() -> None:
    block = Block(HEADER, [b"\4\1\0", b"\4\2\0"])
    assert block.encode() == HEADER.encode() + bytes.fromhex("080c0401000c040200")
    assert Block.decode(block.encode()) == block
    assert block.to_json()["extrinsics"] == ["0x0c040100", "0x0c040200"]
    assert Block.from_json(block.to_json()) == block
    with pytest.raises(DecodeError):
        Block.decode(block.encode()[:-1])
    with pytest.raises(ValueError, match="JSON form of a block"):
        Block.from_json({"header": {}})


def test_justifications_are_lists_of_bytes_or_null() -> None:
    block = Block(HEADER)
    assert SignedBlock(block).to_json()["justifications"] is None
    proven = SignedBlock(block, [(GRANDPA, b"\1\2")])
    assert proven.to_json()["justifications"] == [[[70, 82, 78, 75], [1, 2]]]


# --- limits -----------------------------------------------------------------


def with_logs(raw: bytes) -> bytes:
    """Return a header's bytes with `raw` as its digest."""
    return HEADER.encode()[: 32 + 1 + 64] + raw


def test_a_digest_has_at_most_so_many_items() -> None:
    assert len(Header.decode(with_logs(compact_encode(MAX_LOGS) + b"\x08" * MAX_LOGS)).digest.logs)
    with pytest.raises(DecodeError, match="65 items claimed"):
        Header.decode(with_logs(compact_encode(MAX_LOGS + 1) + b"\x08" * (MAX_LOGS + 1)))
    # The number alone refuses it: none of these is an item.
    with pytest.raises(DecodeError, match="65000 items claimed"):
        Header.decode(with_logs(compact_encode(65_000) + b"\xff" * 65_000))


def test_a_digest_has_at_most_so_many_bytes() -> None:
    largest = replace(HEADER, digest=Digest([Other(bytes(MAX_LOG_BYTES))]))
    assert Header.decode(largest.encode()) == largest
    one = b"\0" + compact_encode(MAX_LOG_BYTES + 1) + bytes(MAX_LOG_BYTES + 1)
    with pytest.raises(DecodeError, match=f"{MAX_LOG_BYTES} are the most"):
        Header.decode(with_logs(compact_encode(1) + one))
    item = b"\0" + compact_encode(MAX_LOG_BYTES) + bytes(MAX_LOG_BYTES)
    with pytest.raises(DecodeError, match=f"{MAX_DIGEST_BYTES} are"):
        codec(Digest).decode_all(compact_encode(3) + item * 3)
    with pytest.raises(DecodeError, match=f"at most {MAX_HEADER_BYTES}"):
        Header.decode(with_logs(compact_encode(3) + item * 3))


def test_a_header_in_json_has_no_more_items_than_one_in_bytes() -> None:
    json = HEADER.to_json()
    json["digest"]["logs"] = ["0x08"] * MAX_LOGS
    assert len(Header.from_json(json).digest.logs) == MAX_LOGS
    json["digest"]["logs"] = ["0x08"] * (MAX_LOGS + 1)
    with pytest.raises(ValueError, match="not the JSON form"):
        Header.from_json(json)


def test_a_decoded_header_keeps_the_bytes_that_it_was_decoded_from() -> None:
    raw = HEADER.encode()
    found = Header.decode(raw)
    assert found.encode() is raw
    assert found.hash() == H256.of(raw)
    unsealed, _ = found.unsealed()
    assert unsealed.encode() != raw
    assert unsealed == HEADER.unsealed()[0]
