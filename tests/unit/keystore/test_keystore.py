"""Key files: encrypted, private, and seen as soon as they are there."""

from __future__ import annotations

import json
import logging
import os
import pickle
import stat
from pathlib import Path

import pytest

from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.keystore.errors import (
    KeyFileDamaged,
    KeyFileExposed,
    KeyFileForeign,
    KeyMismatch,
    KeystoreError,
    PasswordNeeded,
    RecordError,
    RecordMissing,
    RecordNotWritten,
    UnknownKeyType,
    WrongPassword,
)
from btt_chain.keystore.key_manager import KeyManager
from btt_chain.keystore.record import recorded_keys
from btt_chain.keystore.sealed import Cost, NotSealed, Password, decode, seal
from btt_chain.keystore.store import BABE, GRANDPA, Keystore

ALICE = KeyPair.from_uri("//Alice")
ALICE_GRANDPA = KeyPair.from_uri("//Alice", Scheme.ED25519)
CHEAP = Cost(n=4)
PASSWORD = Password("correct horse", CHEAP)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "chains" / "x" / "keystore"


def file_of(folder: Path) -> Path:
    (found,) = folder.glob("*.json")
    return found


@pytest.mark.parametrize("password", [None, PASSWORD])
def test_a_key_comes_back_from_its_file(folder: Path, password: Password | None) -> None:
    store = Keystore.open(folder, password)
    assert store.insert(BABE, "//Alice") == ALICE.public
    assert store.insert(GRANDPA, "//Alice", ALICE_GRANDPA.public) == ALICE_GRANDPA.public
    made = store.generate(BABE)
    again = Keystore.open(folder, password)
    assert again.public_keys(BABE) == sorted([ALICE.public, made])
    assert again.public_keys(GRANDPA) == [ALICE_GRANDPA.public]
    pair = again.pair(BABE, ALICE.public)
    assert pair is not None
    assert ALICE.verify(b"hello", pair.sign(b"hello"))
    assert again.pair(GRANDPA, ALICE_GRANDPA.public) == ALICE_GRANDPA
    assert again.has(BABE, made)
    assert not again.has(GRANDPA, made)


@pytest.mark.parametrize("password", [None, PASSWORD])
def test_files_are_private_and_hold_no_secret_in_the_open(
    folder: Path, password: Password | None
) -> None:
    Keystore.open(folder, password).insert(GRANDPA, "//Alice")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    raw = file_of(folder).read_bytes()
    assert ALICE_GRANDPA.secret not in raw
    assert ALICE_GRANDPA.secret.hex().encode() not in raw
    assert (folder / "secret").exists() is (password is None)


def test_passwords_are_stretched_by_a_cost_of_32_mebibytes() -> None:
    file = seal(BABE, "sr25519", ALICE.public, ALICE.secret, Password("x"))
    assert file.cost == Cost(n=1 << 15, r=8, p=1)
    assert decode(file.encode()).open(Password("x")) == ALICE.secret


def test_a_wrong_password_names_the_file(folder: Path) -> None:
    Keystore.open(folder, PASSWORD).insert(BABE, "//Alice")
    with pytest.raises(WrongPassword) as caught:
        Keystore.open(folder, Password("battery staple", CHEAP))
    assert str(file_of(folder)) in str(caught.value)
    assert "staple" not in str(caught.value)
    with pytest.raises(PasswordNeeded, match="--password-filename"):
        Keystore.open(folder)


def test_a_running_keystore_keeps_no_password_and_still_makes_and_reads_keys(folder: Path) -> None:
    held = Password("correct horse", CHEAP)
    store = Keystore.open(folder, held)
    held.forget()
    made = store.generate(BABE)
    beside = Keystore.open(folder, Password("correct horse", CHEAP))
    later = beside.insert(GRANDPA, "//Alice")
    assert store.has(GRANDPA, later)
    assert Keystore.open(folder, Password("correct horse", CHEAP)).has(BABE, made)
    assert b"correct horse" not in pickle.dumps([getattr(held, name) for name in held.__slots__])


