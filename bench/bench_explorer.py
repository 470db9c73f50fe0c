"""The explorer: catching up, the size of the index, and the time of pages.

`python bench/bench_explorer.py [BLOCKS]`; one thread. 5,000 blocks are a million extrinsics.
Blocks of 200 transfers between 10,000 accounts, whose extrinsics and events are those of a real
transfer with other accounts and signatures. They come as the JSON of a node's answers, without a
socket. Times are of the processor.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import process_time

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from btt_chain.client.jsonrpc import Json  # noqa: E402
from btt_chain.client.metadata import ChainMetadata  # noqa: E402
from btt_chain.explorer.index.driver import Indexer, Progress  # noqa: E402
from btt_chain.explorer.index.queries import Index  # noqa: E402
from btt_chain.explorer.index.reading import SpecReader  # noqa: E402
from btt_chain.explorer.index.source import (  # noqa: E402
    ACCOUNT,
    EVENT_COUNT,
    EVENTS,
    LAST_UPGRADE,
    NOW,
)
from btt_chain.explorer.index.store import Writer  # noqa: E402
from btt_chain.primitives.digest import H256  # noqa: E402
from btt_chain.primitives.header import Header  # noqa: E402
from btt_chain.scale import compact_encode, u32, u128  # noqa: E402
from support.chain import ALICE, BOB, DevChain, address  # noqa: E402
from support.explorer import PROPERTIES, ChainConnection, hex_of, pages_of, unhex  # noqa: E402

TRANSFERS = 200
ACCOUNTS = 10_000
PATHS = ("/", "/blocks", "/txs", "/accounts", "/block/{h}", "/tx/{h}-7", "/account/{a}")
REQUESTS = 40
KEPT = 200
"""Number of made blocks that are kept."""


class Recorded:
    """A connection to made-up blocks: each answer is parsed from JSON, as on a socket."""

    url = "recorded:"

    def __init__(self, blocks: int) -> None:
        self.rng = random.Random(7)
        self.chain = DevChain(shared=True)
        self.real = ChainConnection(self.chain)
        self._learn()
        self.genesis = self.chain.client.genesis_hash
        self.accounts = [self.rng.randbytes(32) for _ in range(ACCOUNTS)]
        self.hashes = [self.genesis]
        self.headers: list[Header] = []
        self.numbers: dict[str, int] = {}
        self.made: OrderedDict[int, tuple[str, dict[str, str]]] = OrderedDict()
        self.making = 0.0
        """Processor seconds that making the answers took."""
        for number in range(1, blocks + 1):
            self._add(number)

    def _add(self, number: int) -> None:
        """Add the header of a block; its roots are those of nothing."""
        roots = H256(self.rng.randbytes(32)), H256(self.rng.randbytes(32))
        header = Header(H256(self.hashes[-1]), u32(number), *roots)
        hash = bytes(header.hash())
        self.headers.append(header)
        self.hashes.append(hash)
        self.numbers[hex_of(hash)] = number

    def _block(self, number: int) -> tuple[str, dict[str, str]]:
        """Return a block's answer and state, made again when they are needed: memory is bounded."""
        found = self.made.get(number)
        if found is None:
            before = process_time()
            found = self.made[number] = self._make(number)
            if len(self.made) > KEPT:
                self.made.popitem(last=False)
            self.making += process_time() - before
        return found

    def _learn(self) -> None:
        """Take the bytes of a real transfer, and of its events, from the second one in a chain."""
        for _ in range(2):
            self.chain.send(
                ALICE,
                self.chain.call(
                    "Balances", "transfer_keep_alive", dest=address(BOB), value=u128(10**18)
                ),
            )
            hash = self.chain.seal()
        view = self.real.view
        block = self.real.answer("chain_getBlock", (hex_of(hash),))
        assert isinstance(block, dict)
        inner = block["block"]
        assert isinstance(inner, dict)
        assert isinstance(inner["extrinsics"], list)
        self.inherent, self.wire = (unhex(str(each)) for each in inner["extrinsics"])
        raw = view.state(hash).get(EVENTS)
        assert raw is not None
        self.metadata = view.metadata(hash)
        parts = SpecReader(ChainMetadata(self.metadata)).split_events(raw)
        self.events = [raw[part.start : part.end] + b"\0" for part in parts if part.extrinsic == 1]
        upgrade = view.state(hash).get(LAST_UPGRADE)
        assert upgrade is not None
        self.upgrade = upgrade
        account = view.state(hash).get(ACCOUNT + view.state(hash).keys(ACCOUNT, None, 1)[0][32:])
        assert account is not None
        self.account = hex_of(account)

    def _make(self, number: int) -> tuple[str, dict[str, str]]:
        rng, wires, events = random.Random(number), [self.inherent], list[bytes]()
        for at in range(1, TRANSFERS + 1):
            sender, receiver = rng.choice(self.accounts), rng.choice(self.accounts)
            swap = {ALICE.account_id: sender, BOB.account_id: receiver}
            wire = self.wire
            for old, new in swap.items():
                wire = wire.replace(old, new)
            wires.append(wire[:37] + rng.randbytes(64) + wire[101:])
            phase = b"\0" + at.to_bytes(4, "little")
            for event in self.events:
                changed = event
                for old, new in swap.items():
                    changed = changed.replace(old, new)
                events.append(phase + changed)
        header = self.headers[number - 1]
        answer = json.dumps(
            {
                "block": {"header": header.to_json(), "extrinsics": [*map(hex_of, wires)]},
                "justifications": None,
            }
        )
        state = {
            hex_of(EVENTS): hex_of(compact_encode(len(events)) + b"".join(events)),
            hex_of(EVENT_COUNT): hex_of(len(events).to_bytes(4, "little")),
            hex_of(LAST_UPGRADE): hex_of(self.upgrade),
            hex_of(NOW): hex_of((1_800_000_000_000 + 1_000 * number).to_bytes(8, "little")),
        }
        return answer, state

    async def call(self, method: str, *params: Json) -> Json:
        """Return a recorded answer; of block zero, the real chain's."""
        match method, params:
            case "chain_getBlockHash", (int(number),):
                return hex_of(self.hashes[number])
            case "chain_getBlock", (str(hash),) if hash in self.numbers:
                found: Json = json.loads(self._block(self.numbers[hash])[0])
                return found
            case "state_queryStorageAt", (list(keys), str(hash)) if hash in self.numbers:
                state = self._block(self.numbers[hash])[1]
                changes = [
                    [
                        key,
                        self.account
                        if str(key).startswith(hex_of(ACCOUNT))
                        else state.get(str(key)),
                    ]
                    for key in keys
                ]
                answer: Json = json.loads(json.dumps([{"block": hash, "changes": changes}]))
                return answer
            case "state_getMetadata", _:
                return hex_of(self.metadata)
            case "system_properties", ():
                return PROPERTIES
        return await self.real.call(method, *params)

    @asynccontextmanager
    async def subscribe(
        self, method: str, unsubscribe: str, *params: Json
    ) -> AsyncIterator[AsyncIterator[Json]]:
        """Report the last block as best and final."""

        async def heads() -> AsyncIterator[Json]:
            block = json.loads(self._block(len(self.headers))[0])
            yield block["block"]["header"]
            await asyncio.Event().wait()

        yield heads()

    async def close(self) -> None:
        """There is nothing to close."""


