"""Receipts: what providers say that they computed, and how the chain finds out whether it is so.

A provider commits to every layer of every item before anybody knows who will look at what. Then a
beacon draws a committee; each verifier's own VRF tells it which items to check; they commit to
what they found, then reveal it. A receipt that enough found valid stands for a while, in which one
wrong element, proven, undoes it: the chain computes that element itself. Whoever finds something
wrong must prove it, and whoever is silent is replaced. What one verifier misses, all of another
round look at besides what they draw, and no round stands in which something is missed: serving
all but what is wrong is no way to be paid. If most miss something, or in the last round somebody
does, the provider has to show it on the chain; in the last round that counts as served. What always
holds: every receipt is due for something until it has ended.

Verifiers bond; what they lose goes by half to who proved it, and is destroyed by the other half.
They sign with session keys, so what they send is bare and free: a commitment carries a signature,
a reveal opens it and carries the proof of the draw.

Source: `useful-work.md` 4, rulings 31, 36 to 39.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from hashlib import sha256
from types import MappingProxyType
from typing import Annotated, ClassVar, Final, cast

from btt_chain.crypto import sr25519
from btt_chain.crypto.vrf import Vrf
from btt_chain.primitives import validity
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.validity import Invalid, TransactionSource, ValidTransaction
from btt_chain.scale import Compact, TypeName, codec, u8, u16, u32, u64, u128
from btt_chain.work import fraud, ids
from btt_chain.work.errors import NotFraud, ProofRefused
from btt_chain.work.fraud import EdgeProof, FraudProof
from btt_chain.work.graph import PROOF_BYTES, Graph
from btt_chain.work.layout import tensor_layout
from btt_chain.work.merkle import Opening, check_opening
from runtime.frame import (
    Call,
    Const,
    DispatchError,
    DispatchInfo,
    DoubleMap,
    Error,
    Event,
    Hasher,
    Map,
    Origin,
    Pallet,
    PostInfo,
    Reason,
    Section,
    TokenError,
    TokenErrorKind,
    Value,
    call,
)
from runtime.frame.origin import OriginKind
from runtime.pallets.jobs import agenda
from runtime.pallets.jobs.types import (
    BOND_FACTOR,
    NO_TASK,
    DueKey,
    Job,
    JobState,
    Outcome,
    Tier,
)
from runtime.pallets.receipts.openings import only, shown
from runtime.pallets.receipts.tally import (
    Ruling,
    found_missing,
    found_valid,
    found_wrong,
    has_seen,
    overlooked,
    rule,
    seen_by,
)
from runtime.pallets.receipts.types import (
    MAX_CHALLENGES,
    MAX_MISSES,
    MAX_REDRAWS,
    MAX_VERIFIERS,
    OUTAGE_SLOTS,
    Challenge,
    Clock,
    Currency,
    JobBooks,
    Keys,
    LeafProof,
    Missing,
    Models,
    Operators,
    Payer,
    Phase,
    Proven,
    Providers,
    Receipt,
    Roster,
    Seat,
    Signature,
    Slots,
    Trap,
    Verdict,
    Verifier,
    VrfOutput,
    VrfProof,
    Wrong,
    WrongEdge,
)
from runtime.pallets.system import System
from runtime.pallets.tokenomics import BurnReason
from runtime.splits import BPS, FINDER_BPS, ceil_div, shared
from runtime.weights import receipts as weights

VOTER_FACTOR: Final = 2
WITHHELD_PPM: Final = 50_000
PROOF_BPS: Final = 100
TRAP_LOSS: Final = 50
TRAP_GAIN: Final = 10
TRAP_BPS: Final = 200
CONFIDENTIAL_FACTOR: Final = 3
STALE_SLOTS: Final = 900
RETRY_SLOTS: Final = 10
MOST_ASKED: Final = MAX_CHALLENGES // 2
KEEP_EPOCHS: Final = 14
MOST_STEPS: Final = 8
"""Constants of `Receipts`: what each decides is told there."""
TRAP_POT: Final = AccountId(sha256(b"btt-work trap pot").digest())
"""What verifiers lost who found traps valid, for those who find them."""

PHASES: Final = 0
ASKED: Final = 1
FORGETTING: Final = 2

STEPS: Final[Mapping[Phase, int]] = MappingProxyType(
    {
        Phase.Waiting: weights.DRAW,
        Phase.Checking: weights.CLOSE_ROUND,
        Phase.Trapping: max(weights.CONVICT, weights.CLOSE_ROUND),
        Phase.Disputed: weights.DISPUTE,
        Phase.Withheld: weights.WITHHOLD,
        Phase.Pending: weights.FINALISE,
        Phase.Ended: weights.LOOK,
    }
)
"""What the end of a phase weighs at most, in picoseconds."""
TAG: Final = b"BttWork"

ATTEST_COMMIT: Final = 1
ATTEST_REVEAL: Final = 2
PROVE_FRAUD: Final = 3
PROVE_EDGE: Final = 4
"""The indices of calls that need no signature."""
COMMIT_BYTES: Final = 160
"""Arguments of `attest_commit`: receipt, verifier, commitment, signature."""
REVEAL_BYTES: Final = 225
"""Arguments of `attest_reveal`: receipt, verifier, verdict, digest, salt, VRF output and proof."""
EVIDENCE_BYTES: Final = 32 + PROOF_BYTES + 1
"""Arguments of a proof that a result is wrong, at most: receipt, proof, side of the edge."""

VERDICT: Final = codec(Verdict)

Hash = Annotated[H256, TypeName("T::Hash")]
ReceiptId = Annotated[H256, TypeName("ReceiptId")]
JobId = Annotated[H256, TypeName("JobId")]
Who = Annotated[AccountId, TypeName("T::AccountId")]
Amount = Annotated[u128, TypeName("BalanceOf<T>")]
CompactAmount = Annotated[Compact[u128], TypeName("BalanceOf<T>")]
SomeVerdict = Annotated[Verdict, TypeName("Verdict")]


def by_items(_: Receipts, __: bytes, was: Opening, right: Opening) -> DispatchInfo:
    """Weigh `expose_voters` by the items that are shown."""
    return DispatchInfo(weights.expose_voters(max(len(was.leaves), len(right.leaves))))


class Receipts(Pallet):
    """What providers say that they computed. Amounts in planck, times in slots since genesis."""

    GOSSIPED = MappingProxyType(
        {
            ATTEST_COMMIT: COMMIT_BYTES,
            ATTEST_REVEAL: REVEAL_BYTES,
            PROVE_FRAUD: EVIDENCE_BYTES,
            PROVE_EDGE: EVIDENCE_BYTES,
        }
    )

    committee: Const[u32]
    """How many verifiers look at a receipt."""
    quorum: Const[u32]
    """How many of them must find it valid."""
    trap_ppm: Const[u32]
    """How many of a million receipts are traps for lazy verifiers."""
    beacon_delay: Const[u32]
    """A draw uses the beacon of the first block so many slots later."""
    beacon_authors: Const[u32]
    """And only after so many different authors made blocks in between."""
    transcript_slots: Const[u32]
    """How long verifiers have to fetch what they check, and a provider to show a leaf."""
    commit_slots: Const[u32]
    """How long they then have to commit."""
    reveal_slots: Const[u32]
    """How long they then have to reveal."""
    challenge_slots: Const[u32]
    """How long a receipt that was found valid can be disputed."""
    unbonding_slots: Const[u32]
    """How long a verifier that left waits for its bond."""
    minimum_bond: Const[u128]
    """What a verifier has bonded at least."""
    epoch_slots: u32
    vrf: Vrf
    currency: Currency
    payer: Payer
    clock: Clock
    system: System
    keys: Keys
    operators: Operators
    providers: Providers
    models: Models
    jobs: JobBooks

    voter_factor: ClassVar[Const[u32]] = u32(VOTER_FACTOR)
    """How many prices of the job a verifier loses that voted against what is proven; who bonded
    less is not drawn."""
    finder_share: ClassVar[Const[u32]] = u32(FINDER_BPS)
    """What of a verifier's loss goes to who proved it, in basis points; the rest is burned."""
    withheld_share: ClassVar[Const[u32]] = u32(WITHHELD_PPM)
    """What a provider loses of its bond that does not show what it computed, in parts per
    million."""
    proof_share: ClassVar[Const[u32]] = u32(PROOF_BPS)
    """What of the price a false proof costs, and is held for a leaf that is asked for, in basis
    points."""
    trap_loss: ClassVar[Const[u32]] = u32(TRAP_LOSS)
    """How many fees a verifier loses that found a trap valid."""
    trap_gain: ClassVar[Const[u32]] = u32(TRAP_GAIN)
    """How many fees those share that found a trap."""
    trap_share: ClassVar[Const[u32]] = u32(TRAP_BPS)
    """What of the price the requester gets for the delay of a trap, in basis points, while what
    verifiers lost lasts."""
    confidential_factor: ClassVar[Const[u32]] = u32(CONFIDENTIAL_FACTOR)
    """How many times `ChallengeSlots` a confidential receipt can be disputed: by its requester
    alone."""
    max_redraws: ClassVar[Const[u32]] = u32(MAX_REDRAWS)
    """How often others are drawn for verifiers who did not vote, or who missed something."""
    max_misses: ClassVar[Const[u32]] = u32(MAX_MISSES)
    """Who is silent for so many receipts in a row is no verifier any more."""
    outage_slots: ClassVar[Const[u32]] = u32(OUTAGE_SLOTS)
    """Silences within so many slots count once: a restart misses all receipts that are open."""
    max_verifiers: ClassVar[Const[u32]] = u32(MAX_VERIFIERS)
    """How many verifiers there may be."""
    max_asked: ClassVar[Const[u32]] = u32(MOST_ASKED)
    """How many leaves of a receipt people can ask for at a time."""
    retry_slots: ClassVar[Const[u32]] = u32(RETRY_SLOTS)
    """How many slots a receipt waits when there are too few verifiers, or Carry is empty."""
    stale_slots: ClassVar[Const[u32]] = u32(STALE_SLOTS)
    """How many slots after it asked for a beacon that did not come a receipt asks for another."""
    keep_epochs: ClassVar[Const[u32]] = u32(KEEP_EPOCHS)
    """How many epochs a receipt that ended can be looked at."""
    max_steps: ClassVar[Const[u32]] = u32(MOST_STEPS)
    """How many receipts go on in a block, and as many are forgotten; others wait for the next."""

    receipts = Map(H256, Receipt, hasher=Hasher.Identity)
    """All receipts that did not end long ago."""
    verifiers = Map(AccountId, Verifier)
    """Who has a bond here, at work or leaving."""
    roster = Value(Roster, default=[])
    """Who is drawn, by what bond, and since when."""
    duties = DoubleMap(AccountId, H256, u8)
    """The receipts that each verifier sits on, and in which round it was drawn."""
    due = agenda.agenda()
    """What is due when, by lane."""
    ahead = Value(agenda.Ahead, default=agenda.Ahead())
    """From when on something is due."""

    class HoldReason(IntEnum):
        """Why money is on hold."""

        VerifierBond = 0
        Challenge = 1

    class Submitted(Event, index=0):
        """A provider says what it computed."""

        receipt: ReceiptId
        job: JobId
        provider: Who

    class CommitteeDrawn(Event, index=1):
        """These verifiers look at a receipt, with those who did so before."""

        receipt: ReceiptId
        verifiers: Annotated[list[AccountId], TypeName("Vec<T::AccountId>")]
        commit_until: Slots
        reveal_until: Slots

    class Committed(Event, index=2):
        """A verifier has committed to what it found."""

        receipt: ReceiptId
        verifier: Who

    class Revealed(Event, index=3):
        """A verifier says what it found."""

        receipt: ReceiptId
        verifier: Who
        verdict: SomeVerdict

    class VoterExposed(Event, index=4):
        """A verifier found a trap valid though it looked at what was wrong; it pays at the end."""

        receipt: ReceiptId
        verifier: Who

    class PhaseBegan(Event, index=5):
        """A receipt has gone on; the phase ends by itself in slot `until`."""

        receipt: ReceiptId
        phase: Annotated[Phase, TypeName("Phase")]
        until: Slots

    class FraudProven(Event, index=6):
        """The receipt is wrong here. The provider lost `slashed` of its bond."""

        receipt: ReceiptId
        place: SomeVerdict
        slashed: Amount

    class FalseProof(Event, index=7):
        """A proof proved nothing, and cost who sent it something."""

        receipt: ReceiptId
        who: Who
        burned: Amount

    class TrapRevealed(Event, index=8):
        """The receipt was a trap. The right roots stand in it now, and are looked at."""

        receipt: ReceiptId

    class VerifierSlashed(Event, index=9):
        """A verifier lost a part of its bond."""

        receipt: ReceiptId
        verifier: Who
        amount: Amount

    class LeafAsked(Event, index=10):
        """The provider has to show a leaf before slot `until`."""

        receipt: ReceiptId
        item: Annotated[u32, TypeName("u32")]
        tensor: Annotated[u32, TypeName("u32")]
        leaf: Annotated[u32, TypeName("u32")]
        until: Slots

    class LeafShown(Event, index=11):
        """A leaf that was asked for was shown; it stands in the call."""

        receipt: ReceiptId
        item: Annotated[u32, TypeName("u32")]
        tensor: Annotated[u32, TypeName("u32")]
        leaf: Annotated[u32, TypeName("u32")]

    class VerifierJoined(Event, index=12):
        """Somebody can be drawn from now on."""

        verifier: Who
        bond: Amount

    class VerifierLeft(Event, index=13):
        """A verifier is not drawn any more, and can have its bond back in slot `free_at`."""

        verifier: Who
        free_at: Slots

    class VerifierWithdrew(Event, index=14):
        """A verifier has its bond back."""

        verifier: Who
        amount: Amount

    class UnknownReceipt(Error, index=0):
        """There is no such receipt, or it ended long ago; its id is in the event `Submitted`."""

    class BadTimes(Error, index=1):
        """The work began before it was accepted, or ended before it began or after now; both are
        slots since genesis.
        """

    class WrongPhase(Error, index=2):
        """The receipt is in another phase; look at its `phase` and `due` for what can be done."""

    class NotSeated(Error, index=3):
        """The account does not sit in this receipt's committee; look at its `seats`."""

    class TooEarly(Error, index=4):
        """Verifiers still commit; reveal from slot `commit_until` on."""

    class TooLate(Error, index=5):
        """The time for that is over; the receipt goes on without it."""

    class AlreadyCommitted(Error, index=6):
        """The verifier has committed, or revealed, already; there is nothing more to do."""

    class BadSignature(Error, index=7):
        """The signature is not by the BABE key of the seat, over `ids.commit_message`."""

    class WrongOpening(Error, index=8):
        """That is not what the verifier committed to; reveal verdict, digest and salt as they
        went into `ids.attestation`.
        """

    class NotFraudulent(Error, index=9):
        """The proof proves nothing; check it with `btt-chain work verify` before you send it."""

    class AlreadyProven(Error, index=10):
        """The receipt is proven wrong already; it only waits until it is clear that it is no
        trap.
        """

    class NotAllowed(Error, index=11):
        """Only the requester of the job, or its provider, may do that; sign with that account.
        A proof without a signature must be of a place that a verifier has revealed; sign it.
        """

    class LeafRefused(Error, index=12):
        """What is shown is not the leaf that the receipt commits to; show it with its roots."""

    class NobodyAsked(Error, index=13):
        """Nobody asked for this leaf, or it was shown already."""

    class TooManyAsked(Error, index=14):
        """So many leaves are asked for that no more can be; wait until some are shown."""

    class NoSuchLeaf(Error, index=15):
        """There is no such leaf, or the verifier did not look at its item; all count from zero."""

    class DigestRight(Error, index=16):
        """The verifier's digest has this leaf as it is; there is nothing to dispute."""

    class NoTrap(Error, index=17):
        """The proof, the roots or the salt are not those of a trap that you committed to."""

    class BondTooSmall(Error, index=18):
        """A verifier bonds `minimum_bond` at least; bond more."""

    class NoSessionKeys(Error, index=19):
        """A verifier signs with its node's session keys; register them with `session.setKeys`."""

    class AlreadyVerifier(Error, index=20):
        """The account has a bond here; add to it with `bond_extra`, or withdraw it first."""

    class NotVerifier(Error, index=21):
        """The account has no bond here; `join` first."""

    class VerifiersFull(Error, index=22):
        """There are 256 verifiers; wait until one leaves."""

    class StillBonded(Error, index=23):
        """The bond is free from slot `free_at` on, after `leave`, once no receipt is left that
        you sit on.
        """

    class BadDraw(Error, index=24):
        """The proof of the draw does not hold; make it with the seat's BABE key, over
        `ids.check_input` of the seat's beacon.
        """

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Bond verifiers: `verifiers` is [[address, planck], ...]. Raises GenesisError."""
        fields = Section(config, "receipts").fields(optional=("verifiers",))
        rows = fields["verifiers"].rows() if "verifiers" in fields else []
        for row in rows:
            account, amount = row.rows(2)
            who, bond = account.account(), amount.planck()
            if bond < self.minimum_bond:
                raise amount.wrong(f"at least {int(self.minimum_bond)} planck")
            if who in self.verifiers:
                raise account.wrong("each verifier once")
            if len(self.roster.value) >= MAX_VERIFIERS:
                raise row.wrong(f"at most {MAX_VERIFIERS} verifiers")
            try:
                self._join(who, bond)
            except DispatchError as error:
                raise row.wrong(f"an account that can bond so much ({error})") from error

    def on_initialize(self, number: int) -> int:
        """Do what is due: draw, tally, finalise, and end what somebody was too late for."""
        del number
        now, weight = self.clock.now(), weights.LOOK
        for id in self._take(ASKED):
            weight += weights.EXPIRE
            self._check_asked(id, now)
        for id in self._take(PHASES):
            weight += self._step(id, now)
        forgotten = self._take(FORGETTING)
        for id in forgotten:
            del self.receipts[id]
        if forgotten:
            weight += weights.forget(len(forgotten))
        return weight

    def validate_unsigned(self, call: Call, source: TransactionSource) -> ValidTransaction | None:
        """Pass attestations that are due from who sends them, and proofs that prove something."""
        checks: Mapping[int, Callable[..., tuple[bytes, int]]] = {
            ATTEST_COMMIT: self._check_commit,
            ATTEST_REVEAL: self._check_reveal,
            PROVE_FRAUD: self._check_fraud,
            PROVE_EDGE: self._check_edge,
        }
        check = checks.get(call.index)
        if check is None:
            return None
        receipt = cast("H256", call.args[0])
        try:
            what, left = check(*call.args)
            if call.index == ATTEST_REVEAL and source is not TransactionSource.InBlock:
                # The commitment covers no proof: the pool must not take a changed one for the
                # right one. In a block the call itself checks it.
                whose = cast("tuple[H256, AccountId]", call.args[:2])
                self._drawn_by(*whose, *cast("tuple[bytes, bytes]", call.args[5:]))
        except self.TooEarly:
            raise Invalid(validity.Future()) from None
        except (self.AlreadyCommitted, self.AlreadyProven, self.TooLate):
            raise Invalid(validity.Stale()) from None
        except DispatchError:
            raise Invalid(validity.BadProof()) from None
        tag = TAG + bytes((call.index,)) + receipt + what
        return ValidTransaction(u64(u64.MAX // 2), [], [tag], u64(max(1, left)))

    # ---- calls: the life of a receipt

    @call(0, weight=weights.SUBMIT)
    def submit(
        self,
        origin: Origin,
        job: JobId,
        attempt: Annotated[u8, TypeName("u8")],
        item_root: Hash,
        output_root: Hash,
        trap_commit: Hash,
        started: Slots,
        finished: Slots,
    ) -> None:
        """Say what you computed for a job that you accepted.

        `item_root` is over the roots of all items, `output_root` over those of all outputs.
        `trap_commit` is `ids.trap_commit` of the right roots if this is a trap, else luck.
        """
        provider, now = origin.signed(), self.clock.now()
        id = ids.receipt_id(self._genesis(), job, provider, int(attempt), item_root)
        found = self.jobs.committed(job, provider, int(attempt), id)
        if not found.accepted <= started <= finished <= now:
            raise self.BadTimes
        receipt = Receipt(
            job, provider, attempt, item_root, output_root, trap_commit, started, finished, u32(now)
        )
        receipt.still = u32(self.jobs.stood_still())
        self.deposit(self.Submitted(id, job, provider))
        if found.tier is Tier.Confidential:
            until = now + CONFIDENTIAL_FACTOR * int(self.challenge_slots)
            self._begin(id, receipt, Phase.Pending, until)
            self.jobs.advance(job, JobState.Pending)
        else:
            self._wait(id, receipt, now, int(self.beacon_delay) + 1)

    @call(ATTEST_COMMIT, weight=weights.ATTEST_COMMIT)
    def attest_commit(
        self,
        origin: Origin,
        receipt: ReceiptId,
        verifier: Who,
        commitment: Hash,
        signature: Signature,
    ) -> None:
        """Commit to a verdict (`ids.attestation`). Nodes of verifiers send this, unsigned.

        `signature` is by the seat's BABE key, over `ids.commit_message`.
        """
        origin.none()
        self._check_commit(receipt, verifier, commitment, signature)
        found = self._receipt(receipt)
        self._seat(found, verifier).commitment = commitment
        self.receipts[receipt] = found
        self.deposit(self.Committed(receipt, verifier))

    @call(ATTEST_REVEAL, weight=weights.ATTEST_REVEAL)
    def attest_reveal(
        self,
        origin: Origin,
        receipt: ReceiptId,
        verifier: Who,
        verdict: SomeVerdict,
        digest: Hash,
        salt: Hash,
        pre_output: VrfOutput,
        proof: VrfProof,
    ) -> None:
        """Reveal a verdict and the draw that it is by. Nodes of verifiers send this, unsigned.

        It opens the commitment, so that it needs no signature.
        """
        origin.none()
        self._check_reveal(receipt, verifier, verdict, digest, salt, pre_output, proof)
        rho = self._drawn_by(receipt, verifier, pre_output, proof)
        found = self._receipt(receipt)
        seat = self._seat(found, verifier)
        seat.commitment, seat.verdict, seat.digest, seat.rho = None, verdict, digest, rho
        self.receipts[receipt] = found
        self.deposit(self.Revealed(receipt, verifier, verdict))

    @call(PROVE_FRAUD, weight=weights.PROVE_FRAUD)
    def prove_fraud(self, origin: Origin, receipt: ReceiptId, proof: FraudProof) -> None:
        """Prove that one element is not what it is computed to. Signed, or as a verifier bare.

        The provider loses ten prices, half of it to who found this place; verifiers that looked
        at the item and found it valid lose two. A signed proof that proves nothing costs 1 % of
        the price. A bare one is taken if it is right, and of a place that a verifier has revealed.
        """
        place = Wrong(proof.item, proof.node, proof.element)
        self._prove(origin, receipt, place, lambda found, job: self._judge(found, job, proof))

    @call(PROVE_EDGE, weight=weights.PROVE_EDGE)
    def prove_edge(
        self,
        origin: Origin,
        receipt: ReceiptId,
        proof: EdgeProof,
        output: Annotated[bool, TypeName("bool")],
    ) -> None:
        """Prove that an item's input is not the requester's, or its output not what is told.

        All else is as for `prove_fraud`.
        """
        place = WrongEdge(proof.item, output)
        self._prove(
            origin, receipt, place, lambda found, job: self._judge_edge(found, job, proof, output)
        )

    @call(5, weight=weights.REVEAL_TRAP)
    def reveal_trap(
        self,
        origin: Origin,
        receipt: ReceiptId,
        pre_output: VrfOutput,
        proof: VrfProof,
        item_root: Hash,
        output_root: Hash,
        salt: Hash,
    ) -> None:
        """Reveal that a receipt was a trap, and what is right. For its provider.

        The proof is of its own draw (`ids.trap_input`). Others look at what is right. Once it
        stands, those who found the trap valid pay those who found it: see `expose_voters`.
        """
        found, job = self._with_job(receipt)
        if origin.signed() != found.provider:
            raise self.NotAllowed
        if found.phase is not Phase.Trapping:
            raise self.WrongPhase
        info = self.providers.info(found.provider)
        right = ids.trap_commit(item_root, output_root, salt) == found.trap_commit
        if info is None or not right:
            raise self.NoTrap
        draw = self.vrf.verify(info.vrf, ids.trap_input(job.seed), pre_output, proof)
        if draw is None or not ids.is_trap(draw, int(self.trap_ppm)):
            raise self.NoTrap
        found.trap = Trap(
            found.item_root,
            [(seat.verifier, seat.rho) for seat in found_valid(found.seats)],
            [seat.verifier for seat in found_wrong(found.seats)],
        )
        kept = {*self._trapped(found)}
        self._note_missed(receipt, found, job)  # of the right roots, all have to look at that, too
        self._unseat(receipt, found, [one for one in found.seats if one.verifier not in kept])
        found.seats, found.exposed, found.proven, found.looked = [], True, None, False
        found.item_root, found.output_root = item_root, output_root
        self._wait(receipt, found, self.clock.now(), int(self.beacon_delay) + 1)
        self.deposit(self.TrapRevealed(receipt))

    @call(6, weight=weights.ACCEPT_RESULT)
    def accept_result(self, origin: Origin, receipt: ReceiptId) -> None:
        """Pay for a confidential job now. For its requester, who alone could dispute it."""
        found, job = self._with_job(receipt)
        if job.requester != origin.signed():
            raise self.NotAllowed
        if found.phase is not Phase.Pending or job.tier is not Tier.Confidential:
            raise self.WrongPhase
        self._finalise(receipt, found, self.clock.now())

    @call(7, weight=weights.CHALLENGE_DATA)
    def challenge_data(
        self,
        origin: Origin,
        receipt: ReceiptId,
        item: Annotated[u32, TypeName("u32")],
        tensor: Annotated[u32, TypeName("u32")],
        leaf: Annotated[u32, TypeName("u32")],
    ) -> None:
        """Ask the provider to show a leaf on the chain. For the requester and for the committee.

        `tensor` counts those that the model has leaves of, the input being 0. 1 % of the price is
        held, and burned if the leaf is shown. If it is not, the job is refunded and the provider
        fined. What is shown is public, of a confidential job too.
        """
        who, now = origin.signed(), self.clock.now()
        found, job = self._with_job(receipt)
        if who != job.requester and all(seat.verifier != who for seat in found.seats):
            raise self.NotAllowed
        until = now + int(self.transcript_slots)
        if found.phase is Phase.Ended or (found.phase is Phase.Pending and until > found.due):
            raise self.TooLate
        graph, items = self._graph(job), int(job.items)
        if not is_leaf(graph, items, int(item), int(tensor), int(leaf)):
            raise self.NoSuchLeaf
        found.challenges = [one for one in found.challenges if not one.answered]
        if sum(one.by is not None for one in found.challenges) >= MOST_ASKED:
            raise self.TooManyAsked
        deposit = u128(ceil_div(int(job.price) * PROOF_BPS, BPS))
        self.currency.hold(self._reason(self.HoldReason.Challenge), who, deposit)
        self._ask(receipt, found, Challenge(item, u16(tensor), leaf, u32(until), who, deposit))
        self._enter(ASKED, until, receipt)
        self.receipts[receipt] = found

    @call(8, weight=weights.ANSWER_DATA)
    def answer_data(self, origin: Origin, receipt: ReceiptId, proof: LeafProof) -> PostInfo:
        """Show a leaf that was asked for. For whoever has it. Costs no fee if it was."""
        origin.signed()
        found, job = self._with_job(receipt)
        if found.phase is Phase.Ended:
            raise self.TooLate
        try:
            leaf = shown(
                self._graph(job), found.item_root, int(job.items), proof, keyed=is_keyed(job)
            )
        except ProofRefused:
            raise self.LeafRefused from None
        place = (proof.item, proof.tensor, leaf.index)
        asked = [
            one
            for one in found.challenges
            if (one.item, one.tensor, one.leaf) == place and not one.answered
        ]
        if not asked:
            raise self.NobodyAsked
        for one in asked:
            one.answered = True
            if one.by is not None:
                reason = self._reason(self.HoldReason.Challenge)
                self.payer.destroy_held(reason, one.by, one.deposit, BurnReason.Slash, force=True)
        self.receipts[receipt] = found
        self.deposit(self.LeafShown(receipt, proof.item, u32(proof.tensor), leaf.index))
        return PostInfo(pays=False)  # who asks pays 1 % of the price, which may be less than that

    @call(9, weight=weights.DISPUTE_DIGEST)
    def dispute_digest(
        self,
        origin: Origin,
        receipt: ReceiptId,
        verifier: Who,
        proof: LeafProof,
        said: Opening,
    ) -> None:
        """Prove that a verifier's digest is not of what it looked at: it copied it, or made it up.

        `said` opens the digest where the leaf of `proof` belongs. The verifier loses two prices,
        half of it to you, and its vote.
        """
        who = origin.signed()
        found, job = self._with_job(receipt)
        seat = self._seat(found, verifier)
        if seat.verdict is None or found.phase is Phase.Ended:
            raise self.WrongPhase
        graph, items, looked_at = self._graph(job), int(job.items), self.jobs.looked_at(job)
        seen = seen_by(found, seat, items, looked_at)
        if int(proof.item) not in seen:
            raise self.NoSuchLeaf
        try:
            leaf = shown(graph, found.item_root, items, proof, keyed=False)
            item, tensor, index = int(proof.item), int(proof.tensor), int(leaf.index)
            place = ids.digest_place(graph, seen, item, tensor, index)
            count = len(seen) * sum(ids.leaf_counts(graph))
            told = only(said, seat.digest, count, place)
        except ProofRefused:
            raise self.LeafRefused from None
        if told.data == ids.digest_leaf(seat.rho, item, tensor, index, leaf.data):
            raise self.DigestRight
        self._slash(receipt, verifier, VOTER_FACTOR * int(job.price), who)
        self._unseat(receipt, found, [seat])
        if found.phase is Phase.Pending and rule(found, int(self.quorum)) != Ruling.STANDS:
            self._rule(receipt, found, job, self.clock.now())
        else:
            self.receipts[receipt] = found

    # ---- calls: verifiers

    @call(10, weight=weights.JOIN)
    def join(self, origin: Origin, bond: CompactAmount) -> None:
        """Bond money and be drawn to look at receipts, with your node's session keys."""
        who = origin.signed()
        if bond < self.minimum_bond:
            raise self.BondTooSmall
        if self.keys.babe_key(who) is None:
            raise self.NoSessionKeys
        if who in self.verifiers:
            raise self.AlreadyVerifier
        if len(self.roster.peek()) >= MAX_VERIFIERS:
            raise self.VerifiersFull
        self._join(who, bond)

    @call(11, weight=weights.BOND_EXTRA)
    def bond_extra(self, origin: Origin, amount: CompactAmount) -> None:
        """Add to your bond: you are drawn the more often the more it is.

        You are not drawn for receipts that wait for their committee now.
        """
        who = origin.signed()
        found = self._verifier(who)
        self.currency.hold(self.reason, who, amount)
        found.bond, found.since = found.bond + amount, u32(self.clock.now())
        self._store_verifier(who, found)
        self.deposit(self.VerifierJoined(who, found.bond))

    @call(12, weight=weights.LEAVE)
    def leave(self, origin: Origin) -> None:
        """Be drawn no more. Your bond answers for what you said until it is free."""
        who = origin.signed()
        found = self._verifier(who)
        if found.free_at is not None:
            raise self.NotVerifier
        self._retire(who, found)

    @call(13, weight=weights.WITHDRAW)
    def withdraw(self, origin: Origin) -> None:
        """Take your bond back, some time after you left."""
        who = origin.signed()
        found = self._verifier(who)
        if found.free_at is None or found.free_at > self.clock.now():
            raise self.StillBonded
        if self.duties.some_under(who, 1):
            raise self.StillBonded
        del self.verifiers[who]
        self.currency.release(self.reason, who, found.bond)
        self.deposit(self.VerifierWithdrew(who, found.bond))

    @call(14, weight=by_items)
    def expose_voters(
        self, origin: Origin, receipt: ReceiptId, was: Opening, right: Opening
    ) -> None:
        """Show items that a trap had wrong. Anybody may, from its reveal until the job is paid.

        `was` opens the roots of some items as they stood in the receipt, `right` as they stand in
        it now; all of them differ. Who looked at one of these and found it valid pays when the
        right roots have stood. NoSuchLeaf if nobody did of whom that was not shown before.
        """
        origin.signed()
        found, job = self._with_job(receipt)
        if found.trap is None:
            raise self.NoTrap
        if found.phase is Phase.Ended:
            raise self.TooLate
        items, trap = int(job.items), found.trap
        try:
            check_opening(was, trap.item_root, items)
            check_opening(right, found.item_root, items)
        except ProofRefused:
            raise self.LeafRefused from None
        before, after = (
            {int(leaf.index): leaf.data for leaf in one.leaves} for one in (was, right)
        )
        if list(before) != list(after) or any(before[at] == after[at] for at in before):
            raise self.LeafRefused
        looked_at = self.jobs.looked_at(job)
        exposed = [
            who
            for who, rho in trap.valid
            if who not in trap.lazy
            and any(item in before for item in ids.sample(rho, items, looked_at))
        ]
        if not exposed:
            raise self.NoSuchLeaf
        for who in exposed:
            trap.lazy.append(who)
            self.deposit(self.VoterExposed(receipt, who))
        self.receipts[receipt] = found

    # ---- doors

    def receipt(self, id: H256) -> Receipt | None:
        """Return a receipt, as of now; None if there is none, or none any more."""
        found = self.receipts.get(id)
        return None if found is None else found.put_off(self.jobs.stood_still())

    @property
    def reason(self) -> Reason:
        """Why Balances holds the bonds of verifiers."""
        return self._reason(self.HoldReason.VerifierBond)

    def staked_total(self) -> int:
        """Return all that verifiers have bonded, in planck. Reads all: for looking only."""
        return sum(int(verifier.bond) for _, verifier in self.verifiers.items())

    # ---- steps: what bare calls must satisfy; each returns its tag's end and its longevity

    def _check_commit(
        self, id: H256, verifier: AccountId, commitment: H256, signature: bytes
    ) -> tuple[bytes, int]:
        found, now = self._receipt(id), self.clock.now()
        if found.phase is not Phase.Checking:
            raise self.WrongPhase
        seat = self._seat(found, verifier)
        if now >= found.commit_until:
            raise self.TooLate
        if seat.commitment is not None or seat.verdict is not None:
            raise self.AlreadyCommitted
        message = ids.commit_message(
            self._genesis(), id, verifier, found.beacons[seat.round], commitment
        )
        if not sr25519.verify(seat.key, message, signature):
            raise self.BadSignature
        return bytes(verifier), int(found.commit_until) - now

    def _check_reveal(
        self,
        id: H256,
        verifier: AccountId,
        verdict: Verdict,
        digest: H256,
        salt: H256,
        pre_output: bytes,
        proof: bytes,
    ) -> tuple[bytes, int]:
        del pre_output, proof  # see `_drawn_by`
        found, now = self._receipt(id), self.clock.now()
        if found.phase is not Phase.Checking:
            raise self.WrongPhase
        seat = self._seat(found, verifier)
        if now < found.commit_until:
            raise self.TooEarly
        if now >= found.reveal_until:
            raise self.TooLate
        if seat.verdict is not None:
            raise self.AlreadyCommitted
        opened = ids.attestation(
            self._genesis(), id, verifier, VERDICT.encode(verdict), digest, salt
        )
        if seat.commitment != opened:
            raise self.WrongOpening
        return bytes(verifier), int(found.reveal_until) - now

    def _drawn_by(self, id: H256, verifier: AccountId, pre_output: bytes, proof: bytes) -> H256:
        """Return a verifier's luck. Raises BadDraw. It takes 3 ms: look at all else before."""
        found = self._receipt(id)
        seat = self._seat(found, verifier)
        what = ids.check_input(found.beacons[seat.round], id)
        draw = self.vrf.verify(seat.key, what, pre_output, proof)
        if draw is None:
            raise self.BadDraw
        return ids.rho(draw)

    def _check_fraud(self, id: H256, proof: FraudProof) -> tuple[bytes, int]:
        found, job = self._provable(id, None, Wrong(proof.item, proof.node, proof.element))
        self._judged(lambda: self._judge(found, job, proof))
        return b"", int(found.due) - self.clock.now()

    def _check_edge(self, id: H256, proof: EdgeProof, output: bool) -> tuple[bytes, int]:
        found, job = self._provable(id, None, WrongEdge(proof.item, output))
        self._judged(lambda: self._judge_edge(found, job, proof, output))
        return b"", int(found.due) - self.clock.now()

    # ---- steps: time

    def _take(self, lane: int) -> list[H256]:
        worked = self.clock.now() - self.jobs.stood_still()
        return agenda.take(self.due, self.ahead, lane, worked, MOST_STEPS)

    def _enter(self, lane: int, slot: int, id: H256) -> DueKey:
        return agenda.enter(self.due, self.ahead, lane, slot - self.jobs.stood_still(), id)

    def _step(self, id: H256, now: int) -> int:
        """End a phase whose time has come; return the weight."""
        found, job = self._with_job(id)
        weight = STEPS[found.phase]
        match found.phase:
            case Phase.Waiting:
                self._draw(id, found, job, now)
            case Phase.Checking:
                self._close_round(id, found, job, now)
            case Phase.Trapping:
                found.exposed = True
                self._rule(id, found, job, now)
            case Phase.Disputed:
                self._end_dispute(id, found, job, now)
            case Phase.Withheld:
                self._end_withheld(id, found, job, now)
            case _:
                self._finalise(id, found, now)
        return weight

    def _begin(self, id: H256, receipt: Receipt, phase: Phase, until: int) -> None:
        """Go on to a phase that ends by itself in slot `until`."""
        self._plan(id, receipt, until)
        receipt.phase, receipt.since = phase, u32(self.clock.now())
        self.receipts[id] = receipt
        self.deposit(self.PhaseBegan(id, phase, u32(until)))

    def _wait(self, id: H256, receipt: Receipt, since: int, slots: int) -> None:
        """Have verifiers drawn, by luck that nobody knew in slot `since`."""
        until = self.clock.now() + slots
        self._plan(id, receipt, until)
        receipt.phase, receipt.since = Phase.Waiting, u32(since)
        self.receipts[id] = receipt

    def _plan(self, id: H256, receipt: Receipt, until: int) -> None:
        if receipt.task != NO_TASK:
            del self.due[u8(PHASES), receipt.task]
        receipt.task = self._enter(PHASES, until, id)
        receipt.due = u32(until)

    def _check_asked(self, id: H256, now: int) -> None:
        """Refuse a receipt of which a leaf that somebody asked for was not shown in time."""
        found = self.receipt(id)
        if found is None or found.phase is Phase.Ended:
            return
        if any(
            one.by is not None and not one.answered and one.until <= now for one in found.challenges
        ):
            self._expire(id, found)

    # ---- steps: the committee

    def _draw(self, id: H256, receipt: Receipt, job: Job, now: int) -> None:
        """Draw who looks at a receipt, by bond; whoever stands behind its parties does not.

        Nor does who bonded more after the draw was asked for: the luck may have been known then.
        """
        since = int(receipt.since)
        luck = self.clock.luck_after(since, int(self.beacon_delay), int(self.beacon_authors))
        if luck is None:
            self._wait(id, receipt, now if now - since >= STALE_SLOTS else since, 1)
            return
        beacon = H256(luck.beacon)
        place = u8(len(receipt.beacons))
        found = [
            Seat(who, key, place)
            for who, key in self._drawn(ids.committee_seed(beacon, id), receipt, job)
        ]
        if len(receipt.seats) + len(found) < self.quorum:
            self._redraw(id, receipt, now, RETRY_SLOTS)
            return
        receipt.used = [*receipt.used, *(seat.verifier for seat in found)]
        for seat in receipt.seats:
            if has_seen(receipt, seat):
                continue
            # It keeps its seat, but what it found does not count: it looks again, by new luck.
            found.append(Seat(seat.verifier, seat.key, place))
        names = [seat.verifier for seat in found]
        receipt.beacons = [*receipt.beacons, beacon]
        receipt.seats = [*(seat for seat in receipt.seats if seat.verifier not in names), *found]
        for who in names:
            self.duties[who, id] = place
        until = now + int(self.transcript_slots) + int(self.commit_slots)
        receipt.commit_until = u32(until)
        receipt.reveal_until = u32(until + int(self.reveal_slots))
        self._begin(id, receipt, Phase.Checking, int(receipt.reveal_until))
        self.jobs.advance(receipt.job, JobState.Checking)
        self.deposit(self.CommitteeDrawn(id, names, receipt.commit_until, receipt.reveal_until))

    def _drawn(self, seed: bytes, receipt: Receipt, job: Job) -> list[tuple[AccountId, bytes]]:
        """Return who is drawn for the free seats, with their keys.

        Who could not pay what a wrong vote costs is not. It is not set aside: of two receipts at
        a time a bond may pay for one.
        """
        wanted = int(self.committee) - len(receipt.seats)
        parties = (receipt.provider, *((job.requester,) if job.requester else ()))
        barred = [self.operators.operator_of(party) for party in parties]
        roster, used = self.roster.peek(), dict.fromkeys(receipt.used)
        least = VOTER_FACTOR * int(job.price)
        weights = [
            0 if who in used or since > receipt.since or bond < least else int(bond)
            for who, bond, since in roster
        ]
        found: list[tuple[AccountId, bytes]] = []
        for place in ids.raced(seed, [who for who, _, _ in roster], weights):
            if len(found) == wanted:
                break
            who = roster[place][0]
            key = self.keys.babe_key(who)
            if key is not None and self.operators.operator_of(who) not in barred:
                found.append((who, key))
        return found

    def _close_round(self, id: H256, receipt: Receipt, job: Job, now: int) -> None:
        """Count who voted; whoever was silent loses its seat."""
        newest = len(receipt.beacons) - 1
        silent = [seat for seat in receipt.seats if seat.verdict is None]
        for seat in receipt.seats:
            if seat.round == newest:
                self._note_vote(seat.verifier, voted=seat.verdict is not None)
        self._unseat(id, receipt, silent)
        if self._may_be_trap(receipt):
            self._begin(id, receipt, Phase.Trapping, now + int(self.reveal_slots))
        else:
            self._rule(id, receipt, job, now)

    def _rule(self, id: H256, receipt: Receipt, job: Job, now: int) -> None:
        """Go on as the votes say."""
        if receipt.proven is not None:
            self._convict(id, receipt, job, receipt.proven)
            return
        self._note_missed(id, receipt, job)
        match rule(receipt, int(self.quorum)):
            case Ruling.STANDS:
                self._begin(id, receipt, Phase.Pending, now + int(self.challenge_slots))
                self.jobs.advance(receipt.job, JobState.Pending)
            case Ruling.DISPUTED:
                until = now + int(self.transcript_slots) + int(self.commit_slots)
                self._begin(id, receipt, Phase.Disputed, until)
            case Ruling.WITHHELD:
                self._ask_for_all(id, receipt, now)
            case Ruling.MISSED if receipt.redraws >= MAX_REDRAWS:
                self._ask_for_all(id, receipt, now)
            case Ruling.MISSED:
                voted = len(found_valid(receipt.seats)) + len(found_missing(receipt.seats))
                receipt.looked = receipt.looked or voted >= self.quorum
                self._redraw(id, receipt, now, int(self.beacon_delay) + 1)
            case Ruling.UNDECIDED:
                self._redraw(id, receipt, now, int(self.beacon_delay) + 1)

    def _redraw(self, id: H256, receipt: Receipt, now: int, slots: int) -> None:
        """Replace all who did not find the receipt valid; give up when that was done enough."""
        valid = found_valid(receipt.seats)
        if receipt.redraws >= MAX_REDRAWS:
            if receipt.proven is not None:  # and nobody could say that it was a trap
                self._begin(id, receipt, Phase.Trapping, now + int(self.reveal_slots))
            else:
                self._end(id, receipt, Outcome.Unverified, valid)
            return
        others = [seat for seat in receipt.seats if seat not in valid]
        self._unseat(id, receipt, others)
        receipt.redraws = u8(receipt.redraws + 1)
        self._wait(id, receipt, now, slots)
        self.jobs.advance(receipt.job, JobState.Checking)

    def _end_dispute(self, id: H256, receipt: Receipt, job: Job, now: int) -> None:
        """Punish who found something wrong and did not prove it; the others' votes decide."""
        liars = found_wrong(receipt.seats)
        for seat in liars:
            self._slash(id, seat.verifier, VOTER_FACTOR * int(job.price), None)
        self._unseat(id, receipt, liars)
        self._rule(id, receipt, job, now)

    def _note_missed(self, id: H256, receipt: Receipt, job: Job) -> None:
        """Note what was missed; who says so of what it did not look at loses its seat."""
        absurd: list[Seat] = []
        missing = found_missing(receipt.seats)
        # A graph of the largest kind takes as long to decode as everything else here.
        graph = self._graph(job) if missing else None
        for seat in missing:
            place = cast("Missing", seat.verdict)
            items, looked_at = int(job.items), self.jobs.looked_at(job)
            item, tensor, leaf = int(place.item), int(place.tensor), int(place.leaf)
            seen = seen_by(receipt, seat, items, looked_at)
            if graph is None or item not in seen or not is_leaf(graph, items, item, tensor, leaf):
                absurd.append(seat)
            elif (seat.round, place.item) not in receipt.missed:
                receipt.missed = [*receipt.missed, (seat.round, place.item)]
        self._unseat(id, receipt, absurd)

    def _ask_for_all(self, id: H256, receipt: Receipt, now: int) -> None:
        """Have the provider show what verifiers say was not to be had."""
        until = u32(now + int(self.transcript_slots))
        for seat in found_missing(receipt.seats):
            place = cast("Missing", seat.verdict)
            self._ask(id, receipt, Challenge(place.item, place.tensor, place.leaf, until, None))
        self._begin(id, receipt, Phase.Withheld, int(until))

    def _end_withheld(self, id: H256, receipt: Receipt, job: Job, now: int) -> None:
        """Refuse a receipt of which something was not shown; else others look at it."""
        asked = [one for one in receipt.challenges if one.by is None]
        if not all(one.answered for one in asked):
            self._expire(id, receipt)
            return
        receipt.challenges = [one for one in receipt.challenges if one.by is not None]
        self._unseat(id, receipt, found_missing(receipt.seats))
        if receipt.looked and receipt.redraws >= MAX_REDRAWS:
            # No other round can look at it. But as many as usual looked before, and would have
            # missed what is wrong: who lies that something is missing makes it no easier to pass.
            newest = len(receipt.beacons) - 1
            receipt.missed = [(round, item) for round, item in receipt.missed if round < newest]
        self._rule(id, receipt, job, now)

    # ---- steps: proofs

    def _prove(
        self,
        origin: Origin,
        id: H256,
        place: Wrong | WrongEdge,
        judge: Callable[[Receipt, Job], object],
    ) -> None:
        by = None if origin.kind is OriginKind.NONE else origin.signed()
        found, job = self._provable(id, by, place)
        cost = u128(ceil_div(int(job.price) * PROOF_BPS, BPS))
        if by is not None and self.currency.reducible_balance(by, keep_alive=True) < cost:
            raise TokenError(TokenErrorKind.FundsUnavailable)
        try:
            self._judged(lambda: judge(found, job))
        except self.NotFraudulent:
            if by is None:
                raise
            # The call succeeds: a failed one would give the money back.
            self.payer.destroy(by, cost, BurnReason.Slash)
            self.deposit(self.FalseProof(id, by, cost))
            return
        proven = Proven(by, place)
        if self._may_be_trap(found):
            found.proven = proven
            self.receipts[id] = found
        else:
            self._convict(id, found, job, proven)

    def _provable(
        self, id: H256, by: AccountId | None, place: Wrong | WrongEdge
    ) -> tuple[Receipt, Job]:
        """Return a receipt that `by` may prove wrong at this place now, and its job.

        A bare proof is for what a verifier has said: else anybody's costs much time for nothing.
        """
        found, job = self._with_job(id)
        if found.phase is Phase.Ended:
            raise self.TooLate
        if found.proven is not None:
            raise self.AlreadyProven
        if by is None and all(seat.verdict != place for seat in found.seats):
            raise self.NotAllowed
        if is_keyed(job) and by != job.requester:
            raise self.NotAllowed
        return found, job

    def _judged(self, judge: Callable[[], object]) -> None:
        try:
            judge()
        except (ProofRefused, NotFraud):
            raise self.NotFraudulent from None

    def _judge(self, receipt: Receipt, job: Job, proof: FraudProof) -> None:
        known = fraud.Job(receipt.item_root, int(job.items), is_keyed(job))
        fraud.judge(self._graph(job), known, proof)

    def _judge_edge(self, receipt: Receipt, job: Job, proof: EdgeProof, output: bool) -> None:
        known = fraud.Job(receipt.item_root, int(job.items), is_keyed(job))
        said = receipt.output_root if output else job.input_root
        fraud.judge_edge(self._graph(job), known, said, proof, output=output)

    def _may_be_trap(self, receipt: Receipt) -> bool:
        """Tell whether the receipt may still turn out to have been a trap."""
        early = receipt.phase in (Phase.Waiting, Phase.Checking, Phase.Trapping)
        return bool(self.trap_ppm) and early and not receipt.exposed

    def _convict(self, id: H256, receipt: Receipt, job: Job, proven: Proven) -> None:
        """Punish all who stood for a wrong receipt, and give the requester its money back."""
        finders = [seat.verifier for seat in receipt.seats if seat.verdict == proven.place]
        if not finders and proven.by is not None:
            finders = [proven.by]
        amount, slashed = BOND_FACTOR * int(job.price), 0
        if finders:
            for who, part in zip(finders, shared(amount, [1] * len(finders)), strict=True):
                slashed += self.providers.slash(receipt.provider, receipt.job, part, who)
        else:
            slashed = self.providers.slash(receipt.provider, receipt.job, u128(amount), None)
        place = proven.place
        if isinstance(place, Wrong | WrongEdge):
            items, looked_at = int(job.items), self.jobs.looked_at(job)
            for seat in overlooked(receipt, int(place.item), items, looked_at):
                to = finders[0] if finders else None
                self._slash(id, seat.verifier, VOTER_FACTOR * int(job.price), to)
        self.deposit(self.FraudProven(id, place, u128(slashed)))
        self._end(id, receipt, Outcome.Fraud, found_wrong(receipt.seats))

    def _settle_trap(self, id: H256, trap: Trap, job: Job) -> None:
        """Have those who found a trap valid pay those who found it, and the requester's delay."""
        fee = self.jobs.fee_of(job)
        for who in trap.lazy:
            self._slash(id, who, TRAP_LOSS * fee, TRAP_POT, whole=True)
        due = [(job.requester, ceil_div(int(job.price) * TRAP_BPS, BPS))]
        due += [(who, TRAP_GAIN * fee // len(trap.finders)) for who in trap.finders]
        for to, amount in due:
            left = int(self.currency.reducible_balance(TRAP_POT, keep_alive=True))
            if to is not None and 0 < amount <= left:
                self.currency.transfer(TRAP_POT, to, u128(amount))

    def _trapped(self, receipt: Receipt) -> list[AccountId]:
        """Return who voted on a trap that was revealed: their bonds answer until the end."""
        trap = receipt.trap
        return [] if trap is None else [*(who for who, _ in trap.valid), *trap.finders]

    # ---- steps: the end

    def _finalise(self, id: H256, receipt: Receipt, now: int) -> None:
        """Have the work paid, unless something that was asked for is still to be shown."""
        open_until = [int(one.until) for one in receipt.challenges if not one.answered]
        if open_until:
            self._begin(id, receipt, Phase.Pending, max(*open_until, now + 1))
            return
        voters = [seat.verifier for seat in found_valid(receipt.seats)]
        if not self.jobs.finalise(receipt.job, voters):
            self._begin(id, receipt, Phase.Pending, now + RETRY_SLOTS)
            return
        job = self.jobs.job(receipt.job)
        if receipt.trap is not None and job is not None:
            self._settle_trap(id, receipt.trap, job)
        self._close(id, receipt)

    def _expire(self, id: H256, receipt: Receipt) -> None:
        """Refuse a receipt whose provider does not show what it computed."""
        self._end(id, receipt, Outcome.Withheld, found_missing(receipt.seats))
        # Only now: what answered for the job is free again, and may be all that there is.
        self.providers.fine(receipt.provider, WITHHELD_PPM)

    def _end(self, id: H256, receipt: Receipt, outcome: Outcome, voters: Sequence[Seat]) -> None:
        self.jobs.refuse(receipt.job, outcome, [seat.verifier for seat in voters])
        self._close(id, receipt)

    def _close(self, id: H256, receipt: Receipt) -> None:
        """End a receipt: nobody has to do anything about it any more."""
        for one in receipt.challenges:
            if one.by is not None and not one.answered:
                reason = self._reason(self.HoldReason.Challenge)
                self.currency.release(reason, one.by, one.deposit)
        receipt.challenges = []
        for who in (*(seat.verifier for seat in receipt.seats), *self._trapped(receipt)):
            del self.duties[who, id]
        del self.due[u8(PHASES), receipt.task]
        now = self.clock.now()
        until = now + KEEP_EPOCHS * int(self.epoch_slots)
        receipt.task = NO_TASK
        receipt.phase, receipt.since, receipt.due = Phase.Ended, u32(now), u32(until)
        self._enter(FORGETTING, until, id)
        self.receipts[id] = receipt

    # ---- steps: one receipt

    def _receipt(self, id: H256) -> Receipt:
        found = self.receipt(id)
        if found is None:
            raise self.UnknownReceipt
        return found

    def _with_job(self, id: H256) -> tuple[Receipt, Job]:
        found = self._receipt(id)
        job = self.jobs.job(found.job)
        if job is None:
            raise self.UnknownReceipt
        return found, job

    def _seat(self, receipt: Receipt, verifier: AccountId) -> Seat:
        for seat in receipt.seats:
            if seat.verifier == verifier:
                return seat
        raise self.NotSeated

    def _unseat(self, id: H256, receipt: Receipt, seats: Sequence[Seat]) -> None:
        gone = [seat.verifier for seat in seats]
        for who in gone:
            del self.duties[who, id]
        receipt.seats = [seat for seat in receipt.seats if seat.verifier not in gone]

    def _graph(self, job: Job) -> Graph:
        graph = self.models.graph(job.model)
        if graph is None:
            raise self.UnknownReceipt
        return graph

    def _ask(self, id: H256, receipt: Receipt, one: Challenge) -> None:
        receipt.challenges = [*receipt.challenges, one]
        self.deposit(self.LeafAsked(id, one.item, u32(one.tensor), one.leaf, one.until))

    def _genesis(self) -> bytes:
        return bytes(self.system.block_hash[u32(0)])

    def _reason(self, reason: HoldReason) -> Reason:
        return Reason(self.index, reason)

    # ---- steps: verifiers

    def _verifier(self, who: AccountId) -> Verifier:
        found = self.verifiers.get(who)
        if found is None:
            raise self.NotVerifier
        return found

    def _join(self, who: AccountId, bond: u128) -> None:
        self.currency.hold(self.reason, who, bond)
        self._store_verifier(who, Verifier(bond, since=u32(self.clock.now())))
        self.deposit(self.VerifierJoined(who, bond))

    def _store_verifier(self, who: AccountId, verifier: Verifier) -> None:
        """Store a verifier, and whether it is drawn."""
        self.verifiers[who] = verifier
        roster = [row for row in self.roster.value if row[0] != who]
        if verifier.free_at is None:
            roster.append((who, verifier.bond, verifier.since))
        self.roster.value = sorted(roster)

    def _retire(self, who: AccountId, verifier: Verifier) -> None:
        until = u32(self.clock.now() + int(self.unbonding_slots))
        verifier.free_at = until
        self._store_verifier(who, verifier)
        self.deposit(self.VerifierLeft(who, until))

    def _note_vote(self, who: AccountId, *, voted: bool) -> None:
        """Note whether a verifier voted; whoever does not, time after time, is one no more."""
        found = self.verifiers.get(who)
        if found is None or found.free_at is not None:
            return
        now = self.clock.now()
        if not found.misses if voted else found.misses and now < found.missed + OUTAGE_SLOTS:
            return
        found.misses, found.missed = u8(0 if voted else found.misses + 1), u32(now)
        if found.misses >= MAX_MISSES:
            self._retire(who, found)
        else:
            self.verifiers[who] = found

    def _slash(
        self,
        id: H256,
        who: AccountId,
        amount: int,
        to: AccountId | None,
        *,
        whole: bool = False,
    ) -> None:
        """Take up to `amount` of a bond: half of it (or all) for `to`, the rest is destroyed."""
        found = self.verifiers.get(who)
        if found is None:
            return
        taken = min(amount, int(found.bond))
        gain = 0 if to is None else taken if whole else taken * FINDER_BPS // BPS
        if to is not None:
            self.payer.pay_held(self.reason, who, to, u128(gain))
        rest = u128(taken - gain)
        self.payer.destroy_held(self.reason, who, rest, BurnReason.Slash, force=True)
        found.bond -= taken
        if found.bond < self.minimum_bond and found.free_at is None:
            self._retire(who, found)
        else:
            self._store_verifier(who, found)
        self.deposit(self.VerifierSlashed(id, who, u128(taken)))


def is_keyed(job: Job) -> bool:
    """Tell whether the leaves of a job's receipt are keyed, so that nobody can guess them."""
    return job.tier is Tier.Confidential


def is_leaf(graph: Graph, items: int, item: int, tensor: int, leaf: int) -> bool:
    """Tell whether the receipt of a job with so many items has such a leaf."""
    tensors = graph.committed
    return item < items and tensor < len(tensors) and leaf < tensor_layout(tensors[tensor]).count
