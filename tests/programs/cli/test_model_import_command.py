"""`model import` of float models: packages, reports, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[work]'")

from btt_chain.work.execute import Executor
from btt_chain.work.inputs.files import read
from btt_chain.work.package import load
from btt_chain.work.quantise.importing import BUDGET, MIN_AGREEMENT
from cli.commands.model import import_
from cli.commands.model_import import NEEDS, flag
from cli.program import program
from unit.work.float_nets import Net, items
from unit.work.float_transformers import masked


def run(*args: object) -> Result:
    return CliRunner().invoke(program, ["model", "import", *map(str, args)], prog_name="btt-chain")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A float model of pictures with 3 classes, and folders of items for it."""
    net = Net({"x": ["n", 3, 8, 8]})
    h = net.relu(net.batch_norm(net.conv("x", 3, 8, 3, 3, pads=[1] * 4), 8))
    h = net.node("Flatten", net.node("GlobalAveragePool", h))
    net.save(tmp_path, net.node("Softmax", net.dense(h, 8, 3)))
    for name, seed, count in (("calibration", 1, 24), ("test", 2, 40)):
        (tmp_path / name).mkdir()
        made = items(seed, count, x=(1, 3, 8, 8))
        np.save(tmp_path / name / "items.npy", np.concatenate([item["x"] for item in made]))
    (tmp_path / "net.json").write_text(json.dumps({"labels": ["a", "b", "c"]}))
    (tmp_path / "labels.csv").write_text("label\n" + "a\n" * 20 + "c\n" * 20)
    return tmp_path


def test_a_float_model_becomes_a_package_that_runs(folder: Path) -> None:
    out, chart = folder / "net.btt", folder / "net.svg"
    result = run(
        folder / "net.onnx", "--calibrate", folder / "calibration", "--compare", folder / "test",
        "--labels", folder / "labels.csv", "--prepare", folder / "net.json", "--ranges", "minmax",
        "--chart", chart, "-o", out, "--json",
    )  # fmt: skip

    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    comparison = report["import"]["comparison"]
    assert (comparison["items"], comparison["independent"]) == (40, True)
    assert comparison["agreement"] >= 0.98
    assert comparison["outputs"][0]["accuracy"] is not None
    assert any("Softmax" in remark for remark in report["import"]["remarks"])
    assert chart.read_text().startswith("<svg")
    package = load(out)
    assert list(package.preparation.labels) == ["a", "b", "c"]
    packed = np.load(folder / "test" / "items.npy").transpose(0, 2, 3, 1)
    np.save(folder / "packed.npy", packed)
    inputs = read([folder / "packed.npy"], package.manifest, package.preparation)
    assert Executor(package.model).run(*inputs.elements).outputs[0].shape == (40, 3)
    assert package.agreement is not None
    shown = CliRunner().invoke(program, ["model", "show", str(out), "--json"])
    assert json.loads(shown.stdout)["agreement"] == report["agreement"]
    assert report["agreement"] == package.agreement.as_json()
    floats, labels = report["agreement"]["outputs"]
    output = comparison["outputs"][0]
    assert (floats["decisions"], floats["equal"]) == (40, output["equal"])
    assert labels["equal"] == round(output["accuracy"][1] * 40)
    assert [(row["class"], row["decisions"]) for row in labels["byClass"]] == [(0, 20), (2, 20)]
    in_words = CliRunner().invoke(program, ["model", "show", str(out)]).stdout
    assert "agreement     40 items" in in_words
    assert "output 0, labels: by class a: " in in_words


def test_labels_that_are_not_counted_from_zero_are_refused(folder: Path) -> None:
    (folder / "labels.csv").write_text("1\n" * 20 + "3\n" * 20)
    result = run(
        folder / "net.onnx", "--calibrate", folder / "calibration", "--compare", folder / "test",
        "--labels", folder / "labels.csv", "--ranges", "minmax", "-o", folder / "net.btt",
    )  # fmt: skip
    assert result.exit_code == 1
    assert "40 labels from 1 to 3, but the outputs have 40 of 3 classes" in result.stderr
    assert not (folder / "net.btt").exists()


