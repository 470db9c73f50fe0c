"""RSA-PSS signatures have one form; everything near it is refused: attacks C3 and C4."""

from __future__ import annotations

import secrets
from hashlib import sha256, sha384

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from btt_chain.crypto import rsa_pss

MESSAGE = b"a point"
SHA384 = hashes.SHA384()
PSS = padding.PSS(padding.MGF1(SHA384), 48)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(rsa_pss.EXPONENT, 2_048)


def modulus(key: rsa.RSAPrivateKey) -> bytes:
    number = key.public_key().public_numbers().n
    return number.to_bytes(-(-number.bit_length() // 8), "big")


def mask(seed: bytes, length: int) -> bytes:
    """MGF1 over SHA-384 (RFC 8017, B.2.1)."""
    blocks = (sha384(seed + number.to_bytes(4, "big")).digest() for number in range(5))
    return b"".join(blocks)[:length]


def raw(key: rsa.RSAPrivateKey, encoded: bytes) -> bytes:
    """Sign an encoding as it is."""
    numbers = key.private_numbers()
    n = numbers.public_numbers.n
    return pow(int.from_bytes(encoded, "big"), numbers.d, n).to_bytes(256, "big")


def encode(
    message: bytes, *, salt_length: int = 48, start: int = 1, trailer: int = 0xBC, top: int = 0
) -> bytes:
    """Encode a message with chosen faults."""
    salt = secrets.token_bytes(salt_length)
    hashed = sha384(bytes(8) + sha384(message).digest() + salt).digest()
    plain = bytes(207 - salt_length - 1) + bytes([start]) + salt
    masked = bytes(a ^ b for a, b in zip(plain, mask(hashed, 207), strict=True))
    return bytes([(masked[0] & 0x7F) | top]) + masked[1:] + hashed + bytes([trailer])


def test_a_signature_of_another_implementation_is_valid(key: rsa.RSAPrivateKey) -> None:
    for _ in range(8):
        assert rsa_pss.verify(modulus(key), MESSAGE, key.sign(MESSAGE, PSS, SHA384))


def test_our_own_encoding_is_valid_there_and_here(key: rsa.RSAPrivateKey) -> None:
    signature = raw(key, encode(MESSAGE))
    key.public_key().verify(signature, MESSAGE, PSS, SHA384)
    assert rsa_pss.verify(modulus(key), MESSAGE, signature)


@pytest.mark.parametrize("salt_length", [0, 20, 32, 47, 49, 158])
def test_another_length_of_the_salt_is_refused(key: rsa.RSAPrivateKey, salt_length: int) -> None:
    signature = raw(key, encode(MESSAGE, salt_length=salt_length))
    assert not rsa_pss.verify(modulus(key), MESSAGE, signature)


@pytest.mark.parametrize(
    "fault",
    [{"start": 0}, {"start": 2}, {"trailer": 0xCC}, {"trailer": 0xBD}, {"trailer": 0}],
    ids=str,
)
def test_a_faulty_padding_is_refused(key: rsa.RSAPrivateKey, fault: dict[str, int]) -> None:
    assert not rsa_pss.verify(modulus(key), MESSAGE, raw(key, encode(MESSAGE, **fault)))


def test_a_set_highest_bit_of_the_encoding_is_refused(key: rsa.RSAPrivateKey) -> None:
    number = key.public_key().public_numbers().n
    encodings = (encode(MESSAGE, top=0x80) for _ in range(200))
    signable = next(e for e in encodings if int.from_bytes(e, "big") < number)
    assert not rsa_pss.verify(modulus(key), MESSAGE, raw(key, signable))


@pytest.mark.parametrize(
    ("scheme", "algorithm"),
    [
        (padding.PSS(padding.MGF1(hashes.SHA256()), 48), hashes.SHA256()),
        (padding.PSS(padding.MGF1(hashes.SHA256()), 48), hashes.SHA384()),
        (padding.PSS(padding.MGF1(hashes.SHA384()), 48), hashes.SHA512()),
        (padding.PSS(padding.MGF1(hashes.SHA512()), 48), hashes.SHA384()),
        (padding.PKCS1v15(), hashes.SHA384()),
    ],
    ids=["SHA-256", "MGF1-SHA-256", "SHA-512", "MGF1-SHA-512", "PKCS 1 v1.5"],
)
def test_another_hash_or_padding_is_refused(
    key: rsa.RSAPrivateKey, scheme: padding.AsymmetricPadding, algorithm: hashes.HashAlgorithm
) -> None:
    assert not rsa_pss.verify(modulus(key), MESSAGE, key.sign(MESSAGE, scheme, algorithm))


def test_a_signature_has_one_number_and_one_length(key: rsa.RSAPrivateKey) -> None:
    n = key.public_key().public_numbers().n
    small = next(
        signature
        for signature in (key.sign(MESSAGE, PSS, SHA384) for _ in range(200))
        if int.from_bytes(signature, "big") + n < 1 << 2_048
    )
    shifted = (int.from_bytes(small, "big") + n).to_bytes(256, "big")
    assert rsa_pss.verify(modulus(key), MESSAGE, small)
    for other in (shifted, small[1:], b"\0" + small, small + b"\0", small[:-1], b""):
        assert not rsa_pss.verify(modulus(key), MESSAGE, other)


def test_a_signature_with_leading_zeros_keeps_its_length(key: rsa.RSAPrivateKey) -> None:
    signatures = (key.sign(MESSAGE, PSS, SHA384) for _ in range(4_000))
    leading = next(signature for signature in signatures if not signature[0])
    assert rsa_pss.verify(modulus(key), MESSAGE, leading)
    assert not rsa_pss.verify(modulus(key), MESSAGE, leading.lstrip(b"\0"))


@pytest.mark.parametrize("number", [0, 1, 2, 8])
def test_small_numbers_are_no_signatures(key: rsa.RSAPrivateKey, number: int) -> None:
    n = key.public_key().public_numbers().n
    for value in (number, n - 1 - number):
        assert not rsa_pss.verify(modulus(key), MESSAGE, value.to_bytes(256, "big"))


def test_a_signature_under_another_exponent_is_refused(key: rsa.RSAPrivateKey) -> None:
    numbers = key.private_numbers()
    n, phi = numbers.public_numbers.n, (numbers.p - 1) * (numbers.q - 1)
    exponent = next(e for e in (3, 5, 7, 11, 13, 17, 257) if phi % e)
    encoded = int.from_bytes(encode(MESSAGE), "big")
    signature = pow(encoded, pow(exponent, -1, phi), n).to_bytes(256, "big")
    assert not rsa_pss.verify(modulus(key), MESSAGE, signature)


def test_an_even_modulus_verifies_nothing(key: rsa.RSAPrivateKey) -> None:
    even = (key.public_key().public_numbers().n + 1).to_bytes(256, "big")
    assert not rsa_pss.verify(even, MESSAGE, key.sign(MESSAGE, PSS, SHA384))


def test_a_signature_is_for_one_message_and_one_key(key: rsa.RSAPrivateKey) -> None:
    other = rsa.generate_private_key(rsa_pss.EXPONENT, 2_048)
    signature = key.sign(MESSAGE, PSS, SHA384)
    assert not rsa_pss.verify(modulus(key), MESSAGE + b"s", signature)
    assert not rsa_pss.verify(modulus(key), sha256(MESSAGE).digest(), signature)
    assert not rsa_pss.verify(modulus(other), MESSAGE, signature)


def test_a_modulus_of_another_length_verifies_nothing(key: rsa.RSAPrivateKey) -> None:
    signature = key.sign(MESSAGE, PSS, SHA384)
    for number in (modulus(key)[1:], b"\0" + modulus(key), bytes(256), b""):
        assert not rsa_pss.verify(number, MESSAGE, signature)
    short = rsa.generate_private_key(rsa_pss.EXPONENT, 2_047)
    assert not rsa_pss.verify(modulus(short), MESSAGE, short.sign(MESSAGE, PSS, SHA384))


def test_the_modulus_of_a_key_is_accepted(key: rsa.RSAPrivateKey) -> None:
    rsa_pss.check_modulus(modulus(key))


def refused(number: int, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        rsa_pss.check_modulus(number.to_bytes(-(-number.bit_length() // 8), "big"))


def test_a_weak_modulus_is_refused_with_its_reason(key: rsa.RSAPrivateKey) -> None:
    n = key.public_key().public_numbers().n
    refused(n + 1, "even")
    refused(n >> 1, "2047")
    refused(n << 1 | 1, "257")
    refused(n >> 8, "255")


@pytest.mark.parametrize("factor", [3, 5, 251, 257, 32_749, 65_521])
def test_a_modulus_with_a_small_factor_is_refused(factor: int) -> None:
    low = -(-(1 << 2_047) // factor)
    refused((low | 1) * factor, "factor")


def test_a_factor_from_the_bound_on_is_not_refused() -> None:
    primes = [p for p in range(3, 1 << 16, 2) if all(p % d for d in range(3, 1 << 8, 2) if d < p)]
    cofactors = range(1 << 2_031 | 1, 1 << 2_032, 2)
    cofactor = next(number for number in cofactors if all(number % prime for prime in primes))
    rsa_pss.check_modulus((cofactor * 65_537).to_bytes(256, "big"))
