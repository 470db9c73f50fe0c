"""The node's local storage: values of its operator, beside the chain's in the database.

All values are one record of at most a mebibyte, which bounds it whatever is stored.
"""

from __future__ import annotations

from typing import Final

from btt_chain.scale import decode, encode
from storage.database import ChainStore

RECORD: Final = b"offchain_local_storage"
"""Key of the record in the database."""
MAX_BYTES: Final = 1 << 20
"""Maximum number of bytes of all keys and values."""

Values = dict[bytes, bytes]


class LocalStorageView:
    """The local storage, for the RPC (`rpc.offchain.LocalStorage`)."""

    def __init__(self, store: ChainStore) -> None:
        self._store = store

    def get(self, key: bytes) -> bytes | None:
        """Return a value; None if there is none."""
        return self._values().get(key)

    def set(self, key: bytes, value: bytes) -> None:
        """Store a value. ValueError if all values together would be too long."""
        values = self._values()
        values[key] = value
        raw = encode(Values, values)
        if len(raw) > MAX_BYTES:
            raise ValueError(f"all values together have at most {MAX_BYTES} bytes: clear others")
        self._store.aux_put({RECORD: raw}, sync=True)

    def clear(self, key: bytes) -> None:
        """Remove a value."""
        values = self._values()
        if values.pop(key, None) is not None:
            self._store.aux_put({RECORD: encode(Values, values) if values else None}, sync=True)

    def _values(self) -> Values:
        raw = self._store.aux_get(RECORD)
        return {} if raw is None else decode(Values, raw)
