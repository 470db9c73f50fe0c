"""Proofs of cards as JSON: read back as they were written, and refused with a reason otherwise."""

from __future__ import annotations

import json

import pytest

from btt_chain.payments.card_file import new_card
from btt_chain.payments.card_proof import CardProof, message_of, read_proof
from btt_chain.payments.errors import PaymentError
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.voucher import Registration
from btt_chain.scale import u64

OWNER, GENESIS = AccountId(b"\x07" * 32), H256(b"\x9e" * 32)


def proof(scheme: str = "p256") -> CardProof:
    card = new_card(scheme)
    asked = Registration.of(GENESIS, card.id, OWNER, u64(1_000))
    return CardProof(card.key, asked, card.sign(message_of(asked)))


@pytest.mark.parametrize("scheme", ["p256", "ed25519"])
def test_a_proof_is_read_as_it_was_written(scheme: str) -> None:
    made = proof(scheme)
    assert read_proof(json.dumps(made.document())) == made


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"owner": "5Gxyz"}, "owner: an address"),
        ({"owner": None}, "owner: an address"),
        ({"expiresMs": "2000"}, "did not sign"),
        ({"expiresMs": "-1"}, "expiresMs: milliseconds"),
        ({"expiresMs": str(2**64)}, "expiresMs: milliseconds"),
        ({"genesis": "0x" + "00" * 32}, "did not sign"),
        ({"expiresMs": "9" * 5_000}, "expiresMs: milliseconds"),
        ({"genesis": "0x00"}, "genesis: 32 bytes"),
        ({"publicKey": "zz"}, "publicKey: 33 bytes"),
        ({"signature": "0x" + "00" * 63}, "signature: 64 bytes"),
        ({"signature": "0x" + "00" * 64}, "did not sign"),
        ({"scheme": "rsa"}, "scheme: p256 or ed25519"),
    ],
)
def test_a_changed_proof_is_refused(change: dict[str, str | None], reason: str) -> None:
    with pytest.raises(PaymentError, match=reason):
        read_proof(json.dumps(proof().document() | change))


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "p256:0x00", "[" * 100_000])
def test_what_is_no_proof_is_named(text: str) -> None:
    with pytest.raises(PaymentError, match="not a proof of a card"):
        read_proof(text)
