"""The ceremony: entries, the specification that they make, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from itertools import permutations
from typing import Any

import pytest

from btt_chain.crypto.hashing import twox_128
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.node.keys.identity import peer_id
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from genesis.build import build
from genesis.catalogue import holders_template
from genesis.census import census
from genesis.ceremony import (
    FIELD,
    SESSION_KEYS,
    Entry,
    Plan,
    assemble,
    inspect,
    load_entry,
    load_parameters,
    read_entry,
)
from genesis.holders import Holders, read_holders, table
from genesis.presets import CHAINS
from genesis.spec import ChainSpec, Raw, SpecError, read_spec
from runtime.frame import GenesisError, Section
from runtime.frame.version import CODE_KEY
from runtime.params import PARAMS_KEY

ID = "btt-trial"
ROWS = ("bitwave", "cdhg", "mdao", "team_core")
SHORT = {"slotMs": 1_000, "epochSlots": 10, "reelectionEpochs": 1, "unbondingEpochs": 1_440,
         "reportEpochs": 1_200}  # fmt: skip
PLAN = Plan("testnet", ID, "Trial", SHORT)


def secret(path: str, scheme: Scheme = Scheme.SR25519) -> KeyPair:
    return KeyPair.from_uri(f"//ceremony//{path}", scheme)


def stash(row: str) -> KeyPair:
    return secret(row)


@cache
def holders() -> Holders:
    def ours(place: Any, path: str) -> Any:
        if isinstance(place, dict):
            named = [secret(f"{path}//{at}") for at in range(len(place["signatories"]))]
            return {**place, "signatories": [ss58.encode(each.account_id) for each in named]}
        return ss58.encode(stash(path).account_id)

    document = {
        row: ours(place, row)
        for row, place in json.loads(holders_template(CHAINS["testnet"])).items()
    }
    return read_holders(Section(document, "holders.json"), table("seed-000"))


@cache
def pairs(row: str) -> Mapping[str, KeyPair]:
    return {name: secret(f"{row}//{name}", scheme) for name, scheme in SESSION_KEYS.items()}


@cache
def entry(row: str) -> Entry:
    peer = peer_id(secret(f"{row}//node", Scheme.ED25519))
    made = Entry(
        ID,
        row,
        AccountId(stash(row).account_id),
        {name: pair.public for name, pair in pairs(row).items()},
        peer,
        f"/dns/{row.replace('_', '-')}.example/tcp/30333/p2p/{peer}",
        source=f"{row}.json",
    )
    return made.signed_by_keys(pairs(row)).signed_by_stash(stash(row))


def signed(row: str, **other: Any) -> Entry:
    """An entry of a row with something else in it, signed by whom it names."""
    return replace(entry(row), **other).signed_by_keys(pairs(row)).signed_by_stash(stash(row))


@cache
def trial() -> ChainSpec:
    return assemble(PLAN, [entry(row) for row in ROWS], holders())


def with_state(spec: ChainSpec, change: Callable[[dict[bytes, bytes]], None]) -> ChainSpec:
    assert isinstance(spec.genesis, Raw)
    state = dict(spec.genesis.top)
    change(state)
    return replace(spec, genesis=Raw(state))


def test_an_entry_comes_back_from_its_file() -> None:
    made = entry("bitwave")
    assert load_entry(json.dumps(made.to_json()).encode(), "bitwave.json") == made


@pytest.mark.parametrize("scheme", list(Scheme))
def test_a_stash_of_any_scheme_signs(scheme: Scheme) -> None:
    owner = secret("other", scheme)
    made = replace(entry("bitwave"), stash=AccountId(owner.account_id))
    made = made.signed_by_keys(pairs("bitwave")).signed_by_stash(owner)
    assert read_entry(Section(made.to_json(), "entry")) == made


@pytest.mark.parametrize("field", ["name", "stash", "peerId", "address", "chain", "keys"])
def test_a_changed_entry_is_refused_with_the_file_and_the_field(field: str) -> None:
    document, other = entry("bitwave").to_json(), entry("cdhg").to_json()
    document[field] = "btt-other" if field == "chain" else other[field]
    with pytest.raises(SpecError, match=r"bitwave\.json\.proofs\.\w+: not the signature of"):
        load_entry(json.dumps(document).encode(), "bitwave.json")


def test_a_signature_of_another_stash_is_refused() -> None:
    document, other = (json.loads(json.dumps(entry(key).to_json())) for key in ("bitwave", "cdhg"))
    document["proofs"]["stash"] = other["proofs"]["stash"]
    with pytest.raises(SpecError, match=r"proofs\.stash: not the signature of 5"):
        load_entry(json.dumps(document).encode(), "bitwave.json")
    with pytest.raises(SpecError, match="sign with the key of the stash"):
        entry("bitwave").signed_by_stash(stash("cdhg"))


def test_what_is_no_entry_is_refused_with_its_place() -> None:
    for text, what in (
        (b"{}", "e.json.format: missing"),
        (b"nonsense", "e.json: no JSON"),
        (b'{"format": 1}', "e.json"),
    ):
        with pytest.raises(SpecError, match=what):
            load_entry(text, "e.json")
    document = entry("bitwave").to_json() | {"format": "other"}
    with pytest.raises(GenesisError, match="expected a btt-ceremony-entry of version 1"):
        read_entry(Section(document, "e.json"))


def test_four_entries_make_a_network_of_their_validators() -> None:
    found = inspect(trial())
    counted = census(found.genesis)
    assert {seat.stash: dict(seat.keys) for seat in counted.validators} == {
        entry(row).stash: dict(entry(row).keys) for row in ROWS
    }
    assert {name: counted.params[name] for name in SHORT} == SHORT
    assert found.genesis.no_validating is None
    assert found.spec.is_live
    assert set(found.spec.boot_nodes) == {entry(row).address for row in ROWS}
    assert sum(row.amount for row in counted.rows) <= counted.supply


def test_the_specification_survives_its_file() -> None:
    again = read_spec(trial().dumps())
    assert build(again).hash == build(trial()).hash
    assert inspect(again).entries == [
        replace(one, source="ceremony") for one in inspect(trial()).entries
    ]


def test_the_order_of_the_entries_does_not_change_the_genesis_hash() -> None:
    orders = list(permutations(ROWS))[::11]
    hashes = {
        bytes(build(assemble(PLAN, [entry(row) for row in order], holders())).hash)
        for order in orders
    }
    assert hashes == {bytes(build(trial()).hash)}


def refused(*entries: Entry) -> str:
    with pytest.raises(SpecError) as caught:
        assemble(PLAN, entries, holders())
    return str(caught.value)


def test_an_entry_that_is_missing_unsigned_or_of_another_chain_is_named() -> None:
    first, *others = (entry(row) for row in ROWS)
    assert "3 validators, expected 4 to 64" in refused(*others)
    unsigned = replace(first, stash_proof=None)
    assert refused(unsigned, *others).startswith("bitwave.json: the stash 5")
    assert "an entry for the chain btt-other, not btt-trial" in refused(
        signed("bitwave", chain_id="btt-other"), *others
    )


@pytest.mark.parametrize("field", ["name", "stash", "keys", "peer_id", "address"])
def test_two_entries_of_one_organisation_are_refused(field: str) -> None:
    same = replace(entry("team_core"), **{field: getattr(entry("bitwave"), field)})
    said = refused(*(entry(row) for row in ROWS[:3]), same)
    assert said.startswith("team_core.json: the same ")
    assert "bitwave.json" in said


def test_keys_that_every_account_has_are_refused() -> None:
    alice = {name: KeyPair.from_uri("//Alice", scheme) for name, scheme in SESSION_KEYS.items()}
    weak = replace(entry("bitwave"), keys={name: pair.public for name, pair in alice.items()})
    weak = weak.signed_by_keys(alice).signed_by_stash(stash("bitwave"))
    said = refused(weak, *(entry(row) for row in ROWS[1:]))
    assert "bitwave.json: publicly known key of //Alice, its babe key" in said


def test_a_stash_that_holds_nothing_is_refused() -> None:
    poor = secret("poor")
    made = replace(entry("bitwave"), stash=AccountId(poor.account_id)).signed_by_keys(
        pairs("bitwave")
    )
    said = refused(made.signed_by_stash(poor), *(entry(row) for row in ROWS[1:]))
    assert "bitwave.json.stash" in said
    assert "not a bond" in said


def test_parameters_are_for_networks_made_from_testnet_with_an_id_of_their_own() -> None:
    for plan, what in (
        (Plan("mainnet", ID, "x"), "a ceremony is for the Live chains"),
        (Plan("dev", ID, "x"), "a ceremony is for the Live chains"),
        (Plan("seed-000", ID, "x", {"slotMs": 1_000}), "slotMs are fixed by its document"),
        (Plan("testnet", "btt-testnet", "x", {"slotMs": 1_000}), "an id of its own"),
        (Plan("testnet", "no/id", "x"), "not a chain's id"),
    ):
        with pytest.raises(SpecError, match=what):
            plan.chain()
    with pytest.raises(SpecError, match="2100 ms does not divide"):
        assemble(replace(PLAN, parameters={"slotMs": 7}), [entry(row) for row in ROWS], holders())
    with pytest.raises(SpecError, match=r"p\.json\.epochSlots: expected a whole number"):
        load_parameters(b'{"epochSlots": "many"}', "p.json")
    assert load_parameters(json.dumps(SHORT).encode(), "p.json") == SHORT


# ---- a specification that was changed on its way


def test_a_changed_state_is_found() -> None:
    def longer(state: dict[bytes, bytes]) -> None:
        raw = bytearray(state[PARAMS_KEY])
        raw[8] ^= 0xFF  # the length of an epoch
        state[PARAMS_KEY] = bytes(raw)

    with pytest.raises(SpecError, match="the state has epochSlots 245, and 10 is what"):
        inspect(with_state(trial(), longer))


def test_a_state_of_another_runtime_is_refused() -> None:
    def foreign(top: dict[bytes, bytes]) -> None:
        top[CODE_KEY] = b"\0asm"
        del top[PARAMS_KEY]

    with pytest.raises(SpecError, match="not of a runtime of this program"):
        inspect(with_state(trial(), foreign))


def test_other_validators_than_the_entries_are_found() -> None:
    about = json.loads(json.dumps(trial().more[FIELD]))
    entries = list(about["entries"])
    other = signed("team_medical_advisors").to_json()
    for changed, what in (
        (entries[:3], "who has no entry"),
        ([*entries, other], "no validator for the entry of team_medical_advisors"),
    ):
        more = {FIELD: {**about, "entries": changed}}
        with pytest.raises(SpecError, match=what):
            inspect(replace(trial(), more=more))


def test_an_entry_with_other_keys_than_the_state_is_found() -> None:
    about = json.loads(json.dumps(trial().more[FIELD]))
    fresh = {name: secret(f"new//{name}", scheme) for name, scheme in SESSION_KEYS.items()}
    other = replace(entry("bitwave"), keys={name: pair.public for name, pair in fresh.items()})
    other = other.signed_by_keys(fresh).signed_by_stash(stash("bitwave"))
    entries = [other.to_json() if one["name"] == "bitwave" else one for one in about["entries"]]
    with pytest.raises(SpecError, match="other session keys or another bond for bitwave"):
        inspect(replace(trial(), more={FIELD: {**about, "entries": entries}}))


@pytest.mark.parametrize(
    ("pallet", "item", "kind"),
    [
        ("Grandpa", "Authorities", "grandpa"),
        ("Babe", "Authorities", "babe"),
        ("Babe", "NextAuthorities", "babe"),
        ("Session", "QueuedKeys", "grandpa"),
    ],
)
def test_other_first_authorities_than_the_entries_are_found(
    pallet: str, item: str, kind: str
) -> None:
    # `Session.NextKeys` is as in the entries: the coordinator gave itself a seat of another.
    key = twox_128(pallet.encode()) + twox_128(item.encode())
    ours = pairs("bitwave")[kind].public
    own = secret("coordinator", SESSION_KEYS[kind]).public

    def usurped(state: dict[bytes, bytes]) -> None:
        assert state[key].count(ours) == 1
        state[key] = state[key].replace(ours, own)

    with pytest.raises(SpecError, match=rf"other keys in {pallet}\.{item}"):
        inspect(with_state(trial(), usurped))


def test_what_no_hash_covers_is_looked_at_as_well() -> None:
    unknown = "/dns/evil.example/tcp/30333/p2p/" + peer_id(secret("evil", Scheme.ED25519))
    for changed, what in (
        (replace(trial(), boot_nodes=(unknown,)), "is in no entry"),
        (replace(trial(), name="Other"), "the plan otherwise"),
        (replace(trial(), chain_type="Local"), "is of the type Local, and not Live"),
        (replace(trial(), more={}), "no member 'ceremony'"),
    ):
        with pytest.raises(SpecError, match=what):
            inspect(changed)
