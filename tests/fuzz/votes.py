"""Voters whose keys are known."""

from __future__ import annotations

from typing import Final

from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.primitives.grandpa import AuthoritySignature
from btt_chain.primitives.voters import AuthorityId, VoterSet

PAIRS: Final = [KeyPair.from_uri(f"//{name}", Scheme.ED25519) for name in ("Alice", "Bob", "Eve")]


def voter_id(pair: KeyPair) -> AuthorityId:
    """Return a voter's name."""
    return AuthorityId(pair.public)


def signature_of(pair: KeyPair, payload: bytes) -> AuthoritySignature:
    """Sign as a voter."""
    return AuthoritySignature(pair.sign(payload))


VOTERS: Final = VoterSet([(voter_id(pair), 1) for pair in PAIRS])
