"""substrate-interface, unmodified, proposes, votes and trades on the chain that others prepared."""

from __future__ import annotations

import sys
from typing import Any

from substrateinterface import Keypair, SubstrateInterface

from compat.py.checks import check, done, need, run

BTT = 10**18
ASSET = 0
"""Items that polkadot.js listed on this chain."""
TRACK = 13
"""Grants."""


class Governed:
    """Checks as a member of the chambers, and as a trader."""

    node: Any
    index: int

    def __init__(self, url: str) -> None:
        self.url = url
        self.alice, self.bob = (
            Keypair.create_from_uri(uri, ss58_format=42) for uri in ("//Alice", "//Bob")
        )

    @need
    def connects(self) -> None:
        self.node = SubstrateInterface(url=self.url)

    @need
    def submits_a_referendum_and_reads_it_back(self) -> None:
        remark = self.node.compose_call("System", "remark", {"remark": "0x6772616e74"})
        proposed = {
            "proposal_origin": {"Origins": "Grants"},
            "proposal": {"Inline": remark.data.to_hex()},
            "enactment_moment": {"After": 10},
        }
        (event,) = self.events(self.send("Referenda", "submit", proposed), "Submitted")
        assert event["track"] == TRACK, event
        self.index = event["index"]
        info = self.read("Referenda", "ReferendumInfoFor", self.index)["Ongoing"]
        assert info["origin"] == {"Origins": "Grants"}, info
        assert info["submission_deposit"] == {"who": self.alice.ss58_address, "amount": 10 * BTT}

    @check
    def votes_and_reads_the_vote(self) -> None:
        vote = {"Standard": {"vote": {"aye": True, "conviction": "Locked1x"}, "balance": 7 * BTT}}
        receipt = self.send("ConvictionVoting", "vote", {"poll_index": self.index, "vote": vote})
        assert len(self.events(receipt, "Voted")) == 1
        who = self.alice.ss58_address
        casting = self.read("ConvictionVoting", "VotingFor", who, TRACK)["Casting"]
        assert casting["votes"] == [(self.index, vote)], casting["votes"]

    @check
    def places_an_order_and_reads_it_back(self) -> None:
        order = {
            "asset": ASSET, "side": "Buy", "units": 5, "price": 2 * BTT,
            "time_in_force": "UntilCancelled", "until": None,
        }  # fmt: skip
        (event,) = self.events(self.send("Exchange", "place_order", order), "OrderPlaced")
        found = self.read("Exchange", "Orders", event["id"])
        assert (found["owner"], found["units"]) == (self.alice.ss58_address, 5), found
        held = self.read("Assets", "Account", ASSET, self.bob.ss58_address)
        assert held["balance"] > 0, held

    # ---- steps

    def read(self, pallet: str, item: str, *keys: Any) -> Any:
        return self.node.query(pallet, item, list(keys)).value

    def send(self, pallet: str, name: str, arguments: dict[str, Any]) -> Any:
        call = self.node.compose_call(pallet, name, arguments)
        signed = self.node.create_signed_extrinsic(call, self.alice)
        receipt = self.node.submit_extrinsic(signed, wait_for_finalization=True)
        assert receipt.is_success, receipt.error_message
        return receipt

    def events(self, receipt: Any, name: str) -> list[Any]:
        values = [event.value for event in receipt.triggered_events]
        return [value["attributes"] for value in values if value["event_id"] == name]


if __name__ == "__main__":
    run(Governed(sys.argv[1]))
    done()
