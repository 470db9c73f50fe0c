"""Attestations: statements of feeders about providers, which count once a majority agrees."""

from __future__ import annotations

from typing import Final

from btt_chain.primitives.account import AccountId
from runtime.frame import Component, Map, Value
from runtime.pallets.oracle import events
from runtime.pallets.oracle.types import (
    ENERGY_PPM,
    Providers,
    Roster,
    Statement,
    Statements,
)

MIN_QUORUM: Final = 3
"""Minimum number of feeders that must agree."""


class Attestations(Component):
    """Statements about providers, until a majority agrees."""

    _roster: Value[Roster]
    providers: Providers

    statements = Map(AccountId, Statements, default=[])
    """Feeders' statements about a provider that no majority agreed on yet."""

    def attest(self, provider: AccountId, statement: Statement) -> None:
        """Store a statement in place of the feeder's last one, and apply it if a majority agrees.

        Raises Mining.NotOperator or Mining.UnknownRegion.
        """
        self.providers.ensure_attestable(provider, statement.region)
        roster = self._roster.peek()
        others = [
            each
            for each in self.statements[provider]
            if each.feeder in roster and each.feeder != statement.feeder
        ]
        said = (statement.region, statement.energy)
        agreed = 1 + sum((each.region, each.energy) == said for each in others)
        if agreed < quorum(len(roster)):
            self.statements[provider] = [*others, statement]
            return
        del self.statements[provider]
        self.providers.attest(provider, statement.region, ENERGY_PPM[statement.energy])
        self.deposit(events.ProviderAttested(provider, statement.region, statement.energy))


def quorum(feeders: int) -> int:
    """Return the number of feeders that must agree: a majority, and at least three."""
    return max(MIN_QUORUM, feeders // 2 + 1)
