"""The page of a pallet without pages of its own: the values that it stores, by its metadata."""

from __future__ import annotations

from typing import Final, TypedDict

from btt_chain.client.chain import Chain
from btt_chain.client.presented import StoredRecords
from btt_chain.explorer import apis
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages.clock import slot_clock
from btt_chain.explorer.pages.forms import NoSuchPage
from btt_chain.explorer.pages.runtime import has_contents, metadata_of, pallet_of
from btt_chain.explorer.site import page_context
from btt_chain.present import Context as Shown
from btt_chain.scale.metadata import StorageEntry

ENTRIES: Final = 20
"""Maximum number of entries of a map."""


class ItemRow(TypedDict):
    """A storage item: its value as one row, or the first entries of a map; cells are texts."""

    name: str
    docs: str
    columns: list[str]
    rows: list[list[str]]
    isMore: bool


class ContentsPage(TypedDict):
    """The stored values of a pallet."""

    name: str
    at: int
    docs: str
    items: list[ItemRow]


async def contents_page(context: Context, name: str) -> ContentsPage:
    """Return the stored values of a pallet at the last final block, as texts. Raises NodeGone."""
    metadata = metadata_of(context)
    pallet = pallet_of(metadata, name)
    if not has_contents(pallet.name):
        raise NoSuchPage(f"The pallet {pallet.name} is shown by pages of its own.")
    form = page_context(context.data, str, await slot_clock(context))
    async with apis.state(context, f"pallet {pallet.name}") as (chain, hash):
        items = [
            await _item(chain, hash, pallet.name, entry, form)
            for entry in (pallet.storage.entries if pallet.storage else [])
        ]
    return {
        "name": pallet.name,
        "at": context.index.final()[0],
        "docs": " ".join(pallet.docs),
        "items": items,
    }


async def _item(
    chain: Chain, hash: bytes | None, pallet: str, entry: StorageEntry, form: Shown
) -> ItemRow:
    """Return a storage item: its value as one row, or the first entries of a map."""
    metadata = chain.metadata
    owner, _ = metadata.items.storage(f"{pallet}.{entry.name}")
    prefix, is_complete = metadata.storage.key(owner, entry, [])
    keys = [prefix]
    if not is_complete:
        keys = [key async for key in chain.storage_keys(prefix, ENTRIES + 1, hash)]
    values = await chain.storage_batch(keys[:ENTRIES], hash)
    records = StoredRecords(metadata, entry)
    rows = [
        records.rule.cells(records.record(key, raw), form)
        for key, raw in zip(keys, values, strict=False)
        if records.value(raw) is not None
    ]
    return {
        "name": entry.name,
        "docs": " ".join(entry.docs),
        "columns": [part.label for part in records.rule.parts],
        "rows": rows,
        "isMore": len(keys) > ENTRIES,
    }
