"""Metadata of real runtimes and of one that five client libraries read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from btt_chain.scale.metadata import (
    MapEntry,
    RuntimeMetadata,
    decode_metadata,
    encode_metadata,
)
from btt_chain.scale.portable import Portable
from support.vectors import vectors_dir

FILES = {
    "demo-v14.hex": 14,
    "demo-v15.hex": 15,
    "demo-v16.hex": 16,
    "wasm-minimal-template-v14.scale": 14,
    "wasm-minimal-template-v15.scale": 15,
}


def load(name: str) -> bytes:
    file: Path = vectors_dir() / "metadata" / name
    if file.suffix == ".hex":
        return bytes.fromhex(file.read_text().strip().removeprefix("0x"))
    return file.read_bytes()


@pytest.mark.parametrize(("name", "version"), FILES.items())
def test_metadata_comes_back_byte_for_byte(name: str, version: int) -> None:
    raw = load(name)
    found, metadata = decode_metadata(raw)
    assert found == version
    assert encode_metadata(metadata, version) == raw


def test_one_description_makes_all_versions() -> None:
    whole = everything()
    for version in (14, 15, 16):
        assert encode_metadata(whole, version) == load(f"demo-v{version}.hex")


def everything() -> RuntimeMetadata:
    """What the demo's three versions say, put together."""
    (_, old), (_, middle), (_, new) = (
        decode_metadata(load(f"demo-v{version}.hex")) for version in (14, 15, 16)
    )
    extrinsic = replace(
        new.extrinsic,
        type=old.extrinsic.type,
        extra=middle.extrinsic.extra,
        version=old.extrinsic.version,
    )
    return replace(new, extrinsic=extrinsic, type=old.type)


@pytest.mark.parametrize("name", FILES)
def test_every_default_and_constant_can_be_read_and_written(name: str) -> None:
    _, metadata = decode_metadata(load(name))
    book = Portable(metadata.types)
    for pallet in metadata.pallets:
        for constant in pallet.constants:
            value = book.decode(constant.type, constant.value)
            assert book.encode(constant.type, value) == constant.value
        if pallet.storage is None:
            continue
        for entry in pallet.storage.entries:
            kind = entry.type.value
            if entry.modifier:
                shown = book.decode(kind, entry.default)
                assert book.encode(kind, shown) == entry.default
            if isinstance(entry.type, MapEntry):
                assert book.name(entry.type.key)


def test_a_call_of_a_real_chain_by_name() -> None:
    _, metadata = decode_metadata(load("wasm-minimal-template-v15.scale"))
    book = Portable(metadata.types, read_account=bytes.fromhex)
    call = metadata.extrinsic.call
    assert call is not None
    dest = "11" * 32
    transfer: dict[str, object] = {"dest": dest, "value": 10**12}

    raw = book.encode(call, {"Balances": {"transfer_keep_alive": transfer}})  # type: ignore[dict-item]

    pallet = next(pallet for pallet in metadata.pallets if pallet.name == "Balances")
    assert raw.hex() == f"{pallet.index:02x}0300{dest}070010a5d4e8"
    assert book.decode(call, raw) == {
        "Balances": {"transfer_keep_alive": {"dest": {"Id": "0x" + dest}, "value": 10**12}}
    }
