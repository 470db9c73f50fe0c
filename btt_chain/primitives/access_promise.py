"""Promises of custodians: an access will be in the log, under a root of the next epochs.

    message = SCALE(AccessPromise)          signature: Ed25519, by the custodian's promise key

A custodian answers a request for a record with the record and a promise. The leaf of the entry has
to be below one of its roots of accesses of the epochs `epoch` to `epoch` + the custodian's maximum
delay; otherwise the promise proves the omission to the chain (pallet HealthRecords). Two promises
for one request with different leaves prove a double answer. A promise names no patient and no
record: its hashes are salted. Model: signed certificate timestamps, RFC 9162.
"""

from __future__ import annotations

from typing import Annotated, Final

from btt_chain.crypto import ed25519
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import Fixed, codec, path, u32

CONTEXT: Final = b"BTT-HR-PROMISE-1"


@path("btt_primitives::AccessPromise")
@dataclass(frozen=True, slots=True)
class AccessPromise:
    """Content that a custodian signs."""

    context: Annotated[bytes, Fixed(16)]
    """Always `BTT-HR-PROMISE-1`: the signature is valid for nothing else."""
    genesis: H256
    custodian: AccountId
    request: H256
    """Hash of the signed request that is answered."""
    leaf: H256
    """Leaf of the access that will be anchored."""
    epoch: u32
    """First epoch whose root may have the leaf."""


PROMISE: Final = codec(AccessPromise)


@path("btt_primitives::SignedPromise")
@dataclass(frozen=True, slots=True)
class SignedPromise:
    """A promise with its signature."""

    promise: AccessPromise
    signature: Annotated[bytes, Fixed(64)]


def sign(promise: AccessPromise, seed: bytes) -> SignedPromise:
    """Return the promise, signed with the promise key of this seed."""
    return SignedPromise(promise, ed25519.sign(seed, PROMISE.encode(promise)))


def is_signed(signed: SignedPromise, key: bytes) -> bool:
    """Return True if the holder of `key` signed the promise; False for malformed input.

    Stricter than the signatures of transactions: see `ed25519.verify_strict`.
    """
    if signed.promise.context != CONTEXT:
        return False
    return ed25519.verify_strict(key, PROMISE.encode(signed.promise), signed.signature)
