"""The package and the client as others install them: built, unpacked elsewhere, and used.

Dependencies are those of this environment; that their names are declared is checked beside.
"""

from __future__ import annotations

import ast
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
from pathlib import Path
from typing import Final

import pytest

from btt_chain.launcher import NEWEST, OLDEST
from btt_chain.testing.rpc import Rpc
from support.instant_node import instant_node

ROOT: Final = Path(__file__).resolve().parents[3]
MOVED: Final = ("runtime", "p2p", "storage", "cli", "genesis")
PACKAGES: Final = ("btt_chain", *MOVED)
CLIENT: Final = Path("btt_chain/client")
BUILD: Final = """
import sys
from hatchling import build
print(getattr(build, sys.argv[1])(sys.argv[2]))
"""
NOT_SHIPPED: Final = {"btt_chain/client/pyproject.toml"}

IMPORT_ALL: Final = """
import importlib, pkgutil, sys
import btt_chain
for module in pkgutil.walk_packages(btt_chain.__path__, "btt_chain."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(len([name for name in sys.modules if name.startswith("btt_chain.")]))
print(sorted({name.split(".")[0] for name in sys.modules} & set(sys.argv[1:])))
"""
"""Prints how many modules were imported, and which of the given names a module has got."""

BESIDE: Final = """
import importlib, pickle, subprocess, sys
theirs = sys.argv[3:]
sys.path.insert(0 if sys.argv[1] == "before" else len(sys.path), sys.argv[2])
if sys.argv[1] == "imported":
    mine = [importlib.import_module(name) for name in theirs]
from btt_chain.cli.program import program
from btt_chain.genesis.holders import table
from btt_chain.p2p.network import Network
from btt_chain.runtime import BttRuntime
from btt_chain.storage.memory import MemoryKV
assert not [name for name in theirs if name in sys.modules] or sys.argv[1] == "imported"
mine = [importlib.import_module(name) for name in theirs]
assert [package.WHOSE for package in mine] == ["mine"] * 5
import runtime.part, cli.part
assert runtime.part.WHOSE == "mine"
child = "import pickle, sys; print(pickle.load(sys.stdin.buffer).__module__)"
command = [sys.executable, "-c", child]
found = subprocess.check_output(command, input=pickle.dumps(BttRuntime))
assert found == b"btt_chain.runtime.table\\n"
"""
"""A program with packages of our names that uses the library: they are found before ours, after
them, or were imported earlier."""

TESTS: Final = """
import pytest
import cli, genesis, p2p, runtime, storage

@pytest.fixture(scope="session")
def btt_warm_starts():
    pass

def test_nodes_run_beside_packages_of_the_same_names(node):
    for method, *args in (("chain_getBlockHash", 0), ("state_getMetadata",)):
        print(method, node.rpc.call(method, *args))
    assert [it.WHOSE for it in (cli, genesis, p2p, runtime, storage)] == ["mine"] * 5
"""


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(kind: str, tree: Path, out: Path) -> Path:
    out.mkdir(exist_ok=True)
    # Bytecode is written, as it is for most users.
    name = run(
        sys.executable, "-c", BUILD, f"build_{kind}", out, cwd=tree, PYTHONDONTWRITEBYTECODE=""
    ).splitlines()[-1]
    return out / name


def imports(tree: ast.Module) -> set[str]:
    """Return the packages at the top that a module imports."""
    nodes = list(ast.walk(tree))
    names = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    names += [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return {name.partition(".")[0] for name in names}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what is committed or new, so that nothing is built into the checkout."""
    copy: Path = tmp_path_factory.mktemp("tree") / "btt-chain"
    listed = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--")
    kept = ("pyproject.toml", "README.md", "LICENSE", "scripts/wheel.py", *PACKAGES)
    for name in run(*listed, *kept, cwd=ROOT).split("\0"):
        if name and (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel that is built from the unpacked sdist."""
    out = tmp_path_factory.mktemp("dist")
    (out / "sdist").mkdir()
    # tarfile's filters, without which later versions warn, came in Python 3.11.4.
    run("tar", "-xzf", str(build("sdist", tree, out)), "-C", str(out / "sdist"), cwd=out)
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
        str(Path("btt_chain", name) if name.parts[0] in MOVED else name)
        for package in PACKAGES
        for path in (tree / package).rglob("*")
        if path.is_file()
        for name in [path.relative_to(tree)]
    }
    assert wanted - NOT_SHIPPED == shipped


