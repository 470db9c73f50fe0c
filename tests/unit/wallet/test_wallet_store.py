"""The folder of a wallet: private, whole or not at all, and never overwritten."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.multi_account import multi_account_id
from btt_chain.wallet import keyfile
from btt_chain.wallet.entries import Entry, Kind, multisig_account
from btt_chain.wallet.errors import AlreadyThere, Damaged, NoSuchAccount, WalletError
from btt_chain.wallet.store import Wallet

A, B, C = (KeyPair.from_uri(f"//{name}").account_id for name in ("Alice", "Bob", "Charlie"))


@pytest.fixture
def wallet(tmp_path: Path) -> Wallet:
    return Wallet(tmp_path / "deep" / "wallet")


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_wallet_that_is_not_there_is_empty(wallet: Wallet) -> None:
    assert (wallet.names(), wallet.default(), wallet.find("alice")) == ([], None, None)
    with pytest.raises(NoSuchAccount, match="there is no account 'alice'"):
        wallet.get("alice")
    assert not wallet.folder.exists()


def test_folder_and_files_are_for_their_owner_alone(wallet: Wallet) -> None:
    before = os.umask(0)
    try:
        wallet.add(Entry.contact("bob", B))
        wallet.set_default("bob")
        wallet.remember_call(bytes(32), b"call")
    finally:
        os.umask(before)
    assert mode(wallet.folder) == 0o700
    assert {mode(path) for path in wallet.folder.rglob("*") if path.is_file()} == {0o600}
    assert mode(wallet.folder / "calls") == 0o700
    assert [path.name for path in wallet.folder.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("again", ["bob", "Bob", "BOB"])
def test_an_account_is_never_overwritten(wallet: Wallet, again: str) -> None:
    wallet.add(Entry.contact("bob", B))
    with pytest.raises(AlreadyThere, match="nothing is overwritten"):
        wallet.add(Entry.contact(again, A))
    assert wallet.get("bob").account == B


def test_two_programs_that_add_one_name_at_once_do_not_overwrite(
    wallet: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    wallet.add(Entry.contact("bob", B))
    monkeypatch.setattr(Wallet, "names", lambda _: [])  # as before the other one wrote
    with pytest.raises(AlreadyThere):
        wallet.add(Entry.contact("bob", A))
    assert Wallet(wallet.folder).get("bob").account == B


def test_a_disk_that_is_full_leaves_nothing_behind(
    wallet: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    wallet.add(Entry.contact("bob", B))

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        wallet.add(Entry.contact("carol", C))
    assert [path.name for path in wallet.folder.iterdir()] == ["bob.json"]


def test_each_kind_comes_back_as_it_was(wallet: Wallet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyfile, "COST", (1 << 15, 1, 8))
    made = [
        Entry.key("a", KeyPair.from_uri("//Alice"), "pw"),
        Entry.watch("b", B),
        Entry.contact("c", C),
        Entry.multisig("d", [C, A, B], 2),
        Entry.proxy("e", B, A, "Staking"),
    ]
    for each in made:
        wallet.add(each)
    found, wrong = wallet.entries()
    assert wrong == {}
    assert [(each.name, each.kind, each.account) for each in found] == [
        (each.name, each.kind, each.account) for each in made
    ]
    d, e = found[3], found[4]
    assert (d.threshold, d.signers) == (2, tuple(sorted((A, B, C))))
    assert (e.signer, e.scope) == (A, "Staking")
    assert [each.name for each in wallet.of_account(B)] == ["b", "e"]


def test_the_account_of_a_multisig_is_that_of_the_runtime() -> None:
    for threshold in (2, 3):
        wanted = multi_account_id([AccountId(each) for each in (A, B, C)], threshold)
        assert multisig_account([C, B, A], threshold) == wanted
    many = [bytes([number]) * 32 for number in range(100)]
    assert multisig_account(many, 70) == multi_account_id(list(map(AccountId, many)), 70)


@pytest.mark.parametrize(
    ("signers", "threshold", "why"),
    [([A], 2, "2 to 100 signers"), ([A, B], 1, "threshold"), ([A, B], 3, "threshold"),
     ([A, A], 2, "given twice"), ([bytes([n]) * 32 for n in range(101)], 2, "2 to 100 signers")],
)  # fmt: skip
def test_a_multisig_that_cannot_be_is_refused(
    signers: list[bytes], threshold: int, why: str
) -> None:
    with pytest.raises(WalletError, match=why):
        Entry.multisig("d", signers, threshold)


def test_a_multisig_whose_signers_were_changed_is_damaged(wallet: Wallet) -> None:
    wallet.add(Entry.multisig("board", [A, B], 2))
    path = wallet.folder / "board.json"
    document = json.loads(path.read_text())
    document["meta"]["threshold"] = 1
    path.write_text(json.dumps(document))
    with pytest.raises(WalletError):
        wallet.get("board")
    document["meta"] |= {"threshold": 2, "who": document["meta"]["who"] * 2}
    path.write_text(json.dumps(document))
    with pytest.raises(WalletError):
        wallet.get("board")


def test_a_damaged_file_does_not_hide_the_others(wallet: Wallet) -> None:
    wallet.add(Entry.contact("bob", B))
    wallet.add(Entry.contact("carol", C))
    (wallet.folder / "bob.json").write_text("{")
    found, wrong = wallet.entries()
    assert [each.name for each in found] == ["carol"]
    assert "bob.json is damaged: it is not JSON" in wrong["bob"]
    with pytest.raises(Damaged):
        wallet.get("bob")
    wallet.remove("bob")
    assert wallet.names() == ["carol"]


def test_a_folder_in_the_place_of_a_file_does_not_hide_the_others(wallet: Wallet) -> None:
    wallet.add(Entry.contact("carol", C))
    (wallet.folder / "bob.json").mkdir()
    (wallet.folder / "default").mkdir(mode=0o700)
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    found, wrong = wallet.entries()
    assert [each.name for each in found] == ["carol"]
    assert "bob.json is not a file" in wrong["bob"]
    with pytest.raises(WalletError, match="default is not a file"):
        wallet.default()
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before


def test_what_a_killed_program_has_left_behind_is_removed_by_the_next(wallet: Wallet) -> None:
    wallet.add(Entry.contact("bob", B))
    (wallet.folder / f".{'b' * 40}.json.0123456789ab").write_text("a sealed key")
    wallet.rename("bob", "carol")
    assert sorted(each.name for each in wallet.folder.iterdir()) == ["carol.json"]


def test_a_text_that_can_be_no_name_may_be_a_secret_and_is_not_repeated(wallet: Wallet) -> None:
    with pytest.raises(NoSuchAccount) as refused:
        wallet.get("legal winner thank year wave sausage worth useful legal winner thank yellow")
    assert "winner" not in str(refused.value)


def test_files_that_others_may_read_are_refused(wallet: Wallet) -> None:
    wallet.add(Entry.contact("bob", B))
    (wallet.folder / "bob.json").chmod(0o644)
    with pytest.raises(WalletError, match="can be read by others: chmod 600"):
        wallet.get("bob")
    (wallet.folder / "bob.json").chmod(0o600)
    wallet.folder.chmod(0o755)
    with pytest.raises(WalletError, match="can be entered by others: chmod 700"):
        wallet.add(Entry.contact("carol", C))


def test_links_and_pipes_are_no_accounts(wallet: Wallet, tmp_path: Path) -> None:
    wallet.add(Entry.contact("bob", B))
    (wallet.folder / "link.json").symlink_to(wallet.folder / "bob.json")
    os.mkfifo(wallet.folder / "pipe.json", 0o600)
    with pytest.raises(WalletError, match="is a link"):
        wallet.get("link")
    with pytest.raises(WalletError, match="is not a file"):
        wallet.get("pipe")


def test_a_default_account_follows_its_name_and_goes_with_it(wallet: Wallet) -> None:
    wallet.add(Entry.contact("bob", B))
    wallet.set_default("bob")
    wallet.rename("bob", "robert")
    assert (wallet.names(), wallet.default()) == (["robert"], "robert")
    assert json.loads(wallet.get("robert").encode())["meta"]["name"] == "robert"
    wallet.remove("robert")
    assert (wallet.names(), wallet.default()) == ([], None)
    with pytest.raises(NoSuchAccount):
        wallet.set_default("robert")


def test_a_name_may_change_in_case_alone(wallet: Wallet) -> None:
    wallet.add(Entry.contact("bob", B))
    wallet.add(Entry.contact("carol", C))
    wallet.rename("bob", "Bob")
    assert wallet.names() == ["Bob", "carol"]
    for taken in ("Carol", "Bob"):
        with pytest.raises(AlreadyThere):
            wallet.rename("Bob", taken)


def test_no_name_leads_out_of_the_folder(wallet: Wallet) -> None:
    wallet.add(Entry.contact("bob", B))
    (wallet.folder.parent / "x.json").write_text("{}")
    for name in ("../x", "/etc/passwd", "", ".", ".."):
        assert wallet.find(name) is None
        with pytest.raises(NoSuchAccount):
            wallet.remove(name)
    assert (wallet.folder.parent / "x.json").exists()


def test_calls_are_remembered_by_their_hash(wallet: Wallet) -> None:
    wallet.remember_call(b"h" * 32, b"call")
    wallet.remember_call(b"h" * 32, b"another")
    assert wallet.recall(b"h" * 32) == b"call"
    assert wallet.recall(b"x" * 32) is None


def test_a_watched_account_of_another_wallet_is_read(wallet: Wallet) -> None:
    entry = Entry.decode("ledger", json.dumps(
        {"address": "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty",
         "meta": {"isExternal": True, "isHardware": True, "name": "Ledger"}}
    ).encode())  # fmt: skip
    assert (entry.kind, entry.account, entry.scheme) == (Kind.WATCH, B, "")
