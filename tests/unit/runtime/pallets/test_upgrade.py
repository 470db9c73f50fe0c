"""Upgrade: the origins and versions of upgrades, and the change at their slot."""

from __future__ import annotations

from dataclasses import replace

import pytest

from btt_chain.primitives.digest import Digest, RuntimeEnvironmentUpdated
from btt_chain.scale import u8, u32, u64
from runtime.frame import ROOT, BadOrigin, Error, RuntimeVersion, ensure_root, signed
from runtime.frame.origin import decided
from runtime.frame.version import CODE_KEY, CowText
from runtime.pallets.origins import Decision
from runtime.pallets.system.pallet import System
from runtime.pallets.upgrade.pallet import Upgrade, coming
from support.governance import ALICE
from support.runtime import VERSION, TestRuntime, refused

NOTICE = 10
NEXT = replace(VERSION, spec_version=u32(2))


class Chain(TestRuntime):
    """A runtime with Upgrade only."""

    def build(self) -> None:
        self.clock.slot = 5
        self.upgrade = self.add(
            24,
            Upgrade(
                least_notice=u64(NOTICE), system=self.system, clock=self.clock, origin=ensure_root
            ),
        )


@pytest.fixture
def chain() -> Chain:
    made = Chain()
    made.system.genesis({})
    made.system.digest.value = Digest([])
    return made


def schedule(chain: Chain, version: RuntimeVersion = NEXT, slot: int = 15) -> None:
    chain.upgrade.schedule(ROOT, version.encoded(), u64(slot))


def ends(chain: Chain, slot: int) -> None:
    """Let a block of a slot end."""
    chain.clock.slot = slot
    chain.upgrade.on_finalize(slot)


def code(chain: Chain) -> bytes | None:
    return chain.state.get(CODE_KEY)


def test_the_version_changes_at_the_end_of_the_slots_block_and_says_so(chain: Chain) -> None:
    schedule(chain)
    assert chain.announced() == [Upgrade.UpgradeScheduled(u32(2), u64(15))]
    ends(chain, 14)
    assert code(chain) == VERSION.encoded()
    ends(chain, 15)
    assert code(chain) == NEXT.encoded()
    assert chain.system.digest.value == Digest([RuntimeEnvironmentUpdated()])
    assert chain.announced()[1:] == [System.CodeUpdated()]
    assert not chain.upgrade.scheduled.exists()
    ends(chain, 16)
    assert len(chain.announced()) == 2, "an upgrade happens once"


def test_empty_slots_lose_nothing(chain: Chain) -> None:
    schedule(chain)
    ends(chain, 900)
    assert code(chain) == NEXT.encoded()


@pytest.mark.parametrize(
    ("code", "slot", "error"),
    [
        (b"", 15, Upgrade.FailedToExtractRuntimeVersion),
        (NEXT.encoded() + b"\0", 15, Upgrade.FailedToExtractRuntimeVersion),
        (replace(NEXT, spec_name=CowText("other")).encoded(), 15, Upgrade.InvalidSpecName),
        (VERSION.encoded(), 15, Upgrade.SpecVersionNeedsToIncrease),
        (replace(NEXT, transaction_version=u32(0)).encoded(), 15, Upgrade.FormatGoesBack),
        (replace(NEXT, system_version=u8(0)).encoded(), 15, Upgrade.FormatGoesBack),
        (NEXT.encoded(), 14, Upgrade.NoticeTooShort),
        (NEXT.encoded(), 0, Upgrade.NoticeTooShort),
    ],
)
def test_what_cannot_follow_is_refused_by_root_too(
    chain: Chain, code: bytes, slot: int, error: type[Error]
) -> None:
    with refused(chain, error):
        chain.upgrade.schedule(ROOT, code, u64(slot))


def test_there_is_one_plan_at_a_time_and_it_can_be_cancelled(chain: Chain) -> None:
    with refused(chain, Upgrade.NothingScheduled):
        chain.upgrade.cancel(ROOT)
    schedule(chain)
    with refused(chain, Upgrade.AlreadyScheduled):
        schedule(chain, replace(NEXT, spec_version=u32(3)), 100)
    chain.upgrade.cancel(ROOT)
    assert chain.announced()[1:] == [Upgrade.UpgradeCancelled(u32(2))]
    ends(chain, 15)
    assert code(chain) == VERSION.encoded()
    schedule(chain, slot=25)


def test_the_block_that_carries_it_out_cannot_cancel_it(chain: Chain) -> None:
    schedule(chain)
    chain.clock.slot = 15
    with refused(chain, Upgrade.TooLate):
        chain.upgrade.cancel(ROOT)


def test_root_alone_decides_not_even_the_track_for_whitelisted_calls(chain: Chain) -> None:
    for origin in (signed(ALICE), decided(Decision.WhitelistedCaller), decided(Decision.Technical)):
        with refused(chain, BadOrigin):
            chain.upgrade.schedule(origin, NEXT.encoded(), u64(15))
        with refused(chain, BadOrigin):
            chain.upgrade.cancel(origin)


def test_the_plan_can_be_read_without_the_runtime(chain: Chain) -> None:
    assert coming(chain.state.get) is None
    schedule(chain, slot=77)
    due = coming(chain.state.get)
    assert due is not None
    assert (due.spec_version, due.slot, due.in_headers) == (2, 77, 77)
    assert due.code == NEXT.encoded()
