"""Check that all storage is readable and canonical: I17."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from btt_chain.scale import DecodeError, EncodeError
from runtime.audits.state import Finding
from runtime.frame import Runtime
from runtime.frame.items import HASH, HASH_PREFIX, StorageItem

PREFIX_SIZE: Final = 16
"""Length of the pallet's part of a storage prefix, in bytes; the item's part is as long."""
OWN_KEYS: Final = b":"
"""First byte of keys outside of pallets: code, parameters, the chain's id."""


def stored(runtime: Runtime) -> Iterator[Finding]:
    """Check I17: every key belongs to an item, and every value re-encodes to itself."""
    items = {
        item.prefix: (f"{pallet.name}.{item.name}", item)
        for pallet in runtime.pallets.values()
        for _, item in pallet.live_storage()
    }
    state = runtime.host.state
    for key in list(state.keys(b"")):
        if key.startswith(OWN_KEYS):
            continue
        name, item = items.get(key[: 2 * PREFIX_SIZE], ("", None))
        if item is None:
            yield Finding("I17", f"key 0x{key.hex()} belongs to no pallet")
            continue
        problem = unreadable(item, key, state.get(key) or b"")
        if problem:
            yield Finding("I17", f"{name}: {problem} under 0x{key.hex()}")


def unreadable(item: StorageItem, key: bytes, raw: bytes) -> str:
    """Return the problem with a key of `item` or its value; an empty text if there is none."""
    shape = item.shape()
    try:
        if shape.value.encode(shape.value.decode_all(raw)) != raw:
            return "a value that is not in its own form"
        at = len(item.prefix)
        for hasher, part in shape.keys:
            size = HASH_PREFIX.get(hasher)
            if size is None:  # a hash without the key: nothing to compare
                return ""
            value, end = part.decode(key, at + size)
            if HASH[hasher](part.encode(value)) != key[at:end]:
                return "a key whose hash is not that of what it stands for"
            at = end
    except (DecodeError, EncodeError) as error:
        return f"unreadable bytes ({error})"
    return "" if at == len(key) else "a key that is too long"
