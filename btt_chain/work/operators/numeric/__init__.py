"""The numpy halves of the operators: `KERNELS` is their registry.

This package needs numpy, so the runtime must not import it. Modules that are named as one of pure
halves hold the kernels of these; the others hold what kernels share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from btt_chain.work.model import Constants
from btt_chain.work.operators import (
    Add,
    Affine,
    AveragePool,
    Concat,
    Conv,
    Gather,
    Hypot,
    LayerNorm,
    Linear,
    MatMul,
    MaxPool,
    Mul,
    Op,
    Pad,
    Rearrange,
    Resize,
    Scan,
    Slice,
    Softmax,
    Sum,
    Table,
    WideTable,
)
from btt_chain.work.operators.base import Operator
from btt_chain.work.operators.numeric.columns import ConvKernel, LinearKernel, SumKernel
from btt_chain.work.operators.numeric.elementwise import (
    AddKernel,
    AffineKernel,
    HypotKernel,
    MulKernel,
    TableKernel,
    WideTableKernel,
)
from btt_chain.work.operators.numeric.gather import GatherKernel
from btt_chain.work.operators.numeric.kernel import Kernel, NodeOf
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
from btt_chain.work.operators.numeric.windows import AveragePoolKernel, MaxPoolKernel

KernelMaker: TypeAlias = Callable[[NodeOf[Operator], Constants | None], Kernel[Operator]]
"""A kernel's class, or a function that makes one for a node."""

KERNELS: Final[Mapping[type[Operator], type[Kernel[Operator]]]] = {
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
