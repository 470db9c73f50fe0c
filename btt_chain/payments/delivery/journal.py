"""A merchant's events on disk, with the place in the chain up to which they are known.

One SQLite file. Each step is a transaction that is on the disk when its method returns
(`synchronous=FULL`), so that a crash at any moment loses no event. What waits is on disk, not in
memory. An event may be sent when it is due and no earlier event of its key is open; a settlement
also waits for the payments of its bucket.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from btt_chain.lazyclass import dataclass
from btt_chain.payments.delivery.courier import (
    Closed,
    Decision,
    Delivered,
    Due,
    GivenUp,
    Postponed,
)
from btt_chain.payments.delivery.events import MerchantEvent
from btt_chain.payments.errors import PaymentError
from btt_chain.store import FACTS, Layout, Store

_OPEN: Final = 0
_DELIVERED: Final = 1
_GIVEN_UP: Final = 2
_UNSENT: Final = 3
"""Recorded while there was no webhook."""
_TABLES: Final = """
CREATE TABLE events (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, time_ms INTEGER NOT NULL,
    key TEXT NOT NULL, batch TEXT, body BLOB NOT NULL,
    state INTEGER NOT NULL, attempt INTEGER NOT NULL, due_ms INTEGER, reason TEXT
);
CREATE INDEX open_due ON events (due_ms, seq) WHERE state = 0 AND due_ms IS NOT NULL;
CREATE INDEX open_key ON events (key, seq) WHERE state = 0;
CREATE INDEX open_batch ON events (batch, seq) WHERE state = 0 AND batch IS NOT NULL;
"""
LAYOUT: Final = Layout(1, FACTS + _TABLES)
_BLOCKED: Final = """
EXISTS (SELECT 1 FROM events AS before
        WHERE before.state = 0 AND before.key = events.key AND before.seq < events.seq)
OR EXISTS (SELECT 1 FROM events AS before
        WHERE before.state = 0 AND before.batch = events.key AND before.seq < events.seq)
