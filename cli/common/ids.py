"""Ids by their beginning: lists show twelve digits of an id, and all commands take them back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol

from btt_chain.client.jsonrpc import Json
from btt_chain.crypto.hashing import twox_128
from cli.common.errors import Mistyped, NotFound

DIGITS: Final = 64
"""Hex digits of an id."""
MIN_DIGITS: Final = 4
"""Minimum number of digits of a beginning: fewer are an amount or a mistake."""
ID_FORM: Final = "an id is 0x and 64 hex digits; its first 4 or more are enough"
SHOWN: Final = 12
"""Digits that tables show."""
MAX_READ: Final = 256
"""Keys that are read from the node: so many ids with one beginning are not distinguished."""


class Node(Protocol):
    """A node that answers; a `Connection` is one."""

    async def call(self, method: str, *params: Json) -> Json:
        """Return the answer to a call."""


class Kind(NamedTuple):
    """A kind of thing with an id, and the map of the chain that has it by its id."""

    name: str
    pallet: str
    map: str
    listed: str = ""
    """Command that lists them; empty if there is none."""


JOB: Final = Kind("job", "Jobs", "Jobs", "btt-chain job list --all")
MODEL: Final = Kind("model", "Models", "Models", "btt-chain model list")
RECEIPT: Final = Kind("receipt", "Receipts", "Receipts")
CARD: Final = Kind("card", "PayFi", "Cards")


def shortened(id: bytes) -> str:
    """Return the beginning of an id, for tables; every command takes it for the id."""
    return "0x" + bytes(id).hex()[:SHOWN]


def is_beginning(text: str) -> bool:
    """Return True if a text is an id or the beginning of one."""
    digits = text.removeprefix("0x")
    return MIN_DIGITS <= len(digits) <= DIGITS and bool(re.fullmatch(r"[0-9a-fA-F]+", digits))


def read_beginning(text: str, kind: Kind) -> str:
    """Return the hex digits of an id or of its beginning, in lower case. Mistyped otherwise."""
    if not is_beginning(text):
        raise Mistyped(f"{text!r} is not a {kind.name}: {ID_FORM}")
    return text.removeprefix("0x").lower()


async def resolve(client: Node, text: str, kind: Kind, known: Iterable[bytes] = ()) -> bytes:
    """Return the id that a text is, or of which it is the beginning.

    `known` are ids that the chain may have forgotten. Mistyped if the text is not an id, or begins
    several; NotFound if it is the beginning of none. A whole id is not looked up.
    """
    digits = read_beginning(text, kind)
    if len(digits) == DIGITS:
        return bytes.fromhex(digits)
    there = await _on_chain(client, kind, digits)
    found = sorted({*there, *(id.hex() for id in known if id.hex().startswith(digits))})
    if not found:
        where = f"; `{kind.listed}` shows them" if kind.listed else ""
        raise NotFound(f"no {kind.name} begins with 0x{digits}{where}")
    if len(found) > 1:
        some = ", ".join(f"0x{id[:SHOWN]}" for id in found[:3])
        more = ", ..." if len(found) > 3 else ""
        raise Mistyped(f"several {kind.name}s begin with 0x{digits}: {some}{more}; type more of it")
    return bytes.fromhex(found[0])


async def _on_chain(client: Node, kind: Kind, digits: str) -> list[str]:
    """Return the ids of the chain that begin with these digits: the map has them in their order."""
    prefix = (twox_128(kind.pallet.encode()) + twox_128(kind.map.encode())).hex()
    whole = digits[: len(digits) // 2 * 2]
    keys = await client.call("state_getKeysPaged", f"0x{prefix}{whole}", MAX_READ, None)
    ids = [str(key).removeprefix(f"0x{prefix}") for key in keys] if isinstance(keys, list) else []
    return [id for id in ids if len(id) == DIGITS and id.startswith(digits)]
