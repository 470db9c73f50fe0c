"""The signing record: a key's signatures, durable before they are used.

One file per key, `<base>/signing/<genesis>/<public key>.json`, apart from the database, so that
neither a restored backup of it nor `purge-chain` makes a validator forget. A signature leaves
`sign_block` and `sign_vote` only after the record that holds it was replaced atomically, and file
and folder were forced to the disk. A lock held for the life of the process keeps a second node on
the same data from signing.

The rules are those of `ledger`; `MemoryRecord` has the same ones for the simulator.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from btt_chain.crypto.hashing import blake2_256
from btt_chain.keystore.errors import (
    RecordDamaged,
    RecordError,
    RecordExists,
    RecordForeign,
    RecordInUse,
    RecordMissing,
    RecordNotWritten,
)
from btt_chain.keystore.ledger import (
    UNKNOWN,
    Cast,
    Ledger,
    Place,
    Refusal,
    Round,
    Sealed,
    maximum,
)
from btt_chain.primitives.digits import from_hex, hex_or_none, to_hex
from btt_chain.primitives.files import Held, Lock, commit, make_private_folder, write_aside
from btt_chain.primitives.grandpa import Stage

VERSION: Final = 1
HASH_LENGTH: Final = 32
SIGNATURE_LENGTH: Final = 64
LARGEST: Final = 1 << 16
"""Maximum bytes of a record file; real ones have about a thousand."""

FLAG: Final = "--i-know-this-key-never-signed"
FORCED: Final = f"its record was begun by {FLAG}"

_U64: Final = 1 << 64
_U32: Final = 1 << 32


class Record(ABC):
    """The signatures of one key on one chain, and the only way to make more."""

    def __init__(self, genesis_hash: bytes, public_key: bytes, ledger: Ledger) -> None:
        self.genesis_hash = genesis_hash
        self.public_key = public_key
        self.ledger = ledger
        """The last signed messages; only `_keep` sets it."""

    def sign_block(
        self, slot: int, pre_seal_hash: bytes, make: Callable[[], bytes]
    ) -> bytes | Refusal:
        """Return the seal of a block, made by `make` (64 bytes) unless it was sealed before.

        Return a Refusal if the rules forbid it. Raises RecordNotWritten when it cannot be recorded;
        the seal is discarded then.
        """
        if not 0 <= slot < _U64:
            raise ValueError(f"slot {slot} is out of range")
        _check_hash(pre_seal_hash)
        said = self.ledger.answer_block(slot, pre_seal_hash)
        if said is not None:
            return said
        seal = make()
        self._keep(self.ledger.with_block(slot, pre_seal_hash, seal))
        return seal

    def sign_vote(
        self,
        set_id: int,
        round: int,
        stage: Stage,
        target_hash: bytes,
        target_number: int,
        make: Callable[[], bytes],
    ) -> bytes | Refusal:
        """Return the signature of a vote, made by `make` (64 bytes) unless it was cast before.

        Return a Refusal if the rules forbid it. Raises RecordNotWritten when it cannot be recorded;
        the signature is discarded then.
        """
        if not (0 <= set_id < _U64 and 0 <= round < _U64 and 0 <= target_number < _U32):
            raise ValueError(f"{target_number} in round {round} of set {set_id} is out of range")
        _check_hash(target_hash)
        place, target = Place.at(set_id, round, stage), (target_hash, target_number)
        said = self.ledger.answer_vote(place, target)
        if said is not None:
            return said
        signature = make()
        self._keep(self.ledger.with_vote(place, target, signature))
        return signature

    def raise_to(self, other: Ledger) -> None:
        """Raise the record to the maximum with `other`: an import, or evidence of the chain.

        An `other` that is unsure makes this record unsure: so a stale one is marked.
        """
        raised = maximum(self.ledger, other)
        if raised != self.ledger:
            self._keep(raised)

    def settle(self, slot: int, set_id: int, standing: int | None = None) -> None:
        """End the doubt after a clear watch. Nothing up to `slot` or in `set_id` is signed.

        The slot is one epoch ahead, the set the current one; `standing` as for `Ledger.settled`.
        """
        self._keep(self.ledger.settled(slot, set_id, standing))

    def doubt(self, reason: str, seen: Ledger | None = None) -> None:
        """Raise the record to what was `seen`, and sign nothing before a watch has ended."""
        doubted = self.ledger.doubted(reason, seen)
        if doubted != self.ledger:
            self._keep(doubted)

    def reopen(self, set_id: int, standing: int) -> None:
        """Open the round `standing` of a closed set, above the record."""
        self._keep(self.ledger.reopened(set_id, standing))

    def launch(self, set_id: int, round: int) -> None:
        """Begin to use a launch record: the chain was found at its start."""
        self._keep(self.ledger.launched(set_id, round))

    @abstractmethod
    def _keep(self, ledger: Ledger) -> None:
        """Make `ledger` durable, then current. Raises RecordNotWritten."""

    @abstractmethod
    def close(self) -> None:
        """Release the key."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(0x{self.public_key.hex()})"


