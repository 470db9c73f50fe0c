"""Values kept for a transaction that was valid, so that it is decoded once.

A transaction waits in the pool for many blocks, and each may change its validity. Its bytes, its
signature and its weight do not change under one runtime; the sender's account, the fee and the age
of its era do. So a recheck needs a few values of fixed size, for calls of any length.

A block with the transaction needs the decoded call, too. It is kept for as many transactions as
`KeptCalls` has room for, and dispatched once; the others are decoded again. Of a usual transfer
or payment a few fields are kept instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.extrinsic import extrinsic_hashes
from btt_chain.primitives.limits import EXTRINSIC, MIB
from runtime.extensions import SignedExtra
from runtime.frame import Call, DispatchInfo, Runtime
from runtime.frame.runtime import MAX_NESTING

MAX_BYTES: Final = 32 * MIB
"""Memory of the calls that are kept, by `memory_of`: about 65,000 transfers, 43,000 payments to
merchants, or 31 of the batches that are slowest to decode."""

CALL_BYTES: Final = 160
"""Memory of a decoded call without its arguments."""
ITEM_BYTES: Final = 100
"""Memory of an item of a list, whose encoding may be one byte."""
ARGUMENT_BYTES: Final = 200
"""Memory of an argument of one of the `SIMPLE` types, without the bytes of its encoding."""
SIMPLE: Final = (int, bytes, Id, type(None))
"""Types of arguments without lists in them."""
TRANSFER_BYTES: Final = 512
"""Memory of a usual transfer."""
PAYMENT_BYTES: Final = 768
"""Memory of a usual payment."""


class Transfer(NamedTuple):
    """A usual transfer, as `DirectTransfers` reads and executes it."""

    who: AccountId
    nonce: int
    call: int
    """Index of its call in the pallet."""
    dest: AccountId
    value: int
    """Amount in planck."""
    at: int
    """Position of the call in the extrinsic."""


class InvoicePayment(NamedTuple):
    """A usual payment of an invoice in BTT, as `DirectPayments` reads and executes it."""

    who: AccountId
    nonce: int
    merchant: AccountId
    gross: int
    """Amount in planck."""
    reference: bytes
    memo: bytes
    """The optional hash of a document, encoded."""
    at: int
    """Position of the call in the extrinsic."""


UsualCall = Transfer | InvoicePayment

USUAL_BYTES: Final[dict[type, int]] = {Transfer: TRANSFER_BYTES, InvoicePayment: PAYMENT_BYTES}


@dataclass(slots=True)
class Kept:
    """A signed transaction with a valid signature; only its call may be dropped."""

    runtime: Runtime
    """Runtime that decoded it: under any other it is decoded again."""
    who: AccountId
    extra: SignedExtra
    implicit: bytes
    """Implicit data that the signature covers. It changes with the runtime's version, when the
    era is over, and if another block has the number of the era's first block."""
    info: DispatchInfo
    length: int
    """Bytes on the wire, with the length in front."""
    fee: int = 0
    """Fee including the tip, in planck, when it was validated."""
    family: object = None
    """Identity of the version and parameters of `runtime`, which several instances may have."""
    call: Call | UsualCall | None = None
    """The decoded call, for a block that includes the transaction; None: decode it again."""


FindKept = Callable[[bytes], Kept | None]
"""Lookup of the values kept for an extrinsic, given without its length in front."""


def memory_of(call: Call | UsualCall) -> int:
    """Return an upper estimate of the memory of a decoded call, in bytes."""
    if not isinstance(call, Call):
        return USUAL_BYTES[call.__class__]
    length = len(call.raw)
    if all(isinstance(argument, SIMPLE) for argument in call.args):
        return CALL_BYTES + ARGUMENT_BYTES * len(call.args) + 3 * length
    # Each call has two bytes for its index; any other byte may be an item of a list.
    items = min(max(length - 2 * call.size, 0), EXTRINSIC.max_items)
    # Each level of nested calls has a copy of its bytes.
    copies = 2 + min(call.size, MAX_NESTING)
    return CALL_BYTES * call.size + ITEM_BYTES * items + copies * length


class KeptCalls:
    """Values kept for the transactions in the pool, by hash, with bounded memory for their calls.

    The calls of the earliest are kept: blocks take these first, and others find room when they have
    left. A transaction without its call still has its weight and length: a full block need not
    decode it to leave it out.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept: dict[bytes, tuple[Kept, int]] = {}
        self.bytes = 0
        """Memory of the calls, by `memory_of`."""

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, hash: bytes, kept: Kept) -> None:
        """Keep the values of a transaction that entered the pool, and its call if there is room."""
        size = 0 if kept.call is None else memory_of(kept.call)
        if self.bytes + size > self._max_bytes:
            kept.call, size = None, 0
        if hash in self._kept:
            self.remove(hash)
        self._kept[hash] = kept, size
        self.bytes += size

    def remove(self, hash: bytes) -> None:
        """Drop the values of a transaction that left the pool."""
        kept, size = self._kept.pop(hash, (None, 0))
        self.bytes -= size
        if kept is not None:
            kept.call = None

    def get(self, hash: bytes) -> Kept | None:
        """Return the values kept for the transaction with this hash; None if there are none."""
        return self._kept.get(hash, (None, 0))[0]

    def finder(self, body: Sequence[bytes]) -> FindKept:
        """Return the lookup for the extrinsics of a body, which have no length in front."""
        if not self._kept:
            return nothing_kept
        hashes, get = dict(zip(body, extrinsic_hashes(body), strict=True)), self.get
        return lambda inner: get(hashes[inner])


def nothing_kept(_: bytes) -> None:
    """Return None: each extrinsic is decoded."""
