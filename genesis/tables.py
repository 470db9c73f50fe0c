"""The documents' tables, read from the files in `presets` and checked once."""

from __future__ import annotations

import json
from collections.abc import Container
from functools import cache
from importlib.resources import files

from btt_chain.primitives.account import AccountId
from genesis.accounts import placeholder
from genesis.allocation import Table, read_table
from genesis.holders import names_of
from genesis.presets import DOCUMENTS
from runtime.frame import Section


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
