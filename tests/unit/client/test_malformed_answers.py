"""Answers of a node that are malformed or contradict each other: each is a ClientError."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import cast

import pytest

from btt_chain.client.chain import PAGE, Chain, read_header
from btt_chain.client.errors import ClientError, InvalidAnswer, Undecodable
from btt_chain.client.jsonrpc import Connection, Json
from btt_chain.client.metadata import ChainMetadata
from btt_chain.client.transactions import ChainFacts
from btt_chain.client.typed import RuntimeClient
from btt_chain.primitives.digits import to_hex
from btt_chain.scale import u32, u64
from btt_chain.scale.metadata import PortableType, TupleDef
from btt_chain.scale.portable import Plain, Portable
from runtime import BttRuntime
from runtime.apis.metadata import metadata
from runtime.params import RuntimeParams
from support.chain import ALICE, DevChain

RUNTIME = BttRuntime(RuntimeParams(u64(1_000)))
RAW = metadata(RUNTIME, 14)
PREFIX = b"\7" * 32
HEADER: dict[str, Json] = {
    "parentHash": "0x" + "11" * 32,
    "number": "0x1",
    "stateRoot": "0x" + "22" * 32,
    "extrinsicsRoot": "0x" + "33" * 32,
    "digest": {"logs": []},
}


class ScriptedNode:
    """A connection with the answers of a test."""

    def __init__(self, **answers: Json | Callable[..., Json]) -> None:
        self.answers = answers
        self.heads: list[Json] = []

    async def call(self, method: str, *params: Json) -> Json:
        answer = self.answers[method]
        return answer(*params) if callable(answer) else answer

    @asynccontextmanager
    async def subscribe(
        self, _method: str, _unsubscribe: str, *_params: Json
    ) -> AsyncIterator[AsyncIterator[Json]]:
        async def items() -> AsyncIterator[Json]:
            for head in self.heads:
                yield head
            await asyncio.Event().wait()

        yield items()


def chain_of(node: ScriptedNode) -> Chain:
    return Chain(cast("Connection", node), ChainMetadata(RAW), ChainFacts(bytes(32), 100, 1))


def key(number: int) -> str:
    return to_hex(PREFIX + number.to_bytes(4, "big"))


# ---- keys and entries


async def keys_of(node: ScriptedNode, limit: int | None = None) -> list[bytes]:
    return [found async for found in chain_of(node).storage_keys(PREFIX, limit)]


async def test_pages_of_keys_are_read_to_the_end() -> None:
    def page(_prefix: str, count: int, start: str | None, _at: None) -> Json:
        first = 0 if start is None else int(start[-8:], 16) + 1
        return [key(number) for number in range(first, min(first + count, PAGE + 7))]

    found = await keys_of(ScriptedNode(state_getKeysPaged=page))
    assert found == [PREFIX + number.to_bytes(4, "big") for number in range(PAGE + 7)]
    assert len(await keys_of(ScriptedNode(state_getKeysPaged=page), limit=9)) == 9
    node = ScriptedNode(state_getKeysPaged=page)
    behind = PREFIX + (PAGE + 4).to_bytes(4, "big")
    assert [each async for each in chain_of(node).storage_keys(PREFIX, after=behind)] == found[-2:]


@pytest.mark.parametrize(
    "page",
    [
        [key(number) for number in range(PAGE)],  # the same page for ever
        [key(5)] * PAGE,
        [key(2), key(1)],
        [key(number) for number in range(PAGE + 1)],
        ["0x" + "08" * 36],
        ["0x07"],
        ["no hex"],
        [7],
        None,
        {"0": key(0)},
    ],
    ids=["repeated", "equal", "falling", "too many", "foreign", "short", "hex", "number", "null",
         "object"],
)  # fmt: skip
async def test_a_page_that_repeats_or_leaves_the_prefix_ends_the_walk(page: Json) -> None:
    with pytest.raises(InvalidAnswer, match="the node"):
        await keys_of(ScriptedNode(state_getKeysPaged=page))


@pytest.mark.parametrize("answer", [None, 7, [7], [{"block": "0x"}], [{"changes": None}]])
async def test_a_change_set_of_another_form_is_refused(answer: Json) -> None:
    with pytest.raises(InvalidAnswer, match="the node"):
        await chain_of(ScriptedNode(state_queryStorageAt=answer)).storage_batch([PREFIX])


# ---- headers


@pytest.mark.parametrize(
    "change",
    [
        {"number": "0x1ffffffff"},
        {"number": "one"},
        {"number": None},
        {"parentHash": "0x11"},
        {"stateRoot": "zz" * 32},
        {"digest": {"logs": ["0x06"]}},
        {"digest": {"logs": ["zz"]}},
        {"digest": None},
    ],
)
async def test_a_malformed_header_is_an_invalid_answer(change: dict[str, Json]) -> None:
    with pytest.raises(InvalidAnswer, match="not a header"):
        read_header(HEADER | change)
    node = ScriptedNode(chain_getHeader=HEADER | change)
    with pytest.raises(InvalidAnswer, match="not a header"):
        await typed(node).head()


def typed(node: ScriptedNode) -> RuntimeClient:
    return RuntimeClient(chain_of(node), RUNTIME, 1_000)


async def test_a_header_without_a_slot_is_an_invalid_answer() -> None:
    node = ScriptedNode(
        chain_getHeader=HEADER,
        chain_getFinalizedHead="0x" + "44" * 32,
        state_getRuntimeVersion={"specVersion": 100},
    )
    with pytest.raises(InvalidAnswer, match="without a slot"):
        await typed(node).head()


async def test_only_the_newest_head_waits_for_a_slow_caller() -> None:
    node = ScriptedNode(
        chain_getHeader=HEADER | {"number": "0x0"},
        chain_getFinalizedHead="0x" + "44" * 32,
        state_getRuntimeVersion={"specVersion": 100},
    )
    genesis = HEADER | {"number": "0x0"}
    node.heads = [genesis | {"parentHash": "0x" + f"{number:064x}"} for number in range(50)]
    heads = typed(node).heads()
    first = await anext(heads)
    assert first.hash == bytes(read_header(node.heads[-1]).hash())
    # An error replaces a head that waits, too.
    node.heads = [genesis, {"number": 7}]
    with pytest.raises(InvalidAnswer, match="not a header"):
        await anext(typed(node).heads())


async def test_events_that_are_none_are_undecodable() -> None:
    wire = b"\x04\x00"
    block: Json = {"block": {"header": HEADER, "extrinsics": [to_hex(wire)]}}
    for raw in (b"", b"\x04", b"\x04\x00" + b"\xff" * 40, b"\xff" * 100):
        node = ScriptedNode(chain_getBlock=block, state_getStorage=to_hex(raw))
        with pytest.raises(Undecodable, match="events"):
            await typed(node).executed(wire, bytes(32))


# ---- metadata


@pytest.fixture(scope="module")
def sample() -> tuple[bytes, bytes]:
    """A signed extrinsic, and the events of its block."""
    chain = DevChain()
    wire = chain.sign(ALICE, chain.call("System", "remark", remark=b"x"))
    chain.send(ALICE, chain.call("System", "remark", remark=b"x"))
    known = ChainMetadata(RAW)
    where, _ = known.storage.key(*known.items.storage("System.Events"), ())
    events = chain.client.state(chain.seal()).get(where)
    assert events is not None
    return wire, events


def uses(known: ChainMetadata, wire: bytes, events: bytes) -> Sequence[Callable[[], object]]:
    items, storage = known.items, known.storage
    pallet, account = items.storage("System.Account")
    path = "Balances.transfer_keep_alive"
    value: dict[str, Plain] = {"dest": "//Alice", "value": 1}
    call = ChainMetadata(RAW).arguments.compose(path, value)
    return (
        lambda: known.decoder.call(call),
        lambda: known.decoder.extrinsic(wire),
        lambda: known.decoder.events(events),
        lambda: known.decoder.dispatch_error_in(bytes((3, 4, 0, 0, 0, 0))),
        lambda: known.arguments.compose(path, value),
        lambda: known.arguments.encode_call(path, ["//Alice", "1BTT"]),
        lambda: storage.key(pallet, account, ["//Alice"]),
        lambda: storage.decode_keys(account, bytes(80)),
        lambda: storage.stored(account, bytes(80)),
        lambda: [items.type_name(type_id) for type_id in range(len(items.types.types) + 1)],
    )


def test_metadata_that_contradict_themselves_are_client_errors(sample: tuple[bytes, bytes]) -> None:
    rng = random.Random(1)
    results = {True: 0, False: 0}
    for _ in range(40):
        known = ChainMetadata(RAW)
        types = list(known.items.types.types)
        for _ in range(rng.choice((1, 5, 50, 300))):
            types[rng.randrange(len(types))] = rng.choice(types)
        if rng.random() < 0.3:
            del types[rng.randrange(len(types)) :]
        known.items.types.types = types
        for use in uses(known, *sample):
            try:
                use()
            except ClientError:
                results[False] += 1
            else:
                results[True] += 1
    assert min(results.values()) > 30, results


def test_bytes_of_metadata_that_are_changed_are_client_errors(sample: tuple[bytes, bytes]) -> None:
    rng = random.Random(1)
    refused = 0
    for _ in range(40):
        raw = bytearray(RAW)
        for _ in range(rng.choice((1, 5, 20))):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        try:
            known = ChainMetadata(bytes(raw))
            for use in uses(known, *sample):
                use()
        except ClientError:
            refused += 1
    assert refused > 10


def test_the_name_of_a_type_without_an_end_is_cut() -> None:
    endless = Portable([PortableType([], [], TupleDef([u32(0), u32(0)]), [])])
    assert endless.name(0).count("…") > 1
    assert len(endless.name(0)) < 5_000
    doubling = [PortableType([], [], TupleDef([u32(at + 1), u32(at + 1)]), []) for at in range(60)]
    doubling.append(PortableType([], [], TupleDef([]), []))
    assert len(Portable(doubling).name(0)) < 5_000
