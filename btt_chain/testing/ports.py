"""Ports of networks that start at the same time: reserved until the nodes have bound them.

A port that is free now may be chosen by two programs before either has bound it. So the one
that chooses it holds a lock on a file with its number, for all networks of this user; the kernel
drops the lock with the process that holds it.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from btt_chain.own_files import open_own, own_folder
from btt_chain.testing.errors import DevnetError
from btt_chain.testing.process import free_ports, is_taken


def _folder() -> Path:
    """Return the folder of the locks: of this user alone."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.access(runtime, os.W_OK):
        return Path(runtime) / "btt-chain-ports"
    return Path(tempfile.gettempdir()) / f"btt-chain-ports-{os.getuid()}"


class Reservation:
    """Ports that no other reservation has, until `close`."""

    def __init__(self, folder: Path | None = None) -> None:
        """Reserve nothing yet; `folder` has the locks."""
        self._folder = _folder() if folder is None else folder
        self._locks: dict[int, int] = {}
        """Descriptors of the locked files, by port."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def take(self, port: int) -> bool:
        """Return True if a port is reserved here, as it was free."""
        if port in self._locks:
            return False
        descriptor = self._open(port)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        # Behind the lock: its last holder may have bound the port meanwhile.
        if is_taken(port):
            os.close(descriptor)
            return False
        self._locks[port] = descriptor
        return True

    def take_all(self, ports: Sequence[int]) -> bool:
        """Return True if all of these ports are reserved here, else reserve none of them."""
        taken: list[int] = []
        for port in ports:
            if not self.take(port):
                for other in taken:
                    os.close(self._locks.pop(other))
                return False
            taken.append(port)
        return True

    def free(self, count: int) -> list[int]:
        """Return so many free ports, which are reserved here."""
        found: list[int] = []
        while len(found) < count:
            found += filter(self.take, free_ports(count - len(found)))
        return found

    def close(self) -> None:
        """Give up the reservation: the ports are bound, or not needed."""
        locks, self._locks = self._locks, {}
        for descriptor in locks.values():
            with suppress(OSError):
                os.close(descriptor)

    def _open(self, port: int) -> int:
        try:
            own_folder(self._folder, 0o700)
            return open_own(self._folder / str(port), os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise DevnetError(
                f"ports cannot be reserved in {self._folder}: {error.strerror}. Remove that folder"
            ) from error