class MemoryRecord(Record):
    """A record without a disk, for the simulator and for tests; loses only what a crash may lose.

    `point` is called with `"record"` before a change is durable and with `"recorded"` after it,
    before the signature is returned; it raises where the simulated process dies.
    """

    def __init__(
        self,
        genesis_hash: bytes,
        public_key: bytes,
        ledger: Ledger | None = None,
        point: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(genesis_hash, public_key, ledger or Ledger())
        self._durable = self.ledger
        self._point = point

    def _keep(self, ledger: Ledger) -> None:
        if self._point is not None:
            self._point("record")
        self._durable = ledger
        if self._point is not None:
            self._point("recorded")
        self.ledger = ledger

    def close(self) -> None:
        """Do nothing: there is no lock."""


class SigningRecord(Record):
    """A record on the disk, locked while it is open."""

    def __init__(
        self, path: Path, genesis_hash: bytes, public_key: bytes, ledger: Ledger, lock: Lock
    ) -> None:
        super().__init__(genesis_hash, public_key, ledger)
        self.path = path
        self._lock = lock
        self._broken: str | None = None

    @classmethod
    def create(
        cls, root: Path, genesis_hash: bytes, public_key: bytes, ledger: Ledger | None = None
    ) -> Self:
        """Make the record of a new key below `root`, `<base>/signing`.

        `ledger` holds known earlier signatures, none by default; it is unsure where these are
        unknown. Raises RecordExists, RecordInUse or RecordNotWritten.
        """
        path = record_path(root, genesis_hash, public_key)
        lock = _locked(path, public_key)
        if path.exists():
            lock.close()
            raise RecordExists(f"{path} exists: the key 0x{public_key.hex()} has a record")
        try:
            record = cls(path, genesis_hash, public_key, Ledger(), lock)
            record._keep(ledger or Ledger())
        except BaseException:
            lock.close()
            raise
        return record

    @classmethod
    def open(cls, root: Path, genesis_hash: bytes, public_key: bytes) -> Self:
        """Open the record of a key.

        Raises RecordMissing, RecordDamaged, RecordForeign, RecordInUse, RecordNotWritten.
        """
        path = record_path(root, genesis_hash, public_key)
        if not path.exists():
            raise RecordMissing(
                f"there is no signing record {path}: if the key 0x{public_key.hex()} has signed "
                "anywhere, bring its record with `btt-chain signing import`; if the chain has not "
                "started yet, `btt-chain network accept` makes it; if the chain runs and the key "
                f"never signed, say so with {FLAG}"
            )
        lock = _locked(path, public_key)
        try:
            return cls(path, genesis_hash, public_key, read(path, genesis_hash, public_key), lock)
        except BaseException:
            lock.close()
            raise

    @classmethod
    def enter(
        cls,
        root: Path,
        genesis_hash: bytes,
        public_key: bytes,
        *,
        is_live: bool,
        forced: bool = False,
    ) -> Self:
        """Open the record; where there is none, decide by the kind of chain.

        On development and local chains one is made. On a live chain this needs `forced`, and the
        record is unsure: the key waits until the watch has ended. A damaged record needs `forced`
        on every chain; the damaged file is kept beside the new one. Raises as `open` does.
        """
        try:
            return cls.open(root, genesis_hash, public_key)
        except RecordMissing:
            if is_live and not forced:
                raise
            ledger = Ledger().doubted(FORCED) if is_live else Ledger()
            return cls.create(root, genesis_hash, public_key, ledger)
        except RecordDamaged:
            if not forced:
                raise
        path = record_path(root, genesis_hash, public_key)
        with _locked(path, public_key):
            try:
                path.replace(path.with_name(f"{path.name}.damaged"))
            except OSError as error:
                raise _not_written(path, error) from error
        return cls.create(root, genesis_hash, public_key, Ledger().doubted(FORCED))

    def close(self) -> None:
        """Release the lock; nothing can be signed afterwards."""
        self._broken = self._broken or "it is closed"
        self._lock.close()

    def _keep(self, ledger: Ledger) -> None:
        if self._broken is not None:
            raise RecordNotWritten(f"{self.path} takes nothing more: {self._broken}")
        data = encode(self.genesis_hash, self.public_key, ledger)
        try:
            aside = write_aside(self.path, data)
        except OSError as error:
            raise _not_written(self.path, error) from error
        try:
            commit(aside, self.path)
        except OSError as error:
            # A restart may find either of the two contents, so this process stops here.
            self._broken = f"the last write failed ({error.strerror}): start the node again"
            raise _not_written(self.path, error) from error
        self.ledger = ledger


# ---- files


def record_path(root: Path, genesis_hash: bytes, public_key: bytes) -> Path:
    """Return the path of a key's record below `<base>/signing`."""
    return root / genesis_hash.hex() / f"{public_key.hex()}.json"


def recorded_keys(root: Path, genesis_hash: bytes) -> list[bytes]:
    """Return the public keys that have a record on a chain, in order."""
    folder = root / genesis_hash.hex()
    if not folder.is_dir():
        return []
    names = [path.stem for path in folder.glob("*.json") if not path.name.startswith(".")]
    return sorted(bytes.fromhex(name) for name in names if _is_key(name))


def read(path: Path, genesis_hash: bytes, public_key: bytes) -> Ledger:
    """Read a record without locking it, to show it only.

    Raises RecordMissing, RecordDamaged, RecordForeign, RecordError.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise RecordMissing(f"there is no signing record {path}") from None
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}") from error
    try:
        genesis, public, ledger = decode(raw)
    except _NotOurs as error:
        raise RecordForeign(f"{path}: {error}") from None
    except ValueError as error:
        raise RecordDamaged(
            f"{path} is damaged ({error}): nothing is signed with it. Make new keys; or, if no "
            f"other node has this key, begin its record anew with {FLAG}, which watches a session "
            "before it signs"
        ) from None
    if genesis != genesis_hash:
        raise RecordForeign(
            f"{path} is of another chain: its genesis is 0x{genesis.hex()}, not "
            f"0x{genesis_hash.hex()}"
        )
    if public != public_key:
        raise RecordForeign(f"{path} is the record of another key, 0x{public.hex()}")
    return ledger


def _locked(path: Path, public_key: bytes) -> Lock:
    try:
        make_private_folder(path.parent)
        return Lock(path.with_suffix(".lock"))
    except Held as held:
        who = f"process {held.holder}" if held.holder else "another process"
        raise RecordInUse(
            f"{who} signs with the key 0x{public_key.hex()} already: two nodes with one key would "
            "be slashed. Stop it first"
        ) from None
    except OSError as error:
        raise _not_written(path, error) from error


def _not_written(path: Path, error: OSError) -> RecordNotWritten:
    return RecordNotWritten(
        f"the signing record {path} cannot be written: {error.strerror}. Nothing was signed"
    )


# ---- file format


class _NotOurs(Exception):
    """A record of an unsupported version."""


def encode(genesis_hash: bytes, public_key: bytes, ledger: Ledger) -> bytes:
    """Return the file of a record: canonical JSON with a checksum at the end."""
    block, round = ledger.block, ledger.round
    fields: dict[str, object] = {
        "version": VERSION,
        "genesis_hash": to_hex(genesis_hash),
        "public_key": to_hex(public_key),
        "unsure": ledger.unsure,
        "babe": block
        and {
            "max_slot": block.slot,
            "pre_seal_hash": hex_or_none(block.pre_seal_hash),
            "seal": hex_or_none(block.seal),
        },
        "grandpa": round
        and {
            "set_id": round.set_id,
            "round": round.round,
            **{stage.name.lower(): _vote_json(round.votes.get(stage)) for stage in Stage},
        },
    }
    # Fields that most records lack are left out.
    if ledger.reason:
        fields["reason"] = ledger.reason
    if ledger.closed_set is not None:
        fields["closed_set"] = ledger.closed_set
    if ledger.launch:
        fields["launch"] = True
    return _text(fields | {"checksum": to_hex(blake2_256(_text(fields)))})


def decode(raw: bytes) -> tuple[bytes, bytes, Ledger]:
    """Return genesis hash, public key and ledger of a record's file.

    ValueError for anything that differs from `encode`'s output, even in one bit.
    """
    try:
        fields = _object(json.loads(raw))
        if fields.get("version") != VERSION and _sum_is_right(fields, raw):
            raise _NotOurs(f"version {fields.get('version')!r} is unknown to this program")
        genesis, public = _known(fields["genesis_hash"]), _known(fields["public_key"])
        ledger = _ledger(fields)
        again = encode(genesis, public, ledger)
    except (KeyError, TypeError, AttributeError, RecursionError, ValueError):
        raise ValueError("it is not what this program writes") from None
    # One content has one form: this covers the checksum, whitespace, and the case of hex.
    if again != raw:
        raise ValueError("the checksum is wrong")
    return genesis, public, ledger


def _ledger(fields: dict[str, object]) -> Ledger:
    reason, closed = fields.get("reason", ""), fields.get("closed_set")
    if not isinstance(reason, str):
        raise TypeError
    return Ledger(
        _block(fields["babe"]),
        _round(fields["grandpa"]),
        fields["unsure"] is True,
        reason=reason,
        closed_set=None if closed is None else _number(closed),
        launch=fields.get("launch") is True,
    )


def _sum_is_right(fields: dict[str, object], raw: bytes) -> bool:
    rest = {name: value for name, value in fields.items() if name != "checksum"}
    return _text(rest | {"checksum": to_hex(blake2_256(_text(rest)))}) == raw


def _text(fields: dict[str, object]) -> bytes:
    return json.dumps(fields, indent=1).encode() + b"\n"


def _vote_json(vote: Cast | None) -> dict[str, object] | None:
    if vote is None:
        return None
    return {
        "hash": hex_or_none(vote.target_hash),
        "number": vote.target_number,
        "signature": hex_or_none(vote.signature),
    }


def _block(value: object) -> Sealed | None:
    if value is None:
        return None
    fields = _object(value)
    return Sealed(
        _number(fields["max_slot"]),
        _bytes(fields["pre_seal_hash"], HASH_LENGTH),
        _bytes(fields["seal"], SIGNATURE_LENGTH),
    )


def _round(value: object) -> Round | None:
    if value is None:
        return None
    fields = _object(value)
    votes = {
        stage: _cast(fields[stage.name.lower()])
        for stage in Stage
        if fields[stage.name.lower()] is not None
    }
    if not votes:
        raise ValueError
    return Round(_number(fields["set_id"]), _number(fields["round"]), votes)


def _cast(value: object) -> Cast:
    fields = _object(value)
    hash, signature = _bytes(fields["hash"], HASH_LENGTH), _bytes(fields["signature"])
    if hash is None and fields["number"] is None and signature is None:
        return UNKNOWN
    return Cast(hash, _number(fields["number"]), signature)


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _U64:
        raise ValueError
    return value


def _bytes(value: object, length: int | None = None) -> bytes | None:
    return None if value is None else from_hex(value, length)


def _known(value: object) -> bytes:
    raw = _bytes(value)
    if raw is None:
        raise TypeError
    return raw


def _is_key(name: str) -> bool:
    try:
        return bytes.fromhex(name).hex() == name
    except ValueError:
        return False


def _check_hash(hash: bytes) -> None:
    if len(hash) != HASH_LENGTH:
        raise ValueError(f"a block hash has {HASH_LENGTH} bytes, not {len(hash)}")
