"""`facility`, `points` and `auditor` through three months of a node, whose clock the test sets."""

from __future__ import annotations

import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from btt_chain.chain.client import Client
from btt_chain.client import BlockingChain, KeyPair
from btt_chain.node.dev.sealing import ManualSealer
from btt_chain.node.transactions.pool import PoolService
from btt_chain.primitives.files import Lock
from btt_chain.scale.portable import Plain
from cli.program import program
from support.instant_node import instant_node
from support.running import running

MONTH = 1_800
"""Slots of a month of the development chain: 30 days of a minute."""
DAY = 60
SECRET = "a secret of the clinic"
RULE: dict[str, Plain] = {
    "base": 60, "health_ppm": 1_000_000, "impact_ppm": 1_000_000, "floor_ppm": 500_000,
    "cap_ppm": 1_000_000, "per_patient_month": 4, "cooldown_days": 2, "evidence": 7,
}  # fmt: skip
ISSUE = ("facility", "issue", "//Bob", "3", "Li", "--evidence", "CLAIM", "--out", "out")
AUDITORS = ("//Dave", "//Eve", "//Ferdie")


@dataclass
class Care:
    """A node with a clinic, three auditors and prices; folders below `home`."""

    url: str
    home: Path
    offset: list[float]

    def run(self, *args: str) -> Result:
        env = {"BTT_CARE": str(self.home), "BTT_CARE_SECRET": SECRET, "COLUMNS": "200"}
        return CliRunner().invoke(program, [*args, "--url", self.url], env=env)

    def good(self, *args: str) -> str:
        result = self.run(*args)
        assert result.exit_code == 0, result.stderr
        return result.stdout + result.stderr

    def document(self, *args: str) -> SimpleNamespace:
        result = self.run(*args, "--json")
        assert result.stdout, result.stderr
        return SimpleNamespace(value=json.loads(result.stdout))

    def refusal(self, *args: str) -> str:
        result = self.run(*args)
        assert result.exit_code != 0, result.stdout
        return result.stderr

    def to(self, month: int, day: int = 0) -> None:
        """Go to a day of a month, and let some blocks pass there."""
        with BlockingChain.connect(self.url) as chain:
            genesis = int(str(chain.storage("Babe.GenesisSlot")))
            target = genesis + month * MONTH + day * DAY
            self.offset[0] = max(self.offset[0], target + 1 - time.time())
            for _ in range(12):
                chain.call("engine_createBlock", True, True)


def prepare(care: Care) -> None:
    """Register a clinic and three auditors, feed a price, set a rule."""
    care.good("identity", "appoint", "//Charlie", "--sudo", "--from", "//Alice")
    for who, kind in (("//Bob", "clinic"), *((each, "auditor") for each in AUDITORS)):
        care.good("identity", "set", "--display", f"Of {who}", "--from", who)
        care.good("identity", "judge", who, "known-good", "--from", "//Charlie")
        care.good("facility", "apply", kind, "--country", "CN", "--size", "small", "--from", who)
        care.good("facility", "confirm", who, "--sudo", "--from", "//Alice")
    with BlockingChain.connect(care.url) as chain:
        for who in AUDITORS:
            values: Plain = [["0x" + b"BTT/CNY".hex(), 40 * 10**16]]
            call = chain.compose("Oracle.feed_values", values=values)
            chain.transactions.send(call, KeyPair.from_uri(who))
        rule: Plain = {"Incentives": {"set_rule": {"id": 3, "rule": RULE}}}
        sudo = chain.compose("Sudo.sudo", call=rule)
        chain.transactions.send(sudo, KeyPair.from_uri("//Alice"))


@pytest.fixture(scope="module")
def care(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Care]:
    offset, begin = [0.0], ManualSealer.__init__

    def with_clock(self: ManualSealer, client: Client, pool: PoolService) -> None:
        begin(self, client, pool, lambda: time.time() + offset[0])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ManualSealer, "__init__", with_clock)
        patch.setattr("btt_chain.care.vault.SCRYPT_N", 2)
        base = tmp_path_factory.mktemp("care")
        with instant_node(base / "node") as url:
            found = Care(url, base / "home", offset)
            yield found


