"""`btt-chain`: runs the typed command, and exits with a code.

Every command is in a module of its own, which is imported when it runs: `btt-chain --help` and
`btt-chain key` need neither a network nor a database.
"""

from __future__ import annotations

import resource
import sys
from importlib import import_module, util
from pathlib import Path
from typing import Any, Final, NoReturn

from btt_chain.chain.gc import collect_rarely, leave_memory
from btt_chain.packages import HOME, PACKAGES

PR_SET_DUMPABLE: Final = 4


def shadowed(home: Path) -> str | None:
    """Return an error message if another package hides one of ours, which are in `home`.

    Searches without importing: another package must not run.
    """
    for name in PACKAGES:
        spec = util.find_spec(name)
        if spec is None:
            return f"the package {name!r} is missing from {home}: install btt-chain again"
        places = list(spec.submodule_search_locations or [])
        place = places[0] if places else spec.origin or "an unknown place"
        if Path(place).resolve() != home.joinpath(*name.split(".")):
            return (
                f"another package named {name!r} at {place} shadows ours in {home}: "
                "install btt-chain in an environment of its own (pipx install btt-chain)"
            )
    return None


def keep_memory_private() -> None:
    """Have no core dump written of this process, and let only root read its memory.

    It may hold keys and passwords. A dump that is piped to a program ignores the limit.
    Source: core(5), PR_SET_DUMPABLE(2const).
    """
    # Imported here: ctypes takes a twentieth of the time of `--help`.
    import ctypes

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "this system does not protect the memory of a process")


def main() -> NoReturn:
    """Run the typed command; `btt_chain.launcher` calls this after it has set up our packages."""
    if sys.argv[1:2] in ([], ["--help"], ["-h"], ["--version"]):
        run()
    # Imported here, as above: `--help` holds no key and leaves no unfinished file.
    from cli.common.streams import ended_by_signals

    # First: a signal that comes before its handler is lost in the first process of a container.
    with ended_by_signals():
        keep_memory_private()
        run()


def run() -> NoReturn:
    """Import the program and run it, if the packages that it imports are ours."""
    trouble = shadowed(HOME)
    if trouble is not None:
        sys.exit(f"error: {trouble}")
    collect_rarely()
    program: Any = import_module("cli.program").program
    try:
        program.main(prog_name="btt-chain")
    finally:
        leave_memory()
    sys.exit()


if __name__ == "__main__":
    main()
