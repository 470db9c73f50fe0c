from __future__ import annotations

import pytest

from btt_chain.primitives.account import (
    AccountData,
    AccountId,
    AccountInfo,
    Address20,
    Address32,
    EcdsaSignature,
    Ed25519Signature,
    ExtraFlags,
    Id,
    Index,
    MultiAddress,
    MultiSignature,
    Raw,
    Sr25519Signature,
)
from btt_chain.scale import EncodeError, codec, u32, u128
from btt_chain.scale.shape import VariantOf

ALICE = AccountId(b"\x0a" * 32)


@pytest.mark.parametrize(
    ("address", "wire"),
    [
        (Id(ALICE), "00" + "0a" * 32),
        (Index(()), "01"),
        (Raw(b"hi"), "02086869"),
        (Address32(bytes(32)), "03" + "00" * 32),
        (Address20(bytes(20)), "04" + "00" * 20),
    ],
)
def test_addresses(address: MultiAddress, wire: str) -> None:
    assert codec(MultiAddress).encode(address).hex() == wire
    assert codec(MultiAddress).decode_all(bytes.fromhex(wire)) == address


@pytest.mark.parametrize(
    ("signature", "wire"),
    [
        (Ed25519Signature(b"\1" * 64), "00" + "01" * 64),
        (Sr25519Signature(b"\2" * 64), "01" + "02" * 64),
        (EcdsaSignature(b"\3" * 65), "02" + "03" * 65),
    ],
)
def test_signatures(signature: MultiSignature, wire: str) -> None:
    assert codec(MultiSignature).encode(signature).hex() == wire
    assert codec(MultiSignature).decode_all(bytes.fromhex(wire)) == signature


def test_a_signature_of_the_wrong_length_has_no_wire_form() -> None:
    with pytest.raises(EncodeError):
        codec(MultiSignature).encode(Ed25519Signature(b"\1" * 65))


def test_signatures_are_named_as_clients_know_them() -> None:
    node = codec(MultiSignature).shape.node
    assert isinstance(node, VariantOf)
    assert [variant.name for variant in node.variants] == ["Ed25519", "Sr25519", "Ecdsa"]


def test_a_new_account_is_zeros_and_one_flag() -> None:
    assert codec(AccountInfo).encode(AccountInfo()) == bytes(79) + b"\x80"


def test_an_account_is_eighty_bytes_and_fresh_every_time() -> None:
    part = codec(AccountInfo)
    account = AccountInfo(u32(1), data=AccountData(u128(2), flags=ExtraFlags(3)))
    raw = part.encode(account)
    assert len(raw) == part.min_size == 80
    first, second = part.decode_all(raw), part.decode_all(raw)
    assert first == second == account
    first.data.free += 1
    assert second == account
    assert type(first.data.flags) is ExtraFlags
