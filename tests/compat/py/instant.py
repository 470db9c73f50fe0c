"""substrate-interface, unmodified, against a node that makes a block for each transaction."""

from __future__ import annotations

import sys
import time
from typing import Any

from substrateinterface import Keypair, SubstrateInterface

from compat.py.checks import check, done, need, run
from compat.py.keys import new_account

BTT = 10**18


class Instantly:
    """Checks of instant sealing."""

    node: Any

    def __init__(self, instant: str, _manual: str) -> None:
        self.url = instant
        self.alice = Keypair.create_from_uri("//Alice", ss58_format=42)

    @need
    def connects_to_a_chain_without_blocks(self) -> None:
        self.node = SubstrateInterface(url=self.url)
        assert self.height() == 0

    @check
    def makes_a_final_block_for_a_transaction(self) -> None:
        to = new_account()
        receipt = self.node.submit_extrinsic(self.signed(to, 0), wait_for_finalization=True)
        assert receipt.is_success, receipt.error_message
        assert self.free(to) == BTT
        assert self.height() == 1
        assert self.node.get_chain_finalised_head() == self.node.get_chain_head()

    @check
    def makes_blocks_as_quickly_as_transactions_come(self) -> None:
        people = [new_account() for _ in range(5)]
        for nonce, to in enumerate(people, start=1):
            receipt = self.node.submit_extrinsic(self.signed(to, nonce), wait_for_inclusion=True)
            assert receipt.is_success, receipt.error_message
        assert [self.free(to) for to in people] == [BTT] * 5
        numbers = range(1, self.height() + 1)
        hashes = [self.node.get_block_hash(number) for number in numbers]
        times = [self.node.query("Timestamp", "Now", block_hash=hash).value for hash in hashes]
        assert times == sorted(set(times)), times

    @check
    def takes_all_that_are_ready_at_once(self) -> None:
        people = [new_account() for _ in range(3)]
        before = self.height()
        # The later ones come first, and wait.
        for ahead in (2, 1, 0):
            self.node.submit_extrinsic(self.signed(people[ahead], 6 + ahead))
        deadline = time.monotonic() + 10
        while self.free(people[2]) == 0:
            assert time.monotonic() < deadline, "the last of three was not included"
            time.sleep(0.05)
        assert [self.free(to) for to in people] == [BTT] * 3
        assert self.height() == before + 1

    @check
    def makes_no_block_for_nothing(self) -> None:
        before = self.height()
        time.sleep(1.5)
        assert self.height() == before

    # ---- steps

    def height(self) -> int:
        return int(self.node.get_block_number(self.node.get_chain_head()))

    def free(self, who: Any) -> int:
        account = self.node.query("System", "Account", [who.ss58_address]).value
        return int(account["data"]["free"])

    def signed(self, to: Any, nonce: int) -> Any:
        arguments = {"dest": to.ss58_address, "value": BTT}
        call = self.node.compose_call("Balances", "transfer_keep_alive", arguments)
        return self.node.create_signed_extrinsic(call, self.alice, nonce=nonce)


if __name__ == "__main__":
    run(Instantly(*sys.argv[1:3]))
    done()
