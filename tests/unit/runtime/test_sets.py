"""Each set of features is a chain: built, described, begun and audited."""

from __future__ import annotations

from functools import cache

import pytest

from btt_chain.scale import codec, u64
from btt_chain.scale.metadata import decode_metadata
from genesis.build import build
from genesis.catalogue import chain_named, make
from genesis.code import own_set
from genesis.spec import SpecError, read_spec
from runtime.apis.metadata import metadata
from runtime.audits.state import audits_of
from runtime.features.work import Work
from runtime.frame import RuntimeVersion
from runtime.frame.version import CODE_KEY, api_id
from runtime.genesis import sections_of
from runtime.params import RuntimeParams
from runtime.sets import FULL, MINIMAL, SETS, SPEC_NAMES, STANDARD
from support.chain import ALICE, BOB
from support.dev_node import DevNode

PARAMS = RuntimeParams(u64(1_000))
WORK = (
    *("System", "Timestamp", "Babe", "Balances", "TransactionPayment", "Authorities", "Session"),
    *("Offences", "Grandpa", "Utility", "Sudo", "Identity", "Upgrade", "Tokenomics", "Mining"),
    *("Providers", "Models", "Jobs", "Receipts"),
)
"""Pallets of the minimal chain, by index."""


@cache
def runtime(name: str) -> Work:
    return SETS[name].build(PARAMS)


def test_the_minimal_chain_has_useful_work_and_nothing_else() -> None:
    pallets = sorted(runtime(MINIMAL).pallets.items())
    assert tuple(pallet.name for _, pallet in pallets) == WORK


def test_a_larger_set_has_the_pallets_of_a_smaller_one_in_the_same_order_of_hooks() -> None:
    smaller: list[tuple[int, str]] = []
    for name in (MINIMAL, STANDARD, FULL):
        table = [(index, pallet.name) for index, pallet in runtime(name).pallets.items()]
        assert [row for row in table if row in smaller] == smaller
        assert table[-1] == (24, "Upgrade")
        smaller = table


@pytest.mark.parametrize(
    ("name", "version"), [(MINIMAL, 14), (MINIMAL, 15), *((name, 16) for name in SETS)]
)
def test_the_metadata_describe_the_pallets_and_apis_of_the_set(name: str, version: int) -> None:
    built = runtime(name)
    number, described = decode_metadata(metadata(built, version))
    assert number == version
    assert {pallet.name for pallet in described.pallets} == {
        pallet.name for pallet in built.pallets.values()
    }
    apis = [api.__name__ for api in type(built).apis()]
    assert [api.name for api in described.apis] == (apis if version > 14 else [])
    assert [id for id, _ in built.version.apis.value] == [api_id(api) for api in apis]


@pytest.mark.parametrize("name", SETS)
def test_the_version_in_the_state_says_which_set_it_is(name: str) -> None:
    state = build(make("local", runtime=name)).state
    assert codec(RuntimeVersion).decode_all(state[CODE_KEY]).spec_name.value == SETS[name].spec_name
    assert own_set(state[CODE_KEY]) == name == SPEC_NAMES[SETS[name].spec_name]


def test_a_smaller_set_has_another_genesis_and_the_full_one_the_same_as_without_a_name() -> None:
    hashes = {name: build(make("dev", runtime=name)).hash for name in SETS}
    assert len({*hashes.values()}) == len(SETS)
    assert hashes[FULL] == build(make("dev")).hash
    named = chain_named("dev-minimal")
    assert named is not None
    assert build(make(named)).hash == hashes[MINIMAL]


def test_a_specification_is_read_back_with_its_set() -> None:
    made = make("local", runtime=MINIMAL)
    again = read_spec(made.dumps(), "local-minimal")
    assert build(again).hash == build(made).hash
    with pytest.raises(SpecError, match=r"runtime: expected minimal, standard, full"):
        build(read_spec(made.dumps().replace('"runtime": "minimal"', '"runtime": "least"'), "x"))


def test_a_section_of_a_pallet_that_the_set_lacks_is_refused() -> None:
    text = make("local").dumps().replace('"slotMs"', '"runtime": "minimal", "slotMs"', 1)
    with pytest.raises(SpecError, match=r"config\.vesting: unknown field"):
        build(read_spec(text, "local"))
    assert "vesting" not in sections_of(MINIMAL, PARAMS)


def test_a_chain_that_is_named_after_a_set_has_no_other_one() -> None:
    with pytest.raises(SpecError, match="dev-minimal: its runtime is minimal, not full"):
        make("dev-minimal", runtime=FULL)
    assert make("dev-minimal", runtime=MINIMAL).dumps() == make("dev", runtime=MINIMAL).dumps()


def test_a_live_chain_has_all_features() -> None:
    with pytest.raises(SpecError, match="a Live chain has all features"):
        make("testnet", runtime=MINIMAL)
    assert chain_named("testnet-minimal") is None


@pytest.mark.parametrize("name", SETS)
def test_components_have_what_their_pallet_has_when_all_are_connected(name: str) -> None:
    for pallet in SETS[name].build(PARAMS).pallets.values():
        for part, needs in pallet.needs().items():
            component = getattr(pallet, part)
            for need in needs:
                own, injected = getattr(pallet, need.source), getattr(component, need.attribute)
                assert injected == own, f"{pallet.name}.{part}: {need.attribute} is another one"


@pytest.mark.parametrize("name", SETS)
def test_the_audit_is_clean_after_two_eras_with_transactions(name: str) -> None:
    node = DevNode(chain="dev-manual" if name == FULL else f"dev-manual-{name}")
    for height in range(45):
        node.now += 1
        if height % 5 == 0:
            node.pay(10**12, BOB.account_id)
        node.sealer.seal()
    assert node.client.best().number == 45
    assert node.runtime().version.spec_name.value == SETS[name].spec_name
    assert node.account(ALICE.account_id).nonce == 9
    assert node.audit() == []
    assert len(audits_of(node.runtime())) == {MINIMAL: 2, STANDARD: 5, FULL: 7}[name]


@pytest.mark.parametrize("name", SETS)
def test_only_a_chain_with_vesting_counts_what_is_to_vest_as_locked(name: str) -> None:
    node = DevNode(chain="dev-manual" if name == FULL else f"dev-manual-{name}")
    supply = node.runtime().tokenomics.supply()
    unvested = node.runtime().tokenomics.releases.unvested()
    assert unvested > 0
    assert supply.locked == (0 if name == MINIMAL else unvested)
    pooled = node.runtime().tokenomics.ledger.pooled()
    assert supply.circulating == supply.issuance - pooled - supply.locked
