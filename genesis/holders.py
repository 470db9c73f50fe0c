"""The documents' tables, and the holders of their rows: the file for `build-spec --holders`.

    {"bitwave": "5F...", "web3v_knc": {"threshold": 2, "signatories": ["5G...", "5H..."]}, ...}

It names every linear row, and the liquidity row if there is one. A row that a document gives to
several holders is a multisig that all of them must sign; liquidity is a multisig of its managers.
Two more names are optional, of multisigs that hold no row but act for pools: the `foundation`, and
the `reserve` if the document has one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Final, TypeAlias

from btt_chain.primitives.account import AccountId
from genesis.accounts import Multisig, address, dev_account, holder_path, placeholder
from genesis.allocation import Kind, Row, Table, read_table
from genesis.presets import DOCUMENTS
from runtime.frame import GenesisError, Section

Holder: TypeAlias = AccountId | Multisig
Holders: TypeAlias = Mapping[str, Holder]

MAX_SIGNATORIES: Final = 100
LIQUIDITY_MANAGERS: Final = 5
LIQUIDITY_THRESHOLD: Final = 3
LIQUIDITY_NAMES: Final = tuple(f"liquidity_{place}" for place in range(1, LIQUIDITY_MANAGERS + 1))

SIGNERS: Final = {"foundation": Kind.MILESTONE, "reserve": Kind.RESERVE}
"""Multisigs that act for pools, with the kind of row in these pools."""
SIGNERS_MADE: Final = 5
SIGNERS_THRESHOLD: Final = 3


def account_of(holder: Holder) -> AccountId:
    """Return the account of a holder."""
    return holder.account if isinstance(holder, Multisig) else holder


@cache
def table(document: str) -> Table:
    """Return the table of a document, such as `seed-000`; GenesisError if its file is wrong."""
    text = files("genesis.presets").joinpath(f"{document}.json").read_text(encoding="utf-8")
    return read_table(Section(json.loads(text), document))


@cache
def all_holders() -> tuple[str, ...]:
    """Return the names of the holders in all documents."""
    return tuple(sorted({name for document in DOCUMENTS for name in names_of(table(document))}))


def unheld(accounts: Container[AccountId]) -> tuple[str, ...]:
    """Return the holders whose placeholders are among `accounts`."""
    return tuple(name for name in all_holders() if placeholder(name) in accounts)


def held_rows(table: Table) -> Iterator[Row]:
    """Return the rows with a holder; the others are pools."""
    return (row for row in table.rows if row.kind in {Kind.LINEAR, Kind.IMMEDIATE})


def names_of(table: Table) -> tuple[str, ...]:
    """Return the names of a table's holders, for development keys and placeholders."""
    names: list[str] = []
    for row in held_rows(table):
        names += _names(row)
    for signer in signers_of(table):
        names += _signer_names(signer)
    return tuple(names)


def signers_of(table: Table) -> tuple[str, ...]:
    """Return the signers for pools of a table: `foundation`, and `reserve` if it has one."""
    return tuple(name for name, kind in SIGNERS.items() if table.row_of(kind))


def dev_holders(table: Table) -> Holders:
    """Return holders with publicly known keys: `//holder//bitwave` and so on."""
    return _made(table, lambda name: dev_account(holder_path(name)))


def placeholders(table: Table) -> Holders:
    """Return accounts without keys, in the same shapes as the real holders."""
    return _made(table, placeholder)


def stand_in_signers() -> Iterator[AccountId]:
    """Return the placeholders for the signatories that act for pools."""
    return (placeholder(name) for signer in SIGNERS for name in _signer_names(signer))


def template(table: Table) -> str:
    """Return a holders file to fill in: all rows and shapes, with placeholder addresses."""
    return json.dumps(
        {key: holder_json(holder) for key, holder in placeholders(table).items()}, indent=1
    )


