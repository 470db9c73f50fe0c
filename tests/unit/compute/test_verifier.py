"""A verifier's decisions, played on the pallets with real models, keys and proofs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import pytest

from btt_chain.compute.blobs.roots import Roots
from btt_chain.compute.blobs.transport import roots_name, transcript_name
from btt_chain.compute.verifier.checking import Look as Task_
from btt_chain.compute.verifier.checking import look_at
from btt_chain.compute.verifier.machine import (
    KEEP_SLOTS,
    MAX_LOOKS,
    RESEND_SLOTS,
    Action,
    Case,
    Commit,
    Enough,
    Forget,
    Found,
    Keep,
    Leave,
    Look,
    Lost,
    Prove,
    Record,
    Reveal,
    Verifiers,
    reveals_from,
)
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.validity import Invalid, Unknown
from btt_chain.scale import u32
from btt_chain.work import ids
from btt_chain.work.execute import Executor
from runtime.frame import DispatchError
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.types import JobState
from runtime.pallets.jobs.views import Duty
from runtime.pallets.receipts.types import Missing, Phase, Valid
from runtime.params import WorkRules
from support.market import GENESIS, Claim, Market, net
from support.receipts_served import AtOnce, Served

RULES = WorkRules(
    committee=u32(3), quorum=u32(2), min_operators=u32(2), commit_slots=u32(6), reveal_slots=u32(5)
)
ITEMS = 4


class Killed(Exception):
    """The node of the verifiers was killed."""


@dataclass
class Node:
    """A node with some verifiers' keys: the machine, a disk, and everything sent."""

    market: Market
    accounts: Sequence[AccountId]
    blobs: dict[str, bytes] = field(default_factory=dict)
    disk: dict[Case, bytes] = field(default_factory=dict)
    sent: list[Action] = field(default_factory=list)
    reported: list[Action] = field(default_factory=list)
    looks: dict[Case, Duty] = field(default_factory=dict)
    enough: set[Case] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    looking: bool = True
    full: bool = False
    kill_after: int | None = None
    """Actions until the node is killed."""
    salts: int = 0

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin with what is on the disk."""
        self.looks.clear()
        self.enough.clear()
        records = [Record.decode(raw) for raw in self.disk.values()]
        self.machine = Verifiers(int(self.market.rules.commit_slots), records)

    @property
    def now(self) -> int:
        return int(self.market.clock.now())

    def duties(self, verifier: AccountId) -> list[Duty]:
        api = WorkApi.__new__(WorkApi)
        api._runtime = self.market
        return api.duties(verifier)

    def block(self) -> None:
        """Receive a block, and act on it."""
        try:
            for verifier in self.accounts:
                self.do(self.machine.duties(verifier, self.now, self.duties(verifier)))
            while self.looking and self.looks:
                self.look(next(iter(self.looks)))
        except Killed:
            self.start()

    def look(self, case: Case) -> None:
        """Look at one of what there is to look at."""
        duty = self.looks.pop(case)
        receipt = duty.job.receipt
        assert receipt is not None
        pair = self.market.ring.pairs[case.verifier]
        output = self.market.vrf.evaluate(pair, ids.check_input(case.beacon, case.receipt))
        rho, items = ids.rho(output), int(duty.job.items)
        chosen = ids.sample(rho, items, int(receipt.sample_count), duty.seat.missed)
        task = Task_(
            case.receipt, items, duty.job.input_root, receipt.item_root, receipt.output_root,
            rho, chosen,
        )  # fmt: skip
        finding = asyncio.run(
            look_at(task, Executor(net()), Served(self.blobs), AtOnce())  # type: ignore[arg-type]
        )
        self.salts += 1
        found = Found(finding.verdict, finding.digest, finding.fraud, finding.edge)
        salt = self.salts.to_bytes(32, "little")
        self.do(self.machine.found(case, found, salt, self.now))

    def do(self, actions: Sequence[Action]) -> None:
        for action in actions:
            if self.kill_after is not None:
                if self.kill_after == 0:
                    self.kill_after = None
                    raise Killed
                self.kill_after -= 1
            self.reported.append(action)
            match action:
                case Look(case, duty):
                    self.looks[case] = duty
                case Enough(case):
                    self.enough.add(case)
                case Leave(case):
                    self.looks.pop(case, None)
                case Keep(record):
                    if self.full:
                        self.machine.not_kept(record.case)
                        continue
                    self.disk[record.case] = record.encode()
                    self.do(self.machine.kept(record.case, self.now))
                case Forget(record):
                    del self.disk[record.case]
                case Commit() | Reveal() | Prove():
                    self.sent.append(action)
                    self.send(action)
                case Lost():
                    pass

    def send(self, action: Commit | Reveal | Prove) -> None:
        record = action.record
        # What leaves has been on the disk before.
        assert self.disk[record.case] == record.encode()
        pair = self.market.ring.pairs[record.verifier]
        what = ids.check_input(record.beacon, record.receipt)
        args: dict[str, Any]
        match action:
            case Commit():
                commitment = record.commitment(GENESIS)
                message = ids.commit_message(
                    GENESIS, record.receipt, record.verifier, record.beacon, commitment
                )
                name = "attest_commit"
                args = {
                    "verifier": record.verifier,
                    "commitment": commitment,
                    "signature": pair.sign(message),
                }
            case Reveal():
                output, proof = self.market.vrf.sign(pair, what)
                name = "attest_reveal"
                args = {
                    "verifier": record.verifier, "verdict": record.verdict,
                    "digest": record.digest, "salt": record.salt,
                    "pre_output": output.pre_output, "proof": proof,
                }  # fmt: skip
            case Prove():
                if record.fraud is not None:
                    name, args = "prove_fraud", {"proof": record.fraud}
                else:
                    is_output = getattr(record.verdict, "output", False)
                    name, args = "prove_edge", {"proof": record.edge, "output": is_output}
        try:
            self.market.bare(name, receipt=record.receipt, **args)
        except (Invalid, Unknown, DispatchError) as error:
            self.refused.append(f"{name}: {error!r}")

    def kinds(self, kind: type[Action]) -> list[Any]:
        return [action for action in self.reported if isinstance(action, kind)]


def serve(claim: Claim, receipt: H256) -> dict[str, bytes]:
    """Return the data that the provider of a claim serves."""
    inputs = [one.tensors[0].root for one in Claim(claim.items).commitments]
    roots = Roots(inputs, [one.root for one in claim.commitments], claim.output_roots)
    blobs = {roots_name(receipt): roots.encode()}
    for item in range(claim.items):
        blobs[transcript_name(receipt, item)] = b"".join(claim.tensors[item])
    return blobs


@dataclass
class Scene:
    """A market, a receipt that is looked at, and a node with all verifiers."""

    market: Market
    job: H256
    receipt: H256
    node: Node

    def until(self, *phases: Phase, limit: int = 60) -> Phase:
        """Make blocks, and let the node receive each."""
        for _ in range(limit):
            phase = self.market.receipt(self.receipt).phase
            if phase in phases:
                return phase
            self.node.block()
            self.market.step()
        raise AssertionError(f"still {phase.name}")

    def blocks(self, count: int) -> None:
        for _ in range(count):
            self.node.block()
            self.market.step()


def scene(
    *lies: tuple[int, int, int],
    outputs: Sequence[int] = (),
    rules: WorkRules = RULES,
    own: Callable[[Market], Sequence[AccountId]] = lambda market: market.verifier_accounts,
    served: bool = True,
) -> Scene:
    market = Market(rules)
    job = market.post(items=ITEMS)
    claim = Claim(ITEMS, lies, outputs=outputs)
    receipt = market.checking(job, claim)
    blobs = serve(claim, receipt) if served else {}
    return Scene(market, job, receipt, Node(market, own(market), blobs))


EVERYWHERE = tuple((item, 1, 0) for item in range(ITEMS))


# ---- what comes of a receipt


def test_an_honest_receipt_is_found_valid_by_all_and_paid() -> None:
    play = scene()
    assert play.until(Phase.Pending) is Phase.Pending
    seats = play.market.receipt(play.receipt).seats
    assert [seat.verdict for seat in seats] == [Valid()] * 3
    play.market.until(play.job, JobState.Finalized)
    assert play.node.refused == []
    assert [len(play.node.kinds(kind)) for kind in (Commit, Reveal, Prove, Lost)] == [3, 3, 0, 0]


def test_any_account_can_audit_the_digest_of_a_verifier() -> None:
    play = scene()
    play.until(Phase.Pending)
    claim = Claim(ITEMS)
    for seat in play.market.receipt(play.receipt).seats:
        sample_count = play.market.jobs.deliveries.sample_count(play.market.job(play.job))
        leaves = claim.digests(seat.rho, sample_count)
        assert seat.digest == ids.digest_tree(leaves).root


@pytest.mark.parametrize("tensor", [0, 1, 2])
def test_a_lie_in_every_item_is_found_proven_and_punished(tensor: int) -> None:
    play = scene(*((item, tensor, 0) for item in range(ITEMS)))
    before = play.market.wealth(play.market.provider(play.job))
    play.until(Phase.Ended)
    assert play.market.job(play.job).state is JobState.Slashed
    assert play.market.wealth(*play.market.provider_accounts) < before * 3
    assert play.node.kinds(Prove)
    assert {type(seat.verdict) for seat in play.market.receipt(play.receipt).seats} != {Valid}
    play.market.audit()


def test_a_proof_follows_its_verdict_a_slot_later_so_that_no_node_finds_it_early() -> None:
    play = scene(*EVERYWHERE)
    seen: dict[Case, int] = {}
    while play.market.receipt(play.receipt).phase is not Phase.Ended:
        seats = {seat.verifier: seat for seat in play.market.receipt(play.receipt).seats}
        before = len(play.node.kinds(Prove))
        play.node.block()
        for action in play.node.kinds(Prove)[before:]:
            assert play.node.now > seen[action.record.case]
        for case in {action.record.case for action in play.node.kinds(Reveal)}:
            if case.verifier in seats and seats[case.verifier].verdict is not None:
                seen.setdefault(case, play.node.now)
        play.market.step()
    assert play.node.kinds(Prove)


def test_an_output_that_is_reported_wrongly_is_proven() -> None:
    play = scene(outputs=range(ITEMS))
    play.until(Phase.Ended)
    assert play.market.job(play.job).state is JobState.Slashed


@pytest.mark.parametrize("item", range(ITEMS))
def test_a_provider_that_serves_all_but_what_is_wrong_is_not_paid(item: int) -> None:
    play = scene((item, 1, 0))
    selected = [duty for who in play.node.accounts for duty in play.node.duties(who)]
    del play.node.blobs[transcript_name(play.receipt, item)]
    play.until(Phase.Pending, Phase.Ended, limit=200)
    found = play.market.receipt(play.receipt)
    assert len(selected) == 3
    if found.missed:
        assert play.market.job(play.job).state is JobState.Refunded
    else:  # no verifier selected it
        assert [seat.verdict for seat in found.seats] == [Valid()] * 3
        for seat in found.seats:
            assert item not in ids.sample(seat.rho, ITEMS, 1)


def test_a_provider_that_serves_what_was_missed_when_all_look_at_it_is_found_out() -> None:
    ends = []
    for item, byte in product(range(ITEMS), range(2)):  # some verifier selects it in some of these
        play = scene((item, 1, byte))
        hidden = play.node.blobs.pop(transcript_name(play.receipt, item))
        if play.until(Phase.Waiting, Phase.Withheld, Phase.Pending) is Phase.Waiting:
            play.node.blobs[transcript_name(play.receipt, item)] = hidden
            play.until(Phase.Ended, limit=200)
            ends.append(play.market.job(play.job).state)
            play.market.audit()
    assert ends
    assert {*ends} == {JobState.Slashed}


def test_a_provider_that_serves_nothing_is_asked_on_the_chain_and_fined() -> None:
    play = scene(served=False)
    play.until(Phase.Withheld)
    assert all(
        isinstance(seat.verdict, Missing) for seat in play.market.receipt(play.receipt).seats
    )
    assert play.market.receipt(play.receipt).challenges
    play.until(Phase.Ended)
    assert play.market.job(play.job).state is JobState.Refunded


def test_a_provider_that_vanishes_while_it_is_waited_for_is_given_up_in_time() -> None:
    play = scene(served=False)
    play.node.looking = False  # the fetch hangs
    seats = {seat.verifier for seat in play.market.receipt(play.receipt).seats}
    while len(play.node.enough) < len(seats):
        play.blocks(1)
    found = play.market.receipt(play.receipt)
    assert play.node.now < int(found.commit_until)
    for case in list(play.node.looks):
        play.node.look(case)
    assert play.until(Phase.Withheld) is Phase.Withheld


# ---- a node that is killed


def sent_of(node: Node, kind: type[Action]) -> dict[Case, set[bytes]]:
    found: dict[Case, set[bytes]] = {}
    for action in node.sent:
        if isinstance(action, kind):
            record = action.record  # type: ignore[union-attr]
            found.setdefault(record.case, set()).add(record.encode())
    return found


@pytest.mark.parametrize("lies", [(), EVERYWHERE], ids=["honest", "lying"])
@pytest.mark.parametrize("step", range(14))
def test_a_kill_at_any_step_changes_nothing_that_was_said(
    step: int, lies: tuple[tuple[int, int, int], ...]
) -> None:
    play = scene(*lies)
    play.node.kill_after = step
    play.until(Phase.Ended if lies else Phase.Pending)

    for kind in (Commit, Reveal, Prove):
        assert all(len(words) == 1 for words in sent_of(play.node, kind).values())
    state = JobState.Slashed if lies else JobState.Pending
    assert play.market.job(play.job).state is state
    assert play.node.kinds(Lost) == []
    verdicts = [seat.verdict for seat in play.market.receipt(play.receipt).seats]
    assert None not in verdicts or lies


def test_a_kill_after_every_action_changes_nothing_either() -> None:
    play = scene(*EVERYWHERE)
    for _ in range(60):
        if play.market.receipt(play.receipt).phase is Phase.Ended:
            break
        for _ in range(4):
            play.node.kill_after = 4
            play.node.block()
        play.market.step()
    assert play.market.job(play.job).state is JobState.Slashed
    for kind in (Commit, Reveal, Prove):
        assert all(len(words) == 1 for words in sent_of(play.node, kind).values())


def test_a_record_that_was_kept_and_never_sent_is_sent_and_nothing_is_looked_at_again() -> None:
    play = scene()
    play.node.block()
    looks = len(play.node.kinds(Look))
    assert looks == 3
    # As if it had been killed between the disk and the wire: the chain has nothing.
    found = play.market.receipt(play.receipt)
    for seat in found.seats:
        seat.commitment = None
    play.market.receipts.receipts[play.receipt] = found
    other = Node(play.market, play.node.accounts, {}, play.node.disk)
    other.block()
    assert other.kinds(Look) == []
    assert len(other.kinds(Commit)) == 3
    assert all(seat.commitment for seat in play.market.receipt(play.receipt).seats)


def test_another_disk_says_so_and_keeps_silent() -> None:
    play = scene()
    play.blocks(1)
    play.node.block()
    assert len(play.node.kinds(Commit)) == 3
    play.node.disk.clear()
    play.node.start()
    play.until(Phase.Checking)
    play.blocks(12)
    assert len(play.node.kinds(Lost)) == 3
    assert play.node.kinds(Reveal) == []


def test_a_disk_that_is_full_means_silence() -> None:
    play = scene()
    play.node.full = True
    play.blocks(14)
    assert play.node.sent == []
    assert len(play.node.kinds(Keep)) == 3


# ---- time


def test_a_commitment_waits_for_nodes_that_have_not_seen_the_selection() -> None:
    play = scene()
    play.node.block()
    assert len(play.node.kinds(Keep)) == 3
    play.node.block()  # another best block of the same slot
    assert play.node.kinds(Commit) == []
    play.market.step()
    play.node.block()
    assert len(play.node.kinds(Commit)) == 3
    assert play.node.refused == []


@pytest.mark.parametrize(("left", "commitments"), [(3, 0), (2, 3), (1, 3)])
def test_with_little_time_a_commitment_is_sent_at_once(left: int, commitments: int) -> None:
    play = scene()
    while play.node.now < int(play.market.receipt(play.receipt).commit_until) - left:
        play.market.step()
    play.node.block()
    assert len(play.node.kinds(Commit)) == commitments
    assert play.node.refused == []


def test_what_comes_too_late_is_not_even_kept() -> None:
    play = scene()
    play.node.looking = False
    play.node.block()
    while play.node.now < int(play.market.receipt(play.receipt).commit_until):
        play.market.step()
    for case in list(play.node.looks):
        play.node.look(case)
    assert play.node.disk == {}
    assert play.node.sent == []


def test_a_node_that_wakes_late_still_looks_in_time() -> None:
    play = scene()
    until = int(play.market.receipt(play.receipt).commit_until)
    while play.node.now < until - 1:
        play.market.step()
    assert play.until(Phase.Pending) is Phase.Pending


def test_a_node_that_wakes_too_late_looks_at_nothing() -> None:
    play = scene()
    play.market.until_phase(play.receipt, Phase.Waiting, Phase.Checking)
    while play.node.now < int(play.market.receipt(play.receipt).commit_until):
        play.market.step()
    play.node.block()
    assert play.node.reported == []


def test_nothing_is_revealed_while_others_still_commit_or_are_a_block_behind() -> None:
    play = scene()
    until = int(play.market.receipt(play.receipt).commit_until)
    while play.node.now <= until:
        assert play.node.kinds(Reveal) == []
        play.blocks(1)
    play.node.block()
    assert len(play.node.kinds(Reveal)) == 3


@pytest.mark.parametrize(("window", "later"), [(1, 0), (2, 0), (3, 1), (25, 1)])
def test_where_there_is_little_time_it_is_revealed_at_once(window: int, later: int) -> None:
    play = scene()
    [duty] = play.node.duties(play.market.receipt(play.receipt).seats[0].verifier)
    assert duty.job.receipt is not None
    first = int(duty.job.receipt.commit_until)
    assert (
        reveals_from(replace(duty.job.receipt, reveal_until=u32(first + window))) == first + later
    )


def test_what_is_not_in_a_block_is_sent_again_now_and_then() -> None:
    play = scene()
    play.node.send = lambda action: None  # type: ignore[method-assign]
    began = play.node.now
    while play.node.now < int(play.market.receipt(play.receipt).commit_until):
        play.blocks(1)
    rounds = -(-(play.node.now - began - 1) // RESEND_SLOTS)
    assert len(play.node.kinds(Commit)) == 3 * rounds
    assert len({action.record.salt for action in play.node.kinds(Commit)}) == 3


def test_a_fork_that_takes_the_committee_away_does_not_stop_the_look_before_its_deadline() -> None:
    play = scene()
    play.node.looking = False
    verifier = play.market.receipt(play.receipt).seats[0].verifier
    [duty] = play.node.duties(verifier)
    machine, now = play.node.machine, play.node.now
    [look] = machine.duties(verifier, now, [duty])
    assert isinstance(look, Look)
    assert machine.duties(verifier, now, []) == []
    assert machine.duties(verifier, now, [duty]) == []
    assert kinds_of(machine.found(look.case, FOUND, bytes(32), now)) == [Keep]


def test_a_look_without_a_committee_ends_at_its_deadline() -> None:
    play = scene()
    play.node.looking = False
    verifier = play.market.receipt(play.receipt).seats[0].verifier
    [duty] = play.node.duties(verifier)
    machine = play.node.machine
    [look] = machine.duties(verifier, play.node.now, [duty])
    assert isinstance(look, Look)
    assert duty.job.receipt is not None
    end = int(duty.job.receipt.commit_until)
    assert machine.duties(verifier, end, []) == [Leave(look.case)]
    assert machine.found(look.case, FOUND, bytes(32), end) == []


def kinds_of(actions: list[Action]) -> list[type]:
    return [type(action) for action in actions]


def test_a_verdict_outlives_forks_and_goes_when_no_dispute_can_come() -> None:
    play = scene()
    play.until(Phase.Pending)
    machine = play.node.machine
    until = max(int(Record.decode(raw).until) for raw in play.node.disk.values())
    assert len(play.node.disk) == 3
    # Slots of the best block pass in a second while a node syncs, and say nothing.
    for verifier in play.node.accounts:
        play.node.do(machine.duties(verifier, until + 2 * KEEP_SLOTS, []))
    play.node.do(machine.forget(until + KEEP_SLOTS))
    assert len(play.node.disk) == 3
    play.node.do(machine.forget(until + KEEP_SLOTS + 1))
    assert play.node.disk == {}


# ---- several


def test_each_verifier_of_a_node_commits_to_its_own_digest() -> None:
    play = scene()
    play.until(Phase.Pending)
    seats = play.market.receipt(play.receipt).seats
    assert len({seat.digest for seat in seats}) == len(seats) == 3
    assert len({action.record.salt for action in play.node.kinds(Commit)}) == 3


def test_a_node_speaks_for_its_own_verifiers_only() -> None:
    play = scene(own=lambda market: ())
    play.node.accounts = [play.market.receipt(play.receipt).seats[1].verifier]
    play.blocks(9)
    assert {action.record.verifier for action in play.node.kinds(Commit)} == {play.node.accounts[0]}


def test_no_more_than_some_are_looked_at_together_and_the_most_urgent_first() -> None:
    play = scene()
    [duty] = play.node.duties(play.market.receipt(play.receipt).seats[0].verifier)
    verifier = duty.seat.verifier
    many = [urgent(duty, number, 100 - number) for number in range(2 * MAX_LOOKS)]
    machine = Verifiers(6)
    first = machine.duties(verifier, 0, many)
    assert [type(action) for action in first] == [Look] * MAX_LOOKS
    soonest = 101 - 2 * MAX_LOOKS
    assert [begun(look) for look in first] == list(range(soonest, soonest + MAX_LOOKS))
    following = machine.failed(first[0].case)  # type: ignore[union-attr]
    assert [begun(look) for look in following] == [soonest + MAX_LOOKS]
    assert machine.failed(first[0].case) == []  # type: ignore[union-attr]


FOUND = Found(Valid(), H256(bytes(32)), None, None)


def begun(action: Action) -> int:
    assert isinstance(action, Look)
    assert action.duty.job.receipt is not None
    return int(action.duty.job.receipt.commit_until)


def urgent(duty: Duty, number: int, until: int) -> Duty:
    assert duty.job.receipt is not None
    receipt = replace(
        duty.job.receipt, id=H256(number.to_bytes(32, "big")), commit_until=u32(until)
    )
    return replace(duty, job=replace(duty.job, receipt=receipt))


def test_a_record_is_what_it_was_after_the_disk() -> None:
    play = scene(*EVERYWHERE)
    play.until(Phase.Disputed, Phase.Ended)
    for raw in play.node.disk.values():
        record = Record.decode(raw)
        assert record.encode() == raw
        assert record.fraud is not None
