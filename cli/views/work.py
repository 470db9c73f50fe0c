"""Views of useful work. Amounts are in planck, times in slots since genesis."""

from __future__ import annotations

from typing import Final, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256

ENDED: Final = ("Finalized", "Refunded", "Slashed")
"""States of jobs that are over."""


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """A provider's information about itself."""

    classes: list[int]
    endpoints: bytes


@dataclass(frozen=True, slots=True)
class ProviderView:
    """A provider, its bond and its load."""

    provider: AccountId
    operator: AccountId | None
    info: ProviderInfo
    active: int
    reserved: int
    leaving: int
    capacity: int
    busy: int
    last_heartbeat: int
    """Era of its last heartbeat."""
    chilled: bool
    lost: int
    """Amount taken from its bond since it registered."""


@dataclass(frozen=True, slots=True)
class JobView:
    """A job: its provider, state and cost."""

    id: H256
    state: str
    items: int
    price: int
    paid: int
    """Amount paid to the provider."""
    provider: AccountId | None


@dataclass(frozen=True, slots=True)
class WorkQuote:
    """The current cost of a job."""

    price: int
    verification: int
    deposit: int
    total: int
    """Total amount put on hold."""
    min_deadline: int
    """Minimum deadline, in slots."""


class WorkApi(Protocol):
    """Useful work: prices, jobs and providers."""

    def quote(
        self, model: bytes, items: int, urgency: str, check: str, tier: str, data_bytes: int
    ) -> WorkQuote | None:
        """Return the current cost of a job; None if its model or number of items is rejected."""

    def jobs(
        self, account: AccountId | None, open_: bool, after: bytes | None, limit: int
    ) -> list[JobView]:
        """Return the jobs of a requester or provider, by id; `open_`: not ended."""

    def assignments(self, provider: AccountId) -> list[JobView]:
        """Return the jobs that a provider has to do, or has done and is still liable for."""

    def provider(self, account: AccountId) -> ProviderView | None:
        """Return a provider; None if the account is not one."""
