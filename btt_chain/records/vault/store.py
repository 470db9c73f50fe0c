"""The folder of a vault.

    vault.json            public: format and id of the vault
    owner.key             the seed, encrypted with a password or with `owner.secret`
    index                 encrypted list of all entries (`index`)
    records/ID.VERSION    nonce 12 || ChaCha20-Poly1305(key_r, content, aad = id || version)
    keys/ID.VERSION       key_r || salt, wrapped for each reader
    tombstones/ID         which entry was erased when, signed; nothing of its content
    custodian.db          a custodian's leaves and roots: hashes only (`custodian.ledger`)

`key_r` and the salt lie in no other file. All writes are atomic, and each change ends with the
index: after `kill -9` at any moment an entry is there as a whole or not at all, because `open`
removes files that the index has not, and completes erasures whose tombstone is written.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from btt_chain.keystore.sealed import NotSealed, Password, Unopened, decode, seal
from btt_chain.primitives.evidence_tree import SALT_SIZE
from btt_chain.primitives.files import Held, Lock, make_private_folder, sync_folder, write_new
from btt_chain.primitives.strict_json import read_json
from btt_chain.records.errors import BadDocument, UnknownRecord, VaultError
from btt_chain.records.keys import VaultId, VaultKeys
from btt_chain.records.shapes import member, objects, octets, text
from btt_chain.records.vault import index as indexes
from btt_chain.records.vault import wiping
from btt_chain.records.vault.index import Entry, Index
from btt_chain.store import snapshot

FORMAT: Final = 1
KEY_TYPE: Final = b"vlt0"
KEY: Final = 32
NONCE: Final = 12
ID: Final = 16
TOMBSTONE: Final = b"btt-tombstone-1"
FOLDERS: Final = ("records", "keys", "tombstones")
LEDGER: Final = "custodian.db"
"""The ledger of a custodian. It is closed while its vault is not in use."""


@dataclass(frozen=True, slots=True)
class Content:
    """The content of an entry, with the salt of its leaf."""

    data: bytes
    salt: bytes


@dataclass(frozen=True, slots=True)
class New:
    """An entry to add; `entry.id` may be that of an earlier version."""

    entry: Entry
    content: Content
    readers: tuple[VaultId, ...] = ()
    """Vaults besides this one that the key is wrapped for."""


def new_id() -> str:
    """Return the id of a new entry."""
    return secrets.token_hex(ID)


def create(folder: Path, keys: VaultKeys, password: Password | None) -> None:
    """Make a vault in a new or empty folder. Raises VaultError, OSError."""
    if folder.exists() and any(folder.iterdir()):
        raise VaultError(f"{folder} is not empty")
    make_private_folder(folder)
    for name in FOLDERS:
        make_private_folder(folder / name)
    _write_owner(folder, keys, password)
    wiping.replace(folder / "index", indexes.encode(Index(), keys))
    public = {"format": FORMAT, "vault": str(keys.id)}
    wiping.replace(folder / "vault.json", json.dumps(public, indent=1).encode() + b"\n")


def replace_key(folder: Path, keys: VaultKeys) -> None:
    """Write the owner's key anew, without a password, after it was restored. Raises VaultError."""
    if _id_of(folder) != str(keys.id):
        raise VaultError(f"{folder} is not a vault of these keys")
    _write_owner(folder, keys, None)


def needs_password(folder: Path) -> bool:
    """Return True if a password protects the vault. Raises VaultError if there is none."""
    try:
        return decode((folder / "owner.key").read_bytes()).cost is not None
    except FileNotFoundError:
        raise VaultError(f"{folder} is not a vault: `btt-chain records init` makes one") from None
    except NotSealed as error:
        raise VaultError(f"{folder / 'owner.key'}: {error}") from None


