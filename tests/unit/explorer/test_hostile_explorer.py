"""X6: a hostile explorer prepares another call than its page offers, by metadata of its own.

The sentence of the bytes says what the call does. A device that shows calls by the metadata that it
was given signs over their digest: with other metadata than the chain's the signature is invalid.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from btt_chain.client.amount import BTT as CURRENCY
from btt_chain.client.chain import Chain
from btt_chain.client.extrinsics import signed
from btt_chain.client.metadata import ChainMetadata
from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.signature import Scheme
from btt_chain.explorer.language import language
from btt_chain.explorer.signing.driver import SigningNode
from btt_chain.explorer.signing.payload import Prepared
from btt_chain.explorer.signing.sentences import Sentences
from btt_chain.primitives.extrinsic import signing_payload
from btt_chain.primitives.metadata_digest import ChainFacts, metadata_digest
from btt_chain.scale.metadata import VariantDef, decode_metadata
from btt_chain.txpool import PoolError
from support.chain import ALICE, BOB, DevChain, account
from support.explorer import ChainConnection, index_chain, pages_of

STOLEN = "Balances.transfer_all"
SHOWN = "transfer_keep_alive"


def signed_by_a_device(metadata: ChainMetadata, prepared: Prepared, digest: bytes) -> bytes:
    """Return the extrinsic that a device signs over a digest."""
    parts = replace(prepared, digest=digest).extensions(metadata)
    message = signing_payload(prepared.call, parts.carried, parts.signed_along)
    signature = ALICE.sign(message)
    return signed(ALICE.account_id, Scheme.SR25519, signature, parts.carried, prepared.call)


def forged_digest(raw: bytes, version: int) -> bytes:
    """Return the digest of metadata in which the names of two calls are exchanged."""
    _, runtime = decode_metadata(raw)
    calls = next(
        kind.definition
        for kind in runtime.types
        if kind.path[-2:] == ["pallet", "Call"] and "pallet_balances" in kind.path
    )
    assert isinstance(calls, VariantDef)
    by_name = {each.name: each for each in calls.variants}
    theft, payment = by_name[STOLEN.partition(".")[2]], by_name[SHOWN]
    theft.name, payment.name = payment.name, theft.name
    facts = ChainFacts("btt", version, 42, CURRENCY.decimals, CURRENCY.symbol)
    return metadata_digest(runtime, facts)


async def prepared_theft(node: SigningNode, chain: Chain) -> Prepared:
    """Return the payload that a hostile server prepares when it is asked for a payment of 1 BTT."""
    given = {"dest": "Bob", "value": "1"}
    offer = await node.prepare("transfer", account(ALICE), given)
    dest = chain.metadata.address(account(BOB))
    theft = chain.compose(STOLEN, dest=dest, keep_alive=False).raw
    return replace(offer.prepared, call=theft)


async def test_a_hostile_explorer_cannot_have_a_theft_shown_as_a_payment(tmp_path: Path) -> None:
    dev = DevChain(shared=True)
    dev.seal()
    connection, file = ChainConnection(dev, kind="Development"), tmp_path / "index.db"
    await index_chain(connection, file)
    async with pages_of(connection, file) as (_, server):
        node = server.signing.node
        chain = await node.chain()
        theft = await prepared_theft(node, chain)
        view = chain.metadata.decoder.call(theft.call)
        said = Sentences(CURRENCY, language("en")).of(view)
        assert said == f"Pay all that can be transferred to {chain.metadata.address(account(BOB))}."
        raw = dev_metadata(connection)
        forged = forged_digest(raw, theft.spec_version)
        assert theft.digest is not None
        assert forged != theft.digest
        with pytest.raises(PoolError, match="signature"):
            dev.pool.submit(signed_by_a_device(chain.metadata, theft, forged))
        honest = signed_by_a_device(chain.metadata, theft, theft.digest)
        assert dev.pool.submit(honest) == blake2_256(honest)


def dev_metadata(connection: ChainConnection) -> bytes:
    return connection.view.metadata(connection.view.best().hash)