"""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last final block whose events are in the journal."""

    number: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of events by the state of their delivery."""

    waiting: int
    delivered: int
    given_up: int


@dataclass(frozen=True, slots=True)
class Stored:
    """An event as it is sent."""

    seq: int
    id: str
    body: bytes


class Journal:
    """The journal of one merchant on one chain; made by `open`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @classmethod
    @contextmanager
    def open(cls, path: Path, chain: bytes, merchant: bytes) -> Iterator[Self]:
        """Open or create a journal.

        Raises PaymentError for that of another merchant or chain, StoreError.
        """
        facts = {"chain": chain, "merchant": merchant}
        with Store(path, LAYOUT, facts) as store:
            if any(store.fact(name) != value for name, value in facts.items()):
                raise PaymentError("journal: it is of another merchant or another chain")
            yield cls(store)

    # ---- the chain

    @property
    def cursor(self) -> Cursor | None:
        """The last block whose events are recorded; None for a new journal."""
        raw = self._store.fact("cursor")
        return None if raw is None else Cursor(int.from_bytes(raw[:8], "big"), raw[8:])

    def begin(self, cursor: Cursor) -> None:
        """Set the block after which a new journal begins. Raises PaymentError if it has begun."""
        with self._store.transaction():
            if self.cursor is not None:
                raise PaymentError("journal: it has begun already")
            self._store.set_fact("cursor", _packed(cursor))
            self._store.set_fact("first", _packed(cursor))

    @property
    def first(self) -> Cursor | None:
        """The block after which the journal begins."""
        raw = self._store.fact("first")
        return None if raw is None else Cursor(int.from_bytes(raw[:8], "big"), raw[8:])

    def append(self, cursor: Cursor, events: Sequence[MerchantEvent]) -> bool:
        """Record the events of the block after the cursor. Return True if it was new.

        Raises PaymentError for a later block: the events between would be missing.
        """
        with self._store.transaction():
            before = self.cursor
            if before is None or cursor.number > before.number + 1:
                raise PaymentError(f"journal: block {cursor.number} does not follow its cursor")
            if cursor.number <= before.number:
                return False
            state = _OPEN if self._store.fact("webhook") else _UNSENT
            for event in events:
                self._insert(event, state)
            self._store.set_fact("cursor", _packed(cursor))
            return True

    def bodies(self, types: Sequence[str]) -> Iterator[tuple[str, str, int, bytes]]:
        """Return id, type, time and body of the events of some types, in the order of the chain."""
        marks = ", ".join("?" * len(types))
        rows = self._store.stream(
            f"SELECT id, type, time_ms, body FROM events WHERE type IN ({marks}) ORDER BY seq",  # noqa: S608 - marks only
            tuple(types),
        )
        return (tuple(row) for row in rows)

    # ---- deliveries

    def enable_webhook(self) -> None:
        """Events that are recorded from now on are delivered."""
        with self._store.transaction():
            self._store.set_fact("webhook", b"\1")

    def due(self, now_ms: int, limit: int, flying: frozenset[int] = frozenset()) -> list[Due]:
        """Return events whose next attempt is due, the oldest due first, without those in flight.

        All of them may be sent at once: none has an open event before it.
        """
        rows = self._store.rows(
            "SELECT seq, attempt FROM events WHERE state = 0 AND due_ms IS NOT NULL "
            "AND due_ms <= ? ORDER BY due_ms, seq LIMIT ?",
            (now_ms, limit + len(flying)),
        )
        return [Due(seq, attempt) for seq, attempt in rows if seq not in flying][:limit]

    def next_due(self, flying: frozenset[int] = frozenset()) -> int | None:
        """Return the time of the next attempt of an event not in flight; None if none waits."""
        rows = self._store.rows(
            "SELECT seq, due_ms FROM events WHERE state = 0 AND due_ms IS NOT NULL "
            "ORDER BY due_ms, seq LIMIT ?",
            (len(flying) + 1,),
        )
        return next((due for seq, due in rows if seq not in flying), None)

    def stored(self, seq: int) -> Stored:
        """Return an event as it is sent."""
        ((id, body),) = self._store.rows("SELECT id, body FROM events WHERE seq = ?", (seq,))
        return Stored(seq, id, body)

    def store(self, decision: Decision, reason: str = "") -> None:
        """Record what follows from an attempt; it is on the disk when this returns."""
        with self._store.transaction():
            match decision:
                case Delivered(seq):
                    self._finish(seq, _DELIVERED, "")
                case GivenUp(seq):
                    self._finish(seq, _GIVEN_UP, reason)
                case Postponed(seq, attempt, due_ms):
                    self._store.execute(
                        "UPDATE events SET attempt = ?, due_ms = ?, reason = ? WHERE seq = ?",
                        (attempt, due_ms, reason, seq),
                    )
                case Closed(seq):
                    self._store.execute("UPDATE events SET reason = ? WHERE seq = ?", (reason, seq))

    def retry_now(self, now_ms: int) -> int:
        """Make all waiting events due, and send again those that were given up; their number."""
        with self._store.transaction():
            changed = self._store.execute(
                "UPDATE events SET state = 0, attempt = 0, due_ms = ? WHERE state = ?",
                (None, _GIVEN_UP),
            ).rowcount
            changed += self._store.execute(
                "UPDATE events SET due_ms = ? WHERE state = 0 AND due_ms IS NOT NULL", (now_ms,)
            ).rowcount
            self._store.execute(
                "UPDATE events SET due_ms = CASE WHEN "  # noqa: S608 - constants only
                + _BLOCKED + " THEN NULL ELSE coalesce(due_ms, ?) END WHERE state = 0",
                (now_ms,),
            )  # fmt: skip
            return changed

    def counts(self) -> Counts:
        """Return the numbers of events by state."""
        rows = self._store.rows("SELECT state, count(*) AS number FROM events GROUP BY state")
        counts: dict[int, int] = {row["state"]: row["number"] for row in rows}
        return Counts(counts.get(_OPEN, 0), counts.get(_DELIVERED, 0), counts.get(_GIVEN_UP, 0))

    # ---- internals

    def _insert(self, event: MerchantEvent, state: int) -> None:
        seq = self._store.execute(
            "INSERT INTO events (id, type, time_ms, key, batch, body, state, attempt, due_ms) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, 0, NULL)",
            (event.id, event.type.value, event.time_ms, event.key, event.batch, event.body(),
             state),
        ).lastrowid  # fmt: skip
        if state == _OPEN:
            self._store.execute(
                "UPDATE events SET due_ms = 0 WHERE seq = ? AND NOT (" + _BLOCKED + ")",  # noqa: S608 - constants only
                (seq,),
            )

    def _finish(self, seq: int, state: int, reason: str) -> None:
        """End the delivery of an event, and make those due that waited for it."""
        ((key, batch),) = self._store.rows("SELECT key, batch FROM events WHERE seq = ?", (seq,))
        self._store.execute(
            "UPDATE events SET state = ?, due_ms = NULL, reason = ? WHERE seq = ?",
            (state, reason, seq),
        )
        self._store.execute(
            "UPDATE events SET due_ms = 0 WHERE state = 0 AND due_ms IS NULL AND key IN (?, ?) "  # noqa: S608 - constants only
            "AND NOT (" + _BLOCKED + ")",
            (key, batch),
        )


def _packed(cursor: Cursor) -> bytes:
    return cursor.number.to_bytes(8, "big") + cursor.hash
