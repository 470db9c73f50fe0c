"""Methods of the runtime APIs of pallets that have no group of their own."""

from __future__ import annotations

from typing import Annotated

import pytest

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.meaning import TEXT
from btt_chain.rpc.api import build_registry
from btt_chain.rpc.backend import NewBest
from btt_chain.rpc.derived import DefaultViews, default_group
from btt_chain.rpc.hub import Hub
from btt_chain.rpc.params import Signature
from btt_chain.rpc.protocol import INVALID_PARAMS, RpcError
from btt_chain.scale import Bounded, Path, Variant, codec, u16, u32, u64, u128
from runtime import BttRuntime
from runtime.apis.core import pallet_apis
from runtime.frame import RuntimeCall
from runtime.frame.api import RuntimeApi
from runtime.pallets.exchange.api import ExchangeApi
from runtime.pallets.exchange.types import Order, Side, Trade
from runtime.pallets.oracle.api import OracleApi
from runtime.params import RuntimeParams
from support.chain import ALICE
from support.rpc_backend import ModelBackend

ORDER = Order(
    owner=AccountId(ALICE.account_id), asset=u32(3), side=Side.Buy, price=u128(5), slot=u64(2),
    units=u128(7), escrow=u128(35), maker_bps=u16(10), taker_bps=u16(20), until=None,
)  # fmt: skip

TRADE = Trade(u64(7), u128(5), u128(3))


class OddApi(RuntimeApi, version=1, unsafe=("trusted",)):
    """Functions of each kind."""

    def plain(self, who: AccountId, limit: u32) -> list[u64]:
        """Return numbers."""
        raise NotImplementedError

    def trusted(self) -> u32:
        """Return a number to trusted callers."""
        raise NotImplementedError

    def has_call(self, call: RuntimeCall) -> u32:
        """Return a number of a call."""
        raise NotImplementedError


def test_a_function_has_a_method_by_its_name_with_its_parameters_and_help() -> None:
    group = default_group(OddApi)
    names = [name for name in vars(group) if not name.startswith("__")]
    assert names == ["method_plain"]
    handler = vars(group)["method_plain"]
    parameters = Signature(handler).parameters
    assert [each.name for each in parameters] == ["who", "limit", "at"]
    assert [each.default for each in parameters if each.optional] == [100, None]
    assert handler.__doc__ == "Return numbers."


class ClashingApi(RuntimeApi, version=1):
    """Functions with names of our own."""

    def ask(self, at: u64) -> u64:
        """Return a number of a time."""
        raise NotImplementedError

    def chain(self, after: u32 | None, owner: u32) -> u64:
        """Return a number of an owner."""
        raise NotImplementedError


class PaymentApi(RuntimeApi, version=1):
    """The API of a pallet Payment, whose methods begin like those of Substrate."""

    def fees(self) -> u64:
        """Return a number."""
        raise NotImplementedError


def test_names_of_arguments_and_functions_clash_with_none_of_our_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend = ModelBackend()
    backend.chain.apis = (ClashingApi,)
    names = set(build_registry(backend, Hub(backend.chain)).names())
    assert {"clashing_ask", "clashing_chain", "system_chain"} <= names
    group = default_group(ClashingApi)
    ask = Signature(vars(group)["method_ask"]).parameters
    assert [each.name for each in ask] == ["atArgument", "at"]
    after, *_ = Signature(vars(group)["method_chain"]).parameters
    assert not after.optional
    monkeypatch.setattr(backend.chain, "call", lambda *_: codec(u64).encode(u64(7)))
    assert vars(group)["method_ask"](group(backend), 9, None) == "7"


class Near(Variant, index=0):
    """A place by its distance."""

    metres: u32


class Here(Variant, index=1):
    """The place of the caller."""


class RecordsApi(RuntimeApi, version=1):
    """Functions whose arguments have parts."""

    def trade(self, trade: Trade) -> u32:
        """Return a number of a trade."""
        raise NotImplementedError

    def place(self, place: Annotated[Near | Here, Path("test::Place")]) -> u32:
        """Return a number of a place."""
        raise NotImplementedError

    def name(self, name: Annotated[Bounded[bytes, 4], TEXT] | None, limit: u128) -> u32:
        """Return a number of a name with a limit in planck."""
        raise NotImplementedError


