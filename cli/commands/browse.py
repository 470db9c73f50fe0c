"""`btt-chain query pallets|calls|events|errors|items`: a chain's functions, from metadata."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import click

from btt_chain.client.items import docs_of
from btt_chain.client.metadata import ChainMetadata
from btt_chain.scale.metadata import PalletMetadata
from cli.common import show
from cli.common.errors import NotFound
from cli.common.options import examples, query_options
from cli.common.session import open_chain, run

Row: TypeAlias = dict[str, str | int]
Rows: TypeAlias = Callable[[ChainMetadata, list[PalletMetadata]], list[Row]]


def _command(
    name: str, help: str, example: str, rows_of: Rows, *, is_all: bool = False
) -> click.Command:
    """Return a command that lists rows about a pallet, or about all."""

    def show_rows(url: str, timeout: float, as_json: bool, pallet: str | None = None) -> None:
        async def ask() -> list[Row]:
            async with open_chain(url, timeout) as chain:
                items = chain.metadata.items
                chosen = items.runtime.pallets if pallet is None else [items.pallet(pallet)]
                return rows_of(chain.metadata, chosen)

        rows = run(ask())
        if as_json:
            show.document(rows)
            return
        if not rows:
            raise NotFound("there are none")
        titles = [(">" if isinstance(value, int) else "") + key for key, value in rows[0].items()]
        show.table(titles, [[str(value) for value in row.values()] for row in rows])

    command = click.command(name, help=help)(query_options(show_rows))
    if not is_all:
        command.params.insert(0, click.Argument(["pallet"], required=False))
    return examples(example)(command)


def _pallet_rows(metadata: ChainMetadata, chosen: list[PalletMetadata]) -> list[Row]:
    return [
        {
            "index": int(pallet.index),
            "name": pallet.name,
            "calls": len(metadata.items.calls(pallet)),
            "storage": len(pallet.storage.entries) if pallet.storage else 0,
            "constants": len(pallet.constants),
            "events": len(metadata.items.events(pallet)),
            "errors": len(metadata.items.errors(pallet)),
        }
        for pallet in chosen
    ]


def _variant_rows(kind: str) -> Rows:
    """Return the function that lists the calls, events or errors of pallets."""

    def rows_of(metadata: ChainMetadata, chosen: list[PalletMetadata]) -> list[Row]:
        items = metadata.items
        variants = {"call": items.calls, "event": items.events, "error": items.errors}[kind]
        return [
            {
                "index": f"{pallet.index}.{variant.index}",
                kind: f"{pallet.name}.{variant.name}",
                "fields": ", ".join(
                    f"{field.name or at}: {items.type_name(field.type)}"
                    for at, field in enumerate(variant.fields)
                ),
                "docs": docs_of(variant),
            }
            for pallet in chosen
            for variant in variants(pallet)
        ]

    return rows_of


def _item_rows(metadata: ChainMetadata, chosen: list[PalletMetadata]) -> list[Row]:
    name_of, rows = metadata.items.type_name, list[Row]()
    for pallet in chosen:
        for entry in pallet.storage.entries if pallet.storage else []:
            keys = ", ".join(name_of(kind) for kind, _ in metadata.storage.key_types(entry))
            rows.append(
                {"name": f"{pallet.name}.{entry.name}", "kind": "storage", "keys": keys,
                 "type": name_of(entry.type.value), "docs": docs_of(entry)}
            )  # fmt: skip
        rows += [
            {"name": f"{pallet.name}.{constant.name}", "kind": "constant", "keys": "",
             "type": name_of(constant.type), "docs": docs_of(constant)}
            for constant in pallet.constants
        ]  # fmt: skip
    return rows


pallets = _command(
    "pallets", "List the pallets of the chain.", "btt-chain query pallets", _pallet_rows,
    is_all=True,
)  # fmt: skip
calls = _command(
    "calls", "List the calls of PALLET, or of all, with their arguments.",
    "btt-chain query calls Balances", _variant_rows("call"),
)  # fmt: skip
events = _command(
    "events", "List the events of PALLET, or of all, with their fields.",
    "btt-chain query events Balances --json", _variant_rows("event"),
)  # fmt: skip
errors = _command(
    "errors", "List the errors of PALLET, or of all.", "btt-chain query errors Balances",
    _variant_rows("error"),
)  # fmt: skip
items = _command(
    "items", "List the storage items and constants of PALLET, or of all.",
    "btt-chain query items Staking", _item_rows,
)  # fmt: skip
