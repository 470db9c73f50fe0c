"""Reports of large messages: with other messages where some are sent, soon where none are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio
import trio.testing
from libp2p.peer.id import ID
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11
from trio.testing import MockClock

from p2p.host.gossip import ContainedGossipSub
from p2p.host.reports import (
    MAX_IDS,
    REPORT_SECONDS,
    WAIT_SECONDS,
    MessageIds,
    ReceptionReports,
)
from p2p.limits import GOSSIP_CONTROL, OUTBOUND_SHARE, RATES

TOPIC = "/btt/tx"
Reported = list[tuple[float, int]]
"""Times at which reports were sent, in milliseconds, and the number of ids of each."""


def played(script: Callable[[ReceptionReports], Awaitable[None]]) -> Reported:
    """Run `script` in played time; return the reports that were sent until a second later."""
    sent: Reported = []

    def send(begun: float, ids: MessageIds) -> None:
        sent.append((round(1_000 * (trio.current_time() - begun)), sum(map(len, ids.values()))))

    async def run() -> None:
        reports = ReceptionReports(partial(send, trio.current_time()))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reports.run)
            await trio.testing.wait_all_tasks_blocked()
            await script(reports)
            await trio.sleep(1)
            nursery.cancel_scope.cancel()

    trio.run(run, clock=MockClock(autojump_threshold=0))
    return sent


def test_a_message_is_reported_soon_even_if_nothing_else_is_sent() -> None:
    async def script(reports: ReceptionReports) -> None:
        reports.add(TOPIC, b"1")

    assert played(script) == [(1_000 * WAIT_SECONDS, 1)]


def test_a_report_goes_with_the_next_message() -> None:
    async def script(reports: ReceptionReports) -> None:
        reports.add(TOPIC, b"1")
        await trio.sleep(0.02)
        reports.add(TOPIC, b"2")
        reports.take_along()
        reports.take_along()

    assert played(script) == [(20, 2)]


def test_the_next_report_waits_until_peers_allow_it() -> None:
    async def script(reports: ReceptionReports) -> None:
        reports.add(TOPIC, b"1")
        reports.take_along()
        await trio.sleep(0.01)
        reports.add(TOPIC, b"2")
        reports.take_along()

    assert played(script) == [(0, 1), (1_000 * REPORT_SECONDS, 1)]


def test_a_steady_stream_of_messages_leads_to_fewer_reports_than_peers_allow() -> None:
    async def script(reports: ReceptionReports) -> None:
        for number in range(400):
            reports.add(TOPIC, b"%d" % number)
            reports.take_along()
            await trio.sleep(0.005)

    sent = played(script)
    assert sum(count for _, count in sent) == 400
    seconds = 2 + WAIT_SECONDS
    assert len(sent) <= seconds * OUTBOUND_SHARE * RATES[GOSSIP_CONTROL].per_second


def test_many_messages_are_reported_at_once() -> None:
    async def script(reports: ReceptionReports) -> None:
        for number in range(MAX_IDS + 1):
            reports.add(TOPIC, b"%d" % number)

    assert [count for _, count in played(script)] == [MAX_IDS, 1]


@pytest.mark.parametrize(("heartbeats", "is_kept"), [(0, True), (1, True), (2, False)])
def test_what_a_peer_refused_is_remembered_over_one_heartbeat(
    heartbeats: int, *, is_kept: bool
) -> None:
    router, peer = ContainedGossipSub(), ID(b"peer")
    router.add_peer(peer, PROTOCOL_ID_V11)
    router.dont_send_message_ids[peer].add(b"1")
    for _ in range(heartbeats):
        router._prune_idontwant_entries()
    assert router.has_refused(peer, b"1") is is_kept
    router.remove_peer(peer)
    assert not router.has_refused(peer, b"1")
