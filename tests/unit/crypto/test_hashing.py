"""Hashes against published digests; the client vectors are in tests/vectors."""

from __future__ import annotations

from btt_chain.crypto import hashing


def test_blake2b_of_abc_is_what_rfc_7693_prints() -> None:
    assert hashing.blake2_512(b"abc").hex() == (
        "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
        "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"
    )


def test_the_system_account_prefix_is_the_one_every_client_asks_for() -> None:
    prefix = hashing.twox_128(b"System") + hashing.twox_128(b"Account")

    assert prefix.hex() == "26aa394eea5630e07c48ae0c9558cef7b99d880ec681799c0cf30e8886371da9"


def test_a_shorter_twox_is_the_start_of_a_longer_one() -> None:
    whole = hashing.twox_256(b"Balances")

    assert whole.startswith(hashing.twox_128(b"Balances"))
    assert whole.startswith(hashing.twox_64(b"Balances"))
    assert len(whole) == 32


def test_concatenating_hashers_keep_the_key_readable() -> None:
    key = bytes(range(32))

    assert hashing.blake2_128_concat(key) == hashing.blake2_128(key) + key
    assert hashing.twox_64_concat(key) == hashing.twox_64(key) + key
    assert hashing.identity(key) == key
