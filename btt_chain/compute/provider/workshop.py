"""The computation of a job: open, execute, commit, write the served data. Needs numpy.

Memory is bounded by a few batches, whatever the job: payloads are opened piece by piece, twice,
because no part of a sealed blob may be used before its end was read; tensors are written to the
disk as they are made. Those of a confidential job are sealed there, to us while the receipt has no
id, then to the requester.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, islice
from threading import Event
from typing import Final, NamedTuple

from btt_chain.compute.blobs.payload import (
    KEY,
    VERSION,
    BadPayload,
    payload_context,
    result_context,
    transcript_context,
)
from btt_chain.compute.blobs.roots import Roots, roots_size
from btt_chain.compute.blobs.sealing import (
    open_pieces,
    open_sealed,
    public_of,
    seal,
    seal_pieces,
    sealed_size,
)
from btt_chain.compute.blobs.store import BlobStore
from btt_chain.compute.blobs.transport import (
    payload_name,
    result_name,
    roots_name,
    sums_name,
    transcript_name,
)
from btt_chain.compute.provider.records import Flip, PlantedError, Record
from btt_chain.compute.verifier.checking import sums_of, sums_size
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u16, u32, u64
from btt_chain.work import ids
from btt_chain.work.commit import (
    ItemCommitment,
    TensorKey,
    commit_item,
    end_root,
    roots_tree,
    tree_of,
)
from btt_chain.work.engines import Engine
from btt_chain.work.execute import Executor
from btt_chain.work.graph import Graph
from btt_chain.work.layout import tensor_layout
from btt_chain.work.merkle import Leaf, Opening, Tree
from btt_chain.work.model import Inputs, inputs_of
from btt_chain.work.shapes import VECTORS_FROM
from runtime.pallets.jobs.types import Tier
from runtime.pallets.jobs.views import JobView, ModelView
from runtime.pallets.models.types import CheckMode
from runtime.pallets.receipts.types import LeafProof

BATCH_BYTES: Final = 16 << 20
"""Bytes of inputs that are read together."""
MAX_OPENED: Final = 256
"""Maximum number of leaves of one opening."""


class Stopped(Exception):
    """The job is not ours any more."""


class Needs(NamedTuple):
    """The requirements of a job, in bytes."""

    memory: int
    """Memory for the tensors of one item."""
    disk: int
    """Disk for payload, tensors and result together."""


def needs_of(graph: Graph, items: int, *, sums: bool = False) -> Needs:
    """Return the requirements of a job; `sums`: whether its accumulators are served."""
    memory = sum(tensor.nbytes for tensor in graph.tensors)
    each = sum(tensor.nbytes for tensor in graph.committed)
    ends = graph.input_bytes + graph.output_bytes
    served = sums_size(graph) if sums else 0
    return Needs(memory + served, items * (each + served + ends + roots_size(1)))


def serves_sums(model: ModelView, view: JobView) -> bool:
    """Return True if verifiers of a job check products with random vectors."""
    vectors = model.check is CheckMode.Vectors and model.macs >= VECTORS_FROM
    return vectors and view.tier is Tier.Open


def payload_of(view: JobView) -> str:
    """Return the name of a job's inputs: those of protocol jobs are public.

    Public ones stay in the inbox, since the job of the next era has the same.
    """
    return payload_name(view.input_root if view.requester is None else view.id)


def payload_size(graph: Graph, items: int) -> int:
    """Return the maximum size of a sealed payload, in bytes."""
    return sealed_size(2 + KEY + items * graph.input_bytes)


class Workshop:
    """The computation of one provider's jobs; different jobs may run at the same time."""

    def __init__(
        self,
        account: AccountId,
        genesis: bytes,
        seal_secret: bytes,
        inbox: BlobStore,
        served: BlobStore,
        engine: Engine,
    ) -> None:
        """`inbox` holds payloads, `served` the blobs that others fetch."""
        self._account: Final = account
        self._genesis: Final = genesis
        self._secret: Final = seal_secret
        self._inbox: Final = inbox
        self._served: Final = served
        self._engine: Final = engine

    # ---- payloads

    def check_payload(self, view: JobView, graph: Graph) -> None:
        """Check that a payload opens and is what was agreed on. Raises DoesNotOpen, BadPayload."""
        key, items = self._opened(view, graph)
        roots = [end_root(_input_roots(graph, item, raw, key)) for item, raw in enumerate(items)]
        if roots_tree(roots).root != view.input_root:
            raise BadPayload("these are not the inputs that the job was posted over")

    def _opened(self, view: JobView, graph: Graph) -> tuple[bytes | None, Iterator[bytes]]:
        """Return the key of the leaves, and an iterator of items. Raises as `check_payload`."""
        raw = self._inbox.pieces(payload_of(view))
        pieces = raw
        if view.requester is not None:
            pieces = open_pieces(raw, self._secret, payload_context(view.id))
        confidential, each = view.tier is Tier.Confidential, graph.input_bytes
        buffer = bytearray()

        def take(length: int) -> bytes:
            while len(buffer) < length:
                piece = next(pieces, None)
                if piece is None:
                    raise BadPayload(f"the payload ends before the end of {int(view.items)} items")
                buffer.extend(piece)
            taken = bytes(buffer[:length])
            del buffer[:length]
            return taken

        def items() -> Iterator[bytes]:
            for _ in range(int(view.items)):
                yield take(each)
            if buffer or next(pieces, b""):
                raise BadPayload(f"the payload goes on behind the {int(view.items)} items")

        if take(2) != bytes([VERSION, confidential]):
            raise BadPayload("the payload has a form that is not known, or the tier of another job")
        key = take(KEY) if confidential else None
        return key, items()

    # ---- computing

    def compute(
        self,
        view: JobView,
        executor: Executor,
        *,
        plants_error: bool,
        sums: bool = False,
        slot: Callable[[], int],
        progress: Callable[[int, int], None],
        stop: Event,
    ) -> Record:
        """Compute a job; all its served data are on the disk when this returns.

        `slot` returns the present slot; with `sums` accumulators are served as well, if the engine
        has them. Raises Stopped, WorkError, SealError, BadPayload, BlobError, OSError.
        """
        graph, count = executor.model.graph, int(view.items)
        started = max(slot(), int(view.accepted))
        key, items = self._opened(view, graph)
        said, right = Roots([], [], []), Roots([], [], [])
        flips: list[Flip] = []
        done = 0
        batches = _batches(graph, items)
        for batch in self._engine.stream(executor, batches, accumulators=sums):
            for at in range(len(batch)):
                tensors: list[bytes | memoryview] = list(batch.item(at))
                _add(graph, right, batch.commit(at, done, key))
                if plants_error:
                    flips.append(_spoil(graph, tensors, done))
                    _add(graph, said, commit_item(graph, done, tensors, key))
                self._lay_aside(view, done, b"".join(tensors))
                if batch.accumulators:
                    own = {node: part[at] for node, part in batch.accumulators.items()}
                    aside = _making_sums(view.id, done)
                    self._served.put(aside, sums_of(graph, own), durable=False)
                done += 1
            progress(done, count)
            if stop.is_set():
                raise Stopped
        shown = said if plants_error else right
        record = self._record(view, right, shown, flips, plants_error=plants_error)
        result = result_name(view.id) if record.published else _held(view.id)
        self._served.put(result, self._result(view, graph, flips), durable=False)
        self._name(view, record, shown, right)
        return replace(record, started=u32(started), finished=u32(max(started, slot())))

    def _record(
        self, view: JobView, right: Roots, said: Roots, flips: list[Flip], *, plants_error: bool
    ) -> Record:
        salt = secrets.token_bytes(32)
        root, output = roots_tree(said.items).root, roots_tree(said.outputs).root
        laid = None
        if plants_error:
            roots = roots_tree(right.items).root, roots_tree(right.outputs).root
            laid = PlantedError(*roots, salt, flips)
        hidden = (
            H256(salt)
            if laid is None
            else ids.planted_error_commit(laid.item_root, laid.output_root, salt)
        )
        id = ids.receipt_id(self._genesis, view.id, self._account, int(view.attempt), root)
        return Record(
            job=view.id, attempt=view.attempt, seed=view.seed, receipt=id, items=view.items,
            item_root=root, output_root=output, planted_error_commit=hidden, started=u32(0),
            finished=u32(0), planted_error=laid, published=not plants_error,
        )  # fmt: skip

    def _lay_aside(self, view: JobView, item: int, raw: bytes) -> None:
        """Write an item's tensors; their final name follows from all of them."""
        if view.tier is Tier.Confidential:
            raw = seal(raw, public_of(self._secret), _making_context(view.id, item))
        self._served.put(_making(view.id, item), raw, durable=False)

    def _laid_aside(self, view: JobView, item: int) -> bytes:
        raw = b"".join(self._served.pieces(_making(view.id, item)))
        if view.tier is not Tier.Confidential:
            return raw
        return open_sealed(raw, self._secret, _making_context(view.id, item))

    def _result(self, view: JobView, graph: Graph, flips: Sequence[Flip]) -> Iterator[bytes]:
        """Yield the right outputs, sealed to the requester; unsealed if there is none."""
        sizes = [tensor.nbytes for tensor in graph.committed]
        starts = [0, *accumulate(sizes)]
        places = graph.ends(output=True)

        def outputs() -> Iterator[bytes]:
            for item in range(int(view.items)):
                raw = self._laid_aside(view, item)
                right = _righted(raw, flips[item]) if flips else raw
                yield b"".join(right[starts[at] : starts[at + 1]] for at in places)

        if view.requester is None:
            return outputs()
        return seal_pieces(outputs(), view.reply_key, result_context(view.id))

    def _name(self, view: JobView, record: Record, said: Roots, right: Roots) -> None:
        """Give the written blobs the names that verifiers request, and force them to the disk."""
        result = result_name(view.id) if record.published else _held(view.id)
        names = [roots_name(record.receipt), result]
        for item in range(int(view.items)):
            name, aside = transcript_name(record.receipt, item), _making(view.id, item)
            if view.tier is Tier.Confidential:
                raw = self._laid_aside(view, item)
                context = transcript_context(record.receipt, item)
                self._served.put(name, seal(raw, view.reply_key, context), durable=False)
                self._served.drop(aside)
            else:
                self._served.rename(aside, name)
            names.append(name)
            if self._served.has(_making_sums(view.id, item)):
                names.append(sums_name(record.receipt, item))
                self._served.rename(_making_sums(view.id, item), names[-1])
        self._served.put(roots_name(record.receipt), said.encode(), durable=False)
        if record.planted_error is not None:
            self._served.put(_right_roots(record), right.encode(), durable=False)
            names.append(_right_roots(record))
        self._served.sync(names)

    # ---- afterwards

    def right(self, record: Record) -> Record:
        """Serve the right data in the place of planted errors. Raises BlobError, OSError."""
        if record.planted_error is None:
            return replace(record, righted=True)
        for flip in record.planted_error.flips:
            name = transcript_name(record.receipt, int(flip.item))
            raw = b"".join(self._served.pieces(name))
            self._served.put(name, _righted(raw, flip))
        if not self._served.has(_wrong_roots(record)):
            said = b"".join(self._served.pieces(roots_name(record.receipt)))
            self._served.put(_wrong_roots(record), said)
        roots = b"".join(self._served.pieces(_right_roots(record)))
        self._served.put(roots_name(record.receipt), roots)
        return replace(record, righted=True)

    def exposure(self, record: Record) -> tuple[Opening, Opening]:
        """Open the items' roots before and after the correction. Raises BlobError, OSError.

        Opens as many as fit: a verifier checks 256 of 4096 items at random, so the probability that
        none of them is among the first is one in ten million.
        """
        count = int(record.items)
        places = list(range(min(count, MAX_OPENED)))
        openings: list[Opening] = []
        for name in (_wrong_roots(record), _right_roots(record)):
            roots = Roots.decode(self._served.load(name, roots_size(count)), count)
            leaves = [Leaf(u32(at), None, bytes(roots.items[at])) for at in places]
            openings.append(Opening(leaves, roots_tree(roots.items).siblings(places)))
        return openings[0], openings[1]

    def publish(self, record: Record) -> Record:
        """Serve the result after a planted error. Idempotent. Raises BlobError, OSError."""
        if self._served.has(_held(record.job)):
            self._served.rename(_held(record.job), result_name(record.job))
            self._served.sync([result_name(record.job)])
        return replace(record, published=True)

    def leaf(
        self, record: Record, view: JobView, executor: Executor, place: tuple[int, int, int]
    ) -> LeafProof:
        """Open a leaf (item, tensor, leaf). Raises BlobError, SealError, BadPayload, OSError."""
        item, tensor, index = place
        graph = executor.model.graph
        key, tensors = self._tensors(record, view, executor, item)
        roots = Roots.decode(
            self._served.load(roots_name(record.receipt), roots_size(int(record.items))),
            int(record.items),
        )
        one = commit_item(graph, item, tensors, key)
        start, end = tensor_layout(graph.committed[tensor]).span(index)
        leaf_key = None if key is None else TensorKey(key, item, tensor).leaf(index)
        leaf = Leaf(u32(index), leaf_key, bytes(memoryview(tensors[tensor])[start:end]))
        return LeafProof(
            u32(item),
            u16(tensor),
            _opened(roots_tree(roots.items), item, one.root),
            _opened(one.tree, tensor, one.tensors[tensor].root),
            Opening([leaf], one.tensors[tensor].siblings([index])),
        )

    def _tensors(
        self, record: Record, view: JobView, executor: Executor, item: int
    ) -> tuple[bytes | None, Sequence[bytes | memoryview]]:
        """Return the committed tensors of an item."""
        graph = executor.model.graph
        if view.tier is Tier.Confidential:
            # They are sealed to the requester: the right ones are computed once more.
            key, items = self._opened(view, graph)
            given = next(islice(items, item, None))
            batches = _batches(graph, iter([given]))
            batch = next(iter(self._engine.stream(executor, batches, accumulators=False)))
            return key, batch.item(0)
        raw = memoryview(b"".join(self._served.pieces(transcript_name(record.receipt, item))))
        tensors: list[bytes | memoryview] = []
        for shape in graph.committed:
            tensors.append(raw[: shape.nbytes])
            raw = raw[shape.nbytes :]
        return None, tensors

    def abandon(self, job: H256, *, payload: bool = True) -> None:
        """Delete the data of a job without a receipt, and its inputs. Raises OSError."""
        if payload:
            self._inbox.drop(payload_name(job))
        for name in self._served.names(f"making/{job.hex()}/"):
            self._served.drop(name)

    def forget(self, record: Record) -> None:
        """Delete all served data of a receipt. Raises OSError."""
        self.abandon(record.job)
        for item in range(int(record.items)):
            self._served.drop(transcript_name(record.receipt, item))
            self._served.drop(sums_name(record.receipt, item))
        for name in (
            roots_name(record.receipt),
            _right_roots(record),
            _wrong_roots(record),
            result_name(record.job),
            _held(record.job),
        ):
            self._served.drop(name)


