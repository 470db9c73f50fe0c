"""Limits of external input: sizes of types, and a decode budget for each kind of input.

Substrate bounds none of these types; its own headers and proofs are far below the limits here. A
type checks its limit in both directions, so no value can be made that others refuse.
"""

from __future__ import annotations

from typing import Final

from btt_chain.scale import DecodeBudget

KIB: Final = 1 << 10
MIB: Final = 1 << 20

# ---- types

MAX_LOGS: Final = 64
"""Maximum items in the digest of a header. Those of Substrate's chains have two to six."""
RESERVED_LOGS: Final = 8
"""Items of these that are reserved for required entries: claim, epoch, voters, seal."""
MAX_CLAIM_BYTES: Final = 4 * KIB
"""Maximum bytes of an author's digest items before the block is executed."""
MAX_LOG_BYTES: Final = 48 * KIB
"""Maximum bytes of one digest item: the list of 1,000 authorities has 40,036."""
MAX_DIGEST_BYTES: Final = 96 * KIB
"""Maximum bytes of all digest items: enough for the next authorities and the next voters."""
MAX_HEADER_BYTES: Final = MAX_DIGEST_BYTES + KIB

MAX_PRECOMMITS: Final = 2_048
"""Maximum votes in a commit, a catch-up or a justification: two of each of 1,000 voters."""
MAX_ANCESTRIES: Final = 16_384
"""Maximum headers in a justification, from its target to the votes."""

MAX_TRIE_NODES: Final = 8
"""Maximum trie nodes of a key ownership proof. This chain's have none: keys are in the state."""
MAX_TRIE_NODE_BYTES: Final = 256

MAX_CALLS: Final = 4_096
"""Maximum nested calls in one call: unpaid ones are decoded in a few ms."""

# ---- inputs

HEADER: Final = DecodeBudget(MAX_HEADER_BYTES, MIB)
"""The type itself bounds the number of its items."""
EXTRINSIC: Final = DecodeBudget(5 * MIB, 16_384)
"""One extrinsic, without its length. Items are those of lists; calls have a limit of their own."""
JUSTIFICATION: Final = DecodeBudget(4 * MIB, 65_536)
"""Votes, the headers of their ancestries, and the digest items of those."""
VOTE_GOSSIP: Final = DecodeBudget(MIB, 2 * MAX_PRECOMMITS)
"""A message of GRANDPA: a commit has two lists with that many items, a catch-up two of its own."""
BLOCK: Final = DecodeBudget(16 * MIB, 131_072)
"""A header and its extrinsics as byte strings."""
RPC_ARGUMENT: Final = DecodeBudget(5 * MIB, 131_072)
"""An argument of a runtime call: a whole block at most."""
