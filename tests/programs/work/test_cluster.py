"""Items on a Dask cluster: the same bytes in the same order, on any number of workers."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

distributed = pytest.importorskip(
    "distributed", reason="distributed is not installed: pip install '.[cluster]'"
)

from btt_chain.primitives.digest import H256  # noqa: E402
from btt_chain.work.bench import transformer  # noqa: E402
from btt_chain.work.cluster import Cluster, NoCluster  # noqa: E402
from btt_chain.work.commit import roots_tree  # noqa: E402
from btt_chain.work.execute import Batch, Executor, stream  # noqa: E402
from btt_chain.work.package import Package  # noqa: E402
from unit.work.work_world import items_of  # noqa: E402

MODEL = transformer(16, 8, 2)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        dashboard_address=None,
        protocol="tcp",
        host="127.0.0.1",
        local_directory=str(tmp_path_factory.mktemp("dask")),
    ) as cluster:
        yield cluster.scheduler_address


def root_of(batches: Iterator[Batch]) -> bytes:
    roots: list[H256] = []
    for batch in batches:
        for at in range(len(batch)):
            roots.append(batch.commit(at, len(roots), None).root)
    return roots_tree(roots).root


def test_a_cluster_makes_the_same_receipt(address: str) -> None:
    items = items_of(np.random.default_rng(5), MODEL.graph.inputs[0], 11)
    alone = root_of(stream(Executor(MODEL), [[items]]))

    with Cluster(address) as cluster:
        assert cluster.workers == 2
        for memory in (1, 4 * sum(tensor.nbytes for tensor in MODEL.graph.tensors)):
            assert (
                root_of(cluster.stream(Package(MODEL), [[items[:4]], [items[4:]]], memory)) == alone
            )


def test_what_fails_on_a_worker_is_said(address: str) -> None:
    items = np.zeros((2, 3), np.int8)

    with Cluster(address) as cluster, pytest.raises(NoCluster, match="failed on the cluster"):
        list(cluster.stream(Package(MODEL), [[items]]))


def test_a_cluster_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("btt_chain.work.cluster.CONNECT_SECONDS", 0.5)

    with pytest.raises(NoCluster, match="not reached"):
        Cluster("tcp://127.0.0.1:1")


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("no-port", "missing port"),
        ("smoke://127.0.0.1:8786", "unknown address scheme"),
        ("tls://127.0.0.1:8786", "ssl_context.* name key and certificate"),
    ],
)
def test_what_cannot_be_connected_to_leaves_nothing_to_close(address: str, why: str) -> None:
    before = set(threading.enumerate())

    with pytest.raises(NoCluster, match=why):
        Cluster(address)

    assert set(threading.enumerate()) <= before
