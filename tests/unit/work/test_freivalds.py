"""Random vectors accept every right product and no wrong one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.work.execute import Batch, Executor
from btt_chain.work.freivalds import Challenge, is_checked, limit_of
from btt_chain.work.model import Elements, Int32s, Model
from btt_chain.work.recheck import AccumulatorsRefused, Fault, first_fault_by_vectors
from unit.work.work_world import attention, image_net, nodes_of, single

SEED = b"what only the verifier knows"
NETS = {"image_net": image_net, "attention": attention}


def ran(model: Model, items: Elements) -> Batch:
    return Executor(model).run(items[:1], accumulators=True)


def asked(
    model: Model, batch: Batch, number: int, sums: Int32s, challenge: Challenge | None = None
) -> list[int]:
    inputs = [batch.tensors[tensor][0] for tensor in model.graph.nodes[number].op.inputs]
    challenge = challenge or Challenge(model, SEED)
    return list(challenge.wrong_rows(number, inputs, sums))


@pytest.mark.parametrize(
    "kind",
    [
        "linear",
        "conv",
        "matmul",
        "signals",
        "volumes",
        "parts_of_rows",
        "wide_elements",
        "row_linear",
        "gated_rows",
    ],
)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), data=st.data())
def test_a_right_product_passes_and_a_wrong_one_does_not(
    kind: str, seed: int, data: st.DataObject
) -> None:
    model, (items, *_) = single(kind, seed)
    products = [at for at in range(len(model.graph.nodes)) if is_checked(model.graph, at)]
    if not products:
        return
    batch = ran(model, items)
    number = products[-1]
    right = batch.accumulators[number][0]
    at = data.draw(st.integers(0, right.size - 1))
    by = data.draw(st.sampled_from([1, -1, 256, -(2**16), 2**24, -(2**31)]))
    wrong = right.copy()
    with np.errstate(over="ignore"):
        wrong.reshape(-1)[at] += np.int32(by)

    assert asked(model, batch, number, right) == []
    assert asked(model, batch, number, wrong) == [at // right.shape[-1]]


def test_errors_that_cancel_in_a_plain_sum_are_seen() -> None:
    model, items = image_net()
    batch = ran(model, items)
    wrong = batch.accumulators[1][0].copy()
    wrong[0, 0, 0] += 1
    wrong[0, 0, 1] -= 1

    assert asked(model, batch, 1, wrong) == [0]


def test_what_no_product_can_be_is_refused_even_by_a_blind_vector() -> None:
    # Sums of such numbers would not be exact, so no vector may be asked about them.
    model, (items,) = single("linear", 3)
    batch = ran(model, items)
    wrong = batch.accumulators[0][0].copy()
    wrong.reshape(-1)[0] = limit_of(model.graph, 0) + 1

    for seed in range(200):
        challenge = Challenge(model, seed.to_bytes(2, "big"), bits=4)
        assert asked(model, batch, 0, wrong, challenge) == [0]


def test_a_vector_of_few_bits_accepts_as_many_lies_as_foreseen() -> None:
    model, (items,) = single("linear", 3)
    batch = ran(model, items)
    wrong = batch.accumulators[0][0].copy()
    wrong.reshape(-1)[0] += 1
    questions = 640

    accepted = sum(
        not asked(model, batch, 0, wrong, Challenge(model, seed.to_bytes(2, "big"), bits=4))
        for seed in range(questions)
    )

    # One vector of numbers from -16 to 15: it is blind if it is the one zero among 32.
    assert questions // 32 // 2 < accepted < questions // 32 * 2


@pytest.mark.parametrize("net", NETS)
def test_a_lie_in_any_node_is_found_by_vectors(net: str) -> None:
    model, items = NETS[net]()
    batch = ran(model, items)
    executor, challenge = Executor(model), Challenge(model, SEED)
    honest = batch.committed(0)
    sums = {number: found[0] for number, found in batch.accumulators.items()}
    assert first_fault_by_vectors(executor, honest, sums, challenge) is None

    for place, node in enumerate(nodes_of(model.graph), start=1):
        lie = honest[place].copy()
        with np.errstate(over="ignore"):
            lie.reshape(-1)[0] += lie.dtype.type(1)
        tensors = [*honest[:place], lie, *honest[place + 1 :]]
        assert first_fault_by_vectors(executor, tensors, sums, challenge) == Fault(node, 0)


def test_accumulators_made_to_fit_a_lie_do_not_hide_it() -> None:
    model, items = image_net()
    batch = ran(model, items)
    executor, challenge = Executor(model), Challenge(model, SEED)
    sums = {number: found[0].copy() for number, found in batch.accumulators.items()}
    sums[1][5, 5, 5] = -30000 * np.sign(sums[1][5, 5, 5])
    made = [batch.tensors[0][:1], batch.tensors[1][:1], executor.finish(1, sums[1])[None]]
    honest = batch.committed(0)
    # The sums are of "body", which has no leaves: the lie is what "residual" makes of them.
    fitting = [*honest[:2], executor.node(2, made)[0], *honest[3:]]

    fault = first_fault_by_vectors(executor, fitting, sums, challenge)

    assert fault == Fault(2, (5 * 12 + 5) * 8 + 5)


def test_wrong_accumulators_beside_a_right_commitment_are_a_lie_of_their_own() -> None:
    model, items = image_net()
    batch = ran(model, items)
    tensors = batch.committed(0)
    for node, name in ((0, "stem"), (1, "body")):
        sums = {number: found[0].copy() for number, found in batch.accumulators.items()}
        sums[node][0, 0, 0] += 1

        with pytest.raises(AccumulatorsRefused, match=f"{name!r}, row 0"):
            first_fault_by_vectors(Executor(model), tensors, sums, Challenge(model, SEED))
