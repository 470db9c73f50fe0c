"""Shared by commands of a chain: a connection, values that were typed, and the node's answers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from btt_chain.client.accounts import AccountError, read_account
from btt_chain.client.amount import AmountError, Currency
from btt_chain.client.errors import MissingFeature, RpcError
from btt_chain.client.jsonrpc import Connection, Json
from btt_chain.client.views import ViewClient
from btt_chain.primitives.digest import H256
from btt_chain.primitives.digits import whole_number
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.session import open_chain

NO_METHOD: Final = -32601
NO_FEATURE: Final = re.compile(r"this chain's runtime, (\S+), has no")
"""Part of a node's error for a method of a feature that the chain lacks."""
ID_BYTES: Final = 32


@asynccontextmanager
async def view_chain(url: str, timeout: float, at: str | None = None) -> AsyncIterator[ViewClient]:
    """Connect to a chain, whose values are read by its metadata as classes of the reader.

    `at` is a block by number or hash.
    """
    async with open_chain(url, timeout, at) as chain:
        yield ViewClient(chain)


async def asked(client: Connection, method: str, *params: Json) -> Json:
    """Return the answer of a method of BTT chains. NotFound if the node has none."""
    try:
        return await client.call(method, *params)
    except RpcError as error:
        if error.code == NO_METHOD:
            lacking = NO_FEATURE.search(str(error))
            if lacking is not None:
                raise MissingFeature(lacking[1], method) from error
            raise NotFound(
                f"the node at {client.url} has no {method}: it is not a BTT chain, or an older one"
            ) from None
        raise


def read_id(text: str, what: str) -> bytes:
    """Return the 32 bytes of an id. Mistyped if the text is not an id."""
    try:
        raw = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raw = b""
    if len(raw) != ID_BYTES:
        raise Mistyped(f"{what}: {text!r} is not an id: write 0x and 64 hex digits")
    return raw


def money(currency: Currency, answer: Json) -> str:
    """Return a node's amount as text."""
    amount = whole_number(answer) if isinstance(answer, str) else None
    if amount is None:
        raise Refused(f"the node answered {answer!r} where an amount was expected")
    return currency.format(amount)


def account(given: str, prefix: int) -> bytes:
    """Return the account of a text. Mistyped if the text is not an account."""
    try:
        return read_account(given, prefix)
    except AccountError as error:
        raise Mistyped(str(error)) from None


def planck(currency: Currency, given: str) -> int:
    """Return the amount of a text. Mistyped if the text is not an amount."""
    try:
        return currency.parse(given)
    except AmountError as error:
        raise Mistyped(str(error)) from None


def text(raw: bytes) -> str:
    """Return a name of the chain's storage as one line of text."""
    shown = raw.decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "�" for letter in shown)


def hash_of(file: Path) -> H256:
    """Return the SHA-256 of a file of any size."""
    with file.open("rb") as opened:
        return H256(hashlib.file_digest(opened, "sha256").digest())