def test_a_file_with_another_salt_needs_the_password_again(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    word = tmp_path / "word"
    word.write_text("correct horse")
    forgets = Password("correct horse", CHEAP)
    rereads = Password("correct horse", CHEAP, read_again=word.read_text)
    stores = Keystore.open(folder, forgets), Keystore.open(folder, rereads)
    forgets.forget()
    rereads.forget()
    public = Keystore(folder, Password("correct horse", CHEAP)).insert(BABE, "//Alice")
    assert [store.has(BABE, public) for store in stores] == [False, True]
    assert "start it with --password-filename" in caplog.text


def test_a_key_file_is_of_no_use_without_the_secret_beside_it(folder: Path, tmp_path: Path) -> None:
    Keystore.open(folder).insert(BABE, "//Alice")
    name = file_of(folder).name
    copied = tmp_path / "copied"
    copied.mkdir(0o700)
    (copied / name).write_bytes((folder / name).read_bytes())
    (copied / name).chmod(0o600)
    with pytest.raises(KeystoreError, match=r"secret is missing"):
        Keystore.open(copied)
    (copied / "secret").write_bytes(b"x" * 32)
    (copied / "secret").chmod(0o600)
    with pytest.raises(KeyFileDamaged, match="do not belong together"):
        Keystore.open(copied)
    (copied / "secret").write_bytes(b"short")
    with pytest.raises(KeystoreError, match="is damaged: it has not 32 bytes"):
        Keystore.open(copied)


def test_every_byte_of_a_key_file_counts(folder: Path) -> None:
    Keystore.open(folder, PASSWORD).insert(BABE, "//Alice")
    path = file_of(folder)
    raw = path.read_bytes()
    fields = json.loads(raw)
    for at in range(len(raw)):
        damaged = bytearray(raw)
        damaged[at] ^= 1
        if _same(bytes(damaged), fields):
            continue  # a space, or the case of a hex digit: it says the same
        path.write_bytes(damaged)
        with pytest.raises((KeyFileDamaged, WrongPassword, KeyFileForeign)):
            Keystore.open(folder, PASSWORD)


def _same(raw: bytes, fields: dict[str, object]) -> bool:
    try:
        return bool(json.loads(raw.lower()) == fields)
    except ValueError:
        return False


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('"//Alice"', "key file of Substrate"),
        ("{}", "not a key file"),
        ('{"ciphertext": "", "version": 9}', "version 9 is unknown"),
        ('{"ciphertext": "", "version": 1}', "a field is missing"),
    ],
)
def test_what_is_no_key_file_says_why(folder: Path, text: str, words: str) -> None:
    folder.mkdir(parents=True)
    path = folder / f"babe-{ALICE.public.hex()}.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeyFileDamaged, match=words) as caught:
        Keystore.open(folder)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("n", "r", "p"), [(1 << 28, 8, 1), (3, 8, 1), (4, 0, 1), (4, 8, 99)])
def test_a_file_cannot_make_scrypt_eat_the_machine(n: int, r: int, p: int) -> None:
    fields = json.loads(seal(BABE, "sr25519", ALICE.public, b"s" * 32, PASSWORD).encode())
    fields["kdf"] |= {"n": n, "r": r, "p": p}
    with pytest.raises(NotSealed):
        decode(json.dumps(fields).encode())


def test_a_file_that_others_can_read_is_refused(folder: Path) -> None:
    Keystore.open(folder).insert(BABE, "//Alice")
    path = file_of(folder)
    path.chmod(0o644)
    with pytest.raises(KeyFileExposed, match=r"mode 644.*chmod 600") as caught:
        Keystore.open(folder)
    assert str(path) in str(caught.value)
    path.chmod(0o600)
    (folder / "secret").chmod(0o640)
    with pytest.raises(KeyFileExposed, match="secret"):
        Keystore.open(folder)


def test_a_foreign_file_and_a_renamed_one_are_refused(folder: Path) -> None:
    Keystore.open(folder).insert(BABE, "//Alice")
    foreign = folder / "notes.txt"
    foreign.write_text("buy milk")
    with pytest.raises(KeyFileForeign, match=r"notes\.txt is not a key file"):
        Keystore.open(folder)
    foreign.unlink()
    path = file_of(folder)
    path.rename(folder / f"babe-{ALICE_GRANDPA.public.hex()}.json")
    with pytest.raises(KeyFileDamaged, match="was renamed"):
        Keystore.open(folder)


def test_keys_come_and_go_while_the_node_runs(folder: Path) -> None:
    running = Keystore.open(folder)
    assert running.public_keys(BABE) == []
    command = Keystore.open(folder)
    command.insert(BABE, "//Alice")
    assert running.public_keys(BABE) == [ALICE.public]
    file_of(folder).unlink()
    assert running.public_keys(BABE) == []
    assert running.pair(BABE, ALICE.public) is None


