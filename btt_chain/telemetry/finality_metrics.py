"""Metrics of GRANDPA."""

from __future__ import annotations

from typing import Literal

from btt_chain.telemetry.registry import Registry

Stage = Literal["prevote", "precommit"]


class FinalityMetrics:
    """Metrics of GRANDPA."""

    def __init__(self, registry: Registry) -> None:
        """Register the metrics."""
        self.round = registry.gauge("substrate_finality_grandpa_round", "Highest completed round")
        self.set_id = registry.gauge("btt_finality_grandpa_set_id", "Authority set of that round")
        self.prevotes = registry.counter(
            "substrate_finality_grandpa_prevotes_total", "Prevotes that we cast"
        )
        self.precommits = registry.counter(
            "substrate_finality_grandpa_precommits_total", "Precommits that we cast"
        )
        self.waiting = registry.gauge(
            "substrate_finality_grandpa_until_imported_waiting_messages_number",
            "Messages that wait for blocks",
        )
        self.equivocations = registry.counter(
            "btt_equivocations_seen_total", "Double signing that we saw", ("engine",)
        )
        self.missing_voters = registry.gauge(
            "btt_finality_missing_voters", "Voters without votes in the last rounds"
        )
        self.heads_online = registry.gauge(
            "btt_grandpa_heads_online", "Voters with votes in the last rounds"
        )
        self.heads_needed = registry.gauge(
            "btt_grandpa_heads_needed", "Voters whose votes finality needs, whatever their weight"
        )

    def on_round(self, set_id: int, round: int) -> None:
        """Set the highest completed `round` of authority set `set_id`."""
        self.round.set(round)
        self.set_id.set(set_id)

    def on_vote(self, stage: Stage) -> None:
        """Record a vote of ours."""
        (self.prevotes if stage == "prevote" else self.precommits).inc()

    def on_waiting_votes(self, count: int) -> None:
        """Set the number of messages that wait for unknown blocks."""
        self.waiting.set(count)

    def on_equivocation(self, engine: Literal["babe", "grandpa"]) -> None:
        """Record an equivocation."""
        self.equivocations.labels(engine=engine).inc()

    def on_missing_voters(self, count: int, total: int, needed: int) -> None:
        """Set the numbers of voters: without votes in the last rounds, of all, and needed."""
        self.missing_voters.set(count)
        self.heads_online.set(total - count)
        self.heads_needed.set(needed)
