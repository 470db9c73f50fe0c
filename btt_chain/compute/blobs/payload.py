"""Messages between a requester and its provider, before they are sealed.

    payload = version 1 ‖ 0 or 1 ‖ key of the leaves, 32 bytes, if 1 ‖ items, one after another
    result  = outputs, one after another

Items and outputs are the elements of the model's first and last tensor in C order, and nothing
else. The key is part of confidential jobs (`work.commit.TensorKey`), whose tensors are returned
sealed as well. All are sealed with the contexts below.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from btt_chain.primitives.digest import H256
from btt_chain.work.commit import TensorKey, roots_tree, tree_of
from btt_chain.work.layout import tensor_layout
from btt_chain.work.tensors import Tensor

VERSION: Final = 1
KEY: Final = 32


class BadPayload(ValueError):
    """The payload does not match the job: other items, or an unknown form."""


def payload_context(job: bytes) -> bytes:
    """Return the context that binds a sealed payload to its job."""
    return b"payload" + job


def result_context(job: bytes) -> bytes:
    """Return the context that binds a sealed result to its job."""
    return b"result" + job


def transcript_context(receipt: bytes, item: int) -> bytes:
    """Return the context that binds an item's sealed tensors to their receipt."""
    return b"transcript" + receipt + item.to_bytes(4, "little")


def payload_pieces(leaf_key: bytes | None, items: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes of a payload, to be sealed piece by piece."""
    yield bytes([VERSION, leaf_key is not None]) + (leaf_key or b"")
    yield from items


def edge_root(tensor: Tensor, number: int, items: bytes | memoryview, key: bytes | None) -> H256:
    """Return the root over one tensor of all items, as in jobs (number 0) and receipts (the last).

    ValueError unless the items are whole.
    """
    view, each = memoryview(items).cast("B"), tensor.nbytes
    if not view or len(view) % each:
        raise ValueError(f"{len(view)} bytes are no items of {each}")
    layout = tensor_layout(tensor)
    roots: list[H256] = []
    for item in range(len(view) // each):
        leaf_key = None if key is None else TensorKey(key, item, number)
        roots.append(tree_of(layout, view[item * each : (item + 1) * each], leaf_key).root)
    return roots_tree(roots).root
