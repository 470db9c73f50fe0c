"""Measure benchmarks and write the results, or compare them with the runtime's declarations."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bench.weights import database
from bench.weights.declare import Benchmark, Point, load
from bench.weights.state import Bench
from bench.weights.write import (
    MARGIN_PERCENT,
    RUNTIME,
    Weighed,
    block_module,
    file_of,
    module_of,
    total,
    weigh,
)
from bench.weights.write import write as write_module
from runtime import block_weights as block

LOWEST: Final = 0.3
HIGHEST: Final = 1.5
"""Upper bound of a call's real cost as a multiple of its declared cost."""


def chosen(only: Sequence[str]) -> dict[str, list[Benchmark]]:
    """Return the benchmarks by pallet: all, or those named by pallet or by call."""
    found: dict[str, list[Benchmark]] = {}
    for each in load().found.values():
        if not only or each.pallet in only or each.key in only:
            found.setdefault(each.pallet, []).append(each)
    return found


def unknown(only: Sequence[str]) -> list[str]:
    """Return the names that are no pallet or call with a benchmark."""
    known = {"block"} | {name for each in load().found.values() for name in (each.pallet, each.key)}
    return [name for name in only if name not in known]


def write(bench: Bench, only: Sequence[str]) -> int:
    """Measure and write the modules of the pallets; return an exit code."""
    if not only or "block" in only:
        costs = database.measure(bench)
        print(f"block: {costs}")
        write_module(RUNTIME / "block_weights.py", block_module(costs))
    else:
        costs = declared_costs()
    failed = 0
    names = {pallet.name: pallet for pallet in bench.runtime.pallets.values()}
    for pallet, benchmarks in chosen([name.partition(".")[0] for name in only]).items():
        found: list[Weighed] = []
        for each in benchmarks:
            try:
                weighed = weigh(bench, each, costs)
            except Exception:  # noqa: BLE001 - the others are measured all the same
                print(f"{each.key} FAILED", traceback.format_exc(limit=-4), sep="\n")
                failed += 1
                continue
            found.append(weighed)
            print(f"{each.key:44} {' + '.join(f'{part / 1e6:.2f}' for part in weighed.formula)} us")
        if len(found) == len(benchmarks):
            write_module(file_of(names[pallet]), module_of(pallet, found))
    return 1 if failed else 0


def declared_costs() -> database.Costs:
    """Return the costs around calls as last measured, without the margin."""
    return database.Costs(
        *(
            part * 100 // MARGIN_PERCENT
            for part in (
                block.READ,
                block.WRITE,
                block.WRITTEN_BYTE,
                block.REMOVED_BYTE,
                block.BASE_EXTRINSIC,
                block.EXTRINSIC_BYTE,
                block.BASE_BLOCK,
            )
        )
    )


def check(bench: Bench, only: Sequence[str]) -> int:
    """Print real / declared of each call at both ends; return 1 if one is out of bounds."""
    wrong = 0
    costs = database.measure(bench)
    print(f"block: {costs}")
    for benchmarks in chosen(only).values():
        for each in benchmarks:
            for point in [each.smallest, each.largest][: 1 + bool(each.components)]:
                try:
                    wrong += not compare(bench, each, point, costs)
                except Exception:  # noqa: BLE001 - the others are measured all the same
                    print(f"{each.key} FAILED", traceback.format_exc(limit=-4), sep="\n")
                    wrong += 1
    print(f"{wrong} not within {LOWEST} and {HIGHEST}")
    return 1 if wrong else 0


def compare(bench: Bench, each: Benchmark, point: Point, costs: database.Costs) -> bool:
    """Print real / declared of an extrinsic with the call. Return True if it is within bounds.

    The costs of nested calls and of the extrinsic around the call count as well.
    """
    bench.enter()
    case = each.case(bench, point)
    if case.call is None:
        return True
    sample = bench.measure(replace(case, without=(), times=1))
    length = len(case.call.raw)
    real = total(sample, costs) + costs.extrinsic + length * costs.extrinsic_byte
    declared = sample.declared - case.prepaid
    declared += block.BASE_EXTRINSIC + length * block.EXTRINSIC_BYTE
    ratio = real / declared
    well = LOWEST <= ratio <= HIGHEST
    components = ", ".join(f"{name} {value:,}" for name, value in point.items())
    print(
        f"{each.key:44} {components:32} {real / 1e6:10.1f} us of {declared / 1e6:10.1f} us"
        f"  {ratio:5.2f}{'' if well else '  OUT OF BOUNDS'}"
    )
    return well
