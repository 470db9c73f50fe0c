"""Jobs, receipts, providers and verifiers on a small runtime, with real models, proofs and keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from typing import cast

import numpy as np

from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.vrf import Vrf
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.validity import TransactionSource
from btt_chain.scale import u16, u32, u64, u128
from btt_chain.work import fraud, ids
from btt_chain.work.build import Builder, Numbers
from btt_chain.work.commit import ItemCommitment, TensorKey, commit_item, roots_tree
from btt_chain.work.execute import Executor
from btt_chain.work.graph import weighted_of
from btt_chain.work.layout import tensor_layout
from btt_chain.work.merkle import Leaf, Opening, Tree
from btt_chain.work.model import Model, elements_of
from btt_chain.work.tensors import Kind
from runtime.accounts import MINING, POOLS, TREASURY
from runtime.audits import AuditedState
from runtime.audits.core import burns, issuance
from runtime.audits.holds import unexplained
from runtime.audits.state import audits_of
from runtime.constants import BTT
from runtime.features.work import Work
from runtime.frame import NONE, DispatchError, Origin, Reason, ensure_root, signed
from runtime.frame.timers import time_of
from runtime.pallets.babe.types import Beacon
from runtime.pallets.jobs import events
from runtime.pallets.jobs.pallet import Jobs
from runtime.pallets.jobs.store import GAP_SLOTS
from runtime.pallets.jobs.types import ENDED, Check, Job, JobState, Tier, Urgency
from runtime.pallets.models.pallet import Models, licence_slots
from runtime.pallets.models.types import CheckMode
from runtime.pallets.providers.pallet import Providers
from runtime.pallets.providers.types import ProviderInfo, ProviderKind
from runtime.pallets.receipts.attestations import VERDICT
from runtime.pallets.receipts.constants import PHASES
from runtime.pallets.receipts.pallet import Receipts
from runtime.pallets.receipts.tally import missed_before
from runtime.pallets.receipts.types import LeafProof, Phase, Receipt, Seat, Valid, Verdict
from runtime.params import WorkRules
from support.models import stated
from support.runtime import StillClock, TestRuntime, reconfigure
from support.simulated_vrf import SimulatedVrf
from support.stakes import OwnOperators

SLOT_MS = 6_000
EPOCH = 100
GENESIS = H256(b"\7" * 32)
RULES = WorkRules(committee=u32(3), quorum=u32(2), min_operators=u32(2))
ENDPOINT = b"/ip4/203.0.113.7/tcp/30335/p2p/12D3KooWProvider"
SALT = H256(b"\5" * 32)
RANDOMNESS = H256(b"\6" * 32)
"""Stands in the place of a planted error's commitment."""
RICH = 1_000_000 * int(BTT)
JOB_KEY = b"0123456789abcdef" * 2


def person(name: str) -> AccountId:
    return AccountId(sha256(name.encode()).digest())


ALICE, BOB = person("alice"), person("bob")


