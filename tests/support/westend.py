"""The first blocks of Westend, recorded, given as a node gives them.

The chain's metadata of that time (V11) name types by text. `metadata` describes the same runtime
(version 1 of the runtime, May 2020) as V14, as far as these blocks need it: the accounts of the
state, the signature and extensions of extrinsics, and the four calls that occur.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from btt_chain.client.errors import RpcError
from btt_chain.client.jsonrpc import Json
from btt_chain.explorer.index.source import ACCOUNT, ISSUANCE, LAST_UPGRADE, NOW
from btt_chain.primitives.digest import H256
from btt_chain.primitives.header import Header
from btt_chain.scale import compact_encode, u8, u32
from btt_chain.scale.bounded import Compact
from btt_chain.scale.compact import compact_decode
from btt_chain.scale.metadata import (
    ArrayDef,
    CompactDef,
    CompositeDef,
    EnumRef,
    Extension,
    ExtrinsicMetadata,
    MapEntry,
    PalletMetadata,
    PalletStorage,
    PlainEntry,
    PortableField,
    PortableType,
    PortableVariant,
    PrimitiveDef,
    PrimitiveKind,
    RuntimeMetadata,
    SequenceDef,
    StorageEntry,
    StorageHasher,
    StorageModifier,
    TupleDef,
    TypeDef,
    TypeParameter,
    VariantDef,
    encode_metadata,
)
from storage.trie import ordered_root
from support.explorer import hex_of, unhex

SPEC = 1
PROPERTIES: Json = {"tokenSymbol": "WND", "tokenDecimals": 12, "ss58Format": 42}


class _Types:
    """A registry under construction; each method returns the number of a type.

    A field of a variant with an empty name has none.
    """

    def __init__(self) -> None:
        self.all: list[PortableType] = []

    def add(self, definition: TypeDef, *path: str, **params: int) -> Compact[u32]:
        wanted = [TypeParameter(name, u32(id)) for name, id in params.items()]
        self.all.append(PortableType([*path], wanted, definition))
        return u32(len(self.all) - 1)

    def plain(self, kind: PrimitiveKind) -> Compact[u32]:
        return self.add(PrimitiveDef(kind))

    def struct(self, *path: str, **fields: int) -> Compact[u32]:
        parts = [PortableField(name, u32(id)) for name, id in fields.items()]
        return self.add(CompositeDef(parts), *path)

    def wrapper(self, inner: int, *path: str) -> Compact[u32]:
        return self.add(CompositeDef([PortableField(None, u32(inner))]), *path)

    def enum(self, *path: str, **variants: tuple[int, Mapping[str, int]]) -> Compact[u32]:
        found = [
            PortableVariant(
                name, [PortableField(n or None, u32(id)) for n, id in parts.items()], u8(at)
            )
            for name, (at, parts) in variants.items()
        ]
        return self.add(VariantDef(found), *path)


def metadata() -> bytes:
    """Return the metadata."""
    types = _Types()
    byte, word = types.plain(PrimitiveKind.u8), types.plain(PrimitiveKind.u32)
    long, money = types.plain(PrimitiveKind.u64), types.plain(PrimitiveKind.u128)
    octets, nothing = types.add(SequenceDef(byte)), types.add(TupleDef([]))
    key = types.add(ArrayDef(u32(32), byte))
    account = types.wrapper(key, "sp_core", "crypto", "AccountId32")
    signature = types.add(ArrayDef(u32(64), byte))
    data = types.struct(free=money, reserved=money, misc_frozen=money, fee_frozen=money)
    info = types.struct(nonce=word, refcount=byte, data=data)
    network = types.struct(
        peer_id=types.wrapper(octets), external_addresses=types.add(SequenceDef(octets))
    )
    heartbeat = types.struct(
        block_number=word, network_state=network, session_index=word, authority_index=word
    )
    moment, height = types.add(CompactDef(long)), types.add(CompactDef(word))
    calls = {
        "Timestamp": (2, types.enum(set=(0, {"now": moment}))),
        "FinalityTracker": (9, types.enum(final_hint=(0, {"hint": height}))),
        "ImOnline": (
            11, types.enum(heartbeat=(0, {"heartbeat": heartbeat, "_signature": signature})),
        ),
        # No parachain had a head in these blocks.
        "Parachains": (13, types.enum(set_heads=(0, {"heads": types.add(SequenceDef(nothing))}))),
    }  # fmt: skip
    call = types.enum(**{name: (at, {"": id}) for name, (at, id) in calls.items()})
    event = types.enum(System=(0, {"": types.enum(ExtrinsicSuccess=(0, {}))}))
    phase = types.enum(ApplyExtrinsic=(0, {"": word}), Finalization=(1, {}))
    record = types.struct(phase=phase, event=event, topics=types.add(SequenceDef(key)))
    extrinsic = types.add(
        CompositeDef([]), Address=account, Call=call, Signature=signature, Extra=nothing
    )
    accounts = StorageEntry(
        "Account", StorageModifier.Default,
        MapEntry([StorageHasher.Blake2_128Concat], account, info), bytes(69),
    )  # fmt: skip
    events = StorageEntry(
        "Events", StorageModifier.Default, PlainEntry(types.add(SequenceDef(record))), b"\0"
    )
    pallets = [PalletMetadata("System", u8(0), PalletStorage("System", [accounts, events]))]
    pallets += [PalletMetadata(name, u8(at), calls=EnumRef(id)) for name, (at, id) in calls.items()]
    return encode_metadata(
        RuntimeMetadata(
            types.all, pallets,
            ExtrinsicMetadata(
                [Extension("CheckNonce", types.add(CompactDef(word)), nothing)], extrinsic
            ),
            nothing,
        ),
        14,
    )  # fmt: skip


class Westend:
    """A connection to a node with the recorded blocks, the last of them final."""

    url = "westend:"

    def __init__(self, folder: Path) -> None:
        """`folder` has the vectors."""
        self.top = json.loads((folder / "genesis" / "westend.json").read_text())["top"]
        root = json.loads((folder / "genesis" / "expected.json").read_text())["westend"]
        blocks = json.loads((folder / "blocks" / "westend_1_to_96.json").read_text())
        zero = Header(
            H256(bytes(32)), u32(0), H256(unhex(root["stateRootV0"])), H256(ordered_root([]))
        )
        self.headers = [zero, *(Header.decode(unhex(each["header"])) for each in blocks)]
        self.bodies: list[list[str]] = [[], *(each["body"] for each in blocks)]
        self.hashes = [hex_of(bytes(header.hash())) for header in self.headers]
        assert self.hashes == [root["genesisHashV0"], *(each["hash"] for each in blocks)]

    async def call(self, method: str, *params: Json) -> Json:
        await asyncio.sleep(0)
        match method, params:
            case "chain_getBlockHash", (int(number),):
                return self.hashes[number] if number < len(self.hashes) else None
            case "chain_getBlock", (str(hash),):
                at = self.hashes.index(hash)
                block: Json = {"header": self._header(at), "extrinsics": [*self.bodies[at]]}
                return {"block": block, "justifications": None}
            case "state_queryStorageAt", (list(keys), str(hash)):
                state = self._state(self.hashes.index(hash))
                changes: list[Json] = [[key, state.get(str(key))] for key in keys]
                return [{"block": hash, "changes": changes}]
            case "state_getKeysPaged", (str(prefix), int(), None, str()):
                return sorted(key for key in self.top if key.startswith(prefix))
            case "state_getMetadata", _:
                return hex_of(metadata())
            case "state_getRuntimeVersion", _:
                return {"specName": "westend", "specVersion": SPEC, "transactionVersion": 1}
            case "system_chain", ():
                return "Westend"
            case "system_chainType", ():
                return "Live"
            case "system_properties", ():
                return PROPERTIES
        raise RpcError(method, -32601, "Method not found", None)

    @asynccontextmanager
    async def subscribe(
        self, method: str, unsubscribe: str, *params: Json
    ) -> AsyncIterator[AsyncIterator[Json]]:
        async def heads() -> AsyncIterator[Json]:
            yield self._header(len(self.headers) - 1)
            await asyncio.Event().wait()

        yield heads()

    async def close(self) -> None:
        """There is nothing to close."""

    def _header(self, at: int) -> Json:
        shown = self.headers[at].to_json()
        digest: Json = {"logs": [*shown["digest"]["logs"]]}
        return {
            "parentHash": shown["parentHash"], "number": shown["number"],
            "stateRoot": shown["stateRoot"], "extrinsicsRoot": shown["extrinsicsRoot"],
            "digest": digest,
        }  # fmt: skip

    def _state(self, at: int) -> dict[str, str]:
        """Return the known state of a block: that of block zero, version and time."""
        known = (hex_of(ACCOUNT), hex_of(ISSUANCE))
        state = {key: value for key, value in self.top.items() if key.startswith(known)}
        state[hex_of(LAST_UPGRADE)] = hex_of(compact_encode(SPEC) + b"\x1cwestend")
        if at:
            now, _ = compact_decode(unhex(self.bodies[at][0]), 4)
            state[hex_of(NOW)] = hex_of(now.to_bytes(8, "little"))
        return state