def test_the_report_says_that_calibration_items_are_not_independent(folder: Path) -> None:
    result = run(
        folder / "net.onnx", "--calibrate", folder / "calibration", "--ranges", "minmax",
        "-o", folder / "net.btt",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "24 items (not independent: the calibration items)" in result.stdout
    assert "ranges: minmax" in result.stdout


def test_too_much_loss_has_an_exit_code_of_its_own_and_writes_nothing(folder: Path) -> None:
    out = folder / "net.btt"
    out.write_bytes(b"before")
    net = Net({"x": ["n", 8]})
    weights = net.rng.normal(0, 0.5, (9, 8))
    weights[0] *= 1000
    h = net.relu(net.node("Gemm", "x", net.constant(weights), transB=1))
    last = net.rng.normal(0, 1, (4, 9))
    last[:, 0] = 1e-4
    net.save(folder, net.node("Gemm", h, net.constant(last), transB=1))
    made = items(1, 48, x=(1, 8))
    np.save(folder / "calibration" / "items.npy", np.concatenate([item["x"] for item in made]))
    call = (
        folder / "net.onnx", "--calibrate", folder / "calibration", "--ranges", "minmax",
        "--budget", "0%", "-o", out,
    )  # fmt: skip

    result = run(*call)

    assert result.exit_code == 3
    assert "agrees with the float model in" in result.stderr
    assert "--accept-loss" in result.stderr
    assert out.read_bytes() == b"before"
    assert sorted(path.name for path in folder.glob("net.btt*")) == ["net.btt"]
    assert run(*call, "--accept-loss").exit_code == 0
    assert load(out).manifest.graph.nodes


def test_a_float_model_without_items_is_refused_with_the_option(folder: Path) -> None:
    result = run(folder / "net.onnx", "-o", folder / "net.btt")
    assert result.exit_code == 1
    assert "it is a float model: --calibrate DIR quantises it" in result.stderr


def test_a_model_of_integers_is_not_quantised_again(folder: Path) -> None:
    net = Net({"x": [1, 3]})
    scale, zero = net.constant(0.1), net.constant(0, "i1")
    y = net.node("DequantizeLinear", net.node("QuantizeLinear", "x", scale, zero), scale, zero)
    net.save(folder, y)
    call = (folder / "net.onnx", "--calibrate", folder / "calibration", "-o", folder / "net.btt")
    result = run(*call)
    assert result.exit_code == 1
    assert "net.onnx has integers already: import it without --calibrate" in result.stderr


def test_a_transformer_of_tokens_becomes_a_package_that_reads_tokens(tmp_path: Path) -> None:
    net, output = masked()
    net.save(tmp_path, output)
    rng = np.random.default_rng(1)
    shapes: list[object] = []
    for name in ("ids", "mask", "types"):
        shapes += ["--shape", f"{name}=1x12"]
    for name, count in (("tokens", 24), ("jobs", 3)):
        (tmp_path / name).mkdir()
        ids, types = rng.integers(0, 200, (count, 12)), rng.integers(0, 2, (count, 12))
        np.savez(tmp_path / name / "sentences.npz", input0=ids, input1=types)
    result = run(
        tmp_path / "net.onnx", "--calibrate", tmp_path / "tokens", *shapes, "--fix", "mask=1",
        "--ranges", "minmax", "-o", tmp_path / "net.btt",
    )  # fmt: skip

    assert result.exit_code == 0, result.stderr
    assert "cosine of rows mean 0.99" in result.stdout
    assert "input 'mask' is left out, it is always 1" in result.stdout
    package = load(tmp_path / "net.btt")
    jobs = read([tmp_path / "jobs" / "sentences.npz"], package.manifest, package.preparation)
    assert [part.tolist() for part in jobs.elements] == [ids.tolist(), types.tolist()]
    (made,) = Executor(package.model).run(*jobs.elements).outputs
    assert made.shape[:2] == (3, 12)


def test_a_refusal_names_the_file(folder: Path) -> None:
    (folder / "test" / "other.npy").write_bytes(b"no array")
    result = run(folder / "net.onnx", "--calibrate", folder / "test", "-o", folder / "net.btt")
    assert result.exit_code == 1
    assert "net.onnx: other.npy: is not a .npy array" in result.stderr
    assert not (folder / "net.btt").exists()


COMPLETE = {
    "--calibrate": ["test"], "--compare": ["test"], "--labels": ["labels.csv"],
    "--shape": ["x=1x3x8x8"], "--fix": ["mask=1"], "--ranges": ["minmax"], "--least": ["0"],
    "--accept-loss": [], "--budget": ["0%"], "--chart": ["net.svg"],
}  # fmt: skip
"""All options that need another one, and --calibrate, with a value each."""
ALONE = {"--output", "--prepare", "--calibrate", "--json", "--help"}
NEEDED = {name: "--calibrate" for name in COMPLETE if name not in ALONE} | {"--labels": "--compare"}


def test_every_option_of_an_import_stands_alone_or_needs_another() -> None:
    names = {param.opts[-1] for param in import_.params if param.opts[-1].startswith("--")}
    assert names - ALONE == set(NEEDED)
    assert {flag(name): flag(needed) for name, needed in NEEDS.items()} == NEEDED


def test_the_shown_defaults_are_those_of_the_import() -> None:
    shown = {param.name: getattr(param, "show_default", None) for param in import_.params}
    assert shown["least"] == str(MIN_AGREEMENT)
    assert shown["budget"] == f"{BUDGET:.0%}"


@pytest.mark.parametrize("option", NEEDED)
def test_an_option_is_refused_without_the_one_that_it_needs(
    option: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    others = ["--calibrate", "test"] if NEEDED[option] == "--compare" else []
    result = run("net.onnx", *others, option, *COMPLETE[option], "-o", "net.btt")

    assert result.exit_code == 2
    (line,) = [line for line in result.stderr.splitlines() if option in line]
    assert f"{NEEDED[option]} DIR" in line
    assert not (folder / "net.btt").exists()
    assert not (folder / "net.svg").exists()


def test_all_options_of_an_import_go_together(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (folder / "labels.csv").write_text("0\n" * 40)
    inputs = {name: value for name, value in COMPLETE.items() if name != "--fix"}  # it has one
    words = [word for option, value in inputs.items() for word in (option, *value)]
    result = run("net.onnx", *words, "-o", "net.btt")
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--calibrate", "test", "--shape", "x"], "--shape x: write it as NAME=1x3x224x224"),
        (["--calibrate", "test", "--shape", "x=1x0"], "write it as NAME=1x3x224x224"),
        (["--calibrate", "test", "--shape", "x=1", "--shape", "x=2"], "of x is given twice"),
        (["--calibrate", "test", "--fix", "x"], "--fix x: write it as NAME=1"),
        (["--calibrate", "test", "--fix", "x=nan"], "--fix x=nan: write it as NAME=1"),
        (["--calibrate", "test", "--fix", "x=1", "--fix", "x=0"], "of x is given twice"),
        (["--calibrate", "test", "--budget", "20"], "--budget 20: write it as 20%"),
    ],
)
def test_wrong_options_are_named(
    options: list[str], why: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    result = run("net.onnx", *options, "-o", "net.btt")
    assert result.exit_code == 2
    assert why in result.stderr
