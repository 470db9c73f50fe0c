from __future__ import annotations

import pytest

from btt_chain.scale import DecodeError, EncodeError, u8, u32
from btt_chain.scale.metadata import (
    Deprecated,
    EnumRef,
    ExtrinsicMetadata,
    OuterEnums,
    PalletMetadata,
    RuntimeMetadata,
    decode_metadata,
    encode_metadata,
)


def small() -> RuntimeMetadata:
    zero = u32(0)
    extrinsic = ExtrinsicMetadata(
        [], type=zero, address=zero, call=zero, signature=zero, extra=zero, by_version={u8(0): []}
    )
    calls = EnumRef(zero, {u8(3): Deprecated("use another", None)})
    pallet = PalletMetadata("System", u8(0), calls=calls, docs=["The base."])
    return RuntimeMetadata([], [pallet], extrinsic, type=zero, outer=OuterEnums(zero, zero, zero))


def test_each_version_says_what_it_can() -> None:
    whole = small()
    for version in (14, 15, 16):
        raw = encode_metadata(whole, version)
        found, metadata = decode_metadata(raw)
        assert found == version
        assert encode_metadata(metadata, version) == raw
        assert metadata.pallets[0].docs == ([] if version == 14 else ["The base."])
    calls = metadata.pallets[0].calls
    assert calls is not None
    assert calls.deprecation == {3: Deprecated("use another", None)}


def test_a_missing_part_is_named() -> None:
    whole = small()
    whole.outer = None
    whole.extrinsic.extra = None
    encode_metadata(whole, 14)
    with pytest.raises(EncodeError, match=r"metadata V15: outer, extrinsic\.extra missing"):
        encode_metadata(whole, 15)


def test_what_is_no_metadata_is_refused() -> None:
    raw = encode_metadata(small(), 14)
    for wrong, why in (
        (b"atem" + raw[4:], "magic"),
        (b"meta", "magic"),
        (b"meta\x0d" + raw[5:], "no version 13"),
        (raw + b"\0", "1 bytes too many"),
        (raw[:-1], "too early"),
    ):
        with pytest.raises(DecodeError, match=why):
            decode_metadata(wrong)
    with pytest.raises(EncodeError, match="no version 13"):
        encode_metadata(small(), 13)
