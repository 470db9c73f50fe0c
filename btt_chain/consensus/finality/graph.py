"""The tree of blocks that a round's votes name, with the voting power at or above each.

It holds only blocks between the round's base and the targets of votes. A vote takes steps from its
target down to the base, a search steps up to its result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from typing import Final, Protocol, TypeAlias

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import Stage, Target
from btt_chain.primitives.header import Header
from btt_chain.primitives.voters import Power


class Ancestry(Protocol):
    """Parents of known blocks."""

    def parent(self, block: Target) -> H256 | None:
        """Return the hash of a block's parent; None if no such block is known at that height."""
        ...


class Headers:
    """The ancestry in a set of headers."""

    def __init__(self, headers: Mapping[bytes, Header]) -> None:
        self._headers = headers

    def parent(self, block: Target) -> H256 | None:
        """Return the hash of a block's parent; None if no such block is known at that height."""
        header = self._headers.get(block.hash)
        if header is None or header.number != block.number:
            return None
        return header.parent_hash


def descends(ancestry: Ancestry, base: Target, block: Target) -> bool:
    """Return True if `block` is `base` or a descendant.

    Takes at most as many steps as the heights differ.
    """
    while block.number > base.number:
        parent = ancestry.parent(block)
        if parent is None:
            return False
        block = Target(parent, block.number - 1)
    return block == base


NO_POWER: Final = Power(0, 0)
Suffices: TypeAlias = Callable[[int, int], bool]
"""Decides by weight and number of the voters for a block. More never turns True into False."""


@dataclass(slots=True)
class Node:
    """A block that is voted for, or an ancestor of one."""

    block: Target
    parent: Node | None
    children: list[Node] = field(default_factory=list)
    weights: list[int] = field(default_factory=lambda: [0, 0])
    """By stage: weight of votes for it or blocks above it, without voters that voted twice."""
    heads: list[int] = field(default_factory=lambda: [0, 0])
    """By stage: number of those voters."""

    def up_to_base(self) -> Iterator[Node]:
        """Yield the nodes from here down to the base, both included."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent


class VoteGraph:
    """The tree of voted blocks over a base."""

    def __init__(self, base: Target, ancestry: Ancestry) -> None:
        self.base: Final = Node(base, None)
        self._ancestry = ancestry
        self._nodes: dict[H256, Node] = {base.hash: self.base}

    def stands_on_base(self, block: Target) -> bool:
        """Return True if a block is the base or a descendant."""
        return self._way_down(block) is not None

    def insert(self, hash: H256, number: int, stage: Stage, power: Power) -> bool:
        """Add a vote's power to its block and to all below.

        Return True if the block is the base or a descendant; else nothing changes.
        """
        node = self._nodes.get(hash)
        if node is None:
            node = self._grow(Target(hash, int(number)))
        if node is None or node.block.number != number:
            return False
        weight, heads = power
        below: Node | None = node
        while below is not None:
            below.weights[stage] += weight
            below.heads[stage] += heads
            below = below.parent
        return True

    def _grow(self, block: Target) -> Node | None:
        """Add a block and those between it and the tree; None if it does not stand on the base."""
        way = self._way_down(block)
        if way is None:
            return None
        missing, node = way
        for block_above in reversed(missing):
            above = Node(block_above, node)
            node.children.append(above)
            self._nodes[block_above.hash] = above
            node = above
        return node

    def withdraw(self, block: Target, stage: Stage, power: Power) -> None:
        """Remove a vote's power; its blocks stay in the tree."""
        for carried in self._nodes[block.hash].up_to_base():
            carried.weights[stage] -= power.weight
            carried.heads[stage] -= power.heads

    def find_ghost(self, start: Node, stage: Stage, suffices: Suffices) -> Node | None:
        """Return the highest block from `start` upwards whose power suffices; None if that of
        `start` does not.

        Of two such children, the first seen is taken. Two blocks of one height have enough power
        only if more voters cheat than are tolerated.
        """
        if not suffices(start.weights[stage], start.heads[stage]):
            return None
        node = start
        while True:
            for child in node.children:
                if suffices(child.weights[stage], child.heads[stage]):
                    node = child
                    break
            else:
                return node

    def find_ancestor(self, node: Node, stage: Stage, suffices: Suffices) -> Node | None:
        """Return the highest block at or below `node` whose power suffices; None without one."""
        below: Node | None = node
        while below is not None and not suffices(below.weights[stage], below.heads[stage]):
            below = below.parent
        return below

    def _way_down(self, block: Target) -> tuple[list[Target], Node] | None:
        """Return the blocks that are not yet in the tree, from the top, and the node below them."""
        missing: list[Target] = []
        while (known := self._nodes.get(block.hash)) is None:
            if block.number <= self.base.block.number:
                return None
            parent = self._ancestry.parent(block)
            if parent is None:
                return None
            missing.append(block)
            block = Target(parent, block.number - 1)
        return (missing, known) if known.block == block else None
