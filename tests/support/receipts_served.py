"""A provider's work on real models, honest or not, and what it serves of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from btt_chain.compute.blobs.roots import Roots
from btt_chain.compute.blobs.transport import roots_name, sums_name, transcript_name
from btt_chain.compute.verifier.checking import Finding, Look, NotHad, look_at, sums_of
from btt_chain.primitives.digest import H256
from btt_chain.work import fraud, ids
from btt_chain.work.commit import commit_item, roots_tree
from btt_chain.work.execute import Executor
from btt_chain.work.layout import tensor_layout
from btt_chain.work.model import Elements, Model

RECEIPT = H256(b"\x09" * 32)
RHO = H256(b"\x05" * 32)


class Work:
    """A job's items computed by a model, and what a provider makes of them."""

    def __init__(self, model: Model, *inputs: Elements, judge: Model | None = None) -> None:
        """`judge` is the registered model, if the provider used another."""
        self.model = judge or model
        self.graph = self.model.graph
        self.count = len(inputs[0])
        batch = Executor(model).run(*inputs, accumulators=True)
        self.tensors: list[list[Elements]] = [
            [np.ascontiguousarray(tensor[item]).copy() for tensor in batch.tensors]
            for item in range(self.count)
        ]
        self.accumulators = [
            {node: np.ascontiguousarray(sums[item]) for node, sums in batch.accumulators.items()}
            for item in range(self.count)
        ]
        self.asked = list(self._honest().inputs)
        """The roots of the inputs that the requester gave."""
        self.wrong_outputs: dict[int, H256] = {}
        """Wrong roots of outputs, by item."""

    def _honest(self) -> Roots:
        items = [commit_item(self.graph, at, self.raw(at)) for at in range(self.count)]
        return Roots.of(self.graph, items)

    def raw(self, item: int) -> list[bytes]:
        """The bytes of an item's tensors, of those that are committed to."""
        pairs = zip(self.graph.tensors, self.tensors[item], strict=True)
        return [tensor.tobytes() for shape, tensor in pairs if shape.committed]

    def alter(self, item: int, tensor: int, element: int = 0) -> None:
        """Change one element, and compute nothing anew."""
        flat = self.tensors[item][tensor].reshape(-1)
        flat[element] = flat[element] - 1 if flat[element] > 0 else flat[element] + 1

    def alter_consistently(self, item: int, tensor: int, element: int = 0) -> None:
        """Change one element, and compute all that follows from it."""
        self.alter(item, tensor, element)
        executor = Executor(self.model)
        made = [one[None] for one in self.tensors[item][: tensor + 1]]
        for node in range(tensor, len(self.graph.nodes)):
            made.append(executor.node(node, made))
        self.tensors[item] = [np.ascontiguousarray(one[0]) for one in made]

    # ---- what is committed to and served

    def roots(self) -> Roots:
        """The data below the roots of the receipt."""
        found = self._honest()
        outputs = [self.wrong_outputs.get(at, root) for at, root in enumerate(found.outputs)]
        return found._replace(inputs=self.asked, outputs=outputs)

    def blobs(self) -> dict[str, bytes]:
        """All that an honest provider serves of the receipt."""
        served = {roots_name(RECEIPT): self.roots().encode()}
        for item in range(self.count):
            served[transcript_name(RECEIPT, item)] = b"".join(self.raw(item))
            served[sums_name(RECEIPT, item)] = sums_of(self.graph, self.accumulators[item])
        return served

    def look(
        self, chosen: Sequence[int] | None = None, *, vectors: bool = False, rho: H256 = RHO
    ) -> Look:
        """Return the task of a verifier; without a choice it has all items."""
        inputs, items, outputs = (roots_tree(part).root for part in self.roots())
        which = range(self.count) if chosen is None else chosen
        return Look(RECEIPT, self.count, inputs, items, outputs, rho, list(which), vectors)

    def judged(self, finding: Finding) -> fraud.Fraud | None:
        """Let the chain judge what was found; raises where it would not be convinced."""
        roots = self.roots()
        job = fraud.Job(roots_tree(roots.items).root, self.count, keyed=False)
        if finding.fraud is not None:
            return fraud.judge(self.graph, job, finding.fraud)
        assert finding.edge is not None
        output = bool(getattr(finding.verdict, "output", False))
        said = roots_tree(roots.outputs if output else roots.inputs).root
        fraud.judge_edge(self.graph, job, said, finding.edge, output=output)
        return None

    def digest(self, chosen: Sequence[int], rho: H256 = RHO) -> H256:
        """The digest of who looked at these items."""
        leaves = []
        for item in chosen:
            for number, raw in enumerate(self.raw(item)):
                layout = tensor_layout(self.graph.committed[number])
                for leaf in range(layout.count):
                    data = raw[slice(*layout.span(leaf))]
                    leaves.append(ids.digest_leaf(rho, item, number, leaf, data))
        return ids.digest_tree(leaves).root


class Served:
    """A source in memory, and what was asked of it."""

    def __init__(self, blobs: dict[str, bytes]) -> None:
        self.blobs = blobs
        self.asked: list[str] = []

    async def blob(self, name: str, most: int) -> bytes:
        """A whole blob."""
        self.asked.append(name)
        found = self.blobs.get(name)
        if found is None or len(found) > most:
            raise NotHad(f"{name} is not served")
        return found

    async def beginning(self, name: str, length: int) -> bytes:
        """The first bytes of a blob."""
        self.asked.append(f"{name} (beginning)")
        if name not in self.blobs:
            raise NotHad(f"{name} is not served")
        return self.blobs[name][:length]

    async def besides(self, name: str, most: int) -> bytes:
        """A blob that need not be there."""
        return await self.blob(name, most)


class AtOnce:
    """Carries out everything where it is asked for."""

    async def run(self, work: Callable[[], object]) -> object:
        """Carry it out."""
        return work()


async def looked(work: Work, look: Look, served: dict[str, bytes] | None = None) -> Finding:
    """Return the finding of a verifier."""
    source = Served(work.blobs() if served is None else served)
    return await look_at(look, Executor(work.model), source, AtOnce())  # type: ignore[arg-type]
