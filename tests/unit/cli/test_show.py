"""Output of commands: control characters in a node's answers do not reach the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from cli.common import show

EVIL = "BTT \x1b[2J\x07\x9b1m\u202e\ud800 end"
SHOWN = "BTT \\x1b[2J\\x07\\x9b1m\\u202e\\ud800 end"


@pytest.mark.parametrize(
    "output",
    [
        lambda: show.table(["name"], [[EVIL]]),
        lambda: show.record({"name": EVIL}),
        lambda: show.note(EVIL),
        lambda: show.good(EVIL),
        lambda: show.bad(EVIL),
        lambda: show.outcome({}, EVIL, as_json=False),
        lambda: show.heading(EVIL),
        lambda: show.complain(EVIL),
    ],
    ids=["table", "record", "note", "good", "bad", "outcome", "heading", "complain"],
)
def test_control_characters_are_escaped(
    output: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    output()
    printed = "".join(capsys.readouterr())
    assert SHOWN in printed


@pytest.mark.parametrize("output", [show.document, show.line])
def test_json_has_no_control_characters_and_the_same_value(
    output: Callable[[object], None], capsys: pytest.CaptureFixture[str]
) -> None:
    value = {"symbol": EVIL, "unit": "5 ฿ \U0001f600"}
    output(value)
    printed = capsys.readouterr().out
    assert printed.replace("\n", "").isprintable()
    assert "5 ฿ \U0001f600" in printed
    assert json.loads(printed) == value


def test_an_outcome_is_a_line_or_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    show.outcome({"settled": 2}, "2 demands are settled", as_json=False)
    assert capsys.readouterr().out == "2 demands are settled\n"
    show.outcome({"settled": 2}, "2 demands are settled", as_json=True)
    assert json.loads(capsys.readouterr().out) == {"settled": 2}
