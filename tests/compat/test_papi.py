"""polkadot-api, unmodified, against a started node: over the new API and over the legacy one."""

from __future__ import annotations

import pytest

from compat.client import TWO_A_SECOND, ClientRun, by_hand, node_script, report

pytestmark = pytest.mark.compat


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ClientRun:
    return by_hand(node_script("papi"), tmp_path_factory.mktemp("papi"), TWO_A_SECOND)


def test_papi_finds_a_chain_that_it_can_use(run: ClientRun, subtests: pytest.Subtests) -> None:
    report(run, subtests, least=80)
