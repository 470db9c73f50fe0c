"""Fetches what a check needs: models, and the blobs of a provider. Needs numpy."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from btt_chain.compute.blobs.store import BlobError, BlobStore
from btt_chain.compute.blobs.transport import BlobHost, FetchFailed, NotKept, model_name
from btt_chain.compute.public.sets import add_shipped
from btt_chain.compute.verifier.checking import NotHad, Worker
from btt_chain.work import ids
from btt_chain.work.errors import WorkError
from btt_chain.work.execute import Executor
from btt_chain.work.package import MAX_FILE, loads

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 1.0
"""Seconds until the next request to a provider without a result."""
ATTEMPT_SECONDS: Final = 60.0
"""Maximum seconds of one attempt."""
GRACE_SECONDS: Final = 10.0
"""Maximum seconds of one attempt after the provider's time is over: for blobs needed only then."""
MAX_EXECUTORS: Final = 2
"""Number of models that are kept ready in memory."""


class NoModel(Exception):
    """A model cannot be fetched: no endpoint serves it, or another one is served."""


class ProviderSource:
    """The blobs of one provider, requested again and again until its time is over."""

    def __init__(self, host: BlobHost, endpoints: Sequence[str], enough: asyncio.Event) -> None:
        """`enough` is set when its time is over: blobs missing then raise `NotHad`."""
        self._host: Final = host
        self._endpoints: Final = list(endpoints)
        self._enough: Final = enough

    async def blob(self, name: str, most: int) -> bytes:
        """Return a whole blob. Raises NotHad."""
        return await self._had(lambda: self._load(name, most))

    async def beginning(self, name: str, length: int) -> bytes:
        """Return the first bytes of a blob. Raises NotHad."""
        return await self._had(lambda: self._begin(name, length))

    async def besides(self, name: str, most: int) -> bytes:
        """Return an optional blob; it is requested once. Raises NotHad."""
        return await self._had(lambda: self._load(name, most), again=False)

    async def _load(self, name: str, most: int) -> bytes:
        return await self._host.load(self._endpoints, name, limit=most, seconds=ATTEMPT_SECONDS)

    async def _begin(self, name: str, length: int) -> bytes:
        return await self._host.beginning(self._endpoints, name, length, seconds=ATTEMPT_SECONDS)

    async def _had(self, fetch: Callable[[], Awaitable[bytes]], *, again: bool = True) -> bytes:
        if self._enough.is_set():
            try:
                async with asyncio.timeout(GRACE_SECONDS):
                    return await fetch()
            except (FetchFailed, TimeoutError) as error:
                raise NotHad(str(error) or "it is too slow") from None
        over = asyncio.ensure_future(self._enough.wait())
        try:
            while True:
                why = await self._once(asyncio.ensure_future(fetch()), over)
                if isinstance(why, bytes):
                    return why
                if over.done() or not again:
                    raise NotHad(why)
                await asyncio.wait({over}, timeout=RETRY_SECONDS)
        finally:
            over.cancel()

    async def _once(self, attempt: asyncio.Future[Any], over: asyncio.Future[Any]) -> bytes | str:
        """Return the result of one attempt, or the reason of its failure."""
        try:
            await asyncio.wait({attempt, over}, return_when=asyncio.FIRST_COMPLETED)
            if not attempt.done():
                return "it is too slow"
            return bytes(attempt.result())
        except FetchFailed as error:
            return str(error)
        finally:
            attempt.cancel()


class ModelShelf:
    """Models, fetched once and kept ready."""

    def __init__(self, store: BlobStore, host: BlobHost, worker: Worker) -> None:
        """Keep models in `store`; when it is full, those that are not needed now are dropped."""
        self._store: Final = store
        self._host: Final = host
        self._worker: Final = worker
        self._ready: OrderedDict[bytes, Executor] = OrderedDict()
        self._locks: Final[dict[bytes, asyncio.Lock]] = {}

    async def executor(self, model: bytes, endpoints: Sequence[str]) -> Executor:
        """Return a model ready for execution; it is fetched if it is missing. Raises NoModel."""
        # One lock per model: a slow endpoint must not delay the others.
        lock = self._locks.setdefault(model, asyncio.Lock())
        try:
            async with lock:
                found = self._ready.get(model)
                if found is None:
                    found = await self._get(model, endpoints)
                    self._ready[model] = found
                self._ready.move_to_end(model)
                while len(self._ready) > MAX_EXECUTORS:
                    self._ready.popitem(last=False)
                return found
        finally:
            if not lock.locked():
                self._locks.pop(model, None)

    async def _get(self, model: bytes, endpoints: Sequence[str]) -> Executor:
        name, whys = model_name(model), []
        try:
            if not self._store.has(name):
                await self._worker.run(lambda: add_shipped(self._store, name))
        except (BlobError, OSError) as error:
            whys.append(str(error))
        if self._store.has(name):
            try:
                return await self._worker.run(lambda: self._read(model))
            except (BlobError, WorkError) as error:
                log.warning("the stored model %s is unusable: %s", model.hex(), error)
                self._store.drop(name)
        for endpoint in endpoints:
            try:
                await self._fetch(name, endpoint)
                return await self._worker.run(lambda: self._read(model))
            except (FetchFailed, NotKept, BlobError, WorkError, OSError) as error:
                # One endpoint that serves another model is not a reason to skip the next.
                whys.append(str(error))
                self._store.drop(name)
        raise NoModel(f"the model {model.hex()} cannot be had: {'; '.join(whys) or 'no endpoint'}")

    async def _fetch(self, name: str, endpoint: str) -> None:
        try:
            await self._host.fetch([endpoint], name, self._store, limit=MAX_FILE)
        except NotKept:
            for other in self._store.names("model/"):
                self._store.drop(other)
            await self._host.fetch([endpoint], name, self._store, limit=MAX_FILE)

    def _read(self, model: bytes) -> Executor:
        """Return the executor of a stored model. Raises WorkError if the blob is not that model."""
        package = loads(self._store.load(model_name(model), MAX_FILE))
        if ids.model_id(package.manifest) != model:
            raise WorkError("it is another model")
        return Executor(package.model)


def lines_of(endpoints: bytes) -> list[str]:
    """Return the multiaddresses of an `endpoints` field on the chain."""
    return [line for line in endpoints.decode("ascii", "replace").split("\n") if line]
