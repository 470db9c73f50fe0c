"""Storage items: what a pallet keeps, typed.

A declaration on the class (`account = Map(AccountId, AccountInfo, default=AccountInfo())`)
becomes a live item when the pallet is added to a runtime. Only `[]`, `.value` and the methods
here touch the state; every read returns a fresh record, so a change counts only once it is
written back by name.

Keys are Substrate's: `twox128(pallet) ++ twox128(item) ++ hashed keys`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import Any, Final, Generic, Self, TypeVar

from typing_extensions import TypeForm

from btt_chain.crypto.hashing import (
    blake2_128,
    blake2_128_concat,
    blake2_256,
    twox_64_concat,
    twox_128,
    twox_256,
)
from btt_chain.scale import Codec, codec
from runtime.frame.host import Host

K = TypeVar("K")
K1 = TypeVar("K1")
K2 = TypeVar("K2")
V = TypeVar("V")

KEY_CACHE_SIZE: Final = 16_384
"""Keys remembered per map: a busy account's is hashed once, not eight times a transfer."""


class Hasher(IntEnum):
    """How a map key is hashed; the numbers are the metadata's own."""

    Blake2_128 = 0
    Blake2_256 = 1
    Blake2_128Concat = 2
    Twox128 = 3
    Twox256 = 4
    Twox64Concat = 5
    Identity = 6


def identity(key: bytes) -> bytes:
    """Return `key` as it is."""
    return key


HASH: Final[dict[Hasher, Callable[[bytes], bytes]]] = {
    Hasher.Blake2_128: blake2_128,
    Hasher.Blake2_256: blake2_256,
    Hasher.Blake2_128Concat: blake2_128_concat,
    Hasher.Twox128: twox_128,
    Hasher.Twox256: twox_256,
    Hasher.Twox64Concat: twox_64_concat,
    Hasher.Identity: identity,
}
HASH_PREFIX: Final[dict[Hasher, int]] = {
    Hasher.Blake2_128Concat: 16,
    Hasher.Twox64Concat: 8,
    Hasher.Identity: 0,
}
"""Bytes of hash in front of the key, for the hashers that keep the key readable."""


@dataclass(frozen=True, slots=True)
class StorageShape:
    """What the metadata says of an item. `default` is the encoded default, None for optional."""

    keys: tuple[tuple[Hasher, Codec[Any]], ...]
    value: Codec[Any]
    default: bytes | None


class StorageItem:
    """A declaration on the class; `bind` makes the live item that each pallet instance uses."""

    name: str
    prefix: bytes
    _host: Host

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = camel(name)

    def bind(self, host: Host, pallet_prefix: bytes) -> Self:
        """Return this item, alive: reading and writing the state of `host`."""
        live = object.__new__(type(self))
        live.__dict__.update(self.__dict__)
        live.prefix = pallet_prefix + twox_128(self.name.encode())
        live._host = host
        return live

    def shape(self) -> StorageShape:
        """Describe the item for the metadata."""
        raise NotImplementedError


