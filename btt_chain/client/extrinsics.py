"""Signed transactions, built from a chain's own metadata; no network, no clock.

The chain's extensions define the data sent with a call and the data that are only signed.
Extensions with data must be known; unknown ones are accepted if they have no data, else refused.
"""

from __future__ import annotations

from typing import Final, Protocol

from btt_chain.client.errors import NotFound, Undecodable, decoding
from btt_chain.client.items import Items
from btt_chain.client.metadata import ChainMetadata
from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.signature import Scheme
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.era import Era, Immortal, Mortal
from btt_chain.primitives.extrinsic import bare, opaque, signing_payload
from btt_chain.primitives.lifetime import MIN_PERIOD, period_for
from btt_chain.scale import codec, compact_decode, compact_encode
from btt_chain.scale.errors import DecodeError
from btt_chain.scale.metadata import VariantDef

_ERA = codec(Era)
_SCHEME_INDEX = {scheme: bytes((scheme.value,)) for scheme in Scheme}

SIGNATURE_LENGTH: Final = 64
SLOT_MS: Final = "Babe.ExpectedBlockTime"
"""The constant that holds the length of a slot."""


class Signer(Protocol):
    """A key that signs: a `KeyPair` of a URI or of a keystore, or a device's key."""

    @property
    def scheme(self) -> Scheme:
        """The signature scheme."""

    @property
    def account_id(self) -> bytes:
        """The 32-byte account of the key."""

    def sign(self, message: bytes) -> bytes:
        """Return a signature over a message."""


