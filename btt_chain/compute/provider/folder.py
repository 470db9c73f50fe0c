"""A provider's files: its keys, its records, and the blobs behind them."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from btt_chain.compute.blobs.sealing import public_of
from btt_chain.compute.provider.records import Record
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.files import Lock, make_private_folder, write_durably
from btt_chain.scale import DecodeError

KEY: Final = 32


class Damaged(Exception):
    """A file of the provider was changed or damaged: restore a copy, or move it away.

    Without a record no challenge of a receipt can be answered; without a key the provider must
    `update`.
    """


class Folder:
    """The files of one provider for one chain. `served` is public, `inbox` is private."""

    def __init__(self, base: Path, genesis: bytes, account: bytes) -> None:
        """Open or create it. Raises OSError."""
        self.path: Final = base / "provider" / genesis.hex()[:16] / account.hex()[:16]
        make_private_folder(self.path / "records")
        self._records = self.path / "records"

    def lock(self) -> Lock:
        """Become the program that works here. Raises Held while another one does."""
        return Lock(self.path / "lock")

    @property
    def served(self) -> Path:
        """Folder of the store that others fetch from."""
        return self.path / "blobs"

    @property
    def inbox(self) -> Path:
        """Folder of payloads, sealed as received."""
        return self.path / "inbox"

    # ---- keys: created at their first use. All raise Damaged, OSError.

    @property
    def vrf(self) -> KeyPair:
        """The key that decides about planted errors."""
        return KeyPair.from_seed(self._key("vrf-key"))

    @property
    def seal_secret(self) -> bytes:
        """The secret key that opens payloads."""
        return self._key("seal-key")

    @property
    def seal_public(self) -> bytes:
        """The public key that payloads are sealed to."""
        return public_of(self.seal_secret)

    @property
    def network_seed(self) -> bytes:
        """The seed of the network identity."""
        return self._key("network-key")

    def _key(self, name: str) -> bytes:
        file = self.path / name
        with suppress(FileNotFoundError):
            key = file.read_bytes()
            if len(key) != KEY:
                raise Damaged(f"{file} has {len(key)} bytes, a key has {KEY}")
            return key
        key = secrets.token_bytes(KEY)
        write_durably(file, key)
        return key

    # ---- the listen address

    def store_listen(self, listen: str, endpoints: list[str]) -> None:
        """Store the listen address; a freely chosen port stays the same. Raises OSError."""
        host, _, port = listen.rpartition("/")
        if port == "0":
            port = endpoints[0].split("/")[4]
        write_durably(self.path / "listen", f"{host}/{port}".encode())

    def listen(self) -> str | None:
        """Return the last listen address; None before the first run."""
        with suppress(FileNotFoundError):
            return (self.path / "listen").read_text()
        return None

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