def test_a_bad_file_beside_a_running_node_is_reported_once_and_left_out(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    running = Keystore.open(folder)
    running.insert(BABE, "//Alice")
    bob = running.insert(BABE, "//Bob")
    path = folder / f"babe-{bob.hex()}.json"
    path.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert running.public_keys(BABE) == [ALICE.public]
    assert len(caplog.records) == 1
    path.chmod(0o600)
    assert running.public_keys(BABE) == sorted([ALICE.public, bob])


def test_only_files_that_changed_are_read_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Keystore.open(folder)
    store.insert(BABE, "//Alice")
    opened: list[object] = []
    real = os.open

    def watched(path: str, flags: int) -> int:
        opened.append(path)
        return real(path, flags)

    monkeypatch.setattr(os, "open", watched)
    for _ in range(3):
        store.public_keys(BABE)
    assert opened == []


def test_a_pair_is_found_without_listing_the_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Keystore.open(folder)
    store.insert(BABE, "//Alice")
    listed: list[object] = []
    real = os.scandir

    def watched(path: Path) -> object:
        listed.append(path)
        return real(path)

    monkeypatch.setattr(os, "scandir", watched)
    for _ in range(3):
        assert store.pair(BABE, ALICE.public) is not None
        assert store.pair(GRANDPA, ALICE_GRANDPA.public) is None
    assert listed == []


def test_a_pair_follows_its_file_at_once(folder: Path) -> None:
    running, command = Keystore.open(folder), Keystore.open(folder)
    assert running.pair(BABE, ALICE.public) is None
    command.insert(BABE, "//Alice")
    assert running.pair(BABE, ALICE.public) == ALICE
    path = file_of(folder)
    path.chmod(0o644)
    assert running.pair(BABE, ALICE.public) is None
    path.chmod(0o600)
    assert running.pair(BABE, ALICE.public) == ALICE
    kept = path.read_bytes()
    path.unlink()
    assert running.pair(BABE, ALICE.public) is None
    path.write_bytes(kept)
    path.chmod(0o600)
    assert running.pair(BABE, ALICE.public) == ALICE


def test_keys_in_memory_leave_no_file(folder: Path) -> None:
    store = Keystore.open(folder)
    store.remember(BABE, "//Alice")
    assert store.public_keys(BABE) == [ALICE.public]
    assert store.has(BABE, ALICE.public)
    assert not folder.exists()
    memory = Keystore()
    memory.insert(GRANDPA, "//Alice")
    assert memory.public_keys(GRANDPA) == [ALICE_GRANDPA.public]
    assert len(memory.generate(BABE)) == 32


def test_what_is_no_key_is_refused_without_repeating_it(folder: Path) -> None:
    store = Keystore.open(folder)
    with pytest.raises(KeyMismatch):
        store.insert(BABE, "//Alice", ALICE_GRANDPA.public)
    with pytest.raises(UnknownKeyType, match="babe and gran"):
        store.insert(b"aura", "//Alice")
    for secret in ("hunter2!", "", "//Alice/soft"):
        with pytest.raises(KeystoreError) as caught:
            store.insert(GRANDPA, secret)
        assert "hunter2" not in str(caught.value)
    assert not folder.exists()


def test_nothing_shows_a_secret(folder: Path) -> None:
    store = Keystore.open(folder, PASSWORD)
    store.insert(GRANDPA, "//Alice")
    shown = f"{store!r} {store} {PASSWORD!r} {store.pair(GRANDPA, ALICE_GRANDPA.public)!r}"
    assert "correct horse" not in shown
    assert ALICE_GRANDPA.secret.hex() not in shown


def test_a_keystore_that_cannot_be_written_is_a_plain_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(KeystoreError, match="cannot be"):
        Keystore(tmp_path / "file" / "keystore").insert(BABE, "//Alice")


# ---- keys with their records


def key_manager(tmp_path: Path, *, is_live: bool) -> KeyManager:
    store = Keystore.open(tmp_path / "keystore")
    return KeyManager(store, tmp_path / "signing", b"\1" * 32, is_live=is_live, forced=False)


def test_a_key_from_elsewhere_has_no_record_on_a_live_chain(tmp_path: Path) -> None:
    live = key_manager(tmp_path, is_live=True)
    public = live.insert(BABE, "//Alice")
    assert recorded_keys(tmp_path / "signing", b"\1" * 32) == []
    (problem,) = live.check()
    assert isinstance(problem, RecordMissing)
    with pytest.raises(RecordError):
        live.record(public)
    made = live.rotate()
    assert recorded_keys(tmp_path / "signing", b"\1" * 32) == sorted([made[:32], made[32:]])
    live.close()


def test_on_a_local_chain_every_key_gets_its_record(tmp_path: Path) -> None:
    local = key_manager(tmp_path, is_live=False)
    public = local.insert(BABE, "//Alice")
    assert recorded_keys(tmp_path / "signing", b"\1" * 32) == [public]
    assert local.check() == []
    assert local.record(public) is local.record(public)
    local.close()
    # A key whose record another process holds is named at the start.
    first = key_manager(tmp_path, is_live=False)
    assert first.check() == []
    (problem,) = key_manager(tmp_path, is_live=False).check()
    assert "already" in str(problem)
    first.close()


def test_keys_that_were_made_hold_no_descriptor_until_they_sign(tmp_path: Path) -> None:
    live = key_manager(tmp_path, is_live=True)
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    made = [live.rotate() for _ in range(5)]
    records = [live.record(keys[:32]) for keys in made]  # as the signer asks in every slot
    assert not any(record.ledger.unsure for record in records)
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before
    assert records[0].sign_block(7, bytes(32), lambda: b"\1" * 64) == b"\1" * 64
    live.close()
    again = key_manager(tmp_path, is_live=True).record(made[0][:32])
    assert again.ledger.block is not None
    assert again.ledger.block.slot == 7


def test_a_key_that_another_program_used_meanwhile_signs_nothing(tmp_path: Path) -> None:
    live, other = key_manager(tmp_path, is_live=True), key_manager(tmp_path, is_live=True)
    public = live.rotate()[:32]
    other.record(public).sign_block(7, bytes(32), lambda: b"\1" * 64)
    with pytest.raises(RecordNotWritten):  # it is locked
        live.record(public).sign_block(8, bytes(32), lambda: b"\2" * 64)
    other.close()
    with pytest.raises(RecordNotWritten, match="another program"):
        live.record(public).sign_block(8, bytes(32), lambda: b"\2" * 64)
