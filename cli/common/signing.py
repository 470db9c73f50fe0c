"""Signed transactions, built from a chain's own metadata; no network, no clock.

The chain's extensions define the data sent with a call and the data that are only signed.
Extensions with data must be known; unknown ones are accepted if they have no data, else refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.primitives.era import Era
from btt_chain.primitives.extrinsic import opaque, signing_payload
from btt_chain.scale import codec, compact_encode
from btt_chain.scale.errors import DecodeError
from cli.common.catalogue import Catalogue
from cli.common.errors import Refused

_ERA = codec(Era)
_SCHEME_INDEX = {scheme: bytes((scheme.value,)) for scheme in Scheme}


@dataclass(frozen=True, slots=True)
class Ties:
    """The chain, runtime version and fork for which a signature is valid.

    `birth` is the hash of the block where the era begins: genesis for immortal ones.
    """

    genesis: bytes
    birth: bytes
    spec_version: int
    transaction_version: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A transaction before it is signed. `tip` in planck."""

    call: bytes
    nonce: int
    era: Era
    tip: int = 0


def sign(catalogue: Catalogue, ties: Ties, draft: Draft, pair: KeyPair) -> bytes:
    """Return the signed extrinsic in its form on the wire, with its length in front."""
    carried = {
        "CheckMortality": _ERA.encode(draft.era),
        "CheckEra": _ERA.encode(draft.era),
        "CheckNonce": compact_encode(draft.nonce),
        "ChargeTransactionPayment": compact_encode(draft.tip),
        # Fees in the chain's own money.
        "ChargeAssetTxPayment": compact_encode(draft.tip) + b"\0",
        # No hash of the metadata is signed.
        "CheckMetadataHash": b"\0",
    }
    signed_along = {
        "CheckSpecVersion": ties.spec_version.to_bytes(4, "little"),
        "CheckTxVersion": ties.transaction_version.to_bytes(4, "little"),
        "CheckGenesis": ties.genesis,
        "CheckMortality": ties.birth,
        "CheckEra": ties.birth,
        "CheckMetadataHash": b"\0",
    }
    extra = implicit = b""
    for extension in catalogue.metadata.extrinsic.extensions:
        name = extension.identifier
        extra += _part(catalogue, name, extension.type, carried)
        implicit += _part(catalogue, name, extension.implicit, signed_along)
    signature = pair.sign(signing_payload(draft.call, extra, implicit))
    inner = b"\x84\x00" + pair.account_id + _SCHEME_INDEX[pair.scheme] + signature
    return opaque(inner + extra + draft.call)


def hash_of(wire: bytes) -> str:
    """Return the hash of an extrinsic, in hex."""
    return "0x" + blake2_256(wire).hex()


def _part(catalogue: Catalogue, name: str, type_id: int, known: dict[str, bytes]) -> bytes:
    part = known.get(name, b"")
    try:
        catalogue.types.decode(type_id, part)
    except DecodeError:
        raise Refused(
            f"this chain wants {name} with each transaction, which this program does not know"
        ) from None
    return part
