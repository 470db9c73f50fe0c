"""Blocks of transformers in integers: close to real numbers, and every lie in them refuted."""

from __future__ import annotations

import math
from dataclasses import replace
from hashlib import sha256
from typing import Final

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

from btt_chain.scale import encode, u16, u32
from btt_chain.work.arithmetic import FIXED_BOUND, RowScale, fixed_point, fixed_value
from btt_chain.work.bench import FloatGraph
from btt_chain.work.build import Builder, Numbers
from btt_chain.work.errors import ModelRefused, NotFraud, ProofRefused
from btt_chain.work.execute import Executor
from btt_chain.work.fraud import FraudProof
from btt_chain.work.functions import (
    FUNCTION_BITS,
    Function,
    applied,
    attention_weights,
    table_of,
)
from btt_chain.work.graph import PROOF_BYTES, Graph, Node
from btt_chain.work.model import Elements, Float64s, Model, real_values
from btt_chain.work.operators import ArgMax, Attend, Rotate
from btt_chain.work.operators.attention import MAX_KEYS
from btt_chain.work.operators.numeric.dynamic import rope_records, row_weights, scale_parts
from btt_chain.work.operators.numeric.scaled_rows import fixed_points, fixed_values
from btt_chain.work.recheck import Fault, first_fault
from btt_chain.work.shapes import largest_proof
from btt_chain.work.tensors import Kind
from unit.work.row_world import ROW_KINDS, fault_at
from unit.work.test_fraud import Receipt
from unit.work.work_world import NOTHING, nodes_of

ROWS: Final = 12
WIDTH: Final = 64
HEAD: Final = 16
HEADS: Final = 4
GROUPS: Final = 2
INNER: Final = 96
TOKENS: Final = 300

Matrices = dict[str, Float64s]


# ---- a causal block: normalised by the root mean square, RoPE, grouped keys, SwiGLU, next token


def matrices(rng: Generator) -> Matrices:
    sizes = {
        "q": (WIDTH, WIDTH), "k": (GROUPS * HEAD, WIDTH), "v": (GROUPS * HEAD, WIDTH),
        "o": (WIDTH, WIDTH), "gate": (INNER, WIDTH), "up": (INNER, WIDTH),
        "down": (WIDTH, INNER), "head": (TOKENS, WIDTH),
    }  # fmt: skip
    return {name: rng.normal(size=size) / math.sqrt(size[1]) for name, size in sizes.items()}


def block(of: Matrices) -> Model:
    made = Builder(Kind.I16, (ROWS, WIDTH), 0, 2.0**-9)
    one = (np.zeros(WIDTH, np.int32), np.full(WIDTH, 1 << 12, np.int32))

    def dense(name: str, x: int, kind: Kind = Kind.D16) -> int:
        return made.row_linear(name, x, row_weights(of[name], np.zeros(len(of[name]))), kind)

    x = made.to_rows("rows", 0, 2.0**-9, Kind.D16)
    near = made.norm("norm1", x, one, Kind.D16, centred=False)
    angles = rope_records(ROWS, HEAD)
    q = made.rotate("turned q", dense("q", near), HEADS, angles, Kind.D8)
    k = made.rotate("turned k", dense("k", near), GROUPS, angles, Kind.D8)
    v = made.from_rows("static v", dense("v", near), 0.04, Numbers(Kind.I8))
    v = made.rearrange("columns", v, (ROWS, GROUPS * HEAD), (1, 0), (GROUPS * HEAD, ROWS))
    t = made.scores("scores", q, k, HEAD, causal=True)
    means = made.attend("means", t, v, 0.04, Kind.D8)
    x = made.add_rows("residual1", x, dense("o", means), Kind.D16)
    near = made.norm("norm2", x, one, Kind.D16, centred=False)
    both = np.stack((of["gate"], of["up"]), axis=1).reshape(2 * INNER, WIDTH)
    constants = row_weights(both, np.zeros(2 * INNER))
    inner = made.row_linear("gated", near, constants, Kind.D8, Function.SILU, gated=True)
    x = made.add_rows("residual2", x, dense("down", inner), Kind.D16)
    near = made.norm("norm3", x, one, Kind.D16, centred=False)
    columns, _, factors, _ = row_weights(of["head"], np.zeros(TOKENS))
    token = made.arg_max("token", near, columns, factors)
    return made.model([1.0, 1.0], outputs=[x, token])


