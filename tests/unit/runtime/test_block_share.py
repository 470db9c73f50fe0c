"""The part of a slot that a block takes: made, on its way and imported before the next slot."""

from __future__ import annotations

import pytest

from btt_chain.node.engine.parts import Settings
from btt_chain.scale import u64
from genesis.presets import CHAINS
from runtime import BttRuntime
from runtime.block_weights import BASE_EXTRINSIC, EXTRINSIC_BYTE
from runtime.frame import DispatchInfo
from runtime.frame.weight import PICOS_PER_MILLI
from runtime.limits import SLOT_PERCENT, block_budget, block_weights, heaviest_call
from runtime.pallets.balances.weights import TRANSFER_KEEP_ALIVE
from runtime.pallets.models import weights as models
from runtime.pallets.providers.pallet import joining
from runtime.params import RuntimeParams

SLOTS = (500, 1_000, 2_000, 6_000)
TRANSFER_BYTES = 150


@pytest.mark.parametrize("slot_ms", SLOTS)
def test_a_full_block_is_made_and_imported_within_five_sixths_of_its_slot(slot_ms: int) -> None:
    share = Settings(slot_ms).build_share
    making = slot_ms * share[0] // share[1]
    importing = int(block_weights(slot_ms).max_block.ref_time) // PICOS_PER_MILLI
    assert 6 * (making + importing) <= 5 * slot_ms
    assert importing * 2 <= slot_ms
    assert block_budget(slot_ms) == slot_ms * PICOS_PER_MILLI * SLOT_PERCENT // 100


@pytest.mark.parametrize("slot_ms", SLOTS)
def test_a_block_has_room_for_a_thousand_transfers_a_second(slot_ms: int) -> None:
    normal = block_weights(slot_ms).per_class.normal
    assert normal.max_total is not None
    one = BASE_EXTRINSIC + TRANSFER_KEEP_ALIVE + TRANSFER_BYTES * EXTRINSIC_BYTE
    assert int(normal.max_total.ref_time) // one >= slot_ms


def test_every_call_whose_weight_is_fixed_fits_into_a_block_of_the_development_chain() -> None:
    slot_ms = CHAINS["dev"].slot_ms
    runtime, most = BttRuntime(RuntimeParams(u64(slot_ms))), heaviest_call(slot_ms)
    weights = {
        f"{pallet.name}.{entry.name}": entry.info.weight
        for pallet in runtime.pallets.values()
        for entry in pallet.CALLS.values()
        if isinstance(entry.info, DispatchInfo)
    }
    assert len(weights) > 200
    assert [name for name, weight in weights.items() if weight > most] == []
    # And the heaviest of those that providers and owners of models make.
    assert joining(runtime.providers).weight <= most
    assert models.register(512, 43) <= most
