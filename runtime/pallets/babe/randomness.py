"""The randomness of epochs, from the VRF outputs of primary blocks."""

from __future__ import annotations

from btt_chain.primitives.epoch import next_randomness
from btt_chain.scale import u32
from runtime.frame import Component, Hasher, Map, Value
from runtime.pallets.babe.types import SEGMENT, Bytes32, Segment


class EpochRandomness(Component):
    """The randomness of the current and the announced epoch, and the shares of the one after."""

    randomness = Value(Bytes32, default=bytes(32))
    """Randomness of the current epoch."""
    next_randomness = Value(Bytes32, default=bytes(32))
    """Randomness of the announced epoch."""
    segment_index = Value(u32, default=u32(0))
    """Index of the segment that is being filled."""
    under_construction = Map(u32, Segment, default=[], hasher=Hasher.Twox64Concat)
    """Segments of VRF outputs for the epoch after the announced one."""

    def collect(self, share: bytes) -> None:
        """Store a primary claim's share of the randomness of the epoch after the next."""
        place = self.segment_index.value
        segment = self.under_construction[place]
        if len(segment) == SEGMENT:
            place, segment = place + 1, []
            self.segment_index.value = place
        segment.append(share)
        self.under_construction[place] = segment

    def turn(self, following: int) -> None:
        """Activate the announced randomness, and compute that of epoch `following`."""
        randomness = self.next_randomness.value
        shares: list[bytes] = []
        # All segments: `pallet_babe` omits the last one and loses its shares.
        for place in range(int(self.segment_index.value) + 1):
            shares += self.under_construction.take(u32(place)) or []
        self.segment_index.value = u32(0)
        self.randomness.value = randomness
        self.next_randomness.value = next_randomness(randomness, following, shares)
