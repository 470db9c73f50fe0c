"""The name of the measured commit in records of `make bench-compare`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench import machine


def test_a_changed_checkout_is_marked_but_not_for_the_record_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

    monkeypatch.setattr(machine, "ROOT", tmp_path)
    assert machine.commit() == "unknown"
    record, code = tmp_path / machine.RECORD, tmp_path / "code.py"
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    code.write_text("1")
    git("init")
    git("add", ".")
    git("commit", "-m", "a")
    clean = machine.commit()
    assert clean.isalnum()
    record.write_text('{"new": 1}')
    assert machine.commit() == clean
    code.write_text("2")
    assert machine.commit() == clean + "+"
