"""Merchants and payers for ten short hours on validators that are killed, with a lying feeder.

Some payments are refunded, some disputed, before and after their settlement.

The size is set by the environment: `BTT_MERCHANTS`, `BTT_PAYERS`, `BTT_HOURS` (an hour is 30 s).
On a busy machine `BTT_STRETCH` makes slots, hours and pauses so many times longer.
Settlement times are printed in minutes of the chain (`pytest -rP`, or `-s`).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Final

import pytest

from btt_chain.client.typed import RuntimeClient, open_runtime
from btt_chain.testing import Devnet
from devnet.paying import AGAIN, Ledger, Links, Tally, account, keys, moment, settle_in, shop
from devnet.replay import final_blocks, replay
from devnet.watched import Watched, quick
from runtime.accounts import PAYFI
from runtime.pallets.oracle.api import OracleApi, PriceState
from runtime.pallets.payfi.api import PayFiApi
from support.feeders import HANG, running

MERCHANTS: Final = int(os.environ.get("BTT_MERCHANTS", "20"))
PAYERS: Final = int(os.environ.get("BTT_PAYERS", "200"))
HOURS: Final = int(os.environ.get("BTT_HOURS", "10"))
STRETCH: Final = int(os.environ.get("BTT_STRETCH", "1"))

pytestmark = [
    pytest.mark.devnet, pytest.mark.full, pytest.mark.timeout(900 + 120 * HOURS * STRETCH),
]  # fmt: skip

HOUR: Final = 30.0 * STRETCH
"""Seconds of an hour of payments on the chain `local`."""
PAUSE: Final = 10.0 * STRETCH
"""Mean seconds between two payments of one payer."""
DOWN: Final = (1.0, 10.0)
"""Seconds for which a killed node is down."""


async def test_all_payments_settle_in_one_to_two_hours_while_nodes_are_killed(
    tmp_path: Path, rng: Random
) -> None:
    spec = quick(4, stretch=STRETCH)
    field = Watched(tmp_path / "net", spec=spec)
    net = field.net
    try:
        await asyncio.to_thread(net.up)
        await asyncio.to_thread(net.wait_for_finality, 2)
        async with feeders(net, tmp_path):
            await do_business(net, rng)
        await asyncio.to_thread(field.make_whole)
        print(f"  I1-I7 hold up to block {await asyncio.to_thread(field.check)}\n{field.report()}")
        blocks = await asyncio.to_thread(final_blocks, net[0].rpc)
    finally:
        await asyncio.to_thread(field.down)
    payments = await asyncio.to_thread(replay, spec, blocks)
    print(f"  {len(blocks)} blocks with {payments} payments executed again, each one audited")


async def do_business(net: Devnet, rng: Random) -> None:
    """Let all payers pay for the given hours, and check the final chain afterwards."""
    merchants, payers = keys("Merchant", MERCHANTS), keys("Payer", PAYERS)
    accounts = [*map(account, merchants), *map(account, payers), PAYFI]
    tally, over = Tally(), asyncio.Event()
    async with Links(net, rng).kept() as links:
        await settle_in(links, merchants, payers)
        chain, _ = await links.any()
        await until_priced(chain)
        before = await moment(chain, accounts)
        async with asyncio.TaskGroup() as tasks:
            for payer in payers:
                tasks.create_task(
                    shop(links, payer, merchants, Random(rng.random()), PAUSE, over, tally)
                )
            audits = await disturb(net, rng)
            over.set()
    async with open_runtime(net[0].ws) as chain:
        await audit(net[0].ws)  # in the middle of settlement
        await until_settled(chain)
        after = await moment(chain, accounts)
        ledger = Ledger()
        await ledger.read(chain, before.number, after.number)
    await audit(net[1].ws)
    report(ledger, tally, audits + 2)
    assert tally.promised
    assert set(ledger.references) == tally.promised
    assert set(ledger.references.values()) == {1}, "a reference is paid once"
    assert not any(ledger.paid.values()), "every payment is settled"
    assert ledger.rest is None
    assert ledger.burned == after.burned - before.burned, "I34"
    assert {"returns", "disputes", "ended by Accepted", "ended by Withdrawn"} <= set(ledger.seen)
    moved = {who: after.money[who] - before.money[who] for who in accounts}
    assert moved == {who: ledger.change.get(who, 0) for who in accounts}
    assert ledger.filled > 1 / 2, "slots without blocks: the machine is too busy"
    assert min(ledger.delays) >= HOUR * 1_000
    assert max(ledger.delays) <= 2 * HOUR * 1_000


async def disturb(net: Devnet, rng: Random) -> int:
    """Kill a node in each hour, and audit the chain after it is back; return how often."""
    begun, audits = time.monotonic(), 0
    for hour in range(HOURS):
        left = begun + (hour + 1) * HOUR - time.monotonic()
        await asyncio.sleep(max(0.0, rng.uniform(0, left - DOWN[1])) if left > DOWN[1] else 0)
        victim = rng.randrange(len(net.nodes))
        net.kill(victim)
        await asyncio.sleep(rng.uniform(*DOWN))
        await asyncio.to_thread(net.restart, victim)
        await audit(net[rng.randrange(len(net.nodes))].ws)
        audits += 1
        await asyncio.sleep(max(0.0, begun + (hour + 1) * HOUR - time.monotonic()))
    return audits


async def audit(url: str) -> None:
    """Audit the last final block as a user does; no invariant may be broken."""
    command = [sys.executable, "-m", "btt_chain", "tokenomics", "audit"]
    process = await asyncio.create_subprocess_exec(
        *command, "--url", url, "--json",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), HANG)
    assert process.returncode == 0, out.decode() + err.decode()
    found = json.loads(out)
    assert found["findings"] == []
    print(f"  audit of block {found['block']['number']}: {found['keys']} keys", flush=True)


@asynccontextmanager
async def feeders(net: Devnet, folder: Path) -> AsyncIterator[None]:
    """Run three feeders until the body ends, each on a node of its own; the last one lies."""
    async with AsyncExitStack() as stack:
        for place, (who, price) in enumerate((("Dave", "0.41"), ("Eve", "0.42"), ("Ferdie", "9"))):
            paths = [folder / f"{who}-{number}" for number in range(3)]
            for path in paths:
                path.write_text(price)
            sources = [f"file:{path}" for path in paths]
            await stack.enter_async_context(
                running(net[place].ws, who, *sources, more=("--max-age", "0"))
            )
        yield


async def until_priced(chain: RuntimeClient) -> None:
    """Wait until there is a price of CNY, and check that the liar did not make it."""
    async with asyncio.timeout(HANG):
        while True:
            views = {bytes(view.key): view for view in await chain.api(OracleApi.prices)}
            view = views[b"BTT/CNY"]
            if view.state is PriceState.Ready and view.value is not None:
                assert 41 * 10**16 <= view.value.value <= 42 * 10**16
                return
            await asyncio.sleep(AGAIN)


async def until_settled(chain: RuntimeClient) -> None:
    """Wait until no payment waits for settlement in the last final block."""
    async with asyncio.timeout(2 * HOUR + HANG):
        while await chain.api(PayFiApi.queue, at=(await chain.chain.finalized()).hash):
            await asyncio.sleep(AGAIN)


def report(ledger: Ledger, tally: Tally, audits: int) -> None:
    """Print the distribution of settlement times in minutes of the chain."""
    minutes = sorted(delay * 60 / (HOUR * 1_000) for delay in ledger.delays)
    parts = ", ".join(
        f"p{part} {minutes[len(minutes) * part // 100]:.0f}" for part in (1, 25, 50, 75, 90, 99)
    )
    print(f"  {len(minutes)} payments settled after so many minutes:")
    print(f"    min {minutes[0]:.0f}, {parts}, max {minutes[-1]:.0f}")
    for ten in range(60, 120, 10):
        count = sum(ten <= each < ten + 10 for each in minutes)
        print(f"    {ten:3}-{ten + 10:<3} {count:6} {'#' * (60 * count // len(minutes))}")
    print(
        f"  {audits} audits, slots with a block {100 * ledger.filled:.0f} %, "
        f"attempts repeated {tally.retried}, refused {dict(tally.refused)}"
    )
    print(f"  {dict(ledger.seen)}, {tally.unknown} attempts with an unknown end")
