"""babe_epochAuthorship, offchain_localStorage* and log filters: for the node's operator alone."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping

import pytest

from btt_chain.crypto.keypair import KeyPair
from btt_chain.node.service.local_storage import MAX_BYTES, RECORD, LocalStorageView
from btt_chain.primitives import ss58
from btt_chain.primitives.babe_digests import AllowedSlots, EpochConfig
from btt_chain.primitives.epoch import Epoch
from btt_chain.primitives.lottery import SecondaryRule
from btt_chain.rpc.access import MethodPolicy
from btt_chain.rpc.backend import StatePruned
from btt_chain.rpc.server import RpcConfig
from btt_chain.scale import u64
from btt_chain.telemetry.log_filters import TARGETS, LogFilters
from storage.database import ChainStore
from storage.memory import MemoryKV
from support.rpc_backend import ModelBackend
from support.rpc_client import CallFailed, HttpClient

ALICE, BOB, CHARLIE = (KeyPair.from_uri(f"//{name}") for name in ("Alice", "Bob", "Charlie"))
UNSAFE = "RPC call is unsafe to be called externally"


class KnownEpoch:
    """An epoch of two authorities, and some of their keys."""

    def __init__(self) -> None:
        self.known: Epoch | None = epoch_of(AllowedSlots.PrimaryAndSecondaryVRFSlots)
        self.keys = [ALICE, BOB]
        self.is_pruned = False

    def epoch(self) -> Epoch | None:
        if self.is_pruned:
            raise StatePruned(b"\1" * 32)
        return self.known

    def pairs(self) -> Mapping[bytes, KeyPair]:
        return {pair.public: pair for pair in self.keys}


def epoch_of(allowed: AllowedSlots) -> Epoch:
    return Epoch(
        index=3,
        start=120,
        length=24,
        authorities=((ALICE.public, 1), (BOB.public, 1)),
        randomness=b"\7" * 32,
        config=EpochConfig((u64(1), u64(4)), allowed),
        secondary_rule=SecondaryRule.Uniform,
    )


@pytest.fixture
def known() -> KnownEpoch:
    return KnownEpoch()


@pytest.fixture
def store() -> ChainStore:
    return ChainStore(MemoryKV(), pruning=None)


@pytest.fixture
def backend(known: KnownEpoch, store: ChainStore) -> ModelBackend:
    made = ModelBackend()
    made.authorship = known
    made.local_storage = LocalStorageView(store)
    made.log_filters = LogFilters()
    return made


@pytest.fixture
def _levels_as_before() -> Iterator[None]:
    names = (None, "grandpa", "btt_chain.consensus.finality", "sync", "p2p.sync", "btt_chain.rpc")
    before = {name: logging.getLogger(name).level for name in names}
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


async def refusal(client: HttpClient, method: str, *params: object) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        await client.call(method, *params)
    return caught.value


# ---- slots


async def test_each_slot_of_the_epoch_is_claimed_once(http: HttpClient) -> None:
    found = await http.call("babe_epochAuthorship")
    assert set(found) == {ss58.encode(ALICE.public), ss58.encode(BOB.public)}
    for kinds in found.values():
        assert list(kinds) == ["primary", "secondary", "secondary_vrf"]
        assert kinds["primary"]
        assert kinds["secondary_vrf"]
        assert kinds["secondary"] == []
    slots = [slot for kinds in found.values() for kind in kinds.values() for slot in kind]
    assert sorted(slots) == list(range(120, 144))


async def test_a_slot_that_another_s_key_would_win_is_not_known(
    http: HttpClient, known: KnownEpoch
) -> None:
    both = await http.call("babe_epochAuthorship")
    known.keys = [BOB, CHARLIE]
    found = await http.call("babe_epochAuthorship")
    bob = ss58.encode(BOB.public)
    assert list(found) == [bob]
    assert set(found[bob]["primary"]) >= set(both[bob]["primary"])


@pytest.mark.parametrize(
    ("allowed", "kinds"),
    [
        (AllowedSlots.PrimarySlots, {"primary"}),
        (AllowedSlots.PrimaryAndSecondaryPlainSlots, {"primary", "secondary"}),
    ],
)
async def test_slots_are_listed_by_the_kinds_that_the_epoch_admits(
    http: HttpClient, known: KnownEpoch, allowed: AllowedSlots, kinds: set[str]
) -> None:
    known.known = epoch_of(allowed)
    found = await http.call("babe_epochAuthorship")
    filled = {kind for slots in found.values() for kind, listed in slots.items() if listed}
    assert filled == kinds


async def test_a_node_without_an_authority_s_key_has_no_slots(
    http: HttpClient, known: KnownEpoch
) -> None:
    known.keys = [CHARLIE]
    assert await http.call("babe_epochAuthorship") == {}
    known.keys, known.known = [ALICE], None
    assert await http.call("babe_epochAuthorship") == {}


async def test_slots_cannot_be_listed_without_the_state(
    http: HttpClient, known: KnownEpoch
) -> None:
    known.is_pruned = True
    problem = await refusal(http, "babe_epochAuthorship")
    assert problem.code == 9002
    assert "State already discarded" in problem.message


# ---- values


async def test_a_stored_value_is_there_until_it_is_cleared(
    http: HttpClient, store: ChainStore
) -> None:
    key, other = ("PERSISTENT", "0x01"), ("PERSISTENT", "0x02")
    assert await http.call("offchain_localStorageGet", *key) is None
    assert await http.call("offchain_localStorageSet", *key, "0xaabb") is None
    await http.call("offchain_localStorageSet", *other, "0x")
    assert await http.call("offchain_localStorageGet", *key) == "0xaabb"
    assert await http.call("offchain_localStorageGet", *other) == "0x"
    assert LocalStorageView(store).get(b"\1") == b"\xaa\xbb"
    assert await http.call("offchain_localStorageClear", *key) is None
    assert await http.call("offchain_localStorageClear", *key) is None
    assert await http.call("offchain_localStorageGet", *key) is None
    await http.call("offchain_localStorageClear", *other)
    assert store.aux_get(RECORD) is None


async def test_values_beyond_a_mebibyte_are_refused(store: ChainStore) -> None:
    values = LocalStorageView(store)
    values.set(b"a", bytes(MAX_BYTES // 2))
    with pytest.raises(ValueError, match="at most 1048576 bytes: clear others"):
        values.set(b"b", bytes(MAX_BYTES // 2))
    assert values.get(b"b") is None
    values.clear(b"a")
    values.set(b"b", bytes(MAX_BYTES // 2))
    assert values.get(b"b") == bytes(MAX_BYTES // 2)


async def test_a_value_that_does_not_fit_is_an_error_of_the_caller(
    http: HttpClient, store: ChainStore
) -> None:
    LocalStorageView(store).set(b"a", bytes(MAX_BYTES - 100))
    problem = await refusal(http, "offchain_localStorageSet", "PERSISTENT", "0x", "0x" + "00" * 200)
    assert problem.code == -32602
    assert "clear others" in problem.message


async def test_storage_that_forks_with_the_chain_is_not_available(http: HttpClient) -> None:
    for method, *rest in (("Get",), ("Set", "0x01"), ("Clear",)):
        problem = await refusal(http, f"offchain_localStorage{method}", "LOCAL", "0x01", *rest)
        assert (problem.code, problem.message) == (5001, "This storage kind is not available yet.")
    problem = await refusal(http, "offchain_localStorageGet", "local", "0x01")
    assert "expected PERSISTENT or LOCAL" in problem.message


# ---- log lines


@pytest.mark.usefixtures("_levels_as_before")
async def test_filters_change_levels_until_they_are_reset(http: HttpClient) -> None:
    names = ("grandpa", "btt_chain.consensus.finality", "p2p.sync", "btt_chain.rpc")
    before = {name: logging.getLogger(name).level for name in (None, *names)}
    assert await http.call("system_addLogFilter", "grandpa=debug,btt_chain.rpc=off") is None
    assert await http.call("system_addLogFilter", "warn,sync=trace,grandpa=error") is None
    assert {name: logging.getLogger(name).level for name in (None, *names)} == {
        None: logging.WARNING,
        "grandpa": logging.ERROR,
        "btt_chain.consensus.finality": logging.ERROR,
        "p2p.sync": logging.DEBUG,
        "btt_chain.rpc": logging.CRITICAL + 1,
    }
    assert await http.call("system_resetLogFilter") is None
    assert {name: logging.getLogger(name).level for name in (None, *names)} == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("loud", "'loud' is not a filter; write LEVEL or TARGET=LEVEL with one of error, warn"),
        ("grandpa=", "'grandpa=' is not a filter"),
        ("sync=debug,grandpa=loud", "'grandpa=loud' is not a filter"),
        ("", "there is no filter"),
        (",", "there is no filter"),
        ("nowhere=debug", "there is no target 'nowhere'"),
        ("antigravity=debug", "there is no target 'antigravity'"),
        ("info," * 300, "longer than 1000 characters"),
    ],
)
async def test_a_wrong_filter_is_refused_with_words_and_changes_nothing(
    http: HttpClient, text: str, words: str
) -> None:
    before = logging.getLogger("p2p.sync").level
    problem = await refusal(http, "system_addLogFilter", text)
    assert problem.code == -32602
    assert f"`directives`: {words}" in problem.message
    assert logging.getLogger("p2p.sync").level == before
    assert "antigravity" not in sys.modules


# ---- who may call


class TestRemoteCallers:
    """Callers without the right to unsafe methods."""

    @pytest.fixture
    def config(self) -> RpcConfig:
        return RpcConfig(port=0, methods=MethodPolicy.SAFE)

    async def test_they_cannot_call_the_operator_s_methods(
        self, http: HttpClient, store: ChainStore
    ) -> None:
        for method, *params in (
            ("babe_epochAuthorship",),
            ("offchain_localStorageGet", "PERSISTENT", "0x01"),
            ("offchain_localStorageSet", "PERSISTENT", "0x01", "0x01"),
            ("offchain_localStorageClear", "PERSISTENT", "0x01"),
            ("system_addLogFilter", "debug"),
            ("system_resetLogFilter",),
        ):
            problem = await refusal(http, method, *params)
            assert problem.message == UNSAFE, method
        assert store.aux_get(RECORD) is None


@pytest.mark.parametrize("name", ["babe", "grandpa"])
def test_a_target_includes_the_lines_of_the_node_about_it(name: str) -> None:
    assert f"btt_chain.node.{name}" in TARGETS[name]
