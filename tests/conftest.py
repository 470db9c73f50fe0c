"""What every test run shares: hypothesis profiles, and a loud list of what was skipped."""

from __future__ import annotations

import gc
import logging
import os
from collections import Counter
from collections.abc import Iterator

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

# All packages and nine thousand tests are half a million objects: with Python's own thresholds the
# collector walks them again and again in vain.
gc.set_threshold(50_000, 10, 10)


NETS = ("tests/devnet/", "tests/ops/", "tests/hostile/")
"""Where tests of whole networks lie: the Makefile names the same."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """Refuse a test of networks that `make test` would not find."""
    if item.get_closest_marker("devnet") and not item.nodeid.startswith(NETS):
        raise pytest.UsageError(f"{item.nodeid} is marked devnet: move it to tests/devnet")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let the collector pass over what was imported: it stays."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _levels_of_the_log_as_they_were() -> Iterator[None]:
    """A command that runs inside a test sets what is logged: not for the tests after it."""
    loggers = [logging.getLogger(), *map(logging.getLogger, logging.root.manager.loggerDict)]
    before = [(logger, logger.level) for logger in loggers]
    yield
    for name in logging.root.manager.loggerDict:
        logging.getLogger(name).setLevel(logging.NOTSET)
    for logger, level in before:
        logger.setLevel(level)


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
