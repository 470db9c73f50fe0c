"""Events: what a call announces once nothing can fail any more."""

from __future__ import annotations

from typing import dataclass_transform

from btt_chain.scale import Variant


@dataclass_transform()
class Event(Variant):
    """Base of every pallet's events: `class Transfer(Event, index=2)` with annotated fields.

    The docstring is what explorers show.
    """
