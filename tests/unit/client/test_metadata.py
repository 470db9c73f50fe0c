from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.client import items
from btt_chain.client.amount import Currency
from btt_chain.client.errors import InvalidArgument, NotFound, Undecodable
from btt_chain.client.extrinsics import Draft, SigningContext, hash_of, sign
from btt_chain.client.items import MAX_DECODED, _decoded
from btt_chain.client.metadata import ChainMetadata
from btt_chain.client.reasons import REASONS
from btt_chain.client.values import brief, in_their_currency
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.primitives.era import Immortal, Mortal
from btt_chain.scale import compact_encode
from btt_chain.scale.portable import Plain
from runtime.frame.error import (
    ArithmeticErrorKind,
    TokenErrorKind,
    TransactionalErrorKind,
    WireBadOrigin,
    WireCannotLookup,
    WireConsumerRemaining,
    WireCorruption,
    WireExhausted,
    WireNoProviders,
    WireOther,
    WireRootNotAllowed,
    WireTooManyConsumers,
    WireUnavailable,
)
from support.vectors import vectors_dir

# Shapes that come near to a call, and others.
NAMES = st.sampled_from(["call", "args", "Sudo.sudo", "System.remark", "Balances", "Id", "dest"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | NAMES | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)

BOB = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"


@pytest.fixture(scope="module")
def demo() -> ChainMetadata:
    text = (vectors_dir() / "metadata" / "demo-v14.hex").read_text().strip()
    return ChainMetadata(bytes.fromhex(text.removeprefix("0x")), currency=Currency("UNIT", 12))


@pytest.fixture(scope="module")
def vectors() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((vectors_dir() / "client-generated.json").read_text())
    return found


def test_names_are_found_as_javascript_writes_them_too(demo: ChainMetadata) -> None:
    for name in ("Balances.transfer_keep_alive", "balances.transferKeepAlive"):
        pallet, call = demo.items.call(name)
        assert (pallet.name, call.name) == ("Balances", "transfer_keep_alive")


@pytest.mark.parametrize(
    ("path", "error", "why"),
    [
        ("transfer", InvalidArgument, "write it like Balances.transfer_keep_alive"),
        ("Balance.burn", NotFound, "has no pallet 'Balance'; did you mean Balances?"),
        ("Balances.transfer_keep_alife", NotFound, "did you mean transfer_keep_alive"),
        ("Timestamp.qqq", NotFound, "known are set"),
    ],
)
def test_a_name_that_is_none_gets_a_hint(
    demo: ChainMetadata, path: str, error: type[Exception], why: str
) -> None:
    with pytest.raises(error, match=why.replace("?", r"\?")):
        demo.items.call(path)


@pytest.mark.parametrize(
    "arguments",
    [
        ["//Bob", "1.5UNIT"],
        [BOB, "1_500mUNIT"],
        ["dest=//Bob", "value=1.5UNIT"],
        ["value=1500000000000planck", f"dest={BOB}"],
        [f'{{"Id": "{BOB}"}}', '"1.5UNIT"'],
    ],
)
def test_a_call_is_typed_in_many_ways_and_is_one_call(
    demo: ChainMetadata, arguments: list[str]
) -> None:
    raw = demo.arguments.encode_call("Balances.transfer_keep_alive", arguments)
    bob = KeyPair.from_uri("//Bob").account_id
    assert raw == bytes([4, 3, 0]) + bob + compact_encode(1_500_000_000_000)
    view = demo.decoder.call(raw)
    assert view.name == "Balances.transfer_keep_alive"
    assert view.shown == {"dest": BOB, "value": "1.5 UNIT"}
    assert view.arguments == {"dest": {"Id": BOB}, "value": "1500000000000"}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["//Bob"], "takes 2 arguments (dest:MultiAddress value:Compact<u128>), 1 given"),
        (["dest=//Bob"], "value missing"),
        (["dest=//Bob", "dest=//Eve"], "given twice"),
        (["//Bob", "1"], "value: '1' has no unit; write 1UNIT or 1planck"),
        (["//Bob", "0x10"], "value: '0x10' is not an amount"),
        (["//Bob", "1BTT"], "unknown unit 'BTT'"),
        (["Bob", "1UNIT"], "dest: 'Bob' is not an address"),
        (["15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5", "1UNIT"], "address of network 0"),
        (['{"Id": 5.5}', "1UNIT"], "5.5 is not a whole number"),
        (["{", "1UNIT"], "dest: this is not JSON"),
        (["destt=//Bob", "value=1UNIT"], "no argument destt; known are dest, value"),
        (['{"Ident": "//Bob"}', "1UNIT"], "dest: MultiAddress has no 'Ident'; known are Id, Index"),
    ],
)
def test_a_wrong_argument_is_named(demo: ChainMetadata, arguments: list[str], why: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        demo.arguments.encode_call("Balances.transfer_keep_alive", arguments)
    assert why in str(refused.value)


def test_a_call_inside_a_call_can_be_written_three_ways(demo: ChainMetadata) -> None:
    inner = demo.arguments.encode_call("Balances.force_set_balance", ["//Bob", "7UNIT"])
    nested = [
        '{"call": "Balances.force_set_balance", "args": {"who": "//Bob", "new_free": "7UNIT"}}',
        '{"call": "balances.forceSetBalance", "args": ["//Bob", "7UNIT"]}',
        '{"Balances": {"force_set_balance": {"who": "//Bob", "new_free": "7UNIT"}}}',
        "0x" + inner.hex(),
    ]
    for text in nested:
        raw = demo.arguments.encode_call("Sudo.sudo", [text])
        assert raw == bytes([6, 0]) + inner
    shown = demo.decoder.call(raw).shown
    assert shown == {"call": f"Balances.force_set_balance(who: {BOB}, new_free: 7 UNIT)"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hello", "expected a call"),
        ("0xffff", "is not a call"),
        ('{"call": 5}', '"call" is a name'),
        ('{"call": "System.remark", "args": {"remark": 5}}', "remark"),
        ('{"call": "Balances.burn", "args": {"value": 5}}', "has no call 'burn'"),
        (
            '{"call": "Balances.transfer_keep_alive", "args": {"dest": "//Bob", "value": 5}}',
            "'5' has no unit",
        ),
    ],
)
def test_a_wrong_call_inside_a_call_is_refused(demo: ChainMetadata, text: str, why: str) -> None:
    with pytest.raises((InvalidArgument, NotFound)) as refused:
        demo.arguments.encode_call("Sudo.sudo", [text])
    assert why in str(refused.value)


