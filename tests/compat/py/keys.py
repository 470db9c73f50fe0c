"""Development keys for clients that bring none, or none of a kind; they look like theirs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from itertools import count
from typing import Any

import ed25519_zebra
import sr25519
from eth_keys.datatypes import PrivateKey
from scalecodec.utils.ss58 import ss58_encode

PREFIX = 42
ED25519, SR25519, ECDSA = 0, 1, 2

# What `subkey inspect //Alice` prints as the secret seed, and so on.
SEEDS = {
    "Alice": "e5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a",
    "Bob": "398f0c28f98885e046333d4a41c19cee4c37368a9832c6502f6cfd182e2aef89",
    "Charlie": "bc1ede780f784bb6991a585e4f6e61522c14e1cae6ad0895fb57b9a205a8f938",
    "Dave": "868020ae0687dda7d57565093a69090211449845a7e11453612800b663307246",
    "Eve": "786ad0e2df456fe43dd1f91ebca22e235bc162e0bb8d53c633e8c85b2af68b7a",
}

_numbers = count()


class Key:
    """A pair of keys, as the Python clients expect one."""

    ss58_format = PREFIX

    def __init__(self, crypto_type: int, account: bytes, sign: Callable[[bytes], bytes]) -> None:
        self.crypto_type = crypto_type
        self.public_key = account
        """For ecdsa the account in its place: the clients put it into the address."""
        self.ss58_address = str(ss58_encode(account, PREFIX))
        self._sign = sign

    def sign(self, data: Any) -> bytes:
        """Sign bytes, hex, or a client's own wrapping of them."""
        data = getattr(data, "data", data)
        if isinstance(data, str):
            data = bytes.fromhex(data.removeprefix("0x"))
        return self._sign(bytes(data))


def sr25519_key(seed: bytes) -> Key:
    """A Schnorr key."""
    pair = sr25519.pair_from_seed(seed)
    return Key(SR25519, pair[0], lambda data: bytes(sr25519.sign(pair, data)))


def ed25519_key(seed: bytes) -> Key:
    """An Edwards key."""
    secret, public = ed25519_zebra.ed_from_seed(seed)
    return Key(ED25519, bytes(public), lambda data: bytes(ed25519_zebra.ed_sign(secret, data)))


def ecdsa_key(seed: bytes) -> Key:
    """A secp256k1 key; it signs, and is known by, a BLAKE2b hash."""
    secret = PrivateKey(seed)
    account = blake2_256(secret.public_key.to_compressed_bytes())
    return Key(ECDSA, account, lambda data: secret.sign_msg_hash(blake2_256(data)).to_bytes())


def blake2_256(data: bytes) -> bytes:
    """BLAKE2b with 32 bytes of output."""
    return hashlib.blake2b(data, digest_size=32).digest()


def person(name: str) -> Key:
    """One of those who own something from the beginning."""
    return sr25519_key(bytes.fromhex(SEEDS[name]))


def new_account(kind: Callable[[bytes], Key] = sr25519_key) -> Key:
    """Return a key without an account, another one each time: checks do not affect each other."""
    return kind(blake2_256(f"account {os.getpid()} {next(_numbers)}".encode()))
