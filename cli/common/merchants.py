"""Merchants and payments of a chain, read by its metadata, for the commands of payments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from btt_chain.client.errors import printable
from btt_chain.daemon import lookup
from btt_chain.payments.request import MerchantView
from btt_chain.payments.statement.entries import moment
from btt_chain.payments.till import Found
from btt_chain.payments.words import made_visible
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.currency import CURRENCIES, Currency, CurrencyError, currency
from btt_chain.scale import u128
from cli.common.errors import Mistyped, NotFound, Refused

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain
    from btt_chain.scale.portable import Plain

BUCKETS_PER_HOUR = 6
CODE_LENGTH = 3
"""Letters of a currency."""
_HOUR_S = 3_600
_UNITS = ((24 * _HOUR_S, "day", 7 * 24 * _HOUR_S), (_HOUR_S, "hour", _HOUR_S), (60, "minute", 60))
"""Units of time in seconds, with the shortest time that is said in them."""
_SMALL = frozenset(
    ("category", "plan", "policy", "disputes", "round", "asked", "auths", "categories")
)
"""Fields of at most 32 bits in the chain's records."""
GOOD = ("Reasonable", "KnownGood")
BAD = ("LowQuality", "Erroneous")


@dataclass(frozen=True, slots=True)
class PaymentView:
    """A payment as the chain has it."""

    id: int
    payer: bytes
    merchant: bytes
    reference: bytes
    currency: str
    units: int
    gross: int
    """Planck that settle or settled, the fee included."""
    fee: int
    bucket: int
    paid_ms: int
    returned: int
    refunded: int
    state: str
    """Pending, Disputed, Settled or Returned."""
    disputed: int = 0
    """Planck that an open dispute took out of what settles."""

    @property
    def amount(self) -> str:
        """Amount of the invoice with its currency."""
        return f"{currency(self.currency).format(self.units)} {self.currency}"


@dataclass(frozen=True, slots=True)
class InvoiceKey:
    """An invoice as the chain stores it: a reference with its amount."""

    reference: bytes
    currency: Currency
    units: int


@dataclass(frozen=True, slots=True)
class Quote:
    """The cost and the course of a payment if it were made now."""

    gross: int
    """Planck that the payer pays."""
    fee: int
    """Planck of it that the merchant pays as a fee."""
    net: int
    due_ms: int
    """Earliest time of its settlement."""
    latest_ms: int


async def merchant_of(chain: Chain, account: bytes, at: bytes | None = None) -> MerchantView | None:
    """Return a merchant with its judged name; None if the account is none."""
    record = await chain.storage("PayFi.Merchants", _hex(account), at=at)
    if record is None:
        return None
    found = fields(record)
    tills = found["till_keys"]
    return MerchantView(
        account=AccountId(account),
        category=number(found["category"]),
        currency=code_of(found["currency"]),
        tills=tuple(map(account_of, tills if isinstance(tills, list) else [])),
        free_bond=number(found["bond"]) - number(found["reserved"]),
        is_active=variant(found["state"]) == "Active",
        name=await judged_name(chain, account, at),
    )


async def registered(chain: Chain, account: bytes) -> MerchantView:
    """Return a merchant. Raises NotFound if a final block shows that the account is not one."""
    found = await lookup(chain, lambda at: merchant_of(chain, account, at))
    if found is None:
        raise NotFound(
            f"{chain.metadata.address(account)} is not a merchant; register it with "
            "`btt-chain merchant register`"
        )
    return found


async def judged_name(chain: Chain, account: bytes, at: bytes | None = None) -> str | None:
    """Return the display name of an account that a registrar judged good; None if none did.

    The account of a sub-identity has the name of the parent that it agreed to.
    """
    name = await _own_name(chain, account, at)
    agreed = chain.storage_key("Identity.Agreed", _hex(account))
    if name is not None or await chain.storage_bytes(agreed, at) is None:
        return name
    parent = await chain.storage("Identity.SuperOf", _hex(account), at=at)
    if not isinstance(parent, list):
        return None
    return await _own_name(chain, account_of(parent[0]), at)


