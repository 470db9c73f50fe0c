"""The clock: which slot it is, who sealed the block, and what time fits."""

from __future__ import annotations

import pytest

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.babe import (
    Primary,
    PrimaryClaim,
    SecondaryPlain,
    SecondaryPlainClaim,
    Slot,
    VrfSignature,
    pre_runtime,
)
from btt_chain.primitives.digest import H256, Digest, DigestItem
from btt_chain.primitives.ss58 import encode as ss58
from btt_chain.scale import u32, u64
from runtime.frame import GenesisError, InvalidBlock
from runtime.pallets.babe import Babe, Engine
from support.runtime import SmallRuntime

SLOT_MS = 6_000
START = 290_000_000
ALICE = AccountId(b"\xa1" * 32)


class Clockwork(SmallRuntime):
    """System and the clock."""

    def build(self) -> None:
        self.babe = self.add(2, Babe(expected_block_time=u64(SLOT_MS), system=self.system))

    def block(self, number: int, *logs: DigestItem) -> None:
        self.system.begin_block(u32(number), H256(bytes(32)), Digest(list(logs)))
        self.babe.on_initialize(number)


def plain(slot: int, authority: int = 0) -> DigestItem:
    return pre_runtime(SecondaryPlain(SecondaryPlainClaim(u32(authority), Slot(slot))))


def primary(slot: int) -> DigestItem:
    claim = PrimaryClaim(u32(3), Slot(slot), VrfSignature(bytes(32), bytes(64)))
    return pre_runtime(Primary(claim))


@pytest.fixture
def manual() -> Clockwork:
    runtime = Clockwork()
    runtime.babe.genesis({"engine": "manual", "sealer": ss58(ALICE)})
    return runtime


@pytest.fixture
def live() -> Clockwork:
    runtime = Clockwork()
    runtime.babe.genesis({})
    return runtime


def test_time_is_zero_at_genesis_and_in_block_one(manual: Clockwork) -> None:
    assert manual.babe.now() == 0
    manual.block(1, plain(START))
    assert manual.babe.now() == 0
    assert manual.babe.genesis_slot.value == manual.babe.current_slot.value == START


def test_empty_slots_pass_time_too(manual: Clockwork) -> None:
    manual.block(1, plain(START))
    manual.block(2, plain(START + 1))
    manual.block(3, plain(START + 50))
    assert manual.babe.now() == 50


@pytest.mark.parametrize("slot", [START, START - 1, 0])
def test_a_slot_not_after_the_parents_makes_the_block_invalid(manual: Clockwork, slot: int) -> None:
    manual.block(1, plain(START))
    with pytest.raises(InvalidBlock, match="not after its parent's"):
        manual.block(2, plain(slot))


@pytest.mark.parametrize("logs", [[], [plain(START), plain(START)]])
def test_a_header_without_exactly_one_claim_makes_the_block_invalid(
    live: Clockwork, logs: list[DigestItem]
) -> None:
    with pytest.raises(InvalidBlock, match="there must be one"):
        live.block(1, *logs)


@pytest.mark.parametrize("claim", [plain(START, authority=1), primary(START)])
def test_manual_seal_knows_only_the_plain_claim_of_authority_zero(
    manual: Clockwork, live: Clockwork, claim: DigestItem
) -> None:
    with pytest.raises(InvalidBlock, match="authority 0"):
        manual.block(1, claim)
    live.block(1, claim)


def test_the_sealer_is_the_author_under_manual_seal_only(
    manual: Clockwork, live: Clockwork
) -> None:
    assert manual.babe.author() == ALICE
    assert live.babe.author() is None


def test_under_manual_seal_the_time_may_lie_behind_the_slot(manual: Clockwork) -> None:
    manual.block(1, plain(START))
    manual.babe.check_timestamp(START * SLOT_MS)
    manual.babe.check_timestamp((START + 9) * SLOT_MS)
    with pytest.raises(InvalidBlock, match="lies before slot"):
        manual.babe.check_timestamp(START * SLOT_MS - 1)


def test_on_a_live_chain_the_time_lies_within_the_slot(live: Clockwork) -> None:
    live.block(1, primary(START))
    live.babe.check_timestamp(START * SLOT_MS)
    live.babe.check_timestamp(START * SLOT_MS + SLOT_MS - 1)
    for outside in (START * SLOT_MS - 1, (START + 1) * SLOT_MS):
        with pytest.raises(InvalidBlock, match="lies outside of slot"):
            live.babe.check_timestamp(outside)


def test_genesis_names_the_engine_and_refuses_others() -> None:
    runtime = Clockwork()
    runtime.babe.genesis({"engine": "babe", "sealer": None})
    assert runtime.babe.engine.value is Engine.Babe
    with pytest.raises(GenesisError, match=r'babe\.engine: expected "manual" or "babe"'):
        runtime.babe.genesis({"engine": "poa"})
    with pytest.raises(GenesisError, match=r"babe\.sealr: unknown field"):
        runtime.babe.genesis({"sealr": ss58(ALICE)})
