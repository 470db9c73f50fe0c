"""Payments, disputes and cards in blocks: on forks, and from the pool."""

from __future__ import annotations

import pytest

from btt_chain.crypto import p256
from btt_chain.crypto.keypair import KeyPair
from btt_chain.node.dev.sealing import BlockOrder
from btt_chain.primitives.digest import H256
from btt_chain.primitives.voucher import CONTEXT, REGISTRATION, VOUCHER, P256Key, Voucher, card_id
from btt_chain.primitives.voucher import Registration as CardRegistration
from btt_chain.scale import u8, u16, u32, u64, u128
from runtime import BttRuntime
from runtime.accounts import PAYFI
from runtime.audits.payfi import payfi_findings
from runtime.audits.payfi_disputes import dispute_findings
from runtime.constants import BTT
from runtime.frame import ROOT, signed
from runtime.pallets.identity.types import IdentityInfo, KnownGood, Registration
from runtime.pallets.payfi import events as payfi_events
from runtime.pallets.payfi.arbiters import BOND
from runtime.pallets.payfi.card_types import Limits, Proof
from runtime.pallets.payfi.dispute_types import Contest, DisputeReason, Outcome, Resolution
from runtime.pallets.payfi.types import PaymentState, Rates
from runtime.pallets.system.pallet import System
from runtime.params import RuntimeParams
from support.chain import ALICE, BOB, CHARLIE, DAVE, START, DevChain, account, address

SHOP, PAYER = account(ALICE), account(BOB)
PAID = u128(100 * BTT)
HASH = H256(bytes(32))
SLOT_MS, HOUR_MS = 6_000, 72_000
HOUR = HOUR_MS // 1_000
"""Seconds of an hour of this chain: 12 slots, the least there can be."""
STEP = 40
"""Slots between two blocks of a chain that does not stall."""
PARAMS = RuntimeParams(u64(SLOT_MS), day_ms=u32(24 * HOUR_MS), hour_ms=u32(HOUR_MS))
SECRET = bytes(range(1, 33))
JUDGED = Registration([(u32(0), KnownGood())], u128(0), IdentityInfo())
KEY = P256Key(p256.public_from_secret(SECRET))


def prepare(runtime: BttRuntime) -> None:
    """Register Alice as a merchant, and a card of Bob."""
    runtime.payfi.rates.value = Rates(bond=u128(200 * BTT))
    runtime.payfi.register(signed(SHOP), u16(8_062), b"BTT", u8(0), HASH)
    limits = Limits(PAID, PAID, [], u64(u64.MAX))
    until = u64(int(runtime.payfi.calendar.now()) + HOUR_MS)
    asked = CardRegistration.of(H256(runtime.system.genesis_hash()), card_id(KEY), PAYER, until)
    proof = Proof(until, p256.sign(SECRET, REGISTRATION.encode(asked)))
    runtime.payfi.register_card(signed(PAYER), KEY, limits, None, proof)


@pytest.fixture
def chain() -> DevChain:
    return DevChain(economy={}, prepare=prepare, params=PARAMS, shared=True)


def pay(chain: DevChain) -> bytes:
    """Pay 100 BTT in a block; return its hash."""
    call = chain.call(
        "PayFi", "pay", merchant=address(ALICE), units=PAID, currency=b"BTT", max_btt=PAID,
        reference=bytes(range(16)), memo=None,
    )  # fmt: skip
    chain.send(BOB, call)
    return chain.seal()


def dispute(chain: DevChain) -> None:
    """Send a dispute of the first payment to the pool."""
    args = {"payment": u64(0), "amount": PAID, "reason": DisputeReason.Other, "evidence": HASH}
    chain.send(BOB, chain.call("PayFi", "dispute", **args))


