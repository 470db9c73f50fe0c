"""Programs beside the nodes of a devnet: written down, found again, stopped."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from btt_chain.testing import Devnet, DevnetError
from btt_chain.testing.creation import HOSPITAL, MARKET
from btt_chain.testing.helper import Helper
from btt_chain.testing.market import EXAMPLE
from btt_chain.testing.process import MIN_PORT, free_ports, inherited, is_taken
from btt_chain.testing.specification import lacks, runtime_of
from btt_chain.testing.state import SPEC_FILE
from genesis.presets import CHAINS


def test_a_network_without_providers_has_no_helpers(tmp_path: Path) -> None:
    assert Devnet.create(tmp_path / "net", validators=1).helpers == []


def test_the_usual_slots_are_those_of_the_chain_local(tmp_path: Path) -> None:
    net = Devnet.create(tmp_path / "net", validators=1)
    spec = json.loads((tmp_path / "net" / SPEC_FILE).read_text())
    params = spec["genesis"]["runtimeGenesis"]["config"]["params"]
    assert net.slot_ms == params["slotMs"] == CHAINS["local"].slot_ms == 500
    assert params["epochSlots"] == 40


def test_providers_and_their_market_are_found_again(tmp_path: Path) -> None:
    made = Devnet.create(tmp_path / "net", validators=2, providers=3)
    again = Devnet.open(tmp_path / "net")
    names = [MARKET, "Provider-0", "Provider-1", "Provider-2"]
    for net in (made, again):
        assert [helper.name for helper in net.helpers] == names
        assert net.helper(MARKET).key == HOSPITAL
        assert made.nodes[0].ws in net.helper("Provider-2").words
        assert "//Provider//1=//Bob" in net.helper(MARKET).words
    with pytest.raises(DevnetError, match="no Provider-3"):
        made.helper("Provider-3")
    # Providers of before have bonds and jobs: they come again, whatever is said.
    assert len(Devnet.create(tmp_path / "net", validators=2).helpers) == 4


def test_feeders_are_found_again_and_keep_the_prices_of_their_files(tmp_path: Path) -> None:
    base = tmp_path / "net"
    made = Devnet.create(base, validators=2, providers=1, feeders=True)
    names = [MARKET, "Provider-0", "Feeder-Dave", "Feeder-Eve", "Feeder-Ferdie"]
    files = sorted((base / "prices").iterdir())
    assert [file.name for file in files] == ["a.json", "b.json", "c.json"]
    files[0].write_text('{"cny": "0.41"}')
    again = Devnet.create(base, validators=2)
    for net in (made, again, Devnet.open(base)):
        assert [helper.name for helper in net.helpers] == names
        feeder = net.helper("Feeder-Eve")
        assert feeder.key == "//Eve"
        assert {"BTT/CNY", f"file:{files[1]}#/{{quote_}}"} <= set(feeder.words)
        assert [helper.is_provider for helper in net.helpers] == [False, True, False, False, False]
    assert files[0].read_text() == '{"cny": "0.41"}'


def test_the_set_of_features_is_in_the_genesis_and_decides_what_runs(tmp_path: Path) -> None:
    base = tmp_path / "net"
    with pytest.raises(DevnetError, match="the runtime standard has no oracle for prices"):
        Devnet.create(base, validators=1, runtime="standard", feeders=True)
    assert not (base / SPEC_FILE).exists()
    net = Devnet.create(base, validators=1, runtime="standard", providers=1)
    assert (net.runtime, len(net.helpers)) == ("standard", 2)
    again = Devnet.create(base)
    assert (again.runtime, len(again.helpers)) == ("standard", 2)
    with pytest.raises(DevnetError, match=r"has the runtime standard, not full: .* --fresh"):
        Devnet.create(base, runtime="full")
    with pytest.raises(DevnetError, match="'least' is not one of 'minimal', 'standard', 'full'"):
        Devnet.create(tmp_path / "other", runtime="least")


def test_a_raw_specification_names_no_set() -> None:
    assert runtime_of('{"genesis": {"raw": {"top": {}}}}') is None
    assert runtime_of('{"genesis": {"runtimeGenesis": {"patch": {"params": {}}}}}') == "full"
    assert not lacks('{"genesis": {"runtimeGenesis": {"patch": {}}}}', "oracle")
    with pytest.raises(DevnetError, match="the specification is not JSON"):
        runtime_of("[")


def test_feeders_need_no_providers(tmp_path: Path) -> None:
    made = Devnet.create(tmp_path / "net", validators=1, feeders=True)
    assert len(made.helpers) == 3


def test_a_network_of_before_is_read_by_this_program(tmp_path: Path) -> None:
    Devnet.create(tmp_path / "net", validators=1)
    file = tmp_path / "net" / "devnet.json"
    document = json.loads(file.read_text())
    del document["helpers"]
    file.write_text(json.dumps(document))
    assert Devnet.open(tmp_path / "net").helpers == []


def test_a_helper_is_a_process_that_can_be_killed_and_started_again(tmp_path: Path) -> None:
    words = ["-c", "import time; print('here', flush=True); time.sleep(600)"]
    helper = Helper("Sleeper", tmp_path / "sleeper", words, "//Sleeper")
    try:
        for times in (1, 2):
            helper.start()
            with pytest.raises(DevnetError, match="runs already"):
                helper.start()
            deadline = time.monotonic() + 60
            while helper.tail().count("here") < times and time.monotonic() < deadline:
                time.sleep(0.05)
            assert helper.tail().count("here") == times
            helper.kill()
            assert not helper.is_alive
    finally:
        helper.kill()


def test_the_example_has_rows_for_its_model() -> None:
    pytest.importorskip("numpy", reason="numpy is not installed: pip install '.[work]'")
    from btt_chain.work.package import load

    package = load(EXAMPLE / "breast-cancer.btt")
    rows = json.loads((EXAMPLE / "rows.json").read_text())
    (width,) = package.manifest.graph.inputs[0].dims
    assert len(rows) == 40
    assert {len(row) for row in rows} == {int(width)}


def test_a_port_is_none_that_an_outgoing_connection_could_have_while_its_node_is_down() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = free_ports(30)
    assert len(set(ports)) == 30
    assert all(MIN_PORT <= port < max(first, MIN_PORT + 1_000) for port in ports)
    assert not any(map(is_taken, ports))


def test_programs_do_not_inherit_an_operators_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BTT_CONFIG", "BTT_NODE_RESERVED_ONLY"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("BTT_SEED", "7")
    given = inherited()
    assert given["BTT_SEED"] == "7"
    assert not {"BTT_CONFIG", "BTT_NODE_RESERVED_ONLY"} & set(given)
