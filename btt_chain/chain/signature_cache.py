"""A cache of valid signatures, so that each is checked once.

A transaction's signature is checked on admission to the pool, and again when the block that carries
it is made or imported. During a long sync, a helper process checks those of the next blocks
(`prechecks`). Only valid ones are kept: invalid ones are refused anyway, and must not
displace valid ones.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from btt_chain.chain.prechecks.keys import scheme_of
from btt_chain.chain.prechecks.store import PrecheckedStore
from btt_chain.primitives.account import AccountId, MultiSignature
from runtime.transactions import check_signature

CAPACITY: Final = 16_384
"""Signatures kept, about half a kilobyte each: two full pools."""


class SignatureCache:
    """Checks signatures and remembers the valid ones; the oldest is dropped first."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        # Not a `dict`: its first entry is found by a search over all that were deleted before it.
        self._good: OrderedDict[bytes, tuple[type[MultiSignature], AccountId, bytes]] = (
            OrderedDict()
        )
        self.checked = 0
        """Number of signatures checked, without those found in the cache."""
        self.prechecked: Final = PrecheckedStore()
        """Verdicts of the helper process of sync."""
        self.exempt: Callable[[MultiSignature, AccountId], bool] | None = None
        """Accepts signatures that are not valid: development chains only. Its verdicts are not
        kept."""

    def __call__(self, signature: MultiSignature, payload: bytes, who: AccountId) -> bool:
        """Return True if `who` signed `payload`."""
        key, proof = signature.signature, (type(signature), who, payload)
        if self._good.get(key) == proof:
            return True
        if self.prechecked and self.prechecked.has_signature(
            scheme_of(signature), who, payload, key
        ):
            return True  # not kept: its block is being imported
        self.checked += 1
        if not check_signature(signature, payload, who):
            return self.exempt is not None and self.exempt(signature, who)
        if len(self._good) >= self._capacity:
            self._good.popitem(last=False)
        self._good[key] = proof
        return True
