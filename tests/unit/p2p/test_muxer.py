"""Yamux with fewer frames: credit by half windows, joined frames, and turns for other tasks."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable
from typing import cast

import pytest
import trio
import trio.testing
from libp2p.abc import ISecureConn
from libp2p.peer.id import ID
from libp2p.stream_muxer.yamux import yamux
from libp2p.stream_muxer.yamux.yamux import (
    HEADER_SIZE,
    TYPE_WINDOW_UPDATE,
    YAMUX_HEADER_FORMAT,
)

from p2p.host.muxer import JOINED_BYTES, YIELD_EVERY, LightLock, LightStream, LightYamux

KIB = 1 << 10


class Pipe:
    """One end of a connection; what it writes is recorded, and arrives at the other end."""

    def __init__(self, pause: float = 0.0) -> None:
        self.is_initiator = False
        self.written: list[bytes] = []
        self.pause = pause
        self.other: Pipe | None = None
        self._sender, self._receiver = trio.open_memory_channel[bytes](1_000)
        self._rest = b""

    async def write(self, data: bytes) -> None:
        assert self.other is not None
        self.written.append(data)
        await trio.sleep(self.pause)
        await self.other._sender.send(data)

    async def read(self, n: int | None = None) -> bytes:
        if not self._rest:
            self._rest = await self._receiver.receive()
        found, self._rest = self._rest[:n], self._rest[len(self._rest[:n]) :]
        return found

    async def close(self) -> None:
        await self._sender.aclose()

    def kinds(self) -> list[int]:
        """Kinds of the frames that were written."""
        data, found = b"".join(self.written), []
        while data:
            _, kind, _, _, length = struct.unpack(YAMUX_HEADER_FORMAT, data[:HEADER_SIZE])
            found.append(kind)
            data = data[HEADER_SIZE + (length if kind == yamux.TYPE_DATA else 0) :]
        return found


Play = Callable[[Pipe, Pipe, LightStream, LightStream], Awaitable[None]]


def played(monkeypatch: pytest.MonkeyPatch, play: Play, pause: float = 0.0) -> None:
    """Open a stream from one end to the other, and play with both."""
    monkeypatch.setattr(yamux, "YamuxStream", LightStream)

    async def run() -> None:
        left, right = Pipe(pause), Pipe()
        left.other, right.other = right, left
        one = LightYamux(cast("ISecureConn", left), ID(b"two"), is_initiator=True)
        two = LightYamux(cast("ISecureConn", right), ID(b"one"), is_initiator=False)
        with trio.fail_after(100):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(one.start)
                nursery.start_soon(two.start)
                await one.event_started.wait()
                await two.event_started.wait()
                here = await one.open_stream()
                there = await two.accept_stream()
                left.written.clear()
                right.written.clear()
                assert isinstance(here, LightStream)
                assert isinstance(there, LightStream)
                await play(left, right, here, there)
                nursery.cancel_scope.cancel()

    trio.run(run)


async def read_all(stream: LightStream, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += await stream.read(64 * KIB)
    return data


def test_small_messages_are_read_without_frames_in_return(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(_: Pipe, right: Pipe, here: LightStream, there: LightStream) -> None:
        for number in range(100):
            await here.write(bytes([number]) * KIB)
            assert await there.read(1) == bytes([number])
            assert len(await read_all(there, KIB - 1)) == KIB - 1
        assert TYPE_WINDOW_UPDATE not in right.kinds()

    played(monkeypatch, play)


def test_a_megabyte_passes_with_credit_by_half_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = bytes(range(256)) * 4 * KIB * 2

    async def play(_: Pipe, right: Pipe, here: LightStream, there: LightStream) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(here.write, sent)
            assert await read_all(there, len(sent)) == sent
        assert 1 <= right.kinds().count(TYPE_WINDOW_UPDATE) <= len(sent) // (128 * KIB)

    played(monkeypatch, play)


def test_frames_that_wait_go_out_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    count, size = 40, 4 * KIB

    async def play(left: Pipe, _: Pipe, here: LightStream, there: LightStream) -> None:
        async with trio.open_nursery() as nursery:
            for number in range(count):
                nursery.start_soon(here.write, bytes([number]) * size)
            data = await read_all(there, count * size)
        assert sorted(data[::size]) == list(range(count))
        assert all(len(set(data[at : at + size])) == 1 for at in range(0, len(data), size))
        assert len(left.written) <= 6
        assert all(len(one) <= JOINED_BYTES for one in left.written)

    played(monkeypatch, play, pause=0.01)


def test_a_frame_whose_writer_gave_up_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(left: Pipe, _: Pipe, here: LightStream, there: LightStream) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(here.write, b"first")
            while not left.written:
                await trio.sleep(0)
            with trio.CancelScope() as scope:
                scope.cancel()
                await here.write(b"never")
            await here.write(b"last")
        assert await read_all(there, 9) == b"firstlast"
        assert b"never" not in b"".join(left.written)

    played(monkeypatch, play, pause=0.01)


def test_other_tasks_run_at_every_sixteenth_time_that_a_lock_is_taken() -> None:
    turns: list[int] = []

    async def run() -> None:
        lock, done = LightLock(), False

        async def other() -> None:
            while not done:
                turns.append(0)
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(other)
            for _ in range(10 * YIELD_EVERY):
                async with lock:
                    assert lock.locked()
                assert not lock.locked()
            done = True

    trio.run(run)
    assert 9 <= len(turns) <= 12


def test_a_lock_admits_one_task_at_a_time() -> None:
    inside = most = 0

    async def run() -> None:
        lock = LightLock()

        async def enter() -> None:
            nonlocal inside, most
            for _ in range(5):
                async with lock:
                    inside += 1
                    most = max(most, inside)
                    await trio.sleep(0)
                    inside -= 1

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(enter)

    trio.run(run)
    assert (inside, most) == (0, 1)


def test_tasks_get_a_lock_in_order_and_one_that_gives_up_waiting_keeps_none_of_them() -> None:
    order: list[int] = []

    async def run() -> None:
        lock = LightLock()

        async def enter(number: int, scope: trio.CancelScope) -> None:
            with scope:
                async with lock:
                    order.append(number)
                    await trio.sleep(0)

        scopes = [trio.CancelScope() for _ in range(4)]
        async with trio.open_nursery() as nursery:
            async with lock:
                for number, scope in enumerate(scopes):
                    nursery.start_soon(enter, number, scope)
                    await trio.testing.wait_all_tasks_blocked()
                scopes[1].cancel()
                await trio.testing.wait_all_tasks_blocked()
            async with lock:  # behind those that waited
                order.append(9)
        assert not lock.locked()

    trio.run(run)
    assert order == [0, 2, 3, 9]


def test_a_lock_is_free_after_its_taker_was_cancelled_at_its_turn_for_others() -> None:
    async def run() -> None:
        lock, taken = LightLock(), 0
        with trio.CancelScope() as scope:
            scope.cancel()
            for _ in range(YIELD_EVERY):
                async with lock:
                    taken += 1
        assert scope.cancelled_caught
        assert taken == YIELD_EVERY - 1
        assert not lock.locked()

    trio.run(run)
