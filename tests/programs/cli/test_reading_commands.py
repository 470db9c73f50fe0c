"""Commands that read a chain do without what takes long to import: the runtime's table, numpy."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from support.instant_node import instant_node
from support.reading import DIAGNOSING, READING, connecting, is_listed

PROGRAM: Final = """
import json, sys, tempfile

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name in ("runtime.table", "runtime.executive", "aiohttp", "yarl", "numpy"):
            raise ImportError(f"{name} is imported")

sys.meta_path.insert(0, Slow())
from cli.common import explorer_index
from click.testing import CliRunner
from cli.program import program

explorer_index.HERE = ("127.0.0.1", 9)  # whatever runs on this machine
url, lines = sys.argv[1], json.loads(sys.argv[2])
found = {}
with tempfile.TemporaryDirectory() as empty:
    for line in lines:
        words = [*line.split(), "--url", url]
        done = CliRunner().invoke(program, words, env={"BTT_WALLET": empty, "BTT_GATEWAY": empty})
        error = done.exception
        found[line] = [
            done.exit_code,
            None if error is None or isinstance(error, SystemExit) else repr(error),
            done.stdout, done.stderr,
        ]
print(json.dumps(found))
"""
"""Runs commands in one process in which the slow modules cannot be imported."""

COUNTING: Final = """
import contextlib, io, json, os, sys
from btt_chain.packages import PACKAGES
from cli.program import program

url, lines = sys.argv[1], json.loads(sys.argv[2])
for line in lines:
    if os.fork():
        os.wait()
        continue
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        program.main([*line.split(), "--url", url])
    packages = [name.partition(".")[0] for name in sys.modules]
    own = sum(package in PACKAGES for package in packages)
    print(json.dumps([line, own, packages]), flush=True)
    os._exit(0)
"""
"""Runs each command in a process of its own, and prints which modules it has at its end."""

MODULES: Final = {
    "query facts": 115, "exchange book 0": 185, "stake list //Alice": 165, "points stats": 215,
    "payfi queue": 205, "facility list": 225, "gov status": 230, "job list --all": 285,
}  # fmt: skip
"""Maximum numbers of our modules that a command imports; each takes about 0.5 ms."""

Row: TypeAlias = tuple[int, str | None, str, str]
"""Exit code, error, standard output and standard error of a command."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Row]]:
    with instant_node(tmp_path_factory.mktemp("reading")) as url:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, url, json.dumps([*READING, *DIAGNOSING])],
            capture_output=True, text=True, check=True, timeout=300,
            cwd=Path(__file__).parents[3],
        )  # fmt: skip
        yield json.loads(done.stdout)


def test_every_reading_command_runs_without_slow_imports(results: dict[str, Row]) -> None:
    failed = {line: row[1:] for line, row in results.items() if row[1] is not None}
    assert not failed
    assert results.keys() == {*READING, *DIAGNOSING}


def test_what_is_not_there_is_said_in_words(results: dict[str, Row]) -> None:
    codes = {line: results[line][0] for line in READING}
    assert {line: code for line, code in codes.items() if code not in (0, 4)} == {}
    for line, (code, _, out, err) in results.items():
        if line in DIAGNOSING:
            continue
        assert out or err, line
        assert err.startswith("error: ") == (code != 0), line


def test_a_command_imports_few_modules(tmp_path_factory: pytest.TempPathFactory) -> None:
    with instant_node(tmp_path_factory.mktemp("counting")) as url:
        done = subprocess.run(
            [sys.executable, "-c", COUNTING, url, json.dumps([*MODULES])],
            capture_output=True, text=True, check=True, timeout=300,
            cwd=Path(__file__).parents[3],
        )  # fmt: skip
    counted = [json.loads(row) for row in done.stdout.splitlines()]
    assert [line for line, _, _ in counted] == [*MODULES]
    assert {line: own for line, own, _ in counted if own > MODULES[line]} == {}
    heavy = {line: {*packages} & {"cryptography", "sqlite3"} for line, _, packages in counted}
    assert [line for line in heavy if heavy[line]] == ["job list --all"]  # its folder is encrypted


def test_every_command_that_reads_is_listed() -> None:
    assert [path for path in connecting() if not is_listed(path)] == []
