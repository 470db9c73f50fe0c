"""`referral` on a small chain, as people type it."""

from __future__ import annotations

from support import commands
from support.document import Document


def good(url: str, *args: str) -> str:
    return commands.good(url, "referral", *args)


def document(url: str, *args: str) -> Document:
    return commands.document(url, "referral", *args)


def refusal(url: str, *args: str) -> str:
    return commands.refusal(url, "referral", *args)


def test_a_referral_is_offered_accepted_attested_and_shown(url: str) -> None:
    assert "there is none" in good(url, "list")
    assert "no account" in good(url, "show", "//Bob")
    assert "SameOperator" in refusal(url, "refer", "//Alice", "--from", "//Alice")
    assert "referred, in block" in good(url, "refer", "//Bob", "--from", "//Alice")
    assert "not accepted yet" in good(url, "show", "//Bob")
    found = document(url, "show", "//Bob")
    assert found["referee"].value is None
    assert len(found["offers"]) == 1
    good(url, "accept", "//Alice", "--from", "//Bob")
    assert "gov propose Referral.attest_implementation" in good(url, "attest", "//Bob")
    good(url, "attest", "//Bob", "--sudo", "--from", "//Alice")

    shown = good(url, "show", "//Bob")
    for line in ("attested, for 50 BTT", "0 of 100, for 100 BTT", "of 1_000 BTT, for 250 BTT"):
        assert line in shown
    found = document(url, "show", "//Bob")["referee"]
    assert found.pick("reached", "payable") == (str(50 * 10**18), "0")
    assert found["referee"]["implemented"].value is True
    assert "NothingToClaim" in refusal(url, "claim", "//Bob", "--from", "//Bob")
    assert "19 referees" in good(url, "show", "//Alice")
    assert document(url, "list", "--by", "//Alice") == [found]
    assert document(url, "list", "--by", "//Bob") == []
    assert "1_000" not in good(url, "list")


def test_a_referral_is_withdrawn(url: str) -> None:
    good(url, "refer", "//Eve", "--from", "//Dave")
    assert "AlreadyOffered" in refusal(url, "refer", "//Eve", "--from", "//Dave")
    good(url, "withdraw", "//Eve", "--from", "//Dave")
    assert "NoOffer" in refusal(url, "accept", "//Dave", "--from", "//Eve")
