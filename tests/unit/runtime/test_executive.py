"""The executive: what a block may hold, and what a transaction must bring."""

from __future__ import annotations

from dataclasses import replace

import pytest

from btt_chain.chain.runtimes import RuntimeRegistry, UnsupportedRuntime, extrinsics_root
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.primitives import validity
from btt_chain.primitives.digest import BABE, H256, Digest, Other, PreRuntime
from btt_chain.primitives.era import Mortal
from btt_chain.primitives.extrinsic import bare, opaque, unwrap
from btt_chain.primitives.header import Header
from btt_chain.primitives.validity import Invalid, TransactionSource, Unknown
from btt_chain.scale import codec, u32, u64, u128
from btt_chain.txpool import PoolError, TransactionInvalid, ValidityUnknown
from runtime.block_weights import EXTRINSIC_BYTE
from runtime.constants import BTT
from runtime.frame import Call, InvalidBlock, RuntimeVersion, Weight
from runtime.frame.error import TokenErrorKind, WireToken
from runtime.frame.version import CODE_KEY
from runtime.pallets.balances import events as balances_events
from runtime.pallets.system.pallet import System
from runtime.pallets.transaction_payment.pallet import TransactionPayment
from support.chain import ALICE, BOB, CHARLIE, START, DevChain, address


@pytest.fixture
def chain() -> DevChain:
    return DevChain(shared=True)


def pay(chain: DevChain, to: KeyPair, amount: int) -> Call:
    return chain.call("Balances", "transfer_keep_alive", dest=address(to), value=u128(amount))


def fee_paid(events: list[object]) -> TransactionPayment.TransactionFeePaid:
    kind = TransactionPayment.TransactionFeePaid
    return next(event for event in events if isinstance(event, kind))


def test_a_transfer_costs_its_sender_the_fee_and_pays_author_and_fund(chain: DevChain) -> None:
    before = chain.total()
    events = chain.run(BOB, pay(chain, CHARLIE, int(BTT)))
    fee, length = int(fee_paid(events).actual_fee), length_fee(chain)
    assert int(chain.account(BOB).data.free) == START - int(BTT) - fee
    assert int(chain.account(CHARLIE).data.free) == START + int(BTT)
    assert int(chain.account(ALICE).data.free) == START + (fee - length) // 2
    fund = chain.at().system.account[chain.runtime.fees.development_fund]
    assert int(fund.data.free) == fee - (fee - length) // 2
    assert chain.total() == before


def test_a_tip_goes_to_the_author_whole(chain: DevChain) -> None:
    events = chain.run(BOB, pay(chain, CHARLIE, int(BTT)), tip=10**15)
    paid = fee_paid(events)
    fee = int(paid.actual_fee) - 10**15 - length_fee(chain)
    assert paid.tip == 10**15
    assert int(chain.account(ALICE).data.free) == START + fee // 2 + 10**15


def length_fee(chain: DevChain) -> int:
    """The part of the fee of the last block's transaction that its bytes cost."""
    _, body = chain.block(chain.client.best().hash)
    return len(opaque(body[1])) * 10**12


def test_the_last_event_of_a_transaction_is_its_outcome(chain: DevChain) -> None:
    chain.run(BOB, pay(chain, CHARLIE, int(BTT)))  # the fund has its first money now
    events = chain.run(BOB, pay(chain, CHARLIE, int(BTT)))
    assert [type(event) for event in events] == [
        balances_events.Withdraw,
        balances_events.Transfer,
        balances_events.Deposit,
        balances_events.Deposit,
        TransactionPayment.TransactionFeePaid,
        System.ExtrinsicSuccess,
    ]


def test_a_failed_call_costs_its_fee_and_nonce_and_nothing_else(chain: DevChain) -> None:
    events = chain.run(BOB, pay(chain, CHARLIE, START * 2))
    failed, paid = events[-1], events[-2]
    assert isinstance(failed, System.ExtrinsicFailed)
    assert failed.dispatch_error == WireToken(TokenErrorKind.FundsUnavailable)
    assert isinstance(paid, TransactionPayment.TransactionFeePaid)
    assert int(chain.account(BOB).nonce) == 1
    assert int(chain.account(BOB).data.free) == START - int(paid.actual_fee)
    assert int(chain.account(CHARLIE).data.free) == START


