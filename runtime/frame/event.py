"""Events: records of what a call or hook did."""

from __future__ import annotations

from typing import dataclass_transform

from btt_chain.scale import Variant


@dataclass_transform()
class Event(Variant):
    """Base class of pallets' events: `class Transfer(Event, index=2)` with annotated fields.

    Explorers show the docstring.
    """
