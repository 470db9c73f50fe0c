"""Dry runs of calls and transactions: their effects as in the next block, and nothing stays."""

from __future__ import annotations

import pytest

from btt_chain.client.extrinsics import without_signature
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.extrinsic import bare, opaque
from btt_chain.primitives.validity import TransactionValidityError
from btt_chain.scale import Err, Ok, Result, decode, encode, u16, u32, u64, u128
from runtime.apis.dry_run import CallDryRunEffects, DryRunError, TransactionEffects
from runtime.frame import Call, Weight
from runtime.frame.api import ApiError
from runtime.frame.error import WireBadOrigin, WireExhausted, WireModule, WireToken
from runtime.frame.weight import Pays
from runtime.pallets.balances import events as balances_events
from runtime.pallets.origins import (
    Decision,
    DecisionOrigin,
    OriginCaller,
    RawNone,
    RawRoot,
    RawSigned,
    SystemOrigin,
)
from runtime.pallets.system.pallet import System
from runtime.pallets.transaction_payment.pallet import TransactionPayment
from support.chain import ALICE, BOB, START, DevChain, account, address

TransactionResult = Result[TransactionEffects, TransactionValidityError]
CallResult = Result[CallDryRunEffects, DryRunError]


@pytest.fixture
def chain() -> DevChain:
    made = DevChain(shared=True)
    made.seal()
    return made


def pay(chain: DevChain, amount: int) -> Call:
    return chain.call("Balances", "transfer_keep_alive", dest=address(BOB), value=u128(amount))


def tried(chain: DevChain, wire: bytes) -> Ok[TransactionEffects] | Err[TransactionValidityError]:
    best = chain.client.best().hash
    raw = chain.client.call(best, "DryRunApi_dry_run_transaction", wire)
    chain.runtime.bind()
    return decode(TransactionResult, raw)


def effects(chain: DevChain, wire: bytes) -> TransactionEffects:
    found = tried(chain, wire)
    assert isinstance(found, Ok)
    return found.value


def of_call(
    chain: DevChain, origin: SystemOrigin | DecisionOrigin, call: Call
) -> CallDryRunEffects:
    data = encode(OriginCaller, origin) + call.raw + encode(u32, u32(5))
    best = chain.client.best().hash
    raw = chain.client.call(best, "DryRunApi_dry_run_call", data)
    chain.runtime.bind()
    found = decode(CallResult, raw)
    assert isinstance(found, Ok)
    return found.value


def test_the_effects_of_a_transaction_are_those_of_its_block(chain: DevChain) -> None:
    wire = chain.sign(ALICE, pay(chain, 1_000))
    foretold = effects(chain, wire)
    assert foretold.execution_result == Ok(())
    happened = chain.run(ALICE, pay(chain, 1_000))
    assert [each.event for each in foretold.emitted_events] == happened
    assert any(isinstance(each, TransactionPayment.TransactionFeePaid) for each in happened)


def test_no_signature_is_needed_and_nothing_stays(chain: DevChain) -> None:
    before = chain.storage()
    wire = chain.sign(ALICE, pay(chain, 1_000))
    assert effects(chain, without_signature(wire)) == effects(chain, wire)
    assert chain.storage() == before


def test_a_call_that_fails_pays_its_fee_in_the_dry_run_too(chain: DevChain) -> None:
    found = effects(chain, chain.sign(ALICE, pay(chain, 2 * START)))
    assert isinstance(found.execution_result, Err)
    assert isinstance(found.execution_result.error, WireToken)
    events = [each.event for each in found.emitted_events]
    assert isinstance(events[-1], System.ExtrinsicFailed)
    assert any(isinstance(each, TransactionPayment.TransactionFeePaid) for each in events)


def test_all_of_the_money_is_too_much_because_of_the_fee(chain: DevChain) -> None:
    free = int(chain.account(ALICE).data.free)
    call = chain.call("Balances", "transfer_allow_death", dest=address(BOB), value=u128(free))
    assert isinstance(effects(chain, chain.sign(ALICE, call)).execution_result, Err)
    alone = of_call(chain, SystemOrigin(RawSigned(account(ALICE))), call)
    assert isinstance(alone.execution_result, Ok)


