"""`btt-chain account`: a wallet by commands, without a node; no secret is printed by accident."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.primitives import ss58
from btt_chain.wallet import keyfile
from cli.program import program
from support.document import Document

PASSWORD = "correct horse battery"
PHRASE = "legal winner thank year wave sausage worth useful legal winner thank yellow"
BOB = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"
CHARLIE = "5FLSigC9HGRKVhB9FiEo4Y3koPsNmBmLJbpXg2mp1hXcS59Y"


def stretched(password: str, salt: bytes, _: object) -> bytes:
    """Stand for scrypt, which tests/unit/wallet has."""
    return hashlib.blake2b(salt + password.encode(), digest_size=32).digest()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(keyfile, "_stretched", stretched)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BTT_WALLET", str(tmp_path / "wallet"))
    monkeypatch.setenv("BTT_WALLET_PASSWORD", PASSWORD)
    return tmp_path / "wallet"


def run(*args: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(program, ["account", *args], input=typed, prog_name="btt-chain")


def text(*args: str, typed: str | None = None) -> str:
    result = run(*args, typed=typed)
    assert result.exit_code == 0, result.output
    return result.stdout


def document(*args: str, typed: str | None = None) -> Document:
    return Document.of(text(*args, "--json", typed=typed))


def refused(*args: str, code: int = 1, typed: str | None = None) -> str:
    result = run(*args, typed=typed)
    assert result.exit_code == code, result.output
    assert result.stderr.count("error: ") == 1
    return result.stderr


def test_a_new_key_shows_its_phrase_once(folder: Path) -> None:
    result = run("new", "alice", "--words", "24")
    phrase = next(line for line in result.stdout.splitlines() if line.startswith("phrase"))
    words = phrase.removeprefix("phrase").strip()
    assert len(words.split()) == 24
    assert KeyPair.from_uri(words).account_id.hex() in document("show", "alice")["account"]
    for command in (("show", "alice"), ("list",), ("list", "--json"), ("export", "alice")):
        shown = text(*command)
        # A single word of the phrase may be one of the output, like "kind".
        assert not any(f"{one} {two}" in shown for one, two in pairwise(words.split()))
    assert PASSWORD not in (folder / "alice.json").read_text()


@pytest.mark.parametrize("scheme", ["sr25519", "ed25519", "ecdsa"])
def test_a_phrase_is_taken_from_standard_input_a_file_or_the_environment_never_typed(
    scheme: str, tmp_path: Path
) -> None:
    wanted = KeyPair.from_uri(PHRASE, Scheme[scheme.upper()]).account_id.hex()
    (tmp_path / "phrase.txt").write_text(PHRASE + "\n")
    by_input = document("import", "a", "-", "--scheme", scheme, typed=PHRASE + "\n")
    by_file = document("import", "b", "phrase.txt", "--scheme", scheme)
    unasked = document("import", "c", "--scheme", scheme, typed=PHRASE)
    assert {each["account"] for each in (by_input, by_file, unasked)} == {"0x" + wanted}
    why = refused("import", "d", PHRASE, code=2)
    assert "can be seen by others" in why
    assert "sausage" not in why
    assert "can be seen by others" in refused("import", "d", "0x" + "11" * 32, code=2)


def test_a_key_goes_out_and_comes_back(folder: Path, tmp_path: Path) -> None:
    text("import", "bob", "//Bob")
    text("export", "bob", "-o", "bob.json")
    assert (tmp_path / "bob.json").stat().st_mode & 0o777 == 0o600
    assert "nothing is overwritten" in refused("export", "bob", "-o", "bob.json")
    assert document("import", "again", "bob.json")["address"] == BOB
    assert document("import", "third", "-", typed=(tmp_path / "bob.json").read_text())
    secret = text("export", "bob", "--secret").strip()
    assert KeyPair.from_secret(bytes.fromhex(secret[2:])) == KeyPair.from_uri("//Bob")


def test_a_file_with_another_password_is_not_imported(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    text("import", "bob", "//Bob")
    text("export", "bob", "-o", "bob.json")
    monkeypatch.setenv("BTT_WALLET_PASSWORD", "another")
    assert "the password of again is wrong" in refused("import", "again", "bob.json")
    assert not (folder / "again.json").exists()


def test_a_file_without_a_password_gets_one(folder: Path) -> None:
    vectors = Path(__file__).parents[2] / "vectors/wallet/polkadot_js.json"
    open_file = json.dumps(json.loads(vectors.read_text())["open"])
    assert document("import", "bob", "-", typed=open_file)["address"] == BOB
    assert "scrypt" in (folder / "bob.json").read_text()


@pytest.mark.parametrize(
    ("content", "why"),
    [("{", "is it cut short"), ('{"address": 1}', "not an account of a wallet"),
     ("{" * 9_000, "is it cut short"), ("x" * 70_000, "more than 65536 bytes")],
)  # fmt: skip
def test_a_file_that_is_no_key_is_refused(content: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text(content)
    assert why in refused("import", "bob", "key.json")


def test_messages_are_signed_and_verified_by_name() -> None:
    for name, scheme in (("a", "sr25519"), ("b", "ed25519"), ("c", "ecdsa")):
        text("import", name, "//Bob", "--scheme", scheme)
        signature = text("sign", name, "--message", "hello").strip()
        assert "valid" in text("verify", signature, name, "--message", "hello")
        assert document("verify", signature, name, "--hex", "--message", "0x68656c6c6f")["valid"]
        assert "not of this account" in refused("verify", signature, name, "--message", "hallo")
    wrapped = text("sign", "a", "--message", "<Bytes>hi</Bytes>").strip()
    assert "valid" in text("verify", wrapped, BOB, "--message", "hi")
    piped = text("sign", "a", typed="piped").strip()
    assert "valid" in text("verify", piped, "a", typed="piped")


def test_accounts_without_a_key_cannot_sign() -> None:
    text("import", "bob", "//Bob")
    text("add", "friend", CHARLIE)
    text("add", "cold", CHARLIE, "--watch")
    text("add", "fund", CHARLIE, "--by", "bob", "--type", "Staking")
    for name, why in (("friend", "belongs to another person"), ("cold", "watch-only"),
                      ("fund", "--proxy-for")):  # fmt: skip
        assert why in refused("sign", name, "--message", "x", code=2)
    assert "cannot sign" in refused("default", "cold", code=2)
    assert text("default", "fund") == "fund\n"
    assert "Staking" in text("show", "fund")
    kinds = {each["name"]: each["kind"] for each in document("list")["accounts"]}
    assert kinds == {"bob": "key", "cold": "watch-only", "friend": "contact", "fund": "proxy"}


def test_a_default_account_is_chosen_shown_and_cleared() -> None:
    assert document("default") == {"default": None}
    text("import", "bob", "//Bob")
    assert text("default", "bob") == "bob\n"
    assert "* " in text("list")
    assert "give --by" not in refused("default", "bob", "--none", code=2)
    assert document("default", "--none") == {"default": None}


def test_an_account_is_removed_only_with_a_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    text("import", "bob", "//Bob")
    assert "add --yes to delete the key of bob" in refused("remove", "bob", code=2)
    text("remove", "bob", "--yes")
    assert "there is no account 'bob'" in refused("remove", "bob", "--yes", code=4)


def test_a_damaged_account_is_listed_as_such_and_can_be_removed(folder: Path) -> None:
    text("import", "bob", "//Bob")
    (folder / "bob.json").write_text("{")
    listed = run("list")
    assert listed.exit_code == 0
    assert "bob.json is damaged" in listed.stderr
    assert "is damaged" in refused("show", "bob")
    text("remove", "bob", "-y")


def test_an_empty_password_is_refused_and_a_short_one_noted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BTT_WALLET_PASSWORD", "")
    assert "the password is empty" in refused("new", "alice", code=2)
    monkeypatch.setenv("BTT_WALLET_PASSWORD", "short")
    assert "quickly guessed" in run("new", "alice").stderr


def test_the_wallet_of_an_option_stands_over_the_environment(tmp_path: Path) -> None:
    other = str(tmp_path / "other")
    text("import", "bob", "//Bob", "--wallet", other)
    assert document("list")["accounts"] == []
    assert [each["name"] for each in document("list", "--wallet", other)["accounts"]] == ["bob"]


def test_an_address_of_another_network_is_shown_for_this_one() -> None:
    assert (
        document("add", "bob", "14E5nqKAp3oAJcmzgZhUD2RcptBeUBScxKHgJKU4HPNcKVf3")["address"] == BOB
    )


def test_a_password_that_is_no_text_is_refused_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BTT_WALLET_PASSWORD", "long secret \udcff")
    assert "BTT_WALLET_PASSWORD is not UTF-8 text" in refused("new", "alice", code=2)


def test_a_key_that_is_damaged_is_named_when_it_is_opened(folder: Path) -> None:
    text("new", "alice")
    content = json.loads((folder / "alice.json").read_text())
    (folder / "alice.json").write_text(json.dumps(content | {"encoded": "AAAA"}))
    assert "the file of alice is damaged: it is cut short" in refused("sign", "alice", typed="x")


@pytest.mark.parametrize("scheme", ["sr25519", "ed25519", "ecdsa"])
def test_the_secret_that_is_exported_is_taken_back(scheme: str) -> None:
    text("import", "bob", "//Bob", "--scheme", scheme)
    secret = text("export", "bob", "--secret")
    again = document("import", "again", "-", "--scheme", scheme, typed=secret)
    assert again["account"] == document("show", "bob")["account"]


def test_a_name_that_is_the_address_of_a_short_index_stands_for_its_account() -> None:
    word = ss58.encode(b"\5")
    text("add", word, BOB)
    text("add", "other", word)
    assert document("show", "other")["address"] == BOB
    assert "is not the address of a 32-byte account" in refused("add", "x", ss58.encode(b"\6"),
                                                                code=2)  # fmt: skip


def test_a_phrase_in_the_place_of_an_address_is_not_repeated() -> None:
    for command in (("add", "bob", PHRASE), ("show", PHRASE), ("verify", "0x00", PHRASE)):
        result = run(*command)
        assert result.exit_code in {2, 4}
        assert "winner" not in result.output + result.stderr
