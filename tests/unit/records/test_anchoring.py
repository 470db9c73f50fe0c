"""Anchoring goes on after whatever stopped it."""

from __future__ import annotations

from pathlib import Path

import pytest

from btt_chain.records.chain import ChainClock
from btt_chain.records.custodian.anchoring import Anchoring
from btt_chain.records.custodian.batches import Kind
from btt_chain.records.custodian.ledger import Ledger
from btt_chain.store import StoreError
from support.records_chain import MemoryChain

HOUR_MS = 3_600_000


async def test_a_root_whose_ledger_could_not_be_written_is_anchored_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreError(tmp_path / "custodian.db", "database or disk is full")

    now_ms = 0
    with Ledger.open(tmp_path / "custodian.db") as ledger:
        chain = MemoryChain(now_ms=11 * HOUR_MS)
        anchoring = Anchoring(ledger, chain, b"\1" * 32, lambda: now_ms)
        anchoring.on_clock(ChainClock(10, HOUR_MS))
        anchoring.add(Kind.RECORDS, b"\2" * 32)
        due = anchoring.on_clock(ChainClock(11, HOUR_MS))
        with monkeypatch.context() as disk:
            disk.setattr(Ledger, "freeze", full)
            for batch in due:
                await anchoring.anchor(batch)
        assert not any(map(ledger.is_anchored, due))
        now_ms += HOUR_MS // 2
        again = anchoring.on_clock(ChainClock(11, HOUR_MS))
        assert set(again) == set(due)
        for batch in again:
            await anchoring.anchor(batch)
        assert all(map(ledger.is_anchored, due))
