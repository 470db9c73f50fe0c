"""Requested leaves: an account or the votes of a committee ask the provider to show them on chain.

An account deposits 1 % of the price, which is destroyed if the leaf is shown. If it is not shown by
the deadline, the receipt is refused and the provider is fined.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32, u128
from btt_chain.work.errors import ProofRefused
from btt_chain.work.graph import Graph
from btt_chain.work.layout import tensor_layout
from btt_chain.work.merkle import Leaf, Opening, check_opening
from runtime.frame import Component, Constant, ReasonOf
from runtime.frame.timers import TimerQueues
from runtime.pallets.babe.types import BeaconClock
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.receipts import errors, events
from runtime.pallets.receipts.constants import MAX_REQUESTED, PROOF_BPS, REQUESTS, Rules
from runtime.pallets.receipts.records import Case, Records
from runtime.pallets.receipts.tally import found_missing
from runtime.pallets.receipts.types import (
    Challenge,
    HoldReason,
    LeafProof,
    Missing,
    Payer,
    Phase,
    Receipt,
    Seat,
)
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import BPS, ceil_div


def shown(graph: Graph, root: bytes, items: int, proof: LeafProof, *, keyed: bool) -> Leaf:
    """Return the leaf that `proof` shows, of the receipt with this root over items.

    Raises ProofRefused, with the reason, if the receipt does not commit to it.
    """
    tensors = graph.committed
    if proof.tensor >= len(tensors):
        raise ProofRefused(f"tensor {int(proof.tensor)} of {len(tensors)}")
    item_root = only(proof.job, root, items, int(proof.item)).data
    tensor_root = only(proof.roots, item_root, len(tensors), int(proof.tensor)).data
    layout = tensor_layout(tensors[proof.tensor])
    if len(proof.leaf.leaves) != 1:
        raise ProofRefused(f"{len(proof.leaf.leaves)} leaves are shown, one is asked for")
    check_opening(proof.leaf, tensor_root, layout.count, keyed=keyed)
    leaf = proof.leaf.leaves[0]
    start, end = layout.span(int(leaf.index))
    if len(leaf.data) != end - start:
        raise ProofRefused(f"a leaf of {end - start} bytes, {len(leaf.data)} are shown")
    return leaf


def only(opening: Opening, root: bytes, count: int, index: int) -> Leaf:
    """Return the only leaf that `opening` shows. Raises ProofRefused unless it is `index`."""
    found = [int(leaf.index) for leaf in opening.leaves]
    if found != [index]:  # before hashing: the opening may be a megabyte
        raise ProofRefused(f"leaf {index} must be opened, and no other; these are: {found}")
    check_opening(opening, root, count)
    return opening.leaves[0]


def is_leaf(graph: Graph, items: int, item: int, tensor: int, leaf: int) -> bool:
    """Return True if the leaf exists in a receipt of a job with `items` items."""
    tensors = graph.committed
    return item < items and tensor < len(tensors) and leaf < tensor_layout(tensors[tensor]).count


class Challenges(Component):
    """Requests for leaves, and answers to them."""

    proof_share = Constant(u32(PROOF_BPS))
    """Cost of a false proof, and deposit for a requested leaf, in basis points of the price."""
    max_requested = Constant(u32(MAX_REQUESTED))
    """Maximum number of leaves of a receipt that accounts can request at a time."""

    _records: Records
    _timers: TimerQueues
    _reason = ReasonOf(HoldReason.Challenge)
    _rules: Rules
    _clock: BeaconClock
    _currency: Balances
    _payer: Payer

    def request(self, who: AccountId, id: H256, item: int, tensor: int, leaf: int) -> None:
        """Ask the provider to show a leaf; see `Receipts.challenge_data`."""
        case = self._records.case(id)
        found = case.receipt
        if who != case.job.requester and all(seat.verifier != who for seat in found.seats):
            raise errors.NotAllowed
        until = self._clock.now() + self._rules.transcript_slots
        if found.phase is Phase.Ended or (found.phase is Phase.Pending and until > found.due):
            raise errors.TooLate
        if not is_leaf(self._records.graph(case.job), case.items, item, tensor, leaf):
            raise errors.NoSuchLeaf
        found.challenges = [one for one in found.challenges if not one.answered]
        if sum(one.by is not None for one in found.challenges) >= MAX_REQUESTED:
            raise errors.TooManyRequests
        deposit = u128(ceil_div(case.price * PROOF_BPS, BPS))
        self._currency.hold(self._reason, who, deposit)
        self._add(case, Challenge(u32(item), u16(tensor), u32(leaf), u32(until), who, deposit))
        self._timers.enter(REQUESTS, until, id)
        self._records.store(case)

    def answer(self, id: H256, proof: LeafProof) -> None:
        """Show a requested leaf; see `Receipts.answer_data`."""
        case = self._records.case(id)
        found = case.receipt
        if found.phase is Phase.Ended:
            raise errors.TooLate
        graph = self._records.graph(case.job)
        try:
            leaf = shown(graph, found.item_root, case.items, proof, keyed=case.is_keyed)
        except ProofRefused:
            raise errors.LeafRefused from None
        place = (proof.item, proof.tensor, leaf.index)
        requests = [
            one
            for one in found.challenges
            if (one.item, one.tensor, one.leaf) == place and not one.answered
        ]
        if not requests:
            raise errors.NotRequested
        for one in requests:
            one.answered = True
            if one.by is not None:
                self._payer.destroy_held(
                    self._reason, one.by, one.deposit, BurnReason.Slash, force=True
                )
        self._records.store(case)
        self.deposit(events.LeafShown(id, proof.item, u32(proof.tensor), leaf.index))

    def request_missing(self, case: Case) -> None:
        """Ask the provider to show all leaves that verifiers reported as missing."""
        until = u32(self._clock.now() + self._rules.transcript_slots)
        for seat in found_missing(case.receipt.seats):
            place = cast("Missing", seat.verdict)
            self._add(case, Challenge(place.item, place.tensor, place.leaf, until, None))

    def note_missed(self, case: Case) -> list[Seat]:
        """Note missed items; return the seats that report an item outside of their sample."""
        absurd: list[Seat] = []
        receipt = case.receipt
        missing = found_missing(receipt.seats)
        graph = self._records.graph(case.job) if missing else None
        for seat in missing:
            place = cast("Missing", seat.verdict)
            item, tensor, leaf = int(place.item), int(place.tensor), int(place.leaf)
            seen = case.seen_by(seat)
            if (
                graph is None
                or item not in seen
                or not is_leaf(graph, case.items, item, tensor, leaf)
            ):
                absurd.append(seat)
            elif (seat.round, place.item) not in receipt.missed:
                receipt.missed = [*receipt.missed, (seat.round, place.item)]
        return absurd

    def all_shown(self, case: Case) -> bool:
        """Return True if all leaves are shown that the votes requested; then forget these."""
        requests = case.receipt.challenges
        if not all(one.answered for one in requests if one.by is None):
            return False
        case.receipt.challenges = [one for one in requests if one.by is not None]
        return True

    def expired(self, receipt: Receipt) -> bool:
        """Return True if a leaf was not shown in time that an account requested."""
        now = self._clock.now()
        return any(
            one.by is not None and not one.answered and one.until <= now
            for one in receipt.challenges
        )

    def release(self, requests: Sequence[Challenge]) -> None:
        """Release the deposits for leaves that were not shown."""
        for one in requests:
            if one.by is not None and not one.answered:
                self._currency.release(self._reason, one.by, one.deposit)

    def _add(self, case: Case, one: Challenge) -> None:
        case.receipt.challenges = [*case.receipt.challenges, one]
        self.deposit(events.LeafRequested(case.id, one.item, u32(one.tensor), one.leaf, one.until))
