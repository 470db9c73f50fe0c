"""Float transformers, quantised to rows with scales of their own, against the float model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[work]'")

from btt_chain.scale import encode
from btt_chain.work.execute import Executor
from btt_chain.work.fraud import FraudProof
from btt_chain.work.graph import PROOF_BYTES
from btt_chain.work.model import Float64s, real_outputs
from btt_chain.work.operators import Attend, Gather, Norm, RowLinear, Scores
from btt_chain.work.quantise.compare import cosines
from btt_chain.work.quantise.floats import Feeds, runner
from btt_chain.work.quantise.importing import Imported, Importer, Settings
from btt_chain.work.recheck import first_fault
from btt_chain.work.shapes import largest_proof
from btt_chain.work.tensors import Kind
from unit.work.float_nets import Net, items
from unit.work.float_transformers import minilm, vit
from unit.work.row_world import fault_at
from unit.work.test_fraud import Receipt, first_item
from unit.work.work_world import nodes_of

Made = tuple[Net, str]


def tokens(seed: int, count: int) -> list[Feeds]:
    """Sentences of random tokens."""
    rng = np.random.default_rng(seed)
    return [{"ids": rng.integers(0, 200, (1, 12)).astype(np.float32)} for _ in range(count)]


def pictures(seed: int, count: int) -> Sequence[Feeds]:
    return items(seed, count, x=(1, 3, 16, 16))


NETS: Mapping[str, tuple[Callable[[], Made], Callable[[int, int], Sequence[Feeds]]]] = {
    "minilm": (minilm, tokens), "vit": (vit, pictures),
}  # fmt: skip


def imported(kind: str, folder: Path, count: int = 32) -> Imported:
    make, feeds = NETS[kind]
    net, output = make()
    importer = Importer(net.save(folder, output), Settings(method="minmax", accept_loss=True))
    return importer.quantised(feeds(1, 24), feeds(2, count))


def cosines_of(result: Imported, feeds: Sequence[Feeds]) -> Float64s:
    """The cosine of each row of the output with the float model."""
    model, (output,) = result.quantised.model, result.plan.outputs
    batch = Executor(model).run(*result.quantised.items(feeds))
    found = real_outputs(model.manifest, batch.outputs[0])
    exact = runner(result.graph.proto, [output])
    real = np.concatenate([exact(feed)[output] for feed in feeds])
    return cosines(found.astype(np.float64), real.astype(np.float64))


def operators(result: Imported) -> list[type]:
    return [type(node.op) for node in result.quantised.model.graph.nodes]


def test_an_encoder_of_sentences_keeps_its_embeddings(tmp_path: Path) -> None:
    result = imported("minilm", tmp_path)
    (output,) = result.comparison.outputs
    assert output.cosines is not None
    mean, least = output.cosines

    assert mean >= 0.999
    assert least >= 0.97
    assert output.decided == 32 * 12
    found = operators(result)
    assert [found.count(each) for each in (Gather, Norm, Scores, Attend)] == [1, 5, 2, 2]
    assert found.count(RowLinear) == 12
    assert result.quantised.model.graph.inputs[0].kind is Kind.I32


def test_a_classifier_of_images_keeps_its_decisions(tmp_path: Path) -> None:
    result = imported("vit", tmp_path, 64)

    assert result.comparison.agreement >= 0.95
    assert float(cosines_of(result, pictures(4, 64)).mean()) >= 0.99
    found = operators(result)
    assert [found.count(each) for each in (Norm, Scores, Attend, RowLinear)] == [5, 2, 2, 12]


@pytest.mark.parametrize("kind", NETS)
def test_a_lie_in_every_node_of_an_imported_transformer_is_proven(
    kind: str, tmp_path: Path
) -> None:
    result = imported(kind, tmp_path, 2)
    model, executor = result.quantised.model, Executor(result.quantised.model)
    honest = first_item(model, *result.quantised.items(NETS[kind][1](3, 1)))
    rng = np.random.default_rng(5)
    for place, number in enumerate(nodes_of(model.graph), start=len(model.graph.inputs)):
        node = model.graph.nodes[number]
        lie = honest[place].copy()
        flat = lie.reshape(-1).view(np.uint8)
        flat[rng.integers(flat.size)] ^= np.uint8(1 << int(rng.integers(8)))
        said = [*honest[:place], lie, *honest[place + 1 :]]
        fault = first_fault(executor, said)

        assert fault == fault_at(number, node, honest[place], lie)
        receipt = Receipt(model, said)
        proof = receipt.proof(*fault)
        assert receipt.judged(proof)
        assert len(encode(FraudProof, proof)) <= largest_proof(model.graph, number) <= PROOF_BYTES
