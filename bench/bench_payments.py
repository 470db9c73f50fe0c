"""Payments against plain transfers: python bench/bench_payments.py [--rate R] [--seconds T] ...

Four validators on this machine, as in bench_network.py: the same load of each kind by turns, on the
same network. Printed are the payments and transfers made final in a second, the CPU that one costs
all validators together, and the ratios (rows 12a and 12b of docs/performance.md). A payment that
fails would be in a block as well, so payments are counted on the chain.

    --rate 450 --seconds 60        the load, for so long in each round; more than the 400/s of row
                                   12a: what is final never exceeds what is offered
    --rounds 2                     rounds of both kinds
    --merchants 20                 merchants who are paid by turns
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench import machine  # noqa: E402
from bench.bench_network import network  # noqa: E402
from bench.load import Measured, customers, measure, payers  # noqa: E402
from bench.report import Row, show  # noqa: E402
from btt_chain.client.typed import open_runtime  # noqa: E402
from btt_chain.crypto.keypair import KeyPair  # noqa: E402
from btt_chain.primitives.account import AccountId  # noqa: E402
from btt_chain.primitives.digest import H256  # noqa: E402
from btt_chain.scale import u8, u16  # noqa: E402
from btt_chain.testing import Devnet  # noqa: E402
from btt_chain.testing.market import fund  # noqa: E402
from runtime.constants import BTT  # noqa: E402

CATEGORY: Final = u16(5_814)
FUNDING: Final = 1_100 * int(BTT)
"""Amount for each merchant: its bond and its fees. //Alice has enough for 40 of them."""


SETTLE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Size of the measurement."""

    validators: int = 4
    slot_ms: int = 2_000
    rate: int = 450
    seconds: float = 60
    rounds: int = 2
    merchants: int = 20


QUICK: Final = Plan(validators=2, slot_ms=500, rate=20, seconds=4, rounds=1, merchants=3)


def registered(net: Devnet, count: int) -> list[AccountId]:
    """Fund and register merchants; return their accounts once no fork can revert that."""
    uris = [f"//Merchant//{number}" for number in range(count)]
    keys = asyncio.run(fund(net.nodes[0].ws, uris, FUNDING))
    settle(net)
    for node in net.nodes:
        node.wait_until_stored(keys, SETTLE_SECONDS)
    accounts = asyncio.run(register(net.nodes[0].ws, [KeyPair.from_uri(uri) for uri in uris]))
    settle(net)
    return accounts


def settle(net: Devnet) -> None:
    """Wait until what is the best block now, or a rival of it, is final on all nodes."""
    net.wait_for_finality(max(node.status().best for node in net.nodes))


async def register(url: str, pairs: Sequence[KeyPair]) -> list[AccountId]:
    """Register merchants; return their accounts."""
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
        raise RuntimeError(f"{payments.finalized} became final, of which only {made} were made")
    return transfers, payments


def payment_rows(folder: Path, plan: Plan) -> Iterator[Row]:
    """Rows 12a and 12b: payments made final, and their ratio to transfers."""
    with network(folder / "payments", plan.validators, plan.slot_ms) as net:
        merchants = registered(net, plan.merchants)
        rounds = [compare(net, merchants, plan.rate, plan.seconds) for _ in range(plan.rounds)]
        net.check_agreement()
    moves, pays = zip(*rounds, strict=True)
    rate = statistics.median(each.rate for each in pays)
    what = f"{plan.validators} validators, slots of {plan.slot_ms / 1_000:g} s: payments"
    yield Row(
        "12a", f"{what}, {plan.rate}/s", f"{rate:,.0f}/s", value=rate, note=pays[-1].written()
    )
    ratio = statistics.median(pay.rate / move.rate if move.rate else 0.0 for move, pay in rounds)
    cost = statistics.median(pay.cost / move.cost if move.cost else 0.0 for move, pay in rounds)
    note = f"{cost:.2f} x the CPU of a transfer"
    moved = statistics.median(each.rate for each in moves)
    yield Row("12b", f"{what} / transfers", f"{rate:,.0f}/s", f"{moved:,.0f}/s", ratio, note)


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    for each in fields(Plan):
        name = "--" + each.name.replace("_", "-")
        parser.add_argument(name, type=type(each.default), default=each.default)
    plan = Plan(**vars(parser.parse_args()))
    machine.end_in_order()
    print(f"load before {machine.load()}", flush=True)
    with tempfile.TemporaryDirectory(prefix="btt-bench-") as name:
        show(list(payment_rows(Path(name), plan)), "docs/performance.md, targets")
    print(f"load after {machine.load()}")


if __name__ == "__main__":
    main()
