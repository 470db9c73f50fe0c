"""A holder with a wallet on a running chain: by names, without a hash or an order made by hand."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from btt_chain.crypto.keypair import KeyPair
from btt_chain.wallet import keyfile
from btt_chain.wallet.entries import Entry
from btt_chain.wallet.store import Wallet
from cli.common import trying
from cli.program import program
from support.document import Document

PASSWORD = "correct horse battery"


def stretched(password: str, salt: bytes, _: object) -> bytes:
    """Stand for scrypt, which tests/unit/wallet has: it would take most of the time here."""
    return hashlib.blake2b(salt + password.encode(), digest_size=32).digest()


NAMES = ("Alice", "Bob", "Charlie")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wallet with the accounts alice, bob and charlie."""
    folder = tmp_path_factory.mktemp("wallets") / "wallet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyfile, "_stretched", stretched)
        for name in NAMES:
            entry = Entry.key(name.lower(), KeyPair.from_uri(f"//{name}"), PASSWORD)
            Wallet(folder).add(entry)
    return folder


@pytest.fixture
def here(url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(keyfile, "_stretched", stretched)
    monkeypatch.setenv("BTT_URL", url)
    monkeypatch.setenv("BTT_WALLET", str(folder))
    monkeypatch.setenv("BTT_WALLET_PASSWORD", PASSWORD)
    return url


def run(*args: str) -> Result:
    return CliRunner().invoke(program, list(args), prog_name="btt-chain")


def text(*args: str) -> str:
    result = run(*args)
    assert result.exit_code == 0, result.output
    return result.output


def document(*args: str) -> Document:
    result = run(*args, "--json")
    assert result.exit_code == 0, result.output
    return Document.of(result.stdout)


def refused(*args: str, code: int = 1) -> str:
    result = run(*args)
    assert result.exit_code == code, result.output
    return result.stderr


def account(name: str) -> Document:
    return document("query", "account", name)


@pytest.mark.usefixtures("here")
def test_a_new_account_is_paid_and_pays_by_name() -> None:
    made = document("account", "new", "dora")
    assert len(str(made["secretPhrase"]).split()) == 12
    text("tx", "transfer", "dora", "50BTT", "--from", "alice")
    shown = text("tx", "transfer", "bob", "5BTT", "--from", "dora")
    assert "names   bob is 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty\n" in shown
    assert f"from    {made['address']} (dora)\n" in shown
    assert 44 * 10**18 < int(account("dora")["free"]) < 45 * 10**18
    text("account", "default", "dora")
    text("tx", "transfer", "bob", "1BTT")
    assert account("dora")["nonce"] == 2


@pytest.mark.usefixtures("here")
def test_a_wrong_password_signs_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BTT_WALLET_PASSWORD", "wrong")
    before = account("alice")["nonce"]
    why = refused("tx", "transfer", "bob", "1BTT", "--from", "alice")
    assert "the password of alice is wrong; nothing was done" in why
    assert account("alice")["nonce"] == before
    (tmp_path / "pw").write_text(PASSWORD + "\n")
    text(
        "tx", "transfer", "bob", "1BTT", "--from", "alice", "--password-file", str(tmp_path / "pw")
    )
    monkeypatch.delenv("BTT_WALLET_PASSWORD")
    why = refused("tx", "transfer", "bob", "1BTT", "--from", "alice", code=2)
    assert "the key of alice is sealed with a password" in why
    why = refused(
        "tx", "transfer", "bob", "1BTT", "--from", "alice", "--password", PASSWORD, code=2
    )
    assert "is not taken from the command line" in why
    assert PASSWORD not in why


@pytest.mark.usefixtures("here")
def test_a_call_that_would_fail_costs_nothing_unless_it_is_forced() -> None:
    before = account("bob")
    why = refused("tx", "transfer", "alice", "9_999_999BTT", "--from", "bob")
    assert "would fail now: Token.FundsUnavailable: the account has too little" in why
    assert "no fee is paid; --force sends it all the same" in why
    assert account("bob") == before
    forced = run("tx", "transfer", "alice", "9_999_999BTT", "--from", "bob", "--force")
    assert (forced.exit_code, "the call failed in block" in forced.stderr) == (1, True)
    assert "dispatch_error: Token.FundsUnavailable: the account" in forced.stdout
    assert account("bob")["nonce"] == int(before["nonce"]) + 1
    nested = '{"call": "System.remark", "args": ["hi"]}'
    assert "would fail" in refused("tx", "call", "Sudo.sudo", nested, "--from", "bob")


@pytest.mark.usefixtures("here")
def test_a_dry_run_shows_fee_weight_and_events() -> None:
    found = document("tx", "transfer", "bob", "1BTT", "--from", "alice", "--dry-run")
    assert found["success"]
    assert int(found["fee"]) == int(found["feeEstimate"]) > 0
    assert int(found["weight"]) > 0
    assert found["events"][-1]["event"] == "System.ExtrinsicSuccess"


@pytest.mark.usefixtures("here")
def test_a_call_is_sent_with_a_note_where_earlier_ones_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def two(*_: object) -> int:
        return 2

    monkeypatch.setattr("cli.common.sending.waiting_before", two)
    sent = run("tx", "transfer", "alice", "9_999_999BTT", "--from", "bob")
    assert "without the 2 transactions of this account that wait" in sent.stderr
    assert "the call failed in block" in sent.stderr


@pytest.mark.usefixtures("here")
def test_a_chain_that_cannot_try_a_call_gets_it_untried_with_a_note(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("btt_chain.client.transactions.DRY_RUN", "DryRunApi_of_the_future")
    sent = run("tx", "transfer", "bob", "1BTT", "--from", "alice")
    assert sent.exit_code == 0, sent.output
    assert f"note: {trying.NO_API}" in sent.stderr
    tried = document("tx", "transfer", "bob", "1BTT", "--from", "alice", "--dry-run")
    assert tried.pick("success", "fee") == (True, None)
    why = refused("tx", "transfer", "bob", "9_999_999BTT", "--from", "alice", "--dry-run")
    assert "would fail now: Token.FundsUnavailable" in why


@pytest.mark.usefixtures("here")
def test_a_multisig_of_two_of_three_decides_by_number() -> None:
    text("multisig", "create", "board", "--threshold", "2", "charlie", "alice", "bob")
    assert document("account", "show", "board")["threshold"] == 2
    text("tx", "transfer", "board", "20BTT", "--from", "alice")
    pay = ("Balances.transfer_keep_alive", "charlie", "5BTT")
    first = document("multisig", "propose", "board", *pay, "--from", "alice")
    second = document(
        "multisig", "propose", "board", "System.remark_with_event", "hi", "--from", "bob"
    )
    listed = document("multisig", "pending", "board")
    assert [each["number"] for each in listed] == [first["number"], second["number"]]
    assert listed[0]["call"] == "Balances.transfer_keep_alive"
    assert listed[0].pick("missing", "threshold") == (1, 2)
    assert str(first["number"]) in text("multisig", "pending", "board")

    number = str(first["number"])
    assert "waits already, as number" in refused(
        "multisig", "propose", "board", *pay, "--from", "bob"
    )
    assert "you have approved number" in refused(
        "multisig", "approve", "board", number, "--from", "alice"
    )
    assert "give a number of" in refused("multisig", "approve", "board", "--from", "bob", code=2)
    assert "known are" in refused("multisig", "approve", "board", "9-9", "--from", "bob", code=4)
    assert "is another call than number" in refused(
        "multisig", "approve", "board", number, "--call", "0x0000", "--from", "bob"
    )
    assert "needs 1 more" in refused(
        "multisig", "execute", "board", str(second["number"]), "--from", "bob"
    )
    assert "only the account that proposed" in refused(
        "multisig", "cancel", "board", number, "--from", "bob"
    )
    before = int(account("charlie")["free"])
    done = document("multisig", "approve", "board", number, "--from", "bob")
    assert done["executed"]
    assert int(account("charlie")["free"]) == before + 5 * 10**18
    text("multisig", "cancel", "board", "--from", "bob")
    assert "no call of board waits" in text("multisig", "pending", "board")
    assert "is not a signer of board" in refused(
        "multisig", "propose", "board", *pay, "--from", "//Dave"
    )


@pytest.mark.usefixtures("here")
def test_a_multisig_call_that_is_known_by_its_hash_alone_is_asked_for(folder: Path) -> None:
    text("multisig", "create", "trio", "-t", "3", "alice", "bob", "charlie")
    made = document("multisig", "propose", "trio", "System.remark_with_event", "hash", "--from",
                    "alice")  # fmt: skip
    assert document("multisig", "approve", "trio", "--from", "bob")["missing"] == 1
    text("multisig", "cancel", "trio", "--from", "alice")
    by_hash = ["3", json.dumps(["//Bob", "//Charlie"]), "none", str(made["callHash"]),
               json.dumps({"ref_time": 0, "proof_size": 0})]  # fmt: skip
    text("tx", "call", "Multisig.approve_as_multi", *by_hash, "--from", "alice")
    (folder / "calls" / str(made["callHash"])[2:]).unlink()
    assert document("multisig", "pending", "trio")[0]["call"].value is None
    unknown = refused("multisig", "approve", "trio", "--from", "bob", code=2)
    assert "has only the hash" in unknown
    text("multisig", "approve", "trio", "--from", "bob", "--force")
    assert "has only the hash" in refused(
        "multisig", "approve", "trio", "--from", "charlie", "--force", code=2
    )
    done = document("multisig", "approve", "trio", "--call", str(made["call"]), "--from", "charlie")
    assert done["executed"]


@pytest.mark.usefixtures("here")
def test_a_multisig_call_that_would_fail_inside_is_refused_before_a_fee() -> None:
    text("multisig", "create", "poor", "-t", "2", "alice", "bob")
    pay = ("Balances.transfer_keep_alive", "charlie", "5BTT")
    said = text("multisig", "propose", "poor", *pay, "--from", "alice")
    assert "as things stand, poor could not make this call: Token.FundsUnavailable" in said
    why = refused("multisig", "approve", "poor", "--from", "bob")
    assert "would fail now: Multisig.MultisigExecuted: Token.FundsUnavailable" in why


@pytest.mark.usefixtures("here")
def test_a_proxy_acts_for_an_account_until_it_is_removed() -> None:
    text("account", "new", "helper")
    text("tx", "transfer", "helper", "20BTT", "--from", "alice")
    text("proxy", "add", "helper", "--type", "any", "--from", "charlie")
    assert "helper (" in text("proxy", "list", "charlie")
    before = int(account("charlie")["free"])
    shown = text("tx", "transfer", "bob", "1BTT", "--from", "helper", "--proxy-for", "charlie")
    assert "by its proxy" in shown
    assert int(account("charlie")["free"]) == before - 10**18
    address = str(document("account", "show", "charlie")["address"])
    text("account", "add", "fund", address, "--by", "helper")
    why = refused("tx", "transfer", "bob", "9_999_999BTT", "--from", "fund")
    assert "Proxy.ProxyExecuted: Token.FundsUnavailable" in why
    why = refused("provider", "register", "--bond", "5BTT", "--from", "fund", code=2)
    assert "needs the account's own key" in why
    assert "leave out --proxy-for" in refused(
        "tx", "transfer", "bob", "1BTT", "--from", "fund", "--proxy-for", "alice", code=2
    )
    assert "'Nothing' is not one of 'any', 'non-transfer'" in refused(
        "proxy", "add", "helper", "--type", "Nothing", "--from", "charlie", code=2
    )
    text("proxy", "remove", "helper", "--from", "charlie")
    assert "not such a proxy" in refused("proxy", "remove", "helper", "--from", "charlie", code=4)
    assert "Proxy.NotProxy" in refused("tx", "transfer", "bob", "1BTT", "--from", "fund")


@pytest.mark.usefixtures("here")
def test_a_proxy_with_a_delay_announces_and_waits() -> None:
    text("proxy", "add", "bob", "--type", "Any", "--delay", "2", "--from", "charlie")
    assert "2 blocks (about" in text("proxy", "list", "charlie")
    call = ("Balances.transfer_keep_alive", "alice", "1BTT")
    number = str(document("proxy", "announce", "charlie", *call, "--from", "bob")["number"])
    assert number in text("proxy", "list", "bob")
    assert "can be executed in" in refused("proxy", "execute", "charlie", number, "--from", "bob")
    for _ in range(2):
        text("tx", "call", "System.remark", "wait", "--from", "alice")
    before = int(account("charlie")["free"])
    text("proxy", "execute", "charlie", number, "--from", "bob")
    assert int(account("charlie")["free"]) == before - 10**18
    assert "has announced no call" in refused(
        "proxy", "execute", "charlie", "--from", "bob", code=4
    )

    text("proxy", "announce", "charlie", *call, "--from", "bob")
    text("proxy", "reject", "bob", "--from", "charlie")
    text("proxy", "announce", "charlie", *call, "--from", "bob")
    text("proxy", "withdraw", "charlie", "--from", "bob")
    assert document("proxy", "list", "bob")["announcements"] == []
    assert document("proxy", "remove", "--all", "--from", "charlie")["removed"] == 1


@pytest.mark.usefixtures("here")
def test_an_identity_and_its_sub_accounts_come_and_go() -> None:
    text("identity", "set", "--display", "Alice", "--from", "alice")
    text("identity", "add-sub", "bob", "Ward 7", "--from", "alice")
    listed = document("identity", "subs", "alice")["subs"]
    assert [each.pick("name", "agreed") for each in listed] == [("Ward 7", False)]
    text("identity", "agree", "alice", "--from", "bob")
    assert "bob (" in text("identity", "subs", "alice")
    assert (
        document("identity", "subs", "bob")["parent"]
        == document("account", "show", "alice")["address"]
    )
    text("identity", "rename-sub", "bob", "Ward 8", "--from", "alice")
    assert document("identity", "subs", "alice")["subs"][0]["name"] == "Ward 8"
    text("identity", "leave", "--from", "bob")
    assert document("identity", "subs", "alice")["subs"] == []
    assert document("identity", "registrars") == []
    text("identity", "clear", "--from", "alice")
    assert "Identity.NotNamed" in refused("identity", "clear", "--from", "alice")


@pytest.mark.usefixtures("here")
def test_a_proposal_beyond_the_limit_of_its_track_is_refused() -> None:
    spend = ("gov", "propose", "Treasury.spend_local", "40000BTT", "bob", "--from", "alice")
    why = refused(*spend, "--track", "small_spender")
    assert "of this track may not make the call: Treasury.InsufficientPermission" in why
    assert "BadOrigin" in refused(*spend, "--track", "grants")
    shown = text(*spend, "--track", "treasurer", "--no-deposit")
    assert "referendum" in shown


@pytest.mark.usefixtures("here")
def test_names_stand_for_addresses_in_rpc_parameters() -> None:
    by_name = run("query", "rpc", "system_accountNextIndex", "bob")
    by_key = run("query", "rpc", "system_accountNextIndex", "//Bob")
    assert by_name.exit_code == by_key.exit_code == 0
    assert by_name.stdout == by_key.stdout
    assert "bob is 5FHneW46" in by_name.stderr
