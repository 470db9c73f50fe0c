"""Metadata: what wallets learn of this runtime, frozen and read back.

The readable description is `tests/golden/metadata.txt`: a change of the wire format is a diff
there. If it is meant, `BTT_GOLDEN=write pytest tests/unit/runtime/test_metadata.py` writes the
file anew.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator, Sequence
from difflib import unified_diff
from functools import cache
from pathlib import Path

import pytest

from btt_chain.primitives.account import AccountInfo
from btt_chain.scale import codec, encode, u64, u128
from btt_chain.scale.metadata import (
    ArrayDef,
    BitSequenceDef,
    CompactDef,
    CompositeDef,
    MapEntry,
    PalletMetadata,
    PortableField,
    PortableVariant,
    PrimitiveDef,
    PrimitiveKind,
    RuntimeMetadata,
    SequenceDef,
    StorageModifier,
    TupleDef,
    VariantDef,
    decode_metadata,
    encode_metadata,
)
from btt_chain.scale.portable import Plain, Portable
from runtime.apis.metadata import metadata
from runtime.features.base import API_ORDER
from runtime.frame.version import api_id
from runtime.params import RuntimeParams
from runtime.table import VERSION, BttRuntime
from support.chain import BOB, CHARLIE, DevChain, address
from support.metadata_text import text_of

GOLDEN = Path(__file__).parents[2] / "golden" / "metadata.txt"


@cache
def runtime() -> BttRuntime:
    return BttRuntime(RuntimeParams(u64(6_000)))


@cache
def raw(version: int) -> bytes:
    return metadata(runtime(), version)


@cache
def read(version: int) -> RuntimeMetadata:
    number, found = decode_metadata(raw(version))
    assert number == version
    return found


def book() -> Portable:
    return Portable(read(15).types)


def pallet(name: str) -> PalletMetadata:
    return next(pallet for pallet in read(15).pallets if pallet.name == name)


def variants(type_id: int) -> Sequence[PortableVariant]:
    definition = book().type(type_id).definition
    assert isinstance(definition, VariantDef)
    return definition.variants


MEASURED = re.compile(r"(  const (?:BlockWeights|DbWeight): \w+) = 0x\w+")
"""Constants that come from `make weights`: another machine gives others."""


def test_the_description_stays() -> None:
    found = MEASURED.sub(r"\1 = (measured)", text_of(read(15)))
    if os.environ.get("BTT_GOLDEN") == "write":
        GOLDEN.write_text(found, encoding="utf-8")
    before = GOLDEN.read_text(encoding="utf-8").splitlines()
    change = "\n".join(unified_diff(before, found.splitlines(), "golden", "now", lineterm="", n=0))
    assert not change, (
        "if the change is meant: BTT_GOLDEN=write .venv/bin/pytest "
        f"tests/unit/runtime/{Path(__file__).name}\n{change}"
    )


@pytest.mark.parametrize("version", [14, 15, 16])
def test_every_version_is_read_back_and_written_again(version: int) -> None:
    assert raw(version)[:5] == b"meta" + bytes((version,))
    assert encode_metadata(read(version), version) == raw(version)


def test_the_versions_agree() -> None:
    for version in (14, 16):
        assert read(version).types == read(15).types
        assert [one.name for one in read(version).pallets] == [one.name for one in read(15).pallets]
    assert read(16).extrinsic.versions == b"\4"
    assert read(16).extrinsic.by_version == {0: list(range(9))}
    assert read(15).extrinsic.version == read(14).extrinsic.version == 4


def test_the_description_is_the_same_in_every_process() -> None:
    other = BttRuntime(RuntimeParams(u64(6_000)))
    assert metadata(other, 15) == raw(15)


# ---- what clients look for


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("sp_core::crypto::AccountId32", []),
        ("primitive_types::H256", []),
        ("sp_runtime::multiaddress::MultiAddress", ["AccountId", "AccountIndex"]),
        ("sp_runtime::MultiSignature", []),
        ("sp_runtime::generic::era::Era", []),
        ("sp_runtime::generic::digest::DigestItem", []),
        ("sp_weights::weight_v2::Weight", []),
        ("bounded_collections::bounded_vec::BoundedVec", ["T", "S"]),
        ("Option", ["T"]),
        ("Result", ["T", "E"]),
        ("BTreeMap", ["K", "V"]),
        ("Cow", ["T"]),
        (
            "sp_runtime::generic::unchecked_extrinsic::UncheckedExtrinsic",
            ["Address", "Call", "Signature", "Extra"],
        ),
        ("frame_system::EventRecord", ["E", "T"]),
        ("frame_system::AccountInfo", ["Nonce", "AccountData"]),
        ("pallet_balances::types::AccountData", ["Balance"]),
        ("btt_runtime::RuntimeCall", []),
        ("btt_runtime::RuntimeEvent", []),
        ("btt_runtime::RuntimeError", []),
        ("btt_runtime::Runtime", []),
        ("pallet_balances::pallet::Call", ["T", "I"]),
        ("pallet_balances::pallet::Event", ["T", "I"]),
        ("pallet_balances::pallet::Error", ["T", "I"]),
        ("frame_system::pallet::Event", ["T"]),
        ("sp_runtime::DispatchError", []),
    ],
)
def test_the_paths_that_clients_key_on_are_there(path: str, params: list[str]) -> None:
    found = [kind for kind in read(15).types if "::".join(kind.path) == path]
    assert found, path
    assert [param.name for param in found[0].params] == params


def test_types_of_one_path_differ_in_a_parameter() -> None:
    seen: dict[tuple[object, ...], int] = {}
    for number, kind in enumerate(read(15).types):
        if not kind.path:
            continue
        key = (*kind.path, *((param.name, param.type) for param in kind.params))
        assert key not in seen, f"types {seen[key]} and {number} are both {key}"
        seen[key] = number


def test_the_first_parameter_of_an_event_record_is_the_event() -> None:
    (record,) = [kind for kind in read(15).types if kind.path == ["frame_system", "EventRecord"]]
    outer = read(15).outer
    assert outer is not None
    assert record.params[0].type == outer.event


def test_an_extrinsic_is_bytes_whose_parameters_are_the_extrinsics_parts() -> None:
    extrinsic = read(14).extrinsic
    assert extrinsic.type is not None
    kind = book().type(extrinsic.type)
    extrinsic = read(15).extrinsic
    assert [param.type for param in kind.params] == [
        extrinsic.address,
        extrinsic.call,
        extrinsic.signature,
        extrinsic.extra,
    ]
    assert isinstance(kind.definition, CompositeDef)
    (only,) = kind.definition.fields
    assert book().name(only.type) == "Vec<u8>"


def test_an_era_has_all_its_variants() -> None:
    (era,) = [kind for kind in read(15).types if kind.path[-1:] == ["Era"]]
    assert isinstance(era.definition, VariantDef)
    names = [variant.name for variant in era.definition.variants]
    assert names == ["Immortal", *(f"Mortal{number}" for number in range(1, 256))]


@pytest.mark.parametrize("name", ["call", "event", "error"])
def test_the_outer_enums_are_indexed_like_the_pallets(name: str) -> None:
    outer = read(15).outer
    assert outer is not None
    pallets = {one.name: int(one.index) for one in read(15).pallets}
    arms = variants(getattr(outer, name))
    assert {arm.name: int(arm.index) for arm in arms}.items() <= pallets.items()
    for arm in arms:
        (inner,) = arm.fields
        assert inner.name is None
        assert book().type(inner.type).path[-2:] == ["pallet", name.capitalize()]


@pytest.mark.parametrize(
    ("of", "constant", "value"),
    [
        ("System", "BlockHashCount", encode(u64, u64(2_400))[:4]),
        ("System", "SS58Prefix", b"\x2a\x00"),
        ("System", "Version", VERSION.encoded()),
        ("System", "BlockWeights", None),
        ("System", "BlockLength", None),
        ("System", "DbWeight", None),
        ("Timestamp", "MinimumPeriod", encode(u64, u64(3_000))),
        ("Balances", "ExistentialDeposit", encode(u128, u128(10**15))),
        ("TransactionPayment", "OperationalFeeMultiplier", b"\x05"),
        ("Babe", "ExpectedBlockTime", encode(u64, u64(6_000))),
    ],
)
def test_the_constants_that_clients_read_are_there(
    of: str, constant: str, value: bytes | None
) -> None:
    (found,) = [one for one in pallet(of).constants if one.name == constant]
    assert found.docs
    if value is not None:
        assert found.value == value
    book().decode(found.type, found.value)


def test_a_new_account_is_80_bytes_that_end_in_80() -> None:
    storage = pallet("System").storage
    assert storage is not None
    entry = next(entry for entry in storage.entries if entry.name == "Account")
    assert (len(entry.default), entry.default[-1]) == (80, 0x80)
    assert entry.default == codec(AccountInfo).encode(AccountInfo())


def test_every_default_and_constant_is_a_value_of_its_type() -> None:
    types = book()
    for one in read(15).pallets:
        for constant in one.constants:
            types.decode(constant.type, constant.value)
        for entry in one.storage.entries if one.storage else ():
            value = entry.type.value
            if entry.modifier is StorageModifier.Optional:
                assert entry.default == b"\0", entry.name
            else:
                types.decode(value, entry.default)
            if isinstance(entry.type, MapEntry) and len(entry.type.hashers) > 1:
                keys = types.type(entry.type.key).definition
                assert isinstance(keys, TupleDef)
                assert len(keys.items) == len(entry.type.hashers)


def test_whatever_shows_up_in_a_wallet_is_explained() -> None:
    for one in read(15).pallets:
        assert one.docs, one.name
        for reference in (one.calls, one.event, one.error):
            for variant in variants(reference.type) if reference else ():
                assert variant.docs, f"{one.name}.{variant.name}"
    for api in read(15).apis:
        assert api.docs
        assert all(method.docs for method in api.methods), api.name


def test_the_runtime_apis_are_those_of_the_version() -> None:
    declared = [(kind.__name__, kind.VERSION) for kind in BttRuntime.apis()]
    assert [(api.name, int(api.version)) for api in read(16).apis] == declared
    assert [name for name, _ in declared] == list(API_ORDER)
    served = {identifier.hex(): int(version) for identifier, version in VERSION.apis.value}
    assert served["df6acb689907609b"] == 5
    assert served["37e397fc7c91f5e4"] == 2
    assert api_id("AccountNonceApi").hex() == "bc9d89904f5b923f"


# ---- every call, as a wallet that knows only the metadata writes it


class Inventor:
    """Values of any type that the metadata describes, by lot."""

    def __init__(self, seed: int) -> None:
        self.book = book()
        self.rng = random.Random(seed)

    def value(self, type_id: int, depth: int = 0) -> Plain:
        kind, rng = self.book.type(type_id), self.rng
        if kind.path[-1:] == ["AccountId32"]:
            return "0x" + rng.randbytes(32).hex()
        if kind.path[-1:] == ["Era"]:
            return "Immortal"
        match kind.definition:
            case PrimitiveDef(PrimitiveKind.bool):
                return rng.random() < 0.5
            case PrimitiveDef(PrimitiveKind.str):
                return "word"
            case PrimitiveDef(primitive):
                bits = rng.randrange(1, int(primitive.name[1:]) + 1)
                low = -(1 << bits - 1) if primitive.name[0] == "i" else 0
                return rng.getrandbits(bits) + low
            case CompactDef(inner):
                size = self.book.compact_size(inner)
                return rng.getrandbits(8 * size) if size else None
            case SequenceDef(item):
                return self.several(item, rng.randrange(0, 3) if depth < 6 else 0, depth)
            case ArrayDef(size, item):
                return self.several(item, size, depth)
            case TupleDef(items):
                return [self.value(item, depth + 1) for item in items] if items else None
            case CompositeDef(fields):
                return self.fields(fields, depth)
            case VariantDef(arms):
                return self.arm(type_id, arms, depth)
            case BitSequenceDef():
                return "0110"

    def several(self, item: int, count: int, depth: int) -> Plain:
        if self.book.is_byte(item):
            return "0x" + self.rng.randbytes(count).hex()
        return [self.value(item, depth + 1) for _ in range(count)]

    def fields(self, fields: Sequence[PortableField], depth: int) -> Plain:
        values = [self.value(field.type, depth + 1) for field in fields]
        if not fields:
            return None
        if fields[0].name is None:
            return values[0] if len(values) == 1 else values
        return {field.name or "": value for field, value in zip(fields, values, strict=True)}

    def arm(self, type_id: int, arms: Sequence[PortableVariant], depth: int) -> Plain:
        if self.book.is_option(type_id):
            some = next(arm for arm in arms if arm.name == "Some")
            return self.value(some.fields[0].type, depth + 1) if depth < 6 else None
        if self.book.type(type_id).path[-1] == "RuntimeCall" and depth > 3:
            return {"System": {"remark": {"remark": "0x0102"}}}
        arm = self.rng.choice(arms)
        return {arm.name: self.fields(arm.fields, depth)} if arm.fields else arm.name


def every_call() -> Iterator[tuple[str, str]]:
    for one in runtime().pallets.values():
        for entry in one.CALLS.values():
            yield one.name, entry.name


@pytest.mark.parametrize(("of", "name"), list(every_call()))
def test_a_wallet_that_knows_only_the_metadata_writes_every_call(of: str, name: str) -> None:
    call_type = read(15).extrinsic.call
    assert call_type is not None
    calls = pallet(of).calls
    assert calls is not None
    (arm,) = [variant for variant in variants(calls.type) if variant.name == name]
    runtime().bind()
    for seed in range(5):
        inventor = Inventor(seed)
        plain: Plain = {of: {name: inventor.fields(arm.fields, 0)} if arm.fields else name}
        written = book().encode(call_type, plain)
        call = runtime().call_codec.decode_all(written)
        entry = runtime().dispatchable(call)
        assert (entry.name, call.raw) == (name, written)
        parts = [part.encode(value) for (_, part), value in zip(entry.args, call.args, strict=True)]
        assert written[:2] + b"".join(parts) == written
        assert book().encode(call_type, book().decode(call_type, written)) == written


def test_the_events_of_a_block_are_read_by_the_metadata_alone() -> None:
    chain = DevChain()
    chain.send(BOB, chain.call("Balances", "burn", value=u128(5), keep_alive=True))
    chain.send(
        CHARLIE,
        chain.call("Balances", "transfer_keep_alive", dest=address(BOB), value=u128(10**30)),
    )
    hash = chain.seal()
    storage = pallet("System").storage
    assert storage is not None
    events = next(entry for entry in storage.entries if entry.name == "Events")
    raw_events = chain.client.state(hash).get(chain.runtime.system.events.prefix)
    assert raw_events is not None
    seen = book().decode(events.type.value, raw_events)
    assert isinstance(seen, list)
    shown = str(seen)
    assert "'Burned'" in shown
    assert "{'Token': 'FundsUnavailable'}" in shown
    assert book().encode(events.type.value, seen) == raw_events
