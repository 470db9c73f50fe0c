"""Storage items: the typed state of a pallet.

A declaration on the class (`account = Map(AccountId, AccountInfo, default=AccountInfo())`) becomes
a live item when the pallet is added to a runtime. Only `[]`, `.value` and the methods here access
the state; every read returns a new record, so a change takes effect only when it is written back
explicitly. Codecs and encoded defaults are made when they are first needed.

Keys are Substrate's: `twox128(pallet) ++ twox128(item) ++ hashed keys`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum
from functools import cached_property
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
from btt_chain.lazyclass import dataclass
from btt_chain.scale import Codec, codec
from runtime.frame.host import Host

K = TypeVar("K")
K1 = TypeVar("K1")
K2 = TypeVar("K2")
V = TypeVar("V")

KEY_CACHE_SIZE: Final = 16_384
"""Maximum number of cached keys per map; a transfer uses an account's key eight times."""
PEEK_CACHE_SIZE: Final = 1_024
"""Maximum number of decoded values that `Map.peek` keeps."""
PREFIX_CACHE_SIZE: Final = 1_024
"""Maximum number of cached prefixes of a double map."""


class Hasher(IntEnum):
    """Hash function of a map key; the numbers are those of the metadata."""

    Blake2_128 = 0
    Blake2_256 = 1
    Blake2_128Concat = 2
    Twox128 = 3
    Twox256 = 4
    Twox64Concat = 5
    Identity = 6


def identity(key: bytes) -> bytes:
    """Return `key` unchanged."""
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
"""Length of the hash before the key, in bytes, for the hashers that keep the key readable."""


@dataclass(frozen=True, slots=True)
class StorageShape:
    """The metadata of an item. `default` is the encoded default; None if it is optional."""

    keys: tuple[tuple[Hasher, Codec[Any]], ...]
    value: Codec[Any]
    default: bytes | None


class StorageItem:
    """A declaration on the class; `bind` makes the live item of a pallet instance."""

    name: str
    prefix: bytes
    kinds: tuple[object, ...]
    """Types of the keys and of the value, as in the annotation: `Map[AccountId, u128]`."""
    _host: Host

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = camel(name)

    def bind(self, host: Host, pallet_prefix: bytes) -> Self:
        """Return a copy of this item that reads and writes the state of `host`."""
        live = object.__new__(type(self))
        live.__dict__.update(self.__dict__)
        live.prefix = pallet_prefix + twox_128(self.name.encode())
        live._host = host
        return live

    def shape(self) -> StorageShape:
        """Return the metadata of the item."""
        raise NotImplementedError


class TypedItem(StorageItem, Generic[V]):
    """An item whose values are of one type, with a codec that is made when it is first needed."""

    def __init__(self, kind: TypeForm[V], default: V | None) -> None:
        self._kind: TypeForm[V] = kind
        self._given = default

    @cached_property
    def _codec(self) -> Codec[V]:
        return codec(self._kind)

    @cached_property
    def _default(self) -> bytes | None:
        return None if self._given is None else self._codec.encode(self._given)


