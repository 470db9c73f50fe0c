"""What hashes mean in useful work: the names of models, jobs and receipts, and all that is drawn.

Every hash is SHA-256 of a tag, the genesis hash where the name must not hold on another chain, and
fields of fixed length: what is signed or named here is nothing anywhere else. What is drawn
follows from a beacon that nobody knew when it was asked for, or from a VRF that only one key can
make. Bytes only, no numpy: the runtime, providers, verifiers and wallets compute the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Final

from btt_chain.crypto.vrf import Draw, VrfInput
from btt_chain.primitives.digest import H256
from btt_chain.scale import codec
from btt_chain.work.graph import Graph, Manifest
from btt_chain.work.layout import tensor_layout
from btt_chain.work.merkle import Tree, leaf_hash

PPM: Final = 1_000_000
SAMPLED: Final = 16
PROTOCOL_SAMPLED: Final = 8
"""Each verifier looks at one item in so many; the second of jobs of the chain itself."""
CHECK_DOMAIN: Final = b"btt-work-check"
"""The VRF by which a verifier finds what it looks at; by its BABE session key (ruling 37)."""
TRAP_DOMAIN: Final = b"btt-work-trap"
"""The VRF by which a provider finds out whether to lay a trap; by its registered key."""
_RHO: Final = b"BTTCheck"
_TRAP: Final = b"BTTTrap"


# ---- names


def model_id(manifest: Manifest) -> H256:
    """The name of a model: the same on all chains, and no two models have one."""
    return _hash(b"model", codec(Manifest).encode(manifest))


def job_id(genesis: bytes, requester: bytes, nonce: int, fields: bytes) -> H256:
    """The name of a job; `nonce` counts the requester's jobs, `fields` is all it asked for."""
    return _hash(b"job", genesis, requester, nonce.to_bytes(8, "little"), fields)


def receipt_id(genesis: bytes, job: bytes, provider: bytes, attempt: int, item_root: bytes) -> H256:
    """The name of a receipt: who did what for which job, in which attempt to have it done."""
    return _hash(b"receipt", genesis, job, provider, attempt.to_bytes(1, "little"), item_root)


# ---- draws that follow from a beacon


def assign_seed(beacon: bytes, job: bytes, attempt: int) -> H256:
    """What decides who may do a job, in an attempt."""
    return _hash(b"assign", beacon, job, attempt.to_bytes(1, "little"))


def committee_seed(beacon: bytes, receipt: bytes) -> H256:
    """What decides who checks a receipt; each round has a beacon of its own."""
    return _hash(b"committee", beacon, receipt)


def numbers(seed: bytes) -> Iterator[int]:
    """Numbers of 128 bits, for ever: SHA-256 of the seed and a counter."""
    count = 0
    while True:
        block = sha256(seed + count.to_bytes(8, "little")).digest()
        yield int.from_bytes(block[:16], "little")
        yield int.from_bytes(block[16:], "little")
        count += 1


