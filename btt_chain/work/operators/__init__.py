"""The operators of a graph: a module for each family, with all rules of these kinds of nodes.

An operator has two halves. The pure half is here: its fields on the wire, and its rules in integers
(`base.Operator`). The runtime imports it, so it must not load numpy. The numpy half is the module
of the same name in `numeric`: execution, and the checks of a verifier (`numeric.kernel.Kernel`).

`Op` is the registry of the pure halves, and the enum of the wire: its order and indices are fixed.
`numeric.KERNELS` is the registry of the numpy halves. No other module distinguishes operators.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from btt_chain.scale import Path
from btt_chain.work.operators.attention import Attend, Scores
from btt_chain.work.operators.columns import Conv, Linear, Sum
from btt_chain.work.operators.dynamic import AddRows, FromRows, Norm, Rotate, RowLinear, ToRows
from btt_chain.work.operators.elementwise import Add, Affine, Hypot, Mul, Table, WideTable
from btt_chain.work.operators.gather import Gather
from btt_chain.work.operators.matmul import MatMul
from btt_chain.work.operators.moves import Concat, Pad, Rearrange, Slice
from btt_chain.work.operators.resize import Resize
from btt_chain.work.operators.rows import LayerNorm, Softmax
from btt_chain.work.operators.scan import Scan
from btt_chain.work.operators.tokens import ArgMax
from btt_chain.work.operators.windows import AveragePool, MaxPool

Op: TypeAlias = Annotated[
    Linear
    | Conv
    | MatMul
    | Add
    | Table
    | MaxPool
    | AveragePool
    | Softmax
    | LayerNorm
    | Rearrange
    | Concat
    | Sum
    | Affine
    | Mul
    | Hypot
    | WideTable
    | Slice
    | Pad
    | Resize
    | Gather
    | Scan
    | Norm
    | Attend
    | ArgMax
    | RowLinear
    | AddRows
    | ToRows
    | FromRows
    | Scores
    | Rotate,
    Path("btt_work::Op"),
]

__all__ = [
    "Add",
    "AddRows",
    "Affine",
    "ArgMax",
    "Attend",
    "AveragePool",
    "Concat",
    "Conv",
    "FromRows",
    "Gather",
    "Hypot",
    "LayerNorm",
    "Linear",
    "MatMul",
    "MaxPool",
    "Mul",
    "Norm",
    "Op",
    "Pad",
    "Rearrange",
    "Resize",
    "Rotate",
    "RowLinear",
    "Scan",
    "Scores",
    "Slice",
    "Softmax",
    "Sum",
    "Table",
    "ToRows",
    "WideTable",
]
