"""The examples in the documentation are run, so that no page can say what is not so.

A block that begins with ```pycon is a Python session; those of one page share their names. If a
change of the output is meant: `BTT_GOLDEN=write pytest tests/docs/test_wire_examples.py`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from doctest import DocTest, DocTestParser, DocTestRunner, Example
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRACEBACK = "Traceback (most recent call last):\n"
SESSION = re.compile(r"^```pycon\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    every = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in every if SESSION.search(page.read_text(encoding="utf-8"))]


class Runner(DocTestRunner):
    """Runs examples and keeps what each printed."""

    def __init__(self) -> None:
        super().__init__(verbose=False)
        self.printed: list[str] = []
        self.broken: list[str] = []

    def report_start(self, out: object, test: DocTest, example: Example) -> None:
        pass

    def report_success(self, out: object, test: DocTest, example: Example, got: str) -> None:
        self.printed.append(example.want)

    def report_failure(self, out: object, test: DocTest, example: Example, got: str) -> None:
        if got.startswith(TRACEBACK):
            got = f"{TRACEBACK}    ...\n{got.splitlines()[-1]}\n"
        self.printed.append(got)

    def report_unexpected_exception(
        self, out: object, test: DocTest, example: Example, exc_info: object
    ) -> None:
        self.printed.append(example.want)
        self.broken.append(f"{example.source.strip()} raised {exc_info!r}")


def sessions(text: str) -> Iterator[tuple[int, int, list[Example]]]:
    """Return the place of each session in a page's text, and its examples."""
    for found in SESSION.finditer(text):
        yield *found.span(1), DocTestParser().get_examples(found[1])


def written(example: Example, printed: str) -> str:
    """The lines of one example."""
    first, *more = example.source.rstrip("\n").split("\n")
    lines = [f">>> {first}", *(f"... {line}".rstrip() for line in more)]
    return "\n".join(lines) + "\n" + printed


def rerun(page: Path) -> tuple[str, list[str]]:
    """The page with what its examples print now, and which of them broke."""
    text = page.read_text(encoding="utf-8")
    names: dict[str, object] = {}
    made, at, broken = [], 0, []
    for start, end, examples in sessions(text):
        runner = Runner()
        test = DocTest(examples, names, page.name, str(page), text[:start].count("\n"), None)
        runner.run(test, out=lambda _: None, clear_globs=False)
        names = test.globs  # a DocTest works on a copy
        blocks = map(written, examples, runner.printed)
        made += [text[at:start], *blocks]
        at = end
        broken += runner.broken
    return "".join([*made, text[at:]]), broken


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_the_examples_of_a_page_print_what_it_says(page: Path) -> None:
    now, broken = rerun(page)

    assert not broken
    if os.environ.get("BTT_GOLDEN") == "write":
        page.write_text(now, encoding="utf-8")
    assert now == page.read_text(encoding="utf-8"), (
        "if the change is meant: BTT_GOLDEN=write .venv/bin/pytest "
        f"tests/docs/{Path(__file__).name}"
    )


def test_the_wire_page_has_examples() -> None:
    assert ROOT / "docs" / "wire.md" in pages()
