"""A node that is asked to stop does so at once and in order, whatever it is doing."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from crash.chains import audit, database
from crash.process import NodeProcess, running
from crash.wallet import Claims, open_wallet
from storage.check import check_chain
from storage.leveldb import open_database

pytestmark = pytest.mark.crash

HANG = 15.0
"""Seconds after which a stop counts as hanging: three times the 5 s of scenario F34."""


def once(node: NodeProcess) -> None:
    """As `kill` and service managers do."""
    node.send(signal.SIGTERM)


def interrupted_twice(node: NodeProcess) -> None:
    """As an impatient person does."""
    node.send(signal.SIGINT)
    node.send(signal.SIGINT)


@pytest.mark.parametrize(
    ("sealing", "ask"),
    [
        ("interval:40", interrupted_twice),
        ("instant", once),
        pytest.param("interval:40", once, marks=pytest.mark.full),
        pytest.param("instant", interrupted_twice, marks=pytest.mark.full),
    ],
)
async def test_a_busy_node_stops_in_order(
    sealing: str, ask: Callable[[NodeProcess], None], tmp_path: Path
) -> None:
    claims = Claims()
    with running(tmp_path, sealing=sealing) as node:
        async with open_wallet(node.port(), claims) as found:
            spending = asyncio.create_task(found.spend(sealing))
            await claims.reach(5, spending)
            ask(node)
            code = await asyncio.to_thread(node.wait, HANG)
            await spending
    assert code == 0, node.text()
    assert not [line for line in node.lines if "Traceback" in line], node.text()
    assert_nothing_to_recover(tmp_path)
    audit(tmp_path, claims, None)


async def test_more_interrupts_do_not_make_it_stop_worse(tmp_path: Path) -> None:
    claims = Claims()
    with running(tmp_path) as node:
        async with open_wallet(node.port(), claims) as found:
            spending = asyncio.create_task(found.spend("storm"))
            await claims.reach(3, spending)
            while node.is_alive:
                node.send(signal.SIGINT)
                await asyncio.sleep(0.001)
            await spending
        code = node.wait()
    # Once it has said goodbye, the system may end it for the last one: 130 to a shell.
    assert code in {0, 130, -signal.SIGINT}, node.text()
    assert not [line for line in node.lines if "Traceback" in line], node.text()
    audit(tmp_path, claims, None)


def assert_nothing_to_recover(base: Path) -> None:
    """The stop left its mark, and nothing had to be healed."""
    kv = open_database(database(base), check_chain, min_free=0)
    try:
        assert kv.was_clean
        assert kv.note is None
    finally:
        kv.close()
