"""The table of constants in docs/useful-work.md is what the metadata says, by chain."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from btt_chain.scale import u32, u64
from btt_chain.scale.portable import Portable
from btt_chain.scale.registry import TypeRegistry
from genesis.catalogue import epochs
from genesis.presets import CHAINS
from runtime import BttRuntime
from runtime.apis.metadata import describe_pallet
from runtime.constants import BTT
from runtime.params import RuntimeParams

PAGE = Path(__file__).parents[3] / "docs" / "useful-work.md"
PALLETS = ("Jobs", "Receipts", "Providers", "Models", "Mining")
ROW = re.compile(r"\| `(\w+\.\w+)` \| ([\d,/ ]+) \| (\w+) \|")
COLUMNS = ("dev", "local", "testnet", "seed-000")


def metadata_of(preset: str) -> dict[str, int]:
    """The constants in a chain's metadata: numbers, all of them."""
    chain, registry = CHAINS[preset], TypeRegistry()
    runtime = BttRuntime(
        RuntimeParams(
            u64(chain.slot_ms),
            epoch_slots=u32(chain.epoch_slots),
            unbonding_epochs=u32(epochs(chain.unbonding, chain)),
            report_epochs=u32(epochs(chain.reporting, chain)),
            work=chain.work,
        )
    )
    pallets = [describe_pallet(registry, runtime.pallet_named(name)) for name in PALLETS]
    book, found = Portable(registry.types), {}
    for pallet in pallets:
        for constant in pallet.constants:
            assert constant.docs, constant.name
            value = book.decode(constant.type, constant.value)
            assert isinstance(value, int)
            found[f"{pallet.name}.{constant.name}"] = value
    return found


@pytest.mark.parametrize("preset", COLUMNS)
def test_the_page_lists_the_constants_of_work_as_the_metadata_does(preset: str) -> None:
    chapter = PAGE.read_text().split("## Constants\n")[1].split("\n## ")[0]
    page = {}
    for name, cell, unit in ROW.findall(chapter):
        values = [int(one.replace(",", "")) for one in cell.split(" / ")]
        assert len(values) in (1, len(COLUMNS)), name
        value = values[COLUMNS.index(preset) if len(values) > 1 else 0]
        page[name] = value * int(BTT) if unit == "BTT" else value
    assert page == metadata_of(preset)
