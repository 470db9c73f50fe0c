"""No page or file of a health service lists the accounts that paid it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient

from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives import ss58
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u16, u128
from runtime import BttRuntime
from runtime.constants import BTT
from runtime.frame import ROOT, signed
from runtime.pallets.payfi.types import Rates
from support.chain import ALICE, BOB, CHARLIE, DevChain, account, address
from support.explorer import ChainConnection, index_chain, pages_of

Client = TestClient[web.Request, web.Application]

CLINIC, SHOP, PAYER = ALICE, CHARLIE, BOB
PAGES = ("/account/{}", "/account/{}.json", "/export/history.csv?account={}",
         "/export/history.ndjson?account={}")  # fmt: skip
"""Pages and files about an account."""


def register(runtime: BttRuntime) -> None:
    """Register a clinic and a shop."""
    runtime.payfi.set_rates(ROOT, Rates(bond=100 * BTT))
    for pair, category in ((CLINIC, 8_011), (SHOP, 5_912)):
        runtime.payfi.register(signed(account(pair)), u16(category), b"BTT", u8(0), H256(bytes(32)))


def pay(chain: DevChain, merchant: KeyPair) -> None:
    """Let the payer pay a merchant in a block."""
    call = chain.call(
        "PayFi", "pay", merchant=address(merchant), units=BTT, currency=b"BTT", max_btt=BTT,
        reference=merchant.account_id[:16], memo=None,
    )  # fmt: skip
    chain.run(PAYER, call)


@pytest.fixture
def chain() -> DevChain:
    """A chain with a payment to each merchant, and a transfer of the clinic."""
    made = DevChain(economy={}, prepare=register)
    for merchant in (CLINIC, SHOP):
        pay(made, merchant)
    gift = made.call("Balances", "transfer_keep_alive", dest=address(SHOP), value=u128(BTT))
    made.run(CLINIC, gift)
    return made


@pytest_asyncio.fixture
async def client(chain: DevChain, tmp_path: Path) -> AsyncIterator[Client]:
    connection = ChainConnection(chain)
    await index_chain(connection, tmp_path / "index.db")
    async with pages_of(connection, tmp_path / "index.db", burst=1e9) as (made, _):
        yield made


async def shown(client: Client, path: str, of: KeyPair) -> str:
    answer = await client.get(path.format(ss58.encode(of.account_id)))
    assert answer.status == 200
    return (await answer.text()).replace("<wbr>", "")


@pytest.mark.parametrize("path", PAGES)
async def test_transactions_that_would_name_payers_are_not_listed_of_a_health_service(
    client: Client, path: str
) -> None:
    payer = ss58.encode(PAYER.account_id)
    of_clinic, of_shop = [await shown(client, path, each) for each in (CLINIC, SHOP)]
    assert "PayFi.pay" not in of_clinic
    assert payer not in of_clinic
    assert "Balances.transfer_keep_alive" in of_clinic, "its own transactions are"
    assert "PayFi.pay" in of_shop
    assert (payer in of_shop) == ("account={}" in path or path.endswith(".json"))


async def test_the_page_says_that_the_history_is_not_whole(client: Client) -> None:
    words = "they would name the payers of a health service"
    assert words in await shown(client, PAGES[0], CLINIC)
    assert words not in await shown(client, PAGES[0], SHOP)
    assert words not in await shown(client, PAGES[0], PAYER)
    assert "PayFi.pay" in await shown(client, PAGES[0], PAYER)
