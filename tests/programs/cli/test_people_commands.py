"""Commands for what people do, on a running development chain: stake, vesting, history."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cli.common.chain_time import ChainTime
from runtime.pallets.tier_staking.time import MsClock
from support.commands import document, good, run

DAY_MS = 86_400_000
EVE = "5HGjWAeFDfFCWPsjFQdVV2Msvz2XtMktvgocEZcCj68kUMaw"


# ---- stake


def test_a_stake_from_its_offer_to_its_end(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    offers = document(url, "stake", "tiers", "10_000BTT")["tiers"]
    assert [each["terms"]["days"] for each in offers] == [30, 90, 180, 365, 1_095]
    assert offers[0]["quote"]["net"] == "24657534246575342465"
    assert offers[3]["quote"].value is None  # below its minimum
    shown = good(url, "stake", "tiers", "10_000BTT")
    assert "24.6575 BTT" in shown
    assert "0.24 %" in shown

    opened = good(url, "stake", "open", "1_000BTT", "--term", "30d", "--from", "//Charlie")
    assert "the stake ends in 30 days" in opened or "(in 30 days)" in opened
    assert "2.465753424657534246 BTT (0.24 %)" in opened
    (one,) = document(url, "stake", "list", "//Charlie")
    assert one.pick("amount", "commit") == (str(1_000 * 10**18), "2465753424657534246")
    number = str(one["stake"])

    early = run(url, "stake", "unstake", number, "--from", "//Charlie")
    assert early.exit_code == 1
    assert "its owner cannot end it before" in early.stderr
    assert "(in 29 days)" in early.stderr or "(in 30 days)" in early.stderr
    small = run(url, "stake", "extend", number, "--tier", "1", "--from", "//Charlie")
    assert (small.exit_code, "below the tier's minimum" in small.stderr) == (1, True)

    later(monkeypatch, 40 * DAY_MS)
    assert "over" in good(url, "stake", "list", "//Charlie")
    assert "it can be closed" in good(url, "stake", "show", number, "--of", "//Charlie")
    claimed = document(url, "stake", "claim", "--from", "//Charlie")
    assert claimed["rewards"] == "2465753424657534246"
    closed = good(url, "stake", "unstake", number, "--from", "//Charlie")
    assert "1_000 BTT are free" in closed
    assert document(url, "stake", "list", "//Charlie") == []


def later(monkeypatch: pytest.MonkeyPatch, ms: int) -> None:
    """Move the time of stakes, in the pallet and in the commands."""
    now = MsClock.now
    monkeypatch.setattr(MsClock, "now", lambda clock: now(clock) + ms)
    monkeypatch.setattr(ChainTime, "ms", property(lambda time: time.slot * time.slot_ms + ms))


def test_a_longer_term_pays_what_was_earned(url: str) -> None:
    opened = document(url, "stake", "open", "6_000BTT", "--tier", "0", "--from", "//Dave")
    number = str(opened["stake"])
    extended = document(url, "stake", "extend", number, "--term", "90d", "--from", "//Dave")
    assert extended["tier"] == 1
    assert int(extended["rewards"]) > 0
    (one,) = document(url, "stake", "list", "//Dave")
    assert one["tier"] == 1
    assert int(one["termEnd"]) - int(one["opened"]) == 90 * DAY_MS
    again = run(url, "stake", "extend", number, "--tier", "0", "--from", "//Dave")
    assert (again.exit_code, "choose a longer tier" in again.stderr) == (1, True)


# ---- vesting


def test_vesting_money_is_shown_and_unlocked(url: str) -> None:
    schedule = {"locked": "2000BTT", "per_block": "1BTT", "starting_block": 0}
    sent = ("tx", "call", "Vesting.vested_transfer", "--from", "//Alice", "//Ferdie")
    assert run(url, *sent, json.dumps(schedule)).exit_code == 0
    found = document(url, "vesting", "show", "//Ferdie")
    (row,) = found["schedules"]
    terms = row["schedule"].pick("locked", "start", "length")
    assert terms == (str(2_000 * 10**18), 0, 2_000)
    assert int(row["vested"]) + int(row["unvested"]) == 2_000 * 10**18
    assert found["dates"][-1]["unvested"] == "0"
    shown = good(url, "vesting", "show", "//Ferdie", "--months", "0")
    assert "first release" in shown
    assert "(in " in shown

    done = document(url, "vesting", "claim", "--from", "//Ferdie")
    assert int(done["unlocked"]) > 0
    assert int(done["unlocked"]) + int(done["locked"]) <= 2_000 * 10**18
    assert document(url, "vesting", "claim", "--for", "//Ferdie", "--from", "//Bob")["unlocked"]


# ---- history


def test_the_changes_of_a_history_add_up_to_the_balance(url: str) -> None:
    for words in (("//Bob", "3BTT", "--from", "//Eve"), ("//Eve", "1BTT", "--from", "//Alice")):
        assert run(url, "tx", "transfer", *words).exit_code == 0
    rows = document(url, "history", "//Eve")
    now = document(url, "query", "account", "//Eve")
    before = document(url, "query", "storage", "System.Account", "//Eve", "--at", "0")["value"]
    change = sum(int(row["change"]) for row in rows)
    old = before["data"]
    assert change == sum(int(now[part]) - int(old[part]) for part in ("free", "reserved"))
    places = [(int(row["block"]), int(row["index"])) for row in rows]
    assert places == sorted(places, reverse=True)
    received = next(row for row in rows if row["change"] == str(10**18))
    assert received.pick("call", "fee") == ("Balances.transfer_keep_alive", None)
    shown = good(url, "history", "//Eve")
    assert "1.0000 BTT" in shown
    assert "itself" in shown
    assert "blocks 1 to" in shown


def test_a_history_is_cut_by_rows_blocks_and_time(url: str) -> None:
    assert len(document(url, "history", "//Eve", "--limit", "1")) == 1
    assert document(url, "history", "//Eve", "--since", "1m")
    assert document(url, "history", "//Eve", "--since", "2099-01-01") == []
    few = run(url, "history", "//Eve", "--blocks", "1")
    assert "older ones: --blocks, --since, or an explorer" in few.stderr
    rows = list(csv.DictReader(run(url, "history", "//Eve", "--csv").stdout.splitlines()))
    assert rows[0].keys() == {
        "block", "index", "time", "call", "signer", "success", "fee_planck", "change_planck",
        "hash",
    }  # fmt: skip
    assert len(rows) == len(document(url, "history", "//Eve"))


def test_a_history_is_found_by_the_index_of_an_explorer(url: str) -> None:
    rows = document(url, "history", "//Eve")
    newest, oldest = (int(rows[at]["block"]) for at in (0, -1))
    genesis = document(url, "query", "block", "0")["hash"]
    pages: dict[str, object] = {
        "/block/0.json": {"hash": str(genesis)},
        f"/account/{EVE}.json": {
            "at": newest, "history": [{"height": newest}], "next": "7-1",
        },
        f"/account/{EVE}.json?below=7-1": {
            "at": newest, "history": [{"height": oldest}], "next": None,
        },
    }  # fmt: skip
    with json_pages(pages) as explorer:
        found = run(url, "history", "//Eve", "--json", "--explorer", explorer)
        assert f"blocks found by the explorer at {explorer}" in found.stderr
        assert {row["block"] for row in json.loads(found.stdout)} == {newest, oldest}
        pages["/block/0.json"] = {"hash": "0x00"}
        other = run(url, "history", "//Eve", "--explorer", explorer)
        assert (other.exit_code, "another chain" in other.stderr) == (1, True)
        pages.clear()
        none = run(url, "history", "//Eve", "--explorer", explorer)
        assert (none.exit_code, "answered 404" in none.stderr) == (1, True)
    gone = run(url, "history", "//Eve", "--explorer", explorer)
    assert (gone.exit_code, "no explorer answers at" in gone.stderr) == (3, True)


@contextmanager
def json_pages(pages: dict[str, object]) -> Iterator[str]:
    """Serve JSON documents by path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = pages.get(self.path)
            raw = json.dumps(found).encode()
            self.send_response(200 if found is not None else 404)
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


