from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from btt_chain.compute.blobs.store import (
    BadName,
    Blob,
    BlobDamaged,
    BlobStore,
    NoSuchBlob,
    StoreFull,
)

NAME = "model/" + "ab" * 32


def test_a_blob_is_what_was_put_also_after_opening_again(tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    store = BlobStore(tmp_path / "blobs")

    blob = store.put(NAME, (data[at : at + 70_000] for at in range(0, len(data), 70_000)))

    assert blob == Blob(len(data), sha256(data).digest())
    for opened in (store, BlobStore(tmp_path / "blobs")):
        assert opened.open(NAME) == blob
        assert opened.load(NAME, len(data)) == data
        assert opened.read(NAME, 2_999_990, 100) == data[-10:]
        assert opened.read(NAME, 5_000_000, 100) == b""
        assert opened.names("model/") == [NAME]
        assert opened.total_bytes == len(data)


def test_a_blob_may_be_empty(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    store.put("nothing", b"")
    assert store.load("nothing", 0) == b""
    assert BlobStore(tmp_path).has("nothing")


def test_a_blob_of_the_same_name_replaces_the_other_and_frees_its_bytes(tmp_path: Path) -> None:
    store = BlobStore(tmp_path, most_bytes=100)
    store.put("one", b"a" * 60)
    store.put("one", b"b" * 30)

    assert store.load("one", 100) == b"b" * 30
    assert store.total_bytes == 30
    store.drop("one")
    store.drop("one")
    assert store.total_bytes == 0
    assert not store.has("one")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "../secret",
        "a//b",
        "A",
        "a\0b",
        "a b",
        "a+b",
        ".new-1",
        "a/",
        "é",
        "a" * 129,
        "a\n",
    ],
)
def test_what_is_no_name_never_reaches_the_disk(tmp_path: Path, name: str) -> None:
    store = BlobStore(tmp_path / "blobs")
    for use in (
        lambda: store.put(name, b"x"),
        lambda: store.open(name),
        lambda: store.read(name, 0, 1),
        lambda: store.drop(name),
        lambda: store.has(name),
    ):
        with pytest.raises(BadName):
            use()
    assert list((tmp_path / "blobs").iterdir()) == []
    assert store.find(name) is None


def test_names_do_not_become_folders(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    store.put("a/../b", b"x")
    store.put("a", b"y")
    store.put("a/b", b"z")
    assert len(list(tmp_path.iterdir())) == 3
    assert BlobStore(tmp_path).names() == ["a", "a/../b", "a/b"]


def test_a_full_store_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    store = BlobStore(tmp_path, most_bytes=100, most_blobs=2)
    store.put("one", b"a" * 80)

    with pytest.raises(StoreFull):
        store.put("two", [b"b" * 15, b"b" * 15])

    assert store.total_bytes == 80
    assert not store.has("two")
    store.put("two", b"b" * 20)
    with pytest.raises(StoreFull, match="2 blobs"):
        store.put("three", b"")
    assert len(list(tmp_path.iterdir())) == 2


def test_a_writer_that_is_left_leaves_nothing(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    store.put("one", b"old")

    def broken() -> Iterator[bytes]:
        yield b"new"
        raise OSError("the source broke")

    with pytest.raises(OSError, match="the source broke"):
        store.put("one", broken())

    assert store.load("one", 10) == b"old"
    assert store.total_bytes == 3
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_a_writer_can_begin_anew(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    with store.writer("one") as writer:
        writer.write(b"garbage of the first endpoint")
        writer.rewind()
        writer.write(b"right")
        assert writer.commit() == Blob(5, sha256(b"right").digest())
    assert store.load("one", 5) == b"right"
    assert store.total_bytes == 5


def test_a_missing_blob_and_one_that_is_too_large_are_reported_apart(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    store.put("large", b"x" * 11)
    with pytest.raises(NoSuchBlob):
        store.load("small", 10)
    with pytest.raises(StoreFull, match="more than 10 bytes"):
        store.load("large", 10)


def test_a_disk_that_changes_bytes_is_found_out(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    store.put("one", b"right")
    raw = bytearray((tmp_path / "one").read_bytes())
    raw[-1] ^= 1
    (tmp_path / "one").write_bytes(bytes(raw))
    with pytest.raises(BlobDamaged):
        store.load("one", 10)


def test_a_link_out_of_the_store_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"s" * 64)
    folder = tmp_path / "blobs"
    store = BlobStore(folder)
    (folder / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic"):
        store.read("link", 0, 10)
    assert not BlobStore(folder).has("link")


def test_only_the_owner_can_read_what_is_kept(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "blobs")
    store.put("one", b"x")
    assert (tmp_path / "blobs").stat().st_mode & 0o077 == 0
    assert (tmp_path / "blobs" / "one").stat().st_mode & 0o077 == 0


def test_a_blob_can_be_called_something_else(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    store.put("making/1", b"new", durable=False)
    store.put("transcript/1", b"older one")

    store.rename("making/1", "transcript/1")
    store.sync(["transcript/1"])

    assert store.names() == ["transcript/1"]
    assert store.load("transcript/1", 10) == b"new"
    assert store.total_bytes == 3
    assert BlobStore(tmp_path).load("transcript/1", 10) == b"new"
    with pytest.raises(NoSuchBlob):
        store.rename("making/1", "transcript/2")
    with pytest.raises(NoSuchBlob):
        store.sync(["making/1"])
