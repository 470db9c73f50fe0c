"""The record of a key that was made by this process and has signed nothing.

An open record holds a descriptor and a lock. Keys of `author_rotateKeys` are often never used, so
the file of such a key is opened by the first change of its record: a signature, or a doubt.
"""

from __future__ import annotations

from collections.abc import Callable

from btt_chain.keystore.errors import RecordError, RecordNotWritten
from btt_chain.keystore.ledger import Ledger
from btt_chain.keystore.record import Record, SigningRecord


class UnusedRecord(Record):
    """A clean record whose file is closed until it changes."""

    def __init__(
        self, genesis_hash: bytes, public_key: bytes, reopen: Callable[[], SigningRecord]
    ) -> None:
        """`reopen` locks and reads the file of the record."""
        super().__init__(genesis_hash, public_key, Ledger())
        self._reopen = reopen
        self._file: SigningRecord | None = None

    def close(self) -> None:
        """Close the file, if it was opened."""
        if self._file is not None:
            self._file.close()

    def _keep(self, ledger: Ledger) -> None:
        if self._file is None:
            self._file = self._opened()
        self._file._keep(ledger)  # noqa: SLF001  (the same record, with a file)
        self.ledger = ledger

    def _opened(self) -> SigningRecord:
        try:
            file = self._reopen()
        except RecordError as problem:
            raise RecordNotWritten(str(problem)) from problem
        if file.ledger != self.ledger:
            file.close()
            raise RecordNotWritten(
                f"{file.path} was changed by another program since the key was made: start the "
                "node again"
            )
        return file
