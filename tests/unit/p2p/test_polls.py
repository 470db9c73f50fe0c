"""The interval at which peers are polled for their status."""

from __future__ import annotations

from collections.abc import Sized
from types import SimpleNamespace
from typing import cast

import pytest
import trio
from trio.testing import MockClock

from p2p.host.sessions import LONGEST_PAUSE, POLLED, Sessions, pause_factor


def test_a_node_polls_no_more_often_with_thirty_peers_than_with_five() -> None:
    assert {pause_factor(peers) for peers in range(POLLED + 1)} == {1}
    polls = [peers / pause_factor(peers) for peers in range(1, POLLED * LONGEST_PAUSE + 1)]
    assert polls == sorted(polls)
    assert max(polls) == POLLED
    assert pause_factor(10_000) == LONGEST_PAUSE  # a silent peer is noticed within a minute


class Peers(Sized):
    """Connected peers, of which one is disconnected."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.left = ""

    def __len__(self) -> int:
        return self.count

    def disconnect(self, _: object, why: str) -> None:
        self.left = why


@pytest.mark.parametrize(
    ("peers", "times"), [(3, [5, 6, 7]), (12, [12, 13, 14]), (500, [30, 31, 32])]
)
def test_a_peer_that_does_not_answer_is_asked_again_soon_and_left(
    peers: int, times: list[float]
) -> None:
    polled = list[float]()

    async def fails(_: object) -> None:
        polled.append(trio.current_time() - begun)
        raise TimeoutError

    connected = Peers(peers)
    transport = SimpleNamespace(settings=SimpleNamespace(poll_ms=5_000))
    sessions = SimpleNamespace(_peers=connected, _transport=transport, _greet=fails)
    clock = MockClock(autojump_threshold=0)
    begun = clock.current_time()
    trio.run(Sessions._poll, cast("Sessions", sessions), SimpleNamespace(), clock=clock)
    assert polled == pytest.approx(times)
    assert connected.left == "it does not answer"