def sent_by(
    monkeypatch: pytest.MonkeyPatch, method: str, *params: object
) -> tuple[str, bytes] | RpcError:
    """Return the function of the runtime that a method calls with its data, or its error."""
    sent: list[tuple[str, bytes]] = []

    def call(_: bytes, function: str, data: bytes) -> bytes:
        sent.append((function, data))
        return codec(u32).encode(u32(1))

    backend = ModelBackend()
    backend.chain.apis = (RecordsApi,)
    monkeypatch.setattr(backend.chain, "call", call)
    entry = build_registry(backend, Hub(backend.chain)).methods[method]
    try:
        assert entry.handler(*entry.signature.bind([*params])) == 1
    except RpcError as error:
        return error
    return sent[0]


@pytest.mark.parametrize(
    ("method", "params", "data"),
    [
        ("trade", [{"slot": "7", "price": "5", "units": "3"}], codec(Trade).encode(TRADE)),
        ("place", [{"kind": "near", "metres": 9}], b"\0\x09\0\0\0"),
        ("place", [{"kind": "here"}], b"\1"),
        ("name", ["abcd", str(10**20)], b"\1\x10abcd" + (10**20).to_bytes(16, "little")),
        ("name", [None, 5], b"\0" + bytes([5, *bytes(15)])),
    ],
)
def test_arguments_with_parts_are_encoded_as_their_types(
    monkeypatch: pytest.MonkeyPatch, method: str, params: list[object], data: bytes
) -> None:
    assert sent_by(monkeypatch, f"records_{method}", *params) == (f"RecordsApi_{method}", data)


def test_an_argument_that_is_too_long_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = sent_by(monkeypatch, "records_name", "abcde", 5)
    assert isinstance(error, RpcError)
    assert error.code == INVALID_PARAMS
    assert error.message.startswith("Invalid params: `name`: ")


def test_a_pallet_that_leaves_takes_no_methods_of_others_along() -> None:
    backend = ModelBackend()
    backend.chain.apis = (PaymentApi,)
    registry = build_registry(backend, Hub(backend.chain))
    assert {"payment_fees", "payment_queryInfo"} <= set(registry.names())
    backend.chain.apis = ()
    backend.chain.emit(NewBest(backend.chain.best_hash, (), ()))
    assert "payment_fees" not in registry.names()
    assert "payment_queryInfo" in registry.names()


def test_apis_without_a_group_have_methods_and_others_keep_theirs() -> None:
    backend = ModelBackend()
    before = set(build_registry(backend, Hub(backend.chain)).names())
    backend.chain.apis = (ExchangeApi, OracleApi)
    names = set(build_registry(backend, Hub(backend.chain)).names())
    added = {"book", "trades", "orders", "order", "listings", "vault"}
    assert names - before == {f"exchange_{name}" for name in added}
    assert "oracle_getValue" in names


def test_the_answer_has_each_field_of_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = ModelBackend()

    def call(_: bytes, function: str, data: bytes) -> bytes:
        assert (function, data) == ("ExchangeApi_order", bytes([9, *bytes(7)]))
        return codec(Order | None).encode(ORDER)

    monkeypatch.setattr(backend.chain, "call", call)
    answer = vars(default_group(ExchangeApi))["method_order"](DefaultViews(backend), 9, None)
    assert isinstance(answer, dict)
    assert (answer["asset"], answer["price"], answer["until"]) == (3, "5", None)


def test_the_apis_of_pallets_are_without_those_of_substrate() -> None:
    names = {api.__name__ for api in pallet_apis(BttRuntime(RuntimeParams(u64(6_000))))}
    assert {"ExchangeApi", "AssetsApi", "OracleApi"} <= names
    assert not names & {"BabeApi", "GrandpaApi", "TransactionPaymentApi", "DryRunApi", "Core"}
