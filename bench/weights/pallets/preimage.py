"""Benchmarks of Preimage, Whitelist and Scheduler."""

from __future__ import annotations

from bench.weights.declare import Case, benchmark
from bench.weights.pallets.utility import carried
from bench.weights.state import BLOCK, Bench
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u32
from runtime.frame import ROOT, Call
from runtime.pallets.origins import RawRoot, SystemOrigin
from runtime.pallets.preimage.pallet import MAX_HASHES, MAX_SIZE, Inline, Lookup
from runtime.pallets.scheduler.types import MAX_SCHEDULED, RetryConfig, Task

LONG = 1 << 20
NAME = bytes(32)
SOON = BLOCK + 10
INLINE = 120
"""Bytes of a long call that is still stored in the timer queue itself."""


def content(length: int) -> bytes:
    """Return that many bytes."""
    return bytes(length)


def noted(b: Bench, length: int = MAX_SIZE) -> H256:
    """Let an account have noted that many bytes; return their hash."""
    b.does(b.account(0), "Preimage", "note_preimage", bytes=content(length))
    return H256(blake2_256(content(length)))


@benchmark("Preimage.note_preimage", length=(0, MAX_SIZE))
def note_preimage(b: Bench, length: int) -> Case:
    """Hash and store."""
    return b.signed(b.account(0), "Preimage", "note_preimage", bytes=content(length))


@benchmark("Preimage.unnote_preimage")
def unnote_preimage(b: Bench) -> Case:
    """Remove the longest preimage: the database reads its old value again."""
    hash = noted(b)
    return b.signed(b.account(0), "Preimage", "unnote_preimage", hash=hash)


@benchmark("Preimage.request_preimage")
def request_preimage(b: Bench) -> Case:
    """Request a noted preimage."""
    return b.root("Preimage", "request_preimage", hash=noted(b))


@benchmark("Preimage.unrequest_preimage")
def unrequest_preimage(b: Bench) -> Case:
    """Unrequest the longest preimage; it has no owner and is removed."""
    b.decides("Preimage", "note_preimage", bytes=content(MAX_SIZE))
    return b.root("Preimage", "unrequest_preimage", hash=H256(blake2_256(content(MAX_SIZE))))


@benchmark("Preimage.ensure_updated", hashes=(1, MAX_HASHES))
def ensure_updated(b: Bench, hashes: int) -> Case:
    """Decode only."""
    return b.signed(b.account(0), "Preimage", "ensure_updated", hashes=[H256(NAME)] * hashes)


# ---- Whitelist


def long_call(b: Bench, length: int) -> Call:
    """Return a root call of that length that does next to nothing."""
    remark = b.call("System", "remark", remark=content(length))
    return b.call("Utility", "force_batch", calls=[remark])


@benchmark("Whitelist.whitelist_call")
def whitelist_call(b: Bench) -> Case:
    """Whitelist a noted call."""
    return b.root("Whitelist", "whitelist_call", call_hash=noted(b))


@benchmark("Whitelist.remove_whitelisted_call")
def remove_whitelisted_call(b: Bench) -> Case:
    """Remove the longest call from the whitelist; its preimage has no owner and is removed."""
    b.decides("Preimage", "note_preimage", bytes=content(MAX_SIZE))
    hash = H256(blake2_256(content(MAX_SIZE)))
    b.decides("Whitelist", "whitelist_call", call_hash=hash)
    b.decides("Preimage", "unrequest_preimage", hash=hash)
    return b.root("Whitelist", "remove_whitelisted_call", call_hash=hash)


@benchmark("Whitelist.dispatch_whitelisted_call", length=(0, LONG))
def dispatch_whitelisted_call(b: Bench, length: int) -> Case:
    """Read a noted call, and make it."""
    inner = long_call(b, length)
    b.does(b.account(0), "Preimage", "note_preimage", bytes=inner.raw)
    hash = H256(blake2_256(inner.raw))
    b.decides("Whitelist", "whitelist_call", call_hash=hash)
    call = b.call(
        "Whitelist", "dispatch_whitelisted_call", call_hash=hash,
        call_encoded_len=u32(len(inner.raw)), call_weight_witness=b.weight(10**11),
    )  # fmt: skip
    return Case(call, ROOT)