def wait(chain: DevChain, parent: bytes, hours: int) -> list[bytes]:
    """Make blocks without a stall for some hours; return their hashes."""
    made: list[bytes] = []
    for _ in range(hours * HOUR_MS // (STEP * SLOT_MS) + 1):
        chain.now += (STEP - 1) * SLOT_MS // 1_000
        parent = chain.seal(parent=parent, finalize=False)
        made.append(parent)
    return made


def consistent(chain: DevChain, hash: bytes) -> BttRuntime:
    """Return the runtime on the state of a block, after an audit of its payments."""
    runtime = chain.at(hash)
    pooled = int(runtime.balances.free(PAYFI))
    assert list(payfi_findings(runtime.payfi, pooled)) == []
    assert list(dispute_findings(runtime.payfi)) == []
    return runtime


def state_of(runtime: BttRuntime) -> PaymentState:
    payments = runtime.payfi.payments
    return payments.state_of(payments.get(u64(0)))


def test_what_is_kept_of_one_fork_is_not_read_on_another(chain: DevChain) -> None:
    """Batch, daily limit and counter are kept in memory with their bytes."""
    first = int(chain.account(BOB).nonce)
    wires = [
        chain.sign(BOB, chain.call(
            "PayFi", "pay", merchant=address(ALICE), units=u128(amount * BTT), currency=b"BTT",
            max_btt=PAID, reference=bytes((amount,) * 16), memo=None,
        ), nonce=first + nonce)
        for nonce, amount in enumerate((10, 20, 30, 40))
    ]  # fmt: skip
    tips, made = [chain.client.best().hash] * 2, [list[bytes](), list[bytes]()]
    for number in range(3):  # by turns; a bucket has two slots
        for fork, ready in enumerate((wires[:2], wires[:1])):
            only = ready if not number else wires[len(ready) + number - 1 : len(ready) + number]
            order = BlockOrder(tips[fork], is_empty_allowed=False, finalize=False, only=only)
            tips[fork] = chain.sealer.make(order).hash
            made[fork].append(tips[fork])
    for tip, blocks, paid in zip(tips, made, (100, 60), strict=True):
        assert consistent(chain, tip).balances.free(PAYFI) == paid * BTT
        fresh = chain.another()  # it has kept nothing
        for hash in blocks:
            fresh.import_block(*chain.block(hash))
        assert fresh.best().hash == tip


def test_a_payment_settled_on_one_fork_and_disputed_on_the_other(chain: DevChain) -> None:
    other = DevChain(economy={}, prepare=prepare, params=PARAMS, shared=True)
    paid = pay(chain)
    other.client.import_block(*chain.block(paid))
    other.now = chain.now

    chain.now += 2 * HOUR
    settled = chain.seal(finalize=False)
    runtime = consistent(chain, settled)
    assert state_of(runtime) is PaymentState.Settled
    assert runtime.balances.free(PAYFI) == 0

    other.now += HOUR // 2
    dispute(other)
    disputed = other.seal(finalize=False)
    runtime = consistent(other, disputed)
    assert state_of(runtime) is PaymentState.Disputed
    assert runtime.balances.free(PAYFI) == PAID

    # Each side goes on by its own rules. There, silence pays out of the pool, ...
    there = [disputed, *wait(other, disputed, 73)]
    runtime = consistent(other, there[-1])
    assert state_of(runtime) is PaymentState.Returned
    assert runtime.balances.free(PAYFI) == 0

    # ... and here, where the same transaction is a late dispute, out of the bond.
    dispute(chain)
    late = chain.seal(finalize=False)
    assert state_of(consistent(chain, late)) is PaymentState.Disputed
    here = [settled, late, *wait(chain, late, 73)]
    runtime = consistent(chain, here[-1])
    assert state_of(runtime) is PaymentState.Settled
    assert runtime.payfi.payments.get(u64(0)).refunded == PAID
    assert runtime.payfi.merchants.get(SHOP).bond == 100 * BTT

    # Nodes that see both sides, in either order, agree with both.
    for maker, blocks, node in ((other, there, chain), (chain, here, other)):
        for hash in blocks:
            node.client.import_block(*maker.block(hash))
        assert node.storage(blocks[-1]) == maker.storage(blocks[-1])


def test_a_panel_is_selected_by_the_randomness_of_later_blocks() -> None:
    judges = [CHARLIE, DAVE, KeyPair.from_uri("//Eve")]

    def with_arbiters(runtime: BttRuntime) -> None:
        prepare(runtime)
        for judge in judges:
            runtime.identity.identity_of[account(judge)] = JUDGED
            runtime.payfi.bond_arbiter(signed(account(judge)), BOND)
        runtime.payfi.set_arbiters(ROOT, [account(judge) for judge in judges])

    extra = {judges[-1].account_id: START}
    chain = DevChain(economy={}, prepare=with_arbiters, params=PARAMS, extra=extra, shared=True)
    pay(chain)
    dispute(chain)
    chain.seal()
    chain.run(ALICE, chain.call("PayFi", "answer", payment=u64(0), answer=Contest(HASH)))
    found = [event for _ in range(8) for event in chain.events(chain.seal())]
    (selected,) = [
        each.event.event for each in found if type(each.event.event) is payfi_events.PanelSelected
    ]
    assert sorted(selected.arbiters) == sorted(account(judge) for judge in judges)
    for judge in judges[:2]:
        before = chain.at().balances.total(account(judge))
        chain.run(judge, chain.call("PayFi", "resolve", payment=u64(0), to_payer=PAID))
        assert chain.at().balances.total(account(judge)) == before  # there is no fee
    runtime = consistent(chain, chain.client.best().hash)
    dispute_ = runtime.payfi.disputes.disputes.get(u64(0))
    assert dispute_ is not None
    assert dispute_.outcome == Outcome(Resolution.Panel, PAID, u128(0))
    assert runtime.balances.free(PAYFI) == 0


def test_silence_ends_a_dispute_in_a_block_without_transactions(chain: DevChain) -> None:
    pay(chain)
    dispute(chain)
    found = wait(chain, chain.seal(), 73)
    resolved = [
        record.event.event
        for hash in found
        for record in chain.events(hash)
        if isinstance(record.event.event, payfi_events.Resolved)
    ]
    ended = payfi_events.Resolved(
        u64(0), PAYER, SHOP, False, Resolution.NoAnswer, PAID, u128(0), u128(0)
    )
    assert resolved == [ended]
    consistent(chain, chain.client.best().hash)


def voucher(chain: DevChain, number: int) -> Voucher:
    return Voucher(
        CONTEXT, H256(chain.client.genesis_hash), card_id(KEY), SHOP, b"BTT", u128(10 * BTT),
        number.to_bytes(16, "big"), u64(number), u64(int(chain.now * 1_000) + HOUR_MS),
    )  # fmt: skip


def charge(chain: DevChain, asked: Voucher, signature: bytes) -> list[object]:
    call = chain.call("PayFi", "charge_card", voucher=asked, signature=signature, capture=True)
    return chain.run(ALICE, call)


def test_a_merchant_charges_a_card_in_a_transaction(chain: DevChain) -> None:
    asked = voucher(chain, 1)
    events = charge(chain, asked, p256.sign(SECRET, VOUCHER.encode(asked)))
    assert payfi_events.Charged(card_id(KEY), u64(1), u64(0), PAYER, SHOP) in events
    consistent(chain, chain.client.best().hash)


def test_a_wrong_signature_costs_the_sender_the_fee(chain: DevChain) -> None:
    before = chain.at().balances.free(SHOP)
    events = charge(chain, voucher(chain, 1), bytes(64))
    assert isinstance(events[-1], System.ExtrinsicFailed)
    assert chain.at().balances.free(SHOP) < before
    assert chain.at().balances.total(PAYER) == START
    card = chain.at().payfi.cards.get(card_id(KEY))
    assert (card.high, card.spent.amount) == (0, 0)
