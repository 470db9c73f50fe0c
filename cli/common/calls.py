"""Sending of one or several calls by the chain's metadata, without this program's runtime.

Commands that start with the runtime take a second longer, so those of everyday use do without.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from btt_chain.client.chain import Chain
from btt_chain.client.transactions import Call, Included
from btt_chain.scale.portable import Plain
from cli.common import show
from cli.common.errors import Refused

if TYPE_CHECKING:
    from cli.common.sending import Sender

Named: TypeAlias = tuple[str, Mapping[str, Plain]]


def one_call(chain: Chain, calls: Sequence[Named]) -> Call:
    """Return a call by its name and arguments; several as a batch, all or none."""
    if len(calls) == 1:
        ((name, arguments),) = calls
        return chain.compose(name, **arguments)
    batch: list[Plain] = []
    for name, arguments in calls:
        pallet, _, method = name.partition(".")
        batch.append({pallet: {method: dict(arguments)} if arguments else method})
    return chain.compose("Utility.batch_all", calls=batch)


async def send_calls(sender: Sender, chain: Chain, calls: Sequence[Named]) -> Included:
    """Show and send calls as one transaction. Refused if it failed in its block."""
    return await send_call(sender, chain, one_call(chain, calls))


async def send_call(sender: Sender, chain: Chain, call: Call) -> Included:
    """Show and send a call. Refused if it failed in its block."""
    wire, _ = await sender.prepare(chain, call)
    done = await sender.included(chain, call, wire)
    if done.error is not None:
        raise Refused(f"the call failed in block {done.number}: {done.error}")
    return done


def report(done: Included, as_json: bool, text: str, /, **facts: object) -> None:
    """Print the result of calls: a sentence for readers, or JSON for programs."""
    if as_json:
        block = {"hash": "0x" + done.block.hex(), "number": done.number}
        show.document({**facts, "hash": done.hash, "block": block, "finalized": done.is_final})
    else:
        show.good(text)


def total(done: Included, event: str, field: str) -> int:
    """Return the sum of an amount in all events of a name."""
    return sum(int(str(each.fields[field])) for each in done.events if each.name == event)