class Vault:
    """An open vault; made by `open`. One process at a time has it open."""

    def __init__(self, folder: Path, keys: VaultKeys, index: Index) -> None:
        self.folder: Final = folder
        self.keys: Final = keys
        self.index: Final = index

    @classmethod
    @contextmanager
    def open(cls, folder: Path, password: str | None = None) -> Iterator[Self]:
        """Open a vault. Raises VaultError for a wrong password or a damaged file, OSError."""
        is_protected = needs_password(folder)
        if is_protected and password is None:
            raise VaultError(
                f"{folder} needs its password: --vault-password-interactive asks for it"
            )
        try:
            with Lock(folder / "lock"):
                keys = _open_keys(folder, password if is_protected else None)
                for each in (folder, *(folder / name for name in FOLDERS)):
                    wiping.finish(each)
                index = indexes.decode((folder / "index").read_bytes(), keys)
                vault = cls(folder, keys, index)
                vault._recover()
                yield vault
        except Held as error:
            raise VaultError(f"the vault is in use: {error}") from None

    @property
    def id(self) -> VaultId:
        """The public keys of the vault."""
        return self.keys.id

    # ---- reading

    def entries(self, kind: str | None = None) -> list[Entry]:
        """Return the newest version of all entries of a kind, by time, type and logical id."""
        found = [each for each in self.index.entries.values() if kind in (None, each.kind)]
        return sorted(found, key=lambda each: (each.added_ms, each.type, each.logical, each.id))

    def entry(self, name: str, kind: str | None = None) -> Entry:
        """Return an entry by its id, the beginning of it, or the resource's own id.

        Raises UnknownRecord, VaultError if several are meant.
        """
        entries = self.entries(kind)
        found = [each for each in entries if name in (each.id, each.logical)]
        found = found or [each for each in entries if len(name) >= 4 and each.id.startswith(name)]
        if not found:
            raise UnknownRecord(f"the vault has no {kind or 'entry'} {name!r}")
        if len(found) > 1:
            raise VaultError(f"{name!r} means {len(found)} entries: give the id")
        return found[0]

    def read(self, entry: Entry) -> Content:
        """Return the content of an entry. Raises VaultError if a file is missing or damaged."""
        key, salt = self._secret(entry)
        try:
            raw = self._record(entry).read_bytes()
            data = ChaCha20Poly1305(key).decrypt(raw[:NONCE], raw[NONCE:], _aad(entry))
        except (FileNotFoundError, InvalidTag, ValueError):
            raise VaultError(f"the file of entry {entry.id} is missing or damaged") from None
        return Content(data, salt)

    def readers(self, entry: Entry) -> list[VaultId]:
        """Return the vaults that the key of an entry is wrapped for."""
        return [VaultId.parse(name) for name in self._wrapped(entry)]

    # ---- changes

    def add(self, news: Sequence[New]) -> None:
        """Store entries; all of them are there afterwards, or none. Raises OSError."""
        for new in news:
            key, nonce = secrets.token_bytes(KEY), secrets.token_bytes(NONCE)
            wrapped = _wrap(key + new.content.salt, (self.id, *new.readers))
            write_new(self._keys(new.entry), wrapped)
            sealed = ChaCha20Poly1305(key).encrypt(nonce, new.content.data, _aad(new.entry))
            write_new(self._record(new.entry), nonce + sealed)
        for name in ("records", "keys"):
            sync_folder(self.folder / name)
        for new in news:
            indexes.put(self.index, new.entry)
        self.save()

    def allow(self, entry: Entry, reader: VaultId) -> None:
        """Wrap the key of an entry for another vault, too."""
        key, salt = self._secret(entry)
        wiping.replace(self._keys(entry), _wrap(key + salt, (*self.readers(entry), reader)))

    def update(self, entries: Sequence[Entry]) -> None:
        """Store changed facts of entries; contents stay."""
        for entry in entries:
            indexes.put(self.index, entry)
        self.save()

    def save(self) -> None:
        """Write the index. Raises OSError."""
        wiping.replace(self.folder / "index", indexes.encode(self.index, self.keys))

    def erase(self, entry: Entry, now_ms: int) -> list[str]:
        """Erase all versions of an entry, here and in the backups; return unreachable backups.

        The tombstone comes first: an erasure that a crash interrupts is completed by `open`.
        """
        wiping.replace(self.folder / "tombstones" / entry.id, self._tombstone(entry, now_ms))
        self._bury(entry.id)
        return self._erase_in_backups([entry.id])

    # ---- backups

    def back_up(self, folder: Path) -> list[str]:
        """Copy the vault to a folder, and complete erasures there; return what is still pending.

        The copy is a vault of its own, with the same owner. Raises VaultError, OSError.
        """
        if folder.resolve() == self.folder.resolve():
            raise VaultError("a backup lies in another folder than its vault")
        if folder.exists() and any(folder.iterdir()) and _id_of(folder) != str(self.id):
            raise VaultError(f"{folder} is not empty, and no backup of this vault")
        make_private_folder(folder)
        for name in FOLDERS:
            make_private_folder(folder / name)
        if str(folder.resolve()) not in self.index.backups:
            self.index.backups.append(str(folder.resolve()))
            self.save()
        still = self._erase_in_backups([])
        for name in FOLDERS:
            for path in (self.folder / name).iterdir():
                copy = folder / name / path.name
                # Records never change; keys do, when a reader is added.
                if name == "keys" or not copy.exists():
                    _copy(path, copy)
        if (self.folder / LEDGER).exists():
            wiping.replace(folder / LEDGER, snapshot(self.folder / LEDGER))
        for name in ("owner.key", "owner.secret", "vault.json", "index"):
            if (self.folder / name).exists():
                _copy(self.folder / name, folder / name)
        return still

    # ---- internals

    def _recover(self) -> None:
        """Complete erasures, and remove files of entries that were not completely added."""
        buried = {path.name for path in (self.folder / "tombstones").iterdir()}
        for id in sorted(buried & set(self.index.entries)):
            self._bury(id)
        known = {f"{each.id}.{each.version}" for each in self.index.all()}
        for name in ("records", "keys"):
            for path in sorted((self.folder / name).iterdir()):
                if path.name not in known:
                    wiping.wipe(path)

    def _bury(self, id: str) -> None:
        _wipe_files(self.folder, id)
        indexes.drop(self.index, id)
        self.save()

    def _erase_in_backups(self, ids: Sequence[str]) -> list[str]:
        """Erase entries in all backups, with earlier ones that were unreachable."""
        wanted = [(folder, id) for folder, id in self.index.pending]
        wanted += [(folder, id) for folder in self.index.backups for id in ids]
        pending = []
        for backup, id in wanted:
            folder = Path(backup)
            if _id_of(folder) != str(self.id):
                pending.append([backup, id])
                continue
            for each in (folder, *(folder / name for name in FOLDERS)):
                wiping.finish(each)
            tombstone = (self.folder / "tombstones" / id).read_bytes()
            wiping.replace(folder / "tombstones" / id, tombstone)
            _wipe_files(folder, id)
            wiping.replace(
                folder / "index", indexes.encode(_without(folder, self.keys, id), self.keys)
            )
        if pending != self.index.pending:
            self.index.pending[:] = pending
            self.save()
        return sorted({folder for folder, _ in pending})

    def _tombstone(self, entry: Entry, now_ms: int) -> bytes:
        message = TOMBSTONE + bytes.fromhex(entry.id) + now_ms.to_bytes(8, "big")
        found = {"id": entry.id, "erased_ms": now_ms, "vault": str(self.id),
                 "signature": self.keys.sign(message).hex()}  # fmt: skip
        return json.dumps(found, indent=1).encode() + b"\n"

    def _secret(self, entry: Entry) -> tuple[bytes, bytes]:
        """Return key and salt of an entry."""
        wrapped = self._wrapped(entry).get(str(self.id))
        if wrapped is None:
            raise VaultError(f"the key of entry {entry.id} is not wrapped for this vault")
        raw = self.keys.unwrap(wrapped)
        if len(raw) != KEY + SALT_SIZE:
            raise VaultError(f"the key of entry {entry.id} is damaged")
        return raw[:KEY], raw[KEY:]

    def _wrapped(self, entry: Entry) -> dict[str, bytes]:
        try:
            found = objects(member(json.loads(self._keys(entry).read_bytes()), "readers"))
            return {name: octets(found, name) for name in found}
        except (FileNotFoundError, ValueError, BadDocument):
            raise VaultError(f"the keys of entry {entry.id} are missing or damaged") from None

    def _keys(self, entry: Entry) -> Path:
        return self.folder / "keys" / f"{entry.id}.{entry.version}"

    def _record(self, entry: Entry) -> Path:
        return self.folder / "records" / f"{entry.id}.{entry.version}"


