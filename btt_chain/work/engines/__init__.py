"""Engines: what executes the items of jobs. A provider chooses one; the results are the same.

An engine is a class that is made with the bytes of tensors that it may take at a time, and has the
method of `Engine`. `--engine MODULE:CLASS` names it (`loading.load`). `checked.CheckedEngine`
compares it with numpy's executor, which defines the results, before it computes for others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from btt_chain.work.execute import DEFAULT_MEMORY, Batch, Executor, stream
from btt_chain.work.model import Inputs


class Engine(Protocol):
    """An executor of items. Runs any number of jobs at a time, each on a thread of its own.

    By convention it is made with `memory`: bytes of tensors at a time.
    """

    def stream(
        self, executor: Executor, batches: Iterable[Inputs], *, accumulators: bool = False
    ) -> Iterator[Batch]:
        """Execute all items, in order; it may leave out the accumulators. Raises WorkError.

        `executor` has the model; it is numpy's, for all that an engine does not compute itself.
        """


class Processor:
    """The engine that uses numpy on the local processor."""

    def __init__(self, memory: int = DEFAULT_MEMORY) -> None:
        """`memory`: bytes of tensors at a time."""
        self._memory: Final = memory

    def stream(
        self, executor: Executor, batches: Iterable[Inputs], *, accumulators: bool = False
    ) -> Iterator[Batch]:
        """Execute all items, in order."""
        return stream(executor, batches, self._memory, accumulators=accumulators)
