"""A model as one file: written by `model import`, fetched by providers, used by requesters.

    "BTTMODEL" | version u16 | length of the header u32 | header, SCALE | SHA-256 of all before
    | records of the first node that has constants | of the next | ...

The header is a manifest, the preparation of its inputs, and the agreement that the import of a
float model measured. The manifest determines the number of bytes of the records, and its roots
their content. The rest is a convenience for the holder of the file: the chain has the manifest, the
hash of the preparation and the root of the prepared inputs only. Packages are untrusted: every
length is checked before it is used.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path as File
from typing import Annotated, BinaryIO, Final, TypeAlias

import numpy as np

from btt_chain.primitives.digest import H256
from btt_chain.primitives.files import writing
from btt_chain.primitives.strict_json import BadJson, read_object
from btt_chain.scale import Bounded, DecodeError, EncodeError, Path, Variant, codec, path, u32
from btt_chain.work.admission import MAX_WEIGHT_BYTES
from btt_chain.work.agreement import MeasuredAgreement
from btt_chain.work.errors import ModelRefused, WorkError
from btt_chain.work.graph import Manifest, weights_layout
from btt_chain.work.model import Bytes2D, Float32s, Model, scale_bits
from btt_chain.work.shapes import check_manifest
from btt_chain.work.tensors import Binary32

MAGIC: Final = b"BTTMODEL"
VERSION: Final = 3
MAX_MANIFEST: Final = 64 * 1024
"""Maximum bytes of a manifest on the chain."""
MAX_HEADER: Final = 256 * 1024
MAX_FILE: Final = MAX_WEIGHT_BYTES + MAX_HEADER + 64
"""Maximum bytes of a package."""

_HEAD: Final = struct.Struct("<8sHI")
_SUM: Final = 32


class PackageRefused(WorkError):
    """The file is not a package, is damaged, or its parts do not match."""


# ---- preparation of inputs


@path("btt_work::Level")
@dataclass(frozen=True, slots=True)
class Level:
    """The part of a scan's range that is used, in its own unit (Hounsfield for CT)."""

    centre: Binary32
    width: Binary32


class Values(Variant, index=0):
    """Numbers without conversion; a table's columns are selected by name if names are given."""

    columns: Bounded[list[str], 4096]


class Picture(Variant, index=1):
    """Pixels, from 0 (black) to 1."""


class Scan(Variant, index=2):
    """Pixels of DICOM images in their modality's unit: the window is mapped to 0 to 1.

    Without a window each image's own range is. Without modalities any is accepted.
    """

    window: Level | None
    modalities: Bounded[list[str], 16]


Source: TypeAlias = Annotated[Values | Picture | Scan, Path("btt_work::Source")]


@path("btt_work::Preparation")
@dataclass(frozen=True, slots=True)
class Preparation:
    """The conversion of a file to reals: read as `source`, minus `offset`, over `divisor`.

    Both are empty, one number, or one for each column or channel.
    """

    source: Source = field(default_factory=lambda: Values([]))
    offset: Bounded[list[Binary32], 4096] = field(default_factory=list)
    divisor: Bounded[list[Binary32], 4096] = field(default_factory=list)
    labels: Bounded[list[str], 4096] = field(default_factory=list)
    """Labels of the outputs."""

    def adjusted(self, reals: Float32s) -> Float32s:
        """Return reals minus the offset, divided by the divisor."""
        if self.offset:
            reals = reals - floats(self.offset)
        if self.divisor:
            reals = reals / floats(self.divisor)
        return reals

    def as_json(self) -> dict[str, object]:
        """Return the preparation in readable JSON, which `read_preparation` reads."""
        made: dict[str, object] = {"source": type(self.source).__name__.lower()}
        match self.source:
            case Values(columns):
                made |= {"columns": list(columns)} if columns else {}
            case Scan(window, modalities):
                made |= {"modalities": list(modalities)} if modalities else {}
                if window is not None:
                    centre, width = floats([window.centre, window.width]).tolist()
                    made["window"] = {"centre": centre, "width": width}
            case Picture():
                pass
        for name in ("offset", "divisor"):
            bits: list[u32] = getattr(self, name)
            made |= {name: floats(bits).tolist()} if bits else {}
        return made | ({"labels": list(self.labels)} if self.labels else {})


def floats(bits: list[u32]) -> Float32s:
    """Return numbers from their bits."""
    return np.array([int(number) for number in bits], np.uint32).view(np.float32)