async def _own_name(chain: Chain, account: bytes, at: bytes | None) -> str | None:
    record = await chain.storage("Identity.IdentityOf", _hex(account), at=at)
    if isinstance(record, list):
        record = record[0]
    if not isinstance(record, dict):
        return None
    judgements = record["judgements"]
    words = {
        variant(each[1])
        for each in (judgements if isinstance(judgements, list) else [])
        if isinstance(each, list)
    }
    if not words & set(GOOD) or words & set(BAD):
        return None
    return shown_name(fields(record["info"])["display"])


def shown_name(datum: Plain) -> str:
    """Return the text of an identity's field, without characters that could mislead."""
    if not isinstance(datum, dict):
        return ""
    raw = next(iter(datum.values()))
    if isinstance(raw, list) and raw:
        raw = raw[0]
    if not isinstance(raw, str):
        return ""
    text = bytes.fromhex(raw[2:]).decode("utf-8", "replace") if raw.startswith("0x") else raw
    return made_visible(text)


async def payment_of(chain: Chain, id: int, at: bytes | None = None) -> PaymentView | None:
    """Return a payment by its number; None if the chain has none (any more)."""
    record = await chain.storage("PayFi.Payments", id, at=at)
    if record is None:
        return None
    found = fields(record)
    legs = fields(found["legs"])
    view = PaymentView(
        id=id,
        payer=account_of(found["payer"]),
        merchant=account_of(found["merchant"]),
        reference=bytes.fromhex(str(found["reference"])[2:]),
        currency=code_of(found["currency"]),
        units=number(found["units"]),
        gross=number(legs["gross"]),
        fee=sum(number(legs[name]) for name in ("burn", "development", "foundation", "reserve")),
        bucket=number(found["bucket"]),
        paid_ms=number(found["paid_ms"]),
        returned=number(found["returned"]),
        refunded=number(found["refunded"]),
        state=variant(found["state"]),
    )
    if view.state == "Disputed":
        return replace(view, disputed=await _disputed(chain, id, at))
    if view.state != "Pending":
        return view
    batch = await chain.storage("PayFi.Batches", view.bucket, _hex(view.merchant), at=at)
    if batch is not None:
        return view
    # A batch settles without touching its payments.
    return replace(view, state="Settled")


async def _disputed(chain: Chain, id: int, at: bytes | None) -> int:
    """Return the amount that an open dispute took out of a payment; zero after its settlement."""
    dispute = await chain.storage("PayFi.Disputes", id, at=at)
    if dispute is None:
        return 0
    found = fields(dispute)
    return 0 if found["late"] else number(found["amount"])


async def ensure_money(chain: Chain, account: bytes, needed: int, what: str) -> None:
    """Raise Refused unless an account has more free money than `what` needs, for the fee."""
    record = fields(await chain.storage("System.Account", _hex(account)))
    free = number(fields(record["data"])["free"])
    if free <= needed:
        money = chain.metadata.currency
        raise Refused(
            f"{chain.metadata.address(account)} has {money.format(free)}, and {what} is "
            f"{money.format(needed)}, with the network's fee on top"
        )


async def existing(chain: Chain, id: int) -> PaymentView:
    """Return a payment. NotFound if the chain has none."""
    found = await payment_of(chain, id)
    if found is None:
        raise NotFound(
            f"there is no payment {id}: it never existed, or was removed after 15 days of the chain"
        )
    return found


async def paid_with(
    chain: Chain, merchant: bytes, invoice: InvoiceKey, at: bytes | None = None
) -> Found | None:
    """Return the payment of an invoice; None if it is not paid.

    Payments of other amounts with its reference are none of it.
    """
    key: Plain = {
        "reference": _hex(invoice.reference), "currency": _hex(invoice.currency.code.encode()),
        "units": invoice.units,
    }  # fmt: skip
    id = await chain.storage("PayFi.References", _hex(merchant), key, at=at)
    if id is None:
        return None
    view = await payment_of(chain, number(id), at)
    if view is None:
        return None
    return Found(
        view.id, view.gross + view.returned + view.disputed, view.fee, view.bucket, view.payer
    )


