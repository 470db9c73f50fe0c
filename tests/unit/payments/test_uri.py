"""Payment URIs: one reading each, or an error."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.signature import Scheme
from btt_chain.payments.errors import PaymentError
from btt_chain.payments.uri import PaymentUri, read_uri, write_uri
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.currency import currency
from btt_chain.scale import u128

MERCHANT = AccountId(KeyPair.from_uri("//Merchant").account_id)
ADDRESS = ss58.encode(MERCHANT)
REFERENCE = bytes.fromhex("00c1ff8a934d27b6e51902f37a84be6d")


def request(**change: object) -> PaymentUri:
    values: dict[str, Any] = {
        "merchant": MERCHANT,
        "currency": currency("CNY"),
        "units": u128(5_000),
        "reference": REFERENCE,
        "expires_s": 1_800_000_000,
        "network": "deadbeef",
        "label": "二号窗口",
        "message": "50 % & more = fine",
    }
    return PaymentUri(**{**values, **change})


def test_a_request_is_read_as_it_was_written() -> None:
    text = write_uri(request())
    assert text.startswith(f"btt:{ADDRESS}?amount=50.00&currency=CNY&ref=")
    assert read_uri(text) == request()
    assert read_uri("BTT:" + text[4:]) == request()


def test_an_address_alone_is_a_request_in_btt() -> None:
    plain = read_uri(f"btt:{ADDRESS}")
    assert (plain.merchant, plain.currency.code, plain.units) == (MERCHANT, "BTT", None)
    assert write_uri(plain) == f"btt:{ADDRESS}"


@pytest.mark.parametrize("scheme", [Scheme.SR25519, Scheme.ED25519])
@pytest.mark.parametrize("full", [True, False])
def test_a_till_signs_all_that_stands_before(scheme: Scheme, full: bool) -> None:
    till = KeyPair.from_uri("//Till", scheme)
    text = write_uri(request() if full else read_uri(f"btt:{ADDRESS}"), till)
    signed = read_uri(text)
    assert signed.is_signed_by([KeyPair.from_uri("//Other").public, till.public])
    assert not signed.is_signed_by([KeyPair.from_uri("//Other").public])
    assert not signed.is_signed_by([])
    if full:
        altered = read_uri(text.replace("amount=50.00", "amount=51.00"))
        assert not altered.is_signed_by([till.public])
    assert not read_uri(write_uri(request())).is_signed_by([till.public])


def test_an_ecdsa_key_is_no_till() -> None:
    with pytest.raises(PaymentError, match="sr25519 or ed25519"):
        write_uri(request(), KeyPair.from_uri("//Till", Scheme.ECDSA))


REFUSED = {
    "amount=1&amount=1": "'amount' stands twice",
    "amount=1&x=2&amount=3": "'amount' stands twice",
    "amount=1&Amount=2": "'Amount' is not written 'amount'",
    "%61mount=5&amount=6": "'%61mount' is not written 'amount'",
    "REF=1": "'REF' is not written 'ref'",
    "Req-x=1": "'Req-x' is required",
    "%72eq-x": "'%72eq-x' is required",
    "req%2Dx=1": "'req%2Dx' is required",
    "req-amount=1": "'req-amount' is required",
    "req-": "'req-' is required",
    "req-x=1": "'req-x' is required",
    "amount=": "amount",
    "amount": "has no value",
    "amount=1e3": "amount",
    "amount=1E3": "amount",
    "amount=0": "the amount is zero",
    "amount=0.00": "the amount is zero",
    "amount=-1": "amount",
    "amount=%2B1": "amount",
    "amount=1%2c5": "amount",
    "amount=.5": "amount",
    "amount=5.": "amount",
    "amount=05": "amount",
    "amount=1%00": "amount",
    "amount=%EF%BC%91": "amount",
    "amount=0.001&currency=CNY": "CNY has 2 decimals",
    "amount=1.0&currency=JPY": "JPY has 0 decimals",
    "amount=" + "1" + "0" * 40: "amount",
    "currency=cny": "currency 'cny'",
    "currency=": "currency ''",
    "currency=XAU": "currency 'XAU'",
    "ref=": "ref",
    "ref=AAAA": "ref",
    "ref=" + "A" * 21 + "B": "ref",
    "ref=" + "A" * 22 + "%3D%3D": "ref",
    "ref=" + "%2B" + "A" * 21: "ref",
    "exp=": "exp",
    "exp=0": "exp",
    "exp=-5": "exp",
    "exp=1e9": "exp",
    "exp=99999999999999": "exp",
    "exp=1800000000000": "exp",
    "ref=UEFUSUVOVC0xMjM0NTY3OA": "not random",
    "ref=" + "A" * 22: "not random",
    "net=DEADBEEF": "net",
    "net=dead": "net",
    "net=deadbeef00": "net",
    "label=%": "hexadecimal",
    "label=%f": "hexadecimal",
    "label=%zz": "hexadecimal",
    "label=%ff": "not UTF-8",
    "label=%C0%80": "not UTF-8",
    "label=a%00b": "hidden",
    "label=a%0Ab": "hidden",
    "label=%E2%80%AEevil": "hidden",
    "label=%E2%80%8Bevil": "hidden",
    "label=a%F3%A0%81%81b": "U\\+E0041",
    "label=%E1%A0%8E": "U\\+180E",
    "label=%E3%85%A4": "U\\+3164",
    "label=%E1%85%9F": "U\\+115F",
    "message=%EF%B8%8F": "U\\+FE0F",
    "message=%EE%80%80": "U\\+E000",
    "label=<b>": "escaped",
    "label=a b": "escaped",
    'label="': "escaped",
    "label=é": "escaped",
    "label=" + "a" * 141: "at most 140",
    "message=" + "a" * 141: "at most 140",
    "sig=AAAA": "sig",
    "sig=" + "A" * 86 + "&amount=1": "last key",
    "label=" + "a" * 3_000: "at most 2048",
}


@pytest.mark.parametrize(("query", "reason"), REFUSED.items(), ids=range(len(REFUSED)))
def test_other_queries_are_refused(query: str, reason: str) -> None:
    with pytest.raises(PaymentError, match=reason):
        read_uri(f"btt:{ADDRESS}?{query}")


@pytest.mark.parametrize(
    "text",
    [
        "", "btt", "btt:", "bitcoin:1BoatSLRHtKNngkdXEeobR76b53LETtpyT", f"btt://{ADDRESS}",
        f"btt:{ADDRESS}#x", f"btt:{ADDRESS[:-1]}1", f"btt:{ADDRESS} ", f" btt:{ADDRESS}",
        "btt:" + ss58.encode(MERCHANT, 0), "btt:0x" + bytes(MERCHANT).hex(),
        "btt:F7NZ", f"btt:{ADDRESS.replace('5', '５', 1)}",
    ],
)  # fmt: skip
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(PaymentError, match="payment request"):
        read_uri(text)


@pytest.mark.parametrize(
    "part",
    [
        "utm=1", "asdf", "Foo=abc", "utm.source=abc", "x[]=1", "%66oo=abc", "a" * 40 + "=1",
        "x=%ff", "x=%", "x=café", "x=<b>", "x=1&x=2", "pj=https://x.example/?a=b", "", "&&", "=",
        "=1", "amount-x=1", "xreq-y=1", "%zz=1", "窗口=1",
    ],
)  # fmt: skip
def test_a_parameter_that_is_not_known_is_ignored_whatever_it_is(part: str) -> None:
    assert read_uri(f"btt:{ADDRESS}?{part}&amount=2").units == 2 * 10**18
    assert read_uri(f"btt:{ADDRESS}?amount=2&{part}").units == 2 * 10**18


@pytest.mark.parametrize("query", ["?", "?&", "?x"])
def test_a_query_may_be_without_a_known_parameter(query: str) -> None:
    assert read_uri(f"btt:{ADDRESS}{query}").units is None


@given(st.text(max_size=80))
def test_no_query_raises_another_error(query: str) -> None:
    with suppress(PaymentError):
        read_uri(f"btt:{ADDRESS}?{query}")


@given(
    st.integers(1, 2**128 - 1),
    st.sampled_from(["BTT", "CNY", "JPY"]),
    st.text(
        st.characters(
            categories=("L", "N", "P", "S", "Zs"),
            exclude_characters="\u115f\u1160\u2800\u3164\uffa0\U0001d159\ufffc\ufffd",
        ),
        max_size=60,
    ),
)
def test_what_is_written_is_read_back(units: int, code: str, words: str) -> None:
    text = write_uri(request(units=u128(units), currency=currency(code), label=words))
    assert read_uri(text) == request(units=u128(units), currency=currency(code), label=words)
