"""`--log` speaks Substrate's words for the parts of a node, and our modules' names."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from btt_chain.telemetry.log_filters import TARGETS, loggers
from cli.common import logs
from cli.common.errors import Mistyped


@pytest.fixture
def _levels_as_before() -> Iterator[None]:
    """Levels are the whole process's: put them back."""
    names = ["", *{name for target in TARGETS for name in loggers(target)}]
    before = {name: logging.getLogger(name).level for name in names}
    handlers = logging.getLogger().handlers[:]
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)
    logging.getLogger().handlers[:] = handlers


@pytest.mark.usefixtures("_levels_as_before")
def test_a_target_of_substrate_means_our_modules() -> None:
    logs.start(logs.parse_filters("warn,grandpa=debug,peers=error,sync=trace"))
    level = {
        name: logging.getLogger(name).getEffectiveLevel()
        for name in ("", "grandpa", "btt_chain.consensus.finality.round", "p2p", "p2p.sync")
    }
    assert level == {
        "": logging.WARNING,
        "grandpa": logging.DEBUG,
        "btt_chain.consensus.finality.round": logging.DEBUG,
        "p2p": logging.ERROR,
        "p2p.sync": logging.DEBUG,
    }


@pytest.mark.usefixtures("_levels_as_before")
def test_a_module_goes_by_its_own_name() -> None:
    logs.start(logs.parse_filters("btt_chain.rpc=off"))
    assert not logging.getLogger("btt_chain.rpc.server").isEnabledFor(logging.CRITICAL)
    assert logging.getLogger("btt_chain.node").isEnabledFor(logging.INFO)


@pytest.mark.parametrize("text", ["loud", "grandpa=", "=debug", "grandpa=loud"])
def test_a_filter_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Mistyped, match="is not a filter"):
        logs.parse_filters(text)
