"""A provider's account: its heartbeats, its unclaimed rewards, and why no jobs come."""

from __future__ import annotations

import logging
from typing import Final

from btt_chain.client.chain import BlockRef
from btt_chain.client.typed import Head
from btt_chain.compute.environment import Chain
from btt_chain.daemon import Absent, Presence
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.views import ProviderView
from runtime.pallets.mining.api import MiningApi

log = logging.getLogger(__name__)

UPKEEP_SLOTS: Final = 5
"""Slots between checks of heartbeats and rewards."""
CLAIM_ERAS: Final = 2_016
"""Number of past eras that are searched for unclaimed rewards: 84 days of an hour each."""
ERAS_AT_ONCE: Final = 16
"""Number of eras that one check searches."""


NOT_A_PROVIDER: Final = (
    "the account is not a provider (any more): register it with `provider register`"
)
OTHER_KEYS: Final = (
    "the provider is registered with other keys than those of its folder here: name its own folder "
    "by --base-path, or replace its keys with `btt-chain provider register --replace-keys`"
)


class NotRegistered(Exception):
    """The account is not a registered provider with the keys of this program, in a final block."""


class OtherKeys(NotRegistered):
    """The account is a provider with other keys, in a final block."""


class Registration:
    """The registration of an account with the keys of this program.

    A fork may be without the block that contains it: it is missing only if a final block lacks it.
    """

    def __init__(self, account: AccountId, vrf: bytes, seal: bytes) -> None:
        """`vrf` and `seal` are the public keys of the provider's folder."""
        self._account: Final = account
        self._keys: Final = (vrf, seal)
        self._presence = Presence()

    def sent(self, height: int) -> None:
        """Note that a block, at most as high as this, has a registration of this program."""
        self._presence = Presence(height)

    async def read(self, chain: Chain, head: Head) -> ProviderView | None:
        """Return the provider, None while it is not certain. Raises NotRegistered, ClientError."""
        view: ProviderView | None = None

        async def read(block: bytes) -> ProviderView | None:
            nonlocal view
            view = await chain.api(WorkApi.provider, self._account, at=block)
            is_ours = view is not None and (view.info.vrf, view.info.seal) == self._keys
            return view if is_ours else None

        best = BlockRef(head.number, head.hash)
        final = BlockRef(head.final_number, head.final_hash)
        try:
            return await self._presence.find(best, final, read)
        except Absent:
            missing = NotRegistered(NOT_A_PROVIDER) if view is None else OtherKeys(OTHER_KEYS)
            raise missing from None


class Upkeep:
    """The state of a provider's account, read from the chain from time to time."""

    def __init__(self, account: AccountId, registration: Registration) -> None:
        self._account: Final = account
        self._registration: Final = registration
        self._checked = -UPKEEP_SLOTS
        self._next_era: int | None = None
        self._earned: set[int] = set()
        self._warning: str | None = None

    def is_due(self, now: int) -> bool:
        """Return True if the account is to be checked; a fork may have set back the slots."""
        return now >= self._checked + UPKEEP_SLOTS or now < self._checked

    async def read(self, chain: Chain, head: Head) -> tuple[ProviderView, int, list[int]] | None:
        """Return the account's state, the present era, and the eras with unclaimed rewards.

        None while it is not certain that the account is registered. Raises NotRegistered,
        ClientError.
        """
        view = await self._registration.read(chain, head)
        if view is None:
            self._warn("the best block lacks its registration; waiting for a final block")
            return None
        self._warn(_why_idle(view))
        era = int((await chain.api(MiningApi.emission, at=head.hash)).era)
        return view, era, await self._claimable(chain, head)

    async def _claimable(self, chain: Chain, head: Head) -> list[int]:
        """Return the eras with rewards; one that was claimed is left when that is final."""
        last = int((await chain.api(MiningApi.emission, at=head.final_hash)).era)
        if self._next_era is None:
            self._next_era = max(0, last - CLAIM_ERAS)
        new = range(self._next_era, min(last, self._next_era + ERAS_AT_ONCE))
        claimable: list[int] = []
        for era in [*sorted(self._earned)[:ERAS_AT_ONCE], *new]:
            if await self._has_reward(chain, era, head.final_hash):
                self._earned.add(era)
                if await self._has_reward(chain, era, head.hash):
                    claimable.append(era)
            else:
                self._earned.discard(era)
        self._next_era = max(self._next_era, new.stop)
        return claimable

    async def _has_reward(self, chain: Chain, era: int, block: bytes) -> bool:
        return await chain.api(MiningApi.estimate, self._account, u32(era), at=block) is not None

    def checked(self, now: int) -> None:
        """Note a completed check."""
        self._checked = now

    def _warn(self, why: str | None) -> None:
        """Log the reason why no jobs come, once."""
        if why is not None and why != self._warning:
            log.warning("the provider: %s", why)
        self._warning = why


def _why_idle(view: ProviderView) -> str | None:
    """Return the reason why a provider gets no jobs, None if there is no such reason."""
    if view.chilled:
        return "it takes no jobs: it was chilled, or slashed; `providers.resume` ends that"
    if view.operator is None:
        return (
            "its bond is below the minimum, so it gets jobs of the chain alone: fill it up "
            "with `provider register --bond`"
        )
    return None
