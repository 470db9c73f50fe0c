"""async-substrate-interface, unmodified, against a started node."""

from __future__ import annotations

from pathlib import Path

import pytest

from compat.client import by_hand, python_script, report

pytestmark = [pytest.mark.compat, pytest.mark.full]


def test_async_substrate_interface_finds_a_chain_that_it_can_use(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    report(by_hand(python_script("asynchronous", "py2"), tmp_path), subtests, least=27)
