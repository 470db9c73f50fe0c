"""Migrations: each runs once, in order, when a version meets a state that an earlier one left."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from btt_chain.scale import u32, u64
from runtime.frame import (
    Const,
    Error,
    Migration,
    MigrationFailed,
    Origin,
    Pallet,
    Runtime,
    Value,
    call,
)
from runtime.frame.version import LastRuntimeUpgradeInfo
from runtime.pallets.system.pallet import System
from support.runtime import VERSION, DictState, SmallRuntime


class Counting(Pallet, crate="pallet_count"):
    """Counts, in small numbers."""

    step: Const[u32]
    least: Const[u32] = u32(1)

    count = Value(u32, default=u32(0))
    gone = Value(u32, default=u32(0))

    class Full(Error, index=0):
        """It counts no further."""

    @call(0, weight=1)
    def add(self, origin: Origin) -> None:
        """Count."""
        origin.signed()


class Wide(Counting):
    """Counts on, in larger numbers, and stores since when."""

    since: Const[u32]

    wide = Value(u64, default=u64(0))
    gone = None  # type: ignore[assignment]

    @call(1, weight=1)
    def reset(self, origin: Origin) -> None:
        """Begin anew."""
        origin.signed()


class Later(SmallRuntime):
    """Version 4, whose migrations write down that they ran."""

    def __init__(self, state: DictState, bad: Exception | None = None) -> None:
        self.ran: list[int] = []
        self.bad = bad
        super().__init__()
        self.version = self.system.version = replace(VERSION, spec_version=u32(4))
        self.migrations = tuple(
            Migration(version, f"step {version}", partial(self.step, version))
            for version in (1, 2, 3, 4, 5)
        )
        self.enter(state)

    def step(self, version: int) -> int:
        if self.bad is not None:
            raise self.bad
        self.ran.append(version)
        return version


def left_by(spec: int) -> DictState:
    """Return a state that a version left."""
    runtime = SmallRuntime()
    runtime.system.last_runtime_upgrade.value = LastRuntimeUpgradeInfo(u32(spec), VERSION.spec_name)
    return runtime.state


def test_all_that_lie_between_run_in_order_and_once() -> None:
    state = left_by(1)
    runtime = Later(state)
    assert (runtime.ran, runtime.migrated) == ([2, 3, 4], 9)
    assert runtime.system.last_runtime_upgrade.value.spec_version == 4
    runtime.enter(state)
    assert (runtime.ran, runtime.migrated) == ([2, 3, 4], 0)


@pytest.mark.parametrize("state", [left_by(4), left_by(7), DictState()])
def test_a_state_in_the_versions_own_form_is_left_alone(state: DictState) -> None:
    before = dict(state.data)
    assert Later(state).ran == []
    assert state.data == before


@pytest.mark.parametrize(
    "error", [System.CallFiltered(), OverflowError("too much"), KeyError("row"), ValueError("odd")]
)
def test_one_that_fails_says_which_and_what_to_do(error: Exception) -> None:
    with pytest.raises(MigrationFailed, match=r"'step 2' of test 2 .* Install a release"):
        Later(left_by(1), error)


def test_a_pallet_in_a_later_form_keeps_what_it_does_not_declare_anew() -> None:
    runtime = Runtime(VERSION, filtered=System.CallFiltered)
    wide = runtime.add(7, Wide(step=u32(2), since=u32(9)))
    assert list(Wide.STORAGE) == ["count", "wide"]
    assert list(Wide.CALLS) == [0, 1]
    assert list(Wide.ERRORS) == [0]
    assert list(Wide.constants()) == ["step", "least", "since"]
    assert (Wide.crate, wide.least, Counting.CONFIG) == ("pallet_count", 1, {"step", "least"})
    with pytest.raises(TypeError, match=r"missing \['since'\]"):
        Wide(step=u32(2))  # type: ignore[call-arg]