def read_preparation(text: str | bytes) -> Preparation:
    """Return the preparation in the JSON of `Preparation.as_json`; PackageRefused names the member.

    `{"source": "scan", "window": {"centre": 40, "width": 400}, "modalities": ["CT"],
    "offset": [0.5], "divisor": [0.25], "labels": ["no", "yes"]}`; all but `source` may be omitted.
    """
    try:
        given = read_object(text)
    except BadJson as broken:
        raise PackageRefused(f"the preparation is not JSON: {broken}") from None
    known = {"source", "columns", "window", "modalities", "offset", "divisor", "labels"}
    unknown = sorted(given.keys() - known)
    if unknown:
        raise PackageRefused(
            f"the preparation has {unknown[0]!r}; known are {', '.join(sorted(known))}"
        )
    return Preparation(
        _source(given),
        _bits(given, "offset"),
        _bits(given, "divisor"),
        _texts(given, "labels"),
    )


def _source(given: dict[str, object]) -> Source:
    kind = given.get("source", "values")
    allowed = {
        "values": {"columns"},
        "picture": set[str](),
        "scan": {"window", "modalities"},
    }.get(str(kind))
    if allowed is None:
        raise PackageRefused(f"the source is {kind!r}; known are values, picture, scan")
    for name in ("columns", "window", "modalities"):
        if name in given and name not in allowed:
            raise PackageRefused(f"{name!r} is nothing that a source of {kind} has")
    if kind == "values":
        return Values(_texts(given, "columns"))
    if kind == "picture":
        return Picture()
    window = given.get("window")
    level: Level | None = None
    if window is not None:
        if not isinstance(window, dict) or window.keys() != {"centre", "width"}:
            raise PackageRefused('write the window as {"centre": 40, "width": 400}')
        level = Level(_number(window["centre"], "window"), _number(window["width"], "window"))
    return Scan(level, _texts(given, "modalities"))


def _number(value: object, name: str) -> u32:
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < 1e30:
        raise PackageRefused(f"{value!r} in {name!r} is not a number that can be used")
    return u32(scale_bits(float(value)))


def _bits(given: dict[str, object], name: str) -> list[u32]:
    values = given.get(name, [])
    if not isinstance(values, list):
        raise PackageRefused(f"{name!r} is not a list of numbers")
    return [_number(value, name) for value in values]


