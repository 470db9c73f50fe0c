"""A load of transfers or payments on running nodes, by RPC from a process of its own.

Everything is signed beforehand. Each sender speaks to one node, in batches over one WebSocket, as
fast as the wished rate asks for and as the node answers. What a full pool refuses is sent again.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import secrets
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import orjson
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from bench.machine import cpu_of, memory_of
from btt_chain.consensus.babe.verify import slot_of
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId, Id, Sr25519Signature
from btt_chain.primitives.digest import H256, Digest, DigestItem
from btt_chain.primitives.era import Immortal
from btt_chain.primitives.extrinsic import opaque, signed, signing_payload
from btt_chain.primitives.header import Header
from btt_chain.scale import codec, u32, u64, u128
from btt_chain.testing import Devnet, DevNode
from runtime import BttRuntime
from runtime.extensions import IMPLICIT, SIGNED_EXTRA, Implicit, MetadataHashMode, SignedExtra
from runtime.params import RuntimeParams

BATCH: Final = 50
RECEIVERS: Final = 1_000
VALUE: Final = 10**15
PAUSE: Final = 0.02
AGAIN: Final = 0.5
"""Seconds until a refused transaction is sent again."""
RSS_EVERY: Final = 30.0
FALL: Final = 20
"""Fall of memory in MiB that shows a flush of LevelDB."""
PACKETS: Final = re.compile(r"^btt_network_packets_out_total(?:\{[^}]*\})? (\S+)$", re.MULTILINE)
OWN: Final = "RssAnon"
"""Memory that is the process's own: LevelDB's files, mapped, come and go as it sorts them."""

_ITEM: Final = codec(DigestItem)


class Payer:
    """An account of genesis that pays; what it signs goes to one node."""

    def __init__(self, node: DevNode, uri: str, slot_ms: int) -> None:
        self.node = node
        self._pair = KeyPair.from_uri(uri)
        self._runtime = BttRuntime(RuntimeParams(u64(slot_ms)))
        genesis = H256(bytes.fromhex(str(node.rpc.call("chain_getBlockHash", 0))[2:]))
        version = self._runtime.version
        self._implicit = IMPLICIT.encode(
            Implicit(version.spec_version, version.transaction_version, genesis, genesis, None)
        )
        known = node.rpc.call("system_accountNextIndex", ss58.encode(self._pair.account_id))
        self._nonce = int(str(known))

    def call(self, turn: int) -> bytes:
        """Return the call to sign."""
        dest = AccountId((turn % RECEIVERS + 1).to_bytes(32, "little"))
        return self._runtime.call(
            "Balances", "transfer_keep_alive", dest=Id(dest), value=u128(VALUE)
        ).raw

    def sign(self, turn: int) -> bytes:
        """Return the next transaction, with its length in front."""
        call = self.call(turn)
        extra = SIGNED_EXTRA.encode(
            SignedExtra(Immortal(), u32(self._nonce), u128(0), MetadataHashMode.Disabled)
        )
        self._nonce += 1
        proof = self._pair.sign(signing_payload(call, extra, self._implicit))
        who = Id(AccountId(self._pair.account_id))
        return opaque(signed(who, Sr25519Signature(proof), extra, call))


class Customer(Payer):
    """An account of genesis that pays merchants, a new invoice each time."""

    merchants: Sequence[AccountId] = ()

    def call(self, turn: int) -> bytes:
        """Return the call to sign."""
        return self._runtime.call(
            "PayFi",
            "pay",
            merchant=Id(self.merchants[turn % len(self.merchants)]),
            units=u128(VALUE),
            currency=b"BTT",
            max_btt=u128(VALUE),
            reference=secrets.token_bytes(16),
            memo=None,
        ).raw


@dataclass(slots=True)
class Seen:
    """A block as the watched node reported it."""

    header: Header
    best_at: float
    final_at: float = 0.0
    transfers: int = 0

    @property
    def slot(self) -> int:
        """Its slot."""
        return slot_of(self.header)


@dataclass(slots=True)
class Measured:
    """Result of a load, or of an idle time."""

    offered: float
    seconds: float
    sent: int = 0
    refused: int = 0
    """Number of refusals by a full pool."""
    finalized: int = 0
    """Transfers in the final blocks of whole slots in which it lasted, the first left out.

    Counted by the slot of a block, not by the time at which it became final: otherwise the blocks
    that one vote makes final at either end of the window are counted all or not at all.
    """
    counted: float = 0.0
    """Seconds in which they were counted."""
    minutes: list[float] = field(default_factory=list)
    """Transfers made final in a second, for each whole minute of these."""
    slots: int = 0
    blocks: int = 0
    lags: list[float] = field(default_factory=list)
    """Slots from the beginning of a block's own until it was final."""
    behind: list[int] = field(default_factory=list)
    """Blocks between best and final, looked at ten times a slot."""
    cpu: list[float] = field(default_factory=list)
    """Seconds of CPU of each node, for a second of the clock."""
    packets: float = 0.0
    """Encrypted packets that all nodes together sent, for a second of the clock."""
    rss: list[tuple[float, list[float]]] = field(default_factory=list)
    """MiB of each node, by seconds from the beginning; its own, mapped files left out."""

    @property
    def rate(self) -> float:
        """Transfers made final in a second."""
        return self.finalized / self.counted if self.counted else 0.0

    @property
    def cost(self) -> float:
        """Milliseconds of CPU for a transfer, of all nodes together, idle needs included."""
        return 1_000 * sum(self.cpu) / self.rate if self.rate else 0.0

    @property
    def filled(self) -> float:
        """Slots that have a block, of a hundred."""
        return 100 * self.blocks / self.slots if self.slots else 0.0

    def lag(self, part: int) -> float:
        """Return the lag that so many of a hundred blocks do not exceed, in slots."""
        return percentile(self.lags, part)

    def slope(self) -> list[float]:
        """Return by how many MiB an hour each node grows, by least squares over its troughs.

        LevelDB gathers writes in memory, 64 MiB of them, before it writes a file and lets go: what
        grows is what a node holds right after that. Empty until each has let go twice.
        """
        found = []
        for node in range(len(self.rss[0][1])):
            held = [(at, all_held[node]) for at, all_held in self.rss]
            low = [
                after for before, after in itertools.pairwise(held) if before[1] - after[1] > FALL
            ]
            if len(low) < 2:
                return []
            found.append(
                statistics.linear_regression(
                    [at / 3_600 for at, _ in low], [amount for _, amount in low]
                ).slope
            )
        return found

    def written(self) -> str:
        """Return it in one line."""
        cpu = "/".join(f"{each:.2f}" for each in self.cpu)
        rss = "/".join(f"{each:.0f}" for each in self.rss[-1][1]) if self.rss else ""
        behind = f"{percentile(self.behind, 50):.0f}/{percentile(self.behind, 95):.0f}"
        return (
            f"offered {self.offered:.0f}/s, final {self.rate:.0f}/s, slots {self.filled:.1f} % of "
            f"{self.slots}, lag p50 {self.lag(50):.2f} p95 {self.lag(95):.2f} slots (best-final "
            f"{behind}), sent {self.sent}, refused {self.refused}, CPU {cpu} "
            f"({self.cost:.2f} ms a transfer), packets {self.packets:.0f}/s, own memory {rss} MiB"
        )


