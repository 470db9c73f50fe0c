"""The life cycle of a job: states, actions and outcomes, without storage.

| state | action | next state | outcome | deposit |
|---|---|---|---|---|
| Posted | select | Assigned | | |
| Posted | cancel | Refunded | Cancelled | |
| Posted | expire | Refunded | NoProvider | |
| Assigned | accept | Computing | | |
| Assigned | cancel | Refunded | Cancelled | burned |
| Assigned | decline | Posted | NoProvider | |
| Assigned | expire | Posted | NoProvider | |
| Computing | commit | Committed | | |
| Computing | refuse payload | Refunded | BadPayload | burned |
| Computing | expire | Posted | Late | |
| Committed | check | Checking | | |
| Committed | uphold | Pending | | |
| Committed | refuse | Refunded | | |
| Committed | convict | Slashed | Fraud | |
| Checking | check | Checking | | |
| Checking | uphold | Pending | | |
| Checking | refuse | Refunded | | |
| Checking | convict | Slashed | Fraud | |
| Pending | check | Checking | | |
| Pending | uphold | Pending | | |
| Pending | refuse | Refunded | | |
| Pending | convict | Slashed | Fraud | |
| Pending | pay | Finalized | Done | |
| Pending | give up | Refunded | Unpaid | |

A job whose next state is Posted waits for another provider, until `MAX_ATTEMPTS` providers had it:
then it is Refunded with the outcome of that row. The outcome of `refuse` is that of the receipt.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple

from runtime.pallets.jobs import errors
from runtime.pallets.jobs.types import MAX_ATTEMPTS, JobState, Outcome


class Action(Enum):
    """An event in the life of a job."""

    SELECT = "select"
    """A provider is selected."""
    ACCEPT = "accept"
    """The provider accepts."""
    DECLINE = "decline"
    """The provider declines."""
    CANCEL = "cancel"
    """The requester cancels."""
    EXPIRE = "expire"
    """The time for the state is over."""
    REFUSE_PAYLOAD = "refuse payload"
    """The provider did not get a payload that it can open."""
    COMMIT = "commit"
    """The provider commits to its results by a receipt."""
    CHECK = "check"
    """Verifiers check the receipt, or it is disputed."""
    UPHOLD = "uphold"
    """The receipt was found valid, or is confidential."""
    REFUSE = "refuse"
    """The receipt is not upheld, and no fraud is proven."""
    CONVICT = "convict"
    """The receipt is proven wrong."""
    PAY = "pay"
    """The work is paid."""
    GIVE_UP = "give up"
    """A job of the chain cannot be paid for too long."""


class Transition(NamedTuple):
    """The result of an action."""

    state: JobState
    outcome: Outcome | None = None
    """Reason of the end; of a job that waits again, the one if it cannot."""
    burns_deposit: bool = False


S = JobState
TRANSITIONS: Final[Mapping[tuple[JobState, Action], Transition]] = {
    (S.Posted, Action.SELECT): Transition(S.Assigned),
    (S.Posted, Action.CANCEL): Transition(S.Refunded, Outcome.Cancelled),
    (S.Posted, Action.EXPIRE): Transition(S.Refunded, Outcome.NoProvider),
    (S.Assigned, Action.ACCEPT): Transition(S.Computing),
    (S.Assigned, Action.CANCEL): Transition(S.Refunded, Outcome.Cancelled, burns_deposit=True),
    (S.Assigned, Action.DECLINE): Transition(S.Posted, Outcome.NoProvider),
    (S.Assigned, Action.EXPIRE): Transition(S.Posted, Outcome.NoProvider),
    (S.Computing, Action.COMMIT): Transition(S.Committed),
    (S.Computing, Action.REFUSE_PAYLOAD): Transition(
        S.Refunded, Outcome.BadPayload, burns_deposit=True
    ),
    (S.Computing, Action.EXPIRE): Transition(S.Posted, Outcome.Late),
    **{
        (state, action): step
        for state in (S.Committed, S.Checking, S.Pending)
        for action, step in (
            (Action.CHECK, Transition(S.Checking)),
            (Action.UPHOLD, Transition(S.Pending)),
            (Action.REFUSE, Transition(S.Refunded)),
            (Action.CONVICT, Transition(S.Slashed, Outcome.Fraud)),
        )
    },
    (S.Pending, Action.PAY): Transition(S.Finalized, Outcome.Done),
    (S.Pending, Action.GIVE_UP): Transition(S.Refunded, Outcome.Unpaid),
}


def step(state: JobState, action: Action) -> Transition:
    """Return the result of an action in a state. Raises WrongState if it is not possible."""
    found = TRANSITIONS.get((state, action))
    if found is None:
        raise errors.WrongState
    return found


def may_wait_again(attempt: int) -> bool:
    """Return True if a job whose assignment number `attempt`, from 0, failed gets another one."""
    return attempt + 1 < MAX_ATTEMPTS
