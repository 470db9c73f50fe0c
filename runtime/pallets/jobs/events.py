"""Events of Jobs."""

from __future__ import annotations

from typing import Annotated

from btt_chain.primitives.account import AccountId
from btt_chain.scale import TypeName, u8, u16
from runtime.frame import Event
from runtime.frame.aliases import AccountIdOf, BalanceOf, BlockNumber
from runtime.pallets.jobs.types import JobId, JobState, Outcome, Params, SetIndex


class Posted(Event, index=0):
    """A job was posted; `requester` is None for a job of the chain."""

    job: JobId
    requester: Annotated[AccountId | None, TypeName("Option<T::AccountId>")]
    price: BalanceOf
    verification: BalanceOf
    deposit: BalanceOf


class Assigned(Event, index=1):
    """A provider was selected; it can accept before slot `until`."""

    job: JobId
    provider: AccountIdOf
    attempt: u8
    until: BlockNumber


class Accepted(Event, index=2):
    """The provider accepted; its receipt has to come before slot `until`."""

    job: JobId
    provider: AccountIdOf
    until: BlockNumber


class Unassigned(Event, index=3):
    """The provider did not accept or did not deliver; another one is to be selected."""

    job: JobId
    provider: AccountIdOf


class Moved(Event, index=4):
    """The receipt of a job was committed, is being checked, or was found valid."""

    job: JobId
    state: JobState


class Finalized(Event, index=5):
    """The work was done and paid. A requester's held money is the sum of the amounts."""

    job: JobId
    provider: AccountIdOf
    paid: BalanceOf
    fees: BalanceOf
    """Sum of the burn and of the parts for development fund, Foundation and reserve."""
    verification: BalanceOf
    """Amount paid to verifiers."""
    returned: BalanceOf


class Ended(Event, index=6):
    """The job ended without payment for the work. The amounts add up to the amount held."""

    job: JobId
    outcome: Outcome
    verification: BalanceOf
    burned: BalanceOf
    returned: BalanceOf


class PriceMoved(Event, index=7):
    """The price of a unit of work of a class changed."""

    model_class: Annotated[u16, TypeName("ClassIndex")]
    base: BalanceOf


class ProtocolSetAdded(Event, index=8):
    """A job was added that the chain posts in each era."""

    index: SetIndex


class ProtocolSetRemoved(Event, index=9):
    """A job of the chain was removed, and is not posted any more."""

    index: SetIndex


class ParamsSet(Event, index=10):
    """Governance changed the parameters; posted jobs keep their prices."""

    params: Annotated[Params, TypeName("Params<BalanceOf<T>>")]


class Stalled(Event, index=11):
    """The chain stalled for `slots` slots; deadlines are shifted by as many.

    This applies to open jobs and receipts: deadlines in earlier events no longer hold.
    """

    slots: BlockNumber
