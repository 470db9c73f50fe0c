"""Float transformers, quantised to rows with scales of their own, against the float model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[work]'")

from btt_chain.scale import encode
from btt_chain.work.errors import ModelRefused
from btt_chain.work.execute import Executor
from btt_chain.work.fraud import FraudProof
from btt_chain.work.functions import Function as RowFunction
from btt_chain.work.graph import PROOF_BYTES
from btt_chain.work.model import Float64s, real_outputs
from btt_chain.work.operators import Attend, Gather, Linear, Norm, RowLinear, Scores, WideTable
from btt_chain.work.quantise.compare import cosines
from btt_chain.work.quantise.floats import Feeds, runner
from btt_chain.work.quantise.functions import gelu, gelu_by_tanh, sigmoid
from btt_chain.work.quantise.importing import Imported, Importer, Settings
from btt_chain.work.quantise.rows import row_function
from btt_chain.work.recheck import first_fault
from btt_chain.work.shapes import largest_proof
from btt_chain.work.tensors import Kind
from unit.work.float_nets import Net, items
from unit.work.float_transformers import Encoder, masked, minilm, rows_of_signals, vit
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


def test_the_mean_of_all_tokens_is_an_embedding_too(tmp_path: Path) -> None:
    net, rows = minilm(1)
    mean = net.node("ReduceMean", rows, axes=[1], keepdims=0)
    importer = Importer(net.save(tmp_path, mean), Settings(method="minmax"))
    result = importer.quantised(tokens(1, 24), tokens(2, 16))
    (output,) = result.comparison.outputs
    assert output.cosines is not None

    assert output.decided == 16
    assert output.cosines[0] >= 0.999
    assert output.dice is None
    assert result.quantised.model.graph.made[0].dims == (64,)
    assert any("cosine of rows mean" in line for line in output.lines())


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


# ---- forms


def signals(seed: int, count: int) -> Sequence[Feeds]:
    return items(seed, count, x=(1, 12, 32))


def causal(of: Encoder, x: str) -> str:
    hidden = np.triu(np.full((of.places, of.places), -1e9), 1)
    return of.attention(x, of.net.constant(hidden))


ATTENTIONS = {
    "apart": Encoder.attention, "joint": Encoder.joint_attention, "flat": Encoder.flat_attention,
    "causal": causal,
}  # fmt: skip
ACTIVATIONS: Mapping[str, Callable[[Encoder, str], str]] = {
    "relu": lambda of, x: of.net.relu(x),
    "silu": lambda of, x: of.net.node("Mul", x, of.net.node("Sigmoid", x)),
    "gelu": Encoder.gelu,
    "gelu by tanh": Encoder.gelu_by_tanh,
    "tanh": lambda of, x: of.net.node("Tanh", x),
}


def layer(attend: str, activate: str, folder: Path) -> Imported:
    net, output = rows_of_signals(ATTENTIONS[attend], ACTIVATIONS[activate])
    settings = Settings(method="minmax", accept_loss=True)
    return Importer(net.save(folder, output), settings).quantised(signals(1, 24), signals(2, 8))


@pytest.mark.parametrize("attend", ATTENTIONS)
def test_attention_is_read_in_each_form(attend: str, tmp_path: Path) -> None:
    result = layer(attend, "gelu", tmp_path)
    (scores,) = [
        node.op for node in result.quantised.model.graph.nodes if isinstance(node.op, Scores)
    ]

    assert float(cosines_of(result, signals(4, 32)).mean()) >= 0.99
    assert (int(scores.length), scores.causal) == (8, attend == "causal")


@pytest.mark.parametrize("activate", ACTIVATIONS)
def test_activations_are_joined_to_their_product_or_have_one_scale(
    activate: str, tmp_path: Path
) -> None:
    result = layer("apart", activate, tmp_path)
    then = [
        node.op.then.name
        for node in result.quantised.model.graph.nodes
        if isinstance(node.op, RowLinear) and node.op.then
    ]

    assert float(cosines_of(result, signals(4, 32)).mean()) >= 0.99
    assert then == {"gelu": ["GELU"], "gelu by tanh": ["GELU"], "silu": ["SILU"]}.get(activate, [])
    assert (WideTable in operators(result)) == (activate in {"relu", "tanh"})
    assert operators(result).count(Linear) == 1
    assert operators(result).count(RowLinear) == 6


def test_a_mask_that_is_always_1_is_left_out(tmp_path: Path) -> None:
    net, output = masked()
    path = net.save(tmp_path, output)
    shapes = dict.fromkeys(("ids", "mask", "types"), (1, 12))
    settings = Settings(shapes, "minmax", accept_loss=True, fixed={"mask": 1.0})
    importer = Importer(path, settings)
    rng = np.random.default_rng(1)
    feeds: list[Feeds] = [
        {
            "ids": rng.integers(0, 200, (1, 12)).astype(np.float32),
            "types": rng.integers(0, 2, (1, 12)).astype(np.float32),
        }
        for _ in range(40)
    ]
    result = importer.quantised(feeds[:24], feeds[24:])

    assert [port.name for port in result.quantised.inputs] == ["ids", "types"]
    assert "input 'mask' is left out, it is always 1" in result.remarks
    assert float(cosines_of(result, feeds[24:]).mean()) >= 0.99
    with pytest.raises(ModelRefused, match="or fix a mask that is an input with --fix"):
        Importer(path, Settings(shapes))


def _centred(net: Net, x: str) -> str:
    return net.node("Sub", x, net.node("ReduceMean", x, axes=[-1]))


def _variance(net: Net, apart: str) -> str:
    mean = net.node("ReduceMean", net.node("Mul", apart, apart), axes=[-1])
    return net.node("Add", net.constant(1e-6), mean)


def by_reciprocal(net: Net, x: str) -> str:
    apart = _centred(net, x)
    root = net.node("Sqrt", _variance(net, apart))
    return net.node("Mul", net.node("Reciprocal", root), apart)


def by_power(net: Net, x: str) -> str:
    apart = _centred(net, x)
    return net.node("Mul", apart, net.node("Pow", _variance(net, apart), net.constant(-0.5)))


def by_two_differences(net: Net, x: str) -> str:
    root = net.node("Sqrt", _variance(net, _centred(net, x)))
    return net.node("Div", net.node("Cast", _centred(net, x), to=1), root)


def by_root_of_squares(net: Net, x: str) -> str:
    root = net.node("Sqrt", _variance(net, x))
    return net.node("Mul", x, net.node("Div", net.constant(1.0), root))


@pytest.mark.parametrize("norm", [by_reciprocal, by_power, by_two_differences, by_root_of_squares])
def test_a_normalisation_is_read_in_each_form(
    norm: Callable[[Net, str], str], tmp_path: Path
) -> None:
    net = Net({"x": ["n", 12, 32]})
    gain, offset = (net.constant(net.rng.uniform(0.5, 2, 32)) for _ in range(2))
    y = net.node("Add", net.node("Mul", norm(net, "x"), gain), offset)
    importer = Importer(net.save(tmp_path, y), Settings(method="minmax", accept_loss=True))
    result = importer.quantised(signals(1, 24), signals(2, 8))
    (node,) = result.quantised.model.graph.nodes

    assert isinstance(node.op, Norm)
    assert node.op.centred == (norm is not by_root_of_squares)
    assert float(cosines_of(result, signals(4, 32)).min()) >= 0.999


def test_what_only_resembles_a_normalisation_is_none(tmp_path: Path) -> None:
    net = Net({"x": ["n", 12, 32]})
    apart = _centred(net, "x")
    y = net.node("Div", apart, net.node("Sqrt", _variance(net, net.relu(apart))))
    with pytest.raises(ModelRefused, match="divides two activations"):
        Importer(net.save(tmp_path, y), Settings())


def test_only_functions_that_the_runtime_has_are_recognised() -> None:
    assert row_function(gelu) is RowFunction.GELU
    assert row_function(gelu_by_tanh) is RowFunction.GELU
    assert row_function(lambda x: x * sigmoid(x)) is RowFunction.SILU
    assert row_function(lambda x: x * sigmoid(1.702 * x)) is None
    assert row_function(lambda x: np.maximum(x, 0)) is None
    assert row_function(lambda x: 2 * gelu(x)) is None


# ---- refusals


def windowed(of: Encoder, x: str) -> str:
    """Each query sees its neighbours only."""
    near = np.abs(np.subtract.outer(np.arange(of.places), np.arange(of.places))) < 3
    return of.attention(x, of.net.constant(np.where(near, 0, -1e9)))


def turned(of: Encoder, x: str) -> str:
    """Queries that another operation changes before they meet the keys."""
    net = of.net
    q, k, v = (
        of.cut(of.dense(x, 32, 32), perm) for perm in ((0, 2, 1, 3), (0, 2, 3, 1), (0, 2, 1, 3))
    )
    shares = net.node("Softmax", net.node("MatMul", net.node("Tanh", q), k), axis=-1)
    return of.joined(net.node("MatMul", shares, v))


def shares_alone(of: Encoder, x: str) -> str:
    """A gate by shares of channels, as in some mixtures."""
    return of.net.node("Mul", x, of.net.node("Softmax", of.dense(x, 32, 32), axis=-1))


def pairs_alone(of: Encoder, x: str) -> str:
    """A product of two activations without a softmax."""
    turned = of.net.node("Transpose", of.dense(x, 32, 32), perm=[0, 2, 1])
    return of.net.node("MatMul", of.net.node("MatMul", x, turned), x)


def mixed_heads(of: Encoder, x: str) -> str:
    """Heads that are cut from the rows as if these were not apart."""
    net, sides = of.net, of.net.constant([1, 4, 12, 8], "i8")
    q, k, v = (net.node("Reshape", of.dense(x, 32, 32), sides) for _ in range(3))
    scores = net.node("MatMul", q, net.node("Transpose", k, perm=[0, 1, 3, 2]))
    return of.joined(net.node("MatMul", net.node("Softmax", scores, axis=-1), v))


REFUSED: Mapping[str, tuple[Callable[[Encoder, str], str], str]] = {
    "window": (windowed, "node 'softmax.*: its constant mask hides other keys than those after"),
    "turned": (turned, "node 'matmul.*: operand 0 is not a part of a dense layer; the form that"),
    "shares": (shares_alone, "node 'softmax.*: its scores are not a product of queries and keys"),
    "pairs": (pairs_alone, "node 'matmul.*: a product of two activations; the form that is read"),
    "mixed": (mixed_heads, "node 'matmul.*: the heads of operand 0 mix places; the form that is"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_another_form_of_attention_is_refused_with_the_one_that_is_read(
    kind: str, tmp_path: Path
) -> None:
    attend, why = REFUSED[kind]
    net, output = rows_of_signals(attend, Encoder.gelu)
    with pytest.raises(ModelRefused, match=why) as refusal:
        Importer(net.save(tmp_path, output), Settings())
    assert "\n" not in str(refusal.value)


def test_computing_with_numbers_of_tokens_is_refused(tmp_path: Path) -> None:
    net = Net({"ids": [1, 12]}, kinds={"ids": "INT64"})
    more = net.node("Add", "ids", net.constant(2, "i8"))
    rows = net.node("Gather", net.weights(200, 16), more)
    with pytest.raises(ModelRefused, match="node 'add0': computes with whole numbers: make"):
        Importer(net.save(tmp_path, rows), Settings())
