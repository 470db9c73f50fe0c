"""The wait for a result that a running gateway fetches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from btt_chain.primitives.digest import H256
from cli.commands import job_session
from cli.common.errors import NotFound, Refused
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.types import JobState, Outcome

if TYPE_CHECKING:
    from btt_chain.compute.requester.folder import Folder, Record
    from runtime.pallets.jobs.views import WorkQuote

RECORD = cast("Record", SimpleNamespace(job=H256(b"\7" * 32)))


class FakeChain:
    """A chain whose job has a state in each block, None where it is removed.

    `final` are the states in the final blocks, those of the best ones by default; block by block,
    the best block's height and the final one's grow together.
    """

    def __init__(self, states: list[str | None], final: list[str | None] | None = None) -> None:
        self.states = states
        self.final = states if final is None else final
        self.at = -1
        self.chain = SimpleNamespace(connection=self)

    async def heads(self) -> AsyncIterator[None]:
        while self.at + 1 < len(self.states):
            self.at += 1
            yield None

    async def call(self, method: str, *params: object) -> object:
        match method:
            case "chain_getBlockHash":
                return "0x" + "be" * 32
            case "chain_getFinalizedHead":
                return "0x" + "f1" * 32
        assert method == "chain_getHeader"
        return {"number": hex(self.at)}

    async def api(self, method: object, id: H256, *, at: bytes) -> SimpleNamespace | None:
        assert (method, id) == (WorkApi.job, RECORD.job)
        state = (self.states if at == b"\xbe" * 32 else self.final)[self.at]
        if state is None:
            return None
        return SimpleNamespace(state=JobState[state.title()], outcome=Outcome.Fraud, provider=None)


async def fetch(
    states: list[str | None], results: list[bytes | None], final: list[str | None] | None = None
) -> None:
    folder = SimpleNamespace(
        result=lambda _: results.pop(0) if len(results) > 1 else results[0],
        stored=lambda _: SimpleNamespace(over=False),
    )
    chain = FakeChain(states, final)

    async def follow(_url: str, _timeout: float, work: Callable[[object], Awaitable[None]]) -> None:
        await work(chain)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job_session, "follow_work", follow)
        await job_session.fetch_result("", 1.0, cast("Folder", folder), RECORD, None, ())


@pytest.fixture(autouse=True)
def gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the folder's gateway run."""
    monkeypatch.setattr(job_session, "runs", lambda _: True)


async def test_a_result_ends_the_wait_also_of_a_job_that_the_chain_has_removed() -> None:
    await fetch(["pending", "finalized"], [None, b"result"])
    await fetch(["pending", None], [None, b"result"])


async def test_a_job_that_is_removed_before_its_result_came_is_not_found() -> None:
    with pytest.raises(NotFound, match="not fetched in time"):
        await fetch(["pending", "finalized", None], [None])
    with pytest.raises(NotFound, match="not fetched in time"):
        await fetch([None], [None])


async def test_a_job_that_a_fork_lacks_is_waited_for() -> None:
    states: list[str | None] = ["pending", None, None, "pending", "finalized"]
    final: list[str | None] = ["pending", "pending", "pending", "pending", "pending"]
    await fetch(states, [None] * 4 + [b"result"], final)


async def test_a_job_that_failed_has_no_result_once_that_is_final() -> None:
    with pytest.raises(Refused, match="there is no result: slashed"):
        await fetch(["pending", "slashed"], [None])
    states: list[str | None] = ["pending", "slashed", "pending", "pending"]
    await fetch(states, [None, None, None, b"result"], ["pending"] * 4)


@pytest.mark.parametrize(
    ("slot_ms", "least", "deadline"),
    [(6_000, 1, 32), (1_000, 4, 38), (500, 4, 68), (500, 60_000, 100_800)],
)
def test_a_deadline_is_ample_also_with_short_slots(slot_ms: int, least: int, deadline: int) -> None:
    quote = cast("WorkQuote", SimpleNamespace(min_deadline=least))
    assert job_session.ample_deadline(quote, slot_ms) == deadline
