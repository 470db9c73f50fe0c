"""Programs that follow a chain, each with a sign of its work, for `program_faults`.

A `Follower` is a kind of program: the words that start it, and `works`, which causes some work and
waits until the program has done it. `works` is called before a fault and after it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from click.testing import CliRunner

from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives import ss58
from btt_chain.testing import DevNode
from btt_chain.testing.creation import HOSPITAL
from btt_chain.testing.market import fund
from btt_chain.testing.process import free_ports
from cli.program import program as btt_chain
from support.program_faults import Beside, until

ADDRESS: Final = re.compile(r"http://127\.0\.0\.1:\d+/")
PORT: Final = re.compile(r"(?:answers at http://|serving on )127\.0\.0\.1:(\d+)")
INVOICE: Final = '"event":"invoice"'
EVE: Final = ss58.encode(KeyPair.from_uri("//Eve").account_id)


def typed(url: str, *words: str, **env: str) -> str:
    """Run a command that must succeed, in this process; return what it prints."""
    result = CliRunner().invoke(btt_chain, list(words), env={"BTT_URL": url, **env})
    assert result.exit_code == 0, f"{' '.join(words)}: {result.output}"
    return result.stdout


def follows(program: Beside, _node: DevNode) -> None:
    """Wait until a program has its node, where nothing else shows its work."""
    program.wait_for("watching")
    program.wait_until_following()


@dataclass(frozen=True, slots=True)
class Follower:
    """A kind of program."""

    name: str
    words: Callable[[str, Path, Path], Sequence[str]]
    """Return its words for a node's URL, a folder of its own, and one of all of its kind."""
    works: Callable[[Beside, DevNode], None] = follows
    """Cause work, and wait until the program has done it for a node that is well."""
    prepare: Callable[[str, Path], object] = lambda _url, _home: None
    """Do once on a chain what the program needs there; with the folder of all of its kind."""
    stop_code: int = 0
    may_end: bool = False
    notices: bool = True
    """As those of `Beside`."""

    def beside(self, folder: Path, url: str, home: Path) -> Beside:
        """Return the program, not started."""
        program = Beside.of(folder, *self.words(url, folder, home))
        program.stop_code, program.may_end = self.stop_code, self.may_end
        program.notices = self.notices
        return program


# ---- explorer


def _explorer(url: str, folder: Path, _home: Path) -> list[str]:
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


def _feeder(url: str, folder: Path, _home: Path) -> list[str]:
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


# ---- merchants


def _open_shop(url: str, _home: Path) -> None:
    typed(url, "merchant", "register", "--category", "5814", "--from", "//Eve", "--wait", "final")


def _merchant(url: str, folder: Path, _home: Path) -> list[str]:
    return ["merchant", "watch", "//Eve", "--base-path", str(folder), "--url", url]


def _sees_payments(program: Beside, node: DevNode) -> None:
    program.wait_for("watching")
    since = program.mark()
    pay(node, f"btt:{EVE}?amount=1")
    program.wait_for(re.compile(r"\bpaid\b"), since)


def _till(url: str, _folder: Path, _home: Path) -> list[str]:
    return ["pos", "1.5BTT", "--from", "//Eve", "--json", "--no-display", "--url", url]


def pay(node: DevNode, request: str) -> None:
    """Pay a request."""
    typed(node.ws, "pay", request, "--from", "//Bob")


def request_of(till: Beside, since: int = 0) -> str:
    """Wait for the request of a till; return the last one."""
    till.wait_for(INVOICE, since)
    return str([json.loads(x)["text"] for x in till.text().splitlines() if INVOICE in x][-1])


# ---- hospitals


def _open_hospital(url: str, home: Path) -> None:
    typed(url, "records", "init", BTT_VAULT=str(home / "vault"))
    for line in (
        "identity appoint //Charlie --sudo --from //Alice",
        "identity set --display Hospital --from //Bob",
        "identity judge //Bob known-good --from //Charlie",
        "facility apply hospital --country CN --from //Bob",
        "facility confirm //Bob --sudo --from //Alice",
        "records register 1000BTT --from //Bob",
    ):
        # Final: the next one may be tried on another branch.
        typed(url, *line.split(), "--wait", "final", BTT_VAULT=str(home / "vault"))


def _custodian(url: str, _folder: Path, home: Path) -> list[str]:
    return ["records", "serve", "--vault", str(home / "vault"), "--from", "//Bob", "--port", "0",
            "--interval", "0.5", "--url", url]  # fmt: skip


def _answers(path: str) -> Callable[[Beside, DevNode], None]:
    def works(program: Beside, _node: DevNode) -> None:
        def has() -> bool:
            try:
                port = PORT.findall(program.text())[-1]
                urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10).close()
            except HTTPError:
                return True
            except (URLError, IndexError):
                return False
            return True

        program.wait_until_following()
        until(f"it answers\n{program.tail()}", has)

    return works


def _facility(url: str, folder: Path, _home: Path) -> list[str]:
    return ["facility", "serve", "//Bob", "--port", "0", "--secret", "a secret of the clinic",
            "--base-path", str(folder), "--url", url]  # fmt: skip


def _auditor(url: str, _folder: Path, _home: Path) -> list[str]:
    return ["auditor", "watch", "//Eve", "--interval", "1", "--url", url]


# ---- market


def _market(url: str, folder: Path, _home: Path) -> list[str]:
    return ["-m", "btt_chain.testing.market", "--url", url, "--base-path", str(folder),
            "--from", HOSPITAL, "--every", "2"]  # fmt: skip


def _posts(program: Beside, _node: DevNode) -> None:
    program.wait_for(" posted: ", program.mark())


FOLLOWERS: Final = (
    Follower("explorer", _explorer, _indexes),
    Follower("feeder", _feeder, _feeds),
    Follower("merchant watch", _merchant, _sees_payments, _open_shop),
    Follower("records serve", _custodian, _answers("custodian"), _open_hospital),
    Follower("facility serve", _facility, _answers("sign"), notices=False),
    Follower("auditor watch", _auditor),
    Follower("market", _market, _posts, lambda url, _: asyncio.run(fund(url, [HOSPITAL]))),
)
"""Programs that go on until they are stopped."""
TILL: Final = Follower("pos", _till, stop_code=5, may_end=True)
"""A program that ends when its one payment is final."""
