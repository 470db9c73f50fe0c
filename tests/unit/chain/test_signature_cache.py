"""Verdicts: each signature is checked once, and a good one vouches for nothing else."""

from __future__ import annotations

import pytest

from btt_chain.chain.signature_cache import SignatureCache
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.primitives.account import AccountId, Ed25519Signature, Sr25519Signature
from btt_chain.primitives.extrinsic import opaque, unwrap
from btt_chain.scale import u128
from btt_chain.txpool import PoolError
from support.chain import ALICE, BOB, CHARLIE, DevChain, account, address, signature


def test_pool_author_and_import_check_a_signature_once() -> None:
    chain = DevChain()
    call = chain.call("Balances", "transfer_keep_alive", dest=address(CHARLIE), value=u128(10**18))
    for nonce in range(3):
        chain.send(BOB, call, nonce=nonce)
    verdicts = chain.client.runtimes.verdicts
    assert verdicts.checked == 3
    chain.seal()
    header, body = chain.block(chain.seal(parent=chain.client.best().hash))
    assert verdicts.checked == 3
    chain.client.execute(header, body)
    assert verdicts.checked == 3
    parent, of_it = chain.block(bytes(header.parent_hash))
    chain.client.execute(parent, of_it)
    assert verdicts.checked == 3
    assert len(of_it) == 4


def test_a_node_that_did_not_see_a_transaction_checks_it_itself() -> None:
    chain = DevChain()
    other = chain.another()
    chain.send(BOB, chain.call("System", "remark", remark=b""))
    other.import_block(*chain.block(chain.seal()))
    assert other.runtimes.verdicts.checked == 1


@pytest.mark.parametrize("scheme", list(Scheme))
def test_a_good_signature_is_remembered(scheme: Scheme) -> None:
    pair, verdicts = KeyPair.from_uri("//Unknown", scheme), SignatureCache()
    who, proof = account(pair), signature(pair, b"payload")
    assert verdicts(proof, b"payload", who)
    assert verdicts(proof, b"payload", who)
    assert verdicts.checked == 1


def test_a_known_signature_does_not_vouch_for_another_payload() -> None:
    verdicts, who, proof = SignatureCache(), account(ALICE), signature(ALICE, b"payload")
    assert verdicts(proof, b"payload", who)
    assert not verdicts(proof, b"payloaD", who)
    assert not verdicts(proof, b"payload", account(BOB))
    assert verdicts(proof, b"payload", who)
    assert verdicts.checked == 3


def test_a_signature_of_one_scheme_is_none_of_another() -> None:
    pair = KeyPair.from_uri("//Ed", Scheme.ED25519)
    verdicts, proof = SignatureCache(), pair.sign(b"payload")
    assert verdicts(Ed25519Signature(proof), b"payload", account(pair))
    assert not verdicts(Sr25519Signature(proof), b"payload", account(pair))


def test_bad_signatures_are_not_remembered_and_push_no_good_ones_out() -> None:
    verdicts, who = SignatureCache(capacity=1), account(ALICE)
    good = signature(ALICE, b"payload")
    assert verdicts(good, b"payload", who)
    for number in range(3):
        bad = Sr25519Signature(bytes((number,)) * 64)
        assert not verdicts(bad, b"payload", who)
        assert not verdicts(bad, b"payload", who)
    assert verdicts.checked == 7
    assert verdicts(good, b"payload", who)
    assert verdicts.checked == 7


def test_the_oldest_verdict_goes_first() -> None:
    verdicts, who = SignatureCache(capacity=2), account(ALICE)
    proofs = [(signature(ALICE, text), text) for text in (b"a", b"b", b"c")]
    for proof, text in proofs:
        assert verdicts(proof, text, who)
    assert verdicts.checked == 3
    verdicts(*proofs[2], who)
    verdicts(*proofs[1], who)
    assert verdicts.checked == 3
    verdicts(*proofs[0], who)
    assert verdicts.checked == 4


def test_a_changed_transaction_with_a_known_signature_is_refused() -> None:
    chain = DevChain()
    call = chain.call("Balances", "transfer_keep_alive", dest=address(CHARLIE), value=u128(1))
    wire = chain.sign(BOB, call)
    chain.pool.submit(wire)
    other = chain.call("Balances", "transfer_keep_alive", dest=address(ALICE), value=u128(1))
    changed = unwrap(wire).replace(call.raw, other.raw)
    with pytest.raises(PoolError, match="bad signature"):
        chain.pool.submit(opaque(changed))
    forged = unwrap(wire).replace(bytes(account(BOB)), bytes(AccountId(account(ALICE))), 1)
    with pytest.raises(PoolError, match="bad signature"):
        chain.pool.submit(opaque(forged))
