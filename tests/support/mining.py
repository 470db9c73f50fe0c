"""A small runtime with Mining, for its tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u32, u64, u128
from runtime.accounts import MINING
from runtime.constants import BTT, DAY_MS
from runtime.emission import emitted
from runtime.frame import ROOT, ensure_root, signed
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.mining.pallet import Mining
from runtime.pallets.mining.types import Params
from runtime.splits import PPM
from support.runtime import TestRuntime

SLOT_MS = 6_000
ERA = 600
DAY = DAY_MS // SLOT_MS
POOL = 6_300_000 * int(BTT)
FIRST_DAY = 3449691991786447638603
ALICE, BOB, CAROL, DAVE = (AccountId(bytes([number]) * 32) for number in (1, 2, 3, 4))
TREASURY = AccountId(b"modlpy/trsry".ljust(32, b"\0"))
PRICE = 10**13
"""Planck of fees per unit, at the beginning."""
MIN_ENERGY = 800_000


class Registry:
    """Providers, as a test wants them; `behind` says who stands behind another."""

    def __init__(self) -> None:
        self.members: dict[AccountId, AccountId] = {}

    def exists(self, who: AccountId) -> bool:
        return who in self.members

    def operator_of(self, provider: AccountId) -> AccountId | None:
        return self.members.get(provider)

    def join(self, *who: AccountId) -> None:
        self.members.update({one: one for one in who})


class PlainPayer:
    """Pays out of pools, and refuses what is discretionary."""

    def __init__(self, balances: Balances) -> None:
        self.balances = balances

    def pay(self, pool: AccountId, to: AccountId, amount: u128, *, discretionary: bool) -> None:
        assert not discretionary
        self.balances.transfer(pool, to, amount)


class Works(TestRuntime):
    """Mining on balances, with a clock and a registry of its own."""

    def build(self) -> None:
        self.registry = Registry()
        self.balances = self.add_balances()
        self.mining = self.add(
            31,
            Mining(
                era_length=u32(ERA),
                slot_ms=u64(SLOT_MS),
                pool=MINING,
                currency=self.balances,
                payer=PlainPayer(self.balances),
                clock=self.clock,
                providers=self.registry,
                attesting=ensure_root,
                params_origin=ensure_root,
            ),
        )
        self.serial = 0

    def start(self, pool: int = POOL, config: Mapping[str, object] | None = None) -> None:
        rows = [[ss58.encode(MINING), str(pool)]] if pool else []
        self.balances.genesis({"balances": rows, "pools": [ss58.encode(MINING)]})
        self.mining.genesis({"feePrice": str(PRICE)} if config is None else config)
        self.registry.join(ALICE, BOB, CAROL, DAVE)
        self.block()
        self.host.events.clear()

    def block(self) -> int:
        self.check()
        weight = self.mining.on_initialize(int(self.clock.slot) + 1)
        self.check()
        return weight

    def pass_slots(self, slots: int) -> None:
        self.clock.slot += slots
        self.block()

    def next_era(self, eras: int = 1) -> None:
        for _ in range(eras):
            self.clock.slot = (self.clock.slot // ERA + 1) * ERA
            self.block()

    def work(
        self,
        who: AccountId,
        units: int,
        fees: int | None = None,
        *,
        verified: bool = False,
        requester: AccountId | None = None,
    ) -> H256:
        """Record a receipt; without `fees`, one that costs what its units count for."""
        self.serial += 1
        receipt = H256.of(self.serial.to_bytes(8, "little"))
        price = int(self.mining.prices.fee_price.value)
        paid = u128(units * price if fees is None else fees)
        self.mining.record(who, receipt, units, paid, verified=verified, requester=requester)
        self.check()
        return receipt

    def set(self, **changes: object) -> None:
        self.mining.set_params(ROOT, changed(self.mining.params.value, **changes))

    def claim(self, who: AccountId, first: int, last: int | None = None) -> int:
        """Claim and return what came."""
        before = self.balances.free(who)
        self.mining.claim_rewards(signed(who), u32(first), u32(first if last is None else last))
        self.check()
        return int(self.balances.free(who)) - int(before)

    def check(self) -> None:
        """I6: nothing is lost, nothing is made, and the schedule is kept."""
        mining = self.mining
        pool, paid, owed = (
            int(mining.ledger.allocated.value),
            int(mining.ledger.paid.value),
            mining.ledger.owed.value,
        )
        out = pool - int(mining.ledger.unemitted.value)
        assert paid + int(owed) + int(mining.ledger.unallocated.value) == out
        assert out == emitted(pool, int(mining.eras.began.value) * ERA * SLOT_MS)
        assert out <= mining.emitted_now() or int(mining.eras.began.value) * ERA > self.clock.slot
        assert int(self.balances.total(MINING)) == pool - paid
        assert int(owed) == sum(int(era.left) for _, era in mining.eras.eras.items())


@lru_cache(maxsize=1)
def built() -> tuple[Works, dict[bytes, bytes]]:
    """Build the works once: that takes longer than most of what happens in them."""
    works = Works()
    works.start()
    return works, dict(works.state.data)


def fresh() -> Works:
    """Return the works as they are at the start. There is one, used by one test at a time."""
    works, data = built()
    works.state.data = dict(data)
    works.clock.slot = works.serial = 0
    works.registry.members.clear()
    works.registry.join(ALICE, BOB, CAROL, DAVE)
    works.host.events.clear()
    return works


def changed(params: Params, **changes: object) -> Params:
    """Return the parameters with other values of some fields."""
    result = replace(params)
    for name, value in changes.items():
        assert hasattr(result, name)
        setattr(result, name, value)
    return result


def budget_of(works: Works, era: int = 0) -> int:
    span = ERA * SLOT_MS
    return emitted(POOL, (era + 1) * span) - emitted(POOL, era * span)


def cap(fees: int, kappa: int = 180_000) -> int:
    return fees * kappa // PPM