# ---- by a proxy


def test_a_proxy_stakes_claims_and_validates_for_its_account(url: str) -> None:
    added = run(url, "proxy", "add", "//Bob", "--type", "Any", "--from", "//Ferdie")
    assert added.exit_code == 0, added.stderr
    as_ferdie = ("--from", "//Bob", "--proxy-for", "//Ferdie")
    opened = document(url, "stake", "open", "1_500BTT", "--tier", "0", *as_ferdie)
    (one,) = document(url, "stake", "list", "//Ferdie")
    assert one["stake"] == opened["stake"]
    later_block = run(url, "tx", "transfer", "//Eve", "1BTT", "--from", "//Alice")
    assert later_block.exit_code == 0  # time passes with blocks only
    claimed = document(url, "stake", "claim", *as_ferdie)
    assert int(claimed["rewards"]) > 0
    joined = document(url, "validator", "join", *as_ferdie)
    assert joined["candidate"]
    assert joined["stash"] == document(url, "query", "account", "//Ferdie")["address"]
    left = document(url, "validator", "leave", *as_ferdie)
    assert left["done"] == ["Authorities.chill", "Authorities.unbond"]


# ---- blocks


def test_a_block_has_its_author_time_size_and_fees(url: str) -> None:
    sent = document(url, "tx", "transfer", "//Bob", "1BTT", "--from", "//Alice")
    found = document(url, "query", "block", str(sent["block"]["number"]))
    assert found["author"] == document(url, "validator", "list")[0]["stash"]
    assert found["fees"] == sent["fee"]
    assert int(found["time"]) > 1_700_000_000_000
    assert int(found["bytes"]) > 200
    assert "claim of authority 0" in found["digest"][0]
    shown = good(url, "query", "block", str(sent["block"]["number"]))
    assert " UTC" in shown
    assert "author  " in shown
    genesis = document(url, "query", "block", "0")
    assert genesis.pick("author", "time", "fees") == (None, None, "0")


