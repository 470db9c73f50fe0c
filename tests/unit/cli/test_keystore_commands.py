"""`key insert|list|status` and `signing`: what a validator's operator types."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import AsyncMock

import pytest
from click.testing import CliRunner, Result

from btt_chain.client.amount import BTT
from btt_chain.client.chain import Chain
from btt_chain.client.errors import NotFound
from btt_chain.client.jsonrpc import Connection
from btt_chain.client.metadata import ChainMetadata
from btt_chain.client.transactions import ChainFacts
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.keystore import BABE, GRANDPA, Keystore, SigningRecord
from btt_chain.keystore.errors import KeystoreError
from btt_chain.keystore.record import recorded_keys
from btt_chain.node.service.paths import Paths
from cli.commands.keystore import bond_and_seat, on_chain
from cli.common.chain_time import ChainTime
from cli.common.validator_keys import place_of
from cli.common.validators import Sessions, Validator
from cli.program import program
from genesis.build import build
from genesis.catalogue import load
from runtime import BttRuntime
from runtime.apis.metadata import metadata
from runtime.params import PARAMS_KEY, RuntimeParams

ALICE = KeyPair.from_uri("//Alice").public
ALICE_GRANDPA = KeyPair.from_uri("//Alice", Scheme.ED25519).public
BOB_GRANDPA = KeyPair.from_uri("//Bob", Scheme.ED25519).public
HASH = b"h" * 32


def run(*args: str, input: str | None = None, **env: str) -> Result:
    return CliRunner().invoke(program, list(args), input=input, prog_name="btt-chain", env=env)


@pytest.fixture
def local(tmp_path: Path) -> list[str]:
    return ["--chain", "local", "-d", str(tmp_path)]


@pytest.fixture
def live(tmp_path: Path) -> list[str]:
    return ["--chain", "testnet", "-d", str(tmp_path)]


@pytest.fixture
def record(local: list[str], tmp_path: Path) -> Iterator[SigningRecord]:
    """Alice's record on the local chain, as a running node holds it."""
    assert run("key", "insert", *local, "--suri", "//Alice").exit_code == 0
    place = place_of(dev=False, chain="local", base_path=tmp_path)
    record = SigningRecord.open(place.paths.signing, place.genesis, ALICE)
    yield record
    record.close()


