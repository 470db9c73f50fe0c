"""Payments against plain transfers: python bench/bench_payments.py [--rate R] [--seconds T] ...

Four validators on this machine, as in bench_network.py: the same load of each kind by turns, on the
same network. Printed are the payments and transfers made final in a second, the CPU that one costs
all validators together, and the ratios. The goal is at least 0.8 times the transfers' rate at 400/s
on two quiet cores. A payment that fails would be in a block as well, so payments are counted on the
chain.

    --rate 400 --seconds 60        the load, for so long in each round
    --rounds 2                     rounds of both kinds
    --merchants 20                 merchants who are paid by turns
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench import machine  # noqa: E402
from bench.bench_network import network  # noqa: E402
from bench.load import Measured, customers, measure, payers  # noqa: E402
from btt_chain.client.typed import open_runtime  # noqa: E402
from btt_chain.crypto.keypair import KeyPair  # noqa: E402
from btt_chain.primitives.account import AccountId  # noqa: E402
from btt_chain.primitives.digest import H256  # noqa: E402
from btt_chain.scale import u8, u16  # noqa: E402
from btt_chain.testing import Devnet  # noqa: E402
from btt_chain.testing.market import fund  # noqa: E402
from runtime.constants import BTT  # noqa: E402

GOAL: Final = 0.8
"""Payments made final in a second, against transfers."""
CATEGORY: Final = u16(5_814)
FUNDING: Final = 1_100 * int(BTT)
"""Amount for each merchant: its bond and its fees. //Alice has enough for 40 of them."""


async def register(url: str, count: int) -> list[AccountId]:
    """Fund and register merchants; return their accounts."""
    uris = [f"//Merchant//{number}" for number in range(count)]
    await fund(url, uris, FUNDING)
    pairs = [KeyPair.from_uri(uri) for uri in uris]
    async with open_runtime(url) as chain:
        await asyncio.gather(
            *(
                chain.submit(
                    "PayFi", "register", signer=pair, category=CATEGORY, currency=b"CNY",
                    plan=u8(0), meta=H256(bytes(32)),
                )
                for pair in pairs
            )
        )  # fmt: skip
    return [AccountId(pair.account_id) for pair in pairs]


async def payments_made(url: str) -> int:
    """Return the number of payments on the chain."""
    async with open_runtime(url) as chain:
        return int(str(await chain.chain.storage("PayFi.NextPayment")))


def compare(
    net: Devnet, merchants: Sequence[AccountId], rate: int, seconds: float
) -> tuple[Measured, Measured]:
    """Measure the same load of transfers and of payments; return both."""
    transfers = measure(net, rate, seconds, payers(net))
    print(f"transfers: {transfers.written()}", flush=True)
    before = asyncio.run(payments_made(net.nodes[0].ws))
    payments = measure(net, rate, seconds, customers(net, merchants))
    made = asyncio.run(payments_made(net.nodes[0].ws)) - before
    print(f"payments:  {payments.written()}; {made} made", flush=True)
    if made < payments.finalized:
        raise SystemExit(f"{payments.finalized} became final, of which only {made} were made")
    return transfers, payments


def summary(rounds: Sequence[tuple[Measured, Measured]]) -> str:
    """Return medians of rates and costs, and their ratios."""
    lines = []
    for place, kind in enumerate(("transfers", "payments")):
        rate = statistics.median(each[place].rate for each in rounds)
        cost = statistics.median(each[place].cost for each in rounds)
        lines.append(f"{kind:<10} {rate:7.1f}/s final, {cost:6.2f} ms of CPU each")
    rate = statistics.median(pay.rate / move.rate for move, pay in rounds if move.rate)
    cost = statistics.median(pay.cost / move.cost for move, pay in rounds if move.cost)
    verdict = "met" if rate >= GOAL else "MISSED"
    lines.append(f"{'ratio':<10} {rate:7.2f}   (goal {GOAL}: {verdict}), {cost:6.2f} x the CPU")
    return "\n".join(lines)


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--validators", type=int, default=4)
    parser.add_argument("--slot-ms", type=int, default=2_000)
    parser.add_argument("--rate", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--merchants", type=int, default=20)
    options = parser.parse_args()
    machine.end_in_order()
    print(f"load before {machine.load()}", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="btt-bench-") as name,
        network(Path(name), options.validators, options.slot_ms) as net,
    ):
        merchants = asyncio.run(register(net.nodes[0].ws, options.merchants))
        rounds = [
            compare(net, merchants, options.rate, options.seconds) for _ in range(options.rounds)
        ]
        print(summary(rounds))
        print(f"agreed up to block {net.check_agreement()}")
    print(f"load after {machine.load()}")


if __name__ == "__main__":
    main()
