"""The package and the client as others install them: built, unpacked elsewhere, and used.

Dependencies are those of this environment; that their names are declared is checked beside.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from support.instant_node import instant_node

ROOT: Final = Path(__file__).resolve().parents[3]
PACKAGES: Final = ("btt_chain", "runtime", "p2p", "storage", "cli", "genesis")
CLIENT: Final = Path("btt_chain/client")
BUILD: Final = """
import sys
from setuptools import build_meta
print(getattr(build_meta, sys.argv[1])(sys.argv[2]))
"""
NOT_SHIPPED: Final = {"btt_chain/client/pyproject.toml"}


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(kind: str, tree: Path, out: Path) -> Path:
    out.mkdir(exist_ok=True)
    name = run(sys.executable, "-c", BUILD, f"build_{kind}", out, cwd=tree).splitlines()[-1]
    return out / name


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what is committed or new, so that nothing is built into the checkout."""
    copy = tmp_path_factory.mktemp("tree") / "btt-chain"
    listed = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--")
    kept = ("pyproject.toml", "README.md", "LICENSE", *PACKAGES)
    for name in run(*listed, *kept, cwd=ROOT).split("\0"):
        if name and (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel that is built from the unpacked sdist."""
    out = tmp_path_factory.mktemp("dist")
    with tarfile.open(build("sdist", tree, out)) as archive:
        archive.extractall(out / "sdist", filter="data")
    (unpacked,) = (out / "sdist").iterdir()
    return build("wheel", unpacked, out)


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return `btt-chain` of the wheel, in an environment without the checkout."""
    home = tmp_path_factory.mktemp("installed")
    python = environment(home)
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index")
    run(*pip, "--no-compile", "--quiet", wheel, cwd=home)
    return home / "env" / "bin" / "btt-chain"


def environment(home: Path) -> Path:
    """Return the interpreter of an environment with our dependencies, but without ourselves."""
    run(sys.executable, "-m", "venv", "--without-pip", "env", cwd=home)
    site = next((home / "env" / "lib").glob("python*/site-packages"))
    for number, folder in enumerate(dependencies()):
        # As entries of the path only: the .pth file of our editable installation is not read.
        (site / f"dependencies{number}.pth").write_text(f"{folder}\n")
    return home / "env" / "bin" / "python"


def dependencies() -> list[str]:
    return [name for name in sys.path if name.endswith("site-packages")] or [
        sysconfig.get_path("purelib")
    ]


def outside(program: Path, *args: str, cwd: Path) -> str:
    """Run the program with no variable that could lead back to the checkout."""
    variables = {"PATH": os.environ["PATH"], "HOME": str(cwd)}
    done = subprocess.run(
        (program, *args), cwd=cwd, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_of_the_sdist_has_every_file_of_the_product(tree: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if ".dist-info/" not in name}
    wanted = {
        str(path.relative_to(tree))
        for package in PACKAGES
        for path in (tree / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted - NOT_SHIPPED == shipped


def test_what_is_installed_runs_the_first_minutes_of_the_readme(
    program: Path, tmp_path: Path
) -> None:
    assert outside(program, "--version", cwd=tmp_path) == "btt-chain 0.1.0\n"
    where = "import btt_chain, cli; print(btt_chain.__file__, cli.__file__)"
    found = outside(program.with_name("python"), "-I", "-c", where, cwd=tmp_path)
    assert str(ROOT / "btt_chain") not in found
    assert "Secret phrase" in outside(program, "key", "generate", cwd=tmp_path)
    with instant_node(tmp_path / "node") as url:
        sent = outside(
            program, "tx", "transfer", "--from", "//Alice", "//Bob", "1.5BTT", "--url", url,
            "--json", cwd=tmp_path,
        )  # fmt: skip
        assert json.loads(sent)
        shown = outside(program, "query", "account", "//Bob", "--url", url, cwd=tmp_path)
        assert "40_001.5 BTT" in shown
    spec = outside(program, "build-spec", "--chain", "testnet", cwd=tmp_path)
    assert json.loads(spec)["name"]


# ---- the client alone


@pytest.fixture(scope="module")
def client_folder(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder with the client's wheel unpacked."""
    out = tmp_path_factory.mktemp("client")
    with zipfile.ZipFile(build("wheel", tree / CLIENT, out)) as archive:
        archive.extractall(out / "site")
    yield out / "site"
    shutil.rmtree(tree / "btt_chain_client.egg-info", ignore_errors=True)


def test_the_client_needs_a_part_of_what_a_node_needs() -> None:
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    part = tomllib.loads((ROOT / CLIENT / "pyproject.toml").read_text())["project"]
    assert set(part["dependencies"]) < {each.split("  #")[0] for each in whole["dependencies"]}
    assert part["version"] == whole["version"]
    assert not {"plyvel", "libp2p", "trio", "uvloop"} & {
        re.split(r"[<>=]", each)[0] for each in part["dependencies"]
    }


def test_the_client_alone_pays(client_folder: Path, tmp_path: Path) -> None:
    packages = [path.name for path in (client_folder / "btt_chain").iterdir() if path.is_dir()]
    assert sorted(packages) == ["client", "crypto", "primitives", "scale"]
    python = environment(tmp_path)
    start = (
        f"import sys, runpy; sys.path.insert(0, {str(client_folder)!r}); "
        "sys.argv = sys.argv[1:]; "
        "runpy.run_path(sys.argv[0], run_name='__main__'); "
        "ours = ('runtime', 'storage', 'p2p', 'cli', 'click', 'libp2p', 'plyvel'); "
        "assert not [name for name in ours if name in sys.modules]"
    )
    example = ROOT / "examples" / "client" / "pay.py"
    with instant_node(tmp_path / "node") as url:
        paid = run(
            python, "-I", "-c", start, example, url, "//Alice", "//Bob", "1.5BTT", cwd=tmp_path
        )
    assert "final in block 1" in paid
    assert "Balances.Transfer" in paid


@pytest.mark.full
def test_both_are_installed_with_their_dependencies_from_the_index(
    tree: Path, wheel: Path, tmp_path: Path
) -> None:
    for name, source in (("client", tree / CLIENT), ("whole", wheel)):
        home = tmp_path / name
        home.mkdir()
        run(sys.executable, "-m", "venv", "env", cwd=home)
        run(home / "env/bin/python", "-m", "pip", "install", "--quiet", source, cwd=home)
        run(home / "env/bin/python", "-m", "pip", "check", cwd=home)
        run(home / "env/bin/python", "-I", "-c", "from btt_chain.client import Chain", cwd=home)
    command = tmp_path / "whole" / "env" / "bin" / "btt-chain"
    assert outside(command, "--version", cwd=tmp_path) == "btt-chain 0.1.0\n"
