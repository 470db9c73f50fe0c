"""SQLite files of programs: opened with a version, changed in transactions.

`user_version` of the file is the version of its tables.

| file | `Store` |
|---|---|
| missing or empty | creates the tables and the first facts, in one transaction |
| with the version of its layout | opens it |
| with another version, damaged, locked for too long, or not an SQLite file | raises StoreError |
| without a version, and with tables: of another program | raises StoreError |

StoreError also reports a disk that is full. Nothing of the transaction is written then. A broken
rule of a table, such as UNIQUE, is a mistake of the program: it stays sqlite3.IntegrityError.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Self

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.files import PRIVATE_FILE, make_private_folder

FACTS: Final = "CREATE TABLE facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
"""Table of a store's single values, for the `tables` of a layout."""
BUSY_SECONDS: Final = 30.0
"""Seconds that a program waits for another one that changes the file."""
READER_BUSY_SECONDS: Final = 5.0
DURABLE: Final = ("journal_mode = WAL", "synchronous = FULL")
"""Pragmas of a file whose transactions are on the disk when they end."""

STEPS: Final = 20_000
"""Instructions of SQLite between two checks of the clock, about a millisecond."""

Value = int | bytes | str | None

_MISTAKES: Final = (
    sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError,
    sqlite3.NotSupportedError, sqlite3.DataError,
)  # fmt: skip
"""Errors of a statement or its values, whatever the file is."""


class StoreError(OSError):
    """The file cannot be used, or not at the moment; the message has its path and the reason."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.reason = reason
        """The message for others than the operator."""


class TooSlow(Exception):
    """A query took longer than it may."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Properties of one kind of file."""

    version: int
    """Version of the tables; above 0."""
    tables: str
    """Statements that create them."""
    pragmas: tuple[str, ...] = DURABLE
    owner_only: bool = False
    """True for a file and a folder that only their owner may read."""
    any_thread: bool = False
    """True if several threads use a connection, one at a time."""
    remedy: str = ""
    """Text after the refusal of another version."""


class _File:
    """An open file, and the queries to it."""

    def __init__(
        self, path: Path, patience: float, *, is_read_only: bool, any_thread: bool
    ) -> None:
        """Open the file; it may be locked for `patience` seconds. Raises StoreError."""
        self._path = path
        try:
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro" if is_read_only else path,
                timeout=patience,
                isolation_level=None,
                check_same_thread=not any_thread,
                uri=is_read_only,
            )
        except sqlite3.Error as failure:
            raise self._error(failure) from None
        self._db.row_factory = sqlite3.Row

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def stream(self, statement: str, values: Sequence[Value] = ()) -> Iterator[sqlite3.Row]:
        """Yield the rows of a query as they are read, for results that may be large."""
        try:
            yield from self._db.execute(statement, values)
        except sqlite3.Error as failure:
            raise self._error(failure) from None

    def rows(self, statement: str, values: Sequence[Value] = ()) -> list[sqlite3.Row]:
        """Return the rows of a query."""
        return [*self.stream(statement, values)]

    def row(self, statement: str, values: Sequence[Value] = ()) -> sqlite3.Row | None:
        """Return the first row of a query; None if there are no rows."""
        return next(iter(self.rows(statement, values)), None)

    def _error(self, failure: sqlite3.Error) -> Exception:
        """Return the error of a file; a mistake of the program stays what it is."""
        return failure if isinstance(failure, _MISTAKES) else StoreError(self._path, str(failure))


class Reader(_File):
    """Read access to a file that exists, from any thread; each query is limited in time."""

    def __init__(self, path: Path, seconds: float) -> None:
        """Open the file; a query may take so many seconds. Raises StoreError."""
        super().__init__(path, READER_BUSY_SECONDS, is_read_only=True, any_thread=True)
        self._seconds = seconds
        self._end = 0.0
        self._db.execute("PRAGMA query_only = 1")
        self._db.set_progress_handler(lambda: time.monotonic() > self._end, STEPS)

    def rows(self, statement: str, values: Sequence[Value] = ()) -> list[sqlite3.Row]:
        """Return the rows of a query. Raises TooSlow."""
        self._end = time.monotonic() + self._seconds
        try:
            return super().rows(statement, values)
        except StoreError as error:
            if error.reason == "interrupted":
                raise TooSlow("The query took too long.") from None
            raise


class Store(_File):
    """An open file of one layout."""

    def __init__(
        self, path: Path, layout: Layout, facts: Mapping[str, bytes] | None = None
    ) -> None:
        """Open or create a file and its folder. Raises StoreError, OSError.

        `facts` are stored in a new file, if its layout has `FACTS`.
        """
        if layout.owner_only:
            make_private_folder(path.parent)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE))
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
        super().__init__(path, BUSY_SECONDS, is_read_only=False, any_thread=layout.any_thread)
        try:
            self._prepare(layout, facts or {})
        except BaseException:
            self._db.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Apply all changes inside together, or none of them."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            # On a full disk SQLite has ended the transaction itself.
            if self._db.in_transaction:
                self.execute("ROLLBACK")
            raise

    def execute(self, statement: str, values: Sequence[Value] = ()) -> sqlite3.Cursor:
        """Execute a statement."""
        try:
            return self._db.execute(statement, values)
        except sqlite3.Error as failure:
            raise self._error(failure) from None

    def execute_many(self, statement: str, rows: Iterable[Sequence[Value]]) -> None:
        """Execute a statement with each of the rows."""
        try:
            self._db.executemany(statement, rows)
        except sqlite3.Error as failure:
            raise self._error(failure) from None

    def fact(self, name: str) -> bytes | None:
        """Return a stored fact; None if it was never set."""
        row = self.row("SELECT value FROM facts WHERE name = ?", (name,))
        return None if row is None else bytes(row[0])

    def set_fact(self, name: str, value: bytes) -> None:
        """Store a fact, in place of an earlier value."""
        self.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    # ---- internals

    def _prepare(self, layout: Layout, facts: Mapping[str, bytes]) -> None:
        version = self._checked_version(layout)
        for pragma in layout.pragmas:
            self.execute(f"PRAGMA {pragma}")
        if version == 0:
            with self.transaction():
                # Another process may have created the tables meanwhile.
                if self._checked_version(layout) == 0:
                    self._create(layout, facts)

    def _create(self, layout: Layout, facts: Mapping[str, bytes]) -> None:
        for statement in layout.tables.split(";"):
            self.execute(statement)
        for name, value in facts.items():
            self.set_fact(name, value)
        self.execute(f"PRAGMA user_version = {layout.version}")

    def _checked_version(self, layout: Layout) -> int:
        """Return the version; 0 for an empty file. Raises StoreError for one of another layout."""
        version: int = self.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, layout.version):
            reason = f"version {version}, this program writes {layout.version}{layout.remedy}"
            raise StoreError(self._path, reason)
        if version == 0 and self.row("SELECT 1 FROM sqlite_schema") is not None:
            raise StoreError(self._path, "it has the tables of another program")
        return version


def snapshot(path: Path) -> bytes:
    """Return the content of an SQLite file; what a crash left half written is undone before."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        return bytes(db.serialize())