def raced(seed: bytes, names: Sequence[bytes], weights: Sequence[int]) -> list[int]:
    """Places of `names` in the order of a race that each enters by weight; those of zero do not.

    Each is first with the part of all weight that is its own, among the rest as well, however a
    weight is split among names. The luck of each is of its name alone, and whoever grows lighter
    or leaves only falls back: who knows the seed before others do, such as the author of the block
    that drew it, gains nothing by changing the weights of its own names a little, as it would on
    a wheel where that moves all others.

    A name's time is an exponential one: -log2 of its luck, divided by its weight.
    """
    times = [
        ((minus_log2(int.from_bytes(sha256(seed + name).digest()[:16], "little")) << 128) // weight)
        if weight
        else None
        for name, weight in zip(names, map(int, weights), strict=True)
    ]
    ranked = sorted((time, names[at], at) for at, time in enumerate(times) if time is not None)
    return [at for _, _, at in ranked]


LOG_BITS: Final = 48


def minus_log2(luck: int) -> int:
    """-log2((luck + 1) / 2^128) in units of 2^-48, rounded up, for a luck of 128 bits.

    By squaring: each tells the next binary digit, the same on all machines.
    """
    whole = (luck + 1).bit_length() - 1
    part, digits = (luck + 1) << 128 - whole, 0  # from 2^128 to below 2^129
    for _ in range(LOG_BITS):
        part = part * part >> 128
        over = part >> 129
        part >>= over
        digits = digits << 1 | over
    return (128 - whole << LOG_BITS) - digits


# ---- a verifier's own luck


def check_input(beacon: bytes, receipt: bytes) -> VrfInput:
    """What a verifier of a receipt draws for; `beacon` is that of its round."""
    return VrfInput(CHECK_DOMAIN, ((b"beacon", bytes(beacon)), (b"receipt", bytes(receipt))))


def rho(draw: Draw) -> H256:
    """A verifier's luck for one receipt: secret until it is revealed, and nobody's choice."""
    return H256(draw.make_bytes(_RHO, 32))


def sample_size(items: int, *, full: bool, protocol: bool = False) -> int:
    """How many of a job's items each verifier looks at: all, an eighth, or a sixteenth."""
    if full:
        return items
    return max(1, -(-items // (PROTOCOL_SAMPLED if protocol else SAMPLED)))


def sample(luck: bytes, items: int, count: int, missed: Sequence[int] = ()) -> list[int]:
    """The items that a verifier with this luck looks at, ascending, each once.

    They are `count` of `items`, and those that others `missed` before it was drawn.
    """
    if count >= items:
        return list(range(items))
    places = list(range(items))
    luck_of = numbers(_hash(b"items", luck))
    for at in range(count):
        other = at + next(luck_of) % (items - at)
        places[at], places[other] = places[other], places[at]
    return sorted({*places[:count], *missed})


def digest_leaf(luck: bytes, item: int, tensor: int, leaf: int, data: bytes | memoryview) -> bytes:
    """The hash of one leaf that was looked at: without the leaf and the luck nobody can tell it."""
    place = item.to_bytes(4, "little") + tensor.to_bytes(2, "little") + leaf.to_bytes(4, "little")
    return sha256(b"btt digest" + luck + place + data).digest()


def digest_tree(leaves: Iterable[bytes]) -> Tree:
    """The tree over `digest_leaf` of all leaves of the items in a sample, in order.

    Its root shows that a verifier had what it voted on, and no other verifier's is the same.
    """
    return Tree([leaf_hash(leaf) for leaf in leaves])


def digest_place(graph: Graph, items: Sequence[int], item: int, tensor: int, leaf: int) -> int:
    """Where a leaf stands in that tree. ValueError if the item is not in the sample."""
    counts = leaf_counts(graph)
    return items.index(item) * sum(counts) + sum(counts[:tensor]) + leaf


def leaf_counts(graph: Graph) -> list[int]:
    """How many leaves each tensor of an item has (`Graph.committed`)."""
    return [tensor_layout(tensor).count for tensor in graph.committed]


# ---- what verifiers say


def attestation(
    genesis: bytes, receipt: bytes, verifier: bytes, verdict: bytes, digest: bytes, salt: bytes
) -> H256:
    """What a verifier commits to: the SCALE bytes of its verdict, its digest, and 32 of salt."""
    return _hash(b"attestation", genesis, receipt, verifier, digest, salt, verdict)


def commit_message(
    genesis: bytes, receipt: bytes, verifier: bytes, beacon: bytes, commitment: bytes
) -> bytes:
    """What its BABE session key signs to commit to it, in the round of this beacon."""
    return _hash(b"commit", genesis, receipt, verifier, beacon, commitment)


# ---- traps


def trap_input(seed: bytes) -> VrfInput:
    """What a provider draws for; `seed` is the one by which it was assigned (`assign_seed`)."""
    return VrfInput(TRAP_DOMAIN, ((b"seed", bytes(seed)),))


def is_trap(draw: Draw, trap_ppm: int) -> bool:
    """Tell whether the provider is to lay a trap, which happens to `trap_ppm` of a million."""
    luck = int.from_bytes(draw.make_bytes(_TRAP, 16), "little")
    return luck * PPM < trap_ppm << 128


def trap_commit(item_root: bytes, output_root: bytes, salt: bytes) -> H256:
    """What hides the right roots of a trap; without a trap, 32 bytes of luck look the same."""
    return _hash(b"trap", item_root, output_root, salt)


def _hash(tag: bytes, *parts: bytes) -> H256:
    return H256(sha256(b"btt-work " + tag + b"\0" + b"".join(parts)).digest())
