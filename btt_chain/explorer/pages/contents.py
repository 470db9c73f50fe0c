"""The page of a pallet without pages of its own: the values that it stores, by its metadata."""

from __future__ import annotations

from typing import Final, TypedDict, cast

from btt_chain.client.chain import Chain
from btt_chain.client.errors import ClientError, Disconnected
from btt_chain.client.presented import StoredRecords
from btt_chain.explorer import apis
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages.clock import slot_clock
from btt_chain.explorer.pages.forms import NoSuchPage
from btt_chain.explorer.pages.runtime import has_contents, metadata_of, pallet_of
from btt_chain.explorer.site import page_context
from btt_chain.present import Context as Shown
from btt_chain.present.visible import shown
from btt_chain.scale.metadata import PalletMetadata, StorageEntry

ENTRIES: Final = 20
"""Maximum number of entries of a map."""
MAX_CELL: Final = 1_000
"""Maximum characters of a cell."""


class ItemRow(TypedDict):
    """A storage item: its value as one row, or the first entries of a map; cells are texts.

    `error` is the reason why it has none, such as values that are too large for one answer.
    """

    name: str
    docs: str
    columns: list[str]
    rows: list[list[str]]
    isMore: bool
    error: str | None


class ContentsPage(TypedDict):
    """The stored values of a pallet."""

    name: str
    at: int
    docs: str
    items: list[ItemRow]


async def contents_page(context: Context, name: str) -> ContentsPage:
    """Return the stored values of a pallet at the last final block, as texts. Raises NodeGone."""
    pallet = pallet_of(metadata_of(context), name)
    if not has_contents(pallet.name):
        raise NoSuchPage(f"The pallet {pallet.name} is shown by pages of its own.")
    page = await context.contents.get(
        context.index.final()[1], pallet.name, lambda: _read(context, pallet)
    )
    return cast("ContentsPage", page)


async def _read(context: Context, pallet: PalletMetadata) -> ContentsPage:
    height = context.index.final()[0]
    form = page_context(context.data, str, await slot_clock(context))
    async with apis.state(context, f"pallet {pallet.name}") as (chain, hash):
        items = [
            await _item(chain, hash, pallet, entry, form)
            for entry in (pallet.storage.entries if pallet.storage else [])
        ]
    return {"name": pallet.name, "at": height, "docs": " ".join(pallet.docs), "items": items}


async def _item(
    chain: Chain, hash: bytes | None, pallet: PalletMetadata, entry: StorageEntry, form: Shown
) -> ItemRow:
    """Return a storage item. One that cannot be shown takes no other from the page."""
    item: ItemRow = {
        "name": entry.name, "docs": " ".join(entry.docs), "columns": [], "rows": [],
        "isMore": False, "error": None,
    }  # fmt: skip
    try:
        prefix, is_complete = chain.metadata.storage.key(pallet, entry, [])
        keys = [prefix]
        if not is_complete:
            keys = [key async for key in chain.storage_keys(prefix, ENTRIES + 1, hash)]
        values = await chain.storage_batch(keys[:ENTRIES], hash)
        records = StoredRecords(chain.metadata, entry)
        item["columns"] = [part.label for part in records.rule.parts]
        item["isMore"] = len(keys) > ENTRIES
        rows = [records.record(key, raw) for key, raw in zip(keys, values, strict=False)]
        item["rows"] = [
            [_cut(cell) for cell in records.rule.cells(row, form)]
            for row in rows
            if row is not None
        ]
    except Disconnected:
        raise
    except ClientError as error:
        item["error"] = shown(str(error), MAX_CELL)
    return item


def _cut(cell: str) -> str:
    return cell if len(cell) <= MAX_CELL else f"{cell[:MAX_CELL]}…"
