"""P16: the explorer gives each payment URI of the table the verdict of the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from btt_chain.client.chain import Chain
from btt_chain.explorer.signing.actions import MAX_FIELD, BadField
from btt_chain.explorer.signing.invoices import read_invoice
from support.chain import DevChain
from support.explorer import ChainConnection
from support.requests import CASES, verdict

READ = ("is not a registered merchant", "has expired", "is for the chain")
"""Words about a text that was read: the chain of the test has no merchant."""


@pytest_asyncio.fixture
async def chain() -> AsyncIterator[Chain]:
    made = DevChain(shared=True)
    made.seal()
    yield await Chain.open(ChainConnection(made))


async def test_the_explorer_gives_the_verdict_of_the_command_line(chain: Chain) -> None:
    differing = []
    for text, reason in CASES:
        said = ""
        try:
            await read_invoice(chain, {"request": text}, chain.metadata.currency)
        except BadField as error:
            said = str(error)
        if reason is None:
            right = said.startswith("request: ") and any(words in said for words in READ)
        elif len(text.strip()) > MAX_FIELD:
            right = said == "request: too long"
        else:
            right = said == f"request: {verdict(text)}"
        if not right:
            differing.append((text, reason, said))
    assert differing == []
