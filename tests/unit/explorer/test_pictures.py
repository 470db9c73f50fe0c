"""The pictures: pure functions of numbers, readable without colour, equal to their golden files."""

from __future__ import annotations

import os
import re
from xml.etree import ElementTree as ET

import pytest
from markupsafe import Markup

from btt_chain.explorer.language import language
from btt_chain.explorer.pages.slots import AUTHORS, WINDOW, strip_of
from btt_chain.explorer.pictures.depth import Level, depth
from btt_chain.explorer.pictures.slots import slots
from btt_chain.explorer.pictures.steps import Step, steps
from btt_chain.explorer.pictures.svg import WIDTH, tick
from btt_chain.explorer.pictures.tally import Counted, Side, tally
from support.vectors import REPOSITORY

GOLDEN = REPOSITORY / "tests" / "unit" / "explorer" / "golden"
T = language("en").text
M = 10**6

VOTE = Counted(
    [
        Side("institutions", 700_000, 466_666, 233_333, takes_part=True),
        Side("compute", 107_142, 107_142, 0, takes_part=True),
        Side("holders", 150_000, 0, 150_000, takes_part=True),
        Side("community", 42_857, 0, 0, takes_part=False),
    ],
    participation=957_142, participation_needed=500_000, approval=599_500,
    approval_needed=660_000, votes=True,
)  # fmt: skip
BIDS = [Level(19, 2), Level(17, 30), Level(11, 8)]
ASKS = [Level(20, 192), Level(21, 5)]
STRIP = strip_of(
    [(slot, bytes([slot % 7 % 3])) for slot in range(100, 160) if slot % 13],
    lambda key: f"<{key[0]}>",
)
assert STRIP is not None
PICTURES = {
    "tally": lambda: tally(VOTE, T),
    "tally-zh": lambda: tally(VOTE, language("zh").text),
    "steps": lambda: steps(
        "emission", "Emission", [Step(str(2025 + n), 70 * M >> n) for n in range(8)], str
    ),
    "depth": lambda: depth(BIDS, ASKS, 20, str, T),
    "slots": lambda: slots(STRIP, T),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_its_golden_file(name: str) -> None:
    made = str(PICTURES[name]()).replace("><", ">\n<") + "\n"
    file = GOLDEN / f"{name}.svg"
    if os.environ.get("BTT_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(made, encoding="utf-8")
    assert made == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_named_described_and_has_no_style_of_its_own(name: str) -> None:
    root = ET.fromstring(str(PICTURES[name]()))
    kinds = [each.tag for each in root]
    assert kinds[:2] == ["title", "desc"]
    assert all(each.text for each in root[:2])
    text = str(PICTURES[name]())
    assert " style=" not in text
    assert not re.search(r"#[0-9a-f]{6}|rgb\(", text)
    for each in root.iter("rect"):
        assert float(each.attrib["width"]) >= 0
        assert float(each.attrib["x"]) + float(each.attrib["width"]) <= WIDTH + 0.11


def boxes(made: Markup, pattern: str) -> list[float]:
    root = ET.fromstring(str(made))
    return [
        float(each.attrib["width"])
        for each in root.iter("rect")
        if each.attrib["fill"].endswith(f"-{pattern})")
    ]


def test_bars_of_a_tally_are_as_wide_as_their_numbers() -> None:
    ayes, nays = boxes(tally(VOTE, T), "a"), boxes(tally(VOTE, T), "n")
    assert ayes[:4] == [186.7, 42.9, 0, 0]
    assert nays[:4] == [93.3, 0, 60, 0]
    assert ayes[4] + nays[4] == WIDTH  # approval: all votes


def test_a_vote_without_votes_has_no_approval() -> None:
    empty = Counted([Side("compute", M, 0, 0, takes_part=False)], 0, 500_000, 0, 660_000, False)
    made = str(tally(empty, T))
    assert "Approval -" in made
    assert "turnout too small" in made


def test_names_in_a_picture_are_text() -> None:
    hostile = Counted([Side("<script>", M, 0, 0, takes_part=False)], 0, 0, 0, 0, False)
    assert "<script>" not in str(tally(hostile, T))


def test_a_book_without_orders_has_no_picture() -> None:
    assert depth([], [], None, str, T) == ""
    assert steps("x", "x", [], str) == ""
    one = str(depth([Level(7, 1)], [], None, str, T))
    assert "bids 1" in one
    assert "asks 0" in one


@pytest.mark.parametrize(
    ("largest", "step"), [(1, 1), (4, 1), (5, 2), (9, 5), (21, 10), (1 << 128, 10**38)]
)
def test_ticks_are_round(largest: int, step: int) -> None:
    assert tick(largest) == step


def test_slots_are_by_author_and_what_is_between_them_was_missed() -> None:
    made = [(slot, bytes([slot % 12])) for slot in range(50, 1_000) if slot not in (700, 701, 900)]
    strip = strip_of(made, lambda key: str(key[0]))
    assert strip is not None
    assert (strip["first"], strip["count"]) == (1_000 - WINDOW, WINDOW)
    assert strip["missed"] == 3
    assert strip["missedRuns"] == [(700, 2), (900, 1)]
    assert len(strip["rows"]) == AUTHORS + 1
    assert sum(row["blocks"] for row in strip["rows"]) == WINDOW - 3
    assert strip_of([], str) is None
