"""Runtime APIs: every method by name, with good arguments and with bad ones."""

from __future__ import annotations

import json
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import TypeForm

from btt_chain.primitives.babe import Slot
from btt_chain.primitives.babe_digests import AllowedSlots
from btt_chain.primitives.babe_equivocation import EquivocationProof
from btt_chain.primitives.digest import H256
from btt_chain.primitives.extrinsic import bare, opaque, unwrap
from btt_chain.primitives.grandpa import AuthorityList
from btt_chain.primitives.header import Header
from btt_chain.primitives.validity import TransactionSource, ValidTransaction
from btt_chain.scale import Ok, Result, compact_encode, decode, encode, u32, u64, u128
from genesis.catalogue import make
from genesis.presets import CHAINS
from genesis.spec import Plain
from runtime import VERSION, BttRuntime
from runtime.apis.core import (
    ApplyResult,
    BabeConfiguration,
    Block,
    OpaqueKeyOwnershipProof,
    OpaqueMetadata,
    OpaqueValue,
    UncheckedExtrinsic,
    WireEpoch,
    call_api,
    is_unsafe,
)
from runtime.apis.execution import ExecutionContext
from runtime.block_weights import BASE_EXTRINSIC
from runtime.frame import Call, DispatchClass, RuntimeVersion, Weight
from runtime.frame.api import ApiError, NoSuchMethod
from runtime.frame.version import CODE_KEY
from runtime.inherents import MAX_DRIFT_MS, CheckInherentsResult, InherentData
from runtime.pallets.evidence import KeyTypeId, MembershipProof
from runtime.pallets.transaction_payment.pallet import (
    FeeDetails,
    RuntimeDispatchInfo,
    TransactionPayment,
)
from support.babe_chain import EPOCH, BabeChain, validators
from support.babe_chain import START as FIRST
from support.chain import BOB, CHARLIE, START, DevChain, account, address

T = TypeVar("T")


@pytest.fixture
def chain() -> DevChain:
    return DevChain(shared=True)


def ask(
    chain: DevChain, name: str, kind: TypeForm[T], data: bytes = b"", at: bytes | None = None
) -> T:
    raw = chain.client.call(at or chain.client.best().hash, name, data)
    return decode(kind, raw)


def pay(chain: DevChain, amount: int) -> Call:
    return chain.call("Balances", "transfer_keep_alive", dest=address(CHARLIE), value=u128(amount))


# ---- what every method owes


def test_methods_that_build_blocks_and_states_are_for_trusted_callers_only() -> None:
    names = [f"{api.__name__}_{method}" for api in BttRuntime.apis() for method in api.METHODS]
    assert [name for name in names if is_unsafe(SHARED.runtime, name)] == [
        "Core_execute_block",
        "Core_initialize_block",
        "BlockBuilder_apply_extrinsic",
        "BlockBuilder_finalize_block",
        "BlockBuilder_inherent_extrinsics",
        "BlockBuilder_check_inherents",
        "GenesisBuilder_build_state",
        "GenesisBuilder_get_preset",
        "GenesisBuilder_preset_names",
        "SessionKeys_generate_session_keys",
    ]
    assert not is_unsafe(SHARED.runtime, "Core_nothing")


def test_methods_take_no_more_bytes_than_their_arguments_can_need(chain: DevChain) -> None:
    best = chain.client.best().hash
    for name, size in (
        ("Metadata_metadata", 1 << 16),
        ("SessionKeys_decode_session_keys", 1 << 16),
        ("TransactionPaymentApi_query_info", (1 << 20) + (1 << 16)),
        ("TaggedTransactionQueue_validate_transaction", (1 << 20) + (1 << 16)),
        ("GenesisBuilder_build_state", (5 << 20) + (1 << 16)),
    ):
        with pytest.raises(ApiError, match=f"{size + 1} bytes of arguments, {size} are the most"):
            chain.client.call(best, name, bytes(size + 1))


