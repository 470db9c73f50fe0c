"""Rivals: transactions with the same account and nonce, of which a pool holds one.

The claims of a transaction are read without checking its signature. It may be forged, so this
decides about its own refusal only, and leaves no trace: no ban, no cached result.
"""

from __future__ import annotations

from typing import Final

from btt_chain.primitives.extrinsic import SIGNED_V4, unwrap
from btt_chain.primitives.validity import Invalid
from btt_chain.scale import DecodeError, u128
from btt_chain.scale.compact import compact_decode
from btt_chain.txpool import nonce_tag
from runtime.executive import Executive
from runtime.frame import DispatchClass

ACCOUNT: Final = slice(2, 34)
"""Bytes of the account in an extrinsic whose address is an account id."""
KIND: Final = 34
"""Position of the kind of signature."""
U32_MAX: Final = 2**32 - 1
SHORT: Final = (0, 1)
"""Kinds of signatures of 64 bytes: ed25519, sr25519."""
ERA: Final = 99
"""Position of the era behind such a signature. It has one byte if that is zero, else two."""


def claimed_tag(wire: bytes) -> bytes | None:
    """Return the tag of the account and nonce that a signed extrinsic names, None for others.

    By fixed positions, because this runs for each gossiped transaction; other forms, with another
    kind of address or signature, are left to the pool.
    """
    at = 1 << (wire[0] & 3) if wire and wire[0] & 3 < 3 else 0
    if not at or len(wire) <= at + ERA or wire[at] != SIGNED_V4:
        return None
    if wire[at + 1] != 0 or wire[at + KIND] not in SHORT:
        return None
    try:
        nonce, _ = compact_decode(wire, at + ERA + (1 if wire[at + ERA] == 0 else 2))
    except DecodeError:
        return None
    if nonce > U32_MAX:
        return None
    return nonce_tag(wire[at + ACCOUNT.start : at + ACCOUNT.stop], nonce)


def unchecked_priority(executive: Executive, wire: bytes) -> int | None:
    """Return the priority of an extrinsic, if it is valid; None if only the pool can compute it.

    That of an operational one depends on its fee.
    """
    executive.runtime.bind()  # the last executive may have been another runtime's
    try:
        found = executive.decoder.decode_unchecked(unwrap(wire))
    except (DecodeError, Invalid):
        return None
    if found.signer is None or found.info.dispatch_class is not DispatchClass.Normal:
        return None
    tip = found.signer.extra.tip
    return int(executive.fees.priority(found.info, found.length, tip, u128(0)))