def test_only_one_package_is_at_the_top_of_what_is_installed(program: Path, tmp_path: Path) -> None:
    site = next((program.parents[1] / "lib").glob("python*/site-packages"))
    ours = {path.name for path in site.iterdir() if path.suffix != ".pth"}
    assert {name for name in ours if not name.endswith(".dist-info")} == {"btt_chain"}


def test_no_file_of_the_wheel_imports_a_package_of_a_common_name(wheel: Path) -> None:
    pattern = re.compile(rf"^\s*(?:from|import) (?:{'|'.join(MOVED)})\b", re.MULTILINE)
    with zipfile.ZipFile(wheel) as archive:
        sources = {name: archive.read(name) for name in archive.namelist() if name[-3:] == ".py"}
    for name, source in sources.items():
        # Most of the lines that look like an import of ours are in docstrings.
        if pattern.search(source.decode()):
            assert not imports(ast.parse(source)) & set(MOVED), name


@pytest.mark.full
def test_each_module_that_is_installed_is_imported_without_a_package_of_a_common_name(
    program: Path, tmp_path: Path
) -> None:
    seen = outside(program.with_name("python"), "-c", IMPORT_ALL, *MOVED, cwd=tmp_path)
    count, taken = seen.splitlines()
    assert int(count) > 1_000
    assert taken == "[]"


def test_what_is_installed_runs_the_first_minutes_of_the_readme(
    program: Path, tmp_path: Path
) -> None:
    assert outside(program, "--version", cwd=tmp_path) == "btt-chain 0.1.0\n"
    where = "import btt_chain; print(btt_chain.__file__)"
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


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with packages of a user's that have the names of ours."""
    folder = tmp_path / "project"
    for name in MOVED:
        (folder / name).mkdir(parents=True)
        for module in ("__init__", "part", "main"):
            (folder / name / f"{module}.py").write_text("WHOSE = 'mine'\n")
    (folder / "test_project.py").write_text(TESTS)
    return folder


@pytest.mark.parametrize(
    "order", ["before", pytest.param("after", marks=pytest.mark.full), "imported"]
)
def test_a_program_beside_packages_of_the_same_names_uses_the_library_and_its_own(
    order: str, program: Path, project: Path, tmp_path: Path
) -> None:
    outside(program.with_name("python"), "-c", BESIDE, order, str(project), *MOVED, cwd=tmp_path)


def test_the_plugin_and_its_nodes_run_beside_packages_of_the_same_names(
    program: Path, project: Path
) -> None:
    words = ("-m", "pytest", "-qs", "-p", "no:cacheprovider", "--rootdir", ".")
    printed = outside(program.with_name("python"), *words, cwd=project)
    assert "1 passed" in printed
    # What an installation makes of a chain is what the checkout makes of it.
    with instant_node(project / "node") as url:
        rpc = Rpc(url.replace("ws:", "http:"))
        for method, *args in (("chain_getBlockHash", 0), ("state_getMetadata",)):
            assert f"{method} {rpc.call(method, *args)}\n" in printed


