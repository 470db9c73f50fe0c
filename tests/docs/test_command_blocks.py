"""The commands of the documentation are run, and print what the page says.

Of each page below, every fenced block of the kinds named for it runs from top to bottom against a
development node of the page's own, which makes a block for each transaction. `SKIPPED` lists the
commands that do not run here, each with the reason; a new one runs or is added there.

A line of the page must be found in the output, in order; `...` stands for anything, and block
numbers, hashes, keys, new phrases and white space may differ. Of a command without lines only the
success counts. `0x...` in a command is filled with the long hex values that the command before it
printed.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.program import program
from support.instant_node import instant_node

ROOT = Path(__file__).resolve().parents[2]
PROMPT = "$ "

PAGES = {
    "README.md": ("sh", "console"),
    "docs/cli.md": ("console",),  # its sh blocks list forms: test_cli_page.py parses each
    "docs/keys.md": ("console",),
    "docs/governance.md": ("sh", "console"),
    "docs/useful-work.md": ("console",),
}

OWN_NODE = "the node of this test stands for it"
NETWORK = "starts a network of processes: tests/devnet does"
WORK = "needs providers: tests/devnet/test_a_job_by_command.py runs it"
ASSETS = "needs an asset that was issued: tests/unit/cli/test_asset_commands.py"
SKIPPED = {
    "make devnet": NETWORK,
    "make test": "this test is a part of it",
    "pipx install .": "installs the program",
    "btt-chain --help": "test_program.py",
    "btt-chain node --dev --tmp": OWN_NODE,
    "btt-chain node --dev --sealing instant --tmp": OWN_NODE,
    "btt-chain node --dev --sealing interval:100 --tmp &": OWN_NODE,
    "btt-chain devnet": NETWORK,
    "btt-chain doctor": "looks at a network: tests/unit/cli/test_doctor.py",
    "btt-chain gov refund 0 --from //Alice": "ten minutes of the chain later",
    "btt-chain job submit --model net.btt --from //Alice --wait table.csv": WORK,
    "btt-chain check-block 30 --dev": "needs a stopped node: tests/unit/cli/test_on_a_chain.py",
    "btt-chain asset list": ASSETS,
    "btt-chain exchange book 0": ASSETS,
    "btt-chain vault show 0 --of //Bob": ASSETS,
    "btt-chain tokenomics schedule --preset seed-000 --csv | head -n 3": "a pipe of the shell",
}
FILES = {"stash.txt": "//Bob\n"}
"""What a reader has at hand, by name."""


@dataclass
class Command:
    """A command as it is typed, and the lines that the page shows below it."""

    line: int
    typed: str
    shown: list[str] = field(default_factory=list)


def commands(page: Path, kinds: tuple[str, ...]) -> Iterator[Command]:
    """The commands of a page's blocks, in order."""
    kind, current = "", None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            if current is not None:
                yield current
            kind, current = ("" if kind else line[3:].strip()), None
        elif kind in kinds and (kind == "sh" or line.startswith(PROMPT)):
            if current is not None:
                yield current
            typed = re.sub(r"\s+# .*$", "", line.removeprefix(PROMPT))
            current = Command(number, typed) if typed.strip() else None
        elif kind in kinds and current is not None:
            current.shown.append(line)


def pattern(line: str) -> re.Pattern[str]:
    """The expression that matches the output for which a line of the page stands."""
    if line.startswith("Secret phrase"):
        return re.compile(r"Secret phrase( +[a-z]+){12}")
    parts = re.split(r"(\.\.\.|0x[0-9a-f]{40,}|─+|block\s+\d+|\s+)", line.strip())
    made = [re.escape(part) if at % 2 == 0 else _volatile(part) for at, part in enumerate(parts)]
    return re.compile("".join(made))


def _volatile(part: str) -> str:
    """The expression for what differs from run to run."""
    for beginning, expression in (
        ("...", ".*"),
        ("0x", "0x[0-9a-f]+"),
        ("─", "─+"),
        ("block", r"block\s+\d+"),
    ):
        if part.startswith(beginning):
            return expression
    return r"\s+"


def missing(shown: list[str], output: str) -> str | None:
    """The first line of the page that the output has not, in order."""
    rest = iter(line.strip() for line in output.splitlines())
    for line in shown:
        if line.strip() in {"", "..."}:
            continue
        wanted = pattern(line)
        if not any(wanted.fullmatch(found) for found in rest):
            return line
    return None


def run(typed: str, url: str, before: str) -> tuple[int, str]:
    """Run a command in this process; its exit code, and all that it printed."""
    values = iter(re.findall(r"0x[0-9a-f]{64,}", before))
    words = shlex.split(re.sub(r"0x\.\.\.", lambda _: next(values), typed))
    if words[0] == "python":
        script = [sys.executable, str(ROOT / words[1]), *words[2:]]
        done = subprocess.run(script, capture_output=True, text=True, check=False, timeout=120)
        return done.returncode, done.stdout + done.stderr
    assert words[0] == "btt-chain", f"{typed}: run it here, or list it with a reason"
    result = CliRunner().invoke(
        program, words[1:], prog_name="btt-chain", env={"BTT_URL": url, "COLUMNS": "200"}
    )
    return result.exit_code, result.output


@pytest.mark.parametrize("name", PAGES)
def test_the_commands_of_a_page_print_what_it_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for file, text in FILES.items():
        Path(file).write_text(text)
    wrong, output, ran = [], "", 0
    with instant_node(tmp_path / "node") as url:
        for command in commands(ROOT / name, PAGES[name]):
            if command.typed in SKIPPED:
                continue
            code, output = run(command.typed, url, output)
            ran += 1
            fails = any(line.startswith("error: ") for line in command.shown)
            lacking = missing(command.shown, output)
            if bool(code) != fails or lacking is not None:
                where = f"{name}:{command.line}: {command.typed}"
                wrong.append(f"{where}\nexit code {code}, not printed: {lacking}\n{output}")
    assert not wrong, "\n\n".join(wrong)
    assert ran


def test_what_is_skipped_is_on_a_page() -> None:
    typed = {each.typed for name in PAGES for each in commands(ROOT / name, PAGES[name])}
    assert SKIPPED.keys() <= typed


def test_a_line_stands_for_what_differs_from_run_to_run_and_for_nothing_else() -> None:
    shown = ["fee   0.1 BTT", "block   4 0x" + "ab" * 32 + ", extrinsic 1", "...", "who: 5Gr..."]
    printed = ["fee 0.1 BTT", "block  17 0x" + "cd" * 32 + ", extrinsic 1", "x", "who: 5Grwva"]
    assert missing(shown, "\n".join(printed)) is None
    assert missing(shown, "\n".join(["fee 0.2 BTT", *printed[1:]])) == shown[0]
    assert missing(shown, "\n".join([*printed[1:], printed[0]])) == shown[1]
