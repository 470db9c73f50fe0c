"""The full chain: all features."""

from __future__ import annotations

from typing import Final

from runtime.features.assets import Assets
from runtime.features.care import Care


class BttRuntime(Care, Assets):
    """All pallets with their indices, configuration and dependencies."""

    SPEC_NAME = "btt"


VERSION: Final = BttRuntime.release()