@dataclass(frozen=True, slots=True)
class SigningContext:
    """The chain, runtime version and fork for which a signature is valid.

    `birth` is the hash of the block where the era begins: genesis for immortal ones.
    `metadata_digest` is signed along if it is given: the chain then refuses a transaction that was
    shown by other metadata than its own.
    """

    genesis: bytes
    birth: bytes
    spec_version: int
    transaction_version: int
    metadata_digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A transaction before it is signed. `tip` in planck."""

    call: bytes
    nonce: int
    era: Era
    tip: int = 0


@dataclass(frozen=True, slots=True)
class Extensions:
    """Data of the transaction extensions: sent with the call, and only signed with it."""

    carried: bytes
    signed_along: bytes


def sign(metadata: ChainMetadata, context: SigningContext, draft: Draft, signer: Signer) -> bytes:
    """Return the signed extrinsic in its form on the wire, with its length in front."""
    extensions = extensions_of(metadata, context, draft)
    payload = signing_payload(draft.call, extensions.carried, extensions.signed_along)
    signature = signer.sign(payload)
    head = signed_head(metadata, signer.account_id, signer.scheme, signature)
    return opaque(head + extensions.carried + draft.call)


def signed(account: bytes, scheme: Scheme, signature: bytes, carried: bytes, call: bytes) -> bytes:
    """Return an extrinsic with its signature, in its form on the wire, of a BTT chain."""
    head = b"\x84\x00" + account + _SCHEME_INDEX[scheme]
    return opaque(head + signature + carried + call)


def signed_head(metadata: ChainMetadata, account: bytes, scheme: Scheme, signature: bytes) -> bytes:
    """Return the version, the address and the signature of an extrinsic, by the chain's types.

    Raises Undecodable if its addresses or signatures are of another kind than these.
    """
    items = metadata.items
    if items.address is None or items.signature is None:
        return b"\x84\x00" + account + _SCHEME_INDEX[scheme] + signature
    address = _variant_head(items, items.address, "Id") + account
    if not _is_of_type(items, items.address, address):
        raise Undecodable(
            "addresses of this chain are not those of accounts of 32 bytes: nothing can be signed"
        )
    name = scheme.name.lower()
    wrapped = _variant_head(items, items.signature, scheme.name.capitalize()) + signature
    # A signature that is not an enumeration is of one scheme, which its type names.
    is_known = _is_variant(items, items.signature) or name in items.types.type(items.signature).path
    if not is_known or not _is_of_type(items, items.signature, wrapped):
        raise Undecodable(f"signatures of this chain are not those of {name} keys")
    return b"\x84" + address + wrapped


def _is_variant(items: Items, type_id: int) -> bool:
    return isinstance(items.types.type(type_id).definition, VariantDef)


def _variant_head(items: Items, type_id: int, name: str) -> bytes:
    """Return the index of a variant; empty if the type is not an enumeration, or has none such."""
    if not _is_variant(items, type_id):
        return b""
    try:
        return bytes((items.types.variant(type_id, name).index,))
    except LookupError:
        return b""


def _is_of_type(items: Items, type_id: int, raw: bytes) -> bool:
    try:
        items.types.decode(type_id, raw)
    except DecodeError:
        return False
    return True


def extensions_of(metadata: ChainMetadata, context: SigningContext, draft: Draft) -> Extensions:
    """Return the data of the extensions. Raises Undecodable if one is not known."""
    digest = context.metadata_digest
    carried = {
        "CheckMortality": _ERA.encode(draft.era),
        "CheckEra": _ERA.encode(draft.era),
        "CheckNonce": compact_encode(draft.nonce),
        "ChargeTransactionPayment": compact_encode(draft.tip),
        # Fees in the chain's own money.
        "ChargeAssetTxPayment": compact_encode(draft.tip) + b"\0",
        "CheckMetadataHash": b"\0" if digest is None else b"\1",
    }
    signed_along = {
        "CheckSpecVersion": context.spec_version.to_bytes(4, "little"),
        "CheckTxVersion": context.transaction_version.to_bytes(4, "little"),
        "CheckGenesis": context.genesis,
        "CheckMortality": context.birth,
        "CheckEra": context.birth,
        "CheckMetadataHash": b"\0" if digest is None else b"\1" + digest,
    }
    extra = implicit = b""
    for extension in metadata.items.runtime.extrinsic.extensions:
        name = extension.identifier
        extra += _part(metadata, name, extension.type, carried)
        implicit += _part(metadata, name, extension.implicit, signed_along)
    return Extensions(extra, implicit)


def without_signature(wire: bytes, metadata: ChainMetadata | None = None) -> bytes:
    """Return a signed extrinsic of the same length whose signature is invalid: for estimates.

    A node that is asked for a fee gets no transaction that it could send. Without `metadata` it is
    of a BTT chain.
    """
    _, start = compact_decode(wire, 0)
    items = None if metadata is None else metadata.items
    if items is not None and items.address is not None and wire[start : start + 1] == b"\x84":
        with decoding("this is not a transaction of this chain"):
            _, first = items.types.decode_at(items.address, wire, start + 1)
        first += items.signature is not None and _is_variant(items, items.signature)
    elif wire[start : start + 2] == b"\x84\x00":
        first = start + 2 + 32 + 1
    else:
        return wire
    return wire[:first] + bytes(SIGNATURE_LENGTH) + wire[first + SIGNATURE_LENGTH :]


def era_at(number: int, period: int | None) -> Era:
    """Return the era of a transaction that is signed at a block; immortal without a period."""
    return Immortal() if period is None else Mortal.at(number, period)


def default_period(metadata: ChainMetadata) -> int:
    """Return the default lifetime of a transaction, in blocks, by the chain's length of a slot.

    Chains of other programs may name no length: there it is the minimum.
    """
    try:
        _, constant = metadata.items.constant(SLOT_MS)
        with decoding(f"the constant {SLOT_MS} is not of its type"):
            slot_ms = metadata.items.types.decode(constant.type, constant.value)
    except (NotFound, Undecodable):
        return MIN_PERIOD
    # A node may answer anything.
    return period_for(slot_ms) if isinstance(slot_ms, int) and slot_ms > 0 else MIN_PERIOD


def unsigned(call: bytes) -> bytes:
    """Return an unsigned extrinsic in its form on the wire."""
    return opaque(bare(call))


def hash_of(wire: bytes) -> str:
    """Return the hash of an extrinsic, in hex."""
    return "0x" + blake2_256(wire).hex()


def _part(metadata: ChainMetadata, name: str, type_id: int, parts: dict[str, bytes]) -> bytes:
    part = parts.get(name, b"")
    try:
        metadata.items.types.decode(type_id, part)
    except DecodeError:
        raise Undecodable(
            f"this chain requires {name} with each transaction, which this program does not know"
        ) from None
    return part
