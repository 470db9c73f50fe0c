"""Files that a user names: whole or not at all, and each thing written as what it is."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from btt_chain.primitives.files import write_file, writing


def full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_full_disk_leaves_the_old_file_and_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "good.json"
    path.write_bytes(b"good")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*good\.json'"):
        write_file(path, b"new")
    assert path.read_bytes() == b"good"
    assert [each.name for each in tmp_path.iterdir()] == ["good.json"]


def test_an_exception_while_a_file_is_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "good"
    path.write_bytes(b"good")

    def cut() -> None:
        with writing(path) as file:
            file.write(b"half")
            raise SystemExit(143)

    with pytest.raises(SystemExit):
        cut()
    assert path.read_bytes() == b"good"
    assert [each.name for each in tmp_path.iterdir()] == ["good"]


def test_a_link_stays_a_link_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "file", tmp_path / "link"
    for content in (b"first", b"second"):  # the first one dangles
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        write_file(link, content)
        assert link.is_symlink()
        assert target.read_bytes() == content


def test_a_fifo_is_written_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(path.read_bytes()))
    reader.start()
    write_file(path, b"through")
    reader.join()
    assert found == [b"through"]
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_a_device_and_an_open_descriptor_are_written_as_they_are(tmp_path: Path) -> None:
    write_file(Path("/dev/null"), b"x", private=True, new=True)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    with pytest.raises(OSError, match=r"No space left on device: '/dev/full'"):
        write_file(Path("/dev/full"), b"x")
    with (tmp_path / "out").open("wb") as out:
        out.write(b"before ")
        out.flush()
        for name in (f"/dev/fd/{out.fileno()}", f"/proc/self/fd/{out.fileno()}"):
            write_file(Path(name), b"more ", new=True)
    assert (tmp_path / "out").read_bytes() == b"before more more "


def test_a_file_keeps_its_mode_and_a_private_one_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    path.chmod(0o640)
    write_file(path, b"x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    write_file(path, b"x", private=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_new_file_never_replaces_one(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_file(path, b"first", private=True, new=True)
    with pytest.raises(FileExistsError, match="key"):
        write_file(path, b"second", new=True)
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(FileExistsError):
        write_file(link, b"second", new=True)
    assert path.read_bytes() == b"first"


def test_a_file_that_cannot_be_replaced_is_written_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mounted"
    path.write_bytes(b"a longer old content")

    def busy(*_: object) -> None:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr("os.replace", busy)
    inode = path.stat().st_ino
    write_file(path, b"new")
    assert (path.read_bytes(), path.stat().st_ino) == (b"new", inode)
    assert [each.name for each in tmp_path.iterdir()] == ["mounted"]


def test_a_name_of_the_longest_length_and_of_other_bytes_is_written(tmp_path: Path) -> None:
    for name in ("n" * 255, os.fsdecode(b"k\xe9")):
        write_file(tmp_path / name, b"x")
        assert (tmp_path / name).read_bytes() == b"x"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere/file"):
        write_file(tmp_path / "nowhere" / "file", b"x")
