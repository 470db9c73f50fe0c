"""How requests of ours end is told in a few fixed words, whatever a peer or a library says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from btt_chain.node.driver import Driver
from btt_chain.node.engine import Engine
from p2p.network import Answered, Ask, Failed, Network


class Deaf:
    """A network that takes what it is given; one protocol is unknown to it."""

    def do(self, action: Ask) -> None:
        if action.protocol == "unknown":
            raise ValueError("no such protocol")


def test_requests_are_timed_and_failures_have_one_of_a_few_reasons() -> None:
    told: list[tuple[str, float | None, str]] = []
    clock = iter(range(1_000, 100_000, 500))
    engine = SimpleNamespace(parts=SimpleNamespace(pool=SimpleNamespace(on_arrival=lambda _: None)))
    driver = Driver(
        cast("Engine", engine),
        cast("Network", Deaf()),
        lambda: next(clock),
        lambda *outcome: told.append(outcome),
    )
    for number in range(1, 5):
        driver._carry_out([Ask(number, "peer", "blocks", b"", 1_000)])
    driver._carry_out([Ask(5, "peer", "unknown", b"", 1_000)])
    driver._count(Answered(1, b"data"))
    driver._count(Failed(2, "no answer in time"))
    driver._count(Failed(3, "refused"))
    driver._count(Failed(4, "the connection failed: whatever a library says"))
    driver._count(Failed(5, "refused"))
    driver._count(Failed(6, "an answer nobody waits for"))
    assert told == [
        ("blocks", 2.0, ""),
        ("blocks", None, "timeout"),
        ("blocks", None, "refused"),
        ("blocks", None, "broken"),
    ]
