"""Point vouchers: valid for one chain, facility, month, denomination, redeemer and nonce."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from btt_chain.crypto import rsa_pss
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.point_voucher import (
    CONTEXT,
    DENOMINATIONS,
    Denomination,
    PointVoucher,
    denominate,
    is_signed,
)
from btt_chain.scale import u32

GENESIS = b"\7" * 32
SHA384 = hashes.SHA384()
PSS = padding.PSS(padding.MGF1(SHA384), rsa_pss.SALT_LENGTH)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(rsa_pss.EXPONENT, rsa_pss.MODULUS_BITS)


@pytest.fixture(scope="module")
def modulus(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_numbers().n.to_bytes(256, "big")


@pytest.fixture(scope="module")
def voucher(key: rsa.RSAPrivateKey) -> PointVoucher:
    blank = PointVoucher(
        facility=AccountId(b"\1" * 32),
        month=u32(3),
        denomination=Denomination.Five,
        redeemer=AccountId(b"\2" * 32),
        nonce=b"\3" * 32,
        prefix=b"\4" * 32,
        signature=bytes(256),
    )
    signed = key.sign(blank.prefix + blank.message(GENESIS), PSS, SHA384)
    return replace(blank, signature=signed)


def test_the_message_has_a_fixed_layout(voucher: PointVoucher) -> None:
    parts = (CONTEXT, GENESIS, b"\1" * 32, b"\3\0\0\0", b"\1", b"\2" * 32, b"\3" * 32)
    assert voucher.message(GENESIS) == b"".join(parts)
    assert len(voucher.message(GENESIS)) == 141


def test_a_voucher_is_valid_on_its_chain_under_its_key(
    voucher: PointVoucher, modulus: bytes
) -> None:
    assert is_signed(voucher, GENESIS, modulus)
    assert not is_signed(voucher, b"\6" * 32, modulus)


@pytest.mark.parametrize(
    "change",
    [
        lambda voucher: replace(voucher, facility=AccountId(b"\5" * 32)),
        lambda voucher: replace(voucher, month=u32(4)),
        lambda voucher: replace(voucher, denomination=Denomination.Hundred),
        lambda voucher: replace(voucher, redeemer=AccountId(b"\5" * 32)),
        lambda voucher: replace(voucher, nonce=b"\5" * 32),
        lambda voucher: replace(voucher, prefix=b"\5" * 32),
        lambda voucher: replace(voucher, signature=bytes(256)),
    ],
    ids=["facility", "month", "denomination", "redeemer", "nonce", "prefix", "signature"],
)
def test_no_field_of_a_voucher_can_be_changed(
    voucher: PointVoucher, modulus: bytes, change: Callable[[PointVoucher], PointVoucher]
) -> None:
    assert not is_signed(change(voucher), GENESIS, modulus)


@pytest.mark.parametrize("points", [0, 1, 4, 5, 24, 99, 130, 12_345])
def test_points_are_divided_into_the_largest_denominations(points: int) -> None:
    chosen = denominate(points)
    assert sum(denomination.points for denomination in chosen) == points
    assert chosen == sorted(chosen, reverse=True)
    assert all(chosen.count(small) < 5 for small in list(Denomination)[:3])


def test_denominations_are_in_order() -> None:
    assert [denomination.points for denomination in Denomination] == list(DENOMINATIONS)
