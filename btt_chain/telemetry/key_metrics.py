"""The number of a node's session keys by state: `btt_session_keys`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from btt_chain.telemetry.registry import Registry

TYPES: Final = ("babe", "gran")
STATES: Final = ("signs", "barred", "watches", "launches", "waits", "clock", "no_record")
"""The values of `btt_chain.keystore.states.State`."""


class KeyMetrics:
    """The states of session keys."""

    def __init__(self, registry: Registry) -> None:
        """Register the gauge, with every label at zero."""
        self._keys: Final = registry.gauge(
            "btt_session_keys",
            "Session keys here, by type and by what they may do",
            ("type", "state"),
        )
        self.on_keys(())

    def on_keys(self, keys: Iterable[tuple[str, str]]) -> None:
        """Set the gauge from the type and the state of each key."""
        counts = Counter(keys)
        for kind in TYPES:
            for state in STATES:
                self._keys.labels(type=kind, state=state).set(counts[kind, state])
