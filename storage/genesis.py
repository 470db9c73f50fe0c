"""The state of block zero, written in chunks before the block itself."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Final

from storage.columns import STATE
from storage.kv import KeyValue
from storage.trie.trie import EMPTY_ROOT, Trie

GENESIS_CHUNK: Final = 50_000
"""Number of keys of a genesis state written in one batch; the block itself is in a last one."""


def write_genesis_state(kv: KeyValue, state: Mapping[bytes, bytes], version: int) -> bytes:
    """Write a state chunk by chunk, so that a large one needs little memory; return its root."""
    root = EMPTY_ROOT
    keys = iter(sorted(state))
    while chunk := list(islice(keys, GENESIS_CHUNK)):
        trie = Trie(kv.get, root)
        batch: dict[bytes, bytes | None] = {}
        for key in chunk:
            trie.put(key, state[key], version)
            batch[STATE + key] = state[key]
        sealed = trie.seal()
        root = sealed.root
        batch.update(dict.fromkeys(sealed.retired))
        batch.update(sealed.inserted)
        kv.write(batch)
    return root


def wipe_genesis(kv: KeyValue) -> None:
    """Remove the remains of an interrupted genesis."""
    while keys := list(islice(kv.keys(start=b"\x01"), GENESIS_CHUNK)):
        kv.write(dict.fromkeys(keys))