def test_a_later_nonce_is_taken_as_the_next_one_and_a_used_one_is_refused(chain: DevChain) -> None:
    chain.run(ALICE, pay(chain, 1))
    assert effects(chain, chain.sign(ALICE, pay(chain, 1), nonce=7)).execution_result == Ok(())
    assert isinstance(tried(chain, chain.sign(ALICE, pay(chain, 1), nonce=0)), Err)


def test_a_sender_without_money_is_refused(chain: DevChain) -> None:
    poor = KeyPair.from_seed(bytes(31) + b"\7")
    assert isinstance(tried(chain, chain.sign(poor, pay(chain, 1))), Err)


@pytest.mark.parametrize(
    "wire", [opaque(b""), opaque(b"\x84"), opaque(b"\xff" * 40), opaque(b"\x84" + bytes(120))]
)
def test_bytes_that_are_no_transaction_are_refused(chain: DevChain, wire: bytes) -> None:
    assert isinstance(tried(chain, wire), Err)


def test_inherents_cannot_be_tried(chain: DevChain) -> None:
    call = chain.call("Timestamp", "set", now=u64(1))
    assert isinstance(tried(chain, opaque(bare(call.raw))), Err)


def test_arguments_that_are_too_long_are_refused(chain: DevChain) -> None:
    with pytest.raises(ApiError, match="are the most"):
        chain.client.call(
            chain.client.best().hash, "DryRunApi_dry_run_transaction", bytes(1_200_000)
        )


def test_a_call_by_an_account_has_its_result_and_its_events(chain: DevChain) -> None:
    before = chain.storage()
    found = of_call(chain, SystemOrigin(RawSigned(account(ALICE))), pay(chain, 1_000))
    assert isinstance(found.execution_result, Ok)
    assert found.execution_result.value.pays_fee is Pays.Yes
    assert found.execution_result.value.actual_weight is not None
    (event,) = (each.event for each in found.emitted_events)
    assert event == balances_events.Transfer(account(ALICE), account(BOB), u128(1_000))
    assert (found.local_xcm, found.forwarded_xcms) == (None, [])
    assert chain.storage() == before


def test_a_call_by_root_and_by_a_decision_has_their_rights(chain: DevChain) -> None:
    force = chain.call("Balances", "force_set_balance", who=address(BOB), new_free=u128(10**20))
    root = of_call(chain, SystemOrigin(RawRoot()), force)
    assert isinstance(root.execution_result, Ok)
    for origin in (
        DecisionOrigin(Decision.SmallSpender),
        SystemOrigin(RawSigned(account(ALICE))),
        SystemOrigin(RawNone()),
    ):
        found = of_call(chain, origin, force)
        assert isinstance(found.execution_result, Err)
        assert isinstance(found.execution_result.error.error, WireBadOrigin)
        assert found.emitted_events == []


def test_a_spending_beyond_the_limit_of_a_track_fails(chain: DevChain) -> None:
    call = chain.call(
        "Treasury", "spend_local", amount=u128(40_000 * 10**18), beneficiary=address(BOB)
    )
    small = of_call(chain, DecisionOrigin(Decision.SmallSpender), call).execution_result
    assert isinstance(small, Err)
    assert isinstance(small.error.error, WireModule)
    large = of_call(chain, DecisionOrigin(Decision.Treasurer), call).execution_result
    assert isinstance(large, Ok)


def test_a_call_that_no_block_has_room_for_is_not_run(chain: DevChain) -> None:
    def approval(picoseconds: int) -> Call:
        return chain.call(
            "Multisig", "approve_as_multi", threshold=u16(2),
            other_signatories=[account(BOB)], maybe_timepoint=None, call_hash=bytes(32),
            max_weight=Weight(u64(picoseconds)),
        )  # fmt: skip

    alice = SystemOrigin(RawSigned(account(ALICE)))
    assert isinstance(of_call(chain, alice, approval(1)).execution_result, Ok)
    heavy = of_call(chain, alice, approval(10**15)).execution_result
    assert isinstance(heavy, Err)
    assert isinstance(heavy.error.error, WireExhausted)
