"""The public set: what ships with the program is what the genesis block says, and is computed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from btt_chain.compute.blobs.fetching import ModelShelf
from btt_chain.compute.blobs.payload import payload_pieces
from btt_chain.compute.blobs.store import BlobStore
from btt_chain.compute.blobs.transport import model_name, payload_name
from btt_chain.compute.public import sets
from btt_chain.compute.worker import ThreadWorker
from btt_chain.primitives.digest import H256
from btt_chain.scale import codec
from btt_chain.work.build import Builder, Numbers
from btt_chain.work.execute import Executor
from btt_chain.work.graph import Manifest
from btt_chain.work.ids import model_id
from btt_chain.work.package import loads
from btt_chain.work.tensors import Kind
from genesis.public_set import FILE, public_set_json
from support.blobs import fetching

ROWS, COLUMNS = 40, 30


def built() -> Manifest:
    """Return the manifest of the model that the set describes, made anew."""
    elements = np.frombuffer(sets.rows(), np.int8).reshape(ROWS, COLUMNS)
    scales = np.full(ROWS, 1 / (sets.HIGHEST * COLUMNS), np.float32)
    model = Builder(Kind.I8, (COLUMNS,))
    model.linear("similarity", 0, elements, np.zeros(ROWS, np.int32), scales, Numbers(Kind.I8))
    return model.model().manifest


def test_the_genesis_block_describes_the_set_that_ships() -> None:
    assert json.loads(FILE.read_text()) == {
        "name": json.loads(sets.FILE.read_text())["name"],
        "manifest": "0x" + codec(Manifest).encode(built()).hex(),
        "schema": "0x" + sets.package().schema.hex(),
        "items": ROWS,
        "inputRoot": "0x" + sets.input_root().hex(),
        "dataBytes": len(sets.rows()),
    }
    assert sets.package().manifest == built()
    (job,) = public_set_json(6_000)["jobs"]["protocolSets"]
    assert job["model"] == "0x" + model_id(sets.package().manifest).hex()
    assert job["inputRoot"] == "0x" + sets.input_root().hex()


def test_the_rows_name_their_source_and_licence_and_are_integers() -> None:
    known = json.loads(sets.FILE.read_text())
    assert "10.24432/C5DW2B" in known["source"]
    assert known["licence"] == "CC BY 4.0"
    assert [len(row) for row in known["rows"]] == [COLUMNS] * ROWS
    columns = list(zip(*known["rows"], strict=True))
    assert all((min(column), max(column)) == (-127, 127) for column in columns)


def test_the_blobs_are_what_providers_would_fetch() -> None:
    model = model_id(sets.package().manifest)
    found = sets.blobs()
    assert model_id(loads(found[model_name(model)]).manifest) == model
    payload = found[payload_name(sets.input_root())]
    assert payload == b"".join(payload_pieces(None, [sets.rows()]))


def test_a_row_is_more_similar_to_itself_than_the_scale_of_others() -> None:
    rows = np.frombuffer(sets.rows(), np.int8).reshape(ROWS, COLUMNS)
    outputs = Executor(sets.package().model).run(rows).outputs[0]
    exact = rows.astype(np.int64) @ rows.T.astype(np.int64)
    assert outputs.shape == (ROWS, ROWS)
    assert (outputs == outputs.T).all()
    assert np.abs(outputs - exact / (127 * COLUMNS)).max() <= 0.51


async def test_the_model_needs_no_endpoint(tmp_path: Path) -> None:
    store, worker = BlobStore(tmp_path), ThreadWorker()
    try:
        async with fetching() as host:
            executor = await ModelShelf(store, host, worker).executor(
                H256(model_id(sets.package().manifest)), []
            )
    finally:
        worker.close()
    assert executor.model.manifest == sets.package().manifest
