"""signing_status: what the node's session keys may do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
from aiohttp import ClientSession

from btt_chain.keystore import BABE, GRANDPA
from btt_chain.keystore.states import KeyState, State
from btt_chain.rpc.access import MethodPolicy
from btt_chain.rpc.registry import Registry
from btt_chain.rpc.server import RpcConfig, RpcServer
from btt_chain.rpc.signing import SigningApi
from support.rpc_client import CallFailed, HttpClient

WHY = "another node voted in round 9 of set 3 with it"


class TwoKeys:
    """A signer with a key that signs and one that is barred."""

    def states(self) -> Sequence[KeyState]:
        return [
            KeyState(b"\1" * 32, BABE, State.SIGNS),
            KeyState(b"\2" * 32, GRANDPA, State.BARRED, WHY),
        ]


async def served(policy: MethodPolicy) -> AsyncIterator[HttpClient]:
    registry = Registry()
    registry.add(SigningApi(TwoKeys()))
    server = RpcServer(registry, RpcConfig(port=0, methods=policy))
    await server.start()
    async with ClientSession() as session:
        yield HttpClient(session, server.port)
    await server.stop()


async def test_each_key_is_returned_with_what_it_may_do_and_why_not() -> None:
    async for client in served(MethodPolicy.AUTO):
        assert await client.call("signing_status") == [
            {"publicKey": "0x" + "01" * 32, "type": "babe", "state": "signs", "why": "",
             "until": None},
            {"publicKey": "0x" + "02" * 32, "type": "gran", "state": "barred", "why": WHY,
             "until": None},
        ]  # fmt: skip


async def test_external_callers_cannot_read_which_keys_a_node_has() -> None:
    async for client in served(MethodPolicy.SAFE):
        with pytest.raises(CallFailed):
            await client.call("signing_status")
