"""The bench of models runs: a line for each, and a dash for what a model has not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[work]'")

from bench import bench_models
from bench.tested_models import TESTED, as_a_command
from btt_chain.work.graph import PROOF_BYTES
from btt_chain.work.package import Package, save
from unit.work.float_nets import items
from unit.work.test_quantise_nets import mlp

QUICK = ("--items", "2", "--rounds", "1")
COLUMNS = list(bench_models.COLUMNS)


def figures(line: str) -> dict[str, str]:
    """Return a line's figures by their columns."""
    return dict(zip(COLUMNS, line.split()[1:], strict=True))


def test_float_nets_and_packages_have_a_line_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "packed.btt"
    save(Package(TESTED["attention"]().model), file)
    bench_models.main(["mlp", str(file), *QUICK])

    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["mlp", "packed"]
    net, packed = map(figures, lines)
    assert (packed["import s"], packed["import MiB"]) == ("-", "-")
    assert float(net["import MiB"]) > float(net["provide MiB"]) > 10
    for one in (net, packed):
        assert 0 < int(one["proof"]) <= PROOF_BYTES
        assert int(one["bytes"]) > 0


def test_a_package_that_is_not_there_ends_the_bench(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        bench_models.main([str(tmp_path / "none.btt"), *QUICK])


def test_a_figure_that_is_missing_is_a_dash() -> None:
    line = bench_models.line_of("some/net.onnx=items", {"fast ms": 1.234})
    assert line.split()[0] == "net"
    assert figures(line) == {name: "1.23" if name == "fast ms" else "-" for name in COLUMNS}


def test_a_net_is_imported_from_its_file_and_a_folder_of_items(tmp_path: Path) -> None:
    net, outputs, shapes = mlp()
    (tmp_path / "items").mkdir()
    for number, item in enumerate(items(1, 12, **shapes)):
        np.save(tmp_path / "items" / f"{number}.npy", item["x"][0])
    model = as_a_command(str(net.save(tmp_path, *outputs)), str(tmp_path / "items"))
    assert [node.out.dims for node in model.graph.nodes] == [(32,), (24,), (4,)]
