"""A merchant's day on a real node: registered, paid, final, settled, refunded, and in its records.

Alice makes the blocks and votes on them; an hour of payments lasts 30 seconds there. Each program
is the one that people start.
"""

from __future__ import annotations

import csv
import io
import json
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest
from lxml import etree

from btt_chain.payments.webhook import new_secret
from support.node import BY_LOTTERY, dev_node
from support.shop import Document, Receiver, Shop
from support.vectors import REPOSITORY

pytestmark = [pytest.mark.full, pytest.mark.devnet, pytest.mark.timeout(900)]

CAFE: Final = "//Cafe"
SCHEMA: Final = REPOSITORY / "tests" / "vectors" / "iso20022" / "camt.053.001.08.xsd"
HANG: Final = 150.0
"""Seconds for a settlement, which takes one to two short hours: several times that."""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with dev_node(tmp_path, "node", chain=BY_LOTTERY) as node:
        found = Shop(node.ws, tmp_path / "home")
        found.open(CAFE, 5_814)
        yield found


def test_a_merchants_day(shop: Shop, tmp_path: Path) -> None:
    receiver = Receiver(new_secret())
    secret = tmp_path / "secret.txt"
    secret.write_text(receiver.secret)
    with receiver.serving() as url:
        hook = ("--webhook", url, "--secret", str(secret), "--allow-private")
        with shop.started("merchant", "watch", CAFE, *hook, "--json") as watcher:
            first, second = sell(shop, "12.5"), sell(shop, "3")
            part = shop.run("merchant", "refund", second, "--amount", "1BTT", "--from", CAFE)
            assert part.returncode == 0, part.stderr
            assert watcher.document()
            # In the middle: the next run goes on where the journal ends.
            watcher.stop(signal.SIGKILL)
        settled = until_settled(shop, first)
        legs = settled["payment"]["legs"]
        parts = ("burn", "development", "foundation", "reserve")
        assert sum(int(legs[part]) for part in parts) == 10**17
        until_settled(shop, second)
        assert shop.document("payfi", "queue") == []
        refund = shop.run("merchant", "refund", first, "--amount", "2BTT", "--from", CAFE)
        assert refund.returncode == 0, refund.stderr
        assert "the fee stays paid" in refund.stderr
        until_final(shop)
        done = shop.run("merchant", "watch", CAFE, *hook, "--once", "--retry")
        assert done.returncode == 0, done.stderr
    check_webhook(receiver)
    check_statements(shop, tmp_path)


def sell(shop: Shop, amount: str) -> str:
    """Sell something at the till; the number of the final payment."""
    with shop.till(amount, "--from", f"{CAFE}//till", "--merchant", CAFE) as (till, invoice):
        paid = shop.document("pay", invoice["text"], "--from", "//Alice")
        code, events = till.code(), till.documents()
    assert code == 0, events
    assert [event["event"] for event in events] == ["seen", "final", "receipt"]
    assert events[-1]["payment"] == paid["payment"]
    return str(paid["payment"])


def until_settled(shop: Shop, payment: str) -> Document:
    """Wait until a payment is settled; return it."""
    deadline = time.monotonic() + HANG
    while time.monotonic() < deadline:
        found: Document = shop.document("merchant", "show", CAFE, "--payment", payment)
        if found["state"] == "Settled":
            return found
        time.sleep(3)
    raise AssertionError(f"payment {payment} is not settled after {HANG} s: {found}")


def until_final(shop: Shop) -> None:
    """Wait until the present best block is final."""
    best = shop.document("query", "block", "best")["number"]
    deadline = time.monotonic() + HANG
    while shop.document("query", "block", "finalized")["number"] < best:
        assert time.monotonic() < deadline, "finality has stalled"
        time.sleep(0.5)


def check_webhook(receiver: Receiver) -> None:
    """Each event arrived, in order for each payment, and the settlement after its payments."""
    bodies = [json.loads(receiver.bodies[id]) for id in dict.fromkeys(receiver.arrived)]
    order = [(body["type"], body["data"].get("payment")) for body in bodies]
    assert sorted(order, key=str) == sorted(
        [("payment.paid", 0), ("payment.paid", 1), ("payment.refunded", 1),
         ("payment.refunded", 0), *[one for one in order if one[0] == "settlement.completed"]],
        key=str,
    )  # fmt: skip
    for payment in (0, 1):
        assert order.index(("payment.paid", payment)) < order.index(("payment.refunded", payment))
        (paid,) = (
            body for body in bodies
            if body["type"] == "payment.paid" and body["data"]["payment"] == payment
        )  # fmt: skip
        bucket = paid["data"]["bucket"]
        settlement = next(
            at for at, body in enumerate(bodies)
            if body["type"] == "settlement.completed" and body["data"]["bucket"] == bucket
        )  # fmt: skip
        assert order.index(("payment.paid", payment)) < settlement


def check_statements(shop: Shop, folder: Path) -> None:
    """CSV and camt.053 have the settlements and the refund, and their sums hold."""
    today = datetime.now(UTC).date()
    days = ("--from", str(today.replace(day=1)), "--to", str(today))
    table = shop.run("merchant", "statement", CAFE, *days)
    assert table.returncode == 0, table.stderr
    rows = list(csv.DictReader(io.StringIO(table.stdout)))
    moved = [Decimal(row["net"]) for row in rows if row["net"]]
    # 12.5 and 2 less 0.8 %, and 2 given back after settlement.
    assert sum(moved) == Decimal("12.4") + Decimal("1.984") - 2
    assert Decimal(rows[-1]["balance"]) == sum(moved)
    assert [row["kind"] for row in rows if row["net"]][-1] == "REFUND"
    file = folder / "statement.xml"
    written = shop.run("merchant", "statement", CAFE, *days, "--camt053", "-o", str(file))
    assert written.returncode == 0, written.stderr
    etree.XMLSchema(etree.parse(SCHEMA)).assertValid(etree.parse(file))
