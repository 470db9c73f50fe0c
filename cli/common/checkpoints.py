"""Checkpoints of a chain, read from a node."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from btt_chain.client.chain import Chain
from btt_chain.client.errors import InvalidAnswer, RpcError
from btt_chain.primitives.digits import from_hex, to_hex
from btt_chain.primitives.header import Header
from btt_chain.scale import DecodeError
from cli.common import show
from cli.common.errors import Mistyped, Refused
from cli.common.files import write_json
from cli.common.session import open_chain, run
from genesis.build import Genesis
from genesis.checkpoint import (
    AUTHORITIES,
    CURRENT_EPOCH,
    NEXT_EPOCH,
    SET_ID,
    Checkpoint,
    good_until_ms,
)
from runtime.params import PARAMS_KEY, RuntimeParams

FINAL: Final = "final"
SUFFIX: Final = ".not-after.json"
"""Ending of the file beside a specification that says how long its checkpoint is good."""


def checkpoint_from(url: str, timeout: float, genesis: bytes, block: str) -> Checkpoint:
    """Return the checkpoint at a final block of a node, by height, or at the last one.

    Mistyped if the block is not final, Refused if the node cannot make one of it.
    """
    return run(_read(url, timeout, genesis, block))


async def _read(url: str, timeout: float, genesis: bytes, block: str) -> Checkpoint:
    async with open_chain(url, timeout) as chain:
        call = chain.connection.call
        theirs = await call("chain_getBlockHash", 0)
        if theirs != to_hex(genesis):
            raise Refused(
                f"the node at {url} runs another chain: its genesis is {theirs}, that of the "
                f"specification {to_hex(genesis)}"
            )
        hash = await _final_block(chain, block)
        try:
            answers = {
                function: from_hex(await call("state_call", function, "0x", hash))
                for function in (AUTHORITIES, CURRENT_EPOCH, NEXT_EPOCH, SET_ID)
            }
            return Checkpoint.at(await _header(chain, hash), answers.__getitem__)
        except RpcError as error:
            raise Refused(
                f"the node at {url} cannot read the state of block {hash}: {error}. Take a later "
                "block, or a node with --pruning archive"
            ) from None
        except (DecodeError, ValueError) as error:
            raise Refused(f"no checkpoint at block {hash}: {error}") from None


async def _header(chain: Chain, hash: str) -> Header:
    header = await chain.connection.call("chain_getHeader", hash)
    if not isinstance(header, dict):
        raise InvalidAnswer(f"the node has no header of its block {hash}")
    return Header.from_json(header)


async def _final_block(chain: Chain, block: str) -> str:
    """Return the hash of a final block as the node writes it."""
    head = str(await chain.connection.call("chain_getFinalizedHead"))
    if block == FINAL:
        return head
    highest = int((await _header(chain, head)).number)
    if int(block) > highest:
        raise Mistyped(f"--block {block} is not final: the last final block is {highest}")
    return str(await chain.connection.call("chain_getBlockHash", int(block)))


def write_validity(checkpoint: Checkpoint, zero: Genesis, output: str) -> None:
    """Print until when a checkpoint is good, and write it beside its specification."""
    until = good_until_ms(checkpoint, RuntimeParams.decode(zero.state[PARAMS_KEY]))
    moment = datetime.fromtimestamp(until / 1000, UTC).isoformat(timespec="seconds")
    show.note(
        f"block {checkpoint.number} {to_hex(checkpoint.hash)} is the checkpoint; it is good until "
        f"{moment}"
    )
    if output != "-":
        document = {
            "genesis": to_hex(zero.hash),
            "block": checkpoint.number,
            "hash": to_hex(checkpoint.hash),
            "notAfter": moment,
        }
        write_json(document, str(Path(output)) + SUFFIX)
