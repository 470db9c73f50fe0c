"""A vault whose process is killed at any step stays whole (I49, C18)."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from btt_chain.records import library
from btt_chain.records.vault.store import Vault
from support.records import NOW_MS, filled, new_vault, observation


def _change(folder: Path, steps: int) -> None:
    """Import and erase, and kill this process before the step of that number."""
    left = steps

    def counted(name: str, do: Callable[..., object]) -> Callable[..., object]:
        def run(*args: object, **more: object) -> object:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return do(*args, **more)

        return run

    for name in ("fsync", "replace", "link", "unlink"):
        setattr(os, name, counted(name, getattr(os, name)))
    with Vault.open(folder) as vault:
        library.import_resources(vault, [observation(1, value="7.10"), observation(9)], NOW_MS)
        vault.erase(vault.entry("o2"), NOW_MS)


@pytest.mark.crash
def test_kill_9_at_any_step_leaves_a_whole_vault(tmp_path: Path) -> None:
    with new_vault(tmp_path / "vault") as vault:
        filled(vault, 4)
        erased, before = vault.entry("o2"), vault.entry("o1")
    status = step = -1
    while status != 0:
        step += 1
        folder = tmp_path / str(step)
        shutil.copytree(tmp_path / "vault", folder)
        child = os.fork()
        if child == 0:
            _change(folder, step)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, -signal.SIGKILL)
        with Vault.open(folder) as vault:
            entries = {each.logical: each for each in vault.entries()}
            assert {"p1", "o1", "o3"} <= entries.keys()
            assert all(vault.read(each).data for each in vault.index.all())
            assert (entries["o1"].version == 2) == ("o9" in entries)
            assert entries["o1"].id == before.id
            has_tombstone = (folder / "tombstones" / erased.id).exists()
            assert ("o2" in entries) != has_tombstone
            assert bool(list(folder.rglob(f"{erased.id}.*"))) != has_tombstone
            assert not [each for each in folder.rglob(".*") if each.is_file()]
    assert step > 20
