"""substrate-interface, unmodified, against a started node."""

from __future__ import annotations

from pathlib import Path

import pytest

from compat.client import ClientRun, by_hand, check_read_proof, python_script, report

pytestmark = pytest.mark.compat


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ClientRun:
    return by_hand(python_script("classic", "py1"), tmp_path_factory.mktemp("classic"))


def test_substrate_interface_finds_a_chain_that_it_can_use(
    run: ClientRun, subtests: pytest.Subtests
) -> None:
    report(run, subtests, least=37)


def test_a_read_proof_that_substrate_interface_fetched_verifies_against_the_state_root(
    run: ClientRun,
) -> None:
    check_read_proof(run.facts)


def test_substrate_interface_gets_a_block_for_each_transaction_under_instant_sealing(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    report(by_hand(python_script("instant", "py1"), tmp_path, "instant"), subtests, least=5)
