"""The signing record on a disk that fails, and under hands that should not touch it."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.keystore.errors import (
    RecordDamaged,
    RecordExists,
    RecordForeign,
    RecordInUse,
    RecordMissing,
    RecordNotWritten,
)
from btt_chain.keystore.interchange import export, import_
from btt_chain.keystore.ledger import Ledger, Refusal, Sealed
from btt_chain.keystore.record import SigningRecord, decode, read, record_path, recorded_keys
from btt_chain.keystore.watch import Clear, Seen, Watch, Watching
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import Stage, Target, message_for, signing_payload
from btt_chain.scale import u32

GENESIS, OTHER, KEY, KEY2 = (bytes([n]) * 32 for n in range(1, 5))
A, B = b"\xaa" * 32, b"\xbb" * 32
VOTER = KeyPair.from_uri("//Alice", Scheme.ED25519)


def randomness() -> bytes:
    """A signature that is never the same twice."""
    return secrets.token_bytes(64)


def vote(
    record: SigningRecord, hash: bytes, round: int = 1, stage: Stage = Stage.PREVOTE
) -> object:
    return record.sign_vote(3, round, stage, hash, 9, randomness)


def cast(
    record: SigningRecord, hash: bytes, round: int = 1, stage: Stage = Stage.PREVOTE
) -> object:
    """Vote with a signature that others find valid, as an export needs it."""
    payload = signing_payload(message_for(stage, Target(H256(hash), u32(9))), round, 3)
    return record.sign_vote(3, round, stage, hash, 9, lambda: VOTER.sign(payload))


ROW = '{"public_key":"0xKEY","max_slot":"9","max_vote":null,"unsure":false}'


def exported(*rows: str) -> str:
    head = '"format":"btt-signing-record","version":"1"'
    return f'{{{head},"genesis_hash":"0x{GENESIS.hex()}","keys":[{",".join(rows)}]}}'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "signing"


def test_a_signature_is_on_the_disk_before_it_is_returned(root: Path) -> None:
    with_record = SigningRecord.create(root, GENESIS, KEY)
    seal = with_record.sign_block(7, A, randomness)
    assert isinstance(seal, bytes)
    on_disk = read(with_record.path, GENESIS, KEY)
    assert on_disk == with_record.ledger
    assert on_disk.block == Sealed(7, A, seal)
    with_record.close()


def test_the_same_block_has_the_same_seal_after_a_restart(root: Path) -> None:
    record = SigningRecord.create(root, GENESIS, KEY)
    seal, signature = record.sign_block(7, A, randomness), vote(record, A)
    record.close()
    again = SigningRecord.open(root, GENESIS, KEY)
    assert again.sign_block(7, A, randomness) == seal
    assert vote(again, A) == signature
    assert isinstance(again.sign_block(7, B, randomness), Refusal)
    assert isinstance(vote(again, B), Refusal)
    again.close()


def test_records_are_private(root: Path) -> None:
    record = SigningRecord.create(root, GENESIS, KEY)
    record.sign_block(7, A, randomness)
    assert stat.S_IMODE(record.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(record.path.parent.stat().st_mode) == 0o700
    assert record.path == root / GENESIS.hex() / f"{KEY.hex()}.json"
    record.close()


# ---- a disk that fails, and power cuts


class PowerCut(BaseException):
    """The machine is off: no `except OSError` sees it."""


STEPS = ("open", "write", "fsync", "close", "replace")


def breaking(
    monkeypatch: pytest.MonkeyPatch, step: int, failure: Callable[[], BaseException], after: bool
) -> list[str]:
    """Let the `step`-th call to the system fail, before or after it is done; the calls made."""
    calls: list[str] = []

    def wrap(name: str) -> None:
        real = getattr(os, name)

        def call(*args: object, **kwargs: object) -> object:
            number = len(calls)
            calls.append(name)
            if number == step and not after:
                raise failure()
            result = real(*args, **kwargs)
            if number == step:
                raise failure()
            return result

        monkeypatch.setattr(os, name, call)

    for name in STEPS:
        wrap(name)
    return calls


def steps_of_a_write(root: Path) -> int:
    record = SigningRecord.create(root / "probe", GENESIS, KEY)
    with pytest.MonkeyPatch.context() as patch:
        calls = breaking(patch, -1, PowerCut, after=False)
        record.sign_block(1, A, randomness)
    record.close()
    assert calls == [
        "open", "write", "fsync", "close",  # the new file
        "replace",
        "open", "fsync", "close",  # the folder
    ]  # fmt: skip
    return len(calls)


def no_space() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device")


def collect(received: set[tuple[bytes, bytes]], record: SigningRecord, hash: bytes) -> None:
    """Ask for a block of slot 7; what is answered is on the network."""
    seal = record.sign_block(7, hash, randomness)
    if isinstance(seal, bytes):
        received.add((hash, seal))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("kind", ["power", "disk"])
def test_no_failure_at_any_step_leads_to_two_signatures(root: Path, kind: str, after: bool) -> None:
    for step in range(steps_of_a_write(root)):
        home = root / str(step)
        record = SigningRecord.create(home, GENESIS, KEY)
        record.sign_block(6, A, randomness)
        received: set[tuple[bytes, bytes]] = set()

        with pytest.MonkeyPatch.context() as patch:
            breaking(patch, step, PowerCut if kind == "power" else no_space, after=after)
            with pytest.raises(PowerCut if kind == "power" else RecordNotWritten):
                collect(received, record, A)
        assert received == set()
        if kind == "disk":
            # The process lives on: it signs the other block, or nothing any more.
            with contextlib.suppress(RecordNotWritten):
                collect(received, record, B)
        record.close()
        again = SigningRecord.open(home, GENESIS, KEY)
        for hash in (A, B, A):
            collect(received, again, hash)
        again.close()
        # Whatever was received for the slot is one block with one seal.
        assert len(received) == 1, (step, kind, after)


def test_a_full_disk_signs_nothing_and_says_so(root: Path) -> None:
    record = SigningRecord.create(root, GENESIS, KEY)
    with pytest.MonkeyPatch.context() as patch:
        breaking(patch, 1, no_space, after=False)
        with pytest.raises(RecordNotWritten, match=r"No space left.*Nothing was signed") as caught:
            record.sign_block(7, A, randomness)
    assert str(record.path) in str(caught.value)
    assert not list(record.path.parent.glob(".*"))
    assert isinstance(record.sign_block(7, B, randomness), bytes)
    record.close()


def test_a_read_only_disk_signs_nothing(root: Path) -> None:
    record = SigningRecord.create(root, GENESIS, KEY)
    with pytest.MonkeyPatch.context() as patch:
        # Permissions would not stop root.
        breaking(patch, 0, lambda: OSError(errno.EROFS, "Read-only file system"), after=False)
        with pytest.raises(RecordNotWritten, match="Read-only file system"):
            record.sign_block(7, A, randomness)
    assert record.ledger == Ledger()
    record.close()


def test_a_folder_that_cannot_be_made_is_a_plain_error(root: Path) -> None:
    root.write_text("a file stands where the folder should")
    with pytest.raises(RecordNotWritten, match=r"Not a directory|File exists"):
        SigningRecord.create(root, GENESIS, KEY)


def test_a_closed_record_signs_nothing(root: Path) -> None:
    record = SigningRecord.create(root, GENESIS, KEY)
    record.close()
    with pytest.raises(RecordNotWritten, match="closed"):
        record.sign_block(7, A, randomness)


# ---- damage, foreign files, force


def test_every_flipped_bit_is_found(root: Path) -> None:
    record = SigningRecord.create(root, GENESIS, KEY)
    record.sign_block(7, A, randomness)
    vote(record, A)
    raw = record.path.read_bytes()
    decode(raw)
    for at in range(len(raw)):
        for bit in range(8):
            damaged = bytearray(raw)
            damaged[at] ^= 1 << bit
            with pytest.raises(ValueError, match=r"checksum|not what this"):
                decode(bytes(damaged))
    for length in range(0, len(raw), 17):
        with pytest.raises(ValueError, match=r"checksum|not what this"):
            decode(raw[:length])
    record.close()


def test_a_damaged_record_is_refused_until_force_and_then_unsure(root: Path) -> None:
    record = SigningRecord.create(root, GENESIS, KEY)
    record.sign_block(7, A, randomness)
    record.close()
    record.path.write_bytes(record.path.read_bytes()[:-9])
    for is_live in (False, True):
        with pytest.raises(RecordDamaged, match=r"is damaged.*Make new keys.*--i-know"):
            SigningRecord.enter(root, GENESIS, KEY, is_live=is_live)
    forced = SigningRecord.enter(root, GENESIS, KEY, is_live=False, forced=True)
    assert isinstance(forced.sign_block(100, A, randomness), Refusal)
    assert record.path.with_name(record.path.name + ".damaged").exists()
    forced.settle(slot=120, set_id=2)
    assert isinstance(forced.sign_block(121, A, randomness), bytes)
    forced.close()


def test_a_record_of_another_chain_or_key_is_refused(root: Path) -> None:
    for genesis, key in ((OTHER, KEY), (GENESIS, KEY2)):
        made = SigningRecord.create(root, genesis, key)
        made.close()
        here = record_path(root, GENESIS, KEY)
        here.parent.mkdir(parents=True, exist_ok=True)
        here.write_bytes(made.path.read_bytes())
        with pytest.raises(RecordForeign, match=r"of another (chain|key)") as caught:
            SigningRecord.open(root, GENESIS, KEY)
        assert str(here) in str(caught.value)


def test_a_missing_record_is_made_on_development_chains_only(root: Path) -> None:
    with pytest.raises(RecordMissing, match="--i-know-this-key-never-signed"):
        SigningRecord.enter(root, GENESIS, KEY, is_live=True)
    assert not root.exists()
    local = SigningRecord.enter(root, GENESIS, KEY, is_live=False)
    assert isinstance(local.sign_block(1, A, randomness), bytes)
    local.close()
    forced = SigningRecord.enter(root, GENESIS, KEY2, is_live=True, forced=True)
    assert forced.ledger.unsure
    forced.close()
    # Unsure it stays, through any number of restarts.
    again = SigningRecord.enter(root, GENESIS, KEY2, is_live=True)
    assert isinstance(again.sign_block(1, A, randomness), Refusal)
    again.close()


def test_a_record_is_never_made_anew(root: Path) -> None:
    SigningRecord.create(root, GENESIS, KEY).close()
    with pytest.raises(RecordExists):
        SigningRecord.create(root, GENESIS, KEY)
    assert recorded_keys(root, GENESIS) == [KEY]
    assert recorded_keys(root, OTHER) == []


# ---- export and import


def test_an_older_backup_changes_nothing(root: Path) -> None:
    record = SigningRecord.create(root, GENESIS, KEY)
    record.sign_block(7, A, randomness)
    record.close()
    backup = export(root, GENESIS)
    record = SigningRecord.open(root, GENESIS, KEY)
    record.sign_block(9, A, randomness)
    vote(record, A)
    before = record.ledger
    record.close()
    assert import_(root, GENESIS, backup) == [KEY]
    again = SigningRecord.open(root, GENESIS, KEY)
    assert again.ledger == before
    again.close()


def test_a_newer_export_raises_the_record(root: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    for home, slot, round in ((root, 7, 5), (there, 20, 2)):
        record = SigningRecord.create(home, GENESIS, VOTER.public)
        record.sign_block(slot, A, randomness)
        cast(record, A, round)
        record.close()
    import_(root, GENESIS, export(there, GENESIS))
    record = SigningRecord.open(root, GENESIS, VOTER.public)
    # The greater of each: slots from there, rounds from here.
    for hash in (A, B):
        assert isinstance(record.sign_block(20, hash, randomness), Refusal)
        assert isinstance(cast(record, hash, 4), Refusal)
    assert isinstance(record.sign_block(21, A, randomness), bytes)
    assert isinstance(cast(record, A, 5, Stage.PRECOMMIT), bytes)
    record.close()


def test_an_import_makes_what_is_missing(root: Path, tmp_path: Path) -> None:
    record = SigningRecord.create(root, GENESIS, VOTER.public)
    cast(record, A, 5, Stage.PRECOMMIT)
    record.close()
    here = tmp_path / "here"
    assert import_(here, GENESIS, export(root, GENESIS)) == [VOTER.public]
    moved = SigningRecord.open(here, GENESIS, VOTER.public)
    for stage in Stage:
        assert isinstance(cast(moved, B, 5, stage), Refusal)
    for stage in (Stage.PROPOSE, Stage.PREVOTE):
        assert isinstance(cast(moved, A, 5, stage), Refusal)
    assert isinstance(cast(moved, A, 6), bytes)
    moved.close()


def test_a_moved_key_sends_the_votes_of_its_round_again(root: Path, tmp_path: Path) -> None:
    # A round that waits for this validator cannot end without them.
    record = SigningRecord.create(root, GENESIS, VOTER.public)
    votes = [cast(record, A, 5, stage) for stage in (Stage.PREVOTE, Stage.PRECOMMIT)]
    record.close()
    here = tmp_path / "here"
    import_(here, GENESIS, export(root, GENESIS))
    moved = SigningRecord.open(here, GENESIS, VOTER.public)
    assert [cast(moved, A, 5, stage) for stage in (Stage.PREVOTE, Stage.PRECOMMIT)] == votes
    moved.close()


@pytest.mark.parametrize(
    ("field", "forged"),
    [
        ("signature", "0x" + "11" * 64), ("hash", "0x" + B.hex()), ("number", "10"), ("round", "6"),
        ("set_id", "4"), ("public_key", "0x" + KEY.hex()),
    ],
)  # fmt: skip
def test_a_vote_that_its_key_did_not_sign_is_not_imported(
    root: Path, tmp_path: Path, field: str, forged: str
) -> None:
    # On the code before it was taken, and sent as this validator's vote by the new machine.
    record = SigningRecord.create(root, GENESIS, VOTER.public)
    cast(record, A, 5)
    record.close()
    changed = re.sub(rf'"{field}": "[^"]*"', f'"{field}": "{forged}"', export(root, GENESIS))
    here = tmp_path / "here"
    with pytest.raises(RecordDamaged, match=r"the prevote of round \d of set \d is not signed by"):
        import_(here, GENESIS, changed)
    assert recorded_keys(here, GENESIS) == []


def test_what_stops_a_key_moves_with_it(root: Path, tmp_path: Path) -> None:
    for number, ledger in enumerate(
        (
            Ledger(launch=True),
            Ledger(closed_set=4),
            Ledger().doubted("another node voted with it", Ledger(Sealed(5, None, None))),
        )
    ):
        there, here = tmp_path / f"there{number}", tmp_path / f"here{number}"
        SigningRecord.create(there, GENESIS, KEY, ledger).close()
        import_(here, GENESIS, export(there, GENESIS))
        moved = SigningRecord.open(here, GENESIS, KEY)
        assert moved.ledger == ledger
        moved.close()


def test_a_running_key_is_neither_exported_nor_imported(root: Path) -> None:
    record = SigningRecord.create(root, GENESIS, KEY)
    row = ROW.replace("KEY", KEY.hex())
    with pytest.raises(RecordInUse):
        export(root, GENESIS)
    with pytest.raises(RecordInUse):
        import_(root, GENESIS, exported(row))
    assert record.ledger == Ledger()
    record.close()


@pytest.mark.parametrize(
    "row",
    [
        '{"public_key":"0x00","max_slot":"9","max_vote":null,"unsure":false}',
        '{"public_key":"0xKEY","max_slot":9,"max_vote":null,"unsure":false}',
        '{"public_key":"0xKEY","max_slot":"18446744073709551616","max_vote":null,"unsure":false}',
        '{"public_key":"0xKEY","max_slot":"-1","max_vote":null,"unsure":false}',
        '{"public_key":"0xKEY","max_slot":null,"max_vote":{"set_id":"1"},"unsure":false}',
        '{"public_key":"0xKEY","max_slot":null,"max_vote":[],"unsure":false}',
        '{"public_key":"0xKEY","max_slot":"9","max_vote":null}',
        "7",
    ],
)
def test_what_is_no_export_is_refused_whole(root: Path, row: str) -> None:
    good = ROW.replace("KEY", KEY2.hex())
    text = exported(good, row.replace("KEY", KEY.hex()))
    with pytest.raises(RecordDamaged):
        import_(root, GENESIS, text)
    assert recorded_keys(root, GENESIS) == []


def test_an_export_of_another_chain_is_refused(root: Path) -> None:
    SigningRecord.create(root, OTHER, KEY).close()
    with pytest.raises(RecordForeign, match="of another chain"):
        import_(root, GENESIS, export(root, OTHER))
    with pytest.raises(RecordForeign, match="was not made by"):
        import_(root, GENESIS, export(root, OTHER).replace('"1"', '"2"'))
    for text in ("", "null", "{}", "[" * 100_000):
        with pytest.raises(RecordDamaged):
            import_(root, GENESIS, text)


# ---- the watch


def test_a_silent_session_is_clear() -> None:
    watch = Watch(started=100, slots=20)
    assert watch.at(100) == Watching(until=120)
    assert watch.at(120) == Watching(until=120)
    assert watch.at(121) == Clear()


def test_a_new_block_with_our_seal_is_another_node() -> None:
    watch = Watch(started=100, slots=20)
    watch.block(KEY, 100, A)
    assert watch.at(101) == Watching(until=120)
    watch.block(KEY, 101, B)
    watch.block(KEY2, 102, A)
    verdict = watch.at(200)
    assert isinstance(verdict, Seen)
    assert verdict.public_key == KEY
    assert "for slot 101" in verdict.what


def test_a_vote_of_a_later_round_is_another_node_and_of_an_older_one_is_us() -> None:
    watch = Watch(started=100, slots=20, newest_round=(2, 7))
    watch.vote(KEY, 2, 7, Stage.PREVOTE, A)
    watch.vote(KEY, 1, 90, Stage.PREVOTE, A)
    assert watch.at(101) == Watching(until=120)
    watch.vote(KEY, 2, 8, Stage.PREVOTE, A)
    verdict = watch.at(101)
    assert isinstance(verdict, Seen)
    assert "prevote of round 8 of set 2" in verdict.what


def test_what_the_watch_has_observed_raises_the_record(root: Path) -> None:
    watch = Watch(started=100, slots=20, newest_round=(2, 7))
    watch.block(KEY, 99, A)
    watch.vote(KEY, 2, 7, Stage.PREVOTE, A)
    record = SigningRecord.create(root, GENESIS, KEY)
    record.raise_to(watch.observed[KEY])
    assert isinstance(record.sign_block(99, A, randomness), Refusal)
    assert isinstance(record.sign_vote(2, 7, Stage.PREVOTE, A, 9, randomness), Refusal)
    assert isinstance(record.sign_vote(2, 7, Stage.PRECOMMIT, A, 9, randomness), bytes)
    record.close()
