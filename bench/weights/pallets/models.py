"""Benchmarks of Models: manifests of maximum size."""

from __future__ import annotations

from typing import Final

from bench.weights.declare import Case, benchmark
from bench.weights.state import Bench
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import i16, u16, u32, u64, u128
from btt_chain.work import ids
from btt_chain.work.build import window
from btt_chain.work.graph import MAX_NODES, Graph, Manifest, Node
from btt_chain.work.model import scale_bits
from btt_chain.work.operators import Conv, Softmax
from btt_chain.work.shapes import macs_of
from btt_chain.work.tensors import LEAF_BYTES, Kind, Tensor, Weights
from runtime.constants import BTT
from runtime.pallets.models.types import (
    MAX_NAME,
    Agreement,
    CheckMode,
    Claim,
    Description,
    Metric,
    ModelClass,
)

MAX_TABLES: Final = 16
"""Number of tables that fit into a manifest beside the maximum number of nodes, with 4 KB left."""
ENDPOINTS: Final = b"/ip4/203.0.113.7/tcp/30335/p2p/12D3KooWProvider"
SCHEMA: Final = H256(bytes(range(32)))
"""Hash of a preparation, of a card and of a set."""
SIDE: Final = 16
"""Height and width of the nodes' input and output image."""


def image() -> Tensor:
    """Return the input and output tensor of each node."""
    return Tensor(Kind.I8, [u32(SIDE), u32(SIDE), u32(1), u32(1)], i16(0), u16(LEAF_BYTES))


def conv(x: int) -> Conv:
    """Return a convolution of the image `x`: no operation has more fields."""
    weights = Weights(H256(bytes(32)), u16(LEAF_BYTES), u32(10**6))
    return Conv(u16(x), weights, window((1, 1, 1)), u16(1), u16(1), i16(-128), i16(127))


def softmax(x: int) -> Softmax:
    """Return a softmax over the rows of the image `x`."""
    return Softmax(u16(x), [u16(1 << 15)] * 256)


def manifest(nodes: int, tables: int = 0) -> Manifest:
    """Return a manifest of a chain of that many nodes, `tables` of them with a table of weights."""
    made = []
    for number in range(nodes):
        # The image after a table counts from its smallest element, and so do all others.
        op = softmax(number) if number < tables else conv(number)
        out = Tensor(Kind.I8, image().shape, i16(-128), u16(LEAF_BYTES))
        made.append(Node(f"{number}", op, out))
    graph = Graph([image()], made, [u16(len(made))])
    scale = u32(scale_bits(1.0))
    return Manifest(graph, [scale], [scale], u64(macs_of(graph)))


def stated() -> dict[str, object]:
    """Return the arguments of a registration with the longest description."""
    return {"schema": SCHEMA, "licence": u128(BTT), "description": described()}


def described() -> Description:
    """Return the longest description."""
    claim = Claim(SCHEMA, Metric.Accuracy, u32(950_000), u32(1_000))
    return Description(card=SCHEMA, claim=claim, loss=Agreement(claim.value, claim.items, SCHEMA))


def known(b: Bench, owner: AccountId, wanted: Manifest | None = None) -> H256:
    """Register a model, by default the largest one; return its id."""
    found = manifest(MAX_NODES, MAX_TABLES) if wanted is None else wanted
    b.runtime.models.classes[u16(0)] = model_class()
    b.does(
        owner, "Models", "register",
        manifest=found, model_class=u16(0), name=b"n" * MAX_NAME,
        check=CheckMode.Reexecute, endpoints=ENDPOINTS, **stated(),
    )  # fmt: skip
    return ids.model_id(found)


def model_class() -> ModelClass:
    """Return a class of machines with the longest name."""
    return ModelClass(b"k" * MAX_NAME, u128(BTT), u128(1), u128(10**18), u32(100))


@benchmark("Models.register", nodes=(1, MAX_NODES), tables=(0, MAX_TABLES))
def register(b: Bench, nodes: int, tables: int) -> Case:
    """Register a chain of nodes, some of them with tables."""
    return b.signed(
        b.account(), "Models", "register",
        manifest=manifest(max(nodes, tables), tables), model_class=u16(0), name=b"n" * MAX_NAME,
        check=CheckMode.Reexecute, endpoints=ENDPOINTS, **stated(),
    )  # fmt: skip


@benchmark("Models.retire")
def retire(b: Bench) -> Case:
    """Retire the largest model, which is removed at once."""
    who = b.account()
    return b.signed(who, "Models", "retire", model=known(b, who))


@benchmark("Models.suspend")
def suspend(b: Bench) -> Case:
    """Suspend a model."""
    return b.root("Models", "suspend", model=known(b, b.account()))


@benchmark("Models.resume")
def resume(b: Bench) -> Case:
    """Resume the largest model, which was retired meanwhile and is removed."""
    models, model = b.runtime.models, known(b, b.account())
    record = models.models[model]
    record.suspended = record.retired = True
    models.models[model] = record
    return b.root("Models", "resume", model=model)


@benchmark("Models.revoke")
def revoke(b: Bench) -> Case:
    """Burn the bond of the largest model, which is removed at once."""
    return b.root("Models", "revoke", model=known(b, b.account()))


@benchmark("Models.set_class")
def set_class(b: Bench) -> Case:
    """Change a class."""
    b.runtime.models.classes[u16(0)] = model_class()
    return b.root("Models", "set_class", index=u16(0), model_class=model_class())


@benchmark("Models.set_params")
def set_params(b: Bench) -> Case:
    """Set the parameters to their present values."""
    return b.root("Models", "set_params", params=b.runtime.models.params.value)


@benchmark("Models.set_endpoints")
def set_endpoints(b: Bench) -> Case:
    """Set the maximum number of addresses."""
    who = b.account()
    wanted = b"\n".join([ENDPOINTS] * 5)
    model = known(b, who)
    return b.signed(who, "Models", "set_endpoints", model=model, endpoints=wanted)


@benchmark("Models.set_licence")
def set_licence(b: Bench) -> Case:
    """Change the fee of a licence."""
    who = b.account()
    return b.signed(who, "Models", "set_licence", model=known(b, who), licence=u128(BTT))


@benchmark("Models.describe")
def describe(b: Bench) -> Case:
    """Change the shortest name and description to the longest."""
    who, models = b.account(), b.runtime.models
    model = known(b, who)
    record = models.models[model]
    record.name, record.description = b"n", Description()
    models.models[model] = record
    return b.signed(
        who, "Models", "describe", model=model, name=b"n" * MAX_NAME, description=described()
    )
