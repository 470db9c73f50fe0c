"""A custodian's server in a process of its own: `python -m hostile.serve_records FOLDER`.

Prints its port, its vault and its time; ends with its standard input.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from support.records_custodian import a_hospital


async def main() -> None:
    """Serve until the standard input ends."""
    async with a_hospital(Path(sys.argv[1])) as hospital:
        port = hospital.url.rpartition(":")[2]
        print(port, hospital.vault.id, hospital.now_ms(), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