def test_three_months_by_commands(care: Care, tmp_path: Path) -> None:
    prepare(care)
    claim = issue_once(care, tmp_path)
    collect(care, claim, tmp_path)

    care.to(2)
    assert "would succeed now" in care.good("facility", "close", "--dry-run", "--from", "//Bob")
    close_by_office(care)
    month = ("facility", "month", "//Bob", "--month", "1")
    assert care.document(*month).value["epoch"]["points"] == "60"
    assert "7_500 BTT" in care.good(*month)
    care.to(2, day=3)
    audit(care, tmp_path)
    assert care.document(*month).value["epoch"]["state"] == "Audited"
    spend(care)
    assert "fewer than five facilities" in care.good("points", "stats", "--month", "1")
    assert care.document("points", "stats").value["rows"] == []
    assert care.document("tokenomics", "audit").value["findings"] == []


def issue_once(care: Care, folder: Path) -> Path:
    """Subscribe and issue one claim, after requests that are refused; return its file."""
    evidence = folder / "observation.json"
    evidence.write_text('{"resourceType": "Observation", "status": "final"}')
    claim, later = folder / "claim.json", folder / "later.json"
    assert care.document("facility", "rules").value[0]["id"] == 3
    assert "oracle, provider, device" in care.good("facility", "rules")
    said = care.good("facility", "subscribe", "small", "--from", "//Bob")
    assert "price   7_500 BTT now, for a month" in said
    assert "subscribed for month 1" in said
    planned = care.good("facility", "month", "//Bob", "--month", "1")
    assert "fixed when the month begins" in planned
    assert "pays for month 1 and later ones" in care.refusal("facility", "month", "//Bob")
    assert care.document("facility", "keys", "--from", "//Bob").value["month"] == 1
    assert "on the chain already" in care.good(
        "facility", "keys", "--month", "1", "--from", "//Bob"
    )
    for who in AUDITORS:
        care.good("auditor", "enlist", "--from", who)

    issue = ("facility", "issue", "//Bob", "3", "Li Wei", "--evidence", str(evidence))
    # Keys that came too late for the chain are in the folder.
    assert "TooLate" in care.refusal("facility", "keys", "--month", "0", "--from", "//Bob")
    assert "no keys of month 0" in care.refusal(*issue, "--out", str(claim))
    assert not claim.exists()
    verify = ("auditor", "verify", "//Bob", "--auditor", "//Eve")
    for early in (("facility", "answer", "//Bob"), verify, ("facility", "close", "--from", "//Bob"),
                  ("auditor", "report", "//Bob", "pass", "--from", "//Eve")):  # fmt: skip
        assert "no month is over yet: month 0 ends in " in care.refusal(*early)
    care.to(1, day=2)
    assert "address must be https" in care.refusal(
        *issue, "--out", str(claim), "--serve-url", "http://clinic.example"
    )
    assert care.document(*issue, "--out", str(claim)).value["points"] == 60
    assert "claim.json exists: its claim would be lost" in care.refusal(*issue, "--out", str(claim))
    # A crash could have kept the claim from being written: the same activity gives it again.
    assert "counts once" in care.good(*issue, "--out", str(later))
    assert later.read_text() == claim.read_text()
    later.unlink()
    again = ("facility", "claims", "//Bob", "Li Wei", "--out", str(folder / "claims"))
    (path,) = care.document(*again).value
    assert Path(path).read_text() == claim.read_text()
    assert "no claim of month 0" in care.refusal(*again, "--month", "0")
    nowhere = str(folder / "no" / "claim.json")
    assert "No such file or directory" in care.refusal(*issue, "--out", nowhere)
    assert "cooldown" in care.refusal(*issue, "--quality", "90", "--out", str(later))
    assert not later.exists()
    named = folder / "named.json"
    named.write_text('{"subject": "Li Na"}')
    bad = ("facility", "issue", "//Bob", "3", "Li Na", "--out", str(later), "--evidence")
    assert "names the patient" in care.refusal(*bad, str(named))
    assert "rule" in care.refusal(
        "facility", "issue", "//Bob", "9", *issue[4:], "--out", str(later)
    )
    return claim


def close_by_office(care: Care) -> None:
    """Close the month by a proxy of the clinic that cannot move its money."""
    office = ("--proxy-for", "//Bob", "--from", "//Ferdie")
    refused = care.refusal("facility", "close", *office)
    assert "Proxy.NotProxy" in refused
    care.good("tx", "call", "Proxy.add_proxy", "//Ferdie", "Staking", "0", "--from", "//Bob")
    assert "System.CallFiltered" in care.refusal("facility", "close", *office)
    care.good("tx", "call", "Proxy.add_proxy", "//Ferdie", "NonTransfer", "0", "--from", "//Bob")
    care.good("facility", "close", *office)
    assert "Incentives.AlreadyClosed" in care.refusal("facility", "close", *office)


