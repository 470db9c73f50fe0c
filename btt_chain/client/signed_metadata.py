"""The digest of the metadata that signatures cover, on chains of this project's runtime.

Such a chain refuses a call that was made and shown by other metadata than its own, so that no node
can have another call signed than the one that is shown.
"""

from __future__ import annotations

from typing import Final

from btt_chain.client.errors import Undecodable
from btt_chain.client.metadata import ChainMetadata
from btt_chain.primitives.metadata_digest import ChainFacts, DigestError
from btt_chain.scale.errors import DecodeError
from btt_chain.scale.portable import Plain

RUNTIME: Final = "btt"
"""Name of this project's runtime with all features; others are named `btt-minimal`, ..."""
EXTENSION: Final = "CheckMetadataHash"
"""The transaction extension that compares the digest with the chain's own."""


def is_ours(spec_name: str) -> bool:
    """Return True if a runtime of this name is made of this project's features."""
    return spec_name == RUNTIME or spec_name.startswith(f"{RUNTIME}-")


def signed_digest(metadata: ChainMetadata, spec_name: str, spec_version: int) -> bytes | None:
    """Return the digest to sign along; None for chains of other runtimes, which may have none.

    Raises NotFound, Undecodable if metadata of this runtime have no digest.
    """
    extensions = metadata.items.runtime.extrinsic.extensions
    if not is_ours(spec_name) or all(extension.identifier != EXTENSION for extension in extensions):
        return None
    prefix = int(str(_constant(metadata, "System.SS58Prefix")))
    money = metadata.currency
    about = ChainFacts(spec_name, spec_version, prefix, money.decimals, money.symbol)
    try:
        return metadata.items.digest(about)
    except DigestError as error:
        raise Undecodable(f"the node's metadata cannot be signed along: {error}") from None


def runtime_name(metadata: ChainMetadata) -> str:
    """Return the name of the runtime that metadata describe. Raises NotFound, Undecodable."""
    version = _constant(metadata, "System.Version")
    return str(version.get("spec_name")) if isinstance(version, dict) else ""


def _constant(metadata: ChainMetadata, path: str) -> Plain:
    _, constant = metadata.items.constant(path)
    try:
        return metadata.items.types.decode(constant.type, constant.value)
    except DecodeError as error:
        raise Undecodable(f"the constant {path} is not of its type: {error}") from None