@pytest.mark.parametrize("name", ["Core_versions", "", "core_version", "System_x", "Core"])
def test_an_unknown_method_is_reported_in_the_words_that_clients_test_for(
    chain: DevChain, name: str
) -> None:
    with pytest.raises(NoSuchMethod, match=f"^Exported method {name} is not found$"):
        chain.client.call(chain.client.best().hash, name, b"")


METHODS = [f"{api.__name__}_{name}" for api in BttRuntime.apis() for name in api.METHODS]


@pytest.mark.parametrize("name", METHODS)
def test_bytes_behind_the_arguments_are_refused(chain: DevChain, name: str) -> None:
    with pytest.raises(ApiError, match=f"^{name}: "):
        chain.client.call(chain.client.best().hash, name, b"\xff" * 3)


@pytest.mark.fuzz
@given(name=st.sampled_from(METHODS), data=st.binary(max_size=120))
def test_whatever_is_asked_the_answer_is_bytes_or_a_plain_refusal(name: str, data: bytes) -> None:
    best = SHARED.client.best().hash
    try:
        answer = SHARED.client.call(best, name, data)
    except ApiError as error:
        assert str(error).startswith(name)  # noqa: PT017 (either outcome is fine)
    else:
        assert isinstance(answer, bytes)


SHARED = DevChain()


def test_nothing_that_a_method_does_stays(chain: DevChain) -> None:
    chain.seal()
    before, best = chain.storage(), chain.client.best()
    header, body = chain.block(best.hash)
    raw = encode(Block, Block(header, [UncheckedExtrinsic(one) for one in body]))
    parent = bytes(header.parent_hash)
    chain.client.call(parent, "Core_execute_block", raw)
    chain.client.call(best.hash, "GenesisBuilder_build_state", encode(bytes, b"{}"))
    chain.client.call(parent, "Core_initialize_block", header.encode())
    wire = chain.sign(BOB, pay(chain, 1))
    assert chain.client.call(best.hash, "BlockBuilder_apply_extrinsic", wire) == b"\0\0"
    assert (chain.storage(), chain.client.best()) == (before, best)


# ---- Core


def test_the_version_is_the_one_in_the_state(chain: DevChain) -> None:
    assert ask(chain, "Core_version", RuntimeVersion) == VERSION
    best = chain.client.best().hash
    assert chain.client.call(best, "Core_version", b"") == chain.client.state(best).get(CODE_KEY)


def test_a_block_is_carried_out_on_the_state_of_its_parent(chain: DevChain) -> None:
    chain.send(BOB, pay(chain, 5))
    header, body = chain.block(chain.seal())
    raw = encode(Block, Block(header, [UncheckedExtrinsic(one) for one in body]))
    assert chain.client.call(header.parent_hash, "Core_execute_block", raw) == b""
    with pytest.raises(ApiError, match="slot"):
        chain.client.call(chain.client.best().hash, "Core_execute_block", raw)


def test_a_block_without_a_number_before_it_is_refused(chain: DevChain) -> None:
    header = chain.client.header_of(chain.client.genesis_hash)
    with pytest.raises(ApiError):
        chain.client.call(chain.client.best().hash, "Core_initialize_block", header.encode())


# ---- Metadata


def test_metadata_is_served_in_every_version_that_is_listed(chain: DevChain) -> None:
    versions = ask(chain, "Metadata_metadata_versions", list[u32])
    assert versions == [14, 15, 16]
    for version in versions:
        answer = ask(
            chain, "Metadata_metadata_at_version", OpaqueMetadata | None, encode(u32, version)
        )
        assert answer is not None
        assert answer.data[:5] == b"meta" + bytes((version,))
    old = ask(chain, "Metadata_metadata", OpaqueMetadata)
    assert old.data[4] == 14


@pytest.mark.parametrize("version", [0, 13, 17, 2**32 - 1])
def test_a_version_of_metadata_that_is_not_there_is_none(chain: DevChain, version: int) -> None:
    best, raw = chain.client.best().hash, encode(u32, u32(version))
    assert chain.client.call(best, "Metadata_metadata_at_version", raw) == b"\0"


# ---- accounts and transactions


