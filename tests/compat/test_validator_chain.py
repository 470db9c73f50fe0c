"""Real clients, unmodified, on a chain whose blocks come by lottery and become final by vote."""

from __future__ import annotations

from pathlib import Path

import pytest

from compat.client import ClientRun, Script, node_script, python_script, report
from support.node import BY_LOTTERY, dev_node

pytestmark = pytest.mark.compat


def with_a_validator(script: Script, folder: Path) -> ClientRun:
    """Run a script against a fresh chain: each registers session keys of its own."""
    with dev_node(folder, "validator", chain=BY_LOTTERY) as node:
        return script.run([node])


def test_polkadot_js_sees_validators_and_their_finality(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    run = with_a_validator(node_script("validator_polkadot_js"), tmp_path)
    report(run, subtests, least=13)


@pytest.mark.full
def test_papi_sees_validators_and_their_finality(tmp_path: Path, subtests: pytest.Subtests) -> None:
    report(with_a_validator(node_script("validator_papi"), tmp_path), subtests, least=6)


@pytest.mark.full
def test_substrate_interface_sees_validators_and_their_finality(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    report(with_a_validator(python_script("validator", "py1"), tmp_path), subtests, least=8)
