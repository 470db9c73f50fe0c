"""Lists that are read page by page."""

from __future__ import annotations

import pytest

from btt_chain.client.errors import InvalidAnswer
from btt_chain.client.jsonrpc import Json
from btt_chain.client.paging import PAGE, listed, pages


class Numbers:
    """A list of the numbers below a limit, of which the requests are noted."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.requests: list[int] = []

    async def read(self, first: int) -> list[int]:
        self.requests.append(first)
        return [*range(first, min(first + 10, self.count))]


@pytest.mark.parametrize(
    ("count", "requests"), [(0, [0]), (9, [0]), (10, [0, 10]), (25, [0, 10, 20])]
)
async def test_a_list_is_read_until_a_page_is_not_full(count: int, requests: list[int]) -> None:
    numbers = Numbers(count)
    rows = [row async for row in pages(numbers.read, lambda row: row + 1, 0, size=10)]
    assert rows == [*range(count)]
    assert numbers.requests == requests


async def test_a_reader_that_stops_requests_no_further_page() -> None:
    numbers = Numbers(1_000)
    async for row in pages(numbers.read, lambda row: row + 1, 0, size=10):
        if row == 12:
            break
    assert numbers.requests == [0, 10]


@pytest.mark.parametrize(("begin", "length"), [(0, 1), (0, 2), (3, 1), (5, 7)])
async def test_a_node_that_repeats_pages_is_refused(begin: int, length: int) -> None:
    requests = 0

    async def read(_after: int) -> list[int]:
        nonlocal requests
        first = requests if requests < begin else begin + (requests - begin) % length
        requests += 1
        return [*range(10 * first + 1, 10 * first + 11)]

    with pytest.raises(InvalidAnswer, match="repeats a page"):
        _ = [row async for row in pages(read, lambda row: row, 0, size=10)]
    assert requests <= 3 * (begin + length)


async def test_records_of_an_rpc_method_are_listed_by_their_keys() -> None:
    calls: list[tuple[Json, ...]] = []

    async def call(*params: Json) -> Json:
        calls.append(params)
        first = 0 if params[-2] is None else int(str(params[-2])[1:]) + 1
        return [{"name": f"n{at}"} for at in range(first, min(first + PAGE, PAGE + 3))]

    rows = await listed(call, "work_jobs", None, True, key="name")
    assert [row["name"] for row in rows] == [f"n{at}" for at in range(PAGE + 3)]
    assert calls == [
        ("work_jobs", None, True, None, PAGE), ("work_jobs", None, True, f"n{PAGE - 1}", PAGE),
    ]  # fmt: skip


@pytest.mark.parametrize("answer", [None, {"id": 1}, [{"id": 1}, 2], "x"])
async def test_an_answer_that_is_not_a_list_of_records_is_refused(answer: Json) -> None:
    async def call(*_params: Json) -> Json:
        return answer

    with pytest.raises(InvalidAnswer):
        await listed(call, "work_models")
