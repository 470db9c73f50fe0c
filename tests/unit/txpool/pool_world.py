"""A pool with a chain, a clock and a runtime whose validations a test sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.validity import (
    FOREVER,
    Invalid,
    TransactionSource,
    Unknown,
    ValidTransaction,
)
from btt_chain.scale import u64
from btt_chain.txpool import (
    BlockRef,
    ImportedBlock,
    Included,
    Limit,
    Limits,
    Pool,
)

Verdict = ValidTransaction | Invalid | Unknown


def tags(names: str) -> list[bytes]:
    return [name.encode() for name in names.split()]


ALICE = b"A" * 32
BOB = b"B" * 32


class World:
    """A pool, a runtime with preset validations, a chain and a clock."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        authors: bool = True,
        accepts_future: bool = True,
    ) -> None:
        self.verdicts: dict[bytes, Verdict] = {}
        self.asked: list[bytes] = []
        self.now = 1_000.0
        self.best = BlockRef(10, b"block 10")
        self.pool = Pool(
            self.judge,
            limits,
            authors=authors,
            accepts_future=accepts_future,
        )

    def judge(self, raw: bytes, source: TransactionSource, at: BlockRef) -> ValidTransaction:
        self.asked.append(raw)
        verdict = self.verdicts[raw]
        if isinstance(verdict, ValidTransaction):
            return verdict
        raise verdict

    def let(
        self,
        name: str,
        provides: str | Sequence[bytes],
        requires: str | Sequence[bytes] = "",
        priority: int = 5,
        longevity: int = FOREVER,
        *,
        propagate: bool = True,
    ) -> None:
        """Make the runtime find the transaction of this name valid."""
        self.verdicts[name.encode()] = ValidTransaction(
            u64(priority),
            tags(requires) if isinstance(requires, str) else list(requires),
            tags(provides) if isinstance(provides, str) else list(provides),
            u64(longevity),
            propagate,
        )

    def refuse(self, name: str, verdict: Invalid | Unknown) -> None:
        self.verdicts[name.encode()] = verdict

    def submit(self, name: str) -> bytes:
        return self.pool.submit(name.encode(), TransactionSource.External, self.now, self.best)

    def add(
        self,
        name: str,
        provides: str | Sequence[bytes],
        requires: str | Sequence[bytes] = "",
        priority: int = 5,
        longevity: int = FOREVER,
        *,
        propagate: bool = True,
    ) -> bytes:
        self.let(name, provides, requires, priority, longevity, propagate=propagate)
        return self.submit(name)

    def ready(self) -> list[str]:
        return [tx.raw.decode() for tx in self.pool.ready()]

    def futures(self) -> list[str]:
        return [tx.raw.decode() for tx in self.pool.futures()]

    def news(self) -> list[str]:
        """Return the status events since the last call, as "name status" in order."""
        names = {blake2_256(raw): raw.decode() for raw in self.verdicts}
        return [f"{names[event.hash]} {event.status}" for event in self.pool.drain()]

    def block(
        self, label: str, contents: Iterable[tuple[str, str]], number: int | None = None
    ) -> ImportedBlock:
        """Return a block of (name, provided tags); an empty text means that they are unknown."""
        return ImportedBlock(
            BlockRef(self.best.number + 1 if number is None else number, label.encode()),
            [
                Included(
                    index + 1,
                    blake2_256(name.encode()),
                    name.encode(),
                    tags(provides) if provides else None,
                )
                for index, (name, provides) in enumerate(contents)
            ],
        )

    def enact(self, block: ImportedBlock) -> None:
        self.best = block.ref
        self.pool.on_block_imported(block, self.now)

    def recheck(self) -> None:
        while self.pool.revalidate(10, self.now, self.best):
            pass


def small(count: int = 3, size: int = 1_000, future: int = 2) -> World:
    """Return a world whose pool has room for a few transactions."""
    return World(Limits(ready=Limit(count, size), future=Limit(future, size)))
