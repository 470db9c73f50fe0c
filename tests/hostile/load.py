"""An honest load: `python -m hostile.load BASE RATE SECONDS REPORT`, a process of its own.

Signs everything beforehand, writes `ready`, waits for a line, then submits transfers at all
validators in turn. The report has the hash of each transfer and when it was first submitted.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

import aiohttp
import orjson

from bench.load import Payer, payers
from btt_chain.crypto.hashing import blake2_256
from btt_chain.testing import Devnet

PAYERS: Final = 4
"""One for each validator; the other accounts of genesis are the attackers'."""
BATCH: Final = 25
AGAIN: Final = 0.5
PATIENCE: Final = 10.0
TAKEN: Final = 1013
"""The code of a transaction that is there already."""


def read_load(path: Path) -> dict[str, float]:
    """Return when each transfer was submitted, by its hash."""
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return {line["hash"]: line["at"] for line in lines}


async def submit(payer: Payer, transfers: Sequence[bytes], rate: float, ends: float,
                 report: IO[str]) -> None:  # fmt: skip
    """Submit one payer's transfers, in order; what is not taken is tried again."""
    begun, noted, taken = time.monotonic(), 0, 0
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while taken < len(transfers) and time.monotonic() < ends:
            due = min(len(transfers), int((time.monotonic() - begun) * rate))
            for place in range(noted, due):
                hash = "0x" + blake2_256(transfers[place]).hex()
                report.write(json.dumps({"hash": hash, "at": time.time()}) + "\n")
            noted = max(noted, due)
            batch = transfers[taken : min(taken + BATCH, due)]
            if not batch:
                await asyncio.sleep(0.05)
                continue
            try:
                done = await _post(session, payer.node.http, batch)
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
                done = 0
            taken += done
            if done < len(batch):
                await asyncio.sleep(AGAIN)


async def _post(session: aiohttp.ClientSession, url: str, batch: Sequence[bytes]) -> int:
    """Submit; return how many were taken before the first that was not."""
    calls = [
        {"jsonrpc": "2.0", "id": place, "method": "author_submitExtrinsic",
         "params": ["0x" + wire.hex()]}
        for place, wire in enumerate(batch)
    ]  # fmt: skip
    async with session.post(url, data=orjson.dumps(calls)) as answer:
        received = orjson.loads(await answer.read())
    if not isinstance(received, list):
        return 0
    answers = {each["id"]: each for each in received}
    for place in range(len(batch)):
        if answers[place].get("error", {"code": TAKEN})["code"] != TAKEN:
            return place
    return len(batch)


async def run(who: Sequence[Payer], loads: Sequence[Sequence[bytes]], rate: float,
              seconds: float, report: IO[str]) -> None:  # fmt: skip
    """Submit all loads at once."""
    ends = time.monotonic() + seconds
    await asyncio.gather(
        *(
            submit(payer, load, rate / len(who), ends, report)
            for payer, load in zip(who, loads, strict=True)
        )
    )


def main() -> None:
    """Prepare, wait for the word, submit."""
    base, rate, seconds, report = sys.argv[1:]
    who = payers(Devnet.open(Path(base)))[:PAYERS]
    turns = itertools.count()
    amount = int(float(rate) * float(seconds) / len(who))
    loads = [[payer.sign(next(turns)) for _ in range(amount)] for payer in who]
    print("ready", flush=True)
    sys.stdin.readline()
    with Path(report).open("a") as file:
        asyncio.run(run(who, loads, float(rate), float(seconds), file))


if __name__ == "__main__":
    main()
