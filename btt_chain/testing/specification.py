"""The chain specification of a devnet, made by `btt-chain build-spec`.

In a process of its own: the packages that create it (`genesis`, `runtime`) have common names, and
the program that starts the devnet may have packages of the same names.
"""

from __future__ import annotations

import signal
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


@lru_cache(maxsize=8)
def local_specification(validators: int, slot_ms: int) -> str:
    """Return the text of the specification `local` for a number of validators and a slot length.

    Raises DevnetError with the error of `build-spec`.
    """
    options = ("--chain", "local", "--validators", str(validators), "--slot-ms", str(slot_ms))
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
