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
from btt_chain.primitives.babe_digests import V1, AllowedSlots, AuthorityId, EpochConfig, announced
from btt_chain.primitives.digest import H256, Digest, DigestItem
from btt_chain.primitives.lottery import SecondaryRule
from btt_chain.primitives.ss58 import encode as ss58
from btt_chain.scale import u32, u64
from runtime.frame import GenesisError, InvalidBlock
from runtime.pallets.babe.pallet import Babe
from runtime.pallets.babe.types import Engine
from support.babe_chain import beacon_after
from support.runtime import SmallRuntime
from support.simulated_vrf import SimulatedVrf

SLOT_MS = 6_000
EPOCH = 10
START = 290_000_000
ALICE, BOB = AccountId(b"\xa1" * 32), AccountId(b"\xb0" * 32)


class OneSession:
    """A session that lasts for ever; its second validator is out."""

    def rotate(self) -> int:
        raise AssertionError("no epoch ends here")

    def session_index(self) -> int:
        return 0

    def validators_now(self) -> list[AccountId]:
        return [ALICE, BOB]

    def is_disabled(self, index: int) -> bool:
        return index == 1

    def owner_of(
        self, session_index: int, key_type: bytes, key: bytes
    ) -> tuple[AccountId, int] | None:
        return None


class Clockwork(SmallRuntime):
    """System and the clock."""

    def build(self) -> None:
        self.babe = self.add(
            2,
            Babe(
                epoch_duration=u64(EPOCH),
                expected_block_time=u64(SLOT_MS),
                max_authorities=u32(2),
                max_nominators=u32(0),
                report_longevity=u64(100),
                system=self.system,
                vrf=SimulatedVrf([]),
            ),
        )

    def block(self, number: int, *logs: DigestItem) -> None:
        self.system.begin_block(u32(number), H256(bytes(32)), Digest(list(logs)))
        self.babe.on_initialize(number)
        self.babe.on_finalize(number)


def plain(slot: int, authority: int = 0) -> DigestItem:
    return pre_runtime(SecondaryPlain(SecondaryPlainClaim(u32(authority), Slot(slot))))


def primary(slot: int, authority: int = 0) -> DigestItem:
    claim = PrimaryClaim(u32(authority), Slot(slot), VrfSignature(bytes(32), bytes(64)))
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
    runtime.babe.connect(OneSession(), None)
    weights = [(bytes(ALICE), 1), (bytes(BOB), 1)]
    runtime.babe.epochs.genesis_epoch(weights, weights)
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
    manual: Clockwork, claim: DigestItem
) -> None:
    with pytest.raises(InvalidBlock, match="authority 0"):
        manual.block(1, claim)


def test_the_author_is_the_sealer_or_the_validator_at_the_claims_place(
    manual: Clockwork, live: Clockwork
) -> None:
    assert manual.babe.author() == ALICE
    assert live.babe.author() is None
    live.block(1, primary(START))
    assert live.babe.author() == ALICE


@pytest.mark.parametrize(("authority", "why"), [(1, "is disabled"), (2, "there is no authority")])
def test_only_enabled_authorities_make_blocks(live: Clockwork, authority: int, why: str) -> None:
    with pytest.raises(InvalidBlock, match=why):
        live.block(1, primary(START, authority))


def test_without_sessions_blocks_can_only_be_sealed_by_hand() -> None:
    runtime = Clockwork()
    runtime.babe.genesis({})
    with pytest.raises(InvalidBlock, match="no sessions"):
        runtime.block(1, primary(START))


def test_under_manual_seal_there_are_no_epochs_but_a_beacon(manual: Clockwork) -> None:
    beacons = set()
    for number in range(1, 3 * EPOCH):
        manual.block(number, plain(START + number))
        beacons.add(manual.babe.beacon_log.beacon.value)
        assert len(manual.system.digest.value.logs) == 1
    assert len(beacons) == 3 * EPOCH - 1
    assert manual.babe.epochs.epoch_index.value == 0
    found = beacon_after(manual.babe, START + 5)
    assert found is not None
    assert (found.slot, found.author) == (START + 5, ALICE)


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


