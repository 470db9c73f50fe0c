"""A network in a folder that another user has prepared: links are not followed, owners checked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from btt_chain.own_files import open_own, own_folder, own_link, read_own, replace_own
from btt_chain.testing import Devnet, DevnetError
from btt_chain.testing.process import ProcessId
from btt_chain.testing.state import LOCK_FILE, PRICES_FOLDER, SPEC_FILE, STATE_FILE

PRECIOUS = "a file that must not change"


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file of this user, outside of the network's folder."""
    file = tmp_path / "victim"
    file.write_text(PRECIOUS)
    return file


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "net"
    folder.mkdir()
    return folder


def created(base: Path) -> Devnet:
    return Devnet.create(base, validators=1, spec='{"a": "specification"}')


@pytest.mark.parametrize(
    "name",
    [SPEC_FILE, f".{SPEC_FILE}.{os.getpid()}", f".{STATE_FILE}.{os.getpid()}"],
    ids=["specification", "written specification", "written state"],
)
def test_a_link_where_a_network_writes_is_replaced_and_not_followed(
    base: Path, victim: Path, name: str
) -> None:
    (base / name).symlink_to(victim)
    created(base)
    assert victim.read_text() == PRECIOUS
    assert not (base / SPEC_FILE).is_symlink()
    assert Devnet.open(base).nodes[0].name == "Alice"


def begin(base: Path, name: str) -> None:
    """Do what writes to a file or folder of this name."""
    if name == PRICES_FOLDER:
        Devnet.create(base, validators=1, spec="{}", feeders=True)
    elif name == LOCK_FILE:
        created(base).up()
    else:
        created(base)[0].start()


@pytest.mark.parametrize("name", [LOCK_FILE, "node-0.log", "node-0", PRICES_FOLDER])
def test_a_link_that_cannot_be_replaced_is_refused_by_name(
    base: Path, victim: Path, name: str
) -> None:
    target = victim if "." in name else base.parent
    (base / name).symlink_to(target)
    with pytest.raises(DevnetError, match=f"{name}: it is (a link|not a folder)"):
        begin(base, name)
    assert victim.read_text() == PRECIOUS
    assert not (base.parent / "chains").exists()


@pytest.mark.parametrize("name", ["chains", "chains/btt-local/db", "signing", "node.lock"])
def test_a_link_anywhere_in_the_folder_of_a_node_is_refused_by_name(
    base: Path, victim: Path, name: str
) -> None:
    link = base / "node-0" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(victim.parent)
    with pytest.raises(DevnetError, match=f"{name}: it is not a file or a folder: remove it"):
        created(base)[0].start()


def test_a_dangling_link_of_a_log_creates_nothing_elsewhere(base: Path) -> None:
    elsewhere = base.parent / "elsewhere"
    (base / "x.log").symlink_to(elsewhere)
    with pytest.raises(DevnetError, match="it is a link"):
        ProcessId.spawn(["/bin/true"], {}, base / "x.log")
    assert not elsewhere.exists()


def test_a_pipe_in_place_of_a_file_does_not_block(base: Path) -> None:
    os.mkfifo(base / "x.log")
    with pytest.raises(OSError, match="not a file"):
        open_own(base / "x.log", os.O_RDWR | os.O_APPEND)


def test_a_folder_or_file_or_link_of_another_user_is_refused(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    created(base)
    link = base.parent / "link"
    link.symlink_to(base)
    assert own_link(link) == base
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    for refused in (
        lambda: own_folder(base),
        lambda: own_link(link),
        lambda: read_own(base / SPEC_FILE),
    ):
        with pytest.raises(OSError, match="another user"):
            refused()
    with pytest.raises(DevnetError, match="another user"):
        Devnet.open(base)
    with pytest.raises(DevnetError, match="another user"):
        created(base)


def test_a_file_is_replaced_as_a_whole_with_the_rights_asked_for(base: Path) -> None:
    replace_own(base / "x", "one")
    replace_own(base / "x", "two", 0o640)
    assert (base / "x").read_text() == "two"
    assert (base / "x").stat().st_mode & 0o777 == 0o640 & ~_umask()
    assert [file.name for file in base.iterdir()] == ["x"]


def test_a_file_that_is_not_replaced_leaves_nothing_beside_it(base: Path) -> None:
    (base / "x").mkdir()
    with pytest.raises(OSError, match="x"):
        replace_own(base / "x", "text")
    assert [file.name for file in base.iterdir()] == ["x"]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
