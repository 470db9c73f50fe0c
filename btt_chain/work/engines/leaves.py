"""SHA-256 of many leaves of one length on a GPU, by a kernel of triton; one thread hashes one leaf.

The words of all leaves lie word by word, so that neighbouring threads read neighbouring memory. A
thread writes its message schedule over the words of the block that it has read. The result is that
of `merkle.leaf_hash` (FIPS 180-4); tests run the kernel in triton's interpreter.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from btt_chain.extras import needs_extra
from btt_chain.work.execute import Batch
from btt_chain.work.layout import tensor_layout
from btt_chain.work.merkle import LEAF_TAG, leaf_hash
from btt_chain.work.model import Elements

try:
    import torch
    import triton
    import triton.language as tl
except ImportError as error:
    raise ImportError(
        needs_extra("leaves are hashed on a GPU by torch and triton from", "gpu")
    ) from error

BLOCK: Final = 64
"""Bytes of a block of SHA-256."""
WORDS: Final = 16
TOGETHER: Final = 128
"""Leaves of one instance of the kernel."""
ROUNDS: Final = 64


def leaves_of(batch: Batch, device: str) -> dict[int, NDArray[np.uint8]]:
    """Return the hashes (item, leaf, 32) of a batch's tensors whose leaves have one length.

    They are numbered as in `Graph.committed`. Tensors of one such length are hashed together, a
    shorter last leaf on the processor.
    """
    shapes = batch.graph.committed
    tensors = [tensor for tensor, it in zip(batch.tensors, batch.graph.tensors, strict=True)
               if it.committed]  # fmt: skip
    by_length: dict[int, list[int]] = {}
    for number, shape in enumerate(shapes):
        length = tensor_layout(shape).step
        if length is not None and length <= shape.nbytes:
            by_length.setdefault(length, []).append(number)
    hashes: dict[int, NDArray[np.uint8]] = {}
    for length, numbers in by_length.items():
        raw = [_bytes(tensors[number]) for number in numbers]
        whole = [one.shape[1] // length for one in raw]
        rows = [
            one[:, : count * length].reshape(-1, length)
            for one, count in zip(raw, whole, strict=True)
        ]
        made = hash_leaves(torch.from_numpy(np.concatenate(rows)).to(device)).cpu().numpy()
        begin = 0
        for number, one, count in zip(numbers, raw, whole, strict=True):
            end = begin + len(one) * count
            full = made[begin:end].reshape(len(one), count, 32)
            hashes[number] = _with_last(full, one[:, count * length :])
            begin = end
    return hashes


def _bytes(tensor: Elements) -> NDArray[np.uint8]:
    """Return the bytes of each item."""
    return np.ascontiguousarray(tensor).reshape(len(tensor), -1).view(np.uint8)


def _with_last(full: NDArray[np.uint8], rest: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the hashes of whole leaves with that of the bytes behind them, if any."""
    if not rest.shape[1]:
        return full
    last = b"".join(leaf_hash(item.tobytes()) for item in rest)
    return np.concatenate([full, np.frombuffer(last, np.uint8).reshape(-1, 1, 32)], axis=1)


def hash_leaves(leaves: torch.Tensor) -> torch.Tensor:
    """Return the hashes (count, 32) of leaves (count, length), both bytes on one device."""
    words = _words(leaves)
    count, device = len(leaves), leaves.device
    state = torch.empty((8, count), dtype=torch.int32, device=device)
    constants = torch.tensor(_as_int32(ROUND_CONSTANTS), dtype=torch.int32, device=device)
    start = torch.tensor(_as_int32(START), dtype=torch.int32, device=device)
    grid = (triton.cdiv(count, TOGETHER),)
    _kernel[grid](
        words.view(torch.uint32),
        constants.view(torch.uint32),
        start.view(torch.uint32),
        state.view(torch.uint32),
        count,
        len(words) // WORDS,
        TOGETHER,
    )
    return _bytes_first(state.t().contiguous()).view(torch.uint8).reshape(count, 32)


