"""Real clients, unmodified, pay, refund and dispute: all of one chain."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from compat.client import ClientRun, node_script, python_script, report
from support.node import Node, dev_node

pytestmark = pytest.mark.compat


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that makes a block for each transaction."""
    with dev_node(tmp_path_factory.mktemp("node"), "payments", "--sealing", "instant") as started:
        yield started


@pytest.fixture(scope="module")
def by_polkadot_js(node: Node) -> ClientRun:
    """Results of @polkadot/api."""
    return node_script("payments").run([node])


@pytest.fixture
def with_merchant(node: Node, by_polkadot_js: ClientRun) -> Node:
    """The node, with a registered merchant."""
    assert by_polkadot_js.complete, by_polkadot_js.ending
    return node


def test_polkadot_js_feeds_pays_refunds_and_disputes(
    by_polkadot_js: ClientRun, subtests: pytest.Subtests
) -> None:
    report(by_polkadot_js, subtests, least=7)


@pytest.mark.full
def test_papi_pays_refunds_and_disputes(with_merchant: Node, subtests: pytest.Subtests) -> None:
    report(node_script("payments_papi").run([with_merchant]), subtests, least=4)


@pytest.mark.full
def test_substrate_interface_pays_refunds_and_disputes(
    with_merchant: Node, subtests: pytest.Subtests
) -> None:
    report(python_script("payments", "py1").run([with_merchant]), subtests, least=4)
