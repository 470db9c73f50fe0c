"""Follow final blocks with asyncio, and print each transfer.

python examples/client/follow.py ws://127.0.0.1:9944 10
"""

from __future__ import annotations

import asyncio
import sys

from btt_chain.client import Chain
from btt_chain.client.jsonrpc import WebSocket
from btt_chain.daemon import Daemon


async def follow(url: str, count: int) -> None:
    """Print the transfers of the next `count` final blocks, whatever its node does meanwhile."""
    last: int | None = None

    async def work(connection: WebSocket) -> None:
        nonlocal last, count
        chain = await Chain.open(connection)
        async for head in chain.heads(final=True):
            # A connection that broke may have missed blocks, and finality takes several at once:
            # go through all numbers since the last one.
            for number in range(head.number if last is None else last + 1, head.number + 1):
                await show(chain, number)
                last, count = number, count - 1
                if not count:
                    return

    await Daemon(url, report=lambda text: print(text, file=sys.stderr)).run(work)


async def show(chain: Chain, number: int) -> None:
    """Print the transfers of a block."""
    block = await chain.block(await chain.block_hash(number))
    moved = [event for event in block.events or [] if event.name == "Balances.Transfer"]
    print(f"block {number}: {len(block.extrinsics)} extrinsics, {len(moved)} transfers")
    for event in moved:
        amount = chain.metadata.currency.format(int(str(event.fields["amount"])))
        sender, receiver = str(event.fields["from"]), str(event.fields["to"])
        print(f"  {sender} -> {receiver}: {amount}")


if __name__ == "__main__":
    asyncio.run(follow(sys.argv[1], int(sys.argv[2])))
