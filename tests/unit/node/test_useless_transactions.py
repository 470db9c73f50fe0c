"""Transactions of other nodes that can be valid on no state: refused unread, and charged."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.node.engine.expenses import REPORT_MS
from btt_chain.node.transactions import intake as tx_intake
from btt_chain.node.transactions.intake import (
    DEAR_US,
    IMPOSSIBLE_COST,
    IMPOSSIBLE_US_PER_KIB,
    MAX_FORGED,
    MAX_IMPOSSIBLE,
    MIN_US,
    SLICE,
    TOO_LATE_US,
    UNPROVEN,
    UNREAD_LATE_US,
    UNREAD_US,
    Fault,
    fault_of,
)
from btt_chain.primitives.extrinsic import bare, opaque
from btt_chain.primitives.validity import Invalid, Payment, TransactionSource
from btt_chain.txpool import (
    Limit,
    Limits,
    NoFutureRoom,
    PoolError,
    PoolStatus,
    SenderFutureLimit,
    TemporarilyBanned,
    TooLowPriority,
)
from p2p.accounts import Accounts, drop_us
from p2p.limits import Rate
from p2p.network import KIB, MIB, TX, Action, Charge, Disconnected, GossipReceived, Penalise
from p2p.protocols.messages import MAX_TX, TxBatch
from support.sim.accounts import nonce_of, runtime, sign, transfer
from support.sim.costs import READ_US
from support.sim.nodes import SimNode
from support.sim.world import World

IMPOSSIBLE_US = MIN_US[Fault.IMPOSSIBLE]


@pytest.fixture
def world() -> World:
    world = World(seed=2, validators=2)
    world.run(4)
    return world


@dataclass
class Outcome:
    actions: list[Action] = field(default_factory=list)
    submitted: list[bytes] = field(default_factory=list)

    @property
    def useless(self) -> int:
        return sum(action.useless_us for action in self.actions if isinstance(action, Charge))

    @property
    def penalties(self) -> list[int]:
        return [action.cost for action in self.actions if isinstance(action, Penalise)]


def receive(world: World, wires: Sequence[bytes], wait: int = 1_000) -> Outcome:
    """Hand a batch of node 1 to node 0, and wait until its cost is reported."""
    outcome, engine = Outcome(), world.nodes[0].running
    pool, submit = engine.parts.pool, engine.parts.pool.admit

    def spy(wire: bytes, source: TransactionSource) -> bytes:
        outcome.submitted.append(wire)
        return submit(wire, source)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "admit", spy)
        outcome.actions += engine.handle(
            GossipReceived(TX, "n1", TxBatch(list(wires)).encode()), world.now
        )
        while engine.busy:
            outcome.actions += engine.work(world.now)
    world.time.now += wait
    outcome.actions += engine.flush(world.now)
    return outcome


def good(world: World, count: int) -> list[bytes]:
    return [transfer(0, nonce, 1, 10**15, world.genesis.hash) for nonce in range(count)]


def report(pallet: str) -> bytes:
    index = {"Babe": 2, "Grandpa": 8}[pallet]
    return opaque(bare(bytes((index, 1)) + bytes(200)))


USELESS_FORMS = {
    "nothing": b"",
    "no length": bytes(60),
    "wrong length": opaque(bytes(120)) + b"\0",
    "unknown version": opaque(b"\x99" + bytes(120)),
    "general": opaque(b"\x45\0" + bytes(120)),
    "a short signed one": opaque(b"\x84" + bytes(40)),
    "a bare transfer": opaque(bare(bytes(100))),
    "a bare report": report("Babe"),
    "a long attestation": opaque(bare(b"\x2b\x01" + bytes(161))),
    "a bare call without its index": opaque(b"\x04\x2b"),
}


@pytest.mark.parametrize("form", USELESS_FORMS.values(), ids=USELESS_FORMS)
def test_a_transaction_that_can_never_be_valid_is_refused_unread_and_charged(
    world: World, form: bytes
) -> None:
    outcome = receive(world, [form])
    assert outcome.submitted == []
    assert outcome.penalties == [IMPOSSIBLE_COST]
    assert outcome.useless >= IMPOSSIBLE_US


def test_after_a_few_of_them_the_rest_of_the_batch_is_dropped(world: World) -> None:
    wires = [opaque(bare(bytes((0, 0, n % 256, n // 256)))) for n in range(MAX_TX - 1)]
    outcome = receive(world, [*wires, *good(world, 1)])
    assert outcome.submitted == []
    assert outcome.penalties == [IMPOSSIBLE_COST]
    assert MAX_IMPOSSIBLE * IMPOSSIBLE_US <= outcome.useless < 2 * MAX_IMPOSSIBLE * IMPOSSIBLE_US


def test_a_signed_call_that_the_runtime_does_not_have_is_charged_too(world: World) -> None:
    [wire] = good(world, 1)
    unknown = bytearray(wire)
    unknown[-40] = 0xFE
    outcome = receive(world, [bytes(unknown)])
    assert len(outcome.submitted) == 1
    assert outcome.useless > 0


@pytest.mark.parametrize("call", [1, 2], ids=["commit", "reveal"])
def test_unsigned_calls_that_nodes_gossip_reach_the_pool(world: World, call: int) -> None:
    size = {1: 160, 2: 225}[call]
    attestation = opaque(bare(bytes((43, call)) + bytes(size)))
    assert receive(world, [attestation]).submitted == [attestation]


def test_the_table_of_gossiped_calls_is_that_of_calls_that_validate_unsigned() -> None:
    named = runtime()
    found = {
        (pallet.name, pallet.CALLS[call].name)
        for pallet in named.pallets.values()
        for call in pallet.GOSSIPED
    }
    assert found == {
        ("Receipts", "attest_commit"),
        ("Receipts", "attest_reveal"),
        ("Receipts", "prove_fraud"),
        ("Receipts", "prove_edge"),
    }


def test_valid_transactions_are_charged_as_work_that_was_of_use(world: World) -> None:
    outcome = receive(world, good(world, 40), REPORT_MS)
    charges = [action for action in outcome.actions if isinstance(action, Charge)]
    assert outcome.useless == 0
    assert sum(charge.spent_us for charge in charges) >= 40 * 250


def test_a_batch_is_worked_on_in_slices_and_dropped_when_its_peer_leaves(world: World) -> None:
    engine = world.nodes[0].running
    wires = good(world, 3 * SLICE)
    engine.handle(GossipReceived(TX, "n1", TxBatch(wires).encode()), world.now)
    pool = engine.parts.pool.pool
    assert 0 < pool.status().ready <= SLICE
    assert engine.busy
    assert not engine.takes_transactions
    engine.handle(Disconnected("n1"), world.now)
    assert not engine.busy
    assert engine.takes_transactions
    assert pool.status().ready <= SLICE


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Rate:
    """Let each peer send so many late transactions, in place of thousands."""
    rate = Rate(10, 100)
    monkeypatch.setattr(tx_intake, "TOLERATED", rate)
    return rate


def test_late_transactions_are_work_until_they_are_too_many(world: World, few: Rate) -> None:
    receive(world, good(world, 1))
    world.run(3)  # its nonce is used up
    late = [transfer(0, 0, 1, 10**15 + n, world.genesis.hash) for n in range(1, 201)]
    outcome = receive(world, late[: few.burst], 0)
    assert (outcome.penalties, outcome.useless) == ([], 0)
    assert len(outcome.submitted) == few.burst
    again = receive(world, late[few.burst :])
    assert len(again.penalties) == 1
    assert again.useless >= TOO_LATE_US + 99 * UNREAD_LATE_US


def test_rivals_are_charged_as_work_and_not_as_useless(world: World) -> None:
    receive(world, good(world, 1))
    rivals = [transfer(0, 0, 1, 10**15 + n, world.genesis.hash) for n in range(1, 1_001)]
    spent = 0
    for first in range(0, 1_000, 200):
        outcome = receive(world, rivals[first : first + 200])
        assert (outcome.useless, outcome.penalties, outcome.submitted) == (0, [], [])
        spent += sum(action.spent_us for action in outcome.actions if isinstance(action, Charge))
    assert spent >= 1_000 * READ_US


def test_a_rival_that_only_the_pool_can_refuse_counts_as_work_too() -> None:
    assert fault_of(TooLowPriority(1, 1, b"")) is Fault.RIVAL


def ahead(world: World, count: int, first: int = 100) -> list[bytes]:
    nonces = range(first, first + count)
    return [transfer(0, nonce, 1, 10**15, world.genesis.hash) for nonce in nonces]


def test_transactions_whose_earlier_nonce_is_missing_count_as_late(world: World, few: Rate) -> None:
    outcome = receive(world, ahead(world, few.burst), 0)
    assert (outcome.penalties, outcome.useless) == ([], 0)
    status = world.nodes[0].running.parts.pool.pool.status()
    assert (status.ready, status.future) == (0, Limits().future_sender.count)
    again = receive(world, ahead(world, 100, 5_000))
    assert len(again.penalties) == 1
    assert again.useless >= TOO_LATE_US + 99 * UNREAD_LATE_US


@pytest.mark.parametrize("error", [NoFutureRoom, SenderFutureLimit])
def test_transactions_that_find_no_room_to_wait_count_as_late(error: type[PoolError]) -> None:
    status = PoolStatus(0, 0, 0, 0)
    limits = (Limit(0, 0), Limit(0, 0)) if error is SenderFutureLimit else ()
    assert fault_of(error(status, *limits)) is Fault.LATE


def test_a_flood_of_transactions_far_ahead_gets_its_peer_cut_off(world: World) -> None:
    accounts, cut = Accounts(), None
    accounts.opened("n1", "10.0.0.1", world.now)
    wires, begun = ahead(world, 4_000), world.now
    rng = random.Random(1)
    while cut is None and world.now < begun + 20_000:
        if accounts.admits("n1", TX, world.now):
            for action in receive(world, rng.sample(wires, 400), 100).actions:
                if isinstance(action, Charge):
                    charged = action.spent_us, action.useless_us
                    cut = cut or accounts.charge("n1", TX, *charged, world.now)
        else:
            price = drop_us(64 * KIB)
            cut = accounts.charge("n1", TX, price, price, world.now)
            world.time.now += 100
    assert cut is not None
    assert world.now - begun < 10_000


def test_only_ready_transactions_are_gossiped_and_none_before_what_it_depends_on(
    world: World,
) -> None:
    sent: list[bytes] = []
    publish = world.wires.publish

    def spy(node: SimNode, topic: str, data: bytes, only: Sequence[int] | None = None) -> None:
        if topic == TX and node.index == 0:
            sent.extend(TxBatch.decode(data).transactions)
        publish(node, topic, data, only)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.wires, "publish", spy)
        remark = runtime().call("System", "remark", remark=bytes(MIB))
        large = sign(0, 0, remark, world.genesis.hash)
        others = [transfer(1, nonce, 2, 10**15, world.genesis.hash) for nonce in (0, 2)]
        behind = [transfer(0, nonce, 1, 10**15, world.genesis.hash) for nonce in range(1, 40)]
        for wire in (large, *behind, *others):
            assert world.submit(0, wire) is not None
        begun = world.now
        while nonce_of(world.nodes[0], 0) == 0 and world.now < begun + 60_000:
            assert set(sent) <= {others[0]}
            world.run_until(world.now + 50)
        world.run(2)
    pool = world.nodes[1].running.parts.pool.pool
    assert nonce_of(world.nodes[1], 0) == 40 or all(blake2_256(w) in pool for w in behind)
    assert pool.status().future == 0


def test_transactions_beyond_what_an_account_can_pay_count_as_late(
    world: World, few: Rate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        world.nodes[0].running.parts.pool.pool._base._admission, "_can_pay", lambda *_: False
    )
    wires = [transfer(0, nonce, 1, 10**15, world.genesis.hash) for nonce in range(141)]
    outcome = receive(world, wires[: few.burst + 1], 0)
    assert world.nodes[0].running.parts.pool.pool.status().ready == 1
    assert (outcome.penalties, outcome.useless) == ([], 0)
    again = receive(world, wires[few.burst + 1 :])
    assert again.useless >= TOO_LATE_US + 39 * UNREAD_LATE_US


def forged(world: World, count: int, first: int = 0) -> list[bytes]:
    [good_one] = good(world, 1)
    wires = []
    for number in range(first, first + count):
        wire = bytearray(good_one)
        wire[40:48] = number.to_bytes(8, "little")
        wires.append(bytes(wire))
    return wires


def test_an_impossible_transaction_is_charged_by_its_size_too(world: World) -> None:
    outcome = receive(world, [opaque(bare(bytes(300 * 1_024)))])
    assert outcome.useless >= IMPOSSIBLE_US + 300 * IMPOSSIBLE_US_PER_KIB


def test_forged_transactions_become_dear_after_a_few_and_those_behind_them_are_charged(
    world: World,
) -> None:
    few = receive(world, forged(world, UNPROVEN.burst - 1))
    assert few.useless < UNPROVEN.burst * DEAR_US[Fault.FORGED] // 2
    outcome = receive(world, forged(world, 400, 1_000))
    assert len(outcome.submitted) == MAX_FORGED
    dear, unread = (MAX_FORGED - 2) * DEAR_US[Fault.FORGED], (400 - MAX_FORGED) * UNREAD_US
    assert outcome.useless >= dear + unread


def test_unpaid_transactions_become_dear_after_a_few(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = world.nodes[0].running.parts.pool

    def unpaid(*_: object) -> object:
        raise Invalid(Payment())

    monkeypatch.setattr(pool, "_validate_new", unpaid)
    first = receive(world, good(world, MAX_FORGED))
    assert first.useless < MAX_FORGED * DEAR_US[Fault.UNPAID] // 2
    second = receive(world, good(world, 2 * MAX_FORGED)[MAX_FORGED:])
    assert second.useless >= (MAX_FORGED - 1) * DEAR_US[Fault.UNPAID]


def test_what_was_refused_a_while_ago_is_charged_when_it_comes_again_and_again(
    world: World, few: Rate
) -> None:
    wires = forged(world, MAX_FORGED)
    receive(world, wires)
    for _ in range(few.burst // MAX_FORGED):  # an honest echo is work
        assert receive(world, wires, 0).useless == 0
    useless = [receive(world, wires, 250).useless for _ in range(8)]
    assert max(useless) >= MAX_FORGED * DEAR_US[Fault.BANNED] // 2


def test_what_a_full_pool_had_no_room_for_is_not_the_peers_fault() -> None:
    assert fault_of(TemporarilyBanned("full", 1, is_for_room=True)) is Fault.NONE
    assert fault_of(TemporarilyBanned("unpaid", 1)) is Fault.BANNED
