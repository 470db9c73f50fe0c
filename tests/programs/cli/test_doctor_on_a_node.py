"""`doctor` beside a node that runs."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from btt_chain.testing import DevNode, dev_node
from cli.program import program


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevNode]:
    with dev_node(tmp_path_factory.mktemp("doctor") / "node", sealing="interval:200") as node:
        yield node


def test_a_node_that_is_well_gets_a_clean_bill(chain: DevNode) -> None:
    done = CliRunner().invoke(
        program,
        ["doctor", "--url", chain.ws, "-d", str(chain.folder), "--chain", "dev-manual", "--json"],
    )
    document = json.loads(done.stdout)
    assert document["ok"] is True
    found = {check["name"]: check for check in document["checks"]}
    for name in ("node", "peers", "sync", "best block", "finality", "database"):
        assert found[name]["verdict"] == "OK", found[name]
    assert "in use" in found["database"]["seen"]
    assert done.exit_code == 0