def in_reals(of: Matrices, x: Float64s) -> tuple[Float64s, NDArray[np.int64]]:
    """Return the block's rows and its tokens in real numbers."""
    half = HEAD // 2
    angles = np.arange(ROWS)[:, None] * 10_000.0 ** (-np.arange(half) / half)

    def near(rows: Float64s) -> Float64s:
        normal: Float64s = rows / np.sqrt((rows * rows).mean(-1, keepdims=True))
        return normal

    def turned(rows: Float64s) -> Float64s:
        heads = rows.reshape(ROWS, -1, HEAD)
        a, b = heads[..., :half], heads[..., half:]
        cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
        return np.concatenate((a * cos - b * sin, a * sin + b * cos), axis=-1)

    rows = near(x)
    q, k = turned(rows @ of["q"].T), turned(rows @ of["k"].T)
    v = (rows @ of["v"].T).reshape(ROWS, -1, HEAD)
    k, v = (np.repeat(one, HEADS // GROUPS, 1) for one in (k, v))
    scores = np.einsum("qhd,khd->hqk", q, k) / math.sqrt(HEAD)
    scores[:, ~np.tri(ROWS, dtype=np.bool_)] = -np.inf
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    x = x + np.einsum("hqk,khd->qhd", shares, v).reshape(ROWS, WIDTH) @ of["o"].T
    rows = near(x)
    gate = rows @ of["gate"].T
    x = x + (gate / (1 + np.exp(-gate)) * (rows @ of["up"].T)) @ of["down"].T
    return x, (near(x) @ of["head"].T).argmax(-1)


def rows_of_every_size(rng: Generator) -> Elements:
    """Rows whose norms differ by two orders of magnitude, with three channels far above others."""
    x = rng.normal(size=(1, ROWS, WIDTH)) * np.exp2(np.linspace(4, 10, ROWS))[:, None]
    x[..., :3] *= 10
    return np.clip(np.rint(x), -32767, 32767).astype(np.int16)


def test_a_causal_block_is_close_to_the_same_in_real_numbers() -> None:
    rng = np.random.default_rng(11)
    of = matrices(rng)
    model = block(of)
    errors: list[float] = []
    equal = 0
    for _ in range(4):
        items = rows_of_every_size(rng)
        rows, tokens = Executor(model).run(*[items]).outputs
        right, best = in_reals(of, items[0] / 2.0**9)
        found = real_values(model.graph.made[0], model.manifest.output_scales[0], rows)[0]
        norms = np.linalg.norm(right, axis=1)
        errors += (np.linalg.norm(found - right, axis=1) / norms).tolist()
        equal += int((tokens[0, :, 0] == best).sum())

    assert float(np.median(errors)) < 0.03
    assert max(errors) < 0.12
    assert equal >= 0.85 * 4 * ROWS


def test_a_lie_in_every_node_of_a_block_is_found_and_refuted() -> None:
    rng = np.random.default_rng(12)
    model = block(matrices(rng))
    executor = Executor(model)
    honest = executor.run(rows_of_every_size(rng)).committed(0)
    for place, number in enumerate(nodes_of(model.graph), start=1):
        node = model.graph.nodes[number]
        for _ in range(4):
            lie = honest[place].copy()
            flat = lie.reshape(-1).view(np.uint8)
            flat[rng.integers(flat.size)] ^= np.uint8(1 << int(rng.integers(8)))
            said = [*honest[:place], lie, *honest[place + 1 :]]
            fault = first_fault(executor, said)
            assert fault == fault_at(number, node, honest[place], lie)
            receipt = Receipt(model, said)
            proof = receipt.proof(*fault)
            assert receipt.judged(proof)
            size = len(encode(FraudProof, proof))
            assert size <= largest_proof(model.graph, number) <= PROOF_BYTES


def test_no_query_before_a_key_sees_it() -> None:
    rng = np.random.default_rng(13)
    model = block(matrices(rng))
    items = rows_of_every_size(rng)
    changed = items.copy()
    changed[0, ROWS // 2 :] = rows_of_every_size(rng)[0, ROWS // 2 :]

    one, other = (Executor(model).run(given).outputs[0][0] for given in (items, changed))

    np.testing.assert_array_equal(one[: ROWS // 2], other[: ROWS // 2])
    assert not np.array_equal(one[ROWS // 2 :], other[ROWS // 2 :])


def test_the_work_of_attention_is_counted_once_for_each_key_that_is_seen() -> None:
    rng = np.random.default_rng(15)
    graph = block(matrices(rng)).graph
    macs = {node.name: node.op.macs(graph.inputs_of(node), node.out) for node in graph.nodes}
    seen = HEADS * ROWS * (ROWS + 1) // 2

    assert macs["scores"] == macs["means"] == seen * HEAD
    assert macs["gated"] == ROWS * WIDTH * INNER * 2
    assert macs["token"] == ROWS * WIDTH * TOKENS
    assert macs["q"] == ROWS * WIDTH * WIDTH


# ---- tokens


def head_of(width: int, tokens: int, rng: Generator, kind: Kind = Kind.D8) -> Model:
    made = Builder(Kind.I16, (64, width))
    x = made.to_rows("rows", 0, 1.0, kind)
    columns = rng.integers(-127, 128, (tokens, width)).astype(np.int8)
    factors = rng.integers(1 << 13, 1 << 15, tokens).astype(np.int32)
    made.arg_max("token", x, columns, factors)
    return made.model()


@pytest.mark.parametrize(("kind", "most"), [(Kind.D8, 5_400), (Kind.D16, 6_100)])
def test_a_wrong_one_of_262144_tokens_has_a_proof_within_seven_kilobytes(
    kind: Kind, most: int
) -> None:
    graph = head_of(640, 600, np.random.default_rng(15), kind).graph
    _, head = graph.nodes
    x, out = (replace(node.out, shape=[u32(4096), *node.out.shape[1:]]) for node in graph.nodes)
    assert head.op.constants is not None
    wide = ArgMax(u16(0), head.op.constants, u32(262_144))

    size = largest_proof(Graph([x], [Node("token", wide, out)], [u16(1)]), 0)

    assert size <= most < 7_168


def test_a_wrong_token_is_refuted_by_a_better_one_in_seven_kilobytes() -> None:
    rng = np.random.default_rng(14)
    model = head_of(640, 4096, rng)
    items = rng.integers(-999, 1000, (1, 64, 640)).astype(np.int16)
    honest = Executor(model).run(items).committed(0)
    best = int(honest[2][1, 0])
    for token in (0, 4095, 4096, -1, 2**31 - 1):
        wrong = honest[2].copy()
        wrong[1, 0] = token
        fault = first_fault(Executor(model), [*honest[:2], wrong])
        assert fault == Fault(1, 1, best)
        receipt = Receipt(model, [*honest[:2], wrong])
        proof = receipt.proof(*fault)
        assert receipt.judged(proof).claimed == token
        assert len(encode(FraudProof, proof)) <= largest_proof(model.graph, 1) <= 5_120
    receipt = Receipt(model, honest)
    for witness in (None, 4096):
        with pytest.raises(ProofRefused, match="refuted by a better one of 4096: name it"):
            receipt.proof(1, 1, witness)
    for witness in (*range(40), best):
        with pytest.raises(NotFraud):
            receipt.judged(receipt.proof(1, 1, witness))


def test_tokens_without_a_factor_or_with_a_bias_are_refused() -> None:
    made = Builder(Kind.I16, (1, 3))
    columns = np.ones((4, 3), np.int8)
    made.arg_max("token", made.to_rows("rows", 0, 1.0, Kind.D8), columns, np.zeros(4, np.int32))
    with pytest.raises(ModelRefused, match=r"'token'.*factor from 1 to 2"):
        made.model()


# ---- functions


DIGESTS: Final = {
    Function.GELU: "94ae02921cb41f1e47e9d4a986e15141445e17c87c9211b6e41e2f164a29cf07",
    Function.SILU: "75d11f3b9a5ffc2529cf4d0ac7f40a68b5700be7bd4caa864a4a3f2ca9c75d3a",
}


@pytest.mark.parametrize("function", DIGESTS)
def test_tables_of_functions_are_fixed(function: Function) -> None:
    raw = np.array(table_of(function), "<i2").tobytes()

    assert len(raw) == 2 * 8192
    assert sha256(raw).hexdigest() == DIGESTS[function]


def test_functions_are_close_to_those_of_the_machine_and_go_on_beyond_their_tables() -> None:
    for x in np.linspace(-12, 12, 999).tolist():
        number = round(x * 4096)
        normal = x * 0.5 * (1 + math.erf(x / math.sqrt(2)))
        assert abs(applied(Function.GELU, number) / 4096 - normal) < 0.003
        assert abs(applied(Function.SILU, number) / 4096 - x / (1 + math.exp(-x))) < 0.006
    assert applied(Function.SILU, FIXED_BOUND) == FIXED_BOUND
    assert applied(Function.GELU, -FIXED_BOUND) == 0
    with pytest.raises(ValueError, match="the identity has no table"):
        table_of(Function.IDENTITY)


def test_weights_of_keys_are_halved_by_each_octave() -> None:
    weights = list(attention_weights())

    assert weights == [round(255 * 2.0 ** (-t / 16)) for t in range(255)]


def test_fixed_point_of_all_sizes_is_the_same_in_numpy_and_saturates() -> None:
    numbers = [0, 1, -1, 3, -5, 2**24 + 1, -(2**46) - 3, 2**57, -(2**62), 2**62]
    exponents = [-70_000, -64, -63, -62, -47, -12, -1, 0, 1, 29, 30, 31, 32, 70_000]
    for exponent in exponents:
        scale = RowScale(2**16 - 1, exponent)
        row = np.array([numbers], np.int64)
        units = (np.array([2**16 - 1]), np.array([exponent]))
        right = [fixed_value(number, scale, FUNCTION_BITS) for number in numbers]
        assert fixed_values(row, units, FUNCTION_BITS).tolist() == [right]
        points = [fixed_point(number, exponent) for number in numbers]
        assert fixed_points(row, exponent).tolist() == [points]
    assert fixed_point(1, 70_000) == FIXED_BOUND


# ---- bounds and refusals


def test_the_longest_attention_has_a_proof_within_the_limit_and_is_exact() -> None:
    """Of 4,096 keys with extreme values, and heads of which each has one channel of values."""
    made = Builder(Kind.I16, (2, 2))
    keys = made.add_input(Kind.I16, (MAX_KEYS, 2))
    values = made.add_input(Kind.U8, (2, MAX_KEYS), 0)
    q = made.to_rows("q", 0, 2.0**-12, Kind.D16)
    k = made.to_rows("k", keys, 2.0**-12, Kind.D16)
    t = made.scores("scores", q, k, 1, causal=False)
    made.attend("means", t, values, 1.0, Kind.D16)
    model = made.model()
    items = (
        np.full((1, 2, 2), 32767, np.int16),
        np.full((1, MAX_KEYS, 2), 32767, np.int16),
        np.full((1, 2, MAX_KEYS), 255, np.uint8),
    )
    honest = Executor(model).run(*items).committed(0)
    rows = real_values(model.graph.made[0], 0, honest[-1])

    np.testing.assert_allclose(rows, 255.0, rtol=1e-4)
    for number in nodes_of(model.graph):
        assert largest_proof(model.graph, number) <= PROOF_BYTES
    wrong = honest[-1].copy()
    wrong[1, 0] ^= 1
    receipt = Receipt(model, [*honest[:-1], wrong])
    fault = first_fault(Executor(model), receipt.tensors)
    assert fault is not None
    assert receipt.judged(receipt.proof(*fault))


def test_heads_and_rows_that_do_not_fit_are_refused() -> None:
    def scores(keys: int, width: int, length: int, *, causal: bool) -> Builder:
        made = Builder(Kind.I8, (4, 12))
        other = made.add_input(Kind.I8, (keys, width))
        q, k = made.to_rows("q", 0, 1.0, Kind.D8), made.to_rows("k", other, 1.0, Kind.D8)
        made.scores("scores", q, k, length, causal=causal)
        return made

    for made, reason in (
        (scores(4, 12, 5, causal=False), "heads of 5 in rows of 12 and 12"),
        (scores(4, 8, 4, causal=False), "not whole groups of heads"),
        (scores(3, 12, 4, causal=True), "4 queries of 3 keys: too few"),
        (scores(MAX_KEYS + 1, 12, 4, causal=False), "4097 keys and heads of 4, allowed are 4096"),
    ):
        with pytest.raises(ModelRefused, match=reason):
            made.model()
    made = Builder(Kind.I8, (4, 6))
    x = made.to_rows("rows", 0, 1.0, Kind.D8)
    with pytest.raises(ModelRefused, match="4 heads in rows of 6"):
        made.rotate("turned", x, 4, rope_records(4, 2), Kind.D8)
    with pytest.raises(ModelRefused, match=r"angles of \(3, 12\) for 4 rows"):
        made.rotate("turned", x, 3, rope_records(3, 2), Kind.D8)
    rows = made.tensor(x)
    with pytest.raises(ModelRefused, match="4 heads in rows of 6"):
        Rotate(u16(x), NOTHING, u16(4)).check("turned", [rows], rows)
    with pytest.raises(ModelRefused, match="tensor 1 is not made by Scores"):
        made.attend("means", x, 0, 1.0, Kind.D8)
    made = scores(4, 12, 4, causal=True)
    bare = Attend(u16(4), u16(0), *scale_parts(1.0))
    made.node("means", bare, Numbers(Kind.D8), (4, 12))
    with pytest.raises(ModelRefused, match=r"scores of \(3, 4, 4\) of values of \(4, 12\)"):
        made.model()


@pytest.mark.parametrize("kind", ROW_KINDS)
def test_every_operator_has_a_baseline_in_floats(kind: str) -> None:
    graph = ROW_KINDS[kind](np.random.default_rng(3)).model().graph
    baseline = FloatGraph(graph, 1)

    baseline.run(baseline.items(2), 1 << 20)
