"""Merchants of a chain with their judged names, as payers see them."""

from __future__ import annotations

from typing import Final

from btt_chain.client.chain import Chain
from btt_chain.client.views import ViewClient, shaped
from btt_chain.payments.request import MerchantView
from btt_chain.payments.words import made_visible
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digits import from_hex, to_hex
from btt_chain.scale.portable import Plain
from runtime.pallets.identity.types import Erroneous, KnownGood, LowQuality, Reasonable
from runtime.pallets.payfi.api import MerchantView as StoredMerchant
from runtime.pallets.payfi.api import PayFiApi
from runtime.pallets.payfi.types import MerchantActive

GOOD: Final = {Reasonable.NAME, KnownGood.NAME}
BAD: Final = {LowQuality.NAME, Erroneous.NAME}


async def merchant_of(chain: Chain, account: bytes) -> MerchantView | None:
    """Return a merchant with its judged name; None if the account is not a merchant."""
    view = await ViewClient(chain).api(PayFiApi.merchant, AccountId(account))
    return None if view is None else await named_merchant(chain, account, view)


async def named_merchant(chain: Chain, account: bytes, view: StoredMerchant) -> MerchantView:
    """Return a stored merchant with its judged name."""
    merchant = view.merchant
    return MerchantView(
        account=AccountId(account),
        category=int(merchant.category),
        currency=merchant.currency.decode("ascii", "replace"),
        tills=tuple(merchant.till_keys),
        free_bond=int(view.protected),
        is_active=isinstance(merchant.state, MerchantActive),
        name=await judged_name(chain, account) if view.judged else None,
    )


async def judged_name(chain: Chain, account: bytes) -> str | None:
    """Return the display name of an account that a registrar judged good; None if none did.

    The account of a sub-identity has the name of the parent that it agreed to.
    """
    name = await _own_name(chain, account)
    agreed = chain.storage_key("Identity.Agreed", to_hex(account))
    if name is not None or await chain.storage_bytes(agreed) is None:
        return name
    parent = await chain.storage("Identity.SuperOf", to_hex(account))
    return (
        await _own_name(chain, shaped(AccountId, parent[0])) if isinstance(parent, list) else None
    )


async def _own_name(chain: Chain, account: bytes) -> str | None:
    identity = await chain.storage("Identity.IdentityOf", to_hex(account))
    if isinstance(identity, list):
        identity = identity[0]
    match identity:
        case {"judgements": list(judgements), "info": {"display": display}}:
            verdicts = [row[1] for row in judgements if isinstance(row, list)]
            words = {str(next(iter(v)) if isinstance(v, dict) else v) for v in verdicts}
            return shown_name(display) if words & GOOD and not words & BAD else None
    return None


def shown_name(datum: Plain) -> str:
    """Return the text of an identity's field, without characters that could mislead."""
    raw = next(iter(datum.values())) if isinstance(datum, dict) else None
    if isinstance(raw, list) and raw:
        raw = raw[0]
    if not isinstance(raw, str):
        return ""
    text = from_hex(raw).decode("utf-8", "replace") if raw.startswith("0x") else raw
    return made_visible(text)