def test_the_nonce_is_the_one_of_the_block(chain: DevChain) -> None:
    genesis = chain.client.genesis_hash
    chain.run(BOB, pay(chain, 1))
    who = bytes(account(BOB))
    assert ask(chain, "AccountNonceApi_account_nonce", u32, who) == 1
    assert ask(chain, "AccountNonceApi_account_nonce", u32, who, at=genesis) == 0
    assert ask(chain, "AccountNonceApi_account_nonce", u32, bytes(32)) == 0


def validate(chain: DevChain, wire: bytes, source: TransactionSource) -> bytes:
    best = chain.client.best().hash
    data = bytes((source,)) + wire + best
    return chain.client.call(best, "TaggedTransactionQueue_validate_transaction", data)


def test_a_valid_transaction_is_returned_with_its_tags(chain: DevChain) -> None:
    raw = validate(chain, chain.sign(BOB, pay(chain, 1), nonce=2), TransactionSource.External)
    answer = decode(Result[ValidTransaction, u32], raw)
    assert isinstance(answer, Ok)
    valid = answer.value
    who = bytes(account(BOB))
    assert valid.provides == [who + b"\2\0\0\0"]
    assert valid.requires == [who + b"\1\0\0\0"]
    assert (valid.longevity, valid.propagate) == (u64.MAX, True)


def test_refusals_are_the_bytes_that_clients_compare(chain: DevChain) -> None:
    chain.run(BOB, pay(chain, 1))
    external = TransactionSource.External

    def refusal(wire: bytes) -> str:
        return validate(chain, wire, external).hex()

    assert refusal(chain.sign(BOB, pay(chain, 1), nonce=0)) == "010003"
    assert refusal(chain.sign(BOB, pay(chain, 1), spec_version=9)) == "010004"
    assert refusal(chain.sign(BOB, pay(chain, 1), tip=START)) == "010001"
    assert refusal(chain.sign(BOB, pay(chain, 1), tip=u128.MAX)) == "010001"
    assert refusal(opaque(b"\x84")) == "010000"
    inherent = chain.call("Timestamp", "set", now=u64(1))
    assert refusal(opaque(bare(inherent.raw))) == "010009"
    remark = chain.call("System", "remark", remark=b"")
    assert refusal(opaque(bare(remark.raw))) == "010101"


# ---- fees


def faked(chain: DevChain, call: Call, filler: bytes, tip: int = 0) -> bytes:
    """Sign as wallets do when they only ask for the fee: with any 64 bytes."""
    whole = unwrap(chain.sign(BOB, call, tip=tip))
    return opaque(whole[:35] + filler * 64 + whole[99:])


def info_of(chain: DevChain, wire: bytes) -> RuntimeDispatchInfo:
    data = wire + encode(u32, u32(len(wire)))
    return ask(chain, "TransactionPaymentApi_query_info", RuntimeDispatchInfo, data)


@pytest.mark.parametrize("filler", [b"\0", b"\x42", b"\xff"])
def test_a_fake_signature_is_good_enough_for_the_fee(chain: DevChain, filler: bytes) -> None:
    call = pay(chain, 1)
    found = info_of(chain, faked(chain, call, filler))
    assert found == info_of(chain, chain.sign(BOB, call))
    assert found.class_ is DispatchClass.Normal
    assert found.weight == Weight(u64(chain.at().info(call).weight))


def test_the_estimate_is_the_fee_paid(chain: DevChain) -> None:
    wire = chain.sign(BOB, pay(chain, 1))
    estimate = info_of(chain, wire).partial_fee
    chain.pool.submit(wire)
    events = [record.event.event for record in chain.events(chain.seal())]
    kind = TransactionPayment.TransactionFeePaid
    assert [event.actual_fee for event in events if isinstance(event, kind)] == [estimate]


