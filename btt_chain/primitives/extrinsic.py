"""Extrinsics: the entries of blocks, envelopes around a call.

    0x84 | address | signature | extra | call     signed, version 4
    0x04 | call                                   bare (unsigned), version 4
    0x05 | call                                   bare, version 5
    0x45 | extension version | extra | call       general, version 5

The call stays raw here: decoding it needs the runtime. On the wire an extrinsic has its length in
front (`opaque`), and its hash is over that form.
Source: sp_runtime::generic::unchecked_extrinsic.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import Enum
from functools import lru_cache
from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import (
    AccountId,
    Ed25519Signature,
    Id,
    MultiAddress,
    MultiSignature,
    Sr25519Signature,
)
from btt_chain.primitives.digest import H256
from btt_chain.scale import AnyCodec, DecodeError, codec, compact_encode
from btt_chain.scale.codecs import BYTES

SIGNED_V4: Final = 0x84
BARE_V4: Final = 0x04
BARE_V5: Final = 0x05
GENERAL_V5: Final = 0x45

PAYLOAD_LIMIT: Final = 256
"""A longer signing payload is hashed before it is signed."""
LAST_BODIES: Final = 2
"""Number of bodies whose hashes are remembered."""


class ExtrinsicKind(Enum):
    """The authorization of an extrinsic."""

    BARE = "bare"
    SIGNED = "signed"
    GENERAL = "general"


@dataclass(slots=True)
class Extrinsic:
    """A decoded envelope.

    `extra_raw` and `extra` are the transaction extensions' data, raw and decoded; a bare extrinsic
    has none (`b""` and None).
    """

    version: int
    kind: ExtrinsicKind
    address: MultiAddress | None
    signature: MultiSignature | None
    extra_raw: bytes
    extra: object
    call_raw: bytes
    extension_version: int = 0

    def encode(self) -> bytes:
        """Return the inner bytes, without the length in front."""
        if self.kind is ExtrinsicKind.GENERAL:
            head = bytes((GENERAL_V5, self.extension_version))
            return head + self.extra_raw + self.call_raw
        if self.kind is ExtrinsicKind.BARE:
            return bytes((self.version,)) + self.call_raw
        if self.address is None or self.signature is None:
            raise ValueError("a signed extrinsic has an address and a signature")
        return signed(self.address, self.signature, self.extra_raw, self.call_raw)


def decode_extrinsic(inner: bytes, extra: AnyCodec) -> Extrinsic:
    """Decode an envelope; `extra` is the codec of the tuple of extensions.

    `DecodeError` for an unknown version, malformed parts, or a missing call.
    """
    if not inner:
        raise DecodeError("Extrinsic", 0, "it is empty")
    head = inner[0]
    if head == SIGNED_V4:
        address, signature, start = _signer(inner)
        values, at = extra.decode(inner, start)
        found = Extrinsic(
            4, ExtrinsicKind.SIGNED, address, signature, inner[start:at], values, inner[at:]
        )
    elif head in {BARE_V4, BARE_V5}:
        found = Extrinsic(head, ExtrinsicKind.BARE, None, None, b"", None, inner[1:])
    elif head == GENERAL_V5:
        if len(inner) == 1:
            raise DecodeError("Extrinsic", 1, "the extension version is missing")
        values, at = extra.decode(inner, 2)
        kind = ExtrinsicKind.GENERAL
        found = Extrinsic(5, kind, None, None, inner[2:at], values, inner[at:], inner[1])
    else:
        raise DecodeError("Extrinsic", 0, f"there is no version {head:#04x}")
    if not found.call_raw:
        raise DecodeError("Extrinsic", len(inner), "the call is missing")
    return found


def _signer(inner: bytes) -> tuple[MultiAddress, MultiSignature, int]:
    """Return the signer's address, the signature, and the offset after both."""
    # Nearly always an account id and a signature of 64 bytes: slices without the codecs save a
    # third of the time that an envelope takes.
    if len(inner) > 99 and inner[1] == 0 and inner[34] < 2:
        account = bytes.__new__(AccountId, inner[2:34])
        return Id(account), _SHORT[inner[34]](inner[35:99]), 99
    address, at = _ADDRESS.decode(inner, 1)
    signature, at = _SIGNATURE.decode(inner, at)
    return address, signature, at


_SHORT: Final = (Ed25519Signature, Sr25519Signature)
_SHORT_PREFIX: Final[dict[type, bytes]] = {
    scheme: bytes((index,)) for index, scheme in enumerate(_SHORT)
}
SHORT_SIGNATURE: Final = 64
"""Bytes of a signature of these schemes."""


def signed(
    address: MultiAddress, signature: MultiSignature, extra_raw: bytes, call_raw: bytes
) -> bytes:
    """Return the inner bytes of a signed extrinsic, version 4."""
    # Nearly always an account id and a signature of 64 bytes, as in `_signer`.
    scheme = _SHORT_PREFIX.get(signature.__class__)
    if scheme is not None and isinstance(address, Id):
        account, raw = address.account, signature.signature
        if len(account) == AccountId.SIZE and len(raw) == SHORT_SIGNATURE:
            return b"\x84\0" + account + scheme + raw + extra_raw + call_raw
    return b"\x84" + _ADDRESS.encode(address) + _SIGNATURE.encode(signature) + extra_raw + call_raw


def bare(call_raw: bytes) -> bytes:
    """Return the inner bytes of an unsigned extrinsic, version 4."""
    return b"\x04" + call_raw


def signing_payload(call_raw: bytes, extra_raw: bytes, implicit_raw: bytes) -> bytes:
    """Return the signed bytes of an extrinsic: the concatenated parts, or their hash if long.

    `implicit_raw` is the unsent data of the extensions (versions, genesis hash...).
    """
    payload = call_raw + extra_raw + implicit_raw
    if len(payload) > PAYLOAD_LIMIT:
        return hashlib.blake2b(payload, digest_size=32).digest()
    return payload


def opaque(inner: bytes) -> bytes:
    """Return the form on the wire: the compact length, then the inner bytes."""
    return compact_encode(len(inner)) + inner


def unwrap(wire: bytes) -> bytes:
    """Return the inner bytes of the form on the wire; `DecodeError` unless the length is exact."""
    # Nearly every extrinsic has a length of two bytes. It is read three times on its way to a
    # block, where the codec takes four calls.
    size = len(wire) - 2
    if 1 << 6 <= size < 1 << 14 and wire[0] | wire[1] << 8 == size << 2 | 1:
        return wire[2:]
    return BYTES.decode_all(wire)


def extrinsic_hash(inner: bytes) -> H256:
    """Return the hash that names an extrinsic: blake2_256 of its form on the wire."""
    return H256.of(opaque(inner))


def extrinsic_hashes(body: Sequence[bytes]) -> Sequence[bytes]:
    """Return the hash of each extrinsic of a body.

    The last ones are remembered: import, pool, gossip and answers to peers ask for the same body.
    """
    return _hashes(tuple(body))


@lru_cache(maxsize=LAST_BODIES)
def _hashes(body: tuple[bytes, ...]) -> Sequence[bytes]:
    return [extrinsic_hash(inner) for inner in body]


_ADDRESS = codec(MultiAddress)
_SIGNATURE = codec(MultiSignature)
