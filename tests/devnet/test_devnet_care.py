"""Care by real programs: a clinic, three auditors, two patients, short months.

Every program is a process. The clinic's is killed with SIGKILL twice: while it confirms an
activity, and while its endpoint serves a wallet. Two validators make the chain, so that audits are
selected by the randomness of real blocks. A day has seven seconds, a month 210.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from btt_chain.client.typed import open_runtime
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.activity_rule import ActivityRule
from btt_chain.scale import u8, u16, u32, u128
from btt_chain.testing.plugin import DevnetFactory
from devnet.test_devnet_hospitals import ALICE, REGISTRAR, by, steps, sudo
from devnet.watched import command, until
from genesis.catalogue import make
from genesis.presets import CHAINS
from runtime.constants import BTT
from runtime.pallets.facilities.types import Bonds, Kind
from support.vectors import REPOSITORY

pytestmark = [pytest.mark.devnet, pytest.mark.full, pytest.mark.timeout(1_500)]

DAY_MS: Final = 7_000
HANG: Final = 400.0
CLINIC, OFFICE = "//Clinic", "//Office"
AUDITORS: Final = ("//Dave", "//Eve", "//Ferdie")
MONEY: Final = {CLINIC: 10_000, OFFICE: 1, **dict.fromkeys(AUDITORS, 500)}
KINDS: Final = {CLINIC: Kind.Clinic, **dict.fromkeys(AUDITORS, Kind.Auditor)}
SECRET: Final = "a secret of this region"
PATIENTS: Final = ("//Patient1", "//Patient2")
RULE: Final = ActivityRule(
    u32(60), u32(1_000_000), u32(1_000_000), u32(500_000), u32(1_000_000), u8(4), u16(0), u8(7)
)
MODULE: Final = (sys.executable, "-m", "btt_chain")


def account(uri: str) -> AccountId:
    return AccountId(KeyPair.from_uri(uri).account_id)


def quick() -> str:
    """The specification `local` with short days."""
    document = json.loads(make(CHAINS["local"], validators=2, slot_ms=1_000).dumps())
    document["genesis"]["runtimeGenesis"]["config"]["params"]["dayMs"] = DAY_MS
    return json.dumps(document)


@dataclass
class CarePrograms:
    """The programs of a region: each command is a process, with folders of its own."""

    url: str
    home: Path

    def start(self, *args: str) -> subprocess.Popen[str]:
        """Start a program."""
        environment = os.environ | {
            "PYTHONPATH": str(REPOSITORY), "BTT_URL": self.url, "BTT_CARE": str(self.home),
            "BTT_CARE_SECRET": SECRET, "COLUMNS": "200",
        }  # fmt: skip
        return subprocess.Popen(
            [*MODULE, *args], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def run(self, *args: str) -> tuple[int, str, str]:
        """Run a command to its end."""
        with self.start(*args) as process:
            try:
                out, err = process.communicate(timeout=HANG)
            finally:
                process.kill()
            return process.returncode, out, err

    def good(self, *args: str) -> str:
        code, out, err = self.run(*args)
        assert code == 0, err
        return out

    def month(self) -> int:
        return int(command(self.url, "query", "rpc", "incentives_current")["month"])

    @contextmanager
    def serving(self, port: int) -> Iterator[subprocess.Popen[str]]:
        """Run the clinic's endpoint."""
        with self.start("facility", "serve", CLINIC, "--port", str(port), "--json") as served:
            try:
                assert served.stdout is not None
                assert json.loads(served.stdout.readline())["port"] == port
                yield served
            finally:
                served.kill()


async def prepare(
    url: str, money: Mapping[str, int], kinds: Mapping[str, Kind], *, is_sensitive: bool = False
) -> None:
    """Give accounts BTT, make facilities of some, set a rule, and let the auditors feed a price.

    `is_sensitive`: the clinics are.
    """
    async with open_runtime(url) as chain:
        await sudo(
            chain,
            chain.inner("Identity", "add_registrar", account=Id(REGISTRAR)),
            chain.inner("Facilities", "set_bonds", bonds=Bonds(*[u128(200 * BTT)] * 3)),
            chain.inner("Incentives", "set_rule", id=u16(3), rule=RULE),
        )
        gifts = [
            chain.inner(
                "Balances", "transfer_keep_alive", dest=Id(account(who)), value=u128(amount * BTT)
            )
            for who, amount in money.items()
        ]
        await chain.submit("Utility", "batch_all", signer=ALICE, calls=gifts)
        for who, kind in kinds.items():
            sensitive = is_sensitive and kind is Kind.Clinic
            await sudo(chain, *steps(chain, account(who), kind, is_sensitive=sensitive))
        values = [(b"BTT/CNY", u128(4 * 10**17))]
        feeds = [
            by(chain, account(who), chain.inner("Oracle", "feed_values", values=values))
            for who in AUDITORS
        ]
        await sudo(chain, *feeds)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def issued(region: CarePrograms, folder: Path, patient: int, port: int) -> Path:
    """Confirm an activity of a patient, by a program that is killed at first; return the claim."""
    evidence = folder / f"evidence{patient}.json"
    evidence.write_text('{"resourceType": "Observation", "status": "final"}')
    made = ("facility", "issue", CLINIC, "3", f"No. {patient}", "--evidence", str(evidence),
            "--serve-url", f"http://127.0.0.1:{port}", "--out")  # fmt: skip
    for number, delay in enumerate((0.6, 1.2, 2.0) if patient else ()):
        with region.start(*made, str(folder / f"killed{patient}.{number}.json")) as process:
            time.sleep(delay)
            process.kill()
    claim = folder / f"claim{patient}.json"
    region.good(*made, str(claim))
    return claim


