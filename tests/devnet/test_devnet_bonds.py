"""Validators with unequal bonds, as real processes: other verifiers accept what is final."""

from __future__ import annotations

import json
from typing import Any

import pytest

from btt_chain.primitives.grandpa import Justification, Verdict, trimmed, verify_strict
from btt_chain.testing.plugin import DevnetFactory
from devnet.watched import GRANDPA, _proofs, voters_at
from genesis.catalogue import make
from genesis.presets import CHAINS
from runtime.constants import BTT
from support.counting import counts

pytestmark = [pytest.mark.full, pytest.mark.devnet, pytest.mark.timeout(600)]

BONDS = (40_000, 20_000, 10_000, 10_000)
"""BTT; the first two have three quarters of the weight."""
BLOCKS = 20


def unequal() -> str:
    """Return the specification `local` with these bonds."""
    document = json.loads(make(CHAINS["local"], validators=len(BONDS), slot_ms=1_000).dumps())
    bonds = document["genesis"]["runtimeGenesis"]["config"]["authorities"]["bonds"]
    for row, bond in zip(bonds, BONDS, strict=True):
        row[1] = str(bond * BTT)
    return json.dumps(document)


def test_a_verifier_that_counts_accepts_every_proof(devnet: DevnetFactory) -> None:
    net = devnet(validators=len(BONDS), slot_ms=1_000, spec=unequal())
    net.wait_for_finality(BLOCKS)
    rpc, judged = net[0].rpc, 0
    for height in range(1, rpc.finalized() + 1):
        block: Any = rpc.call("chain_getBlock", rpc.block_hash(height))
        proofs = [bytes(raw) for engine, raw in _proofs(block) if engine == GRANDPA]
        voters, set_id = voters_at(rpc, block["block"]["header"]["parentHash"])
        assert len(set(voters.weights.values())) == 3
        for raw in proofs:
            proof = Justification.decode(raw)
            assert counts(proof, set_id, voters.order), f"block {height}"
            bridge = verify_strict(trimmed(proof, voters), set_id, voters, proof.target)
            assert bridge is Verdict.ACCEPTED, f"block {height}: {bridge}"
            judged += 1
    assert judged >= BLOCKS // 2
    rounds: Any = rpc.call("grandpa_roundState")
    assert (rounds["best"]["totalHeads"], rounds["best"]["thresholdHeads"]) == (4, 3)

    net.kill(3)  # the heads that are left are just enough, whatever they weigh
    net.wait_for_finality(rpc.finalized() + 3, nodes=(0, 1, 2))
    net.kill(2)
    stood = max(net[index].rpc.finalized() for index in (0, 1)) + 2
    net.wait_for_block(rpc.best() + 8, nodes=(0, 1))
    assert max(net[index].rpc.finalized() for index in (0, 1)) <= stood
    net.restart(2)
    net.wait_for_finality(stood + 6, nodes=(0, 1, 2), seconds=120)
