"""Merchants and payments of a chain, for the commands of payments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from btt_chain.client.chain import Chain
from btt_chain.client.errors import printable
from btt_chain.client.merchants import named_merchant
from btt_chain.client.views import ViewClient, shaped
from btt_chain.daemon import lookup
from btt_chain.payments.request import MerchantView
from btt_chain.payments.till import Found
from btt_chain.present.times import date, span
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.currency import CURRENCIES, Currency, CurrencyError, currency
from btt_chain.primitives.digits import to_hex
from btt_chain.scale import u64, u128
from btt_chain.scale.portable import Plain
from cli.common.errors import Mistyped, NotFound, Refused
from runtime.pallets.payfi.api import MerchantView as StoredMerchant
from runtime.pallets.payfi.api import PayFiApi, PaymentView, Quote, Refusal
from runtime.pallets.payfi.types import Invoice, Rates

BUCKETS_PER_HOUR: Final = 6
CODE_LENGTH: Final = 3
"""Letters of a currency."""


async def registered(chain: Chain, account: bytes) -> MerchantView:
    """Return a merchant with its judged name. Raises NotFound as `merchant_record`."""
    return await named_merchant(chain, account, await merchant_record(chain, account))


async def merchant_record(chain: Chain, account: bytes) -> StoredMerchant:
    """Return a merchant. Raises NotFound if a final block shows that the account is not one."""
    who, client = AccountId(account), ViewClient(chain)
    view = await lookup(chain, lambda at: client.api(PayFiApi.merchant, who, at=at))
    if view is None:
        raise NotFound(
            f"{chain.metadata.address(account)} is not a merchant; register it with "
            "`btt-chain merchant register`"
        )
    return view


async def payment_of(chain: Chain, id: int, at: bytes | None = None) -> PaymentView | None:
    """Return a payment by its number; None if the chain has none (any more)."""
    return await ViewClient(chain).api(PayFiApi.payment, u64(id), at=at)


async def existing(chain: Chain, id: int) -> PaymentView:
    """Return a payment. NotFound if the chain has none."""
    payment = await payment_of(chain, id)
    if payment is None:
        raise NotFound(
            f"there is no payment {id}: it never existed, or was removed after 15 days of the chain"
        )
    return payment


def invoice_of(reference: bytes, unit: Currency, units: int) -> Invoice:
    """Return an invoice as the chain stores it."""
    return Invoice(reference, unit.code.encode(), u128(units))


async def invoice_paid(
    chain: Chain, merchant: bytes, invoice: Invoice, at: bytes | None = None
) -> PaymentView | None:
    """Return the payment of an invoice; None if it is not paid.

    Payments of other amounts with its reference are none of it.
    """
    return await ViewClient(chain).api(
        PayFiApi.by_reference, AccountId(merchant), invoice.reference, invoice.units,
        invoice.currency, at=at,
    )  # fmt: skip


async def paid_with(
    chain: Chain, merchant: bytes, invoice: Invoice, at: bytes | None = None
) -> Found | None:
    """Return the payment of an invoice as a till shows it; None if it is not paid."""
    view = await invoice_paid(chain, merchant, invoice, at)
    if view is None:
        return None
    payment = view.payment
    gross = int(payment.legs.gross) + int(payment.returned) + int(view.disputed)
    return Found(int(view.id), gross, payment.legs.fee, int(payment.bucket), payment.payer)


async def ensure_money(chain: Chain, account: bytes, needed: int, purpose: str) -> None:
    """Raise Refused unless an account has more free money than `purpose` needs, for the fee."""
    record = fields(await chain.storage("System.Account", to_hex(account)))
    free = number(fields(record["data"])["free"])
    if free <= needed:
        money = chain.metadata.currency
        raise Refused(
            f"{chain.metadata.address(account)} has {money.format(free)}, and {purpose} is "
            f"{money.format(needed)}, with the network's fee on top"
        )


async def quoted(chain: Chain, merchant: bytes, units: int, unit: Currency) -> Quote:
    """Return the cost and the course of a payment now. Refused if it would be refused now."""
    code = to_hex(unit.code.encode())
    answer = fields(await chain.api("PayFiApi.quote", to_hex(merchant), units, code))
    if "Ok" in answer:
        return shaped(Quote, answer["Ok"])
    refusal = shaped(Refusal, answer["Err"])
    words = f"this cannot be paid now: {refusal.name}: {refusal.reason}"
    if refusal.name.endswith("OverLimit"):
        rates, money = await rates_of(chain), chain.metadata.currency
        words += (
            f" It is {money.format(int(rates.unjudged_payment))} for a payment and "
            f"{money.format(int(rates.unjudged_day))} for a day: pay less, or have a registrar "
            "judge the merchant's identity"
        )
    raise Refused(printable(words))


async def rates_of(chain: Chain) -> Rates:
    """Return the rates of fees and the rules for merchants."""
    return shaped(Rates, await chain.storage("PayFi.Rates"))


async def bucket_ms(chain: Chain) -> int:
    """Return the length of a bucket in milliseconds."""
    return number(chain.constant("PayFi.HourMs")) // BUCKETS_PER_HOUR


async def span_of(chain: Chain, *, hours: int = 0, days: int = 0) -> str:
    """Return a time of the chain's payments as text; development chains have short hours."""
    hour_ms, day_ms = (number(chain.constant(f"PayFi.{name}Ms")) for name in ("Hour", "Day"))
    return span(hours * hour_ms + days * day_ms)


