"""A custodian's program answers demands from its ledger, and logs what it cannot answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from btt_chain.client.errors import ClientError, Disconnected, InvalidAnswer
from btt_chain.primitives.evidence_tree import Opening, leaf_hash, verify_opening
from btt_chain.records.custodian.answering import Answering, OpenDemand, _demand
from btt_chain.records.custodian.batches import Batch, Kind
from btt_chain.records.custodian.ledger import Ledger
from btt_chain.records.custodian.service import Custodian
from btt_chain.scale.portable import Plain
from cli.commands.records_custodian import _poll

LEAVES = [leaf_hash(b"%d" % number) for number in range(4)]
BATCH = Batch(Kind.ACCESSES, 7)


@dataclass
class Demands:
    """Demands in memory, and the answers that they got."""

    open: dict[bytes, bytes]
    answered: dict[bytes, tuple[int, Opening]] = field(default_factory=dict)
    error: ClientError | None = None

    async def demands(self) -> list[OpenDemand]:
        return [OpenDemand(id, leaf, 80) for id, leaf in self.open.items()]

    async def answer(self, id: bytes, epoch: int, opening: Opening) -> None:
        if self.error is not None:
            raise self.error
        self.answered[id] = (epoch, opening)
        del self.open[id]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger with an anchored batch of three accesses, and one access that is not anchored."""
    with Ledger.open(tmp_path / "custodian.db") as ledger:
        for leaf in LEAVES[:3]:
            ledger.add(Kind.ACCESSES, leaf, BATCH.epoch)
        ledger.freeze(BATCH)
        ledger.mark_anchored(BATCH)
        ledger.add(Kind.ACCESSES, LEAVES[3], 8)
        yield ledger


async def test_demands_are_answered_with_the_leaf_below_its_root(ledger: Ledger) -> None:
    chain = Demands({b"a" * 32: LEAVES[0], b"b" * 32: LEAVES[2]})
    assert await Answering(ledger, chain).answer_all() == 2
    tree = ledger.tree(BATCH)
    assert tree is not None
    for id, leaf in ((b"a" * 32, LEAVES[0]), (b"b" * 32, LEAVES[2])):
        epoch, opening = chain.answered[id]
        assert (epoch, opening.leaf) == (7, leaf)
        assert verify_opening(tree.root, len(tree), opening)
    assert await Answering(ledger, chain).answer_all() == 0


async def test_what_is_not_anchored_is_logged_once_and_answered_later(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    chain = Demands({b"a" * 32: LEAVES[3], b"b" * 32: leaf_hash(b"never promised")})
    answering = Answering(ledger, chain)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert await answering.answer_all() == 0
    assert len(caplog.records) == 2
    later = Batch(Kind.ACCESSES, 8)
    ledger.freeze(later)
    ledger.mark_anchored(later)
    assert await answering.answer_all() == 1


async def test_an_answer_that_fails_is_tried_again(ledger: Ledger) -> None:
    chain = Demands({b"a" * 32: LEAVES[0]}, error=Disconnected("the node is gone"))
    answering = Answering(ledger, chain)
    assert await answering.answer_all() == 0
    chain.error = None
    assert await answering.answer_all() == 1


@pytest.mark.parametrize("row", [None, {}, {"id": "0x00", "demand": {}},
                                 {"id": "xx", "demand": {"leaf": "0x00", "due": 1}}])  # fmt: skip
def test_a_malformed_demand_is_an_invalid_answer(row: Plain) -> None:
    with pytest.raises(InvalidAnswer):
        _demand(row)


class Polled:
    """A custodian that counts how often it reads the chain."""

    def __init__(self) -> None:
        self.polls = 0

    async def poll(self) -> None:
        self.polls += 1

    async def settle(self) -> None:
        """Nothing is under way."""


class Endless:
    """Answers that never become final."""

    def __init__(self) -> None:
        self.calls = 0

    async def answer_all(self) -> int:
        self.calls += 1
        await asyncio.Event().wait()
        return 0


async def test_many_demands_do_not_delay_the_reading_of_the_chain() -> None:
    custodian, answering = Polled(), Endless()
    running = _poll(cast("Custodian", custodian), cast("Answering", answering), 0.001)
    task = asyncio.create_task(running)
    async with asyncio.timeout(20):
        while custodian.polls < 5:
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert answering.calls == 1
