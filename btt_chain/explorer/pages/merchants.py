"""The page of a merchant: its terms, its business and its disputes. It never names a payer."""

from __future__ import annotations

from typing import Annotated, Final, TypedDict

from btt_chain.explorer import apis
from btt_chain.explorer.context import Context, NodeGone
from btt_chain.explorer.pages.forms import PAGE, NoSuchPage, account_of
from btt_chain.payments.request import HEALTH
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.meaning import FLAT, Flat
from runtime.pallets.payfi.api import MerchantView, PayFiApi
from runtime.pallets.payfi.types import Merchant, MerchantSuspended

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


class MerchantPage(TypedDict):
    """A merchant as the chain shows it to payers; the rate in millionths."""

    merchant: Annotated[MerchantView, Flat(("merchant",))]
    account: AccountId
    address: str
    at: int
    state: str
    cause: str | None
    tills: int
    isJudged: bool
    rate: int


class MerchantRow(TypedDict):
    """A merchant of a list."""

    merchant: Annotated[Merchant, FLAT]
    account: AccountId
    state: str


class MerchantList(TypedDict):
    """A page of merchants."""

    merchants: list[MerchantRow]
    next: str | None


async def merchant_page(context: Context, text: str) -> MerchantPage:
    """Return a merchant as the chain shows it to payers."""
    key = account_of(context.data, text)
    address = context.data.address(key)
    missing = f"{address} is not a merchant."
    view = await apis.find(context, PayFiApi.merchant, key, missing=missing)
    state = view.merchant.state
    return {
        "merchant": view,
        "account": key,
        "address": address,
        "at": context.index.final()[0],
        "state": state.NAME,
        "cause": state.cause.name if isinstance(state, MerchantSuspended) else None,
        "tills": len(view.merchant.till_keys),
        "isJudged": view.judged,
        "rate": int(view.standard) * BPS,
    }


async def hides_payers(context: Context, account: bytes) -> bool:
    """Return True if an account is a merchant of health services.

    Transactions of others that name it are then not listed: they would be a list of its payers.
    False while the node does not answer.
    """
    try:
        merchant = await apis.stored(
            context, Merchant, "PayFi.Merchants", context.data.address(account)
        )
    except (NoSuchPage, NodeGone):
        return False
    return merchant is not None and int(merchant.category) in HEALTH


async def merchants(context: Context, after: str | None) -> MerchantList:
    """Return a page of merchants with their states, in the order of the state; no payers."""
    begin = None if not after else [context.data.address(account_of(context.data, after))]
    entries = await apis.entries(context, Merchant, "PayFi.Merchants", after=begin, limit=PAGE + 1)
    rows: list[MerchantRow] = [
        {"merchant": merchant, "account": apis.account(key), "state": merchant.state.NAME}
        for key, merchant in entries
    ]
    last = rows[PAGE - 1]["account"] if len(rows) > PAGE else None
    return {
        "merchants": rows[:PAGE],
        "next": None if last is None else context.data.address(last),
    }
