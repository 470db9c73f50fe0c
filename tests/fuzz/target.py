"""A fuzz target: an entrance for bytes from outside, and the property it must have.

`run` takes any bytes. It returns when they were accepted or refused as declared, and raises what
else happens: an undeclared exception, or an AssertionError where decode(encode(x)) is not x. A
target is one small module in `fuzz.targets` with a constant TARGET; nothing in it needs the fuzzing
library, so that the corpus can be replayed without.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeVar

FOLDER: Final = Path(__file__).parent
CORPUS: Final = FOLDER / "corpus"
"""Inputs that found something once, by target; kept in the repository and replayed in CI."""

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Target:
    """An entrance."""

    run: Callable[[bytes], object]
    seeds: Callable[[], Sequence[bytes]]
    """Return well-formed inputs to start from."""
    instrument: tuple[str, ...]
    """Packages whose branches count as coverage."""
    heavy: Callable[[], Sequence[bytes]] = tuple
    """Return inputs that were made to cost much for their size."""
    max_length: int = 4_096
    """Bytes of the longest input."""


class Checks:
    """True if a target makes checks that the node does not make: `fuzz.cost` turns it off."""

    on = True


def names() -> list[str]:
    """Return the names of all targets."""
    return sorted(path.stem for path in (FOLDER / "targets").glob("*.py"))


def load(name: str) -> Target:
    """Import a target."""
    found = importlib.import_module(f"fuzz.targets.{name}").TARGET
    if not isinstance(found, Target):
        raise TypeError(f"{name}.TARGET is not a Target")
    return found


def instrumented(name: str) -> list[str]:
    """Return the packages whose branches count, without importing any of them."""
    tree = ast.parse((FOLDER / "targets" / f"{name}.py").read_text(encoding="utf-8"))
    for keyword in (node for node in ast.walk(tree) if isinstance(node, ast.keyword)):
        if keyword.arg == "instrument":
            return list(ast.literal_eval(keyword.value))
    raise ValueError(f"{name} does not say what counts as coverage")


def found_inputs(name: str) -> list[Path]:
    """Return the files of the corpus in the repository."""
    return sorted(path for path in (CORPUS / name).glob("*") if path.is_file())


def file_name(raw: bytes) -> str:
    """Return the name of an input in a corpus: by its content."""
    return hashlib.sha256(raw).hexdigest()[:16]


@lru_cache(maxsize=1)
def memory_folder() -> Path:
    """Return a temporary folder, in memory where the machine has such a file system."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="btt-fuzz-", dir=memory if memory.is_dir() else None))


def round_trip(
    raw: bytes,
    decode: Callable[[bytes], V],
    encode: Callable[[V], bytes],
    *errors: type[Exception],
) -> V | None:
    """Return the value that bytes decode to, None if they are refused: by DecodeError or `errors`.

    AssertionError if its encoding decodes to anything else, or if two encodings mean the same.
    """
    # Not at the top: what is imported before a target is not instrumented.
    from btt_chain.scale import DecodeError

    declared: tuple[type[Exception], ...] = (DecodeError, *errors)
    try:
        value = decode(raw)
    except declared:
        return None
    if Checks.on:
        again = encode(value)
        assert decode(again) == value, f"{value!r} is not what its encoding decodes to"
        assert again == raw, f"{raw.hex()} and {again.hex()} mean the same"
    return value


def choose(raw: bytes, *runs: Callable[[bytes], object]) -> None:
    """Give the rest of the bytes to the decoder that the first one names."""
    if raw:
        runs[raw[0] % len(runs)](raw[1:])
