"""The chain specification of a devnet, made by `btt-chain build-spec`, and what it says.

In a process of its own: the packages that create it (`genesis`, `runtime`) have common names, and
the program that starts the devnet may have packages of the same names.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from btt_chain.testing.errors import DevnetError
from btt_chain.testing.node import HOME, PROGRAM
from btt_chain.testing.process import ProcessId, inherited

MAX_VALIDATORS: Final = 32
"""Maximum number of validators of the chain `local`."""
SECONDS: Final = 120.0
"""Limit for a hanging process."""
FULL: Final = "full"
"""The set of features of a chain whose specification names none (`runtime/sets.py`)."""


@lru_cache(maxsize=8)
def local_specification(validators: int, slot_ms: int, runtime: str) -> str:
    """Return the text of the specification `local` with these validators, slots and features.

    Raises DevnetError with the error of `build-spec`.
    """
    options = (
        "--chain", "local", "--validators", str(validators), "--slot-ms", str(slot_ms),
        "--runtime", runtime,
    )  # fmt: skip
    with TemporaryDirectory(prefix="btt-spec-") as folder:
        made, log = Path(folder) / "spec.json", Path(folder) / "log"
        process = ProcessId.spawn(
            [*PROGRAM, "build-spec", *options, "--output", str(made)],
            inherited() | {"PYTHONPATH": HOME, "NO_COLOR": "1", "COLUMNS": "200"},
            log,
        )
        try:
            has_ended = process.wait(SECONDS)
        finally:
            process.send(signal.SIGKILL)
        code = process.exit_code() if has_ended else None
        process.reap()
        if code != 0:
            said = log.read_text().strip().removeprefix("error: ")
            raise DevnetError(said or f"build-spec failed with code {code}")
        return made.read_text()


def runtime_of(text: str) -> str | None:
    """Return the set of features of a specification; None for a raw one, which names none.

    Raises DevnetError if the text is not JSON.
    """
    genesis = _inside(text, "genesis", "runtimeGenesis")
    params = _inside(text, "genesis", "runtimeGenesis", next(iter(genesis), ""), "params")
    return str(params.get("runtime", FULL)) if genesis else None


def lacks(text: str, pallet: str) -> bool:
    """Return True if a specification lists the pallets of its chain, without this one.

    Raises DevnetError if the text is not JSON.
    """
    config = _inside(text, "genesis", "runtimeGenesis", "config")
    return bool(config) and pallet not in config


def _inside(text: str, *names: str) -> Mapping[str, object]:
    """Return the object below these members of a specification; empty if there is none."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise DevnetError(f"the specification is not JSON: {error}") from None
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
