"""Payments on real money: a merchant with a judged identity, one without, and payers."""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.babe import Slot as BabeSlot
from btt_chain.primitives.digest import H256
from btt_chain.primitives.ss58 import encode as ss58
from btt_chain.scale import u8, u16, u32, u64, u128
from runtime.accounts import DEVELOPMENT_FUND, OPERATIONS, PAYFI, TREASURY
from runtime.constants import BTT
from runtime.frame import DispatchError, Reason, signed
from runtime.frame.traits import Slot
from runtime.limits import payment_hooks
from runtime.pallets.babe.types import Beacon
from runtime.pallets.payfi.pallet import PayFi
from runtime.pallets.payfi.types import HoldReason, Legs, Payment, PaymentState
from runtime.pallets.tokenomics.types import BurnReason
from support.runtime import StillClock, TestRuntime

SHOP, KIOSK, ALICE, BOB, CAROL, TILL = PEOPLE = tuple(
    AccountId(bytes((n,)) * 32) for n in range(1, 7)
)
"""SHOP has a judged identity, KIOSK has none; both are registered."""
FOUNDATION = AccountId(b"\x0f" * 32)
RICH = 2_000_000 * BTT
REST = 21_000_000 * BTT - 6 * RICH
SLOT_MS, HOUR_MS, DAY_MS = 6_000, 3_600_000, 86_400_000
HOUR, DAY = HOUR_MS // SLOT_MS, DAY_MS // SLOT_MS
BUCKET = HOUR // 6
START = 300_000_000
"""Slot in which a test begins: a time after 1970 as real chains have."""
META = H256(b"\x4d" * 32)
CNY, EUR, BTT_CODE = b"CNY", b"EUR", b"BTT"
INDEX = 65
MAX = u128(u128.MAX)


class NoPrice(DispatchError):
    """The oracle has no price."""


class Feeds:
    """Prices of BTT as a test sets them."""

    def __init__(self) -> None:
        self.prices = {b"BTT/CNY": u128(4 * 10**17)}

    def price(self, key: bytes) -> u128:
        if key not in self.prices:
            raise NoPrice
        return self.prices[key]


class Time(StillClock):
    """The slot, as a test sets it."""

    slot = START
    stalled = 0
    dark = False
    """True: no block has randomness."""
    salt = b"beacon"

    def now(self) -> Slot:
        return Slot(self.slot - START)

    def moment(self) -> int:
        return self.slot * SLOT_MS

    def stalled_slots(self) -> int:
        return self.stalled

    def randomness_after(self, time: int, delay: int, authors: int) -> Beacon | None:
        """Return randomness of the slot, once the delay is over and unless a test prevents it."""
        if self.dark or self.now() < time + delay:
            return None
        slot = time + delay
        return Beacon(BabeSlot(slot), blake2_256(self.salt + slot.to_bytes(8, "little")), None)


class Registrars:
    """Judged identities and discounts, as a test sets them."""

    def __init__(self) -> None:
        self.judged = {SHOP}
        self.discounts: dict[AccountId, int] = {}
        self.operators: dict[AccountId, AccountId] = {}

    def verified(self, who: AccountId) -> bool:
        return who in self.judged

    def operator_of(self, account: AccountId) -> AccountId:
        return self.operators.get(account, account)

    def discount_bps(self, who: AccountId) -> int:
        return self.discounts.get(who, 0)


