"""Log lines about refused blocks and missed slots."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from btt_chain.node.engine.observer import MISMATCH_EVERY, NodeWatcher
from btt_chain.primitives.digest import H256
from btt_chain.telemetry.metrics import Metrics
from runtime.frame import InvalidBlock, StateRootMismatch
from support.chain import DevChain


class Clock:
    """Seconds that pass when the test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def chain() -> DevChain:
    return DevChain(shared=True)


def refusal_of_another_state(chain: DevChain) -> tuple[bytes, InvalidBlock]:
    """Return a good block whose header names another state, with the client's refusal."""
    other = chain.another()
    hash = chain.seal()
    header = replace(chain.client.header_of(hash), state_root=H256(b"\x07" * 32))
    with pytest.raises(StateRootMismatch) as refused:
        other.import_block(header, chain.client.body(hash) or [])
    return bytes(header.hash()), refused.value


def watcher(chain: DevChain, clock: Clock) -> NodeWatcher:
    metrics = SimpleNamespace(chain=SimpleNamespace(on_import_failed=lambda _: None))
    return NodeWatcher(chain.client, cast(Metrics, metrics), clock)


def levels(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.levelname for record in caplog.records]


def test_another_state_than_the_header_says_is_an_error_with_both_roots_and_advice(
    chain: DevChain, caplog: pytest.LogCaptureFixture
) -> None:
    hash, error = refusal_of_another_state(chain)
    watcher(chain, Clock()).refused(hash, 1, error)
    assert levels(caplog) == ["ERROR"]
    assert f"block 1 0x{hash.hex()}" in caplog.text
    assert f"to 0x{'07' * 32} by its header" in caplog.text
    assert bytes(chain.client.header_of(chain.client.best().hash).state_root).hex() in caplog.text
    assert "purge-chain" in caplog.text


def test_it_is_said_once_in_a_while_however_many_such_blocks_come(
    chain: DevChain, caplog: pytest.LogCaptureFixture
) -> None:
    hash, error = refusal_of_another_state(chain)
    clock = Clock()
    watch = watcher(chain, clock)
    for _ in range(3):
        watch.refused(hash, 1, error)
    assert levels(caplog) == ["ERROR", "WARNING", "WARNING"]
    clock.now += MISMATCH_EVERY
    watch.refused(hash, 1, error)
    assert levels(caplog)[-1] == "ERROR"


def test_any_other_refusal_is_a_warning(chain: DevChain, caplog: pytest.LogCaptureFixture) -> None:
    watcher(chain, Clock()).refused(bytes(32), 7, InvalidBlock("a bad seal"))
    assert levels(caplog) == ["WARNING"]
    assert "refused block 7 0x00000000…: a bad seal" in caplog.text


def test_a_missed_slot_is_a_warning_with_the_reason(
    chain: DevChain, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes: list[str] = []
    metrics = SimpleNamespace(authoring=SimpleNamespace(on_slot=outcomes.append))
    watch = NodeWatcher(chain.client, cast(Metrics, metrics), Clock())
    watch.missed(7, "proposal timed out")
    watch.missed(8, "refused by the signing record", forbidden=True)
    assert outcomes == ["missed", "refused"]
    assert levels(caplog) == ["WARNING", "WARNING"]
    assert "missed slot 7: proposal timed out" in caplog.text
    assert "missed slot 8: refused by the signing record" in caplog.text
