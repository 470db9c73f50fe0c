"""The two lines of the log that everybody reads: a block came in, a block became final.

Pure text, so that a test can hold it still; programs that read logs rely on the first words.
"""

from __future__ import annotations

from functools import cache

from btt_chain.primitives import ss58
from genesis.accounts import DEV_NAMES, dev_account


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
    """`imported #123 0xabcdef01… author Alice slot 456 txs 3 12 ms (best)`.

    `transactions` without inherents; `milliseconds` to verify, execute and store it. A block that
    is not the best one ends in `(fork)`.
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


def finalised(number: int, hash: bytes, *, best: int) -> str:
    """`finalised #120 0xabcdef01… lag 3`: the newest of the blocks that became final together."""
    return f"finalised #{number} {short(hash)} lag {max(best - number, 0)}"


def short(hash: bytes) -> str:
    """The beginning of a hash, enough to find it again."""
    return f"0x{hash.hex()[:8]}…"


def called(account: bytes) -> str:
    """The name of a well-known development account (or its stash), else the address, shortened."""
    name = _names().get(bytes(account))
    if name is not None:
        return name
    address = ss58.encode(account)
    return f"{address[:6]}…{address[-4:]}"


@cache
def _names() -> dict[bytes, str]:
    found = {}
    for name in DEV_NAMES:
        found[bytes(dev_account(f"//{name}"))] = name
        found[bytes(dev_account(f"//{name}//stash"))] = name
    return found
