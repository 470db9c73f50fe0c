"""The rate at which peers are polled for their status."""

from __future__ import annotations

from p2p.host.sessions import LONGEST_PAUSE, POLLED, pause_factor


def test_a_node_polls_no_more_often_with_thirty_peers_than_with_five() -> None:
    assert {pause_factor(peers) for peers in range(POLLED + 1)} == {1}
    polls = [peers / pause_factor(peers) for peers in range(1, POLLED * LONGEST_PAUSE + 1)]
    assert polls == sorted(polls)
    assert max(polls) == POLLED
    assert pause_factor(10_000) == LONGEST_PAUSE  # a silent peer is noticed within a minute
