"""async-substrate-interface, unmodified, against a started node."""

from __future__ import annotations

import asyncio
import logging
import sys

from compat.py import asynchronous_pool, asynchronous_reading, asynchronous_sending
from compat.py.asynchronous_client import Asynchronous
from compat.py.checks import done, run_async


async def main() -> None:
    """Run everything."""
    # The client logs each refusal that is provoked here.
    logging.disable(logging.CRITICAL)
    await run_async(
        Asynchronous(*sys.argv[1:3]),
        asynchronous_reading,
        asynchronous_sending,
        asynchronous_pool,
    )
    done()


if __name__ == "__main__":
    asyncio.run(main())