def test_bytes_are_hex_or_text(demo: ChainMetadata) -> None:
    assert demo.arguments.encode_call("System.remark", ["0x6869"]) == demo.arguments.encode_call(
        "System.remark", ["hi"]
    )
    # A name=value is only taken apart if the name is an argument's.
    raw = demo.arguments.encode_call("System.remark", ["a=b"])
    assert demo.decoder.call(raw).arguments == {"remark": "0x" + b"a=b".hex()}


def test_storage_keys_are_those_of_the_clients(
    demo: ChainMetadata, vectors: dict[str, Any]
) -> None:
    expected = vectors["storageKeys"]
    pallet, entry = demo.items.storage("System.Account")
    key, is_complete = demo.storage.key(pallet, entry, ["//Alice"])
    assert ("0x" + key.hex(), is_complete) == (expected["System.Account(Alice)"], True)
    assert demo.storage.keys_of(entry, key) == ["5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"]
    prefix, is_complete = demo.storage.key(pallet, entry, [])
    assert (key[:32], False) == (prefix, is_complete)
    pallet, entry = demo.items.storage("Timestamp.Now")
    key, is_complete = demo.storage.key(pallet, entry, [])
    assert ("0x" + key.hex(), is_complete) == (expected["Timestamp.Now"], True)
    with pytest.raises(InvalidArgument, match="takes 0 keys"):
        demo.storage.key(pallet, entry, ["1"])


def test_stored_values_have_their_wide_numbers_as_text(
    demo: ChainMetadata, vectors: dict[str, Any]
) -> None:
    case = vectors["accountInfo"][0]
    _, entry = demo.items.storage("System.Account")
    kind, value = demo.storage.stored(entry, bytes.fromhex(case["hex"][2:]))
    found = demo.values.for_json(kind, value)
    assert isinstance(found, dict)
    assert found["nonce"] == case["json"]["nonce"]
    assert isinstance(found["data"], dict)
    assert found["data"]["free"] == case["json"]["data"]["free"]
    with pytest.raises(Undecodable, match="is not of its type"):
        demo.storage.stored(entry, b"\0")


