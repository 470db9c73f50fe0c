"""Blocks: a header and its extrinsics.

`Block.extrinsics` holds the inner bytes of each extrinsic, without the length in front that
it has on the wire. JSON as Substrate's `chain_getBlock` answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TypeAlias, TypedDict

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import ConsensusEngineId
from btt_chain.primitives.extrinsic import opaque, unwrap
from btt_chain.primitives.header import Header, HeaderJson
from btt_chain.primitives.limits import BLOCK
from btt_chain.scale import codec, path

Justification: TypeAlias = tuple[ConsensusEngineId, bytes]
"""A consensus engine's id, and its proof that a block is final."""


class BlockJson(TypedDict):
    """A block in JSON: extrinsics as hex, with their length in front."""

    header: HeaderJson
    extrinsics: list[str]


class SignedBlockJson(TypedDict):
    """A block and its justifications; both parts of each as lists of byte values."""

    block: BlockJson
    justifications: list[list[list[int]]] | None


@path("sp_runtime::generic::block::Block")
@dataclass(slots=True)
class Block:
    """A header and its extrinsics, in order."""

    header: Header
    extrinsics: list[bytes] = field(default_factory=list)

    def encode(self) -> bytes:
        """Return the block's bytes."""
        return _BLOCK.encode(self)

    @classmethod
    def decode(cls, raw: bytes) -> Block:
        """Return the block that `raw` encodes; `DecodeError` if it does not."""
        return BLOCK.decode(_BLOCK, raw)

    def to_json(self) -> BlockJson:
        """Return the block in JSON-RPC's form."""
        return {
            "header": self.header.to_json(),
            "extrinsics": ["0x" + opaque(inner).hex() for inner in self.extrinsics],
        }

    @classmethod
    def from_json(cls, json: Mapping[str, object]) -> Block:
        """Read the result of `to_json`; `ValueError` if it is something else."""
        match json:
            case {"header": dict(header), "extrinsics": list(extrinsics)} if all(
                isinstance(item, str) for item in extrinsics
            ):
                inners = [unwrap(bytes.fromhex(item.removeprefix("0x"))) for item in extrinsics]
                return cls(Header.from_json(header), inners)
        raise ValueError("this is not the JSON form of a block")


@dataclass(slots=True)
class SignedBlock:
    """A block with the proofs of its finality, if there are any."""

    block: Block
    justifications: list[Justification] | None = None

    def to_json(self) -> SignedBlockJson:
        """Return the block in the form of `chain_getBlock`."""
        justifications = None
        if self.justifications is not None:
            justifications = [[list(engine), list(proof)] for engine, proof in self.justifications]
        return {"block": self.block.to_json(), "justifications": justifications}


_BLOCK = codec(Block)
