"""A gateway beside forks, purged nodes and clocks that jump: what is over, and what is deleted."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from btt_chain.compute.blobs.store import BlobStore
from btt_chain.compute.blobs.transport import payload_name
from btt_chain.compute.requester.folder import Folder
from btt_chain.compute.requester.gateway import Gateway, shown
from runtime.pallets.jobs.types import JobState
from unit.compute.test_gateway import (
    ITEMS,
    JOB,
    ONE,
    OUTPUTS,
    BlobHostAt,
    Provider,
    posted,
    record_of,
    view,
    world,
)

DAY = 86_400


def aged(folder: Folder, days: int) -> int:
    """Let the job be posted some days ago; return the time of that in slots of a second."""
    posted_at = int(time.time()) - days * DAY
    os.utime(next((folder.path / "jobs").iterdir()), (posted_at, posted_at))
    return posted_at


@pytest.mark.parametrize("is_posted", [True, False])
async def test_a_job_that_the_chain_does_not_have_is_kept_for_a_day_of_final_blocks_and_clock(
    tmp_path: Path, is_posted: bool
) -> None:
    async with world(tmp_path) as w:
        record = record_of()
        record.job = JOB if is_posted else None
        w.folder.add(record, ITEMS.tobytes())
        # Slots of a day pass while a node syncs, and a clock jumps while nothing is final.
        for days, slots in ((0, 2 * DAY), (1, -DAY), (9, 0), (9, DAY - 1)):
            w.chain.final_slot = aged(w.folder, days) + slots
            await w.turn(None)
            assert not w.kept().over
            assert w.folder.items(record) is not None
        w.chain.final_slot = aged(w.folder, 9) + DAY + 1
        await w.turn(None)
        assert w.folder.items(record) is None
        assert [kept.over for kept in w.folder.records()] == ([True] if is_posted else [])


async def test_an_open_job_keeps_payload_and_inputs_while_its_node_is_purged_and_syncs(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        record = posted(w.folder)
        assigned = view(record, JobState.Assigned, w.one)
        await w.turn(assigned, assigned)
        now = aged(w.folder, 3)
        for slots in range(-10 * DAY, 0, DAY):
            w.chain.final_slot = now + slots
            await w.turn(None)
        await w.turn(None, assigned)
        await w.turn(assigned, assigned)
        assert not w.kept().over
        assert w.store.has(payload_name(JOB))
        assert w.folder.items(record) is not None


@pytest.mark.parametrize("state", [JobState.Refunded, JobState.Slashed, JobState.Finalized])
async def test_the_end_of_a_job_in_a_block_that_is_not_final_deletes_nothing(
    tmp_path: Path, state: JobState
) -> None:
    async with world(tmp_path) as w:
        record = posted(w.folder)
        reported: list[JobState] = []
        w.gateway = Gateway(
            w.folder, w.chain, w.host, w.store, lambda _, view: reported.append(view.state)
        )
        assigned = view(record, JobState.Assigned, w.one)
        await w.turn(assigned, assigned)
        w.folder.keep_result(record, OUTPUTS)
        await w.turn(view(record, state, w.one, OUTPUTS), assigned)
        await w.turn(view(record, state, w.one, OUTPUTS), None)
        await w.turn(None, assigned)
        assert not w.kept().over
        assert w.store.has(payload_name(JOB))
        assert w.folder.items(record) is not None
        assert set(reported) == {JobState.Assigned}
        over = view(record, state, w.one, OUTPUTS)
        await w.turn(over, over)
        assert w.kept().over
        assert reported[-1] is state


async def test_a_result_of_a_receipt_that_a_fork_reverted_is_fetched_again(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        record = posted(w.folder)
        w.folder.keep_result(record, bytes(len(OUTPUTS)))
        w.one.deliver(record, OUTPUTS)
        done = view(record, JobState.Finalized, w.one, OUTPUTS)
        for _ in range(3):
            await w.turn(done, done)
        assert w.folder.result(record) == OUTPUTS
        assert w.kept().over


async def test_a_job_that_ended_before_its_id_was_known_is_not_forgotten(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        record = record_of()
        w.folder.add(record, ITEMS.tobytes())
        w.chain.final_slot = aged(w.folder, 9) + 2 * DAY
        over = view(record, JobState.Finalized, w.one, OUTPUTS)
        await w.turn(over, over)
        assert w.kept().job == JOB
        assert w.folder.items(record) is not None


def test_a_job_is_reported_as_over_only_when_that_is_final(tmp_path: Path) -> None:
    record, one = record_of(), Provider(ONE, BlobStore(tmp_path), BlobHostAt())
    pending = view(record, JobState.Pending, one)
    over = view(record, JobState.Finalized, one)
    assert shown(pending, None) is pending
    assert shown(over, None) is None
    assert shown(over, pending) is pending
    assert shown(over, over) is over