def test_what_is_not_stored_is_its_default(demo: ChainMetadata) -> None:
    _, entry = demo.items.storage("System.Account")
    _, value = demo.storage.stored(entry, None)
    assert isinstance(value, dict)
    assert value["nonce"] == 0


def test_an_extrinsic_of_a_client_is_opened(demo: ChainMetadata, vectors: dict[str, Any]) -> None:
    for case in vectors["extrinsics"]:
        view = demo.decoder.extrinsic(bytes.fromhex(case["extrinsic"][2:]))
        assert view.hash == case["hash"]
        assert view.call.name in {"Balances.transfer_keep_alive", "System.remark", "Sudo.sudo"}
        assert view.extra["CheckNonce"] == case["nonce"]
        assert view.extra["ChargeTransactionPayment"] == str(case["tip"])


def test_an_unsigned_extrinsic_has_no_signer(demo: ChainMetadata, vectors: dict[str, Any]) -> None:
    view = demo.decoder.extrinsic(bytes.fromhex(vectors["unsigned"]["timestamp_set"][2:]))
    assert view.signer is None
    assert view.call.name == "Timestamp.set"


@pytest.mark.parametrize("wire", [b"", b"\0", b"\x04\x84", b"\x08\x84\x00", b"\x08\x99\x00"])
def test_what_is_no_extrinsic_is_refused(demo: ChainMetadata, wire: bytes) -> None:
    with pytest.raises(Undecodable, match="this is not"):
        demo.decoder.extrinsic(wire)


def test_our_signatures_sign_what_the_clients_sign(
    demo: ChainMetadata, vectors: dict[str, Any]
) -> None:
    signed = 0
    for case in vectors["extrinsics"]:
        scheme = Scheme[case["signer"].split()[0].upper()]
        if scheme is not Scheme.ED25519 or case["era"] is not None:
            continue  # the others are randomized
        context = SigningContext(
            bytes.fromhex(case["genesisHash"][2:]),
            bytes.fromhex(case["blockHash"][2:]),
            case["specVersion"],
            case["transactionVersion"],
        )
        call = bytes.fromhex(case["callHex"][2:])
        draft = Draft(call, case["nonce"], Immortal(), case["tip"])
        wire = sign(demo, context, draft, KeyPair.from_uri("//Alice", scheme))
        assert "0x" + wire.hex() == case["extrinsic"]
        assert hash_of(wire) == case["hash"]
        signed += 1
    assert signed


@pytest.mark.parametrize("scheme", list(Scheme))
def test_what_we_sign_can_be_opened_again(demo: ChainMetadata, scheme: Scheme) -> None:
    pair = KeyPair.from_uri("//Alice", scheme)
    call = demo.arguments.encode_call("System.remark", ["hi"])
    draft = Draft(call, 3, Mortal.at(100, 64), 5)
    view = demo.decoder.extrinsic(
        sign(demo, SigningContext(bytes(32), bytes(32), 1, 1), draft, pair)
    )
    assert view.signer == demo.items.types.show_account(pair.account_id)
    assert view.extra["CheckMortality"] == {"period": 64, "phase": 36}
    assert view.extra["ChargeTransactionPayment"] == "5"
    assert view.extra_shown["tip"] == "5 planck"
    assert view.extra_shown["CheckMortality"] == "{period: 64, phase: 36}"
    assert view.call.shown == {"remark": '"hi"'}


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("héllo, wörld", '"héllo, wörld"'),
        ('a", from: "b', '"a\\", from: \\"b"'),
        ("back\\slash", '"back\\\\slash"'),
        ("0xff00", "0xff00"),
        ("0x", "0x"),
        ("two\nlines", "0x" + b"two\nlines".hex()),
        ("\u202eleft", "0x" + "\u202eleft".encode().hex()),
        ("x" * 500, '"' + "x" * 192 + '"… (500 bytes)'),
    ],
)
def test_bytes_of_a_call_are_shown_as_text_if_they_are(
    demo: ChainMetadata, typed: str, shown: str
) -> None:
    view = demo.decoder.call(demo.arguments.encode_call("System.remark", [typed]))
    assert view.shown == {"remark": shown}
    raw = typed if typed.startswith("0x") else "0x" + typed.encode().hex()
    assert view.arguments == {"remark": raw}


