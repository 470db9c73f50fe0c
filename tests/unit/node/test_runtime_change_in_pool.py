"""The pool at a change of the runtime: signed transactions leave it without a check."""

from __future__ import annotations

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.node.transactions.gossip import GATHER_MS, TxGossip
from btt_chain.primitives.extrinsic import unwrap
from btt_chain.primitives.validity import TransactionSource, ValidTransaction
from btt_chain.txpool import Status, StatusEvent, TransactionInvalid
from runtime.executive import Executive
from runtime.kept import Kept
from support.chain import BOB, CHARLIE, DevChain
from support.programs import DAY, planned

KEPT = 40
"""Transactions of each account that wait at the change."""


def before_the_change() -> DevChain:
    chain = planned(new=True)
    for _ in range(DAY):
        chain.seal()
    return chain


@pytest.mark.parametrize("in_turns", [True, False])
def test_signed_transactions_are_dropped_unchecked_when_the_runtime_changes(
    monkeypatch: pytest.MonkeyPatch, *, in_turns: bool
) -> None:
    chain = before_the_change()
    chain.pool.in_turns = in_turns
    remark = chain.call("System", "remark", remark=b"")
    seen: dict[bytes, list[StatusEvent]] = {}
    # Nonces ahead of the account, so that the block does not take them.
    wires = [
        chain.sign(who, remark, nonce=nonce + 1) for who in (BOB, CHARLIE) for nonce in range(KEPT)
    ]
    for wire in wires:
        hash = chain.pool.submit(wire)
        seen[hash] = []
        chain.pool.watch(hash, seen[hash].append)
    checked: list[bytes] = []
    admit = Executive.admit

    def counted(
        self: Executive, source: TransactionSource, raw: bytes
    ) -> tuple[ValidTransaction, Kept | None]:
        checked.append(raw)
        return admit(self, source, raw)

    monkeypatch.setattr(Executive, "admit", counted)
    chain.seal()
    assert not checked
    assert chain.pool.pool.status().future == chain.pool.pool.status().ready == 0
    for events in seen.values():
        assert events[-1].status is Status.INVALID
        assert "signed for another runtime than 101: sign and submit it again" in events[-1].reason
    assert not chain.pool.has_rechecks
    # No ban: the runtime itself refuses the old bytes, and new ones come in.
    with pytest.raises(TransactionInvalid):
        chain.pool.submit(wires[0])
    assert checked == [unwrap(wires[0])]
    again = chain.sign(BOB, remark, nonce=1, spec_version=101)
    assert chain.pool.submit(again) == blake2_256(again)


def test_nothing_is_gossiped_until_the_pool_is_judged_under_the_new_runtime() -> None:
    chain = DevChain(shared=True)
    gossip = TxGossip(chain.pool)
    wire = chain.sign(BOB, chain.call("System", "remark", remark=b""))
    gossip.arrived([chain.pool.submit(wire)], 0)
    chain.pool.holds_gossip = True
    assert gossip.take_due(GATHER_MS, ["peer"], is_stalled=False) == []
    assert gossip.due == 2 * GATHER_MS
    chain.pool.recheck_some()
    assert not chain.pool.holds_gossip
    [batch] = gossip.take_due(2 * GATHER_MS, ["peer"], is_stalled=False)
    assert unwrap(wire) in batch.data
    assert gossip.due is None


@pytest.mark.parametrize("count", [0, 1])
def test_a_pool_with_transactions_holds_gossip_when_the_runtime_changes(count: int) -> None:
    chain = before_the_change()
    chain.pool.in_turns = True
    for nonce in range(count):
        chain.pool.submit(
            chain.sign(BOB, chain.call("System", "remark", remark=b""), nonce=nonce + 1)
        )
    chain.seal()
    assert chain.pool.holds_gossip == bool(count)
