"""The wait for a result that a running gateway fetches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from btt_chain.primitives.digest import H256
from cli.commands import job_session
from cli.common.errors import NotFound, Refused
from runtime.pallets.jobs.types import JobState, Outcome

if TYPE_CHECKING:
    from btt_chain.client.typed import RuntimeClient
    from btt_chain.compute.requester.folder import Folder, Record
    from cli.views.work import WorkQuote

RECORD = cast("Record", SimpleNamespace(job=H256(b"\7" * 32)))


@dataclass
class FakeChain:
    """A chain whose job has a state in each block, None where it is removed."""

    states: list[JobState | None]

    async def api(self, _method: object, _job: H256) -> SimpleNamespace | None:
        state = self.states.pop(0)
        return None if state is None else SimpleNamespace(state=state, outcome=Outcome.Fraud)

    async def heads(self) -> AsyncIterator[None]:
        while self.states:
            yield None


async def fetch(states: list[JobState | None], results: list[bytes | None]) -> None:
    folder = SimpleNamespace(result=lambda _: results.pop(0) if len(results) > 1 else results[0])
    chain = cast("RuntimeClient", FakeChain(states))
    await job_session.fetch_result(chain, cast("Folder", folder), RECORD, True, None, ())


@pytest.fixture(autouse=True)
def gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the folder's gateway run."""
    monkeypatch.setattr(job_session, "runs", lambda _: True)


async def test_a_result_ends_the_wait_also_of_a_job_that_the_chain_has_removed() -> None:
    await fetch([JobState.Pending, JobState.Finalized], [None, b"result"])
    await fetch([JobState.Pending, None], [None, b"result"])


async def test_a_job_that_is_removed_before_its_result_came_is_not_found() -> None:
    with pytest.raises(NotFound, match="not fetched in time"):
        await fetch([JobState.Pending, JobState.Finalized, None], [None])
    with pytest.raises(NotFound, match="not fetched in time"):
        await fetch([None], [None])


async def test_a_job_that_failed_has_no_result() -> None:
    with pytest.raises(Refused, match="there is no result"):
        await fetch([JobState.Pending, JobState.Slashed], [None])


@pytest.mark.parametrize(
    ("slot_ms", "least", "deadline"),
    [(6_000, 1, 32), (1_000, 4, 38), (500, 4, 68), (500, 60_000, 100_800)],
)
def test_a_deadline_is_ample_also_with_short_slots(slot_ms: int, least: int, deadline: int) -> None:
    quote = cast("WorkQuote", SimpleNamespace(min_deadline=least))
    assert job_session.ample_deadline(quote, slot_ms) == deadline
