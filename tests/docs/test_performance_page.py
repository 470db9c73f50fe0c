"""docs/performance.md is the page of the recorded run, and of nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.compare.page import PAGE, RECORDED, TEMPLATE, page
from bench.compare.record import Record, read_record, recorded
from bench.report import TARGETS, WHAT


@pytest.fixture(scope="module")
def record() -> Record:
    """Return the recorded run."""
    return read_record(RECORDED.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def template() -> str:
    """Return the page without figures."""
    return TEMPLATE.read_text(encoding="utf-8")


def test_the_page_is_that_of_the_recorded_run(record: Record, template: str) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(template, record), "run make performance-doc"


def test_a_recorded_run_names_its_origin(record: Record, template: str) -> None:
    made = page(template, record)
    assert f"at commit {record.commit}, {record.mode} mode" in made
    assert record.base in made
    assert all(f"* {line}" in made for line in record.machine)
    assert any("PGO" in line for line in record.machine)
    assert f"* load averages before: {record.load[0]}; after: {record.load[1]}" in made


def test_another_figure_makes_another_page(record: Record, template: str) -> None:
    first = next(pair for pair in record.pairs if not pair.trouble)
    other = replace(record, pairs=[replace(first, ratio=9.87)])
    assert "**9.87**" in page(template, other)
    assert page(template, other) != page(template, record)


def test_a_slower_workload_shows_the_profiles_of_both_sides(record: Record, template: str) -> None:
    first = next(pair for pair in record.pairs if not pair.trouble)
    rows = {"base": [("old.py:1 slow", 2.0, 7.5)], "this tree": [("new.py:2 slower", 3.0, 8.5)]}
    made = page(template, replace(record, pairs=[replace(first, ratio=0.9, profiles=rows)]))
    assert "| `old.py:1 slow` | 2.0 | 7.5 | `new.py:2 slower` | 3.0 | 8.5 |" in made


def test_every_target_has_a_line(record: Record, template: str) -> None:
    assert set(WHAT) == set(TARGETS)
    made = page(template, replace(record, targets=[]))
    assert all(f"| {number} | {WHAT[number]} |" in made for number in TARGETS)
    assert made.count("not in this run") == len(TARGETS)


def test_a_record_is_read_as_it_was_written(record: Record) -> None:
    assert recorded(read_record(recorded(record))) == recorded(record)


@pytest.mark.parametrize("mark", ["{{pairs}}", "{{origin}}"])
def test_a_template_without_a_section_is_refused(record: Record, template: str, mark: str) -> None:
    with pytest.raises(ValueError, match="the template has no"):
        page(template.replace(mark, ""), record)


def test_a_mark_that_no_section_fills_is_refused(record: Record, template: str) -> None:
    with pytest.raises(ValueError, match="unknown mark"):
        page(template + "{{mystery}}", record)
