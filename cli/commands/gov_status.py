"""Printing referenda: the list, or one with its tally."""

from __future__ import annotations

import click

from btt_chain.primitives.ss58 import encode
from btt_chain.scale import u32
from cli.commands.gov_calls import (
    call_of,
    slot_now,
    track_names,
    track_of,
)
from cli.commands.gov_view import (
    picture,
    referendum_facts,
    stage_of,
    tally_facts,
    when,
)
from cli.common import show
from cli.common.errors import NotFound
from cli.common.working import (
    view_chain,
)
from runtime.pallets.chambers.api import ChambersApi
from runtime.pallets.referenda.api import PAGE, GovernanceApi


async def print_referenda(url: str, timeout: float, as_json: bool) -> None:
    """Print all referenda."""
    async with view_chain(url, timeout) as chain:
        views = await chain.api(GovernanceApi.referenda, None, u32(PAGE))
        names, now = await track_names(chain), await slot_now(chain.chain)
    if as_json:
        show.document([referendum_facts(view, names) for view in views])
        return
    if not views:
        show.note("there is no referendum; `btt-chain gov propose --help` says how")
        return
    show.table(
        [">number", "track", "stage", "call", ">next or last change"],
        [
            [
                str(view.index),
                track_of(view, names),
                stage_of(view),
                call_of(view, chain.chain),
                when(view.at, now, chain.slot_ms),
            ]
            for view in views
        ],
    )
    if len(views) == PAGE:
        show.note(f"only the last {PAGE} are shown; `btt-chain gov status NUMBER` shows any")


async def print_referendum(index: int, url: str, timeout: float, as_json: bool) -> None:
    """Print one referendum and the tally of its chambers. NotFound if there is none."""
    async with view_chain(url, timeout) as chain:
        view = await chain.api(GovernanceApi.referendum, u32(index))
        if view is None:
            raise NotFound(f"there is no referendum {index}; `btt-chain gov status` lists them")
        poll = await chain.api(ChambersApi.tally, u32(index))
        names, now = await track_names(chain), await slot_now(chain.chain)
    if as_json:
        show.document(
            referendum_facts(view, names) | {"tally": None if poll is None else tally_facts(poll)}
        )
        return
    fields = {"referendum": str(index), "track": track_of(view, names), "stage": view.stage.name}
    if view.proposer is not None:
        fields["proposed by"] = encode(view.proposer, chain.prefix)
    if view.call is not None:
        shown = chain.chain.metadata.decoder.call(view.call)
        fields["call"] = f"{shown.name}({', '.join(f'{n}: {v}' for n, v in shown.shown.items())})"
    elif view.proposal is not None:
        fields["call"] = f"0x{view.proposal.hex()}, whose text is not here, or is not a call"
    moment = when(view.at, now, chain.slot_ms)
    if view.track is None:
        fields["ended"] = f"{moment}, in slot {view.at}"
        fields["deposits"] = f"`btt-chain gov refund {index}` gives back what is left of them"
    else:
        if not view.has_deposit:
            fields["deposit"] = f"missing: `btt-chain gov deposit {index}` places it"
        fields["next step"] = f"{moment}, in slot {view.at}"
    show.record(fields)
    if poll is not None:
        click.echo()
        for line in picture(poll):
            click.echo(line)
