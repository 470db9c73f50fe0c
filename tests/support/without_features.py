"""Runs a module of the program in a process that cannot import what a minimal chain lacks.

`without_features.py MODULE ARGUMENT...`: an import of a refused module fails, with its name, where
anything of the minimal chain needs it. With `BTT_MODULES`, the process writes the names of the
program's modules that it has loaded into that folder when it ends.
"""

from __future__ import annotations

import atexit
import os
import runpy
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Final

HERE: Final = Path(__file__).resolve()
PACKAGES: Final = ("btt_chain", "cli", "genesis", "p2p", "runtime", "storage")
PALLETS: Final = (
    *("asset_registry", "assets", "bounties", "chambers", "conviction_voting", "exchange"),
    *("facilities", "health_records", "incentives", "oracle", "payfi", "preimage", "proxy"),
    *("referenda", "referral", "scheduler", "tier_staking", "treasury", "vaults", "whitelist"),
)
REFUSED: Final = (
    *(f"runtime.pallets.{name}" for name in PALLETS),
    *(f"runtime.features.{name}" for name in ("economy", "governance", "assets")),
    *(f"runtime.features.{name}" for name in ("payments", "care", "standard")),
    *("runtime.table", "runtime.payments"),
    *("btt_chain.records", "btt_chain.care", "btt_chain.payments", "btt_chain.feeder"),
    "btt_chain.explorer",
)
"""Modules and packages that processes of a minimal chain cannot import."""


def program(module: str = "cli.main") -> list[str]:
    """Return the words that run a module of the program in such a process."""
    return [sys.executable, "-P", str(HERE), module]


def is_refused(name: str) -> bool:
    """Return True if a module is one of those, or inside of one."""
    return any(name == each or name.startswith(f"{each}.") for each in REFUSED)


class Refusal(MetaPathFinder):
    """A finder that raises ImportError for the refused modules."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raise ImportError for a refused module; leave others to the usual finders."""
        del path, target
        if is_refused(fullname):
            raise ImportError(f"refused: {fullname}")
        return None


def write_modules(folder: Path) -> None:
    """Write the names of the program's modules that this process has loaded."""
    names = sorted(name for name in sys.modules if name.partition(".")[0] in PACKAGES)
    (folder / f"{os.getpid()}.txt").write_text("\n".join(names), encoding="utf-8")


if __name__ == "__main__":
    sys.path[0:0] = [str(HERE.parents[2])]
    sys.meta_path.insert(0, Refusal())
    if any(map(is_refused, sys.modules)):
        raise SystemExit("this process has imported what it refuses: start it cold")
    if "BTT_MODULES" in os.environ:
        atexit.register(write_modules, Path(os.environ["BTT_MODULES"]))
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
