"""Metrics of peers, sync and requests."""

from __future__ import annotations

from collections.abc import Mapping

from btt_chain.telemetry.registry import Registry


class NetworkMetrics:
    """Metrics of peers, sync and requests."""

    def __init__(self, registry: Registry) -> None:
        """Register the metrics."""
        self.peers = registry.gauge("substrate_sub_libp2p_peers_count", "Connected peers")
        self.network_bytes = registry.counter(
            "substrate_sub_libp2p_network_bytes_total", "Bytes over the network", ("direction",)
        )
        self.network_packets = registry.counter(
            "btt_network_packets_out_total", "Encrypted packets that were sent"
        )
        self.requests = registry.histogram(
            "substrate_sub_libp2p_requests_out_success_total",
            "Seconds from a request of ours to its answer", ("protocol",),
        )  # fmt: skip
        self.requests_failed = registry.counter(
            "substrate_sub_libp2p_requests_out_failure_total", "Requests of ours that failed",
            ("protocol", "reason"),
        )  # fmt: skip
        self.penalties = registry.counter("btt_peer_penalties_total", "Penalties of peers")
        self.bans = registry.counter("btt_peer_bans_total", "Peers banned")
        self.peer_cost = registry.counter(
            "btt_peer_cost_seconds_total", "Processor time for the messages of peers", ("kind",)
        )
        self.peer_useless = registry.counter(
            "btt_peer_useless_seconds_total", "The part of it that was useless", ("kind",)
        )
        self.peer_cut_off = registry.counter(
            "btt_peer_cut_off_total", "Peers cut off because of what they cost", ("kind",)
        )
        self.connections_refused = registry.counter(
            "btt_connections_refused_total", "Connections refused because of their network"
        )
        self.budget_used = registry.gauge(
            "btt_peer_budget_used_ratio",
            "Largest part of its budget for useless work that any peer has used",
        )
        self.nodes_known = registry.gauge(
            "substrate_sub_libp2p_kbuckets_num_nodes", "Nodes in the Kademlia routing table"
        )
        self.lookups = registry.counter(
            "substrate_sub_libp2p_kademlia_random_queries_total", "Searches for nodes begun"
        )

    def on_peers(self, count: int) -> None:
        """Set the number of connected nodes."""
        self.peers.set(count)

    def on_nodes_known(self, count: int) -> None:
        """Set the number of nodes in our routing table."""
        self.nodes_known.set(count)

    def on_traffic(
        self, bytes_in: int, bytes_out: int, packets_out: int, penalties: int, bans: int,
        lookups: int,
    ) -> None:  # fmt: skip
        """Add bytes and packets of the network, penalties and bans of peers, and walks through the
        network.
        """
        self.network_packets.inc(packets_out)
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