async def quoted(chain: Chain, merchant: bytes, units: int, unit: Currency) -> Quote:
    """Return the cost and the course of a payment now. Refused if it would be refused now."""
    code = "0x" + unit.code.encode().hex()
    answer = fields(await chain.api("PayFiApi.quote", _hex(merchant), units, code))
    if "Ok" not in answer:
        refusal = fields(answer["Err"])
        words = f"this cannot be paid now: {refusal['name']!s}: {refusal['reason']!s}"
        if str(refusal["name"]).endswith("OverLimit"):
            words = f"{words} {await _limits(chain)}"
        raise Refused(printable(words))
    found = fields(answer["Ok"])
    return Quote(*(number(found[name]) for name in ("gross", "fee", "net", "due_ms", "latest_ms")))


async def _limits(chain: Chain) -> str:
    """Return the limits of merchants without a judged identity, in words."""
    rates, money = fields(await chain.storage("PayFi.Rates")), chain.metadata.currency
    payment, day = (number(rates[f"unjudged_{name}"]) for name in ("payment", "day"))
    return (
        f"It is {money.format(payment)} for a payment and {money.format(day)} for a day: pay less, "
        "or have a registrar judge the merchant's identity"
    )


async def bucket_ms(chain: Chain) -> int:
    """Return the length of a bucket in milliseconds."""
    return number(chain.constant("PayFi.HourMs")) // BUCKETS_PER_HOUR


async def span_of(chain: Chain, *, hours: int = 0, days: int = 0) -> str:
    """Return a time of the chain's payments in words; development chains have short hours."""
    hour_ms, day_ms = (number(chain.constant(f"PayFi.{name}Ms")) for name in ("Hour", "Day"))
    return in_words(hours * hour_ms + days * day_ms)


def in_words(span_ms: int) -> str:
    """Return a time in words: `14 days`, `72 hours`, `36 minutes`.

    The unit is the largest that says it exactly; days are said from a week on.
    """
    seconds = -(-span_ms // 1_000)
    for length, name, least in _UNITS:
        if seconds % length == 0 and seconds >= least:
            count = seconds // length
            return f"{count:_} {name}{'' if count == 1 else 's'}"
    return f"{seconds:_} seconds"


def when(time_ms: int, now_ms: int) -> str:
    """Return a time for people, with what is left until then; `never` beyond the calendar."""
    try:
        text = moment(time_ms).strftime("%Y-%m-%d %H:%M:%S UTC")
    except OverflowError:
        return "never"
    left = time_ms - now_ms
    if left <= 0:
        return f"{text} (over)"
    length, name = next(
        ((length, name) for length, name, _ in _UNITS if left >= 2_000 * length), (1, "second")
    )
    count = left // (1_000 * length)
    return f"{text} (in {count:_} {name}{'' if count == 1 else 's'})"


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


def exact(value: Plain, name: str = "") -> Plain:
    """Return a record for JSON: numbers of more than 32 bits are text, which no reader rounds."""
    if isinstance(value, dict):
        return {key: exact(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [exact(each, name) for each in value]
    is_large = isinstance(value, int) and not isinstance(value, bool) and name not in _SMALL
    return str(value) if is_large else value


def variant(value: Plain) -> str:
    """Return the name of an enum's variant."""
    return str(next(iter(value)) if isinstance(value, dict) else value)


def code_of(value: Plain) -> str:
    """Return the letters of a currency."""
    return bytes.fromhex(str(value).removeprefix("0x")).decode("ascii", "replace")


def account_of(value: Plain) -> bytes:
    """Return the 32 bytes of an account."""
    text = str(value)
    return bytes.fromhex(text[2:]) if text.startswith("0x") else ss58.decode(text)[0]


def _hex(raw: bytes) -> str:
    return "0x" + bytes(raw).hex()
