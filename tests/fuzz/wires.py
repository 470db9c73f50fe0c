"""Well-formed calls of many shapes on a development chain, and signed extrinsics of them."""

from __future__ import annotations

from typing import Final

from btt_chain.primitives.extrinsic import unwrap
from btt_chain.scale import u64
from runtime.constants import BTT
from runtime.frame import Call
from runtime.frame.runtime import MAX_NESTING
from support.chain import BOB, CHARLIE, DevChain, address

CHAIN: Final = DevChain()
CHAIN.seal()
RUNTIME: Final = CHAIN.runtime


def samples() -> list[bytes]:
    """Return well-formed calls of many shapes."""
    remark = CHAIN.call("System", "remark", remark=b"some bytes")
    pay = CHAIN.call("Balances", "transfer_all", dest=address(CHARLIE), keep_alive=True)
    batch = CHAIN.call("Utility", "batch", calls=[remark, pay, remark])
    nested: Call = batch
    for _ in range(MAX_NESTING - 2):
        nested = CHAIN.call("Utility", "force_batch", calls=[nested, remark])
    sudo = CHAIN.call("Sudo", "sudo", call=CHAIN.call("Timestamp", "set", now=u64(5)))
    proxy = CHAIN.call("Proxy", "proxy", real=address(BOB), force_proxy_type=None, call=batch)
    return [call.raw for call in (remark, pay, batch, nested, sudo, proxy)]


CALLS: Final = samples()
WIRES: Final = [
    unwrap(CHAIN.sign(BOB, RUNTIME.call_codec.decode_all(raw), tip=int(BTT))) for raw in CALLS
]
