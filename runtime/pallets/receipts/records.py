"""Stored receipts, with their jobs."""

from __future__ import annotations

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.work import fraud
from btt_chain.work.graph import Graph
from runtime.frame import Component, Map
from runtime.pallets.jobs.types import Job, Tier
from runtime.pallets.receipts import errors
from runtime.pallets.receipts.constants import VOTER_FACTOR
from runtime.pallets.receipts.tally import overlooked, seen_by
from runtime.pallets.receipts.types import JobLedger, Models, Proven, Receipt, Seat


@dataclass(slots=True)
class Case:
    """A receipt and its job, loaded for a call or a timer."""

    id: H256
    receipt: Receipt
    job: Job
    sample: int
    """Number of items that each verifier selects."""
    proven: Proven | None = None
    """A proof that is not stored in the receipt yet."""

    @property
    def items(self) -> int:
        """The number of items of the job."""
        return int(self.job.items)

    @property
    def price(self) -> int:
        """The price of the job, in planck."""
        return int(self.job.price)

    @property
    def penalty(self) -> int:
        """The penalty of a verifier for a wrong vote, in planck."""
        return VOTER_FACTOR * self.price

    @property
    def is_keyed(self) -> bool:
        """True if the leaves are keyed, so that they cannot be guessed."""
        return self.job.tier is Tier.Confidential

    @property
    def claim(self) -> fraud.Job:
        """The provider's claim, against which a proof of fraud is judged."""
        return fraud.Job(self.receipt.item_root, self.items, self.is_keyed)

    def seat(self, verifier: AccountId) -> Seat:
        """Return the seat of a verifier. Raises NotSeated."""
        return seat_of(self.receipt, verifier)

    def seen_by(self, seat: Seat) -> list[int]:
        """Return the items that a seat checked, ascending, once its randomness is revealed."""
        return seen_by(self.receipt, seat, self.items, self.sample)

    def overlooked(self, item: int) -> list[Seat]:
        """Return the seats that checked an item and found it valid."""
        return overlooked(self.receipt, item, self.items, self.sample)


class Records(Component):
    """Access to the stored receipts, with present deadlines."""

    _receipts: Map[H256, Receipt]
    _jobs: JobLedger
    _models: Models

    def find(self, id: H256) -> Receipt | None:
        """Return a receipt with its present deadlines; None if it is unknown or removed."""
        found = self._receipts.get(id)
        return None if found is None else found.shifted(self._jobs.stalled_slots())

    def receipt(self, id: H256) -> Receipt:
        """Return a receipt with its present deadlines. Raises UnknownReceipt."""
        found = self.find(id)
        if found is None:
            raise errors.UnknownReceipt
        return found

    def case(self, id: H256) -> Case:
        """Return a receipt with its job. Raises UnknownReceipt."""
        return self.with_job(id, self.receipt(id))

    def with_job(self, id: H256, receipt: Receipt) -> Case:
        """Return a loaded receipt with its job. Raises UnknownReceipt."""
        job = self._jobs.job(receipt.job)
        if job is None:
            raise errors.UnknownReceipt
        return self.new(id, receipt, job)

    def new(self, id: H256, receipt: Receipt, job: Job) -> Case:
        """Return a receipt with this job."""
        return Case(id, receipt, job, self._jobs.sample_count(job))

    def store(self, case: Case) -> None:
        """Store the receipt of a case."""
        self._receipts[case.id] = case.receipt

    def put(self, id: H256, receipt: Receipt) -> None:
        """Store a receipt."""
        self._receipts[id] = receipt

    def graph(self, job: Job) -> Graph:
        """Return the graph of a job's model. The largest take as long to decode as all else."""
        graph = self._models.graph(job.model)
        if graph is None:
            raise errors.UnknownReceipt
        return graph


def seat_of(receipt: Receipt, verifier: AccountId) -> Seat:
    """Return the seat of a verifier. Raises NotSeated."""
    for seat in receipt.seats:
        if seat.verifier == verifier:
            return seat
    raise errors.NotSeated
