"""Sending of the calls of payments: a sentence first, then the call as all commands show it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from btt_chain.client.errors import printable
from cli.common import show
from cli.common.errors import Refused
from cli.common.session import open_chain, run

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from btt_chain.client.chain import Chain
    from btt_chain.client.transactions import Call, Included
    from cli.common.sending import Sender

After = str | Callable[["Included"], str]
"""A sentence, or how to make it of what the call did."""
Prepared = tuple[str, "Call", After]
"""A sentence before, a call, and a sentence after."""


def send(
    url: str, timeout: float, sender: Sender, make: Callable[[Chain], Awaitable[Prepared]]
) -> None:
    """Make a call on the chain, print its sentence, and send it. Refused if it fails."""

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            sentence, call, after = await make(chain)
            show.note(printable(sentence))
            wire, _ = await sender.prepare(chain, call)
            report(await sender.included(chain, call, wire), after, as_json=sender.as_json)

    run(work())


def report(done: Included, after: After, *, as_json: bool) -> None:
    """Print the result of a call. Refused if it failed in its block."""
    if done.error is not None:
        raise Refused(f"the call failed in block {done.number}: {done.error}")
    if as_json:
        show.document(
            {"hash": done.hash,
             "block": {"hash": "0x" + done.block.hex(), "number": done.number},
             "finalized": done.is_final,
             "events": [{"event": each.name, "fields": each.fields} for each in done.events]}
        )  # fmt: skip
    else:
        show.good(after if isinstance(after, str) else after(done))


def number_in(done: Included, event: str, field: str) -> str:
    """Return the number in an event of a call."""
    return next(str(each.fields[field]) for each in done.events if each.name == event)
