"""The chain specification of a devnet, made by `btt-chain build-spec`.

In a process of its own: the packages that create it (`genesis`, `runtime`) have common names, and
the program that starts the devnet may have packages of the same names.
"""

from __future__ import annotations

import subprocess
from functools import lru_cache
from typing import Final

from btt_chain.testing.errors import DevnetError
from btt_chain.testing.node import HOME, PROGRAM
from btt_chain.testing.process import inherited

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
    done = subprocess.run(  # noqa: S603 - our own program
        [*PROGRAM, "build-spec", *options],
        env=inherited() | {"PYTHONPATH": HOME, "NO_COLOR": "1", "COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    if done.returncode:
        raise DevnetError(done.stderr.strip().removeprefix("error: ") or "build-spec failed")
    return done.stdout