class Value(StorageItem, Generic[V]):
    """One stored value."""

    def __init__(self, kind: TypeForm[V], *, default: V | None = None) -> None:
        self._codec: Codec[V] = codec(kind)
        self._default = None if default is None else self._codec.encode(default)
        self._last: tuple[bytes, V] | None = None
        self._peeked: tuple[bytes, V] | None = None

    def get(self) -> V | None:
        """Return the stored value or the default; None if there is neither."""
        raw = self._host.state.get(self.prefix)
        if raw is None:
            raw = self._default
        return None if raw is None else self._decoded(raw)

    def _decoded(self, raw: bytes) -> V:
        # A number that is asked for seven times a transfer is decoded once: a state gives the
        # very same bytes until somebody writes others. Records are made afresh every time.
        last = self._last
        if last is not None and last[0] is raw:
            return last[1]
        value = self._codec.decode(raw, 0)[0]
        if isinstance(value, (int, bytes)):
            self._last = (raw, value)
        return value

    @property
    def value(self) -> V:
        """The stored value or the default; KeyError if there is neither."""
        raw = self._host.state.get(self.prefix)
        if raw is None:
            raw = self._default
        if raw is None:
            raise KeyError(self.name)
        return self._decoded(raw)

    @value.setter
    def value(self, new: V) -> None:
        self._host.state.put(self.prefix, self._codec.encode(new))

    def peek(self) -> V:
        """Return what `value` does, decoded once for the same bytes: nobody may change it.

        For long lists that every block reads and few blocks write.
        """
        raw = self._host.state.get(self.prefix)
        if raw is None:
            raw = self._default
        if raw is None:
            raise KeyError(self.name)
        peeked = self._peeked
        if peeked is None or peeked[0] != raw:
            peeked = self._peeked = (raw, self._codec.decode(raw, 0)[0])
        return peeked[1]

    def exists(self) -> bool:
        """Tell whether a value is stored (a default does not count)."""
        return self._host.state.get(self.prefix) is not None

    def take(self) -> V | None:
        """Return what `get` would, and delete the stored value."""
        value = self.get()
        self.kill()
        return value

    def kill(self) -> None:
        """Delete the stored value."""
        self._host.state.put(self.prefix, None)

    def shape(self) -> StorageShape:
        """Describe the item for the metadata."""
        return StorageShape((), self._codec, self._default)


class Map(StorageItem, Generic[K, V]):
    """Values by key."""

    def __init__(
        self,
        key: TypeForm[K],
        kind: TypeForm[V],
        *,
        default: V | None = None,
        hasher: Hasher = Hasher.Blake2_128Concat,
    ) -> None:
        self._key_codec: Codec[K] = codec(key)
        self._codec: Codec[V] = codec(kind)
        self._default = None if default is None else self._codec.encode(default)
        self._hasher = hasher
        self._hash = HASH[hasher]
        self._keys: dict[K, bytes] = {}

    def bind(self, host: Host, pallet_prefix: bytes) -> Self:
        """Return this item, alive, with a key cache of its own."""
        live = super().bind(host, pallet_prefix)
        live.__dict__["_keys"] = {}
        return live

    def key(self, key: K) -> bytes:
        """Return the storage key of `key`."""
        known = self._keys.get(key)
        if known is not None:
            return known
        full = self.prefix + self._hash(self._key_codec.encode(key))
        if len(self._keys) >= KEY_CACHE_SIZE:
            self._keys.clear()
        self._keys[key] = full
        return full

    def get(self, key: K) -> V | None:
        """Return the stored value or the default; None if there is neither."""
        raw = self._host.state.get(self.key(key))
        if raw is None:
            raw = self._default
        return None if raw is None else self._codec.decode(raw, 0)[0]

    def __getitem__(self, key: K) -> V:
        raw = self._host.state.get(self.key(key))
        if raw is None:
            raw = self._default
        if raw is None:
            raise KeyError(key)
        return self._codec.decode(raw, 0)[0]

    def __setitem__(self, key: K, new: V) -> None:
        self._host.state.put(self.key(key), self._codec.encode(new))

    def __delitem__(self, key: K) -> None:
        self._host.state.put(self.key(key), None)

    def __contains__(self, key: K) -> bool:
        return self._host.state.get(self.key(key)) is not None

    def take(self, key: K) -> V | None:
        """Return what `get` would, and delete the stored value."""
        value = self.get(key)
        del self[key]
        return value

    def items(self) -> Iterator[tuple[K, V]]:
        """Iterate in the order of the hashed keys. In a call: only where a bound is known."""
        skip = len(self.prefix) + HASH_PREFIX[self._hasher]
        state = self._host.state
        for full in list(state.keys(self.prefix)):
            raw = state.get(full)
            if raw is None:
                continue
            yield self._key_codec.decode_all(full[skip:]), self._codec.decode(raw, 0)[0]

    def shape(self) -> StorageShape:
        """Describe the item for the metadata."""
        return StorageShape(((self._hasher, self._key_codec),), self._codec, self._default)


