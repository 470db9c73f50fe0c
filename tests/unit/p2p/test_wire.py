"""The envelope, frames and hellos: one encoding each, and nothing else is read."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2p.address import MAX_CHARACTERS
from p2p.errors import WireError
from p2p.network import EXCHANGES, KAD, Status, protocol_name
from p2p.wire import (
    ADDRESSES,
    HEADER,
    OWN_ADDRESSES,
    Hello,
    Search,
    decode_addresses,
    decode_hello,
    decode_search,
    encode_addresses,
    encode_hello,
    encode_search,
    frame,
    frame_length,
    gossip_id,
    pack,
    unpack,
)

GENESIS = b"\x01" * 32
STATUS = Status(4, 12, b"\x02" * 32, 10, b"\x03" * 32, 7)
HELLO = Hello(GENESIS, STATUS, ("/ip4/0.0.0.0/tcp/30333/p2p/x",), 1_795_000_000_000)


@given(st.binary(max_size=400))
def test_a_packed_payload_is_unpacked(payload: bytes) -> None:
    assert unpack(pack(payload), 400) == payload


@pytest.mark.parametrize("length", [0, 255, 256, 65_535, 65_536, 70_000])
def test_each_length_has_its_one_header(length: int) -> None:
    assert unpack(pack(bytes(length)), length) == bytes(length)


def test_the_envelope_is_as_documented() -> None:
    assert pack(b"abc") == b"\x92\x01\xc4\x03abc"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x92\x01",
        pack(b"abc") + b"\0",
        pack(b"abc")[:-1],
        b"\x92\x02\xc4\x03abc",  # another version
        b"\x92\xcc\x01\xc4\x03abc",  # a version longer than it must be
        b"\x92\x01\xc5\x00\x03abc",  # a length longer than it must be
        b"\xdc\x00\x02\x01\xc4\x03abc",  # an array longer than it must be
        b"\x92\x01\xa3abc",  # text
        b"\x92\xc3\xc4\x03abc",  # true is not 1
        b"\x93\x01\xc4\x03abc\x01",
        b"\x92\x01\xc6\xff\xff\xff\xff",  # a length bomb
        b"\x91" * 3_000,
        b"\xdd\xff\xff\xff\xff",
        b"\x81\x01\x01",
        b"\xc7\x01\x01\x01",
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        unpack(data, 4_000)


@given(st.binary(max_size=60))
def test_junk_ends_in_wire_errors_only(data: bytes) -> None:
    for decode in (lambda d: unpack(d, 60), decode_hello, decode_search, decode_addresses):
        try:
            decode(data)
        except WireError:
            continue


def test_a_payload_over_its_bound_is_refused() -> None:
    with pytest.raises(WireError):
        unpack(pack(bytes(11)), 10)


def test_a_frame_is_refused_by_its_length_alone() -> None:
    whole = frame(b"abc")

    assert frame_length(whole[:HEADER], 3) == len(whole) - HEADER
    with pytest.raises(WireError):
        frame_length(b"\xff\xff\xff\xff", 1 << 24)


def test_hellos_searches_and_addresses_come_back() -> None:
    search = Search(b"\x05" * 32, ("/a", "/b"))

    assert decode_hello(encode_hello(HELLO)) == HELLO
    assert decode_search(encode_search(search)) == search
    assert decode_addresses(encode_addresses(["/a", "/b"])) == ("/a", "/b")


def test_the_longest_search_and_answer_fit() -> None:
    longest = "/" + "a" * (MAX_CHARACTERS - 1)

    search = encode_search(Search(bytes(32), (longest,) * OWN_ADDRESSES))
    assert len(search) <= EXCHANGES[KAD].request
    assert len(encode_addresses([longest] * ADDRESSES)) <= EXCHANGES[KAD].answer


@pytest.mark.parametrize(
    "fields",
    [
        [b"short", []],
        [b"\x05" * 33, []],
        ["x" * 32, []],
        [b"\x05" * 32],
        [b"\x05" * 32, [], 1],
        [b"\x05" * 32, ["/a"] * 5],
        [b"\x05" * 32, [b"/a"]],
        [b"\x05" * 32, ["/" + "a" * 200]],
        b"\x05" * 32,
    ],
    ids=repr,
)
def test_a_search_that_cannot_be_is_refused(fields: object) -> None:
    with pytest.raises(WireError):
        decode_search(msgpack.packb(fields))


def test_more_addresses_than_twenty_are_refused() -> None:
    with pytest.raises(WireError):
        decode_addresses(msgpack.packb(["/a"] * 21))


@pytest.mark.parametrize(
    ("index", "value"),
    [
        (0, b"short"),
        (1, 2),
        (1, True),
        (2, 9),  # below what is final
        (2, 1 << 64),
        (4, -1),
        (3, "text"),
        (6, 12),  # above the child of what is final
        (6, -1),
        (6, True),
        (7, ["/a"] * 5),
        (7, ["/" + "a" * 200]),
        (7, [b"bytes"]),
        (8, -1),
        (8, True),
        (8, b"noon"),
    ],
)
def test_a_hello_that_cannot_be_is_refused(index: int, value: object) -> None:
    fields = msgpack.unpackb(encode_hello(HELLO))
    fields[index] = value

    with pytest.raises((WireError, OverflowError)):
        decode_hello(msgpack.packb(fields))


def test_the_gossip_id_is_of_topic_and_content() -> None:
    ids = {gossip_id("tx", b"a"), gossip_id("tx", b"b"), gossip_id("announce", b"a")}

    assert len(ids) == 3
    assert {len(one) for one in ids} == {20}


def test_names_on_the_wire_contain_the_genesis() -> None:
    assert protocol_name(GENESIS, "blocks") == f"/{'01' * 32}/btt/blocks/1"
    assert protocol_name(GENESIS, "status") == f"/{'01' * 32}/btt/status/2"
