"""Odd states, as no honest chain has them, for `support.two_ways`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.arithmetic import FixedU128
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u16, u32, u64, u128
from runtime.accounts import PAYFI, TREASURY
from runtime.constants import BTT
from runtime.frame import DispatchError
from runtime.frame.traits import Reasons
from runtime.pallets.payfi.policies import Policy
from runtime.pallets.payfi.types import (
    Allowance,
    Batch,
    Cause,
    DayVolume,
    Invoice,
    Legs,
    MerchantClosing,
    MerchantSuspended,
    Rates,
    Volume,
)
from runtime.pallets.tier_staking.types import Window
from runtime.transactions import NO_ACCOUNT
from support.chain import account
from support.odd_chain import JUDGED, LIMIT, NEW, PAYERS, SHOPS, Choices


class OddState(Choices):
    """Changes the state of a scene."""

    def change(self) -> None:
        """Change the parent's state, sometimes in ways that no chain would."""
        overlay = self.scene.overlay()
        self.runtime.enter(overlay)
        kinds: list[Callable[[], None]] = [
            *[self._account] * 4, self._author, self._fund, self._treasury, self._pool,
            self._multiplier, self._batch, self._merchant, self._rates, self._numbers, self._volume,
            *[self._author_limit] * 2, self._benefits, self._locks, self._allowance, self._busy,
            self._fork,
        ]  # fmt: skip
        for _ in range(self.random.choice((0, 0, 1, 1, 2, 3, 5))):
            with suppress(DispatchError, ArithmeticError):
                self.random.choice(kinds)()
        self.runtime.host.events.clear()
        self.scene.changes = dict(overlay.changes())
        self.scene.kept_before = self.one_in(2)

    def _record(self, who: AccountId) -> None:
        accounts, rng = self.runtime.system.account, self.random
        if self.one_in(5):
            del accounts[who]
            return
        info = accounts[who]
        if self.one_in(2):
            info.data.free = u128(self.amount())
        if self.one_in(4):
            info.data.reserved = u128(self.amount())
        if self.one_in(4):
            info.data.frozen = u128(self.amount())
        if self.one_in(3):
            info.providers, info.sufficients = self.count(), self.count()
        if self.one_in(8):
            info.providers = info.sufficients = u32(0)
        if self.one_in(4):
            info.consumers = self.count()
        if self.one_in(4):
            info.nonce = u32(rng.choice((0, 1, 63, 64, 1 << 14, 1 << 30, u32.MAX - 2, u32.MAX)))
        accounts[who] = info

    def _account(self) -> None:
        payers = [*map(account, PAYERS), NO_ACCOUNT]
        self._record(self.random.choice(payers) if self.random.random() < 0.7 else self.who())

    def _author(self) -> None:
        if self.one_in(6):
            self.runtime.babe.sealer.kill()
            return
        self.runtime.babe.sealer.value = who = NEW if self.one_in(3) else self.who()
        if self.one_in(2):
            self._record(who)
        self._pay_more(who)

    def _fund(self) -> None:
        self._record(self.runtime.fees.development_fund)
        self._pay_more(self.runtime.fees.development_fund)

    def _pay_more(self, who: AccountId) -> None:
        """Raise fees where there is no account: a large share creates one."""
        if who not in self.runtime.system.account and self.one_in(2):
            self.runtime.fees.next_fee_multiplier.value = FixedU128(1_000 * 10**18)

    def _treasury(self) -> None:
        self._record(TREASURY)

    def _pool(self) -> None:
        self._record(PAYFI)

    def _multiplier(self) -> None:
        one = 10**18
        value = self.random.choice((one, one + 1, 3 * one, 1000 * one, 10**9 * one, u128.MAX, 0, 1))
        self.runtime.fees.next_fee_multiplier.value = FixedU128(value)

    def _author_limit(self) -> None:
        """Let authors reach the limit of their era soon, or have reached it."""
        fees, left = self.runtime.fees, self.random.choice((0, 1, 10**14, 2 * 10**14, 10**15))
        fees.era_limit.value, fees.era_paid.value = u128(BTT), u128(BTT - left)
        fees.era_fees.value = [(u32(4), u128(BTT))]

    def _batch(self) -> None:
        settlement, rng = self.runtime.payfi.settlement, self.random
        now = self.runtime.payfi.calendar.now() + self.chain.slot_ms
        if self.one_in(3):
            for bucket, count in list(settlement.due_count.items()):
                for near in range(int(bucket), int(bucket) + 6):
                    settlement.due_count[u32(near)] = u32(
                        rng.choice((settlement.capacity, settlement.capacity - 1, int(count)))
                    )
        for key, batch in list(settlement.batches.items()):
            if self.one_in(3):
                gross = self.amount()
                parts = [u128(gross // rng.choice((4, 5, 100, 200, 10**9))) for _ in range(4)]
                if rng.random() < 0.3:
                    parts = [u128(0)] * 4
                made = u64(now) if self.one_in(4) else batch.last_ms
                count = u32(rng.choice((0, 1, 2, u32.MAX - 1, u32.MAX)))
                settlement.batches[key] = Batch(Legs(u128(gross), *parts), count, made)

    def _merchant(self) -> None:
        payfi, rng, who = self.runtime.payfi, self.random, account(self.random.choice(SHOPS))
        record = payfi.merchants.merchants.get(who)
        if record is None:
            return
        kind = rng.randrange(6)
        if kind == 0:
            record.state = MerchantSuspended(rng.choice(list(Cause)))
        elif kind == 1:
            record.state = MerchantClosing(u64(rng.choice((0, u64.MAX))))
        elif kind == 2:
            record.plan = u8(rng.choice((0, 1)))
        elif kind == 3:
            record.policy = u16(1)
        elif kind == 4:
            record.currency = rng.choice((b"BTT", b"CNY", b"XAU"))
        else:
            payfi.payer_rules.own_policies[who] = Policy(judged_from=u128(0))
        payfi.merchants.merchants[who] = record

    def _rates(self) -> None:
        rng, payfi = self.random, self.runtime.payfi
        low = rng.choice((50, 80, 0, 1, 10_000, u16.MAX))
        payfi.rates.value = Rates(
            low=u16(low), high=u16(rng.choice((low, 80, 0, u16.MAX))),
            conversion=u16(rng.choice((0, 75))), analytics=u16(rng.choice((0, 25, 9_999, u16.MAX))),
            full_volume_parts=u32(rng.choice((21, 210, 2_100, u32.MAX, 1, 0))),
            unjudged_payment=u128(self.amount()), unjudged_day=u128(self.amount()),
        )  # fmt: skip
        if self.one_in(2):
            self.runtime.tokenomics.high_value_threshold.value = u128(self.amount())

    def _numbers(self) -> None:
        payments, rng = self.runtime.payfi.payments, self.random
        payments.next_payment.value = u64(rng.choice((0, 1, 1 << 32, u64.MAX - 2, u64.MAX)))
        for number in range(3):
            invoice = Invoice(number.to_bytes(16, "big"), b"BTT", u128(BTT))
            payments.references[account(SHOPS[0]), invoice] = u64(u64.MAX)

    def _volume(self) -> None:
        runtime, rng, who = self.runtime, self.random, account(self.random.choice(SHOPS))
        today = runtime.payfi.calendar.day()
        days = [
            DayVolume(u128(self.amount()), u128(self.amount()), u32(1), u32(0)) for _ in range(3)
        ]
        day = max(0, today - rng.choice((0, 1, 29, 30, 31)))
        runtime.payfi.volumes.volumes[who] = Volume(u32(day), days, u128(0))

    def _benefits(self) -> None:
        runtime, who, rng = self.runtime, self.who(), self.random
        now = runtime.babe.now() * 6_000
        edges = [u64(max(0, now + rng.randrange(-2, 3) * 6_000)) for _ in range(3)]
        runtime.tier_staking.positions.discounts[who] = Window(*edges)
        if self.one_in(2):
            runtime.identity.identity_of[account(rng.choice(SHOPS))] = JUDGED

    def _locks(self) -> None:
        reason = self.random.choice(list(Reasons))
        who = account(self.random.choice(PAYERS))
        self.runtime.balances.set_lock(b"vesting ", who, u128(self.amount()), reason)

    def _allowance(self) -> None:
        payfi = self.runtime.payfi
        day = payfi.calendar.day() + self.random.choice((0, 0, 1, -1))
        used = u128(self.random.choice((0, LIMIT, 2 * LIMIT - 1, 2 * LIMIT, u128.MAX)))
        payfi.merchants.allowances[account(SHOPS[1])] = Allowance(u32(day), used)

    def _fork(self) -> None:
        """Let the blocks before this one be those of another fork."""
        hashes, number = self.runtime.system.block_hash, int(self.scene.header.number)
        for one in range(max(1, number - self.random.choice((1, 2, 9))), number):
            hashes[u32(one)] = H256(self.random.randbytes(32))

    def _busy(self) -> None:
        limits = self.runtime.system.block_weights.per_class.normal.max_total
        most = self.runtime.system.block_length.max.normal
        assert limits is not None
        left = self.random.choice((0, 10**9, 10**8, 2 * 10**9))
        self.scene.used = (
            max(0, int(limits.ref_time) - left) if self.one_in(2) else 0,
            max(0, int(most) - self.random.choice((0, 150, 400, 1000))) if self.one_in(2) else 0,
        )
