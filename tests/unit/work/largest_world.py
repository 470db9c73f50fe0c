"""The largest nodes that may be registered: as many numbers as their fraud proofs can open."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from btt_chain.scale import encode, i16, u8, u16, u32, u64
from btt_chain.work.build import window
from btt_chain.work.commit import commit_item, commit_weights, roots_tree
from btt_chain.work.errors import ModelRefused
from btt_chain.work.fraud import Evidence, FraudProof, Job, prove
from btt_chain.work.functions import Function
from btt_chain.work.graph import Graph, Node, weighted_of, weights_layout
from btt_chain.work.merkle import Tree
from btt_chain.work.operators import (
    ArgMax,
    Attend,
    AveragePool,
    Conv,
    LayerNorm,
    Linear,
    MatMul,
    MaxPool,
    Norm,
    Op,
    RowLinear,
    Scan,
    Scores,
    Softmax,
    Sum,
    ToRows,
)
from btt_chain.work.operators.scan import Cell
from btt_chain.work.shapes import MAX_LINES, check_graph
from btt_chain.work.tensors import MIN_LEAF_BYTES, Kind, Tensor, Weights
from unit.work.judged_world import Held
from unit.work.work_world import NOTHING

MAX_SIZE: Final = (1 << 16) - 1
WEIGHTS: Final = Weights(NOTHING.root, u16(MIN_LEAF_BYTES), u32(10**6))
BOUNDS: Final = (i16(-128), i16(127))
ONE: Final = u32(0x3F80_0000)
"""1.0 in binary32."""
UNIT: Final = (u16(1 << 15), i16(0))
"""A scale of rows."""
I8, I16, I32, D8, D16 = Kind.I8, Kind.I16, Kind.I32, Kind.D8, Kind.D16


def tensor(kind: Kind, *shape: int, zero: int = 0) -> Tensor:
    """Return a tensor with the smallest leaves."""
    return Tensor(kind, list(map(u32, shape)), i16(zero), u16(MIN_LEAF_BYTES))


def graph(inputs: list[Tensor], *made: tuple[Op, Tensor]) -> Graph:
    nodes = [Node(f"{number}", op, out) for number, (op, out) in enumerate(made)]
    return Graph(inputs, nodes, [u16(len(inputs) + len(nodes) - 1)])


def on_rows(kind: Kind, rows: int, length: int, op: Op, out: Tensor) -> Graph:
    """Return a node that reads rows with scales of their own."""
    shape = rows, length
    return graph([tensor(I8, *shape)], (ToRows(u16(0), *UNIT), tensor(kind, *shape)), (op, out))


def row_linear(kind: Kind, n: int, function: Function) -> Graph:
    op = RowLinear(u16(1), WEIGHTS, u8(8), function, function is not Function.IDENTITY)
    return on_rows(kind, 1, n, op, tensor(kind, 1, 4))


def norm(kind: Kind, n: int) -> Graph:
    return on_rows(kind, 1, n, Norm(u16(1), WEIGHTS, True), tensor(kind, 1, n))


def arg_max(kind: Kind, n: int) -> Graph:
    return on_rows(kind, 1, n, ArgMax(u16(1), WEIGHTS, u32(9)), tensor(I32, 1, 1))


def scores(kind: Kind, n: int) -> Graph:
    op = Scores(u16(1), u16(1), u16(n), False, *UNIT)
    return on_rows(kind, 2, n, op, tensor(D8, 1, 2, 2))


def attend(n: int) -> Graph:
    return graph(
        [tensor(I8, 2, 8), tensor(I8, n, 8), tensor(I8, 1, n)],
        (ToRows(u16(0), *UNIT), tensor(D8, 2, 8)),
        (ToRows(u16(1), *UNIT), tensor(D8, n, 8)),
        (Scores(u16(3), u16(4), u16(8), False, *UNIT), tensor(D8, 1, 2, n)),
        (Attend(u16(5), u16(2), *UNIT), tensor(D8, 2, 1)),
    )


def rows(kind: Kind, op: Op, out: Kind, width: int, zero: int = 0) -> Graph:
    """Return a node that reads a whole row of the input."""
    return graph([tensor(kind, 1, width)], (op, tensor(out, 1, width, zero=zero)))


def linear(kind: Kind, n: int) -> Graph:
    op = Linear(u16(0), WEIGHTS, u16(1), *BOUNDS)
    return graph([tensor(kind, 1, n)], (op, tensor(I8, 1, 2)))


def matmul(n: int) -> Graph:
    op = MatMul(u16(0), u16(1), ONE)
    return graph([tensor(I8, 2, n), tensor(I8, 2, n)], (op, tensor(I8, 2, 2)))


def summed(n: int) -> Graph:
    op = Sum(u16(0), WEIGHTS, u16(n), *BOUNDS)
    return graph([tensor(I32, 1, n)], (op, tensor(I8, 1, 1)))


def conv(lines: int, channels: int, groups: int, n: int, apart: int = 1) -> Graph:
    seen = window((lines, n), apart=(1, apart))
    op = Conv(u16(0), WEIGHTS, seen, u16(groups), u16(1), *BOUNDS)
    image = tensor(I8, lines, (n - 1) * apart + 1, channels)
    return graph([image], (op, tensor(I8, 1, 1, channels)))


def most(lines: int, channels: int, n: int) -> Graph:
    op = MaxPool(u16(0), window((lines, n)))
    return graph([tensor(I8, lines, n, channels)], (op, tensor(I8, 1, 1, channels)))


def mean(lines: int, channels: int, n: int) -> Graph:
    op = AveragePool(u16(0), window((lines, n)), ONE)
    return graph([tensor(I8, lines, n, channels)], (op, tensor(I8, 1, 1, channels)))


def padded(n: int) -> Graph:
    """Return a convolution whose taps are almost all in the padding."""
    seen = window((1, n), pads=(0, n - 1, 0, n - 1))
    op = Conv(u16(0), WEIGHTS, seen, u16(1), u16(1), *BOUNDS)
    return graph([tensor(I8, 1, 1, 1)], (op, tensor(I8, 1, n, 1)))


def scan(cell: Cell, kind: Kind, n: int) -> Graph:
    op = Scan(u16(0), WEIGHTS, cell, u16(n), False)
    return graph([tensor(I8, 2, n)], (op, tensor(kind, 2, n * cell.elements_of_unit(kind))))


LARGEST: Final[Mapping[str, Callable[[int], Graph]]] = {
    "gated rows": lambda n: row_linear(D8, n, Function.SILU),
    "gated rows of 16 bits": lambda n: row_linear(D16, n, Function.GELU),
    "rows of 16 bits": lambda n: row_linear(D16, n, Function.IDENTITY),
    "norm of 16 bits": lambda n: norm(D16, n),
    "tokens": lambda n: arg_max(D8, n),
    "tokens by 16 bits": lambda n: arg_max(D16, n),
    "scores": lambda n: scores(D8, n),
    "scores of 16 bits": lambda n: scores(D16, n),
    "means of values": attend,
    "linear of 16 bits": lambda n: linear(I16, n),
    "shares": lambda n: rows(I8, Softmax(u16(0), [u16(256)] * 256), I16, n),
    "layer norm": lambda n: rows(I8, LayerNorm(u16(0), u64(1), WEIGHTS, u8(1)), I8, n),
    "two rows": matmul,
    "partial sums": summed,
    "lines of a maximum": lambda n: most(MAX_LINES, 1, n),
    "lines of two channels": lambda n: most(MAX_LINES, 2, n),
    "lines of a mean of two channels": lambda n: mean(MAX_LINES, 2, n),
    "a line of a mean": lambda n: mean(1, 2, n),
    "lines of a convolution": lambda n: conv(MAX_LINES, 1, 1, n),
    "lines of two groups": lambda n: conv(MAX_LINES, 2, 2, n),
    "a line of three groups": lambda n: conv(1, 3, 3, n),
    "taps apart": lambda n: conv(1, 1, 1, n, apart=2),
    "taps in the padding": padded,
    "lstm": lambda n: scan(Cell.LSTM, I8, n),
    "gru of 16 bits": lambda n: scan(Cell.GRU, I16, n),
}


def largest(name: str) -> Graph:
    """Return the largest graph of a kind that may be registered."""
    least, above = 1, MAX_SIZE
    while least < above:
        middle = (least + above + 1) // 2
        if may_be_registered(LARGEST[name](middle)):
            least = middle
        else:
            above = middle - 1
    return LARGEST[name](least)


def may_be_registered(made: Graph) -> bool:
    try:
        check_graph(made)
    except ModelRefused:
        return False
    return True


class Proof(NamedTuple):
    """A proof about the first element of a graph's last node, with what it is judged by."""

    graph: Graph
    job: Job
    raw: bytes
    reader: Held
    witness: int | None


