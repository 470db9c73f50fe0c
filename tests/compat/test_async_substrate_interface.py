"""async-substrate-interface, unmodified, against a node; and frames that no client sends."""

from __future__ import annotations

import pytest

from compat.client import ClientRun, by_hand, check_read_proof, python_script, report

pytestmark = [pytest.mark.compat, pytest.mark.full]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ClientRun:
    return by_hand(python_script("asynchronous", "py2"), tmp_path_factory.mktemp("asynchronous"))


def test_async_substrate_interface_finds_a_chain_that_it_can_use(
    run: ClientRun, subtests: pytest.Subtests
) -> None:
    report(run, subtests, least=40)


def test_a_read_proof_that_async_substrate_interface_fetched_verifies_against_the_state_root(
    run: ClientRun,
) -> None:
    check_read_proof(run.facts)
