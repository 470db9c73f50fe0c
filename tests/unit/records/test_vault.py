"""The vault: encrypted, atomic, and erased without a rest (I49, C16, C18)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from btt_chain.keystore.sealed import Cost, Password
from btt_chain.primitives.record_leaves import record_leaf
from btt_chain.records import library
from btt_chain.records.custodian.batches import Batch, Kind
from btt_chain.records.custodian.ledger import Ledger
from btt_chain.records.documents import Resource, parse
from btt_chain.records.errors import BadDocument, UnknownRecord, VaultError
from btt_chain.records.keys import VaultId, VaultKeys, is_random, new_secret
from btt_chain.records.vault import index as indexes
from btt_chain.records.vault import store, wiping
from btt_chain.records.vault.index import Anchor
from btt_chain.records.vault.store import LEDGER, TOMBSTONE, Vault, with_anchor
from support.records import NOW_MS, SECRET_WORD, filled, new_vault, observation, patient


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with new_vault(tmp_path / "vault") as found:
        yield found


def disk(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*")) if path.is_file()}  # fmt: skip


def test_a_record_is_read_as_it_was_imported(vault: Vault) -> None:
    done = library.import_resources(vault, [patient(), observation(1)], NOW_MS)
    assert [each.title for each in done.added] == [
        "Patient Doe1", f"Observation {SECRET_WORD} 1 2026-11-02",
    ]  # fmt: skip
    entry = vault.entry("o1")
    content = vault.read(entry)
    assert b'"value":6.30' in content.data
    assert entry.leaf == record_leaf(content.salt, content.data, 1).hex()
    assert parse(content.data) == observation(1)


def test_nothing_readable_is_on_the_disk(vault: Vault) -> None:
    filled(vault)
    entry = vault.entry("o1")
    salt = vault.read(entry).salt
    for name, data in disk(vault.folder).items():
        for forbidden in (SECRET_WORD.encode(), b"Observation", b"Doe", b"laboratory", b"2345-7",
                          vault.keys.seed, salt, salt.hex().encode()):  # fmt: skip
            assert forbidden not in data, name


def test_the_same_content_is_kept_once_and_another_one_is_the_next_version(vault: Vault) -> None:
    library.import_resources(vault, [observation(1)], NOW_MS)
    again = library.import_resources(vault, [observation(1)], NOW_MS)
    assert (again.added, again.unchanged) == ([], 1)
    library.import_resources(vault, [observation(1, value="7.10")], NOW_MS)
    entry = vault.entry("o1")
    assert entry.version == 2
    first, second = vault.index.versions(entry.id)
    assert b"6.30" in vault.read(first).data
    assert b"7.10" in vault.read(second).data
    assert vault.read(first).salt != vault.read(second).salt


def test_an_import_stores_all_or_nothing(vault: Vault) -> None:
    bad = observation(2) | {"status": 5}
    with pytest.raises(BadDocument, match=r"resource 1: Observation is not valid; R5: status"):
        library.import_resources(vault, [observation(1), bad], NOW_MS)
    assert vault.entries() == []


def test_the_words_of_an_invalid_resource_hold_none_of_its_values(vault: Vault) -> None:
    with pytest.raises(BadDocument) as caught:
        library.import_resources(
            vault, [observation(1) | {"effectiveDateTime": SECRET_WORD}], NOW_MS
        )
    assert SECRET_WORD not in str(caught.value)
    with pytest.raises(BadDocument, match="there is no type Observations"):
        library.import_resources(vault, [{"resourceType": "Observations"}], NOW_MS)


def test_a_text_is_no_number(vault: Vault) -> None:
    quantity: Resource = {"value": "6.30"}
    with pytest.raises(BadDocument, match=r"valueQuantity.value: a text stands for a number"):
        library.import_resources(vault, [observation(1, valueQuantity=quantity)], NOW_MS)


def test_r4b_is_read_where_r5_differs(vault: Vault) -> None:
    of_r4: Resource = {"resourceType": "MedicationRequest", "id": "m", "status": "active",
             "intent": "order", "medicationCodeableConcept": {"text": "Aspirin"},
             "subject": {"reference": "Patient/p1"}}  # fmt: skip
    library.import_resources(vault, [of_r4, observation(1)], NOW_MS)
    assert {each.logical: each.fhir for each in vault.entries()} == {"m": "R4B", "o1": "R5"}


def test_a_vault_opens_with_its_password_only(tmp_path: Path) -> None:
    folder, keys = tmp_path / "vault", VaultKeys.generate()
    store.create(folder, keys, Password("right", Cost(n=2)))
    with Vault.open(folder, "right") as vault:
        assert vault.id == keys.id
        with pytest.raises(VaultError, match="in use"), Vault.open(folder, "right"):
            pass
    for word, words in ((None, "needs its password"), ("wrong", "wrong password")):
        with pytest.raises(VaultError, match=words), Vault.open(folder, word):
            pass
    with pytest.raises(VaultError, match="is not empty"):
        store.create(folder, keys, None)
    with pytest.raises(VaultError, match="records init"):
        store.needs_password(tmp_path)


def test_a_file_of_another_version_or_record_is_refused(vault: Vault) -> None:
    library.import_resources(vault, [observation(1), observation(2)], NOW_MS)
    one, two = vault.entry("o1"), vault.entry("o2")
    records = vault.folder / "records"
    (records / f"{one.id}.1").write_bytes((records / f"{two.id}.1").read_bytes())
    with pytest.raises(VaultError, match="missing or damaged"):
        vault.read(one)
    # The old content under the name of a newer version: the version is authenticated, too.
    for name in ("records", "keys"):
        data = (vault.folder / name / f"{two.id}.1").read_bytes()
        (vault.folder / name / f"{two.id}.2").write_bytes(data)
    with pytest.raises(VaultError, match="missing or damaged"):
        vault.read(replace(two, version=2))


def test_an_index_of_another_vault_is_refused(vault: Vault, tmp_path: Path) -> None:
    with new_vault(tmp_path / "other") as other:
        foreign = (other.folder / "index").read_bytes()
    folder = vault.folder
    (folder / "index").write_bytes(foreign)
    with pytest.raises(VaultError, match="damaged, or of another vault"):
        _reopen(folder)


def _reopen(folder: Path) -> None:
    (folder / "lock").unlink()
    with Vault.open(folder):
        pass


def test_a_key_is_wrapped_for_other_readers(vault: Vault) -> None:
    filled(vault)
    entry, reader = vault.entry("o1"), VaultKeys.generate()
    vault.allow(entry, reader.id)
    assert vault.readers(entry) == [vault.id, reader.id]
    wrapped = vault._wrapped(entry)[str(reader.id)]
    key, salt = reader.unwrap(wrapped)[:32], reader.unwrap(wrapped)[32:]
    raw = (vault.folder / "records" / f"{entry.id}.1").read_bytes()
    data = ChaCha20Poly1305(key).decrypt(raw[:12], raw[12:], store._aad(entry))
    assert record_leaf(salt, data, 1).hex() == entry.leaf
    with pytest.raises(VaultError, match="another vault"):
        VaultKeys.generate().unwrap(wrapped)


def test_entries_are_found_by_id_beginning_and_logical_id(vault: Vault) -> None:
    filled(vault)
    entry = vault.entry("o3")
    assert vault.entry(entry.id) == vault.entry(entry.id[:8]) == entry
    with pytest.raises(UnknownRecord, match="no entry 'o99'"):
        vault.entry("o99")
    library.import_resources(vault, [patient() | {"id": "o3"}], NOW_MS)
    with pytest.raises(VaultError, match="means 2 entries"):
        vault.entry("o3")


def test_anchors_are_kept_in_the_index(vault: Vault) -> None:
    filled(vault)
    anchor = Anchor("aa" * 32, "records", 499_000, 64, 3, ("bb" * 32,) * 6, 3_600_000)
    entry = with_anchor(vault.entry("o1"), anchor)
    assert with_anchor(entry, anchor) == entry
    vault.update([entry])
    assert indexes.decode((vault.folder / "index").read_bytes(), vault.keys).entries[
        entry.id
    ].anchors == (anchor,)


# ---- erasure (I49, C18)


def test_an_erased_record_leaves_no_byte_of_key_salt_or_text(vault: Vault, tmp_path: Path) -> None:
    filled(vault)
    library.import_resources(vault, [observation(1, value="7.10")], NOW_MS)
    vault.back_up(tmp_path / "backup")
    entry = vault.entry("o1")
    versions = vault.index.versions(entry.id)
    assert len(versions) == 2
    secrets = [vault._secret(each) for each in versions]
    plain = [vault.read(each).data for each in versions]
    ciphers = [(vault.folder / "records" / f"{entry.id}.{each.version}").read_bytes()
               for each in versions]  # fmt: skip
    wrapped = [vault._wrapped(each)[str(vault.id)] for each in versions]
    before = disk(tmp_path)
    assert vault.erase(entry, NOW_MS) == []
    for name, data in disk(tmp_path).items():
        for key, salt in secrets:
            assert key not in data, name
            assert salt not in data, name
            assert salt.hex().encode() not in data, name
        for each in (*plain, *ciphers, *(each.hex().encode() for each in wrapped)):
            assert each not in data, name
    # The lists of both folders, decrypted, have nothing of it.
    for folder in (vault.folder, tmp_path / "backup"):
        index = indexes.decode((folder / "index").read_bytes(), vault.keys)
        assert entry.id not in index.entries
        assert all(each.leaf not in {one.leaf for one in versions} for each in index.all())
        tombstone = json.loads((folder / "tombstones" / entry.id).read_bytes())
        erased_ms = int(tombstone["erased_ms"]).to_bytes(8, "big")
        message = TOMBSTONE + bytes.fromhex(tombstone["id"]) + erased_ms
        assert vault.id.has_signed(message, bytes.fromhex(tombstone["signature"]))
    # The test can fail: before, all of it was there.
    assert any(ciphers[0] in data for data in before.values())


def test_the_old_content_of_a_replaced_file_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    wiping.replace(path, b"old secret")
    with path.open("rb") as held:
        wiping.replace(path, b"new")
        # The file that was replaced, by its open descriptor.
        held.seek(0)
        assert held.read() not in (b"old secret", b"new")
    with path.open("rb") as held:
        wiping.wipe(path)
        held.seek(0)
        assert held.read() != b"new"
    assert list(tmp_path.iterdir()) == []


def test_an_erasure_in_a_missing_backup_is_completed_when_it_is_back(
    vault: Vault, tmp_path: Path
) -> None:
    filled(vault)
    backup, away = tmp_path / "backup", tmp_path / "away"
    vault.back_up(backup)
    backup.rename(away)
    entry = vault.entry("o1")
    assert vault.erase(entry, NOW_MS) == [str(backup)]
    assert vault.index.pending == [[str(backup), entry.id]]
    away.rename(backup)
    assert vault.back_up(backup) == []
    assert vault.index.pending == []
    assert not list(backup.rglob(f"{entry.id}.*"))


def test_a_backup_is_a_vault_of_the_same_owner(vault: Vault, tmp_path: Path) -> None:
    filled(vault)
    vault.back_up(tmp_path / "backup")
    with Vault.open(tmp_path / "backup") as copy:
        assert copy.read(copy.entry("o1")) == vault.read(vault.entry("o1"))
    with pytest.raises(VaultError, match="another folder"):
        vault.back_up(vault.folder)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(VaultError, match="no backup of this vault"):
        vault.back_up(tmp_path / "full")


def test_a_backup_has_the_leaves_of_a_custodian(vault: Vault, tmp_path: Path) -> None:
    """Without them, promises could not be kept after the loss of a disk."""
    leaf = bytes(range(32))
    with Ledger.open(vault.folder / LEDGER) as ledger:
        ledger.add(Kind.ACCESSES, leaf, 7)
    vault.back_up(tmp_path / "backup")
    with Ledger.open(tmp_path / "backup" / LEDGER) as copy:
        assert copy.epoch_of(Kind.ACCESSES, leaf) == 7
        frozen = copy.freeze(Batch(Kind.ACCESSES, 7))
    # The next backup is that of the vault again.
    vault.back_up(tmp_path / "backup")
    with Ledger.open(tmp_path / "backup" / LEDGER) as copy:
        assert copy.tree(Batch(Kind.ACCESSES, 7)) is None
        assert frozen.index_of(leaf) is not None


def test_files_of_an_erased_record_that_come_back_are_removed(vault: Vault) -> None:
    filled(vault)
    folder, entry = vault.folder, vault.entry("o1")
    name = f"{entry.id}.1"
    saved = {each: (folder / each / name).read_bytes() for each in ("records", "keys")}
    index = (folder / "index").read_bytes()
    vault.erase(entry, NOW_MS)
    for each, data in saved.items():
        (folder / each / name).write_bytes(data)
    (folder / "index").write_bytes(index)  # An old index, from some copy.
    _reopen(folder)
    assert not list(folder.rglob(name))


# ---- secrets (C16)


@pytest.mark.parametrize(
    "secret",
    [
        bytes(32),
        b"\1" * 32,
        bytes(range(32)),
        b"correct horse battery staple 123",
        b"0123456789abcdef0123456789abcdef",
        bytes(31) + b"\7",
        (7).to_bytes(32, "big"),
        hashlib.blake2b(b"half", digest_size=16).digest() * 2,
        hashlib.blake2b(b"short", digest_size=31).digest(),
        bytes(range(0, 96, 3)),
    ],
)
def test_a_secret_that_can_be_guessed_is_refused(secret: bytes) -> None:
    assert not is_random(secret)
    with pytest.raises(VaultError, match="32 random bytes"):
        VaultKeys(secret)


def test_random_secrets_are_accepted() -> None:
    assert all(is_random(new_secret()) for _ in range(1_000))


def test_the_name_of_a_vault_is_read_back(vault: Vault) -> None:
    assert VaultId.parse(str(vault.id)) == vault.id
    for bad in ("btt-vault:", "btt-vault:AAAA", str(vault.id)[10:], f"{vault.id}x",
                str(VaultId(bytes(32), bytes(32)))):  # fmt: skip
        with pytest.raises(VaultError, match="is not a vault"):
            VaultId.parse(bad)
