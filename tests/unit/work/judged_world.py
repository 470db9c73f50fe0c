"""Counters of a judgement: the numbers it reads, its products, its bytecode instructions."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Final

import pytest

from btt_chain.work.fraud import Reader, judgement
from btt_chain.work.graph import Graph
from btt_chain.work.operators import attention, columns, dynamic, matmul, scan, tokens

if TYPE_CHECKING:
    from _typeshed import TraceFunction

MULTIPLYING: Final[tuple[ModuleType, ...]] = (attention, columns, dynamic, matmul, scan, tokens)
"""Modules of operators that multiply rows of numbers by `mul`."""


class Counting:
    """A reader that counts the numbers of the tensors that it returns, without tails of rows."""

    def __init__(self, graph: Graph, reader: Reader) -> None:
        self._graph = graph
        self._reader = reader
        self.numbers = 0

    def activation(self, tensor: int, start: int, length: int) -> bytes:
        shape = self._graph.tensor(tensor)
        if start % shape.row_bytes < shape.row_bytes - shape.kind.tail:
            self.numbers += length // shape.kind.width
        return self._reader.activation(tensor, start, length)

    def record(self, row: int) -> bytes:
        return self._reader.record(row)


class Held:
    """A reader of whole tensors and records."""

    def __init__(self, tensors: Mapping[int, bytes], records: Callable[[int], bytes]) -> None:
        self._tensors = tensors
        self.record = records

    def activation(self, tensor: int, start: int, length: int) -> bytes:
        return self._tensors[tensor][start : start + length]


@contextmanager
def counted_products() -> Iterator[list[int]]:
    """Count the products of rows of numbers in the only element of a list."""
    found = [0]

    def mul(a: int, b: int) -> int:
        found[0] += 1
        return a * b

    with pytest.MonkeyPatch.context() as patch:
        for module in MULTIPLYING:
            patch.setattr(module, "mul", mul)
        yield found


def judged_numbers(
    graph: Graph, node: int, claim: int, witness: int | None, reader: Reader
) -> tuple[int, int]:
    """Judge a claim; return the numbers that are read besides the claim, and the products."""
    counting = Counting(graph, reader)
    with counted_products() as products:
        judgement(graph, node, claim, witness, counting)
    return counting.numbers - (claim < graph.nodes[node].out.size), products[0]


def instructions(run: Callable[[], object]) -> int:
    """Return the number of bytecode instructions that a function executes."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> TraceFunction:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return count
