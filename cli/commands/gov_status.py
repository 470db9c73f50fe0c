"""Printing referenda: the list, or one with its tally."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

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
    work_chain,
)

if TYPE_CHECKING:
    from runtime.apis.governance import PollView, ReferendumView
    from runtime.pallets.referenda import Referenda

    Refunded = Referenda.SubmissionDepositRefunded | Referenda.DecisionDepositRefunded


PAGE: Final = 100
"""Maximum number of listed referenda: the largest answer of a node."""


async def print_referenda(url: str, timeout: float, as_json: bool) -> None:
    """Print all referenda."""
    from btt_chain.scale import u32
    from runtime.apis.governance import GovernanceApi

    async with work_chain(url, timeout) as chain:
        views: list[ReferendumView] = await chain.api(GovernanceApi.referenda, None, u32(PAGE))
        names, slot_ms = await track_names(chain), chain.slot_ms
    if as_json:
        show.document([referendum_facts(view, names) for view in views])
        return
    if not views:
        show.note("there is no referendum; `btt-chain gov propose --help` says how")
        return
    from cli.common.session import open_chain

    async with open_chain(url, timeout) as decoder:
        now = await slot_now(decoder)
        show.table(
            [">number", "track", "stage", "call", ">next or last change"],
            [
                [
                    str(int(view.index)),
                    track_of(view, names),
                    stage_of(view),
                    call_of(view, decoder),
                    when(int(view.at), now, slot_ms),
                ]
                for view in views
            ],
        )
    if len(views) == PAGE:
        show.note(f"only the last {PAGE} are shown; `btt-chain gov status NUMBER` shows any")


async def print_referendum(index: int, url: str, timeout: float, as_json: bool) -> None:
    """Print one referendum and the tally of its chambers. NotFound if there is none."""
    from btt_chain.primitives.ss58 import encode
    from btt_chain.scale import u32
    from cli.common.session import open_chain
    from runtime.apis.governance import ChambersApi, GovernanceApi

    async with work_chain(url, timeout) as chain:
        view: ReferendumView | None = await chain.api(GovernanceApi.referendum, u32(index))
        if view is None:
            raise NotFound(f"there is no referendum {index}; `btt-chain gov status` lists them")
        poll: PollView | None = await chain.api(ChambersApi.tally, u32(index))
        names, slot_ms = await track_names(chain), chain.slot_ms
    if as_json:
        show.document(
            referendum_facts(view, names) | {"tally": None if poll is None else tally_facts(poll)}
        )
        return
    fields = {"referendum": str(index), "track": track_of(view, names), "stage": view.stage.name}
    async with open_chain(url, timeout) as decoder:
        if view.proposer is not None:
            fields["proposed by"] = encode(view.proposer, decoder.metadata.prefix)
        if view.call is not None:
            shown = decoder.metadata.decoder.call(view.call)
            fields["call"] = (
                f"{shown.name}({', '.join(f'{n}: {v}' for n, v in shown.shown.items())})"
            )
        elif view.proposal is not None:
            fields["call"] = f"0x{view.proposal.hex()}, whose text is not here, or is no call"
        moment = when(int(view.at), await slot_now(decoder), slot_ms)
    if view.track is None:
        fields["ended"] = f"{moment}, in slot {int(view.at)}"
        fields["deposits"] = f"`btt-chain gov refund {index}` gives back what is left of them"
    else:
        if not view.has_deposit:
            fields["deposit"] = f"missing: `btt-chain gov deposit {index}` places it"
        fields["next step"] = f"{moment}, in slot {int(view.at)}"
    show.record(fields)
    if poll is not None:
        click.echo()
        for line in picture(poll):
            click.echo(line)
