"""Limits of a block by weight and length, and the use of the current block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from btt_chain.primitives import validity
from btt_chain.primitives.header import Header
from btt_chain.primitives.validity import Invalid
from runtime.block_weights import EXTRINSIC_BYTE
from runtime.frame import BlockLength, BlockWeights, DispatchClass, DispatchInfo, InvalidBlock
from runtime.frame.host import Host

MAX_INHERENTS: Final = 16
"""Allowance for inherents in a block's extrinsics: weight limits do not restrict them."""


class BlockLimits:
    """The limits of a block; the host holds the counts of the current block."""

    def __init__(self, host: Host, weights: BlockWeights, length: BlockLength) -> None:
        self._host = host
        self._max_block = int(weights.max_block.ref_time)
        self._limits = [
            (int(limit.base_extrinsic.ref_time), limit)
            for limit in (
                weights.per_class.normal,
                weights.per_class.operational,
                weights.per_class.mandatory,
            )
        ]
        largest = length.max
        self._max_length = [int(largest.normal), int(largest.operational), int(largest.mandatory)]
        base = self._limits[DispatchClass.Normal][0]
        self._max_extrinsics = self._max_block // base + MAX_INHERENTS
        """Maximum number of extrinsics in a block, each weighing at least the base."""

    def check_body(self, header: Header, extrinsics: Sequence[bytes]) -> None:
        """Reject a body that no valid block can have, before any computation on it."""
        if len(extrinsics) > self._max_extrinsics:
            excess = f"{len(extrinsics)} extrinsics, {self._max_extrinsics} are the most"
            raise InvalidBlock(f"block {int(header.number)} has {excess}")
        length = sum(map(len, extrinsics))
        if length > self._max_length[DispatchClass.Mandatory]:
            raise InvalidBlock(f"block {int(header.number)} has a body of {length} bytes")

    def count(self, info: DispatchInfo, size: int) -> None:
        """Count a transaction of `size` encoded bytes as used. Raises ExhaustsResources."""
        self._host.length, self._host.weights[info.dispatch_class] = self.with_one_more(info, size)

    def with_one_more(self, info: DispatchInfo, size: int) -> tuple[int, int]:
        """Return the block's length, and the weight of the class, with this transaction added.

        Raises ExhaustsResources if it does not fit.
        """
        host, kind = self._host, info.dispatch_class
        base, limits = self._limits[kind]
        length = host.length + size
        own = info.weight + size * EXTRINSIC_BYTE
        weight = host.weights[kind] + base + own
        if kind is not DispatchClass.Mandatory:
            largest, total = limits.max_extrinsic, limits.max_total
            if largest is not None and own > largest.ref_time:
                raise Invalid(validity.ExhaustsResources())
            if length > self._max_length[kind] or (total is not None and weight > total.ref_time):
                raise Invalid(validity.ExhaustsResources())
            if sum(host.weights) + base + own > self._max_block:
                raise Invalid(validity.ExhaustsResources())
        return length, weight
