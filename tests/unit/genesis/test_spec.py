"""The chain specification: what is read, what is refused, and in which words."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.crypto.uri import DEV_PHRASE
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digits import to_hex
from genesis.accounts import address
from genesis.build import build, to_raw
from genesis.catalogue import load, make, presets
from genesis.presets import CHAINS
from genesis.spec import ChainSpec, Raw, SpecError, read_spec
from support.vectors import vectors_dir

Change = Callable[[dict[str, Any]], None]

EVERY_CHAIN = pytest.mark.parametrize("preset", CHAINS)
FILES = {preset: make(chain).dumps() for preset, chain in CHAINS.items()}
UNKNOWN = address(AccountId(bytes(range(32))))


def document(preset: str) -> dict[str, Any]:
    return dict(json.loads(FILES[preset]))


def config(spec: dict[str, Any]) -> dict[str, Any]:
    return dict(spec["genesis"]["runtimeGenesis"]["config"])


def check(spec: dict[str, Any]) -> ChainSpec:
    """Read and build, as `--chain FILE` does."""
    found = read_spec(json.dumps(spec))
    build(found)
    return found


def refusal(spec: dict[str, Any]) -> str:
    with pytest.raises(SpecError) as caught:
        check(spec)
    return str(caught.value)


@EVERY_CHAIN
def test_a_file_reads_back_as_it_was_written(preset: str) -> None:
    spec = make(CHAINS[preset])
    assert read_spec(spec.dumps()) == spec


@EVERY_CHAIN
def test_plain_and_raw_are_the_same_chain(preset: str) -> None:
    spec = make(CHAINS[preset])
    raw = read_spec(to_raw(spec).dumps())
    assert isinstance(raw.genesis, Raw)
    assert build(raw).hash == build(spec).hash
    assert build(raw).unheld == build(spec).unheld
    assert (raw.id, raw.chain_type, raw.properties) == (spec.id, spec.chain_type, spec.properties)


def test_amounts_may_be_numbers_however_large() -> None:
    spec = document("dev")
    for row in config(spec)["balances"]["balances"]:
        row[1] = int(row[1])
    assert build(check(spec)).hash == build(make(CHAINS["dev"])).hash


def test_a_patch_is_as_good_as_a_config() -> None:
    spec = document("dev")
    inner = spec["genesis"]["runtimeGenesis"]
    inner["patch"] = inner.pop("config")
    assert build(check(spec)).hash == build(make(CHAINS["dev"])).hash


def test_a_chain_of_ones_own_needs_no_allocation() -> None:
    spec = document("dev") | {"id": "mine"}
    del spec["allocation"]
    parts = config(spec)
    parts["params"]["chainId"] = "mine"
    parts["balances"] = {"balances": [[UNKNOWN, str(10**24)]]}
    parts["vesting"] = parts["tokenomics"] = {}
    parts["authorities"] = parts["session"] = parts["receipts"] = parts["oracle"] = {}
    spec["genesis"]["runtimeGenesis"]["config"] = parts
    assert build(check(spec)).hash != build(make(CHAINS["dev"])).hash


def test_another_symbol_than_the_runtimes_is_refused_also_in_a_raw_specification() -> None:
    spec = document("dev")
    spec["properties"]["tokenSymbol"] = "XYZ"
    raw = replace(to_raw(make(CHAINS["dev"])), properties=spec["properties"])
    for wrong in (read_spec(json.dumps(spec)), raw):
        with pytest.raises(SpecError, match=r"properties\.tokenSymbol: expected BTT"):
            build(wrong)
    _set(*RUNTIME, "params", "tokenSymbol", to="XYZ")(spec)
    build(check(spec))


# --- what is refused, and in which words ----------------------------------------

CONFIG = "spec.genesis.runtimeGenesis.config"


def _rows(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return list(spec["allocation"]["allocations"])


def _set(*path: str | int, to: object) -> Change:
    def change(spec: dict[str, Any]) -> None:
        inner: Any = spec
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = to

    return change


def _drop(*path: str | int) -> Change:
    def change(spec: dict[str, Any]) -> None:
        inner: Any = spec
        for name in path[:-1]:
            inner = inner[name]
        del inner[path[-1]]

    return change


def _twice(*path: str | int) -> Change:
    def change(spec: dict[str, Any]) -> None:
        inner: Any = spec
        for name in path:
            inner = inner[name]
        inner.append(copy.deepcopy(inner[0]))

    return change


RUNTIME = ("genesis", "runtimeGenesis", "config")
ROWS = ("allocation", "allocations")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_drop("name"), "spec.name: missing"),
        (_drop("genesis"), "spec.genesis: missing"),
        (_set("bootnodes", to=[]), "spec.bootnodes: unknown field"),
        (_set("bootNodes", to=["10.0.0.1"]), "spec.bootNodes[0]: expected an address such as"),
        (_set("id", to="../../etc"), "spec.id: expected letters, digits"),
        (_set("chainType", to="Mainnet"), "spec.chainType: expected Development, Local, Live"),
        (_set("telemetryEndpoints", to=[["wss://x", 300]]), "spec.telemetryEndpoints[0][1]:"),
        (_set("properties", to=[]), "spec.properties: expected an object"),
        (_set("properties", "ss58Format", to=99999), "spec.properties.ss58Format: expected"),
        (_set("codeSubstitutes", to={"1": "0x"}), "spec.codeSubstitutes: expected nothing"),
        (_set("genesis", to={"raw": {}}), "spec.genesis.raw.top: missing"),
        (_set("genesis", to={"runtimeGenesis": {}}), 'either "config" or "patch"'),
        (_set("genesis", "runtimeGenesis", "config", to=7), f"{CONFIG}: expected an object"),
        (_drop(*RUNTIME, "params"), f"{CONFIG}.params: missing"),
        (_set(*RUNTIME, "params", "slotMs", to=7), f"{CONFIG}.params.slotMs: a slot of 7 ms"),
        (_set(*RUNTIME, "params", "slotMs", to=0), f"{CONFIG}.params.slotMs: a slot of 0 ms"),
        (_set(*RUNTIME, "params", "slotMs", to=1), f"{CONFIG}.params.slotMs: a slot of 1 ms is"),
        (_set(*RUNTIME, "params", "slotMs", to=2_000), "vesting.vesting[0][1]: expected 7889400"),
        (_set(*RUNTIME, "params", "chainId", to="x"), f"{CONFIG}.params.chainId: expected btt-dev"),
        (_set(*RUNTIME, "surprise", to={}), f"{CONFIG}.surprise: unknown field"),
        (_set(*RUNTIME, "babe", "engine", to="randomness"), f"{CONFIG}.babe.engine: expected"),
        (_set(*RUNTIME, "babe", "secondaryRule", to="x"), f"{CONFIG}.babe.secondaryRule: exp"),
        (_set(*RUNTIME, "babe", "randomness", to="0x"), f"{CONFIG}.babe.randomness: expected"),
        (_set(*RUNTIME, "babe", "epochConfig", "c", to=[2, 1]), "babe.epochConfig.c: expected"),
        (_set(*RUNTIME, "params", "epochSlots", to=0), f"{CONFIG}.params: an epoch has"),
        (_set(*RUNTIME, "params", "tokenSymbol", to="B T"), f"{CONFIG}.params: the token's symbol"),
        (_set(*RUNTIME, "params", "epochSlots", to="x"), "params.epochSlots: expected a whole"),
        (_set(*RUNTIME, "session", "keys", 0, 2, "babe", to="0x"), "session.keys[0][2].babe: "),
        (_set(*RUNTIME, "authorities", "bonds", 0, 1, to="1"), "authorities.bonds[0][1]: "),
        (_set(*RUNTIME, "babe", to=[]), f"{CONFIG}.babe: expected an object"),
        (_set(*RUNTIME, "sudo", "key", to="5Grw"), f"{CONFIG}.sudo.key: "),
        (_drop(*RUNTIME, "balances"), f"{CONFIG}.balances: missing"),
        (_twice(*RUNTIME, "balances", "balances"), "here twice"),
        (_drop(*RUNTIME, "balances", "balances", 0), "of row bitwave is missing"),
        (
            _set(*RUNTIME, "balances", "balances", 3, 1, to="1"),
            "[3][1]: expected 630000000000000000000000 planck, what lies there of row web3v_knc",
        ),
        (
            _set(*RUNTIME, "balances", "balances", 0, 0, to=UNKNOWN),
            "balances.balances[0][0]: in no row of the allocation",
        ),
        (
            _set(*RUNTIME, "vesting", "vesting", 2, 2, to=1),
            "vesting.vesting[2][2]: expected 157788000, as row mdao has it",
        ),
        (_drop(*RUNTIME, "vesting", "vesting", 1), "of row cdhg is missing"),
        (_twice(*RUNTIME, "vesting", "vesting"), "vesting.vesting[8][0]: no row"),
        (
            _set(*RUNTIME, "vesting", "vestingExt", to=[[UNKNOWN, 1]]),
            "vesting.vestingExt[0][0]: no row",
        ),
        (
            _set("allocation", "supply", to="1"),
            "spec.allocation.allocations[0].amount: row bitwave",
        ),
        (
            _set("allocation", "vesting_reading", to="C"),
            "spec.allocation.vesting_reading: expected",
        ),
        (_set("allocation", "vesting_reading", to="A"), "not what seed-000 says"),
        (_set(*ROWS, 4, "pct", to=3), "allocations[4].amount: row cryptoseed_an is 3 %"),
        (_set(*ROWS, 4, "amount", to="9"), "allocations[4].amount: row cryptoseed_an is 2 %"),
        (
            _set(*ROWS, 4, "dur_m", to=29),
            "allocations[4].dur_m: row cryptoseed_an of",
        ),
        (_set(*ROWS, 4, "holder", to="Me"), "allocations[4].holder: row cryptoseed_an of"),
        (_set(*ROWS, 4, "key", to="me"), "spec.allocation.allocations: the rows of seed-000 are"),
        (_twice(*ROWS), "allocations[17].key: there is a row bitwave already"),
        (_drop(*ROWS, 16), "less than the supply"),
        (_set(*ROWS, 0, "accounts", to=[]), "the accounts of row bitwave hold 0 planck"),
        (_drop(*ROWS, 0, "accounts"), "allocations[0].accounts: missing"),
        (_twice(*ROWS, 0, "accounts"), "row bitwave has this account already"),
        (_set(*ROWS, 0, "accounts", 0, "amount", to="0"), "accounts[0].amount: expected more"),
        (_set(*ROWS, 0, "accounts", 0, "account", to="5F"), "allocations[0].accounts[0].account: "),
        (
            _set(*ROWS, 12, "accounts", 0, "account", to=UNKNOWN),
            "allocations[12].accounts[0].account: mining row mining lies in pools only",
        ),
        (
            _set(*ROWS, 3, "accounts", 0, "account", to=UNKNOWN),
            "the multisig's account",
        ),
    ],
)
def test_a_wrong_specification_is_reported_by_row_and_field(change: Change, message: str) -> None:
    spec = document("dev")
    change(spec)
    assert message in refusal(spec)


def test_two_linear_rows_cannot_share_an_account() -> None:
    spec = document("dev")
    rows = _rows(spec)
    rows[1]["accounts"][0]["account"] = rows[0]["accounts"][0]["account"]
    assert "row cdhg has the account of row bitwave" in refusal(spec)


def test_a_linear_row_has_one_account() -> None:
    spec = document("dev")
    row = _rows(spec)[0]
    whole = int(row["amount"])
    row["accounts"][0]["amount"] = str(whole - 1)
    row["accounts"].append({"account": UNKNOWN, "amount": "1"})
    assert "linear row bitwave has one account" in refusal(spec)


def test_a_cliff_must_be_the_rows_own() -> None:
    spec = document("seed-002")
    config(spec)["vesting"]["vestingExt"][1][1] += 1
    assert "vesting.vestingExt[1][1]: expected 1314900, as row vision_future" in refusal(spec)
    spec = document("seed-002")
    del config(spec)["vesting"]["vestingExt"][0]
    assert "vesting.vestingExt: " in refusal(spec)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no JSON"),
        ("[]", "spec: expected an object"),
        ('{"name": NaN}', "NaN is not a number"),
        ('{"name": "a", "name": "b"}', "the field 'name' stands twice"),
        ("[" * 100_000, "no JSON"),
        ('{"id": ' + "9" * 5_000 + "}", "no JSON"),
        (b"\xff\xfe\x00", "no JSON"),
    ],
)
def test_what_is_no_json_is_reported(text: str | bytes, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        read_spec(text)


# --- Live chains ----------------------------------------------------------------


@pytest.mark.parametrize("change", [_drop("chainType"), _set("chainType", to={"Custom": "x"})])
def test_a_chain_is_live_unless_it_says_otherwise(change: Change) -> None:
    spec = document("dev")
    change(spec)
    assert "a Live chain" in refusal(spec)


def test_a_live_chain_says_whose_money_there_is() -> None:
    spec = document("seed-000")
    del spec["allocation"]
    assert "spec.allocation: missing" in refusal(spec)


def test_a_live_chain_has_no_sudo_key() -> None:
    spec = document("seed-000")
    config(spec)["sudo"]["key"] = UNKNOWN
    assert f"{CONFIG}.sudo.key: expected null" in refusal(spec)


def test_a_development_chain_cannot_be_called_live() -> None:
    spec = document("local") | {"chainType": "Live"}
    del config(spec)["sudo"]["key"]
    assert "spec.allocation.allocations[0].accounts[0].account: publicly known key of" in refusal(
        spec
    )


@pytest.mark.parametrize("scheme", Scheme)
@pytest.mark.parametrize("path", ["", "//Alice", "//Ferdie//stash", "//Validator//17"])
def test_a_live_chain_refuses_known_keys_of_every_scheme(scheme: Scheme, path: str) -> None:
    key = KeyPair.from_uri(path or DEV_PHRASE, scheme)
    spec = document("seed-000")
    config(spec)["babe"]["sealer"] = address(AccountId(key.account_id))
    assert f"{CONFIG}.babe.sealer: publicly known key of" in refusal(spec)


def test_a_raw_live_chain_refuses_them_as_well() -> None:
    spec = json.loads(to_raw(make(CHAINS["dev"])).dumps()) | {"chainType": "Live"}
    assert "Sudo has a key" in refusal(spec)
    without = read_spec(FILES["dev"].replace(f'"key": "{_alice()}"', '"key": null'))
    spec = json.loads(to_raw(without).dumps()) | {"chainType": "Live"}
    assert "publicly known key of" in refusal(spec)


def _alice() -> str:
    return address(AccountId(KeyPair.from_uri("//Alice").account_id))


# --- raw and foreign ------------------------------------------------------------


def test_the_genesis_of_a_real_chain_has_its_root() -> None:
    folder = vectors_dir() / "genesis"
    expected = json.loads((folder / "expected.json").read_text())["westend"]["rootsWithoutCode"]
    spec = read_spec((folder / "westend.json").read_bytes(), "westend")
    assert "0x" + build(spec).header.state_root.hex() == expected["V1"]
    assert "0x" + build(spec, version=0).header.state_root.hex() == expected["V0"]
    assert not build(spec).is_ours


def test_fields_of_other_programs_stay_beside_a_raw_genesis() -> None:
    text = json.dumps(
        {
            "name": "Somewhere",
            "id": "somewhere_v2",
            "chainType": {"Custom": "Test"},
            "bootNodes": [
                "/dns/boot.example/tcp/30333/p2p/12D3KooWJWEKvSFbben74C7H4YtKjhPMTDxd7gP7zxWkUEeF27st"
            ],
            "telemetryEndpoints": [["/dns/telemetry.example/tcp/443/x-parity-wss/%2Fsubmit%2F", 0]],
            "protocolId": "some",
            "properties": {"tokenSymbol": ["A", "B"], "tokenDecimals": [10, 12]},
            "relay_chain": "polkadot",
            "para_id": 2000,
            "codeSubstitutes": {"1": "0x00"},
            "genesis": {"raw": {"top": {"0x01": "0x02"}, "childrenDefault": {}}},
        }
    )
    spec = read_spec(text)
    assert spec.chain_type_json == {"Custom": "Test"}
    assert spec.more["para_id"] == 2000
    assert read_spec(spec.dumps()) == spec
    assert json.loads(spec.dumps()) == json.loads(text)


@pytest.mark.parametrize(
    ("top", "message"),
    [
        ({"01": "0x02"}, "spec.genesis.raw.top: the key '01': expected 0x"),
        ({"0x01": "0x0"}, "spec.genesis.raw.top.0x01: expected 0x and pairs"),
        ({"0x01": "0x 00"}, "spec.genesis.raw.top.0x01: expected 0x and pairs"),
        ({"0x01": None}, "spec.genesis.raw.top.0x01: expected a string"),
        ({"0xab": "0x", "0xAB": "0x"}, "the key 0xab stands twice"),
        ([], "spec.genesis.raw.top: expected an object"),
        ({}, "spec.genesis.raw.top: expected the keys of a state, one at least"),
    ],
)
def test_a_wrong_entry_of_the_state_is_named(top: object, message: str) -> None:
    spec = {"name": "a", "id": "a", "genesis": {"raw": {"top": top}}}
    assert message in refusal(spec)


@pytest.mark.parametrize(
    ("decimals", "place"),
    [
        ("x", ""),
        ("18", ""),
        (-1, ""),
        (256, ""),
        (1.5, ""),
        (True, ""),
        (None, ""),
        ([10, "x"], "[1]"),
    ],
)
def test_decimals_are_a_whole_number(decimals: object, place: str) -> None:
    spec = document("dev")
    spec["properties"]["tokenDecimals"] = decimals
    assert f"spec.properties.tokenDecimals{place}: expected a whole number from 0" in refusal(spec)


def test_a_chain_of_several_tokens_has_decimals_for_each() -> None:
    spec = document("dev")
    spec["properties"]["tokenDecimals"] = [0, 12]
    assert read_spec(json.dumps(spec)).properties["tokenDecimals"] == [0, 12]


def test_child_tries_are_refused() -> None:
    raw: dict[str, object] = {"top": {}, "childrenDefault": {"0x01": {}}}
    assert "childrenDefault.0x01: unknown" in refusal(
        {"name": "a", "id": "a", "genesis": {"raw": raw}}
    )


def test_a_state_of_ours_that_cannot_be_read_is_refused() -> None:
    spec = json.loads(to_raw(make(CHAINS["dev"])).dumps())
    top = spec["genesis"]["raw"]["top"]
    del top["0x" + b":runtime_params".hex()]
    assert "no parameters of a BTT chain" in refusal(spec)
    top["0x" + b":runtime_params".hex()] = "0x00"
    assert "the state cannot be read" in refusal(spec)


# --- loading --------------------------------------------------------------------


def test_a_chain_is_loaded_by_name_or_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "dev.json"
    path.write_text(FILES["dev"], encoding="utf-8")
    assert load(str(path)) == load("dev") == load("btt-dev")
    assert load("dev-manual") == load("btt-dev-manual") != load("dev")


def test_an_unknown_chain_is_reported_with_the_known_ones() -> None:
    with pytest.raises(SpecError, match="seed-003: neither a file nor one of the chains dev"):
        load("seed-003")


def test_the_runtime_gets_every_preset_as_json() -> None:
    found = presets()
    assert set(found) == set(CHAINS)
    assert json.loads(found["dev"]) == config(document("dev"))


# --- whatever a file holds ------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(UNKNOWN),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def paths(value: Any, so_far: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Yield the path of every entry of a JSON value."""
    found = [so_far] if so_far else []
    if isinstance(value, dict):
        for name, inner in value.items():
            found += paths(inner, (*so_far, name))
    if isinstance(value, list):
        for place, inner in enumerate(value):
            found += paths(inner, (*so_far, place))
    return found


