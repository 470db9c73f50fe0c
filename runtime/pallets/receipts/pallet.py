"""Receipts: commitments of providers to computed results, and their verification.

A provider commits to every layer of every item before it is known which verifiers will check which
items. Then a beacon selects a committee; each verifier's own VRF selects the items that it checks;
verifiers commit to their verdicts, then reveal them. A receipt that a quorum found valid stays
pending for the challenge period, in which a proof of one wrong element revokes it: the chain
computes that element itself. A verifier that reports an error must prove it, and silent verifiers
are replaced. Items that one verifier reports as missing are checked by all verifiers of the next
round, besides their own samples, and no round with a missed item passes: withholding exactly the
wrong leaves does not lead to payment. If most verifiers miss something, or in the last round one
does, the provider has to show it on chain; in the last round that counts as served. Invariant: a
receipt has a timer until it has ended.

Verifiers bond; half of a slash goes to the account that proved the fault, the other half is
destroyed. Verifiers sign with session keys, so their extrinsics are bare and free: a commitment
carries a signature, a reveal opens it and carries the VRF proof of the sample.

The life cycle of a receipt is in `phases`, with a table of transitions; `lifecycle` applies it.
Described in `docs/useful-work.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, cast

from btt_chain.crypto.vrf import Vrf
from btt_chain.primitives import validity
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.validity import Invalid, TransactionSource, Unknown, ValidTransaction
from btt_chain.scale import u8, u32, u64, u128
from btt_chain.work.fraud import EdgeProof, FraudProof
from btt_chain.work.graph import MAX_NODES, PROOF_BYTES
from btt_chain.work.merkle import Opening
from btt_chain.work.shapes import MAX_JUDGED
from runtime.frame import (
    Call,
    Component,
    Const,
    Constant,
    DispatchError,
    DispatchInfo,
    Hasher,
    Map,
    Origin,
    Pallet,
    Part,
    PostInfo,
    ReasonOf,
    Section,
    call,
)
from runtime.frame.aliases import AccountIdOf, BlockNumber, CompactBalanceOf, HashOf
from runtime.frame.origin import OriginKind
from runtime.frame.timers import ShiftedQueues
from runtime.frame.traits import Operators
from runtime.pallets.babe.types import BeaconClock
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.providers.engagements import Engagements
from runtime.pallets.receipts import errors, events, types, weights
from runtime.pallets.receipts.attestations import Attestations, Reveal
from runtime.pallets.receipts.challenges import Challenges
from runtime.pallets.receipts.committee import Committees
from runtime.pallets.receipts.constants import FORGETTING, MAX_STEPS, PHASES, REQUESTS, Rules
from runtime.pallets.receipts.disputes import Disputes, Proof
from runtime.pallets.receipts.lifecycle import Lifecycle
from runtime.pallets.receipts.planted_errors import Disclosure, PlantedErrors
from runtime.pallets.receipts.records import Records
from runtime.pallets.receipts.types import (
    JobId,
    JobLedger,
    Keys,
    LeafProof,
    Models,
    Payer,
    Receipt,
    ReceiptId,
    Signature,
    SomeVerdict,
    Verdict,
    VrfOutput,
    VrfProof,
)
from runtime.pallets.receipts.verifiers import VerifierBonds
from runtime.pallets.system.pallet import System


def by_items(_: Receipts, __: bytes, was: Opening, right: Opening) -> DispatchInfo:
    """Weigh `expose_voters` by the number of items shown."""
    return DispatchInfo(weights.expose_voters(max(len(was.leaves), len(right.leaves))))


TAG: Final = b"BttWork"

ATTEST_COMMIT: Final = 1
ATTEST_REVEAL: Final = 2
PROVE_FRAUD: Final = 3
PROVE_EDGE: Final = 4
"""Indices of the calls that need no signature."""
COMMIT_BYTES: Final = 160
"""Size of the arguments of `attest_commit`: receipt, verifier, commitment, signature."""
REVEAL_BYTES: Final = 225
"""Size of its arguments: receipt, verifier, verdict, digest, salt, VRF output and proof."""
EVIDENCE_BYTES: Final = 32 + PROOF_BYTES + 1
"""Maximum size of the arguments of a fraud proof: receipt, proof, side of the edge."""
UNSIGNED_BYTES: Final[Mapping[int, int]] = MappingProxyType(
    {
        ATTEST_COMMIT: COMMIT_BYTES,
        ATTEST_REVEAL: REVEAL_BYTES,
        PROVE_FRAUD: EVIDENCE_BYTES,
        PROVE_EDGE: EVIDENCE_BYTES,
    }
)
"""Maximum size of the arguments, by call."""


class UnsignedCalls(Component):
    """Validity of unsigned calls in the pool and in blocks."""

    _attestations: Attestations
    _disputes: Disputes
    _clock: BeaconClock

    def validate(self, call: Call, source: TransactionSource) -> ValidTransaction | None:
        """Return the validity of a call; None for calls that need a signature.

        Raises Invalid; Unknown if the receipt is not known, in another phase or without this seat,
        because the next block may select the committee. A pool bans an invalid transaction for half
        an hour, but not an unknown one.
        """
        if call.index not in UNSIGNED_BYTES:
            return None
        try:
            sender, slots = self._check(call, source)
        except errors.TooEarly:
            raise Invalid(validity.Future()) from None
        except (errors.AlreadyCommitted, errors.AlreadyProven, errors.TooLate):
            raise Invalid(validity.Stale()) from None
        except (errors.UnknownReceipt, errors.WrongPhase, errors.NotSeated):
            raise Unknown(validity.CannotLookup()) from None
        except DispatchError:
            raise Invalid(validity.BadProof()) from None
        tag = TAG + bytes((call.index,)) + cast("H256", call.args[0]) + sender
        return ValidTransaction(u64(u64.MAX // 2), [], [tag], u64(max(1, slots)))

    # ---- internals

    def _check(self, call: Call, source: TransactionSource) -> tuple[bytes, int]:
        """Return the end of the tag, and the number of slots in which the call is valid."""
        if call.index == ATTEST_COMMIT:
            commit = cast("tuple[H256, AccountId, H256, bytes]", call.args)
            return bytes(commit[1]), self._attestations.check_commit(*commit)
        if call.index == ATTEST_REVEAL:
            id, verifier = cast("tuple[H256, AccountId]", call.args[:2])
            reveal = Reveal(*cast("tuple[Verdict, H256, H256, bytes, bytes]", call.args[2:]))
            slots = self._attestations.check_reveal(id, verifier, reveal)
            if source is not TransactionSource.InBlock:
                # The commitment does not cover the proof: the pool must not take a changed one for
                # the right one. In a block the call itself checks it.
                self._attestations.randomness(id, verifier, reveal)
            return bytes(verifier), slots
        if call.index == PROVE_FRAUD:
            return self._proof(*cast("tuple[H256, FraudProof]", call.args))
        receipt, proof, output = cast("tuple[H256, EdgeProof, bool]", call.args)
        return self._proof(receipt, (proof, output))

    def _proof(self, receipt: H256, proof: Proof) -> tuple[bytes, int]:
        found = self._disputes.check(receipt, proof).receipt
        return b"", int(found.due) - self._clock.now()


class Receipts(Pallet, events=events, errors=errors):
    """Commitments to computed results. Amounts in planck, times in slots since genesis."""

    GOSSIPED = UNSIGNED_BYTES

    # ---- constants

    committee: Const[u32]
    """Number of verifiers in a committee."""
    quorum: Const[u32]
    """Minimum number of valid verdicts."""
    planted_error_ppm: Const[u32]
    """Parts per million of receipts that have a planted error, as a test of verifiers."""
    beacon_delay: Const[u32]
    """Minimum number of slots from a request to the beacon that selects the committee."""
    beacon_authors: Const[u32]
    """Minimum number of distinct authors of blocks after the request, the beacon's included."""
    transcript_slots: Const[u32]
    """Number of slots for verifiers to fetch their items, and for a provider to show a leaf."""
    commit_slots: Const[u32]
    """Number of slots for commitments, after those for fetching."""
    reveal_slots: Const[u32]
    """Number of slots for reveals, after those for commitments."""
    challenge_slots: Const[u32]
    """Number of slots in which a receipt that was found valid can be disputed."""
    unbonding_slots: Const[u32]
    """Number of slots from leaving until a verifier's bond can be withdrawn."""
    minimum_bond: Const[u128]
    """Minimum bond of a verifier, in planck."""
    max_steps = Constant(u32(MAX_STEPS))
    """Maximum number of receipts processed per block and queue; others wait for the next block."""

    # ---- dependencies

    epoch_slots: u32
    vrf: Vrf
    currency: Balances
    payer: Payer
    clock: BeaconClock
    system: System
    keys: Keys
    operators: Operators
    providers: Engagements
    models: Models
    jobs: JobLedger

    # ---- storage

    receipts = Map(H256, Receipt, hasher=Hasher.Identity)
    """All receipts, until `KeepEpochs` after their end."""

    # ---- components

    rules = Part(Rules)
    records = Part(Records)
    timers = Part(ShiftedQueues)
    bonds = Part(VerifierBonds)
    committees = Part(Committees)
    attestations = Part(Attestations)
    challenges = Part(Challenges)
    disputes = Part(Disputes)
    planted_errors = Part(PlantedErrors)
    unsigned = Part(UnsignedCalls)
    lifecycle = Part(Lifecycle)

    # ---- hold reasons

    HoldReason = types.HoldReason

    reason = ReasonOf(HoldReason.VerifierBond)
    """The reason of the holds on verifiers' bonds."""

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Bond verifiers: `verifiers` is [[address, planck], ...]. Raises GenesisError."""
        fields = Section(config, "receipts").fields(optional=("verifiers",))
        self.bonds.genesis(fields["verifiers"].rows() if "verifiers" in fields else [])

    def on_initialize(self, number: int) -> int:
        """Process due receipts: select, tally, finalize, and end those with missed deadlines."""
        del number
        weight = weights.LOOK
        if self.timers.nothing_due():
            return weight
        for id in self.timers.take(REQUESTS, MAX_STEPS):
            weight += weights.EXPIRE
            self.lifecycle.end_request(id)
        for id in self.timers.take(PHASES, MAX_STEPS):
            weight += self.lifecycle.end_phase(id)
        forgotten = self.timers.take(FORGETTING, MAX_STEPS)
        for id in forgotten:
            del self.receipts[id]
        return weight + (weights.forget(len(forgotten)) if forgotten else 0)

    def validate_unsigned(self, call: Call, source: TransactionSource) -> ValidTransaction | None:
        """Validate attestations that are due from their verifiers, and correct proofs."""
        return self.unsigned.validate(call, source)

    # ---- calls

    @call(0, weight=weights.SUBMIT)
    def submit(
        self,
        origin: Origin,
        job: JobId,
        attempt: u8,
        item_root: HashOf,
        output_root: HashOf,
        planted_error_commit: HashOf,
        started: BlockNumber,
        finished: BlockNumber,
    ) -> None:
        """Submit a receipt for a job that you accepted.

        `item_root` is over the roots of all items, `output_root` over those of all outputs.
        `planted_error_commit` is `ids.planted_error_commit` of the right roots if an error is
        planted, else random.
        """
        provider, now = origin.signed(), u32(self.clock.now())
        self.lifecycle.submit(Receipt(
            job, provider, attempt, item_root, output_root, planted_error_commit, started,
            finished, now,
        ))  # fmt: skip

    @call(ATTEST_COMMIT, weight=weights.ATTEST_COMMIT)
    def attest_commit(
        self,
        origin: Origin,
        receipt: ReceiptId,
        verifier: AccountIdOf,
        commitment: HashOf,
        signature: Signature,
    ) -> None:
        """Commit to a verdict (`ids.attestation`). Sent unsigned by the nodes of verifiers.

        `signature` is by the seat's BABE key, over `ids.commit_message`.
        """
        origin.none()
        self.attestations.commit(receipt, verifier, commitment, signature)

    @call(ATTEST_REVEAL, weight=weights.ATTEST_REVEAL)
    def attest_reveal(
        self,
        origin: Origin,
        receipt: ReceiptId,
        verifier: AccountIdOf,
        verdict: SomeVerdict,
        digest: HashOf,
        salt: HashOf,
        pre_output: VrfOutput,
        proof: VrfProof,
    ) -> None:
        """Reveal a verdict with the VRF proof of its sample. Sent unsigned by verifiers' nodes.

        It opens the commitment, so it needs no signature.
        """
        origin.none()
        reveal = Reveal(verdict, digest, salt, pre_output, proof)
        self.attestations.reveal(receipt, verifier, reveal)

    @call(PROVE_FRAUD, weight=weights.prove_fraud(MAX_NODES, MAX_JUDGED))
    def prove_fraud(self, origin: Origin, receipt: ReceiptId, proof: FraudProof) -> PostInfo:
        """Prove that one element is computed wrongly. Signed, or unsigned for a verifier's verdict.

        The provider loses ten prices, half of it to the verifiers that reported this place, or
        else to the sender; verifiers that found the item valid lose two. A wrong signed proof costs
        1 % of the price. An unsigned one must be right, and of a place that a verifier revealed.
        """
        cost = self.lifecycle.prove(signer(origin), receipt, proof)
        return PostInfo(weights.prove_fraud(cost.nodes, cost.judged))

    @call(PROVE_EDGE, weight=weights.prove_edge(MAX_NODES))
    def prove_edge(
        self, origin: Origin, receipt: ReceiptId, proof: EdgeProof, output: bool
    ) -> PostInfo:
        """Prove that an item's input is not the requester's, or its output not the committed one.

        Everything else is as for `prove_fraud`.
        """
        cost = self.lifecycle.prove(signer(origin), receipt, (proof, output))
        return PostInfo(weights.prove_edge(cost.nodes))

    @call(5, weight=weights.REVEAL_PLANTED_ERROR)
    def reveal_planted_error(
        self,
        origin: Origin,
        receipt: ReceiptId,
        pre_output: VrfOutput,
        proof: VrfProof,
        item_root: HashOf,
        output_root: HashOf,
        salt: HashOf,
    ) -> None:
        """Reveal a planted error and the right roots. Origin: the provider of the receipt.

        The proof is of its own VRF output (`ids.planted_error_input`). A committee checks the right
        roots; once they are accepted, verifiers that accepted the error pay its finders:
        `expose_voters`.
        """
        claim = Disclosure(pre_output, proof, item_root, output_root, salt)
        self.lifecycle.disclose(origin.signed(), receipt, claim)

    @call(6, weight=weights.ACCEPT_RESULT)
    def accept_result(self, origin: Origin, receipt: ReceiptId) -> None:
        """Pay for a confidential job now. Origin: its requester, who alone could dispute it."""
        self.lifecycle.accept(origin.signed(), receipt)

    @call(7, weight=weights.CHALLENGE_DATA)
    def challenge_data(
        self, origin: Origin, receipt: ReceiptId, item: u32, tensor: u32, leaf: u32
    ) -> None:
        """Ask the provider to show a leaf on chain. Origin: the requester or a committee member.

        `tensor` is the index among the model's tensors with leaves, the input being 0. 1 % of the
        price is held, and burned if the leaf is shown. If it is not, the job is refunded and the
        provider fined. A shown leaf is public, also for a confidential job.
        """
        self.challenges.request(origin.signed(), receipt, int(item), int(tensor), int(leaf))

    @call(8, weight=weights.ANSWER_DATA)
    def answer_data(self, origin: Origin, receipt: ReceiptId, proof: LeafProof) -> PostInfo:
        """Show a requested leaf. Any account may; there is no fee if the leaf was requested."""
        origin.signed()
        self.challenges.answer(receipt, proof)
        return PostInfo(pays=False)  # the fee may exceed the challenger's 1 % of the price

    @call(9, weight=weights.DISPUTE_DIGEST)
    def dispute_digest(
        self,
        origin: Origin,
        receipt: ReceiptId,
        verifier: AccountIdOf,
        proof: LeafProof,
        said: Opening,
    ) -> None:
        """Prove that a verifier's digest does not match the leaves that it had to check.

        `said` opens the digest where the leaf of `proof` belongs. The verifier loses two prices,
        half of it to you, and its vote.
        """
        who = origin.signed()
        self.lifecycle.remove_vote(
            *self.disputes.dispute_digest(who, receipt, verifier, proof, said)
        )

    @call(10, weight=weights.JOIN)
    def join(self, origin: Origin, bond: CompactBalanceOf) -> None:
        """Bond free balance to become a verifier, whose node signs with your session keys."""
        self.bonds.join(origin.signed(), bond)

    @call(11, weight=weights.BOND_EXTRA)
    def bond_extra(self, origin: Origin, amount: CompactBalanceOf) -> None:
        """Add to your bond; a greater bond is selected more often.

        You are not selected for receipts that are waiting for their committee now.
        """
        self.bonds.bond_extra(origin.signed(), amount)

    @call(12, weight=weights.LEAVE)
    def leave(self, origin: Origin) -> None:
        """Stop being a verifier. Your bond can be slashed for your votes until you withdraw it."""
        self.bonds.leave(origin.signed())

    @call(13, weight=weights.WITHDRAW)
    def withdraw(self, origin: Origin) -> None:
        """Withdraw your bond after `leave`, from slot `free_at` on, without seats in receipts."""
        self.bonds.withdraw(origin.signed(), self.committees.is_seated)

    @call(14, weight=by_items)
    def expose_voters(
        self, origin: Origin, receipt: ReceiptId, was: Opening, right: Opening
    ) -> None:
        """Show items of a planted error. Any account may, from its reveal until the job is paid.

        `was` opens the roots of some items as first committed, `right` as they are now; all of them
        differ. Verifiers that checked one of these and found it valid are slashed when the right
        roots are accepted. Raises NoSuchLeaf if this exposes no further verifier.
        """
        origin.signed()
        self.planted_errors.expose(receipt, was, right)

    # ---- public interface

    def receipt(self, id: H256) -> Receipt | None:
        """Return a receipt with its present deadlines; None if it is unknown or removed."""
        return self.records.find(id)

    def staked_total(self) -> int:
        """Return the sum of all verifiers' bonds, in planck. Reads all: for queries only."""
        return self.bonds.total()


def signer(origin: Origin) -> AccountId | None:
    """Return the account that signed a call; None for an unsigned one."""
    return None if origin.kind is OriginKind.NONE else origin.signed()
