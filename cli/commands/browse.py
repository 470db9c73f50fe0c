"""`btt-chain query pallets|calls|events|errors|items`: a chain's functions, from metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from btt_chain.client.items import docs_of
from cli.common import show
from cli.common.errors import NotFound
from cli.common.options import examples, query_options
from cli.common.session import open_chain, run

if TYPE_CHECKING:
    from btt_chain.client.metadata import ChainMetadata
    from btt_chain.scale.metadata import PalletMetadata, PortableVariant


@examples("btt-chain query pallets")
@click.command()
@query_options
def pallets(url: str, timeout: float, as_json: bool) -> None:
    """List the pallets of the chain.

    Each has commands by its name: `btt-chain transaction-payment` those of TransactionPayment.
    """

    async def ask() -> None:
        async with open_chain(url, timeout) as chain:
            metadata = chain.metadata
            rows = [
                {
                    "index": int(pallet.index),
                    "name": pallet.name,
                    "calls": len(metadata.items.calls(pallet)),
                    "storage": len(pallet.storage.entries) if pallet.storage else 0,
                    "constants": len(pallet.constants),
                    "events": len(metadata.items.events(pallet)),
                    "errors": len(metadata.items.errors(pallet)),
                }
                for pallet in metadata.items.runtime.pallets
            ]
            _print_rows(rows, as_json)

    run(ask())


@examples("btt-chain query calls Balances")
@click.command()
@click.argument("pallet", required=False)
@query_options
def calls(pallet: str | None, url: str, timeout: float, as_json: bool) -> None:
    """List the calls of PALLET, or of all, with their arguments."""
    _browse(pallet, url, timeout, as_json, "call")


@examples("btt-chain query events Balances --json")
@click.command()
@click.argument("pallet", required=False)
@query_options
def events(pallet: str | None, url: str, timeout: float, as_json: bool) -> None:
    """List the events of PALLET, or of all, with their fields."""
    _browse(pallet, url, timeout, as_json, "event")


@examples("btt-chain query errors Balances")
@click.command()
@click.argument("pallet", required=False)
@query_options
def errors(pallet: str | None, url: str, timeout: float, as_json: bool) -> None:
    """List the errors of PALLET, or of all."""
    _browse(pallet, url, timeout, as_json, "error")


@examples("btt-chain query items Staking")
@click.command()
@click.argument("pallet", required=False)
@query_options
def items(pallet: str | None, url: str, timeout: float, as_json: bool) -> None:
    """List the storage items and constants of PALLET, or of all."""

    async def ask() -> None:
        async with open_chain(url, timeout) as chain:
            metadata = chain.metadata
            rows = []
            for one in _chosen(metadata, pallet):
                for entry in one.storage.entries if one.storage else []:
                    keys = ", ".join(
                        metadata.items.type_name(kind)
                        for kind, _ in metadata.storage.key_types(entry)
                    )
                    rows.append(
                        {
                            "name": f"{one.name}.{entry.name}",
                            "kind": "storage",
                            "keys": keys,
                            "type": metadata.items.type_name(entry.type.value),
                            "docs": docs_of(entry),
                        }
                    )
                rows += [
                    {
                        "name": f"{one.name}.{known.name}",
                        "kind": "constant",
                        "keys": "",
                        "type": metadata.items.type_name(known.type),
                        "docs": docs_of(known),
                    }
                    for known in one.constants
                ]
            _print_rows(rows, as_json)

    run(ask())


def _browse(pallet: str | None, url: str, timeout: float, as_json: bool, what: str) -> None:
    async def ask() -> None:
        async with open_chain(url, timeout) as chain:
            metadata = chain.metadata
            rows = [
                {
                    "index": f"{one.index}.{variant.index}",
                    what: f"{one.name}.{variant.name}",
                    "fields": ", ".join(
                        f"{field.name or at}: {metadata.items.type_name(field.type)}"
                        for at, field in enumerate(variant.fields)
                    ),
                    "docs": docs_of(variant),
                }
                for one in _chosen(metadata, pallet)
                for variant in _variants(metadata, one, what)
            ]
            _print_rows(rows, as_json)

    run(ask())


def _variants(metadata: ChainMetadata, pallet: PalletMetadata, what: str) -> list[PortableVariant]:
    match what:
        case "call":
            return metadata.items.calls(pallet)
        case "event":
            return metadata.items.events(pallet)
        case _:
            return metadata.items.errors(pallet)


def _chosen(metadata: ChainMetadata, name: str | None) -> list[PalletMetadata]:
    return metadata.items.runtime.pallets if name is None else [metadata.items.pallet(name)]


def _print_rows(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        show.document(rows)
        return
    if not rows:
        raise NotFound("there are none")
    columns = [(">" if isinstance(value, int) else "") + name for name, value in rows[0].items()]
    show.table(columns, [[str(value) for value in row.values()] for row in rows])
