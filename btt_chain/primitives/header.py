"""Block headers.

A header is immutable, with its list of digest items: its encoding and its hash are computed once
and cached; `with_log` and `unsealed` return new ones.
Source: sp_runtime::generic::header; JSON as in Substrate's `chain_getHeader`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import lru_cache
from typing import Annotated, Final, TypedDict

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256, Digest, DigestItem, Seal
from btt_chain.primitives.limits import HEADER, MAX_LOGS
from btt_chain.scale import Compact, TypeName, codec, path, u32


class DigestJson(TypedDict):
    """A digest in JSON: each item as the hex of its encoding."""

    logs: list[str]


class HeaderJson(TypedDict):
    """A header in JSON; the number is minimal hex."""

    parentHash: str
    number: str
    stateRoot: str
    extrinsicsRoot: str
    digest: DigestJson


@path("sp_runtime::generic::header::Header", params={"Number": u32, "Hash": None})
@dataclass(frozen=True, slots=True)
class Header:
    """A block's number, parent and digest, and its commitments to state and extrinsics."""

    parent_hash: Annotated[H256, TypeName("Hash::Output")]
    number: Annotated[Compact[u32], TypeName("Number")]
    state_root: Annotated[H256, TypeName("Hash::Output")]
    extrinsics_root: Annotated[H256, TypeName("Hash::Output")]
    digest: Digest = field(default_factory=Digest)
    _hash: H256 | None = field(default=None, init=False, repr=False, compare=False)
    _raw: bytes | None = field(default=None, init=False, repr=False, compare=False)
    _signed: Header | None = field(default=None, init=False, repr=False, compare=False)
    """The header without its seal, with its hash, where this node added the seal."""

    def hash(self) -> H256:
        """Return the block's hash: blake2_256 of the encoded header."""
        if self._hash is None:
            object.__setattr__(self, "_hash", H256.of(self.encode()))
        assert self._hash is not None  # noqa: S101 - set the line before
        return self._hash

    def encode(self) -> bytes:
        """Return the header's bytes."""
        if self._raw is None:
            object.__setattr__(self, "_raw", _HEADER.encode(self))
        assert self._raw is not None  # noqa: S101 - set the line before
        return self._raw

    @classmethod
    def decode(cls, raw: bytes) -> Header:
        """Return the header that `raw` encodes; `DecodeError` if it does not.

        The last ones are remembered: a node decodes the same header when it is announced, received,
        and read as the parent of the next.
        """
        return _decoded(raw)

    def with_log(self, item: DigestItem) -> Header:
        """Return the header with one more digest item at the end."""
        header = self._with_logs([*self.digest.logs, item])
        if isinstance(item, Seal):
            object.__setattr__(header, "_signed", self)
        return header

    def unsealed(self) -> tuple[Header, Seal | None]:
        """Return the header as its author signed it, and the seal if the last item is one."""
        if not self.digest.logs or not isinstance(seal := self.digest.logs[-1], Seal):
            return self, None
        return self._signed or self._with_logs(self.digest.logs[:-1]), seal

    def _with_logs(self, logs: list[DigestItem]) -> Header:
        return Header(
            self.parent_hash, self.number, self.state_root, self.extrinsics_root, Digest(logs)
        )

    def to_json(self) -> HeaderJson:
        """Return the header in JSON-RPC's form."""
        return {
            "parentHash": self.parent_hash.to_hex(),
            "number": hex(self.number),
            "stateRoot": self.state_root.to_hex(),
            "extrinsicsRoot": self.extrinsics_root.to_hex(),
            "digest": {"logs": ["0x" + _ITEM.encode(item).hex() for item in self.digest.logs]},
        }

    @classmethod
    def from_json(cls, json: Mapping[str, object]) -> Header:
        """Read the result of `to_json`; `ValueError` if it is something else."""
        match json:
            case {
                "parentHash": str(parent),
                "number": str(number),
                "stateRoot": str(state),
                "extrinsicsRoot": str(extrinsics),
                "digest": {"logs": list(logs)},
            } if len(logs) <= MAX_LOGS and all(isinstance(item, str) for item in logs):
                items = [_ITEM.decode_all(bytes.fromhex(item.removeprefix("0x"))) for item in logs]
                height = int(number, 16)
                if not 0 <= height <= u32.MAX:
                    raise ValueError(f"{number} is not a block number")
                return cls(
                    H256.from_hex(parent),
                    u32(height),
                    H256.from_hex(state),
                    H256.from_hex(extrinsics),
                    Digest(items),
                )
        raise ValueError("this is not the JSON form of a header")


RECENT: Final = 64
"""Decoded headers that are remembered: 12 MiB of the largest that a peer can send."""


@lru_cache(maxsize=RECENT)
def _decoded(raw: bytes) -> Header:
    header = HEADER.decode(_HEADER, raw)
    object.__setattr__(header, "_raw", raw)  # no other bytes encode it
    return header


_HEADER = codec(Header)
_ITEM = codec(DigestItem)
