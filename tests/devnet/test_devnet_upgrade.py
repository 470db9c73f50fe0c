"""The chain changes its runtime while it runs: three machines are ready, one is forgotten (F27)."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

import pytest

from btt_chain.client.typed import open_runtime
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import Err, u64, u128
from btt_chain.testing import Devnet, DevNode
from devnet import launcher
from devnet.watched import HANG, until
from genesis.accounts import dev_account
from genesis.catalogue import make
from genesis.presets import CHAINS
from runtime import BttRuntime
from runtime.constants import BTT
from runtime.frame import Call
from runtime.pallets.sudo.pallet import Sudo
from runtime.params import RuntimeParams
from support.document import Document
from support.explorer import explorer_process
from support.next_runtime.btt_next_runtime import NEXT
from support.vectors import REPOSITORY

pytestmark = [pytest.mark.full, pytest.mark.devnet, pytest.mark.timeout(900)]

OLD: Final = ["env", f"PYTHONPATH={REPOSITORY}", sys.executable, "-P", "-m", "cli.main"]
"""A client without the next version of the runtime."""
NEXT_RUNTIME: Final = REPOSITORY / "tests" / "support" / "next_runtime"
NEW: Final = launcher.program(f"beside={NEXT_RUNTIME}")
"""The same program beside a package with the next version of the runtime."""
STALE: Final = 3
LATE: Final = 10_000
"""The slot that is decided on first."""
AHEAD: Final = (10, 40, 160)
"""Slots from now to the one that counts; the next number if a transaction took longer."""
UPDATED: Final = "0x08"
"""The digest item of a block that changes the runtime."""

NEWS: Final = re.compile(
    r"changes to btt 101 at slot (\d+), .*; this program carries 100: install a release"
    r"|the scheduled upgrade is (cancelled)"
)
"""Lines about decisions in the log of the machine without the program."""


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Devnet]:
    """Return four validators; a day of decisions, which is the least notice, has two slots."""
    chain = replace(CHAINS["local"].with_slot(1_000), epoch_slots=10, day_ms=2_000)
    spec = make(chain, validators=4).dumps()
    with Devnet.create(tmp_path / "net", slot_ms=1_000, spec=spec) as made:
        made.up()
        made.wait_for_finality(2)
        yield made


async def decide_and_roll(net: Devnet) -> int:
    """Let the chain decide, and three machines get the new program, one after another.

    The decision is for a late slot first; once all that are to be ready are, however slow this
    machine is, it is put forward: in one transaction, and again if that was too late. Returns the
    slot since genesis.
    """
    build = BttRuntime(RuntimeParams(u64(1_000))).call

    def schedule(slot: int) -> Call:
        return build("Upgrade", "schedule", code=NEXT.encoded(), slot=u64(slot))

    bob, charlie = KeyPair.from_uri("//Bob"), Id(AccountId(dev_account("//Charlie")))

    async with open_runtime(net[STALE].ws) as chain:

        async def by_sudo(*calls: Call) -> bool:
            batch = build("Utility", "batch_all", calls=[*calls])
            done = await chain.submit(
                "Sudo", "sudo", signer=KeyPair.from_uri("//Alice"), call=batch
            )
            (result,) = [each.sudo_result for each in done.events if isinstance(each, Sudo.Sudid)]
            return not isinstance(result, Err)

        assert await by_sudo(schedule(LATE))
        for index in range(3):
            net[index].program = NEW
            await asyncio.to_thread(net.restart, index)
            await chain.submit(
                "Balances", "transfer_keep_alive", signer=bob, dest=charlie, value=u128(int(BTT))
            )
        for node in net.nodes:
            ready = node.index != STALE
            status = upgrade_status(node)
            assert (status["carried"], status["lacking"] == "") == ([100, 101][: 1 + ready], ready)
        for ahead in AHEAD:
            slot = LATE - int(upgrade_status(net[STALE])["scheduled"]["slotsLeft"]) + ahead
            if await by_sudo(build("Upgrade", "cancel"), schedule(slot)):
                return slot
        raise AssertionError(f"no transaction was included within {AHEAD[-1]} slots")


def upgrade_status(node: DevNode) -> dict[str, Any]:
    status = node.rpc.call("upgrade_status")
    assert isinstance(status, dict)
    return status


@pytest.fixture
def pages(net: Devnet, tmp_path: Path) -> Iterator[str]:
    """Return the address of an explorer that follows the first machine all the time."""
    with explorer_process(net[0].ws, tmp_path / "index") as (_, address):
        yield address


def shown(address: str, page: str) -> Any:
    """Return the data of a page of the explorer."""
    with urlopen(f"{address}{page}.json", timeout=HANG) as answer:
        return json.load(answer)


def test_a_running_chain_changes_its_runtime_and_a_machine_that_was_forgotten_waits_for_it(
    net: Devnet, pages: str
) -> None:
    began = time.monotonic()
    slot = asyncio.run(decide_and_roll(net))
    stale = net[STALE]
    until("the slot comes", lambda: upgrade_status(net[0])["specVersion"] == 101, HANG)
    until("it stands", lambda: upgrade_status(stale)["stands"], HANG)
    net.wait_for_finality(net[0].rpc.best() + 5, nodes=[0, 1, 2], seconds=HANG)
    at = stale.rpc.best()
    header = Document(net[0].rpc.call("chain_getHeader", net[0].rpc.block_hash(at + 1)))
    assert UPDATED in header["digest"]["logs"]

    # An explorer reads each block by the runtime that executed it, without a restart.
    until("its index follows", lambda: shown(pages, "audit")["complete"] > at + 1, HANG)
    upgrades = shown(pages, "upgrades")
    assert [each["version"] for each in upgrades["versions"]] == [101, 100]
    kinds = [each["what"] for each in upgrades["decisions"]]
    assert kinds == ["in force after this block", "scheduled", "cancelled", "scheduled"]
    assert upgrades["decisions"][0]["height"] == upgrades["versions"][0]["first"] - 1
    index = shown(pages, "audit")
    assert (index["fault"], index["failed"]) == (None, [])

    # It serves what it has, keeps its peers, and says what is to be done: once.
    # The last blocks are final there if their votes came before those of the first new block.
    assert stale.rpc.best() == at
    assert at - 3 < stale.rpc.finalized() <= at
    assert stale.status().peers > 0
    assert b"Guestbook".hex() not in str(stale.rpc.call("state_getMetadata"))
    old = Document(stale.rpc.call("state_getRuntimeVersion", stale.rpc.block_hash(1)))
    assert old["specVersion"] == 100
    there, here = (
        node.rpc.call("chain_getBlock", node.rpc.block_hash(2)) for node in (net[0], stale)
    )
    assert here["block"] == there["block"]  # type: ignore[index,call-overload]
    log = stale.log.read_text()
    said = NEWS.findall(log)
    assert {*said} - {("", "cancelled")} == {(str(LATE), ""), (str(slot), "")}
    # On a busy machine a fork may take a decision back for a block.
    assert all(one != other for one, other in pairwise(said)), said
    assert len(re.findall(r"stalled at block \d+: the chain changes to btt 101", log)) == 1

    # A client that knows the metadata only, and has no runtime.
    assert b"Guestbook".hex() in str(net[0].rpc.call("state_getMetadata"))
    words = ["tx", "call", "Guestbook.sign", "hello", "--from", "//Bob", "--url", net[0].ws]
    ran = subprocess.run([*OLD, *words], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr

    stale.program = NEW
    net.restart(STALE)
    goal = net[0].rpc.best() + 1
    net.wait_for_finality(goal, seconds=HANG)
    assert upgrade_status(stale)["specVersion"] == 101
    assert {str(node.rpc.block_hash(goal)) for node in net.nodes} == {net[0].rpc.block_hash(goal)}
    print(f"  F27 slot {slot}, the forgotten one stood at {at}: {time.monotonic() - began:.0f} s")
