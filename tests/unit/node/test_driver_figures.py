"""Outcomes of requests are counted under a few fixed words, independent of peers and libraries."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from btt_chain.node.engine.driver import Driver
from btt_chain.node.engine.engine import Engine
from btt_chain.node.transactions.backpressure import Backpressure
from p2p.limits import MAX_REQUESTS
from p2p.network import (
    Action,
    Answer,
    Answered,
    Ask,
    Asked,
    ClockReceived,
    Disconnected,
    Event,
    Failed,
    Network,
)


class Deaf:
    """A network that takes what it is given; one protocol is unknown to it."""

    def do(self, action: Ask) -> None:
        if action.protocol == "unknown":
            raise ValueError("no such protocol")


def idle_engine() -> Engine:
    """Something a driver can be made of."""
    pool = SimpleNamespace(on_arrival=lambda _: None)
    settings = SimpleNamespace(slot_ms=6_000)
    return cast("Engine", SimpleNamespace(parts=SimpleNamespace(pool=pool), settings=settings))


def test_requests_are_timed_and_failures_have_one_of_a_few_reasons() -> None:
    outcomes: list[tuple[str, float | None, str]] = []
    clock = iter(range(1_000, 100_000, 500))
    driver = Driver(
        idle_engine(),
        cast("Network", Deaf()),
        lambda: next(clock),
        lambda *outcome: outcomes.append(outcome),
    )
    for number in range(1, 5):
        driver._do([Ask(number, "peer", "blocks", b"", 1_000)])
    driver._do([Ask(5, "peer", "unknown", b"", 1_000)])
    driver._count(Answered(1, b"data"))
    driver._count(Failed(2, "no answer in time"))
    driver._count(Failed(3, "refused"))
    driver._count(Failed(4, "the connection failed: whatever a library says"))
    driver._count(Failed(5, "refused"))
    driver._count(Failed(6, "an answer without a request"))
    assert outcomes == [
        ("blocks", 2.0, ""),
        ("blocks", None, "timeout"),
        ("blocks", None, "refused"),
        ("blocks", None, "broken"),
    ]


def test_a_wrong_clock_is_a_warning_once_and_a_right_one_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    driver = Driver(idle_engine(), cast("Network", Deaf()))
    for ahead in (10_000, 10_000, 0):
        for peer in "abc":
            driver._note(ClockReceived(peer, ahead, 5))
    assert [(r.levelname, r.getMessage()[:24]) for r in caplog.records] == [
        ("WARNING", "this clock is 10.0 s beh"),
        ("INFO", "this clock agrees with t"),
    ]


def test_who_left_says_nothing_about_the_clock_any_more(caplog: pytest.LogCaptureFixture) -> None:
    driver = Driver(idle_engine(), cast("Network", Deaf()))
    driver._note(ClockReceived("a", 60_000, 5))
    driver._note(Disconnected("a"))
    driver._note(ClockReceived("b", 60_000, 5))
    assert caplog.records == []


class Slow:
    """An engine that takes a second for each question."""

    def __init__(self) -> None:
        self.received: list[Event] = []
        self.clock = 0.0
        self.settings = SimpleNamespace(slot_ms=6_000)
        self.parts = SimpleNamespace(
            pool=SimpleNamespace(on_arrival=lambda _: None, backpressure=Backpressure(8_192))
        )

    def handle(self, event: Event, now: int) -> list[Answer]:
        self.received.append(event)
        self.clock += 1.0
        assert isinstance(event, Asked)
        return [Answer(event.id, b"here")]


class Listening:
    """A network that records its actions."""

    def __init__(self) -> None:
        self.done: list[Action] = []

    def do(self, action: Action) -> None:
        self.done.append(action)


def test_questions_wait_for_their_turn_and_share_a_budget() -> None:
    engine, net = Slow(), Listening()
    driver = Driver(
        cast("Engine", engine), cast("Network", net), lambda: 0, steady=lambda: engine.clock
    )
    for number in range(MAX_REQUESTS + 1):
        driver._put(Asked("a", "blocks", b"?", number))
    driver._put(Asked("b", "blocks", b"?", 99))
    assert engine.received == []
    assert net.done == [Answer(MAX_REQUESTS, None)]  # one too many of a single peer
    pause = driver._answer_one()
    while pause is not None and len(engine.received) < 6:
        engine.clock += pause / 1_000
        pause = driver._answer_one()
    assert [event.peer for event in engine.received if isinstance(event, Asked)] == [*"abaaaa"]
    assert engine.clock >= 8.0  # in the end each second of work is paid for with a pause
