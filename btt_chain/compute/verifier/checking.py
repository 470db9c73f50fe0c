"""Checks of a verifier: execute the selected items of a receipt, and compare. Needs numpy.

Items are computed again: for that only their inputs and the roots behind the receipt are fetched.
When every root is the same, so is every byte. Only where one differs the provider's tensors are
fetched as well, to find the first element that is wrong, from which a proof is made. A requester
does the same with a confidential job, whose inputs and key only it has. Large models are checked
with random vectors instead if their owner chose so, as far as the provider serves its accumulators.

No data of the provider is trusted. Data that do not match the roots of the receipt count as
missing: both end in `Withheld`, which names a leaf that the provider must then open on the chain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from math import prod
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from btt_chain.compute.blobs.roots import NotTheRoots, Roots, RootTrees, roots_size
from btt_chain.compute.blobs.transport import roots_name, sums_name, transcript_name
from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32
from btt_chain.work import ids
from btt_chain.work.commit import ItemCommitment, commit_item, end_root
from btt_chain.work.errors import InputRefused
from btt_chain.work.execute import Accumulators, Executor
from btt_chain.work.fraud import EdgeProof, Evidence, FraudProof, prove, prove_edge
from btt_chain.work.freivalds import Challenge, is_checked
from btt_chain.work.graph import Graph
from btt_chain.work.layout import tensor_layout
from btt_chain.work.model import Elements, inputs_of, tensor_of
from btt_chain.work.recheck import (
    AccumulatorsRefused,
    Fault,
    first_fault,
    first_fault_by_vectors,
)
from btt_chain.work.shapes import VECTORS_FROM
from runtime.pallets.receipts.types import Missing, Valid, Wrong, WrongEdge

R = TypeVar("R")


class Withheld(Exception):
    """A part of an item cannot be fetched, or is not what was committed to."""

    def __init__(self, item: int, why: str) -> None:
        super().__init__(f"item {item}: {why}")
        self.item = item


@dataclass(frozen=True, slots=True)
class Look:
    """The task of a check: a receipt, its roots, and the items to check."""

    receipt: H256
    items: int
    """Number of items of the job."""
    input_root: H256
    item_root: H256
    output_root: H256
    rho: H256
    """The verifier's randomness: secret until it has committed."""
    chosen: Sequence[int]
    """The selected items."""
    vectors: bool = False
    """True if the model's owner chose checks of products with random vectors."""
    key: bytes | None = None
    """The key of the leaves of a confidential job."""


class Finding(NamedTuple):
    """The result of a check."""

    verdict: Valid | Wrong | WrongEdge | Missing
    digest: H256
    """The root over all checked leaves; zero if not all were available."""
    fraud: FraudProof | None = None
    edge: EdgeProof | None = None
    why: str = ""
    """Reason for the log, if data were withheld."""


class Source(Protocol):
    """The provider's blobs. Methods raise NotHad if a blob cannot be fetched (any more)."""

    async def blob(self, name: str, most: int) -> bytes:
        """Return a whole blob."""

    async def beginning(self, name: str, length: int) -> bytes:
        """Return the first bytes of a blob."""

    async def besides(self, name: str, most: int) -> bytes:
        """Return an optional blob: if it is missing, it is not waited for."""


class NotHad(Exception):
    """The provider does not serve a blob, serves it too slowly, or serves too much."""


class Worker(Protocol):
    """Executes items outside of the event loop."""

    async def run(self, work: Callable[[], R]) -> R:
        """Run a long computation."""


async def look_at(look: Look, executor: Executor, source: Source, worker: Worker) -> Finding:
    """Check the items of a task. Never raises for anything that a provider does."""
    try:
        return await _Looking(look, executor, source, worker).all()
    except Withheld as error:
        place = missing_leaf(executor.model.graph, look.rho, error.item)
        return Finding(Missing(*place), H256(bytes(32)), why=str(error))


@dataclass(frozen=True, slots=True)
class _Item:
    """The tensors of an item as they were committed to, and their trees."""

    number: int
    tensors: Sequence[bytes | memoryview]
    commitment: ItemCommitment


