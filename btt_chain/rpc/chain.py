"""chain_*: blocks, headers and heads, in the form of Substrate's legacy API."""

from __future__ import annotations

from typing import Annotated, Final

from btt_chain.primitives.digits import hex_or_none, to_hex
from btt_chain.primitives.extrinsic import opaque
from btt_chain.rpc.backend import Backend, ChainEvent, Finalized, NewBest, NewBlock
from btt_chain.rpc.connection import Subscription
from btt_chain.rpc.hub import Audience, Hub
from btt_chain.rpc.params import BlockNumber, Hash, MaxItems
from btt_chain.rpc.registry import method, subscription
from btt_chain.rpc.shapes import Shapes

MAX_NUMBERS: Final = 1_000
"""Maximum number of heights of one chain_getBlockHash."""

HeightList = Annotated[list[BlockNumber | None], MaxItems(MAX_NUMBERS)]


class ChainApi:
    """Blocks by hash and number, and the three streams of heads."""

    def __init__(self, backend: Backend, shapes: Shapes, hub: Hub) -> None:
        self.chain = backend.chain
        self.shapes = shapes
        self.best_heads = Audience()
        self.all_heads = Audience()
        self.finalized_heads = Audience()
        hub.listen(self._on_chain_event)

    @method("chain_getBlockHash", "chain_getHead")
    def block_hash(
        self, number: BlockNumber | HeightList | None = None
    ) -> str | list[str | None] | None:
        """Return the hash at a height, at each of several, or of the best block."""
        if isinstance(number, list):
            return [self._hash_at(one) for one in number]
        return self._hash_at(number)

    @method("chain_getFinalizedHead", "chain_getFinalisedHead")
    def finalized_head(self) -> str:
        """Return the hash of the last final block."""
        return to_hex(self.chain.finalized().hash)

    @method("chain_getHeader")
    def header(self, hash: Hash | None = None) -> object:
        """Return a header, or null."""
        return self.shapes.header(hash or self.chain.best().hash)

    @method("chain_getBlock")
    def block(self, hash: Hash | None = None) -> dict[str, object] | None:
        """Return a block with its justifications, or null."""
        hash = hash or self.chain.best().hash
        header, body = self.shapes.header(hash), self.chain.body(hash)
        if header is None or body is None:
            return None
        proofs = self.chain.justifications(hash)
        return {
            "block": {
                "header": header,
                "extrinsics": [to_hex(opaque(extrinsic)) for extrinsic in body],
            },
            "justifications": proofs and [[list(engine), list(proof)] for engine, proof in proofs],
        }

    @subscription(
        "chain_subscribeNewHeads",
        "chain_subscribeNewHead",
        "subscribe_newHead",
        event="chain_newHead",
        unsubscribe=(
            "chain_unsubscribeNewHeads",
            "chain_unsubscribeNewHead",
            "unsubscribe_newHead",
        ),
    )
    def subscribe_new_heads(self, subscription: Subscription) -> None:
        """Report every new best block; the current one at once."""
        self.best_heads.join(subscription)
        subscription.notify(self.shapes.header(self.chain.best().hash))

    @subscription(
        "chain_subscribeAllHeads",
        event="chain_allHead",
        unsubscribe=("chain_unsubscribeAllHeads",),
    )
    def subscribe_all_heads(self, subscription: Subscription) -> None:
        """Report every imported block, forks included; the best one at once."""
        self.all_heads.join(subscription)
        subscription.notify(self.shapes.header(self.chain.best().hash))

    @subscription(
        "chain_subscribeFinalizedHeads",
        "chain_subscribeFinalisedHeads",
        event="chain_finalizedHead",
        unsubscribe=("chain_unsubscribeFinalizedHeads", "chain_unsubscribeFinalisedHeads"),
    )
    def subscribe_finalized_heads(self, subscription: Subscription) -> None:
        """Report every final block in order, without gaps; the current one at once."""
        self.finalized_heads.join(subscription)
        subscription.notify(self.shapes.header(self.chain.finalized().hash))

    def _hash_at(self, number: int | None) -> str | None:
        if number is None:
            return to_hex(self.chain.best().hash)
        return hex_or_none(self.chain.block_hash(number))

    def _on_chain_event(self, event: ChainEvent) -> None:
        match event:
            case NewBlock(hash=hash) if self.all_heads.members:
                self.all_heads.notify(self.shapes.header(hash))
            case NewBest(hash=hash) if self.best_heads.members:
                self.best_heads.notify(self.shapes.header(hash))
            case Finalized(hashes=hashes) if self.finalized_heads.members:
                for hash in hashes:
                    self.finalized_heads.notify(self.shapes.header(hash))
