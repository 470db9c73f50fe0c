"""The parts of range sync: the search for the common block, and the window of blocks above it."""

from __future__ import annotations

import pytest

from btt_chain.primitives.digest import H256, Digest
from btt_chain.primitives.header import Header
from btt_chain.scale import u32
from p2p.sync.range_sync import AncestorSearch, NoCommonBlock
from p2p.sync.types import BlockId
from p2p.sync.window import BODIES_AHEAD, RANGE, Slot, Window

BASE = BlockId(10, b"base")


def name(number: int) -> bytes:
    return b"block %d" % number


def window(count: int) -> Window:
    """A window of headers above BASE."""
    found = Window(BASE)
    zero = H256(bytes(32))
    for number in range(BASE.number + 1, BASE.number + 1 + count):
        header = Header(zero, u32(number), zero, zero, Digest([]))
        found.extend([Slot(name(number), header, "giver")])
    return found


@pytest.mark.parametrize("fork", range(3, 21))
def test_the_highest_common_block_is_found(fork: int) -> None:
    search = AncestorSearch(BlockId(3, name(3)), 20)
    found, probes = None, 0
    while found is None:
        assert 3 <= search.probe <= 20
        found = search.note(name(search.probe), is_known=search.probe <= fork)
        probes += 1

    assert found == BlockId(fork, name(fork))
    assert probes <= 6


def test_a_search_below_the_start_fails() -> None:
    search = AncestorSearch(BlockId(7, name(7)), 5)
    assert search.probe == 7

    with pytest.raises(NoCommonBlock):
        search.note(b"another", is_known=False)


def test_bodies_are_requested_in_ranges_from_the_lowest_on() -> None:
    blocks = window(BODIES_AHEAD + 50)
    runs = list(blocks.runs())

    assert [run.number for run in runs] == list(range(11, 11 + BODIES_AHEAD, RANGE))
    assert sum(len(run.slots) for run in runs) == BODIES_AHEAD


def test_a_requested_range_is_wanted_again_when_the_request_is_over() -> None:
    blocks = window(8)
    (run,) = blocks.runs()
    blocks.request(1, run)
    assert not list(blocks.runs())
    assert blocks.range_of(1) == (11, 8)

    blocks.fill(blocks.first, [b"tx"], None, "sender")
    blocks.release(1)
    assert not list(blocks.requests)
    assert [(again.number, len(again.slots)) for again in blocks.runs()] == [(12, 7)]


def test_blocks_that_other_peers_lack_are_a_run_of_their_own() -> None:
    blocks = window(6)
    list(blocks)[3].lacking["peer"] = None

    assert [(run.at, len(run.slots)) for run in blocks.runs()] == [(0, 3), (3, 1), (4, 2)]


def test_complete_blocks_leave_in_order_with_their_bytes() -> None:
    blocks = window(4)
    for slot in list(blocks)[:2]:
        blocks.fill(slot, [bytes(100)], b"proof", "sender")
        blocks.fill(slot, [b"another body"], None, "late")
    assert blocks.bytes == 2 * (100 + 512)

    ready = blocks.complete(64)
    assert [block.hash for block in ready] == [name(11), name(12)]
    assert ready[0].senders == ("sender", "giver")
    assert len(blocks.complete(1)) == 1
    for _ in ready:
        blocks.drop_imported()
    assert blocks.base == BlockId(12, name(12))
    assert blocks.bytes == 0
    assert blocks.tail == BlockId(14, name(14))
    assert not blocks.slots_at(12, 2)
    assert [slot.hash for slot in blocks.slots_at(14, 5)] == [name(14)]
