"""LevelDB between processes, and on a disk that is really full."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from storage.kv import DiskFull, KeyValue, StorageFailed
from storage.leveldb import GIB, LevelKV, open_database


def fine(_kv: KeyValue, _thorough: bool) -> None:
    """A self-check that has nothing to say."""


def open_plain(path: Path, *, create: bool = True, write_buffer: int = 64 << 20) -> LevelKV:
    return open_database(path, fine, create=create, min_free=0, write_buffer=write_buffer)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chains" / "dev" / "db"


def test_another_process_gets_that_error_too(path: Path) -> None:
    kv = open_plain(path)
    program = textwrap.dedent(f"""
        from pathlib import Path
        from storage.kv import Locked
        from storage.leveldb import open_database
        try:
            open_database(Path({str(path)!r}), lambda kv, thorough: None, min_free=0)
        except Locked:
            print("locked")
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"locked\n"
    kv.close()


@pytest.mark.crash
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_disk_that_is_really_full_stops_the_store(tmp_path: Path) -> None:
    mount = tmp_path / "disk"
    mount.mkdir()
    options = ["-t", "tmpfs", "-o", "size=8m", "tmpfs", str(mount)]
    if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let us mount a small disk")
    try:
        # The look at free space is deceived, as by another process that takes the rest.
        kv = open_database(mount / "db", fine, min_free=0, space=lambda _: GIB)
        written = 0

        def fill() -> None:
            nonlocal written
            while True:
                kv.write({b"k%d" % written: os.urandom(50_000)}, sync=True)
                written += 1

        with pytest.raises(StorageFailed, match="no space is left"):
            fill()
        assert written > 50
        with pytest.raises(StorageFailed, match="takes no more"):
            kv.write({b"k": b"v"})
        kv.close()
        careful = mount / "db"
        with pytest.raises(DiskFull):
            open_database(careful, fine)
        subprocess.run(["mount", "-o", "remount,size=64m", str(mount)], check=True)
        again = open_plain(careful)
        assert all(again.get(b"k%d" % number) is not None for number in range(written))
        again.close()
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=True)
