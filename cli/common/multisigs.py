"""Calls that wait for approvals of a multisig account, and the bytes of these calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from btt_chain.client.chain import Chain
from btt_chain.client.errors import ClientError
from btt_chain.client.metadata import ChainMetadata
from btt_chain.client.views import shaped
from btt_chain.client.wire import member, to_bytes
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digits import from_hex, to_hex
from btt_chain.primitives.era import Era
from btt_chain.primitives.extrinsic import unwrap
from btt_chain.scale import codec, compact_decode
from btt_chain.scale.errors import DecodeError
from btt_chain.scale.metadata import SequenceDef, VariantDef
from btt_chain.scale.portable import Plain, Portable
from btt_chain.wallet.entries import Entry, Kind
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.wallets import wallet, wallet_errors
from runtime.pallets.multisig.pallet import Operation

MAX_DEPTH: Final = 16
"""Maximum nesting of calls that are searched."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A call that waits for approvals."""

    call_hash: bytes
    operation: Operation
    call: bytes | None
    """Its bytes; None if the chain and the wallet have only its hash."""

    @property
    def number(self) -> str:
        """The number of the proposal: its block and extrinsic, which no other one has."""
        return f"{self.operation.when.height}-{self.operation.when.index}"


def multisig_named(name: str) -> Entry:
    """Return a multisig account of the wallet. NotFound or Mistyped for other names."""
    with wallet_errors():
        entry = wallet().get(name)
    if entry.kind is not Kind.MULTISIG:
        raise Mistyped(
            f"{name} is not a multisig account: `btt-chain multisig create NAME --threshold 2 "
            "SIGNER SIGNER` adds one to the wallet"
        )
    return entry


def check_signer(entry: Entry, account: bytes, address: str) -> None:
    """Refuse an account that is not a signer of a multisig."""
    if account not in entry.signers:
        raise Refused(f"{address} is not a signer of {entry.name}; `btt-chain account show "
                      f"{entry.name}` lists them")  # fmt: skip


def others(entry: Entry, account: bytes) -> list[Plain]:
    """Return the other signers in the order that the chain wants."""
    return [to_hex(signer) for signer in entry.signers if signer != account]


async def operations(chain: Chain, entry: Entry) -> list[Waiting]:
    """Return the calls of a multisig account that wait, oldest first."""
    waiting = []
    async for keys, value in chain.entries("Multisig.Multisigs", to_hex(entry.account)):
        operation, digest = shaped(Operation, value), from_hex(keys[1])
        timepoint = int(operation.when.height), int(operation.when.index)
        waiting.append(Waiting(digest, operation, await find_call(chain, *timepoint, digest)))
    return sorted(
        waiting,
        key=lambda call: (call.operation.when.height, call.operation.when.index, call.call_hash),
    )


async def operation_numbered(chain: Chain, entry: Entry, number: str | None) -> Waiting:
    """Return a waiting call by its number, its block or the beginning of its hash.

    Without a number the only one. NotFound or Mistyped if there is no such call, or several.
    """
    waiting = await operations(chain, entry)
    if not waiting:
        raise NotFound(f"no call of {entry.name} waits for approvals")
    known = ", ".join(each.number for each in waiting)
    if number is None:
        if len(waiting) > 1:
            raise Mistyped(f"several calls of {entry.name} wait: give a number of {known}")
        return waiting[0]
    fits = [
        each for each in waiting
        if number in (each.number, str(each.operation.when.height))
        or (number.startswith("0x") and len(number) > 5
            and to_hex(each.call_hash).startswith(number.lower()))
    ]  # fmt: skip
    if len(fits) != 1:
        if fits:
            raise Mistyped(f"{number} stands for several calls: give a number of {known}")
        raise NotFound(f"no call {number} of {entry.name} waits for approvals; known are {known}")
    return fits[0]


async def find_call(chain: Chain, height: int, index: int, call_hash: bytes) -> bytes | None:
    """Return the call of a hash: from the transaction that proposed it, or from the wallet.

    None if neither has it. The hash is checked, so no node can put another call in its place.
    """
    try:
        block = await chain.connection.call("chain_getBlockHash", height)
        body = member(member(await chain.connection.call("chain_getBlock", block), "block"),
                      "extrinsics")  # fmt: skip
        if isinstance(body, list) and index < len(body):
            for raw in calls_of(chain.metadata, to_bytes(body[index])):
                if blake2_256(raw) == call_hash:
                    return raw
    except ClientError:
        pass  # a node without old blocks: the wallet may know the call
    with wallet_errors():
        known = wallet().recall(call_hash)
    return known if known is not None and blake2_256(known) == call_hash else None


def calls_of(metadata: ChainMetadata, wire: bytes) -> Iterator[bytes]:
    """Yield the bytes of the calls in a transaction, nested ones included."""
    items = metadata.items
    try:
        inner = unwrap(wire)
        if inner[:1] != b"\x84" or items.address is None or items.signature is None:
            return
        _, at = items.types.decode_at(items.address, inner, 1)
        _, at = items.types.decode_at(items.signature, inner, at)
        for extension in items.runtime.extrinsic.extensions:
            if extension.identifier in {"CheckMortality", "CheckEra"}:
                _, at = codec(Era).decode(inner, at)
            else:
                _, at = items.types.decode_at(extension.type, inner, at)
        yield from _nested(items.types, items.call_type, inner, at, 0)
    except (DecodeError, LookupError):
        return


def _nested(types: Portable, call_type: int, raw: bytes, at: int, depth: int) -> Iterator[bytes]:
    """Yield the call at an offset, and the calls inside of it."""
    _, end = types.decode_at(call_type, raw, at)
    yield raw[at:end]
    if depth >= MAX_DEPTH:
        return
    fields = _fields(types, call_type, raw, at)
    at += 2
    for kind in fields:
        definition = types.type(kind).definition
        _, end = types.decode_at(kind, raw, at)
        if kind == call_type:
            yield from _nested(types, call_type, raw, at, depth + 1)
        elif isinstance(definition, SequenceDef) and definition.item == call_type:
            count, start = compact_decode(raw, at)
            for _ in range(count):
                yield from _nested(types, call_type, raw, start, depth + 1)
                _, start = types.decode_at(call_type, raw, start)
        at = end


def _fields(types: Portable, call_type: int, raw: bytes, at: int) -> list[int]:
    """Return the types of the arguments of the call at an offset."""
    outer = types.type(call_type).definition
    for pallet in outer.variants if isinstance(outer, VariantDef) else ():
        if pallet.index == raw[at] and pallet.fields:
            calls = types.type(pallet.fields[0].type).definition
            for call in calls.variants if isinstance(calls, VariantDef) else ():
                if call.index == raw[at + 1]:
                    return [field.type for field in call.fields]
    return []


async def weight_of(chain: Chain, call: bytes) -> dict[str, Plain]:
    """Return the declared weight of a call, in the form of calls."""
    data = call + len(call).to_bytes(4, "little")
    name = "TransactionPaymentCallApi_query_call_info"
    raw = to_bytes(await chain.connection.call("state_call", name, to_hex(data)))
    time, at = compact_decode(raw, 0)
    size, _ = compact_decode(raw, at)
    return {"ref_time": time, "proof_size": size}
