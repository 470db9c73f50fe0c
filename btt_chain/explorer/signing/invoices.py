"""Paying an invoice: the request of a merchant, checked on the chain, as a call."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from btt_chain.client.amount import Currency
from btt_chain.client.chain import Chain
from btt_chain.client.errors import InvalidAnswer
from btt_chain.client.merchants import merchant_of
from btt_chain.explorer.signing.actions import MAX_FIELD, BadField, Values
from btt_chain.payments.doubts import PROTECTED, Doubt
from btt_chain.payments.errors import PaymentError
from btt_chain.payments.reference import new_reference
from btt_chain.payments.request import PaymentRequest, judge, read_request
from btt_chain.primitives.currency import BTT, CurrencyError
from btt_chain.primitives.digits import to_hex
from btt_chain.scale.portable import Plain

MARGIN_BPS: Final = 100
"""Hundredths of a percent by which the price in BTT may rise until the block."""


async def read_invoice(
    chain: Chain, given: Mapping[str, str], currency: Currency
) -> tuple[Values, list[str]]:
    """Return the payment of a request, and what is doubtful about it. Raises BadField."""
    text, typed = given.get("request", "").strip(), given.get("units", "").strip()
    if len(text) > MAX_FIELD:
        raise BadField("request: too long")
    try:
        request = read_request(text)
        merchant = await merchant_of(chain, request.merchant)
        now_ms = time.time_ns() // 1_000_000
        warnings = judge(request, merchant, chain.genesis, now_ms)
        units = _units(request, typed)
    except (PaymentError, CurrencyError) as error:
        raise BadField(f"request: {error}") from None
    if merchant is not None and merchant.is_health:
        raise BadField(
            "request: a health service is paid from an account of its own, so that payments do "
            "not show who goes there: use `btt-chain pay`"
        )
    code = "0x" + request.currency.code.encode().hex()
    reference = request.reference or new_reference()
    key: Plain = {"reference": to_hex(reference), "currency": code, "units": units}
    if await chain.storage("PayFi.References", to_hex(request.merchant), key) is not None:
        raise BadField("request: it is paid already")
    gross = await _price(chain, request.merchant, units, code)
    is_exact = request.currency.code == BTT
    most = gross if is_exact else gross + -(-gross * MARGIN_BPS // 10_000)
    plain: dict[str, Plain] = {
        "merchant": to_hex(request.merchant), "units": units, "currency": code, "max_btt": most,
        "reference": to_hex(reference),
    }  # fmt: skip
    if not is_exact:
        price = currency.format(gross)
        warnings.append(Doubt("it costs {price} at the present price", price=price))
    if merchant is not None:
        warnings.append(Doubt(PROTECTED, bond=currency.format(merchant.free_bond)))
    return Values(plain, {"request": text, "units": typed}), warnings


def _units(request: PaymentRequest, typed: str) -> int:
    """Return the minor units to pay. Raises BadField, CurrencyError."""
    asked = None if request.units is None else int(request.units)
    units = asked if not typed else int(request.currency.parse(typed))
    if units is None:
        raise BadField("units: the request leaves the amount to you")
    if asked is not None and units != asked:
        amount = f"{request.currency.format(asked)} {request.currency.code}"
        raise BadField(f"units: the request is for {amount}")
    return units


async def _price(chain: Chain, merchant: bytes, units: int, code: str) -> int:
    """Return the price of a payment now, in planck. Raises BadField if it would be refused."""
    match await chain.api("PayFiApi.quote", to_hex(merchant), units, code):
        case {"Ok": {"gross": int(gross)}}:
            return gross
        case {"Err": {"reason": str(reason)}}:
            raise BadField(f"request: it cannot be paid now: {reason}")
    raise InvalidAnswer("the chain's answer is not a price of a payment")