def test_the_tip_is_separate_from_the_fee(chain: DevChain) -> None:
    wire = faked(chain, pay(chain, 1), b"\0", tip=77)
    data = wire + encode(u32, u32(len(wire)))
    details = ask(chain, "TransactionPaymentApi_query_fee_details", FeeDetails, data)
    parts = details.inclusion_fee
    assert parts is not None
    assert details.tip == 77
    assert parts.base_fee == BASE_EXTRINSIC * 10**6
    assert parts.len_fee == len(wire) * 10**12
    total = parts.base_fee + parts.len_fee + parts.adjusted_weight_fee
    assert total == info_of(chain, wire).partial_fee


def test_who_is_unsigned_pays_nothing(chain: DevChain) -> None:
    wire = opaque(bare(chain.call("Timestamp", "set", now=u64(1)).raw))
    found = info_of(chain, wire)
    assert (found.partial_fee, found.class_) == (0, DispatchClass.Mandatory)
    data = wire + encode(u32, u32(len(wire)))
    details = ask(chain, "TransactionPaymentApi_query_fee_details", FeeDetails, data)
    assert details == FeeDetails(None, u128(0))


def test_the_fee_of_a_call_is_that_of_a_transaction_of_its_length(chain: DevChain) -> None:
    call = pay(chain, 1)
    wire = chain.sign(BOB, call)
    data = call.raw + encode(u32, u32(len(wire)))
    found = ask(chain, "TransactionPaymentCallApi_query_call_info", RuntimeDispatchInfo, data)
    assert found == info_of(chain, wire)
    details = ask(chain, "TransactionPaymentCallApi_query_call_fee_details", FeeDetails, data)
    assert details.inclusion_fee is not None
    assert details.inclusion_fee.len_fee == len(wire) * 10**12


@pytest.mark.parametrize("api", ["TransactionPaymentApi", "TransactionPaymentCallApi"])
def test_weight_and_length_have_their_price(chain: DevChain, api: str) -> None:
    weight = encode(Weight, Weight(u64(100_000_000)))
    assert ask(chain, f"{api}_query_weight_to_fee", u128, weight) == 10**14
    assert ask(chain, f"{api}_query_length_to_fee", u128, encode(u32, u32(7))) == 7 * 10**12


def test_what_is_no_transaction_has_no_fee(chain: DevChain) -> None:
    for wire in (opaque(b""), opaque(b"\x84\x00"), b"\x08\x04"):
        with pytest.raises(ApiError):
            info_of(chain, wire)


# ---- making blocks


def test_a_block_is_made_step_by_step(chain: DevChain) -> None:
    """The steps lead to the very block that the node makes."""
    wire = chain.sign(BOB, pay(chain, 7))
    chain.pool.submit(wire)
    made, body = chain.block(chain.seal())
    parent = bytes(made.parent_hash)
    version = chain.client.runtime_at(parent)
    context = ExecutionContext(
        version.queries, chain.client.overlay(parent), H256(parent), version.metadata, {}
    )
    call_api(context, "Core_initialize_block", made.encode())
    now_ms = int(chain.at().timestamp.now.value)
    data = encode(InherentData, InherentData.at(now_ms))
    inherents = decode(
        list[UncheckedExtrinsic], call_api(context, "BlockBuilder_inherent_extrinsics", data)
    )
    assert [one.inner for one in inherents] == body[:1]
    for one in body:
        raw = call_api(context, "BlockBuilder_apply_extrinsic", opaque(one))
        assert decode(ApplyResult, raw) == Ok(Ok(()))


def test_an_author_without_a_clock_makes_no_inherents(chain: DevChain) -> None:
    with pytest.raises(ApiError, match="timstap0"):
        ask(
            chain, "BlockBuilder_inherent_extrinsics", bytes, encode(InherentData, InherentData({}))
        )


@pytest.mark.parametrize(("ahead", "okay"), [(0, True), (MAX_DRIFT_MS, True), (30_001, False)])
def test_a_block_too_far_ahead_of_the_clock_is_reported(
    chain: DevChain, ahead: int, okay: bool
) -> None:
    header, body = chain.block(chain.seal())
    theirs = int(chain.at().timestamp.now.value)
    block = Block(header, [UncheckedExtrinsic(one) for one in body])
    data = encode(Block, block) + encode(InherentData, InherentData.at(theirs - ahead))
    found = ask(chain, "BlockBuilder_check_inherents", CheckInherentsResult, data)
    assert (found.okay, found.fatal_error) == (okay, False)
    assert bool(found.errors.data) is not okay


