"""Signing in the explorer's pages, in a browser: development keys, wallets, hostile servers."""

from __future__ import annotations

import asyncio

import pytest

from btt_chain.client.chain import Chain
from btt_chain.crypto.keypair import KeyPair
from compat.client import ClientRun, browser_script, report
from support.explorer import explorer_process
from support.instant_node import instant_node

pytestmark = [pytest.mark.compat, pytest.mark.full]


async def open_a_referendum(url: str) -> None:
    async with Chain.connect(url) as chain:
        propose = chain.compose(
            "Referenda.submit",
            proposal_origin={"system": "Root"},
            proposal={"Inline": "0x" + b"\0\0\0".hex()},
            enactment_moment={"After": 0},
        )
        await chain.transactions.send(propose, KeyPair.from_uri("//Alice"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ClientRun:
    script = browser_script("explorer_signing")
    folder = tmp_path_factory.mktemp("signing")
    with instant_node(folder / "node") as url:
        asyncio.run(open_a_referendum(url))
        with explorer_process(url, folder / "index") as (_, address):
            return script.on(address).run([])


def test_transactions_are_signed_in_a_browser(run: ClientRun, subtests: pytest.Subtests) -> None:
    report(run, subtests, least=10)