# ---- validator


def test_a_validator_of_a_chain_that_is_sealed_by_hand_joins_and_leaves(url: str) -> None:
    plan = document(url, "validator", "join", "--from", "//Bob", "--dry-run")
    assert plan["calls"] == ["Session.set_keys", "Authorities.bond", "Authorities.validate"]
    joined = document(url, "validator", "join", "--from", "//Bob", "--bond", "11_000BTT")
    assert joined["done"] == plan["calls"]
    assert joined.pick("bond", "candidate") == (str(11_000 * 10**18), True)
    again = document(url, "validator", "join", "--from", "//Bob")
    assert again["done"] == ["nothing is missing"]
    more = good(url, "validator", "join", "--from", "//Bob", "--bond", "12_000BTT")
    assert "Authorities.bond_extra" in more
    shown = good(url, "validator", "status", "//Bob")
    assert "registered, on this node" in shown
    assert "never: the chain is sealed by hand" in shown
    rows = document(url, "validator", "list")
    assert [row["bond"] for row in rows] == [str(12_000 * 10**18), str(10_000 * 10**18)]
    assert "12_000 BTT" in good(url, "validator", "list")

    before = document(url, "validator", "status", "//Bob")["keys"]
    plan = document(url, "validator", "rotate", "--from", "//Bob", "--dry-run")
    assert plan["calls"] == ["Session.set_keys"]
    rotated = document(url, "validator", "rotate", "--from", "//Bob")
    assert rotated["keys"] == document(url, "validator", "status", "//Bob")["keys"] != before

    left = document(url, "validator", "leave", "--from", "//Bob")
    assert left["done"] == ["Authorities.chill", "Authorities.unbond"]
    assert not left["left"]
    waits = good(url, "validator", "leave", "--from", "//Bob")
    assert "nothing" in waits
    assert "repeat this command" in waits
    back = document(url, "validator", "join", "--from", "//Bob")
    assert back["done"] == ["Authorities.bond_extra", "Authorities.validate"]


# ---- wrong input