def test_one_secret_gives_both_keys_and_their_records(local: list[str], tmp_path: Path) -> None:
    done = run("key", "insert", *local, "--suri", "//Alice", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == [
        {"type": "babe", "publicKey": "0x" + ALICE.hex()},
        {"type": "gran", "publicKey": "0x" + ALICE_GRANDPA.hex()},
    ]
    assert "protects copies of the key files, not this machine" in done.stderr
    place = place_of(dev=False, chain="local", base_path=tmp_path)
    assert recorded_keys(place.paths.signing, place.genesis) == sorted([ALICE, ALICE_GRANDPA])
    store = Keystore.open(place.paths.keystore)
    assert store.public_keys(BABE) == [ALICE]
    assert store.public_keys(GRANDPA) == [ALICE_GRANDPA]
    listed = json.loads(run("key", "list", *local, "--json").stdout)
    assert [row["signed"] for row in listed] == ["nothing", "nothing"]


def test_the_password_comes_from_a_file_a_prompt_or_the_environment(
    local: list[str], tmp_path: Path
) -> None:
    word = tmp_path / "word"
    word.write_text("horse\n")
    insert = ["key", "insert", *local, "--key-type", "gran", "--suri", "//Alice"]
    assert run(*insert, "--password-filename", str(word)).exit_code == 0
    status = ["key", "status", *local, "--json"]
    assert "has a password" in run(*status).stdout
    assert "does not open" in run(*status, BTT_KEYSTORE_PASSWORD="donkey").stdout
    for more, input, env in (
        (["--password-interactive"], "horse\n", {}),
        ([], None, {"BTT_KEYSTORE_PASSWORD": "horse"}),
        (["--password-interactive"], "horse\n", {"BTT_KEYSTORE_PASSWORD": "donkey"}),
    ):
        found = json.loads(run(*status, *more, input=input, **env).stdout)["findings"]
        assert "gran key" in [one["what"] for one in found if one["good"]]
    assert run(*insert, "--password", "").exit_code == 2
    with pytest.raises(KeystoreError):
        Keystore.open(Paths(tmp_path, "btt-local").keystore)


def test_a_key_of_the_wrong_kind_is_refused(local: list[str]) -> None:
    wrong = ["--key-type", "gran", "--scheme", "sr25519", "--suri", "//Alice"]
    done = run("key", "insert", *local, *wrong)
    assert done.exit_code == 2
    assert "keys of the type gran are ed25519" in done.stderr
    done = run("key", "insert", *local, "--suri", "hunter2!")
    assert done.exit_code == 1
    assert "not usable" in done.stderr
    assert "hunter2" not in done.stderr


def test_on_a_live_chain_a_key_from_elsewhere_needs_its_record(
    live: list[str], tmp_path: Path
) -> None:
    done = run("key", "insert", *live, "--suri", "//Alice")
    assert done.exit_code == 0, done.stderr
    assert "signing import" in done.stderr
    assert not (tmp_path / "signing").exists()
    assert "no signing record" in run("key", "list", *live).stdout
    status = run("key", "status", *live)
    assert status.exit_code == 1
    assert "2 of 4 things stand in the way" in status.stderr
    flag = "--i-know-this-key-never-signed"
    assert run("key", "insert", *live, "--suri", "//Alice", flag).exit_code == 0
    assert "waits for the watch" in run("signing", "show", *live).stdout
    status = run("key", "status", *live)
    assert status.exit_code == 1
    assert "WAITS" in status.stdout
    refused = run("signing", "forget", *live, "-y")
    assert refused.exit_code == 1
    assert "never deleted" in refused.stderr


def test_status_names_what_is_not_there(local: list[str]) -> None:
    done = run("key", "status", *local)
    assert done.exit_code == 1
    assert "author_rotateKeys" in done.stdout
    assert run("key", "insert", *local, "--suri", "//Alice").exit_code == 0
    assert run("key", "status", *local).exit_code == 0


def test_a_running_key_is_shown_and_is_not_moved(local: list[str], record: SigningRecord) -> None:
    record.sign_block(7, HASH, lambda: b"s" * 64)
    status = run("key", "status", *local)
    assert status.exit_code == 0
    assert "in use by a running node" in status.stdout
    assert "slot 7" in run("signing", "show", *local).stdout
    for command in (["export"], ["forget", "-y"]):
        done = run("signing", *command, *local)
        assert done.exit_code == 1
        assert "signs with the key" in done.stderr


def test_a_key_that_another_node_used_is_shown_with_its_reason(
    local: list[str], record: SigningRecord
) -> None:
    record.doubt("another node voted in round 306 of set 1 with it")
    status = run("key", "status", *local, "--json")
    assert status.exit_code == 1
    found = {one["what"]: one for one in json.loads(status.stdout)["findings"]}
    assert not found["babe record"]["good"]
    assert "another node voted in round 306 of set 1 with it" in found["babe record"]["text"]
    assert "in use by a running node" in found["babe record"]["text"]


def test_a_record_moves_to_another_machine(
    local: list[str], record: SigningRecord, tmp_path: Path
) -> None:
    record.sign_block(7, HASH, lambda: b"s" * 64)
    record.close()
    file, there = tmp_path / "record.json", ["--chain", "local", "-d", str(tmp_path / "there")]
    assert run("signing", "export", *local, "-o", str(file)).exit_code == 0
    done = run("signing", "import", str(file), *there)
    assert done.exit_code == 0, done.stderr
    assert f"0x{ALICE.hex()}: slot 7" in done.stderr
    file.write_text(file.read_text().replace('"7"', '"5"'))
    assert f"0x{ALICE.hex()}: slot 7" in run("signing", "import", str(file), *there).stderr
    other = run("signing", "import", str(file), "--chain", "testnet", "-d", str(tmp_path))
    assert other.exit_code == 1
    assert "of another chain" in other.stderr
    assert run("signing", "import", str(tmp_path / "nowhere"), *there).exit_code == 4


def test_a_development_chain_can_begin_anew(local: list[str], record: SigningRecord) -> None:
    record.close()
    assert run("signing", "forget", *local, input="n\n").exit_code == 1
    assert record.path.exists()
    assert run("signing", "forget", *local, "-y").exit_code == 0
    assert not record.path.exists()
    for command in ("forget", "export"):
        assert run("signing", command, *local).exit_code == 4


def test_purge_chain_keeps_keys_and_records(local: list[str], record: SigningRecord) -> None:
    record.close()
    database = Paths(Path(local[-1]), "btt-local").database
    database.mkdir()
    assert run("purge-chain", *local, "-y").exit_code == 0
    assert not database.exists()
    assert record.path.exists()
    assert len(json.loads(run("key", "list", *local, "--json").stdout)) == 2


def test_a_development_chain_that_is_purged_forgets_what_it_signed(tmp_path: Path) -> None:
    dev = ["--dev", "-d", str(tmp_path)]
    genesis = build(load("dev")).hash
    SigningRecord.create(tmp_path / "signing", genesis, bytes(32)).close()
    Paths(tmp_path, "btt-dev").database.mkdir(parents=True)
    result = run("purge-chain", *dev, "-y")
    assert result.exit_code == 0, result.output
    assert not (tmp_path / "signing" / genesis.hex()).exists()


# ---- what the chain says


KEYS = {"babe": [ALICE], "gran": [ALICE_GRANDPA]}
CANDIDATE = Validator(
    address="5Stash", keys={}, active=10_000, unlocking=(), is_candidate=True, barred_until=0,
    place=None, is_queued=False, is_disabled=False, minimum_bond=10_000,
    sessions=Sessions(ChainTime(6_000, 0, 0), 5, 5, 600, 3, 6, is_election_due=False),
)  # fmt: skip


def missing(state: Validator) -> dict[str, str]:
    """Return the texts of the requirements that a stash does not meet."""
    return {one.what: one.text for one in bond_and_seat(state, BTT) if not one.is_good}


def test_each_thing_that_is_missing_is_named_with_its_remedy() -> None:
    assert missing(replace(CANDIDATE, place=1)) == {}
    assert missing(replace(CANDIDATE, is_queued=True)) == {}
    assert "send Authorities.bond" in missing(replace(CANDIDATE, place=1, active=5))["bond"]
    assert "is not elected" in missing(CANDIDATE)["active set"]
    disabled = replace(CANDIDATE, place=1, is_disabled=True)
    assert "disabled" in missing(disabled)["active set"]


async def test_a_chain_without_validators_is_reported_plainly() -> None:
    storage = AsyncMock(side_effect=NotFound("there is no pallet 'Session'"))
    (one,) = await on_chain(cast("Chain", SimpleNamespace(storage=storage)), KEYS)
    assert not one.is_good
    assert "this chain has no validators to join: there is no pallet 'Session'" in one.text


class GenesisClient:
    """Answers from the state of block zero."""

    def __init__(self, state: Mapping[bytes, bytes]) -> None:
        self.state = state

    async def call(self, method: str, *params: Any) -> Any:
        assert method == "state_getStorage"
        found = self.state.get(bytes.fromhex(params[0][2:]))
        return None if found is None else "0x" + found.hex()


async def test_a_validator_of_genesis_lacks_nothing_on_its_own_chain() -> None:
    made = build(load("local"))
    raw = metadata(BttRuntime(RuntimeParams.decode(made.state[PARAMS_KEY])), 14)
    connection = cast("Connection", GenesisClient(made.state))
    chain = Chain(connection, ChainMetadata(raw), ChainFacts(made.hash, 1, 1))
    found = {one.what: one for one in await on_chain(chain, KEYS)}
    assert [one.what for one in found.values() if not one.is_good] == []
    assert found["bond"].text == "10_000 BTT"
    outsiders = {"babe": [HASH], "gran": []}
    (one,) = await on_chain(chain, outsiders)
    assert (one.what, one.is_good) == ("babe session key", False)
    mixed = {"babe": [ALICE], "gran": [BOB_GRANDPA]}
    texts = {one.what: one.text for one in await on_chain(chain, mixed)}
    assert "different stashes" in texts["stash"]
