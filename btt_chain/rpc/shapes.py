"""Shapes: the JSON form of headers, versions and bytes.

Header, version and metadata are requested again and again, by every client for every block: their
JSON is made once and cached as bytes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

import orjson

from btt_chain.present import Context, record
from btt_chain.primitives.digits import to_hex
from btt_chain.rpc.backend import Chain, UnknownBlock
from runtime.frame.version import RuntimeVersion

Key = TypeVar("Key", bound=Hashable)
Kept = TypeVar("Kept")

HEADERS_KEPT = 1_024
VERSIONS_KEPT = 8
"""Number of runtimes whose version and metadata are cached; a node rarely serves more than two."""
SPEC_MEMBERS: Final = ("specName", "implName", "specVersion", "implVersion", "transactionVersion")
"""Members of a runtime version that chainHead has."""


def version_json(version: RuntimeVersion) -> dict[str, object]:
    """Return a runtime version in the form of the legacy API: `apis` is a list of pairs."""
    return {
        **record(RuntimeVersion).json(version, Context()),
        "stateVersion": version.state_version,
    }


def runtime_json(version: RuntimeVersion) -> dict[str, object]:
    """Return a runtime in the form of chainHead: fewer members, and `apis` is an object."""
    members = record(RuntimeVersion).json(version, Context())
    spec = {name: members[name] for name in SPEC_MEMBERS}
    apis = {to_hex(id): number for id, number in version.apis.value}
    return {"type": "valid", "spec": {**spec, "apis": apis}}


class Lately(Generic[Key, Kept]):
    """A cache of the last values made, by key."""

    __slots__ = ("_kept", "_limit", "_make")

    def __init__(self, limit: int, make: Callable[[Key], Kept]) -> None:
        self._limit = limit
        self._make = make
        self._kept: OrderedDict[Key, Kept] = OrderedDict()

    def __getitem__(self, key: Key) -> Kept:
        """Return the value for `key`, making it if it is not cached. Raises as making it does."""
        kept = self._kept.get(key)
        if kept is None:
            kept = self._make(key)
            if len(self._kept) >= self._limit:
                self._kept.popitem(last=False)
            self._kept[key] = kept
        return kept


class Shapes:
    """Cached JSON of the chain's headers, runtime versions and metadata."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self._headers: Lately[bytes, orjson.Fragment] = Lately(HEADERS_KEPT, self._make_header)
        self._metadata: Lately[bytes, orjson.Fragment] = Lately(VERSIONS_KEPT, _quoted_hex)
        self._versions: dict[tuple[str, int, int], orjson.Fragment] = {}

    def header(self, hash: bytes) -> orjson.Fragment | None:
        """Return the JSON of a header; None if there is no such block."""
        try:
            return self._headers[hash]
        except UnknownBlock:
            return None

    def metadata(self, hash: bytes) -> orjson.Fragment:
        """Return the hex of a block's V14 metadata. Raises `BackendError`."""
        return self._metadata[self.chain.metadata(hash)]

    def version(self, hash: bytes) -> orjson.Fragment:
        """Return the JSON of a block's runtime version. Raises `BackendError`."""
        version = self.chain.runtime_version(hash)
        key = (version.spec_name.value, version.spec_version, version.impl_version)
        kept = self._versions.get(key)
        if kept is None:
            if len(self._versions) >= VERSIONS_KEPT:
                self._versions.clear()
            kept = self._versions[key] = orjson.Fragment(orjson.dumps(version_json(version)))
        return kept

    def _make_header(self, hash: bytes) -> orjson.Fragment:
        header = self.chain.header(hash)
        if header is None:
            raise UnknownBlock(hash)
        return orjson.Fragment(orjson.dumps(header.to_json()))


def _quoted_hex(raw: bytes) -> orjson.Fragment:
    return orjson.Fragment(b'"0x' + raw.hex().encode() + b'"')
