"""Hashes of useful work: ids of models, jobs and receipts, and the seeds of random selections.

Every hash is SHA-256 of a tag, the genesis hash if the id must not be valid on another chain, and
fields of fixed length: no signed or hashed value has a meaning elsewhere. Selections follow from a
beacon that was unknown at the time of the request, or from a VRF of one key. Bytes only, no numpy:
the runtime, providers, verifiers and wallets compute the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Final

from btt_chain.crypto.vrf import VrfInput, VrfOutput
from btt_chain.primitives.digest import H256
from btt_chain.scale import codec
from btt_chain.work.graph import Graph, Manifest
from btt_chain.work.layout import tensor_layout
from btt_chain.work.merkle import Tree, leaf_hash

PPM: Final = 1_000_000
SAMPLED: Final = 16
PROTOCOL_SAMPLED: Final = 8
"""Each verifier checks one in that many items; this one is for protocol jobs."""
CHECK_DOMAIN: Final = b"btt-work-check"
"""Domain of the VRF that selects a verifier's items; by its BABE session key."""
PLANTED_ERROR_DOMAIN: Final = b"btt-work-planted-error"
"""Domain of the VRF that decides about a provider's planted errors; by its registered key."""
_RHO: Final = b"BTTCheck"
_PLANTED: Final = b"BTTPlant"


# ---- ids


def model_id(manifest: Manifest) -> H256:
    """Return the id of a model: the same on all chains, and unique."""
    return _hash(b"model", codec(Manifest).encode(manifest))


def job_id(genesis: bytes, requester: bytes, nonce: int, fields: bytes) -> H256:
    """Return the id of a job; `nonce` counts the requester's jobs, `fields` is its request."""
    return _hash(b"job", genesis, requester, nonce.to_bytes(8, "little"), fields)


def receipt_id(genesis: bytes, job: bytes, provider: bytes, attempt: int, item_root: bytes) -> H256:
    """Return the id of a receipt: provider and result of a job, in an attempt."""
    return _hash(b"receipt", genesis, job, provider, attempt.to_bytes(1, "little"), item_root)


# ---- selections that follow from a beacon


def assign_seed(beacon: bytes, job: bytes, attempt: int) -> H256:
    """Return the seed that selects the provider of a job, in an attempt."""
    return _hash(b"assign", beacon, job, attempt.to_bytes(1, "little"))


def committee_seed(beacon: bytes, receipt: bytes) -> H256:
    """Return the seed that selects the committee of a receipt; each round has its own beacon."""
    return _hash(b"committee", beacon, receipt)


def numbers(seed: bytes) -> Iterator[int]:
    """Yield numbers of 128 bits, without end: SHA-256 of the seed and a counter."""
    count = 0
    while True:
        block = sha256(seed + count.to_bytes(8, "little")).digest()
        yield int.from_bytes(block[:16], "little")
        yield int.from_bytes(block[16:], "little")
        count += 1


# ---- a verifier's own randomness


def check_input(beacon: bytes, receipt: bytes) -> VrfInput:
    """Return the VRF input of a verifier of a receipt; `beacon` is that of its round."""
    return VrfInput(CHECK_DOMAIN, ((b"beacon", bytes(beacon)), (b"receipt", bytes(receipt))))


def rho(output: VrfOutput) -> H256:
    """Return a verifier's randomness for one receipt: secret until revealed, and not its choice."""
    return H256(output.make_bytes(_RHO, 32))


def sample_size(items: int, *, full: bool, protocol: bool = False) -> int:
    """Return the number of items that each verifier checks: all, an eighth, or a sixteenth."""
    if full:
        return items
    return max(1, -(-items // (PROTOCOL_SAMPLED if protocol else SAMPLED)))


def sample(randomness: bytes, items: int, count: int, missed: Sequence[int] = ()) -> list[int]:
    """Return the items that a verifier with this randomness checks, ascending, each once.

    They are `count` of `items`, and those that others `missed` before its selection.
    """
    if count >= items:
        return list(range(items))
    places = list(range(items))
    randomness_of = numbers(_hash(b"items", randomness))
    for at in range(count):
        other = at + next(randomness_of) % (items - at)
        places[at], places[other] = places[other], places[at]
    return sorted({*places[:count], *missed})


def digest_leaf(
    randomness: bytes, item: int, tensor: int, leaf: int, data: bytes | memoryview
) -> bytes:
    """Return the hash of one checked leaf, which depends on the leaf and the secret randomness."""
    place = item.to_bytes(4, "little") + tensor.to_bytes(2, "little") + leaf.to_bytes(4, "little")
    return sha256(b"btt digest" + randomness + place + data).digest()


def digest_tree(leaves: Iterable[bytes]) -> Tree:
    """Return the tree over `digest_leaf` of all leaves of the items in a sample, in order.

    Its root shows that a verifier had the data of its vote, and differs from that of all others.
    """
    return Tree([leaf_hash(leaf) for leaf in leaves])


def digest_place(graph: Graph, items: Sequence[int], item: int, tensor: int, leaf: int) -> int:
    """Return the place of a leaf in that tree. ValueError if the item is not in the sample."""
    counts = leaf_counts(graph)
    return items.index(item) * sum(counts) + sum(counts[:tensor]) + leaf


def leaf_counts(graph: Graph) -> list[int]:
    """Return the number of leaves of each tensor of an item (`Graph.committed`)."""
    return [tensor_layout(tensor).count for tensor in graph.committed]


# ---- statements of verifiers


def attestation(
    genesis: bytes, receipt: bytes, verifier: bytes, verdict: bytes, digest: bytes, salt: bytes
) -> H256:
    """Return a verifier's commitment to its verdict (SCALE), its digest, and a salt of 32 bytes."""
    return _hash(b"attestation", genesis, receipt, verifier, digest, salt, verdict)


def commit_message(
    genesis: bytes, receipt: bytes, verifier: bytes, beacon: bytes, commitment: bytes
) -> bytes:
    """Return the bytes that a BABE session key signs to commit, in the round of this beacon."""
    return _hash(b"commit", genesis, receipt, verifier, beacon, commitment)


# ---- planted errors


def planted_error_input(seed: bytes) -> VrfInput:
    """Return the VRF input of a provider; `seed` is the one that selected it (`assign_seed`)."""
    return VrfInput(PLANTED_ERROR_DOMAIN, ((b"seed", bytes(seed)),))


def plants_error(output: VrfOutput, ppm: int) -> bool:
    """Return True if the provider must plant an error; `ppm` is the chance in a million."""
    randomness = int.from_bytes(output.make_bytes(_PLANTED, 16), "little")
    return randomness * PPM < ppm << 128


def planted_error_commit(item_root: bytes, output_root: bytes, salt: bytes) -> H256:
    """Return the commitment to the right roots; without a planted error use 32 random bytes."""
    return _hash(b"planted error", item_root, output_root, salt)


def _hash(tag: bytes, *parts: bytes) -> H256:
    return H256(sha256(b"btt-work " + tag + b"\0" + b"".join(parts)).digest())
