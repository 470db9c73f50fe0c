"""A holder: a wallet, payments by name, stakes, vesting, history, deciding together, offline."""

from __future__ import annotations

import pytest

from support.newcomer import Newcomer, dev_node, found

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]

PASSWORD = "correct horse battery"


def test_a_holder_keeps_money_and_shares_an_account(newcomer: Newcomer) -> None:
    shell = dev_node(newcomer)
    made = shell.type(
        "btt-chain account new anna",
        ("assword", PASSWORD), ("Repeat", PASSWORD),
    )  # fmt: skip
    assert len(found(r"phrase +([a-z ]+)", made).split()) >= 12
    address = found(r"address +(\w+)", made)
    (newcomer.folder / "pw").write_text(PASSWORD + "\n")
    for name in ("ben", "cleo"):
        shell.type(f"btt-chain account new {name} --password-file pw")
    shell.type("btt-chain account default anna")
    shell.type("btt-chain tx transfer anna 5_000BTT --from //Alice")
    wrong = shell.type("btt-chain tx transfer ben 5BTT", ("assword", "not it"), code=1)
    assert "the password of anna is wrong; nothing was done" in wrong
    paid = shell.type("btt-chain tx transfer ben 100BTT", ("assword", PASSWORD))
    assert address in paid
    shell.type("export BTT_WALLET_PASSWORD='correct horse battery'")
    refused = shell.type("btt-chain tx transfer ben 9_999_999BTT", code=1)
    assert "no fee is paid" in refused
    assert "nothing is sent" in shell.type("btt-chain tx transfer ben 5BTT --dry-run")

    assert "%" in shell.type("btt-chain stake tiers 1_000BTT")
    shell.type("btt-chain stake open 1_000BTT --term 30d")
    shell.type("btt-chain dev travel 31d")
    shell.type("btt-chain dev mine 3")
    listed = shell.type("btt-chain stake list anna")
    stake = found(r"\n +(\d+) ", listed)
    shell.type("btt-chain stake claim")
    shell.type(f"btt-chain stake unstake {stake}")
    assert "locked" in shell.type("btt-chain vesting show //holder//bitwave")

    shell.type("btt-chain multisig create board --threshold 2 anna ben cleo")
    shell.type("btt-chain tx transfer board 50BTT")
    shell.type("btt-chain tx transfer cleo 10BTT")
    shell.type("btt-chain multisig propose board Balances.transfer_keep_alive //Dave 5BTT")
    number = found(r"\n +(\d+-\d+) ", shell.type("btt-chain multisig pending board"))
    done = shell.type(f"btt-chain multisig approve board {number} --from ben")
    assert "is executed" in done

    shell.type("btt-chain proxy add cleo --type Any")
    shell.type("btt-chain tx transfer //Dave 1BTT --from cleo --proxy-for anna")
    shell.type("btt-chain proxy remove cleo")

    # Signing on a machine without a network: facts and metadata are copied over.
    shell.type("btt-chain query facts -o facts.json")
    shell.type("btt-chain tx sign --help")
    history = shell.type("btt-chain history anna")
    assert "TierStaking.claim" in history or "TierStaking" in history

    shell.type("btt-chain account export anna -o anna.json")
    shell.type("btt-chain account import again anna.json")
    assert address in shell.type("btt-chain account show again")
    newcomer.leave()
