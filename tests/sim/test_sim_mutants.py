"""Faults put into the node on purpose: the seeds must find each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import msgpack
import pytest

from storage.state import Pending
from support.sim.disk import SimDisk
from support.sim.scenario import Scenario, play
from support.sim.vault import WatchedRecord

SEEDS = 30

Patch = Callable[[pytest.MonkeyPatch], None]


def a_key_forgets_its_votes_at_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    again = WatchedRecord.again

    def forgetful(self: WatchedRecord, point: Callable[[str], None]) -> WatchedRecord:
        if self._durable is not None:
            self._durable = replace(self._durable, round=None)
        return again(self, point)

    monkeypatch.setattr(WatchedRecord, "again", forgetful)


def a_journal_lacks_its_first_change(monkeypatch: pytest.MonkeyPatch) -> None:
    def journal(self: Pending, records: Iterable[bytes]) -> bytes:
        rows = [(key, self.old[key], value) for key, value in self.changes.items()]
        packed: bytes = msgpack.packb((rows[1:], list(records)))
        return packed

    monkeypatch.setattr(Pending, "journal", journal)


def nothing_is_synced(monkeypatch: pytest.MonkeyPatch) -> None:
    write = SimDisk.write

    def unsafe(self: SimDisk, batch: Mapping[bytes, bytes | None], *, sync: bool) -> None:
        write(self, batch, sync=False)

    monkeypatch.setattr(SimDisk, "write", unsafe)


@pytest.mark.parametrize(
    ("fault", "first", "least"),
    [
        # The first seed that finds it: those before it cost seconds.
        (a_key_forgets_its_votes_at_a_restart, 13, 1),
        (a_journal_lacks_its_first_change, 0, 1),
        (nothing_is_synced, 0, 2),
        pytest.param(a_key_forgets_its_votes_at_a_restart, 0, 1, marks=pytest.mark.full),
        pytest.param(a_journal_lacks_its_first_change, 0, 3, marks=pytest.mark.full),
        pytest.param(nothing_is_synced, 0, 10, marks=pytest.mark.full),
    ],
)
def test_thirty_seeds_find_a_fault(
    fault: Patch, first: int, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    found: list[str] = []
    for seed in range(first, first + SEEDS):
        try:
            play(Scenario.of(seed))
        except AssertionError as failure:
            found.append(str(failure).splitlines()[0])
        if len(found) == least:
            break
    print(f"found {len(found)} times, at last by seed {seed}: {found}")
    assert len(found) >= least
