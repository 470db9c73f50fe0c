"""substrate-interface, unmodified, against a started node."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from scalecodec.base import ScaleBytes
from substrateinterface import Keypair, KeypairType, SubstrateInterface
from substrateinterface.exceptions import SubstrateRequestException

from compat.py.checks import check, done, fact, need, run
from compat.py.keys import blake2_256, ecdsa_key, stranger

BTT = 10**18
NOWHERE = "0x" + "11" * 32
Receipt = Any
Call = Any


class Classic:
    """Everything that is asked of a node through this client."""

    node: Any
    manual: Any

    def __init__(self, clocked: str, manual: str) -> None:
        self.clocked_url = clocked
        self.manual_url = manual
        names = ("Alice", "Bob", "Charlie", "Dave", "Eve")
        people = (Keypair.create_from_uri(f"//{name}", ss58_format=42) for name in names)
        self.alice, self.bob, self.charlie, self.dave, self.eve = people

    # ---- the node and its words

    @need
    def connects_and_loads_the_metadata(self) -> None:
        self.node = SubstrateInterface(url=self.clocked_url)
        self.node.init_runtime()
        assert self.node.runtime_version == 100
        assert self.node.transaction_version == 1
        assert self.node.implements_scaleinfo()

    @check
    def names_the_chain_and_the_program(self) -> None:
        node = self.node
        assert node.chain == "BTT Development (sealed by hand)", node.chain
        assert node.name
        assert node.version
        assert (node.ss58_format, node.token_decimals, node.token_symbol) == (42, 18, "BTT")
        health = node.rpc_request("system_health", [])["result"]
        assert health == {"peers": 0, "isSyncing": False, "shouldHavePeers": False}

    @check
    def lists_the_methods_that_it_answers(self) -> None:
        for method in ("chain_getHead", "state_getStorageAt", "account_nextIndex", "state_call"):
            assert self.node.supports_rpc_method(method), method

    @check
    def reads_calls_events_and_errors_of_the_metadata(self) -> None:
        node = self.node
        assert node.metadata.value[1].keys() == {"V14"}
        calls = {(c["module_name"], c["call_name"]) for c in node.get_metadata_call_functions()}
        assert ("Balances", "transfer_keep_alive") in calls
        assert node.get_metadata_call_function("Utility", "batch_all") is not None
        assert node.get_metadata_event("Balances", "Transfer") is not None
        assert node.get_metadata_error("Sudo", "RequireSudo").docs
        assert node.get_metadata_storage_function("System", "Account") is not None
        assert len(node.get_type_registry()) > 50

    @check
    def reads_constants(self) -> None:
        assert self.node.get_constant("Balances", "ExistentialDeposit").value == 10**15
        assert self.node.get_constant("System", "SS58Prefix").value == 42
        assert self.node.get_constant("System", "Version").value["spec_name"] == "btt"
        assert self.node.get_constant("System", "BlockHashCount").value == 2400

    # ---- blocks

    @check
    def computes_the_hash_of_every_header_as_the_node_does(self) -> None:
        best = self.node.get_block_number(self.node.get_chain_head())
        for number in (0, 1, best):
            block_hash = self.node.get_block_hash(number)
            header = self.node.rpc_request("chain_getHeader", [block_hash])["result"]
            assert "0x" + blake2_256(self.encoded(header)).hex() == block_hash, number

    @check
    def reads_a_block_with_its_digest_and_extrinsics(self) -> None:
        block = self.node.get_block(block_number=2, include_author=True)
        assert block["author"] == self.alice.ss58_address, block["author"]
        assert block["header"]["number"] == 2
        assert block["header"]["hash"] == self.node.get_block_hash(2)
        call = block["extrinsics"][0].value["call"]
        assert (call["call_module"], call["call_function"]) == ("Timestamp", "set")
        log = block["header"]["digest"]["logs"][0].value
        assert "PreRuntime" in log, log

    @check
    def finds_no_block_where_there_is_none(self) -> None:
        assert self.node.get_block(block_hash=NOWHERE) is None
        assert self.node.get_block_hash(4_000_000_000) is None
        with refused(4003, "UnknownBlock"):
            self.call("state_getStorage", "0x00", NOWHERE)

    # ---- storage

    @check
    def queries_accounts_and_what_they_were_in_the_past(self) -> None:
        past = self.node.get_chain_finalised_head()
        before = self.free(self.bob)
        self.succeeds(self.transfer(self.bob, 3 * BTT))
        assert self.free(self.bob) - before == 3 * BTT
        assert self.free(self.bob, past) == before
        assert self.free(self.bob, self.node.get_block_hash(0)) == 40_000 * BTT

    @check
    def finds_an_account_that_does_not_exist_to_be_empty(self) -> None:
        account = self.node.query("System", "Account", [stranger().ss58_address]).value
        assert (account["nonce"], account["data"]["free"]) == (0, 0)

    @check
    def pages_through_a_map_and_finds_everything(self) -> None:
        head = self.node.get_chain_finalised_head()
        small = list(self.node.query_map("System", "Account", page_size=3, block_hash=head))
        large = list(self.node.query_map("System", "Account", page_size=100, block_hash=head))
        assert [key.value for key, _ in small] == [key.value for key, _ in large]
        assert len(small) > 8
        issuance = self.node.query("Balances", "TotalIssuance", block_hash=head).value
        held = sum(v["data"]["free"].value + v["data"]["reserved"].value for _, v in large)
        assert held == issuance, (held, issuance)

    @check
    def queries_many_keys_at_once(self) -> None:
        create = self.node.create_storage_key
        keys = [
            create("System", "Account", [self.bob.ss58_address]),
            create("Timestamp", "Now"),
            create("System", "Account", [stranger().ss58_address]),
        ]
        found = {key.to_hex(): value.value for key, value in self.node.query_multi(keys)}
        assert found[keys[0].to_hex()]["data"]["free"] == self.free(self.bob)
        assert found[keys[1].to_hex()] > 1.6e12
        assert len(found) == 3

    @check
    def reads_proofs_of_what_is_there_and_of_what_is_not(self) -> None:
        head = self.node.get_chain_finalised_head()
        create = self.node.create_storage_key
        keys = [
            create("System", "Account", [self.bob.ss58_address]).to_hex(),
            create("System", "Account", [stranger().ss58_address]).to_hex(),
            create("System", "Digest").to_hex(),
        ]
        proof = self.call("state_getReadProof", keys, head)
        values = [self.call("state_getStorage", key, head) for key in keys]
        assert values[1] is None
        root = self.call("chain_getHeader", head)["stateRoot"]
        fact("read proof", {"root": root, "proof": proof["proof"], "keys": keys, "values": values})

    # ---- subscriptions

    @check
    def hears_of_new_heads_one_after_another(self) -> None:
        numbers = self.heads(finalized=False)
        assert numbers == list(range(numbers[0], numbers[0] + 4)), numbers

    @check
    def hears_of_every_finalized_head(self) -> None:
        numbers = self.heads(finalized=True)
        assert numbers == list(range(numbers[0], numbers[0] + 4)), numbers

    @check
    def hears_of_a_balance_that_changes(self) -> None:
        watched = stranger()
        seen: list[int] = []

        def heard(account: Any, _number: int, _subscription: str) -> list[int] | None:
            seen.append(account.value["data"]["free"])
            if len(seen) == 1:
                # The client blocks in here: somebody else has to pay.
                with SubstrateInterface(url=self.clocked_url) as other:
                    call = self.transfer(watched, 5 * BTT)
                    other.submit_extrinsic(other.create_signed_extrinsic(call, self.alice))
            return seen if len(seen) == 2 else None

        self.node.query("System", "Account", [watched.ss58_address], subscription_handler=heard)
        assert seen == [0, 5 * BTT], seen
        self.settle()

    # ---- fees and transfers

    @check
    def estimates_the_fee_that_is_then_paid(self) -> None:
        call = self.transfer(self.charlie, 12 * BTT)
        info = self.node.get_payment_info(call, self.alice)
        assert str(info["class"]).lower() == "normal", info
        paid = self.succeeds(call).total_fee_amount
        assert abs(info["partialFee"] - paid) * 100 <= paid, (info, paid)
        details = self.node.create_signed_extrinsic(call, self.alice)
        hexed = str(details.data)
        answer = self.call("payment_queryInfo", hexed)
        parts = self.call("payment_queryFeeDetails", hexed)["inclusionFee"]
        assert sum(int(part, 16) for part in parts.values()) == int(answer["partialFee"])

    @check
    def moves_money_with_an_sr25519_signature_to_finality(self) -> None:
        to = stranger()
        receipt = self.succeeds(self.transfer(to, 2 * BTT))
        assert receipt.finalized
        assert self.free(to) == 2 * BTT
        assert receipt.extrinsic_idx == 1
        names = [f"{e.value['module_id']}.{e.value['event_id']}" for e in receipt.triggered_events]
        assert names[-1] == "System.ExtrinsicSuccess", names
        assert {"Balances.Transfer", "System.NewAccount", "Balances.Endowed"} < set(names), names

    @check
    def moves_money_with_an_ed25519_signature_to_finality(self) -> None:
        seed = stranger().public_key
        self.pays_as(
            Keypair.create_from_seed(seed, crypto_type=KeypairType.ED25519, ss58_format=42)
        )

    @check
    def moves_money_with_an_ecdsa_signature_to_finality(self) -> None:
        # The client's own ECDSA keys are Ethereum's.
        self.pays_as(stranger(ecdsa_key))

    # ---- calls that carry calls

    @check
    def sends_batches_and_sees_what_failed_in_them(self) -> None:
        one, two = stranger(), stranger()
        calls = [self.transfer(one, BTT), self.transfer(self.bob, 10**30), self.transfer(two, BTT)]
        plain = self.succeeds(self.compose("Utility", "batch", calls=calls))
        stopped = self.event(plain, "Utility", "BatchInterrupted")
        assert stopped["index"] == 1
        assert stopped["error"] == {"Token": "FundsUnavailable"}, stopped
        whole = self.send(self.compose("Utility", "batch_all", calls=calls))
        assert self.failure(whole) == {"Token": "FundsUnavailable"}
        forced = self.succeeds(self.compose("Utility", "force_batch", calls=calls))
        assert self.event(forced, "Utility", "ItemFailed")["error"] == {"Token": "FundsUnavailable"}
        assert (self.free(one), self.free(two)) == (2 * BTT, BTT)

    @check
    def spends_from_a_multisig_of_two_in_three(self) -> None:
        members = [self.alice, self.bob, self.charlie]
        fund = self.node.generate_multisig_account([m.ss58_address for m in members], 2)
        self.succeeds(self.transfer(fund.ss58_address, 10 * BTT))
        to = stranger()
        call = self.transfer(to, 4 * BTT)
        create = self.node.create_multisig_extrinsic
        first = self.submit(create(call, self.alice, fund))
        assert first.is_success, first.error_message
        assert self.event(first, "Multisig", "NewMultisig")["multisig"] == fund.ss58_address
        second = self.submit(create(call, self.bob, fund))
        assert second.is_success, second.error_message
        assert self.event(second, "Multisig", "MultisigExecuted")["result"] == {"Ok": ()}
        assert self.free(to) == 4 * BTT

    @check
    def acts_through_a_proxy_and_no_longer_once_it_is_removed(self) -> None:
        definition = {"delegate": self.eve.ss58_address, "proxy_type": "Any", "delay": 0}
        self.succeeds(self.compose("Proxy", "add_proxy", **definition), self.dave)
        to = stranger()
        act = self.compose(
            "Proxy",
            "proxy",
            real=self.dave.ss58_address,
            force_proxy_type=None,
            call=self.transfer(to, BTT),
        )
        used = self.succeeds(act, self.eve)
        assert self.event(used, "Proxy", "ProxyExecuted")["result"] == {"Ok": ()}
        assert self.free(to) == BTT
        self.succeeds(self.compose("Proxy", "remove_proxy", **definition), self.dave)
        error = self.send(act, self.eve).error_message
        assert error["name"] == "NotProxy", error

    @check
    def vests_by_the_block_and_pays_out_what_is_free(self) -> None:
        holder = Keypair.create_from_uri(f"//Holder//{time.time_ns()}", ss58_format=42)
        self.succeeds(self.transfer(holder, 10 * BTT))
        schedule = {"locked": 1000 * BTT, "per_block": BTT, "starting_block": 0}
        give = self.compose(
            "Vesting", "vested_transfer", target=holder.ss58_address, schedule=schedule
        )
        self.succeeds(give)
        [info] = self.node.query("Vesting", "Vesting", [holder.ss58_address]).value
        assert info == schedule, info
        locked = self.send(self.transfer(self.bob, 990 * BTT), holder)
        assert self.failure(locked) == {"Token": "Frozen"}
        vested = self.succeeds(self.compose("Vesting", "vest"), holder)
        assert self.event(vested, "Vesting", "VestingUpdated")["account"] == holder.ss58_address

    @check
    def acts_as_root_through_sudo(self) -> None:
        one, two = stranger(), stranger()
        self.succeeds(self.transfer(one, 5 * BTT))
        forced = self.compose(
            "Balances",
            "force_transfer",
            source=one.ss58_address,
            dest=two.ss58_address,
            value=2 * BTT,
        )
        outcome = self.succeeds(self.compose("Sudo", "sudo", call=forced))
        assert self.event(outcome, "Sudo", "Sudid")["sudo_result"] == {"Ok": ()}
        assert self.free(two) == 2 * BTT

    # ---- calls that fail

    @check
    def explains_a_failed_call(self) -> None:
        remark = self.compose("System", "remark", remark="0x00")
        error = self.send(self.compose("Sudo", "sudo", call=remark), self.bob).error_message
        assert (error["type"], error["name"]) == ("Module", "RequireSudo"), error
        assert error["docs"], error
        broke = self.send(self.transfer(self.bob, 10**30))
        assert self.failure(broke) == {"Token": "FundsUnavailable"}
        assert broke.total_fee_amount > 0
        assert broke.weight["ref_time"] > 0

    # ---- mortality and nonces

    @check
    def sends_a_transaction_with_a_short_life(self) -> None:
        self.succeeds(self.transfer(self.bob, BTT), era={"period": 64})
        self.succeeds(self.transfer(self.bob, BTT), era={"period": 16})

    @need
    def connects_to_a_node_that_seals_on_demand(self) -> None:
        self.manual = SubstrateInterface(url=self.manual_url)
        self.seal()

    @check
    def is_refused_when_the_life_is_over_or_has_not_begun(self) -> None:
        for _ in range(8):
            self.seal()
        best = self.manual.get_block_number(None)
        over = self.manual.create_signed_extrinsic(
            self.transfer(self.bob, BTT), self.alice, era={"period": 4, "current": best - 6}
        )
        with refused(1010, "Transaction has a bad signature"):
            self.manual.submit_extrinsic(over)
        # The client looks for the block of birth, and there is none: it cannot even sign.
        era = self.manual.runtime_config.create_scale_object("Era")
        era.encode({"period": 65_536, "current": best + 30_000})
        raw = bytearray(bytes(over.data.data))
        at = prefix_length(raw) + 1 + 33 + 65
        raw[at : at + 2] = bytes(era.data.data)
        with refused(1010, "Transaction has an ancient birth block"):
            self.ask("author_submitExtrinsic", "0x" + raw.hex())

    @check
    def counts_transactions_in_the_pool_into_the_next_nonce(self) -> None:
        address = self.alice.ss58_address
        nonce = self.next_nonce()
        assert self.ask("system_accountNextIndex", address) == nonce
        self.offer(nonce)
        self.offer(nonce + 1)
        assert self.ask("system_accountNextIndex", address) == nonce + 2
        assert self.ask("account_nextIndex", address) == nonce + 2
        assert self.manual.get_account_nonce(address) == nonce
        pending = self.manual.retrieve_pending_extrinsics()
        assert [extrinsic.value["nonce"] for extrinsic in pending] == [nonce, nonce + 1]
        self.seal()
        assert self.manual.get_account_nonce(address) == nonce + 2
        assert self.manual.retrieve_pending_extrinsics() == []

    @check
    def keeps_a_transaction_from_the_future_until_its_turn_comes(self) -> None:
        nonce = self.next_nonce()
        filler = self.signed(nonce)

        def fill(statuses: list[Any]) -> None:
            with SubstrateInterface(url=self.manual_url) as other:
                if statuses == ["future"]:
                    other.rpc_request("author_submitExtrinsic", [str(filler.data)])
                elif statuses == ["future", "ready"]:
                    other.rpc_request("engine_createBlock", [True, True, None])

        statuses = self.watch(self.signed(nonce + 1), fill)
        names = [s if isinstance(s, str) else next(iter(s)) for s in statuses]
        assert names == ["future", "ready", "inBlock", "finalized"], statuses

    @check
    def replaces_a_transaction_by_one_with_a_higher_tip(self) -> None:
        nonce = self.next_nonce()
        better = self.signed(nonce, tip=10**12)

        def outbid(statuses: list[Any]) -> None:
            if statuses == ["ready"]:
                with SubstrateInterface(url=self.manual_url) as other:
                    other.rpc_request("author_submitExtrinsic", [str(better.data)])

        statuses = self.watch(self.signed(nonce), outbid)
        assert statuses[-1] == {"usurped": "0x" + better.extrinsic_hash.hex()}, statuses
        with refused(1014, "Priority is too low: ("):
            self.manual.submit_extrinsic(self.signed(nonce, tip=10**11))

    # ---- refusals

    @check
    def is_refused_with_a_code_and_words(self) -> None:
        nonce = self.next_nonce()
        once = self.signed(nonce)
        self.manual.submit_extrinsic(once)
        with refused(1013, "Transaction Already Imported", "0x" + once.extrinsic_hash.hex()):
            self.manual.submit_extrinsic(once)
        self.seal()
        with refused(1010, "Invalid Transaction", "Transaction is outdated"):
            self.manual.submit_extrinsic(self.signed(nonce, tip=1))
        forged = bytearray(bytes(self.signed(nonce + 1).data.data))
        forged[60] ^= 1
        hexed = "0x" + forged.hex()
        with refused(1010, "Invalid Transaction", "Transaction has a bad signature"):
            self.ask("author_submitExtrinsic", hexed)
        with refused(1012, "Transaction is temporarily banned"):
            self.ask("author_submitExtrinsic", hexed)
        broke = self.manual.create_signed_extrinsic(self.transfer(self.bob, 1), stranger(), nonce=0)
        words = "Inability to pay some fees (e.g. account balance too low)"
        with refused(1010, "Invalid Transaction", words):
            self.manual.submit_extrinsic(broke)
        heavy = self.compose(
            "Sudo",
            "sudo_unchecked_weight",
            call=self.compose("System", "remark", remark="0x00"),
            weight={"ref_time": 10**13, "proof_size": 0},
        )
        with refused(1010, "Invalid Transaction", "Transaction would exhaust the block limits"):
            self.manual.submit_extrinsic(
                self.manual.create_signed_extrinsic(heavy, self.alice, nonce=nonce + 1)
            )
        with refused(1001, "Extrinsic has invalid format"):
            self.ask("author_submitExtrinsic", "0x1284ff00")

    @check
    def hears_what_is_wrong_with_a_call_of_the_api(self) -> None:
        with refused(-32601, "Method not found"):
            self.call("chain_makeCoffee")
        with refused(-32602, "Invalid params"):
            self.call("state_getStorage", "no hex")
        with refused(4002, "count exceeds maximum value. value: 1001, max: 1000"):
            self.call("state_getKeysPaged", "0x", 1001)
        with refused(4003, "Exported method Nobody_knows_this is not found"):
            self.call("state_call", "Nobody_knows_this", "0x")

    # ---- runtime calls

    @check
    def asks_the_runtime(self) -> None:
        address = self.alice.ss58_address
        nonce = self.node.runtime_call("AccountNonceApi", "account_nonce", [address])
        assert nonce.value == self.node.get_account_nonce(address)
        version = self.node.runtime_call("Core", "version").value
        assert (version["spec_name"], version["spec_version"]) == ("btt", 100)
        extrinsic = self.node.create_signed_extrinsic(
            self.transfer(self.bob, BTT), self.alice, tip=7
        )
        length = len(extrinsic.data)
        asked = [extrinsic, length]
        details = self.node.runtime_call("TransactionPaymentApi", "query_fee_details", asked).value
        info = self.node.runtime_call("TransactionPaymentApi", "query_info", asked).value
        assert sum(details["inclusion_fee"].values()) == info["partialFee"], (details, info)

    @check
    def finds_a_transaction_again_by_block_and_index(self) -> None:
        receipt = self.succeeds(self.transfer(self.bob, BTT))
        again = self.node.retrieve_extrinsic_by_identifier(receipt.get_extrinsic_identifier())
        assert "0x" + again.extrinsic.extrinsic_hash.hex() == receipt.extrinsic_hash
        assert again.is_success
        by_hash = self.node.retrieve_extrinsic_by_hash(receipt.block_hash, receipt.extrinsic_hash)
        assert by_hash.extrinsic.value["address"] == self.alice.ss58_address
        events = self.node.get_events(receipt.block_hash)
        assert len(events) > len(receipt.triggered_events)

    @check
    def works_over_http_on_the_same_port(self) -> None:
        with SubstrateInterface(url=self.clocked_url.replace("ws://", "http://")) as node:
            assert node.chain == "BTT Development (sealed by hand)"
            account = node.query("System", "Account", [self.bob.ss58_address]).value
            assert account["data"]["free"] == self.free(self.bob)

    # ---- steps

    def call(self, method: str, *params: Any) -> Any:
        return self.node.rpc_request(method, list(params))["result"]

    def ask(self, method: str, *params: Any) -> Any:
        return self.manual.rpc_request(method, list(params))["result"]

    def seal(self) -> None:
        self.ask("engine_createBlock", True, True)

    def compose(self, module: str, function: str, **arguments: Any) -> Call:
        return self.node.compose_call(module, function, arguments)

    def transfer(self, to: Any, value: int) -> Call:
        dest = getattr(to, "ss58_address", to)
        return self.compose("Balances", "transfer_keep_alive", dest=dest, value=value)

    def free(self, who: Any, block_hash: str | None = None) -> int:
        account = self.node.query(
            "System", "Account", [who.ss58_address], block_hash=block_hash
        ).value
        return int(account["data"]["free"])

    def send(self, call: Call, who: Any = None, **options: Any) -> Receipt:
        signed = self.node.create_signed_extrinsic(call, who or self.alice, **options)
        return self.submit(signed)

    def submit(self, extrinsic: Any) -> Receipt:
        return self.node.submit_extrinsic(extrinsic, wait_for_finalization=True)

    def succeeds(self, call: Call, who: Any = None, **options: Any) -> Receipt:
        receipt = self.send(call, who, **options)
        assert receipt.is_success, (receipt.error_message, receipt.triggered_events)
        return receipt

    def pays_as(self, who: Any) -> None:
        to = stranger()
        self.succeeds(self.transfer(who, 5 * BTT))
        self.succeeds(self.transfer(to, BTT), who)
        assert self.free(to) == BTT

    def event(self, receipt: Receipt, module: str, name: str) -> Any:
        found = [e.value for e in receipt.triggered_events]
        hits = [e for e in found if (e["module_id"], e["event_id"]) == (module, name)]
        assert hits, [f"{e['module_id']}.{e['event_id']}" for e in found]
        return hits[0]["attributes"]

    def failure(self, receipt: Receipt) -> Any:
        return self.event(receipt, "System", "ExtrinsicFailed")["dispatch_error"]

    def heads(self, *, finalized: bool) -> list[int]:
        numbers: list[int] = []

        def heard(block: Any, _number: int, _subscription: str) -> list[int] | None:
            numbers.append(block["header"]["number"])
            return numbers if len(numbers) == 4 else None

        self.node.subscribe_block_headers(heard, finalized_only=finalized)
        return numbers

    def settle(self) -> None:
        """Wait until Alice has nothing in the pool."""
        address = self.alice.ss58_address
        while self.call("system_accountNextIndex", address) != self.node.get_account_nonce(address):
            time.sleep(0.1)

    def next_nonce(self) -> int:
        """Alice's next nonce on the node that seals on demand, once its pool is empty."""
        self.seal()
        return int(self.manual.get_account_nonce(self.alice.ss58_address))

    def signed(self, nonce: int, tip: int = 0) -> Any:
        call = self.transfer(self.bob, BTT)
        return self.manual.create_signed_extrinsic(call, self.alice, nonce=nonce, tip=tip)

    def offer(self, nonce: int) -> None:
        self.manual.submit_extrinsic(self.signed(nonce))

    def watch(self, extrinsic: Any, act: Callable[[list[Any]], None]) -> list[Any]:
        """Every status to the last; `act` is told after each, and may change the course."""
        statuses: list[Any] = []

        def heard(message: Any, _number: int, _subscription: str) -> list[Any] | None:
            status = message["params"]["result"]
            statuses.append(status)
            act(statuses)
            last = isinstance(status, dict) and {"finalized", "usurped"} & status.keys()
            return statuses if last else None

        self.manual.rpc_request(
            "author_submitAndWatchExtrinsic", [str(extrinsic.data)], result_handler=heard
        )
        return statuses

    def encoded(self, header: dict[str, Any]) -> bytes:
        """A header in SCALE, by the client's codec."""
        number = self.node.encode_scale("Compact<u32>", int(header["number"], 16))
        logs = header["digest"]["logs"]
        count = self.node.encode_scale("Compact<u32>", len(logs))
        parts = [
            unhex(header["parentHash"]),
            bytes(number.data),
            unhex(header["stateRoot"]),
            unhex(header["extrinsicsRoot"]),
            bytes(count.data),
            *(unhex(log) for log in logs),
        ]
        return b"".join(parts)


@contextmanager
def refused(code: int, *words: str) -> Iterator[None]:
    """Expect an error object with this code, and these words in its message or data."""
    problem: SubstrateRequestException | None = None
    try:
        yield
    except SubstrateRequestException as raised:
        problem = raised
    assert problem is not None, f"was not refused with {code}"
    error = problem.args[0]
    assert isinstance(error, dict), problem
    assert error["code"] == code, error
    text = f"{error['message']}: {error.get('data')}"
    for word in words:
        assert word in text, (word, error)


def prefix_length(raw: bytes | bytearray) -> int:
    """How many bytes the compact length in front takes."""
    return (1, 2, 4)[raw[0] & 3]


def unhex(text: str) -> bytes:
    return bytes(ScaleBytes(text).data)


if __name__ == "__main__":
    run(Classic(*sys.argv[1:3]))
    done()
