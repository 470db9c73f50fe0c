"""Node bytes: every kind, both ways, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.trie.node import Node, NodeError, decode, encode, hash_256, read_compact

NIBBLES = st.text("0123456789abcdef", max_size=20) | st.integers(0, 700).map(lambda n: "7" * n)
CHILD = st.one_of(
    st.none(),
    st.binary(min_size=1, max_size=31).map(lambda raw: bytes((len(raw) << 2,)) + raw),
    st.binary(min_size=32, max_size=32).map(lambda raw: b"\x80" + raw),
)
VALUE = st.one_of(
    st.tuples(st.binary(max_size=90), st.just(False)),
    st.tuples(st.binary(min_size=32, max_size=32), st.just(True)),
)


@st.composite
def nodes(draw: st.DrawFn) -> Node:
    partial = draw(NIBBLES)
    if draw(st.booleans()):
        value, hashed = draw(VALUE)
        return Node(partial, None, 0, value, hashed, None)
    refs = draw(st.lists(CHILD, min_size=16, max_size=16).filter(any))
    bitmap = sum(1 << slot for slot, ref in enumerate(refs) if ref is not None)
    held = draw(st.none() | VALUE)
    if held is None:
        return Node(partial, refs, bitmap, None, False, None)
    return Node(partial, refs, bitmap, *held, None)


@given(nodes())
def test_a_node_survives_its_bytes(node: Node) -> None:
    again = decode(encode(node), None)
    for field in ("partial", "refs", "bitmap", "value", "hashed"):
        assert getattr(again, field) == getattr(node, field)


@given(nodes(), st.data())
def test_every_other_spelling_is_refused_or_means_something_else(
    node: Node, data: st.DataObject
) -> None:
    raw = encode(node)
    cut = data.draw(st.integers(0, len(raw) - 1))
    for broken in (raw[:cut], raw + b"\x00"):
        with pytest.raises(NodeError):
            decode(broken, None)
    place = data.draw(st.integers(0, len(raw) - 1))
    flipped = bytearray(raw)
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    try:
        other = decode(bytes(flipped), None)
    except NodeError:
        return
    assert encode(other) == flipped


@given(st.binary(max_size=200))
def test_noise_is_refused_or_canonical(noise: bytes) -> None:
    try:
        node = decode(noise, None)
    except NodeError:
        return
    assert encode(node) == noise


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "cut short"),
        (b"\x00", "starts no node"),
        (b"\x01", "starts no node"),
        (b"\x41\x17\x00", "padding"),
        (b"\x80\x00\x00", "no children"),
        (b"\x80\x01\x00\x84" + bytes(33), "neither inline nor a hash"),
        (b"\x7f" + b"\xff" * 300, "too long"),
        (b"\x40\x01\x00", "shortest form"),
        (b"\x40\x03", "too large"),
    ],
)
def test_a_refusal_says_why(raw: bytes, reason: str) -> None:
    with pytest.raises(NodeError, match=reason):
        decode(raw, None)


def test_lengths_are_read_in_their_shortest_form_only() -> None:
    assert read_compact(b"\x02\x00\x01\x00", 0) == (1 << 14, 4)
    for padded in (b"\x01\x00", b"\x02\x00\x00\x00"):
        with pytest.raises(NodeError):
            read_compact(padded, 0)


def test_the_hash_is_blake2b_256() -> None:
    assert hash_256(b"\x00").hex().startswith("03170a2e7597b7b7e3d84c05391d139a")
