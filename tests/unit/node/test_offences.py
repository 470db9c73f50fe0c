"""Reports of offences, on the states in which they can be made."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest

from btt_chain.chain.notify import BlockRef
from btt_chain.node.engine.parts import Parts, Watcher
from btt_chain.node.finality.offences import TRIES, WAITING, OffenceReporter
from btt_chain.primitives.babe import Slot
from btt_chain.primitives.babe_digests import AuthorityId
from btt_chain.primitives.babe_equivocation import EquivocationProof
from btt_chain.primitives.digest import H256
from btt_chain.primitives.header import Header
from btt_chain.primitives.validity import Stale, TransactionSource
from btt_chain.scale import u32
from btt_chain.txpool import TransactionInvalid
from storage.state import StateUnavailable
from support.sim.world import World

HEADER = Header(H256(bytes(32)), u32(1), H256(bytes(32)), H256(bytes(32)))


def proof(slot: int = 1) -> EquivocationProof:
    return EquivocationProof(AuthorityId(bytes(32)), Slot(slot), HEADER, HEADER)


@dataclass
class Node:
    """Parts of a node in whose state an offender has a key from some block on."""

    has_key: bool = False
    gone: bool = False
    refused: bool = False
    pool: list[bytes] = field(default_factory=list)
    noticed: list[str] = field(default_factory=list)

    def report(self, block: bytes, proof: EquivocationProof) -> bytes | None:
        if self.gone:
            raise StateUnavailable(block)
        return b"report %d" % int(proof.slot) if self.has_key else None

    def submit(self, wire: bytes, source: TransactionSource) -> None:
        assert source is TransactionSource.Local
        if self.refused:
            raise TransactionInvalid(Stale())
        self.pool.append(wire)

    def reporter(self) -> OffenceReporter:
        best = SimpleNamespace(hash=bytes(32))
        parts = SimpleNamespace(
            client=SimpleNamespace(best=lambda: best),
            pool=SimpleNamespace(submit=self.submit),
            report=self.report,
        )
        watcher = SimpleNamespace(equivocation=lambda kind, who: self.noticed.append(kind))
        return OffenceReporter(cast(Parts, parts), cast(Watcher, watcher))


def test_an_offence_is_reported_at_once_where_it_can_be() -> None:
    node = Node(has_key=True)
    reporter = node.reporter()
    reporter.report(proof())
    assert node.pool == [b"report 1"]
    assert node.noticed == ["babe"]
    assert reporter.waiting == []


@pytest.mark.parametrize("node", [Node(), Node(has_key=True, gone=True)])
def test_an_offence_is_reported_on_the_first_state_that_allows_it(node: Node) -> None:
    reporter = node.reporter()
    reporter.report(proof())
    reporter.retry()
    assert node.pool == []
    node.has_key, node.gone = True, False
    reporter.retry()
    reporter.retry()
    assert node.pool == [b"report 1"]
    assert node.noticed == ["babe"]
    assert reporter.waiting == []


def test_a_report_that_the_pool_refuses_is_not_tried_again() -> None:
    node = Node(has_key=True, refused=True)
    reporter = node.reporter()
    reporter.report(proof())
    assert reporter.waiting == []


def test_an_offence_is_given_up_after_some_blocks_and_few_wait() -> None:
    node = Node()
    reporter = node.reporter()
    for slot in range(WAITING + 3):
        reporter.report(proof(slot))
    assert [one for one, _ in reporter.waiting] == [proof(3 + at) for at in range(WAITING)]
    for _ in range(TRIES):
        assert reporter.waiting
        reporter.retry()
    assert reporter.waiting == []


def test_blocks_that_are_not_the_best_use_up_no_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its author may make any number of them."""
    world = World(seed=1, validators=2)
    world.run(4)
    engine, client = world.nodes[0].running, world.nodes[0].client
    tried = list[int]()
    monkeypatch.setattr(engine._offences, "retry", lambda: tried.append(1))
    engine._offences.waiting = [(proof(), TRIES)]
    for number, tries in ((1, 0), (client.best().number, 1)):
        block = client.block_hash(number) or b""
        engine._after_import(client.header_of(block), BlockRef(number, block), [])
        assert len(tried) == tries