class PayFiRuntime(TestRuntime):
    """PayFi on real money and real fees."""

    slot_ms, hour_ms = SLOT_MS, HOUR_MS
    hook_weight = payment_hooks(SLOT_MS)
    time_kind: type[Time] = Time
    clock: Time

    def build(self) -> None:
        self.time, self.people, self.feeds = self.clock, Registrars(), Feeds()
        self.balances = self.add_balances()
        self.tokenomics = self.add_tokenomics(self.balances, window=u64(10), slot_ms=u64(SLOT_MS))
        self.payfi = self.add(
            INDEX,
            PayFi(
                slot_ms=u64(self.slot_ms),
                hour_ms=u64(self.hour_ms),
                day_ms=u64(DAY_MS),
                hook_weight=self.hook_weight,
                pool=PAYFI,
                treasury=TREASURY,
                currency=self.balances,
                moments=self.time,
                prices=self.feeds,
                fees=self.tokenomics,
                discounts=self.people,
                people=self.people,
                penalties=self.tokenomics,
                clock=self.time,
                stalls=self.time,
                system=self.system,
                beacon_delay=u32(2),
                beacon_authors=u32(1),
                genesis_supply=self.tokenomics.genesis_supply,
            ),
        )
        self.balances.connect(self.tokenomics)

    def __init__(self) -> None:
        super().__init__(self.time_kind())
        rows = [[ss58(who), str(int(RICH))] for who in PEOPLE]
        pools = (DEVELOPMENT_FUND, OPERATIONS, TREASURY, PAYFI)
        self.balances.genesis(
            {
                "balances": [*rows, [ss58(FOUNDATION), str(int(REST))]],
                "pools": [ss58(pool) for pool in pools],
            }
        )
        self.tokenomics.genesis({})
        self.tokenomics.foundation.value = FOUNDATION
        for who in (SHOP, KIOSK):
            self.register(who)
        self.host.events.clear()

    # ---- time

    def run(self, slots: int) -> None:
        """Go on to a later slot; only the block of that slot runs the hook."""
        self.time.slot += slots
        self.payfi.on_initialize(self.time.slot)

    def run_all(self, slots: int, step: int = 1) -> None:
        """Go on block by block, `step` slots each."""
        for _ in range(slots // step):
            self.run(step)

    def settle_all(self) -> None:
        """Go on until everything pending is settled."""
        self.run(2 * HOUR)
        while self.payfi.settlement.queue.value.first <= self.payfi.settlement.queue.value.last:
            self.run(BUCKET)

    # ---- calls

    def register(self, who: AccountId, plan: int = 0, currency: bytes = CNY) -> None:
        self.payfi.register(signed(who), u16(5912), currency, u8(plan), META)

    def configure(
        self,
        who: AccountId,
        *,
        currency: bytes = CNY,
        plan: int = 0,
        policy: u16 | None = None,
        tills: Sequence[AccountId] = (),
    ) -> None:
        self.payfi.configure(signed(who), currency, u8(plan), policy, [*tills], META)

    def pay(
        self,
        payer: AccountId = ALICE,
        merchant: AccountId = SHOP,
        units: int = int(100 * BTT),
        currency: bytes = BTT_CODE,
        reference: int | None = None,
        max_btt: u128 = MAX,
    ) -> u64:
        """Pay, with a reference of its own unless one is given; return the number."""
        id = self.payfi.payments.next_payment.value
        number = 10**6 + int(id) if reference is None else reference
        self.payfi.pay(
            signed(payer), Id(merchant), u128(units), currency, max_btt, ref(number), None
        )
        return id

    # ---- the state

    def money(self, who: AccountId) -> int:
        return int(self.balances.total(who))

    def bond(self, who: AccountId) -> int:
        return int(self.balances.held(Reason(INDEX, HoldReason.Bond), who))

    def payment(self, id: int) -> Payment:
        return self.payfi.payments.get(u64(id))

    def state_of(self, id: int) -> PaymentState:
        return self.payfi.payments.state_of(self.payment(id))

    def legs(self, id: int) -> Legs:
        return self.payment(id).legs

    def burned(self) -> int:
        return int(self.tokenomics.burned_by[BurnReason.Payfi])

    def due(self, bucket: int) -> int:
        return int(self.payfi.settlement.due_count[u32(bucket)])


def ref(number: int) -> bytes:
    """Return a reference."""
    return number.to_bytes(16, "big")
