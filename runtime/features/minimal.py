"""The minimal chain: proof of useful work and nothing else."""

from __future__ import annotations

from runtime.features.work import Work


class MinimalRuntime(Work):
    """CORE and WORK."""

    SPEC_NAME = "btt-minimal"
