"""The list of providers is read page by page."""

from __future__ import annotations

from typing import cast

from btt_chain.client.chain import Chain
from btt_chain.client.paging import PAGE
from btt_chain.scale.portable import Plain
from cli.commands.provider_list import document, read_rows, takes_jobs


class Pages:
    """The runtime API of a chain with many providers."""

    def __init__(self, count: int) -> None:
        self.views = [view(number) for number in range(count)]
        self.asked: list[object] = []

    async def api(self, name: str, after: str | None, limit: int) -> Plain:
        assert name == "WorkApi.providers"
        self.asked.append(after)
        names = [each["provider"] for each in self.views]
        start = 0 if after is None else names.index(after) + 1
        return [*self.views[start : start + limit]]

    @property
    def chain(self) -> Chain:
        """The pages, as what reads them expects it."""
        return cast("Chain", self)


def view(number: int) -> dict[str, Plain]:
    return {
        "provider": f"5P{number}", "operator": None,
        "info": {"kind": "Home", "region": None, "classes": [0, number % 3], "capacity": 2},
        "active": 1_000 + number, "reserved": 10, "leaving": 0, "capacity": 2, "busy": 1,
        "last_heartbeat": 7, "chilled": False, "lost": number,
    }  # fmt: skip


async def test_all_pages_are_read() -> None:
    pages = Pages(2 * PAGE + 5)
    rows = await read_rows(pages.chain)
    assert [row.address for row in rows] == [f"5P{n}" for n in range(2 * PAGE + 5)]
    assert pages.asked == [None, f"5P{PAGE - 1}", f"5P{2 * PAGE - 1}"]
    assert (rows[4].bond, rows[4].classes, rows[4].lost) == (1_014, (0, 1), 4)


async def test_a_last_page_that_is_full_is_followed_by_an_empty_one() -> None:
    pages = Pages(PAGE)
    assert len(await read_rows(pages.chain)) == PAGE
    assert len(pages.asked) == 2
    assert await read_rows(Pages(0).chain) == []


async def test_a_provider_as_json_has_planck_as_text() -> None:
    pages = Pages(1)
    (row,) = await read_rows(pages.chain)
    found = document(row, 9)
    assert (found["active"], found["era"], found["lastHeartbeat"]) == ("1000", 9, 7)


def test_a_provider_that_is_silent_or_full_is_not_shown_as_one_that_takes_jobs() -> None:
    def takes(*, is_chilled: bool = False, age: int = 0, busy: int = 0) -> str:
        return takes_jobs(is_chilled=is_chilled, age=age, fresh=1, busy=busy, capacity=2)

    assert takes() == takes(age=1, busy=1) == "yes"
    assert takes(age=9) == "no: no heartbeat for 9 eras"
    assert takes(busy=2) == "no: it has all that it takes"
    assert takes(is_chilled=True, age=9).startswith("no: it was chilled")
