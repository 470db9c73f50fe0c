"""The pool of a running node: judged by the best block, following it wherever it goes."""

from __future__ import annotations

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.node.transactions import pool as pool_module
from btt_chain.node.transactions.pool import included
from btt_chain.primitives.extrinsic import bare, unwrap
from btt_chain.scale import u64, u128
from btt_chain.txpool import PoolError, Status, StatusEvent, TransactionInvalid
from runtime.constants import BTT
from runtime.frame import Call
from support.chain import ALICE, BOB, CHARLIE, START, DevChain, account, address


@pytest.fixture(params=[None, 256], ids=["archive", "window"])
def chain(request: pytest.FixtureRequest) -> DevChain:
    return DevChain(pruning=request.param)


def pay(chain: DevChain, amount: int = int(BTT)) -> Call:
    return chain.call("Balances", "transfer_keep_alive", dest=address(CHARLIE), value=u128(amount))


def watch(chain: DevChain, wire: bytes) -> list[StatusEvent]:
    events: list[StatusEvent] = []
    chain.pool.watch(blake2_256(wire), events.append)
    return events


def statuses(events: list[StatusEvent]) -> list[Status]:
    return [event.status for event in events]


def test_a_transaction_goes_from_ready_to_final(chain: DevChain) -> None:
    wire = chain.sign(BOB, pay(chain))
    events = watch(chain, wire)
    assert chain.pool.submit(wire) == blake2_256(wire)
    assert statuses(events) == [Status.READY]
    block = chain.seal()
    assert statuses(events)[-2:] == [Status.IN_BLOCK, Status.FINALIZED]
    assert (events[-1].block, events[-1].position) == (block, 1)
    assert chain.pool.pool.status().ready == 0


def test_no_events_come_after_a_watch_has_ended(chain: DevChain) -> None:
    wire = chain.sign(BOB, pay(chain))
    events: list[StatusEvent] = []
    stop = chain.pool.watch(blake2_256(wire), events.append)
    chain.pool.submit(wire)
    stop()
    stop()
    chain.seal()
    assert statuses(events) == [Status.READY]


def test_a_watcher_that_fails_stops_neither_the_others_nor_a_block(
    chain: DevChain, caplog: pytest.LogCaptureFixture
) -> None:
    wire = chain.sign(BOB, pay(chain))

    def fail(_: StatusEvent) -> None:
        raise KeyError("a watcher's mistake")

    chain.pool.watch(blake2_256(wire), fail)
    events = watch(chain, wire)
    arrived: list[None] = []
    chain.pool.on_arrival(lambda _: arrived.append(None))
    assert chain.pool.submit(wire) == blake2_256(wire)
    assert arrived == [None]
    chain.seal()
    assert statuses(events)[-1] is Status.FINALIZED
    assert "a watcher's mistake" in caplog.text


def test_a_broadcast_is_reported_to_watchers_only(chain: DevChain) -> None:
    watched, other = chain.sign(BOB, pay(chain)), chain.sign(ALICE, pay(chain))
    events = watch(chain, watched)
    hashes = [chain.pool.submit(wire) for wire in (watched, other)]
    chain.pool.went_out([*hashes, b"unknown"], ["peer"])
    (broadcast,) = [event for event in events if event.status is Status.BROADCAST]
    assert (broadcast.hash, tuple(broadcast.peers)) == (hashes[0], ("peer",))
    assert chain.pool.pool.drain() == []


def test_transactions_of_a_block_left_behind_come_back(chain: DevChain) -> None:
    genesis = chain.client.genesis_hash
    wire = chain.sign(BOB, pay(chain))
    events = watch(chain, wire)
    chain.pool.submit(wire)
    left = chain.seal(finalize=False)
    assert chain.pool.pool.status().ready == 0
    rival = DevChain(now=chain.now + 1)
    parent = genesis
    for _ in range(2):
        parent = rival.seal(parent=parent, finalize=False)
        chain.client.import_block(*rival.block(parent))
    assert chain.client.best().hash == parent
    assert chain.pool.pool.pending() == [wire]
    assert (Status.RETRACTED, left) in [(event.status, event.block) for event in events]
    chain.now = rival.now
    block = chain.seal()
    assert (events[-1].status, events[-1].block) == (Status.FINALIZED, block)


