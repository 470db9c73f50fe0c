"""A jump of the head to any block whose state is kept, final or not: for development chains.

Final blocks have no journals, so the flat state is compared with the trie of the target, key by
key, and only the differences are written.
"""

from __future__ import annotations

from collections.abc import Iterator

from storage.columns import STATE
from storage.kv import KeyValue
from storage.trie.node import hash_256
from storage.trie.trie import Trie


def differences(kv: KeyValue, root: bytes) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield the keys at which the flat state differs from the state of `root`, with its values.

    None for a key that the state of `root` does not have. Raises MissingNode if it is not kept.
    """
    trie = Trie(kv.get, root)
    flat = ((row[len(STATE) :], value) for row, value in kv.iterate(STATE))
    wanted = trie.entries()
    have, want = next(flat, None), next(wanted, None)
    while have is not None or want is not None:
        if want is None or (have is not None and have[0] < want[0]):
            if have is not None:
                yield have[0], None
            have = next(flat, None)
            continue
        key, stored = want
        if have is None or have[0] > key:
            yield key, trie.resolve(key, stored)
        else:
            content, is_hashed = stored
            if content != (hash_256(have[1]) if is_hashed else have[1]):
                yield key, trie.resolve(key, stored)
            have = next(flat, None)
        want = next(wanted, None)
