"""A provider that cheats: the usual daemon, over an engine that alters elements.

Run as a program by end-to-end tests; `--share` is the part of items of which one element is wrong,
in a tensor and at a place chosen at random. `--mute` is another vice: nothing is ever served.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

from btt_chain.compute.blobs import transport
from btt_chain.compute.blobs.store import BlobStore
from btt_chain.crypto.keypair import KeyPair
from btt_chain.work.engines import Processor
from btt_chain.work.execute import Batch, Executor
from btt_chain.work.model import Elements, Inputs
from cli.commands.provider_session import Place, provide


class Cheating:
    """An engine that is wrong in a share of the items."""

    def __init__(self, share: float, rng: Random) -> None:
        self._share = share
        self._rng = rng
        self._engine = Processor()

    def stream(
        self, executor: Executor, batches: Iterable[Inputs], *, accumulators: bool = False
    ) -> Iterator[Batch]:
        """Execute all items, then alter some."""
        for batch in self._engine.stream(executor, batches, accumulators=accumulators):
            tensors: list[Elements] = [tensor.copy() for tensor in batch.tensors]
            graph = batch.graph
            # A tensor without leaves is not committed to: an error in it alone is none.
            places = [at for at, one in enumerate(graph.tensors) if one.committed]
            places = places[len(graph.inputs) :]
            for item in range(len(tensors[0])):
                if self._rng.random() < self._share:
                    made = tensors[self._rng.choice(places)][item].reshape(-1)
                    made[self._rng.randrange(len(made))] ^= 1
            yield Batch(graph, tensors)


def be_mute(empty: Path) -> None:
    """Have every host of this process serve an empty store."""

    class Mute(transport.BlobHost):
        def __init__(
            self, settings: transport.BlobSettings, store: BlobStore | None = None
        ) -> None:
            del store
            super().__init__(settings, BlobStore(empty))

    transport.BlobHost = Mute  # type: ignore[misc]


def main() -> None:
    """Read the command line, and cheat until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--from", dest="uri", required=True)
    parser.add_argument("--bond", required=True)
    parser.add_argument("--base-path", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--class", dest="model_class", type=int, default=0)
    parser.add_argument("--mute", action="store_true")
    given = parser.parse_args()
    if given.mute:
        be_mute(given.base_path / "nothing")
    engine = Cheating(given.share, Random(given.uri))
    place, pair = Place(given.base_path), KeyPair.from_uri(given.uri)
    asyncio.run(
        provide(
            engine, pair, place, given.url, jobs=given.jobs, bond=given.bond,
            classes=(given.model_class,),
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
