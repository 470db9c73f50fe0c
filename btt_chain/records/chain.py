"""The chain as vaults and custodians use it: heads, revocations, roots and anchors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from btt_chain.client.chain import Chain
from btt_chain.client.errors import DispatchFailed, InvalidAnswer
from btt_chain.client.extrinsics import Signer
from btt_chain.client.transactions import Call
from btt_chain.client.wire import fields_of, number_of
from btt_chain.primitives.digits import from_hex, to_hex
from btt_chain.records.custodian.batches import Batch, Kind
from btt_chain.records.custodian.machine import Block, View
from btt_chain.records.errors import ChainError
from btt_chain.scale.portable import Plain

MAX_LATE: Final = 2
"""Epochs after an epoch in which the chain takes its root, and in which a promise is kept."""
PATIENCE: Final = 120.0
"""Seconds until a root must be in a block."""
API: Final = "HealthRecordsApi"


@dataclass(frozen=True, slots=True)
class Root:
    """A root on the chain."""

    root: bytes
    leaves: int


@dataclass(frozen=True, slots=True)
class ChainClock:
    """The time of the chain in epochs, which are its hours."""

    epoch: int
    hour_ms: int
    """Length of an hour: shorter on development chains."""


class TooLate(ChainError):
    """The chain takes the root of this epoch no more."""


class RecordsChain(Protocol):
    """The chain of a vault or a custodian. All methods raise ClientError and ChainError."""

    @property
    def genesis(self) -> bytes:
        """The hash of block zero."""

    async def clock(self) -> ChainClock:
        """Return the present epoch."""

    async def view(self) -> View:
        """Return the best and the last final block."""

    async def is_revoked(self, handle: bytes, at: bytes) -> bool:
        """Return True if a consent is revoked in the state of a block."""

    async def root_of(self, custodian: bytes, batch: Batch) -> Root | None:
        """Return the root of a batch in the last final state; None if there is none."""

    async def promise_key(self, custodian: bytes) -> bytes | None:
        """Return the key that a custodian signs promises with; None if it is not a custodian."""

    async def is_leaving(self, custodian: bytes) -> bool:
        """Return True if a custodian leaves: its bond may be gone before a promise is over."""

    async def anchor(self, batch: Batch, root: Root) -> None:
        """Anchor a root, and wait until it is final. Raises TooLate."""


class NodeRecords:
    """The chain behind a node."""

    def __init__(
        self, chain: Chain, signer: Signer | None = None, custodian: bytes | None = None
    ) -> None:
        """`signer` is the custodian's key or, if `custodian` is given, that of its proxy.

        None for a chain that is only read.
        """
        self.chain = chain
        """The chain by the present connection."""
        self._signer = signer
        self._custodian = custodian

    @property
    def genesis(self) -> bytes:
        """The hash of block zero."""
        return self.chain.genesis

    async def clock(self) -> ChainClock:
        """Return the present epoch."""
        found = fields_of(await self.chain.api(f"{API}.epochs"))
        return ChainClock(number_of(found["now"]), number_of(found["hour_ms"]))

    async def view(self) -> View:
        """Return the best and the last final block. Raises RuntimeChanged."""
        await self.chain.transactions.check_runtime()
        best, final = await self.chain.best(), await self.chain.finalized()
        times = [await self.chain.storage("Timestamp.Now", at=each.hash) for each in (best, final)]
        return View(
            Block(best.number, best.hash, number_of(times[0] or 0)),
            Block(final.number, final.hash, number_of(times[1] or 0)),
        )

    async def is_revoked(self, handle: bytes, at: bytes) -> bool:
        """Return True if a consent is revoked in the state of a block."""
        return await self.chain.api(f"{API}.revoked", to_hex(handle), at=at) is not None

    async def root_of(self, custodian: bytes, batch: Batch) -> Root | None:
        """Return the root of a batch in the last final state; None if there is none."""
        final = await self.chain.finalized()
        found = await self.chain.api(
            f"{API}.batch", self.chain.metadata.address(custodian), _kind(batch.kind),
            batch.epoch, at=final.hash,
        )  # fmt: skip
        if found is None:
            return None
        return Root(_bytes(fields_of(found)["root"]), number_of(fields_of(found)["leaves"]))

    async def promise_key(self, custodian: bytes, at: bytes | None = None) -> bytes | None:
        """Return the key that a custodian signs promises with; None if it is not a custodian.

        In the state of the best block, or of `at`.
        """
        who = self.chain.metadata.address(custodian)
        found = await self.chain.api(f"{API}.custodian", who, at=at)
        return None if found is None else _bytes(fields_of(fields_of(found)["custodian"])["key"])

    async def is_leaving(self, custodian: bytes) -> bool:
        """Return True if a custodian leaves: its bond may be gone before a promise is over."""
        found = await self.chain.api(f"{API}.custodian", self.chain.metadata.address(custodian))
        return found is not None and fields_of(fields_of(found)["custodian"])["leaving"] is not None

    async def anchor(self, batch: Batch, root: Root) -> None:
        """Anchor a root, and wait until it is final. Raises TooLate."""
        if self._signer is None:
            raise ChainError("anchoring needs the custodian's key")
        args: dict[str, Plain] = {
            "kind": _kind(batch.kind), "epoch": batch.epoch, "root": to_hex(root.root),
            "leaves": root.leaves,
        }  # fmt: skip
        call = composed_as(self.chain, self._signer, self._custodian, "anchor", args)
        try:
            await self.chain.transactions.send(call, self._signer, wait="final", patience=PATIENCE)
        except DispatchFailed as error:
            if error.name.endswith("TooOld"):
                raise TooLate(str(error)) from None
            # A root that is there already, from before a crash, is found below.
            if await self.root_of(self._custodian or self._signer.account_id, batch) != root:
                raise


def composed_as(
    chain: Chain, signer: Signer, custodian: bytes | None, name: str, args: dict[str, Plain]
) -> Call:
    """Return a custodian's call of HealthRecords, inside of its proxy's if the signer is one."""
    if custodian is None or custodian == signer.account_id:
        return chain.compose(f"HealthRecords.{name}", **args)
    call: Plain = {"HealthRecords": {name: args}}
    real: Plain = {"Id": chain.metadata.address(custodian)}
    return chain.compose("Proxy.proxy", real=real, force_proxy_type=None, call=call)


def _kind(kind: Kind) -> str:
    return kind.name.capitalize()


def _bytes(value: Plain) -> bytes:
    try:
        return from_hex(value)
    except ValueError:
        raise InvalidAnswer(f"{value!r} is not a hash") from None
