"""Both faces of the client, on a node in another thread that makes a block for each transaction."""

from __future__ import annotations

import asyncio
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from btt_chain.client import (
    BlockingChain,
    Call,
    Chain,
    ClientError,
    Disconnected,
    DispatchFailed,
    Included,
    InvalidArgument,
    KeyPair,
    NotFound,
    NotIncluded,
    RpcError,
    RuntimeChanged,
    TransactionRefused,
    hash_of,
)
from btt_chain.client.jsonrpc import Json
from btt_chain.client.transactions import NONCE_TAKEN, block_of
from btt_chain.client.values import field
from btt_chain.scale.portable import Plain
from btt_chain.txpool import AlreadyImported, TooLowPriority

ALICE, BOB = KeyPair.from_uri("//Alice"), KeyPair.from_uri("//Bob")
ALICE_ADDRESS = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
BOB_ADDRESS = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"
BTT = 10**18


def transfer(chain: Chain | BlockingChain, value: int = BTT) -> Call:
    return chain.compose("Balances.transfer_keep_alive", dest="//Bob", value=value)


# ---- reading


async def test_state_is_read_by_name(url: str) -> None:
    async with Chain.connect(url) as chain:
        account = await chain.storage("System.Account", "//Alice")
        assert field(account, "nonce") == await chain.transactions.nonce(ALICE.account_id)
        assert isinstance(field(field(account, "data"), "free"), int)
        assert await chain.storage("System.Account", ALICE_ADDRESS) == account
        unused = await chain.storage("System.Account", "0x" + "77" * 32)
        assert field(unused, "nonce") == 0
        assert await chain.storage("System.Number", at=chain.genesis) == 0


async def test_many_entries_are_one_request(url: str) -> None:
    async with Chain.connect(url) as chain:
        both = await chain.storage_many("System.Account", [["//Alice"], ["//Bob"]])
        assert both == [
            await chain.storage("System.Account", name) for name in ("//Alice", "//Bob")
        ]
        assert await chain.storage_many("System.Account", []) == []


