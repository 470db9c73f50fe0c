"""Transfers on EVM chains: what the peers anvil, hardhat and ganache are fed with.

Legacy transactions with a chain id. Source: EIP-155; Ethereum yellow paper, appendix B (RLP); the
Keccak reference of its authors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from coincurve import PrivateKey

from btt_chain.crypto.hashing import blake2_256

CHAIN_ID: Final = 1337
GAS: Final = 21_000
GAS_PRICE: Final = 20 * 10**9


MASK: Final = (1 << 64) - 1
RATE: Final = 136
"""Bytes that one round of Keccak-256 takes in."""


def round_constants() -> list[int]:
    """Return the 24 constants of Keccak-f[1600], from its shift register."""
    found, register = [], 1
    for _ in range(24):
        constant = 0
        for power in range(7):
            if register & 1:
                constant |= 1 << ((1 << power) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
        found.append(constant)
    return found


ROUNDS: Final = round_constants()


def keccak_f(lanes: list[int]) -> list[int]:
    """Permute 25 words of 64 bits; word x + 5 * y is lane (x, y)."""
    for constant in ROUNDS:
        columns = [
            lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20]
            for x in range(5)
        ]
        parity = [columns[x - 1] ^ rotated(columns[(x + 1) % 5], 1) for x in range(5)]
        lanes = [lane ^ parity[place % 5] for place, lane in enumerate(lanes)]
        x, y, held = 1, 0, lanes[1]
        for step in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            held, lanes[x + 5 * y] = (
                lanes[x + 5 * y],
                rotated(held, (step + 1) * (step + 2) // 2 % 64),
            )
        lanes = [
            lanes[row + x] ^ (~lanes[row + (x + 1) % 5] & lanes[row + (x + 2) % 5])
            for row in range(0, 25, 5)
            for x in range(5)
        ]
        lanes[0] ^= constant
    return lanes


def rotated(word: int, count: int) -> int:
    """Rotate a word to the left."""
    return (word << count | word >> 64 - count) & MASK


def keccak_256(data: bytes) -> bytes:
    """Hash as Ethereum does: Keccak before FIPS 202 changed its padding.

    Slow, which no figure shows: signing comes before measuring.
    """
    padded = data + b"\x01" + bytes(-(len(data) + 1) % RATE)
    padded = padded[:-1] + bytes((padded[-1] | 0x80,))
    lanes = [0] * 25
    for at in range(0, len(padded), RATE):
        for place in range(RATE // 8):
            start = at + 8 * place
            lanes[place] ^= int.from_bytes(padded[start : start + 8], "little")
        lanes = keccak_f(lanes)
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])


def rlp(item: bytes | int | list[bytes | int]) -> bytes:
    """Encode bytes, a number, or a flat list of them."""
    if isinstance(item, list):
        body = b"".join(map(rlp, item))
        return _head(len(body), 0xC0) + body
    if isinstance(item, int):
        item = item.to_bytes((item.bit_length() + 7) // 8, "big")
    if len(item) == 1 and item[0] < 0x80:
        return item
    return _head(len(item), 0x80) + item


def _head(length: int, offset: int) -> bytes:
    if length < 56:
        return bytes((offset + length,))
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((offset + 55 + len(size),)) + size


def address_of(number: int) -> bytes:
    """Return an address without a key."""
    return blake2_256(b"bench account %d" % number)[:20]


@dataclass(slots=True)
class EvmSender:
    """A key and the nonce of its next transaction."""

    key: PrivateKey
    nonce: int = 0

    @classmethod
    def numbered(cls, number: int) -> EvmSender:
        """Return a sender of the bench."""
        return cls(PrivateKey(blake2_256(b"bench sender %d" % number)))

    @property
    def address(self) -> bytes:
        """The 20 bytes that stand for the key."""
        return keccak_256(self.key.public_key.format(compressed=False)[1:])[-20:]

    def transfer(self, to: bytes, value: int = 1) -> bytes:
        """Return a signed transfer; the nonce moves on."""
        fields: list[bytes | int] = [self.nonce, GAS_PRICE, GAS, to, value, b""]
        digest = keccak_256(rlp([*fields, CHAIN_ID, 0, 0]))
        proof = self.key.sign_recoverable(digest, hasher=None)
        r, s = int.from_bytes(proof[:32], "big"), int.from_bytes(proof[32:64], "big")
        self.nonce += 1
        return rlp([*fields, proof[64] + 35 + 2 * CHAIN_ID, r, s])
