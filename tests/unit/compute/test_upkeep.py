"""A provider's account: when it is checked, which eras are claimed, what is logged."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from btt_chain.compute.environment import Chain
from btt_chain.compute.provider.upkeep import ERAS_AT_ONCE, UPKEEP_SLOTS, NotRegistered, Upkeep
from btt_chain.primitives.account import AccountId
from runtime.apis.economy import MiningApi
from runtime.apis.work import WorkApi

ACCOUNT = AccountId(b"\x01" * 32)


@dataclass
class FakeChain:
    """The runtime APIs that the upkeep reads."""

    era: int = 3
    paid: set[int] = field(default_factory=set)
    provider: Any = field(default_factory=lambda: SimpleNamespace(chilled=False, operator=ACCOUNT))

    async def api(self, method: object, *args: Any) -> Any:
        match method:
            case WorkApi.provider:
                return self.provider
            case MiningApi.emission:
                return SimpleNamespace(era=self.era)
        assert method == MiningApi.estimate
        return 1 if int(args[1]) in self.paid else None


async def read(upkeep: Upkeep, chain: FakeChain) -> tuple[int, list[int]]:
    _, era, earned = await upkeep.read(cast("Chain", chain))
    return era, earned


def test_the_account_is_checked_every_few_slots_and_after_a_fork() -> None:
    upkeep = Upkeep(ACCOUNT)
    assert upkeep.is_due(0)
    upkeep.checked(100)
    assert not upkeep.is_due(100 + UPKEEP_SLOTS - 1)
    assert upkeep.is_due(100 + UPKEEP_SLOTS)
    assert upkeep.is_due(99)


async def test_each_past_era_is_searched_once_and_claimed_once() -> None:
    upkeep, chain = Upkeep(ACCOUNT), FakeChain(era=3, paid={0, 2})
    assert await read(upkeep, chain) == (3, [0, 2])
    upkeep.claimed(0)
    chain.era, chain.paid = 4, {3}
    assert await read(upkeep, chain) == (4, [2, 3])


async def test_many_eras_are_searched_a_few_at_a_time() -> None:
    upkeep, chain = Upkeep(ACCOUNT), FakeChain(era=100, paid=set(range(100)))
    assert await read(upkeep, chain) == (100, list(range(ERAS_AT_ONCE)))
    assert await read(upkeep, chain) == (100, list(range(2 * ERAS_AT_ONCE)))


async def test_an_account_that_is_no_provider_is_refused() -> None:
    with pytest.raises(NotRegistered, match="register it with `provider register`"):
        await read(Upkeep(ACCOUNT), FakeChain(provider=None))


async def test_the_reason_why_no_jobs_come_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    upkeep, chain = Upkeep(ACCOUNT), FakeChain()
    chain.provider = SimpleNamespace(chilled=True, operator=ACCOUNT)
    with caplog.at_level(logging.WARNING):
        await read(upkeep, chain)
        await read(upkeep, chain)
    assert [record.message for record in caplog.records] == [
        "the provider: it takes no jobs: it was chilled, or slashed; `providers.resume` ends that"
    ]
    chain.provider = SimpleNamespace(chilled=False, operator=None)
    with caplog.at_level(logging.WARNING):
        await read(upkeep, chain)
    assert "its bond is below the minimum" in caplog.records[-1].message