def earn(claim: Path, patient: str) -> tuple[str, ...]:
    return ("points", "earn", str(claim), "--wallet", patient, "--json")


def audited(region: CarePrograms, auditor: str, port: int) -> None:
    """Let an auditor's program fetch, check and report."""
    verify = ("auditor", "verify", CLINIC, "--auditor", auditor, "--from-url")
    found = json.loads(region.good(*verify, f"http://127.0.0.1:{port}", "--json"))
    assert found["verdict"] == "Pass", found
    region.good("auditor", "report", CLINIC, "pass", "--from", auditor)


def eventually(what: str, holds: Callable[[], bool]) -> None:
    until(what, holds, HANG)


def test_a_month_of_programs_of_which_the_clinic_s_is_killed(
    devnet: DevnetFactory, tmp_path: Path
) -> None:
    net = devnet(validators=2, slot_ms=1_000, spec=quick())
    net.wait_for_finality(1)
    region, port = CarePrograms(net[0].ws, tmp_path / "care"), free_port()
    asyncio.run(prepare(region.url, MONEY, KINDS))
    appoint = ("tx", "call", "Proxy.add_proxy", OFFICE, "NonTransfer", "0", "--from", CLINIC)
    region.good(*appoint)
    paid = region.month() + 1
    region.good("facility", "subscribe", "small", "--from", CLINIC)
    region.good("facility", "keys", "--proxy-for", CLINIC, "--from", OFFICE)
    enlist = [("auditor", "enlist", "--from", who) for who in AUDITORS]
    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(region.good, *each) for each in enlist]:
            done.result()

    eventually("the month begins", lambda: region.month() == paid)
    first = issued(region, tmp_path, 0, port)
    second = issued(region, tmp_path, 1, port)
    with region.serving(port) as served:
        assert json.loads(region.good(*earn(first, PATIENTS[0])))["points"] == 60
        with region.start(*earn(second, PATIENTS[1])) as wallet:
            served.kill()
            wallet.communicate(timeout=HANG)
    # Nothing is lost, whatever had come to the clinic's disk and to the wallet's.
    with region.serving(port):
        region.good(*earn(second, PATIENTS[1]))
        for who in PATIENTS:
            listed = json.loads(region.good("points", "list", "--wallet", who, "--json"))
            assert sum(row["points"] for row in listed["vouchers"]) == 60
            assert {row["state"] for row in listed["vouchers"]} == {"held"}

        eventually("the month is over", lambda: region.month() == paid + 1)
        closed = region.good("facility", "close", "--proxy-for", CLINIC, "--from", OFFICE, "--json")
        assert json.loads(closed)["points"] == 120, "an activity was recorded twice, or lost"
        eventually(
            "the audit is selected", lambda: region.run("facility", "answer", CLINIC)[0] == 0
        )
        with ThreadPoolExecutor(3) as pool:
            for report in [pool.submit(audited, region, who, port) for who in AUDITORS]:
                report.result()

    month = json.loads(region.good("facility", "month", CLINIC, "--month", str(paid), "--json"))
    assert (month["state"], month["points"]) == ("Audited", 120)
    for who in PATIENTS:
        redeem = ("points", "redeem", "--now", "--wallet", who, "--from", "//Alice", "--json")
        done = json.loads(region.good(*redeem, "--wait", "final"))
        assert (done["redeemed"], done["waiting"]) == (60, 0)
    region.good("points", "cash", "//care//0", "--wallet", PATIENTS[0])
    assert json.loads(region.good("tokenomics", "audit", "--json"))["findings"] == []
    assert net.check_agreement() > 0
