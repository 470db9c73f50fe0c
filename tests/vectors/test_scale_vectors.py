"""Compact integers, eras, accounts and extrinsics as polkadot.js makes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from btt_chain.primitives.account import AccountData, AccountInfo, ExtraFlags, Id
from btt_chain.primitives.digest import H256
from btt_chain.primitives.era import Era, Mortal
from btt_chain.primitives.extrinsic import (
    ExtrinsicKind,
    decode_extrinsic,
    extrinsic_hash,
    opaque,
    signing_payload,
    unwrap,
)
from btt_chain.primitives.header import Header
from btt_chain.scale import Compact, codec, compact_decode, compact_encode, u8, u32, u128
from support.vectors import vectors_dir

EXTRA = codec(tuple[Era, Compact[u32], Compact[u128], u8])
IMPLICIT = codec(tuple[u32, u32, H256, H256, H256 | None])


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((vectors_dir() / "client-generated.json").read_text())
    return loaded


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def test_compact_integers(made: dict[str, Any]) -> None:
    for number, wire in made["compact"]:
        assert compact_encode(int(number)) == unhex(wire)
        assert compact_decode(unhex(wire), 0) == (int(number), len(unhex(wire)))


def test_eras(made: dict[str, Any]) -> None:
    for case in made["era"]:
        era = codec(Era).decode_all(unhex(case["hex"]))
        assert codec(Era).encode(era) == unhex(case["hex"])
        assert era == Mortal(case["decodedPeriod"], case["phase"])
        assert era == Mortal.at(case["current"], case["period"])
        assert era.birth(case["current"]) == case["birth"]
        assert era.death(case["current"]) == case["death"]


def test_a_header(made: dict[str, Any]) -> None:
    header = Header.decode(unhex(made["header"]["hex"]))
    assert header.encode() == unhex(made["header"]["hex"])
    assert header.hash().to_hex() == made["header"]["hash"]
    assert header.number == made["header"]["json"]["number"]
    assert header.to_json()["parentHash"] == made["header"]["json"]["parentHash"]


def test_accounts(made: dict[str, Any]) -> None:
    for case in made["accountInfo"]:
        shown, data = case["json"], case["json"]["data"]
        account = AccountInfo(
            u32(shown["nonce"]),
            u32(shown["consumers"]),
            u32(shown["providers"]),
            u32(shown["sufficients"]),
            AccountData(
                u128(int(data["free"])),
                u128(int(data["reserved"])),
                u128(int(data["frozen"])),
                ExtraFlags(int(data["flags"])),
            ),
        )
        assert codec(AccountInfo).encode(account) == unhex(case["hex"])
        assert codec(AccountInfo).decode_all(unhex(case["hex"])) == account


def test_signed_extrinsics(made: dict[str, Any]) -> None:
    for case in made["extrinsics"]:
        inner = unwrap(unhex(case["extrinsic"]))
        opened = decode_extrinsic(inner, EXTRA)
        assert (opened.version, opened.kind) == (4, ExtrinsicKind.SIGNED)
        assert isinstance(opened.address, Id)
        assert opened.call_raw == unhex(case["callHex"])
        assert isinstance(opened.extra, tuple)
        assert opened.extra[1:] == (case["nonce"], case["tip"], 0)
        assert opened.encode() == inner
        assert opaque(inner) == unhex(case["extrinsic"])
        assert extrinsic_hash(inner).to_hex() == case["hash"]


def test_what_is_signed(made: dict[str, Any]) -> None:
    for case in made["extrinsics"]:
        opened = decode_extrinsic(unwrap(unhex(case["extrinsic"])), EXTRA)
        implicit = IMPLICIT.encode(
            (
                u32(case["specVersion"]),
                u32(case["transactionVersion"]),
                H256.from_hex(case["genesisHash"]),
                H256.from_hex(case["blockHash"]),
                None,
            )
        )
        assert opened.call_raw + opened.extra_raw + implicit == unhex(case["signingPayload"])
        payload = signing_payload(opened.call_raw, opened.extra_raw, implicit)
        assert payload == unhex(case["signedBytes"])


def test_an_inherent(made: dict[str, Any]) -> None:
    inner = unwrap(unhex(made["unsigned"]["timestamp_set"]))
    opened = decode_extrinsic(inner, EXTRA)
    assert (opened.version, opened.kind) == (4, ExtrinsicKind.BARE)
    assert opened.encode() == inner
