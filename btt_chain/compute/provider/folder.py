"""A provider's files: its keys, its records, and the blobs behind them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from btt_chain.compute.blobs.sealing import public_of
from btt_chain.compute.folder import Damaged, WorkFolder
from btt_chain.compute.provider.records import Record
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.files import write_durably
from btt_chain.scale import DecodeError


class Folder(WorkFolder):
    """The files of one provider for one chain. `blobs` is public, `inbox` is private."""

    def __init__(self, base: Path, genesis: bytes, account: bytes) -> None:
        """Open or create it. Raises OSError."""
        super().__init__(base / "provider" / genesis.hex()[:16] / account.hex()[:16], "records")
        self._records: Final = self.path / "records"

    @property
    def inbox(self) -> Path:
        """Folder of payloads, sealed as received."""
        return self.path / "inbox"

    # ---- keys: created at their first use. All raise Damaged, OSError.

    @property
    def vrf(self) -> KeyPair:
        """The key that decides about planted errors."""
        return KeyPair.from_seed(self.key("vrf-key"))

    @property
    def seal_secret(self) -> bytes:
        """The secret key that opens payloads."""
        return self.key("seal-key")

    @property
    def seal_public(self) -> bytes:
        """The public key that payloads are sealed to."""
        return public_of(self.seal_secret)

    # ---- records

    def keep(self, record: Record) -> None:
        """Force a record to the disk. Raises OSError."""
        write_durably(self._file(record), record.encode())

    def forget(self, record: Record) -> None:
        """Delete a record, unless another one has replaced it. Raises OSError."""
        file = self._file(record)
        with suppress(FileNotFoundError):
            if _read(file).receipt == record.receipt:
                file.unlink()

    def records(self) -> list[Record]:
        """Return all records. Raises Damaged, OSError."""
        return [_read(file) for file in sorted(self._records.glob("*.rec"))]

    def _file(self, record: Record) -> Path:
        return self._records / f"{record.job.hex()}.rec"


def _read(file: Path) -> Record:
    try:
        return Record.decode(file.read_bytes())
    except DecodeError as error:
        raise Damaged(f"{file} is damaged: {error}") from None
