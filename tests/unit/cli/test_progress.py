"""Bars of progress: on a terminal with the remaining time, and nothing anywhere else."""

from __future__ import annotations

import io
import sys

import pytest

from cli.commands.job_session import job_bar
from cli.common import show
from runtime.pallets.jobs.types import JobState


class Terminal(io.StringIO):
    """A standard error that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("state", "left", "words", "step"),
    [
        (JobState.Computing, 30, "computing, at most 1 minute", "2/6"),
        (JobState.Pending, 0, "pending", "5/6"),
        (JobState.Slashed, -3, "slashed", "6/6"),
    ],
)
def test_a_bar_is_shown_on_a_terminal_only_and_not_beside_json(
    monkeypatch: pytest.MonkeyPatch, state: JobState, left: int, words: str, step: str
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with job_bar(2_000, silent=False) as update:
        update(state, left)
    assert f"{words} " in terminal.getvalue()
    assert step in terminal.getvalue()
    length = len(terminal.getvalue())
    with job_bar(2_000, silent=True) as update:
        update(state, left)
    assert len(terminal.getvalue()) == length


def test_a_pipe_shows_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with show.progress() as bars:
        bars.update(bars.add_task("work", total=2), completed=1)
    assert capsys.readouterr() == ("", "")
