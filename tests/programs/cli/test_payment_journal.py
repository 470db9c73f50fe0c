"""A merchant's journal that is of another chain, damaged or ahead, and a merchant's mistypings."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support.instant_node import instant_node
from support.shop import Done, Shop

CAFE = "//Cafe"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    base = tmp_path_factory.mktemp("journal")
    with instant_node(base / "node") as url:
        found = Shop(url, base / "home")
        found.open(CAFE, 5_814)
        yield found


@pytest.fixture
def base(shop: Shop, tmp_path: Path) -> Path:
    """A folder with a journal of the merchant's blocks until now."""
    done = shop.run("merchant", "watch", CAFE, "--once", "--base-path", str(tmp_path))
    assert done.returncode == 0, done.stderr
    return tmp_path


def journal(base: Path) -> Path:
    (found,) = base.glob("merchants/*/events.sqlite")
    return found


def change(base: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(journal(base))) as db, db:
        db.execute(statement, values)


def cursor(base: Path) -> tuple[int, bytes]:
    with closing(sqlite3.connect(journal(base))) as db:
        ((raw,),) = db.execute("SELECT value FROM facts WHERE name = 'cursor'")
    return int.from_bytes(raw[:8], "big"), raw[8:]


def move(base: Path, number: int, hash: bytes) -> None:
    value = number.to_bytes(8, "big") + hash
    change(base, "UPDATE facts SET value = ? WHERE name = 'cursor'", value)


def both(shop: Shop, base: Path) -> list[Done]:
    place = ("--base-path", str(base))
    return [
        shop.run("merchant", "watch", CAFE, "--once", *place),
        shop.run("merchant", "statement", CAFE, *place),
    ]


def test_a_journal_whose_last_block_is_not_of_this_chain_is_refused(shop: Shop, base: Path) -> None:
    number, hash = cursor(base)
    move(base, number, bytes(31) + b"\1")
    for done in both(shop, base):
        assert done.returncode == 1
        assert "which this node does not have: it is of another chain" in done.stderr
    assert cursor(base) == (number, bytes(31) + b"\1")
    move(base, number, hash)
    assert [done.returncode for done in both(shop, base)] == [0, 0]


def test_a_journal_ahead_of_the_node_is_named(shop: Shop, base: Path) -> None:
    move(base, 10**9, bytes(32))
    for done in both(shop, base):
        assert done.returncode == 0
        assert "the journal is at 1_000_000_000: the node is behind, or of a" in done.stderr


@pytest.mark.parametrize("size", [100, 5_000])
def test_a_truncated_journal_is_refused_in_one_line(shop: Shop, base: Path, size: int) -> None:
    path = journal(base)
    path.write_bytes(path.read_bytes()[:size])
    for done in both(shop, base):
        assert (done.returncode, done.stderr.startswith(f"error: {path}: ")) == (1, True)
        assert done.stderr.count("\n") == 1


def test_a_damaged_event_is_named(shop: Shop, base: Path) -> None:
    columns = "id, type, time_ms, key, body, state, attempt"
    change(base, f"INSERT INTO events ({columns}) VALUES ('evt_1', 'settlement.completed', 0, 'k', "
           "'{', 3, 0)")  # fmt: skip
    done = shop.run("merchant", "statement", CAFE, "--base-path", str(base))
    assert (done.returncode, "the event 'evt_1' is damaged" in done.stderr) == (1, True)


def test_since_does_not_move_a_journal(shop: Shop, base: Path) -> None:
    done = shop.run("merchant", "watch", CAFE, "--once", "--since", "1", "--base-path", str(base))
    assert done.returncode == 0
    assert "--since is for a new journal; this one goes on where it was" in done.stderr


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("merchant configure --from //Cafe", "nothing would change"),
        ("merchant watch //Cafe --webhook https://a.example/ --secret whsec_é", "not base64"),
        ("merchant watch //Cafe --webhook https://127.1/ --secret whsec_" + "A" * 44, "four"),
        ("pos 1 --from //Cafe --expires 1e30", "is not in the range"),
        ("pos 1 --from //Cafe --expires 1e9", "is not in the range"),
    ],
)
def test_what_a_merchant_types_wrongly_is_said_in_one_line(
    shop: Shop, words: str, reason: str
) -> None:
    done = shop.run(*words.split())
    assert done.returncode == 2, done.stderr
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_till_that_is_named_twice_is_added_once(shop: Shop) -> None:
    done = shop.run("merchant", "configure", "--till", "//Eve", "--till", "//Eve", "--from", CAFE)
    assert done.returncode == 0, done.stderr
    assert len(shop.document("merchant", "show", CAFE)["record"]["tillKeys"]) == 2


def test_a_till_that_is_interrupted_says_that_its_request_stays_payable(shop: Shop) -> None:
    with shop.till("1", "--from", CAFE) as (till, invoice):
        assert till.stop(signal.SIGINT) == 130
    assert "can still be paid until it expires: look with `btt-chain merchant" in till.text()
    assert f"--reference {invoice['reference']} --amount 1BTT`" in till.text()


def test_a_dispute_of_another_payer_is_refused_before_a_fee(shop: Shop) -> None:
    account = shop.document("merchant", "show", CAFE)["account"]
    paid = shop.document("pay", f"btt:{account}?amount=1", "--from", "//Bob")["payment"]
    words = ("dispute", "open", paid, "--reason", "duplicate", "--from", "//Alice")
    done = shop.run(*words)
    assert (done.returncode, "only its payer can do this" in done.stderr) == (1, True)


def test_a_card_whose_day_is_below_its_payment_is_refused(shop: Shop, tmp_path: Path) -> None:
    file = str(tmp_path / "card.key")
    assert shop.run("card", "new", "-o", file).returncode == 0
    limits = ("--payment", "10BTT", "--day", "5BTT")
    done = shop.run("card", "register", file, *limits, "--from", "//Alice")
    assert (done.returncode, "--day is below --payment" in done.stderr) == (2, True)
