"""Signatures in the simulator: real ones with a fixed nonce, of which few are verified."""

from __future__ import annotations

import pytest

from btt_chain.crypto import ed25519
from btt_chain.crypto.keypair import KeyPair, Scheme
from support.sim.steady import steady

MESSAGES = [b"", b"one", b"other", bytes(200)]


@pytest.mark.parametrize("scheme", [Scheme.SR25519, Scheme.ED25519])
@pytest.mark.parametrize("uri", ["//Alice", "//Bob", "//Alice//stash"])
def test_signatures_with_a_fixed_nonce_are_valid_and_always_the_same(
    scheme: Scheme, uri: str
) -> None:
    real = KeyPair.from_uri(uri, scheme)
    pair = steady(real)
    for message in MESSAGES:
        signature = pair.sign(message)
        assert real.verify(message, signature)
        assert signature == type(pair)(scheme, real.public, real.secret, real.seed).sign(message)
        assert not real.verify(message + b"!", signature)
        assert scheme is not Scheme.ED25519 or ed25519.verify_strict(
            real.public, message, signature
        )
    assert len({pair.sign(message) for message in MESSAGES}) == len(MESSAGES)
