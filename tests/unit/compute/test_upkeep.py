"""A provider's account: when it is checked, which eras are claimed, what is logged."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest

from btt_chain.client.typed import Head
from btt_chain.compute.environment import Chain
from btt_chain.compute.provider.upkeep import (
    ERAS_AT_ONCE,
    UPKEEP_SLOTS,
    NotRegistered,
    OtherKeys,
    Registration,
    Upkeep,
)
from btt_chain.primitives.account import AccountId
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.mining.api import MiningApi

ACCOUNT = AccountId(b"\x01" * 32)


VRF, SEAL = b"vrf", b"seal"
BEST, FINAL = b"best", b"final"


def provider_with(
    vrf: bytes = VRF,
    seal: bytes = SEAL,
    *,
    chilled: bool = False,
    operator: AccountId | None = ACCOUNT,
) -> object:
    info = SimpleNamespace(vrf=vrf, seal=seal)
    return SimpleNamespace(chilled=chilled, operator=operator, info=info)


@dataclass
class FakeChain:
    """The runtime APIs that the upkeep reads."""

    era: int = 3
    paid: set[int] = field(default_factory=set)
    """Eras with a reward in the final block."""
    claimed: set[int] = field(default_factory=set)
    """Those of them that are claimed in the best block."""
    provider: object = field(default_factory=provider_with)
    final: object = field(default_factory=provider_with)

    async def api(self, method: object, *args: object, at: bytes | None = None) -> object:
        assert at in (BEST, FINAL)
        match method:
            case WorkApi.provider:
                return self.provider if at == BEST else self.final
            case MiningApi.emission:
                return SimpleNamespace(era=self.era)
        assert method == MiningApi.estimate
        paid = self.paid - self.claimed if at == BEST else self.paid
        return 1 if int(str(args[1])) in paid else None


def head_at(best: int, final: int) -> Head:
    return Head(best, BEST, best, final, FINAL, final)


def upkeep_of() -> Upkeep:
    return Upkeep(ACCOUNT, Registration(ACCOUNT, VRF, SEAL))


async def read(upkeep: Upkeep, chain: FakeChain) -> tuple[int, list[int]]:
    state = await upkeep.read(cast("Chain", chain), head_at(9, 7))
    assert state is not None
    return state[1:]


def test_the_account_is_checked_every_few_slots_and_after_a_fork() -> None:
    upkeep = upkeep_of()
    assert upkeep.is_due(0)
    upkeep.checked(100)
    assert not upkeep.is_due(100 + UPKEEP_SLOTS - 1)
    assert upkeep.is_due(100 + UPKEEP_SLOTS)
    assert upkeep.is_due(99)


async def test_each_past_era_is_searched_once_and_claimed_once() -> None:
    upkeep, chain = upkeep_of(), FakeChain(era=3, paid={0, 2})
    assert await read(upkeep, chain) == (3, [0, 2])
    chain.era, chain.paid, chain.claimed = 4, {0, 2, 3}, {0}
    assert await read(upkeep, chain) == (4, [2, 3])
    chain.paid, chain.claimed = {2, 3}, set()
    assert await read(upkeep, chain) == (4, [2, 3])


async def test_a_claim_that_a_fork_reverted_is_made_again() -> None:
    upkeep, chain = upkeep_of(), FakeChain(era=3, paid={1}, claimed={1})
    assert await read(upkeep, chain) == (3, [])
    chain.claimed = set()
    assert await read(upkeep, chain) == (3, [1])


async def test_many_eras_are_searched_a_few_at_a_time() -> None:
    upkeep, chain = upkeep_of(), FakeChain(era=100, paid=set(range(100)))
    assert await read(upkeep, chain) == (100, list(range(ERAS_AT_ONCE)))
    assert await read(upkeep, chain) == (100, list(range(2 * ERAS_AT_ONCE)))


@pytest.mark.parametrize("other", [None, provider_with(vrf=b"another")])
async def test_an_account_ends_as_a_provider_only_by_a_final_block(other: object) -> None:
    """A fork, or a node at another height, may lack its registration, or have former keys."""
    registration, chain = Registration(ACCOUNT, VRF, SEAL), FakeChain(final=other)

    async def is_certain(best: int, final: int) -> bool:
        view = await registration.read(cast("Chain", chain), head_at(best, final))
        return view is not None

    assert await is_certain(20, 15)
    chain.provider = other
    for best, final in ((20, 15), (18, 16), (0, 0), (25, 19)):
        assert not await is_certain(best, final)
    chain.provider = provider_with()
    assert await is_certain(26, 19)
    chain.provider = other
    assert not await is_certain(26, 25)
    with pytest.raises(NotRegistered) as error:
        await is_certain(28, 26)
    assert isinstance(error.value, OtherKeys) == (other is not None)


async def test_a_registration_that_was_sent_is_waited_for() -> None:
    registration, chain = Registration(ACCOUNT, VRF, SEAL), FakeChain(provider=None, final=None)
    registration.sent(30)
    assert await registration.read(cast("Chain", chain), head_at(25, 29)) is None
    with pytest.raises(NotRegistered, match="register it with `provider register`"):
        await registration.read(cast("Chain", chain), head_at(25, 30))


async def test_nothing_is_kept_up_while_the_registration_is_uncertain(
    caplog: pytest.LogCaptureFixture,
) -> None:
    upkeep, chain = upkeep_of(), FakeChain(provider=None, final=None)
    with caplog.at_level(logging.WARNING):
        for best in (10, 11, 12):
            assert await upkeep.read(cast("Chain", chain), head_at(best, 9)) is None
    assert caplog.text.count("waiting for a final block") == 1


async def test_the_reason_why_no_jobs_come_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    upkeep, chain = upkeep_of(), FakeChain()
    chain.provider = provider_with(chilled=True)
    with caplog.at_level(logging.WARNING):
        await read(upkeep, chain)
        await read(upkeep, chain)
    assert [record.message for record in caplog.records] == [
        "the provider: it takes no jobs: it was chilled, or slashed; `providers.resume` ends that"
    ]
    chain.provider = provider_with(operator=None)
    with caplog.at_level(logging.WARNING):
        await read(upkeep, chain)
    assert "its bond is below the minimum" in caplog.records[-1].message