def test_transactions_come_back_even_if_their_block_is_thrown_away(chain: DevChain) -> None:
    """Finality on another fork deletes the block at once where states are pruned."""
    genesis = chain.client.genesis_hash
    rival = DevChain(now=chain.now + 1)
    side = rival.seal(parent=genesis, finalize=False)
    wire = chain.sign(BOB, pay(chain))
    chain.pool.submit(wire)
    chain.seal(finalize=False)
    chain.client.import_block(*rival.block(side))
    chain.client.finalize(side)
    assert chain.pool.pool.pending() == [wire]


def test_what_a_block_spent_makes_another_transaction_invalid(chain: DevChain) -> None:
    chain.send(BOB, pay(chain, START - 2 * int(BTT)))
    poorer = chain.sign(BOB, chain.call("System", "remark", remark=b""), nonce=1, tip=5 * int(BTT))
    events = watch(chain, poorer)
    chain.pool.submit(poorer)
    chain.seal()
    assert statuses(events)[-1] is Status.INVALID
    assert chain.pool.pool.status().ready == 0
    assert chain.client.best().number == 1


def test_a_later_nonce_waits_for_the_earlier(chain: DevChain) -> None:
    second = chain.sign(BOB, pay(chain), nonce=1)
    events = watch(chain, second)
    chain.pool.submit(second)
    assert statuses(events) == [Status.FUTURE]
    chain.send(BOB, pay(chain), nonce=0)
    assert statuses(events) == [Status.FUTURE, Status.READY]
    assert len(chain.client.body(chain.seal()) or []) == 3


def test_the_arrival_of_a_ready_transaction_is_reported(chain: DevChain) -> None:
    arrived: list[int] = []
    chain.pool.on_arrival(lambda _: arrived.append(chain.pool.pool.status().ready))
    chain.send(BOB, pay(chain), nonce=1)
    assert not arrived
    chain.send(BOB, pay(chain), nonce=0)
    assert arrived == [2]


def test_a_removed_transaction_is_gone_with_those_that_need_it(chain: DevChain) -> None:
    first = chain.send(BOB, pay(chain), nonce=0)
    second = chain.send(BOB, pay(chain), nonce=1)
    removed = chain.pool.remove({first: "a test"})
    assert set(removed) == {first, second}
    assert not chain.pool.remove({first: "a test"})
    assert chain.pool.pool.status().ready == 0


def test_a_refusal_carries_the_runtimes_reason(chain: DevChain) -> None:
    with pytest.raises(TransactionInvalid) as refused:
        chain.pool.submit(chain.sign(BOB, pay(chain), tip=START))
    assert refused.value.code == 1010
    with pytest.raises(PoolError):
        chain.pool.submit(b"\x04\x04")


def test_the_pool_judges_by_the_best_block(chain: DevChain) -> None:
    chain.run(BOB, pay(chain))
    with pytest.raises(TransactionInvalid, match="outdated"):
        chain.send(BOB, pay(chain), nonce=0)
    chain.send(BOB, pay(chain), nonce=1)


def test_a_long_used_view_is_opened_afresh(
    chain: DevChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "VIEW_READS", 0)
    chain.send(BOB, pay(chain))
    first = chain.pool._view
    chain.send(ALICE, pay(chain))
    assert chain.pool._view is not first
    assert chain.pool.pool.status().ready == 2


def test_the_transactions_of_a_block_are_named_and_its_inherents_are_not(chain: DevChain) -> None:
    wire = chain.sign(BOB, pay(chain), nonce=3)
    inherent = bare(chain.call("Timestamp", "set", now=u64(1)).raw)
    (only,) = included([inherent, b"\xff", unwrap(wire)], chain.pool.pool)
    assert (only.position, only.hash, only.raw) == (2, blake2_256(wire), wire)
    assert only.provides == (bytes(account(BOB)) + b"\3\0\0\0",)
