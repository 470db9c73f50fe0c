"""Accounts: ids, addresses, signatures, and the stored record.

The byte layouts and type names are Substrate's: wallets recognise accounts by them.
Source: sp_core::crypto, sp_runtime::{MultiAddress, MultiSignature}, frame_system and
pallet_balances (80 bytes per account).
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, TypeAlias

from btt_chain.lazyclass import dataclass
from btt_chain.scale import Compact, Fixed, FixedBytes, Path, TypeName, Variant, path, u32, u128


class AccountId(FixedBytes, size=32, path="sp_core::crypto::AccountId32"):
    """An account id: a public key, or blake2_256 of one, or an id without a key."""

    __slots__ = ()


# --- addresses --------------------------------------------------------------


class Id(Variant, index=0, unnamed=True):
    """An account by its id: the usual way."""

    account: AccountId


class Index(Variant, index=1, unnamed=True):
    """An account by its index. Accounts have no indices here, so this is empty."""

    index: Annotated[Compact[tuple[()]], TypeName("AccountIndex")]


class Raw(Variant, index=2, unnamed=True):
    """An account by bytes of another meaning."""

    data: bytes


class Address32(Variant, index=3, unnamed=True):
    """An account by 32 bytes that are not its id."""

    data: Annotated[bytes, Fixed(32)]


class Address20(Variant, index=4, unnamed=True):
    """An account by 20 bytes, as in Ethereum."""

    data: Annotated[bytes, Fixed(20)]


MultiAddress: TypeAlias = Annotated[
    Id | Index | Raw | Address32 | Address20,
    Path(
        "sp_runtime::multiaddress::MultiAddress",
        params={"AccountId": AccountId, "AccountIndex": tuple[()]},
    ),
]


# --- signatures -------------------------------------------------------------


class Ed25519Signature(Variant, index=0, unnamed=True, name="Ed25519"):
    """A signature of an ed25519 key (RFC 8032, validated as in ZIP 215)."""

    signature: Annotated[bytes, Fixed(64), TypeName("ed25519::Signature")]


class Sr25519Signature(Variant, index=1, unnamed=True, name="Sr25519"):
    """A Schnorr signature over Ristretto, in the context `substrate`."""

    signature: Annotated[bytes, Fixed(64), TypeName("sr25519::Signature")]


class EcdsaSignature(Variant, index=2, unnamed=True, name="Ecdsa"):
    """A recoverable secp256k1 signature over blake2_256: r, s, and v from 0 to 3."""

    signature: Annotated[bytes, Fixed(65), TypeName("ecdsa::Signature")]


MultiSignature: TypeAlias = Annotated[
    Ed25519Signature | Sr25519Signature | EcdsaSignature, Path("sp_runtime::MultiSignature")
]


# --- the record --------------------------------------------------------------


class ExtraFlags(u128, path="pallet_balances::types::ExtraFlags"):
    """Flags of an account; the highest marks freezes and holds of the new kind."""

    __slots__ = ()


NEW_LOGIC = ExtraFlags(1 << 127)
"""Flags of every account created here."""

Nonce: TypeAlias = Annotated[u32, TypeName("Nonce")]
RefCount: TypeAlias = Annotated[u32, TypeName("RefCount")]
Balance: TypeAlias = Annotated[u128, TypeName("Balance")]


@path("pallet_balances::types::AccountData", params={"Balance": u128})
@dataclass(slots=True)
class AccountData:
    """The balance of one account, in planck."""

    free: Balance = u128(0)
    """Balance that can be transferred, as far as it is not frozen."""
    reserved: Balance = u128(0)
    """Balance that is held for a purpose and still belongs to the account."""
    frozen: Balance = u128(0)
    """Minimum of free and reserved balance together."""
    flags: ExtraFlags = NEW_LOGIC


@path("frame_system::AccountInfo", params={"Nonce": u32, "AccountData": AccountData})
@dataclass(slots=True)
class AccountInfo:
    """The record of one account: 80 bytes."""

    nonce: Nonce = u32(0)
    """Nonce of the account's next transaction. The first may be above 0."""
    consumers: RefCount = u32(0)
    """Number of modules that need the account to exist."""
    providers: RefCount = u32(0)
    """Number of modules that keep the account alive; at zero it is removed."""
    sufficients: RefCount = u32(0)
    """Number of modules that keep the account alive for their own purpose only."""
    data: AccountData = field(default_factory=AccountData)
