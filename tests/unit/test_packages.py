"""The names of our packages: those of a checkout and those of an installation are one."""

from __future__ import annotations

import logging
import sys
from importlib import import_module

import pytest

from btt_chain.launcher import unsupported
from btt_chain.packages import imported_name
from btt_chain.telemetry import log_filters


@pytest.mark.parametrize(
    "name", ["runtime", "runtime.frame", "runtime.pallets.balances", "storage.trie.proof", "cli"]
)
def test_an_installed_name_is_the_module_of_the_checkout(name: str) -> None:
    assert import_module(f"btt_chain.{name}") is import_module(name)
    spec = sys.modules[name].__spec__
    assert spec is not None
    assert spec.name == name


def test_an_installed_name_of_no_module_is_not_found() -> None:
    for name in ("btt_chain.runtime.nothing", "btt_chain.nothing", "btt_chain.cli.main.nothing"):
        with pytest.raises(ModuleNotFoundError):
            import_module(name)


def test_a_module_has_one_name_in_the_process() -> None:
    assert imported_name("btt_chain.p2p.sync") == imported_name("p2p.sync") == "p2p.sync"
    assert imported_name("btt_chain.node") == "btt_chain.node"
    assert imported_name("btt_chain") == "btt_chain"
    assert imported_name("p2pool") == "p2pool"


@pytest.mark.parametrize("name", ["p2p.sync.warp", "btt_chain.p2p.sync.warp"])
def test_a_log_filter_takes_either_name_of_a_module(name: str) -> None:
    import_module("p2p.sync.warp")
    assert log_filters.is_target(name)
    assert log_filters.is_loaded_target(name)
    logger = logging.getLogger("p2p.sync.warp")
    before = logger.level
    try:
        log_filters.apply(log_filters.parse(f"{name}=debug", log_filters.is_target))
        assert logger.level == logging.DEBUG
    finally:
        logger.setLevel(before)


@pytest.mark.parametrize(
    ("version", "machine", "word"),
    [
        ((3, 10), "x86_64", "3.11 to 3.13"),
        ((3, 14), "x86_64", "3.11 to 3.13"),
        ((3, 14), "aarch64", "3.11 to 3.13"),
        ((3, 11), "aarch64", "3.12 or 3.13 on aarch64"),
    ],
)
def test_a_python_that_is_not_supported_is_refused_in_one_line(
    version: tuple[int, int], machine: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("btt_chain.launcher.find_spec", lambda name: None)
    message = unsupported(version, machine)
    assert message is not None
    assert word in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("version", "machine"),
    [((3, 11), "x86_64"), ((3, 12), "aarch64"), ((3, 13), "x86_64"), ((3, 13), "aarch64")],
)
def test_each_supported_python_is_taken(version: tuple[int, int], machine: str) -> None:
    assert unsupported(version, machine) is None
