"""Wrong command lines: each is refused in one line that says what to do; nothing is sent."""

from __future__ import annotations

import hashlib
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from btt_chain.crypto.keypair import KeyPair
from btt_chain.wallet import keyfile
from btt_chain.wallet.entries import Entry
from btt_chain.wallet.store import Wallet
from cli.program import program

ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
BOB = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"
CLOSED = "--url ws://127.0.0.1:1"
PAY = f"tx transfer bob 1BTT {CLOSED}"

LINES = f"""
account                                        | 2 | Usage: btt-chain account
account nwe alice                              | 2 | did you mean new
account create alice                           | 2 | did you mean `btt-chain account new`
account delete bob                             | 2 | did you mean `btt-chain account remove`
account restore bob                            | 2 | did you mean `btt-chain account import`
account new                                    | 2 | Missing argument 'NAME'
account new bob                                | 1 | has an account 'bob' already
account new BOB                                | 1 | has an account 'bob' already
account new ""                                 | 2 | the name is empty
account new a/b                                | 2 | cannot be a name
account new ..                                 | 2 | cannot be a name
account new -- -x                              | 2 | cannot be a name
account new "a b"                              | 2 | cannot be a name
account new a.json                             | 2 | cannot be a name
account new //Alice                            | 2 | looks like a key
account new {ALICE}                            | 2 | an address cannot be a name
account new 0x12                               | 2 | looks like a key
account new 42                                 | 2 | digits alone
account new none                               | 2 | another meaning
account new carol --words 13                   | 2 | is not one of
account new carol --scheme rsa                 | 2 | is not one of
account new carol --password-file nofile       | 2 | does not exist
account new carol --password x                 | 2 | not taken from the command line
account import carol nofile.json               | 4 | there is no such file
account import carol /no/such/key              | 4 | there is no such file
account import carol {BOB}                     | 2 | this is an address, not a key
account import carol 0x{"11" * 32}             | 2 | can be seen by others
account import carol "word word word"          | 2 | can be seen by others
account import carol bad.json                  | 1 | is it cut short
account import carol empty.txt                 | 2 | the secret is empty
account import bob //Bob                       | 1 | has an account 'bob' already
account export carol                           | 4 | there is no account 'carol'
account export bob -o bad.json                 | 1 | nothing is overwritten
account export friend --secret                 | 2 | belongs to another person
account show carol                             | 4 | there is no account 'carol'
account show Bob                               | 4 | did you mean bob
account show ../bob                            | 4 | there is no account
account add friend2                            | 2 | Missing argument 'ADDRESS'
account add friend2 5Grw                       | 2 | is not an address
account add friend2 carol                      | 2 | no account of the wallet has this name
account add friend2 ferdie                     | 2 | did you mean //Ferdie?
account add friend2 {BOB} --watch --by bob     | 2 | leave out either --watch or --by
account add friend2 {BOB} --type Any           | 2 | --type goes with --by
account add friend2 {BOB} --by friend          | 2 | has no key here
account add friend2 {BOB} --by carol           | 4 | there is no account 'carol'
account add friend {BOB}                       | 1 | has an account 'friend' already
account sign friend --message x                | 2 | belongs to another person
account sign bob --message zz --hex            | 2 | is not hex
account sign carol --message x                 | 4 | there is no account 'carol'
account verify zz bob --message x              | 2 | is not hex
account verify 0x00 bob --message x            | 1 | not of this account
account verify 0x00 carol --message x          | 2 | no account of the wallet has this name
account remove carol --yes                     | 4 | there is no account 'carol'
account remove bob                             | 2 | add --yes
account rename carol dora                      | 4 | there is no account 'carol'
account rename bob friend                      | 1 | has an account 'friend' already
account rename bob a/b                         | 2 | cannot be a name
account default carol                          | 4 | there is no account 'carol'
account default friend                         | 2 | cannot sign
account default bob --none                     | 2 | leave out either NAME or --none
account list --network nowhere                 | 2 | is not a network
{PAY}                                          | 2 | Missing option '--from'
{PAY} --from carol                             | 2 | is neither an account of the wallet nor a file
{PAY} --from bbo                               | 2 | did you mean bob
{PAY} --from friend                            | 2 | belongs to another person
{PAY} --from board                             | 2 | multisig propose
{PAY} --from fund                              | 2 | whose key is not in this wallet
{PAY} --from /no/such/key                      | 4 | there is no such file
{PAY} --from ./key                             | 4 | there is no such file
{PAY} --from key.txt                           | 4 | there is no such file
{PAY} --from {"ab" * 32}                       | 2 | a seed begins with 0x
{PAY} --from //home/me/key                     | 2 | looks like the path of a file
{PAY} --from bob --password x                  | 2 | not taken from the command line
{PAY} --from bob --password-file nofile        | 2 | does not exist
{PAY} --from //Bob --proxy-for carol           | 2 | --proxy-for: 'carol' is not an address
{PAY} --from //Bob --proxy-for 0x12            | 2 | an account has 32 bytes
{PAY} --from //Bob --forse                     | 2 | --force
{PAY} --from //Bob                             | 3 | nothing listens there
{PAY} --from //Bob --wallet bad.json           | 2 | is a file
multisig                                       | 2 | Usage: btt-chain multisig
multisig approve_as_multi                      | 2 | did you mean `btt-chain multisig approve`
multisig address //Alice //Bob                 | 2 | Missing option '--threshold'
multisig address -t 2                          | 2 | Missing argument
multisig address -t 2 //Alice                  | 1 | 2 to 100 signers
multisig address -t 3 //Alice //Bob            | 1 | the threshold is from 2
multisig address -t 1 //Alice //Bob            | 2 | 1 is not in the range
multisig address -t 2 //Alice //Alice          | 1 | a signer is given twice
multisig address -t 2 //Alice carol            | 2 | no account of the wallet has this name
multisig address -t x //Alice //Bob            | 2 | is not a valid integer
multisig create board -t 2 //Alice //Bob       | 1 | has an account 'board' already
multisig create a/b -t 2 //Alice //Bob         | 2 | cannot be a name
multisig propose carol System.remark x {CLOSED} --from bob  | 4 | there is no account 'carol'
multisig propose bob System.remark x {CLOSED} --from bob    | 2 | is not a multisig account
multisig pending bob {CLOSED}                  | 2 | is not a multisig account
multisig approve {CLOSED} --from bob           | 2 | Missing argument 'NAME'
multisig approve board 1-1 --call zz {CLOSED} --from bob    | 2 | --call is not hex
multisig cancel bob {CLOSED} --from bob        | 2 | is not a multisig account
proxy                                          | 2 | Usage: btt-chain proxy
proxy list {CLOSED}                            | 2 | Missing argument 'ACCOUNT'
proxy add bob {CLOSED} --from //Alice          | 2 | Missing option '--type'
proxy remove {CLOSED} --from //Alice           | 2 | give either a PROXY or --all
proxy remove bob --all {CLOSED} --from //Alice | 2 | give either a PROXY or --all
proxy announce bob {CLOSED} --from //Alice     | 2 | Missing argument
identity add-sub bob '' {CLOSED} --from //Bob  | 2 | a name: expected 1 to 32 bytes
identity add-sub bob {"x" * 33} {CLOSED} --from //Bob | 2 | a name: expected 1 to 32 bytes
identity cancel --registrar x {CLOSED}         | 2 | is not a valid integer
identity sett                                  | 2 | did you mean set
send                                           | 2 | did you mean `btt-chain tx transfer`
balance                                        | 2 | did you mean `btt-chain query account`
wallet                                         | 2 | did you mean `btt-chain account`
transfer                                       | 2 | did you mean `btt-chain tx transfer`
vote                                           | 2 | did you mean `btt-chain gov vote`
tx send                                        | 2 | did you mean `btt-chain tx transfer`
query balance                                  | 2 | did you mean `btt-chain query account`
build-spec --chain mainet                      | 4 | did you mean mainnet
build-spec --chain lokal                       | 4 | did you mean local
node --dev --log nosuchtarget=debug            | 2 | there is no target 'nosuchtarget'
node --dev --log grandpaa=debug                | 2 | did you mean grandpa
build-spec --chain spec.json                   | 1 | spec.json: spec.
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wallet and some files."""
    place = tmp_path_factory.mktemp("place")
    wallet = Wallet(place / "wallet")
    alice, bob = (KeyPair.from_uri(uri) for uri in ("//Alice", "//Bob"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyfile, "_stretched", stretched)
        wallet.add(Entry.key("bob", bob, "tulips in May"))
    wallet.add(Entry.contact("friend", alice.account_id))
    wallet.add(Entry.multisig("board", [alice.account_id, bob.account_id], 2))
    wallet.add(Entry.proxy("fund", bob.account_id, alice.account_id, None))
    (place / "bad.json").write_text("{")
    (place / "empty.txt").write_text("\n")
    (place / "spec.json").write_text("{}")
    return place


def stretched(password: str, salt: bytes, _: object) -> bytes:
    """Stand for scrypt, which tests/unit/wallet has."""
    return hashlib.blake2b(salt + password.encode(), digest_size=32).digest()


def rows() -> list[tuple[str, int, str]]:
    found = []
    for line in LINES.strip().splitlines():
        typed, code, why = (part.strip() for part in line.split(" | "))
        found.append((typed, int(code), why))
    return found


def test_there_are_a_hundred_lines() -> None:
    assert len(rows()) >= 100


@pytest.mark.parametrize(("typed", "code", "why"), rows(), ids=[row[0] for row in rows()])
def test_a_wrong_line_is_refused_with_what_to_do(
    typed: str, code: int, why: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyfile, "_stretched", stretched)
    monkeypatch.chdir(place)
    monkeypatch.setenv("BTT_WALLET", str(place / "wallet"))
    monkeypatch.setenv("BTT_WALLET_PASSWORD", "tulips in May")
    before = sorted(str(path) for path in place.rglob("*"))
    result = CliRunner().invoke(program, shlex.split(typed), prog_name="btt-chain")
    assert (result.exit_code, why in result.stderr) == (code, True), result.output
    assert result.stdout == ""
    if not why.startswith("Usage"):
        assert result.stderr.splitlines()[-1].startswith("error: ")
    assert "tulips in May" not in result.stderr
    assert sorted(str(path) for path in place.rglob("*")) == before
