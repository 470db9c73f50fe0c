"""Statements as ISO 20022 camt.053.001.08, the form that bookkeeping programs import.

The standard has five decimals and 18 digits in an amount, and BTT has 18 decimals. Amounts are
therefore rounded so that they add up: the amount of an entry is the difference of the rounded
balances after and before it. The exact amount stands in `AddtlNtryInf`.
"""

from __future__ import annotations

from datetime import UTC
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from btt_chain.payments.errors import PaymentError
from btt_chain.payments.statement.csv_table import signed
from btt_chain.payments.statement.entries import Entry, Kind, Statement, moment
from btt_chain.primitives import ss58
from btt_chain.primitives.currency import BTT, currency

NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
DECIMALS: Final = 5
MAX_DIGITS: Final = 18
_STEP: Final = 10 ** (18 - DECIMALS)
"""Planck in the last decimal of the standard."""
_WORDS: Final = {
    Kind.SETTLEMENT: "settlement of {count} payments in bucket {bucket}, gross {gross} BTT",
    Kind.REFUND: "refund of payment {payment}",
    Kind.DISPUTE: "dispute about payment {payment}",
}


def write_camt053(statement: Statement) -> bytes:
    """Return the statement as a document. Raises PaymentError if an amount has too many digits."""
    document = Element("Document", xmlns=NAMESPACE)
    root = SubElement(document, "BkToCstmrStmt")
    created = statement.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    header = SubElement(root, "GrpHdr")
    _text(header, "MsgId", statement.id)
    _text(header, "CreDtTm", created)
    found = SubElement(root, "Stmt")
    _text(found, "Id", statement.id)
    _text(found, "CreDtTm", created)
    period = SubElement(found, "FrToDt")
    _text(period, "FrDtTm", f"{statement.first.isoformat()}T00:00:00Z")
    _text(period, "ToDtTm", f"{statement.last.isoformat()}T23:59:59Z")
    account = SubElement(found, "Acct")
    # 34 characters at most: an address has 48, so it stands in the name and the key in the id.
    _text(account, "Id/Othr/Id", bytes(statement.merchant).hex()[:34])
    _text(account, "Ccy", BTT)
    _text(account, "Nm", ss58.encode(statement.merchant))
    _balance(found, "OPBD", statement.opening, statement.first.isoformat())
    _balance(found, "CLBD", statement.closing, statement.last.isoformat())
    balance = statement.opening
    for entry in statement.entries:
        rounded = _rounded(balance + entry.net) - _rounded(balance)
        balance += entry.net
        _entry(found, entry, rounded)
    indent(document)
    body: bytes = tostring(document, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + body


def _entry(parent: Element, entry: Entry, rounded: int) -> None:
    at = moment(entry.time_ms)
    found = SubElement(parent, "Ntry")
    # 35 characters at most; the end of an id has the index, the beginning is a part of the block.
    _text(found, "NtryRef", entry.id[-35:])
    _amount(found, rounded)
    _text(found, "CdtDbtInd", _side(entry.net))
    _text(found, "Sts/Cd", "BOOK")
    _text(found, "BookgDt/DtTm", at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    _text(found, "ValDt/Dt", at.date().isoformat())
    _text(found, "AcctSvcrRef", entry.id[-35:])
    _text(found, "BkTxCd/Prtry/Cd", entry.kind.value)
    if entry.fee:
        charge = SubElement(SubElement(found, "Chrgs"), "Rcrd")
        _amount(charge, _rounded(entry.fee))
        _text(charge, "CdtDbtInd", "DBIT")
        _text(charge, "ChrgInclInd", "true")
    details = SubElement(SubElement(found, "NtryDtls"), "TxDtls")
    _text(details, "Refs/EndToEndId", _reference(entry))
    unit = currency(BTT)
    words = _WORDS[entry.kind].format(
        count=entry.count,
        bucket=entry.bucket,
        payment=entry.payment,
        gross=unit.format(entry.gross),
    )
    exact = f"exact amount {signed(unit, entry.net)} BTT"
    fee = f", fee {unit.format(entry.fee)} BTT" if entry.fee else ""
    _text(found, "AddtlNtryInf", f"{exact}{fee}; {words}")


def _balance(parent: Element, code: str, planck: int, day: str) -> None:
    found = SubElement(parent, "Bal")
    _text(found, "Tp/CdOrPrtry/Cd", code)
    _amount(found, _rounded(planck))
    _text(found, "CdtDbtInd", _side(planck))
    _text(found, "Dt/Dt", day)


def _amount(parent: Element, steps: int) -> None:
    """Add an amount without its sign, which `CdtDbtInd` has."""
    whole, part = divmod(abs(steps), 10**DECIMALS)
    text = f"{whole}.{part:0{DECIMALS}}"
    if len(text) > MAX_DIGITS + 1:
        raise PaymentError(f"statement: the amount {text} has more than {MAX_DIGITS} digits")
    SubElement(parent, "Amt", Ccy=BTT).text = text


def _rounded(planck: int) -> int:
    """Return planck in steps of the fifth decimal, to the nearest, halves up."""
    return (planck + _STEP // 2) // _STEP


def _side(planck: int) -> str:
    return "DBIT" if planck < 0 else "CRDT"


def _reference(entry: Entry) -> str:
    return f"bucket-{entry.bucket}" if entry.payment is None else f"payment-{entry.payment}"


def _text(parent: Element, path: str, text: str) -> None:
    """Add an element with a text; `path` creates the elements around it."""
    for name in path.split("/"):
        parent = SubElement(parent, name)
    parent.text = text
