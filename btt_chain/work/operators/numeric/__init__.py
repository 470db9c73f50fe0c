"""The numpy halves of the operators: `KERNELS` is their registry.

This package needs numpy, so the runtime must not import it. Modules that are named as one of pure
halves hold the kernels of these; the others hold what kernels share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from btt_chain.work.operators import (
    Add,
    AddRows,
    Affine,
    ArgMax,
    Attend,
    AveragePool,
    Concat,
    Conv,
    FromRows,
    Gather,
    Hypot,
    LayerNorm,
    Linear,
    MatMul,
    MaxPool,
    Mul,
    Norm,
    Op,
    Pad,
    Rearrange,
    Resize,
    Rotate,
    RowLinear,
    Scan,
    Scores,
    Slice,
    Softmax,
    Sum,
    Table,
    ToRows,
    WideTable,
)
from btt_chain.work.operators.base import Operator
from btt_chain.work.operators.numeric.attention import AttendKernel, ScoresKernel
from btt_chain.work.operators.numeric.columns import ConvKernel, LinearKernel, SumKernel
from btt_chain.work.operators.numeric.dynamic import (
    AddRowsKernel,
    FromRowsKernel,
    NormKernel,
    RotateKernel,
    RowLinearKernel,
    ToRowsKernel,
)
from btt_chain.work.operators.numeric.elementwise import (
    AddKernel,
    AffineKernel,
    HypotKernel,
    MulKernel,
    TableKernel,
    WideTableKernel,
)
from btt_chain.work.operators.numeric.gather import GatherKernel
from btt_chain.work.operators.numeric.kernel import Kernel
from btt_chain.work.operators.numeric.matmul import MatMulKernel
from btt_chain.work.operators.numeric.moves import (
    ConcatKernel,
    PadKernel,
    RearrangeKernel,
    SliceKernel,
)
from btt_chain.work.operators.numeric.products import ProductKernel
from btt_chain.work.operators.numeric.resize import ResizeKernel
from btt_chain.work.operators.numeric.rows import LayerNormKernel, SoftmaxKernel
from btt_chain.work.operators.numeric.scan import ScanKernel
from btt_chain.work.operators.numeric.tokens import ArgMaxKernel
from btt_chain.work.operators.numeric.windows import AveragePoolKernel, MaxPoolKernel

Kernels = Mapping[type[Operator], type[Kernel[Operator]]]

KERNELS: Final[Kernels] = {
    Linear: LinearKernel,
    Conv: ConvKernel,
    MatMul: MatMulKernel,
    Add: AddKernel,
    Table: TableKernel,
    MaxPool: MaxPoolKernel,
    AveragePool: AveragePoolKernel,
    Softmax: SoftmaxKernel,
    LayerNorm: LayerNormKernel,
    Rearrange: RearrangeKernel,
    Concat: ConcatKernel,
    Sum: SumKernel,
    Affine: AffineKernel,
    Mul: MulKernel,
    Hypot: HypotKernel,
    WideTable: WideTableKernel,
    Slice: SliceKernel,
    Pad: PadKernel,
    Resize: ResizeKernel,
    Gather: GatherKernel,
    Scan: ScanKernel,
    Norm: NormKernel,
    Attend: AttendKernel,
    ArgMax: ArgMaxKernel,
    RowLinear: RowLinearKernel,
    AddRows: AddRowsKernel,
    ToRows: ToRowsKernel,
    FromRows: FromRowsKernel,
    Scores: ScoresKernel,
    Rotate: RotateKernel,
}


def kernel_of(op: Op) -> type[Kernel[Operator]]:
    """Return the kernel of an operator."""
    return KERNELS[type(op)]


def product_of(op: Op) -> type[ProductKernel[Operator]]:
    """Return the kernel of a product; TypeError for other operators."""
    kernel = KERNELS[type(op)]
    if not issubclass(kernel, ProductKernel):
        raise TypeError(f"{type(op).__name__} is not a product")
    return kernel
