"""The decisions of the indexer: which blocks to ask for, to write, to drop, and which are final.

A state machine without I/O. Events go in by `best`, `finalized`, `fetched` and `missing`; each
returns effects for the driver to carry out in their order:

    Ask(number)      fetch the block that the node has at this height
    Write(block)     write a block above the last one
    Drop(above)      delete all blocks above this height: they are no longer on the best chain
    Finalize(number) all blocks up to this height are final

Blocks are asked for by height, many at once, and written in order. A block whose parent is not the
block below it shows that the chain was reorganized: the block below is dropped and its height asked
for again, until the two chains meet. They meet at the last final block at the latest; a node that
wants to replace that one contradicts itself (`Contradiction`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from btt_chain.explorer.index.reading import RawBlock

WINDOW: Final = 64
"""Maximum number of blocks that are asked for, or wait for a block below them."""


MAX_DROPS: Final = 1_024
"""Maximum number of blocks dropped before the index grows again: a node could go on for ever."""


class Contradiction(Exception):
    """The node's blocks contradict the final blocks in the index, or each other."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Fetch the block at a height. Its answer belongs to the same `turn`."""

    number: int
    turn: int


@dataclass(frozen=True, slots=True)
class Write:
    """Write a block on top."""

    block: RawBlock
    final: bool


@dataclass(frozen=True, slots=True)
class Drop:
    """Delete all blocks above a height."""

    above: int


@dataclass(frozen=True, slots=True)
class Finalize:
    """All blocks up to a height are final."""

    number: int


Effect: TypeAlias = Ask | Write | Drop | Finalize


class Follower:
    """Follows the best chain of a node, from a last final block on."""

    def __init__(
        self, final: tuple[int, bytes] | None, tips: Mapping[int, bytes], first: int = 0
    ) -> None:
        """Begin with the index's last final block, and the hashes of the blocks above it.

        `first` is the height of the first block of an empty index.
        """
        self._final = -1 if final is None else final[0]
        """Height of the last final block in the index."""
        self._hashes = dict(tips) if final is None else {final[0]: final[1], **tips}
        """Hashes of that block and of all above it."""
        self._first = first
        self._best = -1
        self._known_final: tuple[int, bytes] = (-1, b"")
        """The last final block of the node, as far as it was reported."""
        self._turn = 0
        self._asked: set[int] = set()
        self._ready: dict[int, RawBlock] = {}
        self._highest = max(self._hashes, default=-1)
        self._drops = 0
        """Drops since the index was last higher than before."""

    @property
    def next(self) -> int:
        """Height of the next block to write."""
        return max(self._hashes) + 1 if self._hashes else self._first

    @property
    def is_idle(self) -> bool:
        """True if the index has the best block."""
        return not self._asked and self.next > self._best

    def best(self, number: int, hash: bytes) -> list[Effect]:
        """Take a new best block of the node."""
        self._best = number
        effects: list[Effect] = []
        if number < self.next and self._hashes.get(number) != hash and number > self._final:
            effects += self._drop(number - 1)
        elif self._final <= number < self.next - 1:
            effects += self._drop(number)
        return effects + self._advance()

    def finalized(self, number: int, hash: bytes) -> list[Effect]:
        """Take a new final block of the node. Raises Contradiction."""
        if number < self._known_final[0]:
            return self._advance()
        self._known_final = (number, hash)
        self._best = max(self._best, number)
        if number <= self._final:
            if self._hashes.get(number, hash) != hash:
                raise Contradiction(_other(number))
            return self._advance()
        effects: list[Effect] = []
        if self._hashes.get(number) == hash:
            effects += self._finalize(number)
        elif number < self.next:
            effects += self._drop(number - 1)
        else:
            # Answers on the way may be of a fork that has just died.
            self._forget()
        return effects + self._advance()

    def fetched(self, ask: Ask, block: RawBlock) -> list[Effect]:
        """Take the block that was asked for. Raises Contradiction."""
        if ask.turn != self._turn or ask.number not in self._asked:
            return []
        self._asked.discard(ask.number)
        if block.number != ask.number:
            raise Contradiction(
                f"the node gave block {block.number} where {ask.number} was requested"
            )
        self._ready[ask.number] = block
        effects: list[Effect] = []
        while (found := self._ready.pop(self.next, None)) is not None:
            below = self._hashes.get(found.number - 1)
            if below is not None and below != found.parent:
                effects += self._drop(found.number - 2)
                break
            effects += self._write(found)
        return effects + self._advance()

    def missing(self, ask: Ask) -> list[Effect]:
        """Take the answer that the node has no block at the height: its best chain is shorter."""
        if ask.turn == self._turn:
            self._forget()
            self._best = min(self._best, ask.number - 1)
        return self._advance()

    def _write(self, block: RawBlock) -> list[Effect]:
        number, (last, hash) = block.number, self._known_final
        if number == last and block.hash != hash:
            if number - 1 <= self._final:
                raise Contradiction(_other(number))
            return self._drop(number - 2)
        self._hashes[number] = block.hash
        if number > self._highest:
            self._highest, self._drops = number, 0
        effects: list[Effect] = [Write(block, number <= last)]
        if number <= last:
            effects += self._finalize(number)
        return effects

    def _finalize(self, number: int) -> list[Effect]:
        self._final = number
        self._hashes = {at: hash for at, hash in self._hashes.items() if at >= number}
        return [Finalize(number)]

    def _drop(self, above: int) -> list[Effect]:
        """Drop the blocks above a height and ask for them again."""
        self._drops += 1
        if above < self._final:
            raise Contradiction(_other(self._final))
        if self._drops > MAX_DROPS:
            raise Contradiction(f"the node's blocks above {above} do not follow each other")
        self._hashes = {at: hash for at, hash in self._hashes.items() if at <= above}
        self._forget()
        return [Drop(above)]

    def _forget(self) -> None:
        self._turn += 1
        self._asked.clear()
        self._ready.clear()

    def _advance(self) -> list[Effect]:
        effects: list[Effect] = []
        number, end = self.next, min(self._best + 1, self.next + WINDOW)
        while number < end:
            if number not in self._asked and number not in self._ready:
                self._asked.add(number)
                effects.append(Ask(number, self._turn))
            number += 1
        return effects


def _other(number: int) -> str:
    return (
        f"the node has another block {number} than the index, where that block is final: "
        "it is another chain, or one of the two is wrong"
    )
