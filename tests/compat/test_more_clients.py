"""dedot, txwrapper, Subsquid and PAPI's command line, unmodified, against one started node."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from compat.client import FOUR_A_SECOND, ClientRun, node_script, report
from support.node import Node, dev_node

pytestmark = pytest.mark.compat


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with a block every 250 ms."""
    folder = tmp_path_factory.mktemp("node")
    with dev_node(folder, "clocked", "--sealing", FOUR_A_SECOND) as started:
        yield started


@pytest.fixture(scope="module")
def by_dedot(node: Node) -> ClientRun:
    """Results of dedot."""
    return node_script("dedot").run([node])


def test_dedot_reads_follows_and_sends(by_dedot: ClientRun, subtests: pytest.Subtests) -> None:
    report(by_dedot, subtests, least=10)


def test_subsquid_indexes_a_transfer(
    node: Node, by_dedot: ClientRun, subtests: pytest.Subtests
) -> None:
    assert by_dedot.complete, by_dedot.ending
    report(node_script("subsquid").run([node]), subtests, least=3)


def test_txwrapper_signs_offline(node: Node, subtests: pytest.Subtests) -> None:
    report(node_script("txwrapper").run([node]), subtests, least=4)


def test_papi_takes_the_metadata_of_a_running_node(node: Node, subtests: pytest.Subtests) -> None:
    report(node_script("papi_add").run([node]), subtests, least=2)


@pytest.mark.full
def test_papi_generates_a_typed_api(node: Node, subtests: pytest.Subtests) -> None:
    report(node_script("papi_codegen").run([node]), subtests, least=3)