async def test_a_map_is_iterated_with_its_keys(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Chain.connect(url) as chain:
        whole = {str(keys[0]): value async for keys, value in chain.entries("System.Account")}
        assert {ALICE_ADDRESS, BOB_ADDRESS} <= set(whole)
        assert whole[BOB_ADDRESS] == await chain.storage("System.Account", "//Bob")
        monkeypatch.setattr("btt_chain.client.chain.PAGE", 2)
        paged = [keys[0] async for keys, _ in chain.entries("System.Account")]
        assert sorted(map(str, paged)) == sorted(whole)


async def test_wrong_names_and_keys_are_named(url: str) -> None:
    async with Chain.connect(url) as chain:
        with pytest.raises(NotFound, match="did you mean Account"):
            await chain.storage("System.Accounz", "//Alice")
        with pytest.raises(InvalidArgument, match="is a map with 1 keys, 0 given"):
            await chain.storage("System.Account")
        with pytest.raises(InvalidArgument, match=r"write it like System\.Account"):
            await chain.storage("System")
        with pytest.raises(NotFound, match="has no constant"):
            chain.constant("Balances.Nothing")
        with pytest.raises(InvalidArgument, match="give a number, a hash, best or finalized"):
            await chain.block_hash("yesterday")
        with pytest.raises(NotFound, match="no block 1000000 yet"):
            await chain.block_hash(1_000_000)


async def test_constants_and_runtime_apis_have_the_types_of_the_metadata(url: str) -> None:
    async with Chain.connect(url) as chain:
        assert chain.constant("Balances.ExistentialDeposit") == BTT // 1000
        version = await chain.api("Core.version")
        assert field(version, "spec_name") == "btt"
        nonce = await chain.api("AccountNonceApi.account_nonce", ALICE_ADDRESS)
        assert nonce == await chain.transactions.nonce(ALICE.account_id)
        assert await chain.api("AccountNonceApi.account_nonce", "//Alice", at=chain.genesis) == 0
        with pytest.raises(NotFound, match="has no runtime API 'Cor'; did you mean Core"):
            await chain.api("Cor.version")
        with pytest.raises(InvalidArgument, match=r"takes 1 arguments \(account: AccountId32\)"):
            await chain.api("AccountNonceApi.account_nonce")
        with pytest.raises(InvalidArgument, match="account: expected an address"):
            await chain.api("AccountNonceApi.account_nonce", 5)


async def test_a_chain_at_a_block_reads_that_blocks_state(url: str) -> None:
    async with Chain.connect(url) as chain:
        await chain.transactions.send(transfer(chain), ALICE)
        before = await chain.at_block(0)
        assert before.at == chain.genesis
        assert field(await before.storage("System.Account", "//Alice"), "nonce") == 0
    async with Chain.connect(url, at=0) as before:
        assert field(await before.storage("System.Account", "//Alice"), "nonce") == 0


# ---- sending


async def test_a_call_is_sent_and_its_events_come_back(url: str) -> None:
    async with Chain.connect(url) as chain:
        done = await chain.transactions.send(transfer(chain, 3 * BTT), ALICE, tip=7)
        (moved,) = (event for event in done.events if event.name == "Balances.Transfer")
        assert moved.fields == {"from": ALICE_ADDRESS, "to": BOB_ADDRESS, "amount": str(3 * BTT)}
        assert done.error is None
        assert not done.is_final
        assert done.fee is not None
        assert done.fee > 7
        block = await chain.block(done.block)
        view = block.extrinsics[done.index]
        assert (block.number, view.hash, view.signer) == (done.number, done.hash, ALICE_ADDRESS)
        assert view.call.name == "Balances.transfer_keep_alive"
        assert view.extra["ChargeTransactionPayment"] == "7"


async def test_finality_is_awaited(url: str) -> None:
    async with Chain.connect(url) as chain:
        done = await chain.transactions.send(transfer(chain), ALICE, wait="final")
        assert done.is_final
        assert (await chain.finalized()).number >= done.number


async def test_what_fails_in_its_block_is_named(url: str) -> None:
    async with Chain.connect(url) as chain:
        with pytest.raises(DispatchFailed, match=r"^Token\.FundsUnavailable: the account has too"):
            await chain.transactions.send(transfer(chain, 10**35), ALICE)
        wire = await chain.transactions.sign(transfer(chain, 10**35), ALICE)
        done = await chain.transactions.watch(wire)
        assert done.error == "Token.FundsUnavailable: the account has too little free money"
        nested: Plain = {"Balances": {"transfer_keep_alive": {"dest": "//Bob", "value": 10**35}}}
        batch = chain.compose("Utility.batch", calls=[nested])
        with pytest.raises(DispatchFailed, match=r"^Utility\.BatchInterrupted: Token\."):
            await chain.transactions.send(batch, ALICE)


async def test_a_fee_and_the_outcome_are_estimated_before(url: str) -> None:
    async with Chain.connect(url) as chain:
        wire = await chain.transactions.sign(transfer(chain), ALICE)
        fee = await chain.transactions.fee(wire)
        assert await chain.transactions.dry_run(wire) is None
        failing = await chain.transactions.sign(transfer(chain, 10**35), ALICE)
        reason = await chain.transactions.dry_run(failing)
        assert reason == "Token.FundsUnavailable: the account has too little free money"
        stale = await chain.transactions.sign(transfer(chain), ALICE, nonce=0)
        await chain.transactions.send(transfer(chain), ALICE)
        with pytest.raises(TransactionRefused, match="Transaction is outdated"):
            await chain.transactions.dry_run(stale)
        done = await chain.transactions.send(transfer(chain), ALICE)
        assert done.fee == fee


async def test_what_the_pool_does_not_take_is_refused(url: str) -> None:
    poor = KeyPair.from_seed(b"\x77" * 32)
    async with Chain.connect(url) as chain:
        with pytest.raises(TransactionRefused, match="Inability to pay some fees"):
            await chain.transactions.send(transfer(chain), poor)
        wire = await chain.transactions.sign(transfer(chain), ALICE)
        forged = wire[:40] + bytes([wire[40] ^ 1]) + wire[41:]
        with pytest.raises(TransactionRefused, match="bad signature"):
            await chain.transactions.submit(forged)
        with pytest.raises(TransactionRefused):
            await chain.transactions.send(transfer(chain), None)
        with pytest.raises(TransactionRefused, match="outdated"):
            await chain.transactions.send(transfer(chain), ALICE, nonce=0)
        assert await chain.transactions.submit(wire) == hash_of(wire)


async def test_an_immortal_transaction_holds_genesis(url: str) -> None:
    async with Chain.connect(url) as chain:
        wire = await chain.transactions.sign(transfer(chain), ALICE, period=None)
        assert chain.metadata.decoder.extrinsic(wire).extra["CheckMortality"] == "Immortal"
        assert (await chain.transactions.watch(wire)).error is None


async def test_calls_that_do_not_fit_the_metadata_are_refused(url: str) -> None:
    async with Chain.connect(url) as chain:
        for arguments, why in (
            ({"dest": "//Bob"}, "value missing; it takes dest, value"),
            ({"dest": "//Bob", "value": 1, "memo": 1}, "no argument memo"),
            ({"dest": "Bob", "value": 1}, "dest: 'Bob' is not an address"),
            ({"dest": "//Bob", "value": -1}, "value: -1 does not fit"),
        ):
            with pytest.raises(InvalidArgument, match=why):
                chain.compose("Balances.transfer_keep_alive", **arguments)
        with pytest.raises(NotFound, match="has no call 'mint'"):
            chain.compose("Balances.mint")


async def test_a_changed_runtime_must_be_read_again(url: str) -> None:
    async with Chain.connect(url) as chain:
        facts = chain.facts
        chain.transactions._facts = type(facts)(facts.genesis, 99, facts.transaction_version)
        with pytest.raises(RuntimeChanged, match="from version 99 to 100: connect again"):
            await chain.transactions.sign(transfer(chain), ALICE)


# ---- subscriptions


async def test_heads_and_values_are_followed(url: str) -> None:
    async with Chain.connect(url) as chain, Chain.connect(url) as other:
        heads, finals = chain.heads(), chain.heads(final=True)
        nonces = chain.watch_storage("System.Account", "//Alice")
        first, _ = await anext(heads), await anext(finals)
        _, before = await anext(nonces)
        done = await other.transactions.send(transfer(chain), ALICE)
        head = await anext(heads)
        assert (head.number, head.hash) == (done.number, done.block)
        assert head.number == first.number + 1
        assert (await anext(finals)).number <= head.number
        block, after = await anext(nonces)
        assert block == done.block
        assert int(str(field(after, "nonce"))) == int(str(field(before, "nonce"))) + 1


def test_the_statuses_of_a_transaction_end_the_wait_or_go_on() -> None:
    here = "0x" + "11" * 32
    pending: list[Json] = ["ready", "future", {"broadcast": ["a"]}, {"retracted": here}, None]
    for status in pending:
        assert block_of(status, "best") is None
    assert block_of({"inBlock": here}, "best") == b"\x11" * 32
    assert block_of({"inBlock": here}, "final") is None
    assert block_of({"finalized": here}, "final") == b"\x11" * 32
    for refused, why in (("invalid", "became invalid"), ("dropped", "dropped it")):
        with pytest.raises(TransactionRefused, match=why):
            block_of(refused, "best")
    with pytest.raises(TransactionRefused, match="took its place: 0x"):
        block_of({"usurped": here}, "best")
    with pytest.raises(NotIncluded, match="is not final in time"):
        block_of({"finalityTimeout": here}, "final")


def test_the_codes_of_a_taken_nonce_are_those_of_the_pool() -> None:
    assert (AlreadyImported.code, TooLowPriority.code) == NONCE_TAKEN


# ---- without asyncio, and by HTTP


def test_the_blocking_face_reads_sends_and_follows(url: str) -> None:
    with BlockingChain.connect(url) as chain:
        assert field(chain.storage("System.Account", "//Bob"), "providers") == 1
        assert chain.constant("Balances.ExistentialDeposit") == BTT // 1000
        assert field(chain.api("Core.version"), "impl_version") is not None
        names = {str(keys[0]) for keys, _ in chain.entries("System.Account")}
        assert BOB_ADDRESS in names
        assert len(chain.storage_many("System.Account", [["//Alice"], ["//Bob"]])) == 2
        call = transfer(chain)
        wire = chain.transactions.sign(
            call, ALICE, nonce=chain.transactions.nonce(ALICE.account_id)
        )
        assert chain.transactions.fee(wire) > 0
        assert chain.transactions.dry_run(wire) is None
        done = chain.transactions.watch(wire)
        assert done.hash == hash_of(wire)
        assert chain.transactions.send(call, ALICE).number == done.number + 1
        assert [head.number for head in islice(chain.heads(), 1)] == [chain.best().number]
        assert next(iter(chain.heads(final=True))).number == chain.finalized().number
        (found,) = islice(chain.watch_storage("System.Number"), 1)
        assert found[1] == chain.best().number
        assert chain.block(chain.block_hash(done.number)).number == done.number
        assert chain.at_block(0).storage("System.Number") == 0
        assert chain.call("system_properties") is not None
        with pytest.raises(DispatchFailed, match="FundsUnavailable"):
            chain.transactions.send(transfer(chain, 10**35), ALICE)


async def test_the_blocking_face_works_beside_a_running_loop(url: str) -> None:
    with BlockingChain.connect(url) as chain:
        assert len(chain.genesis) == 32


async def test_http_reads_and_submits_and_has_no_subscriptions(url: str) -> None:
    http = url.replace("ws://", "http://")
    async with Chain.connect(http) as chain:
        assert field(await chain.storage("System.Account", "//Alice"), "providers") == 1
        wire = await chain.transactions.sign(transfer(chain), ALICE)
        assert await chain.transactions.submit(wire) == hash_of(wire)
        with pytest.raises(InvalidArgument, match="connect to ws:// or wss://"):
            await chain.transactions.watch(wire)
        with pytest.raises(RpcError, match="the node refused no_such_method") as refused:
            await chain.connection.call("no_such_method")
        assert refused.value.is_unknown_method


@pytest.mark.parametrize("scheme", ["ws", "http"])
async def test_no_node_is_a_plain_failure(scheme: str) -> None:
    with pytest.raises(Disconnected, match="nothing listens there; is the node running"):
        async with Chain.connect(f"{scheme}://127.0.0.1:1", timeout=5):
            raise AssertionError("connected")
    with pytest.raises(Disconnected), BlockingChain.connect(f"{scheme}://127.0.0.1:1", timeout=5):
        raise AssertionError("connected")


async def test_two_programs_may_sign_for_one_account(url: str) -> None:
    async with Chain.connect(url) as one, Chain.connect(url) as other:
        done: list[Any] = await asyncio.gather(
            *(
                chain.transactions.send(transfer(chain, BTT + number), ALICE)
                for number in range(3)
                for chain in (one, other)
            ),
            return_exceptions=True,
        )
        assert not [each for each in done if not isinstance(each, Included | NotIncluded)]
        assert sum(isinstance(each, Included) for each in done) >= 3


def test_every_error_of_the_client_has_one_base() -> None:
    for kind in (Disconnected, DispatchFailed, InvalidArgument, NotFound, NotIncluded, RpcError):
        assert issubclass(kind, ClientError)


def test_a_key_of_a_keystore_signs(url: str, tmp_path: Path) -> None:
    from btt_chain.keystore import BABE, Keystore

    store = Keystore.open(tmp_path / "keys")
    public = store.insert(BABE, "//Bob")
    pair = store.pair(BABE, public)
    assert pair is not None
    with BlockingChain.connect(url) as chain:
        done = chain.transactions.send(chain.compose("System.remark", remark="0x00"), pair)
        view = chain.block(done.block).extrinsics[done.index]
        assert view.signer == BOB_ADDRESS