class DoubleMap(StorageItem, Generic[K1, K2, V]):
    """Values by two keys; all values of one first key lie together."""

    def __init__(
        self,
        first: TypeForm[K1],
        second: TypeForm[K2],
        kind: TypeForm[V],
        *,
        default: V | None = None,
        hashers: tuple[Hasher, Hasher] = (Hasher.Twox64Concat, Hasher.Blake2_128Concat),
    ) -> None:
        self._first: Codec[K1] = codec(first)
        self._second: Codec[K2] = codec(second)
        self._codec: Codec[V] = codec(kind)
        self._default = None if default is None else self._codec.encode(default)
        self._hashers = hashers
        self._hash_first, self._hash_second = HASH[hashers[0]], HASH[hashers[1]]

    def key(self, first: K1, second: K2) -> bytes:
        """Return the storage key of the pair."""
        return self.prefix_of(first) + self._hash_second(self._second.encode(second))

    def prefix_of(self, first: K1) -> bytes:
        """Return the common beginning of all keys under `first`."""
        return self.prefix + self._hash_first(self._first.encode(first))

    def get(self, keys: tuple[K1, K2]) -> V | None:
        """Return the stored value or the default; None if there is neither."""
        raw = self._host.state.get(self.key(*keys))
        if raw is None:
            raw = self._default
        return None if raw is None else self._codec.decode(raw, 0)[0]

    def __getitem__(self, keys: tuple[K1, K2]) -> V:
        value = self.get(keys)
        if value is None:
            raise KeyError(keys)
        return value

    def __setitem__(self, keys: tuple[K1, K2], new: V) -> None:
        self._host.state.put(self.key(*keys), self._codec.encode(new))

    def __delitem__(self, keys: tuple[K1, K2]) -> None:
        self._host.state.put(self.key(*keys), None)

    def __contains__(self, keys: tuple[K1, K2]) -> bool:
        return self._host.state.get(self.key(*keys)) is not None

    def under(self, first: K1) -> Iterator[tuple[K2, V]]:
        """Iterate over the values of one first key. In a call: only where a bound is known."""
        prefix = self.prefix_of(first)
        skip = len(prefix) + HASH_PREFIX[self._hashers[1]]
        state = self._host.state
        for full in list(state.keys(prefix)):
            raw = state.get(full)
            if raw is None:
                continue
            yield self._second.decode_all(full[skip:]), self._codec.decode(raw, 0)[0]

    def items(self) -> Iterator[tuple[tuple[K1, K2], V]]:
        """Iterate over everything, in the order of the hashed keys. For audits: it has no bound."""
        outer, inner = (HASH_PREFIX[hasher] for hasher in self._hashers)
        state = self._host.state
        for full in list(state.keys(self.prefix)):
            raw = state.get(full)
            if raw is None:
                continue
            first, at = self._first.decode(full, len(self.prefix) + outer)
            second = self._second.decode_all(full[at + inner :])
            yield (first, second), self._codec.decode(raw, 0)[0]

    def some_under(self, first: K1, limit: int) -> list[K2]:
        """Return at most `limit` of the second keys under a first key, by their hashes."""
        prefix = self.prefix_of(first)
        skip = len(prefix) + HASH_PREFIX[self._hashers[1]]
        found = islice(self._host.state.keys(prefix), limit)
        return [self._second.decode_all(full[skip:]) for full in found]

    def walk(self, first: K1, begin: bytes) -> Iterator[K2]:
        """Walk the second keys that begin with `begin`, in their own order.

        For second keys that are stored as they are (`Hasher.Identity`): others are in the order of
        their hashes.
        """
        prefix = self.prefix_of(first)
        for full in self._host.state.keys(prefix + begin):
            yield self._second.decode_all(full[len(prefix) :])

    def shape(self) -> StorageShape:
        """Describe the item for the metadata."""
        keys = ((self._hashers[0], self._first), (self._hashers[1], self._second))
        return StorageShape(keys, self._codec, self._default)


def camel(name: str) -> str:
    """Turn a Python name into a storage or constant name: `next_fee_` -> `NextFee`."""
    return "".join(part[:1].upper() + part[1:] for part in name.rstrip("_").split("_"))
