"""Limits of a block, derived from the length of a slot."""

from __future__ import annotations

from typing import Final

from btt_chain.scale import u32, u64
from runtime.block_weights import BASE_BLOCK, BASE_EXTRINSIC
from runtime.frame import BlockLength, BlockWeights, Weight
from runtime.frame.weight import PICOS_PER_MILLI, PerClassLength, PerClassLimits, WeightsPerClass

SLOT_PERCENT: Final = 50
"""Percentage of a slot that the execution of a block may take by its weight.

The author stops adding transactions after a third of the slot by the clock
(`Settings.build_share`), so that other nodes have imported the block before the next slot even if
it is full in all classes: a third for making, a half for the import, and a sixth for the way
between.
"""
NORMAL_PERCENT: Final = 75
"""Percentage of a block that normal transactions may use."""
OPENING_PERCENT: Final = 10
"""Percentage of a block left for its opening (hooks, inherents): the heaviest transaction of the
pool must fit into an empty block."""
PAYMENT_HOOKS_PERCENT: Final = 20
"""Percentage of a block that the hooks of payments may take: with the block's opening they fit into
what normal transactions leave."""
MAX_LENGTH: Final = 5 << 20
"""Maximum length of a block's extrinsics, in bytes; the same percentage for normal ones."""


def heaviest_call(slot_ms: int) -> int:
    """Return the weight of the heaviest normal call that fits into a block, in picoseconds."""
    most = block_weights(slot_ms).per_class.normal.max_extrinsic
    if most is None:
        raise ValueError("ordinary extrinsics have no greatest weight")
    return int(most.ref_time)


def block_budget(slot_ms: int) -> int:
    """Return the maximum weight of a block, in picoseconds."""
    return slot_ms * PICOS_PER_MILLI * SLOT_PERCENT // 100


def block_weights(slot_ms: int) -> BlockWeights:
    """Return the limits of a block."""
    budget = block_budget(slot_ms)
    normal = budget * NORMAL_PERCENT // 100
    reserve = budget * OPENING_PERCENT // 100 + BASE_EXTRINSIC
    operational = WeightsPerClass(
        base_extrinsic=weight(BASE_EXTRINSIC),
        max_extrinsic=weight(budget - reserve),
        max_total=weight(budget),
        reserved=weight(budget - normal),
    )
    return BlockWeights(
        base_block=weight(BASE_BLOCK),
        max_block=weight(budget),
        per_class=PerClassLimits(
            normal=WeightsPerClass(
                base_extrinsic=weight(BASE_EXTRINSIC),
                max_extrinsic=weight(normal - reserve),
                max_total=weight(normal),
                reserved=weight(0),
            ),
            operational=operational,
            mandatory=WeightsPerClass(weight(BASE_EXTRINSIC), None, None, None),
        ),
    )


def payment_hooks(slot_ms: int) -> Weight:
    """Return the maximum weight of the hooks of payments in a block."""
    return weight(block_budget(slot_ms) * PAYMENT_HOOKS_PERCENT // 100)


def block_length() -> BlockLength:
    """Return the maximum length of a block's extrinsics, by class."""
    normal = u32(MAX_LENGTH * NORMAL_PERCENT // 100)
    return BlockLength(PerClassLength(normal, u32(MAX_LENGTH), u32(MAX_LENGTH)))


def weight(picoseconds: int) -> Weight:
    """Return a weight of `picoseconds`."""
    return Weight(u64(picoseconds))