def test_the_error_of_a_pallet_is_reported_in_its_own_words(demo: ChainMetadata) -> None:
    pallet = demo.items.pallet("Sudo")
    first = demo.items.errors(pallet)[0]
    error: Plain = {"Module": {"index": int(pallet.index), "error": f"0x{first.index:02x}000000"}}
    assert demo.decoder.dispatch_error(error).startswith(f"Sudo.{first.name}")
    unknown = demo.decoder.dispatch_error({"Module": {"index": 250, "error": "0x05000000"}})
    assert unknown == "error 5 of pallet 250"


def test_an_error_of_no_pallet_is_reported_in_plain_words(demo: ChainMetadata) -> None:
    token: Plain = {"Token": "FundsUnavailable"}
    assert demo.decoder.dispatch_error(token) == (
        "Token.FundsUnavailable: the account has too little free money"
    )
    assert (
        demo.decoder.dispatch_error("BadOrigin") == "BadOrigin: the sender may not make this call"
    )
    assert demo.decoder.dispatch_error({"Trie": "DuplicateKey"}) == "Trie.DuplicateKey"


def test_every_error_of_no_pallet_has_its_words() -> None:
    kinds = (WireOther, WireCannotLookup, WireBadOrigin, WireConsumerRemaining, WireNoProviders,
             WireTooManyConsumers, WireExhausted, WireCorruption, WireUnavailable,
             WireRootNotAllowed)  # fmt: skip
    names = {kind.__name__.removeprefix("Wire") for kind in kinds}
    for kind, details in (
        ("Token", TokenErrorKind),
        ("Arithmetic", ArithmeticErrorKind),
        ("Transactional", TransactionalErrorKind),
    ):
        names |= {f"{kind}.{detail.name}" for detail in details}
    assert names == set(REASONS)


def test_values_for_people_are_short() -> None:
    assert brief({"a": [1, True, None], "b": {}}) == "{a: [1, true, none], b: {}}"
    assert brief("0x" + "ab" * 200).endswith("(200 bytes)")
    assert brief("0x" + "ab" * 64) == "0x" + "ab" * 64


@pytest.mark.fuzz
@given(st.binary(max_size=300), st.sampled_from([b"", b"\x84", b"\x04", b"\x05", b"\x45"]))
def test_no_bytes_do_worse_than_being_refused(demo: ChainMetadata, raw: bytes, head: bytes) -> None:
    inner = head + raw
    with suppress(Undecodable):
        demo.decoder.extrinsic(compact_encode(len(inner)) + inner)


@pytest.mark.fuzz
@given(st.text(max_size=60) | JSON.map(json.dumps))
def test_no_argument_does_worse_than_being_refused(demo: ChainMetadata, text: str) -> None:
    for name in ("Sudo.sudo", "System.remark", "Timestamp.set"):
        with suppress(InvalidArgument, NotFound):
            demo.arguments.encode_call(name, [text])


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"call": "Sudo.sudo", "args": [' * 900 + '"x"' + "]}" * 900],
)
def test_deep_nesting_is_refused(demo: ChainMetadata, text: str) -> None:
    with pytest.raises(InvalidArgument):
        demo.arguments.encode_call("Sudo.sudo", [text])


@pytest.fixture(scope="module", params=[14, 15])
def foreign(request: pytest.FixtureRequest) -> ChainMetadata:
    """The metadata of a polkadot-sdk template, of which nothing is ours."""
    name = f"wasm-minimal-template-v{request.param}.scale"
    raw = (vectors_dir() / "metadata" / name).read_bytes()
    return ChainMetadata(raw, currency=Currency("UNIT", 12), prefix=0)


def test_calls_of_another_chain_are_composed_and_read(foreign: ChainMetadata) -> None:
    bob = KeyPair.from_uri("//Bob").account_id
    call = foreign.arguments.compose("Balances.transfer_keep_alive", {"dest": "//Bob", "value": 5})
    assert call[2:] == b"\0" + bob + compact_encode(5)
    assert foreign.decoder.call(call).arguments["value"] == "5"
    inner = foreign.items.types.decode(foreign.items.call_type, call)
    wrapped = foreign.arguments.compose("Sudo.sudo", {"call": inner})
    assert wrapped[2:] == call


