"""A client's blocks as the gadget's chain."""

from __future__ import annotations

from typing import Final

from btt_chain.chain.client import Client
from btt_chain.primitives.digest import GRANDPA, H256
from btt_chain.primitives.grandpa import Target
from btt_chain.primitives.header import Header


class ClientChain:
    """A client's blocks, by hash and height (`gadget.Blocks`)."""

    def __init__(self, client: Client) -> None:
        self._client: Final = client

    def number(self, hash: H256) -> int | None:
        """Return the height of a block; None if it is not known."""
        return self._client.store.blocks.number(hash)

    def parent(self, block: Target) -> H256 | None:
        """Return the hash of a block's parent; None if no such block is known at that height."""
        try:
            fields = self._client.store.blocks.fields(block.hash)
        except KeyError:
            return None
        return H256(fields.parent) if fields.number == block.number else None

    def header(self, block: Target) -> Header | None:
        """Return the header of a block; None if no such block is known at that height."""
        header = self._client.header(block.hash)
        return header if header is not None and int(header.number) == block.number else None

    def height(self) -> int:
        """Return the height of the best block."""
        return self._client.store.blocks.best.number

    def best_containing(self, block: Target) -> Target | None:
        """Return the head of the best chain through `block`; None if it is not known any more."""
        if self.number(block.hash) != block.number:
            return None
        head = self._client.best_through(block.hash)
        return None if head is None else Target(H256(head.hash), head.number)

    def final(self) -> Target:
        """Return the highest final block."""
        final = self._client.finalized()
        return Target(H256(final.hash), final.number)

    def leaves(self) -> list[Target]:
        """Return the tips above the highest final block, or that block."""
        tips = self._client.store.blocks.leaves()
        return [Target(H256(tip.hash), tip.number) for tip in tips]

    def at(self, number: int) -> Target | None:
        """Return the final block at a height; None above the last one."""
        hash = self._client.block_hash(number)
        if hash is None or number > self._client.finalized().number:
            return None
        return Target(H256(hash), number)

    def proof(self, block: Target) -> bytes | None:
        """Return the justification that is stored with a block; None if there is none."""
        return self._client.store.blocks.justification(block.hash, GRANDPA)
