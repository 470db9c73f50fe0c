"""A late node, far behind: the blocks that it imports, and the proofs that it checks."""

from __future__ import annotations

import pytest

from btt_chain.node.blocks.import_queue import Batch
from btt_chain.node.blocks.prechecks import Prechecks
from btt_chain.primitives.digest import GRANDPA, H256, Consensus, Digest, DigestItem
from btt_chain.primitives.header import Header
from btt_chain.scale import u32
from p2p.sync.types import Block
from p2p.sync.window import LONG
from support.prechecks import RubbishHelper, SimulatedHelper
from support.sim.nodes import SimNode
from support.sim.world import World

GROWN = 80
ZERO = H256(bytes(32))


def block(number: int, *logs: DigestItem, proof: bytes | None = b"proof") -> Block:
    header = Header(ZERO, u32(number), ZERO, ZERO, Digest(list(logs)))
    return Block(bytes(header.hash()), header, [], proof, ())


def proven(node: SimNode) -> list[int]:
    client = node.client
    return [
        number
        for number in range(1, GROWN)
        if client.store.blocks.justifications(client.block_hash(number) or b"")
    ]


def test_of_a_row_of_blocks_only_the_last_proof_is_looked_at() -> None:
    world = World(5, validators=1, observers=1, late=[1])
    world.run(GROWN + 5)
    assert proven(world.nodes[0]) == list(range(1, GROWN))

    world.start(1)
    world.run(5)

    late = world.nodes[1]
    assert late.client.finalized().number >= GROWN
    assert len(proven(late)) <= GROWN // 16


def test_the_proof_of_a_block_that_ends_a_set_is_looked_at_wherever_it_stands() -> None:
    change = Consensus(GRANDPA, b"a change of voters")
    batch = Batch(1, [block(1), block(2, change), block(3), block(4, proof=None)])

    sample_count = []
    for batch.done in range(4):
        sample_count.append(batch.must_prove)

    # The third holds the last proof; that the fourth has none does no harm.
    assert sample_count == [False, True, True, True]


@pytest.mark.parametrize(
    "kind", [pytest.param(SimulatedHelper, marks=pytest.mark.full), RubbishHelper]
)
def test_a_late_node_gets_the_same_chain_whatever_its_helper_answers(
    kind: type[SimulatedHelper],
) -> None:
    world = World(6, validators=1, observers=1, late=[1], share=False)
    world.run(LONG + 60)
    world.start(1)
    late = world.nodes[1]
    client = late.client
    assert late.engine is not None
    parts = late.engine.parts
    helper = kind(client.runtimes.verdicts.prechecked)
    used = helper.store.used
    parts.prechecks = Prechecks(client, parts.importer, helper)
    world.run(5)

    best = client.best()
    assert best.number > LONG + 60
    assert best.hash == world.nodes[0].client.block_hash(best.number)
    numbers = [int(work.header.number) for work in helper.works]
    assert len(numbers) >= 40
    assert numbers == [*range(numbers[0], numbers[0] + len(numbers))]
    is_honest = kind is SimulatedHelper
    # Of seals: claims of the simulated lottery are not proofs that the helper can check.
    assert (helper.store.used - used) == (len(numbers) if is_honest else 0)
