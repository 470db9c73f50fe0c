"""Declaration of benchmarks: one function for each call, and its components.

    @benchmark("Utility.batch", calls=(0, 1_000))
    def batch(b: Bench, calls: int) -> Case:
        who = b.account(0)                          # prepare the worst state
        return b.signed(who, "Utility", "batch", calls=[b.remark()] * calls)

The name is that of the call. A component is a number that the cost depends on linearly, with its
minimum and maximum value. Without components the generated weight is a constant, otherwise a
function of them in the order of declaration. A function that is not a call (a step of a hook) has a
name of its own after the pallet's and returns `Case(run=...)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Final

from btt_chain.primitives.account import AccountId
from runtime.frame import NONE, Call, Origin

if TYPE_CHECKING:
    from bench.weights.state import Bench

Components = Mapping[str, tuple[int, int]]
Point = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Case:
    """The call or function that is measured on a prepared state."""

    call: Call | None = None
    origin: Origin = NONE
    run: Callable[[], object] | None = None
    """Function that is measured instead of a call."""
    before: tuple[tuple[Origin, Call], ...] = ()
    """Calls made before it in the same block: the keys that they read or changed cost it nothing,
    and must be part of another weight."""
    without: tuple[tuple[Origin, Call, int], ...] = ()
    """Calls to subtract, with their number: they have their own weight."""
    times: int = 1
    """Number of measured calls in it, among which the rest of its processor time is divided."""
    prepaid: int = 0
    """Picoseconds that the call pays for hooks of later blocks, which have their own benchmark."""
    fails: bool = False
    """True if the call fails in its worst case; any other failure is an error of the benchmark."""
    callers: tuple[AccountId, ...] = ()
    """Accounts other than the signer in whose names it makes calls. Their records count as written:
    weights of calls leave out the record of their caller, which a signed extrinsic has written."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One declaration."""

    pallet: str
    name: str
    components: Components
    prepare: Callable[..., Case]

    @property
    def key(self) -> str:
        """Name as declared: `Balances.burn`."""
        return f"{self.pallet}.{self.name}"

    def case(self, bench: Bench, point: Point) -> Case:
        """Prepare the state for a point of the components; return the case to measure on it."""
        return self.prepare(bench, **point)

    def points(self) -> Iterator[Point]:
        """Yield the measured points: each component over its range, the others at both ends.

        They are few enough that all benchmarks together take minutes.
        """
        names = list(self.components)
        if len(names) <= 1:
            for name, (least, most) in self.components.items():
                for value in sorted({least, (least + most) // 2, most}):
                    yield {name: value}
            if not names:
                yield {}
            return
        for ends in product(*self.components.values()):
            yield dict(zip(names, ends, strict=True))

    @property
    def smallest(self) -> Point:
        """The point with all components at their minimum."""
        return {name: least for name, (least, _) in self.components.items()}

    @property
    def largest(self) -> Point:
        """The point with all components at their maximum."""
        return {name: most for name, (_, most) in self.components.items()}


@dataclass(slots=True)
class Registry:
    """All declared benchmarks, by name."""

    found: dict[str, Benchmark] = field(default_factory=dict)

    def of(self, pallet: str) -> list[Benchmark]:
        """Return the benchmarks of a pallet in the order of declaration."""
        return [each for each in self.found.values() if each.pallet == pallet]


REGISTRY: Final = Registry()


def benchmark(
    name: str, **components: tuple[int, int]
) -> Callable[[Callable[..., Case]], Callable[..., Case]]:
    """Declare the benchmark of `Pallet.call`; `components` are (minimum, maximum) by name."""
    pallet, _, call = name.partition(".")

    def declare(prepare: Callable[..., Case]) -> Callable[..., Case]:
        if name in REGISTRY.found:
            raise TypeError(f"two benchmarks are called {name}")
        REGISTRY.found[name] = Benchmark(pallet, call, dict(components), prepare)
        return prepare

    return declare


def load() -> Registry:
    """Import every module of benchmarks; return what they declare."""
    for path in sorted((Path(__file__).parent / "pallets").glob("*.py")):
        import_module(f"bench.weights.pallets.{path.stem}")
    return REGISTRY
