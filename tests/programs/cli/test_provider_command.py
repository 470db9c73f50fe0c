"""`provider` on a small chain: becoming one, looking at it, leaving; and what is refused."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("numpy", reason="numpy is not installed: pip install '.[work]'")

from cli.program import program

BOB = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"


def run(*args: str) -> Result:
    return CliRunner().invoke(program, ["provider", *args], prog_name="btt-chain")


def document(*args: str) -> Any:
    result = run(*args, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_the_life_of_a_registration(url: str, tmp_path: Path) -> None:
    mine = ("--from", "//Bob", "--base-path", str(tmp_path), "--url", url)
    made = document("register", *mine, "--bond", "1200BTT", "--capacity", "3", "--kind", "clinic")
    assert made["endpoints"][0].startswith("/ip4/127.0.0.1/tcp/")

    found = document("status", BOB, "--url", url)
    assert (found["active"], found["capacity"]) == (str(1_200 * 10**18), 3)
    assert found["info"]["endpoints"] == made["endpoints"]
    assert not found["chilled"]
    assert "1_200 BTT free" in run("status", "//Bob", "--url", url).stdout

    (row,) = document("list", "--url", url)
    assert (row["provider"], row["active"], row["capacity"]) == (BOB, str(1_200 * 10**18), 3)
    assert (row["info"]["kind"], row["info"]["classes"], row["lost"]) == ("clinic", [0], "0")
    table = run("list", "--class", "0", "--free", "--url", url).stdout
    assert "1_200 BTT" in table
    assert "0 of 3" in table
    assert "in this era" in table
    none = run("list", "--class", "7", "--url", url)
    assert (none.exit_code, "there is no such provider" in none.stderr) == (0, True)

    again = run("register", *mine, "--bond", "1200BTT", "--capacity", "3", "--kind", "clinic")
    assert again.exit_code == 1
    assert "nothing changes" in again.stderr
    document("register", *mine, "--bond", "1500BTT", "--capacity", "1", "--kind", "clinic")
    found = document("status", BOB, "--url", url)
    assert (found["active"], found["capacity"]) == (str(1_500 * 10**18), 1)
    assert found["info"]["endpoints"] == made["endpoints"]  # the port stays

    found = document("earnings", BOB, "--url", url)
    assert (found["jobs"], found["lost"]) == ([], "0")
    assert "0 BTT of the bond" in run("earnings", "//Bob", "--url", url).stdout
    assert "nothing that is not claimed" in run("earnings", "//Bob", "--url", url).stdout

    left = document("leave", "--from", "//Bob", "--url", url)
    assert left["done"] == ["chill", "unbond"]
    assert "on its way out" in left["left"]
    assert document("leave", "--from", "//Bob", "--url", url)["done"] == []
    found = document("status", BOB, "--url", url)
    assert (found["active"], found["leaving"]) == ("0", str(1_500 * 10**18))


def test_another_folder_does_not_replace_the_keys_of_a_provider_unasked(
    url: str, tmp_path: Path
) -> None:
    def register(folder: str, *more: str) -> Result:
        where = ("--base-path", str(tmp_path / folder), "--url", url)
        return run("register", "--from", "//Charlie", "--bond", "1000BTT", *where, *more)

    assert register("one").exit_code == 0
    for command in ("register", "run"):
        there = ("--base-path", str(tmp_path / "other"), "--url", url)
        refused = run(command, "--from", "//Charlie", *there)
        assert refused.exit_code == 1
        assert "registered with other keys" in refused.stderr
        assert "--replace-keys" in refused.stderr
    replaced = register("other", "--replace-keys")
    assert replaced.exit_code == 0, replaced.stderr
    assert "registered with other keys" in register("one").stderr


def test_a_provider_with_an_empty_bond_leaves_at_once(url: str, tmp_path: Path) -> None:
    mine = ("--from", "//Dave", "--base-path", str(tmp_path), "--url", url)
    document("register", *mine, "--bond", "0BTT")
    assert document("leave", "--from", "//Dave", "--url", url)["done"] == ["chill", "deregister"]
    gone = run("status", "//Dave", "--url", url)
    assert gone.exit_code == 4
    assert "is not a provider" in gone.stderr


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("run", "--from", "//Eve"), 4, "register it with"),
        (("register", "--from", "//Eve", "--bond", "1000"), 2, "has no unit"),
        (("register", "--from", "//Eve", "--bond", "9999999BTT"), 1, "FundsUnavailable"),
        (("register", "--from", "//Eve", "--class", "77"), 1, "Providers.UnknownClass"),
        (("register", "--from", "//Eve", "--listen", "/ip4/127.0.0.1/tcp/x"), 1, "--listen"),
        (("leave", "--from", "//Eve"), 4, "is not a provider"),
        (("run", "--from", "//Eve", "--cluster", "nope"), 2, "write it like tcp://HOST:8786"),
        (("run", "--from", "//Eve", "--cluster", "x://a:1"), 2, "'x://a:1' is not an address"),
        (
            ("run", "--from", "//Eve", "--fast", "--cluster", "tcp://[::1]:1"),
            2,
            "--engine, --fast or --cluster, not two",
        ),
        (("run", "--from", "//Eve", "--engine", "x"), 2, "'x' is not of the form MODULE:CLASS"),
        (("run", "--from", "//Eve", "--engine", "x:Y"), 1, "there is no module 'x'"),
        (("run", "--from", "//Eve", "--engine", "json:X"), 1, "has no class 'X'"),
        (("run", "--from", "//Eve", "--engine", "json:JSONDecoder"), 1, "is not an engine"),
        (
            ("run", "--from", "//Eve", "--engine", "x:Y", "--fast"),
            2,
            "--engine or --fast, not both",
        ),
        (("register", "--from", "//Eve", "--public", "/dns4/x"), 1, "is not of the form"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(
    url: str, tmp_path: Path, words: tuple[str, ...], code: int, why: str
) -> None:
    more = () if words[0] == "leave" else ("--base-path", str(tmp_path))
    result = run(*words, *more, "--url", url)

    assert result.exit_code == code, result.stderr
    assert why in result.stderr
    assert "Traceback" not in result.stderr


def test_two_providers_do_not_work_in_one_folder(url: str, tmp_path: Path) -> None:
    from btt_chain.client.accounts import read_account
    from btt_chain.client.jsonrpc import WebSocket
    from btt_chain.compute.provider.folder import Folder

    async def genesis() -> bytes:
        async with await WebSocket.connect(url) as client:
            return bytes.fromhex(str(await client.call("chain_getBlockHash", 0))[2:])

    folder = Folder(tmp_path, asyncio.run(genesis()), read_account("//Eve"))
    with folder.lock():
        held = run("run", "--from", "//Eve", "--base-path", str(tmp_path), "--url", url)
    assert held.exit_code == 1
    assert "works in this folder already" in held.stderr
