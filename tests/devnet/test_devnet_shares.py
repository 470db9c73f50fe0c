"""Jobs of a few hundredths of a BTT do not move the blocks of a real network to one validator."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from runtime.pallets.jobs import events

pytest.importorskip("numpy", reason="numpy is not installed: pip install '.[work]'")

from btt_chain.client.typed import open_runtime
from btt_chain.primitives.babe import pre_digest
from btt_chain.primitives.header import Header
from btt_chain.scale import u32
from btt_chain.testing import Devnet
from genesis.catalogue import make
from genesis.presets import CHAINS
from runtime.constants import BTT
from support.work.history import History

pytestmark = [pytest.mark.devnet, pytest.mark.full, pytest.mark.timeout(1_200)]

VALIDATORS: Final = 4
SLOT_MS: Final = 500
HANG: Final = 300.0
ERA_SLOTS: Final = 16
ERAS: Final = 4
"""Eras until paid work is in the shares in force."""
BLOCKS: Final = 500
MAX_PART: Final = 0.35
WORK: Final = int(BTT) // 50
"""Minimum sum that is paid for jobs of accounts, in planck: jobs of the chain have no value."""


def spec() -> str:
    """Return the specification `local` with short epochs and windows."""
    local = CHAINS["local"].with_slot(SLOT_MS)
    rules = replace(
        local.work, transcript_slots=u32(8), reveal_slots=u32(16), challenge_slots=u32(10)
    )
    return make(replace(local, epoch_slots=ERA_SLOTS, work=rules), validators=VALIDATORS).dumps()


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Devnet]:
    """Four validators, and a provider whose work counts for the first of them."""
    folder = tmp_path / "net"
    with Devnet.create(
        folder, spec=spec(), slot_ms=SLOT_MS, validators=VALIDATORS, providers=1
    ) as net:
        net.up()
        yield net


def test_jobs_of_a_few_hundredths_of_a_btt_move_few_blocks(net: Devnet) -> None:
    paid = asyncio.run(_until_paid(net))
    net.helper("Market").kill()
    begun = net[0].rpc.best() + ERAS * ERA_SLOTS
    seconds = 2 * (BLOCKS + ERAS * ERA_SLOTS) * SLOT_MS / 1_000 + HANG
    net.wait_for_finality(begun + BLOCKS, seconds=seconds)
    made = Counter(author_of(net, number) for number in range(begun + 1, begun + 1 + BLOCKS))
    print(f"\n  {paid / BTT} BTT of jobs, blocks {sorted(made.values())}")
    assert len(made) == VALIDATORS
    assert max(made.values()) < MAX_PART * BLOCKS


async def _until_paid(net: Devnet) -> int:
    """Let jobs of accounts be computed by one validator's provider; return the sum it was paid."""
    history, deadline = History(), time.monotonic() + HANG
    async with open_runtime(net[0].ws) as chain:
        while True:
            await history.read(chain)
            bought = {
                event.job for event in history.of(events.Posted) if event.requester is not None
            }
            paid = sum(int(e.paid) for e in history.of(events.Finalized) if e.job in bought)
            if paid >= WORK:
                return paid
            assert time.monotonic() < deadline, f"{paid} planck paid"
            await asyncio.sleep(1)


def author_of(net: Devnet, number: int) -> int:
    """Return the index of a block's author."""
    rpc = net[0].rpc
    header = rpc.call("chain_getHeader", rpc.block_hash(number))
    assert isinstance(header, dict)
    return int(pre_digest(Header.from_json(header).digest.logs).claim.authority_index)
