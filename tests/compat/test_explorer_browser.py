"""The explorer's pages in a real browser: width, accessibility, keyboard, hostile texts, news."""

from __future__ import annotations

import asyncio

import pytest

from btt_chain.client.chain import Chain
from btt_chain.client.errors import DispatchFailed
from btt_chain.crypto.keypair import KeyPair
from btt_chain.scale.portable import Plain
from compat.client import ClientRun, browser_script, report
from support.explorer import explorer_process
from support.instant_node import instant_node

pytestmark = pytest.mark.compat

HOSTILE = "<script>globalThis.hacked = 1; alert(1)</script>\u202e" + "W" * 900


async def make_blocks(url: str) -> None:
    alice, bob = KeyPair.from_uri("//Alice"), KeyPair.from_uri("//Bob")
    async with Chain.connect(url) as chain:
        pay = chain.compose("Balances.transfer_keep_alive", dest="//Bob", value=5 * 10**18)
        await chain.transactions.send(pay, alice)
        text = "0x" + HOSTILE.encode().hex()
        remark = chain.compose("System.remark_with_event", remark=text)
        await chain.transactions.send(remark, alice)
        burn = chain.compose("Balances.burn", value=10**30, keep_alive=True)
        with pytest.raises(DispatchFailed):
            await chain.transactions.send(burn, bob)
        propose = chain.compose(
            "Referenda.submit",
            proposal_origin={"system": "Root"},
            proposal={"Inline": "0x" + b"\0\0\0".hex()},
            enactment_moment={"After": 0},
        )
        await chain.transactions.send(propose, alice)
        choice: Plain = {"Standard": {"vote": 0x80, "balance": 20_000 * 10**18}}
        vote = chain.compose("ConvictionVoting.vote", poll_index=0, vote=choice)
        await chain.transactions.send(vote, bob)


@pytest.fixture(scope="module", params=["some", pytest.param("all", marks=pytest.mark.full)])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ClientRun:
    """Visit some pages, or all."""
    script = browser_script("explorer")
    folder = tmp_path_factory.mktemp("browser")
    with instant_node(folder / "node") as url:
        asyncio.run(make_blocks(url))
        with explorer_process(url, folder / "index") as (_, address):
            return script.on(address, url.replace("ws://", "http://"), request.param).run([])


def test_the_pages_are_good_in_a_browser(run: ClientRun, subtests: pytest.Subtests) -> None:
    report(run, subtests, least=7)
