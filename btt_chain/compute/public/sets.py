"""The public set: rows that ship with the program, and the model that compares them.

The chain's own job on development, local and test networks is over this set. Providers and
verifiers have its model and inputs with the program: no gateway has to serve them. The rows are
integers in a file that names their source and licence. The model computes the similarity of each
row with all of them, one product of matrices: its weights are public data, too. Needs numpy.

The genesis block has only what the chain stores: manifest and root of the inputs
(`genesis/presets/public-set.json`). The model is made of that manifest and of the rows.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from btt_chain.compute.blobs import payload
from btt_chain.compute.blobs.payload import payload_pieces
from btt_chain.compute.blobs.store import BlobStore
from btt_chain.compute.blobs.transport import model_name, payload_name
from btt_chain.primitives.digest import H256
from btt_chain.work.ids import model_id
from btt_chain.work.model import Model, records_of_product
from btt_chain.work.package import Package
from genesis.public_set import public_manifest

FILE: Final = Path(__file__).with_name("wisconsin.json")
HIGHEST: Final = 127
"""Greatest element of a row; the smallest is its negative."""


@cache
def rows() -> bytes:
    """Return the rows of the set: one byte for each element, row by row."""
    return _array().tobytes()


@cache
def package() -> Package:
    """Return the model of the set."""
    elements = _array()
    count, length = elements.shape
    # The similarity of equal rows of extreme elements is the greatest element.
    scales = np.full(count, 1 / (HIGHEST * length), np.float32)
    records = records_of_product(elements, np.zeros(count, np.int32), scales)
    return Package(Model(public_manifest(), {0: records}))


@cache
def blobs() -> dict[str, bytes]:
    """Return the blobs of the set by name, as providers and verifiers would fetch them."""
    manifest = package().manifest
    return {
        model_name(model_id(manifest)): b"".join(package().chunks()),
        payload_name(input_root()): b"".join(payload_pieces(None, [rows()])),
    }


def add_shipped(store: BlobStore, name: str) -> None:
    """Store the blob of this name, if it belongs to the set. Raises OSError, BlobError."""
    shipped = blobs().get(name)
    if shipped is not None:
        store.put(name, shipped)


@cache
def input_root() -> H256:
    """Return the root over the roots of all items' inputs."""
    return payload.input_root(package().manifest.graph, rows(), None)


def _array() -> np.ndarray[tuple[int, int], np.dtype[np.int8]]:
    elements = np.array(json.loads(FILE.read_text())["rows"], np.int8)
    return elements.reshape(len(elements), -1)
