"""Benchmarks of Receipts: the largest graphs, proofs and committees, and all verifiers active.

Sortition proofs are checked in Python: a node need not have the faster arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from bench.weights.declare import Case, benchmark
from bench.weights.pallets.jobs import ROOT, computing
from bench.weights.pallets.models import MAX_TABLES, conv, softmax
from bench.weights.state import BLOCK, Bench
from btt_chain.crypto import vrf
from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.crypto.vrf import PythonVerification, SchnorrkelVrf, VrfInput
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.babe_digests import AuthorityId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.voters import AuthorityId as VoterId
from btt_chain.scale import i16, u8, u16, u32, u64, u128
from btt_chain.work import fraud, ids
from btt_chain.work.build import window
from btt_chain.work.commit import commit_item, roots_tree
from btt_chain.work.graph import MAX_NODES, Graph, Manifest, Node
from btt_chain.work.layout import tensor_layout
from btt_chain.work.merkle import Leaf, Opening, Tree
from btt_chain.work.model import scale_bits
from btt_chain.work.operators import AveragePool, Table
from btt_chain.work.shapes import MAX_LINES, macs_of
from btt_chain.work.tensors import LEAF_BYTES, MIN_LEAF_BYTES, Kind, Tensor
from runtime.constants import BTT
from runtime.frame import NONE, Reason
from runtime.frame.timers import NO_TIMER
from runtime.pallets.jobs.store import DEADLINES
from runtime.pallets.jobs.types import MAX_ITEMS, Check, Job, JobState, Tier
from runtime.pallets.receipts.attestations import VERDICT
from runtime.pallets.receipts.constants import (
    MAX_REQUESTED,
    PHASES,
)
from runtime.pallets.receipts.types import (
    MAX_CHALLENGES,
    MAX_MISSES,
    MAX_REPLACEMENTS,
    MAX_ROUNDS,
    MAX_VERIFIERS,
    Challenge,
    LeafProof,
    Missing,
    Phase,
    PlantedError,
    Receipt,
    Seat,
    Valid,
    Verdict,
    Verifier,
    Wrong,
    WrongEdge,
)
from runtime.pallets.session.pallet import SessionKeys
from runtime.params import MAX_COMMITTEE

HEIGHT: Final = MAX_LINES
CHANNELS: Final = 2
"""Channels of a line: a window of one of them has to pick its numbers from all."""
WIDTH: Final = 10
"""Pixels of a line, with which a proof has the largest size but for a tenth."""
LINES: Final = HEIGHT * CHANNELS
"""Numbers of a proof for each pixel of a line."""
JUDGED: Final = 7
"""Node whose element is proven wrong."""
OPENED: Final = 256
"""Number of leaves of one opening."""
BOND: Final = u128(10_000 * BTT)
ID: Final = H256(bytes(range(1, 33)))
SALT: Final = H256(bytes(32))
RHO: Final = H256(blake2_256(b"randomness"))
LATER: Final = BLOCK + 40


class ColdVerification(PythonVerification):
    """The arithmetic in Python, with an empty cache of keys and inputs."""

    __slots__ = ()

    def nonces(
        self, public: bytes, message: VrfInput, pre_output: bytes, challenge: bytes, response: bytes
    ) -> tuple[bytes, bytes] | None:
        """Return the nonce's multiples of base and input point; None if an encoding is bad."""
        vrf._input_point.cache_clear()
        vrf._known_point8.cache_clear()
        return super().nonces(public, message, pre_output, challenge, response)


# ---- the model, and the claims about it


@dataclass(frozen=True, slots=True)
class Claim:
    """A model, and a provider's claim about all items: the same wrong one about each."""

    manifest: Manifest
    evidence: fraud.Evidence
    said: Tree

    @property
    def graph(self) -> Graph:
        """The graph of the model."""
        return self.manifest.graph

    @property
    def root(self) -> H256:
        """The root over the items."""
        return self.evidence.job.root


