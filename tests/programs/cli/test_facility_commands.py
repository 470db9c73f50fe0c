"""`identity`, `facility` and objections on a small chain, as people type them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.commands.facility import burn_state, country, country_number
from cli.common.errors import Mistyped
from support.commands import document, good, refusal


@pytest.fixture(scope="module")
def judged(url: str) -> str:
    """The node, on which Charlie is a registrar, and judged Bob and Dave."""
    good(url, "identity", "appoint", "//Charlie", "--sudo", "--from", "//Alice")
    for name in ("//Bob", "//Dave"):
        good(url, "identity", "set", "--display", f"Of {name}", "--from", name)
        good(url, "identity", "judge", name, "known-good", "--from", "//Charlie")
    return url


def test_an_identity_is_set_requested_and_judged(judged: str) -> None:
    good(judged, "identity", "set", "--display", "Eve", "--web", "eve.example", "--from", "//Eve")
    good(judged, "identity", "request", "--from", "//Eve")
    good(judged, "identity", "judge", "//Eve", "out-of-date", "--from", "//Charlie")
    found = document(judged, "identity", "show", "//Eve")
    assert found.pick("display", "web") == ("Eve", "eve.example")
    assert found["judgements"] == {"0": "out-of-date"}
    assert "out-of-date by registrar 0" in good(judged, "identity", "show", "//Eve")
    assert "has no identity" in refusal(judged, "identity", "show", "//Ferdie")
    long = "x" * 33
    error = refusal(judged, "identity", "set", "--display", long, "--from", "//Eve")
    assert "--display: expected 1 to 32 bytes, 33 were given" in error


def test_a_hospital_registers_and_leaves(judged: str, tmp_path: Path) -> None:
    about = tmp_path / "about.txt"
    about.write_text("A hospital")
    apply = ("facility", "apply", "hospital", "--country", "CN", "--from", "//Bob")
    good(judged, *apply, "--description", str(about))
    assert "AlreadyRegistered" in refusal(judged, *apply)
    found = document(judged, "facility", "show", "//Bob")
    assert found.pick("kind", "region", "state") == ("Hospital", 156, "Asked")
    assert int(str(found["meta"]), 16) > 0
    assert "does not count: asked" in good(judged, "facility", "show", "//Bob")
    good(judged, "facility", "confirm", "//Bob", "--sudo", "--from", "//Alice")
    again = refusal(judged, "facility", "confirm", "//Bob", "--sudo", "--from", "//Alice")
    assert "Facilities.NotAsked" in again
    assert "may count at its review after 20" in good(judged, "facility", "show", "//Bob")
    counted = document(judged, "facility", "count")
    assert counted.pick("counted", "active") == (0, 1)
    assert [burn["hospitals"] for burn in counted["burns"]] == [100, 1_000]
    good(judged, "facility", "update", "--size", "large", "--from", "//Bob")
    good(judged, "facility", "suspend", "//Bob", "--sudo", "--from", "//Alice")
    assert "StillSuspended" in refusal(judged, "facility", "leave", "--from", "//Bob")
    good(judged, "facility", "suspend", "//Bob", "--end", "--sudo", "--from", "//Alice")
    good(judged, "facility", "leave", "--from", "//Bob")
    assert document(judged, "facility", "show", "//Bob")["state"] == "Left"


def test_facilities_are_listed_by_kind(judged: str) -> None:
    good(judged, "facility", "apply", "laboratory", "--country", "276", "--from", "//Dave")
    (found,) = document(judged, "facility", "list", "--kind", "laboratory")
    assert found.pick("region", "bond") == (276, str(500 * 10**18))
    assert "laboratory" in good(judged, "facility", "list")
    assert "there is none" in good(judged, "facility", "list", "--kind", "issuer")
    good(judged, "facility", "refuse", "//Dave", "--sudo", "--from", "//Alice")
    assert "is not a facility" in refusal(judged, "facility", "show", "//Dave")


def test_decisions_are_printed_as_proposals(url: str) -> None:
    printed = good(url, "facility", "confirm", "//Bob")
    assert "btt-chain gov propose Facilities.confirm 5FHneW46" in printed
    assert "--track technical --from URI" in printed
    found = document(url, "facility", "suspend", "//Bob", "--end", "--track", "emergency")
    assert str(found["call"]).startswith("0x3d05")
    assert str(found["propose"]).endswith(" false --track emergency --from URI")
    mistyped = refusal(url, "facility", "confirm", "//Bob", "--from", "//Alice")
    assert "--sudo goes with --from" in mistyped


def test_a_printed_proposal_can_be_typed(judged: str) -> None:
    line = document(judged, "facility", "refuse", "//Bob")["propose"]
    words = str(line).removeprefix("btt-chain ").replace("URI", "//Alice").split()
    assert "referendum 0" in good(judged, *words)


def test_wrong_arguments_have_words(url: str) -> None:
    apply = ("facility", "apply", "clinic", "--from", "//Bob", "--country")
    for country_ in ("XX", "157", "China"):
        assert f"{country_!r} is not a country of ISO 3166-1" in refusal(url, *apply, country_)
    both = ("--description", __file__, "--meta", "0x" + "11" * 32)
    assert "not both" in refusal(url, *apply, "CN", *both)
    assert "NotKnownGood" in refusal(
        url, "facility", "apply", "clinic", "--from", "//Ferdie", "--country", "CN"
    )


def test_countries_are_read_by_letters_and_by_number() -> None:
    assert country_number("cn") == country_number("156") == 156
    assert country(8) == "AL (008)"
    with pytest.raises(Mistyped):
        country_number("")


def test_the_state_of_a_burn_is_shown() -> None:
    name = "Hospitals100"
    assert burn_state(name, 99, 100, None) == "1 missing"
    assert "execute_milestone_burn Hospitals100 --from" in burn_state(name, 100, 100, None)
    assert burn_state(name, 5, 100, 77) == "executed in slot 77"


def test_milestones_are_objected_to(url: str) -> None:
    assert "open" in good(url, "gov", "milestones", "0")
    found = document(url, "gov", "milestones", "0")
    assert len(found) == 16
    assert found[0]["needed"] == str(700 * 10**9)
    assert "no programme 9" in refusal(url, "gov", "milestones", "9")
    objects = ("gov", "object", "0", "1", "100BTT", "--from", "//Bob")
    assert "Tokenomics.NotAttested" in refusal(url, *objects)
    account = document(url, "query", "storage", "Tokenomics.Foundation")["value"]
    call = {"call": "Tokenomics.attest_milestone", "args": [0, 1, "0x" + "11" * 32]}
    attest = ("tx", "call", "Sudo.sudo_as", str(account), json.dumps(call), "--from", "//Alice")
    good(url, *attest)
    good(url, *objects)
    assert "AlreadyObjected" in refusal(url, *objects)
    assert "0.0% of 10.0%" in good(url, "gov", "milestones", "0")
    assert "NotObjecting" in refusal(url, "gov", "unlock-objections", "//Bob", "--from", "//Alice")
    assert int(document(url, "gov", "milestones", "0")[1]["objected"]) > 0
    good(url, "gov", "withdraw-objection", "0", "1", "--from", "//Bob")
    assert document(url, "gov", "milestones", "0")[1]["objected"] == "0"