@pytest.mark.parametrize("command", [(), ("-m", "btt_chain")], ids=["script", "module"])
def test_the_command_runs_beside_packages_of_the_same_names(
    command: tuple[str, ...], program: Path, project: Path
) -> None:
    start = program.with_name("python") if command else program
    done = subprocess.run(
        (start, *command, "key", "inspect", "//Alice"), cwd=project,
        env=os.environ | {"PYTHONPATH": "."}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "5Grwva" in done.stdout


def test_the_editable_build_of_a_setup_prints_no_warning(tree: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        (sys.executable, "-W", "always", "-c", BUILD, "build_editable", tmp_path),
        cwd=tree, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [path.name for path in tmp_path.iterdir()]
    assert done.stderr == ""


# ---- the client alone


@pytest.fixture(scope="module")
def client_folder(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the client's wheel unpacked."""
    out = tmp_path_factory.mktemp("client")
    with zipfile.ZipFile(build("wheel", tree / CLIENT, out)) as archive:
        archive.extractall(out / "site")
    return out / "site"


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


def test_a_build_is_reproducible_and_leaves_no_file_in_the_checkout(
    tree: Path, wheel: Path, client_folder: Path, tmp_path: Path
) -> None:
    before = sorted(tree.rglob("*"))
    assert not [path for path in before if path.name in {"__pycache__", "build", "dist"}]
    copy = tmp_path / "copy"
    shutil.copytree(tree, copy, copy_function=shutil.copy)
    again = build("wheel", copy / CLIENT, tmp_path / "again")
    assert sorted(copy.rglob("*")) == [copy / path.relative_to(tree) for path in before]
    assert again.read_bytes() == client_folder.with_name(again.name).read_bytes()
    with tarfile.open(wheel.with_name("btt_chain-0.1.0.tar.gz")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert (
        not {str(path.relative_to(tree)) for path in before if path.is_file()}
        - names
        - {"btt_chain/client/pyproject.toml"}
    )


UV: Final = Path(sys.executable).with_name("uv")
FAULTS: Final = (
    "tests/unit/storage",
    "-m",
    "not full",
    "-p",
    "no:cacheprovider",
    "-o",
    "timeout=0",
)
COMPILED: Final = ("fastecdsa", "python-baseconv", "varint")
"""Dependencies without any wheel: fastecdsa is compiled, the others are pure Python."""


def uv(*words: str | Path) -> None:
    run("sh", ROOT / "scripts/uv.sh", UV, *words, cwd=ROOT)


def pythons() -> list[str]:
    """Return the other supported interpreters of this machine."""
    names = [f"{NEWEST[0]}.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1)]
    known = sorted(Path.home().glob(".pyenv/versions/*/bin/python3"))
    tried = [*filter(None, (shutil.which(f"python{name}") for name in names)), *map(str, known)]
    found: dict[str, str] = {}
    for python in tried:
        code = "import sys; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run((python, "-c", code), capture_output=True, text=True, check=False)
        found.setdefault(done.stdout.strip(), python)
    return [found[name] for name in names if name in found and found[name] != sys.executable]


@pytest.mark.full
@pytest.mark.parametrize(
    ("version", "platform"),
    [
        ("3.11", "x86_64-manylinux_2_28"),
        *(
            (version, f"{machine}-manylinux_2_28")
            for version in ("3.12", "3.13")
            for machine in ("x86_64", "aarch64")
        ),
    ],
)
def test_each_dependency_has_a_wheel_for_each_supported_python(
    version: str, platform: str, tmp_path: Path
) -> None:
    compiled = (word for name in COMPILED for word in ("--no-binary", name))
    uv(
        "pip", "install", "--quiet", "--dry-run", "--no-deps", "--require-hashes", "--target",
        tmp_path, "--python-version", version, "--python-platform", platform, "--only-binary",
        ":all:", *compiled, "-r", "requirements/base.txt",
    )  # fmt: skip


@pytest.mark.full
@pytest.mark.parametrize("python", pythons())
def test_other_pythons_run_what_is_installed_and_the_faults_of_databases(
    python: str, wheel: Path, project: Path, tmp_path: Path
) -> None:
    run(python, "-m", "venv", "--without-pip", "env", cwd=tmp_path)
    home = tmp_path / "env" / "bin" / "python"
    run(
        "sh", ROOT / "scripts/install_locked.sh", UV, home, "requirements/base.txt",
        "requirements/dev.txt", cwd=ROOT,
    )  # fmt: skip
    uv("pip", "install", "--quiet", "--python", home, "--no-deps", wheel)
    outside(home, "-c", IMPORT_ALL, *MOVED, cwd=tmp_path)
    assert "1 passed" in outside(home, "-m", "pytest", "-qs", "--rootdir", ".", cwd=project)
    run(home, "-m", "pytest", "-q", *FAULTS, cwd=ROOT, PYTHONDONTWRITEBYTECODE="1")


@pytest.mark.full
def test_uv_and_an_editable_installation_leave_no_file_in_the_checkout(
    tree: Path, tmp_path: Path
) -> None:
    before = sorted(tree.rglob("*"))
    for name, words in (("plain", [tree]), ("editable", ["--editable", tree])):
        run(sys.executable, "-m", "venv", "--without-pip", name, cwd=tmp_path)
        uv("pip", "install", "--quiet", "--python", tmp_path / name, "--no-deps", *words)
        assert (tmp_path / name / "bin" / "btt-chain").is_file()
        assert sorted(tree.rglob("*")) == before


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