DEV_STATE = build(make(CHAINS["dev"])).state
PLACES = {preset: paths(document(preset)) for preset in ("dev", "seed-002")}


@pytest.mark.fuzz
@given(st.data())
def test_whatever_stands_anywhere_it_is_read_or_refused(data: st.DataObject) -> None:
    preset = data.draw(st.sampled_from(sorted(PLACES)))
    spec = document(preset)
    _set(*data.draw(st.sampled_from(PLACES[preset])), to=data.draw(JSON))(spec)
    with suppress(SpecError):
        build(read_spec(json.dumps(spec)))


@pytest.mark.fuzz
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
@example(b'{"top":{"":""}}')
def test_whatever_bytes_are_read_or_refused(raw: bytes) -> None:
    with suppress(SpecError):
        build(read_spec(raw))


@pytest.mark.fuzz
@given(st.dictionaries(st.binary(max_size=60), st.binary(max_size=90), max_size=5), st.data())
def test_whatever_state_is_read_or_refused(extra: dict[bytes, bytes], data: st.DataObject) -> None:
    chosen = data.draw(st.sets(st.sampled_from(sorted(DEV_STATE)), max_size=3))
    broken = {key: data.draw(st.binary(max_size=90)) for key in chosen}
    top = {to_hex(key): to_hex(value) for key, value in {**DEV_STATE, **broken, **extra}.items()}
    with suppress(SpecError):
        build(read_spec(json.dumps({"name": "a", "id": "a", "genesis": {"raw": {"top": top}}})))
