"""The memory of received gossip, and the splitting of its stream into RPCs."""

from __future__ import annotations

from typing import cast

import pytest
from libp2p.abc import INetStream
from libp2p.peer.id import ID

from p2p.errors import WireError
from p2p.host.gossip import MAX_RPC
from p2p.host.recent import Recent
from p2p.host.reports import reports_to
from p2p.host.rpcs import read_rpc

ALICE, BOB = ID(b"alice"), ID(b"bob")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_message_is_new_once_and_again_after_a_while() -> None:
    clock = Clock()
    recent = Recent(60, clock)

    assert recent.add(b"1")
    assert not recent.add(b"1")
    clock.now = 59
    assert recent.has(b"1")  # looking at it does not keep it
    assert not recent.add(b"1")
    clock.now = 60
    assert not recent.has(b"1")
    assert recent.add(b"1")


def test_a_large_message_is_reported_to_the_mesh_of_its_own_topic() -> None:
    mesh = {"tx": {ALICE, BOB}, "grandpa": {BOB}, "announce": {ALICE}}
    has = {(ALICE, b"1"), (ALICE, b"3")}
    found = reports_to(
        {"tx": [b"1", b"2"], "grandpa": [b"4"], "announce": [b"3"]},
        mesh,
        lambda peer, message_id: (peer, message_id) not in has,
    )
    assert found == {ALICE: [b"2"], BOB: [b"1", b"2", b"4"]}


def test_the_sender_of_a_message_is_remembered_as_long_as_it() -> None:
    clock = Clock()
    recent = Recent(60, clock)
    recent.add(b"1", ALICE)
    recent.add(b"1", BOB)
    recent.add(b"1", ALICE)
    recent.add(b"2")

    assert recent.senders(b"1") == [ALICE, BOB]
    assert recent.senders(b"2") == recent.senders(b"3") == []
    clock.now = 60
    recent.add(b"4")
    assert recent.senders(b"1") == []


def test_what_a_peer_that_left_handed_over_is_forgotten_and_the_message_is_not() -> None:
    recent = Recent(60, Clock())
    recent.add(b"1", ALICE)
    recent.add(b"1", BOB)
    recent.forget(ALICE)
    assert recent.senders(b"1") == [BOB]
    assert recent.has(b"1")


def test_a_message_that_waited_when_its_first_sender_left_is_new_again() -> None:
    recent = Recent(60, Clock())
    for message in (b"waits", b"passed on"):
        recent.add(message, ALICE)
        recent.add(message, BOB)
    recent.add(b"of bob", BOB)
    recent.add(b"of bob", ALICE)
    recent.forget(ALICE, lambda message: message == b"passed on")
    assert not recent.has(b"waits")
    assert recent.add(b"waits", BOB)
    assert recent.has(b"passed on")
    assert recent.has(b"of bob")
    assert recent.senders(b"passed on") == recent.senders(b"of bob") == [BOB]


class Stream:
    """A stream whose peer sends these bytes and ends."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def read(self, _: int) -> bytes:
        data, self._data = self._data, b""
        return data


async def rpcs(raw: bytes) -> list[bytes]:
    stream, buffer, found = cast(INetStream, Stream(raw)), bytearray(), []
    while (data := await read_rpc(stream, buffer, MAX_RPC)) is not None:
        found.append(data)
    return found


async def test_a_stream_is_cut_into_rpcs_by_the_lengths_in_front() -> None:
    assert await rpcs(b"\x02ab\x01c") == [b"ab", b"c"]


@pytest.mark.parametrize("raw", [b"\x00", b"\x01a\x00", b"\x80\x80\x80\x80\x00", b"\xff" * 5])
async def test_an_rpc_that_is_empty_or_too_long_ends_the_stream(raw: bytes) -> None:
    with pytest.raises(WireError):
        await rpcs(raw)
