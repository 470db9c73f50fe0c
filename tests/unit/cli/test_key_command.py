from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.program import program

ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
ALICE_PUBLIC = "0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"


PHRASE = "bottom drive obey lake curtain smoke basket hold race lonely fit walk"


def run(*args: str, input: str | bytes | None = None) -> Result:
    return CliRunner().invoke(program, ["key", *args], input=input, prog_name="btt-chain")


def facts(*args: str, input: str | None = None) -> dict[str, str]:
    result = run(*args, "--json", input=input)
    assert result.exit_code == 0, result.stderr
    found: dict[str, str] = json.loads(result.stdout)
    return found


def test_the_key_of_alice_is_the_public_development_key() -> None:
    found = facts("inspect", "//Alice")
    assert found["ss58Address"] == ALICE
    assert found["publicKey"] == found["accountId"] == ALICE_PUBLIC


def test_a_key_is_shown_for_people_with_a_line_for_each_fact() -> None:
    lines = run("inspect", "//Alice").stdout.splitlines()
    assert f"SS58 address       {ALICE}" in lines
    assert not any(line != line.rstrip() for line in lines)


@pytest.mark.parametrize("words", ["12", "15", "18", "21", "24"])
@pytest.mark.parametrize("scheme", ["sr25519", "ed25519", "ecdsa"])
def test_a_new_key_comes_back_from_its_phrase(words: str, scheme: str) -> None:
    made = facts("generate", "--words", words, "--scheme", scheme)
    assert len(made["secretPhrase"].split()) == int(words)
    assert facts("inspect", made["secretPhrase"], "--scheme", scheme) == made
    again = facts("inspect", made["secretSeed"], "--scheme", scheme)
    assert again["ss58Address"] == made["ss58Address"]


def test_output_json_is_the_same_as_json() -> None:
    assert json.loads(run("inspect", "//Bob", "--output", "json").stdout) == facts(
        "inspect", "//Bob"
    )


def test_a_password_changes_the_key(tmp_path: Path) -> None:
    phrase = facts("generate")["secretPhrase"]
    word = tmp_path / "password"
    word.write_text("secret\n")
    given = facts("inspect", phrase, "--password", "secret")
    assert given["ss58Address"] != facts("inspect", phrase)["ss58Address"]
    assert facts("inspect", phrase, "--password-filename", str(word)) == given
    assert facts("inspect", f"{phrase}///secret")["ss58Address"] == given["ss58Address"]
    asked = run("inspect", phrase, "--password-interactive", "--json", input="secret\n")
    assert json.loads(asked.stdout) == given


def test_two_ways_of_giving_a_password_are_one_too_many() -> None:
    result = run("inspect", "//Alice", "--password", "a", "--password-interactive")
    assert result.exit_code == 2
    assert "in one way only" in result.stderr


