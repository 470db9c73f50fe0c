"""What every test run shares: hypothesis profiles, and a loud list of what was skipped."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

# Deadlines measure the machine, not the code. Derandomized, a red run is red again tomorrow.
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.register_profile(
    "fuzz",
    deadline=None,
    max_examples=20_000,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name each reason for a skip: a suite that did not run must not look green."""
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    if not reasons:
        return
    terminalreporter.section("NOT RUN", sep="!", yellow=True, bold=True)
    for reason, times in sorted(reasons.items()):
        terminalreporter.write_line(f"{times:5} skipped: {reason}", yellow=True)


def _reason(report: pytest.TestReport) -> str:
    """The text given to the skip, without file and line."""
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    return str(report.longrepr)
