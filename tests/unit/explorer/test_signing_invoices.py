"""Invoices of merchants, paid from the explorer's pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from btt_chain.client.chain import Chain
from btt_chain.explorer.language import language
from btt_chain.explorer.signing.actions import PAY, BadField
from btt_chain.explorer.signing.driver import POOR
from btt_chain.explorer.signing.invoices import read_invoice
from btt_chain.explorer.signing.routes import warning
from btt_chain.explorer.signing.sentences import Sentences
from btt_chain.payments.doubts import Doubt
from btt_chain.primitives import ss58
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u16, u128
from runtime import BttRuntime
from runtime.constants import BTT
from runtime.pallets.payfi.types import Cause, Merchant, MerchantActive, MerchantSuspended
from support.chain import ALICE, BOB, CHARLIE, DAVE, DevChain, account
from support.explorer import ChainConnection

SHOP, SUSPENDED, CLINIC = (ss58.encode(pair.account_id) for pair in (BOB, CHARLIE, DAVE))
SHOWN = Merchant(
    u16(5912), b"BTT", u8(0), None, u128(700 * BTT), [], H256(bytes(32)), MerchantActive()
)


def register(runtime: BttRuntime) -> None:
    merchants = runtime.payfi.merchants.merchants
    merchants[account(BOB)] = SHOWN
    merchants[account(CHARLIE)] = replace(SHOWN, state=MerchantSuspended(Cause.Disputes))
    merchants[account(DAVE)] = replace(SHOWN, category=u16(8011))


@pytest_asyncio.fixture
async def chain() -> AsyncIterator[Chain]:
    made = DevChain(shared=True, prepare=register)
    made.seal()
    yield await Chain.open(ChainConnection(made))


async def test_a_request_becomes_a_payment_with_a_sentence(chain: Chain) -> None:
    currency = chain.metadata.currency
    values, warnings = await read_invoice(chain, {"request": f"btt:{SHOP}?amount=2.5"}, currency)
    call = chain.compose(PAY.call, **PAY.arguments(values.plain)).raw
    said = Sentences(currency, language("en")).of(chain.metadata.decoder.call(call))
    assert said == f"Pay the merchant {SHOP} 2.5 BTT, at most 2.5 BTT."
    assert any("no registrar" in each for each in warnings)
    assert warnings[-1].startswith("protected up to 700 BTT")
    assert PAY.command(values.typed) == ["pay", f"btt:{SHOP}?amount=2.5"]


async def test_a_request_without_an_amount_takes_the_payers(chain: Chain) -> None:
    given = {"request": f"btt:{SHOP}", "units": "3"}
    values, _ = await read_invoice(chain, given, chain.metadata.currency)
    assert values.plain["units"] == 3 * int(BTT)
    assert PAY.command(values.typed)[-2:] == ["--amount", "3"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"request": f"btt:{SHOP}"}, "leaves the amount to you"),
        ({"request": f"btt:{SHOP}?amount=2", "units": "3"}, "is for 2 BTT"),
        ({"request": f"btt:{SHOP}?amount=2&currency=EUR"}, "accepts BTT"),
        ({"request": f"btt:{SUSPENDED}?amount=2"}, "suspended"),
        ({"request": f"btt:{CLINIC}?amount=2"}, "account of its own"),
        ({"request": f"btt:{ss58.encode(ALICE.account_id)}?amount=2"}, "not a registered merchant"),
        ({"request": f"btt:{SHOP}?amount=0"}, "request: "),
        ({"request": f"btt:{SHOP}?amount=2&exp=1000"}, "expired"),
        ({"request": f"btt:{SHOP}?amount=2&net=00000000"}, "for the chain"),
        ({}, "not a payment request"),
    ],
)
async def test_a_request_that_must_not_be_paid_is_refused(
    chain: Chain, given: dict[str, str], words: str
) -> None:
    with pytest.raises(BadField, match=words):
        await read_invoice(chain, given, chain.metadata.currency)


def test_the_warnings_of_a_request_are_said_in_chinese() -> None:
    chinese, english = language("zh"), language("en")
    parts = {"claimed": "'A'", "judged": "'B {x}'"}
    doubt = Doubt("the request claims the name {claimed}; the judged one is {judged}", **parts)
    assert doubt == "the request claims the name 'A'; the judged one is 'B {x}'"
    assert warning(english, doubt) == (
        "The request claims the name 'A'; the judged one is 'B {x}'."
    )
    assert warning(chinese, doubt) == "请求自称 'A'，经审核的名称是 'B {x}'。"
    plain = Doubt("the request is not signed: it may not come from the merchant")
    assert warning(chinese, plain).startswith("该请求没有签名")
    assert warning(english, POOR) == POOR
