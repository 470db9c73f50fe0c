"""The registry of operators: every kind of node of the wire format has all that it needs."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import get_args

import pytest

from btt_chain.primitives.digest import H256
from btt_chain.scale import i16, u8, u16, u32, u64
from btt_chain.work import operators
from btt_chain.work.build import Builder, Numbers
from btt_chain.work.operators import Concat, LayerNorm, Linear, numeric
from btt_chain.work.operators.base import Operator
from btt_chain.work.operators.numeric import KERNELS, product_of
from btt_chain.work.operators.numeric.kernel import NodeOf
from btt_chain.work.operators.numeric.products import ProductKernel
from btt_chain.work.tensors import LEAF_BYTES, Kind, Weights

WIRE = get_args(get_args(operators.Op)[0])
NAMES = [kind.__name__ for kind in WIRE]


def is_pure_half(kind: type[object]) -> bool:
    """Return True if a class has all required rules of an operator."""
    return issubclass(kind, Operator) and not inspect.isabstract(kind)


@pytest.mark.parametrize("kind", WIRE, ids=NAMES)
def test_every_kind_of_node_has_the_required_rules(kind: type[Operator]) -> None:
    assert is_pure_half(kind), f"{kind.__name__} lacks {sorted(kind.__abstractmethods__)}"


def test_an_operator_without_a_required_rule_is_found() -> None:
    class Incomplete(Operator):
        @property
        def inputs(self) -> tuple[int, ...]:
            return ()

    assert not is_pure_half(Incomplete)
    assert Incomplete.__abstractmethods__ == {"check", "element"}


@pytest.mark.parametrize("kind", WIRE, ids=NAMES)
def test_constants_come_with_their_layout_and_their_replacement(kind: type[Operator]) -> None:
    parts = ("constants", "record_bytes", "with_constants")
    own = {part for part in parts if part in vars(kind)}

    assert own in (set(), set(parts)), f"{kind.__name__} has only {sorted(own)}"


def test_variants_of_the_wire_have_their_fixed_indices() -> None:
    indices = [kind.INDEX for kind in WIRE]
    assert indices == sorted(set(indices))


def test_every_operator_of_the_package_is_registered() -> None:
    folder = Path(operators.__path__[0])
    modules = [
        importlib.import_module(f"{operators.__name__}.{file.stem}") for file in folder.glob("*.py")
    ]

    declared = {
        kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and is_pure_half(kind)
    }

    assert declared == set(WIRE)


@pytest.mark.parametrize("kind", WIRE, ids=NAMES)
def test_every_kind_of_node_has_a_complete_kernel_in_the_module_of_its_name(
    kind: type[Operator],
) -> None:
    assert kind in KERNELS, f"{kind.__name__} has no kernel: it cannot be executed"

    kernel = KERNELS[kind]

    assert not inspect.isabstract(kernel), f"{kind.__name__}: {kernel.__name__} is incomplete"
    home = kind.__module__.removeprefix(operators.__name__)
    assert kernel.__module__ == numeric.__name__ + home


def test_no_kernel_is_without_its_kind_of_node() -> None:
    assert set(KERNELS) == set(WIRE)


@pytest.mark.parametrize("kind", WIRE, ids=NAMES)
def test_kernels_with_accumulators_are_those_of_operators_that_bound_them(
    kind: type[Operator],
) -> None:
    bounded = "accumulator_limit" in vars(kind)

    assert issubclass(KERNELS[kind], ProductKernel) == bounded


def test_the_builder_takes_an_operator_without_a_method_of_its_own() -> None:
    joined = Builder(Kind.U8, (2, 3))
    joined.node("both", Concat(u16(0), u16(0)), Numbers(Kind.U8), (2, 6))

    assert joined.model().graph.made[0].dims == (2, 6)


def test_the_builder_refuses_constants_without_records() -> None:
    weights = Weights(H256(bytes(32)), u16(LEAF_BYTES), u32(0))
    op = Linear(u16(0), weights, u16(1), i16(0), i16(255))

    with pytest.raises(ValueError, match="'dense': constants and records come together"):
        Builder(Kind.U8, (3,)).node("dense", op, Numbers(Kind.U8), (3,))


def test_a_kernel_with_constants_refuses_a_node_without_them() -> None:
    weights = Weights(H256(bytes(32)), u16(LEAF_BYTES), u32(0))
    tensor = Builder(Kind.U8, (3,)).tensor(0)
    dense = Linear(u16(0), weights, u16(1), i16(0), i16(255))
    norm = LayerNorm(u16(0), u64(1), weights, u8(24))

    for op in (dense, norm):
        with pytest.raises(TypeError, match="node 'bare' needs its"):
            KERNELS[type(op)](NodeOf("bare", op, [tensor], tensor), None)


def test_rules_for_which_an_operator_has_no_use_are_refused() -> None:
    concat, tensor = Concat(u16(0), u16(0)), Builder(Kind.U8, (3,)).tensor(0)
    weights = Weights(H256(bytes(32)), u16(LEAF_BYTES), u32(0))

    with pytest.raises(TypeError, match="Concat has no weights"):
        concat.with_constants(weights)
    with pytest.raises(ValueError, match="Concat has no weights"):
        concat.record_bytes([tensor, tensor])
    with pytest.raises(TypeError, match="Concat has no accumulators"):
        concat.accumulator_limit([tensor, tensor])
    with pytest.raises(TypeError, match="Concat is not a product"):
        product_of(concat)
