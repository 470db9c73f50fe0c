"""One reader for all requests, and what a wallet says about a doubtful one.

Attack P15, a swapped code: `test_a_swapped_static_code_is_shown_with_the_name_that_was_judged`,
`test_what_must_not_be_paid_is_refused`.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.crypto.keypair import KeyPair
from btt_chain.payments.card_file import new_card, read_card
from btt_chain.payments.emv import EmvCode, write_emv
from btt_chain.payments.errors import PaymentError
from btt_chain.payments.invoice import VERSION, Hashed, Invoice, Item, Text, write_invoice
from btt_chain.payments.privacy import account_for, round_sum
from btt_chain.payments.request import Form, MerchantView, judge, read_request
from btt_chain.payments.uri import PaymentUri, write_uri
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.currency import currency
from btt_chain.primitives.digest import H256
from btt_chain.primitives.voucher import CONTEXT, VOUCHER, Voucher, is_signed
from btt_chain.scale import u16, u64, u128

SHOP, TILL, THIEF = (KeyPair.from_uri(f"//{name}") for name in ("Shop", "Till", "Thief"))
MERCHANT = AccountId(SHOP.account_id)
REFERENCE = bytes.fromhex("00c1ff8a934d27b6e51902f37a84be6d")
GENESIS = bytes.fromhex("deadbeef") + bytes(28)
NOW = 1_800_000_000_000
VIEW = MerchantView(MERCHANT, 5_814, "CNY", (TILL.account_id,), 900, True, "Corner Café")


def invoice(till: KeyPair = TILL) -> str:
    return write_invoice(
        Invoice(
            VERSION, H256(GENESIS), MERCHANT, AccountId(till.account_id), u128(5_000), b"CNY",
            REFERENCE, u64(NOW), u64(NOW + 600_000), Text("two coffees"), None,
            [Item("coffee", u128(5_000), u16(0))],
        ),
        till,
    )  # fmt: skip


URI = PaymentUri(
    MERCHANT, currency("CNY"), u128(5_000), REFERENCE, NOW // 1_000 + 600, "deadbeef", "Corner Café"
)
STATIC = EmvCode(MERCHANT, 5_814, currency("CNY"), "CORNER CAFE", "SHENZHEN")


def test_each_form_is_read_into_the_same_request() -> None:
    read = {
        Form.INVOICE: read_request(f"  {invoice().upper()}\n"),
        Form.URI: read_request(write_uri(URI, TILL)),
        Form.EMV: read_request(write_emv(replace(STATIC, units=u128(5_000), reference=REFERENCE))),
    }
    for form, found in read.items():
        assert (found.form, found.merchant, found.units) == (form, MERCHANT, 5_000)
        assert (found.currency.code, found.reference) == ("CNY", REFERENCE)
    assert read[Form.INVOICE].items[0].text == "coffee"
    assert (read[Form.EMV].category, read[Form.EMV].name) == (5_814, "CORNER CAFE")


@pytest.mark.parametrize(
    "text", ["", "hello", "bitcoin:1Boat", "lnbc1", "0001", "bttinv2", "//Bob"]
)
def test_other_texts_are_refused_with_the_forms_that_exist(text: str) -> None:
    with pytest.raises(PaymentError, match="not a payment request: one begins with bttinv1, btt:"):
        read_request(text)


@given(st.text(max_size=200), st.sampled_from(["", "bttinv1", "btt:", "BTT:", "000201"]))
def test_no_text_raises_another_error(text: str, start: str) -> None:
    with suppress(PaymentError):
        read_request(start + text)


def test_a_document_is_shown_by_its_hash() -> None:
    hashed = Invoice(
        VERSION, H256(GENESIS), MERCHANT, AccountId(TILL.account_id), u128(1), b"BTT", REFERENCE,
        u64(NOW), u64(NOW + 1), Hashed(H256(b"\3" * 32)),
    )  # fmt: skip
    assert read_request(write_invoice(hashed, TILL)).text == "document " + "03" * 32


# ---- what the wallet says


def judged(text: str, view: MerchantView | None = VIEW, now: int = NOW) -> list[str]:
    return judge(read_request(text), view, GENESIS, now)


@pytest.mark.parametrize("text", [invoice(), write_uri(URI, TILL), write_uri(URI, SHOP)])
def test_a_signed_request_of_a_judged_merchant_has_no_warning(text: str) -> None:
    assert judged(text) == []


def test_a_request_without_a_signature_has_a_warning() -> None:
    (warning,) = judged(write_uri(URI))
    assert "the request is not signed" in warning


def test_a_swapped_static_code_is_shown_with_the_name_that_was_judged() -> None:
    # A sticker: the thief's account under the shop's name.
    thief = replace(VIEW, account=AccountId(THIEF.account_id), name="T. Hief", tills=())
    sticker = write_emv(replace(STATIC, merchant=AccountId(THIEF.account_id)))
    warnings = "\n".join(judged(sticker, thief))
    assert "this is a static code, which can be covered with a sticker" in warnings
    assert "claims the name 'CORNER CAFE'; the judged one is 'T. Hief'" in warnings
    unknown = "\n".join(judged(sticker, replace(thief, name=None)))
    assert "no registrar has judged the identity of this merchant" in unknown
    assert "claims the name 'CORNER CAFE', which no registrar has checked" in unknown


def test_another_category_than_that_of_the_chain_has_a_warning() -> None:
    text = write_emv(replace(STATIC, category=8_099))
    assert any("category 8099, the merchant is registered for 5814" in one for one in judged(text))


REFUSED = {
    "another chain": (write_uri(replace(URI, network="00000000"), TILL), VIEW, NOW, "0x00000000"),
    "an invoice of another chain": (invoice(), VIEW, NOW, None),
    "expired": (invoice(), VIEW, NOW + 600_000, "has expired"),
    "a URI that expired": (write_uri(URI, TILL), VIEW, NOW + 600_000, "has expired"),
    "no merchant": (invoice(), None, NOW, "not a registered merchant"),
    "suspended": (invoice(), replace(VIEW, is_active=False), NOW, "suspended or closing"),
    "a till of another merchant": (invoice(THIEF), VIEW, NOW, "a key that is not a till"),
    "a URI signed by a thief": (write_uri(URI, THIEF), VIEW, NOW, "a key that is not a till"),
    "another currency": (invoice(), replace(VIEW, currency="USD"), NOW, "accepts USD and BTT"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_must_not_be_paid_is_refused(case: str) -> None:
    text, view, now, reason = REFUSED[case]
    genesis = GENESIS if reason else b"\xff" * 32
    with pytest.raises(PaymentError, match=reason or "for the chain 0xdeadbeef"):
        judge(read_request(text), view, genesis, now)


# ---- health services


def test_each_merchant_is_paid_from_an_account_of_its_own() -> None:
    payer = KeyPair.from_uri("//Patient")
    clinic, other = account_for(payer, b"\1" * 32), account_for(payer, b"\2" * 32)
    assert len({payer.account_id, clinic.account_id, other.account_id}) == 3
    address = ss58.encode(b"\1" * 32)
    assert clinic == KeyPair.from_uri(f"//Patient//pay//{address}")


@pytest.mark.parametrize(
    ("needed", "sum"), [(1, 10), (10, 10), (11, 20), (21, 50), (51, 100), (501, 1_000)]
)
def test_accounts_are_funded_in_round_sums(needed: int, sum: int) -> None:
    assert round_sum(needed, 10) == sum


@given(st.integers(1, 2**100))
def test_a_round_sum_is_enough_and_hides_the_amount(needed: int) -> None:
    found = round_sum(needed, 10**18)
    assert needed <= found <= max(10**18, needed * 5 // 2)
    assert str(found).rstrip("0") in {"1", "2", "5"}


@pytest.mark.parametrize(("category", "is_health"), [(7_999, False), (8_000, True), (8_099, True),
                                                     (8_100, False)])  # fmt: skip
def test_health_services_are_the_categories_of_the_80s(category: int, is_health: bool) -> None:
    assert replace(VIEW, category=category).is_health is is_health


# ---- cards


@pytest.mark.parametrize("scheme", ["p256", "ed25519"])
def test_a_card_of_a_file_signs_vouchers(scheme: str) -> None:
    made = new_card(scheme)
    card = read_card(f"{made.text}\n")
    assert (card.id, card.key) == (made.id, made.key)
    voucher = Voucher(
        CONTEXT, H256(GENESIS), card.id, MERCHANT, b"CNY", u128(1), REFERENCE, u64(1), u64(NOW)
    )
    assert is_signed(voucher, card.key, card.sign(VOUCHER.encode(voucher)))
    assert not is_signed(replace(voucher, units=u128(2)), card.key,
                         card.sign(VOUCHER.encode(voucher)))  # fmt: skip
    assert made.secret.hex() not in repr(made)


@pytest.mark.parametrize(
    "text", ["", "p256:0x", "rsa:0x" + "11" * 32, "p256:0x" + "ff" * 32, "p256:" + "11" * 32]
)
def test_a_file_that_holds_no_card_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(PaymentError) as caught:
        read_card(text)
    assert "11" * 32 not in str(caught.value)
