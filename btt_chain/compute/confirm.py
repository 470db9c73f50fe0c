"""How a requester checks a confidential result: nobody else may, so it computes a part again.

One item in sixteen, drawn when the result is here: nobody could know which. If they are right the
receipt is accepted and the provider paid at once; if not, it is not accepted, and the log says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from secrets import SystemRandom
from typing import TYPE_CHECKING

from btt_chain.compute.chain import Chain
from btt_chain.compute.gateway import Folder, Record
from btt_chain.work.errors import WorkError
from btt_chain.work.ids import sample_size
from runtime.pallets.jobs.types import Tier

if TYPE_CHECKING:
    from btt_chain.crypto.keypair import KeyPair
    from btt_chain.work.package import Package
    from runtime.work_views import JobView

log = logging.getLogger(__name__)


def wrong_items(package: Package, items: bytes, outputs: bytes, which: Sequence[int]) -> list[int]:
    """Compute some items again; return those whose outputs are others."""
    import numpy as np  # noqa: PLC0415 - an extra

    from btt_chain.work.execute import Executor  # noqa: PLC0415 - an extra
    from btt_chain.work.model import tensor_of  # noqa: PLC0415 - an extra

    graph = package.manifest.graph
    each, wide = graph.input.nbytes, graph.output.nbytes
    executor = Executor(package.model)
    wrong: list[int] = []
    for item in which:
        given = tensor_of(graph.input, items[item * each : (item + 1) * each])
        claimed = tensor_of(graph.output, outputs[item * wide : (item + 1) * wide])
        if not np.array_equal(executor.run(given[None]).outputs[0], claimed):
            wrong.append(item)
    return wrong


async def confirm(
    chain: Chain, folder: Folder, pair: KeyPair, record: Record, view: JobView, outputs: bytes
) -> None:
    """Look at a confidential result, and accept it if it is right. Raises ChainError."""
    items, package = folder.items(record), folder.package(record.model)
    if record.tier is not Tier.Confidential or view.receipt is None or items is None:
        return
    if package is None:
        log.warning("the model of a confidential job is not here, so its result is not checked")
        return
    count = sample_size(int(record.items), full=False)
    which = sorted(SystemRandom().sample(range(int(record.items)), count))
    try:
        wrong = await asyncio.to_thread(wrong_items, package, items, outputs, which)
    except (ImportError, WorkError) as reason:
        log.warning("a confidential result cannot be checked: %s", reason)
        return
    if wrong:
        log.error("the outputs of items %s are wrong: the result is not accepted", wrong)
        return
    await chain.submit("Receipts", "accept_result", signer=pair, receipt=view.receipt.id)
