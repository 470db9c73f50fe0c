"""Dry runs: a node gets nothing that it could send, whatever it says of itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast
from unittest.mock import AsyncMock

import pytest

from btt_chain.client.chain import Chain
from btt_chain.client.transactions import Call, Effects
from cli.common.errors import Refused
from cli.common.trying import NO_API, Trial, signed_by, tried

WIRE, CALL, SIGNER = b"signed", Call(b"call"), b"\x01" * 32


def node(effects: Effects | None) -> tuple[Chain, AsyncMock]:
    """Return a chain that can try no transactions; calls have these effects, if any."""
    calls = AsyncMock(return_value=effects)
    transactions = SimpleNamespace(simulate=AsyncMock(return_value=None), simulate_call=calls)
    return cast("Chain", SimpleNamespace(transactions=transactions)), calls


@pytest.mark.parametrize("error", [None, "Token.FundsUnavailable"])
async def test_a_dry_run_on_a_chain_that_tries_no_transactions_tries_the_call(
    error: str | None,
) -> None:
    effects = Effects(error, None, 5, ())
    chain, calls = node(effects)
    assert await tried(chain, WIRE, CALL, SIGNER, is_dry_run=True) == Trial(effects, error)
    calls.assert_awaited_once_with(signed_by(SIGNER), CALL)


async def test_a_node_that_denies_the_api_gets_no_signed_transaction_by_a_dry_run() -> None:
    chain, _ = node(None)
    with pytest.raises(Refused, match="no node gets one that is signed"):
        await tried(chain, WIRE, CALL, SIGNER, is_dry_run=True)


async def test_a_call_that_is_sent_is_untried_on_such_a_chain() -> None:
    chain, calls = node(None)
    assert await tried(chain, WIRE, CALL, SIGNER, is_dry_run=False) == Trial(None, None, NO_API)
    calls.assert_not_awaited()
