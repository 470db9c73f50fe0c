"""Bytes on disk for each byte sent: blocks full by length, and blocks of transfers.

    PYTHONPATH=.:tests python -m bench.bench_bytes [--blocks 200] [--blocks-pruning N]

One account fills blocks with remarks of random bytes for `--blocks` blocks, on a database as a node
has it. Prints what that cost, the multiplier at the end, and the size of the database. With a
number for `--blocks-pruning`, bodies are removed as a node removes them.
"""

from __future__ import annotations

import argparse
import gc
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from btt_chain.chain.client import Client
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import u128
from runtime.constants import BTT
from runtime.pallets.transaction_payment.pallet import ONE
from storage.database import ChainStore
from storage.retention import BlockRetention
from support.chain import BOB, DevChain, account, genesis_header

MB: Final = 10**6
REMARKS: Final = 4
REMARK: Final = 980_000
"""Number and bytes of the remarks of a block: together the most that normal calls may fill."""
TRANSFERS: Final = 500
PAYEES: Final = [AccountId(blake2_256(b"payee %d" % number)) for number in range(1_000)]


@dataclass
class DiskChain(DevChain):
    """A chain over a database on the disk."""

    path: Path = Path()
    retention: BlockRetention | None = None

    def another(self) -> Client:
        """Return a client over the database."""
        store = ChainStore.open(self.path, pruning=256, retention=self.retention)
        store.insert_genesis(self.state, genesis_header)
        return Client(store, self.presets)


def main() -> None:
    """Run both loads, and print a line for every tenth of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=200)
    parser.add_argument("--blocks-pruning", type=int, help="final blocks that keep their bodies")
    options = parser.parse_args()
    bodies = options.blocks_pruning
    for name in ("remarks", "transfers"):
        with tempfile.TemporaryDirectory(prefix="bytes-") as folder:
            chain = DiskChain(
                path=Path(folder),
                retention=None if bodies is None else BlockRetention(bodies),
                extra={who: 10**6 * int(BTT) for who in (BOB.account_id, *PAYEES)},
            )
            fill(chain, name, options.blocks)
            chain.client.store.close()
            print(f"{name}: {size(chain.path) / MB:,.1f} MB on disk after closing")


def fill(chain: DiskChain, name: str, blocks: int) -> None:
    """Fill blocks, and print the cost so far and the size of the database."""
    rng, begun, sent = random.Random(1), int(chain.account(BOB).data.free), 0
    for number in range(1, blocks + 1):
        nonce = int(chain.account(BOB).nonce)
        for count in range(REMARKS if name == "remarks" else TRANSFERS):
            call = (
                chain.call("System", "remark", remark=rng.randbytes(REMARK))
                if name == "remarks"
                else chain.call(
                    "Balances", "transfer_keep_alive", dest=Id(rng.choice(PAYEES)), value=u128(1)
                )
            )
            wire = chain.sign(BOB, call, nonce=nonce + count)
            sent += len(wire)
            chain.pool.submit(wire)
        chain.seal()
        if number % max(blocks // 10, 1) == 0:
            runtime = chain.at()
            cost = (begun - int(runtime.balances.free(account(BOB)))) / int(BTT)
            multiplier = int(runtime.fees.next_fee_multiplier.value) / ONE
            print(
                f"{name}: block {number}: {sent / MB:,.1f} MB sent for {cost:,.2f} BTT, multiplier "
                f"{multiplier:.5f}, {size(chain.path) / MB:,.1f} MB on disk"
            )


def size(path: Path) -> int:
    """Return the bytes of the database's files."""
    return sum(file.stat().st_size for file in path.iterdir())


if __name__ == "__main__":
    main()
    gc.collect()  # handles of databases must not outlive the interpreter
