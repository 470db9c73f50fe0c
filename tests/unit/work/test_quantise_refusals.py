"""Float models that cannot be imported: one line each, with the node, the reason and the cure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[work]'")

import onnx
from onnx import helper

from btt_chain.scale import u32
from btt_chain.work.errors import InputRefused, ModelRefused, WorkError
from btt_chain.work.inputs.common import UnreadableInput
from btt_chain.work.model import scale_bits
from btt_chain.work.package import Picture, Preparation
from btt_chain.work.quantise import floats
from btt_chain.work.quantise.floats import is_quantised
from btt_chain.work.quantise.importing import Importer, LossTooLarge, Settings
from btt_chain.work.quantise.items import read_labels
from unit.work.float_nets import Net, items


def _one(kind: str, *inputs: object, shape: tuple[int, ...] = (1, 4, 8, 8), **more: object) -> Net:
    """Return a net of one node, with constants as its further inputs."""
    net = Net({"x": list(shape)})
    constants = [net.constant(value, "i8" if isinstance(value, list) else "f4") for value in inputs]
    net.node(kind, "x", *constants, **more)
    return net


def _resized(sides: list[int], *, image: tuple[int, ...] = (8, 8), **more: object) -> Net:
    """Return a net that resizes an image."""
    net = Net({"x": [1, 4, *image]})
    net.node("Resize", "x", "", "", net.constant([1, 4, *sides], "i8"), **more)
    return net


def _training() -> Net:
    """Return a net with a Dropout in training mode."""
    net = Net({"x": [1, 4, 8, 8]})
    net.node("Dropout", "x", net.constant(0.5), net.constant(True, "?"))
    return net


NODES: dict[str, tuple[Net, str]] = {
    "dropout of training": (_training(), "training_mode drops elements by chance"),
    "softmax within": (_one("Softmax"), "its scores are not a product of queries and keys"),
    "softmax over channels": (_one("Softmax", axis=1), "Softmax over axis 1: only the last one"),
    "norm of several axes": (
        _one("LayerNormalization", np.ones((8, 8)), axis=2),
        "normalises several axes: only the last one can be, so transpose before",
    ),
    "argmax within": (_one("LogSoftmax"), "LogSoftmax within the model: it can be the last node"),
    "instance norm": (
        _one("InstanceNormalization", np.ones(4), np.zeros(4)),
        "not supported; the nearest that is: BatchNormalization with fixed statistics",
    ),
    "cumulative sum": (_one("CumSum", [1]), "CumSum is not supported; export the model without"),
    "cubic": (
        _one("Resize", np.zeros(0), np.array([1, 1, 2, 2]), mode="cubic"),
        "mode cubic: nearest and linear are supported",
    ),
    "nearest by another rounding": (
        _resized([4, 4]),
        "nearest_mode round_prefer_floor with half_pixel from 8 to 4 pixels: export with floor",
    ),
    "nearest by rounded places": (
        _resized([24, 24], coordinate_transformation_mode="asymmetric"),
        "nearest_mode round_prefer_floor with asymmetric from 8 to 24 pixels",
    ),
    "one pixel of torch": (
        _resized([1, 1], mode="linear", coordinate_transformation_mode="pytorch_half_pixel"),
        "pytorch_half_pixel to one pixel: use half_pixel",
    ),
    "scales of parts of pixels": (
        _one("Resize", np.zeros(0), np.array([1, 1, 1, 1.3]), nearest_mode="round_prefer_ceil"),
        "a scale of 1.3 gives no whole number of pixels: give sizes",
    ),
    "rounded up": (
        _one("AveragePool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
        "ceil_mode: pad the image with Pad, and set it to 0",
    ),
    "sum of constants by rows": (
        _one("Gather", [3, 1, 2], axis=1),
        "gathers places in another order: Slice and Concat do that",
    ),
    "filled pads": (
        _one("Pad", [0, 0, 1, 1, 0, 0, 1, 1], np.float32(3)),
        "pads with 3.0: only zero is supported",
    ),
}


def _save(net: Net, folder: Path, kind: str) -> Path:
    """Save a net with a convolution behind its last node, so that this is not the end."""
    last = net.nodes[-1].output[0]
    return net.save(folder, net.conv(last, 3 if kind.startswith("sum") else 4, 2, 1, 1))


@pytest.mark.parametrize("kind", NODES)
def test_a_node_without_an_exact_form_is_refused_with_its_name(kind: str, tmp_path: Path) -> None:
    net, why = NODES[kind]
    path = _save(net, tmp_path, kind)

    with pytest.raises(ModelRefused) as refusal:
        Importer(path, Settings())

    name = net.nodes[0].name
    assert str(refusal.value).startswith(f"node {name!r}: ")
    assert why in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_coupled_gates_of_an_lstm_are_refused(tmp_path: Path) -> None:
    net = Net({"x": [5, 1, 3]})
    y = net.node("LSTM", "x", net.weights(1, 16, 3), net.weights(1, 16, 4), hidden_size=4,
                 input_forget=1)  # fmt: skip
    with pytest.raises(ModelRefused, match="node 'lstm0': input_forget: export with separate"):
        Importer(net.save(tmp_path, y), Settings())


def test_dynamic_axes_are_refused_with_the_option_that_fixes_them(tmp_path: Path) -> None:
    net = Net({"x": ["n", 3, "height", 8]})
    path = net.save(tmp_path, net.conv("x", 3, 2, 1, 1))

    with pytest.raises(
        ModelRefused, match=r"dynamic axes \(1x3x\?x8\): fix them with --shape x=1x3"
    ):
        Importer(path, Settings())
    importer = Importer(path, Settings({"x": [1, 3, 8, 8]}))
    assert importer.plan.shapes["x"] == (1, 3, 8, 8)
    with pytest.raises(ModelRefused, match="has no input 'y'; its inputs are x"):
        Importer(path, Settings({"y": [1]}))
    with pytest.raises(ModelRefused, match="has 4 axes, not 2"):
        Importer(path, Settings({"x": [1, 3]}))


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(number: float, tmp_path: Path) -> None:
    net = Net({"x": [1, 3]})
    y = net.dense("x", 3, 2)
    net.constants["c1"][0, 0] = number

    with pytest.raises(ModelRefused, match="constant 'c1' has NaN or infinite numbers"):
        Importer(net.save(tmp_path, y), Settings())


HUGE: dict[str, Callable[[Net], str]] = {
    "filled": lambda net: net.node("ConstantOfShape", net.constant([1 << 20, 1 << 20], "i8")),
    "repeated": lambda net: net.node("Tile", net.constant([1]), net.constant([1 << 40], "i8")),
    "broadcast": lambda net: net.node(
        "Expand", net.constant([1]), net.constant([1 << 20, 1 << 20], "i8")
    ),
    "counted": lambda net: net.node(
        "Range", *(net.constant(number, "f4") for number in (0, 1 << 40, 1))
    ),
    "multiplied": lambda net: net.node(
        "MatMul", net.constant(np.ones((1 << 17, 1))), net.constant(np.ones((1, 1 << 17)))
    ),
    "of a folded shape": lambda net: net.node(
        "ConstantOfShape",
        net.node("Mul", *(net.constant([1 << 20, 1 << 20], "i8") for _ in range(2))),
    ),
    "executed": lambda net: net.node("Tile", "x", net.constant([1 << 30, 1], "i8")),
}


@pytest.mark.parametrize("what", HUGE)
def test_tensors_that_no_memory_holds_are_refused_before_they_are_made(
    what: str, tmp_path: Path
) -> None:
    net = Net({"x": [1, 3]})
    total = net.node("ReduceSum", HUGE[what](net), keepdims=0)

    with pytest.raises(ModelRefused, match=r"tensor '\w+' has \d+ elements, allowed are 268435456"):
        Importer(net.save(tmp_path, net.node("Add", "x", total)), Settings())


def test_a_huge_input_is_refused(tmp_path: Path) -> None:
    net = Net({"x": [1, 1 << 20, 1 << 20]})
    with pytest.raises(ModelRefused, match="tensor 'x' has 1099511627776 elements"):
        Importer(net.save(tmp_path, net.relu("x")), Settings())


def test_constants_that_are_too_many_together_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(floats, "MAX_CONSTANT_BYTES", 7_000)
    net = Net({"x": [1, 3]})
    parts = [
        net.node("ReduceSum", net.node("Tile", net.constant([1]), net.constant([800], "i8")))
        for _ in range(3)
    ]
    y = net.node("Add", "x", net.node("Sum", *parts))

    with pytest.raises(ModelRefused, match=r"node 'tile4': constants have \d+ bytes with it"):
        Importer(net.save(tmp_path, y), Settings())


@pytest.mark.parametrize("count", [5_000, 17_000])
def test_files_of_too_many_nodes_are_refused(count: int, tmp_path: Path) -> None:
    net = Net({"x": [1, 3]})
    y = "x"
    for _ in range(count):
        y = net.relu(y)

    with pytest.raises(ModelRefused, match=f"has {count} nodes, allowed are"):
        Importer(net.save(tmp_path, y), Settings())


def test_missing_external_data_is_named(tmp_path: Path) -> None:
    net = Net({"x": [1, 64]})
    model = net.model(net.dense("x", 64, 64))
    path = tmp_path / "net.onnx"
    onnx.save(model, str(path), save_as_external_data=True, location="net.bin", size_threshold=0)
    assert Importer(path, Settings()).plan.steps
    (tmp_path / "net.bin").unlink()

    with pytest.raises(ModelRefused, match=r"weights lie in 'net.bin', which is missing"):
        Importer(path, Settings())


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(ModelRefused, match="no valid ONNX model"):
        Importer(path, Settings())


def test_a_file_with_integers_is_recognised(tmp_path: Path) -> None:
    net = Net({"x": [1, 3]})
    assert not is_quantised(net.save(tmp_path, net.dense("x", 3, 2)))
    scale, zero = net.constant(0.1), net.constant(0, "i1")
    net.nodes.append(helper.make_node("QuantizeLinear", ["x", scale, zero], ["q"]))
    net.nodes.append(helper.make_node("DequantizeLinear", ["q", scale, zero], ["y"]))
    assert is_quantised(net.save(tmp_path, "y"))


# ---- items


def _importer(folder: Path) -> Importer:
    net = Net({"x": ["n", 3, 6, 6]})
    h = net.node("Flatten", net.relu(net.conv("x", 3, 4, 3, 3)))
    return Importer(net.save(folder, net.dense(h, 64, 3)), Settings())


def test_fewer_than_eight_items_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="7 calibration items: give at least 8"):
        _importer(tmp_path).quantised(items(1, 7, x=(1, 3, 6, 6)))


def test_a_loss_is_an_error_with_the_comparison(tmp_path: Path) -> None:
    importer = _importer(tmp_path)
    importer.settings = Settings(method="minmax", least=1.0)
    with pytest.raises(LossTooLarge, match=r"--accept-loss") as loss:
        importer.quantised(items(1, 12, x=(1, 3, 6, 6)), items(2, 400, x=(1, 3, 6, 6)))
    assert loss.value.comparison.items == 400
    assert 0.9 < loss.value.comparison.agreement < 1


def _folder(tmp_path: Path, **files: np.typing.NDArray[np.generic]) -> Path:
    folder = tmp_path / "items"
    folder.mkdir()
    for name, array in files.items():
        np.save(folder / f"{name}.npy", array)
    return folder


@pytest.mark.parametrize(
    "turn",
    [
        lambda whole: whole,
        lambda whole: whole[0],
        lambda whole: whole.transpose(0, 2, 3, 1),
        lambda whole: whole[0].transpose(1, 2, 0),
    ],
)
def test_arrays_are_in_the_order_of_the_file_or_of_the_package(
    turn: Callable[[np.typing.NDArray[np.float32]], np.typing.NDArray[np.float32]], tmp_path: Path
) -> None:
    importer = _importer(tmp_path)
    (whole,) = (item["x"] for item in items(5, 1, x=(1, 3, 6, 6)))

    read = importer.read(_folder(tmp_path, a=turn(whole)), Preparation())

    assert len(read) == 1
    assert np.array_equal(read[0]["x"], whole)


def test_items_of_another_shape_or_without_a_number_are_refused(tmp_path: Path) -> None:
    importer = _importer(tmp_path)
    folder = _folder(tmp_path, a=np.zeros((3, 6, 7), "f4"))
    with pytest.raises(UnreadableInput, match=r"a.npy: holds \(3, 6, 7\)"):
        importer.read(folder, Preparation())
    np.save(folder / "a.npy", np.full((3, 6, 6), np.nan, "f4"))
    with pytest.raises(UnreadableInput, match="is not finite"):
        importer.read(folder, Preparation())
    (folder / "a.npy").unlink()
    with pytest.raises(UnreadableInput, match="items has no items"):
        importer.read(folder, Preparation())


def test_pictures_are_prepared_as_for_jobs(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    importer = _importer(tmp_path)
    folder = tmp_path / "pictures"
    folder.mkdir()
    pixels = np.random.default_rng(1).integers(0, 256, (6, 6, 3), np.uint8)
    image.fromarray(pixels).save(folder / "a.png")
    half = [u32(scale_bits(0.5))]

    (read,) = importer.read(folder, Preparation(Picture(), half, half))

    wanted = (pixels.transpose(2, 0, 1)[None].astype(np.float32) / 255 - 0.5) / 0.5
    assert np.allclose(read["x"], wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "classes"),
    [("0\n2\n1\n", [0, 2, 1]), ("file,label\na,yes\nb,no\n", [1, 0]), ("no\nyes", [0, 1])],
)
def test_labels_are_numbers_or_names(text: str, classes: list[int], tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(text)
    assert read_labels(tmp_path / "labels.csv", ["no", "yes"]).tolist() == classes


@pytest.mark.parametrize("text", ["", "0\nmaybe\n", "label\n"])
def test_other_labels_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(WorkError, match=r"labels.csv: labels are whole numbers or names"):
        read_labels(tmp_path / "labels.csv", ["no", "yes"])


def test_labels_must_be_as_many_as_decisions(tmp_path: Path) -> None:
    importer = _importer(tmp_path)
    importer.settings = Settings(method="minmax", accept_loss=True)
    calibration = items(1, 12, x=(1, 3, 6, 6))
    for count, why in ((7, "7 labels for 12 items"), (24, "24 labels.*, but the outputs have 12")):
        with pytest.raises(InputRefused, match=why):
            importer.quantised(calibration, calibration, np.zeros(count, np.int64))


def test_the_reference_of_onnx_gives_the_same_floats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calibration = items(1, 12, x=(1, 3, 6, 6))
    settings = Settings(method="minmax", accept_loss=True)
    results = []
    for missing in (False, True):
        if missing:
            monkeypatch.setattr("btt_chain.work.quantise.floats.onnxruntime", None)
        importer = _importer(tmp_path)
        importer.settings = settings
        results.append(importer.quantised(calibration))
    first, second = (result.comparison.outputs[0] for result in results)
    assert first.equal == second.equal
    assert first.mean_error == pytest.approx(second.mean_error, rel=0.05)


def test_outputs_with_the_same_elements_are_refused_by_their_names(tmp_path: Path) -> None:
    net = Net({"x": [1, 4]})
    y = net.dense("x", 4, 6)
    z = net.node("Reshape", y, net.constant([1, 6], "i8"))
    importer = Importer(net.save(tmp_path, y, z), Settings(method="minmax", accept_loss=True))

    with pytest.raises(ModelRefused, match=f"outputs '{y}' and '{z}' have the same elements"):
        importer.quantised(items(1, 12, x=(1, 4)))


@pytest.mark.parametrize(
    ("kind", "outputs", "more", "why"),
    [
        ("Softmax", 1, {}, "Softmax over an axis of size 1 is constant"),
        ("ArgMax", 1, {}, "ArgMax over an axis of size 1 is constant"),
        ("ArgMax", 3, {"select_last_index": 1}, "of equal classes the first is taken"),
    ],
)
def test_an_ending_that_decides_otherwise_is_refused(
    kind: str, outputs: int, more: dict[str, int], why: str, tmp_path: Path
) -> None:
    net = Net({"x": [1, 4]})
    y = net.node(kind, net.dense("x", 4, outputs), axis=1, **more)

    with pytest.raises(ModelRefused, match=f"{kind.lower()}1': .*{why}"):
        Importer(net.save(tmp_path, y), Settings())


def test_pixels_along_more_than_three_axes_are_refused(tmp_path: Path) -> None:
    net = _resized([2, 2, 4, 4], image=(2, 2, 2, 2))
    y = net.dense(net.node("Flatten", net.nodes[-1].output[0]), 256, 3)

    with pytest.raises(ModelRefused, match="node 'resize0': resizes 4 axes: 1 to 3 are supported"):
        Importer(net.save(tmp_path, y), Settings())
