"""A provider's account: its heartbeats, its unclaimed rewards, and why no jobs come."""

from __future__ import annotations

import logging
from typing import Final

from btt_chain.compute.environment import Chain
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32
from runtime.apis.economy import MiningApi
from runtime.apis.work import WorkApi
from runtime.apis.work_views import ProviderView

log = logging.getLogger(__name__)

UPKEEP_SLOTS: Final = 5
"""Slots between checks of heartbeats and rewards."""
CLAIM_ERAS: Final = 2_016
"""Number of past eras that are searched for unclaimed rewards: 84 days of an hour each."""
ERAS_AT_ONCE: Final = 16
"""Number of eras that one check searches."""


class NotRegistered(Exception):
    """The account is no registered provider: `btt-chain provider register` makes it one."""


class Upkeep:
    """The state of a provider's account, read from the chain from time to time."""

    def __init__(self, account: AccountId) -> None:
        self._account: Final = account
        self._checked = -UPKEEP_SLOTS
        self._next_era: int | None = None
        self._earned: set[int] = set()
        self._warning: str | None = None

    def is_due(self, now: int) -> bool:
        """Return True if the account is to be checked; a fork may have set back the slots."""
        return now >= self._checked + UPKEEP_SLOTS or now < self._checked

    async def read(self, chain: Chain) -> tuple[ProviderView, int, list[int]]:
        """Return the account's state, the present era, and the eras with unclaimed rewards.

        Raises NotRegistered, ClientError.
        """
        view = await chain.api(WorkApi.provider, self._account)
        if view is None:
            raise NotRegistered(
                "the account is no provider (any more): register it with `provider register`"
            )
        self._warn(view)
        era = int((await chain.api(MiningApi.emission)).era)
        if self._next_era is None or self._next_era > era:
            self._next_era = max(0, era - CLAIM_ERAS)
        for one in range(self._next_era, min(era, self._next_era + ERAS_AT_ONCE)):
            if await chain.api(MiningApi.estimate, self._account, u32(one)) is not None:
                self._earned.add(one)
            self._next_era = one + 1
        return view, era, sorted(self._earned)

    def checked(self, now: int) -> None:
        """Note a completed check."""
        self._checked = now

    def claimed(self, era: int) -> None:
        """Note that an era's rewards are claimed."""
        self._earned.discard(era)

    def _warn(self, view: ProviderView) -> None:
        """Log the reason why no jobs come, once."""
        why = None
        if view.chilled:
            why = "it takes no jobs: it was chilled, or slashed; `providers.resume` ends that"
        elif view.operator is None:
            why = (
                "its bond is below the minimum, so it gets jobs of the chain alone: fill it up "
                "with `provider register --bond`"
            )
        if why is not None and why != self._warning:
            log.warning("the provider: %s", why)
        self._warning = why
