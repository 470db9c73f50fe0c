"""Flows of test suites for chopsticks and hardhat, by real clients: only the URL is another."""

from __future__ import annotations

from pathlib import Path

import pytest

from compat.client import node_script, report
from support.node import dev_node

pytestmark = [pytest.mark.compat, pytest.mark.full]

SUITE_FLAGS = ("--sealing", "manual", "--mock-signature-host")


def test_suites_for_chopsticks_run_with_another_url(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    with dev_node(tmp_path, "dev", *SUITE_FLAGS) as node:
        report(node_script("dev").run([node]), subtests, least=12)


def test_the_same_suites_run_on_a_fork(tmp_path: Path, subtests: pytest.Subtests) -> None:
    with (
        dev_node(tmp_path, "other", "--sealing", "manual") as other,
        dev_node(tmp_path, "fork", *SUITE_FLAGS, chain=("--dev", "--fork", other.ws)) as fork,
    ):
        report(node_script("dev").run([fork]), subtests, least=12)