def _batches(graph: Graph, items: Iterator[bytes]) -> Iterator[Inputs]:
    count = max(1, BATCH_BYTES // graph.input_bytes)
    while raw := list(islice(items, count)):
        yield inputs_of(graph, raw)


def _input_roots(graph: Graph, item: int, raw: bytes, key: bytes | None) -> list[H256]:
    """Return the root of each input of an item."""
    roots: list[H256] = []
    view = memoryview(raw)
    for place, tensor in enumerate(graph.inputs):
        leaf_key = None if key is None else TensorKey(key, item, place)
        roots.append(tree_of(tensor_layout(tensor), view[: tensor.nbytes], leaf_key).root)
        view = view[tensor.nbytes :]
    return roots


def _add(graph: Graph, roots: Roots, item: ItemCommitment) -> None:
    """Add an item's roots: its trees are too large to keep."""
    for kept, root in zip(roots, Roots.of(graph, [item]), strict=True):
        kept.extend(root)  # type: ignore[attr-defined]


def _spoil(graph: Graph, tensors: list[bytes | memoryview], item: int) -> Flip:
    """Change a random byte of one committed tensor; each change makes its element wrong."""
    inputs = len(graph.inputs)
    number = inputs + secrets.randbelow(len(tensors) - inputs)
    raw = bytearray(tensors[number])
    at = secrets.randbelow(len(raw))
    right = raw[at]
    raw[at] ^= 1 + secrets.randbelow(255)
    tensors[number] = bytes(raw)
    before = sum(len(tensor) for tensor in tensors[:number])
    return Flip(u32(item), u64(before + at), u8(right))


def _righted(raw: bytes, flip: Flip) -> bytes:
    at = int(flip.offset)
    return raw[:at] + bytes([flip.right]) + raw[at + 1 :]


def _opened(tree: Tree, index: int, data: bytes) -> Opening:
    return Opening([Leaf(u32(index), None, bytes(data))], tree.siblings([index]))


def _making(job: bytes, item: int) -> str:
    return f"making/{job.hex()}/{item}"


def _making_sums(job: bytes, item: int) -> str:
    return f"making/{job.hex()}/sums/{item}"


def _held(job: bytes) -> str:
    return f"held/{job.hex()}"


def _right_roots(record: Record) -> str:
    return f"right/{record.receipt.hex()}"


def _wrong_roots(record: Record) -> str:
    return f"wrong/{record.receipt.hex()}"


def _making_context(job: bytes, item: int) -> bytes:
    return b"making" + job + item.to_bytes(4, "little")
