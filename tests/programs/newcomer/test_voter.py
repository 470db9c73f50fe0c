"""A voter: a proposal, its limits, votes, the tally, an enactment, deposits and locks back."""

from __future__ import annotations

import pytest

from support.newcomer import Newcomer, dev_node, found

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]

BITWAVE = "//holder//bitwave"


def test_a_voter_decides_and_gets_everything_back(newcomer: Newcomer) -> None:
    shell = dev_node(newcomer)
    tracks = shell.type("btt-chain gov tracks")
    assert "small_spender" in tracks
    shell.type(f"btt-chain tx transfer {BITWAVE} 10BTT --from //Alice")
    beyond = shell.type(
        "btt-chain gov propose Treasury.spend_local 40000BTT //Bob --track small_spender "
        "--from //Alice",
        code=1,
    )
    assert "of this track may not make the call" in beyond
    made = shell.type(
        "btt-chain gov propose Treasury.spend_local 400BTT //Bob --track small_spender "
        "--from //Alice"
    )
    number = found(r"referendum (\d+);", made)
    assert number in shell.type("btt-chain gov status")
    assert "BTT" in shell.type("btt-chain gov power //Bob 500BTT")
    shell.type(f"btt-chain gov vote {number} aye 2_000_000BTT --from {BITWAVE}")
    shell.type(f"btt-chain gov vote {number} nay 30_000BTT --from //Bob")
    assert "needed: more than 50.0%" in shell.type(f"btt-chain gov status {number}")
    travelled = shell.type("btt-chain dev travel 15m")
    assert "time" in travelled
    shell.type("btt-chain dev mine 3")
    shell.type("btt-chain dev travel 1h")
    shell.type("btt-chain dev mine 3")
    assert "pproved" in shell.type(f"btt-chain gov status {number}")
    shell.type(f"btt-chain gov refund {number} --from //Alice")
    shell.type(f"btt-chain gov unvote {number} --from //Bob")
    shell.type("btt-chain dev travel 30d")
    shell.type("btt-chain gov unlock small_spender --from //Bob")
    shell.type(f"btt-chain gov unvote {number} --from {BITWAVE}")
    assert "Referenda.submit" in shell.type("btt-chain history //Alice --limit 20")
    newcomer.leave()
