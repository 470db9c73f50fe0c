"""Vouchers: valid for one card, one merchant, one amount, one chain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from btt_chain.crypto import ed25519, p256
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.voucher import (
    CONTEXT,
    VOUCHER,
    Ed25519Key,
    P256Key,
    Voucher,
    card_id,
    is_signed,
)
from btt_chain.scale import u64, u128

SECRET = bytes(range(1, 33))
ED = Ed25519Key(ed25519.public_from_seed(SECRET))
P256 = P256Key(p256.public_from_secret(SECRET))


def voucher(key: Ed25519Key | P256Key) -> Voucher:
    return Voucher(
        context=CONTEXT,
        genesis=H256(b"\7" * 32),
        card=card_id(key),
        merchant=AccountId(b"\1" * 32),
        currency=b"CNY",
        units=u128(5_000),
        reference=bytes(range(16)),
        counter=u64(1),
        expires_ms=u64(1_800_000_000_000),
    )


def sign(key: Ed25519Key | P256Key, message: bytes) -> bytes:
    if isinstance(key, P256Key):
        return p256.sign(SECRET, message)
    return ed25519.sign(SECRET, message)


@pytest.mark.parametrize("key", [ED, P256])
def test_a_voucher_is_valid_as_it_was_signed_only(key: Ed25519Key | P256Key) -> None:
    signed = voucher(key)
    signature = sign(key, VOUCHER.encode(signed))
    assert len(VOUCHER.encode(signed)) <= 160
    assert is_signed(signed, key, signature)
    changes: tuple[dict[str, Any], ...] = (
        {"genesis": H256(bytes(32))},
        {"merchant": AccountId(b"\2" * 32)},
        {"currency": b"USD"},
        {"units": u128(5_001)},
        {"reference": bytes(16)},
        {"counter": u64(2)},
        {"expires_ms": u64(1)},
        {"card": H256(bytes(32))},
    )
    for change in changes:
        assert not is_signed(replace(signed, **change), key, signature)
    for malformed in (b"", signature[:63], signature + b"\0", bytes(64)):
        assert not is_signed(signed, key, malformed)


@pytest.mark.parametrize("key", [ED, P256])
def test_a_signature_over_another_context_is_refused(key: Ed25519Key | P256Key) -> None:
    other = replace(voucher(key), context=b"BTT-CARD-2")
    assert not is_signed(other, key, sign(key, VOUCHER.encode(other)))


def test_another_card_cannot_sign() -> None:
    signed = voucher(ED)
    assert not is_signed(signed, P256, p256.sign(SECRET, VOUCHER.encode(signed)))
