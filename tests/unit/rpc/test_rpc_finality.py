"""grandpa_*: rounds, proofs and justifications, in Substrate's shapes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from aiohttp import ClientSession

from btt_chain.consensus.finality.gadget import RoundReport
from btt_chain.consensus.finality.proofs import FinalityProof, NotFinal
from btt_chain.primitives import ss58
from btt_chain.primitives.digest import H256, Digest
from btt_chain.primitives.header import Header
from btt_chain.primitives.voters import AuthorityId, Power
from btt_chain.rpc.finality import GrandpaApi, Rounds
from btt_chain.rpc.registry import Registry
from btt_chain.rpc.server import RpcConfig, RpcServer
from btt_chain.scale import u32, u64
from support.rpc_client import CallFailed, WsClient

BOB, EVE = AuthorityId(bytes([2]) * 32), AuthorityId(bytes([5]) * 32)
ROUND = RoundReport(9, Power(14, 3), Power(10, 3), Power(11, 2), [EVE], Power(4, 1), [BOB, EVE])
HEADER = Header(H256(bytes(32)), u32(7), H256(bytes(32)), H256(bytes(32)), Digest())


class Model:
    """Finality as the RPC sees it."""

    def __init__(self) -> None:
        self.now: Rounds | None = Rounds(3, ROUND, [replace(ROUND, round=8)])
        self.listeners: list[Callable[[bytes], None]] = []

    def rounds(self) -> Rounds | None:
        return self.now

    def prove(self, number: int) -> FinalityProof | None:
        if number > 7:
            raise NotFinal(number)
        if number < 6:
            return None
        return FinalityProof(H256(bytes([9]) * 32), b"\x01\x02", [HEADER])

    def listen(self, listener: Callable[[bytes], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
async def ws(model: Model) -> AsyncIterator[WsClient]:
    registry, api = Registry(), GrandpaApi(model)
    registry.add(api)
    server = RpcServer(registry, RpcConfig(port=0, origins=("all",)))
    await server.start()
    async with ClientSession() as session:
        socket = await session.ws_connect(f"ws://127.0.0.1:{server.port}")
        yield WsClient(socket)
        await socket.close()
    api.close()
    await server.stop()
    assert model.listeners == []


async def test_the_rounds_have_the_form_of_substrate(ws: WsClient) -> None:
    best = {
        "round": 9,
        "totalWeight": 14,
        "thresholdWeight": 10,
        "totalHeads": 3,
        "thresholdHeads": 3,
        "prevotes": {"currentWeight": 11, "currentHeads": 2, "missing": [ss58.encode(EVE)]},
        "precommits": {
            "currentWeight": 4,
            "currentHeads": 1,
            "missing": [ss58.encode(BOB), ss58.encode(EVE)],
        },
    }
    assert await ws.call("grandpa_roundState") == {
        "setId": 3,
        "best": best,
        "background": [{**best, "round": 8}],
    }


async def test_without_voters_the_rounds_are_not_ready(ws: WsClient, model: Model) -> None:
    model.now = None
    with pytest.raises(CallFailed) as refused:
        await ws.call("grandpa_roundState")
    assert (refused.value.code, refused.value.message) == (1, "GRANDPA RPC endpoint not ready")


async def test_weights_beyond_what_clients_read_are_given_in_thousands(
    ws: WsClient, model: Model
) -> None:
    bond = 10**10
    heavy = RoundReport(
        9, Power(4 * bond, 4), Power(2 * bond + 1, 3), Power(2 * bond, 2), [EVE], Power(bond, 1),
        [BOB, EVE],
    )  # fmt: skip
    model.now = Rounds(3, heavy, [])
    best = (await ws.call("grandpa_roundState"))["best"]
    assert (best["totalWeight"], best["thresholdWeight"]) == (40_000_000, 20_000_001)
    assert best["prevotes"]["currentWeight"] == 20_000_000
    assert best["precommits"]["currentWeight"] == 10_000_000


async def test_the_heaviest_weights_still_fit(ws: WsClient, model: Model) -> None:
    most = Power(u64.MAX, 1)
    model.now = Rounds(3, RoundReport(9, most, most, most, [], most, []), [])
    best = (await ws.call("grandpa_roundState"))["best"]
    assert best["totalWeight"] == best["prevotes"]["currentWeight"] <= u32.MAX


async def test_rounds_that_clients_cannot_read_are_refused(ws: WsClient, model: Model) -> None:
    model.now = Rounds(3, replace(ROUND, round=1 << 32), [])
    with pytest.raises(CallFailed) as refused:
        await ws.call("grandpa_roundState")
    assert refused.value.code == 3


async def test_a_final_block_is_proven_in_scale(ws: WsClient) -> None:
    raw = await ws.call("grandpa_proveFinality", 6)

    proof = FinalityProof.decode(bytes.fromhex(raw[2:]))
    assert proof == FinalityProof(H256(bytes([9]) * 32), b"\x01\x02", [HEADER])
    assert bytes.fromhex(raw[2:]) == bytes([9]) * 32 + b"\x08\x01\x02\x04" + HEADER.encode()
    assert await ws.call("grandpa_proveFinality", 5) is None


async def test_what_is_not_final_is_not_proven(ws: WsClient) -> None:
    with pytest.raises(CallFailed) as refused:
        await ws.call("grandpa_proveFinality", 8)
    assert refused.value.code == 4
    assert "not yet finalized" in refused.value.message


async def test_each_justification_reaches_who_asked_for_them(ws: WsClient, model: Model) -> None:
    subscription = await ws.call("grandpa_subscribeJustifications")
    for listener in model.listeners:
        listener(b"\xab\xcd")

    message = await ws.notification()
    assert message["method"] == "grandpa_justifications"
    assert message["params"] == {"subscription": subscription, "result": "0xabcd"}
    assert await ws.call("grandpa_unsubscribeJustifications", subscription) is True
