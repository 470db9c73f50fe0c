"""babe_epochAuthorship: the slots of the epoch that this node's keys can claim.

Unsafe: the primary slots of a validator are its secret until it makes their blocks.
Source: sc_consensus_babe_rpc.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from btt_chain.consensus.babe.claim import claim_slot
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives import ss58
from btt_chain.primitives.babe import Claim, Primary, SecondaryPlain
from btt_chain.primitives.epoch import Epoch
from btt_chain.rpc.backend import BackendError
from btt_chain.rpc.protocol import RpcError
from btt_chain.rpc.registry import HEAVY, method
from btt_chain.web.turns import TurnQueue

BABE_ERROR: Final = 9_000
"""Base of Substrate's codes of this group."""


class Authorship(Protocol):
    """The epoch and the node's keys (`btt_chain.node.keys.authorship.AuthorshipView`)."""

    def epoch(self) -> Epoch | None:
        """Return the epoch of the current slot; None before it is known.

        Raises StatePruned, RuntimeCallError.
        """

    def pairs(self) -> Mapping[bytes, KeyPair]:
        """Return the keys that claim slots, by public key."""


class BabeApi:
    """The lottery of slots by RPC."""

    def __init__(self, authorship: Authorship, turns: TurnQueue) -> None:
        self.authorship = authorship
        self.turns = turns

    @method("babe_epochAuthorship", unsafe=True, cost=HEAVY)
    async def epoch_authorship(self) -> dict[str, dict[str, list[int]]]:
        """Return for each of our authorities its slots of the current epoch, by kind of claim."""
        try:
            epoch = self.authorship.epoch()
        except BackendError as problem:
            raise RpcError(BABE_ERROR + 2, str(problem)) from None
        pairs = self.authorship.pairs()
        slots: dict[str, dict[str, list[int]]] = {}
        if epoch is None or not any(public in pairs for public, _ in epoch.authorities):
            return slots
        since = self.turns.now()
        for slot in range(epoch.start, epoch.end):
            claimed = claim_slot(slot, epoch, pairs)
            if claimed is not None:
                who = ss58.encode(claimed.pair.public)
                empty: dict[str, list[int]] = {"primary": [], "secondary": [], "secondary_vrf": []}
                slots.setdefault(who, empty)[_kind(claimed.claim)].append(slot)
            since = await self.turns.rest(since)
        return slots


def _kind(claim: Claim) -> str:
    """Return the name of a kind of claim in the answer."""
    if isinstance(claim, Primary):
        return "primary"
    return "secondary" if isinstance(claim, SecondaryPlain) else "secondary_vrf"
