"""An index of what expires, by the month that it belongs to."""

from __future__ import annotations

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digest import H256
from btt_chain.scale import codec, u32
from runtime.frame import Component, DoubleMap, Hasher
from runtime.pallets.incentives.types import (
    Expiring,
    ExpiringCount,
    ExpiringCredential,
    ExpiringPoints,
)

ENTRY = codec(Expiring)


class Expiries(Component):
    """Entries that expire with a month, besides vouchers and the months of facilities."""

    expiring = DoubleMap(u32, H256, Expiring, hashers=(Hasher.Twox64Concat, Hasher.Identity))
    """Points and credentials by month, under the hash of the entry."""

    def add(self, month: int, what: ExpiringPoints | ExpiringCredential | ExpiringCount) -> None:
        """Add an entry."""
        self.expiring[u32(month), key_of(what)] = what

    def drop(self, month: int, what: ExpiringPoints | ExpiringCredential | ExpiringCount) -> None:
        """Remove an entry; one that is gone changes nothing."""
        del self.expiring[u32(month), key_of(what)]

    def take(
        self, month: int, limit: int
    ) -> list[ExpiringPoints | ExpiringCredential | ExpiringCount]:
        """Remove and return at most `limit` entries of a month."""
        keys = self.expiring.some_under(u32(month), limit)
        found = [self.expiring[u32(month), key] for key in keys]
        for key in keys:
            del self.expiring[u32(month), key]
        return found


def key_of(what: ExpiringPoints | ExpiringCredential | ExpiringCount) -> H256:
    """Return the key of an entry within its month."""
    return H256(blake2_256(ENTRY.encode(what)))
