"""Proofs of storage entries: of an account, and of any item, each with a proof of finality.

A document has the header of a final block, the entry with its read proof under that header's state
root, and, if the chain votes on finality, the votes: a justification, the headers up to its block,
and the set of voters, proven under the state root of a checkpoint. A reader who trusts the hash of
the checkpoint, which can be an older block of the same set, needs nothing else.
"""

from __future__ import annotations

from typing import Final

from btt_chain.client.chain import Chain
from btt_chain.client.errors import ClientError
from btt_chain.client.wire import list_of, member
from btt_chain.explorer.context import Context, NodeGone
from btt_chain.explorer.index.queries import BlockRow
from btt_chain.explorer.index.source import account_key, item_key
from btt_chain.explorer.pages.blocks import find_block
from btt_chain.explorer.pages.forms import BadRequest, Fields, NoSuchPage, account_of, hex_of
from btt_chain.present import Json
from btt_chain.present.visible import shown
from btt_chain.primitives.digits import to_hex

ACCOUNT: Final = "System.Account"
AUTHORITIES: Final = item_key("Grandpa", "Authorities")
SET_ID: Final = item_key("Grandpa", "CurrentSetId")


async def account_proof(context: Context, text: str, checkpoint: str | None) -> Fields:
    """Return a proof of an account's entry at the last final block, for `verify proof`."""
    return await _proof(context, ACCOUNT, account_key(account_of(context.data, text)), checkpoint)


async def storage_proof(
    context: Context, path: str, keys: list[str], checkpoint: str | None
) -> Fields:
    """Return a proof of a storage item, such as `Balances.TotalIssuance`, at the same block."""
    metadata = context.data.latest()
    if metadata is None:
        raise NoSuchPage("The index is empty: the metadata come with the first block.")
    try:
        pallet, entry = metadata.items.storage(path[:128])
    except ClientError:
        raise NoSuchPage(f"The chain has no storage item {shown(path)}.") from None
    try:
        key, is_complete = metadata.storage.key(pallet, entry, keys)
    except ClientError as error:
        raise BadRequest(shown(str(error), 200)) from None
    if not is_complete:
        raise BadRequest(f"{pallet.name}.{entry.name} is a map: add ?key= for each of its keys.")
    return await _proof(context, f"{pallet.name}.{entry.name}", key, checkpoint)


async def _proof(context: Context, item: str, key: bytes, checkpoint: str | None) -> Fields:
    """Return key, value, proof and header of an entry at the last final block."""
    height, hash = context.index.final()
    body = context.index.body(height)
    specs = context.index.specs()
    if body is None or not specs:
        raise NoSuchPage("The index has no final block yet.")
    # By default the parent: after a block that changes the voters, its own state has the new ones.
    trusted = find_block(
        context, str(max(height - 1, context.index.first())) if checkpoint is None else checkpoint
    )
    if trusted.height > height:
        raise BadRequest("A checkpoint is a final block, not above that of the proof.")
    chain = await context.node.chain(specs[0][0])
    try:
        nodes = await _nodes(chain, [key], hash)
        value = await chain.storage_bytes(key, hash)
    except ClientError as error:
        raise NodeGone(str(error)) from None
    return {
        "item": item,
        "key": to_hex(key),
        "value": None if value is None else to_hex(value),
        "proof": nodes,
        "height": height,
        "blockHash": hex_of(hash),
        "stateRoot": hex_of(body.header.state_root),
        "header": hex_of(body.header.encode()),
        "finality": await _finality(context, chain, height, trusted),
    }


async def _nodes(chain: Chain, keys: list[bytes], hash: bytes) -> Json:
    asked: Json = [to_hex(key) for key in keys]
    answer = await chain.connection.call("state_getReadProof", asked, to_hex(hash))
    return [str(node) for node in list_of(member(answer, "proof"))]


async def _finality(context: Context, chain: Chain, height: int, trusted: BlockRow) -> Json:
    """Return the votes for the block; None on a chain without votes, or without their proof."""
    body = context.index.body(trusted.height)
    if body is None:
        return None
    try:
        proof = await chain.connection.call("grandpa_proveFinality", height)
        if not isinstance(proof, str):
            return None
        keys = [AUTHORITIES, SET_ID]
        voters, set_id = await chain.storage_batch(keys, trusted.hash)
        nodes = await _nodes(chain, keys, trusted.hash)
    except ClientError:
        return None
    return {
        "proof": proof,
        "checkpoint": {
            "height": trusted.height,
            "hash": hex_of(trusted.hash),
            "header": hex_of(body.header.encode()),
            "authorities": None if voters is None else to_hex(voters),
            "setId": None if set_id is None else to_hex(set_id),
            "proof": nodes,
        },
    }
