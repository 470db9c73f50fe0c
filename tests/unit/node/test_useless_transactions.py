"""Transactions of other nodes that can be valid on no state: refused unread, and charged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from btt_chain.node.tx_intake import (
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
    USELESS,
    Fault,
    fault_of,
)
from btt_chain.primitives.extrinsic import bare, opaque
from btt_chain.primitives.validity import Invalid, Payment, TransactionSource
from btt_chain.txpool import TemporarilyBanned
from p2p.network import TX, Action, Charge, Disconnected, GossipHeard, Penalise
from p2p.protocols.messages import MAX_TX, TxBatch
from support.sim.accounts import runtime, transfer
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


def receive(world: World, wires: Sequence[bytes]) -> Outcome:
    """Hand a batch of node 1 to node 0, and wait until its cost is reported."""
    outcome, engine = Outcome(), world.nodes[0].running
    pool, submit = engine.parts.pool, engine.parts.pool.submit

    def spy(wire: bytes, source: TransactionSource) -> bytes:
        outcome.submitted.append(wire)
        return submit(wire, source)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "submit", spy)
        outcome.actions += engine.hear(
            GossipHeard(TX, "n1", TxBatch(list(wires)).encode()), world.now
        )
        while engine.busy:
            outcome.actions += engine.work(world.now)
    world.now += 1_000
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
    outcome = receive(world, good(world, 40))
    charges = [action for action in outcome.actions if isinstance(action, Charge)]
    assert outcome.useless == 0
    assert sum(charge.spent_us for charge in charges) >= 40 * 250


def test_a_batch_is_worked_on_in_slices_and_dropped_when_its_peer_leaves(world: World) -> None:
    engine = world.nodes[0].running
    wires = good(world, 3 * SLICE)
    engine.hear(GossipHeard(TX, "n1", TxBatch(wires).encode()), world.now)
    pool = engine.parts.pool.pool
    assert 0 < pool.status().ready <= SLICE
    assert engine.busy
    assert not engine.takes_transactions
    engine.hear(Disconnected("n1"), world.now)
    assert not engine.busy
    assert engine.takes_transactions
    assert pool.status().ready <= SLICE


def test_late_transactions_are_charged_at_their_cost(world: World) -> None:
    wires = good(world, 1)
    receive(world, wires)
    rivals = [transfer(0, 0, 1, 10**15 + n, world.genesis.hash) for n in range(1, 101)]
    assert len(rivals) < USELESS.burst
    outcome = receive(world, rivals)
    assert outcome.penalties == []
    assert 100 * 250 <= outcome.useless < 100 * 350
    more = [transfer(0, 0, 1, 10**16 + n, world.genesis.hash) for n in range(200)]
    receive(world, more)
    again = receive(world, [transfer(0, 0, 1, 10**17 + n, world.genesis.hash) for n in range(50)])
    assert len(again.penalties) == 1
    assert again.useless >= TOO_LATE_US + 40 * UNREAD_LATE_US


def test_transactions_beyond_what_an_account_can_pay_are_charged_at_their_cost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.nodes[0].running.parts.pool.pool, "_can_pay", lambda *_: False)
    wires = [transfer(0, nonce, 1, 10**15, world.genesis.hash) for nonce in range(41)]
    outcome = receive(world, wires)
    assert world.nodes[0].running.parts.pool.pool.status().ready == 1
    assert outcome.penalties == []
    assert 40 * 250 <= outcome.useless < 40 * 350


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
    pool = world.nodes[0].running.parts.pool.pool

    def unpaid(*_: object) -> object:
        raise Invalid(Payment())

    monkeypatch.setattr(pool, "_validate", unpaid)
    first = receive(world, good(world, MAX_FORGED))
    assert first.useless < MAX_FORGED * DEAR_US[Fault.UNPAID] // 2
    second = receive(world, good(world, 2 * MAX_FORGED)[MAX_FORGED:])
    assert second.useless >= (MAX_FORGED - 1) * DEAR_US[Fault.UNPAID]


def test_what_was_refused_a_while_ago_is_charged_when_it_comes_again_and_again(
    world: World,
) -> None:
    wires = forged(world, MAX_FORGED)
    receive(world, wires)
    for _ in range(USELESS.burst // MAX_FORGED):  # an honest echo costs what it costs
        assert receive(world, wires).useless < MAX_FORGED * DEAR_US[Fault.BANNED] // 2
    useless = [receive(world, wires).useless for _ in range(8)]
    assert max(useless) >= MAX_FORGED * DEAR_US[Fault.BANNED] // 2


def test_what_a_full_pool_had_no_room_for_is_nobodys_fault() -> None:
    assert fault_of(TemporarilyBanned("full", 1, is_for_room=True)) is Fault.NONE
    assert fault_of(TemporarilyBanned("unpaid", 1)) is Fault.BANNED
