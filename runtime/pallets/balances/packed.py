"""The free balance in an encoded account record.

Most payments only change the free balance of accounts that exist before and after them. These
functions do that without decoding the other fields: the result equals that of a decoded record,
which every other payment goes through (tests/unit/runtime/pallets/test_packed_balances.py compares
both).
"""

from __future__ import annotations

from typing import Final

NOT_FROZEN: Final = bytes(16)
NO_PROVIDER: Final = bytes(4)
MAX_FREE: Final = (1 << 128) - 1
MAX_NONCE: Final = (1 << 32) - 1

# The record, little-endian: four counters of 32 bits, free [16:32], reserved [32:48], frozen
# [48:64], flags [64:80]. Constant slices are faster than named ones.


def credited(raw: bytes, amount: int, least: int) -> bytes | None:
    """Return the record with `amount` added to the free balance.

    None if that was below `least`, the existential deposit: other fields may change, too. Also if
    the sum exceeds 128 bits.
    """
    free = int.from_bytes(raw[16:32], "little")
    if free < least:
        return None
    free += amount
    if free > MAX_FREE:
        return None
    return raw[:16] + free.to_bytes(16, "little") + raw[32:]


def topped_up(raw: bytes, amount: int, least: int) -> bytes | None:
    """Return the record of a pool with `amount` added, where that stays below `least`.

    None if the free balance was zero or reaches `least`, or the account has no provider: other
    fields may change, too.
    """
    before = int.from_bytes(raw[16:32], "little")
    free = before + amount
    if not before or free >= least or raw[8:12] == NO_PROVIDER:
        return None
    return raw[:16] + free.to_bytes(16, "little") + raw[32:]


def debited(raw: bytes, amount: int, least: int) -> bytes | None:
    """Return the record with `amount` subtracted from the free balance.

    None if less than `least`, the existential deposit, would be left, or a part is frozen: other
    fields may change, or the payment may be forbidden.
    """
    if raw[48:64] != NOT_FROZEN:
        return None
    left = int.from_bytes(raw[16:32], "little") - amount
    if left < least:
        return None
    return raw[:16] + left.to_bytes(16, "little") + raw[32:]


def charged(raw: bytes, amount: int, least: int) -> bytes | None:
    """Return the record with a fee subtracted, and the nonce counted up.

    None as for `debited`, and for the highest nonce.
    """
    nonce = int.from_bytes(raw[:4], "little")
    if nonce == MAX_NONCE or raw[48:64] != NOT_FROZEN:
        return None
    left = int.from_bytes(raw[16:32], "little") - amount
    if left < least:
        return None
    counted = (nonce + 1).to_bytes(4, "little") + raw[4:16]
    return counted + left.to_bytes(16, "little") + raw[32:]


def free_in(raw: bytes) -> int:
    """Return the free balance in a record."""
    return int.from_bytes(raw[16:32], "little")


def reserved_in(raw: bytes) -> int:
    """Return the reserved balance in a record."""
    return int.from_bytes(raw[32:48], "little")
