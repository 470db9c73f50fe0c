"""Bars of progress: on a terminal with the remaining time, and nothing anywhere else."""

from __future__ import annotations

import io
import sys

import pytest

from cli.commands.job_progress import STEPS, job_bar, step_of, words_of
from cli.common import show
from runtime.pallets.jobs.types import JobState


class Terminal(io.StringIO):
    """A standard error that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_bar_is_shown_on_a_terminal_only_and_not_beside_json(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with job_bar(2_000, silent=False) as update:
        update("computing", 30)
    assert "computing, at most 60 s" in terminal.getvalue()
    assert "2/6" in terminal.getvalue()
    length = len(terminal.getvalue())
    with job_bar(2_000, silent=True) as update:
        update("computing", 30)
    assert len(terminal.getvalue()) == length


def test_a_pipe_shows_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with show.progress() as bars:
        bars.update(bars.add_task("work", total=2), completed=1)
    assert capsys.readouterr() == ("", "")


def test_the_steps_of_a_job_are_the_states_of_the_runtime_in_their_order() -> None:
    names = [state.name.lower() for state in sorted(JobState)]
    assert tuple(names[: len(STEPS)]) == STEPS
    assert [step_of(name) for name in names[: len(STEPS)]] == list(range(len(STEPS)))
    assert {step_of(name) for name in names[len(STEPS) :]} == {len(STEPS) - 1}


@pytest.mark.parametrize(
    ("left", "words"),
    [(0, "posted"), (-3, "posted"), (59, "posted, at most 118 s"), (60, "posted, at most 2 min")],
)
def test_a_state_has_the_longest_time_that_it_lasts(left: int, words: str) -> None:
    assert words_of("posted", left, 2_000) == words
