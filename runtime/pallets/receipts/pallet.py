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

See `docs/useful-work.md`.
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
from runtime.frame.timers import NO_TIMER, TimerQueues
from runtime.pallets.jobs.types import (
    BOND_FACTOR,
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
MAX_ASKED: Final = MAX_CHALLENGES // 2
KEEP_EPOCHS: Final = 14
MAX_STEPS: Final = 8
"""Constants of `Receipts`: their meaning is documented there."""
TRAP_POT: Final = AccountId(sha256(b"btt-work trap pot").digest())
"""Pool account for slashes of verifiers that found planted errors valid; it pays their finders."""

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
        Phase.Pending: weights.FINALIZE,
        Phase.Ended: weights.LOOK,
    }
)
"""Maximum weight of the end of each phase, in picoseconds."""
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

VERDICT: Final = codec(Verdict)

Hash = Annotated[H256, TypeName("T::Hash")]
ReceiptId = Annotated[H256, TypeName("ReceiptId")]
JobId = Annotated[H256, TypeName("JobId")]
Who = Annotated[AccountId, TypeName("T::AccountId")]
Amount = Annotated[u128, TypeName("BalanceOf<T>")]
CompactAmount = Annotated[Compact[u128], TypeName("BalanceOf<T>")]
SomeVerdict = Annotated[Verdict, TypeName("Verdict")]


def by_items(_: Receipts, __: bytes, was: Opening, right: Opening) -> DispatchInfo:
    """Weigh `expose_voters` by the number of items shown."""
    return DispatchInfo(weights.expose_voters(max(len(was.leaves), len(right.leaves))))