class Value(TypedItem[V], Generic[V]):
    """A single stored value."""

    def __init__(self, kind: TypeForm[V], *, default: V | None = None) -> None:
        super().__init__(kind, default)
        self.kinds = (kind,)
        self._last: tuple[bytes, V] | None = None
        self._peeked: tuple[bytes, V] | None = None

    def get(self) -> V | None:
        """Return the stored value or the default; None if there is neither."""
        raw = self._host.state.get(self.prefix)
        if raw is None:
            raw = self._default
        return None if raw is None else self._decoded(raw)

    def _decoded(self, raw: bytes) -> V:
        # Decode a number once, not for each of seven reads a transfer: a state returns the same
        # bytes object until a write. Records are decoded for every read.
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
        last = self._last
        return last[1] if last is not None and last[0] is raw else self._decoded(raw)

    @value.setter
    def value(self, new: V) -> None:
        raw, last = self._codec.encode(new), self._last
        self._host.state.put(self.prefix, raw)
        if last is not None and last[1].__class__ is new.__class__:  # a counter: read again soon
            self._last = raw, new

    def peek(self) -> V:
        """Return the same as `value`, decoded once for the same bytes: it must not be changed.

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

    def keep(self, new: V) -> None:
        """Store a value that the next `peek` returns without decoding it.

        It must not be changed any more. For records that a block writes, and reads again.
        """
        raw = self._codec.encode(new)
        self._host.state.put(self.prefix, raw)
        self._peeked = raw, new

    def exists(self) -> bool:
        """Return True if a value is stored (a default does not count)."""
        return self._host.state.get(self.prefix) is not None

    def take(self) -> V | None:
        """Return the result of `get` (None if nothing is stored), and delete the stored value."""
        value = self.get()
        self.kill()
        return value

    def raw(self) -> bytes | None:
        """Return the stored value or the default as it is encoded; None if there is neither."""
        raw = self._host.state.get(self.prefix)
        return self._default if raw is None else raw

    def kill(self) -> None:
        """Delete the stored value."""
        self._host.state.put(self.prefix, None)

    def shape(self) -> StorageShape:
        """Return the metadata of the item."""
        return StorageShape((), self._codec, self._default)


class HashedKeys(dict[K, bytes]):
    """Storage keys of a map by its keys, each hashed when it is first needed."""

    __slots__ = ("_hashed",)

    def __init__(self, hashed: Callable[[K], bytes]) -> None:
        super().__init__()
        self._hashed = hashed

    def __missing__(self, key: K) -> bytes:
        full = self._hashed(key)
        if len(self) >= KEY_CACHE_SIZE:
            self.clear()
        self[key] = full
        return full


class Map(TypedItem[V], Generic[K, V]):
    """Values by key."""

    def __init__(
        self,
        key: TypeForm[K],
        kind: TypeForm[V],
        *,
        default: V | None = None,
        hasher: Hasher = Hasher.Blake2_128Concat,
    ) -> None:
        self._key_kind: TypeForm[K] = key
        super().__init__(kind, default)
        self.kinds = key, kind
        self._hasher = hasher
        self._hash = HASH[hasher]
        self._keys = HashedKeys(self.hashed)
        self._peeked: dict[K, tuple[bytes, V]] = {}

    @cached_property
    def _key_codec(self) -> Codec[K]:
        return codec(self._key_kind)

    def bind(self, host: Host, pallet_prefix: bytes) -> Self:
        """Return a bound copy of this item with its own key cache."""
        live = super().bind(host, pallet_prefix)
        live.__dict__.update(_keys=HashedKeys(live.hashed), _peeked={})
        return live

    def key(self, key: K) -> bytes:
        """Return the storage key of `key`."""
        return self._keys[key]

    def hashed(self, key: K) -> bytes:
        """Return the same, hashed again."""
        return self.hashed_raw(self._key_codec.encode(key))

    def hashed_raw(self, encoded: bytes) -> bytes:
        """Return the storage key of an encoded key, which is not kept."""
        return self.prefix + self._hash(encoded)

    def get(self, key: K) -> V | None:
        """Return the stored value or the default; None if there is neither."""
        raw = self._host.state.get(self._keys[key])
        if raw is None:
            raw = self._default
        return None if raw is None else self._codec.decode(raw, 0)[0]

    def peek(self, key: K) -> V | None:
        """Return the same as `get`, decoded once for the same bytes: it must not be changed.

        For records with long lists that most blocks read and few write.
        """
        raw = self._host.state.get(self._keys[key])
        if raw is None:
            raw = self._default
        if raw is None:
            return None
        peeked = self._peeked.get(key)
        if peeked is None or peeked[0] != raw:
            if len(self._peeked) >= PEEK_CACHE_SIZE:
                self._peeked.clear()
            peeked = self._peeked[key] = (raw, self._codec.decode(raw, 0)[0])
        return peeked[1]

    def keep(self, key: K, new: V) -> None:
        """Store a value that the next `peek` returns without decoding it.

        It must not be changed any more. For records that many calls of a block read and write.
        """
        raw = self._codec.encode(new)
        self._host.state.put(self._keys[key], raw)
        if len(self._peeked) >= PEEK_CACHE_SIZE:
            self._peeked.clear()
        self._peeked[key] = raw, new

    def forget_decoded(self) -> None:
        """Forget the values that `peek` keeps: the next one decodes its value again."""
        self._peeked.clear()

    def __getitem__(self, key: K) -> V:
        raw = self._host.state.get(self._keys[key])
        if raw is None:
            raw = self._default
        if raw is None:
            raise KeyError(key)
        return self._codec.decode(raw, 0)[0]

    def __setitem__(self, key: K, new: V) -> None:
        self._host.state.put(self._keys[key], self._codec.encode(new))

    def __delitem__(self, key: K) -> None:
        self._host.state.put(self._keys[key], None)

    def __contains__(self, key: K) -> bool:
        return self._host.state.get(self._keys[key]) is not None

    def raw(self, key: K) -> bytes | None:
        """Return the stored value as it is encoded; None if there is none."""
        return self._host.state.get(self._keys[key])

    def take(self, key: K) -> V | None:
        """Return the result of `get` (None if nothing is stored), and delete the stored value."""
        value = self.get(key)
        del self[key]
        return value

    def items(self) -> Iterator[tuple[K, V]]:
        """Iterate in the order of the hashed keys. In a call: only if the number is bounded."""
        skip = len(self.prefix) + HASH_PREFIX[self._hasher]
        state = self._host.state
        for full in list(state.keys(self.prefix)):
            raw = state.get(full)
            if raw is None:
                continue
            yield self._key_codec.decode_all(full[skip:]), self._codec.decode(raw, 0)[0]

    def page(self, after: K | None, limit: int) -> list[tuple[K, V]]:
        """Return at most `limit` entries behind the key `after`, in the order of hashed keys.

        `after` need not be stored; None begins at the first. Reads no more than it returns.
        """
        skip, state = len(self.prefix) + HASH_PREFIX[self._hasher], self._host.state
        found: list[tuple[K, V]] = []
        full = state.next_key(self.prefix if after is None else self.key(after))
        while full is not None and full.startswith(self.prefix) and len(found) < limit:
            raw = state.get(full) or b""
            found.append((self._key_codec.decode_all(full[skip:]), self._codec.decode(raw, 0)[0]))
            full = state.next_key(full)
        return found

    def shape(self) -> StorageShape:
        """Return the metadata of the item."""
        return StorageShape(((self._hasher, self._key_codec),), self._codec, self._default)


class DoubleMap(TypedItem[V], Generic[K1, K2, V]):
    """Values by two keys; values with the same first key are adjacent."""

    def __init__(
        self,
        first: TypeForm[K1],
        second: TypeForm[K2],
        kind: TypeForm[V],
        *,
        default: V | None = None,
        hashers: tuple[Hasher, Hasher] = (Hasher.Twox64Concat, Hasher.Blake2_128Concat),
    ) -> None:
        self._kinds: tuple[TypeForm[K1], TypeForm[K2]] = (first, second)
        super().__init__(kind, default)
        self.kinds = first, second, kind
        self._hashers = hashers
        self._hash_first, self._hash_second = HASH[hashers[0]], HASH[hashers[1]]
        self._prefixes: dict[K1, bytes] = {}
        self._last: tuple[K1, K2, bytes] | None = None
        self._peeked: dict[tuple[K1, K2], tuple[bytes, bytes, V]] = {}

    @cached_property
    def _first(self) -> Codec[K1]:
        return codec(self._kinds[0])

    @cached_property
    def _second(self) -> Codec[K2]:
        return codec(self._kinds[1])

    def bind(self, host: Host, pallet_prefix: bytes) -> Self:
        """Return a bound copy of this item with its own cache."""
        live = super().bind(host, pallet_prefix)
        live.__dict__.update(_prefixes={}, _last=None, _peeked={})
        return live

    def key(self, first: K1, second: K2) -> bytes:
        """Return the storage key of the pair."""
        # The same two objects twice in a row: a value is read, and written back.
        last = self._last
        if last is not None and last[0] is first and last[1] is second:
            return last[2]
        full = self.prefix_of(first) + self._hash_second(self._second.encode(second))
        self._last = first, second, full
        return full

    def hashed_raw(self, first: K1, second: bytes) -> bytes:
        """Return the storage key of a pair whose second key is encoded; it is not kept."""
        return self.prefix_of(first) + self._hash_second(second)

    def prefix_of(self, first: K1) -> bytes:
        """Return the common prefix of all keys under `first`."""
        known = self._prefixes.get(first)
        if known is not None:
            return known
        full = self.prefix + self._hash_first(self._first.encode(first))
        if len(self._prefixes) >= PREFIX_CACHE_SIZE:
            self._prefixes.clear()
        self._prefixes[first] = full
        return full

    def get(self, keys: tuple[K1, K2]) -> V | None:
        """Return the stored value or the default; None if there is neither."""
        raw = self._host.state.get(self.key(*keys))
        if raw is None:
            raw = self._default
        return None if raw is None else self._codec.decode(raw, 0)[0]

    def peek(self, keys: tuple[K1, K2]) -> V | None:
        """Return the same as `get`, decoded once for the same bytes: it must not be changed."""
        known = self._peeked.get(keys)
        full = self.key(*keys) if known is None else known[0]
        raw = self._host.state.get(full)
        if raw is None:
            raw = self._default
        if raw is None:
            return None
        if known is None or known[1] != raw:
            known = self._remember(keys, full, raw, self._codec.decode(raw, 0)[0])
        return known[2]

    def keep(self, keys: tuple[K1, K2], new: V) -> None:
        """Store a value that the next `peek` returns without decoding it: see `Map.keep`."""
        known, raw = self._peeked.get(keys), self._codec.encode(new)
        full = self.key(*keys) if known is None else known[0]
        self._host.state.put(full, raw)
        self._remember(keys, full, raw, new)

    def _remember(
        self, keys: tuple[K1, K2], full: bytes, raw: bytes, value: V
    ) -> tuple[bytes, bytes, V]:
        if len(self._peeked) >= PEEK_CACHE_SIZE:
            self._peeked.clear()
        known = self._peeked[keys] = full, raw, value
        return known

    def forget_decoded(self) -> None:
        """Forget the values that `peek` keeps: the next one decodes its value again."""
        self._peeked.clear()

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
        """Iterate over the values of one first key. In a call: only if the number is bounded."""
        prefix = self.prefix_of(first)
        skip = len(prefix) + HASH_PREFIX[self._hashers[1]]
        state = self._host.state
        for full in list(state.keys(prefix)):
            raw = state.get(full)
            if raw is None:
                continue
            yield self._second.decode_all(full[skip:]), self._codec.decode(raw, 0)[0]

    def items(self) -> Iterator[tuple[tuple[K1, K2], V]]:
        """Iterate over all values, in the order of the hashed keys. For audits: unbounded."""
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
        """Return at most `limit` second keys under a first key, in the order of their hashes."""
        prefix = self.prefix_of(first)
        skip = len(prefix) + HASH_PREFIX[self._hashers[1]]
        found = islice(self._host.state.keys(prefix), limit)
        return [self._second.decode_all(full[skip:]) for full in found]

    def page_under(self, first: K1, after: K2 | None, limit: int) -> list[tuple[K2, V]]:
        """Return at most `limit` entries of a first key behind the second key `after`.

        They are in the order of their hashes. `after` need not be stored; None begins at the first.
        """
        prefix, state = self.prefix_of(first), self._host.state
        skip = len(prefix) + HASH_PREFIX[self._hashers[1]]
        found: list[tuple[K2, V]] = []
        full = state.next_key(prefix if after is None else self.key(first, after))
        while full is not None and full.startswith(prefix) and len(found) < limit:
            raw = state.get(full) or b""
            found.append((self._second.decode_all(full[skip:]), self._codec.decode(raw, 0)[0]))
            full = state.next_key(full)
        return found

    def walk(self, first: K1, begin: bytes) -> Iterator[K2]:
        """Iterate over the second keys that begin with `begin`, in their own order.

        For second keys with `Hasher.Identity`: with other hashers they are in the order of their
        hashes.
        """
        prefix = self.prefix_of(first)
        for full in self._host.state.keys(prefix + begin):
            yield self._second.decode_all(full[len(prefix) :])

    def shape(self) -> StorageShape:
        """Return the metadata of the item."""
        keys = ((self._hashers[0], self._first), (self._hashers[1], self._second))
        return StorageShape(keys, self._codec, self._default)


def camel(name: str) -> str:
    """Convert a Python name into a storage or constant name: `next_fee_` -> `NextFee`."""
    return "".join(part[:1].upper() + part[1:] for part in name.rstrip("_").split("_"))
