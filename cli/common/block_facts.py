"""Facts of a block besides its content: author, time, size, fees, and its digest in words."""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.client.chain import BlockView, Chain, read_header
from btt_chain.client.decoding import ExtrinsicView
from btt_chain.client.errors import NotFound, RpcError
from btt_chain.client.wire import list_of, member, to_bytes
from btt_chain.lazyclass import dataclass
from btt_chain.primitives import babe_digests, grandpa
from btt_chain.primitives.babe import NoPreDigest, pre_digest
from btt_chain.primitives.digest import (
    BABE,
    GRANDPA,
    Consensus,
    DigestItem,
    Other,
    PreRuntime,
    RuntimeEnvironmentUpdated,
    Seal,
)
from btt_chain.primitives.digits import to_hex
from btt_chain.scale.errors import DecodeError
from btt_chain.scale.portable import Plain
from cli.common import show
from cli.common.block_scan import time_of

ENGINES = {BABE: "BABE", GRANDPA: "GRANDPA"}


@dataclass(frozen=True, slots=True)
class BlockFacts:
    """Facts of a block from its header, its content and its state."""

    author: str | None
    """Address of the author; None if the chain does not say."""
    ms: int
    """Time that the author stated, in Unix milliseconds; 0 without one."""
    size: int
    """Bytes of header and extrinsics."""
    fees: int | None
    """Fees of all transactions in planck, without tips; None if the events are pruned."""
    digest: tuple[str, ...]
    """Items of the digest, in words."""

    def document(self) -> dict[str, object]:
        """Return the facts as JSON."""
        return {
            "author": self.author,
            "time": self.ms or None,
            "bytes": self.size,
            "fees": None if self.fees is None else str(self.fees),
            "digest": list(self.digest),
        }


def extrinsic_document(view: ExtrinsicView) -> dict[str, object]:
    """Return an extrinsic as JSON."""
    return {
        "hash": view.hash,
        "signer": view.signer,
        "signature": view.signature,
        "extensions": view.extra,
        "call": view.call.name,
        "arguments": view.call.arguments,
    }


async def read_facts(chain: Chain, block: BlockView) -> BlockFacts:
    """Read the facts of a block."""
    answer = await chain.connection.call("chain_getBlock", to_hex(block.hash))
    bodies = list_of(member(member(answer, "block"), "extrinsics"))
    header = read_header(block.header)
    size = len(header.encode()) + sum(len(to_bytes(each)) for each in bodies)
    fees = None
    if block.events is not None:
        fees = sum(
            int(str(event.fields.get("actual_fee", 0)))
            for event in block.events
            if event.name == "TransactionPayment.TransactionFeePaid"
        )
    logs = header.digest.logs
    author = await author_of(chain, block, logs) if block.number else None
    return BlockFacts(author, time_of(block.extrinsics), size, fees, tuple(map(in_words, logs)))


async def author_of(chain: Chain, block: BlockView, logs: Sequence[DigestItem]) -> str | None:
    """Return the author: the account that earns from the block, else the claim's validator.

    None if the state after the block has neither.
    """
    for item in ("Babe.BlockAuthor", "Babe.Sealer"):
        found = await _stored(chain, item, block.hash)
        if isinstance(found, str):
            return found
    try:
        index = int(pre_digest(logs).claim.authority_index)
    except NoPreDigest:
        return None
    validators = await _stored(chain, "Session.Validators", block.hash)
    if isinstance(validators, list) and index < len(validators):
        return str(validators[index])
    return None


async def _stored(chain: Chain, item: str, at: bytes) -> Plain:
    """Return a value of the state after a block; None if there is none, or it is pruned."""
    try:
        found = await chain.storage(item, at=at)
    except (NotFound, RpcError):
        return None
    return found


def in_words(item: DigestItem) -> str:
    """Return an item of a digest in words; bytes that are not understood as hex."""
    match item:
        case PreRuntime(engine, _) if bytes(engine) == BABE:
            return _claim(item)
        case PreRuntime(engine, payload):
            return f"claim of {_engine(engine)}: {to_hex(bytes(payload))}"
        case Consensus(engine, payload):
            return _announcement(bytes(engine), bytes(payload))
        case Seal(engine, payload):
            return f"seal of {_engine(engine)}, a signature of {len(payload)} bytes"
        case RuntimeEnvironmentUpdated():
            return "the runtime's version changed"
        case Other(data):
            return f"other: {to_hex(bytes(data))}"


def _engine(engine: bytes) -> str:
    return ENGINES.get(bytes(engine), to_hex(bytes(engine)))


def _claim(item: PreRuntime) -> str:
    try:
        claim = pre_digest([item]).claim
    except NoPreDigest:
        return f"claim of BABE: {to_hex(bytes(item.payload))}"
    kind = "primary" if type(claim).__name__.startswith("Primary") else "secondary"
    return f"slot {int(claim.slot)}, {kind} claim of authority {int(claim.authority_index)}"


def _announcement(engine: bytes, payload: bytes) -> str:
    """Return a message to a consensus engine in words."""
    try:
        if engine == BABE:
            return _to_babe(babe_digests.CONSENSUS_LOG.decode_all(payload))
        if engine == GRANDPA:
            return _to_grandpa(grandpa.CONSENSUS_LOG.decode_all(payload))
    except DecodeError:
        pass  # shown as it is: other chains have other messages
    return f"message to {_engine(engine)}: {to_hex(payload)}"


def _to_babe(log: object) -> str:
    match log:
        case babe_digests.NextEpochData(epoch):
            return f"BABE: the next epoch has {_count(epoch.authorities, 'authority')}"
        case babe_digests.NextConfigData():
            return "BABE: other parameters from the next epoch on"
        case _:
            return "BABE: an authority is disabled"


def _to_grandpa(log: object) -> str:
    match log:
        case grandpa.ChangeScheduled(change):
            return f"GRANDPA: the next set has {_count(change.next_authorities, 'voter')}"
        case grandpa.ChangeForced(_, change):
            return f"GRANDPA: forced change to {_count(change.next_authorities, 'voter')}"
        case _:
            return f"GRANDPA: {type(log).__name__}"


def _count(items: Sequence[object], noun: str) -> str:
    return show.counted(len(items), noun, "authorities" if noun == "authority" else None)
