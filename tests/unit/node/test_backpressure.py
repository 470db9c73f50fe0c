"""Submission while the pool is full, and the rechecks of a full pool."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.crypto.keypair import KeyPair
from btt_chain.node.transactions import pool as service
from btt_chain.node.transactions.backpressure import BLOCKS, RECORDED, Backpressure
from btt_chain.primitives.validity import TransactionSource
from btt_chain.scale import u128
from btt_chain.txpool import AlreadyImported, Limit, Limits, PoolFull
from runtime.constants import BTT
from runtime.executive import Executive
from support.chain import BOB, CHARLIE, DAVE, DevChain, address

READY = 1_000


def transfer(chain: DevChain, sender: KeyPair, nonce: int, tip: int = 0) -> bytes:
    call = chain.call("Balances", "transfer_keep_alive", dest=address(DAVE), value=u128(int(BTT)))
    return chain.sign(sender, call, nonce=nonce, tip=tip)


def full(chain: DevChain, count: int) -> DevChain:
    """Fill the pool of a node with a network to its limit."""
    chain.pool.pool.limits = Limits(ready=Limit(count, 1 << 20))
    chain.pool.backpressure = Backpressure(count)
    chain.pool.in_turns = True
    return chain


def test_a_quarter_of_the_queue_is_left_for_what_other_nodes_accepted() -> None:
    chain = full(DevChain(), 8)
    for nonce in range(6):
        chain.pool.submit(transfer(chain, BOB, nonce))
    with pytest.raises(PoolFull) as refusal:
        chain.pool.submit(transfer(chain, CHARLIE, 0))
    assert (refusal.value.code, refusal.value.message) == (1016, "Immediately Dropped")
    assert refusal.value.data == (
        "The pool is full: 6 transactions are ready, and it does not pay more than the cheapest "
        "of them. Retry after the next block, or raise the tip"
    )
    for nonce in range(2):
        chain.pool.admit(transfer(chain, CHARLIE, nonce), TransactionSource.External)
    assert chain.pool.pool.status().ready == 8


def test_a_full_pool_still_accepts_what_pays_more_and_reports_what_it_has() -> None:
    chain = full(DevChain(), 8)
    wires = [transfer(chain, BOB, nonce) for nonce in range(6)]
    for wire in wires:
        chain.pool.submit(wire)
    better = chain.pool.submit(transfer(chain, CHARLIE, 0, tip=int(BTT)))
    assert chain.pool.pool.is_ready(better)
    with pytest.raises(AlreadyImported):
        chain.pool.submit(wires[0])


def test_what_a_full_pool_refuses_is_not_validated_and_may_be_sent_again_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chain = full(DevChain(), 8)
    for nonce in range(6):
        chain.pool.submit(transfer(chain, BOB, nonce))
    refused = transfer(chain, CHARLIE, 0)

    def never(*_: object) -> None:
        raise AssertionError("it was validated")

    with monkeypatch.context() as patch:
        patch.setattr(Executive, "admit", never)
        with pytest.raises(PoolFull):
            chain.pool.submit(refused)
    chain.seal()
    assert chain.pool.pool.is_ready(chain.pool.submit(refused))


def test_a_node_without_a_network_uses_its_whole_pool() -> None:
    chain = full(DevChain(), 8)
    chain.pool.in_turns = False
    for nonce in range(8):
        chain.pool.submit(transfer(chain, BOB, nonce))
    with pytest.raises(PoolFull):
        chain.pool.submit(transfer(chain, CHARLIE, 0))


def test_a_block_is_followed_by_a_bounded_number_of_rechecks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "RECHECKS", 2)
    monkeypatch.setattr(service, "RECHECKS_A_BLOCK", 4)
    chain = DevChain()
    chain.pool.in_turns = True
    for nonce in range(10):
        chain.pool.submit(transfer(chain, BOB, nonce + 1))  # they wait for nonce 0
    checked: list[bytes] = []
    for _ in range(3):
        chain.seal()
        best = chain.client.best().hash
        while chain.pool.has_rechecks:
            chain.pool.recheck_some()
        futures = list(chain.pool.pool.futures())
        checked += [tx.hash for tx in futures if tx.checked == best]
    # The longest unchecked come first: after three blocks each was checked.
    assert len(checked) == 12
    assert len(set(checked)) == 10


def test_all_is_rechecked_at_once_after_a_change_of_the_runtime(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "RECHECKS_A_BLOCK", 4)
    chain = DevChain()
    chain.pool.in_turns = True
    for nonce in range(10):
        chain.pool.submit(transfer(chain, BOB, nonce + 1))
    chain.seal()
    chain.pool.holds_gossip = True
    while chain.pool.has_rechecks:
        chain.pool.recheck_some()
    best = chain.client.best().hash
    assert all(tx.checked == best for tx in chain.pool.pool.futures())
    assert not chain.pool.holds_gossip


# ---- the room


def test_while_blocks_are_full_the_room_is_that_of_a_few_blocks() -> None:
    pressure = Backpressure(READY)
    assert pressure.room == 750
    for _ in range(RECORDED):
        pressure.record_block(100, 500)
    assert pressure.room == BLOCKS * 100
    for _ in range(RECORDED):
        pressure.record_block(10, 500)
    assert pressure.room == 250
    pressure.record_block(100, 99)  # it left fewer than it took
    assert pressure.room == 750


def test_a_flood_of_gossip_cannot_stop_submission() -> None:
    pressure = Backpressure(READY)
    pressure.record_waiting(128 * 100)
    assert pressure.room == 650
    pressure.record_waiting(1 << 30)
    assert pressure.room == 500
    for _ in range(RECORDED):
        pressure.record_block(1, 2)  # small blocks that leave some
    assert pressure.room == 125


@given(
    st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 8_192)), max_size=20),
    st.integers(0, 1 << 24),
)
def test_the_room_stays_within_its_bounds(blocks: list[tuple[int, int]], waiting: int) -> None:
    pressure = Backpressure(8_192)
    for included, left in blocks:
        pressure.record_block(included, left)
    pressure.record_waiting(waiting)
    assert 1_024 <= pressure.room <= 6_144
    if waiting < 128:
        assert pressure.room >= 2_048
