"""Chains of others: how their addresses, signatures, symbols and prefixes are written."""

from __future__ import annotations

from typing import Any

import pytest

from btt_chain.client.amount import AmountError, Currency
from btt_chain.client.chain import read_chain_metadata, read_properties
from btt_chain.client.errors import InvalidAnswer, Undecodable
from btt_chain.client.extrinsics import signed_head, without_signature
from btt_chain.client.metadata import ChainMetadata
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.primitives.extrinsic import opaque
from btt_chain.scale import u32
from btt_chain.scale.metadata import (
    ArrayDef,
    PortableType,
    RuntimeMetadata,
    decode_metadata,
    encode_metadata,
)
from support.vectors import vectors_dir

ALICE = KeyPair.from_uri("//Alice").public
SIGNATURE = bytes(range(64))


def changed(change: Any) -> bytes:
    """Metadata of a chain (V14), changed by a function."""
    text = (vectors_dir() / "metadata" / "demo-v14.hex").read_text().strip()
    version, metadata = decode_metadata(bytes.fromhex(text.removeprefix("0x")))
    change(metadata)
    return encode_metadata(metadata, version)


def same(metadata: RuntimeMetadata) -> None:
    pass


def type_at(metadata: RuntimeMetadata, *path: str) -> int:
    return next(at for at, each in enumerate(metadata.types) if each.path == [*path])


def parameter(metadata: RuntimeMetadata, name: str, type_id: int) -> None:
    """Set a parameter of the type of extrinsics."""
    for each in metadata.types:
        if each.path[-1:] == ["UncheckedExtrinsic"]:
            for param in each.params:
                if param.name == name:
                    param.type = u32(type_id)


def plain(metadata: RuntimeMetadata) -> None:
    parameter(metadata, "Address", type_at(metadata, "sp_core", "crypto", "AccountId32"))


def twenty(metadata: RuntimeMetadata) -> None:
    account = metadata.types[type_at(metadata, "sp_core", "crypto", "AccountId32")]
    account.path = ["account", "AccountId20"]
    definition: Any = account.definition
    array: Any = metadata.types[definition.fields[0].type].definition
    metadata.types.append(PortableType([], [], ArrayDef(u32(20), array.item)))
    definition.fields[0].type = u32(len(metadata.types) - 1)


def one_scheme(metadata: RuntimeMetadata) -> None:
    array: Any = metadata.types[type_at(metadata, "sp_core", "crypto", "AccountId32")].definition
    item: Any = metadata.types[array.fields[0].type].definition
    bytes64 = PortableType(["sp_core", "sr25519", "Signature"], [], ArrayDef(u32(64), item.item))
    metadata.types.append(bytes64)
    parameter(metadata, "Signature", len(metadata.types) - 1)


def head(change: Any, scheme: Scheme = Scheme.SR25519) -> bytes:
    return signed_head(ChainMetadata(changed(change)), ALICE, scheme, SIGNATURE)


def test_an_address_is_encoded_as_the_metadata_describe_it() -> None:
    assert head(same) == b"\x84\0" + ALICE + b"\1" + SIGNATURE
    assert head(plain) == b"\x84" + ALICE + b"\1" + SIGNATURE
    assert head(one_scheme) == b"\x84\0" + ALICE + SIGNATURE
    assert head(same, Scheme.ED25519)[34:35] == b"\0"


def test_accounts_and_signatures_of_another_kind_are_refused_before_anything_is_signed() -> None:
    with pytest.raises(Undecodable, match="accounts of 32 bytes"):
        head(twenty)
    with pytest.raises(Undecodable, match="not those of ed25519 keys"):
        head(one_scheme, Scheme.ED25519)


@pytest.mark.parametrize("change", [same, plain, one_scheme])
def test_a_signature_is_removed_wherever_it_stands(change: Any) -> None:
    metadata = ChainMetadata(changed(change))
    first = signed_head(metadata, ALICE, Scheme.SR25519, SIGNATURE)
    bare = signed_head(metadata, ALICE, Scheme.SR25519, bytes(64))
    assert without_signature(opaque(first + b"rest"), metadata) == opaque(bare + b"rest")


@pytest.mark.parametrize(
    "symbol", ["P3D", "τ", "VERYLONGSYMBOL", "xc.USD", "3DP", "A_B", "a b", "€", "x" * 32]
)
def test_an_odd_symbol_is_shown_as_it_is_and_typed_as_it_is_shown(symbol: str) -> None:
    currency, _ = read_properties({"tokenSymbol": symbol, "tokenDecimals": "12"})
    assert (currency.symbol, currency.decimals) == (symbol, 12)
    assert currency.format(1_500_000_000_000) == f"1.5 {symbol}"
    assert currency.parse(f"1.5 {symbol}") == 1_500_000_000_000


@pytest.mark.parametrize(
    "text", ["1.5.5UNIT", "1..5UNIT", "UNIT", "1.5 U NIT", "1.5_UNIT", "1-UNIT"]
)
def test_what_is_no_amount_stays_refused(text: str) -> None:
    with pytest.raises(AmountError):
        Currency("UNIT", 12).parse(text)


@pytest.mark.parametrize(
    "symbol", ["x" * 33, " x", "a\u202eb", "a\n", "Planck", "btt", "mBTT", "MBTT", "000 X", ".5 X"]
)
def test_a_symbol_that_hides_something_is_refused(symbol: str) -> None:
    with pytest.raises(InvalidAnswer, match="symbol"):
        read_properties({"tokenSymbol": symbol, "tokenDecimals": 12})


@pytest.mark.parametrize(
    ("properties", "prefix"),
    [({"ss58Format": 46}, 42), ({"ss58Format": 2}, 2), ({"ss58Format": [7, 8]}, 7)],
)
def test_a_prefix_is_that_of_the_properties_but_a_reserved_one(
    properties: Any, prefix: int
) -> None:
    assert read_chain_metadata(changed(same), properties).prefix == prefix


@pytest.mark.parametrize("properties", [None, {}, {"ss58Format": None}])
def test_a_prefix_that_properties_lack_is_that_of_the_runtime(properties: Any) -> None:
    def other(metadata: RuntimeMetadata) -> None:
        for pallet in metadata.pallets:
            for constant in pallet.constants:
                if (pallet.name, constant.name) == ("System", "SS58Prefix"):
                    size = len(constant.value)
                    constant.value = (71).to_bytes(size, "little")

    assert read_chain_metadata(changed(other), properties).prefix == 71
