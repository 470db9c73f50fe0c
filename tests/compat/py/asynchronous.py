"""async-substrate-interface, unmodified, against a node; and frames that no client sends."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from async_substrate_interface.async_substrate import AsyncSubstrateInterface
from async_substrate_interface.errors import SubstrateRequestException
from websockets.asyncio.client import (  # type: ignore[import-not-found]
    ClientConnection,
    connect,
)

from compat.py.checks import check, done, fact, need, run_async
from compat.py.keys import Key, ecdsa_key, ed25519_key, person, stranger

BTT = 10**18
NOWHERE = "0x" + "11" * 32
SECONDS = 15
TIMESTAMP_NOW = "f0c365c3cf59d671eb72da0e7a4113c49f1f0515f462cdcf84e0f1d6045dfcbb"
Call = Any
Receipt = Any


class Asynchronous:
    """Everything that is asked of a node through this client."""

    node: Any
    manual: Any
    wire: Wire
    manual_wire: Wire

    def __init__(self, clocked: str, manual: str) -> None:
        self.clocked_url = clocked
        self.manual_url = manual
        names = ("Alice", "Bob", "Charlie", "Dave", "Eve")
        self.alice, self.bob, self.charlie, self.dave, self.eve = map(person, names)

    # ---- the node and its words

    @need
    async def connects_and_loads_the_metadata_version_15(self) -> None:
        self.node = AsyncSubstrateInterface(self.clocked_url, ws_shutdown_timer=None)
        await self.node.initialize()
        runtime = await self.node.init_runtime()
        assert (runtime.runtime_version, runtime.transaction_version) == (100, 1)
        assert runtime.metadata_v15 is not None
        self.wire = await Wire.open(self.clocked_url)

    @check
    async def names_the_chain_and_the_program(self) -> None:
        node = self.node
        assert node.chain == "BTT Development (sealed by hand)", node.chain
        assert await node.name
        assert await node.version
        assert (await node.token_decimals, await node.token_symbol) == (18, "BTT")
        properties = await node.properties
        assert properties["ss58Format"] == 42

    @check
    async def reads_constants_calls_and_errors(self) -> None:
        node = self.node
        assert plain(await node.get_constant("Balances", "ExistentialDeposit")) == 10**15
        assert plain(await node.get_constant("System", "SS58Prefix")) == 42
        assert await node.get_metadata_call_function("Utility", "batch_all")
        error = await node.get_metadata_error("Sudo", "RequireSudo")
        assert error.docs
        apis = await node.get_metadata_runtime_call_functions()
        assert apis
        assert len(await node.get_type_registry()) > 50

    # ---- blocks and storage

    @check
    async def reads_a_block_with_its_extrinsics(self) -> None:
        block_hash = await self.node.get_block_hash(2)
        block = await self.node.get_block(block_hash=block_hash)
        assert block["header"]["number"] == 2
        assert await self.node.get_block_number(block_hash) == 2
        call = plain(block["extrinsics"][0])["call"]
        assert (call["call_module"], call["call_function"]) == ("Timestamp", "set"), call
        header = await self.node.get_block_header(block_hash=block_hash)
        assert header["header"]["parentHash"] == await self.node.get_block_hash(1)

    @check
    async def finds_no_block_where_there_is_none(self) -> None:
        assert await self.wire.call("chain_getBlock", NOWHERE) is None
        error = await self.wire.error("state_getStorage", "0x00", NOWHERE)
        assert error["code"] == 4003, error
        assert error["message"].startswith("Client error: UnknownBlock"), error

    @check
    async def queries_accounts_and_what_they_were_in_the_past(self) -> None:
        past = await self.node.get_chain_finalised_head()
        before = await self.free(self.bob)
        await self.succeeds(await self.transfer(self.bob, 3 * BTT))
        assert await self.free(self.bob) - before == 3 * BTT
        assert await self.free(self.bob, past) == before
        genesis = await self.node.get_block_hash(0)
        assert await self.free(self.bob, genesis) == 40_000 * BTT

    @check
    async def pages_through_a_map_and_finds_everything(self) -> None:
        head = await self.node.get_chain_finalised_head()
        found = {}
        for size in (3, 100):
            result = await self.node.query_map("System", "Account", page_size=size, block_hash=head)
            found[size] = {plain(key): plain(value) async for key, value in result}
        whole = await self.node.query_map(
            "System", "Account", page_size=4, block_hash=head, fully_exhaust=True
        )
        exhausted = {plain(key): plain(value) for key, value in whole.records}
        assert found[3] == found[100] == exhausted
        assert len(exhausted) > 8
        issuance = plain(await self.node.query("Balances", "TotalIssuance", block_hash=head))
        held = sum(v["data"]["free"] + v["data"]["reserved"] for v in exhausted.values())
        assert held == issuance, (held, issuance)

    @check
    async def queries_many_keys_at_once(self) -> None:
        create = self.node.create_storage_key
        keys = [
            await create("System", "Account", [self.bob.ss58_address]),
            await create("Timestamp", "Now"),
            await create("System", "Account", [stranger().ss58_address]),
        ]
        found = [plain(value) for _, value in await self.node.query_multi(keys)]
        assert len(found) == 3
        assert found[0]["data"]["free"] == await self.free(self.bob)
        assert found[1] > 1.6e12

    @check
    async def reads_proofs_of_what_is_there_and_of_what_is_not(self) -> None:
        head = await self.node.get_chain_finalised_head()
        create = self.node.create_storage_key
        keys = [
            (await create("System", "Account", [self.bob.ss58_address])).to_hex(),
            (await create("System", "Account", [stranger().ss58_address])).to_hex(),
            (await create("System", "Digest")).to_hex(),
        ]
        proof = await self.wire.call("state_getReadProof", keys, head)
        values = [await self.wire.call("state_getStorage", key, head) for key in keys]
        root = (await self.wire.call("chain_getHeader", head))["stateRoot"]
        fact("read proof", {"root": root, "proof": proof["proof"], "keys": keys, "values": values})

    # ---- subscriptions

    @check
    async def hears_of_new_heads_one_after_another(self) -> None:
        numbers = await self.heads(finalized=False)
        assert numbers == list(range(numbers[0], numbers[0] + 4)), numbers

    @check
    async def hears_of_every_finalized_head(self) -> None:
        numbers = await self.heads(finalized=True)
        assert numbers == list(range(numbers[0], numbers[0] + 4)), numbers

    @check
    async def hears_of_a_balance_that_changes(self) -> None:
        # Of an account that is not there yet the client cannot hear.
        watched = stranger()
        await self.succeeds(await self.transfer(watched, BTT))
        key = await self.node.create_storage_key("System", "Account", [watched.ss58_address])
        seen: list[int] = []
        first = asyncio.Event()

        async def heard(_key: Any, account: Any, _subscription: str) -> list[int] | None:
            seen.append(plain(account)["data"]["free"])
            first.set()
            return seen if len(seen) == 2 else None

        listening = asyncio.create_task(self.node.subscribe_storage([key], heard))
        await asyncio.wait(
            [listening, asyncio.create_task(first.wait())], return_when=asyncio.FIRST_COMPLETED
        )
        await self.succeeds(await self.transfer(watched, 5 * BTT))
        # It stumbles over its own way of ending a subscription.
        with suppress(TypeError):
            await listening
        assert seen == [BTT, 6 * BTT], seen

    # ---- fees and transfers

    @check
    async def estimates_the_fee_that_is_then_paid(self) -> None:
        call = await self.transfer(self.charlie, 12 * BTT)
        info = await self.node.get_payment_info(call, self.alice)
        receipt = await self.succeeds(call)
        paid = await receipt.total_fee_amount
        assert abs(info["partial_fee"] - paid) * 100 <= paid, (info, paid)

    @check
    async def moves_money_with_an_sr25519_signature_to_finality(self) -> None:
        to = stranger()
        receipt = await self.succeeds(await self.transfer(to, 2 * BTT))
        assert receipt.finalized
        assert await self.free(to) == 2 * BTT
        names = [name_of(event) for event in await receipt.triggered_events]
        assert names[-1] == "System.ExtrinsicSuccess", names
        assert {"Balances.Transfer", "System.NewAccount", "Balances.Endowed"} < set(names), names

    @check
    async def moves_money_with_an_ed25519_signature_to_finality(self) -> None:
        await self.pays_as(stranger(ed25519_key))

    @check
    async def moves_money_with_an_ecdsa_signature_to_finality(self) -> None:
        await self.pays_as(stranger(ecdsa_key))

    @check
    async def sends_several_transactions_at_once_with_nonces_of_its_own(self) -> None:
        receivers = [stranger() for _ in range(4)]
        self.node.clear_nonce_cache_for_account(self.alice.ss58_address)
        calls = [await self.transfer(to, BTT) for to in receivers]
        receipts = await asyncio.gather(*(self.send(call) for call in calls))
        assert all([await receipt.is_success for receipt in receipts])
        assert [await self.free(to) for to in receivers] == [BTT] * 4
        self.node.clear_nonce_cache_for_account(self.alice.ss58_address)

    # ---- calls that carry calls

    @check
    async def sends_batches_and_sees_what_failed_in_them(self) -> None:
        one, two = stranger(), stranger()
        calls = [
            await self.transfer(one, BTT),
            await self.transfer(self.bob, 10**30),
            await self.transfer(two, BTT),
        ]
        plain_batch = await self.succeeds(await self.compose("Utility", "batch", calls=calls))
        stopped = await event_of(plain_batch, "Utility.BatchInterrupted")
        assert stopped["index"] == 1, stopped
        assert stopped["error"] == {"Token": "FundsUnavailable"}, stopped
        whole = await self.send(await self.compose("Utility", "batch_all", calls=calls))
        assert not await whole.is_success
        forced = await self.succeeds(await self.compose("Utility", "force_batch", calls=calls))
        failed = await event_of(forced, "Utility.ItemFailed")
        assert failed["error"] == {"Token": "FundsUnavailable"}, failed
        assert (await self.free(one), await self.free(two)) == (2 * BTT, BTT)

    @check
    async def spends_from_a_multisig_of_two_in_three(self) -> None:
        members = [self.alice, self.bob, self.charlie]
        fund = self.node.generate_multisig_account([m.ss58_address for m in members], 2)
        await self.succeeds(await self.transfer(fund.ss58_address, 10 * BTT))
        to = stranger()
        call = await self.transfer(to, 4 * BTT)
        info = await self.node.get_payment_info(call, self.alice)
        # The client's own way fails for the first of the members.
        approval = await self.compose(
            "Multisig",
            "approve_as_multi",
            threshold=2,
            other_signatories=sorted_accounts(self.bob, self.charlie),
            maybe_timepoint=None,
            call_hash=call.call_hash,
            max_weight=info["weight"],
        )
        first = await self.succeeds(approval)
        opened = await event_of(first, "Multisig.NewMultisig")
        assert opened["multisig"] == fund.ss58_address, opened
        create = self.node.create_multisig_extrinsic
        second = await self.submit(await create(call, self.bob, fund))
        assert await second.is_success, await second.error_message
        await event_of(second, "Multisig.MultisigExecuted")
        assert await self.free(to) == 4 * BTT

    @check
    async def acts_through_a_proxy_and_no_longer_once_it_is_removed(self) -> None:
        definition = {"delegate": self.eve.ss58_address, "proxy_type": "Any", "delay": 0}
        await self.succeeds(await self.compose("Proxy", "add_proxy", **definition), self.dave)
        to = stranger()
        act = await self.compose(
            "Proxy",
            "proxy",
            real=self.dave.ss58_address,
            force_proxy_type=None,
            call=await self.transfer(to, BTT),
        )
        await self.succeeds(act, self.eve)
        assert await self.free(to) == BTT
        await self.succeeds(await self.compose("Proxy", "remove_proxy", **definition), self.dave)
        receipt = await self.send(act, self.eve)
        error = await receipt.error_message
        assert error["name"] == "NotProxy", error

    @check
    async def vests_by_the_block_and_pays_out_what_is_free(self) -> None:
        holder = stranger()
        await self.succeeds(await self.transfer(holder, 10 * BTT))
        schedule = {"locked": 1000 * BTT, "per_block": BTT, "starting_block": 0}
        target = holder.ss58_address
        give = await self.compose("Vesting", "vested_transfer", target=target, schedule=schedule)
        await self.succeeds(give)
        [info] = plain(await self.node.query("Vesting", "Vesting", [target]))
        assert info == schedule, info
        vested = await self.succeeds(await self.compose("Vesting", "vest"), holder)
        assert (await event_of(vested, "Vesting.VestingUpdated"))["account"] == target

    @check
    async def explains_failed_calls(self) -> None:
        remark = await self.compose("System", "remark", remark="0x00")
        receipt = await self.send(await self.compose("Sudo", "sudo", call=remark), self.bob)
        error = await receipt.error_message
        assert (error["type"], error["name"]) == ("Module", "RequireSudo"), error
        assert error["docs"], error
        broke = await self.send(await self.transfer(self.bob, 10**30))
        assert not await broke.is_success
        assert await broke.total_fee_amount > 0
        failed = await event_of(broke, "System.ExtrinsicFailed")
        assert failed["dispatch_error"] == {"Token": "FundsUnavailable"}, failed

    @check
    async def acts_as_root_through_sudo(self) -> None:
        one, two = stranger(), stranger()
        await self.succeeds(await self.transfer(one, 5 * BTT))
        forced = await self.compose(
            "Balances",
            "force_transfer",
            source=one.ss58_address,
            dest=two.ss58_address,
            value=2 * BTT,
        )
        await self.succeeds(await self.compose("Sudo", "sudo", call=forced))
        assert await self.free(two) == 2 * BTT

    @check
    async def sends_a_transaction_with_a_short_life(self) -> None:
        await self.succeeds(await self.transfer(self.bob, BTT), era={"period": 32})

    # ---- runtime calls

    @check
    async def asks_the_runtime(self) -> None:
        address = self.alice.ss58_address
        nonce = await self.node.runtime_call("AccountNonceApi", "account_nonce", [address])
        assert nonce == await self.node.get_account_nonce(address)
        version = await self.node.runtime_call("Core", "version")
        assert version["spec_version"] == 100, version

    @check
    async def asks_the_runtime_several_things_in_one_frame(self) -> None:
        people = [self.alice, self.bob, stranger()]
        calls = [("AccountNonceApi", "account_nonce", [who.ss58_address]) for who in people]
        nonces = await self.node.runtime_calls([*calls, ("Core", "version", None)])
        assert nonces[0] > 0
        assert nonces[2] == 0
        assert nonces[3]["spec_name"] == "btt", nonces

    # ---- a node that seals on demand

    @need
    async def connects_to_a_node_that_seals_on_demand(self) -> None:
        self.manual = AsyncSubstrateInterface(self.manual_url, ws_shutdown_timer=None)
        await self.manual.initialize()
        self.manual_wire = await Wire.open(self.manual_url)

    @check
    async def counts_transactions_in_the_pool_into_the_next_nonce(self) -> None:
        address = self.alice.ss58_address
        nonce = await self.next_nonce()
        for ahead in range(2):
            await self.manual.submit_extrinsic(await self.signed(nonce + ahead))
        index = await self.manual.get_account_next_index(address, use_cache=False)
        assert index == nonce + 2, (index, nonce)
        assert len(await self.manual.retrieve_pending_extrinsics()) == 2
        await self.seal()
        assert await self.manual.retrieve_pending_extrinsics() == []

    @check
    async def keeps_a_transaction_from_the_future_until_its_turn_comes(self) -> None:
        nonce = await self.next_nonce()
        async with self.watching(await self.signed(nonce + 1)) as later:
            assert await later.next() == "future"
            await self.manual.submit_extrinsic(await self.signed(nonce))
            assert await later.next() == "ready"
            await self.seal()
            assert [*await later.next()] == ["inBlock"]
            assert [*await later.next()] == ["finalized"]

    @check
    async def replaces_a_transaction_by_one_with_a_higher_tip(self) -> None:
        nonce = await self.next_nonce()
        better = await self.signed(nonce, tip=10**12)
        async with self.watching(await self.signed(nonce)) as first:
            assert await first.next() == "ready"
            await self.manual.submit_extrinsic(better)
            assert await first.next() == {"usurped": "0x" + better.extrinsic_hash.hex()}
        await self.refused(await self.signed(nonce, tip=10**11), 1014, "Priority is too low: (")

    @check
    async def hears_of_a_replacement_from_the_client(self) -> None:
        nonce = await self.next_nonce()
        waiting = asyncio.create_task(
            self.manual.submit_extrinsic(await self.signed(nonce), wait_for_inclusion=True)
        )
        while not await self.manual_wire.call("author_pendingExtrinsics"):
            await asyncio.sleep(0.02)
        await self.manual.submit_extrinsic(await self.signed(nonce, tip=10**12))
        outcome = (await asyncio.gather(waiting, return_exceptions=True))[0]
        assert isinstance(outcome, SubstrateRequestException), outcome
        assert "usurped" in str(outcome), outcome

    @check
    async def refuses_transactions_with_a_code_and_words(self) -> None:
        nonce = await self.next_nonce()
        once = await self.signed(nonce)
        await self.manual.submit_extrinsic(once)
        mark = "0x" + once.extrinsic_hash.hex()
        await self.refused(once, 1013, "Transaction Already Imported", mark)
        await self.seal()
        invalid = "Invalid Transaction"
        await self.refused(
            await self.signed(nonce, tip=1), 1010, invalid, "Transaction is outdated"
        )
        forged = await self.signed(nonce + 1)
        data = bytearray(forged.data.data)
        data[60] ^= 1
        bad = "0x" + data.hex()
        await self.refused(bad, 1010, invalid, "Transaction has a bad signature")
        await self.refused(bad, 1012, "Transaction is temporarily banned")
        broke = await self.manual.create_signed_extrinsic(
            await self.transfer(self.bob, 1), stranger(), nonce=0
        )
        words = "Inability to pay some fees (e.g. account balance too low)"
        await self.refused(broke, 1010, invalid, words)
        await self.refused("0x1284ff00", 1001, "Extrinsic has invalid format")

    @check
    async def stops_to_watch_a_transaction(self) -> None:
        nonce = await self.next_nonce()
        async with self.watching(await self.signed(nonce)) as first:
            assert await first.next() == "ready"
            assert await self.manual_wire.call("author_unwatchExtrinsic", first.id) is True
            assert await self.manual_wire.call("author_unwatchExtrinsic", first.id) is False
            await self.seal()
            await self.manual_wire.call("system_chain")
            assert first.empty()

    # ---- frames

    @check
    async def answers_any_id_unchanged(self) -> None:
        for given in ("text", 7, 0, -3, 2**53 + 1, "", None):
            request = {"jsonrpc": "2.0", "id": given, "method": "system_chain"}
            answer = await self.wire.exchange(request)
            expected = {"jsonrpc": "2.0", "id": given, "result": "BTT Development (sealed by hand)"}
            assert answer == expected, (given, answer)

    @check
    async def takes_parameters_that_are_missing_null_or_too_many_nulls(self) -> None:
        ways: list[dict[str, object]] = [
            {},
            {"params": []},
            {"params": {}},
            {"params": None},
            {"params": [None, None]},
        ]
        for params in ways:
            request = {"jsonrpc": "2.0", "id": 1, "method": "chain_getBlockHash", **params}
            answer = await self.wire.exchange(request)
            assert answer["result"].startswith("0x"), answer
        assert await self.wire.call("chain_getHeader", None, None)

    @check
    async def takes_hex_with_and_without_its_prefix(self) -> None:
        bare = await self.wire.call("state_call", "Metadata_metadata_versions", "")
        assert bare == await self.wire.call("state_call", "Metadata_metadata_versions", "0x")
        head = await self.wire.call("chain_getFinalizedHead")
        with_prefix = await self.wire.call("state_getStorage", "0x" + TIMESTAMP_NOW, head)
        assert with_prefix
        without = await self.wire.call("state_getStorage", TIMESTAMP_NOW, head[2:])
        assert without == with_prefix

    @check
    async def answers_a_batch_in_one_frame(self) -> None:
        batch = [
            {"jsonrpc": "2.0", "id": "a", "method": "system_chain"},
            {"jsonrpc": "2.0", "id": 2, "method": "no_such_method"},
            {"jsonrpc": "2.0", "method": "system_name"},
            7,
            {"jsonrpc": "2.0", "id": None, "method": "chain_getBlockHash", "params": [0]},
        ]
        answers = await self.wire.exchange(batch)
        assert [answer["id"] for answer in answers] == ["a", 2, None, None], answers
        assert answers[0]["result"] == "BTT Development (sealed by hand)"
        assert answers[1]["error"] == {"code": -32601, "message": "Method not found"}
        assert answers[2]["error"]["code"] == -32600, answers
        assert answers[3]["result"].startswith("0x")

    @check
    async def refuses_what_is_no_request(self) -> None:
        for frame, code in (
            ("no json", -32700),
            ('{"jsonrpc":"2.0","id":1,"method"', -32700),
            ("[]", -32600),
            ("7", -32600),
            ('{"id":1,"method":"system_chain"}', -32600),
            ('{"jsonrpc":"2.0","id":1}', -32600),
            ('{"jsonrpc":"2.0","id":1,"method":"system_chain","params":7}', -32602),
        ):
            answer = await self.wire.exchange_text(frame)
            assert answer["error"]["code"] == code, (frame, answer)
            assert "result" not in answer

    @check
    async def names_a_subscription_before_it_speaks(self) -> None:
        for method in (
            "chain_subscribeNewHeads",
            "chain_subscribeNewHead",
            "subscribe_newHead",
            "chain_subscribeAllHeads",
            "chain_subscribeFinalizedHeads",
            "chain_subscribeFinalisedHeads",
            "state_subscribeRuntimeVersion",
            "chain_subscribeRuntimeVersion",
        ):
            wire = await Wire.open(self.clocked_url)
            await wire.send({"jsonrpc": "2.0", "id": "s", "method": method})
            answer = await wire.receive()
            assert answer.get("id") == "s", (method, answer)
            notification = await wire.receive()
            assert notification["params"]["subscription"] == answer["result"], (method, answer)
            await wire.socket.close()

    @check
    async def explains_errors_of_calls(self) -> None:
        for method, params, code, words in (
            ("chain_makeCoffee", [], -32601, "Method not found"),
            ("state_getStorage", ["no hex"], -32602, "Invalid params"),
            ("state_getKeysPaged", ["0x", 1001], 4002, "value: 1001, max: 1000"),
            (
                "state_call",
                ["Nobody_knows", "0x"],
                4003,
                "Exported method Nobody_knows is not found",
            ),
            ("state_queryStorage", [[], NOWHERE], 4001, "Cannot resolve a block range"),
        ):
            error = await self.wire.error(method, *params)
            assert error["code"] == code, (method, error)
            assert words in error["message"], (method, error)

    # ---- steps

    async def compose(self, module: str, function: str, **arguments: Any) -> Call:
        return await self.node.compose_call(module, function, arguments)

    async def transfer(self, to: Any, value: int) -> Call:
        dest = getattr(to, "ss58_address", to)
        return await self.compose("Balances", "transfer_keep_alive", dest=dest, value=value)

    async def free(self, who: Key, block_hash: str | None = None) -> int:
        found = await self.node.query(
            "System", "Account", [who.ss58_address], block_hash=block_hash
        )
        return int(plain(found)["data"]["free"])

    async def send(self, call: Call, who: Key | None = None, **options: Any) -> Receipt:
        signer = who or self.alice
        return await self.submit(await self.node.create_signed_extrinsic(call, signer, **options))

    async def submit(self, extrinsic: Any) -> Receipt:
        return await self.node.submit_extrinsic(extrinsic, wait_for_finalization=True)

    async def succeeds(self, call: Call, who: Key | None = None, **options: Any) -> Receipt:
        receipt = await self.send(call, who, **options)
        assert await receipt.is_success, await receipt.error_message
        return receipt

    async def pays_as(self, who: Key) -> None:
        to = stranger()
        await self.succeeds(await self.transfer(who, 5 * BTT))
        await self.succeeds(await self.transfer(to, BTT), who)
        assert await self.free(to) == BTT

    async def heads(self, *, finalized: bool) -> list[int]:
        numbers: list[int] = []

        async def heard(block: Any) -> list[int] | None:
            numbers.append(block["header"]["number"])
            return numbers if len(numbers) == 4 else None

        await self.node.subscribe_block_headers(heard, finalized_only=finalized)
        return numbers

    async def seal(self) -> None:
        await self.manual_wire.call("engine_createBlock", True, True)

    async def next_nonce(self) -> int:
        """Alice's next nonce on the node that seals on demand, once its pool is empty."""
        await self.seal()
        address = self.alice.ss58_address
        return int(await self.manual_wire.call("system_accountNextIndex", address))

    async def signed(self, nonce: int, tip: int = 0) -> Any:
        call = await self.transfer(self.bob, BTT)
        return await self.manual.create_signed_extrinsic(call, self.alice, nonce=nonce, tip=tip)

    async def refused(self, extrinsic: Any, code: int, *words: str) -> None:
        """Expect an error object with this code, and these words in its message or data."""
        hexed = extrinsic if isinstance(extrinsic, str) else str(extrinsic.data)
        error = await self.manual_wire.error("author_submitExtrinsic", hexed)
        assert error["code"] == code, error
        text = f"{error['message']}: {error.get('data')}"
        for word in words:
            assert word in text, (word, error)

    @asynccontextmanager
    async def watching(self, extrinsic: Any) -> AsyncIterator[Watch]:
        """Statuses of a transaction, one by one."""
        method = "author_submitAndWatchExtrinsic"
        id = await self.manual_wire.call(method, str(extrinsic.data))
        yield Watch(id, self.manual_wire)