class Receipts(Pallet):
    """Commitments to computed results. Amounts in planck, times in slots since genesis."""

    GOSSIPED = MappingProxyType(
        {
            ATTEST_COMMIT: COMMIT_BYTES,
            ATTEST_REVEAL: REVEAL_BYTES,
            PROVE_FRAUD: EVIDENCE_BYTES,
            PROVE_EDGE: EVIDENCE_BYTES,
        }
    )

    committee: Const[u32]
    """Number of verifiers in a committee."""
    quorum: Const[u32]
    """Minimum number of valid verdicts."""
    trap_ppm: Const[u32]
    """Parts per million of receipts that have a planted error, as a test of verifiers."""
    beacon_delay: Const[u32]
    """Minimum number of slots from a request to the beacon that selects the committee."""
    beacon_authors: Const[u32]
    """Minimum number of distinct block authors between request and beacon."""
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
    """Penalty of a verifier that voted against a proven fact, as a multiple of the job's price;
    verifiers with a smaller bond are not selected."""
    finder_share: ClassVar[Const[u32]] = u32(FINDER_BPS)
    """Share of a slash for the account that proved it, in basis points; the rest is burned."""
    withheld_share: ClassVar[Const[u32]] = u32(WITHHELD_PPM)
    """Part of a provider's bond lost for not showing data, in parts per million."""
    proof_share: ClassVar[Const[u32]] = u32(PROOF_BPS)
    """Cost of a false proof, and deposit for a requested leaf, in basis points of the price."""
    trap_loss: ClassVar[Const[u32]] = u32(TRAP_LOSS)
    """Penalty of a verifier that found a planted error valid, as a multiple of its fee."""
    trap_gain: ClassVar[Const[u32]] = u32(TRAP_GAIN)
    """Reward shared by the verifiers that found a planted error, as a multiple of the fee."""
    trap_share: ClassVar[Const[u32]] = u32(TRAP_BPS)
    """Compensation of the requester for the delay by a planted error, in basis points of the price,
    paid while the pool account of such penalties lasts."""
    confidential_factor: ClassVar[Const[u32]] = u32(CONFIDENTIAL_FACTOR)
    """Factor on `ChallengeSlots` for confidential receipts; only the requester can dispute them."""
    max_redraws: ClassVar[Const[u32]] = u32(MAX_REDRAWS)
    """Maximum number of replacement committees, after missing votes or missing leaves."""
    max_misses: ClassVar[Const[u32]] = u32(MAX_MISSES)
    """Number of consecutive missed votes after which a verifier is removed."""
    outage_slots: ClassVar[Const[u32]] = u32(OUTAGE_SLOTS)
    """Slots within which missed votes count once: a restart misses all open receipts."""
    max_verifiers: ClassVar[Const[u32]] = u32(MAX_VERIFIERS)
    """Maximum number of verifiers."""
    max_asked: ClassVar[Const[u32]] = u32(MAX_ASKED)
    """Maximum number of leaves of a receipt that accounts can challenge at a time."""
    retry_slots: ClassVar[Const[u32]] = u32(RETRY_SLOTS)
    """Number of slots until the next attempt with too few verifiers or no unallocated emission."""
    stale_slots: ClassVar[Const[u32]] = u32(STALE_SLOTS)
    """Number of slots after which a receipt requests another beacon instead of a missing one."""
    keep_epochs: ClassVar[Const[u32]] = u32(KEEP_EPOCHS)
    """Number of epochs for which an ended receipt is kept."""
    max_steps: ClassVar[Const[u32]] = u32(MAX_STEPS)
    """Maximum number of receipts processed per block and queue; others wait for the next block."""

    receipts = Map(H256, Receipt, hasher=Hasher.Identity)
    """All receipts, until `KeepEpochs` after their end."""
    verifiers = Map(AccountId, Verifier)
    """All bonded verifiers, active or leaving."""
    roster = Value(Roster, default=[])
    """Verifiers that can be selected, with bond and slot of the last bonding."""
    duties = DoubleMap(AccountId, H256, u8)
    """The receipts in whose committee each verifier is, with the round of its selection."""

    class HoldReason(IntEnum):
        """The reason of a hold."""

        VerifierBond = 0
        Challenge = 1

    class Submitted(Event, index=0):
        """A provider submitted a receipt."""

        receipt: ReceiptId
        job: JobId
        provider: Who

    class CommitteeDrawn(Event, index=1):
        """Verifiers were selected to check a receipt, in addition to those with valid votes."""

        receipt: ReceiptId
        verifiers: Annotated[list[AccountId], TypeName("Vec<T::AccountId>")]
        commit_until: Slots
        reveal_until: Slots

    class Committed(Event, index=2):
        """A verifier committed to its verdict."""

        receipt: ReceiptId
        verifier: Who

    class Revealed(Event, index=3):
        """A verifier revealed its verdict."""

        receipt: ReceiptId
        verifier: Who
        verdict: SomeVerdict

    class VoterExposed(Event, index=4):
        """A verifier was shown to have accepted a planted error; it is slashed at the end."""

        receipt: ReceiptId
        verifier: Who

    class PhaseBegan(Event, index=5):
        """A receipt entered a phase, which ends by itself in slot `until`."""

        receipt: ReceiptId
        phase: Annotated[Phase, TypeName("Phase")]
        until: Slots

    class FraudProven(Event, index=6):
        """The receipt was proven wrong at `place`. The provider lost `slashed` of its bond."""

        receipt: ReceiptId
        place: SomeVerdict
        slashed: Amount

    class FalseProof(Event, index=7):
        """A proof was wrong, and `burned` planck of its sender were destroyed."""

        receipt: ReceiptId
        who: Who
        burned: Amount

    class TrapRevealed(Event, index=8):
        """A planted error was revealed. The receipt now has the right roots, to be checked."""

        receipt: ReceiptId

    class VerifierSlashed(Event, index=9):
        """A verifier lost a part of its bond."""

        receipt: ReceiptId
        verifier: Who
        amount: Amount

    class LeafAsked(Event, index=10):
        """The provider was asked to show a leaf before slot `until`."""

        receipt: ReceiptId
        item: Annotated[u32, TypeName("u32")]
        tensor: Annotated[u32, TypeName("u32")]
        leaf: Annotated[u32, TypeName("u32")]
        until: Slots

    class LeafShown(Event, index=11):
        """A requested leaf was shown; the call contains it."""

        receipt: ReceiptId
        item: Annotated[u32, TypeName("u32")]
        tensor: Annotated[u32, TypeName("u32")]
        leaf: Annotated[u32, TypeName("u32")]

    class VerifierJoined(Event, index=12):
        """A verifier joined, or raised its bond; `bond` is the new total."""

        verifier: Who
        bond: Amount

    class VerifierLeft(Event, index=13):
        """A verifier left; it is not selected again, and its bond is free from `free_at` on."""

        verifier: Who
        free_at: Slots

    class VerifierWithdrew(Event, index=14):
        """A verifier withdrew its bond."""

        verifier: Who
        amount: Amount

    class UnknownReceipt(Error, index=0):
        """The receipt does not exist, or ended long ago; its id is in the event `Submitted`."""

    class BadTimes(Error, index=1):
        """`started` is before the acceptance, or `finished` is before `started` or in the future;
        both are slots since genesis.
        """

    class WrongPhase(Error, index=2):
        """The receipt is in another phase; its `phase` and `due` show what can be done."""

    class NotSeated(Error, index=3):
        """The account is not in this receipt's committee; see its `seats`."""

    class TooEarly(Error, index=4):
        """The commit period is not over; reveal from slot `commit_until` on."""

    class TooLate(Error, index=5):
        """The deadline has passed; the receipt continues without it."""

    class AlreadyCommitted(Error, index=6):
        """The verifier has already committed or revealed; no further step is needed."""

    class BadSignature(Error, index=7):
        """The signature is not by the BABE key of the seat, over `ids.commit_message`."""

    class WrongOpening(Error, index=8):
        """The reveal does not match the commitment; send verdict, digest and salt as given to
        `ids.attestation`.
        """

    class NotFraudulent(Error, index=9):
        """The proof is wrong; check it with `btt-chain work verify` before you send it."""

    class AlreadyProven(Error, index=10):
        """The receipt is already proven wrong, and waits until a planted error is ruled out."""

    class NotAllowed(Error, index=11):
        """Only the requester of the job, or its provider, may do this; sign with that account.
        An unsigned proof must be of a place that a verifier has revealed; sign it.
        """

    class LeafRefused(Error, index=12):
        """The leaf shown is not the one that the receipt commits to; show it with its roots."""

    class NobodyAsked(Error, index=13):
        """The leaf was not requested, or was shown already."""

    class TooManyAsked(Error, index=14):
        """Too many leaves are requested; wait until some are shown."""

    class NoSuchLeaf(Error, index=15):
        """The leaf does not exist, or the verifier did not check its item; indices start at 0."""

    class DigestRight(Error, index=16):
        """The verifier's digest contains this leaf correctly; there is nothing to dispute."""

    class NoTrap(Error, index=17):
        """The proof, roots or salt are not those of a planted error that you committed to."""

    class BondTooSmall(Error, index=18):
        """The bond is below `minimum_bond`; bond more."""

    class NoSessionKeys(Error, index=19):
        """The account has no session keys; register your node's keys with `session.setKeys`."""

    class AlreadyVerifier(Error, index=20):
        """The account is a verifier already; use `bond_extra`, or withdraw the bond first."""

    class NotVerifier(Error, index=21):
        """The account has no bond as a verifier; `join` first."""

    class VerifiersFull(Error, index=22):
        """The number of verifiers is at its maximum of 256; wait until one leaves."""

    class StillBonded(Error, index=23):
        """The bond is still liable; it is free from slot `free_at` on, after `leave`, once no open
        receipt has your seat.
        """

    class BadDraw(Error, index=24):
        """The VRF proof is wrong; make it with the seat's BABE key, over `ids.check_input` of the
        seat's beacon.
        """

    # ---- hooks

    def setup(self) -> None:
        """Build the timer queues."""
        self.timers = TimerQueues(self, now=self.clock.now, stalled=self.jobs.stood_still)

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
        """Process due receipts: select, tally, finalize, and end those with missed deadlines."""
        del number
        now, weight = self.clock.now(), weights.LOOK
        for id in self.timers.take(ASKED, MAX_STEPS):
            weight += weights.EXPIRE
            self._check_asked(id, now)
        for id in self.timers.take(PHASES, MAX_STEPS):
            weight += self._step(id, now)
        forgotten = self.timers.take(FORGETTING, MAX_STEPS)
        for id in forgotten:
            del self.receipts[id]
        if forgotten:
            weight += weights.forget(len(forgotten))
        return weight

    def validate_unsigned(self, call: Call, source: TransactionSource) -> ValidTransaction | None:
        """Validate attestations that are due from their verifiers, and correct proofs."""
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
                # The commitment does not cover the proof: the pool must not take a changed one for
                # the right one. In a block the call itself checks it.
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

    # ---- calls: receipts

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
        """Submit a receipt for a job that you accepted.

        `item_root` is over the roots of all items, `output_root` over those of all outputs.
        `trap_commit` is `ids.trap_commit` of the right roots if an error is planted, else random.
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
        """Commit to a verdict (`ids.attestation`). Sent unsigned by the nodes of verifiers.

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
        """Reveal a verdict with the VRF proof of its sample. Sent unsigned by verifiers' nodes.

        It opens the commitment, so it needs no signature.
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
        """Prove that one element is computed wrongly. Signed, or unsigned for a verifier's verdict.

        The provider loses ten prices, half of it to the verifiers that reported this place, or
        else to the sender; verifiers that found the item valid lose two. A wrong signed proof costs
        1 % of the price. An unsigned one must be right, and of a place that a verifier revealed.
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
        """Prove that an item's input is not the requester's, or its output not the committed one.

        Everything else is as for `prove_fraud`.
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
        """Reveal a planted error and the right roots. Origin: the provider of the receipt.

        The proof is of its own VRF output (`ids.trap_input`). A committee checks the right roots;
        once they are accepted, verifiers that accepted the error pay its finders: `expose_voters`.
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
        self._note_missed(receipt, found, job)  # all have to check that under the right roots, too
        self._unseat(receipt, found, [one for one in found.seats if one.verifier not in kept])
        found.seats, found.exposed, found.proven, found.looked = [], True, None, False
        found.item_root, found.output_root = item_root, output_root
        self._wait(receipt, found, self.clock.now(), int(self.beacon_delay) + 1)
        self.deposit(self.TrapRevealed(receipt))

    @call(6, weight=weights.ACCEPT_RESULT)
    def accept_result(self, origin: Origin, receipt: ReceiptId) -> None:
        """Pay for a confidential job now. Origin: its requester, who alone could dispute it."""
        found, job = self._with_job(receipt)
        if job.requester != origin.signed():
            raise self.NotAllowed
        if found.phase is not Phase.Pending or job.tier is not Tier.Confidential:
            raise self.WrongPhase
        self._finalize(receipt, found, self.clock.now())

    @call(7, weight=weights.CHALLENGE_DATA)
    def challenge_data(
        self,
        origin: Origin,
        receipt: ReceiptId,
        item: Annotated[u32, TypeName("u32")],
        tensor: Annotated[u32, TypeName("u32")],
        leaf: Annotated[u32, TypeName("u32")],
    ) -> None:
        """Ask the provider to show a leaf on chain. Origin: the requester or a committee member.

        `tensor` is the index among the model's tensors with leaves, the input being 0. 1 % of the
        price is held, and burned if the leaf is shown. If it is not, the job is refunded and the
        provider fined. A shown leaf is public, also for a confidential job.
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
        if sum(one.by is not None for one in found.challenges) >= MAX_ASKED:
            raise self.TooManyAsked
        deposit = u128(ceil_div(int(job.price) * PROOF_BPS, BPS))
        self.currency.hold(self._reason(self.HoldReason.Challenge), who, deposit)
        self._ask(receipt, found, Challenge(item, u16(tensor), leaf, u32(until), who, deposit))
        self.timers.enter(ASKED, until, receipt)
        self.receipts[receipt] = found

    @call(8, weight=weights.ANSWER_DATA)
    def answer_data(self, origin: Origin, receipt: ReceiptId, proof: LeafProof) -> PostInfo:
        """Show a requested leaf. Any account may; there is no fee if the leaf was requested."""
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
        return PostInfo(pays=False)  # the fee may exceed the challenger's 1 % of the price

    @call(9, weight=weights.DISPUTE_DIGEST)
    def dispute_digest(
        self,
        origin: Origin,
        receipt: ReceiptId,
        verifier: Who,
        proof: LeafProof,
        said: Opening,
    ) -> None:
        """Prove that a verifier's digest does not match the leaves that it had to check.

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
        """Bond free balance to become a verifier, whose node signs with your session keys."""
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
        """Add to your bond; a greater bond is selected more often.

        You are not selected for receipts that are waiting for their committee now.
        """
        who = origin.signed()
        found = self._verifier(who)
        self.currency.hold(self.reason, who, amount)
        found.bond, found.since = found.bond + amount, u32(self.clock.now())
        self._store_verifier(who, found)
        self.deposit(self.VerifierJoined(who, found.bond))

    @call(12, weight=weights.LEAVE)
    def leave(self, origin: Origin) -> None:
        """Stop being a verifier. Your bond can be slashed for your votes until you withdraw it."""
        who = origin.signed()
        found = self._verifier(who)
        if found.free_at is not None:
            raise self.NotVerifier
        self._retire(who, found)

    @call(13, weight=weights.WITHDRAW)
    def withdraw(self, origin: Origin) -> None:
        """Withdraw your bond after `leave`, from slot `free_at` on, without seats in receipts."""
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
        """Show items of a planted error. Any account may, from its reveal until the job is paid.

        `was` opens the roots of some items as first committed, `right` as they are now; all of them
        differ. Verifiers that checked one of these and found it valid are slashed when the right
        roots are accepted. Raises NoSuchLeaf if this exposes no further verifier.
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

    # ---- public interface

    def receipt(self, id: H256) -> Receipt | None:
        """Return a receipt with its present deadlines; None if it is unknown or removed."""
        found = self.receipts.get(id)
        return None if found is None else found.put_off(self.jobs.stood_still())

    @property
    def reason(self) -> Reason:
        """The reason of the holds on verifiers' bonds."""
        return self._reason(self.HoldReason.VerifierBond)

    def staked_total(self) -> int:
        """Return the sum of all verifiers' bonds, in planck. Reads all: for queries only."""
        return sum(int(verifier.bond) for _, verifier in self.verifiers.items())

    # ---- internals: checks of bare calls; each returns the end of its tag and its longevity

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
        """Return a verifier's randomness. Raises BadDraw. It takes 3 ms: call it last."""
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

    # ---- internals: time

    def _step(self, id: H256, now: int) -> int:
        """End a phase that is due; return the weight."""
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
                self._finalize(id, found, now)
        return weight

    def _begin(self, id: H256, receipt: Receipt, phase: Phase, until: int) -> None:
        """Enter a phase that ends by itself in slot `until`."""
        self._plan(id, receipt, until)
        receipt.phase, receipt.since = phase, u32(self.clock.now())
        self.receipts[id] = receipt
        self.deposit(self.PhaseBegan(id, phase, u32(until)))

    def _wait(self, id: H256, receipt: Receipt, since: int, slots: int) -> None:
        """Request a committee, by randomness that was unknown in slot `since`."""
        until = self.clock.now() + slots
        self._plan(id, receipt, until)
        receipt.phase, receipt.since = Phase.Waiting, u32(since)
        self.receipts[id] = receipt

    def _plan(self, id: H256, receipt: Receipt, until: int) -> None:
        self.timers.remove(PHASES, receipt.task)
        receipt.task = self.timers.enter(PHASES, until, id)
        receipt.due = u32(until)

    def _check_asked(self, id: H256, now: int) -> None:
        """Refuse a receipt of which a challenged leaf was not shown in time."""
        found = self.receipt(id)
        if found is None or found.phase is Phase.Ended:
            return
        if any(
            one.by is not None and not one.answered and one.until <= now for one in found.challenges
        ):
            self._expire(id, found)

    # ---- internals: the committee

    def _draw(self, id: H256, receipt: Receipt, job: Job, now: int) -> None:
        """Select a committee, weighted by bond, without the operators of the job's parties.

        Bonds raised after the request are excluded too: the randomness may have been known then.
        """
        since = int(receipt.since)
        randomness = self.clock.randomness_after(
            since, int(self.beacon_delay), int(self.beacon_authors)
        )
        if randomness is None:
            self._wait(id, receipt, now if now - since >= STALE_SLOTS else since, 1)
            return
        beacon = H256(randomness.beacon)
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
            # The seat is kept, but its vote does not count: it checks again, by new randomness.
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
        """Return the verifiers selected for the free seats, with their keys.

        Verifiers whose bond is below the penalty of a wrong vote are excluded. The penalty is not
        reserved: a bond may cover only one of two receipts at a time.
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
        """Count the votes of a round, and remove silent verifiers from their seats."""
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
        """Proceed according to the votes."""
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
        """Replace all seats without a valid vote, or conclude if no replacement is left."""
        valid = found_valid(receipt.seats)
        if receipt.redraws >= MAX_REDRAWS:
            if receipt.proven is not None:  # and a planted error could not be revealed before
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
        """Slash verifiers that reported an error and did not prove it; the other votes decide."""
        liars = found_wrong(receipt.seats)
        for seat in liars:
            self._slash(id, seat.verifier, VOTER_FACTOR * int(job.price), None)
        self._unseat(id, receipt, liars)
        self._rule(id, receipt, job, now)

    def _note_missed(self, id: H256, receipt: Receipt, job: Job) -> None:
        """Note missed items; remove verifiers that report an item outside of their sample."""
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
        """Ask the provider to show all leaves that verifiers reported as missing."""
        until = u32(now + int(self.transcript_slots))
        for seat in found_missing(receipt.seats):
            place = cast("Missing", seat.verdict)
            self._ask(id, receipt, Challenge(place.item, place.tensor, place.leaf, until, None))
        self._begin(id, receipt, Phase.Withheld, int(until))

    def _end_withheld(self, id: H256, receipt: Receipt, job: Job, now: int) -> None:
        """Refuse a receipt with a leaf that was not shown; else let the remaining votes decide."""
        asked = [one for one in receipt.challenges if one.by is None]
        if not all(one.answered for one in asked):
            self._expire(id, receipt)
            return
        receipt.challenges = [one for one in receipt.challenges if one.by is not None]
        self._unseat(id, receipt, found_missing(receipt.seats))
        if receipt.looked and receipt.redraws >= MAX_REDRAWS:
            # No further round can check it. But a quorum checked it before, and would have reported
            # what is wrong as missing: a false report of a missing leaf makes it no easier to pass.
            newest = len(receipt.beacons) - 1
            receipt.missed = [(round, item) for round, item in receipt.missed if round < newest]
        self._rule(id, receipt, job, now)

    # ---- internals: proofs

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
            # The call succeeds: a failed one would revert the burn.
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

        An unsigned proof must be of a revealed verdict, because checking it costs much time.
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
        """Return True if the receipt may still be revealed to have a planted error."""
        early = receipt.phase in (Phase.Waiting, Phase.Checking, Phase.Trapping)
        return bool(self.trap_ppm) and early and not receipt.exposed

    def _convict(self, id: H256, receipt: Receipt, job: Job, proven: Proven) -> None:
        """Slash provider and approving verifiers of a wrong receipt, and refund the requester."""
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
        """Slash verifiers that accepted a planted error; pay its finders and the requester."""
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
        """Return the voters on a revealed planted error: their bonds stay liable until the end."""
        trap = receipt.trap
        return [] if trap is None else [*(who for who, _ in trap.valid), *trap.finders]

    # ---- internals: the end

    def _finalize(self, id: H256, receipt: Receipt, now: int) -> None:
        """Pay for the work, unless a challenged leaf is still to be shown."""
        open_until = [int(one.until) for one in receipt.challenges if not one.answered]
        if open_until:
            self._begin(id, receipt, Phase.Pending, max(*open_until, now + 1))
            return
        voters = [seat.verifier for seat in found_valid(receipt.seats)]
        if not self.jobs.finalize(receipt.job, voters):
            self._begin(id, receipt, Phase.Pending, now + RETRY_SLOTS)
            return
        job = self.jobs.job(receipt.job)
        if receipt.trap is not None and job is not None:
            self._settle_trap(id, receipt.trap, job)
        self._close(id, receipt)

    def _expire(self, id: H256, receipt: Receipt) -> None:
        """Refuse a receipt whose provider did not show a leaf."""
        self._end(id, receipt, Outcome.Withheld, found_missing(receipt.seats))
        # Only now: before, the job's part of the bond is reserved, and may be all of it.
        self.providers.fine(receipt.provider, WITHHELD_PPM)

    def _end(self, id: H256, receipt: Receipt, outcome: Outcome, voters: Sequence[Seat]) -> None:
        self.jobs.refuse(receipt.job, outcome, [seat.verifier for seat in voters])
        self._close(id, receipt)

    def _close(self, id: H256, receipt: Receipt) -> None:
        """End a receipt: release deposits, seats and timers."""
        for one in receipt.challenges:
            if one.by is not None and not one.answered:
                reason = self._reason(self.HoldReason.Challenge)
                self.currency.release(reason, one.by, one.deposit)
        receipt.challenges = []
        for who in (*(seat.verifier for seat in receipt.seats), *self._trapped(receipt)):
            del self.duties[who, id]
        self.timers.remove(PHASES, receipt.task)
        now = self.clock.now()
        until = now + KEEP_EPOCHS * int(self.epoch_slots)
        receipt.task = NO_TIMER
        receipt.phase, receipt.since, receipt.due = Phase.Ended, u32(now), u32(until)
        self.timers.enter(FORGETTING, until, id)
        self.receipts[id] = receipt

    # ---- internals: receipts

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

    # ---- internals: verifiers

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
        """Store a verifier, and update the roster of selectable ones."""
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
        """Note whether a verifier voted; one that repeatedly does not is removed."""
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
    """Return True if the leaves of a job's receipt are keyed, so that they cannot be guessed."""
    return job.tier is Tier.Confidential


def is_leaf(graph: Graph, items: int, item: int, tensor: int, leaf: int) -> bool:
    """Return True if the leaf exists in a receipt of a job with `items` items."""
    tensors = graph.committed
    return item < items and tensor < len(tensors) and leaf < tensor_layout(tensors[tensor]).count
