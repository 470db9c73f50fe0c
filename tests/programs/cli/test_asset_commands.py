"""`asset`, `exchange` and `vault` on a small chain: from a document to a trade, as people type."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from btt_chain.client.jsonrpc import WebSocket
from btt_chain.client.typed import open_runtime
from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import encode, u8, u32, u64, u128
from cli.commands.asset import label
from cli.commands.vault import some_of
from cli.common.errors import Mistyped
from runtime import BttRuntime
from runtime.constants import BTT
from runtime.frame import Call
from runtime.pallets.asset_registry.types import Role
from runtime.pallets.identity.types import IdentityInfo, Reasonable
from runtime.params import RuntimeParams
from support.commands import document, good, run
from support.instant_node import instant_node

ALICE, BOB, CHARLIE = (KeyPair.from_uri(uri) for uri in ("//Alice", "//Bob", "//Charlie"))
VOTE_BLOCKS = 180
"""Three days of decisions, which are minutes of one-second slots here."""


def account(pair: KeyPair) -> Id:
    return Id(AccountId(pair.account_id))


async def prepare(url: str) -> None:
    """Judge Alice's identity, and let Bob and Charlie verify."""
    runtime = BttRuntime(RuntimeParams(u64(1_000)))
    async with open_runtime(url) as chain:

        async def as_root(call: Call) -> None:
            await chain.submit("Sudo", "sudo", signer=ALICE, call=call)

        await as_root(runtime.call("Identity", "add_registrar", account=account(CHARLIE)))
        info = IdentityInfo()
        await chain.submit("Identity", "set_identity", signer=ALICE, info=info)
        await chain.submit(
            "Identity", "provide_judgement", signer=CHARLIE, reg_index=u32(0),
            target=account(ALICE), judgement=Reasonable(),
            identity=H256(blake2_256(encode(IdentityInfo, info))),
        )  # fmt: skip
        for pair, regulatory in ((BOB, True), (CHARLIE, False)):
            bond = u128(5_000 * BTT)
            await chain.submit("AssetRegistry", "bond_verifier", signer=pair, bond=bond)
            appoint = runtime.call(
                "AssetRegistry", "appoint_verifier", who=account(pair), regulatory=regulatory,
                technical=not regulatory,
            )  # fmt: skip
            await as_root(appoint)


async def attest(url: str, id: int) -> None:
    """Let both verifiers attest an asset, and the time for objections pass."""
    async with open_runtime(url) as chain:
        for pair, role in ((BOB, Role.Regulatory), (CHARLIE, Role.Technical)):
            await chain.submit(
                "AssetRegistry", "verify", signer=pair, id=u32(id), role=role, complexity=u8(1),
                approve=True, report=H256(bytes(32)),
            )  # fmt: skip
    async with await WebSocket.connect(url, 60) as client:
        for _ in range(VOTE_BLOCKS):
            await client.call("engine_createBlock", True, True)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with instant_node(tmp_path_factory.mktemp("node")) as url:
        asyncio.run(prepare(url))
        yield url


