"""Accounts: who they are, how they are addressed, how they sign, what is kept of them.

The byte layouts and type names are Substrate's: wallets recognise accounts by them.
Source: sp_core::crypto, sp_runtime::{MultiAddress, MultiSignature}, frame_system and
pallet_balances (80 bytes per account).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, TypeAlias

from btt_chain.scale import Compact, Fixed, FixedBytes, Path, TypeName, Variant, path, u32, u128


class AccountId(FixedBytes, size=32, path="sp_core::crypto::AccountId32"):
    """An account: a public key, or blake2_256 of one, or an id that nobody can sign for."""

    __slots__ = ()


# --- addresses --------------------------------------------------------------


class Id(Variant, index=0, unnamed=True):
    """An account by its id: the usual way."""

    account: AccountId


class Index(Variant, index=1, unnamed=True):
    """An account by its index. Accounts have no indices here, so this carries nothing."""

    index: Annotated[Compact[tuple[()]], TypeName("AccountIndex")]


class Raw(Variant, index=2, unnamed=True):
    """An account by bytes of some other meaning."""

    data: bytes


class Address32(Variant, index=3, unnamed=True):
    """An account by 32 bytes that are not its id."""

    data: Annotated[bytes, Fixed(32)]


class Address20(Variant, index=4, unnamed=True):
    """An account by 20 bytes, as Ethereum has it."""

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
    """A signature of an ed25519 key (RFC 8032, verdicts as in ZIP 215)."""

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


# --- what is kept -----------------------------------------------------------


class ExtraFlags(u128, path="pallet_balances::types::ExtraFlags"):
    """Bits about an account; the highest says that its freezes and holds are of the new kind."""

    __slots__ = ()


NEW_LOGIC = ExtraFlags(1 << 127)
"""The flags of every account made here."""

Nonce: TypeAlias = Annotated[u32, TypeName("Nonce")]
RefCount: TypeAlias = Annotated[u32, TypeName("RefCount")]
Balance: TypeAlias = Annotated[u128, TypeName("Balance")]


@path("pallet_balances::types::AccountData", params={"Balance": u128})
@dataclass(slots=True)
class AccountData:
    """The money of one account, in planck."""

    free: Balance = u128(0)
    """What can be sent, as far as it is not frozen."""
    reserved: Balance = u128(0)
    """What is held for a purpose and still belongs to the account."""
    frozen: Balance = u128(0)
    """How much of free and reserved together must stay."""
    flags: ExtraFlags = NEW_LOGIC


@path("frame_system::AccountInfo", params={"Nonce": u32, "AccountData": AccountData})
@dataclass(slots=True)
class AccountInfo:
    """All that is kept of one account: 80 bytes."""

    nonce: Nonce = u32(0)
    """The number of the account's next transaction. The first may be above 0."""
    consumers: RefCount = u32(0)
    """How many modules need the account to stay."""
    providers: RefCount = u32(0)
    """How many modules keep the account alive; at zero it goes."""
    sufficients: RefCount = u32(0)
    """How many modules keep the account alive for their own sake alone."""
    data: AccountData = field(default_factory=AccountData)
