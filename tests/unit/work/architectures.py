"""Published architectures at their published shapes, as float nets in ONNX with seeded weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from unit.work.float_nets import Net
from unit.work.test_quantise_nets import Made

IMAGE: Final = (3, 224, 224)


def _normed(net: Net, x: str, inside: int, outside: int, size: int, stride: int = 1) -> str:
    """A convolution of an image that keeps its sides, or halves them, and a batch norm."""
    pads, strides = [size // 2] * 4, [stride] * 2
    h = net.conv(x, inside, outside, size, size, pads=pads, strides=strides)
    return net.batch_norm(h, outside)


def _pooled(net: Net, x: str, stride: int = 2) -> str:
    pads, strides = [1] * 4, [stride] * 2
    return net.node("MaxPool", x, kernel_shape=[3, 3], strides=strides, pads=pads)


def _classes(net: Net, x: str, channels: int, classes: int) -> str:
    return net.dense(net.node("Flatten", net.node("GlobalAveragePool", x)), channels, classes)


def _of_images() -> tuple[Net, Mapping[str, tuple[int, ...]]]:
    return Net({"x": ["n", *IMAGE]}), {"x": (1, *IMAGE)}


def densenet121() -> Made:
    """DenseNet-121 with the 14 findings of CheXNet (arXiv 1608.06993, 1711.05225)."""
    net, shapes = _of_images()
    h, channels = _pooled(net, net.relu(_normed(net, "x", 3, 64, 7, 2))), 64
    for layers in (6, 12, 24, 16):
        for _ in range(layers):
            part = net.conv(net.relu(net.batch_norm(h, channels)), channels, 128, 1, 1)
            part = net.relu(net.batch_norm(part, 128))
            part = net.conv(part, 128, 32, 3, 3, pads=[1] * 4)
            h, channels = net.node("Concat", h, part, axis=1), channels + 32
        h = net.relu(net.batch_norm(h, channels))
        if layers != 16:
            h, channels = net.conv(h, channels, channels // 2, 1, 1), channels // 2
            h = net.node("AveragePool", h, kernel_shape=[2, 2], strides=[2, 2])
    return net, [net.node("Sigmoid", _classes(net, h, channels, 14))], shapes


def resnet50() -> Made:
    """ResNet-50 (arXiv 1512.03385)."""
    net, shapes = _of_images()
    h, inside = _pooled(net, net.relu(_normed(net, "x", 3, 64, 7, 2))), 64
    for stage, blocks in enumerate((3, 4, 6, 3)):
        width = 64 << stage
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            part = net.relu(_normed(net, h, inside, width, 1))
            part = net.relu(_normed(net, part, width, width, 3, stride))
            part = _normed(net, part, width, 4 * width, 1)
            past = h if block else _normed(net, h, inside, 4 * width, 1, stride)
            h, inside = net.relu(net.node("Add", part, past)), 4 * width
    return net, [_classes(net, h, inside, 1000)], shapes


INCEPTION: Final = (
    (64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64), (192, 96, 208, 16, 48, 64),
    (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64), (112, 144, 288, 32, 64, 64),
    (256, 160, 320, 32, 128, 128), (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128),
)  # fmt: skip
"""Channels of the branches of 1 x 1, 3 x 3 (reduced, made), 5 x 5 (the same), and of the pool."""


def inception_v1() -> Made:
    """GoogLeNet (arXiv 1409.4842)."""
    net, shapes = _of_images()

    def conv(x: str, inside: int, outside: int, size: int, stride: int = 1) -> str:
        return net.relu(_normed(net, x, inside, outside, size, stride))

    h = _pooled(net, conv("x", 3, 64, 7, 2))
    h, inside = _pooled(net, conv(conv(h, 64, 64, 1), 64, 192, 3)), 192
    for module, (one, few, three, fewer, five, pool) in enumerate(INCEPTION):
        if module in {2, 7}:
            h = _pooled(net, h)
        parts = [
            conv(h, inside, one, 1),
            conv(conv(h, inside, few, 1), few, three, 3),
            conv(conv(h, inside, fewer, 1), fewer, five, 5),
            conv(_pooled(net, h, 1), inside, pool, 1),
        ]
        h, inside = net.node("Concat", *parts, axis=1), one + three + five + pool
    return net, [_classes(net, h, inside, 1000)], shapes


EFFICIENTNET: Final = (
    (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5), (6, 320, 1, 1, 3),
)  # fmt: skip
"""Expansion, channels, blocks, stride and size of each stage."""


def efficientnet_b0() -> Made:
    """EfficientNet-B0 (arXiv 1905.11946)."""
    net, shapes = _of_images()

    def silu(x: str) -> str:
        return net.node("Mul", x, net.node("Sigmoid", x))

    def block(x: str, inside: int, wide: int, outside: int, size: int, stride: int) -> str:
        h = x if wide == inside else silu(_normed(net, x, inside, wide, 1))
        h = net.node(
            "Conv", h, net.weights(wide, 1, size, size), group=wide, pads=[size // 2] * 4,
            strides=[stride] * 2,
        )  # fmt: skip
        h = silu(net.batch_norm(h, wide))
        s = silu(net.conv(net.node("GlobalAveragePool", h), wide, inside // 4, 1, 1))
        h = net.node("Mul", h, net.node("Sigmoid", net.conv(s, inside // 4, wide, 1, 1)))
        h = _normed(net, h, wide, outside, 1)
        return net.node("Add", h, x) if (inside, stride) == (outside, 1) else h

    h, inside = silu(_normed(net, "x", 3, 32, 3, 2)), 32
    for expansion, channels, blocks, stride, size in EFFICIENTNET:
        for at in range(blocks):
            h = block(h, inside, expansion * inside, channels, size, 1 if at else stride)
            inside = channels
    return net, [_classes(net, silu(_normed(net, h, inside, 1280, 1)), 1280, 1000)], shapes


def _unet(side: int, axes: int, width: int, levels: int, up: str) -> Made:
    """A U-Net over images (two axes) or volumes (three)."""
    net = Net({"x": ["n", 1, *[side] * axes]})

    def twice(x: str, inside: int, outside: int) -> str:
        for channels in (inside, outside):
            x = net.relu(net.conv(x, channels, outside, *[3] * axes, pads=[1] * 2 * axes))
        return x

    def wider(x: str, inside: int) -> str:
        if up == "ConvTranspose":
            kernel = net.weights(inside, inside // 2, *[2] * axes)
            return net.node("ConvTranspose", x, kernel, strides=[2] * axes)
        scales = net.constant([1, 1, *[2] * axes])
        return net.conv(
            net.node("Resize", x, "", scales, mode="linear"), inside, inside // 2, *[1] * axes
        )

    h, inside, skipped = "x", 1, list[str]()
    for level in range(levels):
        h, inside = twice(h, inside, width << level), width << level
        skipped.append(h)
        h = net.node("MaxPool", h, kernel_shape=[2] * axes, strides=[2] * axes)
    h = twice(h, inside, 2 * inside)
    for past in reversed(skipped):
        h = net.node("Concat", wider(h, 2 * inside), past, axis=1)
        h, inside = twice(h, 2 * inside, inside), inside // 2
    mask = net.node("Sigmoid", net.conv(h, width, 1, *[1] * axes))
    return net, [mask], {"x": (1, 1, *[side] * axes)}


def unet() -> Made:
    """A U-Net of images, up by transposed convolutions (arXiv 1505.04597)."""
    return _unet(256, 2, 32, 4, "ConvTranspose")


def unet_resized() -> Made:
    """The same, up by bilinear interpolation."""
    return _unet(256, 2, 32, 4, "Resize")


def unet_3d() -> Made:
    """A U-Net of volumes (arXiv 1606.06650)."""
    return _unet(64, 3, 16, 3, "ConvTranspose")


def ecg_resnet() -> Made:
    """A residual net of ECGs with 12 leads (doi 10.1038/s41467-020-15432-4)."""
    net = Net({"x": ["n", 12, 4096]})

    def conv(x: str, inside: int, outside: int, stride: int = 1) -> str:
        pads, strides = [8, 8 - (stride > 1)], [stride]
        return net.conv(x, inside, outside, 17, pads=pads, strides=strides)

    h, inside = net.relu(net.batch_norm(conv("x", 12, 64), 64)), 64
    for channels in (128, 196, 256, 320):
        past = net.node("MaxPool", h, kernel_shape=[4], strides=[4])
        past = net.conv(past, inside, channels, 1)
        h = net.relu(net.batch_norm(conv(h, inside, channels), channels))
        h = net.node("Add", conv(h, channels, channels, 4), past)
        h, inside = net.relu(net.batch_norm(h, channels)), channels
    h = net.dense(net.node("Flatten", h), 16 * inside, 6)
    return net, [net.node("Sigmoid", h)], {"x": (1, 12, 4096)}


def lstm_128() -> Made:
    """Two bidirectional layers of 128 units over 300 steps of 64 channels."""
    net, inside = Net({"x": [300, 1, 64]}), 64
    h = "x"
    for _ in range(2):
        constants = [
            net.constant(net.rng.normal(0, width, shape))
            for width, shape in (
                (inside**-0.5, (2, 512, inside)), (0.09, (2, 512, 128)), (0.1, (2, 1024)),
            )
        ]  # fmt: skip
        h = net.node("LSTM", h, *constants, direction="bidirectional", hidden_size=128, outputs=1)
        h = net.node("Transpose", h, perm=[0, 2, 1, 3])
        h = net.node("Reshape", h, net.constant([0, 0, -1], "i8"))
        inside = 256
    return net, [net.node("MatMul", h, net.weights(256, 4))], {"x": (300, 1, 64)}


ARCHITECTURES: Final[Mapping[str, Callable[[], Made]]] = {
    make.__name__: make
    for make in (
        densenet121, resnet50, inception_v1, efficientnet_b0, unet, unet_resized, unet_3d,
        ecg_resnet, lstm_128,
    )
}  # fmt: skip
