"""A promise is valid for one custodian, one request, one leaf, one chain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from btt_chain.crypto import ed25519
from btt_chain.primitives.access_promise import (
    CONTEXT,
    PROMISE,
    AccessPromise,
    SignedPromise,
    is_signed,
    sign,
)
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u32

SEED = bytes(range(1, 33))
KEY = ed25519.public_from_seed(SEED)
GIVEN = AccessPromise(
    context=CONTEXT,
    genesis=H256(b"\7" * 32),
    custodian=AccountId(b"\1" * 32),
    request=H256(b"\2" * 32),
    leaf=H256(b"\3" * 32),
    epoch=u32(9),
)


@pytest.mark.parametrize(
    "changed",
    [
        replace(GIVEN, context=b"BTT-HR-PROMISE-2"),
        replace(GIVEN, genesis=H256(bytes(32))),
        replace(GIVEN, custodian=AccountId(b"\2" * 32)),
        replace(GIVEN, request=H256(b"\4" * 32)),
        replace(GIVEN, leaf=H256(b"\4" * 32)),
        replace(GIVEN, epoch=u32(10)),
    ],
)
def test_a_promise_is_valid_as_it_was_signed_only(changed: AccessPromise) -> None:
    signed = sign(GIVEN, SEED)
    assert is_signed(signed, KEY)
    assert not is_signed(SignedPromise(changed, signed.signature), KEY)


def test_a_promise_of_another_context_is_refused_even_if_it_is_signed() -> None:
    other = replace(GIVEN, context=b"BTT-HR-SOMETHING")
    assert not is_signed(sign(other, SEED), KEY)


def test_the_message_is_the_encoded_promise() -> None:
    message = PROMISE.encode(GIVEN)
    expected = b"BTT-HR-PROMISE-1" + b"\7" * 32 + b"\1" * 32 + b"\2" * 32 + b"\3" * 32
    assert message == expected + (9).to_bytes(4, "little")
    assert PROMISE.decode(message, 0) == (GIVEN, len(message))
    assert ed25519.verify_strict(KEY, message, sign(GIVEN, SEED).signature)


def test_a_malformed_key_or_signature_verifies_nothing() -> None:
    signed = sign(GIVEN, SEED)
    assert not is_signed(signed, bytes(32))
    assert not is_signed(signed, KEY[:31])
    assert not is_signed(SignedPromise(GIVEN, bytes(64)), KEY)
