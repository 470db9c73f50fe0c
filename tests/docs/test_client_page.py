"""The programs of docs/client.md and README run, one after the other, on a development node."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from support.instant_node import instant_node

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "client.md"


def programs(page: Path = PAGE) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def test_the_programs_of_the_page_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    with instant_node(tmp_path) as url:
        for number, program in enumerate(programs(), 1):
            code = compile(program.replace("ws://127.0.0.1:9944", url), f"block {number}", "exec")
            exec(code, names)
        printed = capsys.readouterr().out
        (readme,) = programs(ROOT / "README.md")
        exec(compile(readme.replace("ws://127.0.0.1:9944", url), "README", "exec"), {})
    (issuance,) = re.findall(r"# (\d+)$", readme, re.MULTILINE)
    assert capsys.readouterr().out.startswith(f"{issuance}\n")
    assert "Balances.Transfer {'from': '5Grwva" in printed
    assert "Token.FundsUnavailable" in printed
    assert "System.remark_with_event" in printed
    assert names["done"].is_final


def test_the_page_names_every_error() -> None:
    from btt_chain.client import errors

    text = PAGE.read_text()
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    own = [kind.__name__ for kind in kinds if kind.__module__ == errors.__name__]
    assert len(own) > 10
    assert not [name for name in own if f"`{name}`" not in text]
