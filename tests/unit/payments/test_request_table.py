"""P16: payment URIs of a table; the library and the command line give each the same verdict.

`tests/vectors/payments/uris.json` has the texts, and a part of the reason for those that are
refused; other programs of a wallet can be tested with it, too.
"""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from cli.program import program
from support.requests import CASES, verdict

NOWHERE = "ws://127.0.0.1:1"


def test_the_table_has_200_cases_of_both_kinds() -> None:
    assert len(CASES) >= 200
    assert len({text for text, _ in CASES}) == len(CASES)
    assert sum(reason is None for _, reason in CASES) > 30


@pytest.mark.parametrize(("text", "reason"), CASES, ids=range(len(CASES)))
def test_the_library_gives_the_verdict_of_the_table(text: str, reason: str | None) -> None:
    found = verdict(text)
    assert (found is None) == (reason is None), found
    assert reason is None or reason in str(found)


def test_the_command_line_gives_the_verdict_of_the_library() -> None:
    differing = []
    for text, reason in CASES:
        if not text or "\0" in text:
            continue  # no command line can hold them
        result = CliRunner().invoke(
            program, ["pay", "--from", "//Alice", "--url", NOWHERE, "--", text]
        )
        words = " ".join((verdict(text) or "").split())
        if reason is None:
            # It was read: the next step is the node, which is not there.
            right = result.exit_code == 3
        else:
            right = result.exit_code == 2 and words in " ".join(result.stderr.split())
        if not right:
            differing.append((text, reason, result.exit_code, result.stderr))
    assert differing == []
