"""The blocks that an operator trusts: the checkpoint of the specification, and --trusted-block.

Keys whose bonds were withdrawn can sign another past at no cost. A node that was away for longer
than a checkpoint is good for cannot distinguish the two by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from btt_chain.chain.client import Client
from btt_chain.consensus.babe.verify import slot_of
from btt_chain.lazyclass import dataclass
from genesis.checkpoint import Checkpoint, UntrustedDatabase, good_for_ms
from p2p.sync.types import BlockId
from runtime.params import RuntimeParams

log = logging.getLogger(__name__)

DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Trust:
    """The trusted blocks of a node."""

    checkpoint: Checkpoint | None = None
    block: BlockId | None = None

    @property
    def blocks(self) -> Mapping[int, bytes]:
        """The hashes of the trusted blocks by height. Raises UntrustedDatabase if they differ."""
        found: dict[int, bytes] = {}
        if self.checkpoint is not None:
            found[self.checkpoint.number] = self.checkpoint.hash
        if self.block is not None and found.setdefault(*self.block) != self.block.hash:
            raise UntrustedDatabase(
                f"--trusted-block {self.block.number} is not the checkpoint of the specification: "
                "one of the two is of another chain"
            )
        return found


def trust_in(
    client: Client, checkpoint: Checkpoint | None, block: tuple[int, bytes] | None
) -> Trust:
    """Return the trusted blocks of a node. Raises UntrustedDatabase if its database lacks them."""
    trust = Trust(checkpoint, None if block is None else BlockId(*block))
    check_database(client, trust)
    return trust


def check_database(client: Client, trust: Trust) -> None:
    """Raise UntrustedDatabase if a trusted block's height has another block here."""
    for number, trusted in trust.blocks.items():
        ours = client.block_hash(number)
        if ours is not None and ours != trusted:
            raise UntrustedDatabase(
                f"block {number} is 0x{ours.hex()} here, not the trusted 0x{trusted.hex()}: this "
                "database follows another chain. If the trusted block is right, purge-chain and "
                "sync again"
            )


def warn_if_old(client: Client, trust: Trust, params: RuntimeParams, now_ms: int) -> None:
    """Warn if neither this node's last final block nor a trusted one is recent enough."""
    good_for = good_for_ms(params)

    def is_good(slot: int) -> bool:
        return now_ms <= slot * int(params.slot_ms) + good_for

    final = client.finalized()
    if final.number and is_good(slot_of(client.header_of(final.hash))):
        return
    known = [] if trust.checkpoint is None else [trust.checkpoint.slot]
    if trust.block is not None:
        header = client.header(trust.block.hash)
        if header is None:
            return  # its age is not known before it is fetched
        known.append(slot_of(header))
    if any(is_good(slot) for slot in known):
        return
    days = f"{good_for / DAY_MS:.1f} days"
    log.warning(
        "%s: validators that have withdrawn their bonds since can forge the past for a newcomer. "
        "Begin at a block that you trust: a specification with a checkpoint that is younger than "
        "%s, or --trusted-block HEIGHT:HASH (docs/security.md)",
        f"the trusted block is older than {days}" if known else "no block is trusted but genesis",
        days,
    )
