"""Runs each command in a fork of one process, and prints how it ended, a JSON line each.

    python every_command.py CASE STEP     (the name of one of CASES; each STEPth command)

The program is imported once: a fork takes a few milliseconds. The node of the commands is at a port
that no program listens on, and there is no home folder.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

# The folder of this file has modules of the same names as ours.
sys.path[:] = [each for each in sys.path if Path(each).name != "support"]
from cli.program import program  # noqa: E402

SERVERS = {"node", "devnet", "explorer", "tokenomics simulate", "tokenomics plot", "work bench"}
"""Commands that go on, or compute for long, without an argument."""


def leaves(
    command: click.Command, words: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield each command with its words, but those of servers."""
    if words and (words[0] in SERVERS or " ".join(words) in SERVERS):
        return
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            assert inner is not None
            yield from leaves(inner, (*words, name))
    else:
        yield words, command


def plain(command: click.Command) -> Iterator[list[str]]:
    yield []


def odd_paths(command: click.Command) -> Iterator[list[str]]:
    """Yield each option that takes a path with one that is not UTF-8."""
    for param in command.params:
        if isinstance(param, click.Option) and isinstance(param.type, click.Path):
            yield [param.opts[0], os.fsdecode(b"k\xe9/x")]
            yield [param.opts[0], os.fsdecode(b"k\xe9")]


CASES = {
    "no-home": (plain, ()), "no-stdin": (plain, (0,)), "no-stdout": (plain, (1,)),
    "no-streams": (plain, (0, 1, 2)), "odd-paths": (odd_paths, ()),
}  # fmt: skip


def run(args: list[str], closed: tuple[int, ...], log: Path) -> int:
    """Return the exit code of a command in a fork, whose messages are in `log`."""
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        for number in range(3):
            to = os.open(log if number else os.devnull, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            os.dup2(to, number)
            os.close(to)
        for number in closed:
            os.close(number)
            setattr(sys, ("stdin", "stdout", "stderr")[number], None)
        code = 70  # a traceback, which the fork prints as Python would
        try:
            program.main(args, "btt-chain")
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0
        except BaseException:  # noqa: BLE001 - all that would end a program with a traceback
            import traceback

            log.write_text(traceback.format_exc())
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(case: str, step: int) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    setattr(Path, "home", homeless)  # noqa: B010 - a method is replaced
    for name in [name for name in os.environ if name.startswith(("BTT_", "XDG_"))]:
        del os.environ[name]
    os.environ.pop("HOME", None)
    os.environ["BTT_URL"] = "ws://127.0.0.1:1"
    make, closed = CASES[case]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path(os.fsdecode(b"k\xe9")).mkdir()
        log = Path(folder) / "log"
        for words, command in list(leaves(program, ()))[::step]:
            for more in make(command):
                code = run([*words, *more], closed, log)
                said = log.read_text(errors="replace")[-2_000:]
                print(json.dumps({"words": [*words, *more][:6], "code": code, "said": said}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