def percentile(values: Sequence[float], part: int) -> float:
    """Return the value that so many of a hundred do not exceed; 0 for none."""
    ordered = sorted(values)
    return float(ordered[min(len(ordered) - 1, len(ordered) * part // 100)]) if ordered else 0.0


Sender = TypeVar("Sender", bound=Payer)


def payers(net: Devnet) -> list[Payer]:
    """Return accounts with money, by turns over the validators."""
    return senders(net, Payer)


def customers(net: Devnet, merchants: Sequence[AccountId]) -> list[Customer]:
    """Return accounts with money that pay these merchants, by turns over the validators."""
    found = senders(net, Customer)
    for one in found:
        one.merchants = merchants
    return found


def senders(net: Devnet, kind: type[Sender]) -> list[Sender]:
    """Return senders of a kind with the accounts that have money."""
    validators = [node for node in net.nodes if node.key is not None]
    turns = itertools.cycle(validators)
    return [
        kind(node, funds.uri, net.slot_ms) for funds, node in zip(net.funded(), turns, strict=False)
    ]


def measure(
    net: Devnet, rate: int, seconds: float, who: Sequence[Payer] = (), skip_slots: int = 4
) -> Measured:
    """Send `rate` transfers a second for so long (0: none), and watch the first node meanwhile."""
    turns = itertools.count()
    loads = [
        [payer.sign(next(turns)) for _ in range(int(rate * seconds / len(who)))] for payer in who
    ]
    return asyncio.run(_measure(net, rate, seconds, who, loads, skip_slots))


async def _measure(
    net: Devnet,
    rate: int,
    seconds: float,
    who: Sequence[Payer],
    loads: Sequence[Sequence[bytes]],
    skip_slots: int,
) -> Measured:
    measured = Measured(rate, seconds)
    pids = [node.process.pid for node in net.nodes if node.process is not None]
    seen: dict[int, Seen] = {}
    begun, before = time.time(), [cpu_of(pid) for pid in pids]
    async with ClientSession() as session:
        packets = await _packets(session, net)
        watching = asyncio.create_task(_watch(session, net.nodes[0], seen, measured))
        weighing = asyncio.create_task(_weigh(pids, begun, measured))
        sending = [
            asyncio.create_task(_send(session, payer, load, rate / len(who), seconds, measured))
            for payer, load in zip(who, loads, strict=True)
        ]
        await asyncio.sleep(seconds)
        ended = time.time()
        measured.cpu = [
            (cpu_of(pid) - was) / (ended - begun) for pid, was in zip(pids, before, strict=True)
        ]
        measured.packets = (await _packets(session, net) - packets) / (ended - begun)
        if sending:
            await asyncio.gather(*sending)
        # What was made in time may become final a little later: lags are of all blocks.
        await asyncio.sleep(5 * net.slot_ms / 1_000)
        for task in (watching, weighing):
            task.cancel()
        measured.rss.append((ended - begun, [memory_of(pid, OWN) for pid in pids]))
        counted = begun + skip_slots * net.slot_ms / 1_000, ended
        await _count(session, net, seen, measured, counted)
    return measured


async def _send(
    session: ClientSession,
    payer: Payer,
    load: Sequence[bytes],
    rate: float,
    seconds: float,
    measured: Measured,
) -> None:
    begun, sent = time.monotonic(), 0
    least = min(BATCH, max(1, int(rate / 4)))
    async with session.ws_connect(payer.node.ws, max_msg_size=0) as socket:
        while sent < len(load) and time.monotonic() - begun < seconds:
            due = min(len(load), int((time.monotonic() - begun) * rate) + 1)
            if due - sent < least and due < len(load):
                await asyncio.sleep(PAUSE)
                continue
            batch = load[sent : min(sent + BATCH, due)]
            taken = await _submit(socket, batch)
            sent += taken
            measured.sent += taken
            if taken < len(batch):
                measured.refused += len(batch) - taken
                await asyncio.sleep(AGAIN)


async def _submit(socket: ClientWebSocketResponse, batch: Sequence[bytes]) -> int:
    """Submit; return how many were taken before the first that was not."""
    calls = [
        {"jsonrpc": "2.0", "id": place, "method": "author_submitExtrinsic",
         "params": ["0x" + wire.hex()]}
        for place, wire in enumerate(batch)
    ]  # fmt: skip
    await socket.send_bytes(orjson.dumps(calls))
    answers = {each["id"]: each for each in orjson.loads(await _received(socket))}
    for place in range(len(batch)):
        # What a try before brought in is there already (1013).
        if answers[place].get("error", {"code": 1013})["code"] != 1013:
            return place
    return len(batch)


async def _received(socket: ClientWebSocketResponse) -> bytes | str:
    message = await socket.receive()
    if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
        raise RuntimeError(f"the node hung up: {message}")
    data: bytes | str = message.data
    return data


async def _watch(
    session: ClientSession, node: DevNode, seen: dict[int, Seen], measured: Measured
) -> None:
    best = final = 0
    async with session.ws_connect(node.ws, max_msg_size=0) as socket:
        for place, kind in enumerate(("chain_subscribeNewHeads", "chain_subscribeFinalizedHeads")):
            call = {"jsonrpc": "2.0", "id": place, "method": kind, "params": []}
            await socket.send_bytes(orjson.dumps(call))
        finals: str | None = None
        waiting = [0, 1]
        while True:
            try:
                async with asyncio.timeout(0.1):
                    message = await _received(socket)
            except TimeoutError:
                if best and final:
                    measured.behind.append(best - final)
                continue
            answer, now = orjson.loads(message), time.time()
            if "result" in answer:
                waiting.remove(answer["id"])
                if answer["id"] == 1:
                    finals = answer["result"]
                continue
            header = read_header(answer["params"]["result"])
            number = int(header.number)
            if answer["params"]["subscription"] == finals:
                final = max(final, number)
                known = seen.setdefault(number, Seen(header, now))
                known.header, known.final_at = header, now
            else:
                best = number
                seen[number] = Seen(header, now)


async def _packets(session: ClientSession, net: Devnet) -> float:
    """Return the number of packets that the nodes have sent; of an older program 0."""
    found = 0.0
    for node in net.nodes:
        async with session.get(node.metrics_url) as answer:
            found += sum(map(float, PACKETS.findall(await answer.text())))
    return found


async def _weigh(pids: Sequence[int], begun: float, measured: Measured) -> None:
    while True:
        measured.rss.append((time.time() - begun, [memory_of(pid, OWN) for pid in pids]))
        await asyncio.sleep(RSS_EVERY)


async def _count(
    session: ClientSession,
    net: Devnet,
    seen: dict[int, Seen],
    measured: Measured,
    span: tuple[float, float],
) -> None:
    """Count slots, lags and transfers of the final blocks that were made in a span of time."""
    begun, ended = span
    slot_s = net.slot_ms / 1_000
    first, last = int(begun / slot_s) + 1, int(ended / slot_s)
    # The first node may receive one justification for several blocks, and then reports all.
    final = {number: block for number, block in sorted(seen.items()) if block.final_at}
    inside = [block for block in final.values() if first <= block.slot < last]
    measured.slots, measured.blocks = last - first, len(inside)
    measured.lags = [block.final_at / slot_s - block.slot for block in inside]
    measured.counted = (last - first) * slot_s
    if not measured.offered:
        return
    for block in inside:
        hash = "0x" + block.header.hash().hex()
        call = {"jsonrpc": "2.0", "id": 1, "method": "chain_getBlock", "params": [hash]}
        async with session.post(net.nodes[0].http, data=orjson.dumps(call)) as answer:
            body = orjson.loads(await answer.read())["result"]["block"]["extrinsics"]
        block.transfers = len(body) - 1
        measured.finalized += block.transfers
    minute = int(60 / slot_s)
    measured.minutes = [
        sum(block.transfers for block in inside if at <= block.slot < at + minute) / 60
        for at in range(first, last - minute + 1, minute)
    ]


def read_header(measured: dict[str, object]) -> Header:
    """Return a header from its JSON form."""
    digest = measured["digest"]
    logs = list(_items(digest["logs"] if isinstance(digest, dict) else []))

    def hash_of(name: str) -> H256:
        return H256(bytes.fromhex(str(measured[name])[2:]))

    return Header(
        hash_of("parentHash"),
        u32(int(str(measured["number"]), 16)),
        hash_of("stateRoot"),
        hash_of("extrinsicsRoot"),
        Digest(logs),
    )


def _items(logs: Sequence[str]) -> Iterator[DigestItem]:
    for text in logs:
        yield _ITEM.decode_all(bytes.fromhex(text[2:]))
