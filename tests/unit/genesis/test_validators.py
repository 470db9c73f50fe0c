"""Validators of block zero: who they are by chain, their bonds, and the file that names them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.lottery import SecondaryRule
from genesis.accounts import POOLS, address, dev_account, dev_path
from genesis.build import Genesis, build, to_raw
from genesis.catalogue import (
    UNMADE_WARNING,
    default_randomness,
    epochs,
    holders_template,
    make,
    read_holders,
    read_validators,
)
from genesis.holders import Holders, table
from genesis.placement import ALLOWANCE
from genesis.presets import CHAINS
from genesis.spec import ChainSpec, Plain, SpecError, read_spec
from genesis.validators import (
    BOND,
    VERIFIER_ALLOWANCE,
    VERIFIER_BOND,
    Validator,
    dev_validators,
)
from runtime.accounts import TREASURY
from runtime.features.work import Work
from runtime.frame import GenesisError
from runtime.genesis import runtime_of
from runtime.pallets.oracle.pallet import Oracle
from runtime.params import PARAMS_KEY, RuntimeParams
from runtime.sets import FULL
from support.runtime import DictState

SEED = CHAINS["seed-000"]
BTT = 10**18
LIVE = ("testnet", "seed-000", "seed-001", "seed-002", "seed-004")


def secret(number: int, scheme: Scheme = Scheme.SR25519) -> KeyPair:
    """A key that no other account has."""
    return KeyPair.from_seed(number.to_bytes(32, "big"), scheme)


@cache
def holders_of(preset: str) -> dict[str, Any]:
    """A holders file in which all rows are real accounts."""
    numbers = iter(range(1, 100))
    rows: dict[str, Any] = json.loads(holders_template(CHAINS[preset]))
    for key, holder in rows.items():
        if isinstance(holder, str):
            rows[key] = address(AccountId(secret(next(numbers)).account_id))
        else:
            holder["signatories"] = [
                address(AccountId(secret(next(numbers)).account_id)) for _ in holder["signatories"]
            ]
    return rows


def entries(preset: str, count: int = 4) -> list[dict[str, Any]]:
    """A validators file: the first `count` holders that are no multisigs."""
    stashes = [row for row in holders_of(preset).values() if isinstance(row, str)][:count]
    return [
        {
            "stash": stash,
            "babe": "0x" + secret(500 + place).public.hex(),
            "grandpa": "0x" + secret(600 + place, Scheme.ED25519).public.hex(),
        }
        for place, stash in enumerate(stashes)
    ]


def written(folder: Path, content: object, name: str = "validators.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def held(folder: Path, preset: str) -> Holders:
    return read_holders(CHAINS[preset], written(folder, holders_of(preset), "holders.json"))


def live(folder: Path, preset: str, rows: Sequence[object] | None = None) -> ChainSpec:
    """A Live chain with real holders and validators."""
    chain = CHAINS[preset]
    file = written(folder, entries(preset) if rows is None else rows)
    return make(chain, held(folder, preset), read_validators(chain, file))


def validators_of(rows: list[dict[str, Any]]) -> list[Validator]:
    """Return the validators of the entries."""
    return [
        Validator(
            AccountId(ss58.decode(row["stash"])[0]),
            bytes.fromhex(row["babe"][2:]),
            bytes.fromhex(row["grandpa"][2:]),
        )
        for row in rows
    ]


def runtime_at(zero: Genesis) -> Work:
    """The runtime on block zero."""
    state = DictState()
    state.data = dict(zero.state)
    runtime = runtime_of(FULL, RuntimeParams.decode(zero.state[PARAMS_KEY]))
    runtime.enter(state)
    return runtime


def config(spec: ChainSpec) -> dict[str, Any]:
    assert isinstance(spec.genesis, Plain)
    return dict(spec.genesis.config)


# --- development keys -----------------------------------------------------------


def test_the_first_eight_have_names_and_the_others_numbers() -> None:
    names = [validator.name for validator in dev_validators(10)]
    assert names[:3] == ["//Alice", "//Bob", "//Charlie"]
    assert names[6:] == ["//One", "//Two", "//Validator//0", "//Validator//1"]


def test_a_development_validator_has_the_session_keys_of_its_name() -> None:
    alice = dev_validators(1)[0]
    assert alice.babe == KeyPair.from_uri("//Alice").public
    assert alice.grandpa == KeyPair.from_uri("//Alice", Scheme.ED25519).public
    assert alice.grandpa.hex() == "88dc3417d5058ec4b4503e0c12ea1a0a89be200fe98922423d4334014fa6b0ee"
    assert (alice.stash, alice.bond) == (dev_account("//Alice"), 10_000 * BTT)


def test_alice_alone_validates_on_dev() -> None:
    runtime = runtime_at(build(make("dev")))
    assert runtime.session.validators_now() == [dev_account("//Alice")]
    money = runtime.system.account[dev_account("//Alice")].data
    assert (int(money.free), int(money.reserved)) == (185_000 * BTT, BOND + VERIFIER_BOND)


def test_alice_is_authority_0_of_a_chain_sealed_by_hand_and_no_other_account_validates() -> None:
    def authorities(runtime: Work) -> list[object]:
        babe, session = runtime.babe, runtime.session
        return [
            babe.epochs.authorities.value,
            runtime.grandpa.authorities.value,
            session.queued_keys.value,
        ]

    expected = authorities(runtime_at(build(make("dev"))))
    zero = build(make("dev-manual"))
    runtime = runtime_at(zero)
    assert runtime.session.validators_now() == [dev_account("//Alice")]
    assert authorities(runtime) == expected
    assert "sealed by hand" in (zero.no_validating or "")
    assert runtime.babe.engine.value.name == "Manual"
    assert runtime.babe.sealer.get() == dev_account("//Alice")
    with pytest.raises(SpecError, match="dev-manual: its blocks are sealed by hand"):
        make("dev-manual", validators=1)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 15, 16, 17, 23, 24, 31, 32])
def test_a_local_chain_has_as_many_validators_as_are_wanted(count: int) -> None:
    zero = build(make("local", validators=count))
    runtime = runtime_at(zero)
    stashes = [dev_account(dev_path(place)) for place in range(count)]
    assert sorted(runtime.session.validators_now()) == sorted(stashes)
    assert len(runtime.babe.epochs.authorities.value) == count
    assert len({int(weight) for _, weight in runtime.babe.epochs.authorities.value}) == 1
    assert RuntimeParams.decode(zero.state[PARAMS_KEY]).max_validators == max(16, count)
    rows = dict(runtime.system.account.items())
    total = sum(int(info.data.free) + int(info.data.reserved) for info in rows.values())
    assert total == int(runtime.balances.total_issuance.value) == table("seed-000").supply
    named = max(6, count + 2)
    part = 400_000 * BTT // named
    # With so many validators a part is too small for a second bond: no account checks work.
    verifying = part >= BOND + VERIFIER_BOND + VERIFIER_ALLOWANCE
    assert verifying == (count <= 23)
    bonds = BOND + VERIFIER_BOND * verifying
    fed = {who: int(feeder.bond) for who, feeder in runtime.pallet(Oracle).feeders.feeders.items()}
    reserved = {int(rows[stash].data.reserved) - fed.get(stash, 0) for stash in stashes}
    assert reserved == {bonds}
    # Validators feed prices, too, where their part is large enough.
    assert len(fed) == (3 if part >= BOND + VERIFIER_BOND + 1_100 * BTT else 0)
    held_by = [
        int(rows[dev_account(dev_path(place))].data.free)
        + int(rows[dev_account(dev_path(place))].data.reserved)
        for place in range(named)
    ]
    assert held_by == [400_000 * BTT - (named - 1) * part] + [part] * (named - 1)
    assert int(rows[TREASURY].data.free) == 20_000 * BTT


def test_a_local_chain_has_four_validators_by_default() -> None:
    assert build(make("local")).hash == build(make("local", validators=4)).hash
    assert build(make("local")).hash != build(make("local", validators=5)).hash


@pytest.mark.parametrize(
    ("preset", "count", "message"),
    [
        ("local", 0, "local: 0 validators, expected 1 to 32"),
        ("local", 33, "local: 33 validators, expected 1 to 32"),
        ("dev", 7, "dev: 7 validators, but 6 accounts with a bond"),
        ("dev", 17, "dev: 17 validators, expected 1 to 16"),
        ("seed-000", 4, "seed-000: a Live chain takes its validators from a file"),
        ("nowhere", 4, "nowhere: none of the chains dev, dev-manual, local"),
    ],
)
def test_a_number_that_cannot_be_is_refused(preset: str, count: int, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        make(preset, validators=count)
    assert str(caught.value).startswith(message)


# --- times ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "numbers"),
    [
        ("dev", (500, 40, 1, 1, 16, 6, 5)),
        ("dev-manual", (1_000, 20, 1, 1, 16, 6, 5)),
        ("local", (500, 40, 1, 1, 16, 6, 5)),
        ("fast", (500, 80, 1, 1, 16, 6, 5)),
        ("testnet", (6_000, 300, 12, 4, 64, 48, 40)),
        ("seed-000", (6_000, 600, 24, 4, 100, 672, 648)),
        ("seed-004", (6_000, 600, 24, 4, 100, 672, 648)),
    ],
)
def test_the_parameters_are_those_of_the_table(preset: str, numbers: tuple[int, ...]) -> None:
    found = RuntimeParams.decode(build(make(preset)).state[PARAMS_KEY])
    assert numbers == (
        found.slot_ms, found.epoch_slots, found.reelection_epochs, found.min_validators,
        found.max_validators, found.unbonding_epochs, found.report_epochs,
    )  # fmt: skip


def test_times_are_whole_epochs_or_refused() -> None:
    assert epochs(timedelta(days=1), SEED) == 24
    with pytest.raises(GenesisError, match="an epoch of 3600000 ms does not divide 0:30:00"):
        epochs(timedelta(minutes=30), SEED)
    with pytest.raises(SpecError, match="does not divide 28 days"):
        make(replace(SEED, epoch_slots=601))


def test_a_slot_may_be_chosen_where_no_other_account_depends_on_it() -> None:
    spec = make("local", slot_ms=500)
    assert config(spec)["params"]["slotMs"] == 500
    assert config(spec)["vesting"]["vesting"][0][2] == 36 * 2_629_800_000 // 500
    build(read_spec(spec.dumps()))
    with pytest.raises(SpecError, match="a slot of 7 ms does not divide a day"):
        make("local", slot_ms=7)
    with pytest.raises(SpecError, match="a slot of 0 ms is too short"):
        make("local", slot_ms=0)
    with pytest.raises(SpecError, match="longer than 60000 ms"):
        make("local", slot_ms=100_000)
    with pytest.raises(SpecError, match="the slot of a Live chain is 6000 ms"):
        make("testnet", slot_ms=1_000)


def test_finality_is_quick_where_it_may_be() -> None:
    assert make("dev").finality(6_000) == make("local").finality(6_000) == (250, 0)
    assert make("testnet").finality(6_000) == make("seed-000").finality(6_000) == (1_000, 2)
    assert replace(make("dev"), chain_type="Elsewhere").finality(6_000) == (1_000, 2)
    assert make("dev").finality(500) == (125, 0)


# --- randomness and rules -------------------------------------------------------------


def test_the_first_randomness_follows_from_the_id_unless_chosen() -> None:
    runtime = runtime_at(build(make("local")))
    assert runtime.babe.epoch_randomness.randomness.value == default_randomness("btt-local")
    assert runtime.babe.epoch_randomness.next_randomness.value == default_randomness("btt-local")
    assert default_randomness("btt-local") != default_randomness("btt-dev")
    randomness = bytes(range(32))
    assert (
        runtime_at(
            build(make("local", randomness=randomness))
        ).babe.epoch_randomness.randomness.value
        == randomness
    )
    with pytest.raises(SpecError, match="randomness has 32 bytes, not 31"):
        make("local", randomness=randomness[1:])


@pytest.mark.parametrize("preset", ["dev", "local", "fast"])
def test_slots_without_a_winner_go_to_all_alike_by_default(preset: str) -> None:
    epochs = runtime_at(build(make(preset))).babe.epochs
    assert epochs.secondary_rule.value is SecondaryRule.Uniform
    assert epochs.config().c == (1, 2)


def test_a_chain_may_choose_secondary_authors_by_weight() -> None:
    spec = make("local", secondary_rule=SecondaryRule.Weighted)
    assert config(spec)["babe"]["secondaryRule"] == "weighted"
    again = read_spec(spec.dumps())
    assert runtime_at(build(again)).babe.epochs.secondary_rule.value is SecondaryRule.Weighted
    assert build(read_spec(to_raw(again).dumps())).hash == build(spec).hash


# --- Live chains ----------------------------------------------------------------


@pytest.mark.parametrize("preset", LIVE)
def test_a_live_chain_starts_with_the_validators_of_its_file(preset: str, tmp_path: Path) -> None:
    spec = live(tmp_path, preset)
    assert spec.warning is None
    zero = build(spec)
    assert zero.no_validating is None
    assert zero.unheld == ()
    runtime = runtime_at(zero)
    stashes = [each.stash for each in validators_of(entries(preset))]
    assert sorted(runtime.session.validators_now()) == sorted(stashes)
    rows = dict(runtime.system.account.items())
    total = sum(int(info.data.free) + int(info.data.reserved) for info in rows.values())
    assert (
        total == int(runtime.balances.total_issuance.value) == table(CHAINS[preset].document).supply
    )
    for stash in stashes:
        money = rows[stash].data
        assert int(money.reserved) == BOND
        # The bond lies under the vesting lock; what is left to spend is the allowance.
        assert int(money.free) - max(0, int(money.frozen) - int(money.reserved)) == ALLOWANCE


@pytest.mark.parametrize("preset", LIVE)
def test_plain_and_raw_with_validators_are_the_same_chain(preset: str, tmp_path: Path) -> None:
    spec = live(tmp_path, preset)
    plain, raw = read_spec(spec.dumps()), read_spec(to_raw(spec).dumps())
    assert plain == spec
    assert build(plain).hash == build(raw).hash == build(spec).hash
    assert build(raw).no_validating is None


def test_live_chains_require_a_proof_of_possession_and_others_do_not(tmp_path: Path) -> None:
    spec = live(tmp_path, "seed-000")
    assert runtime_at(build(spec)).session.proof_required.value
    assert not runtime_at(build(make("local"))).session.proof_required.value
    document = json.loads(spec.dumps())
    del document["genesis"]["runtimeGenesis"]["config"]["session"]["proofRequired"]
    with pytest.raises(SpecError, match=r"set session\.proofRequired to true"):
        build(read_spec(json.dumps(document)))


def test_a_live_chain_without_validators_says_so() -> None:
    assert UNMADE_WARNING in (make("seed-000").warning or "")
    why = build(make("seed-000")).no_validating or ""
    assert "bitwave" in why
    assert "build-spec --holders" in why


def test_a_live_chain_with_holders_alone_has_no_account_to_make_blocks(tmp_path: Path) -> None:
    spec = make(SEED, held(tmp_path, "seed-000"))
    assert spec.warning == UNMADE_WARNING
    why = build(spec).no_validating or ""
    assert "no validators" in why
    assert "build-spec --validators" in why


def test_every_chain_says_whether_one_may_validate_on_it() -> None:
    assert build(make("dev")).no_validating is None
    assert build(make("local", validators=7)).no_validating is None
    assert "sealed by hand" in (build(make("dev-manual")).no_validating or "")


def test_bonds_may_be_greater_if_they_are_equal(tmp_path: Path) -> None:
    rows = [row | {"bond": str(20_000 * BTT), "name": "Example"} for row in entries("seed-000")]
    runtime = runtime_at(build(live(tmp_path, "seed-000", rows)))
    for each in validators_of(rows):
        assert int(runtime.system.account[each.stash].data.reserved) == 20_000 * BTT


# --- the file -------------------------------------------------------------------

ALICE = KeyPair.from_uri("//Alice").public.hex()


@pytest.mark.parametrize(
    ("place", "field", "value", "message"),
    [
        (0, "stash", None, "validators.json[0].stash: missing"),
        (1, "babe", None, "validators.json[1].babe: missing"),
        (2, "grandpa", None, "validators.json[2].grandpa: missing"),
        (3, "babes", "0x", "validators.json[3].babes: unknown field; known are"),
        (0, "stash", "5F", "validators.json[0].stash: unknown address"),
        (0, "stash", address(POOLS["mine"]), "[0].stash: expected an account with a key"),
        (0, "babe", 7, "validators.json[0].babe: expected a string"),
        (0, "babe", "0x12", "validators.json[0].babe: expected 0x and 64 hexadecimal digits"),
        (0, "babe", "12" * 32, "validators.json[0].babe: expected 0x and 64 hexadecimal digits"),
        (0, "babe", "0x" + "f" * 64, "validators.json[0].babe: expected a public key of sr25519"),
        (0, "grandpa", "0x02" + "0" * 62, "grandpa: expected a public key of ed25519"),
        (0, "bond", "1", "validators.json[0].bond: expected 10000000000000000000000 planck (10,0"),
        (0, "bond", "-1", "validators.json[0].bond: expected a whole number"),
        (2, "bond", str(11_000 * BTT), "validators.json[2].bond: 11000000000000000000000 planck"),
        (2, "bond", str(11_000 * BTT), "[0] bonds 10000000000000000000000; all bond the same"),
        (2, "name", "", "validators.json[2].name: expected 1 to 64 printable characters"),
        (2, "name", "a\nb", "validators.json[2].name: expected 1 to 64 printable characters"),
        (1, "babe", "0x" + ALICE, "validators.json[1].babe: publicly known key of //Alice"),
        (1, "stash", address(dev_account("//Bob")), "[1].stash: publicly known key of //Bob"),
    ],
)  # fmt: skip
def test_a_wrong_entry_is_reported_by_row_and_field(
    place: int, field: str, value: object, message: str, tmp_path: Path
) -> None:
    rows = entries("seed-000")
    if value is None:
        del rows[place][field]
    else:
        rows[place][field] = value
    with pytest.raises(SpecError) as caught:
        read_validators(SEED, written(tmp_path, rows))
    assert message in str(caught.value)


def test_known_voters_keys_are_refused_too(tmp_path: Path) -> None:
    rows = entries("seed-000")
    voter = KeyPair.from_uri("//Validator//3", Scheme.ED25519)
    rows[3]["grandpa"] = "0x" + voter.public.hex()
    with pytest.raises(SpecError, match=r"\[3\].grandpa: publicly known key of //Validator//3"):
        read_validators(SEED, written(tmp_path, rows))
    assert len(read_validators(CHAINS["local"], written(tmp_path, rows))) == 4


@pytest.mark.parametrize("field", ["stash", "babe", "grandpa"])
def test_no_account_stands_there_twice(field: str, tmp_path: Path) -> None:
    rows = entries("seed-000")
    rows[2][field] = rows[0][field]
    kind = "account" if field == "stash" else "key"
    with pytest.raises(SpecError) as caught:
        read_validators(SEED, written(tmp_path, rows))
    assert str(caught.value) == (
        f"validators.json[2].{field}: the same {kind} as validators.json[0].{field}"
    )


@pytest.mark.parametrize("count", [0, 3])
def test_the_number_of_entries_must_suit_the_chain(count: int, tmp_path: Path) -> None:
    path = written(tmp_path, entries("seed-000", count))
    with pytest.raises(SpecError) as caught:
        read_validators(SEED, path)
    assert str(caught.value) == f"validators.json: {count} validators, expected 4 to 100"


@pytest.mark.parametrize("content", [{}, "x", [5]])
def test_a_file_of_another_shape_is_refused(content: object, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"^validators\.json"):
        read_validators(SEED, written(tmp_path, content))


def test_a_stash_must_hold_its_bond(tmp_path: Path) -> None:
    rows = entries("seed-000")
    rows[1]["stash"] = address(AccountId(secret(999).account_id))
    with pytest.raises(SpecError) as caught:
        live(tmp_path, "seed-000", rows)
    message = str(caught.value)
    assert message.startswith(
        f"validators.json[1].stash: {rows[1]['stash']} holds {ALLOWANCE} planck"
    )
    assert message.endswith("take the account of a row's holder")


# --- an edited specification ----------------------------------------------------


def test_a_live_specification_gives_all_parameters(tmp_path: Path) -> None:
    document = json.loads(live(tmp_path, "seed-000").dumps())
    del document["genesis"]["runtimeGenesis"]["config"]["params"]["minValidators"]
    with pytest.raises(SpecError, match=r"params\.minValidators: missing"):
        read_spec(json.dumps(document))


@pytest.mark.parametrize("name", ["babe", "grandpa"])
def test_a_live_specification_refuses_known_session_keys(name: str, tmp_path: Path) -> None:
    document = json.loads(live(tmp_path, "seed-000").dumps())
    scheme = Scheme.SR25519 if name == "babe" else Scheme.ED25519
    keys = document["genesis"]["runtimeGenesis"]["config"]["session"]["keys"]
    keys[2][2][name] = "0x" + KeyPair.from_uri("//Eve", scheme).public.hex()
    with pytest.raises(SpecError, match=rf"keys\[2\]\[2\]\.{name}: publicly known key of //Eve"):
        read_spec(json.dumps(document))


@pytest.mark.parametrize("name", ["babe", "grandpa"])
def test_a_raw_live_chain_refuses_known_session_keys(name: str, tmp_path: Path) -> None:
    scheme = Scheme.SR25519 if name == "babe" else Scheme.ED25519
    known = "0x" + KeyPair.from_uri("//Eve", scheme).public.hex()
    document = json.loads(live(tmp_path, "seed-000").dumps()) | {"chainType": "Local"}
    document["genesis"]["runtimeGenesis"]["config"]["session"]["keys"][2][2][name] = known
    raw = json.loads(to_raw(read_spec(json.dumps(document))).dumps())
    build(read_spec(json.dumps(raw)))
    with pytest.raises(SpecError, match="publicly known key of //Eve"):
        build(read_spec(json.dumps(raw | {"chainType": "Live"})))


def test_unequal_bonds_are_refused_on_live_chains(tmp_path: Path) -> None:
    document = json.loads(live(tmp_path, "seed-000").dumps())
    bonds = document["genesis"]["runtimeGenesis"]["config"]["authorities"]["bonds"]
    bonds[1][1] = str(12_000 * BTT)
    with pytest.raises(SpecError, match=r"bonds\[1\]\[1\]: expected 10000000000000000000000"):
        read_spec(json.dumps(document))


def test_who_bonds_must_be_who_has_keys(tmp_path: Path) -> None:
    whole = live(tmp_path, "seed-000").dumps()
    stash = entries("seed-000")[1]["stash"]

    document = json.loads(whole)
    del document["genesis"]["runtimeGenesis"]["config"]["session"]["keys"][1]
    with pytest.raises(SpecError, match=f"{stash} has a bond but no session keys"):
        read_spec(json.dumps(document))

    document = json.loads(whole)
    del document["genesis"]["runtimeGenesis"]["config"]["session"]
    with pytest.raises(SpecError, match="has a bond but no session keys"):
        read_spec(json.dumps(document))

    document = json.loads(whole)
    del document["genesis"]["runtimeGenesis"]["config"]["authorities"]
    with pytest.raises(SpecError, match=r"session\.keys\[0\]: has session keys but no bond"):
        read_spec(json.dumps(document))
