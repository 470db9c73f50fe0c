"""Actions that other pallets make, without a call: work, fees, penalties."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from btt_chain.primitives.account import Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u16, u64, u128
from runtime.frame import DispatchInfo, signed
from runtime.pallets.tier_staking.types import Contribution
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import ASSET, PAYFI, split_compute, split_platform
from support.economy.chain import PEOPLE
from support.economy.values import RandomValues

NO_HASH: Final = H256(bytes(32))


@dataclass(frozen=True)
class Action:
    """A named action of another pallet."""

    name: str
    run: Callable[[], object]

    def __call__(self) -> object:
        """Run it."""
        return self.run()


def work(values: RandomValues) -> Callable[[], object]:
    """Record a receipt of work."""
    price, units = (
        int(values.chain.mining.prices.fee_price.value),
        values.one_of((1, 10**3, 10**6, 10**8)),
    )
    fees = u128(min(units * price * values.one_of((0, 1, 1, 3)) // values.one_of((1, 2)), 10**24))
    receipt, provider = H256(values.rng.randbytes(32)), values.one_of(PEOPLE)
    verified, requester = values.chance(30), values.one_of(PEOPLE)
    return lambda: values.chain.mining.record(
        provider, receipt, units, fees, verified=verified, requester=requester
    )


def measured(values: RandomValues) -> Callable[[], object]:
    """Record uptime and quality."""
    who, part = values.one_of(PEOPLE), values.rng.randrange(0, 101)
    mining = values.chain.mining

    def go() -> None:
        mining.record_uptime(who, part, 100)
        mining.record_quality(who, values.rng.randrange(1, 5_000), part, 100)

    return go


def protocol_job(values: RandomValues) -> Callable[[], object]:
    """Pay a protocol job from the unallocated emission."""
    mining, who = values.chain.mining, values.who()
    units = values.one_of((1, 10**3, 10**6, 10**9))
    return lambda: mining.spend_unallocated(
        who, u128(units * int(mining.prices.protocol_price.value))
    )


def compute_fee(values: RandomValues) -> Callable[[], object]:
    """Pay for a job."""
    tokenomics, who, worker = values.chain.tokenomics, values.signer, values.one_of(PEOPLE)
    gross = int(values.one_of((values.modest(), u128(values.rng.randrange(10**21)), u128(3))))

    def go() -> None:
        split = split_compute(gross, int(tokenomics.threshold()))
        tokenomics.take(who, split, BurnReason.Compute, [(worker, split.contributors)])

    return go


def platform_fee(values: RandomValues) -> Callable[[], object]:
    """Pay a fee of the asset platform or for a payment."""
    tokenomics, who, voter = values.chain.tokenomics, values.signer, values.one_of(PEOPLE)
    ramp, reason = values.one_of(((ASSET, BurnReason.Asset), (PAYFI, BurnReason.Payfi)))
    fee, voters = values.rng.randrange(10**20), values.one_of((0, 1_000))

    def go() -> None:
        limit = int(tokenomics.threshold())
        split = split_platform(fee, ramp, fee * 100, limit, voters_bps=voters)
        tokenomics.take(who, split, reason, [(voter, split.voters)] if voters else [])

    return go


def network_fee(values: RandomValues) -> Callable[[], object]:
    """Pay for a transaction."""
    fees, who = values.runtime.fees, values.signer
    info, length = DispatchInfo(10**9), values.rng.randrange(100, 1_000)
    tip = u128(values.one_of((0, 0, 10**17)))

    def go() -> None:
        fee = fees.fee(info, length, tip, discount=fees.discount_of(who))
        fees.charge(who, fee, tip, fees.system.account[who])
        fees.settle(who, fee, fee, tip)

    return go


def penalty(values: RandomValues) -> Callable[[], object]:
    """Destroy an account's money."""
    who, amount = values.signer, u128(values.rng.randrange(10**20))
    return lambda: values.chain.tokenomics.destroy(who, amount, BurnReason.Slash)


def contribution(values: RandomValues) -> Callable[[], object]:
    """Count contributions of an account."""
    who, kind = values.signer, values.one_of(list(Contribution))
    return lambda: values.chain.staking.contributions.add_points(who, kind)


def hospital(values: RandomValues) -> Callable[[], object]:
    """Add hospitals; they stay even if the block is dropped."""
    return lambda: values.chain.operators.found(values.one_of((1, 60, 500)))


def payment(values: RandomValues) -> Callable[[], object]:
    """Pay a merchant, or register the account as one."""
    payfi, payer, shop = values.runtime.payfi, values.signer, values.one_of(PEOPLE)
    units = values.one_of((values.modest(), u128(values.rng.randrange(10**21)), u128(2)))
    reference, plan = values.rng.randbytes(16), u8(values.one_of((0, 1)))

    def go() -> None:
        if shop in payfi.merchants.merchants:
            payfi.pay(signed(payer), Id(shop), units, b"BTT", u128(u128.MAX), reference, None)
        else:
            payfi.register(signed(shop), u16(8_062), b"CNY", plan, NO_HASH)

    return go


def refund(values: RandomValues) -> Callable[[], object]:
    """Refund a part of one of the last payments, or all of it."""
    payfi = values.runtime.payfi
    last = int(payfi.payments.next_payment.value)
    id = u64(max(0, last - values.one_of((1, 1, 2, 3))))
    part = values.one_of((1, 2, 2))

    def go() -> None:
        known = payfi.payments.get(id)
        amount = u128((int(known.legs.gross) - int(known.refunded)) // part)
        payfi.refund(signed(known.merchant), id, amount)

    return go


ACTIONS: Final[dict[str, Callable[[RandomValues], Callable[[], object]]]] = {
    "work": work,
    "more work": work,
    "measured": measured,
    "protocol job": protocol_job,
    "compute fee": compute_fee,
    "platform fee": platform_fee,
    "network fee": network_fee,
    "penalty": penalty,
    "contribution": contribution,
    "hospital": hospital,
    "payment": payment,
    "more payments": payment,
    "refund": refund,
}


def random_action(values: RandomValues) -> Action:
    """Choose an action."""
    name = values.one_of(list(ACTIONS))
    return Action(name, ACTIONS[name](values))