@pytest.mark.parametrize("scheme", list(Scheme))
def test_every_signature_scheme_can_send(scheme: Scheme) -> None:
    pair = KeyPair.from_uri("//Unknown", scheme)
    chain = DevChain(extra={pair.account_id: START}, shared=True)
    events = chain.run(pair, pay(chain, CHARLIE, int(BTT)))
    assert isinstance(events[-1], System.ExtrinsicSuccess)


def refusal(chain: DevChain, wire: bytes) -> object:
    with pytest.raises(TransactionInvalid) as refused:
        chain.pool.submit(wire)
    return type(refused.value.reason)


def test_a_signature_for_another_chain_is_bad(chain: DevChain) -> None:
    wire = chain.sign(BOB, pay(chain, CHARLIE, 1), genesis=bytes(range(32)))
    assert refusal(chain, wire) is validity.BadProof


def test_a_signature_for_another_version_is_bad(chain: DevChain) -> None:
    wire = chain.sign(BOB, pay(chain, CHARLIE, 1), spec_version=101)
    assert refusal(chain, wire) is validity.BadProof


def test_every_flipped_byte_of_a_signed_transaction_is_refused(chain: DevChain) -> None:
    wire = unwrap(chain.sign(BOB, pay(chain, CHARLIE, int(BTT))))
    for place in range(len(wire)):
        broken = bytearray(wire)
        broken[place] ^= 0x01
        with pytest.raises(PoolError):
            chain.pool.submit(opaque(bytes(broken)))


def test_a_used_nonce_is_stale_and_a_later_one_waits(chain: DevChain) -> None:
    chain.run(BOB, pay(chain, CHARLIE, int(BTT)))
    assert refusal(chain, chain.sign(BOB, pay(chain, CHARLIE, 1), nonce=0)) is validity.Stale
    chain.send(BOB, pay(chain, CHARLIE, 1), nonce=3)
    assert chain.pool.pool.status().future == 1


def test_who_cannot_pay_is_refused(chain: DevChain) -> None:
    poor = KeyPair.from_uri("//Poor")
    assert refusal(chain, chain.sign(poor, pay(chain, CHARLIE, 1))) is validity.Payment
    wire = chain.sign(BOB, pay(chain, CHARLIE, 1), tip=START)
    assert refusal(chain, wire) is validity.Payment


def test_a_mortal_transaction_dies(chain: DevChain) -> None:
    birth = chain.seal()
    wire = chain.sign(BOB, pay(chain, CHARLIE, int(BTT)), era=Mortal.at(1, 4), birth=birth)
    for _ in range(4):
        chain.seal()
    assert refusal(chain, wire) is validity.BadProof  # another block bears that era by now


def test_an_era_that_was_born_before_memory_is_refused(chain: DevChain) -> None:
    for _ in range(3):
        chain.seal()
    era = Mortal.at(4, 4)  # its first block is not there yet
    wire = chain.sign(BOB, pay(chain, CHARLIE, int(BTT)), era=era, birth=bytes(32))
    assert refusal(chain, wire) is validity.AncientBirthBlock


def test_a_mortal_transaction_lives_until_then(chain: DevChain) -> None:
    birth = chain.seal()
    wire = chain.sign(BOB, pay(chain, CHARLIE, int(BTT)), era=Mortal.at(1, 8), birth=birth)
    chain.pool.submit(wire)
    block = chain.seal()
    assert len(chain.client.body(block) or []) == 2


def test_the_zero_account_may_not_send(chain: DevChain) -> None:
    wire = bytearray(unwrap(chain.sign(BOB, pay(chain, CHARLIE, 1))))
    wire[2:34] = bytes(32)
    with pytest.raises(PoolError):
        chain.pool.submit(opaque(bytes(wire)))