def test_genesis_sets_the_rules_of_epochs() -> None:
    runtime = Clockwork()
    runtime.babe.genesis(
        {
            "epochConfig": {"c": [1, 3], "allowed_slots": "PrimarySlots"},
            "secondaryRule": "weighted",
            "randomness": "0x" + "07" * 32,
        }
    )
    babe = runtime.babe
    assert babe.epochs.config() == EpochConfig((u64(1), u64(3)), AllowedSlots.PrimarySlots)
    assert babe.epochs.next_config() == babe.epochs.config()
    assert babe.epochs.secondary_rule.value is SecondaryRule.Weighted
    assert (
        babe.epoch_randomness.randomness.value
        == babe.epoch_randomness.next_randomness.value
        == b"\7" * 32
    )


def test_by_default_half_of_the_slots_is_won_and_the_others_are_shared_out_alike() -> None:
    runtime = Clockwork()
    runtime.babe.genesis({})
    assert runtime.babe.epochs.config().c == (1, 2)
    assert runtime.babe.epochs.secondary_rule.value is SecondaryRule.Uniform


def weights_of(authorities: list[tuple[AuthorityId, u64]]) -> list[int]:
    return [int(weight) for _, weight in authorities]


SHARES = [(bytes(ALICE), 600), (bytes(BOB), 400)]


def test_weights_stand_for_what_uniform_secondary_slots_leave(live: Clockwork) -> None:
    epochs = live.babe.epochs
    epochs.genesis_epoch(SHARES, SHARES)
    # Each has a quarter of all blocks without any weight: 350 and 150 thousandths are left.
    assert weights_of(epochs.authorities.value) == [700_000_000, 300_000_000]
    assert epochs.shares_now() == [600_000_000, 400_000_000]
    epochs.secondary_rule.value = SecondaryRule.Weighted
    epochs.genesis_epoch(SHARES, SHARES)
    assert weights_of(epochs.next_authorities.value) == [600, 400]


def test_the_weights_of_an_epoch_are_those_for_its_own_parameters(live: Clockwork) -> None:
    epochs, babe = live.babe.epochs, live.babe
    epochs.genesis_epoch(SHARES, SHARES)
    live.block(1, plain(START))
    quarter = (u64(1), u64(4))
    epochs.pending_epoch_config_change.value = V1(quarter, AllowedSlots.PrimaryAndSecondaryVRFSlots)
    found = []
    for number in (2, 3):
        babe.current_slot.value = Slot(START + (number - 1) * EPOCH)
        live.system.begin_block(u32(number), H256(bytes(32)), Digest([]))
        epochs.new_epoch(SHARES, number - 1)
        found.append((epochs.config().c, weights_of(epochs.authorities.value)))
        logs = live.system.digest.value.logs
        assert announced(logs).config == (epochs.next_config() if number == 2 else None)
    assert found == [((1, 2), [700_000_000, 300_000_000]), ((1, 4), [900_000_000, 100_000_000])]


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"secondaryRule": "randomness"}, r'secondaryRule: expected "weighted" or "uniform"'),
        ({"randomness": "0x07"}, "randomness: expected 0x and 64 hexadecimal digits"),
        ({"randomness": "07" * 32}, "randomness: expected 0x"),
        ({"epochConfig": {"c": [2, 1], "allowed_slots": "PrimarySlots"}}, "a fraction from 0 to 1"),
        ({"epochConfig": {"c": [0, 1], "allowed_slots": "PrimarySlots"}}, "a fraction from 0 to 1"),
        ({"epochConfig": {"c": [1, 4], "allowed_slots": "All"}}, 'allowed_slots: expected "Prim'),
    ],
)
def test_genesis_refuses_rules_that_do_not_work(config: dict[str, object], why: str) -> None:
    with pytest.raises(GenesisError, match=why):
        Clockwork().babe.genesis(config)
