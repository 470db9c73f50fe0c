"""The chain's own job of development, local and test networks, over data of the program.

The file has what the chain stores of the set; `btt_chain/compute/public` has the data, and tests
compare the two. Main networks begin without a set: their technical track adds sets.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from btt_chain.primitives.slots import slots_in_time
from btt_chain.scale import codec
from btt_chain.work.graph import Manifest
from btt_chain.work.ids import model_id
from genesis.accounts import address
from runtime.accounts import TREASURY

FILE: Final = Path(__file__).with_name("presets") / "public-set.json"
MODEL_CLASS: Final = 0
"""Class of machines of the model: any processor."""
DEADLINE: Final = 50
"""Time for a provider, in slots of a second or longer: seconds are enough on any machine."""


def public_manifest() -> Manifest:
    """Return the manifest of the set's model."""
    known = json.loads(FILE.read_text())
    return codec(Manifest).decode_all(bytes.fromhex(known["manifest"].removeprefix("0x")))


def public_set_json(slot_ms: int) -> dict[str, dict[str, list[dict[str, object]]]]:
    """Return the sections of Models and Jobs for a chain with slots of this length.

    The model belongs to the treasury, without a bond.
    """
    known = json.loads(FILE.read_text())
    model = {
        "name": known["name"],
        "owner": address(TREASURY),
        "class": MODEL_CLASS,
        "manifest": known["manifest"],
        "schema": known["schema"],
        "service": "Embedding",
        "modality": "Table",
    }
    job = {
        "model": "0x" + model_id(public_manifest()).hex(),
        "items": known["items"],
        "inputRoot": known["inputRoot"],
        "dataBytes": known["dataBytes"],
        "deadline": slots_in_time(DEADLINE, slot_ms),
    }
    return {"models": {"models": [model]}, "jobs": {"protocolSets": [job]}}