def test_only_the_author_submits_an_inherent(chain: DevChain) -> None:
    inherent = opaque(bare(chain.call("Timestamp", "set", now=u64(1)).raw))
    assert refusal(chain, inherent) is validity.MandatoryValidation


def test_an_unsigned_call_has_no_judge(chain: DevChain) -> None:
    executive = chain.client.runtime_at(chain.client.best().hash).pool
    overlay = chain.client.overlay(chain.client.best().hash)
    executive.open_pool_view(overlay, chain.client.header_of(chain.client.best().hash).hash())
    with pytest.raises(Unknown):
        executive.validate_transaction(
            TransactionSource.External, bare(chain.call("System", "remark", remark=b"").raw)
        )


def test_an_oversized_transaction_exhausts_the_block(chain: DevChain) -> None:
    call = chain.call("System", "remark", remark=bytes(4 << 20))
    assert refusal(chain, chain.sign(BOB, call)) is validity.ExhaustsResources


def test_a_peer_comes_to_the_same_state(chain: DevChain) -> None:
    other = chain.another()
    chain.send(BOB, pay(chain, CHARLIE, int(BTT)))
    for _ in range(3):
        other.import_block(*chain.block(chain.seal()))
    assert other.best() == chain.client.best()
    assert other.finalized().number == 0


@pytest.mark.parametrize("field", ["state_root", "extrinsics_root"])
def test_a_wrong_root_rejects_the_block(chain: DevChain, field: str) -> None:
    other = chain.another()
    header, body = chain.block(chain.seal())
    wrong = H256(bytes(range(32)))
    changed = (
        replace(header, state_root=wrong)
        if field == "state_root"
        else replace(header, extrinsics_root=wrong)
    )
    with pytest.raises(InvalidBlock, match=field.replace("_", " ")):
        other.import_block(changed, body)
    assert other.best().number == 0


def with_body(header: Header, body: list[bytes]) -> tuple[Header, list[bytes]]:
    return replace(header, extrinsics_root=H256(extrinsics_root(body))), body


def test_a_block_without_the_time_is_rejected(chain: DevChain) -> None:
    other = chain.another()
    header, _ = chain.block(chain.seal())
    with pytest.raises(InvalidBlock, match="does not set the time"):
        other.import_block(*with_body(header, []))


def test_a_block_that_sets_the_time_twice_is_rejected(chain: DevChain) -> None:
    other = chain.another()
    header, body = chain.block(chain.seal())
    with pytest.raises(InvalidBlock, match="twice"):
        other.import_block(*with_body(header, body * 2))


def test_a_block_with_a_transaction_that_cannot_be_in_it_is_rejected(chain: DevChain) -> None:
    other = chain.another()
    header, body = chain.block(chain.seal())
    body.append(unwrap(chain.sign(BOB, pay(chain, CHARLIE, 1), nonce=7)))
    with pytest.raises(InvalidBlock, match=r"extrinsic 1 of block 1: Transaction will be valid"):
        other.import_block(*with_body(header, body))


def test_a_block_with_bytes_that_are_no_extrinsic_is_rejected(chain: DevChain) -> None:
    other = chain.another()
    header, body = chain.block(chain.seal())
    with pytest.raises(InvalidBlock, match="extrinsic 1 of block 1: malformed"):
        other.import_block(*with_body(header, [*body, b"\x84"]))


def test_a_block_whose_header_claims_another_digest_is_rejected(chain: DevChain) -> None:
    other = chain.another()
    header, body = chain.block(chain.seal())
    other_log = Digest([*header.digest.logs, Other(b"extra")])
    with pytest.raises(InvalidBlock):
        other.import_block(replace(header, digest=other_log), body)


@pytest.mark.parametrize("payload", [b"", b"\x02", b"\xff" * 16])
def test_a_block_whose_claim_cannot_be_read_is_rejected(chain: DevChain, payload: bytes) -> None:
    other = chain.another()
    header, body = chain.block(chain.seal())
    claim = Digest([PreRuntime(BABE, payload)])
    with pytest.raises(InvalidBlock):
        other.import_block(replace(header, digest=claim), body)


