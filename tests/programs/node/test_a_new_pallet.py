"""The notice board of docs/pallets.md beside the product, with one line in `runtime/sets.py`.

The product is copied, and nothing else of the copy is changed: what a user does with the pallet
here, by commands, JSON-RPC, in the browser and with the audit, comes from its own folder. Commands
are those of this program, which does not have the pallet.
"""

from __future__ import annotations

import filecmp
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from click.testing import CliRunner, Result

from btt_chain.packages import PACKAGES
from btt_chain.primitives import ss58
from btt_chain.testing.process import free_ports
from btt_chain.testing.rpc import Rpc
from cli.program import COMMANDS, program
from support.chain import ALICE, BOB
from support.notice_board import FOLDER, SETS, add_to
from support.vectors import REPOSITORY

PATIENCE = 200
ADDRESS = ss58.encode(ALICE.account_id)


class Product:
    """A copy of the product, and its node with an explorer."""

    def __init__(self, home: Path) -> None:
        self.home = home
        for package in PACKAGES:
            shutil.copytree(REPOSITORY / package, home / package)
        add_to(home)
        self.pages = ""
        self.url = ""

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-P", "-m", "cli.main", *words]

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"PYTHONPATH": str(self.home)}

    def start(self) -> subprocess.Popen[bytes]:
        """Start the node, and wait until it and its explorer answer."""
        rpc, p2p, pages = free_ports(3)
        self.url, self.pages = f"ws://127.0.0.1:{rpc}", f"http://127.0.0.1:{pages}"
        words = ["node", "--dev", "--runtime", "board", "--sealing", "instant", "--explorer"]
        words += ["--base-path", str(self.home / "chain"), "--explorer-port", str(pages)]
        words += ["--rpc-port", str(rpc), "--port", str(p2p)]
        with (self.home / "log").open("wb") as log:
            return subprocess.Popen(
                self.command(*words), env=self.environment, stdout=log, stderr=log
            )

    def page(self, path: str) -> str:
        with urlopen(self.pages + path, timeout=30) as answer:
            return str(answer.read().decode())


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    product = Product(tmp_path_factory.mktemp("product"))
    node = product.start()
    try:
        end = time.monotonic() + PATIENCE
        while "#1" not in (product.home / "log").read_text() and time.monotonic() < end:
            assert node.poll() is None, (product.home / "log").read_text()
            try:
                product.page("/audit.json")
                break
            except OSError:
                time.sleep(0.2)
        yield product
    finally:
        node.terminate()
        node.wait(PATIENCE)


def run(product: Product, *words: str) -> Result:
    result = CliRunner().invoke(program, [*words, "--url", product.url])
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def pinned(product: Product) -> Product:
    """The board with a notice of Alice."""
    words = ("notice-board", "pin", "Milk at seven", "--from", "//Alice", "--yes")
    done = run(product, *words)
    assert "NoticeBoard.pin succeeded. NoticeBoard.Pinned" in done.stdout
    assert "130 planck" in done.stdout
    return product


def differences(compared: filecmp.dircmp[str], where: str) -> Iterator[str]:
    """Yield the files that two folders do not share."""
    for name in (*compared.diff_files, *compared.left_only, *compared.right_only):
        yield f"{where}/{name}"
    for name, inner in compared.subdirs.items():
        yield from differences(inner, f"{where}/{name}")


def test_no_other_file_of_the_product_is_changed(product: Product) -> None:
    for package in PACKAGES:
        compared = filecmp.dircmp(REPOSITORY / package, product.home / package)
        changed = set(differences(compared, package))
        assert changed == ({SETS, FOLDER} if package == "runtime" else set())
    mine, theirs = ((home / SETS).read_text().splitlines() for home in (REPOSITORY, product.home))
    assert len(theirs) == len(mine) + 1
    assert "notice-board" not in COMMANDS


