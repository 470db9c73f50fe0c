"""The registry of operators: every kind of node of the wire format has all that it needs."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import get_args

import pytest

from btt_chain.work import operators
from btt_chain.work.operators import numeric
from btt_chain.work.operators.base import Operator
from btt_chain.work.operators.numeric import KERNELS
from btt_chain.work.operators.numeric.products import ProductKernel

WIRE = get_args(get_args(operators.Op)[0])
SHARED = {"__init__", "base", "columns", "windows"}
"""Modules of the package that hold no operator."""
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
    assert [kind.INDEX for kind in WIRE] == list(range(len(WIRE)))


def test_every_operator_has_a_module_of_its_own_and_is_registered() -> None:
    folder = Path(operators.__path__[0])
    modules = {file.stem for file in folder.glob("*.py")} - SHARED

    homes = [kind.__module__.removeprefix(f"{operators.__name__}.") for kind in WIRE]

    assert sorted(homes) == sorted(modules)


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
