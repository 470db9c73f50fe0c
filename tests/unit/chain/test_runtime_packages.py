"""Packages beside the program bring versions of the runtime; a wrong one is named at once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from btt_chain.chain.runtimes import BadPackage, Release, UnsupportedRuntime, carried
from runtime import BttRuntime

NEXT_RUNTIME = Path(__file__).parents[2] / "support" / "next_runtime"


@pytest.fixture(autouse=True)
def _read_anew() -> Iterator[None]:
    carried.cache_clear()
    yield
    carried.cache_clear()
    sys.modules.pop("btt_next_runtime", None)


def package(folder: Path, line: str) -> str:
    """Install a package that names a runtime."""
    info = folder / "odd_runtime-7.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-runtime\nVersion: 7\n")
    (info / "entry_points.txt").write_text(f"[btt_chain.runtimes]\n{line}\n")
    return str(folder)


def test_the_program_alone_carries_the_runtime_of_today() -> None:
    assert {str(release): runtime.origin for release, runtime in carried().items()} == {
        "btt 100": "the program",
        "btt-minimal 100": "the program",
        "btt-standard 100": "the program",
    }


def test_a_package_brings_the_runtime_of_tomorrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(NEXT_RUNTIME)
    brought = Release("btt", 101)
    assert carried()[brought].origin == "btt-next-runtime 101"
    assert issubclass(carried()[brought].build, BttRuntime)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (
            "100 = runtime:BttRuntime",
            r"100 of odd-runtime 7 is here already, from the program",
        ),
        (
            "btt-minimal.100 = runtime:BttRuntime",
            r"btt-minimal.100 of odd-runtime 7 is here already, from the program",
        ),
        (
            "next = runtime:BttRuntime",
            r"next of odd-runtime 7: its name does not end in a spec_version",
        ),
        (
            "102 = runtime:Absent",
            r"102 of odd-runtime 7 does not load: AttributeError .*Absent",
        ),
        (
            "102 = no_such_package:Runtime",
            r"102 of odd-runtime 7 does not load: ModuleNotFoundError",
        ),
    ],
)
def test_a_package_that_does_not_bring_what_it_says_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str, why: str
) -> None:
    monkeypatch.syspath_prepend(package(tmp_path, line))
    with pytest.raises(BadPackage, match=why) as refusal:
        carried()
    assert isinstance(refusal.value, UnsupportedRuntime)
    assert "remove" in str(refusal.value)


def test_two_packages_cannot_bring_the_same_runtime(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(NEXT_RUNTIME)
    monkeypatch.syspath_prepend(package(tmp_path, "101 = runtime:BttRuntime"))
    with pytest.raises(
        BadPackage, match=r"is here already, from (odd-runtime 7|btt-next-runtime 101)"
    ):
        carried()
