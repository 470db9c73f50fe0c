"""payfi_*: payments to merchants, from the runtime at a block.

Amounts are decimal strings of planck, times in milliseconds since 1970, rates in hundredths of a
percent; currencies are letters, references 0x and 32 digits.
"""

from __future__ import annotations

from typing import Annotated

from btt_chain.present import Json
from btt_chain.rpc.derived import derived
from btt_chain.rpc.params import Parsed, Unfit, hex_bytes, text
from btt_chain.rpc.protocol import RpcError
from btt_chain.rpc.views import Views
from btt_chain.scale import Err, Ok
from runtime.pallets.payfi import api as payfi

REFUSED = 8_100
"""Code of a payment that would be refused."""
CURRENCY_LENGTH = 3
REFERENCE_LENGTH = 16


def currency_code(value: object) -> bytes:
    """Return the letters of a currency, as bytes."""
    letters = text(value)
    if len(letters) != CURRENCY_LENGTH or not letters.isascii():
        raise Unfit("expected the three letters of a currency, as CNY")
    return letters.encode()


def reference_bytes(value: object) -> bytes:
    """Return the 16 bytes of a reference."""
    raw = hex_bytes(value)
    if len(raw) != REFERENCE_LENGTH:
        raise Unfit(f"a reference has {REFERENCE_LENGTH} bytes, not {len(raw)}")
    return raw


CurrencyCode = Annotated[bytes, Parsed(currency_code)]
ReferenceBytes = Annotated[bytes, Parsed(reference_bytes)]


def quoted(views: Views, answer: object) -> Json:
    """Return a quote. Raises RpcError with the reason for a payment that would be refused."""
    if isinstance(answer, Ok):
        return views.json(payfi.Quote, answer.value)
    if isinstance(answer, Err):
        raise RpcError(REFUSED, answer.error.reason, answer.error.name)
    raise TypeError(f"{answer!r} is not a result")


class PayFiApi(Views):
    """Payments from the runtime at a block, by default the best one."""

    quote = derived(
        "payfi_quote", payfi.PayFiApi.quote, forms={"currency": CurrencyCode}, convert=quoted
    )
    merchant = derived("payfi_merchant", payfi.PayFiApi.merchant)
    payment = derived("payfi_payment", payfi.PayFiApi.payment)
    find = derived(
        "payfi_find",
        payfi.PayFiApi.by_reference,
        forms={"reference": ReferenceBytes, "currency": CurrencyCode},
    )
    queue = derived("payfi_queue", payfi.PayFiApi.queue)
    report = derived("payfi_report", payfi.PayFiApi.report)
    card = derived("payfi_card", payfi.PayFiApi.card)
    dispute = derived("payfi_dispute", payfi.PayFiApi.dispute)
    cards_of = derived("payfi_cardsOf", payfi.PayFiApi.cards_of)
    authorisations = derived("payfi_authorisations", payfi.PayFiApi.authorisations)
    policies = derived("payfi_policies", payfi.PayFiApi.policies)
    arbiters = derived("payfi_arbiters", payfi.PayFiApi.arbiters)