class _Looking:
    def __init__(self, look: Look, executor: Executor, source: Source, worker: Worker) -> None:
        self._look = look
        self._executor = executor
        self._graph = executor.model.graph
        self._source = source
        self._worker = worker

    async def all(self) -> Finding:
        """Check every item, whatever is found: the digest is over all of them."""
        look = self._look
        roots, trees = await self._roots()
        vectors = look.vectors and self._executor.model.manifest.macs >= VECTORS_FROM
        # All inputs first: the provider may go offline during the computation.
        inputs = {} if vectors else {item: await self._input(item) for item in look.chosen}
        leaves: list[bytes] = []
        worst: Finding | None = None
        for number in look.chosen:
            try:
                item, finding = await self._one(number, inputs.get(number), roots, trees)
            except Withheld:
                if worst is not None:
                    return worst  # already proven; the digest stays open
                raise
            leaves += await self._worker.run(partial(self._digest, item))
            worst = worst or finding
        digest = ids.digest_tree(leaves).root
        return Finding(Valid(), digest) if worst is None else worst._replace(digest=digest)

    # ---- fetching

    async def _roots(self) -> tuple[Roots, RootTrees]:
        look = self._look
        try:
            raw = await self._source.blob(roots_name(look.receipt), roots_size(look.items))
            roots = Roots.decode(raw, look.items)
            return roots, roots.trees(look.input_root, look.item_root, look.output_root)
        except (NotHad, NotTheRoots) as error:
            raise Withheld(look.chosen[0], str(error)) from None

    async def _input(self, item: int) -> bytes:
        length = self._graph.input_bytes
        try:
            raw = await self._source.beginning(transcript_name(self._look.receipt, item), length)
        except NotHad as error:
            raise Withheld(item, str(error)) from None
        if len(raw) != length:
            raise Withheld(item, f"{len(raw)} bytes of inputs of {length}")
        return raw

    async def _transcript(self, number: int, root: H256) -> _Item:
        """Return the tensors that were committed to."""
        sizes = [tensor.nbytes for tensor in self._graph.committed]
        try:
            name = transcript_name(self._look.receipt, number)
            raw = await self._source.blob(name, sum(sizes))
        except NotHad as error:
            raise Withheld(number, str(error)) from None
        if len(raw) != sum(sizes):
            raise Withheld(number, f"{len(raw)} bytes of tensors where {sum(sizes)} must be")
        view, tensors = memoryview(raw), []
        for size in sizes:
            tensors.append(view[:size])
            view = view[size:]
        commitment = await self._worker.run(lambda: self._commitment(number, tensors))
        if commitment.root != root:
            raise Withheld(number, "its tensors are not those that were committed to")
        return _Item(number, tensors, commitment)

    async def _sums(self, number: int) -> Accumulators | None:
        """Return an item's accumulators if the provider serves any."""
        size = sums_size(self._graph)
        try:
            raw = await self._source.besides(sums_name(self._look.receipt, number), size)
        except NotHad:
            return None
        return read_sums(self._graph, raw) if len(raw) == size else None

    # ---- computing

    async def _one(
        self, number: int, given: bytes | None, roots: Roots, trees: RootTrees
    ) -> tuple[_Item, Finding | None]:
        item = None
        if given is not None:
            item = await self._worker.run(lambda: self._execute(number, given))
        if item is None or item.commitment.root != roots.items[number]:
            item = await self._transcript(number, roots.items[number])
            fault = await self._fault(item, by_vectors=given is None)
            if fault is not None:
                return item, await self._worker.run(lambda: self._prove(item, fault, trees))
        for output, wanted in ((False, roots.inputs), (True, roots.outputs)):
            places = self._graph.ends(output=output)
            if end_root([item.commitment.tensors[at].root for at in places]) != wanted[number]:
                said = trees.outputs if output else trees.inputs
                evidence = self._evidence(item, trees)
                edge = prove_edge(self._graph, evidence, said, wanted[number], output=output)
                verdict = WrongEdge(u32(number), output)
                return item, Finding(verdict, H256(bytes(32)), edge=edge)
        return item, None

    def _execute(self, number: int, given: bytes) -> _Item | None:
        """Return an honest provider's tensors; None for input that the model refuses."""
        try:
            batch = self._executor.run(*inputs_of(self._graph, [given]))
        except InputRefused:
            return None
        tensors = batch.item(0)
        return _Item(number, tensors, self._commitment(number, tensors))

    def _commitment(self, number: int, tensors: Sequence[bytes | memoryview]) -> ItemCommitment:
        return commit_item(self._graph, number, tensors, self._look.key)

    def _evidence(self, item: _Item, trees: RootTrees) -> Evidence:
        return Evidence(item.number, item.tensors, item.commitment, trees.items, self._look.key)

    async def _fault(self, item: _Item, *, by_vectors: bool) -> Fault | None:
        elements = [
            tensor_of(shape, raw)
            for shape, raw in zip(self._graph.committed, item.tensors, strict=True)
        ]
        if by_vectors:
            sums = await self._sums(item.number)
            if sums is not None:
                try:
                    return await self._worker.run(lambda: self._by_vectors(elements, sums))
                except AccumulatorsRefused:
                    return None  # a lie without a proof: what was committed is right
        return await self._worker.run(lambda: first_fault(self._executor, elements))

    def _by_vectors(self, elements: Sequence[Elements], sums: Accumulators) -> Fault | None:
        challenge = Challenge(self._executor.model, self._look.rho)
        return first_fault_by_vectors(self._executor, elements, sums, challenge)

    def _prove(self, item: _Item, fault: Fault, trees: RootTrees) -> Finding:
        records = self._executor.model.constants_for(fault.node)
        evidence = self._evidence(item, trees)
        proof = prove(self._graph, evidence, *fault[:2], records, fault.witness)
        verdict = Wrong(u32(item.number), u16(fault.node), u32(fault.element))
        return Finding(verdict, H256(bytes(32)), fraud=proof)

    def _digest(self, item: _Item) -> list[bytes]:
        leaves: list[bytes] = []
        for number, (shape, raw) in enumerate(
            zip(self._graph.committed, item.tensors, strict=True)
        ):
            view, layout = memoryview(raw).cast("B"), tensor_layout(shape)
            for index in range(layout.count):
                start, end = layout.span(index)
                data = view[start:end]
                leaves.append(ids.digest_leaf(self._look.rho, item.number, number, index, data))
        return leaves


