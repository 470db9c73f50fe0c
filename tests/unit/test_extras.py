"""Commands that install an extra: from where the package itself was installed."""

from __future__ import annotations

import importlib.metadata
import json
import tomllib
from pathlib import Path

import pytest

from btt_chain.extras import install_command, needs_extra

ROOT = Path(__file__).resolve().parents[2]


class Installed:
    """An installed distribution that pip has noted so."""

    def __init__(self, noted: object) -> None:
        self.noted = noted

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return None if self.noted is None else json.dumps(self.noted)


@pytest.mark.parametrize(
    ("noted", "command"),
    [
        (
            {"url": "file:///srv/my%20clone", "dir_info": {"editable": True}},
            "pip install -e '/srv/my clone[work]'",
        ),
        ({"url": "file:///srv/clone", "dir_info": {}}, "pip install '/srv/clone[work]'"),
        (
            {"url": "file:///tmp/btt_chain-0.1.0-py3-none-any.whl", "archive_info": {}},
            "pip install '/tmp/btt_chain-0.1.0-py3-none-any.whl[work]'",
        ),
        (
            {"url": "https://example.org/btt.git", "vcs_info": {"vcs": "git"}},
            "pip install 'btt-chain[work] @ git+https://example.org/btt.git'",
        ),
        (
            {"url": "https://example.org/btt.whl", "archive_info": {}},
            "pip install 'btt-chain[work] @ https://example.org/btt.whl'",
        ),
        (None, "pip install '.[work]' in a clone of btt-chain"),
    ],
)
def test_an_extra_is_installed_from_where_the_package_is(
    monkeypatch: pytest.MonkeyPatch, noted: object, command: str
) -> None:
    monkeypatch.setattr(importlib.metadata, "distribution", lambda _: Installed(noted))
    assert install_command("work") == command
    assert needs_extra("reading tables needs", "work").endswith(f"the extra `work`: {command}")


def test_without_a_distribution_the_clone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Installed:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", absent)
    assert install_command("pay") == "pip install '.[pay]' in a clone of btt-chain"


def test_messages_name_extras_that_exist_and_no_published_package() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = set()
    for folder in ("btt_chain", "cli"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text()
            assert "install 'btt-chain[" not in text, path
            for part in text.split("needs_extra(")[1:]:
                quoted = part.partition(")")[0].split('"')
                named |= {quoted[-2]} if len(quoted) > 2 else set()
    named.discard("work', 'work")
    assert {name for name in named if name.isidentifier()} <= set(extras["optional-dependencies"])
    assert {"work", "plot", "explorer", "pay", "records", "cluster", "fast", "gpu"} <= named
