"""An index of what expires, by the month that it belongs to.

Entries that are stored together are one list: a call that credits many accounts writes one key for
all of them. An entry stays until its month expired, also if its points are spent before or expire
later: `Points.expire` compares the month.
"""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digest import H256
from btt_chain.scale import codec, u32
from runtime.frame import Component, DoubleMap, Hasher
from runtime.pallets.incentives.types import (
    MAX_PRUNED,
    ExpiringCount,
    ExpiringCredential,
    ExpiringList,
    ExpiringPoints,
)

LIST = codec(ExpiringList)


class Expiries(Component):
    """Entries that expire with a month, besides vouchers and the months of facilities."""

    expiring = DoubleMap(u32, H256, ExpiringList, hashers=(Hasher.Twox64Concat, Hasher.Identity))
    """Points and credentials by month, in lists under the hash of their first content."""

    def add(
        self, month: int, entries: Sequence[ExpiringPoints | ExpiringCredential | ExpiringCount]
    ) -> None:
        """Add entries; a list that is stored already changes nothing."""
        for start in range(0, len(entries), MAX_PRUNED):
            listed = [*entries[start : start + MAX_PRUNED]]
            self.expiring[u32(month), H256(blake2_256(LIST.encode(listed)))] = listed

    def take(
        self, month: int, limit: int
    ) -> list[ExpiringPoints | ExpiringCredential | ExpiringCount]:
        """Remove and return at most `limit` entries of a month."""
        taken: list[ExpiringPoints | ExpiringCredential | ExpiringCount] = []
        for key in self.expiring.some_under(u32(month), limit):
            room = limit - len(taken)
            if not room:
                break
            entries = self.expiring[u32(month), key]
            taken += entries[:room]
            if entries[room:]:
                self.expiring[u32(month), key] = entries[room:]
            else:
                del self.expiring[u32(month), key]
        return taken
