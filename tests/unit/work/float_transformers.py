"""Small transformers in ONNX with seeded weights, as exporters write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from unit.work.float_nets import Net


@dataclass
class Encoder:
    """Layers of a transformer on a net: each method adds nodes and returns the output's name."""

    net: Net
    places: int
    width: int
    heads: int
    inner: int

    @property
    def length(self) -> int:
        """Elements of a head."""
        return self.width // self.heads

    def dense(self, x: str, inside: int, outside: int) -> str:
        """A MatMul with weights, and an Add: rows as they come."""
        weights = self.net.constant(self.net.rng.normal(0, inside**-0.5, (inside, outside)))
        bias = self.net.constant(self.net.rng.normal(0, 0.1, outside))
        return self.net.node("Add", self.net.node("MatMul", x, weights), bias)

    def uneven(self) -> tuple[str, str]:
        """Gain and offset of a normalisation, with three channels far above the others."""
        gain = self.net.rng.uniform(0.5, 1.5, self.width)
        gain[:3] *= 4
        return self.net.constant(gain), self.net.constant(self.net.rng.normal(0, 0.1, self.width))

    def norm(self, x: str) -> str:
        """ONNX's own normalisation."""
        return self.net.node("LayerNormalization", x, *self.uneven(), axis=-1, epsilon=1e-6)

    def written_norm(self, x: str) -> str:
        """The same as older exporters write it out."""
        net, (gain, offset) = self.net, self.uneven()
        apart = net.node("Sub", x, net.node("ReduceMean", x, axes=[-1]))
        squares = net.node("Pow", apart, net.constant(2.0))
        mean = net.node("ReduceMean", squares, axes=[-1])
        root = net.node("Sqrt", net.node("Add", mean, net.constant(1e-6)))
        return net.node("Add", net.node("Mul", net.node("Div", apart, root), gain), offset)

    def gelu(self, x: str) -> str:
        """The exact Gelu, written out."""
        net = self.net
        erf = net.node("Erf", net.node("Div", x, net.constant(sqrt(2))))
        half = net.node("Mul", x, net.node("Add", erf, net.constant(1.0)))
        return net.node("Mul", half, net.constant(0.5))

    def gelu_by_tanh(self, x: str) -> str:
        """The approximate Gelu, written out."""
        net = self.net
        cube = net.node("Mul", net.node("Pow", x, net.constant(3.0)), net.constant(0.044715))
        inner = net.node("Mul", net.node("Add", x, cube), net.constant(sqrt(2 / np.pi)))
        outer = net.node("Add", net.node("Tanh", inner), net.constant(1.0))
        return net.node("Mul", net.node("Mul", x, net.constant(0.5)), outer)

    def cut(self, x: str, perm: Sequence[int]) -> str:
        """Rows of all heads to heads of rows."""
        sides = self.net.constant([1, self.places, self.heads, self.length], "i8")
        return self.net.node("Transpose", self.net.node("Reshape", x, sides), perm=list(perm))

    def joined(self, means: str) -> str:
        """Heads of rows to rows of all heads."""
        turned = self.net.node("Transpose", means, perm=[0, 2, 1, 3])
        sides = self.net.constant([1, self.places, self.width], "i8")
        return self.net.node("Reshape", turned, sides)

    def attention(self, x: str, mask: str = "") -> str:
        """Three projections, each cut into heads; the scores are divided (as BERT does)."""
        net = self.net
        q, k, v = (self.dense(x, self.width, self.width) for _ in range(3))
        q, k, v = self.cut(q, (0, 2, 1, 3)), self.cut(k, (0, 2, 3, 1)), self.cut(v, (0, 2, 1, 3))
        scores = net.node("Div", net.node("MatMul", q, k), net.constant(sqrt(self.length)))
        if mask:
            scores = net.node("Add", scores, mask)
        means = net.node("MatMul", net.node("Softmax", scores, axis=-1), v)
        return self.dense(self.joined(means), self.width, self.width)

    def flat_attention(self, x: str) -> str:
        """Heads as the first of three axes, and scores times both roots (as older torch does)."""
        net, sides = self.net, [self.places, self.heads, self.length]
        parts: list[str] = []
        for perm in ((1, 0, 2), (1, 2, 0), (1, 0, 2)):
            rows = net.node("Reshape", self.dense(x, self.width, self.width),
                            net.constant(sides, "i8"))  # fmt: skip
            parts.append(net.node("Transpose", rows, perm=list(perm)))
        root = net.constant(self.length**-0.25)
        scores = net.node("MatMul", *(net.node("Mul", part, root) for part in parts[:2]))
        means = net.node("MatMul", net.node("Softmax", scores, axis=-1), parts[2])
        turned = net.node("Transpose", means, perm=[1, 0, 2])
        whole = net.node("Reshape", turned, net.constant([1, self.places, self.width], "i8"))
        return self.dense(whole, self.width, self.width)

    def joint_attention(self, x: str) -> str:
        """One projection for all three, cut by Gather; queries are multiplied (as timm does)."""
        net = self.net
        both = self.dense(x, self.width, 3 * self.width)
        sides = net.constant([1, self.places, 3, self.heads, self.length], "i8")
        parts = net.node("Transpose", net.node("Reshape", both, sides), perm=[2, 0, 3, 1, 4])
        q, k, v = (net.node("Gather", parts, net.constant(at, "i8"), axis=0) for at in range(3))
        q = net.node("Mul", q, net.constant(self.length**-0.5))
        scores = net.node("MatMul", q, net.node("Transpose", k, perm=[0, 1, 3, 2]))
        means = net.node("MatMul", net.node("Softmax", scores, axis=-1), v)
        return self.dense(self.joined(means), self.width, self.width)


