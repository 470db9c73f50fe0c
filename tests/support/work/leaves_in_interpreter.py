"""Hashes leaves by the kernel of GPUs in triton's interpreter, and compares with hashlib.

A program of its own, because triton reads TRITON_INTERPRET when it is imported.
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch

from btt_chain.work.bench import items_of, resnet
from btt_chain.work.engines.leaves import TOGETHER, hash_leaves, leaves_of
from btt_chain.work.execute import Executor

LENGTHS = (1, 54, 55, 62, 63, 64, 118, 256)
"""Around the ends of blocks: a tag and at least nine bytes of padding are added."""


def main() -> None:
    rng = np.random.default_rng(1)
    for length in LENGTHS:
        count = TOGETHER + 3 if length == 63 else 3
        leaves = rng.integers(0, 256, (count, length), np.uint8)
        hashes = hash_leaves(torch.from_numpy(leaves)).numpy()
        for leaf, made in zip(leaves, hashes, strict=True):
            assert bytes(made) == hashlib.sha256(b"\0" + bytes(leaf)).digest(), length

    model = resnet(2, 8)
    batch = Executor(model).run(items_of(rng, model.graph.inputs[0], 2))
    hashed = leaves_of(batch, "cpu")
    assert hashed
    for at in range(2):
        expected = batch.commit(at, at, None)
        for number, hashes in hashed.items():
            assert list(map(bytes, hashes[at])) == list(expected.tensors[number].leaves)
    print("equal")


if __name__ == "__main__":
    main()
