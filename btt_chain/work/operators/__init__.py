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
from btt_chain.work.operators.elementwise import Add, Table
from btt_chain.work.operators.matmul import MatMul
from btt_chain.work.operators.moves import Concat, Rearrange
from btt_chain.work.operators.rows import LayerNorm, Softmax
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
    "ArgMax",
    "Attend",
    "AveragePool",
    "Concat",
    "Conv",
    "FromRows",
    "LayerNorm",
    "Linear",
    "MatMul",
    "MaxPool",
    "Norm",
    "Op",
    "Rearrange",
    "Rotate",
    "RowLinear",
    "Scores",
    "Softmax",
    "Sum",
    "Table",
    "ToRows",
]
