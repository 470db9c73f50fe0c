"""Limits of what arrives from outside: sizes of types, and a decode budget for each entrance.

Substrate bounds none of these types; its own headers and proofs lie far below the limits here.
A type checks its limit in both directions, so nothing can be made that others refuse.
"""

from __future__ import annotations

from typing import Final

from btt_chain.scale import DecodeBudget

KIB: Final = 1 << 10
MIB: Final = 1 << 20

# ---- types

MAX_LOGS: Final = 64
"""Items in the digest of a header. Those of Substrate's chains have two to six."""
RESERVED_LOGS: Final = 8
"""Of those, items that are kept for what a header cannot do without: claim, epoch, voters, seal."""
MAX_CLAIM_BYTES: Final = 4 * KIB
"""Bytes of the items that an author puts into the digest before the block is executed."""
MAX_LOG_BYTES: Final = 48 * KIB
"""Bytes of one digest item: the list of 1,000 authorities has 40,036."""
MAX_DIGEST_BYTES: Final = 96 * KIB
"""Bytes of all digest items: a block can announce the next authorities and the next voters."""
MAX_HEADER_BYTES: Final = MAX_DIGEST_BYTES + KIB

MAX_PRECOMMITS: Final = 2_048
"""Votes in a commit, a catch-up or a justification: two of each of 1,000 voters."""
MAX_ANCESTRIES: Final = 16_384
"""Headers in a justification, from its target to the votes."""

MAX_TRIE_NODES: Final = 8
"""Trie nodes of a proof of key ownership. This chain's proofs have none: the state knows."""
MAX_TRIE_NODE_BYTES: Final = 256

MAX_CALLS: Final = 4_096
"""Calls in one call, whatever wraps them: what nobody pays for yet is decoded in a few ms."""

# ---- entrances

HEADER: Final = DecodeBudget(MAX_HEADER_BYTES, MIB)
"""The type itself bounds the number of its items."""
EXTRINSIC: Final = DecodeBudget(5 * MIB, 16_384)
"""One extrinsic, without its length. Items are those of lists; calls have a limit of their own."""
JUSTIFICATION: Final = DecodeBudget(4 * MIB, 65_536)
"""Votes, the headers of their ancestries, and the digest items of those."""
VOTE_GOSSIP: Final = DecodeBudget(MIB, 2 * MAX_PRECOMMITS)
"""A message of GRANDPA: a commit has two lists of as many items, a catch-up two of its own."""
BLOCK: Final = DecodeBudget(16 * MIB, 131_072)
"""A header and its extrinsics as byte strings."""
RPC_ARGUMENT: Final = DecodeBudget(5 * MIB, 131_072)
"""An argument of a runtime call: a whole block at most."""
