"""Signatures: what is accepted, and that nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from btt_chain.crypto import ecdsa, ed25519, sr25519
from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.signature import Scheme, verify

PAIRS = {scheme: KeyPair.from_uri("//Alice", scheme) for scheme in Scheme}
BOB = {scheme: KeyPair.from_uri("//Bob", scheme) for scheme in Scheme}
VERIFY = {
    Scheme.ED25519: ed25519.verify,
    Scheme.SR25519: sr25519.verify,
    Scheme.ECDSA: ecdsa.verify,
}
SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493

every_scheme = pytest.mark.parametrize("scheme", list(Scheme), ids=str)
schemes = st.sampled_from(list(Scheme))


@given(schemes, st.binary(max_size=300))
@settings(max_examples=60, deadline=None)
def test_what_a_key_signs_it_verifies(scheme: Scheme, message: bytes) -> None:
    pair = PAIRS[scheme]
    signature = pair.sign(message)

    assert pair.verify(message, signature)
    assert verify(scheme, pair.account_id, message, signature)
    assert verify(scheme, pair.public, message, signature)
    assert not BOB[scheme].verify(message, signature)


@given(schemes, st.binary(min_size=1, max_size=64), st.data())
@settings(max_examples=150, deadline=None)
def test_one_flipped_bit_anywhere_is_refused(
    scheme: Scheme, message: bytes, data: st.DataObject
) -> None:
    pair = PAIRS[scheme]
    parts = [pair.public, message, pair.sign(message)]
    part = data.draw(st.integers(0, 2))
    bit = data.draw(st.integers(0, len(parts[part]) * 8 - 1))

    parts[part] = flipped(parts[part], bit)

    assert not VERIFY[scheme](*parts)


@given(schemes, st.binary(max_size=80), st.binary(max_size=40), st.binary(max_size=80))
@settings(max_examples=150, deadline=None)
def test_arbitrary_bytes_are_refused_and_never_raise(
    scheme: Scheme, public: bytes, message: bytes, signature: bytes
) -> None:
    assert not VERIFY[scheme](public, message, signature)
    assert not verify(scheme, public, message, signature)


@given(schemes, st.binary(min_size=33, max_size=33), st.binary(min_size=65, max_size=65))
@settings(max_examples=150, deadline=None)
def test_arbitrary_bytes_of_the_right_length_are_refused_and_never_raise(
    scheme: Scheme, public: bytes, signature: bytes
) -> None:
    size = 0 if scheme is Scheme.ECDSA else 1
    # Anybody can sign for a key of small order, with s = 0; see the zero key below.
    assume(any(public[size:]) and any(signature[33:]))

    assert not VERIFY[scheme](public[size:], b"message", signature[size:])


@every_scheme
@pytest.mark.parametrize("change", [-1, 1])
def test_a_key_or_signature_of_the_wrong_length_is_refused(scheme: Scheme, change: int) -> None:
    pair = PAIRS[scheme]
    signature = pair.sign(b"message")

    assert not VERIFY[scheme](resized(pair.public, change), b"message", signature)
    assert not VERIFY[scheme](pair.public, b"message", resized(signature, change))
    assert not verify(scheme, resized(pair.account_id, change), b"message", signature)
    assert not verify(scheme, b"", b"message", signature)
    assert not verify(scheme, pair.account_id, b"message", b"")


@every_scheme
def test_bytes_with_a_type_of_their_own_verify_too(scheme: Scheme) -> None:
    class Typed(bytes):
        """Like the AccountId and signature types of `primitives`."""

    pair = PAIRS[scheme]
    signature = Typed(pair.sign(b"message"))

    assert verify(scheme, Typed(pair.account_id), Typed(b"message"), signature)
    assert pair.verify(Typed(b"message"), signature)


@every_scheme
def test_a_signature_of_one_scheme_is_none_of_another(scheme: Scheme) -> None:
    signature = PAIRS[scheme].sign(b"message")

    for other in Scheme:
        if other is not scheme:
            assert not verify(other, PAIRS[other].account_id, b"message", signature)


# --- Ed25519 ----------------------------------------------------------------


# RFC 8032, section 7.1: seed, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]

# The eight points of small order, and the six further encodings of them that RFC 8032's decoding
# refuses and ZIP-215's accepts: y not below p, or the sign bit set where x is zero.
TORSION = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]
NON_CANONICAL = [
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC_8032)
def test_ed25519_is_that_of_rfc_8032(seed: str, public: str, message: str, signature: str) -> None:
    assert ed25519.public_from_seed(bytes.fromhex(seed)).hex() == public
    assert ed25519.sign(bytes.fromhex(seed), bytes.fromhex(message)).hex() == signature
    assert ed25519.verify(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature))


def test_all_196_small_order_signatures_of_zip_215_are_accepted() -> None:
    points = [bytes.fromhex(point) for point in TORSION + NON_CANONICAL]

    for public in points:
        for r in points:
            assert ed25519.verify(public, b"Zcash", r + bytes(32)), (public.hex(), r.hex())


def test_any_party_can_sign_for_the_zero_key_so_extrinsics_must_refuse_it() -> None:
    """The reason of Substrate's extension CheckNonZeroSender."""
    zero, marked = bytes(32), bytes(63) + b"\x80"

    assert verify(Scheme.ED25519, zero, b"message", bytes(64))
    assert verify(Scheme.SR25519, zero, b"message", marked)


