"""RPCs that are sent as one: votes and forwarded messages come in bursts."""

from __future__ import annotations

from functools import partial

import trio
from hypothesis import given
from hypothesis import strategies as st
from libp2p.pubsub.pb import rpc_pb2
from trio.testing import MockClock

from p2p.host.rpcs import (
    GATHERED,
    GATHERED_BYTES,
    GATHERED_ENTRIES,
    GatheringQueue,
    Outgoing,
    bounded_control,
)

TOPICS = {"/btt/tx": "tx"}


def messages(*sizes: int) -> rpc_pb2.RPC:
    return rpc_pb2.RPC(publish=[rpc_pb2.Message(data=bytes(size)) for size in sizes])


def unwanted(*ids: bytes) -> rpc_pb2.RPC:
    entry = rpc_pb2.ControlIDontWant(messageIDs=ids)
    return rpc_pb2.RPC(control=rpc_pb2.ControlMessage(idontwant=[entry]))


def graft() -> rpc_pb2.RPC:
    entry = rpc_pb2.ControlGraft(topicID="/btt/tx")
    return rpc_pb2.RPC(control=rpc_pb2.ControlMessage(graft=[entry]))


def decoded(data: bytes) -> rpc_pb2.RPC:
    """Read an RPC as a peer does."""
    length, at = 0, 0
    while True:
        length |= (data[at] & 0x7F) << (7 * at)
        at += 1
        if not data[at - 1] & 0x80:
            break
    assert len(data) == at + length
    rpc = rpc_pb2.RPC()
    rpc.ParseFromString(data[at:])
    return rpc


def taken(*rpcs: rpc_pb2.RPC, urgent: int = -1) -> list[rpc_pb2.RPC]:
    """Queue RPCs and take all."""

    async def run() -> list[rpc_pb2.RPC]:
        queue = GatheringQueue()
        for place, rpc in enumerate(rpcs):
            assert queue.push(rpc, priority=place == urgent)
        found = []
        while len(queue):
            taken = await queue.pop()
            assert taken is not None
            found.append(decoded(taken))
        queue.close()
        assert await queue.pop() is None
        assert not queue.push(messages(1))
        return found

    return trio.run(run, clock=MockClock(autojump_threshold=0))


def sizes(rpc: rpc_pb2.RPC) -> list[int]:
    return [len(message.data) for message in rpc.publish]


def test_messages_of_a_burst_are_one_rpc_in_their_order() -> None:
    [found] = taken(messages(1), messages(2, 3), unwanted(b"a"), unwanted(b"b"), messages(4))
    assert sizes(found) == [1, 2, 3, 4]
    entries = found.control.idontwant
    assert [one for entry in entries for one in entry.messageIDs] == [b"a", b"b"]


def test_an_urgent_message_goes_first() -> None:
    [found] = taken(messages(1), messages(2), urgent=1)
    assert sizes(found) == [2, 1]


def test_changes_of_the_mesh_stay_alone() -> None:
    found = taken(messages(1), graft(), messages(2), messages(3))
    assert [sizes(rpc) for rpc in found] == [[1], [], [2, 3]]
    assert len(found[1].control.graft) == 1


def test_an_rpc_is_not_extended_beyond_a_frame_or_the_number_of_messages() -> None:
    half = GATHERED_BYTES // 2
    assert [sizes(rpc) for rpc in taken(*[messages(half)] * 3)] == [[half]] * 3
    assert [len(rpc.publish) for rpc in taken(*[messages(1)] * (GATHERED + 1))] == [GATHERED, 1]
    found = taken(*[unwanted(b"a")] * (GATHERED_ENTRIES + 1))
    assert [len(rpc.control.idontwant) for rpc in found] == [GATHERED_ENTRIES, 1]


def test_a_message_that_a_peer_got_meanwhile_is_not_sent_to_it() -> None:
    known: list[int] = []

    def is_new(size: int) -> bool:
        return size not in known

    async def run() -> list[int]:
        queue, found = GatheringQueue(), list[int]()
        for size in (1, 2, 3):
            outgoing = Outgoing.of(messages(size))
            queue.put(outgoing._replace(is_needed=partial(is_new, size)), 1.0)
        known.append(2)
        found += sizes(decoded(await queue.pop() or b""))
        queue.put(Outgoing.of(messages(4))._replace(is_needed=lambda: False), 1.0)
        queue.put(Outgoing.of(messages(5)), 2.0)
        found += sizes(decoded(await queue.pop() or b""))
        return found

    assert trio.run(run, clock=MockClock(autojump_threshold=0)) == [1, 3, 5]


def test_what_comes_later_and_waits_less_takes_the_rest_along() -> None:
    async def run() -> tuple[float, list[int]]:
        queue, begun = GatheringQueue(), trio.current_time()
        queue.put(Outgoing.of(messages(1)), 60.0)

        async def follow() -> None:
            await trio.sleep(2)
            queue.put(Outgoing.of(messages(2)), 1.0)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(follow)
            data = await queue.pop()
        return trio.current_time() - begun, sizes(decoded(data or b""))

    waited, found = trio.run(run, clock=MockClock(autojump_threshold=0))
    assert found == [1, 2]
    assert 3 <= waited < 4


def test_a_full_queue_refuses() -> None:
    async def run() -> None:
        queue = GatheringQueue(max_size=2)
        assert queue.push(messages(1))
        assert queue.push(messages(1))
        assert not queue.push(messages(1), priority=True)
        assert len(queue) == 2

    trio.run(run)


@given(st.lists(st.lists(st.integers(0, 40_000), min_size=1, max_size=5), max_size=20))
def test_no_message_is_lost_or_moved(parts: list[list[int]]) -> None:
    found = taken(*(messages(*part) for part in parts))
    assert [size for rpc in found for size in sizes(rpc)] == [s for part in parts for s in part]


def test_only_ids_of_messages_are_kept_of_what_a_peer_does_not_want() -> None:
    good = bytes(20)
    control = unwanted(b"x", good, b"y" * 21).control
    assert list(bounded_control(control, TOPICS).idontwant[0].messageIDs) == [good]
    many = unwanted(*(number.to_bytes(20, "big") for number in range(2_000))).control
    assert len(bounded_control(many, TOPICS).idontwant[0].messageIDs) == 512
    assert not bounded_control(unwanted(b"x").control, TOPICS).idontwant
    # An IWANT without ids would count against the ten that are answered in a second.
    assert not bounded_control(control, TOPICS).iwant
