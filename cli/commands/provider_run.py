"""`btt-chain provider run`: compute jobs of requesters for payment.

The folder of `--base-path` has the provider's keys, its commitments, and the blobs behind them:
without it a provider cannot answer challenges. `btt_chain.compute.provider.machine` decides.

numpy may be missing: the program imports it when it runs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import click

from btt_chain.work.errors import WorkError
from cli.commands.provider_group import provider
from cli.commands.provider_session import Place, class_option, place_options, provide
from cli.common.computing import NETWORK, lacks_extra
from cli.common.engines import engine_of, engine_options
from cli.common.errors import Mistyped, Refused
from cli.common.options import examples, query_options
from cli.common.session import run_until_stopped
from cli.common.signers import signer_of, signer_options

if TYPE_CHECKING:
    from btt_chain.work.engines import Engine

MAX_PIECE: Final = 256 << 20
"""Maximum bytes of tensors that a worker of a cluster computes at a time."""


def _cluster(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Refuse a wrong address before Dask's client would wait a minute for it."""
    if value is None or re.fullmatch(r"((tcp|tls|ws|wss)://)?[^/\s]+:\d{1,5}", value):
        return value
    raise click.BadParameter(f"'{value}' is not an address; write it like tcp://HOST:8786")


def _on_cluster(address: str, memory: int) -> Engine:
    """Return a cluster as an engine. Refused if it is not there, or the extra is missing."""
    try:
        from btt_chain.compute.provider.cluster import OnCluster
    except ImportError as missing:
        raise lacks_extra(missing) from None

    try:
        return OnCluster(address, memory)
    except WorkError as reason:
        raise Refused(str(reason)) from None


@examples(
    "btt-chain provider run --from //Bob",
    "btt-chain provider run --from key.txt --engine btt_chain.work.engines.cuda:Cuda",
    "btt-chain provider run --from key.txt --cluster tcp://scheduler:8786 --jobs 4",
)
@provider.command()
@click.option(
    "--jobs", type=click.IntRange(1, 256), default=1, show_default=True,
    help="How many are computed together; --capacity says how many are taken.",
)  # fmt: skip
@click.option(
    "--memory", type=click.IntRange(16), default=1024, show_default=True, metavar="MiB",
    help="The most that the tensors of one item may take; jobs with more are left to others.",
)  # fmt: skip
@click.option(
    "--cluster", metavar="ADDRESS", callback=_cluster,
    help="A Dask scheduler of yours that computes.",
)  # fmt: skip
@click.option(
    "--bond", metavar="AMOUNT",
    help="Register first, with this bond, if the account is not a provider.",
)  # fmt: skip
@class_option
@engine_options
@click.option(
    "--keep-slots", type=click.IntRange(1),
    help="How long transcripts are served once a job is over. [default: seven days]",
)  # fmt: skip
@place_options
@signer_options
@query_options
def run(
    jobs: int, memory: int, cluster: str | None, bond: str | None, classes: tuple[int, ...],
    engine: str | None, fast: bool, engine_memory: int, keep_slots: int | None, url: str,
    timeout: float, as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Take jobs, compute them, answer for them, until Ctrl-C or SIGTERM.

    Whatever stops it, the next run goes on: what was committed to is served, what was only begun
    is done again. A node that goes away is called again.
    """
    if cluster is not None and (fast or engine is not None):
        raise Mistyped("give --engine, --fast or --cluster, not two: workers multiply as they do")
    pair = signer_of(options)
    place = Place.of(options)
    if cluster is None:
        executing = engine_of(engine, engine_memory, fast=fast)
    else:
        executing = _on_cluster(cluster, min(memory << 20, MAX_PIECE))
    work = provide(
        executing, pair, place, url, timeout, jobs=jobs, memory=memory << 20, bond=bond,
        classes=classes, keep_slots=keep_slots, as_json=as_json,
    )  # fmt: skip
    run_until_stopped(work, [NETWORK])