class Watch:
    """The statuses of one transaction."""

    def __init__(self, id: str, wire: Wire) -> None:
        self.id = id
        self.wire = wire

    async def next(self) -> Any:
        return await self.wire.told_by(self.id)

    def empty(self) -> bool:
        return not self.wire.told[self.id]


class Wire:
    """JSON-RPC over a WebSocket without a client in between."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.told: defaultdict[str, deque[Any]] = defaultdict(deque)
        self.count = 0

    @classmethod
    async def open(cls, url: str) -> Wire:
        return cls(await connect(url, compression=None))

    async def send(self, message: object) -> None:
        await self.socket.send(json.dumps(message))

    async def receive(self) -> Any:
        async with asyncio.timeout(SECONDS):
            return json.loads(await self.socket.recv())

    async def exchange(self, message: object) -> Any:
        return await self.exchange_text(json.dumps(message))

    async def exchange_text(self, frame: str) -> Any:
        await self.socket.send(frame)
        return await self.receive()

    async def answer(self, method: str, params: Sequence[object]) -> Any:
        self.count += 1
        id = f"{method} {self.count}"
        await self.send({"jsonrpc": "2.0", "id": id, "method": method, "params": list(params)})
        while True:
            message = await self.receive()
            if message.get("id") == id:
                return message
            self.keep(message)

    def keep(self, notification: Any) -> None:
        """Lay a notification by until somebody asks for it."""
        params = notification["params"]
        self.told[params["subscription"]].append(params["result"])

    async def told_by(self, subscription: str) -> Any:
        """What a subscription tells next."""
        while not self.told[subscription]:
            self.keep(await self.receive())
        return self.told[subscription].popleft()

    async def call(self, method: str, *params: object) -> Any:
        answer = await self.answer(method, params)
        assert "error" not in answer, (method, answer)
        return answer["result"]

    async def error(self, method: str, *params: object) -> Any:
        answer = await self.answer(method, params)
        assert "result" not in answer, (method, answer)
        return answer["error"]


def sorted_accounts(*people: Key) -> list[str]:
    """Addresses in the order of their accounts."""
    return [who.ss58_address for who in sorted(people, key=lambda who: who.public_key)]


def plain(value: Any) -> Any:
    """The value inside of a codec's object."""
    return getattr(value, "value", value)


def name_of(event: Any) -> str:
    inner = plain(event)
    inner = inner.get("event", inner)
    return f"{inner['module_id']}.{inner['event_id']}"


async def event_of(receipt: Receipt, name: str) -> Any:
    """The attributes of the first event with a name."""
    events = [plain(event) for event in await receipt.triggered_events]
    for event in events:
        if name_of(event) == name:
            return event.get("event", event)["attributes"]
    raise AssertionError(f"no {name} in {[name_of(event) for event in events]}")


async def main() -> None:
    """Run everything."""
    # The client logs each refusal that is provoked here.
    logging.disable(logging.CRITICAL)
    await run_async(Asynchronous(*sys.argv[1:3]))
    done()


if __name__ == "__main__":
    asyncio.run(main())
