"""Incentives on a whole chain: real signatures, price, fees, months and randomness."""

from __future__ import annotations

import secrets

import pytest

from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.point_voucher import Denomination, PointVoucher
from btt_chain.scale import u16, u32, u64, u128
from runtime import BttRuntime
from runtime.accounts import HEALTH
from runtime.audits.incentives import problems
from runtime.constants import BTT
from runtime.pallets.facilities.types import Bonds, Facility, FacilityState, Kind, Size
from runtime.pallets.identity.types import Data, IdentityInfo, KnownGood, Registration
from runtime.pallets.incentives.pallet import Incentives
from runtime.pallets.incentives.types import EpochState, Pass
from runtime.pallets.oracle.types import Round, Rule, TimestampedValue
from runtime.params import RuntimeParams
from support.chain import ALICE, BOB, CHARLIE, DAVE, DevChain, account
from support.incentives import PSS, SHA384, modulus, rsa_key

CLINIC, AUDITORS = BOB, (ALICE, CHARLIE, DAVE)
PATIENT = KeyPair.from_uri("//care//1")
SLOT_MS, DAY = 6_000, 2
MONTH = 30 * DAY
PRICE = b"BTT/CNY"
BOND = u128(100 * BTT)
META = H256(bytes(32))


def prepare(runtime: BttRuntime) -> None:
    """Register a clinic and three auditors with judged identities, and a price that stays."""
    facilities = runtime.facilities
    facilities.bonds.value = Bonds(BOND, BOND, BOND)
    for pair in (CLINIC, *AUDITORS):
        who = account(pair)
        info = IdentityInfo(display=Data.text("institution"))
        judged = Registration([(u32(0), KnownGood())], u128(0), info)
        runtime.identity.identity_of[who] = judged
        kind = Kind.Clinic if pair is CLINIC else Kind.Auditor
        runtime.balances.hold(facilities.reason, who, BOND)
        facilities.facilities[who] = Facility(
            kind, Size.Small, u16(156), False, who, BOND, u64(0), FacilityState.Active, META
        )
        facilities.by_operator[kind, who] = who
    quotes = runtime.oracle.quotes
    quotes.rules[PRICE] = Rule()
    quotes.values[PRICE] = TimestampedValue(u128(10**21), u64(2**50))
    quotes.round[PRICE] = Round(u64(2**60))


class CareChain(DevChain):
    """A chain whose month has 60 slots."""

    def __init__(self) -> None:
        params = RuntimeParams(u64(SLOT_MS), day_ms=u32(DAY * SLOT_MS))
        super().__init__(
            economy={}, prepare=prepare, params=params, extra={HEALTH: 10_000 * int(BTT)}
        )

    def ok(self, pair: KeyPair, name: str, **args: object) -> list[object]:
        """Make a call of Incentives that succeeds; return its events."""
        events = self.run(pair, self.call("Incentives", name, **args))
        assert type(events[-1]).__name__ == "ExtrinsicSuccess", events
        return events

    def to_slot(self, slot: int) -> None:
        """Go on to a slot since genesis, and make a few blocks there."""
        missing = slot - self.at().babe.now()
        self.now += max(0, missing - 1) * SLOT_MS / 1000
        for _ in range(3):
            self.seal()

    @property
    def incentives(self) -> Incentives:
        return self.at().incentives

    def voucher(self, month: int, denomination: Denomination, to: AccountId) -> PointVoucher:
        fields = (account(CLINIC), u32(month), denomination, to)
        random = secrets.token_bytes(32), secrets.token_bytes(32)
        blank = PointVoucher(*fields, *random, bytes(256))
        message = blank.prefix + blank.message(self.client.genesis_hash)
        return PointVoucher(*fields, *random, rsa_key(denomination).sign(message, PSS, SHA384))


@pytest.fixture(scope="module")
def chain() -> CareChain:
    return CareChain()


def test_a_month_from_the_subscription_to_the_money_of_a_patient(chain: CareChain) -> None:
    """A patient without any money ends with it; a clinic gains nothing; an audit ends."""
    clinic, patient = account(CLINIC), account(PATIENT)
    chain.seal()
    month = chain.incentives.months.current() + 1
    chain.ok(CLINIC, "subscribe", size=Size.Small, months=u16(1))
    keys = [modulus(rsa_key(number)) for number in Denomination]
    chain.ok(CLINIC, "publish_keys", month=u32(month), keys=keys)
    for pair in AUDITORS:
        chain.ok(pair, "enlist", key=bytes(32))
    chain.to_slot(month * MONTH)
    right = int(chain.incentives.subscriptions.right(clinic, month))
    assert right == 3 * 9 * 100 // 10
    chain.to_slot((month + 1) * MONTH)
    chain.ok(CLINIC, "close_month", month=u32(month), root=META, leaves=u32(64), points=u64(right))
    vouchers = [
        chain.voucher(month, each, patient)
        for each in (Denomination.Hundred, Denomination.Five, Denomination.One)
    ]
    chain.ok(ALICE, "redeem", vouchers=vouchers)
    assert chain.account(PATIENT).data.free == BTT // 100
    found = chain.incentives.points.of(patient)
    assert found is not None
    assert found.balance == 105
    chain.ok(PATIENT, "redeem_for_btt", points=u64(105))
    free = int(chain.account(PATIENT).data.free)
    assert 105 * BTT // 100 < free < 106 * BTT // 100

    chain.to_slot((month + 1) * MONTH + 3 * DAY)
    for _ in range(4):
        chain.seal()
    for pair in AUDITORS:
        chain.ok(pair, "report_audit", facility=clinic, month=u32(month), verdict=Pass())
    assert chain.incentives.epochs.expect(clinic, month).state is EpochState.Audited
    balance = int(chain.at().balances.free(HEALTH))
    assert not list(problems(chain.incentives, balance))


def test_another_node_follows_all_blocks(chain: CareChain) -> None:
    follower, hashes = chain.another(), [chain.client.best().hash]
    while (header := chain.client.header_of(hashes[-1])).number > 1:
        hashes.append(header.parent_hash)
    for hash in reversed(hashes):
        follower.import_block(*chain.block(hash))
    assert follower.best().hash == chain.client.best().hash
