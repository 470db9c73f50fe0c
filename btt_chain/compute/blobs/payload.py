"""Messages between a requester and its provider, before they are sealed.

    payload = version 1 ‖ 0 or 1 ‖ key of the leaves, 32 bytes, if 1 ‖ items, one after another
    result  = outputs of the items, one after another

Items are the elements of the model's inputs in C order, each input after the other, and nothing
else; so are their outputs. The key is part of confidential jobs (`work.commit.TensorKey`), whose
tensors are returned sealed as well. All are sealed with the contexts below.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from btt_chain.primitives.digest import H256
from btt_chain.work.commit import TensorKey, end_root, roots_tree, tree_of
from btt_chain.work.graph import Graph
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


def edge_root(
    tensors: Sequence[Tensor], places: Sequence[int], items: bytes | memoryview, key: bytes | None
) -> H256:
    """Return the root over all items' inputs, as in jobs, or outputs, as in receipts.

    `places` are those of the tensors among the committed ones. ValueError unless items are whole.
    """
    view, each = memoryview(items).cast("B"), sum(tensor.nbytes for tensor in tensors)
    if not view or len(view) % each:
        raise ValueError(f"{len(view)} bytes are not items of {each}")
    roots: list[H256] = []
    for item in range(len(view) // each):
        own: list[H256] = []
        for tensor, place in zip(tensors, places, strict=True):
            leaf_key = None if key is None else TensorKey(key, item, place)
            raw, view = view[: tensor.nbytes], view[tensor.nbytes :]
            own.append(tree_of(tensor_layout(tensor), raw, leaf_key).root)
        roots.append(end_root(own))
    return roots_tree(roots).root


def input_root(graph: Graph, items: bytes | memoryview, key: bytes | None) -> H256:
    """Return the root over the inputs of all items. ValueError unless they are whole."""
    return edge_root(graph.inputs, graph.ends(output=False), items, key)
