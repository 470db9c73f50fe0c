"""Commands on a small chain: the running node's, and those on the data of one that is stopped."""

from __future__ import annotations

import json
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.chain.client import Client
from btt_chain.chain.notify import BlockRef
from btt_chain.node.dev.sealing import ManualSealer
from btt_chain.node.service.config import NodeConfig
from btt_chain.node.service.lifecycle import open_chain
from btt_chain.node.service.paths import Paths
from btt_chain.node.transactions.pool import PoolService
from cli.commands.data import BlockReader
from cli.common.errors import Refused
from cli.program import program
from storage.kv import DiskFull, StorageError
from storage.state import StateStore

ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
BOB = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"


# What comes near to a line of exported JSON.
WORDS = st.sampled_from(
    ["block", "header", "extrinsics", "justifications", "parentHash", "number", "stateRoot",
     "extrinsicsRoot", "digest", "logs", "0x", "0x00", "0x06", "0x" + "00" * 32]
)  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=20,
)
HEADER_JSON = st.fixed_dictionaries(
    {
        "parentHash": WORDS,
        "number": WORDS | st.integers(),
        "stateRoot": WORDS,
        "extrinsicsRoot": WORDS,
        "digest": st.fixed_dictionaries({"logs": st.lists(WORDS | ANYTHING, max_size=2)}),
    }
)
BLOCK_JSON = st.fixed_dictionaries(
    {
        "block": st.fixed_dictionaries(
            {"header": HEADER_JSON | ANYTHING, "extrinsics": st.lists(WORDS) | ANYTHING}
        ),
        "justifications": ANYTHING,
    }
)


def run(*args: str, input: bytes | str | None = None) -> Result:
    return CliRunner().invoke(program, list(args), input=input, prog_name="btt-chain")


