"""Models that are fetched, kept and given up."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from btt_chain.compute.blobs.fetching import (
    MAX_EXECUTORS,
    ModelShelf,
    NoModel,
    ProviderSource,
    lines_of,
)
from btt_chain.compute.blobs.store import BlobStore
from btt_chain.compute.blobs.transport import model_name
from btt_chain.compute.verifier.checking import NotHad
from btt_chain.compute.worker import NICE, ThreadWorker
from btt_chain.work import ids
from btt_chain.work.model import Model
from btt_chain.work.package import Package
from support.blobs import fetching, serving
from unit.work.work_world import KINDS, attention, image_net, single


class Shelf:
    """A shelf of models, an owner that serves some, and a peer that serves garbage."""

    def __init__(
        self, shelf: ModelShelf, mine: BlobStore, owners: BlobStore, ends: list[str], liar: str
    ) -> None:
        self.shelf, self.mine, self.owners, self.ends, self.liar = shelf, mine, owners, ends, liar

    def serve(self, model: Model) -> bytes:
        """Have the owner serve a model; its id."""
        name = ids.model_id(model.manifest)
        self.owners.put(model_name(name), Package(model).chunks())
        return bytes(name)


@asynccontextmanager
async def shelf(folder: Path, most_bytes: int = 1 << 30) -> AsyncIterator[Shelf]:
    owners, liars = BlobStore(folder / "owner"), BlobStore(folder / "liar")
    for model in (image_net()[0], attention()[0]):
        name = model_name(ids.model_id(model.manifest))
        liars.put(name, Package(single("linear", 1)[0]).chunks())
    mine, worker = BlobStore(folder / "mine", most_bytes=most_bytes), ThreadWorker()
    async with serving(owners) as good, serving(liars) as bad, fetching() as client:
        made = ModelShelf(mine, client, worker)
        try:
            yield Shelf(made, mine, owners, good.endpoints(), bad.endpoints()[0])
        finally:
            worker.close()


async def test_a_model_is_fetched_once_and_ready_from_then_on(tmp_path: Path) -> None:
    async with shelf(tmp_path) as found:
        name = found.serve(image_net()[0])
        first = await found.shelf.executor(name, found.ends)
        found.owners.drop(model_name(name))
        assert await found.shelf.executor(name, []) is first
        assert ids.model_id(first.model.manifest) == name


async def test_a_model_on_the_disk_is_not_fetched_again(tmp_path: Path) -> None:
    name = bytes(ids.model_id(image_net()[0].manifest))
    async with shelf(tmp_path) as found:
        found.serve(image_net()[0])
        await found.shelf.executor(name, found.ends)
    async with shelf(tmp_path) as found:
        await found.shelf.executor(name, [])


async def test_many_that_want_one_model_get_the_same(tmp_path: Path) -> None:
    async with shelf(tmp_path) as found:
        name = found.serve(attention()[0])
        wanted = (found.shelf.executor(name, found.ends) for _ in range(8))
        assert len({id(one) for one in await asyncio.gather(*wanted)}) == 1


async def test_another_model_under_the_name_is_refused_and_the_next_endpoint_asked(
    tmp_path: Path,
) -> None:
    async with shelf(tmp_path) as found:
        name = found.serve(image_net()[0])
        with pytest.raises(NoModel, match="another model"):
            await found.shelf.executor(name, [found.liar])
        assert found.mine.names() == []
        executor = await found.shelf.executor(name, [found.liar, *found.ends])
        assert ids.model_id(executor.model.manifest) == name


async def test_a_model_that_was_damaged_on_the_disk_is_fetched_again(tmp_path: Path) -> None:
    async with shelf(tmp_path) as found:
        name = found.serve(image_net()[0])
        found.mine.put(model_name(name), os.urandom(1_000))
        await found.shelf.executor(name, found.ends)
        with pytest.raises(NoModel, match="no endpoint"):
            await found.shelf.executor(found.serve(attention()[0]), [])


async def test_a_full_store_gives_up_other_models_and_nothing_else(tmp_path: Path) -> None:
    sizes = [sum(map(len, Package(make()[0]).chunks())) for make in (image_net, attention)]
    async with shelf(tmp_path, most_bytes=max(sizes) + 200) as found:
        found.mine.put("record/1", b"x" * 100)
        first, second = found.serve(image_net()[0]), found.serve(attention()[0])
        await found.shelf.executor(first, found.ends)
        await found.shelf.executor(second, found.ends)
        assert found.mine.names() == [model_name(second), "record/1"]


async def test_some_models_are_kept_ready_and_the_oldest_goes(tmp_path: Path) -> None:
    async with shelf(tmp_path) as found:
        names = [found.serve(single(kind, 1)[0]) for kind in list(KINDS)[: MAX_EXECUTORS + 1]]
        executors = [await found.shelf.executor(name, found.ends) for name in names]
        assert await found.shelf.executor(names[-1], []) is executors[-1]
        assert await found.shelf.executor(names[0], []) is not executors[0]


async def test_a_worker_works_elsewhere_and_modestly() -> None:
    worker = ThreadWorker()
    try:
        thread, nice = await worker.run(
            lambda: (
                threading.get_ident(),
                os.getpriority(os.PRIO_PROCESS, threading.get_native_id()),
            )
        )
        assert thread != threading.get_ident()
        assert nice == max(NICE, os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        with pytest.raises(ZeroDivisionError):
            await worker.run(lambda: 1 // 0)
    finally:
        worker.close()


async def test_what_need_not_be_there_is_asked_for_once(tmp_path: Path) -> None:
    store, name, over = BlobStore(tmp_path), f"sums/{'ab' * 32}/0", asyncio.Event()
    async with serving(store) as host, fetching() as client:
        source = ProviderSource(client, host.endpoints(), over)
        with pytest.raises(NotHad, match="no such blob"):
            await source.besides(name, 100)
        store.put(name, b"sums")
        assert await source.besides(name, 100) == b"sums"


def test_endpoints_of_outsiders_are_read_without_trouble() -> None:
    assert lines_of(b"") == []
    assert lines_of(b"/ip4/1.2.3.4\n\n/ip4/5.6.7.8\n") == ["/ip4/1.2.3.4", "/ip4/5.6.7.8"]
    assert len(lines_of(b"\xff\xfe\n\0")) == 2
