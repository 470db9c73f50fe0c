"""Values of dev_* methods, as tools write them."""

from __future__ import annotations

from math import inf

import pytest

from btt_chain.client.metadata import ChainMetadata
from btt_chain.node.dev.methods import delta
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountInfo
from btt_chain.rpc.api import build_registry
from btt_chain.rpc.dev_values import BadValue, StorageForm, account, amount, camel, moment
from btt_chain.rpc.hub import Hub
from btt_chain.scale import codec, u128
from support.chain import BOB
from support.dev_node import DevNode
from support.rpc_backend import ModelBackend

ADDRESS = ss58.encode(BOB.account_id)


@pytest.fixture(scope="module")
def node() -> DevNode:
    return DevNode()


@pytest.fixture(scope="module")
def form(node: DevNode) -> StorageForm:
    loaded = node.client.runtime_at(node.client.genesis_hash)
    return StorageForm(ChainMetadata(loaded.metadata(14)))


# ---- dates, amounts, accounts


@pytest.mark.parametrize(
    "given",
    [
        1_672_531_200_000, 1_672_531_200_000.0, "1672531200000", "Jan 1, 2023", "January 1, 2023",
        "2023-01-01", "2023-01-01T00:00:00Z", "2023-01-01T01:00:00+01:00", "Jan 1, 2023 00:00:00",
        "1 Jan 2023", "Sun, 01 Jan 2023 00:00:00 GMT", "2023/01/01", "20230101",
    ],
)  # fmt: skip
def test_a_date_is_read_in_the_forms_that_tools_use(given: object) -> None:
    assert moment(given) == 1_672_531_200_000


@pytest.mark.parametrize("given", ["yesterday", "", True, None, [], "Foo 99, 2023"])
def test_what_is_no_date_is_refused(given: object) -> None:
    with pytest.raises(BadValue, match="Invalid date"):
        moment(given)


@pytest.mark.parametrize(
    "given",
    [
        inf,
        1e308,
        1 << 64,
        -1 << 64,
        "1" * 5_000,
        "1" * 40,
        "Tue, 1 Jan 99999999999 00:00",
    ],
)
def test_times_beyond_all_dates_are_refused(given: object) -> None:
    with pytest.raises(BadValue, match="Invalid date"):
        moment(given)


def test_numbers_and_nesting_beyond_all_types_are_refused(form: StorageForm) -> None:
    deep: object = 1
    for _ in range(5_000):
        deep = [deep]
    for free in ("0x" + "f" * 100_000, deep, 1 << 10_000):
        with pytest.raises(BadValue, match=r"free|nested|number"):
            form.changes({"System": {"Account": [[[ADDRESS], {"data": {"free": free}}]]}})


def test_amounts_are_numbers_digits_or_hex() -> None:
    assert [amount(each) for each in (5, "5", "0x5", 5.0, "1,000", "1_000")] == [
        5, 5, 5, 5, 1_000, 1_000,
    ]  # fmt: skip
    for wrong in (-1, "x", 1.5, True, None, 1 << 128):
        with pytest.raises(BadValue, match="in planck"):
            amount(wrong)


def test_accounts_are_addresses_or_hex() -> None:
    assert account(ADDRESS) == account("0x" + BOB.account_id.hex()) == BOB.account_id
    for wrong in ("5Gr", "0x12", "0xzz", 7, None):
        with pytest.raises(BadValue):
            account(wrong)


# ---- storage by names


def test_fields_that_are_left_out_are_zero_and_an_account_gets_its_provider(
    form: StorageForm, node: DevNode
) -> None:
    given = {"system": {"account": [[[ADDRESS], {"data": {"free": "1,000"}}]]}}
    ((key, value),) = form.changes(given).items()
    assert key == node.runtime().system.account.prefix + key[32:]
    info = codec(AccountInfo).decode_all(value or b"")
    assert (info.nonce, info.providers, info.data.free) == (0, 1, 1_000)
    given = {"System": {"Account": [[ADDRESS, {"nonce": 3, "providers": 2}]]}}
    info = codec(AccountInfo).decode_all(next(iter(form.changes(given).values())) or b"")
    assert (info.nonce, info.providers, info.data.free) == (3, 2, 0)


