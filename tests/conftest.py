"""Parts of every test run: hypothesis profiles, and a list of the tests that were skipped."""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

from support.parts import files_of_others

# Programs that are started inherit it: under `nohup` no test could end them by this signal.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Deadlines measure the machine, not the code. Derandomized, a red run is red again tomorrow.
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    max_examples=15,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
# Fresh examples by `--hypothesis-seed`, which repeats them; nothing is kept from earlier runs.
settings.register_profile(
    "full",
    deadline=None,
    database=None,
    max_examples=300,
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
gc.set_threshold(300_000, 10, 10)

# A shell ignores SIGINT in what it starts in the background, and programs that tests start and
# interrupt would inherit it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


NETS = ("tests/devnet/", "tests/ops/", "tests/hostile/")
"""Folders with tests of whole networks; the Makefile has the same."""
DURATIONS: Final = Path(__file__).with_name("durations.json")
"""Seconds of each file that takes LONG; `BTT_DURATIONS=write make test` renews it."""
_SECONDS: Final[dict[str, int]] = json.loads(DURATIONS.read_text())
LONG: Final = 4.0
CLIENT_SECONDS: Final = 900
"""Time limit of a test of real clients, whose scripts have limits of their own."""


OF_OTHERS: Final = pytest.StashKey[frozenset[Path]]()
"""Files that other processes run, by `--part`."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let processes share the files."""
    parser.addoption("--part", metavar="N/COUNT", help="run the files of one part only")


def pytest_configure(config: pytest.Config) -> None:
    """Choose the files of this process."""
    config.stash[OF_OTHERS] = files_of_others(config, _SECONDS)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave files to other processes, unread."""
    return True if collection_path in config.stash[OF_OTHERS] else None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Refuse a test of networks that `make test` would not find; mark what takes long."""
    if item.get_closest_marker("devnet") and not item.nodeid.startswith(NETS):
        raise pytest.UsageError(f"{item.nodeid} is marked devnet: move it to tests/devnet")
    if item.get_closest_marker("compat") and not item.get_closest_marker("timeout"):
        item.add_marker(pytest.mark.timeout(CLIENT_SECONDS))
    if file_of(item.nodeid) in _SECONDS:
        item.add_marker("slow")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let processes that share the tests begin with the files that take longest."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: -_weight(file_of(item.nodeid)))


def _weight(file: str) -> float:
    """Return how early a file comes; attacks fill a core, so not beside the longest story."""
    found = _SECONDS.get(file, 0)
    return found / 2 if file.startswith("tests/hostile/") else found


_MEASURED: defaultdict[str, float] = defaultdict(float)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up the seconds of each file."""
    _MEASURED[file_of(report.nodeid)] += report.duration


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the durations of long files down, if BTT_DURATIONS=write."""
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    if is_worker or os.environ.get("BTT_DURATIONS") != "write":
        return
    # Read again: other parts of the tests have written, too.
    before: dict[str, int] = json.loads(DURATIONS.read_text())
    known = {name: at for name, at in before.items() if name not in _MEASURED}
    known |= {name: round(at) for name, at in _MEASURED.items() if at >= LONG}
    ordered = sorted(known.items(), key=lambda one: (-one[1], one[0]))
    DURATIONS.write_text(json.dumps(dict(ordered), indent=1) + "\n")


def file_of(nodeid: str) -> str:
    """Return the path of a test's file."""
    return nodeid.partition("::")[0]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let the collector pass over what was imported: it stays."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _warm_starts(btt_warm_starts: None) -> None:
    """Fork nodes from a process that has imported the program: hundreds are started."""


@pytest.fixture(scope="module", autouse=True)
def _log_levels_of_the_module() -> Iterator[None]:
    """Restore log levels that fixtures of a module changed: such run before those of a test."""
    yield from _restored_levels()


@pytest.fixture(autouse=True)
def _log_levels_of_the_test() -> Iterator[None]:
    """Restore log levels that a command changed which ran inside a test."""
    yield from _restored_levels()


def _restored_levels() -> Iterator[None]:
    before = {logger: logger.level for logger in _loggers()}
    yield
    for logger in _loggers():
        level = before.get(logger, logging.NOTSET)
        # Each call of setLevel clears the caches of all loggers: too slow for every test.
        if logger.level != level:
            logger.setLevel(level)


def _loggers() -> list[logging.Logger]:
    """Return all loggers that were made so far."""
    made = list(logging.root.manager.loggerDict.values())
    return [logging.root, *(each for each in made if isinstance(each, logging.Logger))]


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