def test_an_inherent_after_a_transaction_is_rejected(chain: DevChain) -> None:
    executive = chain.client.runtime_at(chain.client.best().hash).blocks
    chain.send(BOB, pay(chain, CHARLIE, 1))
    header, body = chain.block(chain.seal())
    executive.initialize_block(chain.client.overlay(header.parent_hash), header)
    executive.apply_extrinsic(body[1])
    with pytest.raises(Invalid):
        executive.apply_extrinsic(body[0])


def test_a_refused_extrinsic_leaves_nothing_behind(chain: DevChain) -> None:
    executive = chain.client.runtime_at(chain.client.best().hash).blocks
    header, body = chain.block(chain.seal())
    overlay = chain.client.overlay(header.parent_hash)
    executive.initialize_block(overlay, header)
    executive.apply_extrinsic(body[0])
    host = executive.runtime.host
    before = (dict(overlay.changes()), list(host.weights), host.length, len(host.events))
    with pytest.raises(Invalid):
        executive.apply_extrinsic(unwrap(chain.sign(BOB, pay(chain, CHARLIE, 1), nonce=9)))
    after = (dict(overlay.changes()), list(host.weights), host.length, len(host.events))
    assert after == before


def test_judging_a_transaction_leaves_nothing_behind(chain: DevChain) -> None:
    best = chain.client.best().hash
    overlay = chain.client.overlay(best)
    executive = chain.client.runtime_at(best).pool
    executive.open_pool_view(overlay, H256(best))
    host = executive.runtime.host
    before = (dict(overlay.changes()), list(host.weights), host.length, list(host.events))
    executive.validate_transaction(
        TransactionSource.External, unwrap(chain.sign(BOB, pay(chain, CHARLIE, 1)))
    )
    after = (dict(overlay.changes()), list(host.weights), host.length, list(host.events))
    assert after == before


def test_a_tip_beyond_all_money_is_refused_and_does_not_break_the_pool(chain: DevChain) -> None:
    wire = chain.sign(BOB, pay(chain, CHARLIE, 1), tip=u128.MAX)
    assert refusal(chain, wire) is validity.Payment


def test_a_call_around_an_inherent_may_not_slip_past_the_limits_of_a_block(chain: DevChain) -> None:
    inherent = chain.call("Timestamp", "set", now=u64(1))
    around = chain.call("Sudo", "sudo", call=inherent)
    wire = chain.sign(ALICE, around)
    assert refusal(chain, wire) is validity.MandatoryValidation
    header, body = chain.block(chain.seal())
    executive = chain.client.runtime_at(header.parent_hash).blocks
    executive.initialize_block(chain.client.overlay(header.parent_hash), header)
    executive.apply_extrinsic(body[0])
    with pytest.raises(Invalid) as refused:
        executive.apply_extrinsic(unwrap(wire))
    assert isinstance(refused.value.reason, validity.MandatoryValidation)


def test_an_address_that_is_no_account_leads_nowhere(chain: DevChain) -> None:
    call = pay(chain, CHARLIE, 1)
    whole = unwrap(chain.sign(BOB, call))
    by_index = opaque(b"\x84\x01" + whole[34:])  # an index of this chain has no bytes
    with pytest.raises(ValidityUnknown):
        chain.pool.submit(by_index)


def test_a_general_transaction_has_no_origin(chain: DevChain) -> None:
    whole = unwrap(chain.sign(BOB, pay(chain, CHARLIE, 1)))
    general = opaque(b"\x45\x00" + whole[99:])
    assert refusal(chain, general) is validity.UnknownOrigin


