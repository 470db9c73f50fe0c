"""A node that answers in any form: each page says so in words, or shows what it can."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from btt_chain.client.chain import Chain
from btt_chain.explorer.routes import ECONOMY
from btt_chain.explorer.server import TITLES
from btt_chain.scale.portable import Plain
from support.explorer import ChainConnection, pages_of
from support.explorer_economy import JOBS, MODEL

Client = TestClient[web.Request, web.Application]

PARTS = {
    "index": "0", "job": f"0x{bytes(JOBS[2]).hex()}", "model": f"0x{bytes(MODEL).hex()}",
    "account": "Bob", "asset": "0", "order": "7", "block": "1", "tx": "1-1",
    "event": "Balances.Transfer", "pallet": "Balances", "item": "System.Number",
}  # fmt: skip
LIES: list[Plain] = [
    None, True, -1, 2**200, "", "0x", "0xzz", "<script>alert(1)</script>", "\u202e", "9" * 400,
    [], [[]], {}, {"Some": {}}, [1, 2, 3], {"id": 0},
]  # fmt: skip
TRIES = 5


def path_of(path: str) -> str:
    for name, value in PARTS.items():
        path = path.replace("{" + name + "}", value)
    return path


def lied(value: Plain, rng: random.Random) -> Plain:
    """Return a value with one part of it, or all of it, replaced."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        name = rng.choice(list(value))
        if rng.random() < 0.2:
            return {key: each for key, each in value.items() if key != name}
        return value | {name: lied(value[name], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        at = rng.randrange(len(value))
        return [*value[:at], lied(value[at], rng), *value[at + 1 :]]
    return rng.choice(LIES)


async def test_whatever_a_node_answers_no_page_is_without_words(
    economy_index: Path, economy: ChainConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[int, int] = {}
    async with pages_of(economy, economy_index, burst=1e9) as (client, server):
        chain = await server.context.node.chain(server.context.index.specs()[0][0])
        change_answers(chain, random.Random(16), monkeypatch)
        for page in ECONOMY:
            path = path_of(page.path)
            for _ in range(TRIES):
                answer = await client.get(path)
                text = await answer.text()
                assert answer.status in {200, 404, 503}, (path, text)
                assert "<script>alert" not in text
                if answer.status != 200:
                    assert TITLES[answer.status] in text
                seen[answer.status] = seen.get(answer.status, 0) + 1
    assert seen[200] > len(ECONOMY)
    assert seen[503] > len(ECONOMY)


def change_answers(chain: Chain, rng: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the third of all decoded answers be something else."""
    api, storage, entries = chain.api, chain.storage, chain.entries

    def change(value: Plain) -> Plain:
        return lied(value, rng) if rng.random() < 1 / 3 else value

    async def lying_api(path: str, *args: Plain, at: bytes | None = None) -> Plain:
        return change(await api(path, *args, at=at))

    async def lying_storage(path: str, *keys: Plain, at: bytes | None = None) -> Plain:
        return change(await storage(path, *keys, at=at))

    async def lying_entries(
        path: str,
        *keys: Plain,
        at: bytes | None = None,
        after: Sequence[Plain] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[tuple[list[Plain], Plain]]:
        async for key, value in entries(path, *keys, at=at, after=after, limit=limit):
            yield [change(each) for each in key], change(value)

    lies: dict[str, Callable[..., object]] = {
        "api": lying_api, "storage": lying_storage, "entries": lying_entries,
    }  # fmt: skip
    for name, lie in lies.items():
        monkeypatch.setattr(chain, name, lie)


async def test_what_cannot_be_shown_is_a_page_in_words(
    economy_index: Path, economy: ChainConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_below: int, _limit: int) -> None:
        raise LookupError("no such column")

    async with pages_of(economy, economy_index) as (client, server):
        monkeypatch.setattr(server.context.index, "blocks_below", broken)
        answer = await client.get("/blocks")
        assert answer.status == 500
        assert "The page cannot be shown" in await answer.text()
        assert "LookupError" in await answer.text()
        twin = await client.get("/blocks.json")
        assert "unexpected form" in (await twin.json())["error"]