def collect(care: Care, claim: Path, folder: Path) -> None:
    """Collect the claim's vouchers by files."""
    wallet = ("--wallet", "//Patient")
    earn = ("points", "earn", str(claim), *wallet)
    request, answer = folder / "request.json", folder / "answer.json"
    assert "no address" in care.refusal(*earn)
    care.good(*earn, "--request", str(request))
    care.good("facility", "sign", "//Bob", str(request), "--out", str(answer))
    assert care.document(*earn, "--answer", str(answer)).value["points"] == 60
    found = care.document("points", "list", *wallet).value
    assert [row["points"] for row in found["vouchers"]] == [25, 25, 5, 5]
    assert {row["state"] for row in found["vouchers"]} == {"held"}
    assert all(2 * MONTH + 3 * DAY <= row["due"] < 3 * MONTH for row in found["vouchers"])
    done = care.document("points", "redeem", "--now", *wallet, "--from", "//Alice").value
    assert (done["redeemed"], done["waiting"], done["not_counted"]) == (0, 60, 60)
    # Nothing is due within an hour: the command says when, and ends.
    early = care.document("points", "redeem", *wallet, "--from", "//Alice").value
    assert (early["redeemed"], early["waiting"], early["postponed"]) == (0, 60, 0)
    assert early["next"].endswith("Z")
    said = care.good("points", "redeem", *wallet, "--from", "//Alice")
    assert re.search(r"next: 20\d\d-.* UTC \(in .+\); run this every hour", said)


def audit(care: Care, folder: Path) -> None:
    """Open the evidence to the auditors, who check it and report."""
    openings = folder / "openings"
    assert len(care.document("facility", "answer", "//Bob", "--out", str(openings)).value) == 3
    state = care.good("facility", "month", "//Bob", "--month", "1")
    assert "first round: 0 of 3 auditors reported, it ends 20" in state
    fail = ("auditor", "report", "//Bob", "fail", "--from", "//Eve", "--index")
    assert "has 64 leaves, numbered from 0 to 63" in care.refusal(*fail, "64")
    assert "no audit of month 77" in care.refusal(*fail, "0", "--month", "77")
    for who in AUDITORS:
        pair = KeyPair.from_uri(who)
        assert care.run("auditor", "watch", who, "--once").stderr.count("report before 20") == 1
        sealed = openings / f"{pair.public.hex()}.sealed"
        verify = ("auditor", "verify", "//Bob", "--auditor", who)
        opened = ("--opened", str(folder / "opened.json"))
        assert care.document(*verify, "--file", str(sealed), *opened).value["verdict"] == "Pass"
        (leaf,) = json.loads((folder / "opened.json").read_text())
        assert (leaf["rule"], leaf["points"], leaf["kind"]) == (3, 60, "provider")
        assert leaf["evidence"] == {"resourceType": "Observation", "status": "final"}
        assert care.document(*verify).value["verdict"] == "NotOpened"
        care.good("auditor", "report", "//Bob", "pass", "--from", who)
    assert "no audit waits" in care.good("auditor", "watch", "//Eve", "--once")
    assert "there is no audit" in care.refusal("facility", "answer", "//Bob")


def spend(care: Care) -> None:
    """Redeem all vouchers, and exchange the points of one account."""
    wallet = ("--wallet", "//Patient")
    redeem = ("points", "redeem", *wallet, "--from", "//Alice")
    care.to(3)
    first = in_its_time(care, redeem)
    said = care.good(*redeem, "--now")
    assert f"{first.value['waiting']} points are redeemed; 0 wait" in said
    assert "any reader can see that these accounts belong to one person" in said
    assert "60 of the 60 points of this facility's month 1 are yours" in said
    listed = care.document("points", "list", *wallet).value
    assert sum(listed["points"].values()) == 56
    assert len(listed["points"]) == 4
    assert "no points on the chain" in care.refusal("points", "cash", "//care//9", *wallet)
    assert "is not an account of a wallet" in care.refusal("points", "cash", "care", *wallet)
    many = care.refusal("points", "cash", "//care//0", "--points", "999", *wallet)
    assert many.count("Incentives.NotEnoughPoints") == 1
    dry = care.good("points", "cash", "//care//0", "--dry-run", *wallet)
    assert "would succeed now; nothing is sent" in dry
    found = care.document("points", "cash", "//care//0", *wallet).value
    assert re.fullmatch("0x[0-9a-f]{64}", found["block"])
    assert found["points"] == 24


