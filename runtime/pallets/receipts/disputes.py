"""Disputes: proofs that a receipt or a vote is wrong, and the penalties."""

from __future__ import annotations

from typing import NamedTuple

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u128
from btt_chain.work import fraud, ids
from btt_chain.work.errors import NotFraud, ProofRefused
from btt_chain.work.fraud import EdgeProof, FraudProof
from btt_chain.work.graph import Graph
from btt_chain.work.merkle import Opening
from btt_chain.work.shapes import judged_of
from runtime.frame import Component, TokenError, TokenErrorKind
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.jobs.types import BOND_FACTOR
from runtime.pallets.providers.engagements import Engagements
from runtime.pallets.receipts import errors, events
from runtime.pallets.receipts.challenges import only, shown
from runtime.pallets.receipts.constants import PROOF_BPS
from runtime.pallets.receipts.records import Case, Records
from runtime.pallets.receipts.tally import found_wrong
from runtime.pallets.receipts.types import LeafProof, Payer, Phase, Proven, Seat, Wrong, WrongEdge
from runtime.pallets.receipts.verifiers import VerifierBonds
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import BPS, ceil_div, shared

Proof = FraudProof | tuple[EdgeProof, bool]
"""Proof that an element is wrong, or that an input or (True) an output is."""


class ProofCost(NamedTuple):
    """Sizes on which the weight of a proof depends."""

    nodes: int
    """Nodes of the graph, which is decoded for it."""
    judged: int
    """Maximum of numbers that are read or multiplied (`shapes.judged_of`); 0 for an edge."""


class Disputes(Component):
    """Judgement of proofs, and the penalties that follow."""

    _records: Records
    _bonds: VerifierBonds
    _currency: Balances
    _payer: Payer
    _providers: Engagements

    def prove(self, by: AccountId | None, id: H256, proof: Proof) -> tuple[Case | None, ProofCost]:
        """Judge a proof; return the convicted receipt, and the cost of judging.

        No receipt: the proof was wrong, and `by` has paid.
        Raises DispatchError, also for a wrong proof that is not signed (`by` is None).
        """
        case = self._provable(by, id, proof)
        cost = u128(ceil_div(case.price * PROOF_BPS, BPS))
        if by is not None and self._currency.reducible_balance(by, keep_alive=True) < cost:
            raise TokenError(TokenErrorKind.FundsUnavailable)
        graph = self._records.graph(case.job)
        try:
            judge(graph, case, proof)
        except errors.NotFraudulent:
            if by is None:
                raise
            # The call succeeds: a failed one would revert the burn.
            self._payer.destroy(by, cost, BurnReason.Slash)
            self.deposit(events.FalseProof(id, by, cost))
            return None, cost_of(graph, proof)
        case.proven = Proven(by, place_of(proof))
        return case, cost_of(graph, proof)

    def check(self, id: H256, proof: Proof) -> Case:
        """Check an unsigned proof without effects; return its receipt. Raises DispatchError."""
        case = self._provable(None, id, proof)
        judge(self._records.graph(case.job), case, proof)
        return case

    def convict(self, case: Case, proven: Proven) -> None:
        """Slash the provider of a receipt that is proven wrong, and verifiers that approved it."""
        receipt = case.receipt
        finders = [seat.verifier for seat in receipt.seats if seat.verdict == proven.place]
        if not finders and proven.by is not None:
            finders = [proven.by]
        amount, slashed = BOND_FACTOR * case.price, 0
        if finders:
            for who, part in zip(finders, shared(amount, [1] * len(finders)), strict=True):
                slashed += self._providers.slash(receipt.provider, receipt.job, part, who)
        else:
            slashed = self._providers.slash(receipt.provider, receipt.job, u128(amount), None)
        place = proven.place
        if isinstance(place, Wrong | WrongEdge):
            for seat in case.overlooked(int(place.item)):
                to = finders[0] if finders else None
                self._bonds.slash(case.id, seat.verifier, case.penalty, to)
        self.deposit(events.FraudProven(case.id, place, u128(slashed)))

    def slash_unproven(self, case: Case) -> list[Seat]:
        """Slash and return the verifiers that reported an error and did not prove it."""
        seats = found_wrong(case.receipt.seats)
        for seat in seats:
            self._bonds.slash(case.id, seat.verifier, case.penalty, None)
        return seats

    def dispute_digest(
        self, who: AccountId, id: H256, verifier: AccountId, proof: LeafProof, opening: Opening
    ) -> tuple[Case, Seat]:
        """Slash a verifier whose digest is wrong; see `Receipts.dispute_digest`.

        Return the receipt, and the seat that is to be removed.
        """
        case = self._records.case(id)
        found, seat = case.receipt, case.seat(verifier)
        if seat.verdict is None or found.phase is Phase.Ended:
            raise errors.WrongPhase
        graph = self._records.graph(case.job)
        seen = case.seen_by(seat)
        if int(proof.item) not in seen:
            raise errors.NoSuchLeaf
        try:
            leaf = shown(graph, found.item_root, case.items, proof, keyed=False)
            item, tensor, index = int(proof.item), int(proof.tensor), int(leaf.index)
            place = ids.digest_place(graph, seen, item, tensor, index)
            count = len(seen) * sum(ids.leaf_counts(graph))
            committed = only(opening, seat.digest, count, place)
        except ProofRefused:
            raise errors.LeafRefused from None
        if committed.data == ids.digest_leaf(seat.rho, item, tensor, index, leaf.data):
            raise errors.DigestRight
        self._bonds.slash(id, verifier, case.penalty, who)
        return case, seat

    # ---- internals

    def _provable(self, by: AccountId | None, id: H256, proof: Proof) -> Case:
        """Return a receipt that `by` may prove wrong in this way now.

        An unsigned proof must be of a revealed verdict, because checking it costs much time.
        """
        case = self._records.case(id)
        receipt, place = case.receipt, place_of(proof)
        if receipt.phase is Phase.Ended:
            raise errors.TooLate
        if receipt.proven is not None:
            raise errors.AlreadyProven
        if by is None and all(seat.verdict != place for seat in receipt.seats):
            if receipt.phase is Phase.Checking and any(
                seat.verdict is None for seat in receipt.seats
            ):
                raise errors.TooEarly  # the state may be a block behind that of its sender
            raise errors.NotAllowed
        if case.is_keyed and by != case.job.requester:
            raise errors.NotAllowed
        return case


def judge(graph: Graph, case: Case, proof: Proof) -> None:
    """Raise NotFraudulent unless a proof about a receipt is right."""
    try:
        if isinstance(proof, FraudProof):
            fraud.judge(graph, case.claim, proof)
        else:
            edge, output = proof
            root = case.receipt.output_root if output else case.job.input_root
            fraud.judge_edge(graph, case.claim, root, edge, output=output)
    except (ProofRefused, NotFraud):
        raise errors.NotFraudulent from None


def cost_of(graph: Graph, proof: Proof) -> ProofCost:
    """Return the cost of judging a proof; one about a node that is not there reads nothing."""
    nodes = len(graph.nodes)
    if not isinstance(proof, FraudProof) or proof.node >= nodes:
        return ProofCost(nodes, 0)
    return ProofCost(nodes, judged_of(graph, int(proof.node)))


def place_of(proof: Proof) -> Wrong | WrongEdge:
    """Return the place that is wrong by this proof."""
    if isinstance(proof, FraudProof):
        return Wrong(proof.item, proof.node, proof.element)
    edge, output = proof
    return WrongEdge(edge.item, output)
