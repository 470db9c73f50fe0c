"""The two most important log lines: a block was imported, a block became final.

Pure text, so that a test can fix it; programs that read logs rely on the first words.
"""

from __future__ import annotations

from functools import cache

from btt_chain.crypto.development import DEV_NAMES, dev_key
from btt_chain.primitives import ss58


def imported(
    number: int,
    hash: bytes,
    *,
    author: bytes | None,
    slot: int | None,
    transactions: int,
    milliseconds: float,
    is_best: bool,
) -> str:
    """Return `imported #123 0xabcdef01… author Alice slot 456 txs 3 12 ms (best)`.

    `transactions` is without inherents; `milliseconds` the time to verify, execute and store it. A
    block that is not the best one ends in `(fork)`.
    """
    parts = [
        f"imported #{number} {short(hash)}",
        *([f"author {called(author)}"] if author is not None else []),
        *([f"slot {slot}"] if slot is not None else []),
        f"txs {transactions}",
        f"{milliseconds:.0f} ms",
        "(best)" if is_best else "(fork)",
    ]
    return " ".join(parts)


def finalized(number: int, hash: bytes, *, best: int) -> str:
    """Return `finalized #120 0xabcdef01… lag 3`, for the newest of blocks that became final
    together.
    """
    return f"finalized #{number} {short(hash)} lag {max(best - number, 0)}"


def short(hash: bytes) -> str:
    """Return the beginning of a hash, enough to find it again."""
    return f"0x{hash.hex()[:8]}…"


def called(account: bytes) -> str:
    """Return the name of a development account (or its stash), else its shortened address."""
    name = _names().get(bytes(account))
    if name is not None:
        return name
    address = ss58.encode(account)
    return f"{address[:6]}…{address[-4:]}"


@cache
def _names() -> dict[bytes, str]:
    found = {}
    for name in DEV_NAMES:
        found[dev_key(f"//{name}").account_id] = name
        found[dev_key(f"//{name}//stash").account_id] = name
    return found
