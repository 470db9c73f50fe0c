"""Buckets, gates and mailboxes: what one peer may do, and what may be lost."""

from __future__ import annotations

import pytest

from p2p.limits import (
    LARGE_BYTES,
    LARGE_TX,
    RATES,
    Bucket,
    Gate,
    GateLimits,
    Meter,
    Rate,
    source_of,
)
from p2p.mailbox import Mailbox, Newest
from p2p.network import EXCHANGES, GOSSIP_BYTES, GRANDPA_PEER, TX

SMALL = GateLimits(per_ip=3, half_open_per_ip=2, half_open=3, total=5, attempts=Rate(1, 10))


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = Bucket(Rate(2, 3), 0)

    assert [bucket.take(0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(1_000) for _ in range(3)] == [True, True, False]
    assert not bucket.take(0)  # a clock that goes back


def test_every_message_has_a_rate() -> None:
    assert {*GOSSIP_BYTES, *EXCHANGES, GRANDPA_PEER} <= set(RATES)


def test_large_transactions_are_allowed_fewer_bytes_than_batches() -> None:
    large, batches = RATES[LARGE_TX], RATES[TX]
    assert large.per_second * GOSSIP_BYTES[TX] < batches.per_second * LARGE_BYTES
    assert large.burst * GOSSIP_BYTES[TX] < batches.burst * LARGE_BYTES


def test_we_send_less_than_others_take() -> None:
    ours, theirs = Meter(0.75), Meter()

    sent = sum(ours.allows("blocks", 0) for _ in range(1_000))
    taken = sum(theirs.allows("blocks", 0) for _ in range(1_000))
    assert 0 < sent < taken == RATES["blocks"].burst


def test_over_the_limit_is_dropped_and_only_a_flood_is_charged() -> None:
    meter, burst = Meter(), RATES["announce"].burst
    verdicts = [meter.allows("announce", 0) or meter.floods("announce", 0) for _ in range(1_000)]
    dropped = verdicts.count(False)

    assert dropped == burst
    assert not any(meter.floods("announce", 60_000) for _ in range(10))


def test_unfinished_handshakes_of_one_address_leave_room_for_others() -> None:
    gate = Gate(SMALL)

    assert [gate.enter("1.1.1.1", 0) for _ in range(3)] == [
        None,
        None,
        "too many unfinished handshakes of this address",
    ]
    assert gate.enter("2.2.2.2", 0) is None
    assert gate.enter("3.3.3.3", 0) == "too many unfinished handshakes"
    gate.upgraded("1.1.1.1")
    assert gate.enter("3.3.3.3", 0) is None


def test_a_place_is_free_again_when_its_connection_ends() -> None:
    gate = Gate(SMALL)
    for _ in range(9):
        assert gate.enter("1.1.1.1", 0) is None
        gate.upgraded("1.1.1.1")
        gate.leave("1.1.1.1")

    assert gate.open_connections == gate.half_open == 0
    assert gate.enter("1.1.1.1", 0) is None
    assert gate.enter("1.1.1.1", 0) == "too many attempts"


def test_one_address_has_so_many_connections_and_all_together_so_many() -> None:
    gate = Gate(SMALL)
    answers = []
    for ip in ("1.1.1.1",) * 4 + ("2.2.2.2",) * 3:
        answers.append(gate.enter(ip, 0))
        if answers[-1] is None:
            gate.upgraded(ip)

    assert answers == [None] * 3 + ["too many connections of this address"] + [None] * 2 + ["full"]


@pytest.mark.parametrize(
    ("ip", "source"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("2001:db8:1:2:3:4:5:6", "2001:0db8:0001:0002"),
        ("fe80::1%eth0", "fe80:0000:0000:0000"),
        ("", ""),
    ],
)
def test_a_machine_is_an_address_or_a_network_of_its_own(ip: str, source: str) -> None:
    assert source_of(ip) == source


def test_a_mailbox_keeps_the_order_and_loses_the_oldest_lossy_entries() -> None:
    woken: list[int] = []
    box: Mailbox[str | int] = Mailbox(lambda: woken.append(1), Newest((int,), capacity=2))
    for value in (1, "b", 3, "d", 5):
        box.put(value)

    assert len(box) == 4
    assert box.take() == ["b", 3, "d", 5]
    assert (box.lost, len(woken), box.take()) == (1, 1, [])
