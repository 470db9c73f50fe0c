"""The standard chain: useful work, with vesting, stakes, governance and assets."""

from __future__ import annotations

from runtime.features.assets import Assets
from runtime.features.governance import Governance


class StandardRuntime(Governance, Assets):
    """CORE, WORK, ECONOMY, GOVERNANCE and ASSETS."""

    SPEC_NAME = "btt-standard"
