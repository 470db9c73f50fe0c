"""Gossip: the protobuf RPC with its length, its control message, envelopes, and what is in them."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar, cast

from google.protobuf.message import DecodeError as ProtobufError
from libp2p.abc import INetStream
from libp2p.pubsub.pb import rpc_pb2

from btt_chain.scale import compact_encode
from fuzz.headers import sealed
from fuzz.target import Target, choose, round_trip
from fuzz.wires import WIRES
from p2p.errors import WireError
from p2p.host.rpcs import bounded_control, read_rpc
from p2p.network import GOSSIP_BYTES
from p2p.protocols.messages import Announce, TxBatch
from p2p.wire import gossip_id, pack, unpack

if TYPE_CHECKING:
    from libp2p.pubsub.pb.rpc_pb2 import RPC

V = TypeVar("V")
MAX_RPC: Final = 1 << 20
NAMES: Final = {f"/btt/{topic}": topic for topic in GOSSIP_BYTES}


class Stream:
    """A stream whose peer sends these bytes in pieces, and ends."""

    def __init__(self, data: bytes) -> None:
        self._pieces = [data[at : at + 1_000] for at in range(0, len(data), 1_000)]

    async def read(self, _: int) -> bytes:
        """Return the next piece."""
        return self._pieces.pop(0) if self._pieces else b""


def finish(work: Coroutine[object, None, V]) -> V:
    """Return the result of a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as done:
        value: V = done.value
        return value
    raise AssertionError("it waits")


async def framed(raw: bytes) -> list[bytes]:
    """Return the RPCs of a stream."""
    stream, buffer, found = cast(INetStream, Stream(raw)), bytearray(), []
    while (data := await read_rpc(stream, buffer, MAX_RPC)) is not None:
        found.append(data)
    return found


def stream(raw: bytes) -> None:
    """Read a stream of RPCs."""
    with suppress(WireError):
        for data in finish(framed(raw)):
            rpc(data)


def rpc(raw: bytes) -> None:
    """Read an RPC and all that is in it."""
    read = rpc_pb2.RPC()
    try:
        read.ParseFromString(raw)
    except ProtobufError:
        return
    with suppress(WireError):
        if read.HasField("control"):
            bounded = bounded_control(read.control, NAMES)
            assert bounded.ByteSize() <= len(raw) + 16 * len(bounded.prune)
    for message in read.publish:
        topic = NAMES.get(message.topicIDs[0]) if len(message.topicIDs) == 1 else None
        if topic is not None:
            with suppress(WireError):
                payload(topic, unpack(message.data, GOSSIP_BYTES[topic]))


def payload(topic: str, raw: bytes) -> None:
    """Read a message of a topic."""
    del topic
    announce(raw)
    batch(raw)


def announce(raw: bytes) -> None:
    """Read an announcement."""
    round_trip(raw, Announce.decode, lambda value: value.encode())


def batch(raw: bytes) -> None:
    """Read a batch of transactions."""
    round_trip(raw, TxBatch.decode, lambda value: value.encode())


def envelope(raw: bytes) -> None:
    """Open an envelope; there is one encoding of each."""
    with suppress(WireError):
        assert pack(unpack(raw, 1 << 16)) == raw


def seeds() -> list[bytes]:
    """Return messages of each topic, alone and in RPCs."""
    transactions = TxBatch(WIRES).encode()
    header = b"\x00".join([sealed()[0].encode()])
    bodies: Mapping[str, bytes] = {"tx": transactions, "announce": header + b"\1"}
    messages = [
        rpc_pb2.Message(
            data=pack(body), topicIDs=[f"/btt/{topic}"], seqno=gossip_id(topic, pack(body))
        )
        for topic, body in bodies.items()
    ]
    control = rpc_pb2.ControlMessage(
        ihave=[rpc_pb2.ControlIHave(topicID="/btt/tx", messageIDs=[b"a" * 20])],
        graft=[rpc_pb2.ControlGraft(topicID="/btt/tx")],
        prune=[rpc_pb2.ControlPrune(topicID="/btt/tx", backoff=60)],
    )
    whole: RPC = rpc_pb2.RPC(publish=messages, control=control)
    data = whole.SerializeToString()
    length = bytes([0x80 | len(data) & 0x7F, len(data) >> 7])
    return [
        b"\0" + length + data, b"\1" + data, b"\2" + bodies["announce"], b"\3" + transactions,
        b"\4" + pack(transactions),
    ]  # fmt: skip


def heavy() -> list[bytes]:
    """Return batches of tiny transactions, headers of tiny items, and RPCs of tiny parts."""
    header = bytes(32) + compact_encode(7) + bytes(64)
    logs = compact_encode(60_000) + b"\x08" * 60_000
    tiny = rpc_pb2.Message(data=b"", topicIDs=["/btt/tx"])
    have = rpc_pb2.ControlIHave(topicID="/btt/tx", messageIDs=[bytes(20)] * 2_500)
    want = rpc_pb2.ControlIWant(messageIDs=[bytes(20)] * 2_500)
    many: list[RPC] = [
        rpc_pb2.RPC(publish=[tiny] * 5_000),
        rpc_pb2.RPC(control=rpc_pb2.ControlMessage(ihave=[have])),
        rpc_pb2.RPC(control=rpc_pb2.ControlMessage(iwant=[want])),
        rpc_pb2.RPC(control=rpc_pb2.ControlMessage(prune=[rpc_pb2.ControlPrune()] * 20_000)),
        rpc_pb2.RPC(subscriptions=[rpc_pb2.RPC.SubOpts()] * 20_000),
    ]
    return [
        *(b"\1" + one.SerializeToString() for one in many), b"\0" + b"\1a" * 30_000,
        b"\0" + bytes(60_000), b"\2" + header + logs + b"\1",
        b"\3" + compact_encode(4_096) + bytes(4_096),
        b"\3" + compact_encode(4_096) + b"\x04a" * 4_096, b"\4" + pack(bytes(60_000)),
    ]  # fmt: skip


TARGET = Target(
    run=lambda raw: choose(raw, stream, rpc, announce, batch, envelope),
    seeds=seeds,
    heavy=heavy,
    instrument=("btt_chain.scale", "btt_chain.primitives", "p2p.wire", "p2p.host.rpcs",
                "p2p.protocols"),
)  # fmt: skip