@cache
def net() -> Model:
    """Two products of 16, 8 and 4 elements; what the second makes has leaves after a table only."""
    rng = np.random.default_rng(1)
    made = Builder(Kind.I8, (1, 16), 0)
    for name, (inputs, outputs) in {"first": (16, 8), "second": (8, 4)}.items():
        columns = rng.integers(-90, 91, (outputs, inputs)).astype(np.int8)
        bias = rng.integers(-500, 501, outputs).astype(np.int32)
        scales = np.full(outputs, 1 / (90 * inputs), np.float32)
        made.linear(name, 0 if name == "first" else 1, columns, bias, scales, Numbers(Kind.I8))
    made.table("sharp", 2, [max(x, x // 4) for x in range(-128, 128)], Numbers(Kind.I8))
    return made.model()


@cache
def computed(items: int) -> list[list[bytes]]:
    """All tensors of so many items, right."""
    model = net()
    values = np.random.default_rng(2).integers(-128, 128, (items, 1, 16))
    batch = Executor(model).run(elements_of(Kind.I8, values))
    return [[tensor.tobytes() for tensor in batch.committed(item)] for item in range(items)]


class Claim:
    """A provider's claim about a job's items: correct except for bytes that a test changes.

    `lies` are (item, tensor, byte); `outputs` are items with a wrong output.
    """

    def __init__(
        self,
        items: int,
        lies: Sequence[tuple[int, int, int]] = (),
        *,
        outputs: Sequence[int] = (),
        key: bytes | None = None,
    ) -> None:
        self.graph, self.items, self.key = net().graph, items, key
        self.tensors = [list(tensors) for tensors in computed(items)]
        for item, tensor, byte in lies:
            raw = bytearray(self.tensors[item][tensor])
            raw[byte] ^= 1
            self.tensors[item][tensor] = bytes(raw)
        self.commitments: list[ItemCommitment] = [
            commit_item(self.graph, item, tensors, key) for item, tensors in enumerate(self.tensors)
        ]
        self.tree = roots_tree([one.root for one in self.commitments])
        self.output_roots = [
            RANDOMNESS if item in outputs else one.tensors[-1].root
            for item, one in enumerate(self.commitments)
        ]

    @property
    def item_root(self) -> H256:
        return self.tree.root

    @property
    def output_root(self) -> H256:
        return roots_tree(self.output_roots).root

    def proof(self, item: int, node: int, element: int) -> fraud.FraudProof:
        model = net()
        evidence = fraud.Evidence(
            item, self.tensors[item], self.commitments[item], self.tree, self.key
        )
        weighted = weighted_of(self.graph, node)
        assert weighted is not None
        records = (model.records[weighted[0]].data, model.trees[weighted[0]])
        return fraud.prove(self.graph, evidence, node, element, records)

    def output_proof(self, item: int) -> fraud.EdgeProof:
        evidence = fraud.Evidence(
            item, self.tensors[item], self.commitments[item], self.tree, self.key
        )
        said = roots_tree(self.output_roots)
        return fraud.prove_edge(self.graph, evidence, said, self.output_roots[item], output=True)

    def input_proof(self, item: int) -> fraud.EdgeProof:
        """Open an item's input, and the one that was asked for."""
        evidence = fraud.Evidence(
            item, self.tensors[item], self.commitments[item], self.tree, self.key
        )
        roots = [one.tensors[0].root for one in Claim(self.items, key=self.key).commitments]
        return fraud.prove_edge(self.graph, evidence, roots_tree(roots), roots[item], output=False)

    def items_opened(self, *items: int) -> Opening:
        """Open the roots of some items."""
        leaves = [Leaf(u32(item), None, bytes(self.commitments[item].root)) for item in items]
        return Opening(leaves, self.tree.siblings(items))

    def leaf(self, item: int, tensor: int, leaf: int) -> LeafProof:
        one = self.commitments[item]
        layout = tensor_layout(self.graph.committed[tensor])
        start, end = layout.span(leaf)
        key = None if self.key is None else TensorKey(self.key, item, tensor).leaf(leaf)
        data = Leaf(u32(leaf), key, self.tensors[item][tensor][start:end])
        return LeafProof(
            u32(item),
            u16(tensor),
            opened(self.tree, item, one.root),
            opened(one.tree, tensor, one.tensors[tensor].root),
            Opening([data], one.tensors[tensor].siblings([leaf])),
        )

    def digests(self, rho: bytes, sample_count: int, missed: Sequence[int] = ()) -> list[bytes]:
        """Return the leaves that a verifier with this randomness commits to."""
        return [
            ids.digest_leaf(rho, item, tensor, leaf, raw[slice(*layout.span(leaf))])
            for item in ids.sample(rho, self.items, sample_count, missed)
            for tensor, raw in enumerate(self.tensors[item])
            for layout in [tensor_layout(self.graph.committed[tensor])]
            for leaf in range(layout.count)
        ]


def opened(tree: Tree, index: int, data: bytes) -> Opening:
    return Opening([Leaf(u32(index), None, bytes(data))], tree.siblings([index]))


def inputs_root(items: int, key: bytes | None = None) -> H256:
    return roots_tree([one.tensors[0].root for one in Claim(items, key=key).commitments]).root


class BeaconClock(StillClock):
    """A clock that a test moves, and beacons that come in time unless it holds them back."""

    holds_beacons = False

    def randomness_after(self, time: int, delay: int, authors: int) -> Beacon | None:
        if self.holds_beacons or self.slot < time + delay + 1:
            return None
        slot = time + delay
        beacon = sha256(b"beacon" + slot.to_bytes(4, "little")).digest()
        return Beacon(u64(slot), beacon, None)  # type: ignore[arg-type]


class Share:
    """A share in basis points."""

    def __init__(self, bps: int) -> None:
        self.bps = u32(bps)

    def peek(self) -> u32:
        return self.bps


class Keyring:
    """Session keys of verifiers, and providers' own."""

    def __init__(self, names: Sequence[str]) -> None:
        self.pairs = {person(name): KeyPair.from_seed(person(name)) for name in names}

    def babe_key(self, account: AccountId) -> bytes | None:
        pair = self.pairs.get(account)
        return None if pair is None else pair.public


class WorkRuntime(TestRuntime):
    """A runtime with jobs, receipts, and what they need; nothing is in its state."""

    clock: BeaconClock

    def __init__(
        self, rules: WorkRules, *, providers: int, verifiers: int, vrf: Callable[[Keyring], Vrf]
    ) -> None:
        self.rules = rules
        self.provider_names = [f"provider {number}" for number in range(providers)]
        self.verifier_names = [f"verifier {number}" for number in range(verifiers)]
        self.ring = Keyring([*self.provider_names, *self.verifier_names])
        self.vrf = vrf(self.ring)
        super().__init__(BeaconClock())

    def build(self) -> None:
        self._build_money()
        self._build_providers()
        self._build_jobs()
        self._build_receipts()

    def _build_money(self) -> None:
        self.balances = self.add_balances(
            offsetting=(
                Reason(40, Providers.HoldReason.ProviderBond),
                Reason(43, Receipts.HoldReason.VerifierBond),
            )
        )
        self.tokenomics = self.add_tokenomics(self.balances, window=u64(100), slot_ms=u64(SLOT_MS))
        self.balances.connect(self.tokenomics)
        self.mining = self.add_mining(self.balances, self.tokenomics, era=EPOCH)

    def _build_providers(self) -> None:
        self.models = self.add(
            41,
            Models(
                licence_slots=licence_slots(SLOT_MS),
                currency=self.balances,
                burns=self.tokenomics,
                clock=self.clock,
                params_origin=ensure_root,
            ),
        )
        self.providers = self.add(
            40,
            Providers(
                registration_deposit=BTT,
                unbonding_eras=u32(6),
                era_slots=u32(EPOCH),
                slot_ms=u64(SLOT_MS),
                settling_slots=u32(0),
                currency=self.balances,
                burns=self.tokenomics,
                clock=self.clock,
                measures=self.mining,
                operators=OwnOperators(),
                classes=self.models,
                params_origin=ensure_root,
            ),
        )
        self.mining.connect(self.providers.engagements)

    def _build_jobs(self) -> None:
        rules = self.rules
        self.jobs = self.add(
            42,
            Jobs(
                accept_slots=rules.accept_slots,
                payload_slots=rules.transcript_slots,
                beacon_delay=rules.beacon_delay,
                beacon_authors=rules.beacon_authors,
                committee=rules.committee,
                min_operators=rules.min_operators,
                epoch_slots=u32(EPOCH),
                slot_ms=u64(SLOT_MS),
                currency=self.balances,
                payer=self.tokenomics,
                clock=self.clock,
                system=self.system,
                providers=self.providers.engagements,
                models=self.models,
                mining=self.mining,
                dividend_bps=Share(2_000),
                params_origin=ensure_root,
            ),
        )

    def _build_receipts(self) -> None:
        rules = self.rules
        self.receipts = self.add(
            43,
            Receipts(
                committee=rules.committee,
                quorum=rules.quorum,
                planted_error_ppm=rules.planted_error_ppm,
                beacon_delay=rules.beacon_delay,
                beacon_authors=rules.beacon_authors,
                transcript_slots=rules.transcript_slots,
                commit_slots=rules.commit_slots,
                reveal_slots=rules.reveal_slots,
                challenge_slots=rules.challenge_slots,
                unbonding_slots=u32(6 * EPOCH),
                minimum_bond=u128(5_000 * BTT),
                epoch_slots=u32(EPOCH),
                vrf=self.vrf,
                currency=self.balances,
                payer=self.tokenomics,
                clock=self.clock,
                system=self.system,
                keys=self.ring,
                operators=OwnOperators(),
                providers=self.providers.engagements,
                models=self.models,
                jobs=self.jobs.deliveries,
            ),
        )


class Market(WorkRuntime):
    """Some providers and verifiers, a model, and two people with money."""

    def __init__(
        self,
        rules: WorkRules = RULES,
        *,
        providers: int = 3,
        verifiers: int = 6,
        vrf: Callable[[Keyring], Vrf] = lambda ring: SimulatedVrf(ring.pairs.values()),
    ) -> None:
        super().__init__(rules, providers=providers, verifiers=verifiers, vrf=vrf)
        self.number = 0
        self._begin()

    def _begin(self) -> None:
        self.system.block_hash[u32(0)] = GENESIS
        self.provider_accounts = [person(name) for name in self.provider_names]
        self.verifier_accounts = [person(name) for name in self.verifier_names]
        self.people = [ALICE, BOB, *self.provider_accounts, *self.verifier_accounts]
        rows: list[list[object]] = [[ss58.encode(who), RICH] for who in self.people]
        rows.append([ss58.encode(MINING), 900_000_000 * int(BTT)])
        pools = [ss58.encode(pool) for pool in (*POOLS, TREASURY)]
        self.balances.genesis({"balances": rows, "pools": pools})
        self.tokenomics.genesis({"preset": "test"})
        self.mining.genesis({})
        self.models.genesis({})
        bonds = [[ss58.encode(who), str(10_000 * BTT)] for who in self.verifier_accounts]
        self.receipts.genesis({"verifiers": bonds})
        for who in self.provider_accounts:
            self.register(who, 5_000)
        self.model = ids.model_id(net().manifest)
        self.models.register(
            signed(BOB), net().manifest, u16(0), b"A net", CheckMode.Reexecute, ENDPOINT, **stated()
        )

    def register(self, who: AccountId, bond: int, capacity: int = 4) -> None:
        """Register a provider with a bond in BTT."""
        key = self.ring.babe_key(who) or bytes(32)
        info = ProviderInfo(
            ProviderKind.Home, None, [u16(0)], u32(capacity), key, bytes(32), ENDPOINT
        )
        self.providers.register(signed(who), info, u128(bond * BTT))

    # ---- time

    def step(self, slots: int = 1) -> None:
        """Make a block, the slots before it empty."""
        self.clock.slot += slots
        self.number += 1
        self.on_initialize(self.number)

    def run(self, slots: int) -> None:
        for _ in range(slots):
            self.step()

    def wait(self, slots: int) -> None:
        """Let so many slots pass, with as few blocks as there can be: it does not stand still."""
        for _ in range(0, slots, GAP_SLOTS):
            self.step(min(slots, GAP_SLOTS))
            slots -= GAP_SLOTS

    def until(self, job: H256, *states: JobState, limit: int = 400) -> Job:
        """Make blocks until a job is in one of these states."""
        for _ in range(limit):
            found = self.job(job)
            if found.state in states:
                return found
            self.step()
        raise AssertionError(f"the job is still {found.state.name}")

    def until_phase(self, receipt: H256, *phases: Phase, limit: int = 400) -> Receipt:
        for _ in range(limit):
            found = self.receipt(receipt)
            if found.phase in phases:
                return found
            self.step()
        raise AssertionError(
            f"the receipt is still {found.phase.name} after {limit} blocks, with "
            f"{len(found.seats)} seats, {len(found.beacons)} selected committees, "
            f"{found.replacements} replacements; the job is {self.job(found.job).state.name}"
        )

    # ---- calls

    def do(self, who: AccountId | Origin, name: str, **args: object) -> None:
        """Make a call of Jobs or Receipts, as a block would."""
        pallet, _, call = name.partition(".")
        origin = who if isinstance(who, Origin) else signed(who)
        self.dispatch(origin, self.call(pallet, call, **args))

    def bare(self, name: str, **args: object) -> None:
        """Send a call of Receipts without a signature, through the pool's gate."""
        call = self.call("Receipts", name, **args)
        assert self.receipts.validate_unsigned(call, TransactionSource.External) is not None
        self.dispatch(NONE, call)

    def tried(self, who: AccountId | Origin, name: str, **args: object) -> DispatchError | None:
        """Make a call that may fail, and return what it failed with."""
        try:
            self.do(who, name, **args)
        except DispatchError as error:
            return error
        return None

    def post(self, who: AccountId = ALICE, items: int = 4, /, **other: object) -> H256:
        """Post a job; return its id."""
        tier = other.get("tier", Tier.Open)
        key = JOB_KEY if tier is Tier.Confidential else None
        args: dict[str, object] = {
            "model": self.model,
            "items": u32(items),
            "input_root": inputs_root(items, key),
            "tier": tier,
            "check": Check.Sampled,
            "urgency": Urgency.Routine,
            "max_price": u128(RICH),
            "data_bytes": u64(64_000),
            "deadline": u32(20),
            "reply_key": bytes(32),
            "endpoints": ENDPOINT,
        }
        self.do(who, "Jobs.post", **(args | other))
        event = next(
            event for event in reversed(self.announced()) if isinstance(event, events.Posted)
        )
        return event.job

    def accepted(self, job: H256) -> AccountId:
        """Have a job accepted; return the provider."""
        self.until(job, JobState.Assigned)
        provider = self.provider(job)
        self.do(provider, "Jobs.accept", job=job)
        return provider

    def submit(self, job: H256, claim: Claim, planted_error: H256 = RANDOMNESS) -> H256:
        """Submit a receipt by the assigned provider; return its id."""
        found, provider = self.job(job), self.provider(job)
        now = u32(self.clock.now())
        self.do(
            provider, "Receipts.submit", job=job, attempt=found.attempt,
            item_root=claim.item_root, output_root=claim.output_root,
            planted_error_commit=planted_error, started=found.accepted, finished=now,
        )  # fmt: skip
        return ids.receipt_id(GENESIS, job, provider, int(found.attempt), claim.item_root)

    def checking(self, job: H256, claim: Claim, planted_error: H256 = RANDOMNESS) -> H256:
        """Bring a job to where its committee checks; return the receipt's id."""
        if self.job(job).state is not JobState.Computing:
            self.accepted(job)
        receipt = self.submit(job, claim, planted_error)
        self.until_phase(receipt, Phase.Checking)
        return receipt

    def rho(self, receipt: H256, seat: Seat) -> H256:
        """Return the randomness of a verifier, which only it can compute."""
        what = ids.check_input(self.receipt(receipt).beacons[seat.round], receipt)
        return ids.rho(self.vrf.evaluate(self.ring.pairs[seat.verifier], what))

    def commit(
        self, receipt: H256, seat: Seat, verdict: Verdict, claim: Claim, digest: H256 | None = None
    ) -> Callable[[], None]:
        """Commit a verifier to a verdict; return how it reveals it."""
        pair = self.ring.pairs[seat.verifier]
        found = self.receipt(receipt)
        beacon, job = found.beacons[seat.round], self.job(found.job)
        rho = self.rho(receipt, seat)
        if digest is None:
            missed = missed_before(found, seat)
            leaves = claim.digests(rho, self.jobs.deliveries.sample_count(job), missed)
            digest = ids.digest_tree(leaves).root
        said = VERDICT.encode(verdict)
        commitment = ids.attestation(GENESIS, receipt, seat.verifier, said, digest, SALT)
        message = ids.commit_message(GENESIS, receipt, seat.verifier, beacon, commitment)
        self.bare(
            "attest_commit", receipt=receipt, verifier=seat.verifier, commitment=commitment,
            signature=pair.sign(message),
        )  # fmt: skip
        revealed = digest

        def reveal() -> None:
            output, proof = self.vrf.sign(pair, ids.check_input(beacon, receipt))
            self.bare(
                "attest_reveal", receipt=receipt, verifier=seat.verifier, verdict=verdict,
                digest=revealed, salt=SALT, pre_output=output.pre_output, proof=proof,
            )  # fmt: skip

        return reveal

    def vote(
        self,
        receipt: H256,
        claim: Claim,
        verdicts: Callable[[Seat, int], Verdict | None] = lambda _seat, _place: Valid(),
    ) -> None:
        """Have all of the newest round commit, and reveal when the time has come; None: silent."""
        found = self.receipt(receipt)
        fresh = [seat for seat in found.seats if seat.verdict is None]
        reveals = []
        for place, seat in enumerate(fresh):
            verdict = verdicts(seat, place)
            if verdict is not None:
                reveals.append(self.commit(receipt, seat, verdict, claim))
        while self.clock.now() < self.receipt(receipt).commit_until:
            self.step()
        for reveal in reveals:
            reveal()

    def finish(self, job: H256, claim: Claim) -> H256:
        """Have a job done, checked by all and paid."""
        receipt = self.checking(job, claim)
        self.vote(receipt, claim)
        self.until(job, JobState.Finalized)
        return receipt

    # ---- looking

    def job(self, job: H256) -> Job:
        found = self.jobs.store.get(job)
        assert found is not None
        return found

    def receipt(self, receipt: H256) -> Receipt:
        found = self.receipts.receipt(receipt)
        assert found is not None
        return found

    def provider(self, job: H256) -> AccountId:
        provider = self.job(job).provider
        assert provider is not None
        return provider

    def wealth(self, *accounts: AccountId) -> list[int]:
        """Return the balances of these accounts, free and on hold."""
        return [int(self.balances.total(who)) for who in accounts]

    def features(self) -> tuple[type[Work], ...]:
        """Return the feature whose audit holds for this runtime."""
        return (Work,)

    def audit(self) -> None:
        """Check what always holds, by the audit of the product; and that all is due."""
        self.audit_money()
        open_jobs = {id: job for id, job in self.jobs.store.jobs.items() if job.state not in ENDED}
        promises = [job.promise for job in open_jobs.values()]
        assert sum(promises) == self.jobs.escrows.promised.value
        self._audit_due(open_jobs)

    def audit_money(self) -> None:
        """Check balances, emission, escrows and bonds."""
        runtime, accounts = cast("Work", self), dict(self.system.account.items())
        parts = audits_of(runtime)
        audited = AuditedState(runtime, accounts, parts)
        checks = (issuance, burns, unexplained, *(check for part in parts for check in part.checks))
        assert [finding for check in checks for finding in check(audited)] == []

    def give_jobs(self, **dependencies: object) -> None:
        """Replace dependencies of Jobs."""
        reconfigure(self.jobs, **dependencies)
        reconfigure(self.receipts, jobs=self.jobs.deliveries)

    def _audit_due(self, open_jobs: Mapping[H256, Job]) -> None:
        due_jobs = [
            (int(queue), key, id) for (queue, key), id in self.jobs.store.timers.due.items()
        ]
        due_receipts = [
            (int(queue), key, id) for (queue, key), id in self.receipts.timers.due.items()
        ]
        live: dict[H256, Receipt] = {
            id: one for id, one in self.receipts.receipts.items() if one.phase is not Phase.Ended
        }
        of_receipts = {one.job: id for id, one in live.items()}
        reservations = [key for key, _ in self.providers.engagements.reservations.items()]
        for id, job in open_jobs.items():
            mine = [(queue, key) for queue, key, owner in due_jobs if owner == id]
            if job.state in (JobState.Committed, JobState.Checking, JobState.Pending):
                assert not mine
                assert job.receipt == of_receipts[id]
                phases = [
                    key
                    for queue, key, owner in due_receipts
                    if (queue, owner) == (PHASES, job.receipt)
                ]
                assert phases == [live[of_receipts[id]].timer]
            else:
                assert mine == [(int(job.queue), job.timer)]
            reserved = [key for key in reservations if key[1] == id]
            assert reserved == ([] if job.provider is None else [(job.provider, id)])
        assert {one.job for one in live.values()} <= open_jobs.keys()
        for due, timers in (
            (due_jobs, self.jobs.store.timers),
            (due_receipts, self.receipts.timers),
        ):
            assert all(timers.ahead.peek().first[queue] <= time_of(key) for queue, key, _ in due)
        ended = {id for id, job in self.jobs.store.jobs.items() if job.state in ENDED}
        assert not [key for key in reservations if key[1] in ended]
        assert ended <= {id for _, _, id in due_jobs}
        seated = {(seat.verifier, id) for id, one in live.items() for seat in one.seats}
        for id, one in live.items():
            if one.planted_error is not None:
                seated |= {(who, id) for who, _ in one.planted_error.valid}
                seated |= {(who, id) for who in one.planted_error.finders}
        assert {key for key, _ in self.receipts.committees.duties.items()} == seated
