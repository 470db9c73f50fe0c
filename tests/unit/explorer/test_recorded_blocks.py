"""The recorded blocks of the benchmark are indexed whole."""

from __future__ import annotations

from pathlib import Path

from bench.bench_explorer import TRANSFERS, Recorded, catch_up
from btt_chain.explorer.index.queries import END, Index

BUDGET = 900
"""Bytes an extrinsic of an index as small as this one, with its metadata; docs has the real one."""


async def test_the_recorded_blocks_of_the_benchmark_are_indexed_whole(tmp_path: Path) -> None:
    connection, file = Recorded(6), tmp_path / "index.db"
    await catch_up(connection, file)
    index = Index(file)
    assert index.final() == (6, connection.hashes[6])
    rows = index.blocks_above(0, 100)
    assert [row.signed for row in rows] == [TRANSFERS] * 6
    assert all(row.events == row.event_count and not row.complaint for row in rows)
    places = index.extrinsics_below(END, END, 10_000, signed=True)
    assert len(places) == 6 * TRANSFERS
    assert all(place.ok and place.fee for place in places)
    assert file.stat().st_size / (6 * TRANSFERS) <= BUDGET
    index.close()
