"""A feeder ends for a missing admission only by a final block, on a chain that a test makes up."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest

from btt_chain.client.chain import BlockRef, Chain
from btt_chain.client.errors import Disconnected, RpcError
from btt_chain.crypto.keypair import KeyPair
from btt_chain.daemon import Presence
from btt_chain.feeder.chain import NodeOracle, NotAdmitted, State, Uncertain
from btt_chain.feeder.daemon import Feeding, Settings

DAVE = KeyPair.from_uri("//Dave")
BEST, FINAL = b"best", b"final"


def feeder(state: str) -> dict[str, object]:
    return {"feeder": {"state": state}, "values": []}


@dataclass
class FakeChain:
    """The feeder in the best and in the last final block."""

    height: int = 20
    final_height: int = 15
    in_best: object = None
    in_final: object = None
    metadata: object = field(default_factory=lambda: SimpleNamespace(address=lambda _: "5Dave"))

    async def best(self) -> BlockRef:
        return BlockRef(self.height, BEST)

    async def finalized(self) -> BlockRef:
        return BlockRef(self.final_height, FINAL)

    async def api(self, path: str, *_: object, at: bytes) -> object:
        if path == "OracleApi.prices":
            return []
        return self.in_best if at == BEST else self.in_final

    async def storage(self, path: str, *, at: bytes) -> int:
        assert (path, at) == ("Timestamp.Now", BEST)
        return 7


def oracle(chain: FakeChain, presence: Presence) -> NodeOracle:
    return NodeOracle(cast("Chain", chain), DAVE, presence)


@pytest.mark.parametrize("other", [None, feeder("Candidate")])
async def test_a_fork_without_the_admission_is_waited_out(other: object) -> None:
    presence = Presence()
    chain = FakeChain(in_best=feeder("Active"), in_final=None)
    assert await oracle(chain, presence).state() == State(7, {})
    chain.in_best = other
    for height, final in ((20, 15), (18, 17), (0, 0), (30, 19)):
        chain.height, chain.final_height = height, final
        with pytest.raises(Uncertain, match="waiting for one that is"):
            await oracle(chain, presence).state()
    chain.final_height = 20
    with pytest.raises(NotAdmitted, match=r"`btt-chain oracle join`|Technical track"):
        await oracle(chain, presence).state()


async def test_an_admission_that_only_the_final_block_has_is_no_reason_to_end() -> None:
    chain = FakeChain(height=15, in_best=None, in_final=feeder("Paused"))
    with pytest.raises(Uncertain):
        await oracle(chain, Presence()).state()


async def test_a_failure_of_the_node_is_reported_once() -> None:
    reported: list[str] = []

    class Fails(NodeOracle):
        async def state(self) -> State:
            raise RpcError("state_call", 1, "unknown block", None)

    settings = Settings({}, report=lambda text, _: reported.append(text))
    feeding = Feeding(settings)
    fails = Fails(cast("Chain", FakeChain()), DAVE)
    for _ in range(3):
        assert not await feeding.poll(fails)
    assert len(reported) == 1


async def test_a_node_that_goes_away_is_left_to_the_base_of_all_programs() -> None:
    class Gone(NodeOracle):
        async def state(self) -> State:
            raise Disconnected("gone")

    with pytest.raises(Disconnected):
        await Feeding(Settings({})).poll(Gone(cast("Chain", FakeChain()), DAVE))
