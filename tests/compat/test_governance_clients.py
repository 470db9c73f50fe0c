"""Real clients, unmodified, decide and trade: all of one chain, where each leaves its traces."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from compat.client import ClientRun, node_script, python_script, report
from support.node import Node, dev_node

pytestmark = [pytest.mark.compat, pytest.mark.full]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that makes a block for each transaction, and others when it is asked to."""
    with dev_node(tmp_path_factory.mktemp("node"), "governed", "--sealing", "instant") as started:
        yield started


@pytest.fixture(scope="module")
def by_polkadot_js(node: Node) -> ClientRun:
    """Results of @polkadot/api."""
    return node_script("governance").run([node])


@pytest.fixture
def governed(node: Node, by_polkadot_js: ClientRun) -> Node:
    """The node, with an asset on its exchange."""
    assert by_polkadot_js.complete, by_polkadot_js.ending
    return node


def test_polkadot_js_uses_every_pallet_of_governance_and_assets(
    by_polkadot_js: ClientRun, subtests: pytest.Subtests
) -> None:
    report(by_polkadot_js, subtests, least=21)


def test_papi_proposes_votes_and_trades(governed: Node, subtests: pytest.Subtests) -> None:
    report(node_script("governance_papi").run([governed]), subtests, least=4)


def test_substrate_interface_proposes_votes_and_trades(
    governed: Node, subtests: pytest.Subtests
) -> None:
    report(python_script("governance", "py1").run([governed]), subtests, least=4)
