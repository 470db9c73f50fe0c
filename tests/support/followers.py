"""Programs that follow a chain, each with a sign of its work, for `program_faults`.

A `Follower` is a kind of program: the words that start it, and `works`, which causes some work and
waits until the program has done it. `works` is called before a fault and after it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

from btt_chain.testing import DevNode
from btt_chain.testing.process import free_ports
from support.program_faults import Beside, until

ADDRESS: Final = re.compile(r"http://127\.0\.0\.1:\d+/")


@dataclass(frozen=True, slots=True)
class Follower:
    """A kind of program."""

    name: str
    words: Callable[[str, Path], Sequence[str]]
    """Return its words for a node's URL and a folder of its own."""
    works: Callable[[Beside, DevNode], None]
    """Cause work, and wait until the program has done it for a node that is well."""
    prepare: Callable[[DevNode], None] = lambda _node: None
    """Do once on a chain what the program needs there."""

    def beside(self, folder: Path, url: str) -> Beside:
        """Return the program, not started."""
        return Beside.of(folder, *self.words(url, folder))


# ---- explorer


def _explorer(url: str, folder: Path) -> list[str]:
    (port,) = free_ports(1)
    return ["explorer", "--url", url, "--base-path", str(folder), "--listen", f"127.0.0.1:{port}"]


def _indexes(program: Beside, node: DevNode) -> None:
    wanted = node.rpc.finalized() + 1
    found = ADDRESS.search(program.wait_for(ADDRESS))
    assert found is not None

    def has() -> bool:
        try:
            with urlopen(f"{found[0]}audit.json", timeout=10) as answer:
                state = json.load(answer)
        except URLError:
            return False
        return int(state["complete"]) >= wanted and state["fault"] is None

    until(f"the index has block {wanted}\n{program.tail()}", has)


# ---- feeder


def _feeder(url: str, folder: Path) -> list[str]:
    words = ["feeder", "BTT/CNY", "--url", url, "--from", "//Dave", "--interval", "1"]
    for name in "abc":
        file = folder.with_suffix(f".{name}")
        file.write_text("0.40")
        words += ["--source", f"file:{file}"]
    return [*words, "--max-age", "0"]


def _feeds(program: Beside, _node: DevNode) -> None:
    since, files = program.mark(), [program.folder.with_suffix(f".{name}") for name in "abc"]
    price = "0.50" if files[0].read_text() == "0.40" else "0.40"
    for file in files:
        file.write_text(price)
    program.wait_for(re.compile(rf"fed .*{price.rstrip('0')}"), since)


FOLLOWERS: Final = (
    Follower("explorer", _explorer, _indexes),
    Follower("feeder", _feeder, _feeds),
)