def masked() -> tuple[Net, str]:
    """A layer of BERT with its three inputs: tokens, their types, and a mask of padding."""
    shapes: dict[str, Sequence[int | str]] = {name: [1, "n"] for name in ("ids", "mask", "types")}
    net = Net(shapes, kinds=dict.fromkeys(shapes, "INT64"))
    of = Encoder(net, 12, 64, 4, 128)
    words = net.node("Gather", net.constant(net.rng.normal(0, 1, (200, 64))), "ids")
    types = net.node("Gather", net.constant(net.rng.normal(0, 1, (2, 64))), "types")
    x = of.norm(net.node("Add", words, types))
    axes = net.constant([1, 2], "i8")
    seen = net.node("Cast", net.node("Unsqueeze", "mask", axes), to=1)
    hidden = net.node("Sub", net.constant(1.0), seen)
    mask = net.node("Mul", hidden, net.constant(-10_000.0))
    return net, of.norm(net.node("Add", of.attention(x, mask), x))


def rows_of_signals(
    attend: Callable[[Encoder, str], str], activate: Callable[[Encoder, str], str]
) -> tuple[Net, str]:
    """One layer over a signal of 12 rows, with a form of attention and an activation."""
    net = Net({"x": ["n", 12, 32]})
    of = Encoder(net, 12, 32, 4, 64)
    x = of.norm(of.dense("x", 32, 32))
    x = of.norm(net.node("Add", attend(of, x), x))
    hidden = of.dense(activate(of, of.dense(x, 32, 64)), 64, 32)
    return net, of.norm(net.node("Add", hidden, x))


def minilm(layers: int = 2) -> tuple[Net, str]:
    """A sentence encoder: tokens and their places, normalised after each residual."""
    net = Net({"ids": [1, 12]}, kinds={"ids": "INT64"})
    of = Encoder(net, 12, 64, 4, 128)
    words = net.constant(net.rng.normal(0, 1, (200, 64)) * net.rng.uniform(0.5, 2, 64))
    x = net.node("Gather", words, "ids")
    x = of.written_norm(net.node("Add", x, net.constant(net.rng.normal(0, 0.5, (1, 12, 64)))))
    for _ in range(layers):
        x = of.written_norm(net.node("Add", of.attention(x), x))
        hidden = of.dense(of.gelu(of.dense(x, 64, 128)), 128, 64)
        x = of.written_norm(net.node("Add", hidden, x))
    return net, x


def vit(layers: int = 2) -> tuple[Net, str]:
    """A classifier of images: patches, a class token, normalised before each layer."""
    net = Net({"x": ["n", 3, 16, 16]})
    of = Encoder(net, 17, 48, 3, 96)
    patches = net.conv("x", 3, 48, 4, 4, strides=[4, 4])
    rows = net.node("Reshape", patches, net.constant([1, 48, 16], "i8"))
    token = net.constant(net.rng.normal(0, 1, (1, 1, 48)))
    x = net.node("Concat", token, net.node("Transpose", rows, perm=[0, 2, 1]), axis=1)
    x = net.node("Add", x, net.constant(net.rng.normal(0, 0.5, (1, 17, 48))))
    for _ in range(layers):
        x = net.node("Add", x, of.joint_attention(of.norm(x)))
        hidden = of.gelu_by_tanh(of.dense(of.norm(x), 48, 96))
        x = net.node("Add", x, of.dense(hidden, 96, 48))
    first = net.node("Gather", of.norm(x), net.constant(0, "i8"), axis=1)
    return net, net.dense(first, 48, 5)
