"""The node's identity: its name, its key on the network, and the peer id of that key."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.primitives.files import write_file
from btt_chain.primitives.ss58 import to_base58

KEY_FILE: Final = "secret_ed25519"
KEY_LENGTH: Final = 32

PEER_ID_PREFIX: Final = bytes.fromhex("002408011220")
"""Identity multihash of a protobuf public key of type ed25519. Source: libp2p peer-ids spec."""

ADJECTIVES: Final = (
    "brisk",
    "calm",
    "clear",
    "deft",
    "even",
    "fair",
    "keen",
    "mild",
    "swift",
    "true",
)
NOUNS: Final = (
    "acorn",
    "beacon",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "heron",
    "islet",
    "quartz",
)


def network_key(folder: Path) -> KeyPair:
    """Return the node's network key; one is made and stored (mode 600) if there is none.

    Raises ValueError when the file holds no key; OSError when the folder cannot be used.
    """
    file = folder / KEY_FILE
    try:
        seed = file.read_bytes()
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        seed = secrets.token_bytes(KEY_LENGTH)
        write_file(file, seed, private=True, new=True)
    if len(seed) != KEY_LENGTH:
        raise ValueError(f"{file}: expected {KEY_LENGTH} bytes, found {len(seed)}; remove it")
    return KeyPair.from_seed(seed, Scheme.ED25519)


def peer_id(key: KeyPair) -> str:
    """Return the libp2p peer id of an ed25519 key."""
    return to_base58(PEER_ID_PREFIX + key.public)


def pick_name() -> str:
    """Return a random name for a node without one."""
    return f"{secrets.choice(ADJECTIVES)}-{secrets.choice(NOUNS)}-{secrets.randbelow(10_000):04}"
