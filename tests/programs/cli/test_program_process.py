"""The program as a shell starts it: completion, lazy imports, colors, foreign packages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli import main

HOME = Path(main.__file__).resolve().parent.parent


def python(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *args],
        cwd=HOME,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("key ins", "plain,insert\nplain,inspect\nplain,inspect-node-key\n"),
        ("build-spec --chain loc", "file,loc\nplain,local\n"),
        ("node --chain mai", "file,mai\nplain,mainnet\n"),
    ],
)
def test_a_shell_completes_commands_and_chains(words: str, found: str) -> None:
    shell = python(
        "-m",
        "cli.main",
        _BTT_CHAIN_COMPLETE="bash_complete",
        COMP_WORDS=f"btt-chain {words}",
        COMP_CWORD=str(len(words.split())),
    )
    assert shell.stdout == found


def test_help_and_keys_need_neither_network_nor_database() -> None:
    heavy = {"aiohttp", "plyvel", "uvloop", "storage", "runtime.frame", "rich"}
    code = (
        "import sys; from cli.program import program\n"
        "try: program.main(sys.argv[1:], prog_name='btt-chain')\n"
        f"finally: print(sorted({heavy!r} & set(sys.modules)), file=sys.stderr)"
    )
    for args in (["--help"], ["key", "inspect", "//Alice"], ["node", "--help"]):
        assert python("-c", code, *args).stderr == "[]\n"


def test_the_list_of_commands_imports_none_of_them() -> None:
    code = (
        "import sys; from cli.program import program\n"
        "try: program.main(['--help'], prog_name='btt-chain')\n"
        "finally: print([m for m in sys.modules if m.startswith('cli.commands.')], file=sys.stderr)"
    )
    assert python("-c", code).stderr == "[]\n"


def test_colours_are_for_terminals_only() -> None:
    assert "\x1b" not in python("-m", "cli.main", "key", "inspect", "//Alice").stdout
    assert "\x1b" not in python("-m", "cli.main", "nonsense").stderr


def test_an_outsider_in_the_place_of_a_package_is_named(tmp_path: Path) -> None:
    outsider = tmp_path / "storage" / "__init__.py"
    outsider.parent.mkdir()
    outsider.write_text("raise SystemExit('another module ran')")
    found = subprocess.run(
        [sys.executable, "-P", "-c", "from cli.main import main; main()"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{HOME}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert found.returncode == 1
    assert f"another package named 'storage' at {outsider.parent} shadows ours" in found.stderr
    assert "another module ran" not in found.stderr


def test_a_command_collects_garbage_rarely_and_none_of_what_it_has_at_its_end() -> None:
    code = (
        "import atexit, gc, sys\n"
        "state = lambda: (gc.isenabled(), gc.get_threshold()[0], len(gc.get_objects()) < 1000)\n"
        "atexit.register(lambda: print(*state(), file=sys.stderr))\n"
        "sys.argv = ['btt-chain', 'key', 'inspect', '//Alice']\n"
        "from cli.main import main; main()"
    )
    assert python("-c", code).stderr == "True 50000 True\n"


@pytest.mark.parametrize("words", [["key", "inspect", "//Alice"], ["node", "--wrong"]])
def test_the_memory_of_a_command_that_may_hold_keys_is_dumped_to_no_file(words: list[str]) -> None:
    get_dumpable = 3
    code = (
        "import atexit, ctypes, resource, sys\n"
        f"state = lambda: (ctypes.CDLL(None).prctl({get_dumpable}),\n"
        "                 resource.getrlimit(resource.RLIMIT_CORE))\n"
        "atexit.register(lambda: print('state', state(), file=sys.stderr))\n"
        f"sys.argv = ['btt-chain', *{words!r}]\n"
        "from cli.main import main; main()"
    )
    assert python("-c", code).stderr.endswith("state (0, (0, 0))\n")
