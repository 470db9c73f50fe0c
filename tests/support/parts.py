"""`pytest --part 1/2`: processes that run side by side share the test files.

Each collects and runs its own files only; the shares take about the same time by
tests/durations.json. Workers of pytest-xdist collect all files each, and report every test to one
process: with seventeen thousand tests that is four parts of a hundred of all work.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import pytest

SHORT: Final = 1.0
"""Seconds of a file without a known duration."""


def part_of(text: str) -> tuple[int, int]:
    """Return the number of a part, from 1, and of all parts; PATTERN is `1/2`.

    Raises pytest.UsageError.
    """
    number, slash, count = text.partition("/")
    if not (slash and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise pytest.UsageError(f"--part {text}: expected a part and their number, such as 1/2")
    return int(number), int(count)


def shares(
    files: Iterable[str], count: int, seconds: Mapping[str, float]
) -> tuple[frozenset[str], ...]:
    """Return the files of each of `count` parts: the longest first, each to the shortest part."""
    parts = [(0.0, number, list[str]()) for number in range(count)]
    for file in sorted(files, key=lambda file: (-seconds.get(file, SHORT), file)):
        total, number, held = parts[0]
        held.append(file)
        heapq.heapreplace(parts, (total + seconds.get(file, SHORT), number, held))
    return tuple(frozenset(held) for _, _, held in sorted(parts, key=lambda part: part[1]))


def files_under(at: Path, ignored: Collection[Path], folders: Collection[str]) -> Iterator[Path]:
    """Yield the test files of a path, but those of ignored paths and of folders with such names."""
    if at in ignored:
        return
    if at.is_file():
        yield at
        return
    for entry in os.scandir(at):
        path = Path(entry.path)
        if entry.is_dir():
            if not any(fnmatch(entry.name, pattern) for pattern in folders):
                yield from files_under(path, ignored, folders)
        elif fnmatch(entry.name, "test_*.py") and path not in ignored:
            yield path


def files_of_others(config: pytest.Config, seconds: Mapping[str, float]) -> frozenset[Path]:
    """Return the files that other parts run; none without `--part`."""
    wanted: str | None = config.getoption("--part")
    if wanted is None:
        return frozenset()
    number, count = part_of(wanted)
    here, root = config.invocation_params.dir, config.rootpath
    ignored = {here / path for path in config.getoption("ignore") or ()}
    folders: list[str] = config.getini("norecursedirs")
    files = {
        str(file.relative_to(root))
        for argument in config.args
        for file in files_under(here / argument.partition("::")[0], ignored, folders)
    }
    mine = shares(files, count, seconds)[number - 1]
    return frozenset(root / file for file in files - mine)
