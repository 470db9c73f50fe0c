from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives.account import (
    AccountId,
    Address20,
    EcdsaSignature,
    Ed25519Signature,
    Id,
    MultiAddress,
    MultiSignature,
    Raw,
    Sr25519Signature,
)
from btt_chain.primitives.era import Era, Immortal
from btt_chain.primitives.extrinsic import (
    Extrinsic,
    ExtrinsicKind,
    bare,
    decode_extrinsic,
    extrinsic_hash,
    extrinsic_hashes,
    opaque,
    signed,
    signing_payload,
    unwrap,
)
from btt_chain.scale import Compact, DecodeError, codec, u32, u128

EXTRA = codec(tuple[Era, Compact[u32], Compact[u128]])
EXTRA_RAW = EXTRA.encode((Immortal(), u32(5), u128(0)))

addresses = st.one_of(
    st.binary(min_size=32, max_size=32).map(lambda raw: Id(AccountId(raw))),
    st.binary(max_size=80).map(Raw),
    st.binary(min_size=20, max_size=20).map(Address20),
)
signatures = st.one_of(
    st.binary(min_size=64, max_size=64).map(Ed25519Signature),
    st.binary(min_size=64, max_size=64).map(Sr25519Signature),
    st.binary(min_size=65, max_size=65).map(EcdsaSignature),
)


@given(addresses, signatures, st.binary(min_size=1, max_size=50))
def test_a_signed_extrinsic_comes_back_in_its_parts(
    address: MultiAddress, signature: MultiSignature, call: bytes
) -> None:
    inner = signed(address, signature, EXTRA_RAW, call)
    opened = decode_extrinsic(inner, EXTRA)
    assert opened == Extrinsic(
        4, ExtrinsicKind.SIGNED, address, signature, EXTRA_RAW, (Immortal(), 5, 0), call
    )
    assert opened.encode() == inner


@given(st.binary(max_size=150))
def test_random_bytes_are_refused_or_come_back(raw: bytes) -> None:
    for start in (b"", b"\x84\0", b"\x45"):
        try:
            opened = decode_extrinsic(start + raw, EXTRA)
        except DecodeError:
            continue
        assert opened.encode() == start + raw


@pytest.mark.parametrize(
    ("inner", "version", "kind"),
    [
        (bare(b"\1\2"), 4, ExtrinsicKind.BARE),
        (b"\5\1\2", 5, ExtrinsicKind.BARE),
        (b"\x45\0" + EXTRA_RAW + b"\1\2", 5, ExtrinsicKind.GENERAL),
        (b"\x45\7" + EXTRA_RAW + b"\1\2", 5, ExtrinsicKind.GENERAL),
    ],
)
def test_the_other_envelopes(inner: bytes, version: int, kind: ExtrinsicKind) -> None:
    opened = decode_extrinsic(inner, EXTRA)
    assert (opened.version, opened.kind, opened.call_raw) == (version, kind, b"\1\2")
    assert opened.signature is None
    assert opened.encode() == inner


@pytest.mark.parametrize(
    ("inner", "why"),
    [
        (b"", "empty"),
        (b"\x85" + bytes(200), "no version 0x85"),
        (b"\x83", "no version 0x83"),
        (b"\4", "call is missing"),
        (b"\5", "call is missing"),
        (b"\x45", "extension version is missing"),
        (b"\x45\0" + EXTRA_RAW, "call is missing"),
        (signed(Id(AccountId(bytes(32))), Ed25519Signature(bytes(64)), EXTRA_RAW, b""), "missing"),
        (b"\x84\0" + bytes(60), "too early"),
        (b"\x84\5" + bytes(200), "no variant 5"),
        (b"\x84\0" + bytes(32) + b"\3" + bytes(200), "no variant 3"),
    ],
)
def test_what_is_no_extrinsic_is_refused_with_the_reason(inner: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        decode_extrinsic(inner, EXTRA)


def test_a_long_payload_is_signed_by_its_hash() -> None:
    assert signing_payload(b"a" * 200, b"b" * 50, b"c" * 6) == b"a" * 200 + b"b" * 50 + b"c" * 6
    whole = b"a" * 200 + b"b" * 50 + b"c" * 7
    hashed = hashlib.blake2b(whole, digest_size=32).digest()
    assert signing_payload(b"a" * 200, b"b" * 50, b"c" * 7) == hashed


def test_the_form_on_the_wire_has_an_exact_length_in_front() -> None:
    assert opaque(b"\4\1\2") == b"\x0c\4\1\2"
    assert unwrap(b"\x0c\4\1\2") == b"\4\1\2"
    assert extrinsic_hash(b"\4") == hashlib.blake2b(b"\4\4", digest_size=32).digest()
    assert extrinsic_hashes([b"\4", b"\5", b"\4"]) == [
        extrinsic_hash(inner) for inner in (b"\4", b"\5", b"\4")
    ]
    assert list(extrinsic_hashes([])) == []
    for wrong in (b"", b"\x08\4\1\2", b"\x10\4\1\2", b"\x0d\0\4\1\2"):
        with pytest.raises(DecodeError):
            unwrap(wrong)


def test_an_extrinsic_without_its_signature_cannot_be_written() -> None:
    broken = Extrinsic(4, ExtrinsicKind.SIGNED, None, None, b"", None, b"\1")
    with pytest.raises(ValueError, match="has an address and a signature"):
        broken.encode()
