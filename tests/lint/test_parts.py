"""Parts of a test run: each file is run by one of them, and the parts take about as long."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.parts import files_under, part_of, shares

HERE = Path(__file__).parent
FILES = [f"tests/test_{number}.py" for number in range(40)]
SECONDS = {file: float(number) for number, file in enumerate(FILES) if number % 3}


@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_each_file_is_of_one_part(count: int) -> None:
    parts = shares(FILES, count, SECONDS)
    assert len(parts) == count
    assert sorted(file for part in parts for file in part) == sorted(FILES)
    assert parts == shares(reversed(FILES), count, dict(reversed(SECONDS.items())))


def test_parts_take_about_as_long() -> None:
    took = [sum(SECONDS.get(file, 1) for file in part) for part in shares(FILES, 3, SECONDS)]
    assert max(took) - min(took) <= 1


@pytest.mark.parametrize(("text", "part"), [("1/1", (1, 1)), ("2/3", (2, 3))])
def test_a_part_is_a_number_of_a_count(text: str, part: tuple[int, int]) -> None:
    assert part_of(text) == part


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "1/0", "-1/2", "1/2/3", "a/b", "1/"])
def test_another_text_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(pytest.UsageError, match=rf"--part {text}: expected .* such as 1/2"):
        part_of(text)


def test_ignored_paths_and_folders_of_other_programs_are_left_out(tmp_path: Path) -> None:
    kept = {"test_a.py", "deep/test_b.py"}
    for name in kept | {
        "a.py", "test_ignored.py", "ignored/test_c.py", ".env/test_d.py", "node_modules/test_e.py",
    }:  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    ignored = {tmp_path / "test_ignored.py", tmp_path / "ignored"}
    found = files_under(tmp_path, ignored, [".*", "node_modules"])
    assert {str(file.relative_to(tmp_path)) for file in found} == kept


def collected(part: str) -> set[str]:
    """Return the files of this folder that pytest collects."""
    words = ["-m", "pytest", "--collect-only", "-q", "--part", part, str(HERE)]
    ran = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True)
    tests = [line for line in ran.stdout.splitlines() if "::" in line]
    return {Path(test.partition("::")[0]).name for test in tests}


def test_two_parts_collect_each_file_of_a_folder_once() -> None:
    first, second = collected("1/2"), collected("2/2")
    assert first
    assert second
    assert not first & second
    assert first | second == {file.name for file in HERE.glob("test_*.py")}
