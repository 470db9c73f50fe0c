"""Limits that callers share: who exceeds them pays, and another caller does not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from time import monotonic
from typing import cast

import orjson
import pytest

from btt_chain.primitives.token_bucket import TokenBucket
from btt_chain.rpc.calls import Caller
from btt_chain.rpc.connection import Connection, Subscription, Tally, Wire
from btt_chain.rpc.dispatch import Dispatcher
from btt_chain.rpc.limits import HTTP_LIMITS, Limits
from btt_chain.rpc.protocol import RATE_LIMITED, RpcError
from btt_chain.rpc.registry import Registry, method
from btt_chain.rpc.state import MAX_WATCHED, MAX_WATCHED_EXTERNAL, StorageAudience
from btt_chain.web.budget import Accounts, Bill, Rate, Rates
from btt_chain.web.connections import Connections
from support.http_connection import arrive

# ---- batches


class Dear:
    """A method each call of which costs its caller ten seconds."""

    def __init__(self) -> None:
        self.calls = 0
        self.caller: Caller | None = None

    @method("dear")
    def dear(self) -> int:
        assert self.caller is not None
        self.calls += 1
        self.caller.charge(10.0, 0)
        return self.calls


def caller_with(rate: Rate) -> Caller:
    rates, now = Rates(rate, rate, rate), monotonic()
    bill = Bill(rates.account(now), Accounts(rates).of("203.0.113.7", now), is_shared=False)
    return Caller(unsafe_allowed=False, bill=bill)


def batch_of(count: int) -> bytes:
    return orjson.dumps([{"jsonrpc": "2.0", "id": i, "method": "dear"} for i in range(count)])


async def dear_answers(caller: Caller, count: int) -> tuple[int, list[dict[str, object]]]:
    """Return how many calls of a batch were worked on, and all answers."""
    group, registry = Dear(), Registry()
    group.caller = caller
    registry.add(group)
    raw = await Dispatcher(registry, Limits()).respond(caller, batch_of(count))
    return group.calls, orjson.loads(raw or b"[]")


async def test_a_batch_ends_where_its_caller_has_used_up_its_budget() -> None:
    calls, answers = await dear_answers(caller_with(Rate(0.1, 25.0)), 100)
    assert calls == 3
    assert [answer["id"] for answer in answers] == list(range(100))
    assert all("result" in answer for answer in answers[:3])
    for answer in answers[3:]:
        error = answer["error"]
        assert isinstance(error, dict)
        assert error["code"] == RATE_LIMITED
        assert error["data"]["retryAfter"] > 1


async def test_a_batch_waits_for_a_small_debt_and_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    naps: list[float] = []

    async def sleep(seconds: float) -> None:
        naps.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    caller = caller_with(Rate(100.0, 5.0))  # ten seconds are back after a tenth of one
    calls, answers = await dear_answers(caller, 5)
    assert calls == 5
    assert all("result" in answer for answer in answers)
    assert naps
    assert all(0 < nap <= 1 for nap in naps)


# ---- incomplete requests


async def test_who_holds_the_most_incomplete_bytes_is_cut_and_not_the_next_that_sends() -> None:
    connections = Connections(replace(HTTP_LIMITS, unread_bytes=1_000))
    hoarders = [arrive(connections, "203.0.113.7") for _ in range(5)]
    for size, (_, hoarder) in zip((190, 195, 205, 200, 200), hoarders, strict=True):
        connections.receive(hoarder, size)
    honest_transport, honest = arrive(connections, "198.51.100.1")
    connections.receive(honest, 100)
    assert not honest_transport.is_cut
    assert honest in connections.all
    assert [transport.is_cut for transport, _ in hoarders] == [False, False, True, False, False]
    assert connections.unread.total == 190 + 195 + 200 + 200 + 100
    connections.receive(hoarders[2][1], 500)  # after its end this counts for nothing
    assert connections.unread.total == 885


@pytest.mark.parametrize("address", ["203.0.113.7", "127.0.0.1"])
async def test_bytes_of_a_request_that_never_ends_are_charged_to_the_address(address: str) -> None:
    connections = Connections(HTTP_LIMITS)
    for _ in range(10):
        transport, visitor = arrive(connections, address)
        connections.receive(visitor, 4 << 20)
        connections.drop(visitor)
        assert transport.is_cut
    _, next_one = arrive(connections, address)
    bill = connections.bill(next_one, address, is_websocket=False)
    assert bill.wait(monotonic()) + bill.delay(monotonic()) > 0
    _, honest = arrive(connections, "198.51.100.1")
    assert connections.bill(honest, "198.51.100.1", is_websocket=False).wait(monotonic()) == 0


async def test_a_connection_that_ends_within_a_small_request_costs_nothing() -> None:
    connections = Connections(HTTP_LIMITS)
    for _ in range(1_000):
        _, visitor = arrive(connections, "203.0.113.7")
        connections.receive(visitor, 10_000)
        connections.drop(visitor)
    _, next_one = arrive(connections, "203.0.113.7")
    assert connections.bill(next_one, "203.0.113.7", is_websocket=False).wait(monotonic()) == 0


# ---- subscriptions


async def test_keys_watched_by_one_address_or_by_other_machines_leave_room_for_others() -> None:
    audience, limits = StorageAudience(), Limits()

    def watch(address: str, *, external: bool = True) -> str:
        """Watch a quarter of what one address may; return the refusal, empty if there is none."""
        bucket = TokenBucket(100, 100, monotonic()) if external else None
        connection = Connection(cast("Wire", None), limits, address, bucket)
        keys = {str(number).encode(): None for number in range(MAX_WATCHED // 4)}
        try:
            audience.check(connection, keys)
        except RpcError as error:
            return error.message
        audience.join(Subscription(connection, "event"), keys)
        return ""

    assert [watch(f"2001:db8::{number}") for number in range(4)] == [""] * 4
    assert watch("2001:db8::5") == "Too many storage keys are watched by the address"
    addresses = MAX_WATCHED_EXTERNAL // MAX_WATCHED
    for number in range(1, addresses):
        assert [watch(f"203.0.113.{number}") for _ in range(4)] == [""] * 4
    assert watch("198.51.100.1") == "Too many storage keys are watched by other machines"
    assert watch("127.0.0.1", external=False) == ""


async def test_subscriptions_of_one_address_or_of_other_machines_leave_room_for_others() -> None:
    limits = Limits(subscriptions_in_all=8, subscriptions_external=6, subscriptions_per_address=4)
    tally = Tally(limits)

    def connect(address: str, *, external: bool = True) -> Connection:
        bucket = TokenBucket(100, 100, monotonic()) if external else None
        return Connection(cast("Wire", None), limits, address, bucket, tally=tally)

    def subscribe(connection: Connection, times: int) -> int:
        """Return how many of so many subscriptions there was room for."""
        for done in range(times):
            try:
                Subscription(connection, "event")
            except RpcError:
                return done
        return times

    hoarders = [connect("2001:db8::1"), connect("2001:db8::2")]
    operator = connect("127.0.0.1", external=False)
    assert [subscribe(hoarder, 3) for hoarder in hoarders] == [3, 1]
    assert subscribe(connect("198.51.100.1"), 9) == 2
    assert subscribe(operator, 9) == 2
    for hoarder in hoarders:
        hoarder.close()
    assert (tally.count, tally.external.total) == (4, 2)
    assert list(tally.external.by_address) == ["198.51.100.1"]
    assert subscribe(connect("203.0.113.7"), 9) == 4
