"""author_*: submission of transactions to the pool, and their status."""

from __future__ import annotations

from typing import Annotated, Final

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.extrinsic import unwrap
from btt_chain.rpc.backend import Backend, BadExtrinsic
from btt_chain.rpc.connection import Subscription
from btt_chain.rpc.params import Hex, Parsed, Unfit, block_hash, hex_bytes
from btt_chain.rpc.protocol import RpcError
from btt_chain.rpc.registry import HEAVY, method, subscription
from btt_chain.scale import DecodeError
from btt_chain.txpool import PoolError, StatusEvent

MAX_EXTRINSIC: Final = 1 << 20
"""Maximum bytes of one transaction."""

BAD_FORMAT: Final = 1001


def refused(problem: PoolError | BadExtrinsic) -> RpcError:
    """Return the error object of a refusal. Clients act on the code and show the rest."""
    if isinstance(problem, BadExtrinsic):
        return RpcError(BAD_FORMAT, f"Extrinsic has invalid format: {problem}")
    return RpcError(problem.code, problem.message, problem.data)


def check_extrinsic(extrinsic: bytes) -> None:
    """Refuse what cannot be an extrinsic, before costly work.

    Raises:
        BadExtrinsic: for a wrong length prefix, or more than a mebibyte.

    """
    if len(extrinsic) > MAX_EXTRINSIC:
        raise BadExtrinsic(f"longer than {MAX_EXTRINSIC} bytes")
    try:
        unwrap(extrinsic)
    except DecodeError as problem:
        raise BadExtrinsic(str(problem)) from None


def hash_or_extrinsic(value: object) -> bytes:
    """Return the hash of `{"hash": ...}` or `{"extrinsic": ...}`."""
    if isinstance(value, dict) and len(value) == 1:
        if "hash" in value:
            return block_hash(value["hash"])
        if "extrinsic" in value:
            return blake2_256(hex_bytes(value["extrinsic"]))
    raise Unfit('expected {"hash": "0x.."} or {"extrinsic": "0x.."}')


HashOrExtrinsic = Annotated[bytes, Parsed(hash_or_extrinsic)]


class AuthorApi:
    """Submission, status, and the pool's contents."""

    def __init__(self, backend: Backend) -> None:
        self.pool = backend.pool

    @method("author_submitExtrinsic")
    def submit(self, extrinsic: Hex) -> str:
        """Submit a transaction to the pool; return its hash."""
        try:
            check_extrinsic(extrinsic)
            return to_hex(self.pool.submit(extrinsic))
        except (PoolError, BadExtrinsic) as refusal:
            raise refused(refusal) from None

    @subscription(
        "author_submitAndWatchExtrinsic",
        event="author_extrinsicUpdate",
        unsubscribe=("author_unwatchExtrinsic",),
    )
    def submit_and_watch(self, subscription: Subscription, extrinsic: Hex) -> None:
        """Submit a transaction and report each status; ends by itself after the last."""

        def report(event: StatusEvent) -> None:
            subscription.notify(event.rpc())
            if event.status.ends:
                subscription.end()

        try:
            check_extrinsic(extrinsic)
            watch = self.pool.watch(extrinsic, report)
        except (PoolError, BadExtrinsic) as refusal:
            raise refused(refusal) from None
        subscription.on_end(watch.close)

    @method("author_pendingExtrinsics", cost=HEAVY)
    def pending(self) -> list[str]:
        """Return the ready transactions."""
        return [to_hex(extrinsic) for extrinsic in self.pool.ready()]

    @method("author_removeExtrinsic", unsafe=True)
    def remove(self, bytes_or_hash: list[HashOrExtrinsic]) -> list[str]:
        """Remove transactions and their dependants; return the hashes of the removed."""
        return [to_hex(hash) for hash in self.pool.remove(bytes_or_hash)]
