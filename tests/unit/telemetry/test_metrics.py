"""The metrics of a node: names that dashboards know, and one registry per node."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from btt_chain.keystore.states import State
from btt_chain.telemetry.metrics import KEY_STATES, Metrics
from btt_chain.telemetry.rpc_metrics import BOUNDS


def filled() -> Metrics:
    metrics = Metrics("box-1", "0.1.0", is_authority=True, chain="btt-local")
    metrics.chain.on_best(12)
    metrics.chain.on_finalized(10)
    metrics.chain.on_imported(0.02, is_own=True)
    metrics.chain.on_sync(12, is_major=False)
    metrics.network.on_peers(3)
    metrics.pool.on_pool(7, 2)
    metrics.authoring.on_proposed(0.1, 5)
    metrics.finality.on_round(1, 44)
    metrics.finality.on_vote("prevote")
    metrics.finality.on_vote("precommit")
    return metrics


def test_metrics_bear_the_names_of_substrate() -> None:
    lines = filled().text().decode().splitlines()
    for line in (
        'substrate_block_height{status="best"} 12.0',
        'substrate_block_height{status="finalized"} 10.0',
        'substrate_block_height{status="sync_target"} 12.0',
        'substrate_build_info{chain="btt-local",name="box-1",version="0.1.0"} 1.0',
        "substrate_node_roles 4.0",
        "substrate_ready_transactions_number 7.0",
        "substrate_sub_libp2p_peers_count 3.0",
        "substrate_sub_libp2p_is_major_syncing 0.0",
        "substrate_finality_grandpa_round 44.0",
        "substrate_finality_grandpa_prevotes_total 1.0",
        "substrate_finality_grandpa_precommits_total 1.0",
        "substrate_proposer_block_constructed_count 1.0",
        "substrate_proposer_number_of_transactions 5.0",
        'substrate_import_queue_processed_total{result="success"} 1.0',
        'substrate_block_verification_and_import_time_count{result="success"} 1.0',
    ):
        assert line in lines, line


def test_a_node_that_starts_shows_where_it_is_and_no_lag() -> None:
    metrics = Metrics("a", "1", is_authority=False)
    metrics.chain.on_start(9, 7)
    value = metrics.registry.get_sample_value
    assert value("substrate_block_height", {"status": "best"}) == 9
    assert value("substrate_block_height", {"status": "finalized"}) == 7
    assert value("btt_finality_lag_blocks_count") == 0


def test_finality_that_overtakes_the_best_block_is_no_negative_lag() -> None:
    metrics = Metrics("a", "1", is_authority=False)
    metrics.chain.on_finalized(5)
    assert metrics.registry.get_sample_value("btt_finality_lag_blocks_sum") == 0


def test_two_nodes_in_one_process_do_not_mix() -> None:
    first, second = filled(), Metrics("box-2", "0.1.0", is_authority=False)
    assert first.registry.get_sample_value("substrate_sub_libp2p_peers_count") == 3
    assert second.registry.get_sample_value("substrate_sub_libp2p_peers_count") == 0
    assert second.registry.get_sample_value("substrate_node_roles") == 1


def test_every_event_of_a_node_has_its_metric() -> None:
    metrics = filled()
    metrics.chain.on_import_failed("bad_seal")
    metrics.chain.on_reorganised(2)
    metrics.chain.on_leaves(2)
    metrics.chain.on_faults(3)
    metrics.network.on_traffic(100, 50, 7, penalties=2, bans=1, lookups=3)
    metrics.network.on_nodes_known(21)
    metrics.network.on_peer_costs(
        {"work grandpa-peer": 0.5, "useless tx": 0.25, "cut off tx": 2, "refused": 7}
    )
    metrics.network.on_budget_used(0.125)
    metrics.network.on_request("blocks", 0.5)
    metrics.network.on_request("blocks", None, "timeout")
    metrics.authoring.on_slot("claimed")
    metrics.finality.on_waiting_votes(1)
    metrics.finality.on_equivocation("babe")
    metrics.finality.on_missing_voters(1, total=4, needed=3)
    metrics.rpc.know_methods(["system_health"])
    metrics.rpc.on_call("system_health", 0.001)
    metrics.rpc.on_sessions(1)
    text = metrics.text().decode()
    for name in metrics.names():
        stem = name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum")
        assert stem in text
    value = metrics.registry.get_sample_value
    assert value("btt_retracted_blocks_total") == 2
    assert value("btt_contained_faults") == 3
    assert value("substrate_sub_libp2p_network_bytes_total", {"direction": "out"}) == 50
    assert value("btt_network_packets_out_total") == 7
    assert (value("btt_peer_penalties_total"), value("btt_peer_bans_total")) == (2, 1)
    assert value("substrate_sub_libp2p_kbuckets_num_nodes") == 21
    assert value("btt_peer_cost_seconds_total", {"kind": "grandpa-peer"}) == 0.5
    assert value("btt_peer_useless_seconds_total", {"kind": "tx"}) == 0.25
    assert value("btt_peer_cut_off_total", {"kind": "tx"}) == 2
    assert value("btt_connections_refused_total") == 7
    assert value("btt_peer_budget_used_ratio") == 0.125
    assert value("substrate_sub_libp2p_kademlia_random_queries_total") == 3
    assert (
        value(
            "substrate_sub_libp2p_requests_out_failure_total",
            {"protocol": "blocks", "reason": "timeout"},
        )
        == 1
    )
    assert value("substrate_rpc_calls_time_sum", {"method": "system_health"}) == 1_000


def test_session_keys_are_counted_by_what_they_may_do() -> None:
    metrics = Metrics("box-1", "0.1.0", is_authority=True)
    metrics.keys.on_keys([("babe", "signs"), ("gran", "barred"), ("gran", "signs")])
    lines = metrics.text().decode().splitlines()
    assert 'btt_session_keys{state="barred",type="gran"} 1.0' in lines
    assert 'btt_session_keys{state="signs",type="gran"} 1.0' in lines
    metrics.keys.on_keys([("gran", "signs")])
    lines = metrics.text().decode().splitlines()
    assert 'btt_session_keys{state="barred",type="gran"} 0.0' in lines
    assert 'btt_session_keys{state="signs",type="babe"} 0.0' in lines


def test_the_states_of_keys_are_those_of_the_signer() -> None:
    assert set(KEY_STATES) == set(State)


def test_names_of_methods_that_do_not_exist_make_no_series() -> None:
    metrics = Metrics("n", "1", is_authority=False)
    metrics.rpc.know_methods(["system_health"])
    for number in range(100):
        metrics.rpc.on_call(f"nonsense_{number}", 0.001)
    metrics.rpc.on_call("system_health", 0.001)
    text = metrics.text().decode()
    assert "nonsense" not in text
    assert 'substrate_rpc_calls_finished_total{method="other"} 100.0' in text
    assert 'substrate_rpc_calls_finished_total{method="system_health"} 1.0' in text


def test_calls_are_counted_as_prometheus_counts_them() -> None:
    metrics = Metrics("n", "1", is_authority=False)
    metrics.rpc.know_methods(["system_health"])
    peer = CollectorRegistry()
    number = Counter("substrate_rpc_calls_finished_total", "n", ("method",), registry=peer)
    duration = Histogram(
        "substrate_rpc_calls_time", "d", ("method",), buckets=BOUNDS, registry=peer
    )
    for seconds in (0.0, 0.001, 0.005, 0.005_1, 0.1, 9.0, 10.0, 11.0):
        metrics.rpc.on_call("system_health", seconds)
        number.labels(method="system_health").inc()
        duration.labels(method="system_health").observe(seconds * 1e6)

    def samples(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
        return {
            (sample.name, str(sorted(sample.labels.items()))): sample.value
            for metric in registry.collect()
            if "rpc_calls" in metric.name
            for sample in metric.samples
            if not sample.name.endswith("_created")
        }

    assert samples(metrics.registry) == samples(peer)
