"""The state after one block of another node, every part of it proven by the block's state root.

A value comes with the trie nodes that lead to it from the root (`state_getReadProof`). A page of
keys is proven as a whole: the nodes of all its keys, of its prefix, and of the key before it are
what a walk over the page loads. If the other node left out a key, the walk would need a node that
the proof does not have, so a page has all keys between its ends, with their values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Protocol

from btt_chain.client.jsonrpc import Json
from btt_chain.crypto.hashing import blake2_256
from btt_chain.node.dev.errors import AnswerTooLarge, WrongAnswer
from btt_chain.primitives.digits import from_hex, hex_or_none, to_hex
from storage.columns import KEY_HASH
from storage.trie.trie import MissingNode, Trie

MAX_PAGE: Final = 1_000
"""Maximum number of keys of a page, the most that nodes of this program prove at once."""
MAX_KEY: Final = 4 << 10
"""Maximum bytes of a key that the other node names: those of the runtime have a few hundred."""


class Caller(Protocol):
    """Calls of the other node."""

    def call(self, method: str, *params: Json) -> Json:
        """Return a method's result. Raises AnswerTooLarge, RemoteAway."""


class Page(NamedTuple):
    """Consecutive keys of a state, with their values."""

    entries: list[tuple[bytes, bytes]]
    is_end: bool
    """True if no key with the prefix follows."""


class ProvenState:
    """The state after one block, as the other node proves it."""

    def __init__(self, caller: Caller, at: str, root: bytes) -> None:
        """`at` is the block's hash in hex, `root` the state root in its header."""
        self._call = caller.call
        self._at = at
        self._root = root

    def value(self, key: bytes) -> bytes | None:
        """Return the value of a key. Raises RemoteAway, WrongAnswer."""
        trie = self._proof([key])
        try:
            return trie.get(key)
        except (MissingNode, ValueError) as error:
            raise self._wrong(error) from error

    def page(self, prefix: bytes, after: bytes | None, size: int) -> Page:
        """Return up to `size` entries with this prefix whose keys are above `after`.

        Fewer, if the other node does not give so many at once. Raises RemoteAway, WrongAnswer;
        AnswerTooLarge for a single entry.
        """
        keys = self._keys(prefix, after, size)
        is_end = len(keys) < size
        while True:
            try:
                trie = self._proof([*filter(None, (after,)), prefix, *keys])
            except AnswerTooLarge:
                if len(keys) <= 1:
                    raise
                keys, is_end = keys[: len(keys) // 4 + 1], False
            else:
                return Page(self._entries(trie, prefix, after, keys, is_end=is_end), is_end)

    def _keys(self, prefix: bytes, after: bytes | None, size: int) -> list[bytes]:
        start = hex_or_none(after)
        found = self._call("state_getKeysPaged", to_hex(prefix), size, start, self._at)
        if not isinstance(found, list) or len(found) > size:
            raise WrongAnswer("the other node answers state_getKeysPaged in another form")
        keys = [bytes_of(key) for key in found]
        if not _is_walk(keys, prefix, after):
            raise WrongAnswer("the other node answers state_getKeysPaged with other keys")
        return keys

    def _entries(
        self, trie: Trie, prefix: bytes, after: bytes | None, keys: Sequence[bytes], *, is_end: bool
    ) -> list[tuple[bytes, bytes]]:
        """Return the entries of a page that has exactly these keys. Raises WrongAnswer."""
        entries: list[tuple[bytes, bytes]] = []
        try:
            for key, held in trie.entries(prefix, after):
                entries.append((key, trie.resolve(key, held)))
                if len(entries) > len(keys) or key != keys[len(entries) - 1]:
                    raise WrongAnswer("the other node left out keys of the state")
                if len(entries) == len(keys) and not is_end:
                    break
        except (MissingNode, ValueError) as error:
            raise self._wrong(error) from error
        if len(entries) != len(keys):
            raise WrongAnswer("the other node names keys that the state does not have")
        return entries

    def _proof(self, keys: Iterable[bytes]) -> Trie:
        """Return a trie of the nodes that prove these keys; others are missing from it."""
        wanted: list[Json] = [to_hex(key) for key in keys]
        answer = self._call("state_getReadProof", wanted, self._at)
        nodes = answer.get("proof") if isinstance(answer, dict) else None
        if not isinstance(nodes, list):
            raise WrongAnswer("the other node answers state_getReadProof in another form")
        by_hash = {blake2_256(raw): raw for raw in map(bytes_of, nodes)}
        try:
            return Trie(lambda key: by_hash.get(key[KEY_HASH:]), self._root)
        except (MissingNode, ValueError) as error:
            raise self._wrong(error) from error

    def _wrong(self, error: Exception) -> WrongAnswer:
        return WrongAnswer(
            f"the other node does not prove a part of the state by the root of block {self._at}: "
            f"{error}"
        )


def _is_walk(keys: Sequence[bytes], prefix: bytes, after: bytes | None) -> bool:
    """Return True if keys have the prefix and ascend from `after`: a walk over them ends."""
    last = after
    for key in keys:
        if not key.startswith(prefix) or len(key) > MAX_KEY:
            return False
        if last is not None and key <= last:
            return False
        last = key
    return True


def bytes_of(answer: Json) -> bytes:
    """Return the bytes of an answer in hex. Raises WrongAnswer."""
    try:
        return from_hex(answer, prefix=True)
    except ValueError:
        raise WrongAnswer("the other node's answer is not hex") from None
