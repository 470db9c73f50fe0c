"""A client's chain as the gadget asks for it."""

from __future__ import annotations

import pytest

from btt_chain.consensus.finality.client_chain import ClientChain
from btt_chain.consensus.finality.gadget import Blocks
from btt_chain.primitives.digest import GRANDPA, H256
from btt_chain.primitives.grandpa import Target
from support.chain import DevChain

UNKNOWN = H256(bytes([9]) * 32)


@pytest.fixture
def dev() -> DevChain:
    return DevChain(shared=True)


def seal(dev: DevChain, parent: bytes | None = None) -> Target:
    hash = dev.seal(parent=parent, finalize=False)
    return Target(H256(hash), int(dev.client.header_of(hash).number))


def test_blocks_are_known_by_hash_and_height(dev: DevChain) -> None:
    chain: Blocks = ClientChain(dev.client)
    one = seal(dev)
    two = seal(dev)

    assert chain.number(two.hash) == 2
    assert chain.parent(two) == one.hash
    header = chain.header(two)
    assert header is not None
    assert header.hash() == two.hash
    wrong = Target(two.hash, 3)
    assert chain.parent(wrong) is None
    assert chain.header(wrong) is None
    assert chain.best_containing(wrong) is None
    assert chain.number(UNKNOWN) is None
    assert chain.parent(Target(UNKNOWN, 1)) is None
    assert chain.best_containing(Target(UNKNOWN, 1)) is None


def test_the_best_chain_goes_through_the_block_that_is_asked_about(dev: DevChain) -> None:
    chain = ClientChain(dev.client)
    base = seal(dev)
    left = seal(dev, base.hash)
    right = seal(dev, base.hash)
    top = seal(dev, right.hash)

    assert chain.best_containing(base) == top
    assert chain.best_containing(left) == left
    assert set(chain.leaves()) == {left, top}

    dev.client.finalize(right.hash, (GRANDPA, b"proof"))

    assert chain.final() == right
    assert chain.best_containing(left) is None
    assert chain.best_containing(base) == top
    assert chain.leaves() == [top]


def test_final_blocks_are_known_by_height_and_have_their_proofs(dev: DevChain) -> None:
    chain = ClientChain(dev.client)
    one = seal(dev)
    two = seal(dev)
    three = seal(dev)
    dev.client.finalize(two.hash, (GRANDPA, b"proof"))

    assert [chain.at(number) for number in (1, 2, 3)] == [one, two, None]
    assert chain.proof(two) == b"proof"
    assert chain.proof(one) is chain.proof(three) is None
