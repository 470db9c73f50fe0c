"""`gov` on a small chain: from a proposal to its call, as people type it."""

from __future__ import annotations

import asyncio

from click.testing import Result

from btt_chain.client.amount import BTT
from btt_chain.client.jsonrpc import WebSocket
from btt_chain.scale import u32, u128
from cli.commands.gov_view import AWAY, WIDTH, bar, percent, picture, power
from runtime.pallets.chambers.api import PollView
from runtime.pallets.chambers.formulas import Chamber
from runtime.pallets.chambers.types import ChamberView
from support import commands
from support.document import Document

DAY = 60
"""Slots of a day of decisions on a development chain."""
BITWAVE = "//holder//bitwave"


def run(url: str, *args: str) -> Result:
    return commands.run(url, "gov", *args)


def good(url: str, *args: str) -> str:
    return commands.good(url, "gov", *args)


def document(url: str, *args: str) -> Document:
    return commands.document(url, "gov", *args)


async def wait(url: str, blocks: int) -> None:
    async with await WebSocket.connect(url, 60) as client:
        for _ in range(blocks):
            await client.call("engine_createBlock", True, True)


def fund(url: str) -> None:
    commands.good(url, "tx", "transfer", BITWAVE, "10BTT", "--from", "//Alice")


def test_a_proposal_becomes_a_call(url: str) -> None:
    fund(url)
    call = ("propose", "Treasury.spend_local", "400BTT", "//Bob", "--track", "small_spender")
    number = document(url, *call, "--from", "//Alice")["referendum"]
    assert "Preparing" in good(url, "status")
    good(url, "vote", str(number), "aye", "2_000_000BTT", "--from", BITWAVE)
    good(url, "vote", str(number), "nay", "30_000BTT", "--from", "//Bob")
    good(url, "vote", str(number), "abstain", "5BTT", "--from", "//Dave")
    good(url, "unvote", str(number), "--from", "//Dave")
    good(url, "delegate", "small_spender", "//Bob", "1_000BTT", "--from", "//Charlie")
    good(url, "undelegate", "small_spender", "--from", "//Charlie")
    asyncio.run(wait(url, DAY))
    shown = good(url, "status", str(number))
    assert "Treasury.spend_local" in shown
    assert "institutions" in shown
    assert "\nwould be approved as it stands\n" in shown
    assert "next step" in shown
    facts = document(url, "status", str(number))
    assert facts["tally"]["frozen"].value is True
    assert facts["tally"]["chambers"]["holders"]["nays"] == str(60_000 * 10**18)
    asyncio.run(wait(url, 2 * DAY + 5))
    assert document(url, "status", str(number))["stage"] == "Approved"
    # After the end, too, the track is that of the vote.
    good(url, "unvote", str(number), "--from", "//Bob")
    good(url, "unvote", str(number), "small_spender", "--from", BITWAVE)
    gone = run(url, "unvote", str(number), "--from", "//Bob")
    assert (gone.exit_code, f"has no vote on referendum {number}" in gone.stderr) == (4, True)
    returned = document(url, "refund", str(number), "--from", "//Bob")
    assert [int(one["planck"]) // 10**18 for one in returned] == [10, 100]
    assert "NoDeposit" in run(url, "refund", str(number), "--from", "//Bob").stderr
    # A week of decisions is not over.
    assert document(url, "unlock", "10", "--from", "//Bob")["locked"] == str(30_000 * 10**18)


def test_rules_chambers_and_elections_are_shown(url: str) -> None:
    assert "small_spender" in good(url, "tracks")
    approval = {str(track["name"]): int(track["approval"]) for track in document(url, "tracks")}
    assert approval["root"] == 660_000_000
    assert "4830000BTT" in good(url, "chambers").replace("_", "").replace(" ", "")
    assert document(url, "chambers", "--year", "2028")["weights"] == [1400, 2000, 2800, 800]
    assert "28.0%" not in good(url, "chambers")
    assert "28.5%" in good(url, "chambers", "--year", "2028")
    assert document(url, "power", "//Bob", "5BTT")["holders"] == str(10 * 10**18)
    assert "0 taken" in good(url, "elections")
    assert document(url, "elections")["candidates"] == []


def test_what_cannot_be_is_said(url: str) -> None:
    result = run(url, "stand", "--from", "//Bob")
    assert (result.exit_code, "NotVerified" in result.stderr) == (1, True)
    assert run(url, "leave", "--from", "//Bob").exit_code == 1
    assert run(url, "unelect", "--from", "//Bob").exit_code == 1
    assert run(url, "elect", "5BTT", "//Bob", "--from", "//Alice").exit_code == 1
    assert run(url, "deposit", "77", "--from", "//Bob").exit_code == 1
    result = run(url, "status", "77")
    assert (result.exit_code, "no referendum 77" in result.stderr) == (4, True)
    result = run(url, "unlock", "nowhere", "--from", "//Bob")
    assert (result.exit_code, "small_spender" in result.stderr) == (4, True)
    assert run(url, "vote", "0", "aye", "5 apples", "--from", "//Bob").exit_code == 2
    assert run(url, "delegate", "root", "noname", "1BTT", "--from", "//Bob").exit_code == 2


def test_a_long_call_is_noted_first_and_can_be_proposed_again(url: str) -> None:
    remark = "0x" + "61" * 200
    call = ("propose", "System.remark", remark, "--track", "root", "--no-deposit", "--force")
    number = document(url, *call, "--from", "//Alice")["referendum"]
    shown = good(url, "status", str(number))
    assert "System.remark" in shown
    assert "gov deposit" in shown
    assert document(url, *call, "--from", "//Alice")["referendum"] == int(number) + 1
    listed = good(url, "status")
    assert "System.remark" in listed
    assert "Preparing, no deposit" in listed
    result = run(url, "refund", str(number), "--from", "//Alice")
    assert (result.exit_code, "is not over" in result.stderr) == (1, True)


def test_a_deposit_that_cannot_be_paid_is_reported_with_the_steps_that_were_done(url: str) -> None:
    commands.good(url, "tx", "transfer", "//Poor", "50BTT", "--from", "//Alice")
    words = ("propose", "System.remark", "0x00", "--track", "root", "--from", "//Poor", "--force")
    result = run(url, *words)
    assert result.exit_code == 1
    assert "is submitted, but its deposit" in result.stderr
    assert "btt-chain gov deposit" in result.stderr


def test_bars_are_as_long_as_votes_are_many() -> None:
    assert bar(1, 1, 0, 4) == "█" * 10 + "▒" * 10 + AWAY * 20
    assert bar(0, 0, 0, 0) == AWAY * WIDTH
    assert len(bar(7, 11, 13, 31)) == WIDTH
    assert percent(2, 3) == "66.6%"


def test_a_picture_says_which_chambers_count() -> None:
    def chamber(name: str, weight: int, ayes: int) -> ChamberView:
        counts, none = ayes >= 4, u128(0)
        weighed = u128(weight * 10**9 if counts else 0)
        return ChamberView(
            name, u32(weight), u128(100), u128(ayes), none, none, counts, weighed, none
        )

    chambers = [
        chamber("institutions", 4900, 50), chamber("compute", 750, 3),
        chamber("holders", 1050, 0), chamber("community", 300, 100),
    ]  # fmt: skip
    parts = u32(999_999_999), u32(5 * 10**8), u32(742_857_142), u32(2 * 10**8)
    lines = picture(PollView(u32(3), u32(2025), True, chambers, *parts, True))
    assert lines[1].startswith("institutions   70.0%  " + "█" * 20 + AWAY * 20 + "  50.0% here")
    assert lines[2].endswith("too few to count")
    assert lines[-1] == "would be approved as it stands"


def test_work_is_reported_in_units_and_parts_of_them() -> None:
    assert power(Chamber.Compute, 12_345_600_000, BTT) == "12_345.6 units of work"
    assert power(Chamber.Community, 3 * 10**9, BTT) == "3 seats"
