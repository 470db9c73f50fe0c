"""The actions that a provider's decisions request of its driver."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from btt_chain.compute.provider.records import Record
from btt_chain.primitives.digest import H256
from runtime.pallets.jobs.views import JobView


class Weigh(NamedTuple):
    """Assess whether the job can be done here, and prepare its model; answer with `weighed`."""

    job: JobView


class Accept(NamedTuple):
    """Send the acceptance; answer with `sent`."""

    job: H256


class Decline(NamedTuple):
    """Send the refusal of the offer; answer with `sent`."""

    job: H256
    why: str


class Fetch(NamedTuple):
    """Fetch the payload and try to open it; answer with `fetched`, `missing` or `failed`."""

    job: JobView


class Refuse(NamedTuple):
    """Send that the payload is missing or bad; answer with `sent`."""

    job: H256
    why: str


class Compute(NamedTuple):
    """Execute, commit, and write all that is served; answer with `computed` or `failed`."""

    job: JobView


class Keep(NamedTuple):
    """Force a record to the disk; answer with `kept` or `not_kept`."""

    record: Record


class Submit(NamedTuple):
    """Send the receipt; answer with `sent`."""

    record: Record
    accepted: int
    """Slot of acceptance on the chain, which a fork may change."""


class RevealPlantedError(NamedTuple):
    """Send the right values; answer with `sent`."""

    record: Record


class Expose(NamedTuple):
    """Open items with planted errors, so that lazy verifiers are slashed; answer with `sent`."""

    record: Record


class Answer(NamedTuple):
    """Open a leaf on the chain; answer with `sent`."""

    record: Record
    job: JobView
    item: int
    tensor: int
    leaf: int


class Right(NamedTuple):
    """Serve the right data from now on; answer with `kept` and the new record."""

    record: Record


class Publish(NamedTuple):
    """Serve the result; answer with `kept` and the new record."""

    record: Record


class Abandon(NamedTuple):
    """Stop the tasks of a job; its inputs are not needed any more."""

    job: H256


class Forget(NamedTuple):
    """Delete the record, and all served data of it."""

    record: Record


class Ended(NamedTuple):
    """Report that one of our jobs is over."""

    job: JobView


class Lost(NamedTuple):
    """Report a receipt of ours without a record here."""

    job: JobView


class Heartbeat(NamedTuple):
    """Send a heartbeat; answer with `sent`."""


class Claim(NamedTuple):
    """Claim the rewards of an era; answer with `sent`."""

    era: int


Action: TypeAlias = (
    Weigh | Accept | Decline | Fetch | Refuse | Compute | Keep | Submit | RevealPlantedError
    | Expose | Answer | Right | Publish | Abandon | Forget | Ended | Lost | Heartbeat | Claim
)  # fmt: skip


def job_of(action: Action) -> H256:
    """Return the job of an action."""
    match action:
        case Accept(job) | Decline(job) | Refuse(job):
            return job
        case Submit() | RevealPlantedError() | Expose() | Answer():
            return action.record.job
        case _:
            raise TypeError(f"{type(action).__name__} is nothing that is sent about a job")


def kind_of(action: Action) -> object:
    """Return the key by which an action is sent at most once at a time."""
    if isinstance(action, Answer):
        return action.item, action.tensor, action.leaf
    return type(action)
