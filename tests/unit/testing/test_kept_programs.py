"""The stored state of a network that two processes change, and programs that cannot be started."""

from __future__ import annotations

from pathlib import Path

import pytest

from btt_chain.daemon import Backoff
from btt_chain.testing import Devnet, state
from btt_chain.testing.helper import Helper
from btt_chain.testing.keeper import Keeper
from btt_chain.testing.process import ProcessId

ENDED = ProcessId(2**22 + 1, 0, "an earlier start of the machine")


@pytest.fixture
def net(tmp_path: Path) -> Devnet:
    return Devnet.create(tmp_path / "net", validators=2, spec="{}")


def add_dead(net: Devnet, name: str) -> None:
    """Store a program that has ended by itself."""
    net.helpers.append(Helper(name, net.base / name, [], "", ENDED))
    state.write(net.base, net._plan)


def test_a_partition_does_not_undo_what_another_process_stored_meanwhile(net: Devnet) -> None:
    other = Devnet.open(net.base)
    add_dead(net, "added")
    other.partition([[0], [1]])
    assert [helper.name for helper in Devnet.open(net.base).helpers] == ["added"]
    add_dead(net := Devnet.open(net.base), "more")
    other.heal()
    stored = Devnet.open(net.base)
    assert [helper.name for helper in stored.helpers] == ["added", "more"]
    assert stored.groups is None


def test_a_program_that_cannot_be_started_is_tried_again_and_holds_up_no_other(
    net: Devnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(helper: Helper) -> None:
        if helper.name == "stuck":
            raise OSError("no space left on device")
        helper.is_wanted = False

    monkeypatch.setattr(Helper, "start", start)
    monkeypatch.setattr(Backoff, "failed", lambda *_: 0.0)
    for name in ("stuck", "well"):
        add_dead(net, name)
    kept = Keeper(net.base)
    assert [line.split(",")[0] for line in kept.look()] == ["stuck ended", "well ended"]
    assert kept.look() == [
        "stuck cannot be started: no space left on device; tried again in 0.0 s",
        "well is started again",
    ]
    assert [helper.deaths for helper in Devnet.open(net.base).helpers] == [1, 1]
    assert len(kept.look()) == 1
