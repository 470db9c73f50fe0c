"""An unexpected error about one message, block or transaction does not end the node."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from btt_chain.node.blocks.announce_intake import AnnounceIntake
from btt_chain.node.blocks.block_import import BlockImport, Outcome
from btt_chain.node.blocks.import_queue import RETRY_MS, ImportQueue
from btt_chain.node.blocks.sync_driver import SyncDriver
from btt_chain.node.engine.driver import FAULT_COST, Driver
from btt_chain.node.engine.engine import Engine
from btt_chain.node.engine.faults import FATAL, contain, faults
from btt_chain.node.finality.grandpa import FinalityDriver
from btt_chain.primitives.digest import H256, Digest
from btt_chain.primitives.header import Header
from btt_chain.scale import u32
from p2p.network import (
    ANNOUNCE,
    GRANDPA,
    Action,
    Answer,
    Asked,
    Connected,
    Disconnected,
    Event,
    Failed,
    GossipReceived,
    Network,
    NoteReceived,
    Penalise,
    Status,
    StatusReceived,
)
from p2p.sync.types import (
    Block,
    BlockId,
    BlocksImported,
    ImportBlocks,
    ImportJustification,
    JustificationJudged,
    Refusal,
)
from storage.kv import StorageError
from storage.state import StateUnavailable

if TYPE_CHECKING:
    from btt_chain.node.blocks.announces import Announces
    from btt_chain.node.blocks.build_time import BuildTime
    from btt_chain.node.engine.parts import Parts, Watcher
    from btt_chain.node.engine.steady_clock import SteadyClock
    from btt_chain.node.finality.offences import OffenceReporter

HASH = H256(bytes(32))
STATUS = Status(1, 0, HASH, 0, HASH)
EVENTS: tuple[Event, ...] = (
    Connected("bad", STATUS), Disconnected("bad"), StatusReceived("bad", STATUS),
    GossipReceived(ANNOUNCE, "bad", b"x"), GossipReceived(GRANDPA, "bad", b"x"),
    NoteReceived("bad", b"x"), Failed(7, "late"),
)  # fmt: skip


class Fragile:
    """An engine that raises for some events."""

    def __init__(self, error: Exception, handled: list[Event]) -> None:
        self.error = error
        self.handled = handled
        self.settings = SimpleNamespace(slot_ms=6_000)
        self.parts = SimpleNamespace(pool=SimpleNamespace(on_arrival=lambda _: None))
        self.due = 1 << 62

    def handle(self, event: Event, now: int) -> list[Action]:
        del now
        self.handled.append(event)
        if getattr(event, "peer", "bad") == "bad":
            raise self.error
        return []

    def work(self, now: int) -> list[Action]:
        del now
        raise self.error


def driver(error: Exception) -> tuple[Driver, list[Event], list[Action]]:
    done: list[Action] = []
    handled: list[Event] = []
    network = cast("Network", SimpleNamespace(do=done.append))
    return Driver(cast("Engine", Fragile(error, handled)), network, lambda: 0), handled, done


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_unexpected_error_about_an_event_drops_that_event_alone(event: Event) -> None:
    node, handled, done = driver(KeyError("a defect"))
    good = GossipReceived(ANNOUNCE, "good", b"x")
    node._handle(event)
    node._handle(good)
    assert handled == [event, good]
    assert done == (
        [Penalise("bad", FAULT_COST, "an error here")] if hasattr(event, "peer") else []
    )
    assert faults[f"{type(event).__name__}: KeyError"] > 0


def test_a_request_that_leads_to_an_unexpected_error_is_refused() -> None:
    node, _, done = driver(RecursionError())
    node._put(Asked("bad", "blocks", b"?", 3))
    node._answer_one()
    assert done == [Penalise("bad", FAULT_COST, "an error here"), Answer(3, None)]


def test_work_that_fails_leaves_the_driver_alive() -> None:
    node, _, done = driver(ValueError("a defect"))
    assert not node._try("work", "", node._engine.work)
    assert done == []


@pytest.mark.parametrize("kind", FATAL)
def test_errors_of_the_node_itself_end_it(kind: type[Exception]) -> None:
    node, _, _ = driver(kind("disk"))
    with pytest.raises(kind):
        node._handle(EVENTS[0])


def test_a_missing_state_is_about_one_message() -> None:
    with contain("a test"):
        raise StateUnavailable(HASH)


def header() -> Header:
    return Header(HASH, u32(1), HASH, HASH, Digest([]))


def imported(error: Exception) -> Outcome:
    def refuse(*_: object, **__: object) -> None:
        raise error

    parts = SimpleNamespace(
        client=SimpleNamespace(header={HASH: header()}.get),
        gadget=SimpleNamespace(check_header=lambda _: None),
        importer=SimpleNamespace(import_block=refuse),
    )
    watcher = SimpleNamespace(begin=lambda: None)
    importing = BlockImport(cast("Parts", parts), cast("Watcher", watcher), cast("BuildTime", None))
    return importing.run(Block(b"\1" * 32, header(), [], None, ()), 0)


def test_a_block_whose_import_fails_unexpectedly_is_retried_and_no_peer_is_blamed() -> None:
    outcome = imported(KeyError("a defect"))
    assert outcome.refusal is Refusal.EARLY
    queue = ImportQueue(6_000)
    queue.put(ImportBlocks(1, (Block(b"\1" * 32, header(), [], None, ()),)))
    report = queue.advance(outcome.refusal, outcome.why, 0)
    assert report is not None
    assert report.wait_ms == RETRY_MS


def test_a_block_that_the_database_does_not_take_ends_the_node() -> None:
    with pytest.raises(StorageError):
        imported(StorageError("disk"))


def test_a_proof_that_came_with_a_block_and_fails_unexpectedly_does_not_hold_up_the_queue() -> None:
    def fail(*_: object) -> None:
        raise KeyError("a defect")

    reports: list[object] = []
    engine = cast("Engine", SimpleNamespace(
        queue=ImportQueue(6_000), _clock=SimpleNamespace(now=0),
        _import=SimpleNamespace(run=lambda *_, **__: Outcome()),
        _finality=SimpleNamespace(process_proof=fail),
        _sync=SimpleNamespace(handle=reports.append),
    ))  # fmt: skip
    cast("SimpleNamespace", engine)._import_block = partial(Engine._import_block, engine)
    engine.queue.put(ImportBlocks(1, (Block(HASH, header(), [], b"a proof", ("peer",)),)))
    Engine._import_next(engine)
    assert reports == [BlocksImported(1, 1)]


def test_a_peer_of_another_chain_is_charged_for_what_is_invalid_on_any_chain_alone() -> None:
    done: list[Action] = []
    parts = SimpleNamespace(sync=SimpleNamespace(is_apart=lambda peer: peer == "apart"))
    driver = FinalityDriver(
        cast("Parts", parts), cast("OffenceReporter", None), cast("Watcher", None),
        send=done.append, want=lambda *_: None, peers=(),
    )  # fmt: skip
    actions = [
        Penalise("apart", 1, "not our voter"),
        Penalise("apart", 2, "a false signature", is_certain=True),
        Penalise("ours", 3, "not our voter"),
    ]
    driver.apply(actions, 0)
    assert done == actions[1:]


def test_one_bad_announce_that_was_held_takes_no_others_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judged: list[object] = []

    def judge(received: object) -> None:
        judged.append(received)
        raise ValueError("a defect")

    monkeypatch.setattr(AnnounceIntake, "_judge", lambda _, received: judge(received))
    announces = SimpleNamespace(take_due=lambda _: ["a", "b"])
    rest = SimpleNamespace()
    intake = AnnounceIntake(
        cast("Parts", rest), cast("Announces", announces), cast("SyncDriver", rest),
        cast("OffenceReporter", rest), cast("SteadyClock", rest), list[Action]().append,
    )  # fmt: skip
    intake.judge_due(0)
    assert judged == ["a", "b"]


def test_sync_gets_the_outcome_of_a_proof_whose_check_fails_unexpectedly() -> None:
    outcomes: list[object] = []

    def fail(*_: object) -> None:
        raise KeyError("a defect")

    target = BlockId(7, HASH)

    def handle(event: object, _: int) -> tuple[()]:
        outcomes.append(event)
        return ()

    sync = SimpleNamespace(handle=handle, idle=True, retry_at=None)
    final = SimpleNamespace(finalized=lambda: BlockId(3, HASH))
    driver = SyncDriver(
        cast("Parts", SimpleNamespace(sync=sync, client=final)), ImportQueue(6_000),
        cast("SteadyClock", SimpleNamespace(now=0, steady=0)),
        cast("FinalityDriver", SimpleNamespace(process_proof=fail)),
        send=list[Action]().append, on_history=lambda: None,
    )  # fmt: skip
    driver._judge(ImportJustification(target, b"", "peer"))
    assert outcomes == [JustificationJudged(target, "peer", accepted=False)]