def model_of(nodes: int, width: int) -> Manifest:
    """Return a manifest of so many nodes; an element of one node follows from seven others.

    The first of them reads lines of this width, as many as a proof may read.
    """
    point = Tensor(Kind.I8, [u32(1), u32(1), u32(1), u32(CHANNELS)], i16(-128), u16(0))
    full = Tensor(Kind.I8, point.shape, i16(-128), u16(MIN_LEAF_BYTES))
    pool = AveragePool(u16(0), window((HEIGHT, 1, width)), u32(scale_bits(1 / (HEIGHT * width))))
    made = [Node("pool", pool, point)]
    made += [Node(f"{at}", Table(u16(at), b"\7" * 256), point) for at in range(1, JUDGED)]
    made.append(Node("judged", Table(u16(JUDGED), b"\7" * 256), full))
    for at in range(len(made), nodes):
        op = softmax(at) if at > MAX_NODES - MAX_TABLES + 6 else conv(at)
        made.append(Node(f"{at}", op, full))
    sides = [u32(HEIGHT), u32(1), u32(width), u32(CHANNELS)]
    image = Tensor(Kind.I8, sides, i16(0), u16(LEAF_BYTES))
    graph = Graph([image], made, [u16(len(made))])
    scale = u32(scale_bits(1.0))
    return Manifest(graph, [scale], [scale], u64(macs_of(graph)))


ITEM: Final = ids.sample(RHO, MAX_ITEMS, ids.sample_size(MAX_ITEMS, full=False))[0]
"""An item that every verifier with this randomness checks."""


@cache
def claim(nodes: int = MAX_NODES, width: int = WIDTH) -> Claim:
    """Return the claim about a model of so many nodes, by default the largest one."""
    manifest = model_of(nodes, width)
    tensors = [bytes(tensor.nbytes) for tensor in manifest.graph.committed]
    commitment = commit_item(manifest.graph, ITEM, tensors)
    items = roots_tree([commitment.root] * MAX_ITEMS)
    evidence = fraud.Evidence(ITEM, tensors, commitment, items)
    return Claim(manifest, evidence, roots_tree([ROOT] * MAX_ITEMS))


def shown() -> LeafProof:
    """Open the first leaf of the input."""
    evidence = claim().evidence
    one = evidence.commitment

    def opened(tree: Tree, index: int, data: bytes | memoryview) -> Opening:
        return Opening([Leaf(u32(index), None, bytes(data))], tree.siblings([index]))

    start, end = tensor_layout(claim().graph.inputs[0]).span(0)
    return LeafProof(
        u32(ITEM),
        u16(0),
        opened(evidence.job, ITEM, one.root),
        opened(one.tree, 0, one.tensors[0].root),
        opened(one.tensors[0], 0, evidence.tensors[0][start:end]),
    )


# ---- verifiers and receipts


def key(number: int) -> KeyPair:
    """Return the BABE key of a verifier."""
    return KeyPair.from_seed(blake2_256(b"verifier key %d" % number), Scheme.SR25519)


def who(number: int) -> AccountId:
    """Return the account of a verifier."""
    return AccountId(blake2_256(b"verifier %d" % number))


def genesis(b: Bench) -> bytes:
    """Return the hash of the first block."""
    return bytes(b.runtime.system.block_hash[u32(0)])


