"""An issuer for eight sensitive clinics, an educator, a partner and an insurer, as processes.

What a role does for the first time is a process, on a node whose time moves by `dev travel`. What
is done again, only asks the chain, moves its time or is refused runs in this process: to start one
takes three seconds of a core, which are half a minute on a busy machine.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import pytest
from click.testing import CliRunner, Result

from btt_chain.testing import dev_node
from cli.program import program
from devnet.test_devnet_care import AUDITORS, SECRET, CarePrograms, account, prepare
from runtime.constants import BTT
from runtime.pallets.facilities.types import Kind

pytestmark = [pytest.mark.full, pytest.mark.timeout(3_600)]

ISSUER, EDUCATOR, PARTNER, INSURER = "//Issuer", "//Educator", "//Partner", "//Insurer"
CLINICS: Final = tuple(f"//Clinic{number}" for number in range(8))
MONEY: Final = {
    ISSUER: 10_000, EDUCATOR: 1_000, PARTNER: 1_000, INSURER: 1_000, **dict.fromkeys(CLINICS, 300)
}  # fmt: skip
KINDS: Final = {
    ISSUER: Kind.Issuer, EDUCATOR: Kind.Educator, PARTNER: Kind.Partner, INSURER: Kind.Insurer,
    **dict.fromkeys(CLINICS, Kind.Clinic), **dict.fromkeys(AUDITORS, Kind.Auditor),
}  # fmt: skip


class Roles(CarePrograms):
    """The programs, and the time of their chain, which only blocks and `to` move."""

    def document(self, *args: str) -> SimpleNamespace:
        """Return the `value` that a program prints as JSON; its exit code does not matter."""
        return SimpleNamespace(value=json.loads(self.run(*args, "--json")[1]))

    def see(self, *args: str) -> SimpleNamespace:
        """Return the `value` of a command, run in this process."""
        done = self.here(*args, "--json")
        assert done.exit_code == 0, f"{args}: {done.stderr}"
        return SimpleNamespace(value=json.loads(done.stdout))

    def again(self, *args: str) -> None:
        """Run a command, in this process, that another part of the test runs as a process."""
        done = self.here(*args)
        assert done.exit_code == 0, f"{args}: {done.stderr}"

    def refusal(self, *args: str) -> str:
        """Return the error of a command that must fail, run in this process."""
        done = self.here(*args)
        assert done.exit_code != 0, done.stdout
        return done.stderr

    def here(self, *args: str) -> Result:
        """Run a command in this process: nothing is lost by it, and no second of a core."""
        env = {"BTT_CARE": str(self.home), "BTT_CARE_SECRET": SECRET, "COLUMNS": "200"}
        words = [*args, "--url", self.url]
        return CliRunner().invoke(program, words, env=env, prog_name="btt-chain")

    def to(self, month: int, day: int = 0) -> None:
        """Go to a day of a month; a day is a minute. The months need some blocks.

        The goal is a slot, not a distance: it is the same however long the programs took.
        """
        names = ("CurrentSlot", "GenesisSlot")
        now, genesis = (
            int(self.see("query", "storage", f"Babe.{name}").value["value"]) for name in names
        )
        ahead = genesis + (30 * month + day) * 60 + 1 - now
        assert ahead > 0, "the day is over"
        self.see("dev", "travel", f"{ahead}s")
        self.see("dev", "mine", "8")


@contextmanager
def roles(folder: Path) -> Iterator[Roles]:
    """Run a node with all facilities.

    The journey at its beginning parts the chain from the clock: each block takes the next slot.
    Otherwise the first month, half an hour, would pass while a busy machine starts the programs.
    """
    with dev_node(folder / "node") as node:
        care = Roles(node.ws, folder / "care")
        care.see("dev", "travel", "1s")
        asyncio.run(prepare(node.ws, MONEY, KINDS, is_sensitive=True))
        yield care


def test_an_issuer_an_educator_a_partner_and_an_insurer_play_a_month(tmp_path: Path) -> None:
    with roles(tmp_path) as care:
        pool_of_the_insurer_grows(care, tmp_path)
        a_credential_counts_once(care, tmp_path)
        offer = an_offer_is_placed(care, tmp_path)
        claim = issued(care, tmp_path)
        collect(care, tmp_path, claim)
        closed_and_audited(care, tmp_path)
        redeemed_in_spite_of_kills(care)
        place = ("facility", "place", str(tmp_path / "offer.txt"), "--days", "9")
        care.again(*place, "--from", PARTNER)
        cash = ("points", "cash", "//care//0", "--wallet", "//Patient", "--partner", PARTNER)
        before = balance(care, PARTNER)
        assert "Incentives.OfferUnknown" in care.refusal(*cash, "--offer", "0x" + "77" * 32)
        points = care.document(*cash, "--offer", offer).value["points"]
        worth = points * BTT // 100
        assert balance(care, PARTNER) - before == worth - worth * 2 // 100
        assert care.see("tokenomics", "audit").value["findings"] == []


def redeemed_in_spite_of_kills(care: Roles) -> None:
    """Redeem all points: by a program that is killed while it waits, in time, and at once."""
    redeem = ("points", "redeem", "--wallet", "//Patient", "--from", "//Alice")
    care.to(3)
    with care.start(*redeem) as waiting:
        assert waiting.stderr is not None
        while "nothing is lost" not in (line := waiting.stderr.readline()):
            assert line, "it ended without a wait"
        waiting.kill()
    first = care.document(*redeem).value
    assert first["waiting"] < 60
    # A program that was killed late may have redeemed some already.
    assert care.see(*redeem, "--now").value["waiting"] == 0
    listed = care.see("points", "list", "--wallet", "//Patient").value
    assert {row["state"] for row in listed["vouchers"]} == {"redeemed"}
    assert sum(row["points"] for row in listed["vouchers"]) == 60


def balance(care: Roles, who: str) -> int:
    """Return the free planck of an account."""
    return int(care.see("query", "storage", "System.Account", who).value["value"]["data"]["free"])


def pool_of_the_insurer_grows(care: Roles, folder: Path) -> None:
    """Contribute savings as an insurer, and as a facility that is none."""
    report = folder / "report.txt"
    report.write_text("savings of the year")
    before = int(care.see("query", "rpc", "incentives_current").value["pool"])
    give = ("facility", "contribute", "100BTT", "--memo", str(report), "--from")
    assert "Incentives.NotInsurer" in care.refusal(*give, PARTNER)
    care.good(*give, INSURER)
    assert int(care.see("query", "rpc", "incentives_current").value["pool"]) - before == 100 * BTT
    assert "has no unit" in care.refusal("facility", "contribute", "100", "--from", INSURER)
    assert "is not a file" in care.refusal(*give[:-2], "missing.pdf", "--from", INSURER)


def a_credential_counts_once(care: Roles, folder: Path) -> None:
    """Attest a credential as an educator, and check it as any account."""
    certificate = folder / "certificate.txt"
    certificate.write_text("hygiene, 8 hours, number 5b0fd5e464d5")
    attest = ("facility", "attest", "//Bob", str(certificate), "--hours", "8", "--from")
    check = ("facility", "credential", "//Bob", str(certificate))
    assert "no educator attested" in care.refusal(*check)
    assert "Incentives.NotEducator" in care.refusal(*attest, PARTNER)
    before = balance(care, EDUCATOR)
    care.good(*attest, EDUCATOR)
    assert 20 * BTT < before - balance(care, EDUCATOR) < 21 * BTT
    found = care.see(*check).value
    assert (found["hours"], found["month"]) == (8, 0)
    assert "Incentives.AlreadyAttested" in care.refusal(*attest, EDUCATOR)
    own = ("facility", "attest", EDUCATOR, str(certificate), "--hours", "8", "--from", EDUCATOR)
    assert "Incentives.OwnCredential" in care.refusal(*own)
    assert "not in the range" in care.refusal(*attest[:-2], "0", "--from", EDUCATOR)


def an_offer_is_placed(care: Roles, folder: Path) -> str:
    """Place an offer as a partner; return its hash."""
    paper = folder / "offer.txt"
    paper.write_text("a check of the eyes")
    place = ("facility", "place", str(paper), "--days", "1", "--from")
    assert "Incentives.NotPartner" in care.refusal(*place, EDUCATOR)
    assert care.see("facility", "offers", PARTNER).value == []
    care.good(*place, PARTNER)
    (row,) = care.see("facility", "offers", PARTNER).value
    return str(row["hash"])


def issued(care: Roles, folder: Path) -> Path:
    """Issue a claim for a member of the issuer, after what must be refused; return its file."""
    evidence = folder / "evidence.json"
    evidence.write_text('{"resourceType": "Observation", "status": "final"}')
    assert "UseIssuer" in care.refusal("facility", "subscribe", "small", "--from", CLINICS[0])
    care.good("facility", "subscribe", "small", "--from", ISSUER)
    care.good("facility", "keys", "--from", ISSUER)
    care.good("auditor", "enlist", "--from", AUDITORS[0])
    for who in AUDITORS[1:]:
        care.again("auditor", "enlist", "--from", who)
    care.good("facility", "member", "add", ISSUER, *CLINICS[:7])
    care.to(1, day=2)
    claim = folder / "claim.json"
    issue = ("facility", "issue", ISSUER, "3", "No. 1", "--evidence", str(evidence), "--out",
             str(claim))  # fmt: skip
    assert "at least 8" in care.refusal(*issue, "--for", CLINICS[0])
    care.again("facility", "member", "add", ISSUER, CLINICS[7])
    assert "not a member" in care.refusal(*issue, "--for", PARTNER)
    assert "an issuer names the member" in care.refusal(*issue)
    assert care.document(*issue, "--for", CLINICS[0]).value["points"] == 60
    return claim


def collect(care: Roles, folder: Path, claim: Path) -> None:
    """Collect the vouchers of a claim by files."""
    request, answer = folder / "request.json", folder / "answer.json"
    earn = ("points", "earn", str(claim), "--wallet", "//Patient")
    care.good(*earn, "--request", str(request))
    care.good("facility", "sign", ISSUER, str(request), "--out", str(answer))
    care.good(*earn, "--answer", str(answer))


def closed_and_audited(care: Roles, folder: Path) -> None:
    """Close the issuer's month, and let its auditors check the members behind it."""
    care.to(2)
    care.good("facility", "close", "--from", ISSUER)
    care.to(2, day=3)
    found = care.see("facility", "subtotals", ISSUER, "--month", "1").value["subtotals"]
    assert sorted(found.values()) == [0] * 7 + [60]
    care.good("facility", "answer", ISSUER, "--out", str(folder / "openings"))
    for who in AUDITORS[:2]:
        sealed = folder / "openings" / f"{account(who).hex()}.sealed"
        verify = ("auditor", "verify", ISSUER, "--auditor", who, "--file", str(sealed))
        report = ("auditor", "report", ISSUER, "pass", "--from", who)
        if who == AUDITORS[0]:
            assert care.document(*verify).value["verdict"] == "Pass"
            care.good(*report)
        else:
            assert care.see(*verify).value["verdict"] == "Pass"
            care.again(*report)
    epoch = care.see("facility", "month", ISSUER, "--month", "1").value["epoch"]
    assert (epoch["state"], epoch["points"]) == ("Closed", "60")
    # The chain has the issuer, and nothing of the clinics behind it.
    epochs = care.see("query", "rpc", "incentives_epochs", "1", "null", "10").value
    assert len(epochs) == 1
