"""The parts of ONNX that are read: fields of a file, operators by version, and their attributes.

The meaning of an operator depends on the version of the operator set, and each attribute changes
what it computes. So each operator has the versions and the attributes that its conversion reads, or
that change no value here; a node with any other is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import onnx
from google.protobuf.message import Message

from btt_chain.work.errors import ModelRefused

ONNX: Final = frozenset({"", "ai.onnx"})
MICROSOFT: Final = "com.microsoft"
MICROSOFT_VERSION: Final = 1


class Form(NamedTuple):
    """The versions of an operator that are read, and its attributes."""

    first: int
    last: int
    attributes: frozenset[str] = frozenset()


_WINDOW: Final = frozenset({"auto_pad", "dilations", "kernel_shape", "pads", "strides"})
_POOL: Final = _WINDOW | {"ceil_mode"}
_PAIR: Final = frozenset({"axis", "block_size", "output_dtype"})

FORMS: Final[Mapping[str, Form]] = {
    "Add": Form(7, 14),
    "AveragePool": Form(1, 22, _POOL | {"count_include_pad"}),
    "Cast": Form(6, 28, frozenset({"to", "saturate"})),
    "Concat": Form(4, 13, frozenset({"axis"})),
    "Constant": Form(1, 25, frozenset({"value"})),
    "Conv": Form(1, 22, _WINDOW | {"group"}),
    "ConvInteger": Form(10, 10, _WINDOW | {"group"}),
    "DequantizeLinear": Form(10, 28, _PAIR),
    "Flatten": Form(1, 25, frozenset({"axis"})),
    "Gelu": Form(20, 20, frozenset({"approximate"})),
    "Gemm": Form(7, 13, frozenset({"alpha", "beta", "transA", "transB"})),
    "GlobalAveragePool": Form(1, 22),
    "Identity": Form(1, 25),
    "LayerNormalization": Form(17, 17, frozenset({"axis", "epsilon", "stash_type"})),
    "LeakyRelu": Form(6, 16, frozenset({"alpha"})),
    "MatMul": Form(1, 13),
    "MatMulInteger": Form(10, 10),
    "MaxPool": Form(1, 22, _POOL | {"storage_order"}),
    "Mul": Form(7, 14),
    "QLinearConv": Form(10, 10, _WINDOW | {"group"}),
    "QLinearMatMul": Form(10, 21),
    "QuantizeLinear": Form(10, 28, _PAIR | {"precision", "saturate"}),
    "Relu": Form(6, 14),
    "Reshape": Form(5, 25, frozenset({"allowzero"})),
    "Sigmoid": Form(6, 13),
    "Softmax": Form(1, 13, frozenset({"axis"})),
    "Tanh": Form(6, 13),
    "Transpose": Form(1, 25, frozenset({"perm"})),
}
"""Operators of ONNX. `saturate` concerns floats of 8 bits, `storage_order` a second output."""
_MICROSOFT: Final[Mapping[str, frozenset[str]]] = {
    "QGemm": frozenset({"alpha", "transA", "transB"}),
    "QLinearAdd": frozenset(),
    "QLinearAveragePool": (_POOL - {"dilations"}) | {"channels_last", "count_include_pad"},
    "QLinearConcat": frozenset({"axis"}),
    "QLinearGlobalAveragePool": frozenset({"channels_last"}),
    "QLinearLeakyRelu": frozenset({"alpha"}),
    "QLinearSigmoid": frozenset(),
    "QLinearSoftmax": frozenset({"axis", "opset"}),
}
"""Attributes of onnxruntime's operators."""

_MODEL: Final = frozenset({
    "ir_version", "opset_import", "producer_name", "producer_version", "domain", "model_version",
    "doc_string", "graph", "metadata_props",
})  # fmt: skip
_GRAPH: Final = frozenset({
    "node", "name", "initializer", "doc_string", "input", "output", "value_info", "metadata_props",
})  # fmt: skip
_NODE: Final = frozenset({
    "input", "output", "name", "op_type", "domain", "attribute", "doc_string", "metadata_props",
})  # fmt: skip


def check_fields(model: onnx.ModelProto) -> None:
    """Raise ModelRefused if a file has parts that are not read: functions, sparse constants."""
    _check_fields(model, _MODEL, "the model")
    _check_fields(model.graph, _GRAPH, "the graph")
    for node in model.graph.node:
        _check_fields(node, _NODE, f"node {node.name or node.op_type!r}")


def _check_fields(message: Message, known: frozenset[str], what: str) -> None:
    for field, value in message.ListFields():
        if field.name not in known and value:
            raise ModelRefused(f"{what} has {field.name}, which is not read: export it without")


def operator_set(model: onnx.ModelProto) -> int:
    """Return the version of ONNX's operators in a file. Raises ModelRefused."""
    versions: dict[str, int] = {}
    for imported in model.opset_import:
        domain = "" if imported.domain in ONNX else imported.domain
        if versions.setdefault(domain, imported.version) != imported.version:
            raise ModelRefused(f"two versions of the operators {imported.domain!r}")
    newest = onnx.defs.onnx_opset_version()
    version = versions.get("", newest)
    if not 1 <= version <= newest:
        raise ModelRefused(f"opset {version} of ONNX: known are 1 to {newest}; export an older one")
    if versions.get(MICROSOFT, MICROSOFT_VERSION) != MICROSOFT_VERSION:
        raise ModelRefused(f"opset {versions[MICROSOFT]} of {MICROSOFT}: known is 1")
    return version


def check_form(node: onnx.NodeProto, opset: int) -> int:
    """Return the version of a node's operator, 0 for onnxruntime's. Raises ModelRefused."""
    name = node.name or node.op_type
    version = 0
    if node.domain in ONNX:
        form = FORMS.get(node.op_type)
        if form is None:
            return 0
        try:
            version = int(onnx.defs.get_schema(node.op_type, opset, "").since_version)
        except onnx.defs.SchemaError:
            raise ModelRefused.at(name, f"opset {opset} has no {node.op_type}") from None
        if not form.first <= version <= form.last:
            raise ModelRefused.at(
                name,
                f"{node.op_type} of version {version}: known are {form.first} to {form.last}; "
                "convert the model to another opset",
            )
        known = form.attributes
    elif node.domain == MICROSOFT and node.op_type in _MICROSOFT:
        known = _MICROSOFT[node.op_type]
    else:
        return 0
    seen: set[str] = set()
    for attribute in node.attribute:
        if attribute.name not in known:
            raise ModelRefused.at(
                name, f"the attribute {attribute.name!r} is not read: export the model without it"
            )
        if attribute.name in seen:
            raise ModelRefused.at(name, f"the attribute {attribute.name!r} is there twice")
        seen.add(attribute.name)
    return version
