"""Arguments of runtime functions that are too long are refused before they are read, as waste."""

from __future__ import annotations

import time
from collections.abc import Callable

import orjson
import pytest

from btt_chain.rpc.calls import Caller
from btt_chain.rpc.dispatch import Dispatcher
from btt_chain.rpc.limits import Limits
from btt_chain.rpc.params import Hex, Text, hex_bytes
from btt_chain.rpc.registry import Registry, method
from btt_chain.scale import u64
from btt_chain.web.budget import LOCAL, Bill, CostAccount
from runtime import BttRuntime
from runtime.apis.core import max_arguments
from runtime.frame.api import MAX_ARGUMENTS, MAX_TRANSACTION
from runtime.params import RuntimeParams
from support.rpc_client import CallFailed, HttpClient

LIMIT = 1 << 16


async def test_arguments_at_the_limit_are_read_and_longer_ones_are_not(http: HttpClient) -> None:
    assert await http.call("state_call", "Echo_echo", "0x" + "ab" * LIMIT) == "0x" + "ab" * LIMIT
    for text in ("0x" + "ab" * (LIMIT + 1), "0x" + "zz" * (LIMIT + 1)):
        with pytest.raises(CallFailed) as refused:
            await http.call("state_call", "Echo_echo", text)
        assert refused.value.code == -32602
        assert "`data`: 65537 bytes, 65536 are the most for Echo_echo" in refused.value.message


async def test_the_same_holds_for_the_other_ways_to_call_the_runtime(http: HttpClient) -> None:
    best = await http.call("chain_getBlockHash")
    with pytest.raises(CallFailed) as refused:
        await http.call("archive_v1_call", best, "Echo_echo", "0x" + "ab" * (LIMIT + 1))
    assert "`callParameters`: 65537 bytes" in refused.value.message


class Functions:
    """A method that calls functions, which notes whether it was called."""

    def __init__(self) -> None:
        self.called = 0

    @method("call", function="name", data="data")
    def call(self, name: Text, data: Hex) -> None:
        self.called += 1


async def test_arguments_by_name_are_measured_too_and_charged_as_waste() -> None:
    functions = Functions()
    registry = Registry(max_call_data=lambda name: 3 if name == "small" else 10)
    registry.add(functions)
    dispatcher = Dispatcher(registry, Limits())
    now = time.monotonic()
    own = CostAccount(LOCAL.connection, LOCAL.waste, now)
    bill = Bill(own, CostAccount(LOCAL.address, LOCAL.waste, now), is_shared=True)
    caller = Caller(unsafe_allowed=True, bill=bill)
    raw = b'{"jsonrpc":"2.0","id":1,"method":"call","params":{"name":"small","data":"%s"}}'
    assert b'"result"' in (await dispatcher.respond(caller, raw % b"0xaabbcc") or b"")
    assert not own.is_wasteful(now)
    size = 60_000_000  # of a message, by its price more than may be wasted
    answer = await dispatcher.respond(caller, raw % (b"0x" + b"ab" * (size // 2)))
    assert b"are the most for small" in (answer or b"")
    assert own.is_wasteful(now)
    assert functions.called == 1


@pytest.mark.parametrize("params", [[], ["small"], ["small", 7], [7, "0x"], {"name": "small"}, {}])
async def test_arguments_that_are_missing_or_no_text_are_refused_by_their_type(
    params: object,
) -> None:
    registry = Registry(max_call_data=lambda _: 3)
    registry.add(Functions())
    dispatcher = Dispatcher(registry, Limits())
    raw = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "call", "params": params})
    answer = orjson.loads(await dispatcher.respond(Caller(unsafe_allowed=True), raw) or b"")
    assert answer["error"]["code"] == -32602


def test_a_function_has_the_limit_of_its_api_and_an_unknown_one_the_usual() -> None:
    runtime = BttRuntime(RuntimeParams(u64(1_000)))
    assert max_arguments(runtime, "TransactionPaymentApi_query_info") == MAX_TRANSACTION
    assert max_arguments(runtime, "Core_execute_block") > MAX_TRANSACTION
    assert max_arguments(runtime, "AccountNonceApi_account_nonce") == MAX_ARGUMENTS
    assert max_arguments(runtime, "No_such") == MAX_ARGUMENTS


def test_reading_hex_costs_little_more_than_decoding_it() -> None:
    text = "0x" + "00" * 2_000_000
    digits = text[2:]
    best = min(_cost(lambda: hex_bytes(text)) for _ in range(5))
    bare = min(_cost(lambda: bytes.fromhex(digits)) for _ in range(5))
    assert best < 4 * bare  # ten times as much while each digit was looked at


def _cost(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun
