"""Readers of the versions of a chain's runtime, each decoded once for indexer, audits and pages."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from btt_chain.client.chain import Chain
from btt_chain.client.jsonrpc import Connection
from btt_chain.client.transactions import ChainFacts
from btt_chain.client.wire import integer_of, member, to_bytes
from btt_chain.explorer.index.reading import SpecReader
from btt_chain.explorer.index.source import ChainNames, chain_metadata
from btt_chain.primitives.digits import hex_or_none, to_hex

MAX_SPECS: Final = 4
"""Maximum number of versions whose metadata are kept decoded, about 4 MiB each."""


class Specs:
    """The readers of one chain's versions; those that were used last are kept."""

    def __init__(self, load: Callable[[int], bytes | None], names: ChainNames) -> None:
        """`load` returns the stored metadata of a version, None if there are none."""
        self._load = load
        self._names = names
        self._readers: OrderedDict[int, SpecReader] = OrderedDict()

    def reader(self, version: int) -> SpecReader:
        """Return the reader of a version. LookupError if its metadata are not stored."""
        found = self._readers.get(version)
        if found is not None:
            self._readers.move_to_end(version)
            return found
        raw = self._load(version)
        if raw is None:
            raise LookupError(f"the index has no metadata of version {version}")
        return self.learn(version, raw)

    def learn(self, version: int, raw: bytes) -> SpecReader:
        """Return the reader of a version whose metadata may not be stored yet."""
        found = self._readers.get(version)
        if found is None:
            found = self._readers[version] = SpecReader(chain_metadata(raw, self._names))
            if len(self._readers) > MAX_SPECS:
                self._readers.popitem(last=False)
        self._readers.move_to_end(version)
        return found

    def forget(self) -> None:
        """Drop all readers: a chain that began anew may have other metadata of a version."""
        self._readers.clear()


async def open_chain(connection: Connection, specs: Specs, at: bytes | None = None) -> Chain:
    """Return the chain at a block, the best one unless `at` names another.

    Its metadata are read from the node only if the index does not have them. Raises ClientError.
    """
    version = await connection.call("state_getRuntimeVersion", hex_or_none(at))
    spec = integer_of(member(version, "specVersion"))
    try:
        metadata = specs.reader(spec).metadata
    except LookupError:
        return await Chain.open(connection, None if at is None else to_hex(at))
    name = member(version, "specName")
    facts = ChainFacts(
        to_bytes(await connection.call("chain_getBlockHash", 0)),
        spec,
        integer_of(member(version, "transactionVersion")),
        name if isinstance(name, str) else "",
    )
    return Chain(connection, metadata, facts, at)
