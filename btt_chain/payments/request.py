"""A request for a payment, whatever its form, and what a wallet says before it pays.

`read_request` is the one reader of all programs: an invoice, a payment URI or the text of an EMV
code. `judge` compares a request with the merchant's record on the chain: it refuses what must not
be paid, and returns warnings that the payer must see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.payments.doubts import Doubt
from btt_chain.payments.emv import read_emv
from btt_chain.payments.errors import PaymentError
from btt_chain.payments.invoice import PREFIX, Hashed, Item, read_invoice
from btt_chain.payments.uri import SCHEME, read_uri
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.currency import BTT, Currency, currency
from btt_chain.scale import u128

HEALTH: Final = range(8_000, 8_100)
"""Categories of ISO 18245 for health services: a payment to one shows that the payer goes there."""


class Form(Enum):
    """Forms of requests."""

    INVOICE = "invoice"
    URI = "payment URI"
    EMV = "EMV code"


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """A request for a payment as the payer received it; no part of it is trusted yet."""

    form: Form
    merchant: AccountId
    currency: Currency
    units: u128 | None
    """Amount in minor units; None if the payer chooses it."""
    reference: bytes | None
    expires_ms: int | None
    network: str | None
    """Genesis hash in hex, or its beginning; None if the request names no chain."""
    is_signed_by: Callable[[Iterable[bytes]], bool] | None
    """Return True if one of these keys signed it; None if it has no signature."""
    text: str = ""
    """Description for the payer."""
    items: tuple[Item, ...] = ()
    category: int | None = None
    """Category that an EMV code names."""
    name: str = ""
    """Name that an EMV code or a label claims; the judged name is on the chain."""

    @property
    def is_static(self) -> bool:
        """Return True if it can be paid many times: a printed code, which can be covered."""
        return self.reference is None


@dataclass(frozen=True, slots=True)
class MerchantView:
    """A merchant as the chain has it, for `judge`."""

    account: AccountId
    category: int
    currency: str
    tills: tuple[bytes, ...]
    free_bond: int
    """Planck of the bond that no dispute claims."""
    is_active: bool
    name: str | None
    """Name whose identity a registrar judged good; None if none did."""

    @property
    def currencies(self) -> tuple[str, ...]:
        """Letters of the currencies that it accepts: its own and BTT."""
        return (self.currency,) if self.currency == BTT else (self.currency, BTT)

    @property
    def is_health(self) -> bool:
        """Return True if its category is one of health services."""
        return self.category in HEALTH


def read_request(text: str) -> PaymentRequest:
    """Return the request of an invoice, a payment URI or an EMV code. Raises PaymentError."""
    text = text.strip()
    lower = text[:16].lower()
    if lower.startswith(f"{PREFIX}1"):
        return _of_invoice(text)
    if lower.startswith(SCHEME):
        return _of_uri(text)
    if lower.startswith("0002"):
        return _of_emv(text)
    raise PaymentError(
        f"{text[:20]!r} is not a payment request: one begins with {PREFIX}1, {SCHEME} or, as the "
        "text of an EMV code, with 0002"
    )


def judge(
    request: PaymentRequest, merchant: MerchantView | None, genesis: bytes, now_ms: int
) -> list[str]:
    """Return the warnings for the payer. Raises PaymentError if the request must not be paid."""
    if request.network is not None and not genesis.hex().startswith(request.network):
        raise PaymentError(
            f"the request is for the chain 0x{request.network[:8]}..., and this one is "
            f"0x{genesis.hex()[:8]}..."
        )
    if request.expires_ms is not None and now_ms >= request.expires_ms:
        raise PaymentError("the request has expired; ask the merchant for a new one")
    if merchant is None:
        raise PaymentError("the account is not a registered merchant: the payer is not protected")
    if not merchant.is_active:
        raise PaymentError("the merchant is suspended or closing, and accepts no payments")
    if request.currency.code not in merchant.currencies:
        accepted = " and ".join(merchant.currencies)
        raise PaymentError(
            f"the merchant accepts {accepted}, and the request is in {request.currency.code}"
        )
    keys = (bytes(merchant.account), *merchant.tills)
    if request.is_signed_by is not None and not request.is_signed_by(keys):
        raise PaymentError(
            "the request is signed by a key that is not a till of the merchant: it may be forged"
        )
    return list(_warnings(request, merchant))


def _warnings(request: PaymentRequest, merchant: MerchantView) -> Iterable[Doubt]:
    if merchant.name is None:
        yield Doubt("no registrar has judged the identity of this merchant")
    if request.is_static:
        yield Doubt(
            "this is a static code, which can be covered with a sticker of another account: "
            "compare the name with that of the shop"
        )
    elif request.is_signed_by is None:
        yield Doubt("the request is not signed: it may not come from the merchant")
    if request.name and merchant.name and request.name.casefold() != merchant.name.casefold():
        yield Doubt(
            "the request claims the name {claimed}; the judged one is {judged}",
            claimed=repr(request.name),
            judged=repr(merchant.name),
        )
    elif request.name and not merchant.name:
        yield Doubt(
            "the request claims the name {claimed}, which no registrar has checked",
            claimed=repr(request.name),
        )
    if request.category is not None and request.category != merchant.category:
        yield Doubt(
            "the request names the category {claimed}, the merchant is registered for {registered}",
            claimed=f"{request.category:04}",
            registered=f"{merchant.category:04}",
        )


def _of_invoice(text: str) -> PaymentRequest:
    invoice = read_invoice(text)
    about = invoice.description
    return PaymentRequest(
        form=Form.INVOICE,
        merchant=invoice.merchant,
        currency=currency(invoice.currency.decode()),
        units=invoice.units,
        reference=invoice.reference,
        expires_ms=int(invoice.expires_ms),
        network=invoice.genesis.hex(),
        is_signed_by=lambda keys: bytes(invoice.till) in map(bytes, keys),
        text=f"document {about.hash.hex()}" if isinstance(about, Hashed) else about.text,
        items=tuple(invoice.items),
    )


def _of_uri(text: str) -> PaymentRequest:
    uri = read_uri(text)
    return PaymentRequest(
        form=Form.URI,
        merchant=uri.merchant,
        currency=uri.currency,
        units=uri.units,
        reference=uri.reference,
        expires_ms=None if uri.expires_s is None else uri.expires_s * 1_000,
        network=uri.network,
        is_signed_by=uri.is_signed_by if uri.signature else None,
        text=uri.message,
        name=uri.label,
    )


def _of_emv(text: str) -> PaymentRequest:
    code = read_emv(text)
    return PaymentRequest(
        form=Form.EMV,
        merchant=code.merchant,
        currency=code.currency,
        units=code.units,
        reference=code.reference,
        expires_ms=None,
        network=None,
        is_signed_by=None,
        category=code.category,
        name=code.name,
    )
