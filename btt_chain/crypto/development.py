"""The keys of the public development phrase: Alice, Bob, ..."""

from __future__ import annotations

from functools import cache
from typing import Final

from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.crypto.uri import DEV_PHRASE, SecretUri

DEV_NAMES: Final = ("Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie", "One", "Two")


@cache
def dev_key(path: str, scheme: Scheme = Scheme.SR25519) -> KeyPair:
    """Return the key of the development phrase at `path`, such as `//Alice`."""
    if not path:
        return KeyPair.from_uri(DEV_PHRASE, scheme)
    return dev_key("", scheme).derive(*SecretUri.parse(path).junctions)


def dev_path(place: int) -> str:
    """Return the path of the development chains' account number `place`.

    `//Alice`, ..., `//Two`, then `//Validator//0`, `//Validator//1`, ...
    """
    named = len(DEV_NAMES)
    return f"//{DEV_NAMES[place]}" if place < named else f"//Validator//{place - named}"
