"""`btt-chain merchant watch`: a merchant's events, printed and delivered to a webhook."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

from btt_chain.client.chain import Chain
from btt_chain.client.errors import printable
from btt_chain.client.jsonrpc import Connection
from btt_chain.daemon import Daemon
from btt_chain.payments.delivery.courier import Delivered, GivenUp, Postponed
from btt_chain.payments.delivery.events import MerchantEvent
from btt_chain.payments.delivery.journal import Journal
from btt_chain.payments.errors import PaymentError
from btt_chain.payments.webhook import PREFIX, secret_bytes
from btt_chain.payments.webhook import new_secret as make_secret
from btt_chain.primitives.currency import currency
from btt_chain.primitives.files import Held, Lock
from cli.common import show
from cli.common.errors import Mistyped, Refused
from cli.common.merchant_events import Recorder, journal_option, journal_path, open_journal
from cli.common.merchants import registered
from cli.common.options import examples, query_options, read_text
from cli.common.session import first_step, run_until_stopped
from cli.common.working import account as read_account

if TYPE_CHECKING:
    from btt_chain.payments.delivery.driver import Deliveries, Report


Target: TypeAlias = tuple[str, str, bool]
"""URL and secret of a webhook; True if it may be in a private network."""


@examples(
    "btt-chain merchant watch //Alice",
    "btt-chain merchant watch 5Grw... --webhook https://shop.example/btt --secret secret.txt",
    "btt-chain merchant watch 5Grw... --new-secret",
)
@click.command()
@click.argument("account")
@click.option("--webhook", metavar="URL", help="Deliver the events there, signed.")
@click.option(
    "--secret", metavar="SECRET",
    help="Secret of the webhook, whsec_...; a file that holds it, or - for standard input.",
)  # fmt: skip
@click.option("--new-secret", is_flag=True, help="Print a new secret, and end.")
@click.option(
    "--allow-private", is_flag=True,
    help="Permit http and addresses of private networks for the webhook.",
)  # fmt: skip
@click.option(
    "--since", type=click.IntRange(min=1), metavar="BLOCK",
    help="Where a new journal begins. [default: the oldest block of the node]",
)  # fmt: skip
@click.option("--retry", is_flag=True, help="Try at once what waits or was given up.")
@click.option("--once", is_flag=True, help="End when all final events are recorded and delivered.")
@journal_option
@query_options
def watch(
    account: str, webhook: str | None, secret: str | None, new_secret: bool, allow_private: bool,
    since: int | None, retry: bool, once: bool, base_path: Path | None, url: str, timeout: float,
    as_json: bool,
) -> None:  # fmt: skip
    """Print the events of a merchant once they are final, and deliver them to a webhook.

    Events are recorded on disk with the place in the chain: after a crash or a stop the command
    goes on where it was, and no event is left out. Deliveries are at least once, in the form of
    Standard Webhooks: receivers drop ids that they have seen.
    """
    if new_secret:
        click.echo(make_secret())
        return
    if (webhook is None) != (secret is None):
        raise Mistyped("give both --webhook and --secret, or neither; --new-secret makes one")
    key = None if secret is None else read_text(secret)
    if webhook is not None and key is not None:
        # aiohttp takes a second to import: only a webhook needs it.
        from btt_chain.payments.delivery.transport import checked_url

        if key == secret and not key.startswith(PREFIX):
            raise Mistyped(
                f"--secret: there is no such file, and a secret begins with {PREFIX}; "
                "--new-secret makes one"
            )
        try:
            secret_bytes(key)
            checked_url(webhook, allow_private=allow_private)
        except PaymentError as error:
            raise Mistyped(str(error)) from None
    target = None if webhook is None or key is None else (webhook, key, allow_private)
    try:
        run_until_stopped(
            _watch(account, target, since, retry, once, base_path, url, timeout, as_json)
        )
    except PaymentError as error:
        raise Refused(str(error)) from None


async def _watch(
    account: str, target: Target | None, since: int | None, retry: bool, once: bool,
    base_path: Path | None, url: str, timeout: float, as_json: bool,
) -> None:  # fmt: skip
    async with AsyncExitStack() as stack:

        async def begin(connection: Connection) -> tuple[Journal, bytes]:
            chain = await Chain.open(connection)
            who = read_account(account, chain.metadata.prefix)
            await registered(chain, who)
            journal = stack.enter_context(open_journal(base_path, chain, who))
            stack.enter_context(_alone(base_path, chain, who))
            return journal, who

        async def follow(connection: Connection) -> None:
            chain = await Chain.open(connection)
            recorder = Recorder(chain, journal, who)
            await recorder.begin(since)
            await _follow(chain, recorder, deliveries, once=once, as_json=as_json)

        daemon = Daemon(url, timeout, report=show.note, patience=0 if once else None)
        journal, who = await first_step(daemon, begin)
        deliveries: Deliveries | None = None
        if target:
            journal.enable_webhook()
            deliveries = await _deliveries(stack, journal, target, as_json)
        if retry:
            show.note(f"tried again now: {show.counted(journal.retry_now(_now_ms()), 'event')}")
        _greet(journal, since, is_delivering=target is not None)
        # Deliveries of recorded events need no node.
        async with _delivering(deliveries):
            await daemon.run(follow)
        if once and deliveries is not None:
            await deliveries.run(until_empty=True)


async def _follow(
    chain: Chain, recorder: Recorder, deliveries: Deliveries | None, *, once: bool, as_json: bool
) -> None:
    """Record final blocks, with `once` those until now."""
    await _record(chain, recorder, await recorder.newest(), deliveries, as_json)
    if once:
        return
    async for head in chain.heads(final=True):
        await _record(chain, recorder, head.number, deliveries, as_json)


async def _record(
    chain: Chain, recorder: Recorder, last: int, deliveries: Deliveries | None, as_json: bool
) -> None:
    async for height, events in recorder.record_to(last):
        for event in events:
            _print(chain, height, event, as_json)
        if deliveries is not None:
            deliveries.wake()


def _print(chain: Chain, height: int, event: MerchantEvent, as_json: bool) -> None:
    """Print an event: a line for readers, or a document on one line."""
    if as_json:
        show.line(
            {"id": event.id, "type": event.type.value, "block": height, "time": event.time_ms,
             "data": dict(event.data)}
        )  # fmt: skip
        return
    money, data = chain.metadata.currency, event.data
    about = f"payment {event.payment}" if event.payment is not None else f"bucket {event.bucket}"
    amounts = [
        f"{name} {money.format(int(str(data[name])))}"
        for name in ("gross", "net", "fee", "amount", "to_payer", "to_merchant")
        if data.get(name) is not None
    ]
    if data.get("units") is not None and data.get("currency") != money.symbol:
        unit = currency(str(data["currency"]))
        amounts.insert(0, f"{unit.format(int(str(data['units'])))} {unit.code}")
    click.echo(printable(f"{height:>8}  {event.type.value:<22}{about}  {', '.join(amounts)}"))


async def _deliveries(
    stack: AsyncExitStack, journal: Journal, target: Target, as_json: bool
) -> Deliveries:
    # aiohttp takes a second to import: only a webhook needs it.
    from btt_chain.payments.delivery.driver import Deliveries
    from btt_chain.payments.delivery.transport import Transport

    url, secret, allow_private = target
    post = await stack.enter_async_context(Transport.open(url, allow_private=allow_private))
    return Deliveries(journal, post, secret, _now_ms, lambda report: _log(report, as_json=as_json))


def _log(report: Report, *, as_json: bool) -> None:
    """Print the state of a delivery that failed."""
    match report.decision:
        case Delivered():
            words = "delivered"
        case Postponed(_, attempt, due_ms):
            wait = max(0, due_ms - _now_ms()) // 1_000
            words = f"attempt {attempt} failed: {report.result.reason}; again in {wait} s"
        case GivenUp():
            words = f"given up: {report.result.reason}; --retry tries it again"
        case _:
            words = report.result.reason
    if as_json:
        show.line({"delivery": report.id, "words": words})
    elif not isinstance(report.decision, Delivered):
        show.note(printable(f"{report.id}: {words}"))


@asynccontextmanager
async def _delivering(deliveries: Deliveries | None) -> AsyncIterator[None]:
    """Deliver in the background until the end; a receiver that is gone ends the command."""
    if deliveries is None:
        yield
        return
    task = asyncio.create_task(deliveries.run())
    owner = asyncio.current_task()
    task.add_done_callback(lambda done: _stop(owner, done))
    try:
        yield
    except asyncio.CancelledError:
        if task.done() and not task.cancelled() and task.exception() is not None:
            task.result()
        raise
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _stop(owner: asyncio.Task[object] | None, done: asyncio.Task[None]) -> None:
    if owner is not None and not done.cancelled() and done.exception() is not None:
        owner.cancel()


@contextmanager
def _alone(base: Path | None, chain: Chain, merchant: bytes) -> Iterator[None]:
    """Hold the journal's lock. Refused if another watcher delivers its events."""
    try:
        with Lock(journal_path(base, chain.genesis, merchant).with_name("lock")):
            yield
    except Held as error:
        raise Refused(f"this merchant is watched already: {error}") from None


def _greet(journal: Journal, since: int | None, *, is_delivering: bool) -> None:
    counts, cursor = journal.counts(), journal.cursor
    if since is not None and cursor is not None:
        show.note("warning: --since is for a new journal; this one goes on where it was")
    begin = "from the oldest block on" if cursor is None else f"after block {cursor.number:_}"
    show.note(f"watching {begin}; Ctrl-C ends, and the next run goes on there")
    if counts.waiting:
        how = "delivered now" if is_delivering else "waiting for a run with --webhook"
        show.note(f"{how}: {show.counted(counts.waiting, 'event')}")
    if counts.given_up:
        show.note(f"given up: {show.counted(counts.given_up, 'event')}; --retry tries again")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
