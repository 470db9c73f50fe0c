"""Data of the chain for pages: metadata by version, names of accounts, amounts and addresses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from btt_chain.client.chain import read_properties
from btt_chain.client.decoding import EventView, ExtrinsicView
from btt_chain.client.errors import ClientError
from btt_chain.client.items import docs_of, find_variant
from btt_chain.client.metadata import ChainMetadata
from btt_chain.crypto.development import dev_key, dev_path
from btt_chain.explorer.index.queries import Index
from btt_chain.explorer.index.reading import EventPart, SpecReader
from btt_chain.explorer.index.source import ChainNames
from btt_chain.explorer.index.specs import Specs
from btt_chain.present.visible import of_bytes
from btt_chain.primitives import ss58
from btt_chain.scale.compact import compact_encode

TRIAL_KINDS: Final = ("Development", "Local")
"""Types of chains on which the well-known development keys have their names."""
DEV_PATHS: Final = (
    *map(dev_path, range(24)), *(f"//Provider//{place}" for place in range(16)), "//Hospital",
)  # fmt: skip
"""Keys of the accounts of development chains and of `devnet`."""
KEPT: Final = 8
"""Decoded extrinsics that are kept, ..."""
KEPT_BYTES: Final = 65_536
"""... each of so many bytes at most."""
POOL: Final = b"modl"
"""First bytes of accounts without a key, which belong to pallets."""


@dataclass(frozen=True, slots=True)
class Undecoded:
    """An extrinsic that the metadata do not describe."""

    reason: str


class ChainData:
    """The metadata of a chain's versions, and how its accounts and amounts are shown."""

    def __init__(self, index: Index, names: ChainNames, specs: Specs | None = None) -> None:
        """`specs` are readers that are shared with others of the same index."""
        self.names = names
        self.specs = specs or Specs(index.metadata, names)
        self.currency, self._prefix = read_properties(names.properties)
        self._is_prefix_known = False
        self._index = index
        self._kept = lru_cache(KEPT)(self._decode)
        self._labels: dict[bytes, str] = {}
        if names.kind in TRIAL_KINDS:
            for path in DEV_PATHS:
                self._labels[dev_key(path).account_id] = path.strip("/").replace("//", " ")

    @property
    def prefix(self) -> int:
        """The prefix of addresses, which properties may leave to the runtime."""
        latest = None if self._is_prefix_known else self.latest()
        if latest is not None:
            self._prefix, self._is_prefix_known = latest.prefix, True
        return self._prefix

    def spec(self, version: int) -> SpecReader:
        """Return the reader of a version. LookupError if the index does not have it."""
        return self.specs.reader(version)

    def latest(self) -> ChainMetadata | None:
        """Return the metadata of the last version; None if the index is empty."""
        versions = self._index.specs()
        return self.spec(versions[0][0]).metadata if versions else None

    # ---- names

    def address(self, account: bytes) -> str:
        """Return the address of an account."""
        return ss58.encode(account, self.prefix)

    def label(self, account: bytes) -> str | None:
        """Return the name of an account: of a development key, or of a pallet's account."""
        found = self._labels.get(account)
        if found is None and account.startswith(POOL):
            found = of_bytes(account[len(POOL) :].rstrip(b"\0"))
        return found

    def named(self, text: str) -> bytes | None:
        """Return the account with a name, None if there is none."""
        wanted = text.casefold()
        return next((key for key, name in self._labels.items() if name.casefold() == wanted), None)

    def call_name(self, version: int, pallet: int, call: int) -> str:
        """Return the name of a call by its indices; `?` if the metadata have none."""
        return self._item(version, pallet, call, is_event=False)

    def event_name(self, version: int, pallet: int, event: int) -> str:
        """Return the name of an event by its indices; `?` if the metadata have none."""
        return self._item(version, pallet, event, is_event=True)

    def _item(self, version: int, pallet: int, item: int, *, is_event: bool) -> str:
        reader = self.spec(version)
        found = reader.pallets.get(pallet)
        if found is None:
            return "?" if pallet < 0 else f"pallet {pallet}.{item}"
        items = reader.metadata.items
        for variant in items.events(found) if is_event else items.calls(found):
            if variant.index == item:
                return f"{found.name}.{variant.name}"
        return f"{found.name}.{item}"

    # ---- decoding

    def extrinsic(self, version: int, wire: bytes) -> ExtrinsicView | Undecoded:
        """Decode an extrinsic; the last ones are kept, except for very large ones."""
        return (self._decode if len(wire) > KEPT_BYTES else self._kept)(version, wire)

    def _decode(self, version: int, wire: bytes) -> ExtrinsicView | Undecoded:
        try:
            return self.spec(version).metadata.decoder.extrinsic(wire)
        except ClientError as error:
            return Undecoded(str(error))

    def event(self, version: int, raw: bytes, part: EventPart) -> EventView:
        """Decode one event of a block's list. Raises Undecodable."""
        alone = compact_encode(1) + b"\1" + raw[part.start : part.end] + b"\0"
        return self.spec(version).metadata.decoder.events(alone)[0]

    def call_docs(self, version: int, name: str) -> str:
        """Return the documentation of a call by its name."""
        items = self.spec(version).metadata.items
        pallet, _, call = name.partition(".")
        try:
            return docs_of(find_variant(call, items.calls(items.pallet(pallet)), "call", pallet))
        except ClientError:
            return ""
