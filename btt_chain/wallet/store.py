"""The folder of a wallet: a file for each account, and the name of the default one.

Files are written whole or not at all, forced to the disk, and readable by their owner alone. None
is ever overwritten: a new account needs a new name.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from btt_chain.primitives.files import OTHERS, make_private_folder, sync_folder, write_file
from btt_chain.wallet.entries import MAX_BYTES, Entry
from btt_chain.wallet.errors import AlreadyThere, Damaged, NoSuchAccount, WalletError
from btt_chain.wallet.names import check_name, is_name_like, same_name

SUFFIX: Final = ".json"
DEFAULT: Final = "default"
"""File with the name of the default account; names of accounts have the suffix."""
MAX_NOTE: Final = 2 << 20
"""Maximum bytes of a remembered call."""


class Wallet:
    """Named accounts in a folder, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    # ---- reading

    def names(self) -> list[str]:
        """Return the names of all accounts, sorted."""
        try:
            found = sorted(each.name for each in self.folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        names = [name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX)]
        return sorted(filter(is_name_like, names), key=str.casefold)

    def find(self, name: str) -> Entry | None:
        """Return the account of a name; None if there is none. Raises Damaged, WalletError."""
        if not is_name_like(name):
            return None
        raw = _read(self._path(name), MAX_BYTES)
        if raw is None:
            return None
        try:
            return Entry.decode(name, raw)
        except Damaged as error:
            raise Damaged(f"{self._path(name)} is damaged: {error}") from None

    def get(self, name: str) -> Entry:
        """Return the account of a name. Raises NoSuchAccount, Damaged."""
        found = self.find(name)
        if found is None and not is_name_like(name):  # it could be a phrase, and is not repeated
            raise NoSuchAccount("there is no account of this name, which is not a valid one")
        if found is None:
            near = same_name(name, self.names())
            hint = f"; did you mean {near}?" if near else f" in {self.folder}"
            raise NoSuchAccount(f"there is no account {name!r}{hint}")
        return found

    def entries(self) -> tuple[list[Entry], dict[str, str]]:
        """Return all accounts, and the errors of those that cannot be read, by name."""
        found: list[Entry] = []
        wrong: dict[str, str] = {}
        for name in self.names():
            try:
                found.append(self.get(name))
            except WalletError as error:
                wrong[name] = str(error)
        return found, wrong

    def of_account(self, account: bytes) -> list[Entry]:
        """Return the readable entries of an account."""
        return [each for each in self.entries()[0] if each.account == account]

    # ---- changes

    def add(self, entry: Entry) -> None:
        """Store a new account. Raises BadName, AlreadyThere, OSError."""
        check_name(entry.name)
        with self._changing():
            self.check_free(entry.name)
            self._write_new(self._path(entry.name), entry.encode())

    def check_free(self, name: str) -> None:
        """Raise BadName or AlreadyThere if an account cannot have this name."""
        check_name(name)
        near = same_name(name, self.names())
        if near is not None:
            raise AlreadyThere(
                f"the wallet has an account {near!r} already: choose another name, or "
                f"rename it first; nothing is overwritten"
            )

    def remove(self, name: str) -> None:
        """Delete an account's file. Raises NoSuchAccount."""
        path = self._path(name)
        if not is_name_like(name) or not path.exists():
            self.get(name)
        path.unlink()
        sync_folder(self.folder)
        if self.default() == name:
            self.set_default(None)

    def rename(self, old: str, new: str) -> None:
        """Give an account another name. Raises NoSuchAccount, BadName, AlreadyThere."""
        entry = self.get(old)
        check_name(new)
        is_default = self.default() == old
        with self._changing():
            near = same_name(new, [each for each in self.names() if each != old])
            if near is not None or new == old:
                raise AlreadyThere(f"the wallet has an account {near or new!r} already")
            self._write_new(self._path(new), entry.renamed(new).encode())
            self._path(old).unlink()
            sync_folder(self.folder)
        if is_default:
            self.set_default(new)

    # ---- default account

    def default(self) -> str | None:
        """Return the name of the default account; None if none is set, or it is gone."""
        raw = _read(self.folder / DEFAULT, MAX_BYTES)
        name = "" if raw is None else raw.decode("utf-8", "replace").strip()
        return name if is_name_like(name) and self._path(name).exists() else None

    def set_default(self, name: str | None) -> None:
        """Set the default account, None for no one. Raises NoSuchAccount."""
        place = self.folder / DEFAULT
        if name is None:
            place.unlink(missing_ok=True)
            return
        self.get(name)
        with self._changing():
            write_file(place, name.encode() + b"\n", private=True)

    # ---- calls

    def remember_call(self, call_hash: bytes, raw: bytes) -> None:
        """Store the bytes of a call whose hash alone is on the chain. They are no secret."""
        place = self._call_path(call_hash)
        with suppress(AlreadyThere):
            self._write_new(place, raw)

    def recall(self, call_hash: bytes) -> bytes | None:
        """Return a stored call by its hash; None if there is none."""
        return _read(self._call_path(call_hash), MAX_NOTE)

    # ---- internals

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Let one program at a time change the folder; remove unfinished files of a killed one."""
        _make_private(self.folder)
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            for left in self.folder.glob(".*.*"):
                left.unlink(missing_ok=True)
            yield
        finally:
            os.close(descriptor)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{SUFFIX}"

    def _call_path(self, call_hash: bytes) -> Path:
        return self.folder / "calls" / call_hash.hex()

    def _write_new(self, path: Path, raw: bytes) -> None:
        _make_private(self.folder)
        _make_private(path.parent)
        try:
            write_file(path, raw, private=True, new=True)
        except FileExistsError:
            raise AlreadyThere(f"{path} is there already; nothing is overwritten") from None


def _make_private(folder: Path) -> None:
    """Make a folder that only its owner may enter. Raises WalletError if others may."""
    make_private_folder(folder)
    if not folder.is_dir():
        raise WalletError(f"{folder} is not a folder")
    if folder.stat().st_mode & OTHERS:
        raise WalletError(f"{folder} can be entered by others: chmod 700 {folder}")


def _read(path: Path, limit: int) -> bytes | None:
    """Return the content of a file, None if there is none. Raises WalletError.

    A file that others may read, or that is not a plain file, is refused.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise WalletError(f"{path} is a link: put the file itself there") from None
        raise WalletError(f"{path} cannot be read: {error.strerror}") from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise WalletError(f"{path} is not a file")
        if found.st_mode & OTHERS:
            raise WalletError(f"{path} can be read by others: chmod 600 {path}")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            raw = file.read(limit + 1)
    finally:
        os.close(descriptor)
    if len(raw) > limit:
        raise WalletError(f"{path} has more than {limit} bytes")
    return raw
