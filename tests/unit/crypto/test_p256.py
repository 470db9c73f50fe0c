"""P-256 signatures of cards: the Wycheproof vectors, and one form for each signature."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from btt_chain.crypto import ed25519, p256

VECTORS = Path(__file__).parents[2] / "golden" / "wycheproof"
SECRET = bytes(range(1, 33))


def rows(name: str) -> list[tuple[bytes, bytes, bytes, bool]]:
    data = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    return [
        (bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature), result == "valid")
        for key, message, signature, result, *_ in data["rows"]
    ]


def compressed(uncompressed: bytes) -> bytes:
    return p256.compress(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), uncompressed))


def flipped(signature: bytes) -> bytes:
    s = p256.ORDER - int.from_bytes(signature[32:], "big")
    return signature[:32] + s.to_bytes(32, "big")


def test_wycheproof_p256_with_a_low_s() -> None:
    found = {True: 0, False: 0}
    for key, message, signature, valid in rows("p256.json"):
        low = len(signature) == 64 and int.from_bytes(signature[32:], "big") <= p256.ORDER // 2
        assert p256.verify(compressed(key), message, signature) is (valid and low)
        if valid and not low:
            assert p256.verify(compressed(key), message, flipped(signature))
        found[valid] += 1
    assert found == {True: 173, False: 89}


def test_wycheproof_ed25519_under_the_strict_rules() -> None:
    found = {True: 0, False: 0}
    for key, message, signature, valid in rows("ed25519.json"):
        assert ed25519.verify_strict(key, message, signature) is valid
        found[valid] += 1
    assert found == {True: 88, False: 63}


@pytest.mark.parametrize(
    "point",
    [bytes(32), b"\1" + bytes(31), b"\xff" * 31 + b"\x7f", b"\xec" + b"\xff" * 30 + b"\x7f"],
)
def test_a_key_of_small_order_signs_nothing(point: bytes) -> None:
    # With a key of small order R = point and s = 0 satisfies the equation for many messages.
    assert not ed25519.verify_strict(point, b"pay", point + bytes(32))


def test_signing_is_deterministic_and_low() -> None:
    public = p256.public_from_secret(SECRET)
    signature = p256.sign(SECRET, b"pay")
    assert signature == p256.sign(SECRET, b"pay")
    assert p256.verify(public, b"pay", signature)
    assert not p256.verify(public, b"pay", flipped(signature))
    assert not p256.verify(public, b"paid", signature)


@pytest.mark.parametrize(
    "public",
    [
        b"",
        bytes(33),
        b"\4" + bytes(32),
        b"\2" + b"\xff" * 32,
        b"\5" + p256.public_from_secret(SECRET)[1:],
        p256.public_from_secret(SECRET)[:32],
        p256.public_from_secret(SECRET) + b"\0",
    ],
)
def test_a_malformed_key_verifies_nothing(public: bytes) -> None:
    assert not p256.verify(public, b"pay", p256.sign(SECRET, b"pay"))


def test_a_key_of_another_curve_is_refused() -> None:
    with pytest.raises(ValueError, match="secp384r1, not on secp256r1"):
        p256.compress(ec.derive_private_key(5, ec.SECP384R1()).public_key())


@pytest.mark.parametrize("secret", [b"", bytes(32), p256.ORDER.to_bytes(32, "big")])
def test_a_secret_out_of_range_is_refused(secret: bytes) -> None:
    with pytest.raises(ValueError, match="a secret "):
        p256.public_from_secret(secret)


def test_der_signatures_of_cards_become_low() -> None:
    key = ec.derive_private_key(int.from_bytes(SECRET, "big"), ec.SECP256R1())
    deterministic = ec.ECDSA(SHA256(), deterministic_signing=True)
    for message in (b"1", b"2", b"3", b"4", b"5", b"6"):
        der = key.sign(message, deterministic)
        assert p256.verify(p256.public_from_secret(SECRET), message, p256.normalized(der))
    public, signature = p256.public_from_secret(SECRET), p256.sign(SECRET, b"pay")
    for form in (signature, flipped(signature)):
        assert p256.lowered(form) == signature
    assert p256.verify(public, b"pay", p256.lowered(flipped(signature)))
    with pytest.raises(ValueError, match="64 bytes, not 63"):
        p256.lowered(signature[:63])
    with pytest.raises(ValueError, match="out of range"):
        p256.lowered(bytes(64))
    with pytest.raises(ValueError, match="parsing asn1"):
        p256.normalized(b"\x30\x00")
    with pytest.raises(ValueError, match="out of range"):
        p256.normalized(bytes.fromhex("3006020100020101"))
