"""Payments in one pass: when that way is taken, at which values, and what it must not keep.

Random extrinsics show that both ways have the same effects (`test_rows_in_two_ways.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives import validity
from btt_chain.primitives.account import AccountId, AccountInfo, Address32
from btt_chain.primitives.digest import H256
from btt_chain.primitives.extrinsic import unwrap
from btt_chain.primitives.validity import Invalid
from btt_chain.scale import Compact, codec, u8, u16, u32, u64, u128
from runtime import BttRuntime
from runtime.accounts import PAYFI
from runtime.constants import BTT, MILLI_BTT
from runtime.frame import Call, DispatchClass, TokenError, signed
from runtime.frame.error import Arithmetic
from runtime.frame.traits import Reasons
from runtime.pallets.balances.events import Withdraw
from runtime.pallets.identity.types import IdentityInfo, KnownGood, Registration
from runtime.pallets.payfi import errors
from runtime.pallets.payfi import events as payfi_events
from runtime.pallets.payfi.pallet import PayFi
from runtime.pallets.payfi.types import Batch, Legs, Rates
from runtime.pallets.system.pallet import System
from runtime.pallets.tokenomics.pallet import Tokenomics
from runtime.pallets.transaction_payment.pallet import TransactionPayment
from support.chain import BOB, CHARLIE, START, DevChain, account, address
from support.direct import Ways, accept_all, begin, refusal

LOCKED, SHOP, KIOSK = (KeyPair.from_uri(f"//{name}") for name in ("Locked", "Shop", "Kiosk"))
"""A payer with locked money, a merchant with a judged identity, and one without."""
LIMIT = 50 * int(BTT)
"""Maximum payment to KIOSK; twice as much is its limit of a day."""


def prepare(runtime: BttRuntime) -> None:
    """Register merchants, and lock money of one payer."""
    payfi, rest = runtime.payfi, (u8(0), H256(bytes(32)))
    payfi.rates.value = Rates(
        bond=u128(100 * BTT), unjudged_payment=u128(LIMIT), unjudged_day=u128(2 * LIMIT)
    )
    payfi.register(signed(account(SHOP)), u16(5912), b"BTT", *rest)
    payfi.register(signed(account(KIOSK)), u16(5912), b"CNY", *rest)
    judged = Registration([(u32(0), KnownGood())], u128(0), IdentityInfo())
    runtime.identity.identity_of[account(SHOP)] = judged
    runtime.balances.set_lock(b"vesting ", account(LOCKED), u128(START // 2), Reasons.Misc)


def new_chain() -> DevChain:
    extra = {pair.account_id: START for pair in (LOCKED, SHOP, KIOSK)}
    return DevChain(extra=extra, economy={}, prepare=prepare, shared=True)


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> Ways:
    return Ways(monkeypatch)


def pay(
    chain: DevChain,
    merchant: KeyPair = SHOP,
    units: int = int(BTT),
    reference: int = 0,
    currency: bytes = b"BTT",
    most: int | None = None,
    memo: H256 | None = None,
) -> Call:
    return chain.call(
        "PayFi", "pay", merchant=address(merchant), units=u128(units), currency=currency,
        max_btt=u128(units if most is None else most), reference=reference.to_bytes(16, "big"),
        memo=memo,
    )  # fmt: skip


def opened(chain: DevChain, merchant: KeyPair = SHOP) -> int:
    """Make the first payments to a merchant, and the fund an account; return the next nonce."""
    for nonce in range(3):
        chain.send(BOB, pay(chain, merchant, reference=1_000 + nonce))
        chain.seal()
    return nonce + 1


def both_ways(chain: DevChain, ways: Ways, wires: list[bytes]) -> list[type]:
    """Apply transactions to the best state in both ways; return the errors of their calls."""
    chain.seal()

    def execute() -> tuple[list[type], object]:
        executive, overlay = begin(chain)
        results = [executive.apply_extrinsic(unwrap(wire)) for wire in wires]
        host = executive.runtime.host
        used, happened = (host.weights[:], host.length), host.happened()
        rest = (overlay.changes(), happened, used, executive.finalize_block())
        return [type(result) for result in results], rest

    return ways.both(execute)[0]


def test_a_usual_payment_is_made_in_one_pass(ways: Ways) -> None:
    chain = new_chain()
    nonce = opened(chain)
    assert ways.taken < 3  # the first one opens the batch
    wires = [chain.sign(BOB, pay(chain, reference=n), nonce=nonce + n) for n in range(3)]
    assert both_ways(chain, ways, wires) == [type(None)] * 3
    assert ways.taken == 3
    chain = new_chain()
    nonce = opened(chain)
    tip = chain.sign(BOB, pay(chain), nonce=nonce, tip=1)
    foreign = chain.sign(BOB, pay(chain, KIOSK, currency=b"CNY"), nonce=nonce + 1)
    both_ways(chain, ways, [tip, foreign])
    assert ways.taken == 0


def test_what_a_payment_stores_can_be_read(ways: Ways) -> None:
    chain, memo = new_chain(), H256(b"\7" * 32)
    opened(chain)
    ways.taken = 0
    events = chain.run(CHARLIE, pay(chain, units=3 * int(BTT), reference=7, memo=memo))
    assert ways.taken == 1
    paid = next(event for event in events if isinstance(event, payfi_events.Paid))
    runtime = chain.at()
    payment = runtime.payfi.payments.get(paid.payment)
    assert (payment.payer, payment.merchant) == (account(CHARLIE), account(SHOP))
    assert (payment.legs.gross, payment.legs.fee, payment.memo) == (3 * BTT, paid.fee, memo)
    assert runtime.payfi.payments.references[account(SHOP), payment.invoice] == paid.payment
    batch = runtime.payfi.settlement.batches[payment.bucket, account(SHOP)]
    assert (batch.count, batch.legs.gross, batch.last_ms) == (4, 6 * BTT, payment.paid_ms)


def test_an_invoice_is_paid_once_in_a_block(ways: Ways) -> None:
    chain = new_chain()
    nonce = opened(chain)
    wires = [chain.sign(BOB, pay(chain, reference=5), nonce=nonce + n) for n in range(2)]
    assert both_ways(chain, ways, wires) == [type(None), errors.AlreadyPaid]
    assert ways.taken == 1


def test_the_limit_of_a_day_is_that_of_all_payments(ways: Ways) -> None:
    chain = new_chain()
    nonce = opened(chain, KIOSK)
    wires = [
        chain.sign(BOB, pay(chain, KIOSK, units, reference=n), nonce=nonce + n)
        for n, units in enumerate((LIMIT, LIMIT - 4 * int(BTT), 1_000, 2 * int(BTT), LIMIT + 1))
    ]
    # A remark in between: the sum is read again.
    wires.insert(1, chain.sign(CHARLIE, chain.call("System", "remark", remark=b"")))
    assert both_ways(chain, ways, wires) == [*[type(None)] * 4, *[errors.OverLimit] * 2]
    assert ways.taken == 3


def test_a_merchant_is_read_again_after_another_extrinsic(ways: Ways) -> None:
    chain = new_chain()
    nonce = opened(chain)
    configure = chain.call(
        "PayFi", "configure", currency=b"BTT", plan=u8(1), policy=None, till_keys=[],
        meta=H256(bytes(32)),
    )  # fmt: skip
    wires = [
        chain.sign(BOB, pay(chain, reference=1), nonce=nonce),
        chain.sign(SHOP, configure),
        chain.sign(BOB, pay(chain, reference=2), nonce=nonce + 1),
        chain.sign(SHOP, chain.call("PayFi", "refund", payment=u64(1), amount=BTT), nonce=1),
        chain.sign(BOB, pay(chain, reference=3), nonce=nonce + 2),
        chain.sign(SHOP, chain.call("PayFi", "close"), nonce=2),
        chain.sign(BOB, pay(chain, reference=4), nonce=nonce + 3),
    ]
    assert both_ways(chain, ways, wires) == [*[type(None)] * 6, errors.NotActive]
    assert ways.taken == 3


@pytest.mark.parametrize("merchant", [SHOP, KIOSK])
def test_a_record_that_others_wrote_is_read_again(merchant: KeyPair, ways: Ways) -> None:
    chain = new_chain()
    nonce = opened(chain, merchant)
    chain.seal()
    wires = [
        unwrap(chain.sign(BOB, pay(chain, merchant, reference=n), nonce=nonce + n))
        for n in range(3)
    ]

    def execute() -> object:
        executive, overlay = begin(chain)
        executive.apply_extrinsic(wires[0])
        overlay.begin()
        executive.apply_extrinsic(wires[1])
        overlay.rollback()
        executive.apply_extrinsic(wires[1])
        allowances = executive.runtime.pallet(PayFi).merchants.allowances
        del allowances[account(merchant)]
        executive.apply_extrinsic(wires[2])
        return overlay.changes(), executive.runtime.host.happened()

    ways.both(execute)
    assert ways.taken == 4


@pytest.mark.parametrize("count", [0, u32.MAX - 1, u32.MAX])
@pytest.mark.parametrize("gross", [0, u128.MAX - 3 * int(BTT), u128.MAX - 3 * int(BTT) + 1])
def test_a_batch_takes_what_its_sums_can_hold(gross: int, count: int, ways: Ways) -> None:
    chain = new_chain()
    nonce = opened(chain)
    chain.seal()
    wires = [unwrap(chain.sign(BOB, pay(chain, reference=n), nonce=nonce + n)) for n in range(3)]

    def execute() -> object:
        executive, overlay = begin(chain)
        batches = executive.runtime.pallet(PayFi).settlement.batches
        ((key, batch),) = batches.items()
        parts = (u128(gross // 200) for _ in range(4))
        batches[key] = Batch(Legs(u128(gross), *parts), u32(count), batch.last_ms)
        results = [type(executive.apply_extrinsic(wire)) for wire in wires]
        return results, overlay.changes(), executive.runtime.host.happened()

    ways.both(execute)
    room = (u32.MAX - count, 2 if gross > u128.MAX - 3 * int(BTT) else 3)
    assert ways.taken == min(*room, 3)


@pytest.mark.parametrize("free", [0, 1, int(MILLI_BTT) - 1])
def test_a_pool_account_with_little_money_takes_the_general_way(free: int, ways: Ways) -> None:
    chain = new_chain()
    nonce = opened(chain)
    chain.seal()
    wire = unwrap(chain.sign(BOB, pay(chain, reference=9), nonce=nonce))

    def execute() -> object:
        executive, overlay = begin(chain)
        accounts = executive.runtime.pallet(System).account
        pool = accounts[PAYFI]
        pool.data.free, pool.providers = u128(free), u32(1)
        accounts[PAYFI] = pool
        executive.apply_extrinsic(wire)
        return overlay.changes(), executive.runtime.host.happened()

    ways.both(execute)
    assert ways.taken == 0


def test_locked_money_pays_fees_only(ways: Ways) -> None:
    chain = new_chain()
    opened(chain)
    wire = chain.sign(LOCKED, pay(chain, units=3 * START // 4))
    assert both_ways(chain, ways, [wire]) == [TokenError]
    assert ways.taken == 0


def test_a_payer_has_enough_for_the_whole_fee_and_to_stay(ways: Ways) -> None:
    chain = new_chain()
    nonce = opened(chain)
    events = chain.run(CHARLIE, pay(chain, reference=1))
    taken = next(int(event.amount) for event in events if isinstance(event, Withdraw))
    kinds = TransactionPayment.TransactionFeePaid
    actual = next(int(event.actual_fee) for event in events if isinstance(event, kinds))
    assert actual < taken
    chain.seal()
    wire = unwrap(chain.sign(BOB, pay(chain, reference=2), nonce=nonce))

    def execute(fee: int) -> tuple[bool, object]:
        executive, overlay = begin(chain)
        accounts = executive.runtime.pallet(System).account
        payer = accounts[account(BOB)]
        payer.data.free = u128(int(BTT) + int(MILLI_BTT) + fee)
        accounts[account(BOB)] = payer
        is_paid = executive.apply_extrinsic(wire) is None
        return is_paid, (overlay.changes(), executive.runtime.host.happened())

    for fee, expected in ((taken, 1), (taken - 1, 0), (actual, 0), (actual - 1, 0)):
        is_paid, _ = ways.both(partial(execute, fee))
        assert (is_paid, ways.taken) == (bool(expected), expected)


def test_a_fee_that_cannot_be_computed_fails_the_payment_alone(ways: Ways) -> None:
    chain = new_chain()
    nonce = opened(chain)
    chain.seal()
    wires = [unwrap(chain.sign(BOB, pay(chain, reference=n), nonce=nonce + n)) for n in range(2)]

    def execute() -> tuple[list[type], object]:
        executive, overlay = begin(chain)
        executive.runtime.pallet(Tokenomics).high_value_threshold.value = u128(0)
        results = [type(executive.apply_extrinsic(wire)) for wire in wires]
        return results, (overlay.changes(), executive.runtime.host.happened())

    assert ways.both(execute)[0] == [Arithmetic, Arithmetic]
    assert ways.taken == 0


def test_a_full_block_refuses_a_payment_before_its_merchant_is_read(ways: Ways) -> None:
    chain = new_chain()
    nonce = opened(chain)
    chain.seal()
    first, second = (
        unwrap(chain.sign(BOB, pay(chain, reference=n), nonce=nonce + n)) for n in range(2)
    )
    merchants: set[AccountId] = set()
    for ways.is_allowed in (True, False):
        executive, overlay = begin(chain)
        executive.apply_extrinsic(first)
        host = executive.runtime.host
        normal = executive.system.block_weights.per_class.normal.max_total
        assert normal is not None
        host.weights[DispatchClass.Normal] = int(normal.ref_time)
        before = overlay.changes(), host.happened(), list(host.weights), host.length
        payfi = executive.runtime.pallet(PayFi)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(payfi.merchants, "active", merchants.add)
            with pytest.raises(Invalid) as refused:
                executive.apply_extrinsic(second)
        assert refused.value.reason == validity.ExhaustsResources()
        assert (overlay.changes(), host.happened(), list(host.weights), host.length) == before
    assert not merchants


def test_a_payment_to_another_address_is_decoded(ways: Ways) -> None:
    chain = new_chain()
    nonce = opened(chain)
    call = chain.call(
        "PayFi", "pay", merchant=Address32(account(SHOP)), units=u128(BTT), currency=b"BTT",
        max_btt=u128(BTT), reference=bytes(16), memo=None,
    )  # fmt: skip
    both_ways(chain, ways, [chain.sign(BOB, call, nonce=nonce)])
    assert ways.taken == 0


def without_provider(info: AccountInfo) -> None:
    info.providers, info.sufficients = u32(0), u32(1)


def with_last_nonce(info: AccountInfo) -> None:
    info.nonce = u32(u32.MAX)


def unchanged(_: AccountInfo) -> None:
    pass


def resigned(raw: bytes) -> bytes:
    return raw[:2] + bytes(AccountId(bytes(32))) + raw[34:]


def with_more_than_a_balance(raw: bytes) -> bytes:
    most = codec(Compact[u128]).encode(u128(BTT))
    assert raw.count(most) == 1
    return raw.replace(most, b"\x37" + bytes(16) + b"\1")


@pytest.mark.parametrize(
    ("change", "forge", "nonce"),
    [
        (without_provider, bytes, 3),
        (with_last_nonce, bytes, u32.MAX),
        (unchanged, resigned, 3),
        (unchanged, with_more_than_a_balance, 3),
    ],
)
def test_an_unusual_payment_takes_the_general_way(
    change: Callable[[AccountInfo], None], forge: Callable[[bytes], bytes], nonce: int, ways: Ways
) -> None:
    chain = new_chain()
    opened(chain)
    chain.seal()
    raw = forge(unwrap(chain.sign(BOB, pay(chain, reference=9), nonce=nonce)))

    def execute() -> object:
        executive, overlay = begin(chain, accept_all)
        accounts = executive.runtime.pallet(System).account
        payer = accounts[account(BOB)]
        change(payer)
        accounts[account(BOB)] = payer
        payer.nonce = u32(3)
        accounts[AccountId(bytes(32))] = payer
        result = refusal(executive, raw)
        return result, overlay.changes(), executive.runtime.host.happened()

    ways.both(execute)
    assert ways.taken == 0
