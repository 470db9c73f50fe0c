"""`referral` on a small chain, as people type it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from cli.program import program
from support.instant_node import instant_node


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    base: Path = tmp_path_factory.mktemp("node")
    with instant_node(base) as url:
        yield url


def run(url: str, *args: str) -> Result:
    return CliRunner().invoke(program, ["referral", *args, "--url", url], prog_name="btt-chain")


def good(url: str, *args: str) -> str:
    result = run(url, *args)
    assert result.exit_code == 0, result.stderr
    return result.stdout + result.stderr


def document(url: str, *args: str) -> SimpleNamespace:
    """Return what a command prints as JSON, as `value`."""
    return SimpleNamespace(value=json.loads(good(url, *args, "--json")))


def refusal(url: str, *args: str) -> str:
    result = run(url, *args)
    assert result.exit_code != 0
    return result.stderr


def test_a_referral_is_offered_accepted_attested_and_shown(url: str) -> None:
    assert "there is none" in good(url, "list")
    assert "no account" in good(url, "show", "//Bob")
    assert "SameOperator" in refusal(url, "refer", "//Alice", "--from", "//Alice")
    assert "referred, in block" in good(url, "refer", "//Bob", "--from", "//Alice")
    assert "not accepted yet" in good(url, "show", "//Bob")
    found = document(url, "show", "//Bob").value
    assert (found["referee"], len(found["offers"])) == (None, 1)
    good(url, "accept", "//Alice", "--from", "//Bob")
    assert "gov propose Referral.attest_implementation" in good(url, "attest", "//Bob")
    good(url, "attest", "//Bob", "--sudo", "--from", "//Alice")

    shown = good(url, "show", "//Bob")
    for line in ("attested, for 50 BTT", "0 of 100, for 100 BTT", "of 1_000 BTT, for 250 BTT"):
        assert line in shown
    found = document(url, "show", "//Bob").value["referee"]
    assert (found["reached"], found["payable"], found["implemented"]) == (
        str(50 * 10**18),
        "0",
        True,
    )
    assert "NothingToClaim" in refusal(url, "claim", "//Bob", "--from", "//Bob")
    assert "19 referees" in good(url, "show", "//Alice")
    assert document(url, "list", "--by", "//Alice").value == [found]
    assert document(url, "list", "--by", "//Bob").value == []
    assert "1_000" not in good(url, "list")


def test_a_referral_is_withdrawn(url: str) -> None:
    good(url, "refer", "//Eve", "--from", "//Dave")
    assert "AlreadyOffered" in refusal(url, "refer", "//Eve", "--from", "//Dave")
    good(url, "withdraw", "//Eve", "--from", "//Dave")
    assert "NoOffer" in refusal(url, "accept", "//Dave", "--from", "//Eve")
