"""substrate-interface, unmodified, against `node --dev`: Alice makes blocks and votes on them."""

from __future__ import annotations

import sys
import time
from typing import Any

from substrateinterface import Keypair, SubstrateInterface

from compat.py.checks import check, done, need, run
from compat.py.keys import new_account

BTT = 10**18
VOTER = "0x88dc3417d5058ec4b4503e0c12ea1a0a89be200fe98922423d4334014fa6b0ee"
"""The ed25519 key of //Alice, which this client cannot derive."""


class Validator:
    """Checks of a chain of validators."""

    node: Any

    def __init__(self, url: str) -> None:
        self.url = url
        self.alice = Keypair.create_from_uri("//Alice", ss58_format=42)

    @need
    def connects_to_a_chain_of_validators(self) -> None:
        self.node = SubstrateInterface(url=self.url)
        assert self.node.chain == "BTT Development", self.node.chain
        assert self.node.rpc_request("system_nodeRoles", [])["result"] == ["Authority"]

    @check
    def sees_finality_move(self) -> None:
        first = self.final()
        deadline = time.monotonic() + 15
        while self.final() < first + 2:
            assert time.monotonic() < deadline, f"block {first} is final, and no more"
            time.sleep(0.1)

    @check
    def receives_final_heads(self) -> None:
        heights: list[int] = []

        def receive(header: Any, _count: int, _subscription: str) -> bool | None:
            heights.append(header["header"]["number"])
            return True if len(heights) == 3 else None

        self.node.subscribe_block_headers(receive, finalized_only=True)
        assert heights == list(range(heights[0], heights[0] + 3)), heights

    @check
    def names_the_author_of_a_block(self) -> None:
        block = self.node.get_block(include_author=True)
        assert block["author"] == self.alice.ss58_address, block["author"]

    @check
    def reads_who_validates(self) -> None:
        assert self.read("Session", "Validators") == [self.alice.ss58_address]
        keys = self.read("Session", "NextKeys", self.alice.ss58_address)
        assert keys["babe"] == "0x" + self.alice.public_key.hex()
        assert keys["grandpa"] == VOTER

    @check
    def reads_epochs_and_voters(self) -> None:
        length = self.node.get_constant("Babe", "EpochDuration").value
        at = self.node.get_chain_finalised_head()
        slot, genesis, index = (
            self.node.query("Babe", item, block_hash=at).value
            for item in ("CurrentSlot", "GenesisSlot", "EpochIndex")
        )
        assert (slot - genesis) // length == index
        [[author, _weight]] = self.read("Babe", "Authorities")
        assert author == "0x" + self.alice.public_key.hex()
        [[voter, _weight]] = self.read("Grandpa", "Authorities")
        assert voter == VOTER
        assert self.read("Grandpa", "State") == "Live"
        state = self.node.rpc_request("grandpa_roundState", [])["result"]
        assert state["best"]["totalWeight"] >= state["best"]["thresholdWeight"] > 0

    @check
    def follows_a_transaction_to_finality(self) -> None:
        to = new_account()
        arguments = {"dest": to.ss58_address, "value": BTT}
        receipt = self.send("Balances", "transfer_keep_alive", arguments)
        assert receipt.is_success, receipt.error_message
        assert receipt.finalized
        number = self.node.get_block_number(receipt.block_hash)
        assert self.final() >= number

    @check
    def registers_session_keys_that_the_node_has_made(self) -> None:
        keys = self.node.rpc_request("author_rotateKeys", [])["result"]
        assert self.node.rpc_request("author_hasSessionKeys", [keys])["result"] is True
        named = {"babe": keys[:66], "grandpa": "0x" + keys[66:]}
        receipt = self.send("Session", "set_keys", {"keys": named, "proof": "0x"})
        assert receipt.is_success, receipt.error_message
        assert self.read("Session", "NextKeys", self.alice.ss58_address) == named

    # ---- steps

    def final(self) -> int:
        return int(self.node.get_block_number(self.node.get_chain_finalised_head()))

    def read(self, pallet: str, item: str, *keys: str) -> Any:
        return self.node.query(pallet, item, list(keys)).value

    def send(self, pallet: str, name: str, arguments: dict[str, Any]) -> Any:
        call = self.node.compose_call(pallet, name, arguments)
        signed = self.node.create_signed_extrinsic(call, self.alice)
        return self.node.submit_extrinsic(signed, wait_for_finalization=True)


if __name__ == "__main__":
    run(Validator(sys.argv[1]))
    done()