def test_plain_values_hex_and_removals(form: StorageForm, node: DevNode) -> None:
    issuance = node.runtime().balances.total_issuance.prefix
    assert form.changes({"balances": {"totalIssuance": 5}}) == {
        issuance: codec(u128).encode(u128(5))
    }
    assert form.changes({"Balances": {"TotalIssuance": "0x0102"}}) == {issuance: b"\1\2"}
    for empty in (None, 0, ""):
        assert form.changes({"Balances": {"TotalIssuance": empty}}) == {issuance: None}


def test_whole_maps_are_removed_by_name(form: StorageForm, node: DevNode) -> None:
    given = {"System": {"$removePrefix": ["account", "BlockHash"]}}
    system = node.runtime().system
    assert form.prefixes(given) == [system.account.prefix, system.block_hash.prefix]
    assert form.changes(given) == {}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"Nothing": {"A": 1}}, "Error: Cannot find pallet Nothing"),
        ({"System": {"Nothing": 1}}, "Error: Cannot find storage Nothing in pallet System"),
        ({"System": 1}, "expected an object"),
        ({"System": {"Account": 1}}, "is a map"),
        ({"System": {"Account": [1]}}, "expected .*key"),
        ({"System": {"Account": [[[ADDRESS, 1], {}]]}}, "takes 1 keys, 2 given"),
        ({"System": {"Account": [[["5Gr"], {"nonce": 1}]]}}, "System.Account: "),
        ({"System": {"Account": [[[ADDRESS], {"nonces": 1}]]}}, "no field nonces"),
        ({"System": {"Account": [[[ADDRESS], {"nonce": 1.5}]]}}, "not a whole number"),
        ({"System": {"Account": [[[ADDRESS], {"nonce": -1}]]}}, "does not fit"),
        ({"Sudo": {"Key": "0xz"}}, "is not hex"),
        ({"Sudo": {"Key": {"a": object()}}}, "not a value of JSON"),
    ],
)
def test_wrong_storage_is_refused_in_words(
    form: StorageForm, given: dict[str, object], why: str
) -> None:
    with pytest.raises(BadValue, match=why):
        form.changes(given)


def test_a_list_of_names_is_needed_to_remove_maps(form: StorageForm) -> None:
    with pytest.raises(BadValue, match="is a list of names"):
        form.prefixes({"System": {"$removePrefix": "Account"}})


def test_keys_and_values_are_shown_by_names(form: StorageForm, node: DevNode) -> None:
    key = next(key for key in node.flat() if key.endswith(BOB.account_id))
    names, value = form.decoded(key, node.flat()[key])
    assert names == ["system", "account", ADDRESS]
    assert isinstance(value, dict)
    assert value["data"]["free"] == str(40_000 * 10**18)
    assert form.decoded(key, None) == (names, None)
    assert form.decoded(key, b"\1") == (["system", "account", "0x" + key.hex()], "0x01")
    assert form.decoded(b":code", b"\1") == (["0x3a636f6465"], "0x01")
    assert [camel(name) for name in ("Balances", "TotalIssuance", "PayFi", "IBC")] == [
        "balances", "totalIssuance", "payFi", "ibc",
    ]  # fmt: skip


# ---- answers


def test_a_delta_has_the_form_of_jsondiffpatch() -> None:
    old = {"same": 1, "gone": 2, "tree": {"a": 1, "b": 2}, "list": [1]}
    new = {"same": 1, "new": 3, "tree": {"a": 1, "b": 5}, "list": [1, 2]}
    assert delta(old, new) == {
        "gone": [2, 0, 0],
        "new": [3],
        "tree": {"b": [2, 5]},
        "list": [[1], [1, 2]],
    }


def test_nodes_without_the_controls_say_where_they_are() -> None:
    backend = ModelBackend()
    registry = build_registry(backend, Hub(backend.chain))
    assert "dev_newBlock works on development chains" in registry.missing("dev_newBlock")
    assert "--dev --sealing instant" in registry.missing("dev_x")
    assert registry.missing("eth_call") == "Method not found"