def missing_leaf(graph: Graph, rho: bytes, item: int) -> tuple[u32, u16, u32]:
    """Return the leaf to request of an unavailable item: it is not known in advance."""
    counts = ids.leaf_counts(graph)
    randomness = sha256(b"btt missing" + rho + item.to_bytes(4, "little")).digest()
    place = int.from_bytes(randomness, "little") % sum(counts)
    for tensor, count in enumerate(counts):
        if place < count:
            return u32(item), u16(tensor), u32(place)
        place -= count
    raise AssertionError("a graph without leaves")


# ---- accumulators


def sums_of(graph: Graph, accumulators: Accumulators) -> bytes:
    """Return an item's accumulators as one blob: those of every node that vectors can check.

    `accumulators` are those of one item, without the batch axis.
    """
    return b"".join(
        np.ascontiguousarray(accumulators[number], "<i4").tobytes()
        for number in range(len(graph.nodes))
        if is_checked(graph, number)
    )


def sums_size(graph: Graph) -> int:
    """Return the size in bytes of that blob."""
    nodes = (node for number, node in enumerate(graph.nodes) if is_checked(graph, number))
    return sum(4 * prod(node.op.accumulators(node.out)) for node in nodes)


def read_sums(graph: Graph, raw: bytes) -> Accumulators:
    """Return accumulators by node. ValueError if there are fewer."""
    found: Accumulators = {}
    at = 0
    for number, node in enumerate(graph.nodes):
        if is_checked(graph, number):
            shape = node.op.accumulators(node.out)
            values = np.frombuffer(raw, "<i4", prod(shape), at).astype(np.int32, copy=False)
            found[number] = values.reshape(shape)
            at += 4 * prod(shape)
    return found
