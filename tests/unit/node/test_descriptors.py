"""File descriptors: who gets which part of them."""

from __future__ import annotations

import logging
import resource

import pytest

from btt_chain.node.service.config import NetworkConfig, NodeConfig
from btt_chain.node.service.descriptors import TooFewDescriptors, callers_within, raise_limit
from btt_chain.node.service.lifecycle import limit_callers


def test_callers_get_what_the_node_and_its_peers_leave() -> None:
    assert callers_within(16_384, 50, 1_024) == 1_024
    assert callers_within(1_024, 50, 1_024) == 1_024 - 112 - 100
    assert callers_within(256, 50, 1_024) == 44


def test_a_lower_number_of_callers_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        callers_within(256, 50, 1_024)
    assert "at most 44 JSON-RPC connections" in caplog.text
    assert "ulimit -n 1236" in caplog.text


def test_too_few_descriptors_are_refused_with_what_to_do() -> None:
    with pytest.raises(TooFewDescriptors, match="may have 128 files open, and needs 228: raise"):
        callers_within(128, 50, 1_024)


@pytest.mark.parametrize(
    ("limits", "asked", "found"),
    [
        ((1_024, 1 << 20), (16_384, 1 << 20), 16_384),
        ((1_024, 4_096), (4_096, 4_096), 4_096),
        ((20_000, 20_000), None, 20_000),
        ((256, 256), None, 256),
        ((1_024, resource.RLIM_INFINITY), (16_384, resource.RLIM_INFINITY), 16_384),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), None, 16_384),
    ],
)
def test_the_soft_limit_is_raised_as_far_as_the_system_allows(
    limits: tuple[int, int],
    asked: tuple[int, int] | None,
    found: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: calls.append(new))
    assert raise_limit() == found
    assert calls == ([] if asked is None else [asked])


def test_a_limit_that_cannot_be_raised_is_no_reason_to_stop(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: int, __: tuple[int, int]) -> None:
        raise ValueError("not allowed")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_024, 4_096))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert raise_limit() == 1_024
    assert "stays at 1024" in caplog.text


def test_a_node_takes_no_more_callers_than_it_has_descriptors_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 256))
    config = NodeConfig("dev", network=NetworkConfig())
    limit_callers(config)
    assert config.rpc.http.connections == 44
