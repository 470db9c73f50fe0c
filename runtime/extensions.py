"""Transaction extensions: data of every signed transaction besides its call, and its checks, in the
order in which wallets sign.

Four values are transmitted (era, nonce, tip, mode), five are only signed (versions, genesis hash,
hash of the era's first block, metadata hash). The nine names below are those of the metadata; their
parts in order are exactly `SignedExtra` and `Implicit`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.primitives.era import Era
from btt_chain.scale import Codec, Compact, Fixed, TypeName, codec, path, u32, u128


@path("frame_metadata_hash_extension::Mode")
class MetadataHashMode(IntEnum):
    """Mode of the metadata hash in the signature."""

    Disabled = 0
    Enabled = 1


@dataclass(slots=True)
class SignedExtra:
    """Transmitted data of a signed transaction. Tip in planck."""

    era: Era
    nonce: Compact[u32]
    tip: Compact[u128]
    mode: MetadataHashMode


@dataclass(slots=True)
class Implicit:
    """Data that a transaction's signature covers besides the transmitted bytes."""

    spec_version: u32
    transaction_version: u32
    genesis_hash: H256
    birth_hash: H256
    metadata_hash: Annotated[bytes, Fixed(32)] | None


SIGNED_EXTRA: Final[Codec[SignedExtra]] = codec(SignedExtra)
IMPLICIT: Final[Codec[Implicit]] = codec(Implicit)

# ---- types in the metadata


@path("frame_system::extensions::check_non_zero_sender::CheckNonZeroSender", params={"T": None})
@dataclass(slots=True)
class CheckNonZeroSender:
    """The sender is not the all-zero account, which has no key."""


@path("frame_system::extensions::check_spec_version::CheckSpecVersion", params={"T": None})
@dataclass(slots=True)
class CheckSpecVersion:
    """The transaction was signed for this version of the runtime."""


@path("frame_system::extensions::check_tx_version::CheckTxVersion", params={"T": None})
@dataclass(slots=True)
class CheckTxVersion:
    """The transaction was signed for this version of the transaction format."""


@path("frame_system::extensions::check_genesis::CheckGenesis", params={"T": None})
@dataclass(slots=True)
class CheckGenesis:
    """The transaction was signed for this chain."""


@path("frame_system::extensions::check_mortality::CheckMortality", params={"T": None}, unnamed=True)
@dataclass(slots=True)
class CheckMortality:
    """The transaction's era contains this block."""

    era: Era


@path("frame_system::extensions::check_nonce::CheckNonce", params={"T": None}, unnamed=True)
@dataclass(slots=True)
class CheckNonce:
    """The nonce is the sender's next one."""

    nonce: Annotated[Compact[u32], TypeName("T::Nonce")]


@path("frame_system::extensions::check_weight::CheckWeight", params={"T": None})
@dataclass(slots=True)
class CheckWeight:
    """The transaction fits into the rest of the block."""


@path("pallet_transaction_payment::ChargeTransactionPayment", params={"T": None}, unnamed=True)
@dataclass(slots=True)
class ChargeTransactionPayment:
    """The sender pays the fee and the tip."""

    tip: Annotated[Compact[u128], TypeName("BalanceOf<T>")]


@path("frame_metadata_hash_extension::CheckMetadataHash", params={"T": None})
@dataclass(slots=True)
class CheckMetadataHash:
    """The signature covers the digest of this runtime's metadata if the mode is `Enabled`."""

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
"""Name, transmitted type and signed-only type: in the order of their encoding."""

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
