"""The hashes of chain and storage.

BLAKE2b (RFC 7693) without a key at three lengths, and twox: xxHash64 of the same data under the
seeds 0, 1, 2, ..., each digest in little-endian order. twox is fast, but collisions are easy to
construct: only for keys that no user chooses. BLAKE3 is the hash of the metadata's digest only.
"""

from __future__ import annotations

from hashlib import blake2b

from xxhash import xxh64_intdigest


def blake2_128(data: bytes) -> bytes:
    """BLAKE2b with 16 bytes of output."""
    return blake2b(data, digest_size=16).digest()


def blake2_256(data: bytes) -> bytes:
    """BLAKE2b with 32 bytes of output: the hash of headers, extrinsics and trie nodes."""
    return blake2b(data, digest_size=32).digest()


def blake2_512(data: bytes) -> bytes:
    """BLAKE2b with 64 bytes of output."""
    return blake2b(data).digest()


def blake3_256(data: bytes) -> bytes:
    """BLAKE3 with 32 bytes of output."""
    from blake3 import blake3  # noqa: PLC0415 - commands that need no digest start sooner

    return blake3(data).digest()


def twox_64(data: bytes) -> bytes:
    """xxHash64 with seed 0, 8 bytes."""
    return xxh64_intdigest(data, 0).to_bytes(8, "little")


def twox_128(data: bytes) -> bytes:
    """xxHash64 with the seeds 0 and 1, 16 bytes: the storage prefix of pallets and items."""
    return _twox(data, 2)


def twox_256(data: bytes) -> bytes:
    """xxHash64 with the seeds 0 to 3, 32 bytes."""
    return _twox(data, 4)


def blake2_128_concat(data: bytes) -> bytes:
    """Return the storage hash with a readable key: 16 bytes of hash, then the key."""
    return blake2b(data, digest_size=16).digest() + data


def twox_64_concat(data: bytes) -> bytes:
    """Return the storage hash for keys that no user chooses: 8 bytes of hash, then the key."""
    return xxh64_intdigest(data, 0).to_bytes(8, "little") + data


def identity(data: bytes) -> bytes:
    """Return the storage hash for keys that are hashes already: the key itself."""
    return data


def _twox(data: bytes, words: int) -> bytes:
    return b"".join(xxh64_intdigest(data, seed).to_bytes(8, "little") for seed in range(words))
