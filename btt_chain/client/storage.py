"""Keys and values of a runtime's storage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from btt_chain.client.arguments import Arguments
from btt_chain.client.errors import InvalidArgument, decoding
from btt_chain.client.items import CONTRADICTION, Items
from btt_chain.client.values import Values
from btt_chain.crypto.hashing import (
    blake2_128,
    blake2_128_concat,
    blake2_256,
    twox_64_concat,
    twox_128,
    twox_256,
)
from btt_chain.scale.errors import EncodeError
from btt_chain.scale.metadata import (
    PalletMetadata,
    PlainEntry,
    StorageEntry,
    StorageHasher,
    StorageModifier,
    TupleDef,
)
from btt_chain.scale.portable import Plain

_HASHERS: Final[dict[StorageHasher, Callable[[bytes], bytes]]] = {
    StorageHasher.Blake2_128: blake2_128,
    StorageHasher.Blake2_256: blake2_256,
    StorageHasher.Blake2_128Concat: blake2_128_concat,
    StorageHasher.Twox128: twox_128,
    StorageHasher.Twox256: twox_256,
    StorageHasher.Twox64Concat: twox_64_concat,
    StorageHasher.Identity: bytes,
}

_HASH_LENGTHS: Final = {
    StorageHasher.Blake2_128Concat: 16,
    StorageHasher.Twox64Concat: 8,
    StorageHasher.Identity: 0,
}
"""Bytes of the hash in front of a key that is stored itself."""

PREFIX_BYTES: Final = 32
"""Bytes of the hashed names of pallet and item."""


class StorageItems:
    """The keys and values of one runtime's storage items."""

    def __init__(self, items: Items, values: Values, arguments: Arguments) -> None:
        self._items = items
        self._types = items.types
        self._values = values
        self._arguments = arguments
        self._by_prefix: dict[bytes, tuple[PalletMetadata, StorageEntry]] | None = None

    def key(
        self, pallet: PalletMetadata, entry: StorageEntry, typed: Sequence[Plain]
    ) -> tuple[bytes, bool]:
        """Return the key of a storage item, and False if it is only a prefix for fewer keys."""
        with decoding(CONTRADICTION):
            return self._key(pallet, entry, typed)

    def _key(
        self, pallet: PalletMetadata, entry: StorageEntry, typed: Sequence[Plain]
    ) -> tuple[bytes, bool]:
        prefix = pallet.storage.prefix if pallet.storage else pallet.name
        key = twox_128(prefix.encode()) + twox_128(entry.name.encode())
        kinds = self.key_types(entry)
        if len(typed) > len(kinds):
            raise InvalidArgument(
                f"{pallet.name}.{entry.name} takes {len(kinds)} keys "
                f"({', '.join(self._types.name(kind) for kind, _ in kinds) or 'none'}), "
                f"{len(typed)} given"
            )
        for at, ((kind, hasher), text) in enumerate(zip(kinds, typed, strict=False)):
            where = f"key {at + 1}"
            try:
                value = self._arguments.read(kind, text, where) if isinstance(text, str) else text
                key += _HASHERS[hasher](self._types.encode(kind, value, where))
            except EncodeError as error:
                raise InvalidArgument(f"{pallet.name}.{entry.name}: {error}") from None
            except RecursionError:
                raise InvalidArgument(f"{where} is nested too deeply") from None
        return key, len(typed) == len(kinds)

    def entry_of(self, key: bytes) -> tuple[PalletMetadata, StorageEntry] | None:
        """Return the pallet and item that a key belongs to; None if it is not a pallet's."""
        if self._by_prefix is None:
            self._by_prefix = {
                self.key(pallet, entry, [])[0]: (pallet, entry)
                for pallet in self._items.runtime.pallets
                for entry in (pallet.storage.entries if pallet.storage else ())
            }
        return self._by_prefix.get(key[:PREFIX_BYTES])

    def key_types(self, entry: StorageEntry) -> list[tuple[int, StorageHasher]]:
        """Return the type and hasher of each key of a storage item. Raises Undecodable."""
        if isinstance(entry.type, PlainEntry):
            return []
        hashers = entry.type.hashers
        with decoding(CONTRADICTION):
            definition = self._types.type(entry.type.key).definition
            if len(hashers) > 1 and isinstance(definition, TupleDef):
                return list(zip(definition.items, hashers, strict=True))
            return [(entry.type.key, hashers[0])]

    def kept_keys(self, entry: StorageEntry) -> list[int | None]:
        """Return the type of each key of an item; None for one of which only the hash is stored."""
        return [kind if hasher in _HASH_LENGTHS else None for kind, hasher in self.key_types(entry)]

    def decode_keys(self, entry: StorageEntry, key: bytes) -> list[Plain]:
        """Return the keys of an entry as values; hashes if only those are stored."""
        return [value for _, value in self.key_parts(entry, key)]

    def keys_of(self, entry: StorageEntry, key: bytes) -> list[str]:
        """Return the keys of an entry in readable form; hashes if only those are stored."""
        return [
            str(value) if kind is None else self._values.for_people(kind, value)
            for kind, value in self.key_parts(entry, key)
        ]

    def key_parts(self, entry: StorageEntry, key: bytes) -> list[tuple[int | None, Plain]]:
        """Return type and value of each key; no type for one of which only the hash is stored."""
        at = PREFIX_BYTES
        parts: list[tuple[int | None, Plain]] = []
        with decoding(f"0x{key.hex()} is not a key of {entry.name}"):
            for kind, hasher in self.key_types(entry):
                length = _HASH_LENGTHS.get(hasher)
                if length is None:
                    size = 16 if hasher in {StorageHasher.Blake2_128, StorageHasher.Twox128} else 32
                    parts.append((None, "0x" + key[at : at + size].hex()))
                    at += size
                    continue
                value, at = self._types.decode_at(kind, key, at + length)
                parts.append((kind, value))
        return parts

    def stored(self, entry: StorageEntry, raw: bytes | None) -> tuple[int, Plain]:
        """Return the type and value of an entry; the default if it is absent, None without one."""
        kind = entry.type.value
        if raw is None:
            if entry.modifier is StorageModifier.Optional:
                return kind, None
            raw = entry.default
        with decoding(f"the stored value of {entry.name} is not of its type"):
            return kind, self._types.decode(kind, raw)