def test_a_failed_call_and_a_refused_transaction_differ(chain: DevChain) -> None:
    best = chain.seal()
    failing = chain.sign(BOB, pay(chain, START * 2))
    assert chain.client.call(best, "BlockBuilder_apply_extrinsic", failing).hex() == "00010700"
    stale = chain.sign(BOB, pay(chain, 1), nonce=3)
    assert chain.client.call(best, "BlockBuilder_apply_extrinsic", stale).hex() == "010002"


def test_a_block_that_was_not_opened_cannot_be_closed(chain: DevChain) -> None:
    with pytest.raises(ApiError, match="was never opened"):
        ask(chain, "BlockBuilder_finalize_block", Header)


# ---- genesis


def test_presets_are_returned_by_name() -> None:
    chain = DevChain(presets={"dev": b'{"a": 1}', "empty": b"{}"})
    assert ask(chain, "GenesisBuilder_preset_names", list[str]) == ["dev", "empty"]
    asked = encode(str | None, "dev")
    assert ask(chain, "GenesisBuilder_get_preset", bytes | None, asked) == b'{"a": 1}'
    assert ask(chain, "GenesisBuilder_get_preset", bytes | None, b"\0") == b"{}"
    unknown = encode(str | None, "other")
    assert ask(chain, "GenesisBuilder_get_preset", bytes | None, unknown) is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"balances": 7}', '{"nothing": {}}', "\x80"])
def test_a_bad_genesis_configuration_is_refused_with_its_reason(chain: DevChain, text: str) -> None:
    answer = chain.client.call(
        chain.client.best().hash, "GenesisBuilder_build_state", encode(bytes, text.encode("latin1"))
    )
    assert answer[:1] == b"\1"
    assert len(decode(str, answer[1:])) > 3


def test_a_good_genesis_configuration_is_taken(chain: DevChain) -> None:
    spec = make(CHAINS["dev"])
    assert isinstance(spec.genesis, Plain)
    config = json.dumps(spec.genesis.config).encode()
    best = chain.client.best().hash
    assert chain.client.call(best, "GenesisBuilder_build_state", encode(bytes, config)) == b"\0"


def test_a_body_of_millions_of_nothings_is_refused_by_its_number(chain: DevChain) -> None:
    header = chain.client.header_of(chain.seal()).encode()
    nothings = compact_encode(1_000_000) + bytes(1_000_000)
    for name, rest in (("Core_execute_block", b""), ("BlockBuilder_check_inherents", b"\0")):
        with pytest.raises(ApiError, match="1000000 items claimed"):
            chain.client.call(chain.client.best().hash, name, header + nothings + rest)


def test_arguments_beyond_a_full_block_are_not_looked_at(chain: DevChain) -> None:
    with pytest.raises(ApiError, match="bytes of arguments"):
        chain.client.call(chain.client.best().hash, "Core_version", bytes(6 << 20))


# ---- who makes the blocks, and who votes


def ask_babe(chain: BabeChain, name: str, kind: TypeForm[T], data: bytes = b"") -> T:
    """Ask a chain of validators; its state is a plain dictionary."""
    context = ExecutionContext(chain.executive, chain.state, chain.parent, lambda _: b"", {})
    return decode(kind, call_api(context, name, data))


@pytest.fixture(scope="module")
def voted() -> BabeChain:
    chain = BabeChain(validators(2))
    chain.run_to(FIRST + EPOCH + 3)
    return chain


