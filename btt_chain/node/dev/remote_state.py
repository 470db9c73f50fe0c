"""The state that a fork begins with: read from the other node when it is needed, and kept.

A state at a block never changes, so what was read once is read again only after the cache had to
remove it. Single values are not read alone where many are needed: the first value of a pallet, and
of an item, is read with the others of the page that begins there. Of a small pallet this is all,
and keys that are not on the page are known to be absent.

A read either waits (before the node serves others, and in tests), or raises NotRead, behind which a
thread reads while the event loop goes on (`serve_beside`). That thread calls the other node; the
cache is used by the thread of the event loop alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from time import monotonic
from typing import Final, NamedTuple, TypeVar

import msgpack

from btt_chain.chain.reading import when_read
from btt_chain.node.dev.cache import ForkCache
from btt_chain.node.dev.errors import AnswerTooLarge, RemoteAway, WrongAnswer
from btt_chain.node.dev.proven import MAX_PAGE, ProvenState
from btt_chain.node.dev.remote import OtherChain
from storage.fork import NotRead

Result = TypeVar("Result")

GROUPS: Final = (16, 32)
"""Lengths of the prefixes whose first pages are read with a value: of a pallet, and of an item."""
GROUP: Final = 256
"""Number of keys of these pages."""
FIRST_PAGE: Final = 64
"""Number of keys of the first page of a walk; each further one has four times as many."""
AWAY_SECONDS: Final = 2.0
"""Time after a failed read in which others fail at once."""
MAX_FAILED: Final = 1_024
"""Maximum number of parts whose failure is remembered."""

THREAD_SECONDS: Final = 60.0
"""Time that another thread waits for a value."""

ABSENT: Final = b"\0"
PRESENT: Final = b"\1"
"""First bytes of rows of values."""


class Part(NamedTuple):
    """A part of the state that is read at once: a value, or a page of keys with their values."""

    key: bytes
    """The key, or the prefix of the page."""
    after: bytes | None = None
    size: int = 0
    """Maximum number of keys of the page; 0 for a value."""

    @property
    def row(self) -> bytes:
        """The name of the part in the cache."""
        if not self.size:
            return b"v" + self.key
        name: bytes = msgpack.packb([self.key, self.after])
        return b"p" + name

    def __str__(self) -> str:
        """Return the part in words."""
        kind = "the page of keys from" if self.size else "the value of"
        return f"{kind} 0x{(self.after or self.key).hex()[:160]}"


class Keys(NamedTuple):
    """The keys of a page."""

    keys: list[bytes]
    is_end: bool


class RemoteState:
    """The state after one block of another node (`storage.fork.Beneath`)."""

    def __init__(self, source: ProvenState, cache: ForkCache) -> None:
        """Read from `source` what is not in the cache, and wait for it."""
        self.cache = cache
        self.hits = 0
        """Number of values and pages that were here."""
        self.misses = 0
        """Number of times that a part was not here."""
        self.reads = 0
        """Number of parts that were read from the other node."""
        self.failures = 0
        """Number of parts that could not be read."""
        self._source = source
        self._reader: ThreadPoolExecutor | None = None
        self._under_way: dict[Part, asyncio.Task[None]] = {}
        self._wrong: dict[Part, tuple[float, RemoteAway]] = {}
        self._away: tuple[float, RemoteAway] | None = None

    def serve_beside(self) -> None:
        """From now on raise NotRead instead of waiting: an event loop serves others meanwhile."""
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="fork")

    def close(self) -> None:
        """End the thread, once the call under way has ended."""
        if self._reader is not None:
            self._reader.shutdown(cancel_futures=True)

    def status(self) -> dict[str, object]:
        """Return the figures of the cache and of the reads, for JSON."""
        return {
            "hits": self.hits,
            "misses": self.misses,
            "reads": self.reads,
            "failures": self.failures,
            "removed": self.cache.removed,
            "rows": len(self.cache),
            "bytes": self.cache.size,
            "limit": self.cache.limit,
        }

    # ---- reading

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key. Raises RemoteAway, NotRead."""
        while True:
            held = self.cache.get(Part(key).row)
            if held is not None:
                self.hits += 1
                return held[1:] if held[:1] == PRESENT else None
            lacking = self._lacking(key)
            if lacking is None:
                self.hits += 1
                return None
            self._obtain(lacking)

    def keys(self, prefix: bytes, after: bytes | None) -> Iterator[bytes]:
        """Yield the keys with this prefix above `after`, ascending. Raises RemoteAway, NotRead."""
        whole = self._whole(prefix)
        if whole is not None:
            self.hits += 1
            yield from (
                key for key in whole if key.startswith(prefix) and (after is None or key > after)
            )
            return
        if after is not None and after < prefix:
            after = None
        size = FIRST_PAGE
        while True:
            page = self._page(Part(prefix, after, size))
            yield from page.keys
            if page.is_end:
                return
            after, size = page.keys[-1], min(4 * size, MAX_PAGE)

    def apart(self) -> RemoteState | FromThread:
        """Return the same state for a thread that waits, beside the running event loop."""
        if self._reader is None:
            return self
        return FromThread(self, asyncio.get_running_loop())

    # ---- internals

    def _lacking(self, key: bytes) -> Part | None:
        """Return the requests that find the value of a key; None if it is known to be absent."""
        for length in GROUPS:
            if len(key) < length:
                break
            group = Part(key[:length], None, GROUP)
            page = self._known(group)
            if page is None:
                return group
            if page.is_end:
                return Part(key) if key in page.keys else None
        return Part(key)

    def _whole(self, prefix: bytes) -> list[bytes] | None:
        """Return all keys of the pallet or item of a prefix, if a page of the cache has them."""
        for length in GROUPS:
            if len(prefix) >= length:
                page = self._known(Part(prefix[:length], None, GROUP))
                if page is not None and page.is_end:
                    return page.keys
        return None

    def _page(self, part: Part) -> Keys:
        while True:
            page = self._known(part)
            if page is not None and (page.keys or page.is_end):
                self.hits += 1
                return page
            self._obtain(part)

    def _known(self, part: Part) -> Keys | None:
        """Return a page of the cache."""
        held = self.cache.get(part.row)
        if held is None:
            return None
        keys, is_end = msgpack.unpackb(held)
        return Keys(keys, bool(is_end))

    def _obtain(self, part: Part) -> None:
        """Read a part, or raise NotRead where reading may not wait. Raises RemoteAway."""
        self.misses += 1
        if self._reader is not None:
            self._check_failures(part)
            task = self._start(part)  # even if its caller does not wait for it
            raise NotRead(str(part), lambda: asyncio.shield(task))
        self._store(part, fetch(self._source, part))

    def _store(self, part: Part, rows: Mapping[bytes, bytes]) -> None:
        self.reads += 1
        self._wrong.pop(part, None)
        self.cache.put(rows)

    def _check_failures(self, part: Part) -> None:
        """Raise the failure of the last read, if it was just now."""
        for failed in (self._away, self._wrong.get(part)):
            if failed is not None and monotonic() - failed[0] < AWAY_SECONDS:
                raise failed[1]

    def _start(self, part: Part) -> asyncio.Task[None]:
        """Read a part in the thread; all that need it wait for the one read."""
        task = self._under_way.get(part)
        if task is None:
            task = asyncio.create_task(self._read(part))
            self._under_way[part] = task
            task.add_done_callback(lambda _: self._under_way.pop(part, None))
        return task

    async def _read(self, part: Part) -> None:
        loop = asyncio.get_running_loop()
        try:
            rows = await loop.run_in_executor(self._reader, fetch, self._source, part)
        except (WrongAnswer, AnswerTooLarge) as error:
            self.failures += 1
            if len(self._wrong) >= MAX_FAILED:
                self._wrong.clear()
            self._wrong[part] = monotonic(), error
        except (RemoteAway, OtherChain) as error:
            self.failures += 1
            self._away = monotonic(), RemoteAway(str(error))
        else:
            self._away = None
            self._store(part, rows)


