"""A provider and a hospital: a model, a job and its result; kill -9, earnings, and the way out."""

from __future__ import annotations

import pytest

from support.newcomer import Newcomer, found, free_ports
from support.vectors import REPOSITORY

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]

PASSWORD = "correct horse battery"


def test_a_provider_computes_a_job_and_is_paid(newcomer: Newcomer) -> None:
    shell, provider = newcomer.shell(), newcomer.shell()
    port = free_ports(6)
    shell.type(f"btt-chain devnet up --validators 3 --slot-ms 3000 --rpc-base-port {port} --detach")
    for each in (shell, provider):
        each.type(f"export BTT_URL=ws://127.0.0.1:{port} BTT_WALLET_PASSWORD='{PASSWORD}'")
    shell.type("btt-chain account new worker")
    shell.type("btt-chain tx transfer worker 5_000BTT --from //Alice")
    run = "btt-chain provider run --from worker --bond 1000BTT --base-path ~/work"
    provider.start(run)
    provider.until("the account is a provider now")
    assert "worker" in shell.type("btt-chain provider status worker")
    shell.type("btt-chain provider list")

    trained = shell.type(f"python {REPOSITORY}/examples/breast_cancer.py out")
    imported = shell.type(found(r"next: (btt-chain .*)", trained))
    assert "on the chain" in imported
    gateway = newcomer.shell()
    gateway.type(f"export BTT_URL=ws://127.0.0.1:{port}")
    gateway.start("btt-chain job gateway --base-path gate")
    gateway.until("serv")
    shell.type(
        "btt-chain model register out/breast-cancer.btt --name 'breast cancer' --from //Alice "
        "--base-path gate"
    )
    assert "breast cancer" in shell.type("btt-chain model list")
    job = "--model out/breast-cancer.btt --base-path gate out/breast-cancer-test.csv"
    data = "out/breast-cancer.btt out/breast-cancer-test.csv"
    assert "BTT" in shell.type(f"btt-chain job quote --model {data}")
    posted = shell.type(f"btt-chain job submit {job} --from //Alice --detach")
    id = found(r"job +(0x\w+)", posted)
    assert "finalized" in shell.type(f"btt-chain job watch {id[:12]}")
    assert "benign" in shell.type(f"btt-chain job result {id[:12]} --base-path gate")
    assert "BTT" in shell.type(f"btt-chain job status {id[:12]}")
    assert found(r"for (\d+) job", shell.type("btt-chain provider earnings worker")) != "0"

    # kill -9: the next run goes on, without registering again.
    # By the whole path: other runs of this test go on.
    shell.type('kill -9 $(pgrep -f "base-path $HOME/work")')
    provider.ended(code=137)
    provider.start(run)
    provider.until("serving at")
    assert "worker" in shell.type("btt-chain provider status worker")
    provider.interrupt()
    provider.ended(code=130)
    assert "unbond" in shell.type("btt-chain provider leave --from worker")
    gateway.interrupt()
    gateway.ended(code=130)
    shell.type("btt-chain devnet down --delete")
    newcomer.leave()