@pytest.fixture(scope="module")
def scanner(url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The number of an asset whose units Alice has."""
    file = tmp_path_factory.mktemp("documents") / "scan.pdf"
    file.write_bytes(b"what it is")
    given = ("--name", "CT scanner", "--symbol", "CT1", "--kind", "equipment")
    worth = ("--value", "20_000BTT", "--units", "1000")
    paid = ("--from", "//Alice")
    id = document(url, "asset", "register", str(file), *given, *worth, *paid)["asset"]
    asyncio.run(attest(url, int(id)))
    reported = document(url, "asset", "issue", str(id), *paid)
    assert reported.pick("units", "fee") == ("1000", str(200 * BTT))
    assert reported["burned"] == str(10 * BTT)
    again = run(url, "asset", "register", str(file), *given, *worth, *paid)
    assert "Another asset has the same documents" in again.stderr
    return str(id)


@pytest.fixture(scope="module")
def traded(url: str, scanner: str) -> str:
    """The number of an asset that is traded."""
    assert "is not traded" in run(url, "exchange", "book", scanner).stderr
    good(url, "tx", "call", "Exchange.list_asset", scanner, "--from", "//Alice")
    return scanner


def test_what_is_registered_is_listed_and_shown(url: str, scanner: str) -> None:
    (row,) = document(url, "asset", "list")
    info = row["info"]
    assert info.pick("name", "state", "units") == ("CT scanner", "Issued", "1000")
    assert info["documents"] == "0x" + sha256(b"what it is").hexdigest()
    reported = good(url, "asset", "show", scanner)
    assert "20_000 BTT" in reported
    assert "held by 1" in reported
    assert "CT scanner" in good(url, "asset", "list")


def test_units_move_and_bring_revenue(url: str, scanner: str) -> None:
    good(url, "asset", "transfer", scanner, "//Dave", "100", "--from", "//Alice")
    good(url, "asset", "distribute", scanner, "50BTT", "--from", "//Alice")
    (held,) = document(url, "asset", "holdings", "//Dave")
    assert held == {
        "id": int(scanner), "units": "100", "onHold": "0", "revenue": str(5 * BTT),
    }  # fmt: skip
    assert "You got 5 BTT" in good(url, "asset", "claim", scanner, "--from", "//Dave")
    assert "nothing to claim" in run(url, "asset", "claim", scanner, "--from", "//Dave").stderr


def test_orders_meet_in_the_next_block_and_are_reported(url: str, traded: str) -> None:
    scanner = traded
    assert "there is no open order" in good(url, "exchange", "book", scanner)
    sell = ("exchange", "order", "sell", scanner, "10", "2.5BTT", "--from", "//Alice")
    first = document(url, *sell)["order"]
    good(url, "exchange", "order", "buy", scanner, "4", "2BTT", "--from", "//Eve")
    book = document(url, "exchange", "book", scanner)
    assert book["asks"] == [{"price": str(25 * BTT // 10), "units": "10", "orders": 1}]
    assert book["bids"] == [{"price": str(2 * BTT), "units": "4", "orders": 1}]
    table = good(url, "exchange", "book", scanner)
    assert "2.5 BTT" in table
    assert "500_000_000_000_000_000" not in table
    (mine,) = document(url, "exchange", "orders", scanner, "//Alice")
    assert mine.pick("order", "side", "units") == (first.value, "Sell", "10")
    shown = good(url, "exchange", "orders", scanner, "//Alice")
    assert "the units" in shown
    assert f"{BTT}" not in shown

    good(url, "exchange", "order", "buy", scanner, "6", "2.5BTT", "--from", "//Eve")
    assert "they trade in the next block" in good(url, "exchange", "book", scanner)
    good(url, "tx", "call", "System.remark", "0x00", "--from", "//Alice")
    (trade,) = document(url, "exchange", "trades", scanner)
    assert trade.pick("price", "units") == (str(25 * BTT // 10), "6")
    good(url, "exchange", "cancel", str(first), "--from", "//Alice")
    assert (
        "no open order of this number"
        in run(url, "exchange", "cancel", str(first), "--from", "//Alice").stderr
    )
    assert "last auction: 6 units at 2.5 BTT" in good(url, "exchange", "book", scanner)


def test_a_feeder_takes_its_price_from_these_trades(url: str, traded: str, tmp_path: Path) -> None:
    # A unit stands for 1 CNY and was sold for 2.5 BTT: the median of the three sources.
    files = [tmp_path / name for name in ("low", "high")]
    for file, price in zip(files, ("0.39", "0.41"), strict=True):
        file.write_text(price)
    sources = [f"exchange:{traded}", *(f"file:{file}" for file in files)]
    typed = [word for source in sources for word in ("--source", source)]
    good(url, "feeder", "BTT/CNY", *typed, "--once", "--from", "//Dave")
    dave = ss58.encode(KeyPair.from_uri("//Dave").account_id)
    fed = document(url, "query", "rpc", "oracle_feeder", dave)["values"]
    assert [value["value"] for _, value in fed] == [str(4 * BTT // 10)]
    missing = (*typed[2:], "--source", "exchange:77")
    silent = run(url, "feeder", "BTT/CNY", *missing, "--once", "--from", "//Eve")
    assert silent.exit_code == 1, "two sources are left"
    assert "exchange:77" in silent.stderr


def test_a_vault_takes_money_and_units_and_gives_them_back(url: str, traded: str) -> None:
    assert "there is no vault" in good(url, "vault", "list")
    words = ("vault", "create", traded, "100BTT", "50", "--fee", "1.5%")
    number = str(document(url, *words, "--from", "//Alice")["vault"])
    good(url, "asset", "transfer", traded, "//Dave", "20", "--from", "//Alice")
    put = good(url, "vault", "deposit", number, "30BTT", "--from", "//Dave")
    assert "and 15 units for 30 shares." in put

    (row,) = document(url, "vault", "list")
    assert row["units"] == "65"
    assert row["vault"].pick("asset", "feeBps") == (int(traded), 150)
    assert "1.5 %" in good(url, "vault", "list")
    own = document(url, "vault", "show", number, "--of", "//Dave")["own"]
    assert 29 * BTT < int(own["money"]) <= 30 * BTT  # the manager's fee goes on
    assert own["shares"] == str(30 * BTT)
    reported = good(url, "vault", "show", number, "--of", "//Dave")
    assert "CT scanner (CT1)" in reported
    assert "1.5 % a year" in reported

    half = document(url, "vault", "withdraw", number, "50%", "--from", "//Dave")
    assert half["shares"] == str(15 * BTT)
    assert "You got" in good(url, "vault", "withdraw", number, "all", "--from", "//Dave")
    again = run(url, "vault", "withdraw", number, "all", "--from", "//Dave")
    assert "TooFewShares" in again.stderr


@pytest.mark.parametrize(
    ("given", "meant"),
    [("all", u128.MAX), ("25%", 25 * 10**18), ("0.01%", 10**16), ("1.5shares", 15 * 10**17)],
)
def test_a_part_of_ones_shares_is_named_as_people_like(given: str, meant: int) -> None:
    assert some_of(10**20, given) == meant


@pytest.mark.parametrize("given", ["half", "101%", "1.234%", "-1", "5BTT", "7", ""])
def test_what_is_no_part_is_refused(given: str) -> None:
    with pytest.raises(Mistyped):
        some_of(10**20, given)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("vault", "deposit", "7", "1BTT"), "there is no vault 7"),
        (("vault", "deposit", "7", "1"), "'1' has no unit"),
        (("vault", "create", "0", "1BTT", "1", "--fee", "3"), "--fee: '3' is not a percentage"),
        (("vault", "create", "0", "1BTT", "1", "--fee", "3%"), "100 to 200 hundredths"),
        (("exchange", "order", "buy", "0", "1", "2.5"), "'2.5' has no unit"),
        (
            ("exchange", "order", "buy", "0", "1", "1BTT", "--until", "-5"),
            "--until: expected an integer",
        ),
        (
            ("exchange", "order", "buy", "0", "99999", "90BTT"),
            "the account has too little free money",
        ),
        (("exchange", "order", "buy", "7", "1", "1BTT"), "not listed"),
        (("exchange", "cancel", "999"), "no open order of this number"),
        (("asset", "transfer", "0", "noname", "1"), "is not an address"),
        (("asset", "transfer", "7", "//Bob", "1"), "There is no asset of this number"),
    ],
)
@pytest.mark.usefixtures("traded")
def test_what_goes_wrong_is_explained(url: str, words: tuple[str, ...], why: str) -> None:
    result = run(url, *words, "--from", "//Alice")
    assert result.exit_code != 0
    assert why in result.stderr


@pytest.mark.parametrize(
    ("name", "why"), [("", "has 0 bytes"), ("x" * 51, "has 51 bytes, expected 1 to 50")]
)
def test_a_name_that_the_chain_does_not_take_is_refused_before(name: str, why: str) -> None:
    with pytest.raises(Mistyped, match=why):
        label(name, "name")


def test_what_is_not_there_is_not_found(url: str) -> None:
    assert "no asset 77" in run(url, "exchange", "orders", "77", "//Alice").stderr
    assert "there is no asset 77" in run(url, "asset", "show", "77").stderr
    assert "the account has no units" in good(url, "asset", "holdings", "//Ferdie")
