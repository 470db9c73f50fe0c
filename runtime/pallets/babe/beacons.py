"""The beacon: randomness after each block, which was unpredictable before it."""

from __future__ import annotations

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.babe import Slot
from btt_chain.scale import u32
from runtime.frame import Component, Hasher, Map, Value
from runtime.pallets.babe.types import BEACONS, Beacon, Bytes32


class BeaconLog(Component):
    """The current beacon, and those after the last `BEACONS` blocks."""

    beacon = Value(Bytes32, default=bytes(32))
    """The current beacon."""
    beacons = Map(u32, Beacon, hasher=Hasher.Twox64Concat)
    """Beacons after the last blocks, by block number modulo 1,024."""

    def advance(self, number: int, slot: Slot, author: AccountId | None, randomness: bytes) -> None:
        """Compute and store the beacon after block `number`, from its randomness."""
        beacon = blake2_256(self.beacon.value + randomness)
        self.beacon.value = beacon
        self.beacons[u32(number % BEACONS)] = Beacon(slot, beacon, author)

    def after(
        self, slot: int, last: int, *, since: int | None = None, authors: int = 1
    ) -> Beacon | None:
        """Return the beacon after the first block up to `last` with a slot of at least `slot`.

        With `since`: the first such block by which `authors` different authors made blocks with
        slots after `since`. None if there is no such block yet, or if a block needed to decide is
        older than the last `BEACONS` and not stored.
        """
        begin = slot if since is None else since + 1
        first = self._first_at(begin, last)
        seen: set[AccountId | None] = set()
        for number in range(first, last + 1):
            found = self.beacons.get(u32(number % BEACONS))
            if found is None or found.slot < begin:  # the current block, without a beacon yet
                return None
            seen.add(found.author)
            if found.slot >= slot and len(seen) >= authors:
                return found
        return None

    def _first_at(self, slot: int, last: int) -> int:
        """Return the number of the first remembered block with at least `slot`.

        `last + 1` if there is none, or if the first may be one that is no longer stored.
        """
        oldest = max(1, last - BEACONS + 1)
        low, high = oldest, last
        while low < high:
            middle = (low + high) // 2
            found = self.beacons.get(u32(middle % BEACONS))
            if found is None or found.slot < slot:
                low = middle + 1
            else:
                high = middle
        found = self.beacons.get(u32(oldest % BEACONS))
        forgotten = oldest > 1 and (found is None or found.slot > slot)
        return last + 1 if forgotten else low
