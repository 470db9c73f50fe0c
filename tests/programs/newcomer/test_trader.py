"""A trader: from a document to units, to an order in the book, a trade, and a vault."""

from __future__ import annotations

import pytest

from support.newcomer import Newcomer, dev_node, found

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]


def test_a_trader_goes_from_a_document_to_a_trade(newcomer: Newcomer) -> None:
    shell = dev_node(newcomer)
    shell.type("echo contract > scan.pdf; echo 'seen and working' > report.txt")
    # Issuers have an identity that a registrar judged.
    shell.type("btt-chain identity set --display 'Alice Ltd' --from //Alice")
    shell.type("btt-chain identity appoint //Charlie --sudo --from //Alice")
    shell.type("btt-chain identity request --from //Alice")
    shell.type("btt-chain identity judge //Alice reasonable --from //Charlie")
    asset = found(
        r"Asset (\d+) is registered",
        shell.type(
            "btt-chain asset register scan.pdf --name 'CT scanner' --symbol CT1 --kind equipment "
            "--value 20_000BTT --units 1000 --from //Alice"
        ),
    )
    early = shell.type(f"btt-chain asset issue {asset} --from //Alice", code=1)
    assert "would fail now" in early
    # Two verifiers, whom a decision appoints; on a development chain the sudo key stands for it.
    for who, role in (("//Bob", "regulatory"), ("//Dave", "technical")):
        shell.type(f"btt-chain asset bond 5_000BTT --from {who}")
        proposal = shell.type(f"btt-chain asset appoint {who} --role {role}")
        assert "btt-chain gov propose AssetRegistry.appoint_verifier" in proposal
        shell.type(f"btt-chain asset appoint {who} --role {role} --sudo --from //Alice")
        shell.type(
            f"btt-chain asset verify {asset} --role {role} --complexity 1 --report report.txt "
            f"--from {who}"
        )
    assert "voting" in shell.type(f"btt-chain asset show {asset}")
    shell.type("btt-chain dev travel 4d")
    shell.type(f"btt-chain asset issue {asset} --from //Alice")
    shell.type(f"btt-chain asset trade {asset} --from //Alice")
    assert "CT scanner" in shell.type("btt-chain asset list")

    placed = shell.type(f"btt-chain exchange order sell {asset} 10 2.5BTT --from //Alice")
    order = found(r"Order (\d+) is in the book", placed)
    assert "2.5 BTT" in shell.type(f"btt-chain exchange book {asset}")
    shell.type(f"btt-chain exchange order buy {asset} 4 2.5BTT --from //Ferdie")
    shell.type("btt-chain dev mine 2")
    assert "2.5 BTT" in shell.type(f"btt-chain exchange trades {asset}")
    assert "4" in shell.type("btt-chain asset holdings //Ferdie")
    assert order in shell.type(f"btt-chain exchange orders {asset} //Alice")
    shell.type(f"btt-chain exchange cancel {order} --from //Alice")

    made = shell.type(f"btt-chain vault create {asset} 100BTT 50 --fee 1.5% --from //Alice")
    vault = found(r"vault (\d+)", made)
    shell.type(f"btt-chain vault deposit {vault} 4BTT --from //Ferdie")
    assert "shares" in shell.type(f"btt-chain vault show {vault} --of //Ferdie")
    shell.type(f"btt-chain vault withdraw {vault} all --from //Ferdie")
    again = shell.type(
        "btt-chain asset register scan.pdf --name 'CT scanner' --symbol CT1 --kind equipment "
        "--value 20_000BTT --units 1000 --from //Alice",
        code=1,
    )
    assert "same documents" in again
    newcomer.leave()
