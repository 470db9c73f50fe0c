"""Metrics of blocks, forks and runtime upgrades."""

from __future__ import annotations

from typing import Final

from btt_chain.telemetry.registry import Registry

BLOCKS: Final = (0, 1, 2, 3, 4, 6, 8, 16, 32, 64)
"""Upper bounds of a finality lag in blocks."""


class ChainMetrics:
    """Metrics of blocks, forks and runtime upgrades."""

    def __init__(self, registry: Registry) -> None:
        """Register the metrics."""
        self.block_height = registry.gauge(
            "substrate_block_height", "Height of blocks", ("status",)
        )
        for status in ("best", "finalized", "sync_target"):
            self.block_height.labels(status=status).set(0)
        self.leaves = registry.gauge("substrate_number_leaves", "Leaves of the chain (forks)")
        self.import_time = registry.histogram(
            "substrate_block_verification_and_import_time",
            "Seconds to verify, execute and store a block", ("result",),
        )  # fmt: skip
        self.imports = registry.counter(
            "substrate_import_queue_processed_total", "Blocks that came in", ("result",)
        )
        self.finality_lag = registry.histogram(
            "btt_finality_lag_blocks",
            "Blocks between the best and the last final one, at each finalization", buckets=BLOCKS,
        )  # fmt: skip
        self.reorganisations = registry.counter(
            "btt_reorganisations_total", "Times that the best chain changed to another fork"
        )
        self.retracted = registry.counter(
            "btt_retracted_blocks_total", "Blocks that left the best chain"
        )
        self.faults = registry.gauge(
            "btt_contained_faults", "Unexpected errors about data of peers since the start"
        )
        self.upgrade_lacking = registry.gauge(
            "btt_upgrade_lacking",
            "The version of the runtime that is to come and not supported, else 0",
        )
        self.upgrade_stands = registry.gauge(
            "btt_upgrade_stands",
            "1 while the node imports no blocks because it lacks a version of the runtime",
        )
        self.major_syncing = registry.gauge(
            "substrate_sub_libp2p_is_major_syncing", "1 while the node is far behind"
        )
        self.authored = registry.counter("btt_blocks_authored_total", "Blocks that we made")
        self._best = 0

    def on_imported(self, seconds: float, *, is_own: bool = False) -> None:
        """Record a block verified, executed and stored in `seconds`; `is_own` if we made it."""
        self.import_time.labels(result="success").observe(seconds)
        self.imports.labels(result="success").inc()
        if is_own:
            self.authored.inc()

    def on_import_failed(self, reason: str) -> None:
        """Record a refused block. `reason` is a word from a fixed list, never a peer's text."""
        self.imports.labels(result=reason).inc()

    def on_start(self, best: int, final: int) -> None:
        """Set the heads at the start of the node."""
        self.on_best(best)
        self.block_height.labels(status="finalized").set(final)

    def on_best(self, number: int) -> None:
        """Set the height of the best block."""
        self._best = number
        self.block_height.labels(status="best").set(number)

    def on_finalized(self, number: int) -> None:
        """Set the height of the last final block; also measure its lag behind the best."""
        self.block_height.labels(status="finalized").set(number)
        self.finality_lag.observe(max(self._best - number, 0))

    def on_reorganised(self, depth: int) -> None:
        """Record that the best chain lost `depth` blocks to another fork."""
        self.reorganisations.inc()
        self.retracted.inc(depth)

    def on_leaves(self, count: int) -> None:
        """Set the number of leaves (forks) of the chain."""
        self.leaves.set(count)

    def on_faults(self, count: int) -> None:
        """Set the number of contained errors since the start."""
        self.faults.set(count)

    def on_sync(self, target: int, *, is_major: bool) -> None:
        """Set the highest known block to `target`; `is_major` while we are far behind it."""
        self.block_height.labels(status="sync_target").set(target)
        self.major_syncing.set(int(is_major))

    def on_upgrade(self, lacking: int, *, stands: bool) -> None:
        """Set the runtime version, scheduled or in force, that is not supported (0: none); `stands`
        if the node imports no more blocks for that reason.
        """
        self.upgrade_lacking.set(lacking)
        self.upgrade_stands.set(int(stands))
