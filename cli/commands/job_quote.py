"""`btt-chain job quote`: the price of a job, before it is posted."""

from __future__ import annotations

from pathlib import Path

import click

from btt_chain.client.amount import Currency
from btt_chain.primitives.job_tier import Tier
from btt_chain.scale import u32, u64
from btt_chain.work.ids import model_id
from cli.commands.job_inputs import input_options, kind_options, read_inputs
from cli.commands.job_session import ample_deadline, offered
from cli.common import show
from cli.common.options import examples, query_options
from cli.common.session import run
from cli.common.working import view_chain
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.types import Check, Urgency
from runtime.pallets.jobs.views import WorkQuote


@examples("btt-chain job quote --model net.btt table.csv")
@click.command()
@input_options
@kind_options
@query_options
def quote(
    files: tuple[Path, ...], package: Path, elements: bool, tier: Tier, check: Check,
    urgency: Urgency, url: str, timeout: float, as_json: bool,
) -> None:  # fmt: skip
    """Show what a job over FILES would cost now; nothing is posted and nothing leaves this machine.

    Prices move with demand: `job submit --max-price` says what it may cost at most.
    """
    whole, inputs = read_inputs(package, files, elements=elements)
    model, count, size = model_id(whole.manifest), len(inputs.names), inputs.elements.nbytes

    async def ask() -> tuple[WorkQuote, Currency, int]:
        async with view_chain(url, timeout) as chain:
            answer = await chain.api(
                WorkApi.quote, model, u32(count), urgency, check, tier, u64(size)
            )
            price = offered(answer, model)
            return price, chain.currency, ample_deadline(price, chain.slot_ms)

    price, currency, deadline = run(ask())
    parts = {"work": price.price, "checking": price.verification, "deposit": price.deposit}
    if as_json:
        texts = {name: str(part) for name, part in parts.items()}
        show.document(
            {"items": count, **texts, "leastDeadline": price.min_deadline,
             "total": str(price.total), "deadline": deadline}
        )  # fmt: skip
        return
    work, checking, deposit = (currency.format(int(part)) for part in parts.values())
    show.record(
        {
            "items": f"{count:_}",
            "work": work,
            "checking": f"{checking} at most",
            "deposit": f"{deposit}; back unless the payload is bad",
            "on hold": currency.format(int(price.total)),
            "deadline": f"{deadline:_} slots, at least {price.min_deadline:_}",
        }
    )