def _texts(given: dict[str, object], name: str) -> list[str]:
    values = given.get(name, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise PackageRefused(f"{name!r} is not a list of texts")
    return values


# ---- the file


@path("btt_work::Header")
@dataclass(frozen=True, slots=True)
class Header:
    """The part before the weights."""

    manifest: Manifest
    preparation: Preparation
    agreement: MeasuredAgreement | None


@dataclass(frozen=True, slots=True)
class Package:
    """A model and what its holder knows; `check` runs when one is written or read."""

    model: Model
    preparation: Preparation = field(default_factory=Preparation)
    agreement: MeasuredAgreement | None = None
    """Measured by the import of a float model, by the word of who made the package."""

    @property
    def manifest(self) -> Manifest:
        """The manifest for registration."""
        return self.model.manifest

    @property
    def schema(self) -> H256:
        """The hash of the preparation, for registration."""
        encoded = codec(Preparation).encode(self.preparation)
        return H256(hashlib.sha256(b"btt-work schema\0" + encoded).digest())

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes of the file, piece by piece; PackageRefused if they would be too many."""
        header = Header(self.manifest, self.preparation, self.agreement)
        check(header)
        yield _head(header)
        for number in sorted(self.model.records):
            yield self.model.records[number].tobytes()


def check(header: Header) -> None:
    """Raise ModelRefused or PackageRefused unless a header fits the graph of its manifest."""
    manifest, preparation = header.manifest, header.preparation
    check_manifest(manifest)
    size = len(codec(Manifest).encode(manifest))
    if size > MAX_MANIFEST:
        raise PackageRefused(f"the manifest has {size} bytes, the chain takes {MAX_MANIFEST}")
    measured = header.agreement
    if measured is not None and (why := measured.fault(len(manifest.graph.made))) is not None:
        raise PackageRefused(f"the measured agreement: {why}: import the ONNX file again")
    dims, outputs = manifest.graph.inputs[0].dims, manifest.graph.made[0].dims
    for name in ("offset", "divisor"):
        numbers = floats(getattr(preparation, name))
        if len(numbers) not in {0, 1, dims[-1]}:
            raise PackageRefused(
                f"{len(numbers)} numbers in {name!r}: give one, or one for each of the "
                f"{dims[-1]} columns or channels"
            )
        if not np.isfinite(numbers).all() or (name == "divisor" and not numbers.all()):
            raise PackageRefused(f"{name!r} has a number that cannot be used")
    if len(preparation.labels) not in {0, outputs[-1]}:
        raise PackageRefused(f"{len(preparation.labels)} labels for {outputs[-1]} outputs")
    match preparation.source:
        case Values(columns):
            if columns and (len(dims) != 1 or len(columns) != dims[0]):
                raise PackageRefused(f"{len(columns)} columns for an input of {dims}")
            if len(set(columns)) != len(columns):
                raise PackageRefused("two columns have one name")
        case Picture():
            if len(dims) != 3 or dims[2] not in {1, 3}:
                raise PackageRefused(
                    f"pictures are height, width and 1 or 3 channels, the model takes {dims}"
                )
        case Scan(window, _):
            if len(dims) != 3 or dims[2] != 1:
                raise PackageRefused(
                    f"scans are height, width and 1 channel, the model takes {dims}"
                )
            if window is not None and not floats([window.width])[0] > 0:
                raise PackageRefused("the width of the window is not above zero")


def _head(header: Header) -> bytes:
    try:
        body = codec(Header).encode(header)
    except EncodeError as reason:
        raise PackageRefused(f"the header cannot be written: {reason}") from None
    if len(body) > MAX_HEADER:
        raise PackageRefused(f"the header has {len(body)} bytes, allowed are {MAX_HEADER}")
    raw = _HEAD.pack(MAGIC, VERSION, len(body)) + body
    return raw + hashlib.sha256(raw).digest()


def save(package: Package, file: File) -> None:
    """Write a package; a previous file stays intact until the new one is complete."""
    with writing(file) as out:
        for chunk in package.chunks():
            out.write(chunk)


def load(file: File) -> Package:
    """Read a package; PackageRefused or ModelRefused if it is invalid."""
    with file.open("rb") as source:
        return _read(source, file.stat().st_size)


def loads(raw: bytes) -> Package:
    """Read a package from its bytes; raises as `load` does."""
    return _read(BytesIO(raw), len(raw))


def _read(source: BinaryIO, size: int) -> Package:
    header = _header(source)
    graph = header.manifest.graph
    layouts = {
        number: weights_layout(graph, node)
        for number, node in enumerate(graph.nodes)
        if node.op.constants is not None
    }
    wanted = sum(layout.nbytes for layout in layouts.values())
    if wanted > MAX_WEIGHT_BYTES:
        raise ModelRefused(f"{wanted} bytes of weights, allowed are {MAX_WEIGHT_BYTES}")
    if size - source.tell() != wanted:
        raise PackageRefused(
            f"{size - source.tell()} bytes of weights where the manifest has {wanted}: "
            "the file is cut short or damaged; fetch or import it again"
        )
    records: dict[int, Bytes2D] = {
        number: np.frombuffer(source.read(layout.nbytes), np.uint8).reshape(layout.rows, layout.row)
        for number, layout in layouts.items()
    }
    model = Model(header.manifest, records)
    return Package(model, header.preparation, header.agreement)


def _header(source: BinaryIO) -> Header:
    head = source.read(_HEAD.size)
    if len(head) < _HEAD.size or not head.startswith(MAGIC):
        raise PackageRefused(
            "this is not a package of a model: `btt-chain model import FILE.onnx -o PKG` makes one"
        )
    _, version, length = _HEAD.unpack(head)
    if version != VERSION:
        raise PackageRefused(
            f"a package of version {version}, this program reads {VERSION}: import the model's "
            "ONNX file again"
        )
    if length > MAX_HEADER:
        raise PackageRefused(f"a header of {length} bytes, allowed are {MAX_HEADER}")
    body, digest = source.read(length), source.read(_SUM)
    if hashlib.sha256(head + body).digest() != digest:
        raise PackageRefused("the header is cut short or damaged; fetch or import the file again")
    try:
        header = codec(Header).decode_all(body)
    except DecodeError as reason:
        raise PackageRefused(f"the header cannot be read: {reason}") from None
    check(header)
    return header
