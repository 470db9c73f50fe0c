"""Events of Providers."""

from __future__ import annotations

from typing import Annotated

from btt_chain.primitives.account import AccountId
from btt_chain.scale import TypeName
from runtime.frame import Event
from runtime.frame.aliases import AccountIdOf, BalanceOf, HashOf
from runtime.pallets.providers.types import ClassIndex, EraIndex, Params


class Registered(Event, index=0):
    """A provider was registered."""

    provider: AccountIdOf


class Updated(Event, index=1):
    """A provider's information was changed."""

    provider: AccountIdOf


class Deregistered(Event, index=2):
    """A provider was deregistered."""

    provider: AccountIdOf


class Bonded(Event, index=3):
    """A bond was increased."""

    provider: AccountIdOf
    amount: BalanceOf


class Unbonded(Event, index=4):
    """A part of a bond was unbonded; it can be withdrawn from `era` on."""

    provider: AccountIdOf
    amount: BalanceOf
    era: EraIndex


class Withdrawn(Event, index=5):
    """Unbonded money was released."""

    provider: AccountIdOf
    amount: BalanceOf


class Chilled(Event, index=6):
    """A provider was chilled: it takes no jobs until it resumes."""

    provider: AccountIdOf


class Resumed(Event, index=7):
    """A provider resumed: it takes jobs again."""

    provider: AccountIdOf


class Displaced(Event, index=8):
    """In a full class, `by` displaced the member without heartbeats or with the least bond."""

    model_class: ClassIndex
    provider: AccountIdOf
    by: AccountIdOf


class AvailabilitySet(Event, index=9):
    """A provider changed the hours of the week in which it takes jobs."""

    provider: AccountIdOf


class HeartbeatReceived(Event, index=10):
    """A provider sent a heartbeat."""

    provider: AccountIdOf
    era: EraIndex


class ScoreDelegated(Event, index=11):
    """A score was delegated to `to`, from the snapshot of `era` on; None: to its provider."""

    provider: AccountIdOf
    to: Annotated[AccountId | None, TypeName("Option<T::AccountId>")]
    era: EraIndex


class Slashed(Event, index=12):
    """Work was wrong: `amount` was taken, up to half of it paid to `to`, and the rest burned.

    The provider's scores were removed, and it takes no jobs until it resumes.
    """

    provider: AccountIdOf
    job: HashOf
    amount: BalanceOf
    to: Annotated[AccountId | None, TypeName("Option<T::AccountId>")]


class Fined(Event, index=13):
    """A part of a bond was burned: for a job not done or returned, or too many declined."""

    provider: AccountIdOf
    amount: BalanceOf


class PayBonded(Event, index=14):
    """Pay was added to the bond, which is below the minimum."""

    provider: AccountIdOf
    amount: BalanceOf


class ParamsSet(Event, index=15):
    """Governance changed the parameters."""

    params: Annotated[Params, TypeName("Params<BalanceOf<T>>")]
