"""Mining: constant costs, and random sequences of all operations."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32, u64, u128
from runtime.constants import MILLI_BTT
from runtime.frame import ROOT, signed
from runtime.pallets.mining.types import MAX_KAPPA
from support.mining import (
    ALICE,
    BOB,
    CAROL,
    DAVE,
    ERA,
    PRICE,
    Works,
    fresh,
)
from support.runtime import DictState


class CountingState(DictState):
    """Counts what is read and written."""

    accesses = 0

    def get(self, key: bytes) -> bytes | None:
        self.accesses += 1
        return super().get(key)

    def put(self, key: bytes, value: bytes | None) -> None:
        self.accesses += 1
        super().put(key, value)


def costs(operators: int, receipts: int) -> tuple[int, int, int]:
    """Return the accesses of the last receipt, of closing its era and of claiming it."""
    works = Works()
    works.start()
    state = CountingState()
    state.data = works.state.data
    works.enter(state)
    many = [AccountId(number.to_bytes(32, "big")) for number in range(1, operators + 1)]
    works.registry.join(*many)

    def counted(step: Callable[[], object]) -> int:
        before = state.accesses
        step()
        return state.accesses - before

    def receipt(number: int, who: AccountId) -> None:
        key = H256.of(number.to_bytes(8, "little"))
        fees = u128((10**9 + number * 10**7) * PRICE)
        works.mining.record(who, key, 10**9, fees, verified=False)

    for number in range(receipts):
        receipt(number, many[number % operators])
    last = counted(lambda: receipt(receipts, many[0]))
    works.clock.slot = ERA
    closing = counted(lambda: works.mining.on_initialize(2))
    claim = counted(lambda: works.mining.claim_rewards(signed(many[0]), u32(0), u32(0)))
    return last, closing, claim


def test_recording_closing_and_claiming_cost_the_same_however_much_there_is() -> None:
    assert costs(operators=1, receipts=1) == costs(operators=50, receipts=300)


class Economy(RuleBasedStateMachine):
    """Work, skipped epochs, claims, expiry, carry and changes, at random; I6 after every step."""

    people = (ALICE, BOB, CAROL, DAVE)

    @initialize()
    def begin(self) -> None:
        self.works = fresh()
        self.works.set(regions=[u32(300_000), u32(300_000)])

    @rule(
        who=st.sampled_from(people),
        units=st.integers(0, 10**12),
        fees=st.one_of(st.integers(0, 10**30), st.none()),
        verified=st.booleans(),
    )
    def work(self, who: AccountId, units: int, fees: int | None, verified: bool) -> None:
        self.works.work(who, units, fees, verified=verified, requester=ALICE)

    @rule(slots=st.one_of(st.integers(0, 2 * ERA), st.integers(0, 10**7)))
    def wait(self, slots: int) -> None:
        self.works.pass_slots(slots)

    @rule(who=st.sampled_from(people), back=st.integers(1, 64))
    def claim(self, who: AccountId, back: int) -> None:
        mining = self.works.mining
        last = int(mining.eras.era_index.value) - 1
        first = max(last - back + 1, 0)
        rows = [mining.estimate(who, era) for era in range(first, last + 1)]
        expected = sum(int(row.reward) for row in rows if row is not None)
        poor = expected < MILLI_BTT and not self.works.balances.total(who)
        if last < 0 or not any(rows) or (poor and expected):
            return
        assert self.works.claim(who, first, last) == expected

    @rule(to=st.sampled_from(people), percent=st.integers(1, 100))
    def job(self, to: AccountId, percent: int) -> None:
        room = int(self.works.mining.emission_now().protocol_room)
        amount = room * percent // 100
        if amount >= MILLI_BTT:
            self.works.mining.spend_unallocated(to, u128(amount))

    @rule(who=st.sampled_from(people), region=st.integers(0, 1), power=st.integers(0, 10**7))
    def attest(self, who: AccountId, region: int, power: int) -> None:
        self.works.mining.attest_region(ROOT, who, u16(region))
        self.works.mining.attest_energy(ROOT, who, u64(power))
        self.works.mining.record_uptime(who, power, 10**7)

    @rule(kappa=st.integers(0, MAX_KAPPA), cap_from=st.integers(1, 12))
    def govern(self, kappa: int, cap_from: int) -> None:
        self.works.set(
            kappa=u32(kappa),
            kappa_verified=u32(900_000),
            verified_budget=u128(10**19),
            operator_cap=u32(10_000),
            operator_cap_from=u32(cap_from),
        )

    @invariant()
    def nothing_is_lost(self) -> None:
        if hasattr(self, "works"):
            self.works.check()


TestEconomy = Economy.TestCase


TestEconomy.settings = settings(max_examples=20, stateful_step_count=40, deadline=None)