def test_the_group_explains_itself_by_the_docstrings(product: Product) -> None:
    group = run(product, "notice-board", "--help").stdout
    before = CliRunner().invoke(program, ["notice-board", "--url", product.url, "notices"])
    assert before.exit_code == 0
    assert "Notices of accounts, each against a deposit." in group
    for name, text in {
        "pin": "Pin a notice.", "take-down": "Take the caller's notice down.",
        "clear": "Remove the notice of `who`.", "notice": "Return the notice of an account",
        "longest": "Return the longest notices", "notices": "Notices with their deposits",
    }.items():  # fmt: skip
        assert re.search(rf"^  {name} +{re.escape(text)}", group, re.MULTILINE), (name, group)
    assert (
        "btt-chain notice-board clear WHO --from //Alice"
        in run(product, "notice-board", "clear", "--help").stdout
    )


def test_calls_are_sent_and_their_errors_are_the_pallets_own(pinned: Product) -> None:
    words = ("notice-board", "pin", "Bread", "--from", "//Alice", "--yes", "--url", pinned.url)
    again = CliRunner().invoke(program, words)
    assert again.exit_code == 1
    assert "The account already has a notice. Take it down first." in again.output
    sent = run(pinned, "notice-board", "pin", "0x00ff", "--from", "//Bob", "--yes", "--json")
    document = json.loads(sent.stdout)
    assert document["text"] == "0x00ff"
    assert document["events"] == [
        {"event": "NoticeBoard.Pinned",
         "fields": {"who": ss58.encode(BOB.account_id), "deposit": "20"}}
    ]  # fmt: skip
    run(pinned, "notice-board", "take-down", "--from", "//Bob", "--yes")


def test_storage_and_functions_are_queries(pinned: Product) -> None:
    notice = {"text": "0x" + b"Milk at seven".hex(), "deposit": "130"}
    entries = json.loads(run(pinned, "notice-board", "notices", "--json").stdout)
    assert entries == [{"account": ADDRESS, **notice}]
    table = run(pinned, "notice-board", "notices").stdout
    assert re.search(r"account +text +deposit", table)
    assert re.search(rf"{ADDRESS} +Milk at seven +130 planck", table)
    assert json.loads(run(pinned, "notice-board", "notices", "//Alice", "--json").stdout) == notice
    assert json.loads(run(pinned, "notice-board", "notice", "//Alice", "--json").stdout) == notice
    shown = run(pinned, "notice-board", "notice", "//Alice").stdout
    assert re.search(r"^text +Milk at seven$", shown, re.MULTILINE)
    assert run(pinned, "notice-board", "notice", "//Charlie").stdout == "-\n"


def test_a_function_of_several_records_is_a_table(pinned: Product) -> None:
    table = run(pinned, "notice-board", "longest", "10").stdout
    assert re.search(r"account +text +deposit", table)
    assert re.search(rf"{ADDRESS} +Milk at seven +130 planck", table)


def test_a_name_that_is_nearly_right_has_a_hint(product: Product) -> None:
    wrong = CliRunner().invoke(program, ["notice-bord", "pin", "--url", product.url])
    assert wrong.exit_code == 2
    assert "no command 'notice-bord'; did you mean notice-board" in wrong.stderr
    far = CliRunner().invoke(program, ["qqq", "--url", product.url])
    assert (far.exit_code, "known are node, devnet" in far.stderr) == (2, True)


def test_methods_answer_with_the_json_of_the_types(pinned: Product) -> None:
    rpc = Rpc(pinned.url.replace("ws", "http"))
    notice = {"text": "Milk at seven", "deposit": "130"}
    assert rpc.call("noticeBoard_notice", ADDRESS) == notice
    assert rpc.call("noticeBoard_longest") == [[ADDRESS, notice]]
    assert rpc.call("noticeBoard_notice", ss58.encode(BOB.account_id)) is None


def test_the_explorer_has_a_page(pinned: Product) -> None:
    end = time.monotonic() + PATIENCE
    while "Milk at seven" not in (page := pinned.page("/contents/NoticeBoard")):
        assert time.monotonic() < end, page
        time.sleep(0.2)
    assert "Notices with their deposits, by account." in page
    assert f'href="/account/{ADDRESS}"' in page
    assert "130 planck" in page
    assert 'href="/contents/NoticeBoard"' in pinned.page("/pallet/NoticeBoard")


def test_the_audit_compares_the_deposits(pinned: Product) -> None:
    words = pinned.command("tokenomics", "audit", "--json", "--url", pinned.url)
    done = subprocess.run(words, env=pinned.environment, capture_output=True, check=True)
    assert json.loads(done.stdout)["findings"] == []