def _made(table: Table, account: Callable[[str], AccountId]) -> Holders:
    """Return holders of the right shapes, each account created from its name."""
    held: dict[str, Holder] = {
        row.key: _held_by(row, [account(name) for name in _names(row)]) for row in held_rows(table)
    }
    for signer in signers_of(table):
        held[signer] = Multisig.of(map(account, _signer_names(signer)), SIGNERS_THRESHOLD)
    return held


def _signer_names(signer: str) -> list[str]:
    return [f"{signer}_{place}" for place in range(1, SIGNERS_MADE + 1)]


def _names(row: Row) -> tuple[str, ...]:
    return LIQUIDITY_NAMES if row.kind is Kind.IMMEDIATE else row.members or (row.key,)


def _held_by(row: Row, accounts: list[AccountId]) -> Holder:
    if row.kind is Kind.IMMEDIATE:
        return Multisig.of(accounts, LIQUIDITY_THRESHOLD)
    return Multisig.of(accounts, len(accounts)) if row.members else accounts[0]


# --- reading and writing --------------------------------------------------------


def read_holders(section: Section, table: Table) -> Holders:
    """Read a holders file for `table`. Raises GenesisError that names the row and the mistake."""
    signers = signers_of(table)
    fields = section.fields(required=[row.key for row in held_rows(table)], optional=signers)
    holders: dict[str, Holder] = {}
    taken: dict[AccountId, str] = {}
    for row in held_rows(table):
        place = fields[row.key]
        holder = read_holder(place)
        _check_shape(row, holder, place)
        account = account_of(holder)
        if account in taken:
            raise GenesisError(f"{place.path}: holds row {taken[account]} already")
        taken[account] = row.key
        holders[row.key] = holder
    for name in signers:
        if name in fields:
            holders[name] = _read_signers(fields[name], name, taken)
    return holders


def _read_signers(place: Section, name: str, taken: dict[AccountId, str]) -> Multisig:
    """Read the signatories of a pool: a multisig whose account has no other task."""
    holder = read_holder(place)
    if not isinstance(holder, Multisig):
        raise place.wrong("a multisig of those who sign for it")
    if holder.account in taken:
        raise GenesisError(f"{place.path}: is the account of {taken[holder.account]} already")
    taken[holder.account] = name
    return holder


def _check_shape(row: Row, holder: Holder, place: Section) -> None:
    if row.members:
        together = len(row.members)
        if (
            not isinstance(holder, Multisig)
            or holder.threshold != together
            or len(holder.signatories) != together
        ):
            raise place.wrong(f"a multisig of {together} signatories that all sign")
    if row.kind is Kind.IMMEDIATE and not isinstance(holder, Multisig):
        raise place.wrong("a multisig of the managers")


def read_holder(section: Section) -> Holder:
    """Read an address, or a multisig as an object."""
    try:
        section.text()
    except GenesisError:
        return read_multisig(section)
    return section.account()


def read_multisig(section: Section) -> Multisig:
    """Read `{"threshold": 2, "signatories": [...]}`."""
    fields = section.fields(required=("threshold", "signatories"))
    signatories = tuple(row.account() for row in fields["signatories"])
    if not 2 <= len(signatories) <= MAX_SIGNATORIES:
        raise fields["signatories"].wrong(f"2 to {MAX_SIGNATORIES} addresses")
    if len(set(signatories)) != len(signatories):
        raise GenesisError(f"{fields['signatories'].path}: an address stands there twice")
    return Multisig.of(signatories, _read_threshold(fields["threshold"], len(signatories)))


def _read_threshold(section: Section, most: int) -> int:
    try:
        threshold = section.integer(most)
    except GenesisError:
        threshold = 0
    if threshold < 2:
        raise section.wrong(f"2 to {most} signatures")
    return threshold


def holder_json(holder: Holder) -> str | dict[str, object]:
    """Return the holder in the form of a file."""
    return multisig_json(holder) if isinstance(holder, Multisig) else address(holder)


def multisig_json(multisig: Multisig) -> dict[str, object]:
    """Return the multisig in the form of a file."""
    return {
        "threshold": multisig.threshold,
        "signatories": [address(account) for account in multisig.signatories],
    }
