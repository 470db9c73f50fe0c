"""Blind signatures follow RFC 9474, and each wrong input has its error."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.care import blind
from btt_chain.care.blind import (
    PSS_DETERMINISTIC,
    PSS_RANDOMIZED,
    PSSZERO_DETERMINISTIC,
    VARIANTS,
    BlindError,
    PrivateKey,
    PublicKey,
)
from btt_chain.crypto import rsa_pss

PAGE = Path(__file__).parents[2] / "vectors" / "care" / "rfc9474.json"
RFC = SimpleNamespace(**json.loads(PAGE.read_text()))
NAMES = [vector["name"] for vector in RFC.vectors]


@pytest.fixture(scope="module")
def key() -> PrivateKey:
    return PrivateKey.generate()


def rfc_key() -> PrivateKey:
    numbers = {name: int(value, 16) for name, value in RFC.key.items()}
    key = PrivateKey.of_factors(numbers["p"], numbers["q"], numbers["e"])
    assert key.public.n == numbers["n"]
    return key


@pytest.mark.parametrize("name", NAMES)
def test_each_variant_gives_the_values_of_the_rfc(name: str) -> None:
    vector = {
        field: value if field == "name" else bytes.fromhex(value)
        for field, value in next(v for v in RFC.vectors if v["name"] == name).items()
    }
    variant = next(variant for variant in VARIANTS if variant.name == name)
    key = rfc_key()
    prepared = blind.prepare(vector["msg"], variant, lambda _length: vector["msg_prefix"])
    assert prepared == vector["msg_prefix"] + vector["msg"]
    factor = pow(int.from_bytes(vector["inv"], "big"), -1, key.public.n)
    made = blind.blind(key.public, prepared, variant, salt=vector["salt"], factor=factor)
    assert made == (vector["blinded_msg"], vector["inv"])
    signed = blind.blind_sign(key, made.message)
    assert signed == vector["blind_sig"]
    assert blind.finalize(key.public, prepared, signed, made.inverse, variant) == vector["sig"]


def test_all_four_variants_have_a_vector() -> None:
    assert [variant.name for variant in VARIANTS] == NAMES


@settings(max_examples=15)
@given(message=st.binary(max_size=200), variant=st.sampled_from(VARIANTS))
def test_a_finished_signature_is_a_plain_pss_signature(
    key: PrivateKey, message: bytes, variant: blind.Variant
) -> None:
    prepared = blind.prepare(message, variant)
    made = blind.blind(key.public, prepared, variant)
    signature = blind.finalize(
        key.public, prepared, blind.blind_sign(key, made.message), made.inverse, variant
    )
    modulus = key.public.n.to_bytes(256, "big")
    assert rsa_pss.verify(modulus, prepared, signature) is (variant.salt_length == 48)
    assert not blind.verify(key.public, prepared + b"x", signature, variant)


def test_one_message_is_blinded_differently_each_time(key: PrivateKey) -> None:
    blinded = {blind.blind(key.public, b"one", PSS_DETERMINISTIC).message for _ in range(8)}
    assert len(blinded) == 8


def test_the_signer_sees_values_that_fit_any_signature_equally(key: PrivateKey) -> None:
    """For each blinded message and each signature there is one factor that connects them."""
    public = key.public
    pairs = []
    for message in (b"alice", b"bob"):
        prepared = blind.prepare(message)
        made = blind.blind(public, prepared)
        signed = blind.blind_sign(key, made.message)
        signature = blind.finalize(public, prepared, signed, made.inverse)
        pairs.append((signed, signature))
    for signed, _ in pairs:
        for _, signature in pairs:
            inverse = int.from_bytes(signature, "big") * pow(
                int.from_bytes(signed, "big"), -1, public.n
            ) % public.n  # fmt: skip
            assert 0 < inverse < public.n


@pytest.mark.parametrize("length", [0, 255, 257])
def test_a_blinded_message_of_another_length_is_refused(key: PrivateKey, length: int) -> None:
    with pytest.raises(BlindError, match="unexpected input size"):
        blind.blind_sign(key, bytes(length))


def test_a_blinded_message_that_is_not_below_the_modulus_is_refused(key: PrivateKey) -> None:
    for number in (key.public.n, key.public.n + 1, (1 << 2_048) - 1):
        with pytest.raises(BlindError, match="invalid message length"):
            blind.blind_sign(key, number.to_bytes(256, "big"))


def test_a_fault_in_the_private_operation_gives_no_signature(
    key: PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = blind.blind(key.public, blind.prepare(b"message"))
    right = blind._private_power
    monkeypatch.setattr(blind, "_private_power", lambda key, message: right(key, message) ^ 2)
    with pytest.raises(BlindError, match="signing failure"):
        blind.blind_sign(key, made.message)


def test_a_signature_of_another_key_or_message_is_not_finalized(key: PrivateKey) -> None:
    other = PrivateKey.of_factors(key.p, PrivateKey.generate().q)
    prepared = blind.prepare(b"message")
    made = blind.blind(key.public, prepared)
    by_other = blind.blind_sign(
        other, (int.from_bytes(made.message, "big") % other.public.n).to_bytes(256, "big")
    )
    with pytest.raises(BlindError, match="invalid signature"):
        blind.finalize(key.public, prepared, by_other, made.inverse)
    signed = blind.blind_sign(key, made.message)
    with pytest.raises(BlindError, match="invalid signature"):
        blind.finalize(key.public, blind.prepare(b"message"), signed, made.inverse)
    with pytest.raises(BlindError, match="invalid signature"):
        blind.finalize(key.public, prepared, signed, made.inverse, PSSZERO_DETERMINISTIC)
    with pytest.raises(BlindError, match="unexpected input size"):
        blind.finalize(key.public, prepared, signed[1:], made.inverse)


def test_a_key_does_not_show_its_factors(key: PrivateKey) -> None:
    assert repr(key) == "PrivateKey(2048 bits)"
    with pytest.raises(BlindError, match="no key"):
        PrivateKey.of_factors(key.p, key.p)


def test_a_short_modulus_cannot_encode() -> None:
    with pytest.raises(BlindError, match="encoding error"):
        blind.blind(PublicKey((1 << 511) + 1), b"message", PSS_RANDOMIZED)
    with pytest.raises(BlindError, match="the salt"):
        blind.blind(PublicKey((1 << 2_047) + 1), b"message", PSS_RANDOMIZED, salt=b"")
