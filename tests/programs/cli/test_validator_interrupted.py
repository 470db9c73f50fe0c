"""`validator join|rotate|leave` killed at every request to the node, and typed again."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from btt_chain.client.jsonrpc import Json, WebSocket, _Unread
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives import ss58
from cli.program import program
from support.document import Document

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]

MAX_REQUESTS = 200
"""More requests than a command sends."""
ONE = ss58.encode(KeyPair.from_uri("//One").account_id)


class Killed(BaseException):
    """Stands for kill -9: no code of the command runs after it but the closing of its sockets."""


class Kills:
    """Kills a command at its n-th request, before it is sent or when it is answered."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = self.made = 0
        self.is_sent = False
        plain = WebSocket._request

        async def request(
            socket: WebSocket,
            method: str,
            params: tuple[Json, ...],
            unread: _Unread | None = None,
        ) -> Json:
            self.made += 1
            at = self.made
            if at == self.at and not self.is_sent:
                raise Killed
            answer = await plain(socket, method, params, unread)
            if at == self.at:
                raise Killed
            return answer

        monkeypatch.setattr(WebSocket, "_request", request)

    def stop(self) -> None:
        """Kill no more."""
        self.at = 0


@pytest.fixture
def kills(url: str, monkeypatch: pytest.MonkeyPatch) -> Kills:
    monkeypatch.setenv("BTT_URL", url)
    return Kills(monkeypatch)


def run(*words: str) -> Result:
    return CliRunner().invoke(program, [*words, "--json"], prog_name="btt-chain")


def document(*words: str) -> Document:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return Document.of(result.stdout)


def killed(*words: str) -> bool:
    """Type a command; return True if it was killed, False if it ended by itself."""
    try:
        result = run(*words)
    except Killed:
        return True
    assert result.exit_code == 0, result.output
    return False


def unused() -> int:
    """Return the number of key pairs in the node that have signed nothing and have no owner."""
    keys = document("query", "rpc", "author_unusedKeys")
    registered = {
        str(entry["value"]["babe"])
        for entry in document("query", "storage", "Session.NextKeys", "--limit", "500")["entries"]
    }
    return len({str(each) for each in keys["babe"]} - registered)


def until_it_ends(kills: Kills, *words: str) -> int:
    """Type a command, killed at a later request each time, until it ends; return how often."""
    for at in range(1, MAX_REQUESTS):
        for kills.is_sent in (False, True):
            kills.at, kills.made = at, 0
            if not killed(*words):
                kills.stop()
                return at
    pytest.fail(f"{words} never ended")


def test_a_command_that_was_killed_at_any_request_goes_on_where_it_stopped(kills: Kills) -> None:
    before = unused()
    assert until_it_ends(kills, "validator", "join", "--from", "//Bob") > 20
    state = document("validator", "status", "//Bob")
    assert state.pick("candidate", "keysHere") == (True, True)
    assert int(str(state["bond"])) == 10_000 * 10**18
    assert unused() == before
    assert int(str(document("query", "account", "//Bob")["nonce"])) == 1

    # Keys that may have been seen by others are never used again: each attempt makes new ones.
    first = str(state["keys"])
    until_it_ends(kills, "validator", "rotate", "--from", "//Bob")
    state = document("validator", "status", "//Bob")
    assert str(state["keys"]) != first
    assert state["keysHere"]

    until_it_ends(kills, "validator", "leave", "--from", "//Bob")
    left = document("validator", "status", "//Bob")
    assert left.pick("candidate", "bond") == (False, "0")
    assert [each["amount"] for each in left["unlocking"]] == [str(10_000 * 10**18)]


def test_a_join_that_is_refused_leaves_keys_that_the_next_one_uses(kills: Kills) -> None:
    before = unused()
    poor = ("validator", "join", "--from", "//One")
    for _ in range(2):
        refused = run(*poor)
        assert refused.exit_code == 1
        assert "would fail now" in refused.stderr
        assert unused() == max(before, 1)
    document("tx", "transfer", ONE, "10_001BTT", "--from", "//Charlie")
    document(*poor)
    assert unused() == max(before, 1) - 1
