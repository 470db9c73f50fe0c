"""Payloads for wallets, the check of their signatures, and extrinsics of both; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from btt_chain.client.extrinsics import (
    Draft,
    Extensions,
    SigningContext,
    era_at,
    extensions_of,
    signed,
)
from btt_chain.client.jsonrpc import Json
from btt_chain.client.metadata import ChainMetadata
from btt_chain.client.wire import to_bytes
from btt_chain.crypto.signature import Scheme, verify
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.era import Era, Mortal
from btt_chain.primitives.extrinsic import signing_payload
from btt_chain.primitives.lifetime import MIN_PERIOD
from btt_chain.scale import codec, compact_encode

DIGEST_EXTENSION: Final = "CheckMetadataHash"
LENGTHS: Final = {Scheme.ED25519: 64, Scheme.SR25519: 64, Scheme.ECDSA: 65}
VAULT: Final = b"\x53"
"""First byte of what Polkadot Vault scans: a chain of Substrate's kind."""
VAULT_SCHEME: Final = b"\1"
VAULT_MORTAL: Final = b"\0"
_ERA = codec(Era)

PayloadJson: TypeAlias = dict[str, Json]
"""SignerPayloadJSON of @polkadot/types: what `signPayload` of a wallet takes."""


class BadSignature(ValueError):
    """The account did not sign this payload."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A transaction before it is signed; `birth` is the block at which its era begins."""

    address: str
    account: bytes
    call: bytes
    nonce: int
    birth: int
    birth_hash: bytes
    genesis: bytes
    spec_version: int
    transaction_version: int
    digest: bytes | None = None
    period: int = MIN_PERIOD

    @property
    def dies(self) -> int:
        """The block from which it is invalid."""
        return self.birth + self.period

    def draft(self) -> Draft:
        """Return the transaction's own data."""
        return Draft(self.call, self.nonce, era_at(self.birth, self.period))

    def extensions(self, metadata: ChainMetadata) -> Extensions:
        """Return the data of the transaction extensions. Raises Undecodable."""
        context = SigningContext(
            self.genesis, self.birth_hash, self.spec_version, self.transaction_version, self.digest
        )
        return extensions_of(metadata, context, self.draft())

    def for_wallet(self, extensions: Iterable[str]) -> PayloadJson:
        """Return the bytes that the wallet signs; `extensions` are the names of the chain's."""
        found: PayloadJson = {
            "address": self.address,
            "blockHash": to_hex(self.birth_hash),
            "blockNumber": f"0x{self.birth:08x}",
            "era": to_hex(_ERA.encode(era_at(self.birth, self.period))),
            "genesisHash": to_hex(self.genesis),
            "method": to_hex(self.call),
            "nonce": f"0x{self.nonce:08x}",
            "specVersion": f"0x{self.spec_version:08x}",
            "tip": to_hex(bytes(16)),
            "transactionVersion": f"0x{self.transaction_version:08x}",
            "signedExtensions": list(extensions),
            "version": 4,
        }
        if self.digest is not None:
            found |= {"mode": 1, "metadataHash": to_hex(self.digest)}
        return found


def read_period(era: str) -> int:
    """Return the lifetime of a mortal transaction, of its era as hex. Raises ValueError."""
    found = _ERA.decode_all(to_bytes(era))
    if not isinstance(found, Mortal):
        raise ValueError(f"{era} is the era of an immortal transaction")
    return found.period


def signed_by(metadata: ChainMetadata, prepared: Prepared, signature: bytes) -> bytes:
    """Return the extrinsic of a signature, in its form on the wire. Raises BadSignature.

    A wallet that does not know the digest of the metadata leaves it out: which of both was signed
    is found by the signature.
    """
    forms = [prepared]
    if prepared.digest is not None:
        forms.append(replace(prepared, digest=None))
    for form in forms:
        parts = form.extensions(metadata)
        message = signing_payload(form.call, parts.carried, parts.signed_along)
        for scheme, raw in _readings(signature):
            if verify(scheme, form.account, message, raw):
                return signed(form.account, scheme, raw, parts.carried, form.call)
    raise BadSignature("this account did not sign the prepared payload")


def _readings(signature: bytes) -> list[tuple[Scheme, bytes]]:
    """Return the schemes of which a signature may be: wallets write their number in front."""
    found: list[tuple[Scheme, bytes]] = []
    for scheme, length in LENGTHS.items():
        if len(signature) == 1 + length and signature[0] == scheme.value:
            found.append((scheme, signature[1:]))
        elif len(signature) == length:
            found.append((scheme, signature))
    return found


def for_vault(prepared: Prepared, metadata: ChainMetadata) -> bytes:
    """Return the bytes that Polkadot Vault scans to sign, in one frame."""
    parts = replace(prepared, digest=None).extensions(metadata)
    payload = compact_encode(len(prepared.call)) + prepared.call
    payload += parts.carried + parts.signed_along
    head = VAULT + VAULT_SCHEME + VAULT_MORTAL + prepared.account
    frame = b"\0" + (1).to_bytes(2, "big") + (0).to_bytes(2, "big")
    return frame + head + payload + prepared.genesis
