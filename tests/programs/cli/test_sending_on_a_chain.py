"""Commands that send calls, on a chain: preview, confirmation, dry run and wait."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.common import sending, session
from cli.program import program


def run(url: str, *args: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(program, [*args, "--url", url], input=typed)


def transfer(url: str, *more: str, typed: str | None = None) -> Result:
    return run(url, "tx", "transfer", "//Bob", "1BTT", "--from", "//Alice", *more, typed=typed)


def nonce(url: str) -> int:
    found = run(url, "query", "account", "//Alice", "--json")
    return int(json.loads(found.stdout)["nonce"])


def test_the_call_the_signer_and_the_fee_are_shown_before_it_is_sent(url: str) -> None:
    result = transfer(url)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("call    Balances.transfer_keep_alive(dest: 5FHneW46")
    assert lines[1].startswith("from    5GrwvaEF")
    assert lines[2].endswith("(estimate)")
    assert "The call succeeded." in result.stdout


@pytest.mark.parametrize(
    ("wait", "is_final"),
    [("best", False), ("inblock", False), ("final", True), ("finalized", True)],
)
def test_a_wait_has_two_names(url: str, wait: str, is_final: bool) -> None:
    result = transfer(url, "--wait", wait, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["finalized"] is is_final


def test_a_wait_that_is_none_is_refused(url: str) -> None:
    result = transfer(url, "--wait", "tomorrow")
    assert result.exit_code == 2
    assert "'tomorrow' is not one of none, best, final" in result.stderr


def test_a_dry_run_reports_what_would_happen_and_sends_nothing(url: str) -> None:
    before = nonce(url)
    good = transfer(url, "--dry-run")
    assert (good.exit_code, "would succeed now; nothing is sent" in good.stdout) == (0, True)
    as_json = transfer(url, "--dry-run", "--json")
    found: dict[str, Any] = json.loads(as_json.stdout)
    assert (found["success"], found["call"]) == (True, "Balances.transfer_keep_alive")
    assert int(found["feeEstimate"]) > 0
    bad = run(url, "tx", "transfer", "//Bob", "1_000_000_000_000BTT", "--from", "//Alice",
              "--dry-run")  # fmt: skip
    assert bad.exit_code == 1
    assert "would fail now: Token.FundsUnavailable: the account has too little" in bad.stderr
    offer = run(url, "gov", "deposit", "77", "--from", "//Alice", "--dry-run")
    assert offer.exit_code == 1
    assert "would fail now: Referenda." in offer.stderr
    assert nonce(url) == before


def test_a_tip_and_a_nonce_are_those_of_the_options(url: str) -> None:
    number = nonce(url)
    result = transfer(url, "--nonce", str(number), "--tip", "5planck", "--json")
    assert json.loads(result.stdout)["success"]
    assert nonce(url) == number + 1
    used = transfer(url, "--nonce", str(number))
    assert used.exit_code == 1
    assert "outdated" in used.stderr
    wrong = transfer(url, "--tip", "5")
    assert (wrong.exit_code, "--tip: '5' has no unit" in wrong.stderr) == (2, True)


def test_a_live_chain_asks_first(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "LOCAL", ())
    before = nonce(url)
    for more in ((), ("--json",)):
        refused = transfer(url, *more)
        assert refused.exit_code == 2
        assert "is a live chain: add --yes to send Balances.transfer" in refused.stderr
    assert nonce(url) == before
    assert transfer(url, "--yes").exit_code == 0
    monkeypatch.setattr(sending, "is_terminal", lambda: True)
    declined = transfer(url, typed="n\n")
    assert (declined.exit_code, "aborted" in declined.stderr) == (1, True)
    assert nonce(url) == before + 1
    assert transfer(url, typed="y\n").exit_code == 0
    assert nonce(url) == before + 2


def test_an_argument_that_is_not_utf_8_is_refused_in_one_line(url: str) -> None:
    # Python reads the byte 0xff of a command line as a surrogate.
    for words in (("System.remark", "\udcff"), ("System.remark", "remark=a\udcff")):
        result = run(url, "tx", "call", *words, "--from", "//Alice")
        assert result.exit_code == 2, result.stderr
        assert "not UTF-8 text: write other bytes as 0x and hex" in result.stderr
        assert result.stderr.count("\n") == 1


def test_an_immortal_transaction_may_be_asked_for_beside_a_lifetime_of_the_configuration(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BTT_TX_TRANSFER_MORTAL", "8")
    assert "immortal: it stays valid" in transfer(url, "--immortal").stdout
