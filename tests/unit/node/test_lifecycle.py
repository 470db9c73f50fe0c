"""Opening a chain: the right database, the right flags, and plain words where they are wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from btt_chain.keystore import BABE, GRANDPA, Keystore, Password
from btt_chain.keystore.errors import PasswordNeeded
from btt_chain.node.dev.sealing import Instant, Interval, ManualSealer, Sealing
from btt_chain.node.keys.identity import KEY_FILE, network_key, peer_id, pick_name
from btt_chain.node.service import lifecycle
from btt_chain.node.service.config import NodeConfig, ValidatorConfig
from btt_chain.node.service.lifecycle import (
    OpenChain,
    WrongChain,
    block_retention,
    by_hand_of,
    identity_of,
    key_manager_of,
    open_chain,
    pruning_of,
)
from btt_chain.node.service.paths import Paths
from btt_chain.node.transactions.pool import PoolService
from genesis.build import build
from genesis.catalogue import load, make
from genesis.presets import CHAINS
from genesis.spec import SpecError
from storage.kv import StorageError
from storage.retention import WINDOW, BlockRetention


@pytest.fixture
def config(tmp_path: Path) -> NodeConfig:
    return NodeConfig(chain="dev-manual", base_path=tmp_path)


def seal(chain: OpenChain, blocks: int = 1) -> None:
    sealer = ManualSealer(chain.client, PoolService(chain.client))
    for _ in range(blocks):
        sealer.seal()


def sealing_of(config: NodeConfig, chain: OpenChain) -> Sealing | None:
    by_hand = by_hand_of(chain, config, PoolService(chain.client))
    return None if by_hand is None else by_hand.chosen.current


def spec_file(folder: Path, **changes: object) -> Path:
    """Write the development chain's specification with changes."""
    document = make(CHAINS["dev-manual"]).to_json() | changes
    file = folder / "spec.json"
    file.write_text(json.dumps(document))
    return file


def test_a_chain_goes_on_where_it_stopped(config: NodeConfig) -> None:
    chain = open_chain(config)
    assert chain.client.best().number == 0
    seal(chain, 2)
    best, genesis = chain.client.best(), chain.client.genesis_hash
    chain.close()
    again = open_chain(config, create=False)
    assert (again.client.best(), again.client.genesis_hash) == (best, genesis)
    seal(again)
    assert again.client.best().number == 3
    again.close()


def test_a_chain_lies_under_its_id(config: NodeConfig) -> None:
    chain = open_chain(config)
    chain.close()
    paths = Paths(config.base_path, "btt-dev-manual")
    assert chain.paths == paths
    assert paths.database == config.base_path / "chains" / "btt-dev-manual" / "db"
    assert paths.database.is_dir()


def test_a_chain_that_is_not_there_is_not_made_unasked(config: NodeConfig) -> None:
    with pytest.raises(FileNotFoundError, match="there is no chain btt-dev-manual"):
        open_chain(config, create=False)
    assert not list(config.base_path.iterdir())


def test_a_database_keeps_its_way_of_pruning(config: NodeConfig) -> None:
    open_chain(config).close()
    config.pruning = "256"
    with pytest.raises(StorageError, match="--pruning archive"):
        open_chain(config)
    config.pruning = "archive"
    open_chain(config).close()


def test_a_database_of_another_chain_is_refused(config: NodeConfig, tmp_path: Path) -> None:
    open_chain(config).close()
    document = make(CHAINS["dev-manual"]).to_json()
    genesis = document["genesis"]
    assert isinstance(genesis, dict)
    config_of = genesis["runtimeGenesis"]["config"]
    config_of["sudo"] = {"key": None}
    config.chain = str(spec_file(tmp_path, genesis=genesis))
    with pytest.raises(WrongChain, match=r"holds another chain .* purge-chain"):
        open_chain(config)