@benchmark("Whitelist.dispatch_whitelisted_call_with_preimage", length=(0, LONG))
def dispatch_whitelisted_call_with_preimage(b: Bench, length: int) -> Case:
    """Make a call that is supplied with its bytes, slow to decode for its size."""
    inner = carried(b, 0, length)
    b.decides("Whitelist", "whitelist_call", call_hash=H256(blake2_256(inner.raw)))
    return Case(b.call("Whitelist", "dispatch_whitelisted_call_with_preimage", call=inner), ROOT)


# ---- Scheduler


def fill_slot(b: Bench, tasks: int, when: int = SOON) -> None:
    """Give a slot that many tasks, each with a long call; the last one has a name."""
    scheduler = b.runtime.scheduler
    raw = b.call("System", "remark", remark=content(INLINE)).raw
    origin = SystemOrigin(RawRoot())
    listed: list[Task | None] = [
        Task(None, u8(0), Inline(raw), None, origin) for _ in range(tasks - 1)
    ]
    listed.append(Task(NAME, u8(0), Inline(raw), None, origin))
    scheduler.tasks.store(u32(when), listed)
    scheduler.tasks.lookup[NAME] = (u32(when), u32(tasks - 1))


def retried(b: Bench) -> tuple[u32, u32]:
    """Set a retry for the last task of a full timer queue; return its place."""
    fill_slot(b, MAX_SCHEDULED)
    address = (u32(SOON), u32(MAX_SCHEDULED - 1))
    b.runtime.scheduler.tasks.retries[address] = RetryConfig(u8(3), u8(3), u32(5))
    return address


def unnamed(b: Bench) -> tuple[u32, u32]:
    """Fill a timer queue; return the place of its first task."""
    fill_slot(b, MAX_SCHEDULED)
    return u32(SOON), u32(0)


@benchmark("Scheduler.schedule_named", length=(0, LONG))
def schedule_named(b: Bench, length: int) -> Case:
    """Put a task into a timer queue that has room for one more."""
    fill_slot(b, MAX_SCHEDULED - 1)
    return b.root(
        "Scheduler", "schedule_named", id=b"y" * 32, when=u32(SOON), maybe_periodic=None,
        priority=u8(0), call=b.call("System", "remark", remark=content(length)),
    )  # fmt: skip


@benchmark("Scheduler.schedule", length=(0, LONG))
def schedule(b: Bench, length: int) -> Case:
    """As `schedule_named`, without a name."""
    fill_slot(b, MAX_SCHEDULED - 1)
    return b.root(
        "Scheduler", "schedule", when=u32(SOON), maybe_periodic=None, priority=u8(0),
        call=b.call("System", "remark", remark=content(length)),
    )  # fmt: skip


@benchmark("Scheduler.schedule_after", length=(0, LONG))
def schedule_after(b: Bench, length: int) -> Case:
    """As `schedule`, with a delay."""
    fill_slot(b, MAX_SCHEDULED - 1)
    return b.root(
        "Scheduler", "schedule_after", after=u32(SOON - BLOCK - 1), maybe_periodic=None,
        priority=u8(0), call=b.call("System", "remark", remark=content(length)),
    )  # fmt: skip


@benchmark("Scheduler.schedule_named_after", length=(0, LONG))
def schedule_named_after(b: Bench, length: int) -> Case:
    """As `schedule_after`, with a name."""
    fill_slot(b, MAX_SCHEDULED - 1)
    return b.root(
        "Scheduler", "schedule_named_after", id=b"y" * 32, after=u32(SOON - BLOCK - 1),
        maybe_periodic=None, priority=u8(0),
        call=b.call("System", "remark", remark=content(length)),
    )  # fmt: skip


