"""Types of a chain's metadata have rules, and decoded values take the form that these present."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from btt_chain.client.chain import read_chain_metadata
from btt_chain.client.metadata import ChainMetadata
from btt_chain.client.presented import (
    MAX_NESTING,
    PresentedTypes,
    StoredRecords,
    Undescribed,
    key_names,
    presented_types,
)
from btt_chain.present import Context, Unfit, record
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.scale import compact_decode, u8, u32, u64, u128
from btt_chain.scale.metadata import (
    CompactDef,
    CompositeDef,
    MapEntry,
    PortableField,
    PortableType,
    PortableVariant,
    RuntimeMetadata,
    SequenceDef,
    StorageEntry,
    StorageHasher,
    StorageModifier,
    TupleDef,
    TypeDef,
    VariantDef,
)
from btt_chain.scale.portable import Plain
from runtime import BttRuntime
from runtime.apis.metadata import metadata
from runtime.pallets.assets.types import AssetDetails
from runtime.params import RuntimeParams
from unit.client.test_other_chains import changed, same, type_at

METADATA = Path(__file__).parents[2] / "vectors" / "metadata"
SHOWN = Context(slot_ms=6_000, genesis_ms=1_800_000_000_000)


@pytest.fixture(scope="module")
def chain() -> ChainMetadata:
    runtime = BttRuntime(RuntimeParams(u64(6_000)))
    runtime.bind()
    return ChainMetadata(metadata(runtime, 15))


@pytest.fixture(scope="module")
def polkadot() -> ChainMetadata:
    raw = lzma.decompress((METADATA / "polkadot-v15.scale.xz").read_bytes())
    _, start = compact_decode(raw, 1)
    return ChainMetadata(raw[start:])


def entry_of(chain: ChainMetadata, path: str) -> StorageEntry:
    return chain.items.storage(path)[1]


@pytest.mark.parametrize("name", ["chain", "polkadot"])
def test_each_default_of_a_storage_item_is_presented(
    name: str, request: pytest.FixtureRequest
) -> None:
    chain: ChainMetadata = request.getfixturevalue(name)
    tried = 0
    for pallet in chain.items.runtime.pallets:
        for entry in pallet.storage.entries if pallet.storage else []:
            records = StoredRecords(chain, entry)
            value = records.value(None)
            if value is not None:
                assert records.value_rule.text(value, SHOWN) is not None
                records.value_rule.json(value, SHOWN)
                records.value_rule.html(value, SHOWN)
                tried += 1
    assert tried > 50


def test_an_entry_of_a_map_is_a_record_of_its_key_and_the_fields_of_its_value(
    chain: ChainMetadata,
) -> None:
    entry = entry_of(chain, "Exchange.Orders")
    records = StoredRecords(chain, entry)
    pallet, _ = chain.items.storage("Exchange.Orders")
    key, _ = chain.storage.key(pallet, entry, ["17"])
    order: dict[str, Plain] = {
        "owner": "0x" + "11" * 32, "asset": 3, "side": "Buy", "price": 5 * 10**18, "slot": 600,
        "units": 7, "escrow": 35, "maker_bps": 10, "taker_bps": 25, "until": None, "charged": 0,
    }  # fmt: skip
    row = records.record(key, chain.items.types.encode(entry.type.value, order))

    assert records.rule.parts[0].name == "key"
    shown = records.rule.labelled(row, Context(0, chain.currency, 6_000, 1_800_000_000_000))
    assert (shown["key"], shown["side"], shown["price"]) == ("17", "buy", "5 BTT")
    assert (shown["maker bps"], shown["slot"], shown["until"]) == (
        "0.1 %", "2027-01-15 09:00 UTC", "-",
    )  # fmt: skip
    json = records.rule.json(row, SHOWN)
    assert (json["makerBps"], json["price"], json["side"]) == (10, str(5 * 10**18), "Buy")


def test_a_value_beside_a_key_of_the_same_name_is_one_field(chain: ChainMetadata) -> None:
    records = StoredRecords(chain, entry_of(chain, "Balances.TotalIssuance"))
    assert [part.name for part in records.rule.parts] == ["value"]
    assert records.value((10**18).to_bytes(16, "little")) == 10**18
    assert records.value_rule.text(10**18, Context(currency=chain.currency)) == "1 BTT"
    names = [name for name, _ in key_names(chain, entry_of(chain, "Oracle.RawValues"))]
    assert names == ["account", "key"]


def test_bytes_are_text_if_they_are_text(chain: ChainMetadata) -> None:
    call = next(v for v in chain.items.calls(chain.items.pallet("System")) if v.name == "remark")
    types = presented_types(chain)
    rule = types.rule(call.fields[0].type)
    for typed, raw in (("Milk", b"Milk"), ("0x00ff", b"\0\xff"), ("早安", "早安".encode())):
        assert rule.parse(typed, SHOWN) == raw
        assert rule.text(raw, SHOWN) == typed
        assert rule.json(raw, SHOWN) == "0x" + raw.hex()
    assert rule.text(b"0x12", SHOWN) == "0x30783132"
    assert rule.html(b"<b>", SHOWN) == "&lt;b&gt;"
    with pytest.raises(Unfit):
        rule.parse("0x1", SHOWN)


def test_balances_of_assets_are_units_and_deposits_are_money(chain: ChainMetadata) -> None:
    shown_as = Context(currency=chain.currency)

    def row(path: str, keys: list[Plain], value: Plain) -> dict[str, str]:
        pallet, entry = chain.items.storage(path)
        key, _ = chain.storage.key(pallet, entry, keys)
        records = StoredRecords(chain, entry)
        raw = chain.items.types.encode(entry.type.value, value)
        return records.rule.labelled(records.record(key, raw), shown_as)

    who = "0x" + "11" * 32
    asset = row(
        "Assets.Asset", [1], {
            "owner": who, "issuer": who, "admin": who, "freezer": who, "supply": 10**18,
            "deposit": 10**18, "min_balance": 1, "is_sufficient": False, "accounts": 1,
            "sufficients": 0, "approvals": 0, "status": "Live",
        },
    )  # fmt: skip
    assert (asset["supply"], asset["deposit"], asset["min balance"]) == (
        "1_000_000_000_000_000_000", "1 BTT", "1",
    )  # fmt: skip
    account = row(
        "Assets.Account", [1, who],
        {"balance": 7, "status": "Liquid", "reason": {"DepositHeld": 10**18}, "extra": None},
    )  # fmt: skip
    assert account["balance"] == "7"
    assert "1 BTT" in account["reason"]
    transfer = chain.arguments.encode_call("Assets.transfer", ["1", who, "5"])
    assert chain.decoder.call(transfer).shown["amount"] == "5"
    assert record(AssetDetails).parts[4].rule.text(u128(5), shown_as) == "5"


def test_a_call_has_no_python_type_and_is_shown_by_its_name(chain: ChainMetadata) -> None:
    types, kind = presented_types(chain), chain.items.call_type
    rule = types.rule(kind)
    assert isinstance(rule, Undescribed)
    call = {"Balances": {"burn": {"value": 10**18, "keep_alive": True}}}
    assert rule.text(call, SHOWN) == "Balances.burn(value: 1 BTT, keep_alive: true)"
    with pytest.raises(Unfit):
        rule.read(call, SHOWN)


def test_types_of_hostile_metadata_have_no_python_type_and_do_no_harm() -> None:
    kinds: list[u32] = []

    def add(metadata: RuntimeMetadata, definition: TypeDef) -> u32:
        metadata.types.append(PortableType(["Odd"], [], definition))
        return u32(len(metadata.types) - 1)

    def hostile(metadata: RuntimeMetadata) -> None:
        account = u32(type_at(metadata, "sp_core", "crypto", "AccountId32"))
        own = u32(len(metadata.types))
        kinds.append(add(metadata, SequenceDef(own)))
        twice = [PortableField("a", account), PortableField("a", account)]
        kinds.append(add(metadata, CompositeDef(twice)))
        kinds.append(add(metadata, CompositeDef([PortableField("not a name", account)])))
        kinds.append(add(metadata, VariantDef([])))
        deep = account
        for _ in range(MAX_NESTING + 2):
            deep = add(metadata, SequenceDef(deep))
        kinds.append(deep)
        kinds.append(add(metadata, CompositeDef([PortableField("\ufb01", account)])))
        both = [PortableField("class", account), PortableField("class_", account)]
        kinds.append(add(metadata, CompositeDef(both)))
        kinds.append(add(metadata, CompositeDef([PortableField("__init__", account)])))
        kinds.append(add(metadata, VariantDef([PortableVariant("mro", [], u8(0))])))
        itself = u32(len(metadata.types))
        add(metadata, CompactDef(itself))
        kinds.append(add(metadata, CompositeDef([PortableField("a", itself)])))
        wide = account
        for _ in range(MAX_NESTING - 4):
            wide = add(metadata, TupleDef([wide, wide]))
        kinds.append(wide)
        kinds.append(add(metadata, CompositeDef([PortableField("a", u32(99_999))])))
        same_key = [PortableField("a_b", account), PortableField("aB", account)]
        kinds.append(add(metadata, CompositeDef(same_key)))
        for names in (["__hash__", "A"], ["_a", "b"], ["Ж", "Я"], ["AB", "A_B"], ["Foo", "foo"]):
            plain = [PortableVariant(name, [], u8(at)) for at, name in enumerate(names)]
            kinds.append(add(metadata, VariantDef(plain)))
        for name in ("kind", "self", "NAME"):
            field = PortableField(name, account)
            kinds.append(add(metadata, VariantDef([PortableVariant("A", [field], u8(0))])))
        kinds.append(add(metadata, CompositeDef([PortableField("class", account)])))

    chain = read_chain_metadata(changed(hostile), {})
    *odd, keyword = kinds
    assert [presented_types(chain).annotation(kind) for kind in odd] == [None] * len(odd)
    value = presented_types(chain).value(keyword, {"class": "0x" + "11" * 32})
    assert vars(value) == {"class_": AccountId(b"\x11" * 32)}
    address = ss58.encode(b"\x11" * 32)
    assert presented_types(chain).rule(keyword).json(value, SHOWN) == {"class": address}


def test_options_in_options_and_without_variants_are_shown_as_they_are_encoded() -> None:
    kinds: list[u32] = []

    def hostile(metadata: RuntimeMetadata) -> None:
        inner = u32(type_at(metadata, "sp_core", "crypto", "AccountId32"))
        for _ in range(2):
            some = PortableVariant("Some", [PortableField(None, inner)], u8(1))
            variants = VariantDef([PortableVariant("None", [], u8(0)), some])
            metadata.types.append(PortableType(["Option"], [], variants))
            inner = u32(len(metadata.types) - 1)
        metadata.types.append(PortableType(["Option"], [], VariantDef([])))
        kinds.extend([inner, u32(len(metadata.types) - 1)])

    chain = read_chain_metadata(changed(hostile), {})
    types, (nested, empty) = presented_types(chain), kinds
    assert types.annotation(empty) is None
    texts = [
        types.rule(nested).text(types.value(nested, chain.items.types.decode(nested, raw)), SHOWN)
        for raw in (b"\0", b"\1\0")
    ]
    assert texts == ["none", "{Some: none}"]


def test_a_field_whose_name_ends_with_an_underscore_is_read() -> None:
    def odd(metadata: RuntimeMetadata) -> None:
        account = u32(type_at(metadata, "sp_core", "crypto", "AccountId32"))
        field = PortableField("type_", account)
        metadata.types.append(PortableType(["Odd"], [], CompositeDef([field])))

    chain = read_chain_metadata(changed(odd), {})
    types, kind = presented_types(chain), len(chain.items.types.types) - 1
    value = types.value(kind, chain.items.types.decode(kind, b"\x11" * 32))
    assert types.rule(kind).json(value, SHOWN) == {"type": ss58.encode(b"\x11" * 32)}


def test_an_entry_whose_record_has_a_field_called_value_is_shown() -> None:
    def odd(metadata: RuntimeMetadata) -> None:
        account = u32(type_at(metadata, "sp_core", "crypto", "AccountId32"))
        fields = [PortableField("value", account), PortableField("other", account)]
        metadata.types.append(PortableType(["Odd"], [], CompositeDef(fields)))
        record = u32(len(metadata.types) - 1)
        storage = next(p.storage for p in metadata.pallets if p.name == "Balances")
        assert storage is not None
        kind = MapEntry([StorageHasher.Identity], account, record)
        storage.entries.append(StorageEntry("Odd", StorageModifier.Optional, kind, b"", []))

    chain = read_chain_metadata(changed(odd), {})
    records = StoredRecords(chain, entry_of(chain, "Balances.Odd"))
    pallet, entry = chain.items.storage("Balances.Odd")
    key, _ = chain.storage.key(pallet, entry, ["0x" + "11" * 32])
    row = records.record(key, b"\x22" * 32 + b"\x33" * 32)
    assert records.rule.labelled(row, SHOWN) == {
        name: ss58.encode(bytes([octet]) * 32)
        for name, octet in (("account", 0x11), ("value", 0x22), ("other", 0x33))
    }


def test_types_are_kinds_once_for_each_metadata() -> None:
    chain = read_chain_metadata(changed(same), {})
    assert presented_types(chain) is presented_types(chain)
    assert isinstance(presented_types(chain), PresentedTypes)
