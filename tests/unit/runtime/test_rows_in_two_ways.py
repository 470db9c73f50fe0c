"""Random rows of extrinsics on random states have the same effects in one pass as in general."""

from __future__ import annotations

import random
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.frame import items
from support.odd_chain import new_chain, scenes_of
from support.odd_rows import OddRow, odd_case
from support.two_ways import Scene, TwoWays

CACHE_SIZES = ("KEY_CACHE_SIZE", "PEEK_CACHE_SIZE", "PREFIX_CACHE_SIZE")


@lru_cache(maxsize=1)
def ground() -> tuple[list[Scene], TwoWays]:
    """Return blocks of a chain that can be executed again, and its executives."""
    chain = new_chain()
    return scenes_of(chain), TwoWays(chain)


@pytest.mark.fuzz
@given(st.integers(0, 2**40))
@settings(max_examples=2 * settings().max_examples)
def test_a_row_has_the_same_effects_in_all_ways(seed: int) -> None:
    scenes, ways = ground()
    with pytest.MonkeyPatch.context() as patch:
        for name in CACHE_SIZES if seed % 4 == 0 else ():  # what is kept is dropped all the time
            patch.setattr(items, name, 1)
        assert ways.compare(*odd_case(scenes, seed)) == []


def test_most_extrinsics_of_calm_rows_take_one_pass() -> None:
    scenes, ways = ground()
    before, count = ways.taken, 0
    for seed in range(20):
        maker = OddRow(scenes[seed % len(scenes)], random.Random(seed))
        maker.is_calm = True
        row = maker.row()
        ways.run(ways.direct, maker.scene, row, {})
        count += len(row)
    assert ways.taken - before > count // 2
