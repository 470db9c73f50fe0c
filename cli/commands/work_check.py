"""A check of a provider's results for `btt-chain work verify`. Needs numpy."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from secrets import SystemRandom, token_bytes
from typing import Final

from btt_chain.client.typed import RuntimeClient
from btt_chain.compute.blobs.fetching import ModelShelf, NoModel, ProviderSource, lines_of
from btt_chain.compute.blobs.store import BlobStore
from btt_chain.compute.blobs.transport import LOCAL_GATE, BlobHost, BlobSettings, GateLimits
from btt_chain.compute.requester.confirm import proof_of
from btt_chain.compute.verifier.checking import Finding, Look, Source, look_at
from btt_chain.compute.worker import ThreadWorker
from btt_chain.primitives import ss58
from btt_chain.primitives.digest import H256
from btt_chain.primitives.digits import to_hex
from cli.commands.job_result import checked_by
from cli.common import show
from cli.common.computing import work_chain
from cli.common.errors import ExitCode, NotFound, Refused
from cli.common.ids import RECEIPT, resolve
from cli.common.sending import Sender
from cli.common.session import is_local
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.types import Tier
from runtime.pallets.jobs.views import JobView, ReceiptView
from runtime.pallets.receipts.types import Missing, Valid, Wrong, WrongEdge

MAX_STORE: Final = 4 << 30
"""Maximum bytes of models that a check may fetch."""


async def verify_receipt(
    text: str, count: int | None, sender: Sender | None, url: str, timeout: float, as_json: bool
) -> int:
    """Check some items of a receipt again, and print the result; return the exit code."""
    async with work_chain(url, timeout) as chain:
        id = await resolve(chain.chain.connection, text, RECEIPT)
        view: JobView | None = await chain.api(WorkApi.receipt, H256(id))
        if view is None or view.receipt is None or view.receipt.id != id:
            raise NotFound(f"the chain has no receipt {to_hex(id)} (any more)")
        if view.tier is Tier.Confidential:
            raise Refused("the receipt is of a confidential job: only its requester can check it")
        local = await is_local(chain.chain.connection)
        chosen = _chosen(int(view.items), count)
        findings = await _look(chain, view, view.receipt, chosen, local, silent=as_json)
        wrong = _wrong(findings)
        sent = await _prove(chain, sender, id, wrong) if sender is not None else None
    _print(view, view.receipt, findings, as_json, sent)
    return ExitCode.REFUSED if wrong else ExitCode.DONE


def _chosen(items: int, count: int | None) -> list[int]:
    if count is None or count >= items:
        return list(range(items))
    return sorted(SystemRandom().sample(range(items), count))


async def _look(
    chain: RuntimeClient, view: JobView, receipt: ReceiptView, chosen: list[int], local: bool,
    *, silent: bool,
) -> dict[int, Finding]:  # fmt: skip
    """Return the findings of checking each item. Refused if model or provider are unreachable."""
    provider = [] if view.provider_info is None else lines_of(view.provider_info.endpoints)
    model = await chain.api(WorkApi.model, view.model)
    owners = [] if model is None else lines_of(model.endpoints)
    settings = BlobSettings(
        token_bytes(32), chain.genesis, gate=LOCAL_GATE if local else GateLimits(),
        allow_private=local,
    )  # fmt: skip
    host, worker, over = BlobHost(settings), ThreadWorker(), asyncio.Event()
    over.set()
    findings: dict[int, Finding] = {}
    with tempfile.TemporaryDirectory(prefix="btt-verify-") as folder:
        await host.start()
        try:
            shelf = ModelShelf(BlobStore(Path(folder), most_bytes=MAX_STORE), host, worker)
            executor = await shelf.executor(view.model, [*owners, *provider])
            source = _Once(ProviderSource(host, provider, over))
            with show.progress(silent=silent) as bar:
                task = bar.add_task("computing items again", total=len(chosen))
                for item in chosen:
                    look = Look(
                        receipt.id, int(view.items), view.input_root, receipt.item_root,
                        receipt.output_root, H256(token_bytes(32)), [item],
                    )  # fmt: skip
                    findings[item] = await look_at(look, executor, source, worker)
                    bar.advance(task)
        except NoModel as error:
            raise Refused(str(error)) from None
        finally:
            worker.close()
            await host.stop()
    return findings


class _Once:
    """The blobs of a provider; each root blob is fetched only once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._roots: dict[str, bytes] = {}

    async def blob(self, name: str, most: int) -> bytes:
        """Return a whole blob. Raises NotHad."""
        if not name.startswith("roots/"):
            return await self._source.blob(name, most)
        if name not in self._roots:
            self._roots[name] = await self._source.blob(name, most)
        return self._roots[name]

    async def beginning(self, name: str, length: int) -> bytes:
        """Return the first bytes of a blob. Raises NotHad."""
        return bytes(await self._source.beginning(name, length))

    async def besides(self, name: str, most: int) -> bytes:
        """Return an optional blob. Raises NotHad."""
        return bytes(await self._source.besides(name, most))


async def _prove(
    chain: RuntimeClient, sender: Sender, id: bytes, wrong: dict[int, Finding]
) -> str | None:
    """Send the first proof; return the hash of its block, None without a proof."""
    for finding in wrong.values():
        proof = proof_of(id, finding)
        if proof is not None:
            name, args = proof
            sent = await sender.submit(chain, "Receipts", name, **args)
            return to_hex(sent.block)
    return None


def _print(
    view: JobView, receipt: ReceiptView, findings: dict[int, Finding], as_json: bool,
    sent: str | None,
) -> None:  # fmt: skip
    wrong = {item: _reason(finding) for item, finding in _wrong(findings).items()}
    gone = all(isinstance(finding.verdict, Missing) for finding in findings.values())
    if as_json:
        show.document(
            {
                "receipt": to_hex(receipt.id),
                "job": to_hex(view.id),
                "state": view.state.name.lower(),
                "provider": ss58.encode(receipt.provider),
                "items": int(view.items),
                "checked": sorted(findings),
                "wrong": [{"item": item, "why": why} for item, why in wrong.items()],
                "proof": sent,
            }
        )
        return
    show.record(
        {
            "receipt": to_hex(receipt.id),
            "job": f"{to_hex(view.id)}, {view.state.name.lower()}",
            "model": to_hex(view.model),
            "provider": ss58.encode(receipt.provider),
            "committee": checked_by(view),
            "checked here": "nothing"
            if gone and findings
            else f"every tensor of {len(findings)} of {show.counted(int(view.items), 'item')}",
        }
    )
    if gone and findings:
        show.bad("Nothing could be checked: the provider serves it no more, or is not reached.")
        show.note(next(iter(wrong.values())))
        return
    for item, why in wrong.items():
        show.bad(f"item {item}: {why}")
    if sent is not None:
        show.good(f"The proof is in block {sent}.")
    if not wrong:
        show.good("All of it is what the receipt says.")


def _wrong(findings: dict[int, Finding]) -> dict[int, Finding]:
    return {
        item: finding for item, finding in findings.items()
        if not isinstance(finding.verdict, Valid)
    }  # fmt: skip


def _reason(finding: Finding) -> str:
    match finding.verdict:
        case Wrong(node=node, element=element):
            return f"node {node}, element {element} is not what follows"
        case WrongEdge(output=is_output):
            return f"its {'output' if is_output else 'input'} is another than was agreed on"
    return finding.why