def test_a_secret_comes_from_a_file_or_from_standard_input(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("//Alice\n")
    assert facts("inspect", str(file))["ss58Address"] == ALICE
    assert facts("inspect", "-", input="//Alice\n")["ss58Address"] == ALICE
    assert facts("inspect", input="//Alice\n")["ss58Address"] == ALICE


@pytest.mark.parametrize(
    ("network", "address"),
    [
        ("polkadot", "15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5"),
        ("2", "HNZata7iMYWmk5RvZRTiAsSDhV8366zq2YGb3tLH5Upf74F"),
        ("btt", ALICE),
    ],
)
def test_addresses_are_written_for_the_network_asked_for(network: str, address: str) -> None:
    assert facts("inspect", "//Alice", "--network", network)["ss58Address"] == address
    assert facts("inspect", "//Alice", "--ss58-prefix", network)["ss58Address"] == address


@pytest.mark.parametrize("network", ["16384", "46", "-1", "nowhere"])
def test_a_network_that_is_none_is_refused(network: str) -> None:
    assert run("inspect", "//Alice", f"--network={network}").exit_code == 2


def test_an_address_and_a_public_key_can_be_looked_at() -> None:
    assert facts("inspect", ALICE)["publicKey"] == ALICE_PUBLIC
    assert facts("inspect", "--public", ALICE_PUBLIC)["ss58Address"] == ALICE
    assert run("inspect", "--public", "0x00").exit_code == 2


def test_an_address_of_elsewhere_is_reported_its_network() -> None:
    foreign = "15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5"
    shown = facts("inspect", foreign)
    assert (shown["networkId"], shown["givenNetworkId"]) == ("substrate", "polkadot")
    assert "givenNetworkId" not in facts("inspect", foreign, "--network", "polkadot")


def test_an_ecdsa_address_does_not_contain_the_key() -> None:
    address = facts("inspect", "//Alice", "--scheme", "ecdsa")["ss58Address"]
    assert "publicKey" not in facts("inspect", address, "--scheme", "ecdsa")


@pytest.mark.parametrize("scheme", ["sr25519", "ed25519", "ecdsa"])
def test_a_signature_is_of_its_key_and_message_alone(scheme: str) -> None:
    pair = ("--scheme", scheme)
    signature = run("sign", "--suri", "//Alice", "--message", "hello", *pair).stdout.strip()
    address = facts("inspect", "//Alice", *pair)["ss58Address"]
    public = facts("inspect", "//Alice", *pair)["publicKey"]
    for signer in ("//Alice", address, public):
        assert run("verify", signature, signer, "--message", "hello", *pair).exit_code == 0
    assert run("verify", signature, "//Alice", "--message", "hallo", *pair).exit_code == 1
    assert run("verify", signature, "//Bob", "--message", "hello", *pair).exit_code == 1


def test_a_message_is_text_or_hex_or_standard_input() -> None:
    signature = run("sign", "--suri", "//Alice", "--message", "0x6869", "--hex").stdout.strip()
    assert run("verify", signature, ALICE, "--message", "hi").exit_code == 0
    assert run("verify", signature, ALICE, input="hi").exit_code == 0
    assert run("verify", signature, ALICE, "--hex", input="6869\n").exit_code == 0
    assert run("verify", signature, ALICE, input="hi\n").exit_code == 1
    assert run("sign", "--suri", "//Alice", input=b"\xff\x00").exit_code == 0


def test_a_wrong_signature_is_said_in_one_line() -> None:
    result = run("verify", "0x00", ALICE, "--message", "hi")
    assert result.exit_code == 1
    assert result.stderr == "error: the signature is not of this key and this message\n"


def test_key_and_message_cannot_both_come_from_standard_input() -> None:
    assert run("sign", input="hi").exit_code == 2
    assert run("sign", "--suri", "-", input="hi").exit_code == 2


@pytest.mark.parametrize("secret", ["bottom drive", "0x12", "//Alice/x//", "%%%"])
def test_an_unusable_secret_is_refused_without_repeating_it(secret: str) -> None:
    result = run("inspect", secret)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: the secret is not usable: ")
    assert secret not in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_vanity_address_contains_its_pattern() -> None:
    found = facts("vanity", "--pattern", "x")
    assert "x" in found["ss58Address"]
    assert facts("inspect", found["secretSeed"])["ss58Address"] == found["ss58Address"]


@pytest.mark.parametrize("pattern", ["0", "O", "Il", "", "x" * 49])
def test_a_pattern_that_no_address_has_is_refused(pattern: str) -> None:
    assert run("vanity", "--pattern", pattern).exit_code == 2


@pytest.mark.parametrize("secret", ["", " \n"])
def test_an_empty_secret_is_not_the_development_key(secret: str) -> None:
    result = run("inspect", "-", input=secret)
    assert result.exit_code == 2
    assert "the secret is empty" in result.stderr


def test_a_path_that_leads_to_no_file_is_not_a_development_key(tmp_path: Path) -> None:
    result = run("inspect", str(tmp_path / "key"))
    assert result.exit_code == 4
    assert "there is no such file" in result.stderr


PATHS = [
    "/home/me/key", "/nofile/key.txt", "/etc/btt/key", "./key", "../key", "~/key", "~me/key",
    "keys/alice", "keys/alice.txt", "key2.txt", "//home/me/key.txt", "///home/me/key", "/a//b",
    "//home/me/key", "//home//me/key", "//nofile/key", "//home/me/key///password",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("source", ["argument", "standard input", "file"])
def test_what_looks_like_a_path_is_no_key(path: str, source: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(path + "\n")
    given = {"argument": path, "standard input": "-", "file": str(file)}[source]
    for command in (["inspect", given], ["sign", "--message", "x", "--suri", given]):
        result = run(*command, input=path)
        assert result.exit_code in {2, 4}, result.stdout
        assert "no such file" in result.stderr or "looks like the path" in result.stderr


def test_a_soft_path_alone_is_refused_with_what_to_write() -> None:
    result = run("inspect", "/Alice")
    assert result.exit_code == 2
    assert "write the phrase in front of it, or //Alice" in result.stderr


def test_a_doubled_slash_does_not_make_a_path_a_key(tmp_path: Path) -> None:
    result = run("inspect", f"/{tmp_path}/key")
    assert result.exit_code == 2
    assert "slashes too many" in result.stderr


@pytest.mark.parametrize(
    "secret",
    ["//Alice", "//Alice/soft", "//Alice//stash/1", "///password", "//Payer", "//net//payer",
     "//Validator//4", "//holder//bitwave", "//Alice///pass/word", f"{PHRASE}", f"{PHRASE}/soft",
     f"{PHRASE}//hard/soft///pass/word", "0x" + "11" * 32, "0x" + "11" * 32 + "/soft//hard"],
)  # fmt: skip
def test_every_form_of_a_secret_is_taken(secret: str) -> None:
    result = run("inspect", secret)
    assert result.exit_code == 0, result.stderr


def test_a_phrase_of_a_wrong_length_is_not_repeated() -> None:
    result = run("inspect", "bottom drive obey//hard")
    assert result.exit_code == 2
    assert "12, 15, 18, 21 or 24 words, not 3" in result.stderr
    assert "bottom" not in result.stderr
    result = run("inspect", "ab" * 32 + "//hard")
    assert "a seed begins with 0x" in result.stderr
    assert "abab" not in result.stderr


def test_a_mistyped_address_is_not_taken_for_a_secret() -> None:
    result = run("inspect", "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694tz")
    assert result.exit_code == 2
    assert "is not an address: wrong checksum" in result.stderr
