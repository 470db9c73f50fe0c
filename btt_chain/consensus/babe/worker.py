"""The slot worker: makes the blocks of the slots that our keys claim.

One step without waiting; the clock is an argument. A block is sealed only through the signing
record (`SlotSigner`), so no slot is sealed twice, crashes included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from btt_chain.chain.client import Made
from btt_chain.consensus.author import Pace, Proposal, Ready, make_block
from btt_chain.consensus.babe.claim import claim_slot
from btt_chain.consensus.importer import Importer
from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.vrf import SchnorrkelVrf, Vrf
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import BABE, Seal

_VRF: Final = SchnorrkelVrf()


class SlotSigner(Protocol):
    """The keys a node may make blocks with, each with its signing record."""

    def authors(self) -> Mapping[bytes, KeyPair]:
        """Return the pairs that may claim slots now, by public key."""

    def seal(self, public: bytes, slot: int, pre_seal_hash: bytes) -> bytes | None:
        """Record a header, then return its seal, 64 bytes.

        None if the record forbids it: another block was sealed for this slot or a later one.
        """


class ReadyTransactions(Protocol):
    """The pool's ready transactions by priority, for one block."""

    def __iter__(self) -> ReadyTransactions: ...

    def __next__(self) -> Ready: ...

    def skip(self, tx_hash: bytes) -> None:
        """Skip the transactions that depend on this one."""


@dataclass(frozen=True, slots=True)
class Authored:
    """A sealed block of ours, not yet imported."""

    slot: int
    primary: bool
    proposal: Proposal

    @property
    def made(self) -> Made:
        """The block, with its seal."""
        return self.proposal.made


@dataclass(frozen=True, slots=True)
class Forbidden:
    """The slot is ours, but the signing record forbids a seal for it."""

    slot: int


class Postponed:
    """The slot is ours unless another validator has won it: its block may be on the way."""


class SlotWorker:
    """Makes the blocks of the slots that our keys claim."""

    def __init__(self, importer: Importer, signer: SlotSigner, *, vrf: Vrf = _VRF) -> None:
        self._importer = importer
        self._signer = signer
        self._vrf = vrf

    def work(
        self,
        slot: int,
        ready: Callable[[], ReadyTransactions],
        pace: Callable[[], Pace],
        *,
        is_early: bool = False,
    ) -> Authored | Forbidden | Postponed | None:
        """Return the block for `slot` on the best block, None if the slot is not ours.

        `is_early`: a secondary block is not made yet if others may have won the slot.
        Raises as `Importer.slots` does for the best block, and as `make_block` does.
        """
        pairs = self._signer.authors()
        if not pairs:
            return None
        client = self._importer.client
        parent = client.best().hash
        slots = self._importer.slots(parent, slot)
        if slots.epoch is None:
            return None
        claimed = claim_slot(slot, slots.epoch, pairs, self._vrf)
        if claimed is None or int(claimed.claim.claim.authority_index) in slots.disabled:
            return None
        if (
            is_early
            and not claimed.primary
            and any(public not in pairs for public, _ in slots.epoch.authorities)
        ):
            return Postponed()
        transactions = ready()
        proposal = make_block(
            client,
            parent,
            claim=claimed.claim,
            timestamp_ms=max(slot * slots.length_ms, slots.earliest_ms),
            ready=transactions,
            skip=transactions.skip,
            pace=pace,
        )
        header = proposal.made.header
        seal = self._signer.seal(claimed.pair.public, slot, header.hash())
        if seal is None:
            return Forbidden(slot)
        proposal.made.header = header.with_log(Seal(BABE, seal))
        return Authored(slot, claimed.primary, proposal)
