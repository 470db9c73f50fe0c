"""An index of a chain by async-substrate-interface alone, printed as facts: slow, and independent.

python -m compat.py.slow_index URL LAST_BLOCK
"""

from __future__ import annotations

import asyncio
import logging
import sys
from hashlib import blake2b

from async_substrate_interface.async_substrate import AsyncSubstrateInterface

from compat.py.asynchronous_client import Call as Decoded
from compat.py.asynchronous_client import plain
from compat.py.checks import done, fact


async def main(url: str, last: int) -> None:
    """Print a fact for each block, and one with all balances after the last."""
    logging.disable(logging.CRITICAL)
    node = AsyncSubstrateInterface(url, ws_shutdown_timer=None)
    await node.initialize()
    blocks = [await block(node, number) for number in range(1, last + 1)]
    fact("blocks", blocks)
    head = await node.get_block_hash(last)
    found = await node.query_map("System", "Account", block_hash=head, fully_exhaust=True)
    fact(
        "balances",
        {
            plain(key): [plain(value)["data"][name] for name in ("free", "reserved")]
            for key, value in found.records
        },
    )
    await node.close()
    done()


async def block(node: AsyncSubstrateInterface, number: int) -> dict[str, object]:
    """Return the rows of a block in the index, as this client decodes it."""
    hash = await node.get_block_hash(number)
    decoded = await node.get_block(block_hash=hash)
    raw = (await node.rpc_request("chain_getBlock", [hash]))["result"]["block"]["extrinsics"]
    events = await node.get_events(block_hash=hash)
    return {
        "hash": hash,
        "parent": decoded["header"]["parentHash"],
        "extrinsics": [
            extrinsic(plain(each), wire)
            for each, wire in zip(decoded["extrinsics"], raw, strict=True)
        ],
        "events": [event(plain(each)) for each in events],
    }


def extrinsic(value: Decoded, wire: str) -> dict[str, object]:
    """Return hash, signer, nonce and call of an extrinsic."""
    call = value["call"]
    return {
        "hash": "0x" + blake2b(bytes.fromhex(wire[2:]), digest_size=32).hexdigest(),
        "signer": value.get("address"),
        "nonce": value.get("nonce"),
        "call": f"{call['call_module']}.{call['call_function']}",
    }


def event(value: Decoded) -> list[object]:
    """Return the extrinsic and the name of an event."""
    return [value["extrinsic_idx"], f"{value['module_id']}.{value['event_id']}"]


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