def test_a_specification_that_says_the_same_in_other_words_is_taken(
    config: NodeConfig, tmp_path: Path
) -> None:
    open_chain(config).close()
    config.chain = str(spec_file(tmp_path, name="Another name"))
    chain = open_chain(config)
    assert chain.spec.name == "Another name"
    chain.close()
    open_chain(config).close()


def test_a_misspelt_chain_is_an_error_of_the_specification(config: NodeConfig) -> None:
    config.chain = "dav"
    with pytest.raises(SpecError):
        open_chain(config)


def test_a_database_is_let_go_when_opening_fails(config: NodeConfig) -> None:
    open_chain(config).close()
    config.pruning = "1000"
    for _ in range(2):  # a lock that stayed would say something else the second time
        with pytest.raises(StorageError, match="pruning"):
            open_chain(config)


# ---- flags


@pytest.mark.parametrize(
    ("chain", "flag", "blocks"),
    [
        ("dev-manual", None, None),
        ("seed-000", None, WINDOW),
        ("dev-manual", "archive", None),
        ("dev-manual", "1000", 1_000),
        ("dev-manual", "3", WINDOW),
    ],
)
def test_pruning_is_the_chains_unless_a_flag_says_otherwise(
    chain: str, flag: str | None, blocks: int | None
) -> None:
    spec = load(chain)
    assert pruning_of(NodeConfig(chain=chain, pruning=flag), spec) == blocks


def test_a_window_below_the_least_is_said_to_be_raised(caplog: pytest.LogCaptureFixture) -> None:
    pruning_of(NodeConfig(chain="dev-manual", pruning=str(WINDOW)), load("dev-manual"))
    assert not caplog.messages
    pruning_of(NodeConfig(chain="dev-manual", pruning="255"), load("dev-manual"))
    assert "--pruning 255: 256 is the least" in caplog.text


@pytest.mark.parametrize("flag", ["", "-1", "all", "1.5", "²"])
def test_pruning_that_is_no_number_is_refused(flag: str) -> None:
    with pytest.raises(ValueError, match="--pruning"):
        pruning_of(NodeConfig(chain="dev-manual", pruning=flag), load("dev-manual"))


@pytest.mark.parametrize(
    ("flag", "retention"),
    [
        (None, None),
        ("archive", BlockRetention(forks=True)),
        ("archive-canonical", BlockRetention()),
        ("1", BlockRetention(1)),
        ("100000", BlockRetention(100_000)),
    ],
)
def test_the_retention_of_blocks_is_that_of_the_flag(
    flag: str | None, retention: BlockRetention | None
) -> None:
    assert block_retention(flag) == retention


@pytest.mark.parametrize("flag", ["", "0", "-1", "all", "1.5", "²", "9" * 5_000])
def test_a_retention_of_blocks_that_is_no_number_is_refused(flag: str) -> None:
    with pytest.raises(ValueError, match="--blocks-pruning"):
        block_retention(flag)


def test_bodies_that_were_pruned_stay_so_and_a_warning_names_them_once_more_are_wanted(
    config: NodeConfig, caplog: pytest.LogCaptureFixture
) -> None:
    config.blocks_pruning = "3"
    chain = open_chain(config)
    seal(chain, 10)
    blocks = chain.store.blocks
    whole = [ref.number for ref in blocks.canonical(0) if blocks.body(ref.hash) is not None]
    assert whole == [0, 8, 9, 10]
    chain.close()
    assert "removed before" not in caplog.text
    config.blocks_pruning = "archive-canonical"
    chain = open_chain(config)
    assert "the extrinsics of blocks below 8 were removed before" in caplog.text
    seal(chain, 3)
    assert chain.store.blocks.bodies_from == 8
    chain.close()


def test_a_development_chain_is_sealed_once_a_slot_unless_a_flag_says_otherwise(
    config: NodeConfig,
) -> None:
    chain = open_chain(config)
    assert sealing_of(config, chain) == Interval(1_000)
    config.sealing = "instant"
    assert sealing_of(config, chain) == Instant()
    config.sealing = "sometimes"
    with pytest.raises(ValueError, match="sometimes"):
        sealing_of(config, chain)
    chain.close()