@benchmark("Scheduler.cancel")
def cancel(b: Bench) -> Case:
    """Remove a task from a full timer queue, and the longest preimage with it."""
    when, place = unnamed(b)
    scheduler = b.runtime.scheduler
    tasks = scheduler.tasks.agenda[when]
    b.decides("Preimage", "note_preimage", bytes=content(MAX_SIZE))
    hash = H256(blake2_256(content(MAX_SIZE)))
    tasks[0] = Task(None, u8(0), Lookup(hash, u32(MAX_SIZE)), None, SystemOrigin(RawRoot()))
    scheduler.tasks.store(when, tasks)
    return b.root("Scheduler", "cancel", when=when, index=place)


@benchmark("Scheduler.cancel_named")
def cancel_named(b: Bench) -> Case:
    """As `cancel`, by its name."""
    when, place = retried(b)
    scheduler = b.runtime.scheduler
    tasks = scheduler.tasks.agenda[when]
    b.decides("Preimage", "note_preimage", bytes=content(MAX_SIZE))
    hash = H256(blake2_256(content(MAX_SIZE)))
    found = Lookup(hash, u32(MAX_SIZE))
    tasks[int(place)] = Task(NAME, u8(0), found, None, SystemOrigin(RawRoot()))
    scheduler.tasks.store(when, tasks)
    return b.root("Scheduler", "cancel_named", id=NAME)


@benchmark("Scheduler.set_retry")
def set_retry(b: Bench) -> Case:
    """Set a retry for a task of a full timer queue."""
    return b.root("Scheduler", "set_retry", task=unnamed(b), retries=u8(3), period=u32(5))


@benchmark("Scheduler.set_retry_named")
def set_retry_named(b: Bench) -> Case:
    """As `set_retry`, by its name."""
    fill_slot(b, MAX_SCHEDULED)
    return b.root("Scheduler", "set_retry_named", id=NAME, retries=u8(3), period=u32(5))


@benchmark("Scheduler.cancel_retry")
def cancel_retry(b: Bench) -> Case:
    """Cancel the retry of a task of a full timer queue."""
    return b.root("Scheduler", "cancel_retry", task=retried(b))


@benchmark("Scheduler.cancel_retry_named")
def cancel_retry_named(b: Bench) -> Case:
    """As `cancel_retry`, by its name."""
    retried(b)
    return b.root("Scheduler", "cancel_retry_named", id=NAME)


@benchmark("Scheduler.look", tasks=(1, MAX_SCHEDULED))
def look(b: Bench, tasks: int) -> Case:
    """Find and load a timer queue none of whose tasks fit, and store it again."""
    fill_slot(b, tasks, BLOCK)
    scheduler = b.runtime.scheduler

    def run() -> None:
        when = scheduler.tasks.next_slot()
        assert when is not None
        taken = scheduler.tasks.agenda.take(when) or []
        scheduler.tasks.store(when, taken)
        scheduler.incomplete_since.value = when

    return Case(run=run)


@benchmark("Scheduler.task", length=(0, LONG))
def task(b: Bench, length: int) -> Case:
    """Make a named, retried task whose call is noted and has no owner."""
    inner = long_call(b, length)
    scheduler, preimages = b.runtime.scheduler, b.runtime.preimage
    b.decides("Preimage", "note_preimage", bytes=inner.raw)
    found = Lookup(H256(blake2_256(inner.raw)), u32(len(inner.raw)))
    address = (u32(BLOCK), u32(0))
    entry = Task(NAME, u8(0), found, None, SystemOrigin(RawRoot()))
    scheduler.tasks.lookup[NAME] = address
    scheduler.tasks.retries[address] = RetryConfig(u8(3), u8(3), u32(5))
    del preimages

    def run() -> None:
        assert scheduler.execution.run(address, entry, 10**13) is not None

    return Case(run=run)
