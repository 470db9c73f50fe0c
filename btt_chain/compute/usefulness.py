"""The part of all computation that a paying party asked for, by the events of blocks.

    usefulness = MACs of the finalized items of paid jobs / all MACs
    all MACs   = (items computed + items checked) x (MACs of an item + 64 for each byte of leaves)

A job counts in the block that ends it, if it had a receipt: without one the chain does not know
whether anything was computed. A revealed verdict counts as the items of its verifier's sample,
computed again, even if random vectors were cheaper; items checked besides the sample, and checks
of requesters, which the chain does not see, are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from runtime.pallets.jobs.pricing import priced_macs
from runtime.pallets.jobs.views import JobView, ModelView

FINALIZED: Final = "Jobs.Finalized"
ENDED: Final = "Jobs.Ended"
REVEALED: Final = "Receipts.Revealed"
KEYS: Final = {FINALIZED: "job", ENDED: "job", REVEALED: "receipt"}
"""Events that count, and their fields with an id."""
PPM: Final = 1_000_000


class Occurrence(NamedTuple):
    """An event that counts."""

    name: str
    id: H256
    """Id of the job, or of the receipt."""


class Past(Protocol):
    """The state before a block: it has what the block's end of a job removes."""

    async def job(self, id: H256) -> JobView | None:
        """Return a job; None if it is not stored."""

    async def job_of(self, receipt: H256) -> JobView | None:
        """Return the job of a receipt; None if it is not stored."""

    async def model(self, id: H256) -> ModelView | None:
        """Return a model; None if it is not stored."""


@dataclass(slots=True)
class Computation:
    """The computation for jobs of one kind, in MACs."""

    jobs: int = 0
    """Number of jobs that ended with a receipt."""
    items: int = 0
    """Number of their items."""
    finalized: int = 0
    """MACs of the items of finalized jobs."""
    lost: int = 0
    """MACs of the items of jobs whose receipts were not paid."""
    checked: int = 0
    """MACs of the items that verifiers checked."""
    leaves: int = 0
    """64 MACs for each byte of leaves of the items above."""

    @property
    def total(self) -> int:
        """All MACs."""
        return self.finalized + self.lost + self.checked + self.leaves


class UnknownWork(Exception):
    """The state before a block has not the receipt or the model of one of its events."""


class Usefulness:
    """Sums over blocks, which are added in any order."""

    def __init__(self) -> None:
        self.paid = Computation()
        """For jobs that a requester paid."""
        self.own = Computation()
        """For jobs of the chain itself."""
        self._models: dict[H256, tuple[int, int]] = {}

    @property
    def total(self) -> int:
        """All MACs."""
        return self.paid.total + self.own.total

    @property
    def share(self) -> int | None:
        """The part that a paying party asked for, in millionths; None if nothing was computed."""
        return self.paid.finalized * PPM // self.total if self.total else None

    async def add(self, events: Iterable[Occurrence], past: Past) -> None:
        """Add the events of a block. Raises UnknownWork."""
        for event in events:
            if event.name == REVEALED:
                await self._add_check(event.id, past)
            else:
                await self._add_end(event.id, past, is_final=event.name == FINALIZED)

    async def _add_end(self, id: H256, past: Past, *, is_final: bool) -> None:
        job = await past.job(id)
        if job is None or job.receipt is None:
            return  # posted and cancelled in this block, or no provider was in time
        macs, of_leaves = await self._item_of(job.model, past)
        side, items = self._side(job), int(job.items)
        side.jobs += 1
        side.items += items
        side.leaves += items * of_leaves
        if is_final:
            side.finalized += items * macs
        else:
            side.lost += items * macs

    async def _add_check(self, id: H256, past: Past) -> None:
        job = await past.job_of(id)
        if job is None or job.receipt is None:
            raise UnknownWork(f"receipt {id.hex()}")
        macs, of_leaves = await self._item_of(job.model, past)
        side, items = self._side(job), int(job.receipt.sample_count)
        side.checked += items * macs
        side.leaves += items * of_leaves

    def _side(self, job: JobView) -> Computation:
        return self.own if job.requester is None else self.paid

    async def _item_of(self, model: H256, past: Past) -> tuple[int, int]:
        """Return the MACs of an item, and those for its leaves."""
        if model not in self._models:
            view = await past.model(model)
            if view is None:
                raise UnknownWork(f"model {model.hex()}")
            macs = int(view.macs)
            self._models[model] = macs, priced_macs(macs, int(view.committed)) - macs
        return self._models[model]
