"""The tree of blocks that a round's votes stand on, with the weight at or above each.

Only blocks between the round's base and the targets of votes are in it. A vote costs the steps
from its target down to the base, a question the steps of its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import Stage, Target
from btt_chain.primitives.header import Header


class Ancestry(Protocol):
    """The blocks that are known, as far as a round asks."""

    def parent(self, block: Target) -> H256 | None:
        """Return the hash of a block's parent; None if no such block is known at that height."""
        ...


class Headers:
    """The ancestry that some headers tell."""

    def __init__(self, headers: Mapping[bytes, Header]) -> None:
        self._headers = headers

    def parent(self, block: Target) -> H256 | None:
        """Return the hash of a block's parent; None if no such block is known at that height."""
        header = self._headers.get(block.hash)
        if header is None or header.number != block.number:
            return None
        return header.parent_hash


def route(ancestry: Ancestry, base: Target, block: Target) -> list[Target] | None:
    """Return the blocks from `block` down to `base`, both included; None if there is no such way.

    At most as many steps as the heights are apart, whatever was claimed.
    """
    way = [block]
    while block.number > base.number:
        parent = ancestry.parent(block)
        if parent is None:
            return None
        block = Target(parent, block.number - 1)
        way.append(block)
    return way if block == base else None


def descends(ancestry: Ancestry, base: Target, block: Target) -> bool:
    """Tell whether `block` is `base` or stands on it."""
    return route(ancestry, base, block) is not None


@dataclass(slots=True)
class Node:
    """A block that is voted for, or that carries one."""

    block: Target
    parent: Node | None
    children: list[Node] = field(default_factory=list)
    weights: list[int] = field(default_factory=lambda: [0, 0])
    """By stage: what votes for it or for blocks above it, voters with two votes left out."""

    def up_to_base(self) -> Iterator[Node]:
        """Go down from here to the base, both included."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent


Condition = Callable[[Node], bool]


class VoteGraph:
    """The tree of voted blocks over a base."""

    def __init__(self, base: Target, ancestry: Ancestry) -> None:
        self.base: Final = Node(base, None)
        self._ancestry = ancestry
        self._nodes: dict[H256, Node] = {base.hash: self.base}

    def stands_on_base(self, block: Target) -> bool:
        """Tell whether a block is the base or stands on it."""
        return self._way_down(block) is not None

    def insert(self, block: Target, stage: Stage, weight: int) -> bool:
        """Add a vote's weight to its block and to all below; False if it is not on the base."""
        way = self._way_down(block)
        if way is None:
            return False
        missing, node = way
        for block_above in reversed(missing):
            above = Node(block_above, node)
            node.children.append(above)
            self._nodes[block_above.hash] = above
            node = above
        below: Node | None = node
        while below is not None:
            below.weights[stage] += weight
            below = below.parent
        return True

    def withdraw(self, block: Target, stage: Stage, weight: int) -> None:
        """Take a vote's weight away again; its blocks stay in the tree."""
        for carried in self._nodes[block.hash].up_to_base():
            carried.weights[stage] -= weight

    def find_ghost(self, start: Node, fits: Condition) -> Node | None:
        """Return the last block upwards from `start` that fits; None if that does not itself.

        Whatever fits, its parent fits too. Of two children that fit, the one seen first is taken:
        that takes more cheating weight than is tolerated.
        """
        if not fits(start):
            return None
        node = start
        while (above := next((child for child in node.children if fits(child)), None)) is not None:
            node = above
        return node

    def find_ancestor(self, node: Node, fits: Condition) -> Node | None:
        """Return the highest block at or below `node` that fits."""
        below: Node | None = node
        while below is not None and not fits(below):
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