def rules(b: Bench) -> None:
    """Allow committees of the maximum size of any chain."""
    receipts = b.runtime.receipts
    receipts.vrf = SchnorrkelVrf(ColdVerification())
    jobs = b.runtime.jobs
    receipts.committee = jobs.committee = u32(MAX_COMMITTEE)
    jobs.bind(jobs.host, jobs.index)  # its components keep the committee
    receipts.jobs = jobs.deliveries
    receipts.quorum = u32(MAX_COMMITTEE // 2 + 1)
    receipts.planted_error_ppm = b.params.work.planted_error_ppm
    rebuild(b)


def rebuild(b: Bench) -> None:
    """Build the pallet's components again, with its present configuration."""
    receipts = b.runtime.receipts
    receipts.bind(receipts.host, receipts.index)


def verifiers(b: Bench, count: int = MAX_VERIFIERS) -> None:
    """Register that many active verifiers; those that can be on a committee have their bonds held.

    Each has been silent so often that one more time exceeds the limit.
    """
    rules(b)
    receipts = b.runtime.receipts
    for number in range(count):
        if number < MAX_COMMITTEE:
            b.endow(who(number))
            b.runtime.balances.hold(receipts.reason, who(number), BOND)
            receipts.bonds.verifiers[who(number)] = Verifier(BOND, u8(MAX_MISSES - 1), since=u32(7))
        keys = SessionKeys(
            AuthorityId(blake2_256(b"babe %d" % number)), VoterId(blake2_256(b"%d" % number))
        )
        b.runtime.session.next_keys[who(number)] = keys
    receipts.bonds.roster.value = sorted((who(number), BOND, u32(7)) for number in range(count))


def checked(
    b: Bench,
    phase: Phase,
    *verdicts: Verdict | None,
    due: int = LATER,
    said: Claim | None = None,
) -> Receipt:
    """Store a receipt in this phase, with a full committee that voted this.

    The last of the verdicts is that of all others. The maximum number of leaves is requested, and
    the receipt had a planted error once.
    """
    verifiers(b)
    said = claim() if said is None else said
    job_id, job, provider = computing(b, manifest=said.manifest)
    jobs, receipts = b.runtime.jobs, b.runtime.receipts
    jobs.store.timers.remove(DEADLINES, job.timer)
    state = JobState.Pending if phase is Phase.Pending else JobState.Checking
    job.timer, job.state, job.due = NO_TIMER, state, u32(0)
    job.check, job.receipt = Check.Sampled, ID
    jobs.store.jobs[job_id] = job
    found = Receipt(
        job_id, provider, job.attempt, said.root, said.said.root, ROOT,
        u32(BLOCK - 90), u32(BLOCK - 80), u32(BLOCK - 70), phase, u32(BLOCK - 60),
    )  # fmt: skip
    found.commit_until, found.reveal_until = u32(BLOCK + 10), u32(BLOCK + 20)
    found.due = u32(due)
    found.timer = receipts.timers.enter(PHASES, due, ID)
    found.beacons = [ROOT] * MAX_ROUNDS
    found.used = [b.poor(place) for place in range(MAX_ROUNDS * MAX_COMMITTEE)]
    last = verdicts[-1]
    for number in range(MAX_COMMITTEE):
        seat = Seat(who(number), key(number).public, u8(MAX_ROUNDS - 1))
        seat.verdict = verdicts[number] if number < len(verdicts) else last
        seat.rho = RHO
        found.seats.append(seat)
        receipts.committees.duties[who(number), ID] = u8(MAX_ROUNDS - 1)
    requested(b, found)
    receipts.receipts[ID] = found
    return found


def requested(b: Bench, found: Receipt) -> None:
    """Request the maximum number of leaves, half of them by accounts, the first leaf by all."""
    receipts = b.runtime.receipts
    reason = Reason(receipts.index, receipts.HoldReason.Challenge)
    for number in range(MAX_CHALLENGES):
        by = b.endow(b.poor(1_000 + number)) if number < MAX_REQUESTED else None
        if by is not None:
            b.runtime.balances.hold(reason, by, u128(BTT))
        deposit = u128(BTT if by is not None else 0)
        found.challenges.append(Challenge(u32(ITEM), u16(0), u32(0), u32(LATER), by, deposit))


def disclosed(b: Bench, found: Receipt) -> Receipt:
    """Let a receipt have had a planted error that half of its committee missed."""
    half = MAX_COMMITTEE // 2
    found.planted_error = PlantedError(
        found.item_root,
        [(who(number), RHO) for number in range(half)],
        [who(number) for number in range(half, MAX_COMMITTEE)],
        [who(number) for number in range(half)],
    )
    b.runtime.receipts.receipts[ID] = found
    return found


def job_of(b: Bench, found: Receipt) -> Job:
    """Return the job of a receipt."""
    return b.runtime.jobs.store.jobs[found.job]


WRONG: Final = Wrong(u32(ITEM), u16(JUDGED), u32(0))
EDGE: Final = WrongEdge(u32(ITEM), output=True)


# ---- calls


@benchmark("Receipts.submit")
def submit(b: Bench) -> Case:
    """Submit a receipt."""
    job_id, job, provider = computing(b, BLOCK + 90)
    return b.signed(
        provider, "Receipts", "submit", job=job_id, attempt=job.attempt, item_root=ROOT,
        output_root=ROOT, planted_error_commit=ROOT, started=job.accepted, finished=u32(BLOCK),
    )  # fmt: skip


@benchmark("Receipts.attest_commit")
def attest_commit(b: Bench) -> Case:
    """Commit to a verdict, the last one of the committee."""
    found = checked(b, Phase.Checking, None, Valid())
    message = ids.commit_message(genesis(b), ID, who(0), found.beacons[-1], ROOT)
    return Case(
        b.call(
            "Receipts", "attest_commit", receipt=ID, verifier=who(0), commitment=ROOT,
            signature=key(0).sign(message),
        ),
        NONE,
    )  # fmt: skip


@benchmark("Receipts.attest_reveal")
def attest_reveal(b: Bench) -> Case:
    """Reveal a verdict, the last one of the committee."""
    found = checked(b, Phase.Checking, None, Valid())
    receipts, verdict = b.runtime.receipts, Missing(u32(ITEM), u16(0), u32(0))
    found.commit_until = u32(BLOCK - 1)
    found.seats[0].commitment = ids.attestation(
        genesis(b), ID, who(0), VERDICT.encode(verdict), ROOT, SALT
    )
    receipts.receipts[ID] = found
    what = ids.check_input(found.beacons[-1], ID)
    output, proof = receipts.vrf.sign(key(0), what)
    return Case(
        b.call(
            "Receipts", "attest_reveal", receipt=ID, verifier=who(0), verdict=verdict, digest=ROOT,
            salt=SALT, pre_output=output.pre_output, proof=proof,
        ),
        NONE,
    )  # fmt: skip


@benchmark(
    "Receipts.prove_fraud",
    nodes=(JUDGED + 1, MAX_NODES),
    judged=(LINES + JUDGED, LINES * WIDTH + JUDGED),
)
def prove_fraud(b: Bench, nodes: int, judged: int) -> Case:
    """Prove an element wrong with the largest proof; all others missed it."""
    said = claim(nodes, judged // LINES)
    disclosed(b, checked(b, Phase.Pending, WRONG, Valid(), said=said))
    proof = fraud.prove(said.graph, said.evidence, JUDGED, 0)
    return Case(b.call("Receipts", "prove_fraud", receipt=ID, proof=proof), NONE)


@benchmark("Receipts.prove_edge", nodes=(JUDGED + 1, MAX_NODES))
def prove_edge(b: Bench, nodes: int) -> Case:
    """Prove an output wrong; all others missed it."""
    said = claim(nodes)
    disclosed(b, checked(b, Phase.Pending, EDGE, Valid(), said=said))
    proof = fraud.prove_edge(said.graph, said.evidence, said.said, ROOT, output=True)
    return Case(b.call("Receipts", "prove_edge", receipt=ID, proof=proof, output=True), NONE)


@benchmark("Receipts.reveal_planted_error")
def reveal_planted_error(b: Bench) -> Case:
    """Reveal a planted error; half of the committee found it, and some claim missing data."""
    found = checked(b, Phase.Disclosing, *[Missing(u32(ITEM), u16(0), u32(0))] * 7, Valid())
    receipts, pair = b.runtime.receipts, key(0)
    receipts.planted_error_ppm = u32(1_000_000)
    rebuild(b)
    found.planted_error_commit = ids.planted_error_commit(ROOT, ROOT, SALT)
    receipts.receipts[ID] = found
    info = b.runtime.providers.providers[found.provider]
    info.vrf = pair.public
    b.runtime.providers.providers[found.provider] = info
    output, proof = receipts.vrf.sign(pair, ids.planted_error_input(job_of(b, found).seed))
    return b.signed(
        found.provider, "Receipts", "reveal_planted_error", receipt=ID,
        pre_output=output.pre_output, proof=proof, item_root=ROOT, output_root=ROOT, salt=SALT,
    )  # fmt: skip


@benchmark("Receipts.accept_result")
def accept_result(b: Bench) -> Case:
    """Accept a confidential result, all of whose leaves were opened."""
    found = checked(b, Phase.Pending, Valid())
    b.runtime.receipts.committees.unseat(ID, found, found.seats)
    answered(b, found)
    job = job_of(b, found)
    job.tier = Tier.Confidential
    b.runtime.jobs.store.jobs[found.job] = job
    assert job.requester is not None
    return b.signed(job.requester, "Receipts", "accept_result", receipt=ID)


def answered(b: Bench, found: Receipt) -> None:
    """Let all requested leaves have been opened."""
    for one in found.challenges:
        one.answered = True
    b.runtime.receipts.receipts[ID] = found


@benchmark("Receipts.challenge_data")
def challenge_data(b: Bench) -> Case:
    """Request the last leaf that fits."""
    found = checked(b, Phase.Checking, Valid())
    found.challenges = found.challenges[: MAX_REQUESTED - 1] + found.challenges[MAX_REQUESTED:]
    b.runtime.receipts.receipts[ID] = found
    return b.signed(
        who(0), "Receipts", "challenge_data", receipt=ID, item=u32(ITEM), tensor=u32(0),
        leaf=u32(0),
    )  # fmt: skip


@benchmark("Receipts.answer_data")
def answer_data(b: Bench) -> Case:
    """Open a leaf that all challengers requested."""
    checked(b, Phase.Pending, Valid())
    return b.signed(b.account(), "Receipts", "answer_data", receipt=ID, proof=shown())


@benchmark("Receipts.dispute_digest")
def dispute_digest(b: Bench) -> Case:
    """Prove a digest wrong on which the receipt depends, when no further check is possible."""
    found = checked(b, Phase.Pending, Valid())
    receipts = b.runtime.receipts
    receipts.quorum = u32(MAX_COMMITTEE)
    rebuild(b)
    found.replacements = u8(MAX_REPLACEMENTS)
    graph = claim().graph
    seen = ids.sample(RHO, MAX_ITEMS, b.runtime.jobs.deliveries.sample_count(job_of(b, found)))
    count = len(seen) * sum(ids.leaf_counts(graph))
    tree = ids.digest_tree([bytes(32)] * count)
    place = ids.digest_place(graph, seen, ITEM, 0, 0)
    found.seats[0].digest = tree.root
    disclosed(b, found)
    said = Opening([Leaf(u32(place), None, bytes(32))], tree.siblings([place]))
    return b.signed(
        b.account(), "Receipts", "dispute_digest", receipt=ID, verifier=who(0), proof=shown(),
        said=said,
    )  # fmt: skip


@benchmark("Receipts.join")
def join(b: Bench) -> Case:
    """Become the last verifier that fits."""
    verifiers(b, MAX_VERIFIERS - 1)
    new = b.account()
    b.runtime.session.next_keys[new] = b.runtime.session.next_keys[who(0)]
    return b.signed(new, "Receipts", "join", bond=BOND)


@benchmark("Receipts.bond_extra")
def bond_extra(b: Bench) -> Case:
    """Add to a bond."""
    verifiers(b)
    return b.signed(who(0), "Receipts", "bond_extra", amount=BOND)


@benchmark("Receipts.leave")
def leave(b: Bench) -> Case:
    """Stop being selected."""
    verifiers(b)
    return b.signed(who(0), "Receipts", "leave")


@benchmark("Receipts.withdraw")
def withdraw(b: Bench) -> Case:
    """Withdraw a bond."""
    verifiers(b)
    b.runtime.receipts.bonds.verifiers[who(0)] = Verifier(BOND, free_at=u32(BLOCK - 1))
    return b.signed(who(0), "Receipts", "withdraw")


@benchmark("Receipts.expose_voters", items=(1, OPENED))
def expose_voters(b: Bench, items: int) -> Case:
    """Open that many items with planted errors, which all voters found valid."""
    found = checked(b, Phase.Pending, Valid())
    right = roots_tree([SALT] * MAX_ITEMS)
    voters = [(who(number), RHO) for number in range(MAX_COMMITTEE)]
    found.planted_error = PlantedError(found.item_root, voters, [])
    found.item_root = right.root
    b.runtime.receipts.receipts[ID] = found
    places = [ITEM + 2 * place for place in range(items)]
    said = claim().evidence

    def opened(tree: Tree, root: bytes) -> Opening:
        leaves = [Leaf(u32(place), None, bytes(root)) for place in places]
        return Opening(leaves, tree.siblings(places)[:1024])

    return b.signed(
        b.account(), "Receipts", "expose_voters", receipt=ID,
        was=opened(said.job, said.commitment.root), right=opened(right, SALT),
    )  # fmt: skip