def test_babes_configuration_and_epochs_are_those_of_the_state(voted: BabeChain) -> None:
    babe = voted.runtime.babe
    config = ask_babe(voted, "BabeApi_configuration", BabeConfiguration)
    assert (config.slot_duration, config.epoch_length, config.c) == (6_000, EPOCH, (1, 2))
    assert config.allowed_slots is AllowedSlots.PrimaryAndSecondaryVRFSlots
    assert ask_babe(voted, "BabeApi_current_epoch_start", Slot) == FIRST + EPOCH
    for name, epoch in (
        ("current_epoch", babe.epochs.current()),
        ("next_epoch", babe.epochs.next()),
    ):
        found = ask_babe(voted, f"BabeApi_{name}", WireEpoch)
        assert (found.epoch_index, found.start_slot, found.duration) == (
            epoch.index,
            epoch.start,
            EPOCH,
        )
        assert (found.randomness, found.config) == (epoch.randomness, epoch.config)
        assert tuple((bytes(key), int(weight)) for key, weight in found.authorities) == (
            epoch.authorities
        )
    assert config.randomness == babe.epochs.current().randomness


def test_the_voters_are_returned_with_the_id_of_their_set(voted: BabeChain) -> None:
    found = ask_babe(voted, "GrandpaApi_grandpa_authorities", AuthorityList)
    assert dict(found) == {member.voter.public: 10_000_000_000 for member in voted.members}
    assert ask_babe(voted, "GrandpaApi_current_set_id", u64) == 0


def test_the_session_returns_the_owner_of_a_key(voted: BabeChain) -> None:
    alice, unknown = voted.members[0], bytes(32)
    proof = MembershipProof(u32(1), [], u32(2))
    asked = encode(Slot, Slot(FIRST + EPOCH))
    name = "BabeApi_generate_key_ownership_proof"
    found = ask_babe(voted, name, OpaqueKeyOwnershipProof | None, asked + alice.author.public)
    assert found == OpaqueKeyOwnershipProof(encode(MembershipProof, proof))
    assert ask_babe(voted, name, OpaqueKeyOwnershipProof | None, asked + unknown) is None
    before = encode(Slot, Slot(FIRST - 1)) + alice.author.public
    assert ask_babe(voted, name, OpaqueKeyOwnershipProof | None, before) is None

    name, asked = "GrandpaApi_generate_key_ownership_proof", encode(u64, u64(0))
    opaque = ask_babe(voted, name, OpaqueValue | None, asked + alice.voter.public)
    assert opaque == OpaqueValue(encode(MembershipProof, proof))
    assert ask_babe(voted, name, OpaqueValue | None, asked + unknown) is None
    later = encode(u64, u64(1)) + alice.voter.public
    assert ask_babe(voted, name, OpaqueValue | None, later) is None


def test_a_runtime_submits_no_reports_itself(voted: BabeChain) -> None:
    proof = voted.doubled(voted.members[0], FIRST + EPOCH)
    data = encode(EquivocationProof, proof) + encode(bytes, b"")
    name = "BabeApi_submit_report_equivocation_unsigned_extrinsic"
    assert ask_babe(voted, name, tuple[()] | None, data) is None


def test_session_keys_are_taken_apart_by_type(chain: DevChain) -> None:
    keys = b"\1" * 32 + b"\2" * 32
    kind = list[tuple[bytes, KeyTypeId]] | None
    name = "SessionKeys_decode_session_keys"
    found = ask(chain, name, kind, encode(bytes, keys))
    assert found == [(b"\1" * 32, b"babe"), (b"\2" * 32, b"gran")]
    for wrong in (keys[:-1], keys + b"\0", b""):
        assert ask(chain, name, kind, encode(bytes, wrong)) is None


def test_new_session_keys_are_the_nodes_business(chain: DevChain) -> None:
    with pytest.raises(ApiError, match="author_rotateKeys"):
        ask(chain, "SessionKeys_generate_session_keys", bytes, b"\0")


def test_under_manual_seal_there_are_no_authorities(chain: DevChain) -> None:
    assert ask(chain, "BabeApi_configuration", BabeConfiguration).authorities == []
    assert ask(chain, "BabeApi_current_epoch", WireEpoch).authorities == []
    assert ask(chain, "GrandpaApi_grandpa_authorities", AuthorityList) == []
