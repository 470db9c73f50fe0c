"""The page of a merchant: its terms, its business and its disputes. It never names a payer."""

from __future__ import annotations

from typing import Final

from btt_chain.explorer import apis
from btt_chain.explorer.apis import Record
from btt_chain.explorer.context import Context, NodeGone
from btt_chain.explorer.pages.forms import (
    PAGE,
    Fields,
    Json,
    NoSuchPage,
    account_json,
    account_of,
)
from btt_chain.payments.request import HEALTH
from btt_chain.present.visible import shown

BPS: Final = 100
"""Hundredths of a percent, in millionths."""
MERCHANT_STATES: Final = {
    "Active": "accepts payments", "Suspended": "suspended, accepts no payments",
    "Closing": "closing, accepts no payments",
}  # fmt: skip
CAUSES: Final = {
    "Governance": "by a decision of governance", "Disputes": "too many lost disputes",
    "Bond": "too little bond",
}  # fmt: skip


async def merchant_page(context: Context, text: str) -> Fields:
    """Return a merchant as the chain shows it to payers."""
    key = account_of(context.data, text)
    address = context.data.address(key)
    missing = f"{address} is not a merchant."
    found = await apis.find(context, "PayFiApi.merchant", address, missing=missing)
    merchant = apis.record(found.get("merchant"))
    return {
        "account": account_json(context.data, key),
        "address": address,
        "at": context.index.final()[0],
        **_terms(merchant),
        "isJudged": found.get("judged") is True,
        "rate": apis.number(found, "standard") * BPS,
        "volume": str(apis.number(found, "volume")),
        "fullVolume": str(apis.number(found, "full_volume")),
        "payments": apis.number(found, "payments"),
        "lost": apis.number(found, "lost"),
        "protected": str(apis.number(found, "protected")),
    }


async def hides_payers(context: Context, account: bytes) -> bool:
    """Return True if an account is a merchant of health services.

    Transactions of others that name it are then not listed: they would be a list of its payers.
    False while the node does not answer.
    """
    try:
        found = await apis.stored(context, "PayFi.Merchants", context.data.address(account))
    except (NoSuchPage, NodeGone):
        return False
    return isinstance(found, dict) and found.get("category") in HEALTH


def _terms(merchant: Record) -> Fields:
    state = merchant.get("state")
    return {
        "category": apis.number(merchant, "category"),
        "currency": shown(apis.words(merchant.get("currency"))),
        "bond": str(apis.number(merchant, "bond")),
        "disputes": apis.number(merchant, "disputes"),
        "tills": len(apis.items(merchant.get("till_keys"))),
        "meta": apis.text(merchant, "meta"),
        "state": apis.text(merchant, "state"),
        "cause": _cause(state.get("Suspended") if isinstance(state, dict) else None),
    }


def _cause(value: object) -> Json:
    if isinstance(value, dict):
        value = value.get("cause")
    return value if isinstance(value, str) else None


async def merchants(context: Context, after: str | None) -> Fields:
    """Return a page of merchants with their states, in the order of the state; no payers."""
    begin = None if not after else [context.data.address(account_of(context.data, after))]
    rows = await apis.entries(context, "PayFi.Merchants", after=begin, limit=PAGE + 1)
    found: list[Json] = []
    account: bytes | None = None
    for key, value in rows[:PAGE]:
        account = apis.account(context, key[0] if key else None)
        merchant = apis.record(value)
        found.append(
            {
                "account": account_json(context.data, account),
                "category": apis.number(merchant, "category"),
                "state": apis.text(merchant, "state"),
            }
        )
    last = account if len(rows) > PAGE else None
    return {"merchants": found, "next": None if last is None else context.data.address(last)}
