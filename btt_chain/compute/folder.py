"""The base of the folders of providers and requesters: one program, its keys, its address."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from btt_chain.primitives.files import Lock, make_private_folder, write_durably

KEY: Final = 32
"""Bytes of a key."""
VERSION: Final = b"1"
"""Version of the files in a folder, which its file `version` has."""


class Damaged(Exception):
    """A file of a provider or requester was changed: restore a copy, or move it away.

    Without a record no challenge of a receipt can be answered, and no result can be opened; without
    a key a provider must `update`.
    """


class OtherVersion(OSError):
    """The files of a folder are of another version; the message has its path and the remedy."""


class WorkFolder:
    """A private folder in which one program works."""

    def __init__(self, folder: Path, *parts: str) -> None:
        """Open or create it and its parts. Raises OtherVersion, OSError."""
        self.path: Final = folder
        for part in parts:
            make_private_folder(folder / part)
        self._check_version()

    def lock(self) -> Lock:
        """Become the program that works here. Raises Held while another one does."""
        return Lock(self.path / "lock")

    @property
    def blobs(self) -> Path:
        """Folder of the store that others fetch from."""
        return self.path / "blobs"

    @property
    def network_seed(self) -> bytes:
        """The seed of the network identity. Raises Damaged, OSError."""
        return self.key("network-key")

    def _check_version(self) -> None:
        """Raise OtherVersion if the files are not of this program's version."""
        file = self.path / "version"
        if not file.exists():
            # New, or of before there was this file: the first version.
            write_durably(file, VERSION)
        version = file.read_bytes()
        if version != VERSION:
            raise OtherVersion(
                f"{self.path}: version {version[:20].decode(errors='replace')}, this program "
                f"writes {VERSION.decode()}: use the program that wrote it"
            )

    def key(self, name: str) -> bytes:
        """Return a secret key; it is created at its first use. Raises Damaged, OSError."""
        file = self.path / name
        with suppress(FileNotFoundError):
            key = file.read_bytes()
            if len(key) != KEY:
                raise Damaged(f"{file} has {len(key)} bytes, a key has {KEY}")
            return key
        key = secrets.token_bytes(KEY)
        write_durably(file, key)
        return key

    def store_listen(self, listen: str, endpoint: str) -> None:
        """Store the listen address, of which `endpoint` is the public form. Raises OSError.

        Registrations and posted jobs name the port, so one that was chosen freely stays the same.
        """
        host, _, port = listen.rpartition("/")
        if port == "0":
            port = endpoint.split("/")[4]
        write_durably(self.path / "listen", f"{host}/{port}".encode())

    def listen(self) -> str | None:
        """Return the last listen address; None before the first run."""
        with suppress(FileNotFoundError):
            return (self.path / "listen").read_text()
        return None
