"""Pages of the runtime by its metadata: pallets with calls, events, errors, constants, storage."""

from __future__ import annotations

from typing import Final, TypedDict

from btt_chain.client.errors import ClientError, NotFound, decoding
from btt_chain.client.items import docs_of
from btt_chain.client.metadata import ChainMetadata
from btt_chain.explorer.context import Context, NodeGone
from btt_chain.explorer.listed import PALLETS
from btt_chain.explorer.pages.forms import NoSuchPage, hex_of
from btt_chain.present.visible import PAGE_LENGTH, shown
from btt_chain.scale.metadata import PalletMetadata, PortableVariant, StorageEntry

OF_PEOPLE: Final = ("HealthRecords", "Incentives", "Referral")
"""Pallets with lists of patients and users: the chain is public, but pages do not list people."""


def has_contents(pallet: str) -> bool:
    """Return True if a pallet has the page of its stored values: it has no other page."""
    return pallet not in PALLETS.values() and pallet not in OF_PEOPLE


class PalletRow(TypedDict):
    """A pallet, and the numbers of its items."""

    index: int
    name: str
    calls: int
    events: int
    errors: int
    storage: int
    constants: int


class CallsPage(TypedDict):
    """The pallets of the runtime."""

    metadataVersion: int
    pallets: list[PalletRow]


class FieldRow(TypedDict):
    """A field of a call, an event or an error."""

    name: str
    type: str


class VariantRow(TypedDict):
    """A call, an event or an error."""

    name: str
    index: int
    fields: list[FieldRow]
    docs: str


class ConstantRow(TypedDict):
    """A constant."""

    name: str
    type: str
    shown: str
    docs: str


class EntryRow(TypedDict):
    """A storage item."""

    name: str
    keys: list[str]
    type: str
    docs: str


class PalletPage(TypedDict):
    """A pallet: its calls, events, errors, constants and storage, with documentation."""

    name: str
    index: int
    hasContents: bool
    calls: list[VariantRow]
    events: list[VariantRow]
    errors: list[VariantRow]
    constants: list[ConstantRow]
    storage: list[EntryRow]


class StoragePage(EntryRow):
    """The value of a storage item at the last final block, if all keys are typed."""

    item: str
    at: int
    typed: list[str]
    missing: int
    value: str | None
    raw: str | None
    error: str | None


def calls_page(context: Context) -> CallsPage:
    """Return the pallets of the runtime, and how much each has."""
    metadata = metadata_of(context)
    items = metadata.items
    return {
        "metadataVersion": int(items.version),
        "pallets": [
            {
                "index": int(pallet.index),
                "name": pallet.name,
                "calls": len(items.calls(pallet)),
                "events": len(items.events(pallet)),
                "errors": len(items.errors(pallet)),
                "storage": len(pallet.storage.entries) if pallet.storage else 0,
                "constants": len(pallet.constants),
            }
            for pallet in items.runtime.pallets
        ],
    }


def pallet_page(context: Context, name: str) -> PalletPage:
    """Return a pallet: its calls, events, errors, constants and storage, with documentation."""
    metadata = metadata_of(context)
    pallet, items = pallet_of(metadata, name), metadata.items
    return {
        "name": pallet.name,
        "index": int(pallet.index),
        "hasContents": has_contents(pallet.name),
        "calls": [_variant(metadata, each) for each in items.calls(pallet)],
        "events": [_variant(metadata, each) for each in items.events(pallet)],
        "errors": [_variant(metadata, each) for each in items.errors(pallet)],
        "constants": _constants(metadata, pallet),
        "storage": [
            _entry(metadata, each) for each in (pallet.storage.entries if pallet.storage else [])
        ],
    }


async def storage_page(context: Context, path: str, keys: list[str]) -> StoragePage:
    """Return the value of a storage item at the last final block. Raises NodeGone."""
    metadata = metadata_of(context)
    try:
        pallet, entry = metadata.items.storage(path[:128])
    except ClientError:
        raise NoSuchPage(f"The chain has no storage item {shown(path)}.") from None
    height, hash = context.index.final()
    count = len(metadata.storage.key_types(entry))
    fields: StoragePage = {
        "item": f"{pallet.name}.{entry.name}",
        "at": height,
        **_entry(metadata, entry),
        "typed": keys,
        "missing": max(count - len(keys), 0),
        "value": None,
        "raw": None,
        "error": None,
    }
    if fields["missing"]:
        return fields
    try:
        key, _ = metadata.storage.key(pallet, entry, keys[:count])
        chain = await context.node.chain(context.index.specs()[0][0])
        raw = (await context.node.values(chain, [key], hash)).get(key)
        kind, value = metadata.storage.stored(entry, raw)
    except (ClientError, NodeGone) as error:
        fields["error"] = str(error)
        return fields
    fields["value"] = shown(metadata.values.for_people(kind, value), PAGE_LENGTH)
    fields["raw"] = None if raw is None else hex_of(raw)[:PAGE_LENGTH]
    return fields


def metadata_of(context: Context) -> ChainMetadata:
    """Return the metadata of the last version. Raises NoSuchPage."""
    metadata = context.data.latest()
    if metadata is None:
        raise NoSuchPage("The index is empty: the metadata come with the first block.")
    return metadata


def pallet_of(metadata: ChainMetadata, name: str) -> PalletMetadata:
    """Return the pallet of a name. Raises NoSuchPage."""
    try:
        return metadata.items.pallet(name[:64])
    except NotFound:
        raise NoSuchPage(f"The chain has no pallet {shown(name)}.") from None


def _variant(metadata: ChainMetadata, variant: PortableVariant) -> VariantRow:
    return {
        "name": variant.name,
        "index": int(variant.index),
        "fields": [
            {"name": each.name or str(at), "type": metadata.items.type_name(each.type)}
            for at, each in enumerate(variant.fields)
        ],
        "docs": docs_of(variant),
    }


def _entry(metadata: ChainMetadata, entry: StorageEntry) -> EntryRow:
    items = metadata.items
    return {
        "name": entry.name,
        "keys": [items.type_name(kind) for kind, _ in metadata.storage.key_types(entry)],
        "type": items.type_name(entry.type.value),
        "docs": docs_of(entry),
    }


def _constants(metadata: ChainMetadata, pallet: PalletMetadata) -> list[ConstantRow]:
    rows: list[ConstantRow] = []
    for each in pallet.constants:
        try:
            with decoding("it is not of its type"):
                value = metadata.items.types.decode(each.type, each.value)
            text = metadata.values.for_people(each.type, value)
        except ClientError as error:
            text = str(error)
        rows.append(
            {"name": each.name, "type": metadata.items.type_name(each.type),
             "shown": shown(text, 400), "docs": docs_of(each)}
        )  # fmt: skip
    return rows
