"""`btt-chain job quote`: the price of a job, before it is posted."""

from __future__ import annotations

from pathlib import Path

import click

from btt_chain.client.amount import Currency
from btt_chain.primitives.job_tier import Tier
from btt_chain.scale import u32, u64
from btt_chain.work.ids import model_id
from cli.commands.job_inputs import elements_option, kind_options, package_option, read_inputs
from cli.commands.job_session import ample_deadline, offered
from cli.common import show
from cli.common.options import examples, query_options
from cli.common.session import run
from cli.common.working import chain_facts, view_chain
from runtime.apis.work import WorkApi
from runtime.apis.work_views import WorkQuote
from runtime.pallets.jobs.types import Check, Urgency


@examples("btt-chain job quote --model net.btt table.csv")
@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
)  # fmt: skip
@package_option
@elements_option
@kind_options
@query_options
def quote(
    files: tuple[Path, ...], package: Path, elements: bool, tier: str, check: str, urgency: str,
    url: str, timeout: float, as_json: bool,
) -> None:  # fmt: skip
    """Show what a job over FILES would cost now; nothing is posted and nothing leaves this machine.

    Prices move with demand: `job submit --max-price` says what it may cost at most.
    """
    whole, inputs = read_inputs(package, files, elements=elements)
    model, count, size = model_id(whole.manifest), len(inputs.names), inputs.elements.nbytes
    kind = Urgency[urgency.title()], Check[check.title()], Tier[tier.title()]

    async def ask() -> tuple[WorkQuote, Currency, int]:
        async with view_chain(url, timeout) as chain:
            currency, _ = await chain_facts(url, timeout)
            quote = await chain.api(WorkApi.quote, model, u32(count), *kind, u64(size))
        price = offered(quote, model)
        return price, currency, ample_deadline(price, chain.slot_ms)

    found, currency, deadline = run(ask())
    parts = {"work": found.price, "checking": found.verification, "deposit": found.deposit}
    amounts = {name: int(part) for name, part in parts.items()}
    if as_json:
        texts = {name: str(amount) for name, amount in amounts.items()}
        show.document(
            {"items": count, **texts, "leastDeadline": found.min_deadline,
             "total": str(found.total), "deadline": deadline}
        )  # fmt: skip
        return
    show.record(
        {
            "items": f"{count:_}",
            "work": currency.format(amounts["work"]),
            "checking": f"{currency.format(amounts['checking'])} at most",
            "deposit": f"{currency.format(amounts['deposit'])}; back unless the payload is bad",
            "on hold": currency.format(found.total),
            "deadline": f"{deadline:_} slots, at least {found.min_deadline:_}",
        }
    )
