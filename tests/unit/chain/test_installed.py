"""Packages with entry points of a group are found without reading all metadata."""

from __future__ import annotations

import sys
import zipfile
from importlib.machinery import PathFinder
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from btt_chain.chain.runtimes import may_declare

GROUP = "btt_chain.runtimes"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is the whole path of imports."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "absent")])
    monkeypatch.setattr(sys, "meta_path", [PathFinder])
    return tmp_path


def declare(folder: Path, text: str) -> None:
    folder.mkdir()
    for name in ("METADATA", "PKG-INFO"):
        (folder / name).write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1\n")
    (folder / "entry_points.txt").write_text(text)


@pytest.mark.parametrize(
    ("folder", "text", "found"),
    [
        (
            "odd-1.dist-info",
            "[others]\nodd = a:b\n[btt_chain.runtimes]\n7 = a:B\n",
            True,
        ),
        ("Odd.Egg-Info", "[btt_chain.runtimes]\n7 = a:B\n", True),
        ("odd-1.dist-info", "[btt_chain.runtimes_of_others]\n7 = a:B\n", False),
        ("odd-1.dist-info", "", False),
        ("odd", "[btt_chain.runtimes]\n7 = a:B\n", False),
    ],
)
def test_the_answer_is_that_of_the_metadata(
    place: Path, folder: str, text: str, found: bool
) -> None:
    declare(place / folder, text)
    assert may_declare(GROUP) is found
    assert bool(entry_points(group=GROUP)) is found


def test_the_file_of_an_old_package_declares_nothing(place: Path) -> None:
    (place / "odd-1.egg-info").write_text("Metadata-Version: 1.1\nName: odd\nVersion: 1\n")
    assert not may_declare(GROUP)
    assert not entry_points(group=GROUP)


def test_an_archive_may_declare_anything(place: Path) -> None:
    assert not may_declare(GROUP)
    with zipfile.ZipFile(place / "all.zip", "w") as archive:
        archive.writestr("odd-1.dist-info/entry_points.txt", "[btt_chain.runtimes]\n7 = a:B\n")
    sys.path.append(str(place / "all.zip"))
    assert may_declare(GROUP)


def test_another_finder_of_packages_may_declare_anything(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Finder:
        def find_distributions(self) -> list[object]:
            return []

    monkeypatch.setattr(sys, "meta_path", [Finder(), PathFinder])
    assert may_declare(GROUP)