def test_a_chain_with_validators_is_not_sealed_by_hand(tmp_path: Path) -> None:
    config = NodeConfig(chain="seed-000", base_path=tmp_path)
    chain = open_chain(config)
    assert sealing_of(config, chain) is None
    config.sealing = "instant"
    with pytest.raises(ValueError, match="--sealing"):
        sealing_of(config, chain)
    config.sealing, config.mock_signatures = None, True
    with pytest.raises(ValueError, match="--mock-signature-host"):
        sealing_of(config, chain)
    chain.close()


def test_a_node_starts_again_when_the_state_of_block_zero_is_gone(config: NodeConfig) -> None:
    config.pruning = "256"
    chain = open_chain(config)
    chain.store.state.window = 2
    seal(chain, 5)
    assert not chain.store.state.has_state(chain.client.genesis_hash)
    assert sealing_of(config, chain) == Interval(1_000)
    chain.close()


# ---- who the node is


def test_a_node_keeps_its_key_and_with_it_its_peer_id(tmp_path: Path) -> None:
    folder = tmp_path / "network"
    key = network_key(folder)
    assert network_key(folder).public == key.public
    assert (folder / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert peer_id(key).startswith("12D3KooW")


def test_a_damaged_key_is_refused_by_the_name_of_its_file(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_bytes(b"short")
    with pytest.raises(ValueError, match=f"{KEY_FILE}: expected 32 bytes, found 5"):
        network_key(tmp_path)


def test_what_the_node_says_of_itself_follows_from_its_chain(config: NodeConfig) -> None:
    chain = open_chain(config)
    key = network_key(chain.paths.network)
    identity = identity_of(chain, key, is_authority=True)
    assert (identity.chain_type, identity.roles) == ("Development", ("Authority",))
    assert identity.properties["tokenSymbol"] == "BTT"
    assert identity_of(chain, key, is_authority=False).roles == ("Full",)
    assert identity.local_peer_id == peer_id(key)
    chain.close()


def test_a_node_without_a_name_is_given_one() -> None:
    first, second, number = pick_name().split("-")
    assert first.isalpha()
    assert second.isalpha()
    assert len(number) == 4


def test_development_keys_are_not_used_on_a_live_chain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = NodeConfig("local", tmp_path, validator=ValidatorConfig(("//Alice",)))
    chain = open_chain(config)
    # A real Live chain has holders and validators of its own; here only its kind matters.
    made = build(chain.spec)
    monkeypatch.setattr(lifecycle, "build", lambda _: made)
    chain.spec = replace(chain.spec, chain_type="Live")
    with pytest.raises(ValueError, match=r"--dev-key: .* is Live"):
        key_manager_of(chain, config)
    chain.close()


def test_a_validator_without_keys_logs_where_to_put_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = NodeConfig("local", tmp_path, validator=ValidatorConfig())
    chain = open_chain(config)
    key_manager_of(chain, config).close()
    assert "no session keys are here" in caplog.text
    assert "btt-chain key insert" in caplog.text
    caplog.clear()
    keys = key_manager_of(chain, replace(config, validator=ValidatorConfig(("//Alice",))))
    assert [len(keys.keystore.public_keys(kind)) for kind in (BABE, GRANDPA)] == [1, 1]
    assert not caplog.messages
    keys.close()
    chain.close()


def test_keys_behind_a_password_do_not_hinder_a_node_that_signs_nothing(tmp_path: Path) -> None:
    config = NodeConfig("local", tmp_path)
    chain = open_chain(config)
    Keystore.open(chain.paths.keystore, Password("mellon")).insert(BABE, "//Alice")
    key_manager_of(chain, config).close()
    with pytest.raises(PasswordNeeded):
        key_manager_of(chain, replace(config, validator=ValidatorConfig()))
    chain.close()
