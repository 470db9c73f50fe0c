"""Transactions that are signed over the digest of the runtime's metadata."""

from __future__ import annotations

from functools import cache

import pytest

from btt_chain.chain.runtimes import extrinsics_root
from btt_chain.client import ChainMetadata, Draft, SigningContext, sign
from btt_chain.primitives import validity
from btt_chain.primitives.digest import H256
from btt_chain.primitives.era import Immortal
from btt_chain.primitives.extrinsic import unwrap
from btt_chain.primitives.metadata_digest import ChainFacts, metadata_digest
from btt_chain.primitives.validity import TransactionSource, Unknown
from btt_chain.scale import u64, u128
from btt_chain.scale.metadata import RuntimeMetadata, decode_metadata
from btt_chain.txpool import TransactionInvalid
from genesis.build import build
from genesis.catalogue import load as load_spec
from runtime import BttRuntime
from runtime.apis.metadata import digest as digest_of
from runtime.apis.metadata import metadata
from runtime.executive import Executive
from runtime.extensions import MetadataHashMode
from runtime.frame import Call
from runtime.params import PARAMS_KEY, RuntimeParams
from runtime.transactions import check_signature
from support.chain import BOB, CHARLIE, DevChain, address

FACTS = ChainFacts("btt", 100, 42, 18, "BTT")


@pytest.fixture
def chain() -> DevChain:
    return DevChain(shared=True)


def pay(chain: DevChain) -> Call:
    return chain.call("Balances", "transfer_keep_alive", dest=address(CHARLIE), value=u128(1))


def over_digest(chain: DevChain, digest: bytes | None, nonce: int = 0) -> bytes:
    """Return a payment signed over a digest of the metadata."""
    mode = MetadataHashMode.Enabled
    return chain.sign(BOB, pay(chain), mode=mode, metadata_hash=digest, nonce=nonce)


def own_digest(chain: DevChain) -> bytes:
    return chain.client.runtime_at(chain.client.best().hash).metadata_digest()


def refusal(chain: DevChain, wire: bytes) -> type:
    with pytest.raises(TransactionInvalid) as refused:
        chain.pool.submit(wire)
    return type(refused.value.reason)


@cache
def described(version: int) -> RuntimeMetadata:
    """Return the metadata of a chain with slots of six seconds, read back."""
    return decode_metadata(metadata(BttRuntime(RuntimeParams(u64(6_000))), version))[1]


def test_all_versions_of_the_metadata_have_the_digest_that_chains_with_other_slots_know() -> None:
    known = digest_of(BttRuntime(RuntimeParams(u64(1_000))))
    for version in (14, 15, 16):
        assert metadata_digest(described(version), FACTS) == known


def test_the_symbol_of_the_test_networks_digest_is_that_of_its_properties() -> None:
    """Wallets take the symbol from the properties."""
    spec = load_spec("testnet")
    runtime = BttRuntime(RuntimeParams.decode(build(spec).state[PARAMS_KEY]))
    facts = ChainFacts("btt", 100, 42, 18, str(spec.properties["tokenSymbol"]))
    assert facts.symbol == "tBTT"
    assert metadata_digest(described(15), facts) == digest_of(runtime)


def test_every_fact_is_part_of_the_digest() -> None:
    others = [
        ChainFacts("bbb", 100, 42, 18, "BTT"),
        ChainFacts("btt", 101, 42, 18, "BTT"),
        ChainFacts("btt", 100, 0, 18, "BTT"),
        ChainFacts("btt", 100, 42, 12, "BTT"),
        ChainFacts("btt", 100, 42, 18, "tBTT"),
    ]
    assert len({metadata_digest(described(15), each) for each in [FACTS, *others]}) == 6


def test_a_transaction_signed_over_the_digest_enters_a_block_that_others_import(
    chain: DevChain,
) -> None:
    sent = chain.pool.submit(over_digest(chain, own_digest(chain)))
    made = chain.seal()
    assert sent not in chain.pool.pool
    assert len(chain.block(made)[1]) == 2
    assert chain.another().import_block(*chain.block(made)).hash == made


def test_another_digest_or_none_in_its_place_is_a_wrong_signature(chain: DevChain) -> None:
    for digest in (bytes(32), b"\x11" * 32, None):
        assert refusal(chain, over_digest(chain, digest)) is validity.BadProof


def test_a_digest_without_the_mode_that_announces_it_is_a_wrong_signature(chain: DevChain) -> None:
    wire = chain.sign(BOB, pay(chain), metadata_hash=own_digest(chain))
    assert refusal(chain, wire) is validity.BadProof


def test_the_digest_is_computed_when_it_is_first_needed() -> None:
    chain = DevChain()
    loaded = chain.client.runtime_at(chain.client.best().hash)
    chain.send(BOB, pay(chain))
    chain.seal()
    assert loaded._digest is None
    assert refusal(chain, over_digest(chain, bytes(32), nonce=1)) is validity.BadProof
    assert loaded._digest == own_digest(chain)


def test_a_runtime_without_a_digest_cannot_look_one_up(chain: DevChain) -> None:
    """As in Substrate, where a runtime is built with the digest or without it."""
    best = chain.client.best().hash
    executive = Executive(
        BttRuntime(RuntimeParams(u64(6_000))),
        check_signature=check_signature,
        ordered_root=extrinsics_root,
    )
    executive.open_pool_view(chain.client.overlay(best), H256(best))
    wire = unwrap(over_digest(chain, bytes(32)))
    with pytest.raises(Unknown) as refused:
        executive.validate_transaction(TransactionSource.External, wire)
    assert isinstance(refused.value.reason, validity.CannotLookup)


def test_the_client_signs_over_a_digest(chain: DevChain) -> None:
    """A digest from the chain's own metadata, without a connection."""
    raw = metadata(chain.runtime, 15)
    chain_metadata = ChainMetadata(raw)
    genesis = chain.client.genesis_hash
    digest = metadata_digest(chain_metadata.items.runtime, FACTS)
    context = SigningContext(genesis, genesis, 100, 1, digest)
    wire = sign(chain_metadata, context, Draft(pay(chain).raw, 0, Immortal()), BOB)
    chain.pool.submit(wire)
    chain.seal()
    assert int(chain.account(BOB).nonce) == 1
