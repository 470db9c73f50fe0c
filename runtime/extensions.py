"""Transaction extensions: what every signed transaction carries besides its call, and the checks
it passes, in the order in which wallets sign.

Four values travel (era, nonce, tip, mode), five are only signed (versions, genesis hash, hash of
the era's first block, metadata hash). The nine names below are what the metadata shows; their
parts in a row are exactly `SignedExtra` and `Implicit`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Final

from btt_chain.primitives.digest import H256
from btt_chain.primitives.era import Era
from btt_chain.scale import Codec, Compact, Fixed, TypeName, codec, path, u32, u128


@path("frame_metadata_hash_extension::Mode")
class MetadataHashMode(IntEnum):
    """Whether the signature covers a hash of the metadata."""

    Disabled = 0
    Enabled = 1


@dataclass(slots=True)
class SignedExtra:
    """What a transaction carries. Tip in planck."""

    era: Era
    nonce: Compact[u32]
    tip: Compact[u128]
    mode: MetadataHashMode


@dataclass(slots=True)
class Implicit:
    """What a transaction's signature covers besides what it carries."""

    spec_version: u32
    transaction_version: u32
    genesis_hash: H256
    birth_hash: H256
    metadata_hash: Annotated[bytes, Fixed(32)] | None


SIGNED_EXTRA: Final[Codec[SignedExtra]] = codec(SignedExtra)
IMPLICIT: Final[Codec[Implicit]] = codec(Implicit)

# ---- what the metadata shows


@path("frame_system::extensions::check_non_zero_sender::CheckNonZeroSender", params={"T": None})
@dataclass(slots=True)
class CheckNonZeroSender:
    """The sender is not the all-zero account, which nobody has the key of."""


@path("frame_system::extensions::check_spec_version::CheckSpecVersion", params={"T": None})
@dataclass(slots=True)
class CheckSpecVersion:
    """The transaction was made for this version of the runtime."""


@path("frame_system::extensions::check_tx_version::CheckTxVersion", params={"T": None})
@dataclass(slots=True)
class CheckTxVersion:
    """The transaction was made for this version of the transaction format."""


@path("frame_system::extensions::check_genesis::CheckGenesis", params={"T": None})
@dataclass(slots=True)
class CheckGenesis:
    """The transaction was made for this chain."""


@path("frame_system::extensions::check_mortality::CheckMortality", params={"T": None}, unnamed=True)
@dataclass(slots=True)
class CheckMortality:
    """The transaction is alive at this block."""

    era: Annotated[Era, TypeName("Era")]


@path("frame_system::extensions::check_nonce::CheckNonce", params={"T": None}, unnamed=True)
@dataclass(slots=True)
class CheckNonce:
    """The transaction is the sender's next one."""

    nonce: Annotated[Compact[u32], TypeName("T::Nonce")]


@path("frame_system::extensions::check_weight::CheckWeight", params={"T": None})
@dataclass(slots=True)
class CheckWeight:
    """The transaction fits into what is left of the block."""


@path("pallet_transaction_payment::ChargeTransactionPayment", params={"T": None}, unnamed=True)
@dataclass(slots=True)
class ChargeTransactionPayment:
    """The sender pays the fee and the tip."""

    tip: Annotated[Compact[u128], TypeName("BalanceOf<T>")]


@path("frame_metadata_hash_extension::CheckMetadataHash", params={"T": None})
@dataclass(slots=True)
class CheckMetadataHash:
    """The metadata that the wallet showed is the chain's; only `Disabled` is accepted here."""

    mode: Annotated[MetadataHashMode, TypeName("Mode")]


Unit = tuple[()]

EXTENSIONS: Final[tuple[tuple[str, Codec[object], Codec[object]], ...]] = (
    ("CheckNonZeroSender", codec(CheckNonZeroSender), codec(Unit)),
    ("CheckSpecVersion", codec(CheckSpecVersion), codec(u32)),
    ("CheckTxVersion", codec(CheckTxVersion), codec(u32)),
    ("CheckGenesis", codec(CheckGenesis), codec(H256)),
    ("CheckMortality", codec(CheckMortality), codec(H256)),
    ("CheckNonce", codec(CheckNonce), codec(Unit)),
    ("CheckWeight", codec(CheckWeight), codec(Unit)),
    ("ChargeTransactionPayment", codec(ChargeTransactionPayment), codec(Unit)),
    ("CheckMetadataHash", codec(CheckMetadataHash), codec(Annotated[bytes, Fixed(32)] | None)),
)
"""Name, what is carried, what is only signed: in the order in which they are encoded."""

Extra = tuple[
    CheckNonZeroSender,
    CheckSpecVersion,
    CheckTxVersion,
    CheckGenesis,
    CheckMortality,
    CheckNonce,
    CheckWeight,
    ChargeTransactionPayment,
    CheckMetadataHash,
]
