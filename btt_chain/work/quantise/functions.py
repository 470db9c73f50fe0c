"""Functions of one element, in float64, by the operators of ONNX."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from btt_chain.work.model import Float64s
from btt_chain.work.quantise.reading import FloatNode
from btt_chain.work.quantise.steps import Function, RealFunction

_erf: Final = np.vectorize(math.erf, otypes=[np.float64])
_SELU: Final = (1.6732632423543772, 1.0507009873554805)


def sigmoid(x: Float64s) -> Float64s:
    """Return the logistic function."""
    return np.asarray((1 + np.tanh(x / 2)) / 2)


def elu(x: Float64s, alpha: float) -> Float64s:
    """Return the exponential linear function."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def gelu(x: Float64s) -> Float64s:
    """Return the exact Gelu."""
    return np.asarray(x / 2 * (1 + _erf(x / math.sqrt(2))))


def gelu_by_tanh(x: Float64s) -> Float64s:
    """Return the approximate Gelu."""
    return np.asarray(x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))


def softplus(x: Float64s) -> Float64s:
    """Return the logarithm of 1 + e^x."""
    return np.asarray(np.logaddexp(0, x))


def root(x: Float64s) -> Float64s:
    """Return the root, 0 below 0."""
    return np.asarray(np.sqrt(np.maximum(x, 0)))


PLAIN: Final[Mapping[str, RealFunction]] = {
    "Abs": np.abs, "Cos": np.cos, "Erf": _erf, "Exp": np.exp, "Log": np.log, "Neg": np.negative,
    "Reciprocal": np.reciprocal, "Sigmoid": sigmoid, "Sin": np.sin, "Softplus": softplus,
    "Softsign": lambda x: x / (1 + np.abs(x)), "Sqrt": root, "Tanh": np.tanh,
    "Mish": lambda x: x * np.tanh(softplus(x)),
    "HardSwish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
}  # fmt: skip
"""Functions without parameters."""


def leaky(node: FloatNode) -> RealFunction:
    """Return LeakyRelu."""
    alpha = node.number("alpha", 0.01)
    return lambda x: np.where(x > 0, x, alpha * x)


def hard_sigmoid(node: FloatNode) -> RealFunction:
    """Return HardSigmoid."""
    alpha, beta = node.number("alpha", 0.2), node.number("beta", 0.5)
    return lambda x: np.clip(alpha * x + beta, 0, 1)


def exponential(node: FloatNode) -> RealFunction:
    """Return Elu."""
    alpha = node.number("alpha", 1.0)
    return lambda x: elu(x, alpha)


def scaled_exponential(node: FloatNode) -> RealFunction:
    """Return Selu."""
    alpha, gamma = node.number("alpha", _SELU[0]), node.number("gamma", _SELU[1])
    return lambda x: gamma * elu(x, alpha)


def thresholded(node: FloatNode) -> RealFunction:
    """Return ThresholdedRelu."""
    alpha = node.number("alpha", 1.0)
    return lambda x: np.where(x > alpha, x, 0)


def gaussian(node: FloatNode) -> RealFunction:
    """Return Gelu."""
    return gelu_by_tanh if node.text("approximate", "none") == "tanh" else gelu


WITH_PARAMETERS: Final[Mapping[str, Callable[[FloatNode], RealFunction]]] = {
    "Elu": exponential, "Gelu": gaussian, "HardSigmoid": hard_sigmoid, "LeakyRelu": leaky,
    "Selu": scaled_exponential, "ThresholdedRelu": thresholded,
}  # fmt: skip


def function_of(node: FloatNode) -> Function | None:
    """Return the step of a node that is a function of each element; None if it is not one."""
    tensors = (node.name, (node.input(0),), node.output)
    if node.kind in PLAIN:
        return Function(*tensors, PLAIN[node.kind], node.kind)
    if node.kind in WITH_PARAMETERS:
        return Function(*tensors, WITH_PARAMETERS[node.kind](node), node.kind)
    if node.kind == "Relu":
        return clamping(*tensors, 0.0, math.inf)
    if node.kind == "Clip":
        return clamping(
            *tensors, _bound(node, "min", 1, -math.inf), _bound(node, "max", 2, math.inf)
        )
    if node.kind in {"Max", "Min"} and len(node.proto.input) == 2:
        return _one_sided(node)
    if node.kind == "PRelu" and node.is_constant(1) and node.constant(1).size == 1:
        slope = float(node.reals(1).reshape(-1)[0])
        return Function(*tensors, lambda x: np.where(x > 0, x, slope * x), "PRelu")
    if node.kind == "Pow" and node.is_constant(1) and node.constant(1).size == 1:
        exponent = float(node.reals(1).reshape(-1)[0])
        label = "square" if exponent == 2 else "Pow"
        return Function(*tensors, lambda x: np.power(x, exponent), label)
    return None


def clamping(name: str, inputs: tuple[str, ...], output: str, low: float, high: float) -> Function:
    """Return a step that clamps elements."""
    return Function(name, inputs, output, lambda x: np.clip(x, low, high), "clamp", (low, high))


def _bound(node: FloatNode, name: str, at: int, default: float) -> float:
    if node.has(at):
        return float(node.reals(at).reshape(-1)[0])
    return node.number(name, default)


def _one_sided(node: FloatNode) -> Function | None:
    """Return a maximum or minimum with a number as a clamp."""
    at = next((at for at in (0, 1) if node.is_constant(at) and node.constant(at).size == 1), None)
    if at is None:
        return None
    bound = float(node.reals(at).reshape(-1)[0])
    bounds = (bound, math.inf) if node.kind == "Max" else (-math.inf, bound)
    return clamping(node.name, (node.input(1 - at),), node.output, *bounds)