def _words(leaves: torch.Tensor) -> torch.Tensor:
    """Return the padded messages as 32-bit words (word, leaf)."""
    count, length = leaves.shape
    message = len(LEAF_TAG) + length
    blocks = -(-(message + 9) // BLOCK)
    raw = torch.zeros((count, blocks * BLOCK), dtype=torch.uint8, device=leaves.device)
    raw[:, : len(LEAF_TAG)] = LEAF_TAG[0]
    raw[:, len(LEAF_TAG) : message] = leaves
    raw[:, message] = 0x80
    bits = list((8 * message).to_bytes(8, "big"))
    raw[:, -8:] = torch.tensor(bits, dtype=torch.uint8, device=leaves.device)
    return _bytes_first(raw.view(torch.int32)).t().contiguous()


def _bytes_first(words: torch.Tensor) -> torch.Tensor:
    """Return words with their bytes in the opposite order."""
    return (
        words.view(torch.uint8)
        .reshape(*words.shape, 4)
        .flip(-1)
        .contiguous()
        .view(torch.int32)
        .squeeze(-1)
    )


def _as_int32(words: list[int]) -> list[int]:
    return [word - (1 << 32) if word >> 31 else word for word in words]


def _primes(count: int) -> list[int]:
    primes: list[int] = []
    number = 2
    while len(primes) < count:
        if all(number % prime for prime in primes):
            primes.append(number)
        number += 1
    return primes


def _cube_root(number: int) -> int:
    """Return the largest integer whose cube is at most `number`."""
    low, high = 0, 1 << -(-number.bit_length() // 3)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= number else (low, middle - 1)
    return low


ROUND_CONSTANTS: Final = [_cube_root(prime << 96) % (1 << 32) for prime in _primes(ROUNDS)]
"""The first 32 bits of the fractions of cube roots of primes (FIPS 180-4, 4.2.2)."""
START: Final = [math.isqrt(prime << 64) % (1 << 32) for prime in _primes(8)]
"""The same of square roots (FIPS 180-4, 5.3.3)."""


def _rotate(x: tl.tensor, by: tl.constexpr) -> tl.tensor:
    return (x >> by) | (x << (32 - by))


_rotated = triton.jit(_rotate)


def _compress(
    words: tl.tensor, constants: tl.tensor, start: tl.tensor, state: tl.tensor,
    count: tl.tensor, blocks: tl.tensor, together: tl.constexpr,
) -> None:  # fmt: skip
    """Hash a leaf in each thread: `words` (word, leaf) are overwritten, `state` is (8, leaf)."""
    leaf = tl.program_id(0) * together + tl.arange(0, together)
    is_leaf = leaf < count
    none = tl.zeros((together,), tl.uint32)
    a0, b0, c0, d0 = none, none, none, none
    e0, f0, g0, h0 = none, none, none, none
    a0 += tl.load(start)
    b0 += tl.load(start + 1)
    c0 += tl.load(start + 2)
    d0 += tl.load(start + 3)
    e0 += tl.load(start + 4)
    f0 += tl.load(start + 5)
    g0 += tl.load(start + 6)
    h0 += tl.load(start + 7)
    own = words + leaf
    for _ in range(blocks):
        a, b, c, d, e, f, g, h = a0, b0, c0, d0, e0, f0, g0, h0
        for at in range(64):
            word = tl.load(own + (at % 16) * count, mask=is_leaf, other=0)
            if at >= 16:
                early = tl.load(own + ((at - 15) % 16) * count, mask=is_leaf, other=0)
                late = tl.load(own + ((at - 2) % 16) * count, mask=is_leaf, other=0)
                word += _rotated(early, 7) ^ _rotated(early, 18) ^ (early >> 3)
                word += tl.load(own + ((at - 7) % 16) * count, mask=is_leaf, other=0)
                word += _rotated(late, 17) ^ _rotated(late, 19) ^ (late >> 10)
                tl.store(own + (at % 16) * count, word, mask=is_leaf)
            mixed = h + (_rotated(e, 6) ^ _rotated(e, 11) ^ _rotated(e, 25))
            mixed += (g ^ (e & (f ^ g))) + tl.load(constants + at) + word
            most = (_rotated(a, 2) ^ _rotated(a, 13) ^ _rotated(a, 22)) + ((a & b) | (c & (a | b)))
            h, g, f, e = g, f, e, d + mixed
            d, c, b, a = c, b, a, mixed + most
        a0, b0, c0, d0 = a0 + a, b0 + b, c0 + c, d0 + d
        e0, f0, g0, h0 = e0 + e, f0 + f, g0 + g, h0 + h
        own += 16 * count
    tl.store(state + leaf, a0, mask=is_leaf)
    tl.store(state + count + leaf, b0, mask=is_leaf)
    tl.store(state + 2 * count + leaf, c0, mask=is_leaf)
    tl.store(state + 3 * count + leaf, d0, mask=is_leaf)
    tl.store(state + 4 * count + leaf, e0, mask=is_leaf)
    tl.store(state + 5 * count + leaf, f0, mask=is_leaf)
    tl.store(state + 6 * count + leaf, g0, mask=is_leaf)
    tl.store(state + 7 * count + leaf, h0, mask=is_leaf)


_kernel = triton.jit(_compress)
