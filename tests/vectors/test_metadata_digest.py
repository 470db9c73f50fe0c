"""Published digests of the metadata of real runtimes (RFC-78)."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from btt_chain.primitives.metadata_digest import ChainFacts, metadata_digest
from btt_chain.scale import compact_decode
from btt_chain.scale.metadata import decode_metadata

METADATA = Path(__file__).parent / "metadata"
FACTS = ChainFacts("nice", 1, 1, 1, "lol")
"""The facts of the published digests: those of none of the chains."""
DIGESTS = {
    "polkadot": "72b3e70cb722edeb45a9380720ecad79b09b4113ab2dee5f5d974f170fb77a7e",
    "acala": "bd64dee496517c5288c47014fe0f57c2e12e42a7d627caeafa95e9f992e7e774",
    "moonbeam": "1339dc558887eb12f454586ef324c36bd3a1990000e17fbba6311f6ae55af676",
}


@pytest.mark.parametrize(("name", "digest"), DIGESTS.items())
def test_the_digest_of_a_real_runtime_is_the_published_one(name: str, digest: str) -> None:
    raw = lzma.decompress((METADATA / f"{name}-v15.scale.xz").read_bytes())
    _, start = compact_decode(raw, 1)
    _, metadata = decode_metadata(raw[start:])
    assert metadata_digest(metadata, FACTS).hex() == digest
