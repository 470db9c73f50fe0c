"""A wheel has five packages inside `btt_chain`: each import and each name in a string follows."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from btt_chain.launcher import NEWEST, OLDEST
from scripts.wheel import MOVED, BadSource, modules, rewrite, shipped

ROOT = Path(__file__).resolve().parents[2]
KNOWN = modules(ROOT)
NAME = re.compile(rf"(?<![\w./])(?:{'|'.join(MOVED)})(?:\.[A-Za-z_]\w*)+")

IN_TEXT = re.compile(rf"^(?!\s*from ).*[\"'].*{NAME.pattern}", re.MULTILINE)
"""A line with a quote before the name of a module."""


@pytest.mark.parametrize(
    ("source", "rewritten"),
    [
        ("from runtime import X", "from btt_chain.runtime import X"),
        (
            "from  storage.trie  import (\n  a,\n)",
            "from  btt_chain.storage.trie  import (\n  a,\n)",
        ),
        ("import os, p2p.wire as w", "import os, btt_chain.p2p.wire as w"),
        ("é = 1; from cli import main", "é = 1; from btt_chain.cli import main"),
        (
            "try:\n  from genesis import spec\nexcept* E:\n  import cli as c",
            "try:\n  from btt_chain.genesis import spec\nexcept* E:\n  import btt_chain.cli as c",
        ),
        (
            "match x:\n case 1 if y:\n  from runtime import X",
            "match x:\n case 1 if y:\n  from btt_chain.runtime import X",
        ),
        ("x = 'cli.main', \"p2p.sync\"", "x = 'btt_chain.cli.main', \"btt_chain.p2p.sync\""),
        ("x = f'cli.commands.{y}'", "x = f'btt_chain.cli.commands.{y}'"),
        ("x.startswith('runtime.')", "x.startswith('btt_chain.runtime.')"),
        ("import_module('storage')", "import_module('btt_chain.storage')"),
        ("resources.files('genesis')", "resources.files('btt_chain.genesis')"),
        ("logging.getLogger('p2p')", "logging.getLogger('btt_chain.p2p')"),
        ("[python, '-m', 'cli', 'node']", "[python, '-m', 'btt_chain.cli', 'node']"),
    ],
)
def test_a_name_of_a_module_is_rewritten_where_it_stands(source: str, rewritten: str) -> None:
    assert rewrite("x.py", source.encode(), KNOWN).decode() == rewritten
    assert rewrite("x.py", rewritten.encode(), KNOWN).decode() == rewritten


@pytest.mark.parametrize(
    "source",
    [
        '"""Of `runtime.frame`; from storage import X."""',
        "x = {'runtime': 1, 'genesis': storage['cli']}",
        "x = 'storage.html', 'the runtime.', 'genesis.json', b'cli.main'",
        "runtime.frame.x = cli.main",
        "import runtimes, storage2.kv",
        "from btt_chain.runtime import X",
    ],
)
def test_a_word_that_is_not_a_module_stays(source: str) -> None:
    assert rewrite("x.py", source.encode(), KNOWN).decode() == source


@pytest.mark.parametrize(
    ("source", "advice"),
    [
        ("import storage", "binds a name"),
        ("import os, runtime.frame", "binds a name"),
        ("from . import x", "package's name"),
        ("from \\\n runtime import x", "in one line"),
        ("x = ('runtime.' 'frame')", "string of its own"),
        ("x = f'cli.main{1}cli.main'", "string of its own"),
    ],
)
def test_a_form_that_cannot_be_rewritten_ends_the_build(source: str, advice: str) -> None:
    with pytest.raises(BadSource, match=f"x.py:1: .*{advice}"):
        rewrite("x.py", source.encode() + b"  # runtime", KNOWN)


def strings(source: bytes) -> Iterator[str]:
    """Yield the strings of a module that are not docstrings."""
    tree = ast.parse(source)
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def test_no_string_of_the_product_names_a_module_that_a_wheel_has_not() -> None:
    """Only a string that is the name of a module is rewritten, never a part of a longer one."""
    for name, _ in shipped(ROOT):
        source = (ROOT / name).read_bytes()
        if name.endswith(".py") and IN_TEXT.search(source.decode()):
            left = [
                found[0]
                for text in strings(rewrite(name, source, KNOWN))
                for found in NAME.finditer(text)
                if found[0] in KNOWN
            ]
            assert not left, f"{name}: {left}"


def test_no_other_file_of_the_product_names_a_module() -> None:
    others = [name for name, _ in shipped(ROOT) if not name.endswith(".py")]
    assert others
    for name in others:
        words = NAME.findall((ROOT / name).read_text(encoding="utf-8", errors="replace"))
        assert not KNOWN.intersection(words), name


def test_each_statement_of_the_supported_pythons_is_the_same() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    client = tomllib.loads((ROOT / "btt_chain/client/pyproject.toml").read_text())["project"]
    after = f"{NEWEST[0]}.{NEWEST[1] + 1}"
    wanted = f">={OLDEST[0]}.{OLDEST[1]},<{after}"
    assert project["requires-python"] == client["requires-python"] == wanted
    versions = [f"3.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1)]
    named = [line.rpartition(" ")[2] for line in project["classifiers"] if ":: 3." in line]
    assert named == versions
    makefile = (ROOT / "Makefile").read_text()
    assert f"{OLDEST} <= sys.version_info[:2] <= {NEWEST}" in makefile
    assert " ".join(f"python{version}" for version in versions) in makefile
    readme = (ROOT / "README.md").read_text()
    assert f"Python {versions[0]} to {versions[-1]}" in readme


def test_the_build_backend_is_locked_with_its_hashes() -> None:
    locked = re.findall(
        r"^hatchling==(\S+) \\$", (ROOT / "requirements/install.txt").read_text(), re.MULTILINE
    )
    for folder in (ROOT, ROOT / "btt_chain/client"):
        build = tomllib.loads((folder / "pyproject.toml").read_text())["build-system"]
        assert build["requires"][0] == f"hatchling=={locked[0]}; python_version>='3.11'"