def test_each_extrinsic_is_counted_against_the_block_and_refunds_are_given_back(
    chain: DevChain,
) -> None:
    call = pay(chain, CHARLIE, int(BTT))
    length = len(chain.sign(BOB, call))
    chain.send(BOB, call)
    runtime = chain.at(chain.seal())
    used = runtime.system.block_weight.value
    base = int(runtime.system.block_weights.per_class.normal.base_extrinsic.ref_time)
    info = runtime.info(pay(chain, CHARLIE, 1))
    assert used.normal.ref_time == base + info.weight + length * EXTRINSIC_BYTE
    assert used.operational.ref_time == 0


def test_a_full_block_leaves_the_rest_for_the_next(chain: DevChain) -> None:
    size = 1_500_000
    for nonce in range(4):
        chain.send(BOB, chain.call("System", "remark", remark=bytes(size)), nonce=nonce)
    first, second = chain.seal(), chain.seal()
    bodies = [chain.client.body(hash) or [] for hash in (first, second)]
    assert [len(body) - 1 for body in bodies] == [2, 2]


def test_a_version_that_the_node_lacks_is_unsupported() -> None:
    chain = DevChain()
    raw = chain.state[CODE_KEY]
    version = codec(RuntimeVersion).decode_all(raw)
    newer = codec(RuntimeVersion).encode(replace(version, spec_version=u32(101)))
    runtimes = RuntimeRegistry()
    with pytest.raises(UnsupportedRuntime, match=r"btt 101, this node\s+carries 100"):
        runtimes.of({**chain.state, CODE_KEY: newer}.get)


def test_money_is_conserved_over_blocks(chain: DevChain) -> None:
    before = chain.total()
    for amount in (1, int(BTT), START * 3):
        chain.send(BOB, pay(chain, CHARLIE, amount))
        chain.send(CHARLIE, pay(chain, ALICE, amount))
        chain.seal()
    assert chain.total() == before == int(chain.at().balances.total_issuance.value)


def test_the_heaviest_transaction_that_the_pool_takes_fits_into_an_empty_block(
    chain: DevChain,
) -> None:
    remark = chain.call("System", "remark", remark=b"")
    limit = chain.runtime.system.block_weights.per_class.normal.max_extrinsic
    assert limit is not None
    bare_weight = chain.runtime.info(
        chain.call("Utility", "with_weight", call=remark, weight=Weight())
    ).weight
    most = int(limit.ref_time) - bare_weight

    def weighing(picos: int) -> Call:
        return chain.call("Utility", "with_weight", call=remark, weight=Weight(u64(picos)))

    length = len(chain.sign(BOB, weighing(most)))
    heavy = weighing(most - length * EXTRINSIC_BYTE)
    assert len(chain.sign(BOB, heavy)) == length
    with pytest.raises(TransactionInvalid, match="exhaust"):
        chain.send(BOB, weighing(most - length * EXTRINSIC_BYTE + 1))
    chain.send(BOB, heavy)
    assert len(chain.client.body(chain.seal()) or []) == 2


def test_who_may_not_send_is_refused_before_the_call_is_looked_at(chain: DevChain) -> None:
    poor = KeyPair.from_uri("//Poor")
    nonsense = Call(99, 99, (), b"\x63\x63" + bytes(1_000))
    assert refusal(chain, chain.sign(poor, nonsense, nonce=0)) is validity.Payment
    chain.run(BOB, pay(chain, CHARLIE, 1))
    assert refusal(chain, chain.sign(BOB, nonsense, nonce=0)) is validity.Stale


def test_a_body_that_no_block_can_have_is_refused_before_its_root_is_worked_out(
    chain: DevChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = chain.another()
    header = chain.client.header_of(chain.seal())
    executive = other.runtime_at(other.best().hash).blocks

    def never(_: object) -> bytes:
        raise AssertionError("the root was worked out")

    monkeypatch.setattr(executive, "ordered_root", never)
    with pytest.raises(InvalidBlock, match=r"extrinsics, \d+ are the most"):
        other.import_block(header, [b""] * 100_000)
    with pytest.raises(InvalidBlock, match="a body of"):
        other.import_block(header, [bytes(6 << 20)])