WRONG = [
    (("stake", "tiers", "5"), 2, "'5' has no unit"),
    (("stake", "tiers", "-1BTT"), 2, "is negative"),
    (("stake", "list", "Bob"), 2, "Bob"),
    (("stake", "show", "7", "--of", "//Bob"), 4, "open are: none"),
    (("stake", "open", "1_000BTT", "--from", "//Bob"), 2, "one of --tier and --term"),
    (("stake", "open", "1_000BTT", "--tier", "0", "--term", "30d", "--from", "//Bob"), 2, "one of"),
    (("stake", "open", "1_000BTT", "--tier", "9", "--from", "//Bob"), 4, "there are 0 (30d)"),
    (("stake", "open", "1_000BTT", "--term", "31d", "--from", "//Bob"), 4, "term of 31 days"),
    (("stake", "open", "1_000BTT", "--term", "month", "--from", "//Bob"), 2, "like 90d"),
    (("stake", "open", "999BTT", "--tier", "0", "--from", "//Bob"), 1, "at least 1_000 BTT"),
    (("stake", "open", "1000", "--tier", "0", "--from", "//Bob"), 2, "has no unit"),
    (("stake", "open", "60_000_000BTT", "--tier", "4", "--from", "//Bob"), 1, "--min-reward"),
    (("stake", "extend", "0", "--tier", "1", "--from", "//Bob"), 4, "no open stake 0"),
    (("stake", "claim", "--from", "//Bob"), 1, "nothing can be claimed now"),
    (("stake", "claim", "77", "--from", "//Bob"), 4, "no open stake 77"),
    (("stake", "claim", "first", "--from", "//Bob"), 2, "first"),
    (("stake", "unstake", "5", "--from", "//Bob"), 4, "no open stake 5"),
    (("vesting", "show", "Ferdie"), 2, "Ferdie"),
    (("vesting", "show", "//Bob", "--months", "-1"), 2, "months"),
    (("vesting", "claim", "--from", "//Bob"), 4, "nothing of"),
    (("vesting", "claim", "--for", "me", "--from", "//Bob"), 2, "me"),
    (("history", "Eve"), 2, "Eve"),
    (("history", "//Eve", "--since", "yesterday"), 2, "12h or 2026-11-22"),
    (("history", "//Eve", "--since", "7"), 2, "is not a time"),
    (("history", "//Eve", "--since", "1d", "--blocks", "5"), 2, "one of --blocks and --since"),
    (("history", "//Eve", "--blocks", "0"), 2, "blocks"),
    (("history", "//Eve", "--limit", "0"), 2, "limit"),
    (("history", "//Eve", "--json", "--csv"), 2, "one of --csv and --json"),
    (("history", "//Eve", "--explorer", "nowhere"), 2, "not a web address"),
    (("validator", "join", "--bond", "5BTT", "--from", "//Bob"), 1, "10_000 BTT at least"),
    (("validator", "join", "--bond", "5", "--from", "//Bob"), 2, "has no unit"),
    (("validator", "join"), 2, "--from"),
    (("validator", "join", "--from", "//Alice"), 1, "keys that this node does not have"),
    (("validator", "status"), 4, "no account has registered session keys of the node"),
    (("validator", "status", "Bob"), 2, "Bob"),
    (("validator", "rotate", "--from", "//Dave"), 4, "begin with `btt-chain validator join`"),
    (("validator", "leave"), 2, "--from"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "code", "why"), WRONG)
def test_what_cannot_be_is_refused_in_a_line(
    url: str, words: tuple[str, ...], code: int, why: str
) -> None:
    result = run(url, *words)
    assert result.exit_code == code, result.stderr
    assert why in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "line",
    [
        "stake tiers", "stake list //Alice", "validator list", "validator status //Alice",
        "vesting show //Alice", "history //Alice", "provider list",
        "stake open 1BTT --tier 0 --from //Alice", "stake claim --from //Alice",
        "vesting claim --from //Alice", "validator join --from //Alice",
        "validator leave --from //Alice", "validator rotate --from //Alice",
    ],
)  # fmt: skip
def test_without_a_node_the_error_says_how_to_start_one(line: str) -> None:
    result = run("ws://127.0.0.1:1", *line.split())
    assert result.exit_code == 3, result.output
    assert "btt-chain node --dev" in result.stderr
