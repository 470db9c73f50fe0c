"""engine_*: blocks on demand, for tests and development; listed only where the node offers them."""

from __future__ import annotations

from typing import Protocol

from btt_chain.primitives.digits import to_hex
from btt_chain.rpc.backend import BackendError, UnknownBlock
from btt_chain.rpc.params import Flag, Hash, Hex
from btt_chain.rpc.protocol import RpcError
from btt_chain.rpc.registry import HEAVY, method

BLOCK_NOT_FOUND = 13_000
SEAL_ERROR = 20_000
"""Substrate's codes of manual seal: unknown block; any other failure."""


class SealError(BackendError):
    """Manual seal could not make or finalize a block."""


class Sealer(Protocol):
    """Blocks on demand: `--sealing manual`, for tests and development."""

    async def create_block(
        self, *, create_empty: bool, finalize: bool, parent: bytes | None
    ) -> bytes:
        """Make and import a block; return its hash. Raises `SealError`, `UnknownBlock`."""

    async def finalize_block(self, hash: bytes, justification: bytes | None) -> bool:
        """Finalize a block and its ancestors; return True if it succeeds.

        Raises `SealError`, `UnknownBlock`.
        """


class EngineApi:
    """Manual seal."""

    def __init__(self, sealer: Sealer) -> None:
        self.sealer = sealer

    @method("engine_createBlock", unsafe=True, cost=HEAVY)
    async def create_block(
        self, create_empty: Flag, finalize: Flag, parent_hash: Hash | None = None
    ) -> dict[str, object]:
        """Make a block of the ready transactions; return its hash."""
        try:
            hash = await self.sealer.create_block(
                create_empty=create_empty, finalize=finalize, parent=parent_hash
            )
        except (SealError, UnknownBlock) as problem:
            raise _failed(problem) from None
        aux = {
            "header_only": False,
            "clear_justification_requests": False,
            "needs_justification": False,
            "bad_justification": False,
            "is_new_best": True,
        }
        return {"hash": to_hex(hash), "aux": aux, "proof_size": 0}

    @method("engine_finalizeBlock", unsafe=True)
    async def finalize_block(self, hash: Hash, justification: Hex | None = None) -> bool:
        """Make a block and its ancestors final; return True if it succeeds, else an error."""
        try:
            return await self.sealer.finalize_block(hash, justification)
        except (SealError, UnknownBlock) as problem:
            raise _failed(problem) from None


def _failed(problem: SealError | UnknownBlock) -> RpcError:
    code = BLOCK_NOT_FOUND if isinstance(problem, UnknownBlock) else SEAL_ERROR
    return RpcError(code, str(problem))
