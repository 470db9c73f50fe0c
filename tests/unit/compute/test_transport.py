"""Blobs over real sockets, between honest machines and hostile ones."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
import trio
from libp2p.abc import INetStream
from libp2p.network.stream.exceptions import StreamError

from btt_chain.compute.blobs.store import BlobStore, StoreFull
from btt_chain.compute.blobs.transport import BlobHost, FetchFailed, NotKept, NotThere
from p2p.errors import WireError
from p2p.host import blob_host
from p2p.host.streams import read_frame, write_frame
from p2p.limits import GateLimits, Rate
from p2p.network import protocol_name
from p2p.protocols.work import (
    PIECE,
    QUESTION_BYTES,
    WORK,
    Piece,
    Question,
    decode_piece,
    decode_question,
    encode_piece,
    encode_question,
)
from p2p.wire import frame
from support.blobs import GENESIS, NAME, Attacker, attack, fetching, hostile, serving

DATA = os.urandom(3 * PIECE + 1_000)
DIGEST = sha256(DATA).digest()
WHOLE = encode_question(Question(NAME, 0, PIECE))


def filled(folder: Path) -> BlobStore:
    store = BlobStore(folder / "served")
    store.put(NAME, DATA)
    return store


def empty(folder: Path) -> BlobStore:
    return BlobStore(folder / "fetched")


async def next_question(stream: INetStream) -> Question:
    payload = await read_frame(stream, QUESTION_BYTES)
    assert payload is not None
    return decode_question(payload)


def honest_piece(question: Question) -> Piece:
    data = DATA[question.offset : question.offset + question.length]
    return Piece(len(DATA), DIGEST, data)


async def answer(stream: INetStream, piece: Piece) -> None:
    await write_frame(stream, encode_piece(piece))


# ---- between honest machines


async def test_a_blob_comes_over_whole(tmp_path: Path) -> None:
    into = empty(tmp_path)
    seen: list[tuple[int, int]] = []
    async with serving(filled(tmp_path)) as server, fetching() as client:
        blob = await client.fetch(
            server.endpoints(),
            NAME,
            into,
            limit=len(DATA),
            progress=lambda got, total: seen.append((got, total)),
        )

    assert blob == (len(DATA), DIGEST)
    assert into.load(NAME, len(DATA)) == DATA
    assert seen[-1] == (len(DATA), len(DATA))
    assert [got for got, _ in seen] == sorted(got for got, _ in seen)


async def test_an_empty_blob_comes_over(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    store.put(NAME, b"")
    async with serving(store) as server, fetching() as client:
        assert await client.load(server.endpoints(), NAME, limit=0) == b""


async def test_the_beginning_of_a_large_blob_is_enough_if_only_that_is_wanted(
    tmp_path: Path,
) -> None:
    async with serving(filled(tmp_path)) as server, fetching() as client:
        ends = server.endpoints()
        assert await client.beginning(ends, NAME, 10) == DATA[:10]
        assert await client.beginning(ends, NAME, PIECE + 1) == DATA[: PIECE + 1]
        assert await client.beginning(ends, NAME, 10 * len(DATA)) == DATA


async def test_many_blobs_come_over_at_a_time(tmp_path: Path) -> None:
    async with serving(filled(tmp_path)) as server, fetching() as client:
        loads = (client.load(server.endpoints(), NAME, limit=len(DATA)) for _ in range(12))
        assert set(await asyncio.gather(*loads)) == {DATA}


async def test_what_is_not_there_is_said_to_be_not_there(tmp_path: Path) -> None:
    into = empty(tmp_path)
    async with serving(BlobStore(tmp_path / "served")) as server, fetching() as client:
        with pytest.raises(NotThere, match="no such blob"):
            await client.fetch(server.endpoints(), NAME, into, limit=10)
    assert into.names() == []
    assert into.total_bytes == 0


async def test_an_endpoint_that_has_it_is_found_behind_others_that_do_not(tmp_path: Path) -> None:
    async with (
        serving(BlobStore(tmp_path / "nothing")) as first,
        serving(filled(tmp_path)) as second,
        fetching() as client,
    ):
        unused = "/ip4/127.0.0.1/tcp/1/p2p/" + client.peer
        ends = ["no address", unused, *first.endpoints(), *second.endpoints()]
        assert await client.load(ends, NAME, limit=len(DATA)) == DATA


async def test_no_endpoint_and_no_listener_are_plain_failures() -> None:
    async with fetching() as client:
        with pytest.raises(FetchFailed, match="no endpoint is known"):
            await client.load([], NAME, limit=1)
        with pytest.raises(FetchFailed, match="the connection failed"):
            await client.load([f"/ip4/127.0.0.1/tcp/1/p2p/{client.peer}"], NAME, limit=1)


async def test_private_addresses_are_not_dialled_on_a_live_chain(tmp_path: Path) -> None:
    async with serving(filled(tmp_path)) as server, fetching(allow_private=False) as client:
        with pytest.raises(FetchFailed, match="private address"):
            await client.load(server.endpoints(), NAME, limit=len(DATA))


async def test_a_store_without_room_ends_the_fetch_and_keeps_nothing(tmp_path: Path) -> None:
    into = BlobStore(tmp_path / "small", most_bytes=PIECE)
    async with serving(filled(tmp_path)) as server, fetching() as client:
        with pytest.raises(NotKept) as failed:
            await client.fetch(server.endpoints(), NAME, into, limit=len(DATA))
    assert isinstance(failed.value.__cause__, StoreFull)
    assert into.total_bytes == 0


async def test_a_fetch_can_be_cancelled_and_the_host_goes_on(tmp_path: Path) -> None:
    async def silent(_: INetStream) -> None:
        await trio.sleep_forever()

    async with (
        hostile(silent) as silence,
        serving(filled(tmp_path)) as server,
        fetching() as client,
    ):
        waiting = asyncio.create_task(client.load([silence], NAME, limit=10))
        await asyncio.sleep(0.2)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await client.load(server.endpoints(), NAME, limit=len(DATA)) == DATA


async def test_stopping_ends_what_is_fetched() -> None:
    async def silent(_: INetStream) -> None:
        await trio.sleep_forever()

    async with hostile(silent) as silence, fetching() as client:
        waiting = asyncio.create_task(client.load([silence], NAME, limit=10))
        await asyncio.sleep(0.2)
        await client.stop()
        with pytest.raises(FetchFailed):
            await waiting
        with pytest.raises(FetchFailed):
            await client.load([silence], NAME, limit=10)


# ---- connections that break


async def test_a_connection_that_breaks_is_made_anew_and_nothing_comes_twice(
    tmp_path: Path,
) -> None:
    asked: list[int] = []

    async def one_piece_each(stream: INetStream) -> None:
        question = await next_question(stream)
        asked.append(question.offset)
        await answer(stream, honest_piece(question))
        await read_frame(stream, QUESTION_BYTES)  # so that the answer has arrived
        await stream.reset()

    into = empty(tmp_path)
    async with hostile(one_piece_each) as endpoint, fetching() as client:
        await client.fetch([endpoint], NAME, into, limit=len(DATA))

    assert into.load(NAME, len(DATA)) == DATA
    assert asked == [0, PIECE, 2 * PIECE, 3 * PIECE]


async def test_streams_that_end_by_their_time_are_no_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob_host, "MAX_BREAKS", 1)
    monkeypatch.setattr(blob_host, "STREAM_SECONDS", 0.02)
    streams: list[int] = []

    async def slow(stream: INetStream) -> None:
        streams.append(0)
        question = await next_question(stream)
        await trio.sleep(0.02)
        await answer(stream, honest_piece(question))
        await read_frame(stream, QUESTION_BYTES)  # so that the answer has arrived

    into = empty(tmp_path)
    async with hostile(slow) as endpoint, fetching() as client:
        await client.fetch([endpoint], NAME, into, limit=len(DATA))

    assert into.load(NAME, len(DATA)) == DATA
    assert len(streams) == 4


async def test_a_blob_that_became_another_meanwhile_is_not_put_together(tmp_path: Path) -> None:
    async def changing(stream: INetStream) -> None:
        while True:
            question = await next_question(stream)
            piece = honest_piece(question)
            await answer(
                stream, piece._replace(sha256=piece.sha256 if not question.offset else b"x" * 32)
            )

    async with hostile(changing) as endpoint, fetching() as client:
        with pytest.raises(FetchFailed, match="became another"):
            await client.fetch([endpoint], NAME, empty(tmp_path), limit=len(DATA))


# ---- hostile servers


def framed(piece: Piece) -> bytes:
    return frame(encode_piece(piece))


RIGHT = honest_piece(Question(NAME, 0, PIECE))
ANSWERS = {
    "no msgpack": frame(b"\xc1"),
    "no piece": frame(b"\x93\x01\x02\x03"),
    "an envelope of another version": (len(b"\x92\x02\xc4\x01x")).to_bytes(4, "big")
    + b"\x92\x02\xc4\x01x",
    "no envelope": (8).to_bytes(4, "big") + b"garbage!",
    "a frame over the bound": (1 << 31).to_bytes(4, "big"),
    "fewer bytes than there are": framed(RIGHT._replace(data=RIGHT.data[:-1])),
    "more bytes than were asked for": framed(RIGHT._replace(total=10)),
    "a hash that is none": framed(RIGHT._replace(sha256=b"short")),
    "more than may come": framed(RIGHT._replace(total=len(DATA) + 1)),
    "more than there can be": framed(RIGHT._replace(total=1 << 63)),
    "half of an answer": framed(RIGHT)[:1_000],
    "nothing": b"",
}


async def test_a_server_that_answers_wrongly_is_left_for_an_honest_one(tmp_path: Path) -> None:
    served = [b""]

    async def wrong(stream: INetStream) -> None:
        await next_question(stream)
        await stream.write(served[0])
        await stream.close()

    async with hostile(wrong) as liar, serving(filled(tmp_path)) as server, fetching() as client:
        for name, served[0] in ANSWERS.items():
            into = BlobStore(tmp_path / name)
            with pytest.raises(FetchFailed) as failed:
                await client.fetch([liar], NAME, into, limit=len(DATA))
            assert not isinstance(failed.value, NotThere), name
            assert into.total_bytes == 0, name
            await client.fetch([liar, *server.endpoints()], NAME, into, limit=len(DATA))
            assert into.load(NAME, len(DATA)) == DATA, name


async def test_bytes_that_have_not_the_hash_that_was_named_are_not_kept(tmp_path: Path) -> None:
    async def forged(stream: INetStream) -> None:
        while True:
            piece = honest_piece(await next_question(stream))
            await answer(stream, piece._replace(data=bytes(len(piece.data))))

    into = empty(tmp_path)
    async with hostile(forged) as liar, serving(filled(tmp_path)) as server, fetching() as client:
        with pytest.raises(FetchFailed, match="not the hash"):
            await client.fetch([liar], NAME, into, limit=len(DATA))
        assert into.names() == []
        await client.fetch([liar, *server.endpoints()], NAME, into, limit=len(DATA))
    assert into.load(NAME, len(DATA)) == DATA


async def test_a_server_that_says_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob_host, "PIECE_SECONDS", 0.3)

    async def silent(_: INetStream) -> None:
        await trio.sleep_forever()

    async with hostile(silent) as liar, serving(filled(tmp_path)) as server, fetching() as client:
        with pytest.raises(FetchFailed, match="too slow"):
            await client.load([liar], NAME, limit=len(DATA))
        assert await client.load([liar, *server.endpoints()], NAME, limit=len(DATA)) == DATA


async def test_a_peer_that_trickles_has_only_the_given_time() -> None:
    async def trickle(stream: INetStream) -> None:
        await next_question(stream)
        for byte in framed(RIGHT):
            await stream.write(bytes([byte]))
            await trio.sleep(0.05)

    async with hostile(trickle) as liar, fetching() as client:
        with pytest.raises(FetchFailed, match=r"within 0\.5 s"):
            await client.load([liar], NAME, limit=len(DATA), seconds=0.5)


async def test_a_server_of_another_version_or_chain_is_left() -> None:
    async def never(_: INetStream) -> None:
        raise AssertionError("asked")

    other = protocol_name(b"\x08" * 32, WORK)
    async with hostile(never, other) as outsider, fetching() as client:
        with pytest.raises(FetchFailed, match="the connection failed"):
            await client.load([outsider], NAME, limit=10)


async def test_another_peer_at_the_address_is_not_asked(tmp_path: Path) -> None:
    async with serving(filled(tmp_path)) as server, fetching() as client:
        impostor = server.endpoints()[0].replace(server.peer, client.peer)
        with pytest.raises(FetchFailed, match="the connection failed"):
            await client.load([impostor], NAME, limit=len(DATA))


# ---- hostile clients


async def still_serves(server: BlobHost) -> None:
    async with fetching() as client:
        assert await client.load(server.endpoints(), NAME, limit=len(DATA)) == DATA


QUESTIONS = {
    "no msgpack": b"\xc1",
    "no question": b"\x93\x01\x02\x03",
    "a name with a way up": encode_question(Question("model/../../etc/passwd", 0, 1)),
    "a private name": encode_question(Question("verdict/" + "ab" * 32, 0, 1)),
    "a planted error": encode_question(Question("planted/" + "ab" * 32, 0, 1)),
    "an absolute name": encode_question(Question("/etc/passwd", 0, 1)),
    "a name with another behind it": encode_question(Question(NAME + "/x", 0, 1)),
    "a name with a line behind it": encode_question(Question(NAME + "\n", 0, 1)),
    "a name in capitals": encode_question(Question(NAME.upper(), 0, 1)),
    "an item that is none": encode_question(Question(f"transcript/{'ab' * 32}/00", 0, 1)),
    "more than a piece": encode_question(Question(NAME, 0, PIECE + 1)),
    "an offset below zero": encode_question(Question(NAME, -1, 1)),
    "a longer encoding": encode_question(Question(NAME, 0, 1))[:-1] + b"\xcc\x01",
    "something behind it": encode_question(Question(NAME, 0, 1)) + b"\0",
    "a list in a list": b"\x91" * 200,
}


async def test_a_question_that_is_none_ends_the_connection_and_nothing_else(
    tmp_path: Path,
) -> None:
    async def script(payload: bytes, attacker: Attacker) -> None:
        stream = await attacker.stream()
        await write_frame(stream, payload)
        await attacker.is_cut_off()

    async with serving(filled(tmp_path)) as server:
        for bans, (name, payload) in enumerate(QUESTIONS.items(), 1):
            await attack(server.endpoints()[0], partial(script, payload))
            assert server.counters()["bans"] == bans, name
        await still_serves(server)


WIRES = {
    "a frame over the bound": (1 << 31).to_bytes(4, "big"),
    "another version": len(b"\x92\x02\xc4\x01x").to_bytes(4, "big") + b"\x92\x02\xc4\x01x",
    "an empty frame": bytes(4),
    "no envelope": (4).to_bytes(4, "big") + b"\xff" * 4,
}


async def test_a_frame_that_is_none_ends_the_connection_and_nothing_else(tmp_path: Path) -> None:
    async def script(wire: bytes, attacker: Attacker) -> None:
        stream = await attacker.stream()
        await stream.write(wire)
        await attacker.is_cut_off()

    async with serving(filled(tmp_path)) as server:
        for wire in WIRES.values():
            await attack(server.endpoints()[0], partial(script, wire))
        await still_serves(server)


async def test_who_was_sent_away_is_not_answered(tmp_path: Path) -> None:
    async def script(attacker: Attacker) -> None:
        bad, good = await attacker.stream(), await attacker.stream()
        await write_frame(bad, b"\xc1")
        with contextlib.suppress(StreamError, WireError):
            for _ in range(1_000):
                await write_frame(good, WHOLE)
                await read_frame(good, 2 * PIECE)
            raise AssertionError("answered for ever")
        await attacker.is_cut_off()

    async with serving(filled(tmp_path)) as server:
        with contextlib.suppress(ExceptionGroup):
            await attack(server.endpoints()[0], script)
        assert server.counters()["bans"] == 1
        await still_serves(server)


async def quietly(work: Callable[[], Awaitable[object]]) -> None:
    with contextlib.suppress(Exception):
        await work()


async def test_questions_that_never_end_hold_no_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob_host, "IDLE_SECONDS", 0.4)

    async def script(attacker: Attacker) -> None:
        stream = await attacker.stream()
        await stream.write(b"\0\0")
        await attacker.is_cut_off()

    async with serving(filled(tmp_path)) as server:
        await attack(server.endpoints()[0], script)
        await still_serves(server)


async def test_a_connection_without_questions_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob_host, "IDLE_SECONDS", 0.4)

    async def script(attacker: Attacker) -> None:
        await attacker.is_cut_off()

    async with serving(filled(tmp_path)) as server:
        await attack(server.endpoints()[0], script)
        await still_serves(server)


async def test_a_client_that_does_not_read_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob_host, "PIECE_SECONDS", 0.5)
    monkeypatch.setattr(blob_host, "IDLE_SECONDS", 0.5)

    async def script(attacker: Attacker) -> None:
        streams = [await attacker.stream() for _ in range(4)]
        for stream in streams:
            with contextlib.suppress(StreamError):
                for _ in range(50):
                    await write_frame(stream, WHOLE)
        await attacker.is_cut_off()

    async with serving(filled(tmp_path)) as server:
        await attack(server.endpoints()[0], script)
        await still_serves(server)


async def test_thousands_of_streams_do_not_shut_out_others(tmp_path: Path) -> None:
    async with serving(filled(tmp_path)) as server:

        async def script(attacker: Attacker) -> None:
            async def flood() -> None:
                for _ in range(400):
                    stream = await attacker.stream()
                    await stream.write(b"\0")

            async with trio.open_nursery() as nursery:
                for _ in range(5):
                    nursery.start_soon(quietly, flood)
                with trio.move_on_after(3):
                    await trio.sleep_forever()
                nursery.cancel_scope.cancel()

        running = asyncio.create_task(attack(server.endpoints()[0], script))
        await asyncio.sleep(0.5)
        await still_serves(server)
        await running
        await still_serves(server)
        assert server.counters()["streams refused"] > 0


async def test_what_is_asked_too_fast_waits_and_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob_host, "QUESTIONS", Rate(20, 2))

    async with serving(filled(tmp_path)) as server, fetching() as client:
        for _ in range(3):
            assert await client.load(server.endpoints(), NAME, limit=len(DATA)) == DATA


async def test_connections_of_one_address_are_limited(tmp_path: Path) -> None:
    gate = GateLimits(per_ip=2, half_open_per_ip=2, attempts=Rate(100, 500))
    async with serving(filled(tmp_path), gate) as server, fetching() as first:
        assert await first.load(server.endpoints(), NAME, limit=len(DATA)) == DATA
        async with fetching() as second, fetching() as third:
            assert await second.load(server.endpoints(), NAME, limit=len(DATA)) == DATA
            with pytest.raises(FetchFailed):
                await third.load(server.endpoints(), NAME, limit=len(DATA))


# ---- the messages


def test_a_piece_must_be_what_was_asked_for() -> None:
    question = Question(NAME, 0, 10)
    piece = Piece(20, bytes(32), bytes(10))
    assert decode_piece(encode_piece(piece), question) == piece
    at_end = Piece(5, bytes(32), bytes(5))
    assert decode_piece(encode_piece(at_end), question) == at_end
    for wrong in (piece._replace(data=bytes(9)), piece._replace(data=bytes(11))):
        with pytest.raises(WireError):
            decode_piece(encode_piece(wrong), question)


def test_the_genesis_stands_in_the_name_of_the_protocol() -> None:
    assert protocol_name(GENESIS, WORK) == f"/{'07' * 32}/btt/work/1"