async def catch_up(connection: Recorded, file: Path) -> float:
    """Index all blocks; return the processor seconds."""
    writer = Writer(file)
    before, connection.making = process_time(), 0.0
    await Indexer(writer, Progress()).follow(connection, until=len(connection.hashes) - 1)
    seconds = process_time() - before - connection.making
    writer.close()
    return seconds


async def page_times(connection: Recorded, file: Path) -> dict[str, float]:
    """Return the time of each page at the 95th percentile, in milliseconds."""
    found: dict[str, float] = {}
    async with pages_of(connection.real, file, burst=1e9) as (client, _):
        for path in PATHS:
            times: list[float] = []
            for _ in range(REQUESTS):
                height = connection.rng.randrange(1, len(connection.hashes))
                who = connection.rng.choice(connection.accounts).hex()
                before = process_time()
                answer = await client.get(path.format(h=height, a=who))
                await answer.read()
                assert answer.status == 200, path
                times.append((process_time() - before) * 1_000)
            found[path] = sorted(times)[int(len(times) * 0.95)]
    return found


def main(blocks: int) -> None:
    """Print the figures."""
    connection = Recorded(blocks)
    count = blocks * (TRANSFERS + 1)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "index.db"
        seconds = asyncio.run(catch_up(connection, file))
        size = file.stat().st_size
        print(f"catch-up   {count / seconds:,.0f} extrinsics per CPU second (goal 2,000)")
        print(f"index      {size / count:,.0f} bytes an extrinsic (goal 400)")
        index = Index(file)
        assert index.tip() == blocks
        index.close()
        for path, ms in asyncio.run(page_times(connection, file)).items():
            print(f"page       {path:<14} {ms:6.1f} ms at the 95th percentile (goal 25)")
    memory = psutil.Process().memory_info().rss >> 20
    print(f"memory     {memory} MiB, with the recorded blocks and a node's runtime")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 250)
