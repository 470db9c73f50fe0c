"""Three feeders as real programs against a real node: one lies, one has a slow source.

Their sources are files and web servers of this machine.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from btt_chain.testing import Devnet
from btt_chain.testing.node import DevNode
from btt_chain.testing.single import dev_node
from support.feeders import HANG, KEY, running, started
from support.sources import web_sources

pytestmark = [pytest.mark.full, pytest.mark.devnet, pytest.mark.timeout(900)]

ONE: Final = 10**18
HONEST: Final = range(40 * ONE // 100, 43 * ONE // 100)


async def eventually(what: str, holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    try:
        async with asyncio.timeout(HANG):
            while not await asyncio.to_thread(holds):
                await asyncio.sleep(0.3)
    except TimeoutError:
        raise AssertionError(f"not in time: {what}") from None


def views(node: DevNode, method: str) -> list[dict[str, object]]:
    """Return the records that a method of the node answers."""
    found = node.rpc.call(method)
    assert isinstance(found, list)
    return [{**each} for each in found if isinstance(each, dict)]


def state_of(node: DevNode) -> object:
    """Return the state of the key's price."""
    (found,) = [each for each in views(node, "oracle_prices") if each["key"] == KEY]
    return found["state"]


def values_of(node: DevNode) -> list[int]:
    """Return the newest values of all feeders, in order."""
    pairs = [each["values"] for each in views(node, "oracle_feeders")]
    records = [pair[0][1] for pair in pairs if isinstance(pair, list)]
    return sorted(int(str(record["value"])) for record in records)


def price_of(node: DevNode) -> int:
    """Return the price; 0 if there is none."""
    found = node.rpc.call("oracle_getValue", "Aggregated", KEY)
    return int(str(found["value"])) if isinstance(found, dict) else 0


@pytest.mark.full
async def test_three_feeders_of_which_one_lies_and_one_is_slow(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a", "b", "c")]

    def write(*prices: str) -> None:
        for path, price in zip(paths, prices, strict=True):
            path.write_text(price)

    write("0.40", "0.41", "0.42")
    files = [f"file:{path}" for path in paths]
    with dev_node(tmp_path / "node", sealing="interval:500") as node:
        async with web_sources() as base:
            good, lie = f"{base}good#/btt/{{quote_}}/last", f"{base}lying#/btt/cny/last"
            lies = [lie, f"{base}lying?1#/btt/cny/last", f"{base}lying?2#/btt/cny/last"]
            async with (
                running(node.ws, "Dave", *files) as honest,
                running(node.ws, "Eve", *lies) as liar,
                running(node.ws, "Ferdie", *files, good, f"{base}slow") as slow,
            ):
                programs = (honest, liar, slow)
                for program in programs:
                    await eventually("every feeder feeds", partial(program.has, "fed"))
                await eventually("there is a price", lambda: price_of(node) in HONEST)
                states = [each["state"] for each in views(node, "oracle_feeders")]
                assert states == ["Active"] * 3
                assert values_of(node)[2] == 999 * ONE, "the liar's value is on the chain"
                await eventually("the slow source is reported", lambda: slow.has("source"))

                # The market moves a little: the honest feeders follow at once.
                write("0.43", "0.43", "0.43")
                await eventually("the price follows", lambda: price_of(node) > 42 * ONE // 100)
                # It crashes: there is no price until that has settled.
                write("0.20", "0.20", "0.20")
                await eventually("a jump", lambda: state_of(node) == "Jumping")
                assert not price_of(node)
                # It was a mistake of all sources.
                write("0.43", "0.43", "0.43")
                await eventually("the price is back", lambda: state_of(node) == "Ready")
                assert not any(program.has("failed") for program in programs)


async def test_feeding_once_says_how_it_went_by_its_exit_code(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path in paths:
        path.write_text("0.4")
    three = [part for path in paths for part in ("--source", f"file:{path}")]
    with dev_node(tmp_path / "node", sealing="interval:500") as node:

        async def once(who: str, *more: str) -> tuple[int | None, str, str]:
            program = await started(node.ws, who, *three, "--once", *more)
            out, err = await asyncio.wait_for(program.process.communicate(), HANG)
            return program.process.returncode, out.decode(), err.decode()

        code, out, _ = await once("Dave", "--dry-run")
        assert (code, json.loads(out)["event"]) == (0, "would feed")
        code, out, _ = await once("Dave")
        assert (code, json.loads(out)["values"]) == (0, {KEY: str(4 * ONE // 10)})
        assert await once("Dave") == (0, "", ""), "nothing is due"
        code, _, err = await once("Alice")
        assert code == 1
        assert "has no bond: `btt-chain oracle join`" in err
        paths[0].unlink()
        code, out, _ = await once("Eve")
        assert code == 1
        assert json.loads(out.splitlines()[-1])["event"] == "silent"


async def test_a_devnet_with_feeders_has_prices(tmp_path: Path) -> None:
    base = tmp_path / "net"
    with Devnet.create(base, validators=1, slot_ms=1_000, feeders=True) as net:
        await asyncio.to_thread(net.up)
        node = net[0]
        await eventually("there is a price", lambda: price_of(node) == 40 * ONE // 100)
        for name in ("a.json", "b.json"):
            file = base / "prices" / name
            file.write_text(file.read_text().replace("0.40", "0.42"))
        await eventually("the price follows", lambda: price_of(node) == 42 * ONE // 100)
        await eventually(
            "there are all prices",
            lambda: all(each["state"] == "Ready" for each in views(node, "oracle_prices")),
        )
        pids = [helper.process.pid for helper in net.helpers if helper.process is not None]
    assert len(pids) == 3
    assert not any(helper.is_alive for helper in net.helpers)
