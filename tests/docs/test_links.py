"""Links between the pages of the documentation lead somewhere, and lists of contents are whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[[^\]\n]+\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
HEADING_LINK = re.compile(r"\[[^\]\n]+\]\(([^)#\s]*)#([^)\s]+)\)")
FILE = re.compile(
    r"`((?:btt_chain|runtime|storage|genesis|cli|tests|scripts|docs)/[\w./-]+\.(?:py|md|json|sh))`"
)


def headings(page: Path, levels: str = "#+") -> list[str]:
    """The names by which links reach the headings of a page, as GitHub makes them."""
    fence = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
    text = fence.sub("", page.read_text(encoding="utf-8"))
    found: list[str] = []
    for line in re.findall(rf"^{levels} (.*)$", text, re.MULTILINE):
        plain = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", line).lower()
        found.append(re.sub(r"[^\w -]", "", plain).replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    inner = [target for target in targets if "://" not in target]

    assert [target for target in inner if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    named = set(FILE.findall(page.read_text(encoding="utf-8")))

    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_each_make_target_that_a_page_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    named = {
        target
        for page in PAGES
        for target in re.findall(r"`make ([a-z][a-z-]*)", page.read_text(encoding="utf-8"))
    }
    assert {"devnet", "test", "check"} <= named
    assert named <= targets, sorted(named - targets)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_heading_leads_to_one(page: Path) -> None:
    targets = HEADING_LINK.findall(page.read_text(encoding="utf-8"))
    wrong = [
        f"{file}#{name}"
        for file, name in targets
        if "://" not in file
        and (file.endswith(".md") or not file)
        and name not in headings(page.parent / file if file else page)
    ]

    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_list_of_contents_names_every_part(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    contents = re.search(r"^Contents: .*?\n\n", text, re.MULTILINE | re.DOTALL)
    if contents is None:
        return
    named = {name for _, name in HEADING_LINK.findall(contents[0])}
    assert set(headings(page, levels="##")) - named == set()
