"""A developer: a chain of one's own, its time and state, a failed call, a test against a node."""

from __future__ import annotations

import pytest

from support.newcomer import Newcomer, found

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]

TEST = """
def test_money_moves(node):
    assert node.rpc.best() == 0
    node.rpc.call("engine_createBlock", True, True)
    assert node.rpc.best() == 1
"""
CLIENT = """
import sys
from btt_chain.client import BlockingChain, KeyPair

with BlockingChain.connect(sys.argv[1]) as chain:
    call = chain.compose("Balances.transfer_keep_alive", dest="//Bob", value=10**18)
    print("block", chain.transactions.send(call, KeyPair.from_uri("//Alice")).number)
"""


def test_a_developer_controls_a_chain_and_tests_a_program(newcomer: Newcomer) -> None:
    node, shell = newcomer.shell(), newcomer.shell()
    node.start("btt-chain node --dev --sealing instant --tmp --rpc-port 0")
    url = found(r"JSON-RPC at (ws://\S+)", node.until(r"//Two .*BTT"))
    shell.type(f"export BTT_URL={url}")

    assert "did you mean `btt-chain tx transfer`" in shell.type("btt-chain send", code=2)
    accounts = shell.type("btt-chain dev accounts")
    alice = found(r"//Alice +(\w+)", accounts)
    sent = shell.type(f"btt-chain tx transfer //Bob 1.5BTT --from {'//Alice'}")
    hash = found(r"hash +(0x\w+)", sent)
    assert alice in sent
    trace = shell.type(f"btt-chain tx trace {hash} --no-storage")
    assert "The call succeeded." in trace
    assert hash[:12] in shell.type(f"btt-chain tx trace {hash[:12]}")

    snapshot = found(r"snapshot +(0x\w+)", shell.type("btt-chain dev snapshot"))
    shell.type("btt-chain dev set-balance //One 3_000BTT")
    assert "3_000 BTT" in shell.type("btt-chain query account //One")
    shell.type("btt-chain stake open 1_000BTT --tier 0 --from //One")
    locked = shell.type("btt-chain stake unstake 0 --from //One", code=1)
    assert "of reward would be lost" in locked
    forced = shell.type("btt-chain tx call TierStaking.unstake 0 --from //One --force", code=1)
    failed = found(r"hash +(0x\w+)", forced)
    assert "TierStaking." in shell.type(f"btt-chain tx trace {failed} --no-storage")
    shell.type("btt-chain dev travel 400d")
    shell.type("btt-chain dev mine 3")
    shell.type("btt-chain stake unstake 0 --from //One")
    shell.type(f"btt-chain dev revert {snapshot}")
    assert " 0 BTT" in shell.type("btt-chain query account //One")

    (newcomer.folder / "pay.py").write_text(CLIENT)
    (newcomer.folder / "test_pay.py").write_text(TEST)
    assert "block " in shell.type("python pay.py $BTT_URL")
    assert "1 passed" in shell.type("python -m pytest -q -p no:cacheprovider test_pay.py")
    node.interrupt()
    assert "stopped" in node.ended()
    newcomer.leave()