def when(time_ms: int, now_ms: int) -> str:
    """Return a time for people, with the rest until then in its largest unit."""
    text, left = date(time_ms), time_ms - now_ms
    if text == "never":
        return text
    return f"{text} (in {' '.join(span(left).split()[:2])})" if left > 0 else f"{text} (over)"


async def time_of(chain: Chain, at: bytes | None = None) -> int:
    """Return the time of a block in Unix milliseconds; 0 for block zero."""
    return number(await chain.storage("Timestamp.Now", at=at) or 0)


def amount_with_currency(text: str, default: Currency) -> tuple[u128, Currency]:
    """Return an amount with its currency: `50.00CNY`, `50 cny`, or `50.00` of the default one."""
    letters = text.strip()[-CODE_LENGTH:].upper()
    unit = CURRENCIES.get(letters, default)
    return amount_of(text, unit), unit


def amount_of(text: str, unit: Currency) -> u128:
    """Return an amount of a currency: `50.00`, or with its letters `50.00CNY`. Mistyped."""
    typed, letters = text.strip(), text.strip()[-CODE_LENGTH:].upper()
    if letters in CURRENCIES:
        if letters != unit.code:
            raise Mistyped(f"amount {text!r}: it is in {letters}, and {unit.code} is asked for")
        typed = typed[:-CODE_LENGTH].rstrip()
    try:
        units = unit.parse(typed)
    except CurrencyError as error:
        raise Mistyped(str(error)) from None
    if not units:
        raise Mistyped("the amount is zero")
    return units


def currency_named(code: str) -> Currency:
    """Return a currency by its letters. Mistyped if it is unknown."""
    try:
        return currency(code.upper())
    except CurrencyError as error:
        raise Mistyped(str(error)) from None


def priced(units: int, code: bytes) -> str:
    """Return an amount of minor units with the letters of its currency."""
    unit = currency_named(letters_of(code))
    return f"{unit.format(int(units))} {unit.code}"


def named(chain: Chain, view: MerchantView) -> str:
    """Return a merchant in a sentence: its judged name and its address, or the address alone."""
    address = chain.metadata.address(view.account)
    return f"{view.name} ({address})" if view.name else address


def fields(value: Plain) -> Mapping[str, Plain]:
    """Return the fields of a struct. Refused if the chain has another form of it."""
    if not isinstance(value, dict):
        raise Refused("the chain has payments of another form: use the release of its node")
    return value


def number(value: Plain) -> int:
    """Return a number; large ones may be text."""
    return int(str(value))


def letters_of(code: bytes) -> str:
    """Return the letters of a currency."""
    return code.decode("ascii", "replace")


def account_of(value: Plain) -> AccountId:
    """Return the account of a plain value."""
    return shaped(AccountId, value)