def with_anchor(entry: Entry, anchor: indexes.Anchor) -> Entry:
    """Return the entry with another anchor."""
    return entry if anchor in entry.anchors else replace(entry, anchors=(*entry.anchors, anchor))


def _write_owner(folder: Path, keys: VaultKeys, password: Password | None) -> None:
    protection: Password | bytes = secrets.token_bytes(KEY) if password is None else password
    if isinstance(protection, bytes):
        wiping.replace(folder / "owner.secret", protection.hex().encode() + b"\n")
    sealed = seal(KEY_TYPE, "x25519", keys.id.seal, keys.seed, protection)
    wiping.replace(folder / "owner.key", sealed.encode())


def _open_keys(folder: Path, password: str | None) -> VaultKeys:
    try:
        if password is None:
            protection: Password | bytes = bytes.fromhex((folder / "owner.secret").read_text())
        else:
            protection = Password(password)
        return VaultKeys(decode((folder / "owner.key").read_bytes()).open(protection))
    except (Unopened, NotSealed):
        raise VaultError(f"{folder}: wrong password, or owner.key is damaged") from None
    except (FileNotFoundError, ValueError):
        raise VaultError(f"{folder}: owner.key or owner.secret is missing or damaged") from None


def _wrap(secret: bytes, readers: Sequence[VaultId]) -> bytes:
    """Return a file with the secret of an entry, wrapped for each reader."""
    wrapped = {str(reader): reader.wrap(secret).hex() for reader in readers}
    return json.dumps({"readers": wrapped}).encode()


def _copy(path: Path, copy: Path) -> None:
    """Copy a file unless the copy is the same."""
    data = path.read_bytes()
    if not copy.exists() or copy.read_bytes() != data:
        wiping.replace(copy, data)


def _wipe_files(folder: Path, id: str) -> None:
    """Wipe the key files first: without them the records are noise."""
    for name in ("keys", "records"):
        for path in sorted((folder / name).glob(f"{id}.*")):
            wiping.wipe(path)


def _without(folder: Path, keys: VaultKeys, id: str) -> Index:
    found = indexes.decode((folder / "index").read_bytes(), keys)
    indexes.drop(found, id)
    return found


def _id_of(folder: Path) -> str | None:
    """Return the id of the vault in a folder; None if there is none."""
    try:
        return text(read_json((folder / "vault.json").read_bytes()), "vault")
    except (OSError, ValueError, BadDocument):
        return None


def _aad(entry: Entry) -> bytes:
    return bytes.fromhex(entry.id) + entry.version.to_bytes(4, "big")
