"""Our top-level packages, and the folder that they are installed in."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PACKAGES: Final = ("btt_chain", "runtime", "p2p", "storage", "cli", "genesis")
HOME: Final = Path(__file__).resolve().parents[1]
