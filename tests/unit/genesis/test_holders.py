"""The holders file: who holds which row."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.primitives.account import AccountId
from genesis.accounts import POOLS, Multisig, address, dev_account, placeholder
from genesis.build import build
from genesis.catalogue import (
    UNHELD_WARNING,
    UNMADE_WARNING,
    holders_template,
    load,
    make,
    read_holders,
)
from genesis.holders import dev_holders, placeholders, table
from genesis.presets import CHAINS
from genesis.spec import ChainSpec, Plain, SpecError
from genesis.validators import Validator

SEED = CHAINS["seed-000"]
BTT = 10**18


def an_account(number: int) -> AccountId:
    """A real account that no other account knows the key of."""
    return AccountId(KeyPair.from_seed(number.to_bytes(32, "big")).account_id)


def known_to_all(uri: str) -> str:
    """The address of a development key."""
    return address(AccountId(KeyPair.from_uri(uri).account_id))


def filled(name: str = "seed-000") -> dict[str, Any]:
    """The template with real accounts in place of the placeholders."""
    numbers = iter(range(1, 100))
    rows: dict[str, Any] = json.loads(holders_template(CHAINS[name]))
    for key, holder in rows.items():
        if isinstance(holder, str):
            rows[key] = address(an_account(next(numbers)))
        else:
            holder["signatories"] = [
                address(an_account(next(numbers))) for _ in holder["signatories"]
            ]
    return rows


def written(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "holders.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_the_template_names_every_held_row(tmp_path: Path) -> None:
    for chain in CHAINS.values():
        path = tmp_path / f"{chain.preset}.json"
        path.write_text(holders_template(chain), encoding="utf-8")
        assert read_holders(chain, path) == placeholders(table(chain.document))


def test_holders_hold_their_rows(tmp_path: Path) -> None:
    content = filled()
    holders = read_holders(SEED, written(tmp_path, content))
    spec = make(SEED, holders)
    assert spec.warning == UNMADE_WARNING
    assert build(spec).unheld == ()
    assert content["bitwave"] in spec.dumps()


def test_a_row_of_two_is_a_multisig_that_both_sign(tmp_path: Path) -> None:
    holders = read_holders(SEED, written(tmp_path, filled()))
    joint = holders["web3v_knc"]
    assert isinstance(joint, Multisig)
    assert (joint.threshold, len(joint.signatories)) == (2, 2)


def test_what_a_template_still_lacks_is_warned_of(tmp_path: Path) -> None:
    assert make(SEED).warning == f"{UNHELD_WARNING}; {UNMADE_WARNING}"
    template = json.loads(holders_template(SEED))
    holders = read_holders(SEED, written(tmp_path, template))
    warning = make(SEED, holders).warning or ""
    assert warning.startswith("made from a holders file that still has the template's placeholders")
    assert "more: no key exists" in warning
    holders = read_holders(SEED, written(tmp_path, filled() | {"mdao": template["mdao"]}))
    assert "placeholders for mdao: no key" in (make(SEED, holders).warning or "")


def _validators(*stashes: AccountId) -> list[Validator]:
    return [
        Validator(
            stash,
            KeyPair.from_seed((500 + place).to_bytes(32, "big")).public,
            KeyPair.from_seed((600 + place).to_bytes(32, "big"), Scheme.ED25519).public,
        )
        for place, stash in enumerate(stashes)
    ]


def test_signatories_and_validators_start_with_an_allowance(tmp_path: Path) -> None:
    holders = read_holders(SEED, written(tmp_path, filled()))
    stashes = [holder for holder in holders.values() if isinstance(holder, AccountId)][:4]
    spec = make(SEED, holders, _validators(*stashes))
    document = json.loads(json.dumps(spec.to_json()))
    rows = {row["key"]: row for row in document["allocation"]["allocations"]}
    held = {entry["account"]: int(entry["amount"]) for entry in rows["liquidity"]["accounts"]}
    allowances = {who for who, amount in held.items() if amount == 100 * BTT}
    assert {address(who) for who in stashes} < allowances
    assert len(allowances) == 2 + 2 + 5 + 5 + 5 + 4
    assert sum(held.values()) == 420_000 * BTT


def test_without_a_liquidity_row_the_treasury_fills_the_allowances(tmp_path: Path) -> None:
    seed = CHAINS["seed-004"]
    holders = read_holders(seed, written(tmp_path, filled("seed-004")))
    stashes = [holder for holder in holders.values() if isinstance(holder, AccountId)][:4]
    document = json.loads(json.dumps(make(seed, holders, _validators(*stashes)).to_json()))
    row = document["allocation"]["allocations"][-1]
    amounts = [int(entry["amount"]) for entry in row["accounts"]]
    assert sum(amounts) == 2_310_000 * BTT
    assert set(amounts[1:]) == {100 * BTT}
    assert {address(who) for who in stashes} < {entry["account"] for entry in row["accounts"]}


def without_signers(name: str = "seed-000") -> dict[str, Any]:
    """A file from before the question who acts for pools."""
    return {key: row for key, row in filled(name).items() if key not in {"foundation", "reserve"}}


def test_a_file_need_not_say_who_acts_for_pools(tmp_path: Path) -> None:
    content = without_signers()
    holders = read_holders(SEED, written(tmp_path, content))
    spec = make(SEED, holders)
    assert "without foundation and reserve: accounts without a key" in (spec.warning or "")
    # A network runs without them, so that the file goes on working.
    assert build(spec).unheld == ()
    stand_ins = {
        placeholder(f"{who}_{n}") for who in ("foundation", "reserve") for n in range(1, 6)
    }
    assert not stand_ins & set(paid(spec))


def paid(spec: ChainSpec) -> dict[AccountId, int]:
    """Return the balance of each account of a specification."""
    assert isinstance(spec.genesis, Plain)
    assert spec.genesis.placement is not None
    return spec.genesis.placement.balances()


def test_those_who_act_for_pools_get_an_allowance_once_they_are_named(tmp_path: Path) -> None:
    content = filled()
    before = paid(make(SEED, read_holders(SEED, written(tmp_path, without_signers()))))
    after = paid(make(SEED, read_holders(SEED, written(tmp_path, content))))
    named = {who for key in ("foundation", "reserve") for who in content[key]["signatories"]}
    assert {address(who) for who in set(after) - set(before)} == named
    assert {after[who] for who in set(after) - set(before)} == {100 * BTT}
    assert sum(after.values()) == sum(before.values()) == 21_000_000 * BTT


def test_stand_ins_left_in_the_template_get_no_allowance(tmp_path: Path) -> None:
    template = json.loads(holders_template(SEED))
    content = filled() | {"foundation": template["foundation"]}
    spec = make(SEED, read_holders(SEED, written(tmp_path, content)))
    assert "placeholders for foundation_1, foundation_2, foundation_3 and 2 more" in (
        spec.warning or ""
    )
    assert placeholder("foundation_1") not in paid(spec)


def test_where_no_row_is_the_reserves_no_account_signs_for_it(tmp_path: Path) -> None:
    seed = CHAINS["seed-004"]
    assert "reserve" not in json.loads(holders_template(seed))
    rows = filled("seed-004")
    rows["reserve"] = rows["foundation"]
    with pytest.raises(SpecError, match=r"holders\.json\.reserve: unknown field"):
        read_holders(seed, written(tmp_path, rows))


def test_on_development_chains_three_of_five_known_keys_act_for_pools() -> None:
    held = dev_holders(table("seed-000"))
    keys = [dev_account(f"//holder//foundation_{number}") for number in range(1, 6)]
    assert held["foundation"] == Multisig.of(keys, 3)
    spec = make("dev")
    assert address(Multisig.of(keys, 3).account) in spec.dumps()
    assert not set(keys) & set(paid(spec))
    assert POOLS["fnd1"] in paid(spec)


def _without(rows: dict[str, Any]) -> None:
    del rows["mdao"]


def _unknown(rows: dict[str, Any]) -> None:
    rows["mdoa"] = rows["mdao"]


def _mistyped(rows: dict[str, Any]) -> None:
    rows["mdao"] = rows["mdao"][:-1] + "1"


def _alone(rows: dict[str, Any]) -> None:
    rows["web3v_knc"] = rows["mdao"]


def _one_of_two(rows: dict[str, Any]) -> None:
    rows["web3v_knc"]["threshold"] = 1


def _three_of_two(rows: dict[str, Any]) -> None:
    rows["web3v_knc"]["threshold"] = 3


def _twice_signed(rows: dict[str, Any]) -> None:
    signatories = rows["web3v_knc"]["signatories"]
    signatories[1] = signatories[0]


def _twice_held(rows: dict[str, Any]) -> None:
    rows["mdao"] = rows["cdhg"]


def _single_signer(rows: dict[str, Any]) -> None:
    rows["foundation"] = address(an_account(701))


def _shared_account(rows: dict[str, Any]) -> None:
    rows["reserve"] = rows["liquidity"]


def _single_manager(rows: dict[str, Any]) -> None:
    rows["liquidity"] = address(an_account(700))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without, "holders.json.mdao: missing"),
        (_unknown, "holders.json.mdoa: unknown field"),
        (_mistyped, "holders.json.mdao: "),
        (_alone, "holders.json.web3v_knc: expected a multisig of 2 signatories"),
        (_one_of_two, "holders.json.web3v_knc.threshold: expected 2 to 2"),
        (_three_of_two, "holders.json.web3v_knc.threshold: expected 2 to 2 signatures, found 3"),
        (_twice_signed, "holders.json.web3v_knc.signatories: an address stands there twice"),
        (_twice_held, "holders.json.mdao: holds row cdhg already"),
        (_single_manager, "holders.json.liquidity: expected a multisig of the managers"),
        (_single_signer, "holders.json.foundation: expected a multisig of those who sign for it"),
        (_shared_account, "holders.json.reserve: is the account of liquidity already"),
    ],
)
def test_a_wrong_holder_is_reported_with_its_row(tmp_path: Path, change: Any, message: str) -> None:
    rows = filled()
    change(rows)
    with pytest.raises(SpecError) as caught:
        read_holders(SEED, written(tmp_path, rows))
    assert message in str(caught.value)


def test_a_live_chain_refuses_holders_whose_keys_every_account_has(tmp_path: Path) -> None:
    rows = filled() | {"mdao": known_to_all("//Alice")}
    with pytest.raises(SpecError, match=r"holders.json.mdao: publicly known key of //Alice"):
        read_holders(SEED, written(tmp_path, rows))


def test_a_known_key_among_signatories_is_refused_too(tmp_path: Path) -> None:
    rows = filled()
    rows["liquidity"]["signatories"][2] = known_to_all("//Bob")
    with pytest.raises(SpecError) as caught:
        read_holders(SEED, written(tmp_path, rows))
    place = "holders.json.liquidity.signatories[2]"
    assert str(caught.value).startswith(f"{place}: publicly known key of //Bob")


def test_a_live_chain_refuses_known_keys_that_act_for_pools(tmp_path: Path) -> None:
    rows = filled()
    rows["reserve"]["signatories"][0] = known_to_all("//holder//foundation_3")
    with pytest.raises(SpecError, match=r"reserve\.signatories\[0\]: publicly known key of"):
        read_holders(SEED, written(tmp_path, rows))


def test_the_state_is_looked_at_any_account_gives_the_holders() -> None:
    alice = AccountId(KeyPair.from_uri("//Alice").account_id)
    holders = dict(placeholders(table("seed-000"))) | {"bitwave": alice}
    with pytest.raises(SpecError, match="publicly known key of //Alice"):
        make(SEED, holders)


def test_the_allowances_must_leave_something_of_the_row() -> None:
    holders = placeholders(table("seed-000"))
    crowd = [
        Validator(AccountId(number.to_bytes(32, "big")), bytes(32), bytes(32))
        for number in range(4_200)
    ]
    with pytest.raises(SpecError, match="allowances leave nothing of its"):
        make(replace(SEED, max_validators=5_000), holders, crowd)


def test_a_file_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="No such file"):
        read_holders(SEED, tmp_path / "nothing.json")


def test_a_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "holders.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(SpecError, match=r"holders\.json: no JSON: "):
        read_holders(SEED, path)
    with pytest.raises(SpecError, match=r"holders\.json: no JSON: "):
        load(str(path))