def test_libsodium_refuses_what_zip_215_accepts() -> None:
    public = bytes.fromhex(TORSION[4])
    signature = bytes.fromhex(NON_CANONICAL[2]) + bytes(32)

    assert ed25519.verify(public, b"Zcash", signature)
    with pytest.raises(BadSignatureError):
        VerifyKey(public).verify(b"Zcash", signature)


def test_a_small_order_key_with_the_wrong_s_is_still_refused() -> None:
    one = (1).to_bytes(32, "little")

    assert not ed25519.verify(bytes.fromhex(TORSION[4]), b"Zcash", bytes.fromhex(TORSION[0]) + one)


def test_s_must_be_below_the_group_order() -> None:
    pair = PAIRS[Scheme.ED25519]
    signature = pair.sign(b"message")
    s = int.from_bytes(signature[32:], "little") + ED25519_ORDER

    assert not pair.verify(b"message", signature[:32] + s.to_bytes(32, "little"))


def test_an_encoding_that_is_no_point_is_refused() -> None:
    no_point = (2).to_bytes(32, "little")

    assert not ed25519.verify(no_point, b"Zcash", bytes(64))


# --- sr25519 ----------------------------------------------------------------


def test_two_sr25519_signatures_over_one_message_differ_and_both_hold() -> None:
    pair = PAIRS[Scheme.SR25519]
    first, second = pair.sign(b"message"), pair.sign(b"message")

    assert first != second
    assert pair.verify(b"message", first)
    assert pair.verify(b"message", second)


def test_an_sr25519_signature_without_its_mark_is_refused() -> None:
    pair = PAIRS[Scheme.SR25519]
    signature = bytearray(pair.sign(b"message"))
    signature[63] &= 0x7F

    assert not pair.verify(b"message", bytes(signature))


def test_a_message_wrapped_by_a_wallet_is_another_message() -> None:
    pair = PAIRS[Scheme.SR25519]

    assert not pair.verify(b"message", pair.sign(b"<Bytes>message</Bytes>"))


# --- ECDSA ------------------------------------------------------------------


def test_the_signer_is_recovered_from_an_ecdsa_signature() -> None:
    pair = PAIRS[Scheme.ECDSA]
    signature = pair.sign(b"message")

    assert len(signature) == 65
    assert signature[64] in range(4)
    assert ecdsa.recover(b"message", signature) == pair.public
    assert ecdsa.recover(b"another", signature) != pair.public
    assert pair.account_id == blake2_256(pair.public)


def test_the_account_check_takes_ethereums_v_and_the_key_check_does_not() -> None:
    pair = PAIRS[Scheme.ECDSA]
    signature = pair.sign(b"message")
    ethereum = signature[:64] + bytes([signature[64] + 27])

    assert ecdsa.recover(b"message", ethereum) == pair.public
    assert verify(Scheme.ECDSA, pair.account_id, b"message", ethereum)
    assert not ecdsa.verify(pair.public, b"message", ethereum)


@pytest.mark.parametrize("v", [4, 5, 26, 31, 32, 255])
def test_no_other_v_is_read(v: int) -> None:
    signature = PAIRS[Scheme.ECDSA].sign(b"message")

    assert ecdsa.recover(b"message", signature[:64] + bytes([v])) is None


def test_the_high_twin_of_an_ecdsa_signature_is_accepted_as_by_substrate() -> None:
    pair = PAIRS[Scheme.ECDSA]
    signature = pair.sign(b"message")
    s = int.from_bytes(signature[32:64], "big")
    assert s <= SECP256K1_ORDER // 2

    high = (SECP256K1_ORDER - s).to_bytes(32, "big")
    twin = signature[:32] + high + bytes([signature[64] ^ 1])

    assert ecdsa.recover(b"message", twin) == pair.public
    assert pair.verify(b"message", twin)


@pytest.mark.parametrize("value", [0, SECP256K1_ORDER, 2**256 - 1])
def test_r_and_s_must_lie_within_the_order(value: int) -> None:
    signature = PAIRS[Scheme.ECDSA].sign(b"message")
    outside = value.to_bytes(32, "big")

    assert ecdsa.recover(b"message", outside + signature[32:]) is None
    assert ecdsa.recover(b"message", signature[:32] + outside + signature[64:]) is None


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def resized(data: bytes, change: int) -> bytes:
    return data[:change] if change < 0 else data + bytes(change)