def document(*args: str) -> Any:
    result = run(*args, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


# ---- a running node


def test_a_transfer_arrives_and_its_fee_is_what_was_estimated(url: str) -> None:
    before = document("query", "account", "//Bob", "--url", url)
    sent = document("tx", "transfer", "--from", "//Alice", "//Bob", "1.5BTT", "--url", url)
    after = document("query", "account", BOB, "--url", url)
    assert int(after["free"]) - int(before["free"]) == 15 * 10**17
    assert sent["success"] is True
    assert sent["fee"] == sent["feeEstimate"]
    assert sent["events"][-1]["event"] == "System.ExtrinsicSuccess"
    block = document("query", "block", sent["block"]["hash"], "--url", url)
    assert block["number"] == sent["block"]["number"]
    view = block["extrinsics"][sent["index"]]
    assert (view["hash"], view["signer"]) == (sent["hash"], ALICE)
    assert view["arguments"] == {"dest": {"Id": BOB}, "value": "1500000000000000000"}


def test_the_author_whom_a_digest_names_is_a_validator_whose_session_never_ends(url: str) -> None:
    for _ in range(2):
        run("tx", "transfer", "--from", "//Alice", "//Bob", "1BTT", "--url", url)
    stored = {
        item: document("query", "storage", item, "--url", url)["value"]
        for item in ("Session.Validators", "Session.CurrentIndex", "Grandpa.CurrentSetId")
    }
    assert stored["Session.Validators"] == [ALICE]
    assert (int(stored["Session.CurrentIndex"]), int(stored["Grandpa.CurrentSetId"])) == (0, 0)
    (author,) = document("query", "storage", "Babe.Authorities", "--url", url)["value"]
    assert author[0] == document("key", "inspect", "//Alice")["publicKey"]


def test_a_path_is_refused_as_the_key_of_a_transaction(url: str) -> None:
    result = run("tx", "transfer", "--from", "/home/me/key", "//Bob", "1BTT", "--url", url)
    assert result.exit_code == 4
    assert "/home/me/key: there is no such file" in result.stderr


def test_a_path_with_a_slash_too_many_is_refused_as_a_recipient(url: str) -> None:
    # It was the account of a key below the public development phrase.
    result = run("tx", "transfer", "--from", "//Alice", "//home/me/key", "1BTT", "--url", url)
    assert result.exit_code == 2
    assert "//home/me/key looks like the path of a file" in result.stderr


@pytest.mark.parametrize("scheme", ["ed25519", "ecdsa"])
def test_every_kind_of_key_can_pay(url: str, scheme: str) -> None:
    who = json.loads(run("key", "inspect", "//Payer", "--scheme", scheme, "--json").stdout)
    to = who["ss58Address"]
    options = ("--wait", "finalized", "--url", url)
    document("tx", "transfer", "--from", "//Alice", to, "1BTT", *options)
    back = ("--from", "//Payer", "--scheme", scheme, "--immortal", "--tip", "1mBTT")
    sent = document("tx", "transfer", *back, ALICE, "100mBTT", *options)
    assert sent["success"] is True
    assert sent["finalized"] is True


def test_every_amount_of_a_call_needs_its_unit(url: str) -> None:
    call = ("tx", "call", "Vesting.vested_transfer", "--from", "//Alice", "--url", url, "//Bob")
    schedule = {"locked": "2BTT", "per_block": "1planck", "starting_block": 5}
    shown = run(*call, json.dumps(schedule)).stdout
    assert "schedule: {locked: 2 BTT, per_block: 1 planck, starting_block: 5}" in shown
    bare = run(*call, json.dumps(schedule | {"locked": 2}))
    assert bare.exit_code == 2
    assert "schedule.locked: '2' has no unit" in bare.stderr
    assert run("tx", "transfer", "--from", "//Alice", "//Bob", "2", "--url", url).exit_code == 2


def test_a_call_that_fails_in_its_block_fails_the_command(url: str) -> None:
    far_too_much = ("//Alice", "1_000_000_000BTT", "--force")
    result = run("tx", "transfer", "--from", "//Bob", *far_too_much, "--url", url)
    assert result.exit_code == 1
    assert "the call failed in block" in result.stderr
    assert "Token.FundsUnavailable" in result.stderr
    assert "System.ExtrinsicFailed" in result.stdout


@pytest.mark.parametrize(
    ("name", "argument", "why"),
    [
        (
            "Utility.batch",
            '[{"call": "Balances.transfer_keep_alive", "args": ["//Bob", "1000000000BTT"]}]',
            "Utility.BatchInterrupted: Token.FundsUnavailable",
        ),
        (
            "Sudo.sudo",
            '{"call": "Balances.force_transfer", "args": ["//Bob", "//Eve", "1000000000BTT"]}',
            "Sudo.Sudid: Token.FundsUnavailable",
        ),
    ],
)
def test_a_call_that_fails_inside_of_another_fails_the_command(
    url: str, name: str, argument: str, why: str
) -> None:
    result = run("tx", "call", name, argument, "--from", "//Alice", "--url", url)
    assert result.exit_code == 1
    assert why in result.stderr


def test_a_failed_call_is_explained_in_the_words_of_its_pallet(url: str) -> None:
    call = '{"call": "System.remark", "args": ["hi"]}'
    result = run("tx", "call", "Sudo.sudo", call, "--from", "//Bob", "--url", url)
    assert result.exit_code == 1
    assert "Sudo.RequireSudo: " in result.stderr


def test_a_transaction_of_an_account_without_money_is_refused(url: str) -> None:
    result = run("tx", "transfer", "--from", "//Unfunded", "//Bob", "1BTT", "--url", url)
    assert result.exit_code == 1
    assert "Inability to pay some fees" in result.stderr
    assert "no block can contain it" in result.stderr
    forced = run("tx", "transfer", "--from", "//Unfunded", "//Bob", "1BTT", "--force", "--url", url)
    assert (forced.exit_code, "(code 1010)" in forced.stderr) == (1, True)


def test_a_transaction_can_be_signed_without_a_network(url: str, tmp_path: Path) -> None:
    facts = tmp_path / "facts.json"
    assert run("query", "facts", "-o", str(facts), "--url", url).exit_code == 0
    nonce = str(document("query", "account", "//Dave", "--url", url)["nonce"])
    call = ("Balances.transfer_keep_alive", "//Bob", "1BTT", "--from", "//Dave")
    offline = ("--offline", str(facts))
    without = run("tx", "sign", *call, *offline)
    assert without.exit_code == 2
    assert "--offline needs --nonce" in without.stderr
    wire = tmp_path / "wire"
    wire.write_text(run("tx", "sign", *call, *offline, "--nonce", nonce).stdout)
    shown = document("tx", "info", str(wire), *offline)
    assert shown["call"] == "Balances.transfer_keep_alive"
    assert shown["extensions"]["CheckNonce"] == int(nonce)
    assert document("tx", "submit", str(wire), "--url", url)["success"] is True
    again = run("tx", "submit", str(wire), "--url", url)
    assert again.exit_code == 1
    assert "Transaction is outdated" in again.stderr


def test_a_file_that_holds_no_facts_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "facts.json"
    file.write_text("{}")
    result = run("tx", "info", "0x00", "--offline", str(file))
    assert result.exit_code == 1
    assert "is not a file of `btt-chain query facts`" in result.stderr


def test_a_transaction_can_be_left_to_the_pool(url: str) -> None:
    call = ("tx", "call", "System.remark", "hi", "--from", "//Eve", "--wait", "none")
    assert document(*call, "--url", url)["hash"].startswith("0x")


def test_storage_is_read_by_name(url: str) -> None:
    issuance = run("query", "storage", "Balances.TotalIssuance", "--at", "0", "--url", url)
    assert issuance.stdout == "21_000_000 BTT\n"
    account = document("query", "storage", "System.Account", "//Alice", "--url", url)
    assert account["isDefault"] is False
    assert isinstance(account["value"]["data"]["free"], str)
    missing = document("query", "storage", "System.Account", "//Unfunded", "--url", url)
    assert missing["isDefault"] is True


def test_the_entries_of_a_map_are_listed(url: str) -> None:
    pools = run("query", "storage", "Tokenomics.Pools", "--url", url).stdout
    assert "btt/mine" in pools, "names are shown as names"
    pool = document("query", "storage", "Tokenomics.Pools", "btt/mine", "--url", url)
    assert int(pool["value"]["allocated"]) == 6_300_000 * 10**18
    found = document("query", "storage", "System.Account", "--limit", "5", "--url", url)
    assert len(found["entries"]) == 5
    assert found["more"] is True
    every = document("query", "storage", "System.Account", "--limit", "1000", "--url", url)
    assert every["more"] is False
    assert [ALICE] in [entry["keys"] for entry in every["entries"]]


def test_history_is_asked_by_number_and_by_hash(url: str) -> None:
    genesis = json.loads(run("query", "rpc", "chain_getBlockHash", "0", "--url", url).stdout)
    for at in ("0", genesis):
        then = document("query", "account", "//Alice", "--at", at, "--url", url)
        assert then["free"] == str(190_000 * 10**18)
        assert then["reserved"] == str(10_000 * 10**18)  # her bond


def test_constants_and_metadata_can_be_browsed(url: str) -> None:
    deposit = document("query", "constant", "balances.existentialDeposit", "--url", url)
    assert deposit["value"] == str(10**15)
    pallets = document("query", "pallets", "--url", url)
    assert {"System", "Balances", "Vesting"} <= {pallet["name"] for pallet in pallets}
    calls = document("query", "calls", "Balances", "--url", url)
    assert calls[0]["call"] == "Balances.transfer_allow_death"
    assert document("query", "events", "Balances", "--url", url)
    shown = run("query", "storage", "System.Account", "//Alice", "--url", url).stdout
    assert " BTT, reserved: 10_000 BTT" in shown
    assert document("query", "errors", "--url", url)
    items = document("query", "items", "System", "--url", url)
    assert any(item["name"] == "System.Account" for item in items)


@pytest.mark.parametrize(
    "args",
    [
        ["account", "//Alice", "--at", "999999"],
        ["block", "0x" + "00" * 32],
        ["constant", "Balances.Nothing"],
        ["storage", "Nothing.Here"],
        ["calls", "Nothing"],
    ],
)
def test_what_the_chain_does_not_have_is_exit_code_four(url: str, args: list[str]) -> None:
    result = run("query", *args, "--url", url)
    assert result.exit_code == 4
    assert result.stderr.count("\n") == 1


def test_a_block_is_shown_whole(url: str) -> None:
    shown = run("query", "block", "1", "--url", url).stdout
    for word in ("state root", "Timestamp.set", "System.ExtrinsicSuccess"):
        assert word in shown


# ---- a node that is stopped


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a dev chain with seven blocks, of which five are final."""
    path = tmp_path_factory.mktemp("stopped")
    chain = open_chain(NodeConfig("dev-manual", path))
    sealer = ManualSealer(chain.client, PoolService(chain.client))
    for number in range(1, 8):
        sealer.seal(finalize=number <= 5)
    chain.close()
    return path


@pytest.fixture
def exported(base: Path, tmp_path: Path) -> Path:
    file = tmp_path / "blocks"
    assert (
        run("export-blocks", "--chain", "dev-manual", "-d", str(base), "-o", str(file)).exit_code
        == 0
    )
    return file


def test_an_export_of_pruned_blocks_names_the_first_one_that_is_whole(tmp_path: Path) -> None:
    chain = open_chain(NodeConfig("dev-manual", tmp_path, blocks_pruning="3"))
    sealer = ManualSealer(chain.client, PoolService(chain.client))
    for _ in range(9):
        sealer.seal()
    chain.close()
    file = tmp_path / "blocks"
    options = ("export-blocks", "--chain", "dev-manual", "-d", str(tmp_path), "-o", str(file))
    refused = run(*options)
    assert refused.exit_code == 4
    assert "whole blocks from 7 on: give --from 7" in refused.stderr
    assert not file.exists()
    assert run(*options, "--from", "7").exit_code == 0


@pytest.mark.parametrize("form", ["--binary", "--json"])
def test_exported_blocks_can_be_imported(base: Path, tmp_path: Path, form: str) -> None:
    file, copy = tmp_path / "blocks", tmp_path / "copy"
    part = run(
        "export-blocks",
        "--chain",
        "dev-manual",
        "-d",
        str(base),
        form,
        "--to",
        "4",
        "--output",
        str(file),
    )
    assert "4 blocks written, 1 to 4" in part.stderr
    first = run("import-blocks", str(file), "--chain", "dev-manual", "-d", str(copy))
    assert "4 blocks imported, 0 were known" in first.stderr
    whole = run("export-blocks", "--chain", "dev-manual", "-d", str(base), form).stdout_bytes
    second = run("import-blocks", "--chain", "dev-manual", "-d", str(copy), input=whole)
    assert "3 blocks imported, 4 were known" in second.stderr
    checked = document("check-block", "7", "--chain", "dev-manual", "-d", str(copy))
    assert checked["number"] == 7
    assert document("check-block", checked["hash"], "--chain", "dev-manual", "-d", str(base)) == {
        **checked,
        "milliseconds": pytest.approx(checked["milliseconds"], abs=1e9),
    }


def test_a_cut_file_is_imported_as_far_as_it_goes(exported: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    cut.write_bytes(exported.read_bytes()[:-3])
    result = run("import-blocks", str(cut), "--chain", "dev-manual", "-d", str(tmp_path / "copy"))
    assert result.exit_code == 1
    assert "the file is cut or damaged after 6 of 7 blocks" in result.stderr
    assert (
        document("check-block", "6", "--chain", "dev-manual", "-d", str(tmp_path / "copy"))[
            "number"
        ]
        == 6
    )


def test_a_store_that_fails_is_what_is_reported_and_nothing_is_written_after(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> BlockRef:
        raise DiskFull("the disk is full")

    def refuse(*_: object) -> None:
        raise StorageError("an earlier write failed")

    monkeypatch.setattr(Client, "import_block", full)
    monkeypatch.setattr(Client, "finalize", refuse)
    result = run(
        "import-blocks", str(exported), "--chain", "dev-manual", "-d", str(tmp_path / "copy")
    )
    assert result.exit_code == 1
    assert "the disk is full" in result.stderr
    assert "earlier" not in result.stderr


def test_a_block_on_a_pruned_state_cannot_be_checked(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StateStore, "has_state", lambda _self, _hash: False)
    result = run("check-block", "3", "--chain", "dev-manual", "-d", str(base))
    assert result.exit_code == 4
    assert "the state of block 3's parent is pruned" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_changed_block_is_not_imported(exported: Path, tmp_path: Path) -> None:
    raw = bytearray(exported.read_bytes())
    raw[8 + 32 + 1 + 5] ^= 1  # in the state root of block 1
    exported.write_bytes(raw)
    result = run(
        "import-blocks", str(exported), "--chain", "dev-manual", "-d", str(tmp_path / "copy")
    )
    assert result.exit_code == 1
    assert "block 1 is invalid" in result.stderr


def test_blocks_that_do_not_connect_are_refused(base: Path, tmp_path: Path) -> None:
    file = tmp_path / "late"
    run("export-blocks", "--chain", "dev-manual", "-d", str(base), "--from", "3", "-o", str(file))
    result = run("import-blocks", str(file), "--chain", "dev-manual", "-d", str(tmp_path / "copy"))
    assert result.exit_code == 1
    assert "block 3 does not connect" in result.stderr


@pytest.mark.parametrize("raw", [b"", b"abc", b'{"block": 5}', b"{" * 100, b'{"a":1}\n{}'])
def test_a_file_without_blocks_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused):
        list(BlockReader(BytesIO(raw)))


@pytest.mark.fuzz
@given(
    st.binary(max_size=400)
    | st.builds(
        lambda count, raw: count.to_bytes(8, "little") + raw, st.integers(0, 9), st.binary()
    )
    | st.text(max_size=200).map(lambda text: b"{" + text.encode(errors="replace"))
    | BLOCK_JSON.map(lambda block: json.dumps(block).encode())
)
def test_no_file_does_worse_than_being_refused(raw: bytes) -> None:
    with suppress(Refused):
        list(BlockReader(BytesIO(raw)))


def test_a_count_that_lies_is_found_out() -> None:
    with pytest.raises(Refused, match="after 0 of"):
        list(BlockReader(BytesIO((2**60).to_bytes(8, "little"))))


def test_only_what_is_not_final_is_taken_back(base: Path, exported: Path, tmp_path: Path) -> None:
    # Imported blocks become final, so this works on the original.
    gone = document("revert", "1", "--chain", "dev-manual", "-d", str(base))
    assert [block["number"] for block in gone["reverted"]] == [7]
    rest = run("revert", "--chain", "dev-manual", "-d", str(base))
    assert "block 5 is final and stays" in rest.stderr
    assert (
        run("import-blocks", str(exported), "--chain", "dev-manual", "-d", str(base)).exit_code == 0
    )


def test_finality_restarts_at_no_block_that_changes_no_voters(base: Path) -> None:
    def refused(block: str) -> str:
        result = run("restart-finality", block, "--chain", "dev-manual", "-d", str(base), "--yes")
        assert result.exit_code != 0
        return result.stderr

    head = document("check-block", "7", "--chain", "dev-manual", "-d", str(base))["hash"]
    early = document("check-block", "4", "--chain", "dev-manual", "-d", str(base))["hash"]
    assert "name the block by its hash" in refused("7")
    assert "is not in the database" in refused("0x" + "11" * 32)
    assert "has the voters of set 0 still" in refused(head)
    assert "does not descend from the final block" in refused(early)


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["check-block", "99"], 4),
        (["check-block", "0x00"], 4),
        (["check-block", "0"], 2),
        (["check-block", "x"], 2),
        (["export-blocks", "--to", "99"], 4),
        (["export-blocks", "--from", "5", "--to", "4"], 2),
    ],
)
def test_blocks_that_are_not_there_are_not_invented(base: Path, args: list[str], code: int) -> None:
    result = run(*args, "--chain", "dev-manual", "-d", str(base))
    assert result.exit_code == code
    assert result.stderr.count("\n") == 1


def test_purging_keeps_the_keys(base: Path, exported: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    run("import-blocks", str(exported), "--chain", "dev-manual", "-d", str(copy))
    paths = Paths(copy, "btt-dev-manual")
    paths.keystore.mkdir()
    assert run("purge-chain", "--chain", "dev-manual", "-d", str(copy), input="n\n").exit_code == 1
    assert paths.database.exists()
    assert run("purge-chain", "--chain", "dev-manual", "-d", str(copy), "-y").exit_code == 0
    assert not paths.database.exists()
    assert paths.keystore.exists()
    assert run("purge-chain", "--chain", "dev-manual", "-d", str(copy), "-y").exit_code == 4


def test_data_in_use_is_left_alone(base: Path) -> None:
    chain = open_chain(NodeConfig("dev-manual", base))
    try:
        busy = run("check-block", "1", "--chain", "dev-manual", "-d", str(base))
    finally:
        chain.close()
    assert busy.exit_code == 1
    assert "another node is using" in busy.stderr


def test_a_specification_can_be_made_and_read_back(tmp_path: Path) -> None:
    file = tmp_path / "dev.json"
    assert run("build-spec", "--chain", "dev", "-o", str(file)).exit_code == 0
    again = run("build-spec", "--chain", str(file))
    assert again.stdout == file.read_text()
    raw = json.loads(run("build-spec", "--chain", str(file), "--raw").stdout)
    assert "0x3a636f6465" in raw["genesis"]["raw"]["top"]


def test_a_wrong_specification_is_refused_with_the_place(tmp_path: Path) -> None:
    file = tmp_path / "dev.json"
    run("build-spec", "--chain", "dev", "-o", str(file))
    spec = json.loads(file.read_text())
    spec["chainType"] = 5
    file.write_text(json.dumps(spec))
    result = run("build-spec", "--chain", str(file))
    assert result.exit_code == 1
    assert "chainType" in result.stderr
    assert run("build-spec", "--chain", str(file), "--holders", str(file)).exit_code == 2


def test_the_schedule_is_printed_as_csv() -> None:
    lines = run("tokenomics", "schedule", "--preset", "seed-000", "--csv").stdout.splitlines()
    assert lines[0] == "preset,key,month,vested_planck"
    rows = [line.split(",") for line in lines[1:]]
    assert {row[0] for row in rows} == {"seed-000"}
    assert {int(row[2]) for row in rows} == set(range(97))
    table = document("tokenomics", "schedule", "--preset", "seed-000")
    assert len(table) == len(rows)
    assert "month" in run("tokenomics", "schedule", "--preset", "seed-000").stdout
