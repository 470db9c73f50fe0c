"""Merchants, tills and payers by their commands, on a node that makes a block a transaction."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from btt_chain.client import BlockingChain
from btt_chain.crypto.keypair import KeyPair
from btt_chain.payments.emv import EmvCode, write_emv
from btt_chain.payments.uri import PaymentUri, write_uri
from btt_chain.payments.webhook import new_secret
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.currency import currency
from btt_chain.scale import u128
from support.instant_node import instant_node
from support.node import dev_node
from support.shop import Receiver, Shop

CAFE, CLINIC = "//Cafe", "//Clinic"
BTT: Final = 10**18


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    base = tmp_path_factory.mktemp("shop")
    with instant_node(base / "node") as url:
        found = Shop(url, base / "home")
        found.open(CAFE, 5_814)
        found.open(CLINIC, 8_099)
        yield found


def account(uri: str) -> AccountId:
    return AccountId(KeyPair.from_uri(uri).account_id)


def address(uri: str) -> str:
    return ss58.encode(account(uri))


# ---- the till


def test_a_till_says_seen_and_then_final_and_prints_the_receipt(shop: Shop) -> None:
    with shop.till("1.5", "--from", f"{CAFE}//till", "--merchant", CAFE) as (till, invoice):
        with urllib.request.urlopen(invoice["display"] + "state") as answer:
            state = json.load(answer)
        assert (state["amount"], state["stage"]) == ("1.5 BTT", "waiting")
        assert state["svg"].startswith("<svg")
        paid = shop.document("pay", invoice["text"], "--from", "//Alice")
        code, events = till.code(), till.documents()
    assert code == 0
    assert [event["event"] for event in events] == ["seen", "final", "receipt"]
    assert "not paid yet" in events[0]["words"]
    assert events[1]["words"] == "paid: 1.5 BTT"
    receipt = events[2]
    assert (receipt["payment"], receipt["fee"], receipt["net"]) == (
        paid["payment"], str(12 * BTT // 1_000), str(1_488 * BTT // 1_000),
    )  # fmt: skip
    again = shop.run("pay", invoice["text"], "--from", "//Bob")
    assert (again.returncode, "paid already; nothing was sent" in again.stderr) == (1, True)


def test_the_display_answers_this_machine_only(shop: Shop) -> None:
    with shop.till("2", "--from", CAFE) as (_, invoice):
        request = urllib.request.Request(invoice["display"], headers={"Host": "evil.example:80"})
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(request)
        with urllib.request.urlopen(invoice["display"]) as answer:
            page = answer.read().decode()
        assert "<title>Payment</title>" in page


def test_another_amount_with_the_reference_neither_pays_nor_blocks_the_invoice(shop: Shop) -> None:
    with shop.till("3btt", "--from", CAFE) as (till, invoice):
        call = ("PayFi.pay", CAFE, "1BTT", "BTT", "1BTT", invoice["reference"], "null")
        sent = shop.run("tx", "call", *call, "--from", "//Bob")
        assert sent.returncode == 0, sent.stderr
        paid = shop.run("pay", invoice["text"], "--from", "//Alice")
        assert paid.returncode == 0, paid.stderr
        code, events = till.code(), till.documents()
    assert code == 0
    assert events[-1]["payer"] == address("//Alice")
    look = ("merchant", "show", CAFE, "--reference", invoice["reference"], "--amount")
    shown = {amount: shop.document(*look, amount) for amount in ("3 BTT", "1btt")}
    payers = [shown[each]["payment"]["payer"] for each in shown]
    assert payers == [address("//Alice"), address("//Bob")]
    missing = shop.run(*look, "2")
    assert (missing.returncode, "was paid in 15 minutes" in missing.stderr) == (4, True)
    half = shop.run(*look[:-1])
    assert (half.returncode, "both --reference and --amount" in half.stderr) == (2, True)


def test_a_key_that_is_no_till_makes_no_invoice(shop: Shop) -> None:
    done = shop.run("pos", "1", "--from", "//Bob", "--merchant", CAFE)
    assert done.returncode == 1
    assert f"{address('//Bob')} is not a till of" in done.stderr
    unknown = shop.run("pos", "1", "--from", "//Bob")
    assert (unknown.returncode, "is not a merchant; register it" in unknown.stderr) == (4, True)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("0",), "the amount is zero"),
        (("1.0000000000000000001",), "BTT has 18 decimals"),
        (("1,5",), "write digits with one point"),
        (("1", "--currency", "XAU"), "use one of BTT"),
        (("1", "--currency", "CNY"), "the merchant accepts BTT, and no CNY"),
        (("1", "--description", "x" * 141), "at most 140 bytes"),
        (("1", "--expires", "nan"), "is not a number of seconds"),
        (("1", "--expires", "3s"), "is not a number of seconds"),
        (("1BTT", "--currency", "CNY"), "it is in BTT, and CNY is asked for"),
        (("1CNY",), "changes its currency with `btt-chain merchant configure --currency CNY`"),
        (("1", "BTT"), "an amount is one word, such as 1.5BTT"),
        (("-5",), "'-5' is negative, and no amount is"),
    ],
)
def test_what_is_typed_wrongly_at_the_till_is_said_in_one_line(
    shop: Shop, words: tuple[str, ...], reason: str
) -> None:
    done = shop.run("pos", *words, "--from", CAFE)
    assert done.returncode == 2, done.stderr
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1


def test_more_than_an_unjudged_merchant_may_take_is_refused_before_the_code_is_shown(
    shop: Shop,
) -> None:
    done = shop.run("pos", "1001", "--from", CAFE)
    assert (done.returncode, done.stdout) == (1, "")
    assert "this cannot be paid now: PayFi.OverLimit" in done.stderr
    assert "It is 1_000 BTT for a payment and 10_000 BTT for a day: pay less" in done.stderr


# ---- paying


def test_what_is_paid_and_what_is_doubtful_is_said_before_it_is_signed(shop: Shop) -> None:
    code = write_emv(EmvCode(account(CAFE), 5_814, currency("BTT"), "CORNER CAFE", "SHENZHEN"))
    done = shop.run("pay", code, "--amount", "1", "--from", "//Alice", "--dry-run")
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    assert said[0] == f"Pay 1 BTT to {address(CAFE)}."
    assert "warning: no registrar has judged the identity of this merchant" in said
    assert any("static code, which can be covered with a sticker" in line for line in said)
    assert any("claims the name 'CORNER CAFE', which no registrar" in line for line in said)
    assert said[-1].startswith("protected up to 1_000 BTT")


@pytest.mark.parametrize(
    ("request_", "words", "code", "reason"),
    [
        ("hello", (), 2, "is not a payment request"),
        ("request.txt", (), 2, "there is no file 'request.txt'; 'request.txt' is not a payment"),
        (address(CAFE), (), 2, "this is an account: `btt-chain tx transfer` sends money to one"),
        (f"btt:{address(CAFE)}", (), 2, "leaves the amount to you: give --amount"),
        (f"btt:{address(CAFE)}?amount=2", ("--amount", "3"), 2, "the request is for 2 BTT"),
        (f"btt:{address(CAFE)}?amount=2", ("--max", "1BTT"), 1, "more than --max permits"),
        (f"btt:{address('//Bob')}?amount=2", (), 1, "not a registered merchant"),
        (f"btt:{address(CAFE)}?amount=2&exp=1", (), 1, "has expired"),
        (f"btt:{address(CAFE)}?amount=2&net=00000000", (), 1, "for the chain 0x00000000"),
        (
            f"btt:{address(CAFE)}?amount=2&currency=CNY",
            (),
            1,
            "the merchant accepts BTT, and the request is in CNY",
        ),
    ],
)
def test_mistakes_of_a_payer_have_words(
    shop: Shop, request_: str, words: tuple[str, ...], code: int, reason: str
) -> None:
    done = shop.run("pay", request_, *words, "--from", "//Alice")
    assert done.returncode == code, done.stderr
    assert reason in done.stderr


def test_a_payer_with_too_little_money_sees_both_amounts(shop: Shop) -> None:
    sent = shop.run("tx", "transfer", "//Pauper", "0.5BTT", "--from", "//Alice")
    assert sent.returncode == 0, sent.stderr
    done = shop.run("pay", f"btt:{address(CAFE)}?amount=2", "--from", "//Pauper")
    assert done.returncode == 1
    words = f"{address('//Pauper')} has 0.5 BTT, and the payment is 2 BTT, with the network's fee"
    assert words in done.stderr


def test_a_request_signed_by_a_key_that_is_no_till_is_refused(shop: Shop) -> None:
    uri = write_uri(
        PaymentUri(account(CAFE), currency("BTT"), u128(BTT)), KeyPair.from_uri("//Thief")
    )
    done = shop.run("pay", uri, "--from", "//Alice")
    assert (done.returncode, "a key that is not a till of the merchant" in done.stderr) == (1, True)


def test_a_health_service_is_paid_from_an_account_of_its_own_in_round_sums(shop: Shop) -> None:
    uri = f"btt:{address(CLINIC)}?amount=3.21"
    own = f"//Alice//pay//{address(CLINIC)}"
    first = shop.run("pay", uri, "--from", "//Alice")
    assert first.returncode == 0, first.stderr
    assert f"it is paid from {address(own)}, an account for this merchant alone" in first.stderr
    assert "Put 5 BTT there, a round sum" in first.stderr
    funded = shop.document("query", "account", address(own))
    assert int(funded["free"]) < 2 * BTT
    second = shop.document("pay", f"btt:{address(CLINIC)}?amount=0.5", "--from", "//Alice")
    assert second["payer"] == address(own)
    # Each payment has a reference of its own, and the payer of the first account is in neither.
    shown = shop.document("merchant", "show", CLINIC, "--payment", second["payment"])
    assert shown["payment"]["payer"] == address(own)
    open_ = shop.run("pay", uri, "--from", "//Alice", "--same-account")
    assert open_.returncode == 0, open_.stderr
    assert "warning: this account pays a health service, and all can see it" in open_.stderr


# ---- refunds, disputes, cards


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (("--category", "food"), 2, "'food' is not a category. Give four digits of ISO 18245"),
        (("--category", "99999"), 2, "'99999' is not a category"),
        ((), 2, "Missing option '--category'. Give four digits of ISO 18245"),
        (("--category", "5814"), 1, "has 0 BTT, and the bond of a merchant is 1_000 BTT"),
    ],
)
def test_a_merchant_that_cannot_be_registered_is_refused_before_a_call_is_sent(
    shop: Shop, words: tuple[str, ...], code: int, reason: str
) -> None:
    done = shop.run("merchant", "register", *words, "--from", "//Poor")
    assert done.returncode == code, done.stderr
    assert reason in done.stderr
    assert "call " not in done.stdout + done.stderr


def test_a_payment_is_returned_before_settlement(shop: Shop) -> None:
    paid = shop.document("pay", f"btt:{address(CAFE)}?amount=4", "--from", "//Alice")["payment"]
    part = shop.run("merchant", "refund", paid, "--amount", "1BTT", "--from", f"{CAFE}//till")
    assert part.returncode == 0, part.stderr
    assert "Give 1 BTT of payment" in part.stderr
    assert "without a fee" in part.stderr
    too_much = shop.run("merchant", "refund", paid, "--amount", "3.5BTT", "--from", CAFE)
    assert (too_much.returncode, "3 BTT are left" in too_much.stderr) == (1, True)
    assert shop.run("merchant", "refund", paid, "--from", CAFE).returncode == 0
    assert shop.document("merchant", "show", CAFE, "--payment", paid)["state"] == "Returned"
    other = shop.run("merchant", "refund", paid, "--from", "//Bob")
    assert other.returncode == 1
    assert f"was made to {address(CAFE)}: that account or one of its tills" in other.stderr
    undisputed = shop.run("merchant", "answer", paid, "--accept", "--from", CAFE)
    assert undisputed.returncode == 1
    assert f"no dispute of payment {paid} is open" in undisputed.stderr
    missing = shop.run("merchant", "refund", "999999", "--from", CAFE)
    assert (missing.returncode, "there is no payment 999999" in missing.stderr) == (4, True)


def test_a_dispute_is_opened_shown_answered_and_withdrawn(shop: Shop) -> None:
    uri = f"btt:{address(CAFE)}?amount=2"
    first, second = (
        shop.document("pay", uri, "--from", "//Bob")["payment"] for _ in range(2)
    )  # fmt: skip
    opened = shop.run("dispute", "open", first, "--reason", "not-received", "--from", "//Bob")
    assert opened.returncode == 0, opened.stderr
    assert f"Dispute 2 BTT of payment {first}" in opened.stderr
    assert "1 BTT are on hold as a deposit" in opened.stderr
    assert "The merchant has 36 minutes to answer" in opened.stderr
    assert "The dispute is open." in opened.stdout
    shown = shop.document("dispute", "show", first)
    assert (shown["reason"], shown["late"]) == ("NotReceived", False)
    assert (shown["amount"], shown["deposit"]) == (str(2 * BTT), str(BTT))
    assert re.search(r"until +\S+ \S+ UTC", shop.run("dispute", "show", first).stdout)
    held = shop.document("merchant", "show", CAFE, "--payment", first)
    assert (held["disputed"], held["payment"]["legs"]["gross"]) == (str(2 * BTT), "0")
    accepted = shop.run("merchant", "answer", first, "--accept", "--from", CAFE)
    assert accepted.returncode == 0, accepted.stderr
    assert shop.document("merchant", "show", CAFE, "--payment", first)["state"] == "Returned"
    assert "the merchant accepted it" in shop.run("dispute", "show", first).stdout
    again = shop.run("dispute", "open", first, "--reason", "other", "--from", "//Bob")
    assert (again.returncode, f"payment {first} was disputed before" in again.stderr) == (1, True)
    evidence = shop.run("merchant", "answer", first, "--contest", "0xabc", "--from", CAFE)
    assert evidence.returncode == 2
    assert "'--contest': '0xabc' is not a hash: write 0x and 64 hex digits" in evidence.stderr
    both = shop.run("merchant", "answer", first, "--from", CAFE)
    assert (both.returncode, "either --accept or --contest" in both.stderr) == (2, True)
    shop.document("dispute", "open", second, "--reason", "duplicate", "--from", "//Bob")
    assert shop.run("dispute", "withdraw", second, "--from", "//Bob").returncode == 0
    none = shop.run("dispute", "show", "999999")
    assert (none.returncode, "has no dispute" in none.stderr) == (4, True)


def test_a_dispute_before_settlement_is_no_loss_in_a_statement(shop: Shop, tmp_path: Path) -> None:
    bakery = "//Bakery"
    shop.open(bakery, 5_462)
    uri = f"btt:{address(bakery)}?amount=2"
    for end in (("dispute", "withdraw"), ("merchant", "answer", "--accept")):
        payment = shop.document("pay", uri, "--from", "//Bob")["payment"]
        shop.document("dispute", "open", payment, "--reason", "cancelled", "--from", "//Bob")
        signer = bakery if end[0] == "merchant" else "//Bob"
        ended = shop.run(*end, payment, "--from", signer)
        assert ended.returncode == 0, ended.stderr
    table = shop.run("merchant", "statement", bakery, "--csv", "--base-path", str(tmp_path))
    assert table.returncode == 0, table.stderr
    rows = [row for row in csv.DictReader(io.StringIO(table.stdout)) if row["net"]]
    # The withdrawn one was paid at once; the payer has the other one back out of the pool.
    assert [(row["kind"], row["payments"], row["net"]) for row in rows] == [
        ("SETTLEMENT", "1", "1.984")
    ]


def test_a_card_is_made_registered_charged_and_frozen(shop: Shop, tmp_path: Path) -> None:
    file = str(tmp_path / "card.key")
    made = shop.document("card", "new", "-o", file)
    assert (tmp_path / "card.key").stat().st_mode & 0o77 == 0
    again = shop.run("card", "new", "-o", file)
    assert (again.returncode, "never overwritten" in again.stderr) == (1, True)
    limits = ("--payment", "10BTT", "--day", "20BTT", "--guardian", "//Bob")
    registered = shop.run("card", "register", file, *limits, "--from", "//Alice")
    assert registered.returncode == 0, registered.stderr
    assert f"Register the card {made['card']}: it can pay up to 10 BTT" in registered.stderr
    genesis = shop.document("query", "rpc", "chain_getBlockHash", "0")
    signed = shop.document(
        "card", "sign", file, "2.5", "--merchant", CAFE, "--counter", "1", "--genesis", genesis
    )
    charged = shop.run(
        "merchant", "charge", signed["voucher"], signed["signature"], "--from", f"{CAFE}//till"
    )
    assert charged.returncode == 0, charged.stderr
    assert re.search(r"The card paid: payment \d+\.", charged.stdout)
    signed = shop.document(
        "card", "sign", file, "2btt", "--merchant", CAFE, "--counter", "5", "--genesis", genesis
    )
    words = (signed["voucher"], signed["signature"], "--hold")
    held = shop.run("merchant", "charge", *words, "--from", f"{CAFE}//till")
    found = re.search(r"capture or void authorisation (\d+)", held.stdout)
    assert found, held.stderr
    part = shop.run("merchant", "capture", found[1], "0.5BTT", "--from", f"{CAFE}//till")
    assert re.search(r"It is captured: payment \d+\.", part.stdout), part.stderr
    assert shop.run("merchant", "void", found[1], "--from", f"{CAFE}//till").returncode == 0
    shown = shop.document("card", "show", file)
    assert (shown["high"], shown["limits"]["payment"]) == ("5", str(10 * BTT))
    # A day of this chain is a minute: one may have begun since the first charge.
    assert int(shown["spent"]["amount"]) in {3 * BTT, BTT // 2}
    assert "UTC (in 364 days)" in shop.run("card", "show", file).stdout
    number = "0x" + b"patient 00012345".hex()
    numbers = shop.run(
        "card", "sign", file, "1", "--merchant", CAFE, "--counter", "6", "--genesis", genesis,
        "--reference", number,
    )  # fmt: skip
    assert (numbers.returncode, "it is not random" in numbers.stderr) == (2, True)
    frozen = shop.run("card", "freeze", made["card"], "--from", "//Bob")
    assert frozen.returncode == 0, frozen.stderr
    assert shop.document("card", "show", made["card"])["state"] == "Frozen"
    assert shop.run("card", "activate", file, "--from", "//Bob").returncode == 1
    assert shop.run("card", "activate", file, "--from", "//Alice").returncode == 0
    active = shop.document("card", "show", file)
    assert (active["state"], active["limits"]) == ("Active", shown["limits"])
    dropped = shop.run("card", "drop", file, "--from", "//Alice")
    assert dropped.returncode == 0, dropped.stderr
    assert "its deposit comes back in 8 minutes" in dropped.stderr
    assert shop.run("card", "show", file).returncode == 4


def test_a_card_is_registered_by_a_proof_that_was_made_elsewhere(
    shop: Shop, tmp_path: Path
) -> None:
    card, proof = str(tmp_path / "card.key"), tmp_path / "proof.json"
    made = shop.document("card", "new", "--scheme", "ed25519", "-o", card)
    genesis = shop.document("query", "rpc", "chain_getBlockHash", "0")
    prove = ("card", "prove", card, "--owner", address("//Bob"), "-o", str(proof))
    shop.document(*prove, "--genesis", genesis)
    limits = ("--payment", "10BTT", "--day", "20BTT")
    register = ("card", "register", str(proof), *limits, "--from")
    other = shop.run(*register, "//Alice")
    assert (other.returncode, f"agreed to {address('//Bob')}" in other.stderr) == (1, True)
    done = shop.run(*register, "//Bob")
    assert done.returncode == 0, done.stderr
    assert shop.document("card", "show", made["card"])["owner"] == address("//Bob")
    shop.document(*prove, "--genesis", "0x" + "11" * 32)
    foreign = shop.run(*register, "//Bob")
    assert (foreign.returncode, "for the chain 0x1111" in foreign.stderr) == (1, True)
    proof.write_text(proof.read_text().replace(address("//Bob"), address("//Alice")))
    changed = shop.run(*register, "//Alice")
    assert (changed.returncode, "did not sign this owner" in changed.stderr) == (1, True)
    long = shop.run(*prove, "--genesis", genesis, "--expires", "700000")
    assert (long.returncode, "at most 7 days" in long.stderr) == (2, True)
    # A day of this chain is a minute.
    shop.document(*prove, "--genesis", genesis, "--expires", "600")
    late = shop.run(*register, "//Bob")
    assert (late.returncode, "at most 420 seconds" in late.stderr) == (1, True)
    over = shop.run(*prove[:-1], card, "--genesis", genesis)
    assert (over.returncode, "never overwritten" in over.stderr) == (1, True)
    assert Path(card).read_text().startswith("ed25519:")


def test_a_merchant_adds_to_its_bond_and_closes(shop: Shop) -> None:
    kiosk = "//Kiosk"
    shop.open(kiosk, 5_994)
    again = shop.run("merchant", "register", "--category", "5994", "--from", kiosk)
    assert (again.returncode, "is a merchant already" in again.stderr) == (1, True)
    more = shop.run("merchant", "bond", "500BTT", "--from", kiosk)
    assert more.returncode == 0, more.stderr
    assert "The bond is 1_500 BTT now" in more.stdout
    closed = shop.run("merchant", "close", "--from", kiosk)
    assert closed.returncode == 0, closed.stderr
    assert "the bond of 1_500 BTT can be released in 15 minutes" in closed.stderr
    words = r"state +closing; the bond can be released from \S+ \S+ UTC \(in 1[45] minutes\)"
    assert re.search(words, shop.run("merchant", "show", kiosk).stdout)
    early = shop.run("merchant", "close", "--from", kiosk)
    assert (early.returncode, "the bond can be released from" in early.stderr) == (1, True)
    refused = shop.run("pos", "1", "--from", kiosk)
    assert (refused.returncode, "suspended or closing" in refused.stderr) == (1, True)


# ---- the merchant's events


@pytest.mark.full
def test_a_watcher_killed_in_the_middle_loses_nothing(shop: Shop, tmp_path: Path) -> None:
    for _ in range(3):
        shop.document("pay", f"btt:{address(CAFE)}?amount=1", "--from", "//Bob")
    receiver = Receiver(new_secret())
    secret = tmp_path / "secret.txt"
    secret.write_text(receiver.secret)
    base = str(tmp_path / "machine")
    with receiver.serving() as url:
        hook = ("--webhook", url, "--secret", str(secret), "--allow-private", "--base-path", base)
        for _ in range(2):
            with shop.started("merchant", "watch", CAFE, *hook, "--json") as watcher:
                for _ in range(2):
                    watcher.document()
                watcher.stop(signal.SIGKILL)
            shop.document("pay", f"btt:{address(CAFE)}?amount=1", "--from", "//Bob")
        done = shop.run("merchant", "watch", CAFE, *hook, "--once", "--retry")
        assert done.returncode == 0, done.stderr
    # Another machine, which has no webhook, finds the same events with the same ids.
    events = shop.lines("merchant", "watch", CAFE, "--once", "--base-path", str(tmp_path / "other"))
    ids = [event["id"] for event in events]
    assert len(set(ids)) == len(ids) >= 5
    assert set(receiver.arrived) == set(ids)
    for event in events:
        body = json.loads(receiver.bodies[event["id"]])
        assert (body["type"], body["data"]) == (event["type"], event["data"])


def test_a_watcher_ends_in_order_when_a_service_manager_stops_it(
    shop: Shop, tmp_path: Path
) -> None:
    with shop.started("merchant", "watch", CAFE, "--base-path", str(tmp_path)) as watcher:
        watcher.wait_for("watching")
        assert watcher.stop() == 0
        assert "Traceback" not in watcher.text()


def test_a_receiver_that_is_gone_ends_the_watcher_and_keeps_the_events(
    shop: Shop, tmp_path: Path
) -> None:
    shop.document("pay", f"btt:{address(CAFE)}?amount=1", "--from", "//Bob")
    receiver = Receiver(new_secret(), is_gone=True)
    base = ("--base-path", str(tmp_path))
    with receiver.serving() as url:
        hook = ("--webhook", url, "--secret", receiver.secret, "--allow-private", *base)
        with shop.started("merchant", "watch", CAFE, *hook) as watcher:
            assert (watcher.code(), "answered 410 Gone" in watcher.text()) == (1, True)
    again = shop.run("merchant", "watch", CAFE, "--once", *base)
    assert "waiting for a run with --webhook: " in again.stderr


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (("--webhook", "https://shop.example/"), 2, "both --webhook and --secret"),
        (("--webhook", "http://shop.example/", "--secret", "SECRET"), 2, "use https"),
        (("--webhook", "https://10.0.0.1/", "--secret", "SECRET"), 2, "--allow-private permits"),
        (("--webhook", "https://shop.example/", "--secret", "abc"), 2, "there is no such file,"),
        (("--webhook", "https://shop.example/", "--secret", "whsec_?"), 2, "not base64 after"),
    ],
)
def test_mistakes_about_a_webhook_have_words(
    shop: Shop, words: tuple[str, ...], code: int, reason: str
) -> None:
    secret = new_secret()
    typed = [secret if word == "SECRET" else word for word in words]
    done = shop.run("merchant", "watch", CAFE, *typed)
    assert done.returncode == code
    assert reason in done.stderr
    assert secret not in done.stderr


def test_a_new_secret_is_printed(shop: Shop) -> None:
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=\n",
                        shop.run("merchant", "watch", CAFE, "--new-secret").stdout)  # fmt: skip


def test_what_waits_for_settlement_is_a_histogram(shop: Shop) -> None:
    shop.document("pay", f"btt:{address(CAFE)}?amount=1", "--from", "//Bob")
    rows = shop.document("payfi", "queue")
    assert sum(row["payments"] for row in rows) >= 1
    assert all(0 <= row["minutes"] <= 120 for row in rows)
    shown = shop.run("payfi", "queue")
    assert "█" in shown.stdout
    assert "an hour of payments is 30 seconds on this chain" in shown.stderr


def test_a_merchant_without_the_plan_has_no_reports_until_it_chooses_it(shop: Shop) -> None:
    none = shop.run("merchant", "report", CAFE)
    assert (none.returncode, "configure --analytics" in none.stderr) == (4, True)
    assert shop.run("merchant", "configure", "--analytics", "--from", CAFE).returncode == 0
    assert "payments" in shop.run("merchant", "report", CAFE).stdout
    added = shop.run("merchant", "configure", "--till", "//Bob", "--from", CAFE)
    assert added.returncode == 0, added.stderr
    record = shop.document("merchant", "show", CAFE)["record"]
    assert (len(record["tillKeys"]), record["bond"]) == (2, str(1_000 * BTT))
    assert re.search(r"state +active", shop.run("merchant", "show", CAFE).stdout)
    removed = shop.run("merchant", "configure", "--remove-till", "//Bob", "--from", CAFE)
    assert removed.returncode == 0, removed.stderr
    gone = shop.run("merchant", "configure", "--remove-till", "//Bob", "--from", CAFE)
    assert (gone.returncode, "is not a till" in gone.stderr) == (4, True)


# ---- prices, and blocks that are not final


def test_an_invoice_in_another_currency_is_paid_at_the_price_of_the_oracle(
    shop: Shop, tmp_path: Path
) -> None:
    noodles = "//Noodles"
    shop.open(noodles, 5_812, "--currency", "CNY")
    early = shop.run("pos", "50.00", "--from", noodles)
    assert early.returncode == 1
    assert "this cannot be paid now: Oracle." in early.stderr
    for feeder in ("//Dave", "//Eve", "//Ferdie"):
        price = ("Oracle.feed_values", '[["BTT/CNY", "0.4BTT"]]')
        fed = shop.run("tx", "call", *price, "--from", feeder)
        assert fed.returncode == 0, fed.stderr
    with shop.till("50.00", "--from", noodles) as (till, invoice):
        assert (invoice["amount"], int(invoice["planck"])) == ("50.00 CNY", 125 * BTT)
        paid = shop.run("pay", invoice["text"], "--from", "//Alice")
        assert paid.returncode == 0, paid.stderr
        assert paid.stderr.startswith("Pay 50.00 CNY, now 125 BTT, at most 126.25 BTT to 5")
        assert "units: 50.00 CNY, currency: CNY, max_btt: 126.25 BTT" in paid.stdout
        code, events = till.code(), till.documents()
    assert code == 0
    # 0.8 % and 0.75 % for the conversion.
    assert (events[-1]["amount"], events[-1]["fee"]) == (
        "50.00 CNY", str(19_375 * BTT // 10_000),
    )  # fmt: skip
    watched = shop.run("merchant", "watch", noodles, "--once", "--base-path", str(tmp_path))
    assert re.search(r"payment.paid +payment \d+  50.00 CNY, gross 125 BTT", watched.stdout)


def test_a_till_never_says_paid_before_the_block_is_final(tmp_path: Path) -> None:
    with dev_node(tmp_path, "node", "--sealing", "manual") as node:
        shop = Shop(node.ws, tmp_path / "home")
        with sealing(shop):
            shop.open(CAFE, 5_814)
        with shop.till("1", "--from", CAFE) as (till, invoice):
            with shop.started("pay", invoice["text"], "--from", "//Alice") as payer:
                while payer.is_alive:
                    shop.document("query", "rpc", "engine_createBlock", "true", "false")
                assert payer.code() == 0
            for _ in range(3):
                shop.document("query", "rpc", "engine_createBlock", "true", "false")
            seen = till.document()
            assert (seen["event"], "not paid yet" in seen["words"]) == ("seen", True)
            assert till.is_alive
            best = shop.document("query", "rpc", "chain_getBlockHash")
            shop.document("query", "rpc", "engine_finalizeBlock", best)
            code, events = till.code(), till.documents()
    assert code == 0
    assert [event["event"] for event in events] == ["final", "receipt"]


@contextmanager
def sealing(shop: Shop) -> Iterator[None]:
    """Make final blocks in the background."""
    stop = threading.Event()

    def make() -> None:
        with BlockingChain.connect(shop.url) as chain:
            while not stop.wait(0.2):
                chain.call("engine_createBlock", True, True)

    thread = threading.Thread(target=make)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
