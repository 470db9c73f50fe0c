"""Packages: a model in one file comes back as it was, and nothing else is taken for one."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.scale import codec, u8, u32, u64
from btt_chain.work.agreement import (
    ClassAgreement,
    MeasuredAgreement,
    OutputAgreement,
    Reference,
    percent,
    ppm,
)
from btt_chain.work.build import Builder, Numbers, window
from btt_chain.work.errors import WorkError
from btt_chain.work.execute import Executor
from btt_chain.work.model import Model, scale_bits
from btt_chain.work.package import (
    MAGIC,
    Header,
    Level,
    Package,
    PackageRefused,
    Preparation,
    Scan,
    load,
    loads,
    read_preparation,
    save,
)
from btt_chain.work.tensors import Kind


def rows_model(width: int = 4) -> Model:
    builder = Builder(Kind.I8, (width,), 0, 0.05)
    columns = np.arange(1, 3 * width + 1, dtype=np.int8).reshape(3, width)
    bias, scales = np.array([1, -2, 3], np.int32), np.full(3, 0.02, np.float32)
    builder.linear("dense", 0, columns, bias, scales, Numbers(Kind.I8, 0))
    return builder.model(0.1)


def image_model(channels: int = 1, side: int = 8) -> Model:
    builder = Builder(Kind.I8, (side, side, channels), -128, 1 / 255)
    kernels = np.arange(1, 1 + 2 * 9 * channels, dtype=np.int8).reshape(2, 3, 3, channels)
    seen = window((3, 3))
    bias, scales = np.zeros(2, np.int32), np.full(2, 0.01, np.float32)
    builder.conv("conv", 0, kernels, bias, scales, seen, Numbers(Kind.I8, 0))
    return builder.model()


def scale_of(value: float) -> u32:
    return u32(scale_bits(value))


def raw_of(package: Package) -> bytes:
    return b"".join(package.chunks())


def test_a_package_comes_back_as_it_was(tmp_path: Path) -> None:
    package = Package(rows_model(), read_preparation('{"offset": [2], "labels": ["a", "b", "c"]}'))
    file = tmp_path / "model.btt"

    save(package, file)
    found = load(file)

    assert found.manifest == package.manifest
    assert found.preparation == package.preparation
    items = np.arange(8, dtype=np.int8).reshape(2, 4)
    expected = Executor(package.model).run(items).outputs[0]
    assert (Executor(found.model).run(items).outputs[0] == expected).all()
    assert [path.name for path in tmp_path.iterdir()] == ["model.btt"]


def test_a_preparation_is_read_as_it_is_written() -> None:
    text = json.dumps(
        {
            "source": "scan",
            "window": {"centre": 40.0, "width": 400.0},
            "modalities": ["CT"],
            "offset": [0.5],
            "divisor": [0.25],
            "labels": ["no", "yes"],
        }
    )

    assert read_preparation(text).as_json() == json.loads(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not JSON"),
        ("[]", "an object was expected"),
        ('{"sauce": 1}', "'sauce'"),
        ('{"source": "film"}', "known are values"),
        ('{"source": "picture", "window": {"centre": 1, "width": 2}}', "nothing that a source"),
        ('{"source": "scan", "window": 4}', "write the window"),
        ('{"offset": 4}', "not a list"),
        ('{"offset": ["4"]}', "not a number"),
        ('{"divisor": [NaN]}', "NaN is not a number"),
        ('{"offset": [1e400]}', "beyond 10"),
        (f'{{"offset": [{10**400}]}}', "not a number"),
        ('{"labels": [1]}', "not a list of texts"),
    ],
)
def test_a_preparation_that_says_nothing_is_refused(text: str, why: str) -> None:
    with pytest.raises(PackageRefused, match=why):
        read_preparation(text)


@pytest.mark.parametrize(
    ("model", "text", "why"),
    [
        (rows_model(), '{"offset": [1, 2]}', "2 numbers"),
        (rows_model(), '{"divisor": [0]}', "cannot be used"),
        (rows_model(), '{"labels": ["a"]}', "1 labels for 3 outputs"),
        (rows_model(), '{"columns": ["a"]}', "1 columns"),
        (rows_model(), '{"columns": ["a", "a", "b", "c"]}', "one name"),
        (rows_model(), '{"source": "picture"}', "pictures are"),
        (rows_model(), '{"source": "scan"}', "scans are"),
        (image_model(3), '{"source": "scan"}', "scans are"),
        (image_model(), '{"source": "scan", "window": {"centre": 0, "width": 0}}', "width"),
    ],
)
def test_a_preparation_of_another_model_is_refused(model: Model, text: str, why: str) -> None:
    with pytest.raises(PackageRefused, match=why):
        raw_of(Package(model, read_preparation(text)))


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    raw = raw_of(Package(rows_model()))
    for broken, why in (
        (b"", "not a package"),
        (b"\x93NUMPY" * 10, "not a package"),
        (raw[:10], "not a package"),
        (MAGIC + b"\x01\x00" + raw[10:], "version 1.*import the model's ONNX file again"),
        (raw[:10] + b"\xff\xff\xff\xff" + raw[14:], "header of 4294967295 bytes"),
        (raw[:40], "cut short or damaged"),
        (raw[:30] + bytes([raw[30] ^ 1]) + raw[31:], "cut short or damaged"),
        (raw[:-1], "bytes of weights"),
        (raw + b"\x00", "bytes of weights"),
    ):
        with pytest.raises(PackageRefused, match=why):
            loads(broken)


def test_weights_that_are_not_the_manifests_are_refused() -> None:
    raw = raw_of(Package(rows_model()))

    with pytest.raises(WorkError, match="node 'dense': weights with root"):
        loads(raw[:-1] + bytes([raw[-1] ^ 1]))


def test_a_manifest_that_claims_other_work_is_not_written() -> None:
    model = rows_model()
    model.manifest = replace(model.manifest, macs=u64(1))

    with pytest.raises(WorkError, match="1 MACs are claimed"):
        raw_of(Package(model))


def test_what_was_there_stays_whole_when_writing_fails(tmp_path: Path) -> None:
    file = tmp_path / "model.btt"
    save(Package(rows_model()), file)
    before = file.read_bytes()
    level = Level(scale_of(0), scale_of(0))

    with pytest.raises(PackageRefused):
        save(Package(image_model(), Preparation(Scan(level, []))), file)

    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["model.btt"]


RAW = raw_of(Package(rows_model(), Preparation(labels=["a", "b", "c"])))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_damaged_package_is_refused_in_words(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(RAW) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != RAW[at]))

    with pytest.raises(WorkError):
        loads(RAW[:at] + bytes([byte]) + RAW[at + 1 :])


# ---- the measured agreement

FLOATS = OutputAgreement(u8(0), Reference.FloatModel, u64(400), u64(399), dice=u32(999_000))
LABELS = OutputAgreement(
    u8(0), Reference.Labels, u64(400), u64(390), u64(391),
    classes=[ClassAgreement(u32(0), u64(300), u64(295)), ClassAgreement(u32(2), u64(100), u64(95))],
)  # fmt: skip
MEASURED = MeasuredAgreement(u32(400), True, [FLOATS, LABELS])
WITH_AGREEMENT = raw_of(Package(rows_model(), Preparation(labels=["a", "b", "c"]), MEASURED))


def with_agreement(agreement: MeasuredAgreement) -> bytes:
    """Return a package with a digest that fits, whatever the agreement says."""
    whole = loads(WITH_AGREEMENT)
    body = codec(Header).encode(Header(whole.manifest, whole.preparation, agreement))
    head = struct.pack("<8sHI", *struct.unpack("<8sH", WITH_AGREEMENT[:10]), len(body)) + body
    records = b"".join(record.tobytes() for record in whole.model.records.values())
    return head + hashlib.sha256(head).digest() + records


def test_a_package_keeps_the_agreement_that_was_measured() -> None:
    found = loads(WITH_AGREEMENT).agreement

    assert found == MEASURED
    assert with_agreement(MEASURED) == WITH_AGREEMENT
    assert loads(RAW).agreement is None


def test_every_changed_or_missing_byte_of_a_measured_agreement_is_refused() -> None:
    encoded = codec(MeasuredAgreement).encode(MEASURED)
    start = WITH_AGREEMENT.index(encoded)
    for at in range(start, start + len(encoded)):
        changed = bytes([WITH_AGREEMENT[at] ^ 1])
        for broken in (
            WITH_AGREEMENT[:at] + changed + WITH_AGREEMENT[at + 1 :],
            WITH_AGREEMENT[:at] + WITH_AGREEMENT[at + 1 :],
            WITH_AGREEMENT[:at],
        ):
            with pytest.raises(PackageRefused, match="cut short or damaged"):
                loads(broken)


@pytest.mark.parametrize(
    ("agreement", "why"),
    [
        (replace(MEASURED, items=u32(0)), "has no items"),
        (replace(MEASURED, outputs=[]), "does not have each of the 1 outputs once"),
        (replace(MEASURED, outputs=[LABELS]), "does not have each of the 1 outputs once"),
        (replace(MEASURED, outputs=[LABELS, FLOATS]), "does not have each of the 1 outputs once"),
        (replace(MEASURED, outputs=[FLOATS, FLOATS]), "does not have each of the 1 outputs once"),
        (replace(MEASURED, outputs=[FLOATS, replace(LABELS, output=u8(1))]), "each of the 1"),
        (replace(MEASURED, outputs=[replace(FLOATS, equal=u64(401))]), "more equal decisions"),
        (replace(MEASURED, outputs=[replace(FLOATS, decisions=u64(0), equal=u64(0))]), "or none"),
        (replace(MEASURED, outputs=[replace(FLOATS, dice=u32(1_000_001))]), "above 100 %"),
        (replace(MEASURED, outputs=[FLOATS, replace(LABELS, of_floats=u64(401))]), "above 100 %"),
        (replace(MEASURED, outputs=[FLOATS, replace(LABELS, equal=u64(391))]), "do not add up"),
        (
            replace(MEASURED, outputs=[FLOATS, replace(LABELS, classes=LABELS.classes[::-1])]),
            "not in order",
        ),
    ],
)
def test_an_agreement_that_contradicts_itself_is_refused(
    agreement: MeasuredAgreement, why: str
) -> None:
    with pytest.raises(PackageRefused, match=why):
        loads(with_agreement(agreement))
    with pytest.raises(PackageRefused, match=why):
        raw_of(Package(rows_model(), agreement=agreement))


def test_an_agreement_is_shown_in_words_and_in_millionths() -> None:
    document = MEASURED.as_json()
    assert (document["items"], document["independent"]) == (400, True)
    floats, labels = MEASURED.outputs
    assert floats.as_json()["agreementPpm"] == 997_500
    assert floats.as_json()["dicePpm"] == 999_000
    assert labels.as_json()["reference"] == "labels"
    assert labels.as_json()["floatModelPpm"] == 977_500
    assert labels.as_json()["byClass"] == [
        {"class": 0, "decisions": 300, "equal": 295, "agreementPpm": 983_333},
        {"class": 2, "decisions": 100, "equal": 95, "agreementPpm": 950_000},
    ]
    assert MEASURED.lines(["a", "b"]) == [
        "400 items",
        "output 0, the float model: 399 of 400 decisions equal (99.75%), Dice of the masks 99.90%",
        "output 0, labels: 390 of 400 decisions equal (97.50%), of the float model 391 (97.75%)",
        "output 0, labels: by class a: 295/300, 2: 95/100",
    ]


def test_only_equality_is_a_hundred_percent() -> None:
    assert (ppm(10**9, 10**9), percent(1_000_000)) == (1_000_000, "100.00%")
    assert (ppm(10**9 - 1, 10**9), percent(999_999)) == (999_999, "99.99%")
