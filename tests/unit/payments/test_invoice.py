"""Invoices: signed by the till, unaltered, and in agreement with themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.signature import Scheme
from btt_chain.payments import bech32m
from btt_chain.payments.errors import PaymentError
from btt_chain.payments.invoice import (
    CONTEXT,
    PREFIX,
    VERSION,
    Hashed,
    Invoice,
    Item,
    Text,
    read_invoice,
    write_invoice,
)
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import encode, u8, u16, u64, u128

TILL = KeyPair.from_uri("//Till")
REFERENCE = bytes.fromhex("00c1ff8a934d27b6e51902f37a84be6d")
CREATED = 1_800_000_000_000


def invoice(till: KeyPair = TILL) -> Invoice:
    return Invoice(
        version=VERSION,
        genesis=H256(b"\7" * 32),
        merchant=AccountId(b"\1" * 32),
        till=AccountId(till.account_id),
        units=u128(5_000),
        currency=b"CNY",
        reference=REFERENCE,
        created_ms=u64(CREATED),
        expires_ms=u64(CREATED + 600_000),
        description=Text("二号窗口: consultation"),
        refund_to=AccountId(b"\2" * 32),
        items=[Item("consultation", u128(4_000), u16(600)), Item("plaster", u128(1_000), u16(0))],
    )


@pytest.mark.parametrize("scheme", list(Scheme))
def test_an_invoice_is_read_as_it_was_written(scheme: Scheme) -> None:
    till = KeyPair.from_uri("//Till", scheme)
    written = invoice(till)
    text = write_invoice(written, till)
    assert text.startswith("bttinv1")
    assert read_invoice(text) == written
    assert read_invoice(f" {text.upper()}\n") == written


def test_it_expires() -> None:
    assert not invoice().expired(CREATED + 599_999)
    assert invoice().expired(CREATED + 600_000)


def test_the_description_may_be_a_hash() -> None:
    hashed = replace(invoice(), description=Hashed(H256(b"\3" * 32)), items=[], refund_to=None)
    assert read_invoice(write_invoice(hashed, TILL)) == hashed


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": u8(2)}, "version 2, this program reads 1"),
        ({"currency": b"XXX"}, "currency 'XXX'"),
        ({"currency": b"\xff\xff\xff"}, "currency"),
        ({"units": u128(0), "items": []}, "the amount is zero"),
        ({"expires_ms": u64(CREATED)}, "it expires before it was created"),
        ({"units": u128(5_001)}, "do not add up"),
        ({"reference": b"patient 00012345"}, "not random"),
        ({"reference": bytes(16)}, "not random"),
        ({"till": AccountId(b"\4" * 32)}, "another till"),
        ({"description": Text("pay\u202eyap")}, r"the description has a hidden character, U\+202E"),
        ({"description": Text("a\U000e0041")}, r"U\+E0041"),
        ({"description": Text("two\nlines")}, r"U\+000A"),
        ({"items": [Item("\u3164", u128(5_000), u16(0))]}, r"an item has a .* U\+3164"),
    ],
)
def test_an_invoice_that_contradicts_itself_is_not_written(
    change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(PaymentError, match=reason):
        write_invoice(replace(invoice(), **change), TILL)


def test_an_ecdsa_invoice_has_one_text() -> None:
    till = KeyPair.from_uri("//Till", Scheme.ECDSA)
    raw = bech32m.decode(PREFIX, write_invoice(invoice(till), till))
    body, r, s, v = raw[:-65], raw[-65:-33], int.from_bytes(raw[-33:-1], "big"), raw[-1]
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    others = (
        body + r + s.to_bytes(32, "big") + bytes([v + 27]),
        body + r + (order - s).to_bytes(32, "big") + bytes([v ^ 1]),
        body + r + (order - s).to_bytes(32, "big") + bytes([(v ^ 1) + 27]),
    )
    for other in others:
        with pytest.raises(PaymentError, match="canonical"):
            read_invoice(bech32m.encode(PREFIX, other))


def forged(content: Invoice, key: KeyPair = TILL, context: bytes = CONTEXT) -> str:
    raw = encode(Invoice, content)
    return bech32m.encode(PREFIX, raw + b"\1" + key.sign(context + raw))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (forged(invoice(), KeyPair.from_uri("//Thief")), "not by the till"),
        (forged(invoice(), context=b"btt-invoice-2"), "not by the till"),
        (forged(replace(invoice(), version=u8(9))), "version 9"),
        (forged(replace(invoice(), units=u128(1))), "add up"),
        (bech32m.encode(PREFIX, b""), "invoice: "),
        (bech32m.encode(PREFIX, encode(Invoice, invoice())), "invoice: "),
        (bech32m.encode(PREFIX, encode(Invoice, invoice()) + b"\1" + bytes(65)), "invoice: "),
        (bech32m.encode(PREFIX, bytes(5_001)), "5001 bytes, at most 5000"),
        ("bttinv1qqqqqq", "checksum"),
        ("lnbc1qqqqqq", "begin with bttinv1"),
    ],
)
def test_forged_and_malformed_invoices_are_refused(text: str, reason: str) -> None:
    with pytest.raises(PaymentError, match=reason):
        read_invoice(text)


@given(st.binary(max_size=400))
def test_no_bytes_raise_another_error(data: bytes) -> None:
    with pytest.raises(PaymentError):
        read_invoice(bech32m.encode(PREFIX, data))
