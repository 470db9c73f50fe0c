"""Calls of the node that a fork reads from: every wait has an end."""

from __future__ import annotations

import asyncio
import threading

import pytest

from btt_chain.client.errors import ClientError, Disconnected, RpcError, TimedOut
from btt_chain.client.jsonrpc import Json
from btt_chain.node.dev.errors import AnswerTooLarge, RemoteAway
from btt_chain.node.dev.remote import PAUSES, RATE_LIMITED, TOO_BIG, OtherChain, Remote


class Connected:
    """A connection whose calls have these outcomes, one after another."""

    def __init__(self, outcomes: list[Json | ClientError]) -> None:
        self.outcomes = outcomes

    async def call(self, *_: Json) -> Json:
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, ClientError):
            raise outcome
        return outcome

    async def close(self) -> None:
        pass


class Node:
    """A node, its outcomes, and how often it was connected to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.outcomes: list[Json | ClientError] = []
        self.connections = 0
        monkeypatch.setattr("btt_chain.node.dev.remote.connect", self.connect)
        self.remote = Remote("ws://127.0.0.1:1")
        self.pauses: list[float] = []
        monkeypatch.setattr(self.remote._closing, "wait", self.pause)

    async def connect(self, *_: object, **__: object) -> Connected:
        self.connections += 1
        return Connected(self.outcomes)

    def pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        return False

    def call(self, *outcomes: Json | ClientError) -> Json:
        self.outcomes[:] = outcomes
        return self.remote.call("state_getStorage", "0x")


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    return Node(monkeypatch)


def refusal(code: int, data: Json = None) -> RpcError:
    return RpcError("state_getStorage", code, "no", data)


def test_a_connection_that_broke_is_made_again(node: Node) -> None:
    assert node.call("0x01") == "0x01"
    assert node.call(Disconnected("gone"), TimedOut("late"), "0x02") == "0x02"
    assert (node.connections, node.pauses) == (3, [0.0, 0.5])
    node.remote.close()


def test_a_node_that_stays_away_is_reported(node: Node) -> None:
    with pytest.raises(RemoteAway, match=r"gone\. Start that node again"):
        node.call(*[Disconnected("gone")] * (len(PAUSES) + 1))
    assert node.connections == len(PAUSES) + 1
    node.remote.close()


def test_a_node_that_is_asked_too_often_gets_the_pause_that_it_names(node: Node) -> None:
    busy = [refusal(RATE_LIMITED, {"retryAfter": wait}) for wait in (3, 10_000, -5, "x")]
    assert node.call(*busy, "0x01") == "0x01"
    assert node.pauses == [3.0, 10.0, 0.1, 1.0]
    assert node.connections == 1
    node.remote.close()


def test_other_refusals_are_reported_at_once(node: Node) -> None:
    with pytest.raises(RemoteAway, match="no"):
        node.call(refusal(-32_000))
    with pytest.raises(AnswerTooLarge):
        node.call(refusal(TOO_BIG[0]))
    assert node.pauses == []
    node.remote.close()


def test_a_node_that_changes_its_chain_leaves_the_fork_waiting(node: Node) -> None:
    def refuse(_: object) -> None:
        raise OtherChain("another genesis")

    node.remote.check = refuse
    with pytest.raises(OtherChain):
        node.call("0x01")
    node.remote.check = lambda _: None
    assert node.call("0x01") == "0x01"
    node.remote._hang_up()
    node.remote.check = refuse
    with pytest.raises(RemoteAway, match="another genesis"):
        node.call("0x01")
    node.remote.close()


def test_a_call_under_way_ends_when_the_fork_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()

    class Silent(Connected):
        async def call(self, *_: Json) -> Json:
            begun.set()
            await asyncio.Event().wait()
            return None

    async def connect(*_: object, **__: object) -> Silent:
        return Silent([])

    monkeypatch.setattr("btt_chain.node.dev.remote.connect", connect)
    remote = Remote("ws://127.0.0.1:1")
    found: list[Exception] = []

    def ask() -> None:
        try:
            remote.call("state_getStorage")
        except RemoteAway as error:
            found.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    assert begun.wait(120)
    remote.abort()
    thread.join(120)
    assert not thread.is_alive()
    assert "being closed" in str(found[0])
    with pytest.raises(RemoteAway, match="being closed"):
        remote.call("state_getStorage")
    remote.close()
