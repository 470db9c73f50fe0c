"""A custodian's program reads and answers demands on a node."""

from __future__ import annotations

from pathlib import Path

import pytest

from btt_chain.client.errors import DispatchFailed
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.evidence_tree import EvidenceTree, leaf_hash
from btt_chain.records.custodian.answering import NodeDemands
from cli.common.session import open_chain
from support.instant_node import instant_node

LEAVES = [leaf_hash(b"%d" % number) for number in range(4)]


async def test_a_node_is_asked_in_the_form_of_the_pallet(tmp_path: Path) -> None:
    opening = EvidenceTree(LEAVES, bytes(32)).opening(5)
    with instant_node(tmp_path) as url:
        async with open_chain(url, 10) as chain:
            node = NodeDemands(chain, KeyPair.from_uri("//Bob"))
            assert await node.demands() == []
            # The pallet reads the answer, and finds that there is no such demand.
            with pytest.raises(DispatchFailed, match="UnknownDemand"):
                await node.answer(b"\7" * 32, 9, opening)
