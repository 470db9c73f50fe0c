"""payment_*: the fees of a transaction."""

from __future__ import annotations

from typing import TypeVar

from typing_extensions import TypeForm

from btt_chain.primitives.extrinsic import unwrap
from btt_chain.rpc.backend import Backend, BackendError
from btt_chain.rpc.params import Hash, Hex
from btt_chain.rpc.protocol import RpcError
from btt_chain.rpc.registry import HEAVY, method
from btt_chain.rpc.system import RUNTIME_ERROR
from btt_chain.scale import DecodeError, codec
from runtime.pallets.transaction_payment.pallet import FeeDetails, RuntimeDispatchInfo

DECODE_ERROR = 2
"""Substrate's code for an undecodable extrinsic, in payment calls."""

Answer = TypeVar("Answer")


class PaymentApi:
    """Fees from the runtime at a block; signatures are not checked."""

    def __init__(self, backend: Backend) -> None:
        self.chain = backend.chain

    @method("payment_queryInfo", cost=HEAVY)
    def query_info(self, extrinsic: Hex, at: Hash | None = None) -> dict[str, object]:
        """Return weight, class and fee; the fee in planck as a decimal string."""
        info = self._ask(
            "query_info", RuntimeDispatchInfo, extrinsic, at, "Unable to query dispatch info."
        )
        return {
            "weight": {
                "ref_time": int(info.weight.ref_time),
                "proof_size": int(info.weight.proof_size),
            },
            "class": info.class_.name.lower(),
            "partialFee": str(int(info.partial_fee)),
        }

    @method("payment_queryFeeDetails", cost=HEAVY)
    def query_fee_details(self, extrinsic: Hex, at: Hash | None = None) -> dict[str, object]:
        """Return the parts of the fee in hex; null for a transaction without fee."""
        problem = "Unable to query fee details."
        fee = self._ask("query_fee_details", FeeDetails, extrinsic, at, problem).inclusion_fee
        if fee is None:
            return {"inclusionFee": None}
        parts = {
            "baseFee": hex(fee.base_fee),
            "lenFee": hex(fee.len_fee),
            "adjustedWeightFee": hex(fee.adjusted_weight_fee),
        }
        return {"inclusionFee": parts}

    def _ask(
        self,
        question: str,
        kind: TypeForm[Answer],
        extrinsic: bytes,
        at: bytes | None,
        problem: str,
    ) -> Answer:
        """Call the runtime with the extrinsic and its length, and decode the answer."""
        try:
            unwrap(extrinsic)
        except DecodeError as reason:
            raise RpcError(DECODE_ERROR, problem, str(reason)) from None
        function = f"TransactionPaymentApi_{question}"
        data = extrinsic + len(extrinsic).to_bytes(4, "little")
        try:
            raw = self.chain.call(at or self.chain.best().hash, function, data)
            return codec(kind).decode_all(raw)
        except (BackendError, DecodeError) as reason:
            raise RpcError(RUNTIME_ERROR, problem, str(reason)) from None