def proof_of(made: Graph, items: int) -> Proof:
    """Commit to numbers that nothing computes, of so many equal items, and prove their first one.

    The output is zero; rows have their scale, and the first token is the largest.
    """
    number = len(made.nodes) - 1
    weighted = weighted_of(made, number)
    records, tree = b"", Tree([bytes(32)])
    if weighted is not None:
        at, constants = weighted
        records = _records(made, at)
        tree = commit_weights(made, made.nodes[at], records)
        made = _with_weights(made, at, replace(constants, root=tree.root))
    last = made.out_of(number)
    tensors = {
        at: _filled(shape, b"\0" if at == last else b"\5\3\1\7")
        for at, shape in enumerate(made.tensors)
        if shape.committed
    }
    commitment = commit_item(made, 0, list(tensors.values()))
    job = roots_tree([commitment.root] * items)
    evidence = Evidence(0, list(tensors.values()), commitment, job)
    witness = 1 if isinstance(made.nodes[number].op, ArgMax) else None
    held = None if weighted is None else (records, tree)
    proof = prove(made, evidence, number, 0, held, witness)
    length = len(records) if weighted is None else weights_layout(made, made.nodes[at]).row
    reader = Held(tensors, lambda row: records[row * length : (row + 1) * length])
    return Proof(
        made, Job(job.root, items, keyed=False), encode(FraudProof, proof), reader, witness
    )


def _filled(shape: Tensor, pattern: bytes) -> bytes:
    length = shape.row_bytes - shape.kind.tail
    row = (pattern * length)[:length]
    tail = struct.pack("<IHh", 0, *UNIT) if shape.kind.tail else b""
    return (row + tail) * shape.rows


def _records(made: Graph, at: int) -> bytes:
    layout = weights_layout(made, made.nodes[at])
    return (b"\3" * (layout.row - 4) + ONE.to_bytes(4, "little")) * layout.rows


def _with_weights(made: Graph, at: int, constants: Weights) -> Graph:
    nodes = list(made.nodes)
    nodes[at] = replace(nodes[at], op=nodes[at].op.with_constants(constants))
    return replace(made, nodes=nodes)
