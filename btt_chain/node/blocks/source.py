"""The chain for `p2p`: adapters of the client for sync and for requests of other nodes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from btt_chain.chain.client import Client
from btt_chain.consensus.finality.records import read_first
from btt_chain.consensus.finality.warp import set_ends
from btt_chain.primitives.digest import GRANDPA
from p2p.protocols.serve import StateRange
from p2p.sync.types import BlockId
from storage.state import StateUnavailable


class SyncChain:
    """The chain for sync (`p2p.sync.types.ChainView`)."""

    def __init__(self, client: Client) -> None:
        self._client: Final = client
        # The store's reference and ours: each message and tick of a node reads them.
        final = client.store.blocks.finalized
        self._best = self._final = final, BlockId(final.number, final.hash)

    def best(self) -> BlockId:
        """Return the head of the best chain."""
        best = self._client.store.blocks.best
        if best is not self._best[0]:
            self._best = best, BlockId(best.number, best.hash)
        return self._best[1]

    def finalized(self) -> BlockId:
        """Return the last final block."""
        final = self._client.store.blocks.finalized
        if final is not self._final[0]:
            self._final = final, BlockId(final.number, final.hash)
        return self._final[1]

    def hash_at(self, number: int) -> bytes | None:
        """Return the block of the best chain at a height; None if it is not stored."""
        return self._client.block_hash(number)

    def number(self, hash: bytes) -> int | None:
        """Return the height of a known block, None for an unknown one."""
        return self._client.store.blocks.number(hash)

    def gap(self) -> tuple[BlockId, int] | None:
        """Return the highest missing block below a fetched state, and their number; or None."""
        missing = self._client.store.state_import.missing
        if missing is None:
            return None
        return BlockId(missing.highest.number, missing.highest.hash), missing.left

    def keeps_body(self, number: int) -> bool:
        """Return True if a final block at this height would not lose its body at once."""
        return number >= self._client.store.blocks.bodies_from


class PublicChain:
    """The chain for requests of other nodes (`p2p.protocols.serve.ChainSource`)."""

    def __init__(self, client: Client) -> None:
        self._client: Final = client

    def header(self, hash: bytes) -> bytes | None:
        """Return the SCALE header of a block; None if it is not known."""
        return self._client.store.blocks.header(hash)

    def parent(self, hash: bytes) -> bytes | None:
        """Return the parent's hash of a known block, None for genesis."""
        fields = self._client.store.blocks.fields(hash)
        return fields.parent if fields.number else None

    def number(self, hash: bytes) -> int | None:
        """Return the height of a block; None if it is not known."""
        return self._client.store.blocks.number(hash)

    def body(self, hash: bytes) -> list[bytes] | None:
        """Return the extrinsics of a block, None if they are not stored."""
        return self._client.body(hash)

    def justification(self, hash: bytes) -> bytes | None:
        """Return GRANDPA's justification stored for exactly this block."""
        return self._client.store.blocks.justification(hash, GRANDPA)

    def hash_at(self, number: int) -> bytes | None:
        """Return the block of the best chain at a height; None if it is not stored."""
        return self._client.block_hash(number)

    def state_range(self, block: bytes, after: bytes | None, size: int) -> StateRange | None:
        """Return keys after `after` until their proof has `size` bytes; None without the state."""
        try:
            nodes, last = self._client.store.state.reader(block).prove_range(after, size)
        except (KeyError, StateUnavailable):
            return None
        return StateRange(nodes, last)

    def warp_targets(self, above: int) -> Iterator[bytes]:
        """Yield the final blocks above a height that changed the voters, by height.

        After them the last final block, if it stands higher and its proof is stored. None at all if
        `above` lies below the first block whose voters this node knows.
        """
        read = self._client.store.aux_get
        highest = above
        _, start = read_first(read)
        if above < start:
            return
        for end in set_ends(read, above):
            highest = end.number
            yield bytes(end.hash)
        final = self._client.finalized()
        if final.number > highest and self.justification(final.hash) is not None:
            yield final.hash
