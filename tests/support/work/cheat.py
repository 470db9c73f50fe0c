"""A provider that cheats: the daemon that everybody runs, over an engine that alters elements.

Run as a program by the end-to-end test; `--share` is the part of items of which one element is
wrong, in a tensor and at a place that luck chooses.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

from btt_chain.compute.provider_work import Processor
from btt_chain.crypto.keypair import KeyPair
from btt_chain.work.execute import Batch, Executor
from btt_chain.work.model import Elements
from cli.provider import Place, provide


class Cheating:
    """An engine that is wrong in a share of the items."""

    def __init__(self, share: float, luck: Random) -> None:
        self._share = share
        self._luck = luck
        self._engine = Processor()

    def stream(self, executor: Executor, batches: Iterable[Elements]) -> Iterator[Batch]:
        """Execute all items, then alter some."""
        for batch in self._engine.stream(executor, batches):
            tensors: list[Elements] = [tensor.copy() for tensor in batch.tensors]
            for item in range(len(tensors[0])):
                if self._luck.random() < self._share:
                    made = tensors[self._luck.randrange(1, len(tensors))][item].reshape(-1)
                    made[self._luck.randrange(len(made))] ^= 1
            yield Batch(tensors)


def main() -> None:
    """Read the command line, and cheat until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--from", dest="uri", required=True)
    parser.add_argument("--bond", required=True)
    parser.add_argument("--base-path", type=Path, required=True)
    parser.add_argument("--share", type=float, default=0.3)
    given = parser.parse_args()
    engine = Cheating(given.share, Random(given.uri))
    place = Place(given.base_path)
    asyncio.run(provide(engine, KeyPair.from_uri(given.uri), place, given.url, bond=given.bond))


if __name__ == "__main__":
    main()
