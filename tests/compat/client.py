"""Runs a client's script against started nodes, and turns what it prints into test results."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

import pytest

from storage.trie import verify_proof
from support.node import Node, dev_node

HERE: Final = Path(__file__).parent
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
FOUR_A_SECOND: Final = "interval:250"
TWO_A_SECOND: Final = "interval:500"
"""For polkadot-api: where its look into a block takes longer than the next two blocks take to be
final, it forgets the block and never reports the transaction."""
SCRIPT_SECONDS: Final = 860
"""The scripts have limits of their own, per check and for the whole; this one is the last."""


class Asked(Protocol):
    """A node that a script asks."""

    @property
    def ws(self) -> str: ...

    def troubles(self) -> str:
        """Return the end of its log without blocks."""


@dataclass(slots=True)
class Outcome:
    """The result of one check."""

    name: str
    ok: bool
    detail: str


@dataclass(slots=True)
class ClientRun:
    """The output of a script: its checks, and facts for Python to verify."""

    outcomes: list[Outcome] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    complete: bool = False
    ending: str = ""
    troubles: str = ""

    def read(self, output: str) -> None:
        """Take in the lines that a script printed; what is none of ours is kept for messages."""
        for text in output.splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                self.ending += f"{text}\n"
                continue
            if "fact" in line:
                self.facts[line["fact"]] = line["value"]
            elif "done" in line:
                self.complete = True
            else:
                self.outcomes.append(Outcome(line["name"], line["ok"], line["detail"]))


@contextmanager
def two_nodes(folder: Path, sealing: str) -> Iterator[list[Node]]:
    """A node with instant sealing, and one that seals on request."""
    with (
        dev_node(folder, "clocked", "--sealing", sealing) as clocked,
        dev_node(folder, "manual", "--sealing", "manual") as manual,
    ):
        yield [clocked, manual]


@dataclass(frozen=True, slots=True)
class Script:
    """A client's script: how it is started, and where."""

    command: Sequence[str]
    cwd: Path

    def on(self, *words: str) -> Script:
        """Return it with more arguments."""
        return replace(self, command=[*self.command, *words])

    def run(self, nodes: Sequence[Asked], seconds: float = SCRIPT_SECONDS) -> ClientRun:
        """Run it against nodes and read what it says; it is cut short after so many seconds."""
        run = ClientRun()
        try:
            ended = subprocess.run(
                [*self.command, *(node.ws for node in nodes)],
                cwd=self.cwd,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            run.read(_text(late.stdout))
            run.ending += f"cut short after {seconds} s\n{_text(late.stderr)}"
        else:
            run.read(ended.stdout)
            run.ending += f"ended with {ended.returncode}\n{ended.stderr}"
        run.troubles = "\n".join(node.troubles() for node in nodes)
        return run


def node_script(name: str) -> Script:
    """A script of `js/`; skip where node or its packages are missing."""
    program = shutil.which("node")
    if program is None:
        pytest.skip(f"node is missing: {name} did NOT run")
    if not (HERE / "node_modules").is_dir():
        pytest.skip(
            f"tests/compat/node_modules is missing, `make compat-setup`: {name} did NOT run"
        )
    return Script([program, str(HERE / "js" / f"{name}.mjs")], HERE)


def browser() -> str:
    """Return the command of a browser; skip where there is none."""
    command = next(filter(None, map(shutil.which, BROWSERS)), None)
    if command is None:
        pytest.skip("no chromium: the explorer's pages were NOT looked at in a browser")
    return command


def browser_script(name: str) -> Script:
    """A script of `js/` with the browser as its first argument; skip where one is missing."""
    script = node_script(name).on(browser())
    if not (HERE / "node_modules" / "playwright-core").is_dir():
        pytest.skip(f"playwright-core is missing, `make compat-setup`: {name} did NOT run")
    return script


def python_script(name: str, environment: str) -> Script:
    """A script of `py/` in its own environment; skip where that is not made."""
    program = HERE / ".env" / environment / "bin" / "python"
    if not program.is_file():
        pytest.skip(
            f"tests/compat/.env/{environment} is missing, `make compat-setup`: {name} did NOT run"
        )
    return Script([str(program), "-m", f"compat.py.{name}"], HERE.parent)


def by_hand(script: Script, folder: Path, sealing: str = FOUR_A_SECOND) -> ClientRun:
    """Run a script against two fresh nodes on the chain that is sealed by hand."""
    with two_nodes(folder, sealing) as nodes:
        return script.run(nodes)


def report(run: ClientRun, subtests: pytest.Subtests, least: int) -> None:
    """Make each check a test of its own, and see that none was left out.

    `least` is how many checks there are at the least: a script that finds nothing to do fails.
    """
    for outcome in run.outcomes:
        with subtests.test(outcome.name):
            if not outcome.ok:
                pytest.fail(f"{outcome.name}\n{outcome.detail}\n{run.troubles}", pytrace=False)
    with subtests.test("the script comes to its end"):
        if not run.complete or len(run.outcomes) < least:
            found = f"{len(run.outcomes)} checks of at least {least}"
            pytest.fail(f"{found}\n{run.ending}\n{run.troubles}", pytrace=False)


def unhex(text: str) -> bytes:
    """Bytes of 0x-hex."""
    return bytes.fromhex(text.removeprefix("0x"))


def check_read_proof(facts: Mapping[str, Any]) -> None:
    """Verify the proof that a client fetched against the root in the header that it fetched."""
    proof = facts["read proof"]
    root = unhex(proof["root"])
    keys = [unhex(key) for key in proof["keys"]]
    found = verify_proof(root, [unhex(node) for node in proof["proof"]], keys)
    values = [None if value is None else unhex(value) for value in proof["values"]]
    assert [found[key] for key in keys] == values
    assert None in values
    assert any(values)


def _text(output: str | bytes | None) -> str:
    """Return the output of a process that was stopped."""
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""
