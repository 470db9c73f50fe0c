"""Prometheus metrics of one node, under the names that dashboards for Substrate use.

One `Metrics` per node, with a registry of its own: several nodes in a process do not mix. The node
reports events (`on_imported`, `on_finalized`, ...); nothing here queries it. Metrics without a name
in Substrate begin with `btt_`.

Names: Substrate's `sc-service`, `sc-network`, `sc-consensus-grandpa`, `sc-basic-authorship`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from btt_chain.telemetry.key_metrics import KeyMetrics

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
"""Content type of `Metrics.text`, for HTTP."""

ROLE_FULL: Final = 1
ROLE_AUTHORITY: Final = 4

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of durations; Substrate's."""

SLOTS: Final = (0, 1, 2, 3, 4, 6, 8, 16, 32, 64)
"""Upper bounds of a finality lag in blocks."""

_ENDINGS: Final = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
"""Suffixes that the text format appends to the name of a metric, by its kind."""

OTHER_METHODS: Final = "other"
"""The label of JSON-RPC methods that were not announced."""

Stage = Literal["prevote", "precommit"]


class Metrics:
    """The metrics of one node; every method is cheap and never fails."""

    def __init__(self, name: str, version: str, *, is_authority: bool, chain: str = "") -> None:
        """Create a registry for node `name` of program `version` on the chain with id `chain`."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._identity(name, version, chain, is_authority=is_authority)
        self._chain()
        self._pool_and_network()
        self._authoring()
        self._finality()
        self._rpc()
        self._work()
        self.keys = KeyMetrics(self.registry)
        self._best = 0
        self._final = 0

    def text(self) -> bytes:
        """Return all metrics in the text format of Prometheus, to be sent as CONTENT_TYPE."""
        return generate_latest(self.registry)

    def names(self) -> list[str]:
        """Return the names of all series, sorted, for dashboards."""
        found = {
            metric.name + ending
            for metric in self.registry.collect()
            for ending in _ENDINGS.get(metric.type, ("",))
        }
        return sorted(found)

    # ---- chain

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
        self._final = final
        self.block_height.labels(status="finalized").set(final)

    def on_best(self, number: int) -> None:
        """Set the height of the best block."""
        self._best = number
        self.block_height.labels(status="best").set(number)

    def on_finalized(self, number: int) -> None:
        """Set the height of the last final block; also measure its lag behind the best."""
        self._final = number
        self.block_height.labels(status="finalized").set(number)
        self.finality_lag.observe(max(self._best - number, 0))

    def on_reorganised(self, depth: int) -> None:
        """Record that the best chain lost `depth` blocks to another fork."""
        self.reorganisations.inc()
        self.retracted.inc(depth)

    def on_leaves(self, count: int) -> None:
        """Set the number of leaves (forks) of the chain."""
        self.leaves.set(count)

    def on_upgrade(self, lacking: int, *, stands: bool) -> None:
        """Set the runtime version, scheduled or in force, that is not carried (0: none); `stands`
        if the node imports no more blocks for that reason.
        """
        self.upgrade_lacking.set(lacking)
        self.upgrade_stands.set(int(stands))

    # ---- pool and network

    def on_pool(self, ready: int, future: int = 0) -> None:
        """Set the number of `ready` transactions, and of `future` ones that wait for a nonce."""
        self.ready.set(ready)
        self.future.set(future)

    def on_peers(self, count: int) -> None:
        """Set the number of connected nodes."""
        self.peers.set(count)

    def on_sync(self, target: int, *, is_major: bool) -> None:
        """Set the highest known block to `target`; `is_major` while we are far behind it."""
        self.block_height.labels(status="sync_target").set(target)
        self.major_syncing.set(int(is_major))

    def on_nodes_known(self, count: int) -> None:
        """Set the number of nodes in our routing table."""
        self.nodes_known.set(count)

    def on_traffic(
        self, bytes_in: int, bytes_out: int, penalties: int, bans: int, lookups: int
    ) -> None:
        """Add bytes of the network, penalties and bans of peers, and walks through the network."""
        self.network_bytes.labels(direction="in").inc(bytes_in)
        self.network_bytes.labels(direction="out").inc(bytes_out)
        self.penalties.inc(penalties)
        self.bans.inc(bans)
        self.lookups.inc(lookups)

    def on_peer_costs(self, costs: Mapping[str, float]) -> None:
        """Add costs of peers; keys are `work KIND` and `useless KIND` (seconds), `cut off KIND`
        (peers), and `refused` (connections).
        """
        for name, amount in costs.items():
            what, _, kind = name.rpartition(" ")
            match what:
                case "work":
                    self.peer_cost.labels(kind=kind).inc(amount)
                case "useless":
                    self.peer_useless.labels(kind=kind).inc(amount)
                case "cut off":
                    self.peer_cut_off.labels(kind=kind).inc(amount)
                case _:
                    self.connections_refused.inc(amount)

    def on_budget_used(self, share: float) -> None:
        """Set the largest share of its budget for useless work that a connected peer has used."""
        self.budget_used.set(share)

    def on_request(self, protocol: str, seconds: float | None, reason: str = "failed") -> None:
        """Record a request of ours: answered after `seconds`, or (None) failed for `reason`."""
        if seconds is None:
            self.requests_failed.labels(protocol=protocol, reason=reason).inc()
            return
        self.requests.labels(protocol=protocol).observe(seconds)

    # ---- authoring

    def on_proposed(self, seconds: float, transactions: int) -> None:
        """Record a block that we made of `transactions` signed extrinsics in `seconds`."""
        self.constructed.observe(seconds)
        self.proposed_transactions.set(transactions)

    def on_slot(self, outcome: Literal["claimed", "missed", "refused"]) -> None:
        """Record a slot of ours: claimed, missed (too late), or refused by the signing record."""
        self.slots.labels(outcome=outcome).inc()

    # ---- finality

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

    def on_missing_voters(self, count: int) -> None:
        """Set the number of voters without votes in the last rounds."""
        self.missing_voters.set(count)

    # ---- JSON-RPC

    def on_call(self, method: str, seconds: float) -> None:
        """Record a call of a JSON-RPC method (by its registered name), answered after `seconds`."""
        series = self._call_series.get(method)
        if series is None:
            series = self._series_of(method)
        series[0].inc()
        # In microseconds, as Substrate's.
        series[1].observe(seconds * 1e6)

    def on_sessions(self, count: int) -> None:
        """Set the number of open WebSocket connections."""
        self.sessions.set(count)

    # ---- useful work

    def on_receipt_checked(self, verdict: str, seconds: float) -> None:
        """Record a check of a receipt: `valid`, `wrong` or `withheld`, after `seconds`."""
        self.receipts_checked.labels(verdict=verdict).inc()
        self.receipt_time.observe(seconds)

    # ---- creation

    def _identity(self, name: str, version: str, chain: str, *, is_authority: bool) -> None:
        self._gauge(
            "substrate_build_info",
            "Always 1; the labels say what runs",
            ("name", "version", "chain"),
        ).labels(name=name, version=version, chain=chain).set(1)
        self._gauge("substrate_node_roles", "1 full node, 4 authority").set(
            ROLE_AUTHORITY if is_authority else ROLE_FULL
        )
        self._gauge(
            "substrate_process_start_time_seconds", "Unix time at which the process started"
        ).set(int(time.time()))

    def _chain(self) -> None:
        self.block_height = self._gauge("substrate_block_height", "Height of blocks", ("status",))
        for status in ("best", "finalized", "sync_target"):
            self.block_height.labels(status=status).set(0)
        self.leaves = self._gauge("substrate_number_leaves", "Leaves of the chain (forks)")
        self.import_time = self._histogram(
            "substrate_block_verification_and_import_time",
            "Seconds to verify, execute and store a block",
            ("result",),
        )
        self.imports = self._counter(
            "substrate_import_queue_processed_total", "Blocks that came in", ("result",)
        )
        self.finality_lag = Histogram(
            "btt_finality_lag_blocks",
            "Blocks between the best and the last final one, at each finalization",
            buckets=SLOTS,
            registry=self.registry,
        )
        self.reorganisations = self._counter(
            "btt_reorganisations_total", "Times that the best chain changed to another fork"
        )
        self.retracted = self._counter(
            "btt_retracted_blocks_total", "Blocks that left the best chain"
        )
        self.upgrade_lacking = self._gauge(
            "btt_upgrade_lacking", "The version of the law that is to come and not here, else 0"
        )
        self.upgrade_stands = self._gauge(
            "btt_upgrade_stands", "1 while the node stands because it lacks a version of the law"
        )

    def _pool_and_network(self) -> None:
        self.ready = self._gauge(
            "substrate_ready_transactions_number", "Transactions in the pool that are ready"
        )
        self.future = self._gauge(
            "btt_future_transactions_number", "Transactions in the pool that wait for a nonce"
        )
        self.peers = self._gauge("substrate_sub_libp2p_peers_count", "Connected peers")
        self.major_syncing = self._gauge(
            "substrate_sub_libp2p_is_major_syncing", "1 while the node is far behind"
        )
        self.network_bytes = self._counter(
            "substrate_sub_libp2p_network_bytes_total", "Bytes over the network", ("direction",)
        )
        self.requests = self._histogram(
            "substrate_sub_libp2p_requests_out_success_total",
            "Seconds from a request of ours to its answer",
            ("protocol",),
        )
        self.requests_failed = self._counter(
            "substrate_sub_libp2p_requests_out_failure_total",
            "Requests of ours that failed",
            ("protocol", "reason"),
        )
        self.penalties = self._counter("btt_peer_penalties_total", "Penalties of peers")
        self.bans = self._counter("btt_peer_bans_total", "Peers banned")
        self.peer_cost = self._counter(
            "btt_peer_cost_seconds_total", "Processor time for the messages of peers", ("kind",)
        )
        self.peer_useless = self._counter(
            "btt_peer_useless_seconds_total", "The part of it that was useless", ("kind",)
        )
        self.peer_cut_off = self._counter(
            "btt_peer_cut_off_total", "Peers cut off because of what they cost", ("kind",)
        )
        self.connections_refused = self._counter(
            "btt_connections_refused_total", "Connections refused because of their network"
        )
        self.budget_used = self._gauge(
            "btt_peer_budget_used_ratio",
            "Largest part of its budget for useless work that any peer has used",
        )
        self.nodes_known = self._gauge(
            "substrate_sub_libp2p_kbuckets_num_nodes", "Nodes in the Kademlia routing table"
        )
        self.lookups = self._counter(
            "substrate_sub_libp2p_kademlia_random_queries_total", "Searches for nodes begun"
        )

    def _authoring(self) -> None:
        self.constructed = self._histogram(
            "substrate_proposer_block_constructed", "Seconds to make a block"
        )
        self.proposed_transactions = self._gauge(
            "substrate_proposer_number_of_transactions", "Transactions in the last block we made"
        )
        self.authored = self._counter("btt_blocks_authored_total", "Blocks that we made")
        self.slots = self._counter("btt_slots_total", "Slots that were ours", ("outcome",))

    def _finality(self) -> None:
        self.round = self._gauge("substrate_finality_grandpa_round", "Highest completed round")
        self.set_id = self._gauge("btt_finality_grandpa_set_id", "Authority set of that round")
        self.prevotes = self._counter(
            "substrate_finality_grandpa_prevotes_total", "Prevotes that we cast"
        )
        self.precommits = self._counter(
            "substrate_finality_grandpa_precommits_total", "Precommits that we cast"
        )
        self.waiting = self._gauge(
            "substrate_finality_grandpa_until_imported_waiting_messages_number",
            "Messages that wait for blocks",
        )
        self.equivocations = self._counter(
            "btt_equivocations_seen_total", "Double signing that we saw", ("engine",)
        )
        self.missing_voters = self._gauge(
            "btt_finality_missing_voters", "Voters not heard of in the last rounds"
        )

    def _rpc(self) -> None:
        self.calls = self._counter(
            "substrate_rpc_calls_finished_total", "JSON-RPC calls answered", ("method",)
        )
        self.call_time = Histogram(
            "substrate_rpc_calls_time",
            "Microseconds of JSON-RPC calls",
            ("method",),
            buckets=tuple(seconds * 1e6 for seconds in SECONDS),
            registry=self.registry,
        )
        self._methods: frozenset[str] = frozenset()
        self._call_series: dict[str, tuple[Counter, Histogram]] = {}
        self.sessions = self._gauge("btt_rpc_sessions", "Open WebSocket connections")

    def know_methods(self, names: Iterable[str]) -> None:
        """Count calls of each of these methods by its name, and of all others together."""
        self._methods = frozenset(names)

    def _series_of(self, method: str) -> tuple[Counter, Histogram]:
        """Return counter and histogram of a method; created at its first call, because the labels
        cost more than most calls, and most methods are never called.
        """
        name = method if method in self._methods else OTHER_METHODS
        series = self._call_series.get(name)
        if series is None:
            series = self.calls.labels(method=name), self.call_time.labels(method=name)
            self._call_series[name] = series
        return series

    def _work(self) -> None:
        self.receipts_checked = self._counter(
            "btt_work_receipts_checked_total", "Receipts of useful work looked at", ("verdict",)
        )
        self.receipt_time = self._histogram(
            "btt_work_receipt_check_seconds", "Seconds to fetch, compute and compare a receipt"
        )

    def _gauge(self, name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, labels: Sequence[str] = ()) -> Histogram:
        return Histogram(name, text, labels, buckets=SECONDS, registry=self.registry)
