"""The runtime's version, as in `Core_version`, `System.Version` and `:code`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from hashlib import blake2b
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.scale import Compact, Fixed, TypeName, codec, path, u8, u32

CODE_KEY: Final = b":code"
"""Storage key of the current version; wallets refetch metadata when its hash changes."""

ApiId = Annotated[bytes, Fixed(8)]
ApiVersions = list[tuple[ApiId, u32]]


@path("Cow", params={"T": str}, unnamed=True)
@dataclass(slots=True)
class CowText:
    """Text, with the type path that clients expect."""

    value: str


@path("Cow", params={"T": ApiVersions}, unnamed=True)
@dataclass(slots=True)
class CowApis:
    """The runtime APIs, with the type path that clients expect."""

    value: ApiVersions = field(default_factory=list)


@path("sp_version::RuntimeVersion")
@dataclass(slots=True)
class RuntimeVersion:
    """Version of a runtime. Source: `sp_version`, encoding of `Core_version` 5."""

    spec_name: Annotated[CowText, TypeName("Cow<'static, str>")]
    impl_name: Annotated[CowText, TypeName("Cow<'static, str>")]
    authoring_version: u32
    spec_version: u32
    impl_version: u32
    apis: Annotated[CowApis, TypeName("ApisVec")]
    transaction_version: u32
    system_version: u8

    @property
    def state_version(self) -> int:
        """Version of the state trie: 0, or 1 for system versions 1 and above."""
        return min(self.system_version, 1)

    def encoded(self) -> bytes:
        """Return the SCALE encoding."""
        return codec(RuntimeVersion).encode(self)


@path("frame_system::LastRuntimeUpgradeInfo")
@dataclass(slots=True)
class LastRuntimeUpgradeInfo:
    """The version that ran the last block."""

    spec_version: Annotated[Compact[u32], TypeName("codec::Compact<u32>")]
    spec_name: Annotated[CowText, TypeName("Cow<'static, str>")]


def api_id(name: str) -> bytes:
    """Return the 8-byte id of a runtime API: blake2b-64 of its name."""
    return blake2b(name.encode(), digest_size=8).digest()


def api_versions(apis: Sequence[tuple[str, int]]) -> CowApis:
    """Return the list of (id, version) of named APIs."""
    return CowApis([(api_id(name), u32(version)) for name, version in apis])