def in_its_time(care: Care, redeem: tuple[str, ...]) -> SimpleNamespace:
    """Redeem one voucher after a wait that is interrupted; return the document of the command."""
    said = care.good(*redeem, "--dry-run")
    assert "the time of 60 points passed while the wallet was not used" in said
    assert re.search(r"\d+ points are redeemed at a random time: .* UTC \(in [12] second", said)
    assert "nothing is sent; the time stays" in said
    planned = care.document(*redeem, "--dry-run").value
    assert (planned["redeemed"], planned["waiting"], planned["postponed"]) == (0, 60, 0)

    async def stopped(_seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cli.commands.points_redeem.asyncio", SimpleNamespace(sleep=stopped))
        assert "the time stays, and nothing is lost" in care.refusal(*redeem)
        # The same time, and the same vouchers: a restart chooses nothing anew.
        again = care.document(*redeem, "--dry-run").value
        assert again == planned
    with holding(care):
        assert "redeems for this wallet already" in care.good(*redeem)
        assert care.document(*redeem).value["redeemedBy"] == str(os.getpid())
        assert "stop it first" in care.refusal(*redeem, "--now")
    first = care.document(*redeem)
    assert first.value["redeemed"] in (5, 25)
    assert first.value["redeemed"] + first.value["waiting"] == 60
    listed = care.document("points", "list", "--wallet", "//Patient").value
    assert [row["points"] for row in listed["vouchers"] if row["state"] == "redeemed"] == [
        first.value["redeemed"]
    ]
    waiting = [row["due"] for row in listed["vouchers"] if row["due"] > listed["now"]]
    assert len(waiting) >= 2
    assert max(waiting) - listed["now"] <= 7 * DAY + 4
    return first


@contextmanager
def holding(care: Care) -> Iterator[None]:
    """Hold the lock of the patient's wallet, as a process that waits does."""
    (lock,) = care.home.glob("care/*/wallet-*/redeem.lock")
    with Lock(lock):
        yield


def test_a_facility_serves_claims_over_http(care: Care, tmp_path: Path) -> None:
    """The command itself: its first line has the address, and it answers there."""
    with running(
        tmp_path / "log", "facility", "serve", "//Bob", "--port", "0", "--json",
        "--secret", SECRET, "--base-path", str(tmp_path), "--url", care.url,
    ) as served:  # fmt: skip
        where = served.document()
        with pytest.raises(urllib.error.HTTPError, match="409"):
            urllib.request.urlopen(f"http://127.0.0.1:{where['port']}/sign", b"{}", timeout=20)
        assert served.stop() == 0


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("auditor", "report", "//Bob", "fail", "--from", "//Eve"), "--index goes with fail"),
        (("points", "earn", "CLAIM", "--wallet", "//P", "--request", "a", "--answer", "CLAIM"),
         "not both"),
        (("points", "earn", "CLAIM", "--wallet", "//P"), "this claim is not of version"),
        (("points", "cash", "//care//0", "--wallet", "//P", "--offer", "0x00"), "go together"),
        (("points", "stats", "--month", "99"), "has no statistics"),
        (("facility", "month", "//Bob", "--month", "77"), "has not paid for month 77"),
        (("facility", "device", "//Bob", "0x00", "--secret", "missing-secret.txt"),
         "there is no such file"),
        (("facility", "device", "//Bob", "0x00", "--secret", "/etc/secret-of-a-clinic"),
         "there is no such file"),
        (("facility", "device", "//Bob", "0x00", "--secret", "/9j+4AAQSkZJRgABAQ=="),
         "does not open with this secret"),
        (("facility", "member", "add", "//Bob", "//Bob"), "not a member of itself"),
        (("facility", "member", "add", "//Bob", "//Alice"), "not a registered facility"),
        (("facility", "member", "remove", "//Bob", "//Dave"), "is not a member"),
        (("facility", "subtotals", "//Bob"), "has no members in month"),
        ((*ISSUE, "--for", "//Dave"), "--for is for issuers"),
        ((*ISSUE, "--counter", "1"), "go with --kind device"),
        ((*ISSUE, "--kind", "device"), "needs --device, --counter and --signature"),
        (("facility", "appeal", "--month", "1", "--from", "//Bob"), "Incentives.NotDisputable"),
        (("facility", "device", "//Bob", "0x00"), "32 bytes"),
        (("facility", "device", "//Bob", "0x00", "--secret", "short"), "at least 12 characters"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_in_words(
    care: Care, tmp_path: Path, args: tuple[str, ...], complaint: str
) -> None:
    claim = tmp_path / "claim.json"
    claim.write_text("{}")
    assert complaint in care.refusal(*(str(claim) if a == "CLAIM" else a for a in args))
