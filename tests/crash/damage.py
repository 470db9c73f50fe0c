"""Damage to the files of a database, each at a place that a seed chooses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

Harm = Callable[[Path, Random], None]

PATTERNS: Mapping[str, str] = {
    "log": "*.log",
    "table": "*.ldb",
    "manifest": "MANIFEST-*",
    "current": "CURRENT",
}
"""The kinds of files that hold something; LOCK, LOG and the mark file are empty or for people."""


def cut(file: Path, rng: Random) -> None:
    """The end is gone, as after a loss of power."""
    raw = file.read_bytes()
    file.write_bytes(raw[: rng.randrange(len(raw))])


def halve(file: Path, rng: Random) -> None:
    """The second half is gone."""
    raw = file.read_bytes()
    file.write_bytes(raw[: len(raw) // 2])


def zero_tail(file: Path, rng: Random) -> None:
    """The end was allotted and never written."""
    raw = file.read_bytes()
    at = rng.randrange(len(raw))
    file.write_bytes(raw[:at] + bytes(len(raw) - at))


def zero_page(file: Path, rng: Random) -> None:
    """A page in the middle was never written."""
    raw = bytearray(file.read_bytes())
    at = rng.randrange(len(raw)) & ~4095
    end = min(at + 4096, len(raw))
    raw[at:end] = bytes(end - at)
    file.write_bytes(raw)


def flip(file: Path, rng: Random) -> None:
    """One bit has rotted."""
    raw = bytearray(file.read_bytes())
    raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    file.write_bytes(raw)


def flip_index(file: Path, rng: Random) -> None:
    """A table's index no longer fits its checksum, the last bytes before the footer of 48."""
    raw = bytearray(file.read_bytes())
    # What a kill cut off within the footer is spoiled as it is.
    if len(raw) > 52:
        raw[-48 - rng.randrange(1, 5)] ^= 1 << rng.randrange(8)
        file.write_bytes(raw)


def spoil(file: Path, rng: Random) -> None:
    """A bit has rotted in every page but the last."""
    raw = bytearray(file.read_bytes())
    for at in range(0, max(1, len(raw) - 4096), 4096):
        raw[at + rng.randrange(min(4096, len(raw) - at))] ^= 1 << rng.randrange(8)
    file.write_bytes(raw)


def empty(file: Path, rng: Random) -> None:
    """The file is there, with nothing in it."""
    file.write_bytes(b"")


def lose(file: Path, rng: Random) -> None:
    """The file is gone."""
    file.unlink()


# Those that suit every kind of file.
WAYS: tuple[Harm, ...] = (cut, zero_tail, zero_page, flip, empty, lose)


def harm(database: Path, kind: str, way: Harm, rng: Random) -> Path:
    """Harm one file of a kind; which one it was. Files without content are passed over."""
    files = sorted(file for file in database.glob(PATTERNS[kind]) if file.stat().st_size)
    file = rng.choice(files)
    way(file, rng)
    return file
