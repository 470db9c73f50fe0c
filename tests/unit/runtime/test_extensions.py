"""Transaction extensions: the order in which wallets sign, and the bytes they give."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives.digest import H256
from btt_chain.primitives.era import Era, Immortal, Mortal
from btt_chain.scale import codec, encode, u32, u128
from runtime.extensions import (
    EXTENSIONS,
    IMPLICIT,
    SIGNED_EXTRA,
    ChargeTransactionPayment,
    CheckGenesis,
    CheckMetadataHash,
    CheckMortality,
    CheckNonce,
    CheckNonZeroSender,
    CheckSpecVersion,
    CheckTxVersion,
    CheckWeight,
    Extra,
    Implicit,
    MetadataHashMode,
    SignedExtra,
)

eras: st.SearchStrategy[Era] = st.just(Immortal()) | st.builds(
    Mortal.at, st.integers(0, 2**32 - 1), st.sampled_from([4, 8, 64, 2_048, 65_536])
)
modes = st.sampled_from(MetadataHashMode)
hashes = st.binary(min_size=32, max_size=32)


def test_the_order_is_the_one_in_which_wallets_sign() -> None:
    assert [name for name, _, _ in EXTENSIONS] == [
        "CheckNonZeroSender",
        "CheckSpecVersion",
        "CheckTxVersion",
        "CheckGenesis",
        "CheckMortality",
        "CheckNonce",
        "CheckWeight",
        "ChargeTransactionPayment",
        "CheckMetadataHash",
    ]


@given(era=eras, nonce=st.integers(0, 2**32 - 1), tip=st.integers(0, 2**128 - 1), mode=modes)
def test_the_parts_in_a_row_are_what_a_transaction_carries(
    era: Era, nonce: int, tip: int, mode: MetadataHashMode
) -> None:
    parts = (
        CheckNonZeroSender(),
        CheckSpecVersion(),
        CheckTxVersion(),
        CheckGenesis(),
        CheckMortality(era),
        CheckNonce(u32(nonce)),
        CheckWeight(),
        ChargeTransactionPayment(u128(tip)),
        CheckMetadataHash(mode),
    )
    row = b"".join(
        carried.encode(part) for (_, carried, _), part in zip(EXTENSIONS, parts, strict=True)
    )
    extra = SignedExtra(era, u32(nonce), u128(tip), mode)
    assert SIGNED_EXTRA.encode(extra) == row == codec(Extra).encode(parts)
    assert SIGNED_EXTRA.decode_all(row) == extra


@given(
    spec=st.integers(0, 2**32 - 1),
    version=st.integers(0, 2**32 - 1),
    genesis=hashes,
    birth=hashes,
    metadata_hash=st.none() | hashes,
)
def test_the_parts_in_a_row_are_what_is_only_signed(
    spec: int, version: int, genesis: bytes, birth: bytes, metadata_hash: bytes | None
) -> None:
    parts: tuple[object, ...] = (
        (),
        u32(spec),
        u32(version),
        H256(genesis),
        H256(birth),
        (),
        (),
        (),
        metadata_hash,
    )
    row = b"".join(
        implicit.encode(part) for (_, _, implicit), part in zip(EXTENSIONS, parts, strict=True)
    )
    implicit = Implicit(u32(spec), u32(version), H256(genesis), H256(birth), metadata_hash)
    assert IMPLICIT.encode(implicit) == row


def test_a_transaction_of_a_wallet_carries_these_bytes() -> None:
    """Era, compact nonce, compact tip, mode: written down by hand from docs/wire.md."""
    extra = SignedExtra(Mortal(64, 10), u32(3), u128(64), MetadataHashMode.Disabled)
    assert SIGNED_EXTRA.encode(extra).hex() == "a500" + "0c" + "0101" + "00"
    immortal = SignedExtra(Immortal(), u32(0), u128(0), MetadataHashMode.Disabled)
    assert SIGNED_EXTRA.encode(immortal).hex() == "00000000"


def test_without_a_metadata_hash_one_byte_is_signed() -> None:
    zero = H256(bytes(32))
    signed = IMPLICIT.encode(Implicit(u32(100), u32(1), zero, zero, None))
    assert signed == encode(u32, u32(100)) + encode(u32, u32(1)) + bytes(64) + b"\0"
