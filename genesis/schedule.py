"""Vesting by the month: what `btt-chain tokenomics schedule` prints."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Final, NamedTuple

from genesis.allocation import slots
from genesis.catalogue import chain_named
from genesis.presets import ALIASES, CHAINS
from genesis.spec import SpecError
from genesis.tables import table

MONTHS: Final = 96


class Vested(NamedTuple):
    """How much of a row is free after so many months."""

    preset: str
    key: str
    month: int
    vested_planck: int


def schedule(preset: str) -> Iterator[Vested]:
    """Every linear row of a preset, month by month from 0 to 96, by the runtime's own functions.

    SpecError if there is no such preset.
    """
    chain = chain_named(preset)
    if chain is None:
        raise SpecError(f"{preset}: no preset; there are {', '.join((*CHAINS, *ALIASES))}")
    rows = table(chain.document)
    for row in rows.linear():
        law = rows.schedule(row, chain.slot_ms)
        for month in range(MONTHS + 1):
            yield Vested(preset, row.key, month, int(law.vested(slots(month, chain.slot_ms))))


def schedule_csv(preset: str) -> str:
    """The schedule as CSV with a header line; SpecError if there is no such preset."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Vested._fields)
    writer.writerows(schedule(preset))
    return text.getvalue()