class FromThread:
    """A state for a thread beside the event loop, which reads for it."""

    def __init__(self, state: RemoteState, loop: asyncio.AbstractEventLoop) -> None:
        self._state = state
        self._loop = loop

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key. Raises StateUnavailable."""
        return self._wait(lambda: self._state.get(key))

    def keys(self, prefix: bytes, after: bytes | None) -> Iterator[bytes]:
        """Yield the keys with this prefix above `after`, ascending. Raises StateUnavailable."""
        while True:
            page = self._wait(partial(self._some, prefix, after))
            yield from page
            if len(page) < GROUP:
                return
            after = page[-1]

    def apart(self) -> FromThread:
        """Return itself."""
        return self

    def _some(self, prefix: bytes, after: bytes | None) -> list[bytes]:
        return list(islice(self._state.keys(prefix, after), GROUP))

    def _wait(self, work: Callable[[], Result]) -> Result:
        future = asyncio.run_coroutine_threadsafe(when_read(work), self._loop)
        try:
            return future.result(THREAD_SECONDS)
        except TimeoutError as error:
            future.cancel()
            raise RemoteAway("a part of the other node's state was not read in time") from error


def fetch(source: ProvenState, part: Part) -> dict[bytes, bytes]:
    """Return the rows of a part, read from the other node. Raises RemoteAway."""
    if not part.size:
        return {part.row: _row(source.value(part.key))}
    try:
        page = source.page(part.key, part.after, part.size)
    except AnswerTooLarge:
        if part.size != GROUP:
            raise
        return {part.row: msgpack.packb([[], False])}  # its values are read one by one
    rows = {Part(key).row: _row(value) for key, value in page.entries}
    # Last, so that it is not removed before its values.
    rows[part.row] = msgpack.packb([[key for key, _ in page.entries], page.is_end])
    return rows


def _row(value: bytes | None) -> bytes:
    return ABSENT if value is None else PRESENT + value
