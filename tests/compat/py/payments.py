"""substrate-interface, unmodified, pays a merchant, is refunded and disputes."""

from __future__ import annotations

import os
import sys
from typing import Any

from substrateinterface import Keypair, SubstrateInterface

from compat.py.checks import check, done, need, run

BTT = 10**18
NO_HASH = "0x" + "00" * 32


class Paying:
    """Checks as a payer of the merchant that polkadot.js registered on this chain."""

    node: Any
    payment: int

    def __init__(self, url: str) -> None:
        self.url = url
        self.payer, self.merchant = (
            Keypair.create_from_uri(uri, ss58_format=42) for uri in ("//Charlie", "//Bob")
        )

    @need
    def connects(self) -> None:
        self.node = SubstrateInterface(url=self.url)

    @need
    def pays_and_reads_the_payment(self) -> None:
        arguments = {
            "merchant": self.merchant.ss58_address, "units": 10 * BTT, "currency": "0x425454",
            "max_btt": 10 * BTT, "reference": "0x" + os.urandom(16).hex(), "memo": None,
        }  # fmt: skip
        (paid,) = self.send(self.payer, "pay", arguments, "Paid")
        self.payment = paid["payment"]
        found = self.node.query("PayFi", "Payments", [self.payment]).value
        assert found["payer"] == self.payer.ss58_address, found
        assert found["legs"]["gross"] == 10 * BTT, found

    @check
    def is_refunded_a_part(self) -> None:
        arguments = {"payment": self.payment, "amount": 4 * BTT}
        (refunded,) = self.send(self.merchant, "refund", arguments, "Refunded")
        assert refunded["amount"] == 4 * BTT, refunded

    @check
    def disputes_the_rest_and_the_merchant_accepts(self) -> None:
        arguments = {
            "payment": self.payment, "amount": 6 * BTT, "reason": "NotReceived",
            "evidence": NO_HASH,
        }  # fmt: skip
        (disputed,) = self.send(self.payer, "dispute", arguments, "Disputed")
        assert disputed["deposit"] == BTT, disputed
        answer = {"payment": self.payment, "answer": "Accept"}
        (resolved,) = self.send(self.merchant, "answer", answer, "Resolved")
        assert resolved["to_payer"] == 6 * BTT, resolved

    # ---- steps

    def send(self, who: Keypair, name: str, arguments: dict[str, Any], event: str) -> list[Any]:
        """Send a call of PayFi, wait until it is final, and return its events of a name."""
        call = self.node.compose_call("PayFi", name, arguments)
        signed = self.node.create_signed_extrinsic(call, who)
        receipt = self.node.submit_extrinsic(signed, wait_for_finalization=True)
        assert receipt.is_success, receipt.error_message
        values = [found.value for found in receipt.triggered_events]
        return [value["attributes"] for value in values if value["event_id"] == event]


if __name__ == "__main__":
    run(Paying(sys.argv[1]))
    done()
