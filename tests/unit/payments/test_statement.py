"""Statements: the schema of ISO 20022 and an independent reader accept them, and sums hold."""

from __future__ import annotations

import csv
import io
import itertools
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from pycamt.parser import Camt053Parser

from btt_chain.payments.errors import PaymentError
from btt_chain.payments.statement.camt053 import NAMESPACE, write_camt053
from btt_chain.payments.statement.csv_table import COLUMNS, write_csv
from btt_chain.payments.statement.entries import Entry, Kind, Statement, statement_of
from btt_chain.payments.webhook import event_id
from btt_chain.primitives.account import AccountId

SCHEMA = Path(__file__).parents[2] / "vectors" / "iso20022" / "camt.053.001.08.xsd"
BTT = 10**18
DAY = 86_400_000
FIRST = 1_800_000_000_000 // DAY * DAY
MERCHANT = AccountId(b"\7" * 32)
CREATED = datetime(2027, 2, 1, tzinfo=UTC)


def settled(at_ms: int, net: int, fee: int, bucket: int = 5, index: int = 0) -> Entry:
    id = event_id(at_ms.to_bytes(32, "little"), index)
    return Entry(id, Kind.SETTLEMENT, at_ms, net, net + fee, fee, 3, None, bucket)


def refunded(at_ms: int, amount: int, payment: int = 17) -> Entry:
    return Entry(event_id(b"\2" * 32, at_ms), Kind.REFUND, at_ms, -amount, payment=payment)


ENTRIES = (
    settled(FIRST - 1, 2 * BTT, 10**16),
    settled(FIRST, 123_062_500_000_000_000_000, 1_937_500_000_000_000_000),
    settled(FIRST + DAY, 327_333_333_333_333_333_332, 6_000_000_000_000_000_001, 6),
    refunded(FIRST + DAY + 5, 1),
    Entry(event_id(b"\3" * 32, 2), Kind.DISPUTE, FIRST + 2 * DAY - 1, -5 * BTT, payment=18),
    settled(FIRST + 2 * DAY, BTT, 0, 7),
)


def statement(entries: tuple[Entry, ...] = ENTRIES) -> Statement:
    first = entries[1].day if len(entries) > 1 else date(2027, 1, 15)
    return statement_of(MERCHANT, entries, first, first.replace(day=first.day + 1), CREATED)


def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(SCHEMA))


def test_the_days_of_a_statement_are_those_of_utc_and_earlier_entries_its_opening() -> None:
    found = statement()
    assert (found.opening, found.entries) == (2 * BTT, ENTRIES[1:5])
    assert found.closing == 2 * BTT + sum(entry.net for entry in ENTRIES[1:5])


def test_camt053_is_valid_by_the_schema_of_the_standard() -> None:
    schema().assertValid(etree.fromstring(write_camt053(statement())))


def test_the_schema_refuses_a_document_that_is_not(tmp_path: Path) -> None:
    broken = write_camt053(statement()).replace(b"CRDT", b"CREDIT")
    assert not schema().validate(etree.fromstring(broken))


def test_an_independent_reader_reads_the_same_entries() -> None:
    reader = Camt053Parser(write_camt053(statement()))
    (info,) = reader.get_statement_info()
    assert info["Currency"] == "BTT"
    assert Decimal(info["OpeningBalance"]) == Decimal("2.00000")
    assert Decimal(info["ClosingBalance"]) == Decimal("447.39583")
    found = reader.get_transactions()
    assert [(Decimal(one["Amount"]), one["CreditDebitIndicator"]) for one in found] == [
        (Decimal("123.06250"), "CRDT"),
        (Decimal("327.33333"), "CRDT"),
        (Decimal("0.00000"), "DBIT"),
        (Decimal("5.00000"), "DBIT"),
    ]
    assert {one["BookingDate"][:10] for one in found} == {"2027-01-15", "2027-01-16"}


def test_the_exact_amount_stands_beside_the_rounded_one() -> None:
    words = etree.fromstring(write_camt053(statement())).findall(f".//{{{NAMESPACE}}}AddtlNtryInf")
    assert words[1].text == (
        "exact amount 327.333333333333333332 BTT, fee 6.000000000000000001 BTT; settlement of 3 "
        "payments in bucket 6, gross 333.333333333333333333 BTT"
    )
    assert words[2].text == "exact amount -0.000000000000000001 BTT; refund of payment 17"


AMOUNTS = st.integers(1, 10**9 * BTT)


@given(st.lists(st.tuples(AMOUNTS, st.booleans()), max_size=30))
def test_rounded_entries_add_up_to_the_rounded_balances(moves: list[tuple[int, bool]]) -> None:
    entries = tuple(
        settled(FIRST + at, amount, 1, index=at) if grows else refunded(FIRST + at, amount)
        for at, (amount, grows) in enumerate(moves)
    )
    root = etree.fromstring(
        write_camt053(
            statement_of(MERCHANT, entries, date(2027, 1, 15), date(2027, 1, 15), CREATED)
        )
    )

    def signed(found: etree._Element) -> Decimal:
        amount = Decimal(found.findtext(f"{{{NAMESPACE}}}Amt") or "")
        return -amount if found.findtext(f"{{{NAMESPACE}}}CdtDbtInd") == "DBIT" else amount

    opening, closing = map(signed, root.iter(f"{{{NAMESPACE}}}Bal"))
    assert opening + sum(map(signed, root.iter(f"{{{NAMESPACE}}}Ntry"))) == closing


def test_an_amount_that_the_standard_cannot_express_is_refused() -> None:
    huge = (*ENTRIES[:1], settled(FIRST, 10**14 * BTT, 0))
    with pytest.raises(PaymentError, match="more than 18 digits"):
        write_camt053(statement(huge))


def test_an_empty_statement_is_valid() -> None:
    empty = statement(())
    schema().assertValid(etree.fromstring(write_camt053(empty)))
    assert len(list(csv.reader(io.StringIO(write_csv(empty))))) == 3


def test_csv_has_exact_amounts_and_a_running_balance() -> None:
    header, opening, *rows, closing = csv.reader(io.StringIO(write_csv(statement())))
    assert tuple(header) == COLUMNS
    assert (opening[2], opening[7]) == ("OPENING", "2")
    assert (closing[2], closing[7]) == ("CLOSING", rows[-1][7])
    assert [row[6] for row in rows] == [
        "123.0625", "327.333333333333333332", "-0.000000000000000001", "-5",
    ]  # fmt: skip
    assert rows[1][1] == "2027-01-16T00:00:00.000+00:00"
    balances = [Decimal(opening[7]), *(Decimal(row[7]) for row in rows)]
    assert [Decimal(row[6]) for row in rows] == [
        after - before for before, after in itertools.pairwise(balances)
    ]


def test_reversed_days_are_refused() -> None:
    with pytest.raises(PaymentError, match="before it begins"):
        statement_of(MERCHANT, (), date(2027, 1, 2), date(2027, 1, 1), CREATED)
