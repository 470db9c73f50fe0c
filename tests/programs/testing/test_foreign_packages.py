"""Projects whose packages have the names of ours: their tests run, and so does our program."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib import util
from pathlib import Path

import pytest

from btt_chain.packages import HOME, PACKAGES
from btt_chain.testing.specification import MAX_VALIDATORS
from genesis.presets import MAX_LOCAL_VALIDATORS

NAMES = [name for name in PACKAGES if name != "btt_chain"]
PROJECT = """
import sys
import cli
import genesis
import p2p
import runtime
import storage
from btt_chain.testing import DevNode

MINE = [cli, genesis, p2p, runtime, storage]

def test_packages_are_mine():
    assert [package.WHOSE for package in MINE] == ["mine"] * 5

def test_nodes_run_beside_them(node: DevNode, devnet):
    assert node.rpc.best() == 0
    net = devnet(validators=1, up=False)
    assert "btt-local" in (net.base / "spec.json").read_text()
    assert net.funded()[0].name == "Alice"
    theirs = {name for name in sys.modules if name.split(".")[0] in NAMES}
    assert theirs == NAMES, theirs
""".replace("NAMES", repr(set(NAMES)))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name in NAMES:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("WHOSE = 'mine'\n")
    (folder / "test_project.py").write_text(PROJECT)
    return folder


def python(*words: str, cwd: Path, path: tuple[Path, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, with our packages behind those of `path` on PYTHONPATH."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (*path, HOME)))},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


PYTEST = ["-q", "-p", "btt_chain.testing.plugin", "-p", "no:cacheprovider", "--rootdir", "."]


@pytest.mark.full
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["-m", "pytest"], id="python -m pytest"),
        pytest.param(
            ["-P", "-c", "import pytest, sys; sys.exit(pytest.main(sys.argv[1:]))"],
            id="pytest",
            marks=pytest.mark.full,
        ),
    ],
)
def test_a_project_with_packages_of_the_same_names_is_tested(
    command: list[str], project: Path
) -> None:
    done = python(*command, *PYTEST, cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_the_plugin_imports_nothing_before_a_fixture_is_used() -> None:
    code = (
        "import sys, btt_chain.testing.plugin\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in "
        f"{set(PACKAGES)!r}))"
    )
    done = python("-P", "-c", code, cwd=HOME)
    expected = [
        "btt_chain", "btt_chain.packages", "btt_chain.testing", "btt_chain.testing.plugin"
    ]  # fmt: skip
    assert done.stdout == f"{expected}\n", done.stderr


@pytest.mark.parametrize(
    ("command", "words", "shown"),
    [
        (["-P", "-c", "from btt_chain.launcher import main; main()"], "build-spec", '"btt-dev"'),
        (["-m", "btt_chain"], "key inspect //Alice", "5Grwva"),
    ],
)
def test_the_program_runs_in_a_folder_with_such_packages(
    command: list[str], words: str, shown: str, project: Path
) -> None:
    done = python(*command, *words.split(), cwd=project, path=(Path(),))
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout


def test_the_console_script_is_the_launcher_and_the_package_is_typed() -> None:
    document = tomllib.loads((HOME / "pyproject.toml").read_text())
    assert document["project"]["scripts"] == {"btt-chain": "btt_chain.launcher:main"}
    spec = util.find_spec("btt_chain")
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).with_name("py.typed").is_file()


def test_a_devnet_may_be_as_large_as_its_chain() -> None:
    assert MAX_VALIDATORS == MAX_LOCAL_VALIDATORS
