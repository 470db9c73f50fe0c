"""Work packages and the preparation of their inputs."""

from __future__ import annotations

import numpy as np

from btt_chain.work.build import Builder, Numbers
from btt_chain.work.errors import ModelRefused
from btt_chain.work.package import (
    Package,
    PackageRefused,
    Preparation,
    loads,
    read_preparation,
)
from btt_chain.work.tensors import Kind
from fuzz.target import Target, choose


def package(raw: bytes) -> None:
    """Read a package; what was read is written with the same bytes."""
    try:
        read = loads(raw)
    except (PackageRefused, ModelRefused):
        return
    assert b"".join(read.chunks()) == raw


def preparation(raw: bytes) -> None:
    """Read a preparation."""
    try:
        read_preparation(raw.decode("utf-8", "replace"))
    except PackageRefused:
        return


def seeds() -> list[bytes]:
    """Return a package and preparations."""
    builder = Builder(Kind.I8, (4,), 0, 0.05)
    columns = np.arange(1, 13, dtype=np.int8).reshape(3, 4)
    bias, scales = np.array([1, -2, 3], np.int32), np.full(3, 0.02, np.float32)
    builder.linear("dense", 0, columns, bias, scales, Numbers(Kind.I8, 0))
    made = Package(builder.model(0.1), Preparation())
    return [
        b"\0" + b"".join(made.chunks()), b'\1{"source": "values", "mean": [1], "deviation": [2]}',
        b'\1{"source": {"scan": {"window": {"centre": 40, "width": 400}}}, "labels": ["a", "b"]}',
    ]  # fmt: skip


TARGET = Target(
    run=lambda raw: choose(raw, package, preparation),
    seeds=seeds,
    instrument=("btt_chain.work", "btt_chain.scale"),
)