def test_events_and_state_of_another_chain_are_read(foreign: ChainMetadata) -> None:
    _, entry = foreign.items.storage("System.Events")
    alice, bob = (
        foreign.address(KeyPair.from_uri(name).account_id) for name in ("//Alice", "//Bob")
    )
    record: Plain = {
        "phase": {"ApplyExtrinsic": 1},
        "event": {"Balances": {"Transfer": {"from": alice, "to": bob, "amount": 10**12}}},
        "topics": [],
    }
    raw = foreign.items.types.encode(entry.type.value, [record])
    (event,) = foreign.decoder.events(raw)
    assert (event.extrinsic, event.name) == (1, "Balances.Transfer")
    assert event.fields["amount"] == str(10**12)
    assert alice in event.shown
    pallet, entry = foreign.items.storage("System.Account")
    key, is_complete = foreign.storage.key(pallet, entry, ["//Bob"])
    assert is_complete
    assert foreign.storage.decode_keys(entry, key) == [bob]


def test_runtime_apis_are_described_from_version_15_on(foreign: ChainMetadata) -> None:
    if foreign.items.version == 14:
        with pytest.raises(NotFound, match="has no runtime API"):
            foreign.items.api("Core.version")
    else:
        assert foreign.items.api("core.version")[1].name == "version"


def test_metadata_are_decoded_once_for_all_connections() -> None:
    text = (vectors_dir() / "metadata" / "demo-v14.hex").read_text().strip()
    raw = bytes.fromhex(text.removeprefix("0x"))
    before = _decoded.cache_info()

    first, second = (ChainMetadata(bytes(bytearray(raw)), prefix=prefix) for prefix in (0, 42))
    other = ChainMetadata(raw.replace(b"transfer_keep_alive", b"transfer_keep_alivf"))

    assert first.items.runtime is second.items.runtime
    assert first.address(bytes(32)) != second.address(bytes(32))
    assert other.items.call("Balances.transfer_keep_alivf")
    with pytest.raises(NotFound):
        first.items.call("Balances.transfer_keep_alivf")
    assert _decoded.cache_info().misses - before.misses <= 2
    assert _decoded.cache_info().maxsize == MAX_DECODED


def test_large_metadata_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (vectors_dir() / "metadata" / "demo-v14.hex").read_text().strip()
    raw = bytes.fromhex(text.removeprefix("0x"))
    for most, is_kept in ((len(raw), True), (len(raw) - 1, False)):
        monkeypatch.setattr(items, "KEPT_BYTES", most)
        first, second = ChainMetadata(raw).items, ChainMetadata(raw).items
        assert (first.runtime is second.runtime) == is_kept
        assert first.runtime == second.runtime


@pytest.mark.parametrize("raw", [b"", b"meta", b"meta\x0d\0", b"meta\x0e\xff\xff", b"\0" * 40])
def test_what_is_no_metadata_is_refused(raw: bytes) -> None:
    with pytest.raises(Undecodable, match="the chain's metadata cannot be read"):
        ChainMetadata(raw)


def test_a_key_that_is_no_key_is_refused(demo: ChainMetadata) -> None:
    _, entry = demo.items.storage("System.Account")
    with pytest.raises(Undecodable, match="is not a key of Account"):
        demo.storage.keys_of(entry, bytes(40))


def test_units_are_read_in_the_currency_beside_them_and_not_in_planck() -> None:
    yuan, money = "0x" + b"CNY".hex(), "0x" + b"BTT".hex()
    shown = {"units": "50.00 CNY", "currency": "CNY"}
    assert in_their_currency({"units": 5_000, "currency": yuan, "max_btt": 7}) == shown
    # BTT is the chain's own money: its amount keeps the form that all amounts have.
    assert in_their_currency({"units": 5_000, "currency": money}) == {"currency": "BTT"}
    assert in_their_currency({"units": 5_000, "currency": "0x" + b"XAU".hex()}) == {}
    assert in_their_currency({"units": 5_000}) == in_their_currency({"currency": yuan}) == {}
